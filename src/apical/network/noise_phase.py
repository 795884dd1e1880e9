"""Noise phases: trials of spontaneous activity without a stimulus, between training trials."""

from collections.abc import Iterable
from dataclasses import dataclass

from apical._base.checking import check_fields
from apical._base.parameters import Count


@dataclass(frozen=True)
class NoisePhase:
    """Noise phase: trials of spontaneous noise without a stimulus, one population after the other.

    Populations fire whose synapses learn from the noise, by rules that act at ``"noise"`` (weight
    mirrors). The first phase comes before the first training trial.

    Parameters
    ----------
    every
        Training trials between two phases, rounded down to whole batches.
    trials
        Noise trials of each population in one phase.

    Raises
    ------
    ParameterError
        If one of them is less than 1.

    See Also
    --------
    apical.hypotheses.weight_mirror : Feedback that learns from the noise.

    Examples
    --------
    >>> from apical.network.noise_phase import NoisePhase
    >>> list(NoisePhase(every=100, trials=20).times(0, 350))  # trials before which it comes
    [0, 100, 200, 300]
    """

    every: Count
    trials: Count

    def __post_init__(self) -> None:
        check_fields(self)

    def times(self, start: int, stop: int) -> Iterable[int]:
        """Return the training trials before which it comes, in ``range(start, stop)``."""
        return range(-(-start // self.every) * self.every, stop, self.every)
