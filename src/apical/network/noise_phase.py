"""Phases of a network's life besides trials with a stimulus."""

from collections.abc import Iterable
from dataclasses import dataclass

from apical._base.checking import check_fields
from apical._base.parameters import Count


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
    ParameterError
        If one of them is less than 1.
    """

    every: Count
    trials: Count

    def __post_init__(self) -> None:
        check_fields(self)

    def times(self, start: int, stop: int) -> Iterable[int]:
        """Return the trials of learning before which it comes, from `start` up to below `stop`."""
        return range(-(-start // self.every) * self.every, stop, self.every)
