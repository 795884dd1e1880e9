"""Representational geometry: dissimilarity matrices (RSA), CKA, dimensionality.

Everything reads the responses of `Records.rates`: firing rates [Hz], or activities at the end of
the trial [dimensionless].
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.parameters import Kinds, Matrix, Measured, NonNegative, Vector
from apical._base.rounding import ROUNDING, is_flat, is_nothing, ranks, size_of
from apical.errors import DataError
from apical.measures.kernels import centred, cka, cka_by_chance, cka_debiased, overlap
from apical.records.arrays import Records

LARGEST_RDM = 2000
"""Largest number of patterns in a dissimilarity matrix; time and memory grow quadratically."""


@checked()
def responses(records: Records, population: str) -> np.ndarray:
    """Return the response of each neuron in each trial, shape (n_trials, n), float64.

    Parameters
    ----------
    records
        Recorded activity.
    population
        The population.

    Raises
    ------
    DataError
        If neither spikes nor activities of the population were recorded, or some are not finite.

    Examples
    --------
    >>> from apical.measures.representation import responses
    >>> from apical.testing.references import records
    >>> found = responses(records(), "hidden")

    In 2 trials of 50 ms three neurons fired at 3.0, 12.5 and 7.0 ms; one spike is 20 Hz:

    >>> found
    array([[20., 20.,  0.],
           [ 0.,  0., 20.]])
    """
    found = np.asarray(records.rates(population), dtype=float)
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        raise DataError(
            f"The activity of {population!r} is not finite in {len(bad)} of {len(found)} trials, "
            f"the first of them {bad[0]}; record trials in which the network is stable."
        )
    return found


@checked()
def class_means(patterns: Matrix, labels: Kinds) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes, sorted, and the mean response to each, shape (n_classes, n).

    Parameters
    ----------
    patterns
        Responses, shape (n_trials, n).
    labels
        Class of each trial, shape (n_trials,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.representation import class_means
    >>> classes, means = class_means(np.array([[1.0], [3.0], [5.0]]), np.array(["a", "a", "b"]))
    >>> classes.tolist(), means.tolist()
    (['a', 'b'], [[2.0], [5.0]])
    """
    require(
        len(labels) == len(patterns),
        "representation.class_means",
        "labels",
        f"one for each of {len(patterns)} patterns",
        f"{len(labels)}",
    )
    classes, index = np.unique(labels, return_inverse=True)
    total = np.zeros((len(classes), patterns.shape[1]))
    np.add.at(total, index, patterns)
    means = total / np.bincount(index)[:, None]
    return classes, np.where(is_nothing(means, size_of(patterns)), 0, means)


@dataclass(frozen=True)
class Dissimilarities:
    """A representational dissimilarity matrix.

    Parameters
    ----------
    matrix
        Dissimilarity of each two patterns, NaN where a pattern has none, shape (n, n).
    patterns
        Conditions: classes, or indices of samples, shape (n,).
    measure
        ``"correlation"`` or ``"euclidean"``, as in `rsatoolbox.rdm.calc_rdm`.
    rounding
        Rounding error of an entry: entries that differ by less are ties.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.representation import rdm
    >>> found = rdm(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]]), np.arange(3))
    >>> found.matrix
    array([[ 0.,  2., nan],
           [ 2.,  0., nan],
           [nan, nan, nan]])
    >>> found.defined
    array([ True,  True, False])
    """

    matrix: Matrix
    patterns: Kinds
    measure: str
    rounding: NonNegative = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        n = len(self.patterns)
        require(
            self.matrix.shape == (n, n),
            "Dissimilarities",
            "matrix",
            f"of shape ({n}, {n}), one for each two patterns",
            f"shape {self.matrix.shape}",
        )

    @property
    def defined(self) -> np.ndarray:
        """Which patterns have dissimilarities, shape (n,)."""
        return np.isfinite(np.diag(self.matrix))

    @property
    def vector(self) -> np.ndarray:
        """The entries above the diagonal, row by row, shape (n * (n - 1) / 2,)."""
        return self.matrix[np.triu_indices(len(self.matrix), 1)]


Measure = Literal["correlation", "euclidean"]


@checked()
def dissimilarities(
    records: Records,
    population: str,
    *,
    of: Literal["classes", "trials"] = "classes",
    measure: Measure = "correlation",
) -> Dissimilarities:
    """Return the representational dissimilarity matrix (RDM) of classes, or of single trials.

    Computed by rsatoolbox (Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008).

    Parameters
    ----------
    records
        Recorded activity.
    population
        The population to analyse.
    of
        ``"classes"``: mean responses; ``"trials"``: single trials, `LARGEST_RDM` at most.
    measure
        ``"correlation"``: 1 minus the correlation over neurons, undefined for a pattern that is
        constant over neurons within rounding, such as silence. ``"euclidean"``: the squared
        distance divided by the number of neurons.

    Raises
    ------
    DataError
        As in `responses`; if there are too many patterns, or rsatoolbox is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.representation import dissimilarities
    >>> from apical.testing.references import records
    >>> found = dissimilarities(records(), "hidden", measure="euclidean")

    The rates (20, 20, 0) and (0, 0, 20) Hz differ by 20 Hz in each of 3 neurons:

    >>> found.matrix
    array([[  0., 400.],
           [400.,   0.]])
    >>> found.patterns.tolist()
    [0, 1]
    """
    patterns, names = responses(records, population), records.samples
    size = size_of(patterns)
    if of == "classes":
        names, patterns = class_means(patterns, records.labels)
    if len(patterns) > LARGEST_RDM:
        raise DataError(
            f"A dissimilarity matrix of {len(patterns)} {of} of {population!r} is too large; "
            f"{LARGEST_RDM} are possible: record fewer trials, or take the means of classes."
        )
    return rdm(patterns, names, measure, size)


@checked()
def rdm(
    patterns: Matrix,
    names: Kinds,
    measure: Measure = "correlation",
    size: NonNegative | None = None,
) -> Dissimilarities:
    r"""Return the representational dissimilarity matrix of patterns.

    .. math::

        d_{ij} = 1 - \rho(x_i, x_j) \quad \text{or} \quad d_{ij} = \lVert x_i - x_j \rVert^2 / N

    Parameters
    ----------
    patterns
        Responses, shape (n_patterns, n_neurons).
    names
        Names of the patterns, shape (n_patterns,).
    measure
        As in `dissimilarities`.
    size
        Magnitude of the numbers from which the patterns were computed, which determines their
        rounding error; by default that of the patterns.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.representation import rdm
    >>> patterns = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 2.0, 1.0]])

    The second pattern is twice the first, the third runs the other way:

    >>> rdm(patterns, np.array(["a", "b", "c"])).matrix.round(6) + 0.0
    array([[0., 0., 2.],
           [0., 0., 2.],
           [2., 2., 0.]])
    >>> rdm(patterns, np.array(["a", "b", "c"]), "euclidean").vector.round(4)
    array([ 4.6667,  2.6667, 10.    ])
    """
    require(
        len(names) == len(patterns),
        "representation.rdm",
        "names",
        f"one for each of {len(patterns)} patterns",
        f"{len(names)}",
    )
    matrix = np.full((len(patterns), len(patterns)), np.nan)
    size = size_of(patterns) if size is None else size
    has = np.ones(len(patterns), bool)
    if measure == "correlation":
        has = ~is_flat(patterns, 1, size)
        about = patterns - patterns.mean(axis=1, keepdims=True) if has.any() else patterns
    else:  # a large common part of all patterns cancels and leaves its rounding error
        about = patterns - patterns.mean(axis=0) if has.any() else patterns
    n, rounding = int(has.sum()), 0.0
    if n > 1:
        found = _distances(about[has], measure)
        # first-order error propagation of rounding
        moved = ROUNDING * size
        if measure == "correlation":
            rounding = 2 * moved / float(np.sqrt(np.mean(about[has] ** 2)))
        else:
            rounding = moved * (moved + 2 * float(np.sqrt(size_of(found))))
        found[found <= rounding] = 0  # patterns that are the same
        matrix[np.ix_(has, has)] = found
    elif n:
        matrix[np.ix_(has, has)] = 0
    return Dissimilarities(matrix, names, measure, rounding)


def _distances(patterns: np.ndarray, measure: str) -> np.ndarray:
    """Return distances of every two patterns, as `rsatoolbox.rdm.calc_rdm` in the same steps.

    Importing rsatoolbox takes longer than an analysis of a small run.
    """
    if measure == "correlation":
        about = patterns - patterns.mean(axis=1, keepdims=True)
        about /= np.sqrt(np.einsum("ij,ij->i", about, about))[:, None]
        found = 1 - np.einsum("ik,jk", about, about)
    else:
        squares = np.sum(patterns**2, axis=1, keepdims=True)
        found = (squares + squares.T - 2 * np.dot(patterns, patterns.T)) / patterns.shape[1]
    above = np.triu(found, 1)
    return np.asarray(above + above.T)


Correlation = Literal["spearman", "rho-a"]


@checked()
def rdm_similarity(
    a: Dissimilarities, b: Dissimilarities, correlation: Correlation = "spearman"
) -> float:
    """Return the RSA similarity: rank correlation of two dissimilarity matrices; NaN if undefined.

    Patterns that one of them lacks are left out of both; at least 3 are needed. It is undefined
    where all dissimilarities of one matrix are equal. Values equal within rounding are ties.

    Parameters
    ----------
    a, b
        Dissimilarities of the same patterns.
    correlation
        ``"spearman"``: Spearman's, with mean ranks for ties (Nili et al. 2014,
        doi:10.1371/journal.pcbi.1003553). ``"rho-a"``: its expectation when ties are broken at
        random, which ties make smaller, so that a model gains nothing by them (Schuett et al. 2023,
        doi:10.7554/eLife.82566); the same without ties.

    Raises
    ------
    DataError
        If they are of different patterns.

    Examples
    --------
    Ranks only: squares of distances have the same order.

    >>> import numpy as np
    >>> from apical.measures.representation import rdm, rdm_similarity
    >>> patterns = np.random.default_rng(0).random((6, 4))
    >>> one = rdm(patterns, np.arange(6), "euclidean")
    >>> other = rdm(3 * patterns + 1, np.arange(6), "euclidean")
    >>> round(rdm_similarity(one, other), 6), round(rdm_similarity(one, other, "rho-a"), 6)
    (1.0, 1.0)
    """
    if not np.array_equal(a.patterns, b.patterns):
        raise DataError(
            f"Dissimilarities of unequal stimuli cannot be compared: {len(a.patterns)} patterns "
            f"and {len(b.patterns)}, or others; take the same trials."
        )
    both = a.defined & b.defined
    if both.sum() < 3:
        return float("nan")
    upper = np.triu_indices(int(both.sum()), 1)
    one, other = (
        scaled_ranks(r.matrix[np.ix_(both, both)][upper], r.rounding, correlation) for r in (a, b)
    )
    return float(np.clip(np.mean(one * other), -1, 1))


@checked()
def scaled_ranks(
    vector: Vector, rounding: NonNegative, correlation: Correlation = "spearman"
) -> np.ndarray:
    """Return standardised ranks, whose mean product is the rank correlation, shape (n,).

    Parameters
    ----------
    vector
        Dissimilarities, shape (n,).
    rounding
        As in `Dissimilarities`.
    correlation
        As in `rdm_similarity`; NaN where all are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.representation import scaled_ranks
    >>> ranks = scaled_ranks(np.array([0.1, 0.5, 0.2]), 0.0)
    >>> reverse = scaled_ranks(np.array([9.0, 1.0, 4.0]), 0.0)
    >>> round(float(np.mean(ranks * reverse)), 6)
    -1.0
    """
    found = ranks(vector, max(rounding, ROUNDING * size_of(vector)))
    found -= (len(found) + 1) / 2
    spread = float(np.sqrt(np.mean(found**2)))
    if not spread:
        return np.full(len(found), np.nan)
    # without ties it is this, whatever the order
    most = float(np.sqrt((len(found) ** 2 - 1) / 12))
    return found / (most if correlation == "rho-a" else spread)


@dataclass(frozen=True)
class Similarity:
    """Representational similarity of two populations on the same trials; NaN where undefined.

    Parameters
    ----------
    rsa
        Spearman's correlation of their dissimilarity matrices of class means [dimensionless].
    cka
        Linear centred kernel alignment over trials [dimensionless].
    cka_by_chance
        Chance level: the same with shuffled trials [dimensionless].
    rsa_rho_a
        As `rsa`, ties broken at random (`rdm_similarity`) [dimensionless].
    cka_debiased
        As `cka`, 0 on average for independent responses (`cka_debiased`) [dimensionless].

    See Also
    --------
    similarity : Computes it.

    Examples
    --------
    >>> from apical.measures.representation import similarity
    >>> from apical.testing.references import records
    >>> similarity(records(), "hidden", records(), "hidden")
    Similarity(rsa=nan, cka=1.0, cka_by_chance=1.0, rsa_rho_a=nan, cka_debiased=nan)
    """

    rsa: Measured
    cka: Measured
    cka_by_chance: Measured
    rsa_rho_a: Measured
    cka_debiased: Measured

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def similarity(
    a: Records, population_a: str, b: Records, population_b: str, measure: Measure = "correlation"
) -> Similarity:
    """Return the representational similarity of two layers, wirings or stages of learning.

    Parameters
    ----------
    a, b
        Activity recorded on the same trials; the same records for two layers of one network.
    population_a, population_b
        The populations to compare.
    measure
        As in `dissimilarities`.

    Raises
    ------
    DataError
        If the trials had different stimuli; as in `dissimilarities`.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.measures.representation import similarity
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array", record=["hidden", "output"], traces=["x"]) as simulator:
    ...     records = record(simulator, data.test, range(50))
    >>> found = similarity(records, "hidden", records, "hidden")
    >>> round(found.rsa, 6), round(found.cka, 6)
    (1.0, 1.0)

    At the start all outputs are alike, so they have no geometry:

    >>> similarity(records, "hidden", records, "output").cka
    nan
    """
    check_same_stimuli(a, b)
    x, y = responses(a, population_a), responses(b, population_b)
    one = dissimilarities(a, population_a, measure=measure)
    other = dissimilarities(b, population_b, measure=measure)
    return Similarity(
        rdm_similarity(one, other),
        cka(x, y),
        cka_by_chance(x, y),
        rdm_similarity(one, other, "rho-a"),
        cka_debiased(x, y),
    )


@checked()
def similarities(a: Records, b: Records, measure: Measure = "correlation") -> dict[str, Similarity]:
    """Return the `similarity` of every population that two records share, by its name.

    Parameters
    ----------
    a, b
        Activity recorded on the same trials.
    measure
        As in `dissimilarities`.

    Raises
    ------
    DataError
        If they share none; as in `similarity`.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.measures.representation import similarities
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> recorded = []
    >>> for seed in (0, 1):
    ...     net = ap.models.load("rate_dfa").build(data, seed, hidden=20)
    ...     with ap.simulate(net, "array", record=["hidden"], traces=["x"]) as simulator:
    ...         recorded.append(record(simulator, data.test, range(50)))
    >>> found = similarities(*recorded)
    >>> list(found), 0.5 < found["hidden"].cka < 1
    (['hidden'], True)
    """
    shared = [name for name in responding(a) if name in responding(b)]
    if not shared:
        raise DataError(
            f"The records share no population: {', '.join(responding(a)) or 'none'} and "
            f"{', '.join(responding(b)) or 'none'}; record the same populations, or name two."
        )
    return {name: similarity(a, name, b, name, measure) for name in shared}


@checked()
def responding(records: Records) -> list[str]:
    """Return the populations of which spikes or activities were recorded.

    Examples
    --------
    >>> from apical.measures.representation import responding
    >>> from apical.testing.references import records
    >>> responding(records())
    ['hidden', 'output']
    """
    return [p for p in records.units if p in records.spikes or f"{p}.x" in records.signals]


@checked()
def check_same_stimuli(a: Records, b: Records) -> None:
    """Raise if the trials of two records did not have the same stimuli in the same order.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import numpy as np
    >>> from apical.measures.representation import check_same_stimuli
    >>> from apical.testing.references import records
    >>> one = records()
    >>> check_same_stimuli(one, records(time=20.0))
    >>> check_same_stimuli(one, replace(one, samples=np.array([7, 8])))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: Records of unequal stimuli cannot be compared: their ...
    """
    for name in ("samples", "labels", "values"):
        if not np.array_equal(getattr(a, name), getattr(b, name)):
            raise DataError(
                f"Records of unequal stimuli cannot be compared: their {name} differ "
                f"({len(a)} and {len(b)} trials); record both on the same samples."
            )


@checked()
def participation_ratio(patterns: Matrix) -> float:
    r"""Return the participation ratio, the dimensionality of responses; NaN if constant.

    With the eigenvalues v of their covariance: sum(v)**2 / sum(v**2), from 1 (all along one line)
    to n (the same in all directions) (Gao et al. 2017, doi:10.1101/214262; Recanatesi et
    al. 2022, doi:10.1016/j.patter.2022.100555). With T trials it cannot be above T - 1.

    .. math:: \mathrm{PR} = \left( \sum_k v_k \right)^2 \Big/ \sum_k v_k^2

    Parameters
    ----------
    patterns
        Responses, shape (n_trials, n).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.representation import participation_ratio
    >>> one_line = np.outer(np.arange(10.0), [1.0, 2.0, 3.0])
    >>> round(participation_ratio(one_line), 6)
    1.0

    Two directions with the variances 4 and 1: (4 + 1)**2 / (4**2 + 1**2) = 25/17.

    >>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(participation_ratio(cross), 6), round(25 / 17, 6)
    (1.470588, 1.470588)
    """
    x = centred(patterns)
    square = overlap(x, x)
    return float(np.sum(x**2) ** 2 / square) if square > 0 else float("nan")
