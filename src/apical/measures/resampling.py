"""Bootstrap over neurons and trials, permutation tests, and correction for multiple tests."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.extras import quietly
from apical._base.parameters import Array, Kinds, Matrix, Measured, Vector
from apical._base.rounding import exceeds, size_of
from apical.measures.shared_noise import Shift

RESAMPLES = 200
"""Number of bootstrap resamples of an interval."""
PERMUTATIONS = 9_999
"""Number of permutations of neurons, or of classes, of a test."""
CONFIDENCE = 0.95
FIRST = 999
"""Number of permutations after which a test ends if its p value is above `CLEAR`."""
CLEAR = 0.1
AT_ONCE = 1 << 23
"""Largest number of entries of an array of permutations, which bounds memory."""

_NEARLY_ONE = 1 - 1e-12
Generator = np.random.Generator
Draws = Annotated[np.ndarray, Array((2,), kinds="iu")]
"""Whole numbers, shape (n_draws, n)."""


@dataclass(frozen=True)
class Resamples:
    """Bootstrap resamples of the trials and neurons of a data set; the first is the data itself.

    Parameters
    ----------
    trials
        How often each trial is drawn, shape (n_resamples + 1, n_trials). Trials are drawn within
        their class, so that each resample has all.
    neurons
        Indices of the neurons drawn, shape (n_resamples + 1, n).
    """

    trials: Matrix
    neurons: Draws

    def __post_init__(self) -> None:
        check_fields(self)

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def weights(self) -> np.ndarray:
        """How often each neuron is drawn, shape (n_resamples + 1, n)."""
        n, rows = self.neurons.shape[1], len(self.neurons)
        flat = self.neurons + n * np.arange(rows)[:, None]
        return np.bincount(flat.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


def resampled(labels: Kinds, neurons: int, draw: Generator, n: int = RESAMPLES) -> Resamples:
    """Return bootstrap resamples of trials, within each class, and of neurons.

    Parameters
    ----------
    labels
        Class of each trial, shape (n_trials,).
    neurons
        Number of neurons.
    draw
        Random number generator.
    n
        Number of resamples.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import resampled
    >>> found = resampled(np.array([0, 0, 1, 1]), 3, np.random.default_rng(0), 5)
    >>> found.trials.shape, found.trials[:, :2].sum(axis=1).tolist()
    ((6, 4), [2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    """
    trials = np.ones((n + 1, len(labels)))
    for kind in np.unique(labels):
        where = np.flatnonzero(labels == kind)
        share = np.full(len(where), 1 / len(where))
        trials[1:, where] = draw.multinomial(len(where), share, size=n)
    chosen = np.tile(np.arange(neurons), (n + 1, 1))
    chosen[1:] = draw.integers(0, max(neurons, 1), (n, neurons))
    return Resamples(trials, chosen)


@checked()
def interval_of(found: Vector, *, correlation: bool = False) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of an estimate, from its values in `Resamples`.

    The quantiles of the resamples, moved by what their mean differs from the estimate: repeated
    trials and neurons bias measures of variability, selectivity and dimensionality (Efron &
    Tibshirani 1993, doi:10.1201/9780429246593, chapter 10). Neurons and trials that are drawn
    together count measurement noise more than once, so that intervals are rather too wide than too
    narrow (Owen 2007, doi:10.1214/07-AOAS122). NaN where fewer than half of the resamples have one.

    Parameters
    ----------
    found
        The estimate, then that of each resample, shape (n_resamples + 1,).
    correlation
        Whether it is one from -1 to 1, which is moved on Fisher's scale, arctanh(r), so that its
        interval ends there.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import interval_of
    >>> low, high = interval_of(np.concatenate([[2.0], np.linspace(1, 5, 101)]))
    >>> round(low, 2), round(high, 2)
    (0.1, 3.9)
    """
    if correlation:
        low, high = interval_of(np.arctanh(np.clip(found, -_NEARLY_ONE, _NEARLY_ONE)))
        return math.tanh(low), math.tanh(high)
    others = found[1:][np.isfinite(found[1:])]
    if not np.isfinite(found[:1]).all() or len(others) < max(2, len(found) // 2):
        return math.nan, math.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(others, (tail, 1 - tail)) - others.mean() + found[0]
    return float(low), float(high)


def orders(n: int, at_most: int, draw: Generator) -> np.ndarray:
    """Return permutations of n things in random order: all but the identity, or random ones.

    Parameters
    ----------
    n
        Number of things, for instance classes.
    at_most
        Largest number of permutations. If there are more, this many are drawn.
    draw
        Random number generator.

    Returns
    -------
    numpy.ndarray
        Shape (n_orders, n).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import orders
    >>> len(orders(3, 1000, np.random.default_rng(0)))  # so that p is 1/6 or more
    5
    """
    if n < 9 and math.factorial(n) <= at_most + 1:
        every = np.array(list(permutations(range(n))), dtype=int).reshape(math.factorial(n), n)[1:]
        return draw.permutation(every)  # a test may end after the first of them
    return np.argsort(draw.random((at_most, n)), axis=1)


@checked()
def p_value(value: Measured, by_chance: Vector, size: float = 1.0) -> float:
    """Return the one-sided p value of a permutation test: how often chance reaches the value.

    (1 + number of permutations at or above the value) / (1 + number of permutations), which is
    valid for any number of permutations (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585). Values
    equal within rounding are ties. NaN where the value is not defined.

    Parameters
    ----------
    value
        The observed value.
    by_chance
        That of each permutation, shape (n_permutations,).
    size
        Magnitude of the numbers that they were computed from.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import p_value
    >>> p_value(0.9, np.linspace(0, 1, 19))
    0.15
    """
    if not np.isfinite(value) or not len(by_chance):
        return math.nan
    return float((1 + np.sum(~exceeds(value, by_chance, size))) / (1 + len(by_chance)))


def staged(value: float, draw_some: Callable[[int], np.ndarray], n: int) -> np.ndarray:
    """Return the permuted values of a test, which ends early where there is nothing to be found.

    After `FIRST` permutations a p value above `CLEAR` stands; below, all n are drawn. This cannot
    lower a p value below `CLEAR` (Besag & Clifford 1991, doi:10.1093/biomet/78.2.301).

    Parameters
    ----------
    value
        The observed value; large values are unlikely by chance.
    draw_some
        Returns the values of a number of permutations.
    n
        Number of permutations.
    """
    first = draw_some(min(n, FIRST))
    if n <= FIRST or p_value(value, first, size_of(first)) > CLEAR:
        return first
    return np.concatenate([first, draw_some(n - FIRST)])


def membership(n: int, total: int, draw: Generator, times: int) -> np.ndarray:
    """Return random choices of n of a number of things, shape (times, total), as 32-bit floats.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import membership
    >>> membership(2, 5, np.random.default_rng(0), 3).sum(axis=1).tolist()
    [2.0, 2.0, 2.0]
    """
    found = np.zeros((times, total), np.float32)
    drawn = draw.random((times, total), dtype=np.float32)
    np.put_along_axis(found, np.argpartition(drawn, n - 1, axis=1)[:, :n], 1, axis=1)
    return found


def _segments(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which of n, and of m, sorted values quantile functions have, and in what share."""
    levels = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)  # times n m
    begins = np.concatenate([[0], levels[:-1]])
    return begins // m, begins // n, (np.diff(levels, prepend=0) / (n * m)).astype(np.float32)


def _distances(
    rising: np.ndarray, mine: np.ndarray, shifts: np.ndarray | None = None
) -> np.ndarray:
    """Return the Wasserstein distance of two parts of sorted values.

    `mine` is true for what is in the first and false for the others, shape (n_parts, n). `shifts`
    are added to the values of the first, shape (n_parts,).
    """
    both = np.broadcast_to(rising.astype(np.float32), mine.shape)
    one, other = (both[of].reshape(len(mine), -1) for of in (mine, ~mine))
    if shifts is not None:
        one += shifts[:, None].astype(np.float32)
    first, second, share = _segments(one.shape[1], other.shape[1])
    apart = one[:, first] - other[:, second]
    return np.asarray(np.abs(apart, out=apart) @ share, dtype=float)


@checked()
def wasserstein(one: Vector, other: Vector) -> float:
    """Return the Wasserstein distance of two samples: the mean shift that makes them alike.

    W = integral of |F(x) - G(x)| dx, with their cumulative distributions, in the unit of the values
    (`scipy.stats.wasserstein_distance`; Ramdas et al. 2017, doi:10.3390/e19020047). NaN if one is
    empty.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import wasserstein
    >>> wasserstein(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    1.0
    """
    if not len(one) or not len(other):
        return math.nan
    return float(quietly("scipy.stats").wasserstein_distance(one, other))


def distribution_test(
    one: np.ndarray,
    other: np.ndarray,
    draw: Generator,
    n: int = PERMUTATIONS,
    shift: Shift | None = None,
) -> tuple[float, float]:
    """Test whether two samples of neurons have the same distribution, by permutation of neurons.

    The statistic is the Wasserstein distance. Unlike the Kolmogorov-Smirnov distance, it takes few
    values twice, so that the test keeps its level for few neurons. Neurons are independent samples
    but for what those of a data set share in its trials: by that, the two parts of a permutation
    are shifted apart at random, as the data may have been.

    Parameters
    ----------
    one, other
        A value for each neuron, shapes (n_one,) and (n_other,).
    draw
        Random number generator.
    n
        Number of permutations; `FIRST` where that is enough (`staged`).
    shift
        How far the two may be apart by that (`apical.measures.shared_noise.shift_of`); not at all
        by default.

    Returns
    -------
    tuple
        The distance, and its p value; NaN if there are fewer than 2 neurons of one.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import distribution_test
    >>> draw = np.random.default_rng(0)
    >>> distance, p = distribution_test(draw.normal(0, 1, 50), draw.normal(1, 1, 50), draw, 999)
    >>> bool(distance > 0.5), p
    (True, 0.001)
    """
    distance = wasserstein(one, other)
    if min(len(one), len(other)) < 2:
        return distance, math.nan
    both = np.concatenate([one, other])
    order, total = np.argsort(both, kind="stable"), len(both)
    rising = both[order]
    scale = float(np.ptp(rising)) or 1.0
    rising = (rising - rising[0]) / scale
    observed = float(_distances(rising, (order < len(one))[None])[0])
    step = max(1, AT_ONCE // total)

    def some(times: int) -> np.ndarray:
        found = [np.zeros(0)]
        for first in range(0, times, step):
            mine = membership(len(one), total, draw, min(step, times - first)) > 0
            shifts = None if shift is None else shift.drawn(len(mine), draw) / scale
            found.append(_distances(rising, mine, shifts))
        return np.concatenate(found)

    # the sums of 32-bit floats are exact to 1e-6 of the range
    return distance, p_value(observed, staged(observed, some, n), 1e4)


@checked()
def holm(p: Vector) -> np.ndarray:
    """Correct p values by Holm's step-down method, which bounds the family-wise error rate.

    Sorted p values are multiplied by m, m - 1, ..., 1 and made monotonic (Holm 1979, Scandinavian
    Journal of Statistics 6, 65-70). NaN is kept and not counted.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import holm
    >>> holm(np.array([0.01, 0.04, np.nan, 0.02])).tolist()
    [0.03, 0.04, nan, 0.04]
    """
    return _stepwise(
        p, lambda rising: np.maximum.accumulate(rising * np.arange(len(rising), 0, -1))
    )


@checked()
def benjamini_hochberg(p: Vector) -> np.ndarray:
    """Correct p values by the Benjamini-Hochberg method, which bounds the false discovery rate.

    Sorted p values are multiplied by m / rank and made monotonic from the largest (Benjamini &
    Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x). NaN is kept and not counted.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import benjamini_hochberg
    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan, 0.02])).round(3).tolist()
    [0.03, 0.04, nan, 0.03]
    """

    def corrected(rising: np.ndarray) -> np.ndarray:
        scaled = rising * len(rising) / np.arange(1, len(rising) + 1)
        return np.asarray(np.minimum.accumulate(scaled[::-1])[::-1])

    return _stepwise(p, corrected)


def _stepwise(p: np.ndarray, correct: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    found, known = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    found[order] = np.minimum(correct(p[order].astype(float)), 1)
    return found


def divided(labels: Kinds, draw: Generator) -> np.ndarray:
    """Return a random division of the trials of each class into halves, shape (n_trials,).

    True for the first half, which has one more of an odd number.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import divided
    >>> half = divided(np.array(["a", "a", "b", "b", "b"]), np.random.default_rng(0))
    >>> int(half[:2].sum()), int(half[2:].sum())
    (1, 2)
    """
    found = np.zeros(len(labels), bool)
    for kind in np.unique(labels):
        where = draw.permutation(np.flatnonzero(labels == kind))
        found[where[: (len(where) + 1) // 2]] = True
    return found
