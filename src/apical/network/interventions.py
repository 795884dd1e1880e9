"""Experimental interventions on feedback during learning: redrawing weights, lesions."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from apical._base import seeds
from apical._base.checking import check_fields
from apical._base.parameters import Count, CountOrZero, Share
from apical.network.initialization import begun
from apical.neurons.base import Population
from apical.projections.projection import Projection


@dataclass(frozen=True)
class Intervention(ABC):
    """An intervention on feedback synapses between two training trials.

    It is a function of the seed, the trial and the weights alone, and idempotent: training that was
    interrupted resumes with the same bits.
    """

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    @abstractmethod
    def reason(self) -> str:
        """Description of its effect, for the scorecard."""

    @abstractmethod
    def times(self, start: int, stop: int) -> Iterable[int]:
        """Return the trials before which it acts, in ``range(start, stop)``."""

    @abstractmethod
    def concerns(self, projection: Projection, output: Population) -> bool:
        """Whether it acts on a feedback projection of a network with that output."""

    @abstractmethod
    def acted(
        self, projection: Projection, weights: np.ndarray, seed: int, trial: int
    ) -> np.ndarray:
        """Return the weights after it, shape (n_pre, n_post), when `trial` trials were learned."""


@dataclass(frozen=True)
class Redraw(Intervention):
    """Random feedback onto hidden populations is redrawn at regular intervals.

    Parameters
    ----------
    every
        Trials between two draws.

    See Also
    --------
    apical.hypotheses.redrawn_feedback : Let a network undergo it.

    Examples
    --------
    >>> from apical.network.interventions import Redraw
    >>> list(Redraw(every=100).times(50, 350))  # training trials before which it acts
    [100, 200, 300]
    """

    every: Count

    @property
    def reason(self) -> str:
        return f"redrawn every {self.every} trials, by no mechanism within the network"

    def times(self, start: int, stop: int) -> Iterable[int]:
        return range(-(-start // self.every) * self.every, stop, self.every)

    def concerns(self, projection: Projection, output: Population) -> bool:
        return projection.post is not output

    def acted(
        self, projection: Projection, weights: np.ndarray, seed: int, trial: int
    ) -> np.ndarray:
        # the first of the series is how the network began
        rng = seeds.stream(seed, "weights", projection.name, trial // self.every)
        return begun(projection, seed, projection.weights.draw(*projection.shape, rng))


@dataclass(frozen=True)
class Loss(Intervention):
    """Lesion: a fraction of the error neurons falls silent.

    Parameters
    ----------
    error
        Name of their population.
    share
        Share of its neurons, drawn at random [dimensionless].
    after
        Training trials before the lesion.

    See Also
    --------
    apical.hypotheses.lost_error_neurons : Let a network undergo it.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.network.interventions import Loss
    >>> error, h = ap.RateError("error", 4), ap.Rate("hidden", 2)
    >>> back = ap.Projection(error, h, carries={"teach": "x"})
    >>> lesion = Loss("error", share=0.5, after=10)
    >>> before, after = (lesion.acted(back, np.ones((4, 2)), 0, trial) for trial in (9, 10))
    >>> float(before.sum()), float(after.sum())
    (8.0, 4.0)
    """

    error: str
    share: Share
    after: CountOrZero = 0

    @property
    def reason(self) -> str:
        return f"{self.share:.0%} of {self.error!r} fall silent for good after {self.after} trials"

    def times(self, start: int, stop: int) -> Iterable[int]:
        return [self.after] if start <= self.after < stop else []

    def concerns(self, projection: Projection, output: Population) -> bool:
        return projection.pre.name == self.error

    def acted(
        self, projection: Projection, weights: np.ndarray, seed: int, trial: int
    ) -> np.ndarray:
        if trial < self.after:
            return weights
        n = len(weights)
        order = seeds.stream(seed, "lost", self.error).permutation(n)
        return np.where((order < round(self.share * n))[:, np.newaxis], 0, weights)
