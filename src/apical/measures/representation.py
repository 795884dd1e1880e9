"""The geometry of what populations represent: dissimilarities, alignment, dimensionality.

Everything reads the responses of `Records.rates`: firing rates [Hz], or activities at the end of
the trial [dimensionless].
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.extras import library
from apical._base.parameters import Kinds, Matrix, Measured, NonNegative, Vector
from apical._base.rounding import ROUNDING, is_flat, is_nothing, ranks, size_of
from apical.errors import DataError
from apical.measures.kernels import centred, cka, cka_by_chance, cka_debiased, overlap
from apical.records.arrays import Records

LARGEST_RDM = 2000
"""Patterns in a dissimilarity matrix at most; time and memory go with their square."""


@checked()
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


@checked()
def class_means(patterns: Matrix, labels: Kinds) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes, sorted, and the mean response to each, shape (n_classes, n)."""
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
        What the patterns are of: classes, or numbers of samples, shape (n,).
    measure
        ``"correlation"`` or ``"euclidean"``, as in `rsatoolbox.rdm.calc_rdm`.
    rounding
        What rounding of the responses can do to an entry: entries that are closer are a tie.
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
        all neurons within rounding, as silence is, does not have. ``"euclidean"``: the squared
        distance by the number of neurons.

    Raises
    ------
    DataError
        As in `responses`; if there are too many patterns, or rsatoolbox is not installed.
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
    """Return the dissimilarities of patterns.

    Parameters
    ----------
    patterns
        Responses, shape (n_patterns, n_neurons).
    names
        What the patterns are called, shape (n_patterns,).
    measure
        As in `dissimilarities`.
    size
        The largest of the numbers that the patterns were worked out from, which says what of them
        is rounding; by default that of the patterns.
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
    else:  # of what all patterns share only rounding is left, and it is their larger part
        about = patterns - patterns.mean(axis=0) if has.any() else patterns
    n, rounding = int(has.sum()), 0.0
    if n > 1:
        toolbox = library("rsatoolbox", "analysis")
        found = toolbox.rdm.calc_rdm(toolbox.data.Dataset(about[has]), method=measure)
        found = found.get_matrices()[0]
        # the first order of what a change of all numbers by their rounding does
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


Correlation = Literal["spearman", "rho-a"]


@checked()
def rdm_similarity(
    a: Dissimilarities, b: Dissimilarities, correlation: Correlation = "spearman"
) -> float:
    """Return the rank correlation of two dissimilarity matrices; NaN if there is none.

    Patterns that one of them lacks are left out of both; at least 3 are needed. There is none
    where the dissimilarities of one are all alike. What is equal within rounding is a tie.

    Parameters
    ----------
    a, b
        Of the same patterns.
    correlation
        ``"spearman"``: that of ranks, ties with their mean rank (Nili et al. 2014,
        doi:10.1371/journal.pcbi.1003553). ``"rho-a"``: what it is on average if ties are broken at
        random, which is the smaller the more ties there are, so that a model gains nothing by
        them (Schuett et al. 2023, doi:10.7554/eLife.82566); the same without ties.

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
    one, other = (
        scaled_ranks(r.matrix[np.ix_(both, both)][upper], r.rounding, correlation) for r in (a, b)
    )
    return float(np.clip(np.mean(one * other), -1, 1))


@checked()
def scaled_ranks(
    vector: Vector, rounding: NonNegative, correlation: Correlation = "spearman"
) -> np.ndarray:
    """Return ranks of which the mean product is the correlation of two vectors, shape (n,).

    Parameters
    ----------
    vector
        Dissimilarities, shape (n,).
    rounding
        As in `Dissimilarities`.
    correlation
        As in `rdm_similarity`; NaN where all are alike.
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
    """How alike two populations represent the same trials; NaN where it is not defined.

    Parameters
    ----------
    rsa
        Spearman's correlation of their dissimilarity matrices of class means [dimensionless].
    cka
        Linear centred kernel alignment over trials [dimensionless].
    cka_by_chance
        The same with shuffled trials [dimensionless].
    rsa_rho_a
        As `rsa`, ties broken at random (`rdm_similarity`) [dimensionless].
    cka_debiased
        As `cka`, 0 on average for independent responses (`cka_debiased`) [dimensionless].
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


@checked()
def responding(records: Records) -> list[str]:
    """Return the populations of which spikes or activities were recorded."""
    return [p for p in records.units if p in records.spikes or f"{p}.x" in records.signals]


@checked()
def check_same_stimuli(a: Records, b: Records) -> None:
    """Raise if the trials of two records did not have the same stimuli in the same order."""
    for name in ("samples", "labels", "values"):
        if not np.array_equal(getattr(a, name), getattr(b, name)):
            raise DataError(
                f"Records of unequal stimuli cannot be compared: their {name} differ "
                f"({len(a)} and {len(b)} trials); record both on the same samples."
            )


@checked()
def participation_ratio(patterns: Matrix) -> float:
    """Return the dimensionality of responses [dimensionless]; NaN if they never change.

    With the eigenvalues v of their covariance: sum(v)**2 / sum(v**2), from 1 (all along one line)
    to n (the same in all directions) (Gao et al. 2017, doi:10.1101/214262; Recanatesi et
    al. 2022, doi:10.1016/j.patter.2022.100555). With T trials it cannot be above T - 1.

    Parameters
    ----------
    patterns
        Responses, shape (n_trials, n).
    """
    x = centred(patterns)
    square = overlap(x, x)
    return float(np.sum(x**2) ** 2 / square) if square > 0 else float("nan")
