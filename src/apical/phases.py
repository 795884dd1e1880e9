"""Phases of a network's life besides trials with a stimulus."""

from collections.abc import Iterable
from dataclasses import dataclass

from apical.errors import WiringError


@dataclass(frozen=True)
class NoisePhase:
    """Trials without a stimulus, in which populations fire noise of their own, one after the other.

    Those that fire are those whose synapses learn from it, by rules that act at ``"noise"``. The
    first phase comes before anything is learned.

    Parameters
    ----------
    every
        Trials of learning between two phases, rounded down to whole batches.
    trials
        Trials of noise of each population in one phase.

    Raises
    ------
    WiringError
        If one of them is less than 1.
    """

    every: int
    trials: int

    def __post_init__(self) -> None:
        if self.every < 1 or self.trials < 1:
            raise WiringError(
                "A noise phase needs every, 1 trial of learning or more between two, and trials, "
                f"1 or more of noise, got {self.every!r} and {self.trials!r}."
            )

    def times(self, start: int, stop: int) -> Iterable[int]:
        """Return the trials of learning before which it comes, from `start` up to below `stop`."""
        return range(-(-start // self.every) * self.every, stop, self.every)
