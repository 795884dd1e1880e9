"""Statistics of each neuron, for the trials of a data set and for bootstrap resamples of them.

Every function takes how often each trial is drawn, shape (n_resamples, n_trials), and returns a
value for each resample and neuron, shape (n_resamples, n), NaN where it is undefined. They are
computed from sums over trials, so that hundreds of resamples cost one matrix product.
"""

from dataclasses import dataclass

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.extras import quietly
from apical._base.parameters import Count, CountOrZero, Duration, Kinds, Matrix
from apical._base.rounding import exceeds, is_nothing, size_of
from apical.measures.matching import Activity
from apical.measures.spike_statistics import LEAST_INTERVALS, Intervals


@dataclass(frozen=True)
class IntervalSums:
    """Sums over the interspike intervals of each neuron in each trial, shape (n_trials, n) each.

    Parameters
    ----------
    number, total, square
        Of intervals: how many, their sum [ms], and the sum of their squares [ms^2].
    pairs, variation
        Of pairs of adjacent intervals a, b: how many, and the sum of 3 (a - b)^2 / (a + b)^2.
    """

    number: Matrix
    total: Matrix
    square: Matrix
    pairs: Matrix
    variation: Matrix

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def interval_sums(gaps: Intervals, trials: CountOrZero, neurons: CountOrZero) -> IntervalSums:
    """Return the sums over interspike intervals from which CV and LV are computed.

    Parameters
    ----------
    gaps
        Intervals in windows of equal length, from `apical.measures.spike_statistics.intervals`.
    trials, neurons
        How many there are.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.by_neuron import interval_sums
    >>> from apical.measures.spike_statistics import intervals
    >>> from apical.records.arrays import Spikes
    >>> spikes = Spikes(np.zeros(3, int), np.array([0.0, 10.0, 30.0]), np.zeros(3, int))
    >>> sums = interval_sums(intervals(spikes), 1, 1)
    >>> float(sums.number[0, 0]), float(sums.total[0, 0]), float(sums.square[0, 0])
    (2.0, 30.0, 500.0)
    """
    for name, numbers, n in (("trials", gaps.trial, trials), ("neurons", gaps.unit, neurons)):
        last = int(numbers.max(initial=-1))
        require(last < n, "interval_sums", name, f"above {last}, the last of the intervals", str(n))
    place = gaps.trial.astype(np.int64) * neurons + gaps.unit
    one, other = gaps.length[:-1], gaps.length[1:]
    same = place[1:] == place[:-1]
    varied = 3 * ((one - other) / (one + other)) ** 2

    def summed(at: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        flat = np.bincount(at, weights, minlength=trials * neurons)
        return flat.reshape(trials, neurons).astype(float)

    return IntervalSums(
        summed(place),
        summed(place, gaps.length),
        summed(place, gaps.length**2),
        summed(place[1:][same]),
        summed(place[1:][same], varied[same]),
    )


def _ratio(above: np.ndarray, below: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=where)


@checked()
def rates(counts: Matrix, duration: Duration, drawn: Matrix) -> np.ndarray:
    """Return firing rates [Hz].

    Parameters
    ----------
    counts
        Spike counts, shape (n_trials, n).
    duration
        Length of the window [ms].
    drawn
        How often each trial is drawn, shape (n_resamples, n_trials).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.by_neuron import rates
    >>> rates(np.array([[1.0], [3.0]]), 100.0, np.array([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [[20.0], [30.0]]
    """
    spikes, times = drawn @ counts, drawn.sum(axis=1)[:, None] * duration * 1e-3
    return _ratio(spikes, times, times > 0)


def mean_intervals(sums: IntervalSums, drawn: Matrix) -> np.ndarray:
    """Return mean interspike intervals [ms], of neurons with `LEAST_INTERVALS` or more."""
    number, total = (drawn @ part for part in (sums.number, sums.total))
    return _ratio(total, number, number >= LEAST_INTERVALS)


def cvs(sums: IntervalSums, drawn: Matrix) -> np.ndarray:
    """Return the CV of interspike intervals, as `apical.measures.spike_statistics.cv`.

    CV = sqrt(mean(x^2) - mean(x)^2) / mean(x); it is too low where windows hold few intervals, by
    as much in windows of equal length (Nawrot et al. 2008, doi:10.1016/j.jneumeth.2007.10.013).
    """
    number, total, square = (drawn @ part for part in (sums.number, sums.total, sums.square))
    enough = (number >= LEAST_INTERVALS) & (total > 0)
    spread = square * number - total**2
    spread[is_nothing(spread, square * number)] = 0
    return _ratio(np.sqrt(np.maximum(spread, 0)), total, enough)


def lvs(sums: IntervalSums, drawn: Matrix) -> np.ndarray:
    """Return the local variation of adjacent intervals, as `apical.measures.spike_statistics.lv`.

    LV = mean of 3 (a - b)^2 / (a + b)^2 over adjacent intervals (Shinomoto et al. 2003,
    doi:10.1162/089976603322518759).
    """
    pairs, total = drawn @ sums.pairs, drawn @ sums.variation
    return _ratio(total, pairs, pairs >= LEAST_INTERVALS)


def _by_class(labels: np.ndarray, drawn: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the trials of each class, and how often each is drawn."""
    where = [np.flatnonzero(labels == kind) for kind in np.unique(labels)]
    return [(trials, drawn[:, trials]) for trials in where]


@checked()
def fanos(counts: Matrix, labels: Kinds, drawn: Matrix) -> np.ndarray:
    """Return Fano factors within classes, as `apical.measures.spike_statistics.fano`.

    Variance over mean of the spike counts of each class with 2 trials or more and a spike, averaged
    over these classes. The variance is the unbiased estimate; 1 for Poisson counts.

    Parameters
    ----------
    counts
        Spike counts in windows of equal length, shape (n_trials, n).
    labels
        Class of each trial, shape (n_trials,).
    drawn
        How often each trial is drawn, shape (n_resamples, n_trials).
    """
    shape = (len(drawn), counts.shape[1])
    total, number, size = np.zeros(shape), np.zeros(shape), size_of(counts)
    for trials, weights in _by_class(labels, drawn):
        n = weights.sum(axis=1)[:, None]
        if len(trials) < 2:
            continue
        first, second = weights @ counts[trials], weights @ counts[trials] ** 2
        spoke = exceeds(first, 0, size) & (n > 1)
        square = np.maximum(second - first**2 / np.maximum(n, 1), 0)
        variance = square / np.maximum(n - 1, 1)
        total += np.divide(variance * n, first, out=np.zeros(shape), where=spoke)
        number += spoke
    return _ratio(total, number, number > 0)


@checked()
def mean_responses(responses: Matrix, labels: Kinds, drawn: Matrix) -> np.ndarray:
    """Return mean responses to classes, shape (n_resamples, n_classes, n); classes are sorted."""
    parts = _by_class(labels, drawn)
    kind = np.result_type(responses, drawn, np.float32)
    means = np.empty((len(drawn), len(parts), responses.shape[1]), kind)
    for k, (trials, w) in enumerate(parts):
        np.divide(w @ responses[trials], w.sum(axis=1)[:, None], out=means[:, k])
    if not _are_counts(responses):  # of counts, nothing cancels
        means[is_nothing(means, size_of(responses))] = 0
    return means


def _are_counts(responses: np.ndarray) -> bool:
    return bool(np.all(responses >= 0) and np.all(responses == np.rint(responses)))


@checked()
def selectivities(means: np.ndarray) -> np.ndarray:
    """Return class selectivities, as `apical.measures.tuning.tuning`.

    (largest class mean - mean of the others) / their sum, of responses from 0 on (Morcos et al.
    2018, arXiv:1803.06959). Few trials bias it upwards, by as much for as many trials and spikes.

    Parameters
    ----------
    means
        Mean responses to classes, shape (n_resamples, n_classes, n).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.by_neuron import selectivities
    >>> selectivities(np.array([[[3.0, 1.0], [1.0, 1.0]]])).tolist()
    [[0.5, 0.0]]
    """
    if means.shape[1] < 2:
        return np.full(means.max(axis=1, initial=0.0).shape, np.nan)
    best = means.max(axis=1)
    others = (means.sum(axis=1) - best) / (means.shape[1] - 1)
    return _ratio(best - others, best + others, _responds(means))


def _responds(means: np.ndarray) -> np.ndarray:
    """Say which neurons respond to a class and to none below 0, within rounding."""
    size = size_of(means)
    below = exceeds(0, means.min(axis=1), size)
    return np.asarray(exceeds(means.max(axis=1), 0, size) & ~below)


@checked()
def sparsenesses(means: np.ndarray) -> np.ndarray:
    """Return lifetime sparseness over classes, as `lifetime_sparseness` of `spike_statistics`.

    (1 - mean(r)^2 / mean(r^2)) / (1 - 1 / n) of the mean responses r to n classes (Treves & Rolls
    1991, doi:10.1088/0954-898X_2_4_004; Vinje & Gallant 2000, doi:10.1126/science.287.5456.1273).
    Parameters as in `selectivities`.
    """
    n, square = means.shape[1], np.sum(means**2, axis=1)
    if n < 2:
        return np.full(square.shape, np.nan)
    even = _ratio(means.mean(axis=1) ** 2, square / n, _responds(means))
    return np.asarray((1 - even) / (1 - 1 / n))


LEAST_SPIKES = 20
"""Smallest number of spikes from which the latency of a response is estimated."""
CHANCE = 0.01
"""Probability at which a constant rate would give as high a peak, above which there is none."""


@checked()
def latencies(binned: np.ndarray, width: Duration, drawn: Matrix) -> np.ndarray:
    """Return response latencies: the time at which the PSTH is half-way up to its peak [ms].

    The peristimulus time histogram over all trials rises from its lowest bin before the peak; the
    latency is where it first crosses the middle between that and the peak, interpolated between the
    middles of bins. Undefined for fewer than `LEAST_SPIKES` spikes, where the peak is in the first
    bin, and where a constant rate would have one as high with a probability above `CHANCE`
    (Poisson, corrected for the number of bins). Measures of latency are compared by Levakova et al.
    2015, doi:10.1016/j.brainres.2015.02.037.

    Parameters
    ----------
    binned
        Spike counts, shape (n_trials, n, n_bins).
    width
        Width of a bin [ms].
    drawn
        How often each trial is drawn, shape (n_resamples, n_trials).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.by_neuron import latencies
    >>> binned = np.tile(np.array([[[0.0, 0.0, 1.0, 0.0]]]), (30, 1, 1))
    >>> latencies(binned, 10.0, np.ones((1, 30))).tolist()
    [[20.0]]
    """
    poisson = quietly("scipy.stats").poisson

    trials, n, bins = binned.shape
    if bins < 3 or not trials:
        return np.full((len(drawn), n), np.nan)
    flat = drawn.astype(np.float32) @ binned.reshape(trials, n * bins).astype(np.float32)
    psth = flat.reshape(len(drawn), n, bins).astype(float)
    peak, top = psth.argmax(axis=2), psth.max(axis=2)
    total = psth.sum(axis=2)
    by_chance = poisson.sf(top - 1, total / bins) * bins
    real = (peak > 0) & (total >= LEAST_SPIKES) & (by_chance <= CHANCE)
    before = np.arange(bins) < peak[..., None]
    low = np.where(before, psth, np.inf).min(axis=2, initial=np.inf)
    half = (low + top) / 2
    lowest = np.where(before & (psth == low[..., None]), np.arange(bins), -1).max(axis=2)
    above = (psth >= half[..., None]) & (np.arange(bins) > lowest[..., None])
    first = np.maximum(above.argmax(axis=2), 1)
    after, earlier = (
        np.take_along_axis(psth, k[..., None], axis=2)[..., 0] for k in (first, first - 1)
    )
    into = _ratio(half - earlier, after - earlier, real & (after > earlier))
    return np.where(real, (first - 0.5 + into) * width, np.nan)


@checked()
def binned_counts(activity: Activity, bins: Count) -> np.ndarray:
    """Return spike counts in bins of the window, shape (n_trials, n, bins), as 16-bit integers."""
    shape = (len(activity), activity.neurons, bins)
    found = np.zeros(shape, np.uint16)
    if activity.spikes is not None:
        time = np.asarray(activity.spikes.time, float)
        at = time * (bins / activity.duration)
        edge = np.rint(at)  # a spike at an edge, within rounding, is behind it
        at = np.minimum(np.where(is_nothing(at - edge, bins), edge, at), bins - 1).astype(np.int64)
        place = np.ravel_multi_index((activity.spikes.trial, activity.spikes.unit, at), shape)
        found = np.bincount(place, minlength=found.size).astype(np.uint16).reshape(shape)
    return found
