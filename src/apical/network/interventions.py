"""Experimental interventions during learning: redrawing feedback, lesions, stimulation."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from apical._base import seeds
from apical._base.checking import check_fields
from apical._base.parameters import Count, CountOrZero, Share
from apical.network.initialization import edges, initial_weights, redrawn
from apical.neurons.base import Population
from apical.projections.projection import Projection


@dataclass(frozen=True)
class Intervention(ABC):
    """An intervention on synapses between two training trials: on feedback, unless it says so.

    It is a function of the seed, the trial and the weights alone, and idempotent: training that was
    interrupted resumes with the same bits.
    """

    on_feedback: ClassVar[bool] = True
    """Whether it acts on the projections of the feedback pathway only, or on any."""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    @abstractmethod
    def reason(self) -> str:
        """Description of its effect, for the scorecard."""

    @property
    def of_projection(self) -> str:
        """Name of the one projection that it acts on; empty for all that it concerns."""
        return ""

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
        return redrawn(projection, seed, rng)


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


@dataclass(frozen=True)
class Drive(Intervention):
    """Stimulation: a fraction of a population is driven from outside, for good or for some time.

    It acts on the synapses of an electrode, a `Bias` population of its own, which are 0 otherwise.

    Parameters
    ----------
    projection
        Name of the projection from the electrode, shape (1, n_post).
    share
        Share of the neurons, drawn at random [dimensionless].
    strength
        What is added to the drive of each [dimensionless]; below 0 it inhibits.
    after, until
        Training trials before it begins, and before it ends; None for never.

    See Also
    --------
    apical.network.lesions.stimulated : Let a network undergo it.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.network.interventions import Drive
    >>> electrode = ap.Projection(ap.Bias("electrode"), ap.Rate("hidden", 4), weights=ap.Zero())
    >>> drive = Drive(electrode.name, share=0.5, strength=2.0, after=10, until=20)
    >>> [float(drive.acted(electrode, np.zeros((1, 4)), 0, k).sum()) for k in (9, 10, 19, 20)]
    [0.0, 4.0, 4.0, 0.0]
    >>> list(drive.times(0, 100))
    [10, 20]
    """

    on_feedback: ClassVar[bool] = False

    projection: str
    share: Share
    strength: float
    after: CountOrZero = 0
    until: CountOrZero | None = None

    @property
    def reason(self) -> str:
        return f"{self.share:.0%} driven by {self.strength:g} {_span(self.after, self.until)}"

    def times(self, start: int, stop: int) -> Iterable[int]:
        return _within((self.after, self.until), start, stop)

    def concerns(self, projection: Projection, output: Population) -> bool:
        return projection.name == self.projection

    def acted(
        self, projection: Projection, weights: np.ndarray, seed: int, trial: int
    ) -> np.ndarray:
        if not _is_on(trial, self.after, self.until):
            return np.zeros_like(weights)
        chosen = _chosen(seed, self.projection, self.share, weights.shape[1])
        return np.where(chosen, self.strength, np.zeros_like(weights))


@dataclass(frozen=True)
class Cut(Intervention):
    """Lesion of a projection: a fraction of its synapses is cut, for good or for some time.

    Parameters
    ----------
    projection
        Name of a projection without a rule; plastic synapses would learn again what was cut.
    share
        Share of its synapses, drawn at random [dimensionless].
    after, until
        Training trials before the lesion, and before the synapses are as they were in the
        beginning; None for never.

    See Also
    --------
    apical.network.lesions.cut : Let a network undergo it.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.network.interventions import Cut
    >>> error, h = ap.RateError("error", 4), ap.Rate("hidden", 2)
    >>> ones = ap.Given(np.ones((4, 2)))
    >>> back = ap.Projection(error, h, weights=ones, carries={"teach": "x"})
    >>> lesion = Cut(back.name, share=0.25, after=10, until=20)
    >>> [float(lesion.acted(back, np.ones((4, 2)), 0, k).sum()) for k in (9, 10, 20)]
    [8.0, 6.0, 8.0]
    """

    on_feedback: ClassVar[bool] = False

    projection: str
    share: Share
    after: CountOrZero = 0
    until: CountOrZero | None = None

    @property
    def reason(self) -> str:
        return f"{self.share:.0%} of its synapses cut {_span(self.after, self.until)}"

    @property
    def of_projection(self) -> str:
        return self.projection

    def times(self, start: int, stop: int) -> Iterable[int]:
        return _within((self.after, self.until), start, stop)

    def concerns(self, projection: Projection, output: Population) -> bool:
        return projection.name == self.projection

    def acted(
        self, projection: Projection, weights: np.ndarray, seed: int, trial: int
    ) -> np.ndarray:
        if trial < self.after:
            return weights
        if not _is_on(trial, self.after, self.until):
            return initial_weights(projection, seed).astype(weights.dtype)
        joined = edges(projection, seed)
        if joined is None:
            chosen = _chosen(seed, self.projection, self.share, weights.size)
            return np.where(chosen.reshape(weights.shape), 0, weights)
        chosen = _chosen(seed, self.projection, self.share, len(joined))
        return np.where(joined.dense(chosen.astype(float)) > 0, 0, weights)


def _is_on(trial: int, after: int, until: int | None) -> bool:
    return after <= trial and (until is None or trial < until)


def _within(times: Sequence[int | None], start: int, stop: int) -> list[int]:
    return [time for time in times if time is not None and start <= time < stop]


def _chosen(seed: int, name: str, share: float, n: int) -> np.ndarray:
    """Return which of n are affected, drawn from a stream of its own."""
    order = seeds.stream(seed, "lesion", name).permutation(n)
    return np.asarray(order < round(share * n))


def _span(after: int, until: int | None) -> str:
    return f"after {after} trials, for good" if until is None else f"in trials {after} to {until}"
