"""Spike train statistics: rates, irregularity (CV), Fano factor, correlation, sparseness.

Interspike intervals never extend from one trial into the next. Undefined values, for instance the
variability of a silent neuron, are NaN in `Statistic.values`, are counted and have a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from apical._base.checking import check_fields, checked, require, shown
from apical._base.parameters import (
    CountOrZero,
    Duration,
    Kinds,
    Labels,
    Matrix,
    NonNegative,
    Vector,
)
from apical._base.rounding import exceeds, is_flat, is_nothing, size_of
from apical.errors import DataError
from apical.measures.statistic import Statistic, single
from apical.neurons.error import Error
from apical.neurons.relay import Relay
from apical.records.arrays import Records, Spikes

LEAST_INTERVALS = 10
"""Smallest number of interspike intervals (or pairs of them) from which irregularity is estimated;
from fewer it is biased downwards."""
LARGEST = 2000
"""Largest number of neurons whose pairs are correlated; larger populations are subsampled, always
in the same way."""
_VINJE = "Vinje & Gallant 2000, doi:10.1126/science.287.5456.1273"
_TREVES = f"Treves & Rolls 1991, doi:10.1088/0954-898X_2_4_004, scaled as in {_VINJE}"


def _one_each(function: str, name: str, values: Any, n: int, each: str) -> None:
    """Raise unless an array has one value for each trial or neuron; a scalar holds for all."""
    shape = np.shape(values)
    require(
        shape in ((), (n,)),
        f"spike_statistics.{function}",
        name,
        f"of shape ({n},), one for each {each}",
        f"shape {shape}",
    )


def _check_neurons(gaps: "Intervals", n: int) -> None:
    last = int(gaps.unit[-1]) if len(gaps.unit) else -1
    require(last < n, "Intervals", "n", f"above {last}, the last neuron of the intervals", str(n))


@checked()
def spike_statistics(records: Records, population: str) -> dict[str, Statistic]:
    """Return all spike train statistics of a population, by name.

    Parameters
    ----------
    records
        Recorded activity, n_trials trials.
    population
        Name of a population whose spikes were recorded, n neurons.

    Returns
    -------
    dict
        ``rate`` [Hz], ``cv``, ``cv2``, ``lv``, ``fano``, ``fano_within_class`` and
        ``lifetime_sparseness`` [dimensionless], one for each neuron; ``population_sparseness``,
        one for each trial; ``correlation`` and ``noise_correlation``, one for each pair;
        ``excitation_inhibition``, one number, where each neuron either excites or inhibits, and
        there are both.

    Raises
    ------
    DataError
        If its spikes were not recorded, or Elephant is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import spike_statistics
    >>> from apical.testing.references import records
    >>> found = spike_statistics(records(), "hidden")
    >>> sorted(found)  # doctest: +NORMALIZE_WHITESPACE
    ['correlation', 'cv', 'cv2', 'fano', 'fano_within_class', 'lifetime_sparseness', 'lv',
    'noise_correlation', 'population_sparseness', 'rate']
    >>> found["rate"].values, found["rate"].unit
    (array([10., 10., 10.]), 'Hz')
    >>> found["cv"].undefined, found["cv"].why
    (3, 'fewer than 10 intervals between spikes of one trial')
    """
    counts, spikes = records.counts(population), records.spikes[population]
    units, labels = records.units[population], records.labels
    gaps = intervals(spikes)
    found = {
        "rate": rate(counts, records.duration),
        "cv": cv(gaps, len(units)),
        "cv2": cv2(gaps, len(units)),
        "lv": lv(gaps, len(units)),
        "fano": fano(counts),
        "fano_within_class": fano(counts, labels),
        "correlation": correlation(counts),
        "noise_correlation": correlation(counts, labels),
        "lifetime_sparseness": lifetime_sparseness(counts, records.samples),
        "population_sparseness": population_sparseness(counts),
    }
    # error neurons have another kind of sign
    signed = units.kind not in (Error.__name__, Relay.__name__) and np.all(units.signs)
    if signed and len(np.unique(units.signs)) > 1:
        found["excitation_inhibition"] = excitation_inhibition(counts, units.signs)
    return found


@checked()
def rate(counts: Matrix, duration: Duration | Vector, observed: Matrix | None = None) -> Statistic:
    r"""Return the mean firing rate of each neuron [Hz].

    .. math:: \nu_j = \sum_{\text{trials}} n_j \Big/ \sum_{\text{trials}} T

    Parameters
    ----------
    counts
        Spikes of each neuron in each trial, shape (n_trials, n).
    duration
        Length of the trials, or of each trial, shape (n_trials,) [ms].
    observed
        Whether each neuron was observed in each trial, shape (n_trials, n); by default it was.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import rate
    >>> counts = np.array([[4, 0], [6, 1]])
    >>> rate(counts, 500.0).values
    array([10.,  1.])

    Trials of different length count as long as they are: 10 spikes in 1.5 s.

    >>> rate(counts, np.array([500.0, 1000.0])).values.round(4)
    array([6.6667, 0.6667])
    """
    _one_each("rate", "duration", duration, len(counts), "trial")
    require(
        bool(np.all(np.asarray(duration) > 0)),
        "spike_statistics.rate",
        "duration",
        "above 0 ms",
        shown(duration),
    )
    seconds = float(np.sum(np.broadcast_to(duration, len(counts)))) * 1e-3
    values = counts.sum(axis=0) / seconds if seconds else np.full(counts.shape[1], np.nan)
    if observed is not None:
        each = np.broadcast_to(duration, len(counts))[:, None] * observed
        total = each.sum(axis=0) * 1e-3
        values = np.full(counts.shape[1], np.nan)
        np.divide((counts * observed).sum(axis=0), total, out=values, where=total > 0)
    return Statistic(values, "Hz", "neuron", "spikes by time, all trials", "there is no trial")


@dataclass(frozen=True)
class Intervals:
    """Interspike intervals (ISIs), sorted by neuron, then trial, then time.

    Parameters
    ----------
    unit, trial
        Neuron and trial of each interval, shape (n_intervals,).
    length
        Time from one spike to the next of the same neuron in the same trial [ms], shape
        (n_intervals,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import Intervals, cv
    >>> regular = Intervals(np.zeros(12, int), np.zeros(12, int), np.full(12, 20.0))
    >>> cv(regular, 1).values
    array([0.])
    """

    unit: Labels
    trial: Labels
    length: Vector

    def __post_init__(self) -> None:
        check_fields(self)
        sizes = {len(self.unit), len(self.trial), len(self.length)}
        require(len(sizes) == 1, "Intervals", "length", "as long as unit and trial", str(sizes))
        ordered = len(self.unit) == 0 or (self.unit[0] >= 0 and np.all(np.diff(self.unit) >= 0))
        require(bool(ordered), "Intervals", "unit", "0 or more, in rising order", shown(self.unit))


@checked()
def intervals(spikes: Spikes) -> Intervals:
    """Return the interspike intervals of each neuron within each trial.

    Spikes of one neuron at the same time, within rounding, count as one: neurons cannot spike twice
    at once, but spike sorting and discrete time steps may produce duplicates.

    Parameters
    ----------
    spikes
        Spike trains of one population.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import intervals
    >>> from apical.records import Spikes
    >>> trial = np.array([0, 0, 0, 1, 1])
    >>> spikes = Spikes(trial, np.array([10.0, 15.0, 30.0, 5.0, 8.0]), np.zeros(5, int))

    The time from the last spike of a trial to the first of the next is no interval:

    >>> intervals(spikes).length
    array([ 5., 15.,  3.])
    """
    order = np.lexsort((spikes.time, spikes.trial, spikes.unit))
    unit, trial = spikes.unit[order], spikes.trial[order]
    same = (unit[1:] == unit[:-1]) & (trial[1:] == trial[:-1])
    gaps = np.diff(spikes.time[order].astype(float))
    same &= ~is_nothing(gaps, size_of(spikes.time))
    return Intervals(unit[1:][same], trial[1:][same], gaps[same])


@checked()
def cv(gaps: Intervals, n: CountOrZero) -> Statistic:
    r"""Return the CV, the coefficient of variation of each neuron's interspike intervals.

    1 for a Poisson process, 0 for a regular train (as `elephant.statistics.cv`). Longer ones than
    a trial are never observed: unless trials are many times longer than intervals, it is biased
    downwards (Nawrot et al. 2008, doi:10.1016/j.jneumeth.2007.10.013). Neurons with fewer than
    `LEAST_INTERVALS` intervals have none.

    .. math:: \mathrm{CV} = \frac{1}{\bar T} \sqrt{\frac{1}{n} \sum_i (T_i - \bar T)^2}

    Parameters
    ----------
    gaps
        From `intervals`.
    n
        Number of neurons.

    See Also
    --------
    cv2, lv : Of adjacent intervals, for rates that change slowly.

    Examples
    --------
    Intervals of 10 and 30 ms have the mean 20 and the standard deviation 10 (elephant's, without
    Bessel's correction):

    >>> import numpy as np
    >>> from apical.measures.spike_statistics import Intervals, cv
    >>> gaps = Intervals(np.zeros(10, int), np.zeros(10, int), np.tile([10.0, 30.0], 5))
    >>> cv(gaps, 1).values
    array([0.5])
    >>> cv(gaps, 2).undefined, cv(gaps, 2).why
    (1, 'fewer than 10 intervals between spikes of one trial')
    """
    _check_neurons(gaps, n)
    values = np.full(n, np.nan)
    edges = np.searchsorted(gaps.unit, np.arange(n + 1))
    for k in np.flatnonzero(np.diff(edges) >= LEAST_INTERVALS):
        of_neuron = gaps.length[edges[k] : edges[k + 1]]
        values[k] = of_neuron.std() / of_neuron.mean()
    why = f"fewer than {LEAST_INTERVALS} intervals between spikes of one trial"
    note = "too low where trials are short: longer intervals are never seen"
    return Statistic(values, "1", "neuron", "standard deviation by mean", why, note)


@checked()
def cv2(gaps: Intervals, n: CountOrZero) -> Statistic:
    r"""Return the CV2 of each neuron, the irregularity of adjacent intervals [dimensionless].

    1 for a Poisson process, 0 for a regular train (Holt et al. 1996, doi:10.1152/jn.1996.75.5.1806;
    `elephant.statistics.cv2` of each trial, weighted by its pairs of intervals). Parameters as in
    `cv`.

    .. math::

        \mathrm{CV}_2 = \frac{1}{n - 1} \sum_{i=1}^{n-1}
            \frac{2 \lvert T_{i+1} - T_i \rvert}{T_{i+1} + T_i}

    Examples
    --------
    The mean of 2 abs(a - b) / (a + b) over adjacent intervals: 2 * 20 / 40 = 1.

    >>> import numpy as np
    >>> from apical.measures.spike_statistics import Intervals, cv2
    >>> gaps = Intervals(np.zeros(12, int), np.zeros(12, int), np.tile([10.0, 30.0], 6))
    >>> cv2(gaps, 1).values
    array([1.])
    """
    _check_neurons(gaps, n)
    contrast, unit = _contrasts(gaps)
    source = "Holt et al. 1996, doi:10.1152/jn.1996.75.5.1806"
    return _local(2 * np.abs(contrast), unit, n, source)


@checked()
def lv(gaps: Intervals, n: CountOrZero) -> Statistic:
    r"""Return the LV of each neuron, the local variation of adjacent intervals [dimensionless].

    1 for a Poisson process, 0 for a regular train (Shinomoto et al. 2003,
    doi:10.1162/089976603322518759; `elephant.statistics.lv` of each trial, weighted by its pairs of
    intervals). Parameters as in `cv`.

    .. math::

        \mathrm{LV} = \frac{3}{n - 1} \sum_{i=1}^{n-1}
            \left( \frac{T_{i+1} - T_i}{T_{i+1} + T_i} \right)^2

    Examples
    --------
    The mean of 3 (a - b)**2 / (a + b)**2 over adjacent intervals: 3 * 20**2 / 40**2 = 0.75.

    >>> import numpy as np
    >>> from apical.measures.spike_statistics import Intervals, lv
    >>> gaps = Intervals(np.zeros(12, int), np.zeros(12, int), np.tile([10.0, 30.0], 6))
    >>> lv(gaps, 1).values
    array([0.75])
    """
    _check_neurons(gaps, n)
    contrast, unit = _contrasts(gaps)
    source = "Shinomoto et al. 2003, doi:10.1162/089976603322518759"
    return _local(3 * contrast**2, unit, n, source)


def _contrasts(gaps: Intervals) -> tuple[np.ndarray, np.ndarray]:
    """Return (b - a) / (b + a) of intervals a, b next to each other in a trial, and its neuron."""
    a, b = gaps.length[:-1], gaps.length[1:]
    adjacent = (np.diff(gaps.unit) == 0) & (np.diff(gaps.trial) == 0)
    return ((b - a) / (b + a))[adjacent], gaps.unit[1:][adjacent]


def _local(values: np.ndarray, unit: np.ndarray, n: int, source: str) -> Statistic:
    """Average a measure of adjacent intervals over the pairs of each neuron."""
    pairs, total = np.bincount(unit, minlength=n), np.bincount(unit, values, minlength=n)
    enough = pairs >= LEAST_INTERVALS
    means = np.divide(total, pairs, out=np.full(n, np.nan), where=enough)
    why = f"fewer than {LEAST_INTERVALS} pairs of intervals next to each other in one trial"
    return Statistic(means, "1", "neuron", source, why)


@checked()
def fano(counts: Matrix, labels: Kinds | None = None) -> Statistic:
    r"""Return the Fano factor of each neuron: variance over mean of its spike counts.

    The variance is the unbiased estimate, so Poisson counts give 1 on average for any number of
    trials; `elephant.statistics.fanofactor`, which needs an object for each train, gives
    (k - 1) / k of it for k trials.

    .. math:: F = \frac{1}{(k - 1)\, \bar n} \sum_{i=1}^k (n_i - \bar n)^2

    Parameters
    ----------
    counts
        Spikes of each neuron in each trial, shape (n_trials, n).
    labels
        Class of each trial, shape (n_trials,): the factor is computed within each class, and
        averaged over the classes in which the neuron spikes. None: over all trials.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import fano
    >>> counts = np.array([[1, 4], [3, 4], [5, 4], [7, 4]])

    The variance of 1, 3, 5, 7 is 20/3 and their mean 4; within two classes it is 2:

    >>> fano(counts).values.round(4)
    array([1.6667, 0.    ])
    >>> fano(counts, np.array([0, 0, 1, 1])).values.round(4), round((2 / 2 + 2 / 6) / 2, 4)
    (array([0.6667, 0.    ]), 0.6667)
    """
    _one_each("fano", "labels", labels, len(counts), "trial")
    kinds = np.zeros(len(counts), int) if labels is None else labels
    parts = [counts[kinds == kind] for kind in np.unique(kinds)]
    parts = [part for part in parts if len(part) > 1]
    factors, size = np.full((len(parts), counts.shape[1]), np.nan), size_of(counts)
    for row, part in zip(factors, parts, strict=True):
        mean = part.mean(axis=0)
        np.divide(part.var(axis=0, ddof=1), mean, out=row, where=~is_nothing(mean, size))
    n = np.isfinite(factors).sum(axis=0)
    values = np.divide(np.nansum(factors, 0), n, out=np.full(len(n), np.nan), where=n > 0)
    which = "trials" if labels is None else "trials of one class"
    why = "silent" if parts else f"there are no two {which}"
    source = "variance by mean, as elephant.statistics.fanofactor but for the unbiased variance"
    return Statistic(values, "1", "neuron", source, why)


@checked()
def correlation(counts: Matrix, labels: Kinds | None = None) -> Statistic:
    r"""Return the spike count correlation of each pair of neurons [dimensionless].

    .. math::

        \rho_{ij} = \frac{\mathrm{cov}(n_i, n_j)}{\sqrt{\mathrm{var}(n_i)\, \mathrm{var}(n_j)}}

    Parameters
    ----------
    counts
        Spikes of each neuron in each trial, shape (n_trials, n). Populations above `LARGEST`
        neurons are subsampled.
    labels
        Class of each trial, shape (n_trials,): correlate within each class ("noise correlation",
        Cohen & Kohn 2011, doi:10.1038/nn.2842), and average over classes weighted by trials.
        Classes in which a neuron of the pair is constant, and those with fewer than 3 trials, are
        left out. None: correlate over all trials.

    Returns
    -------
    Statistic
        Of the pairs (0, 1), (0, 2), ..., (1, 2), ..., shape (n * (n - 1) / 2,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import correlation
    >>> counts = np.array([[1, 2, 5], [2, 4, 5], [3, 6, 3], [0, 0, 9]])
    >>> found = correlation(counts)
    >>> found.values.round(3), found.each
    (array([ 1.   , -0.923, -0.923]), 'pair')
    """
    _one_each("correlation", "labels", labels, len(counts), "trial")
    note = ""
    if counts.shape[1] > LARGEST:
        note = f"pairs of {LARGEST} neurons drawn from {counts.shape[1]}"
        chosen = np.random.default_rng(0).choice(counts.shape[1], LARGEST, replace=False)
        counts = counts[:, np.sort(chosen)]
    n, size = counts.shape[1], size_of(counts)
    kinds = np.zeros(len(counts), int) if labels is None else labels
    total, weight = np.zeros((n, n)), np.zeros((n, n))
    for kind in np.unique(kinds):
        part = counts[kinds == kind].astype(float)
        if len(part) < 3:
            continue
        varies = ~is_flat(part, 0, size)
        part = np.where(varies, part - part.mean(axis=0), 0)
        part[:, varies] /= np.linalg.norm(part[:, varies], axis=0)
        total += len(part) * (part.T @ part)
        weight += len(part) * np.outer(varies, varies)
    upper = np.triu_indices(n, 1)
    total, weight = total[upper], weight[upper]
    values = np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)
    source = "Pearson" if labels is None else "Cohen & Kohn 2011, doi:10.1038/nn.2842"
    why = "a neuron of the pair never changes, or there are fewer than 3 trials"
    return Statistic(np.clip(values, -1, 1), "1", "pair", source, why, note)


@checked()
def lifetime_sparseness(responses: Matrix, samples: Kinds) -> Statistic:
    r"""Return the lifetime sparseness of each neuron: 0 equal responses to all stimuli, 1 to one.

    With the mean response r_k to stimulus k of n: (1 - mean(r)**2 / mean(r**2)) / (1 - 1 / n)
    (Treves & Rolls 1991, doi:10.1088/0954-898X_2_4_004; Vinje & Gallant 2000,
    doi:10.1126/science.287.5456.1273). Low spike counts bias it upwards.

    .. math::

        S = \left( 1 - \frac{\left( \sum_k r_k / n \right)^2}{\sum_k r_k^2 / n} \right)
            \Big/ \left( 1 - \frac{1}{n} \right)

    Parameters
    ----------
    responses
        Spikes, or activity from 0 on, shape (n_trials, n).
    samples
        Stimulus of each trial, shape (n_trials,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import lifetime_sparseness
    >>> responses = np.array([[6.0, 2.0], [0.0, 2.0], [0.0, 2.0]])
    >>> lifetime_sparseness(responses, np.arange(3)).values.round(6)
    array([1., 0.])
    """
    _one_each("lifetime_sparseness", "samples", samples, len(responses), "trial")
    _, index, times = np.unique(samples, return_inverse=True, return_counts=True)
    means = np.zeros((len(times), responses.shape[1]))
    np.add.at(means, index, responses)
    values = _sparseness((means / times[:, None]).T, size_of(responses))
    return Statistic(values, "1", "neuron", _TREVES, "silent, or fewer than 2 stimuli")


@checked()
def population_sparseness(responses: Matrix) -> Statistic:
    """Return the population sparseness of each trial: 0 all neurons respond equally, 1 one only.

    As `lifetime_sparseness`, of the neurons' responses in a trial, shape (n_trials, n).

    Parameters
    ----------
    responses
        Spikes, or activity from 0 on, shape (n_trials, n).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import population_sparseness
    >>> population_sparseness(np.array([[4.0, 0.0], [2.0, 2.0], [3.0, 1.0]])).values.round(6)
    array([1. , 0. , 0.4])

    Of the last: (1 - 2**2 / 5) / (1 - 1 / 2) = 0.4.
    """
    why = "no neuron responds, or there are fewer than 2"
    values = _sparseness(responses.astype(float), size_of(responses))
    return Statistic(values, "1", "trial", _TREVES, why)


@checked()
def falls_below_zero(responses: np.ndarray, size: NonNegative | None = None) -> bool:
    """Say whether responses, of any shape, are negative by more than rounding.

    `size` is the magnitude of the numbers from which they were computed, by default their own.

    Parameters
    ----------
    responses
        Responses.
    size
        That magnitude.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import falls_below_zero
    >>> falls_below_zero(np.array([3.0, -1e-17])), falls_below_zero(np.array([3.0, -0.1]))
    (False, True)
    """
    size = size_of(responses) if size is None else size
    return bool(exceeds(0, np.min(responses, initial=0), size))


def _sparseness(responses: np.ndarray, size: float) -> np.ndarray:
    """Return the sparseness of each row, NaN where it is empty, all 0, or has one entry.

    `size` is the magnitude of the responses that were averaged.
    """
    n = responses.shape[1]
    if falls_below_zero(responses, size):
        raise DataError("Sparseness needs responses from 0 on, got negative ones; leave it out.")
    values = np.full(len(responses), np.nan)
    if n > 1 and size:
        there = np.where(is_nothing(responses, size), 0, responses / size)  # none can underflow
        square = np.mean(there**2, axis=1)
        even = np.divide(there.mean(axis=1) ** 2, square, out=values, where=square > 0)
        values = (1 - even) / (1 - 1 / n)
    return np.clip(values, 0, 1)  # rounding


@checked()
def excitation_inhibition(counts: Matrix, signs: Vector) -> Statistic:
    r"""Return the E/I ratio of firing: mean count of excitatory over that of inhibitory neurons.

    .. math:: \bar n_E / \bar n_I

    Parameters
    ----------
    counts
        Spikes of each neuron in each trial, shape (n_trials, n).
    signs
        1 for excitatory, -1 for inhibitory, 0 for other neurons, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import excitation_inhibition
    >>> counts, signs = np.array([[6, 2, 4], [6, 2, 4]]), np.array([1, 1, -1])
    >>> excitation_inhibition(counts, signs).values
    array([1.])
    """
    _one_each("excitation_inhibition", "signs", signs, counts.shape[1], "neuron")
    up, down = (float(counts[:, signs == s].sum()) for s in (1, -1))
    n_up, n_down = (int(np.sum(signs == s)) for s in (1, -1))
    spoke = n_up and n_down and not is_nothing(down, size_of(counts))
    value = (up / n_up) / (down / n_down) if spoke else np.nan
    why = "no inhibitory neuron spikes" if n_up and n_down else "neurons of both signs are needed"
    return single(value, "1", "mean rate of excitatory by that of inhibitory neurons", why)


@checked()
def input_balance(records: Records, weights: Mapping[str, Matrix]) -> Statistic:
    """Return the E/I balance of the input to each neuron: excitation divided by inhibition.

    The sum of all positive products of a mean response and a weight over that of the negative ones.

    Parameters
    ----------
    records
        Recorded activity.
    weights
        Weights of the projections onto one population, presynaptic population -> shape
        (n_pre, n_post).

    Raises
    ------
    DataError
        If the weights are not those of projections from these populations onto one.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.spike_statistics import input_balance
    >>> from apical.testing.references import records
    >>> w = np.array([[3.0], [3.0], [-2.0]])

    Each of the 3 neurons has the mean rate 10 Hz; 60 against 20:

    >>> input_balance(records(), {"hidden": w}).values
    array([3.])
    """
    require(
        len(weights) > 0,
        "spike_statistics.input_balance",
        "weights",
        "those of one projection or more",
        "none",
    )
    n_post = {values.shape[1:] for values in weights.values()}
    up, down = (np.zeros(next(iter(n_post), ())) for _ in range(2))
    for pre, values in weights.items():
        rates = records.rates(pre)
        sent = rates.mean(axis=0, dtype=float)
        sent[is_nothing(sent, size_of(rates))] = 0
        if values.shape[:1] != sent.shape or values.ndim != 2 or len(n_post) > 1:
            raise DataError(
                f"The weights of a projection of {pre!r} need the shape ({len(sent)}, n_post), the "
                f"same n_post for all, got {values.shape}."
            )
        for part, total in ((1, up), (-1, down)):
            total += np.maximum(part * sent, 0) @ np.maximum(values, 0)
            total += np.maximum(-part * sent, 0) @ np.maximum(-values, 0)
    ratio = np.divide(up, down, out=np.full(len(up), np.nan), where=~is_nothing(down, up + down))
    source = "sum of positive rates times weights by that of negative ones"
    return Statistic(ratio, "1", "neuron", source, "it receives no inhibition")
