"""The geometry of what populations represent: dissimilarities, alignment, dimensionality.

Everything reads the responses of `Records.rates`: firing rates [Hz], or activities at the end of
the trial [dimensionless].
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from apical.errors import DataError
from apical.extras import library
from apical.records import Records

LARGEST_RDM = 2000
"""Patterns in a dissimilarity matrix at most; time and memory go with their square."""
SHUFFLES = 10
"""Random orders of the stimuli from which the alignment by chance is taken."""


def responses(records: Records, population: str) -> np.ndarray:
    """Return the response of each neuron in each trial, shape (n_trials, n), float64.

    Raises
    ------
    DataError
        If neither spikes nor activities of the population were recorded, or some are not finite.
    """
    found = np.asarray(records.rates(population), dtype=float)
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        raise DataError(
            f"The activity of {population!r} is not finite in {len(bad)} of {len(found)} trials, "
            f"the first of them {bad[0]}; record trials in which the network is stable."
        )
    return found


def class_means(patterns: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes, sorted, and the mean response to each, shape (n_classes, n)."""
    classes, index = np.unique(labels, return_inverse=True)
    total = np.zeros((len(classes), patterns.shape[1]))
    np.add.at(total, index, patterns)
    return classes, total / np.bincount(index)[:, None]


@dataclass(frozen=True)
class Dissimilarities:
    """A representational dissimilarity matrix.

    Parameters
    ----------
    matrix
        Dissimilarity of each two patterns, NaN where a pattern has none, shape (n, n).
    patterns
        What the patterns are of: classes, or numbers of samples, shape (n,).
    measure
        ``"correlation"`` or ``"euclidean"``, as in `rsatoolbox.rdm.calc_rdm`.
    """

    matrix: np.ndarray
    patterns: np.ndarray
    measure: str

    @property
    def defined(self) -> np.ndarray:
        """Which patterns have dissimilarities, shape (n,)."""
        return np.isfinite(np.diag(self.matrix))

    @property
    def vector(self) -> np.ndarray:
        """The entries above the diagonal, row by row, shape (n * (n - 1) / 2,)."""
        return self.matrix[np.triu_indices(len(self.matrix), 1)]


Measure = Literal["correlation", "euclidean"]


def dissimilarities(
    records: Records,
    population: str,
    *,
    of: Literal["classes", "trials"] = "classes",
    measure: Measure = "correlation",
) -> Dissimilarities:
    """Return how unlike the responses to each two classes, or in each two trials, are.

    Worked out by rsatoolbox (Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008).

    Parameters
    ----------
    records
        What a network did.
    population
        Whose responses to take.
    of
        ``"classes"``: mean responses; ``"trials"``: single trials, `LARGEST_RDM` at most.
    measure
        ``"correlation"``: 1 minus the correlation over neurons, which a pattern that is the same in
        all neurons, as silence is, does not have. ``"euclidean"``: the squared distance by the
        number of neurons.

    Raises
    ------
    DataError
        As in `responses`; if there are too many patterns, or rsatoolbox is not installed.
    """
    patterns, names = responses(records, population), records.samples
    if of == "classes":
        names, patterns = class_means(patterns, records.labels)
    if len(patterns) > LARGEST_RDM:
        raise DataError(
            f"A dissimilarity matrix of {len(patterns)} {of} of {population!r} is too large; "
            f"{LARGEST_RDM} are possible: record fewer trials, or take the means of classes."
        )
    return rdm(patterns, names, measure)


def rdm(
    patterns: np.ndarray, names: np.ndarray, measure: Measure = "correlation"
) -> Dissimilarities:
    """Return the dissimilarities of patterns, shape (n_patterns, n_neurons), called by `names`."""
    matrix = np.full((len(patterns), len(patterns)), np.nan)
    has = np.ones(len(patterns), bool)
    if measure == "correlation":
        has = np.ptp(patterns, axis=1) > 0 if patterns.shape[1] else ~has
    n = int(has.sum())
    if n > 1:
        toolbox = library("rsatoolbox", "analysis")
        found = toolbox.rdm.calc_rdm(toolbox.data.Dataset(patterns[has]), method=measure)
        # rounding can leave the distance of equal patterns below 0
        matrix[np.ix_(has, has)] = np.maximum(found.get_matrices()[0], 0)
    elif n:
        matrix[np.ix_(has, has)] = 0
    return Dissimilarities(matrix, names, measure)


def rdm_similarity(a: Dissimilarities, b: Dissimilarities) -> float:
    """Return Spearman's correlation of two dissimilarity matrices; NaN if there is none.

    Patterns that one of them lacks are left out of both; at least 3 are needed. Worked out by
    rsatoolbox (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553).

    Raises
    ------
    DataError
        If they are of different patterns.
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
    vectors = [r.matrix[np.ix_(both, both)][upper] for r in (a, b)]
    if any(np.ptp(vector) == 0 for vector in vectors):
        return float("nan")
    compare = library("rsatoolbox.rdm", "analysis").compare
    return float(compare(vectors[0], vectors[1], method="spearman")[0, 0])


def cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return the linear centred kernel alignment of two sets of responses [dimensionless].

    With centred Gram matrices K = X X' and L = Y Y': sum(K * L) / (|K| |L|), 1 where the responses
    are the same up to rotation and scale, NaN where one never changes (Kornblith et al. 2019,
    arXiv:1905.00414, section 3). It is biased upwards where neurons outnumber stimuli (Murphy et
    al. 2024, arXiv:2405.01012): compare it with what shuffled stimuli give.

    Parameters
    ----------
    x, y
        Responses to the same stimuli in the same order, shapes (n_stimuli, n_x) and
        (n_stimuli, n_y).

    Raises
    ------
    DataError
        If the numbers of stimuli differ.
    """
    if len(x) != len(y):
        raise DataError(
            f"CKA compares responses to the same stimuli, got {len(x)} and {len(y)} of them."
        )
    x, y = (_centred(part) for part in (x, y))
    norm = _overlap(x, x) * _overlap(y, y)
    return float(_overlap(x, y) / np.sqrt(norm)) if norm > 0 else float("nan")


def cka_by_chance(x: np.ndarray, y: np.ndarray, *, seed: int = 0) -> float:
    """Return the mean `cka` of responses whose stimuli are shuffled [dimensionless].

    What an alignment must be above to mean anything. Parameters as in `cka`; `seed` is that of the
    `SHUFFLES` random orders.
    """
    rng = np.random.default_rng(seed)
    x, y = _centred(x), _centred(y)
    norm = _overlap(x, x) * _overlap(y, y)
    if not norm > 0:
        return float("nan")
    shuffled = [_overlap(x[rng.permutation(len(x))], y) for _ in range(SHUFFLES)]
    return float(np.mean(shuffled) / np.sqrt(norm))


@dataclass(frozen=True)
class Similarity:
    """How alike two populations represent the same trials; NaN where it is not defined.

    Parameters
    ----------
    rsa
        Spearman's correlation of their dissimilarity matrices of class means [dimensionless].
    cka
        Linear centred kernel alignment over trials [dimensionless].
    cka_by_chance
        The same with shuffled trials [dimensionless].
    """

    rsa: float
    cka: float
    cka_by_chance: float


def similarity(
    a: Records, population_a: str, b: Records, population_b: str, measure: Measure = "correlation"
) -> Similarity:
    """Compare what two populations represent: of two layers, wirings or moments of learning.

    Parameters
    ----------
    a, b
        What networks did on the same trials; the same records for two layers of one network.
    population_a, population_b
        Whose responses to compare.
    measure
        As in `dissimilarities`.

    Raises
    ------
    DataError
        If the trials had unequal stimuli; as in `dissimilarities`.
    """
    check_same_stimuli(a, b)
    x, y = responses(a, population_a), responses(b, population_b)
    rdms = (
        dissimilarities(records, population, measure=measure)
        for records, population in ((a, population_a), (b, population_b))
    )
    return Similarity(rdm_similarity(*rdms), cka(x, y), cka_by_chance(x, y))


def similarities(a: Records, b: Records, measure: Measure = "correlation") -> dict[str, Similarity]:
    """Return the `similarity` of every population that two records share, by its name.

    Raises
    ------
    DataError
        If they share none; as in `similarity`.
    """
    shared = [name for name in responding(a) if name in responding(b)]
    if not shared:
        raise DataError(
            f"The records share no population: {', '.join(responding(a)) or 'none'} and "
            f"{', '.join(responding(b)) or 'none'}; record the same populations, or name two."
        )
    return {name: similarity(a, name, b, name, measure) for name in shared}


def responding(records: Records) -> list[str]:
    """Return the populations of which spikes or activities were recorded."""
    return [p for p in records.units if p in records.spikes or f"{p}.x" in records.signals]


def check_same_stimuli(a: Records, b: Records) -> None:
    """Raise if the trials of two records did not have the same stimuli in the same order."""
    for name in ("samples", "labels", "values"):
        if not np.array_equal(getattr(a, name), getattr(b, name)):
            raise DataError(
                f"Records of unequal stimuli cannot be compared: their {name} differ "
                f"({len(a)} and {len(b)} trials); record both on the same samples."
            )


def _centred(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, dtype=float)
    if not len(x):
        return x
    x = np.where(np.ptp(x, axis=0) > 0, x - x.mean(axis=0), 0)  # a constant leaves no rounding
    largest = np.abs(x).max(initial=0)
    return x / largest if largest else x


def _overlap(x: np.ndarray, y: np.ndarray) -> float:
    """Return sum(XX' * YY') by the smaller product: it is |X'Y|**2 as well."""
    if x.shape[1] * y.shape[1] > len(x) ** 2:
        return float(np.sum((x @ x.T) * (y @ y.T)))
    return float(np.sum((x.T @ y) ** 2))


def participation_ratio(patterns: np.ndarray) -> float:
    """Return the dimensionality of responses [dimensionless]; NaN if they never change.

    With the eigenvalues v of their covariance: sum(v)**2 / sum(v**2), from 1 (all along one line)
    to n (the same in all directions) (Gao et al. 2017, doi:10.1101/214262; Recanatesi et
    al. 2022, doi:10.1016/j.patter.2022.100555). With T trials it cannot be above T - 1.

    Parameters
    ----------
    patterns
        Responses, shape (n_trials, n).
    """
    x = _centred(patterns)
    square = _overlap(x, x)
    return float(np.sum(x**2) ** 2 / square) if square > 0 else float("nan")
