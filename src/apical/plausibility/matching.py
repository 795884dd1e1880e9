"""Statistical comparison of feedback weights with the weights that backpropagation would use.

Under the null hypothesis the two are independent, so that it does not matter which neuron has which
weights. A permutation test exchanges whole neurons, and is therefore right for few neurons and for
heavy-tailed weights (Good 2005, Permutation, Parametric, and Bootstrap Tests of Hypotheses,
doi:10.1007/b138696). Copies to the last bit need no statistics: independent draws never coincide.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from math import comb, factorial, gamma, lgamma, pi

import numpy as np

from apical._base import seeds
from apical._base.rounding import is_flat

ALPHA = 1e-3
"""Probability of a false alarm for the whole of a network: it is divided by its tests."""

MOST_NEURONS, MOST_PERMUTATIONS, MOST_EXACT = 1000, 20_000, 7
"""Neurons and permutations that are sampled; up to how many neurons all permutations are tried."""
_WORK = 500_000
"""Neurons times permutations."""
_TAIL = 0.0125
"""Fraction of permutations to which a tail is fitted (Knijnenburg et al. 2009,
doi:10.1093/bioinformatics/btp211)."""
_SHIFTS = 20
"""Other orders in which coincidences by chance are counted."""
_MANY = 40
"""Neurons from which rows of two values never coincide."""
_NEAR, _RARE = (1e-3, 1e-2, 0.1), 1e-9
"""Relative widths within which ratios count as equal, and how improbable as many must be."""
_MOST_ROWS = 128
"""Sources up to which all orders are tried in which weights may have been exchanged."""
_BY_HAND = 33
"""Weights of fewer steps than this of one size are taken to be written by hand, or quantised."""
_SAME = 3e-7
"""Angle [rad] below which two directions coincide: rounding to single precision."""

TESTS = ("correlation", "sign agreement", "rank agreement", "rank agreement of sizes", "cosines")
"""Tests that `compare` makes, where they are defined."""


@dataclass(frozen=True)
class Test:
    """One permutation test of independence.

    Parameters
    ----------
    name
        One of `TESTS`, or "equal ratios": copies with a little noise, as of a few neurons.
    value
        Statistic: Pearson's or Spearman's correlation, the fraction of equal signs, the fourth root
        of the mean fourth power of the cosines of single neurons, or the fraction of weights whose
        ratios to those that they are compared with are equal within `_NEAR`.
    p
        Probability of a value as far from independence, if the two are independent.
    seen_from
        The smallest value that would have been significant; NaN where none could be.
    """

    __test__ = False  # not one of pytest's

    name: str
    value: float
    p: float
    seen_from: float


@dataclass(frozen=True)
class Match:
    """How far feedback weights agree with those of backpropagation.

    Parameters
    ----------
    n_neurons, n
        Neurons that were exchanged, and weights that were compared.
    angle
        Angle between the two matrices [deg].
    tests
        Tests of independence.
    copies
        Coincidences to the last bit, in words, ``{}`` for the forward weights; each has a
        negligible probability by chance.
    """

    n_neurons: int
    n: int
    angle: float
    tests: tuple[Test, ...]
    copies: tuple[str, ...]

    def significant(self, alpha: float) -> tuple[Test, ...]:
        """Return the tests that are significant at a level, corrected for their number."""
        return tuple(t for t in self.tests if t.p * len(TESTS) < alpha)


def compare(back: np.ndarray, forward: np.ndarray, alpha: float = ALPHA) -> Match:
    """Compare feedback weights with the transposed forward weights.

    Parameters
    ----------
    back, forward
        Both of shape (n_sources, n_neurons) [dimensionless]: the feedback onto each neuron, and
        what backpropagation would use in its place.
    alpha
        Level of significance, for `Test.seen_from`.
    """
    norms = np.linalg.norm(back) * np.linalg.norm(forward)
    cosine = float(np.sum(back * forward) / norms) if norms else 0.0
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    found = copies(back, forward)
    kept = (back != 0).any(0) & (forward != 0).any(0), (back != 0).any(1) & (forward != 0).any(1)
    back, forward = (m[np.ix_(kept[1], kept[0])] for m in (back, forward))
    wired = (back != 0) & (forward != 0)
    if wired.mean() < 0.95 if wired.size else True:  # sparse: only weights that both have
        back, forward = back[wired][np.newaxis], forward[wired][np.newaxis]
    if back.shape[1] > MOST_NEURONS:
        chosen = seeds.stream(0, "permutation of neurons").permutation(back.shape[1])
        back, forward = (m[:, np.sort(chosen[:MOST_NEURONS])] for m in (back, forward))
    tests = (*_tests(back, forward, alpha / len(TESTS)), *_near(back, forward)) if back.size else ()
    return Match(back.shape[1], back.size, angle, tests, found)


def copies(back: np.ndarray, forward: np.ndarray) -> tuple[str, ...]:
    """Return coincidences to the last bit, as in `Match.copies`; parameters as in `compare`."""
    found = (*_entries(back, forward), *_columns(back, forward), *_rows(back, forward))
    return found or (*_others_rows(back, forward), *_spans(back, forward))


# ---- permutation tests ---------------------------------------------------------------------------


def _tests(back: np.ndarray, forward: np.ndarray, alpha: float) -> Iterator[Test]:
    """Yield every test that is defined: a constant has no correlation."""
    forms: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
        ("correlation", np.asarray),
        ("sign agreement", np.sign),
        ("rank agreement", _ranks),
        ("rank agreement of sizes", lambda m: _ranks(np.abs(m))),
    )
    for name, form in forms:
        a, b = form(back), form(forward)
        if is_flat(a) or is_flat(b):
            continue
        a, b = a - a.mean(), b - b.mean()
        gram = a.T @ b / (np.linalg.norm(a) * np.linalg.norm(b))
        found = _test(name, gram, alpha, two_sided=True)
        if name == "sign agreement":
            value = float(np.mean(np.sign(back) == np.sign(forward)))
            found = Test(name, value, found.p, (1 + found.seen_from) / 2)
        yield found
    if len(back) > 1:
        yield _test("cosines", (_directed(back).T @ _directed(forward)) ** 4, alpha)


def _ranks(matrix: np.ndarray) -> np.ndarray:
    """Return ranks, ties with their mean; SciPy's would take longer to import than all else."""
    _, places, counts = np.unique(matrix, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(ranks[places.reshape(matrix.shape)])


def _directed(matrix: np.ndarray) -> np.ndarray:
    """Return columns of length 1; those of zeros stay."""
    norms = np.linalg.norm(matrix, axis=0)
    return matrix / np.where(norms == 0, 1, norms)


def _test(name: str, gram: np.ndarray, alpha: float, *, two_sided: bool = False) -> Test:
    """Test the sum of a statistic over pairs of neurons, shape (n, n), that belong together."""
    n = len(gram)
    null = gram.ravel().take(_places(n)).sum(axis=0)
    middle = float(gram.sum() / n)  # mean over all permutations
    value = float(np.trace(gram))
    away, far = (abs(value - middle), abs(null - middle)) if two_sided else (value, null)
    far.sort()
    p = _tail(far, away, exact=n <= MOST_EXACT)
    least = _threshold(far, alpha, exact=n <= MOST_EXACT)
    if name == "cosines":
        return Test(name, (value / n) ** 0.25, p, (least / n) ** 0.25)
    return Test(name, value, p, least)


@lru_cache(maxsize=4)  # of megabytes each
def _places(n: int) -> np.ndarray:
    """Return where the pairs of each permutation stand in a matrix of pairs, as it lies in memory.

    Shape (n, n_permutations): adding row after row is several times as fast as adding each by
    itself.
    """
    return np.ascontiguousarray((_orders(n) + n * np.arange(n)).T)


def _orders(n: int) -> np.ndarray:
    """Return permutations of neurons, shape (n_permutations, n): all of few, else a sample."""
    if n <= MOST_EXACT:
        return np.array(list(permutations(range(n))), dtype=np.intp).reshape(factorial(n), n)
    number = max(min(MOST_PERMUTATIONS, _WORK // n), 1000)
    rng = seeds.stream(0, "permutation test", index=n)
    return rng.permuted(np.tile(np.arange(n), (number, 1)), axis=1)


def _tail(null: np.ndarray, value: float, *, exact: bool) -> float:
    """Return the probability of a value or a larger one.

    Beyond the sampled permutations, a generalised Pareto distribution is fitted to their tail by
    its moments; it is never taken to be bounded.
    """
    more = len(null) - int(np.searchsorted(null, value * (1 - 1e-12)))
    if exact:
        return more / len(null)
    if more >= 10:
        return (more + 1) / (len(null) + 1)
    base, scale, shape, share = _pareto(null)
    if not scale:
        return (more + 1) / (len(null) + 1)
    excess = (value - base) / scale
    if shape < 1e-6:
        return float(share * np.exp(-excess))
    return float(share * (1 + shape * excess) ** (-1 / shape))


def _threshold(null: np.ndarray, alpha: float, *, exact: bool) -> float:
    """Return the smallest value whose tail is less probable than `alpha`; NaN if there is none."""
    if exact:
        allowed = int(alpha * len(null))  # permutations, of which the true one is one
        return float(null[-allowed]) if allowed else np.nan
    if alpha * len(null) >= 10:
        return float(np.quantile(null, 1 - alpha))
    base, scale, shape, share = _pareto(null)
    if shape < 1e-6:
        return float(base + scale * np.log(share / alpha))
    return float(base + scale / shape * ((share / alpha) ** shape - 1))


def _pareto(null: np.ndarray) -> tuple[float, float, float, float]:
    """Return where the tail begins, its scale and shape, and the share of permutations in it."""
    number = max(int(_TAIL * len(null)), 25)
    base = float(null[-number - 1])
    excess = null[-number:] - base
    mean, spread = float(excess.mean()), float(excess.var())
    if not spread:
        return base, mean, 0.0, number / len(null)
    shape = max(0.5 * (1 - mean**2 / spread), 0.0)
    return base, mean * (1 - shape), shape, number / len(null)


def _near(back: np.ndarray, forward: np.ndarray) -> Iterator[Test]:
    """Yield whether many single weights have nearly one and the same ratio.

    Of a few neurons there are too few permutations for any other test.
    """
    kept = (back != 0) & (forward != 0)
    a, b = back[kept], forward[kept]
    if len(a) < 5 or _is_discrete(a) or _is_discrete(b):
        return
    for width in _NEAR:
        number = _most_alike(a, b, width, is_signed=True)
        log_p = _log_chance(len(a), number, width)
        if number < 3 or number < width * len(a) or log_p > np.log(_RARE):
            continue
        by_chance = max(_most_alike(a, other, width, is_signed=True) for other in _shifted(b))
        if number > 2 * by_chance:
            yield Test("equal ratios", number / len(a), float(np.exp(log_p)), np.nan)
            return


# ---- copies --------------------------------------------------------------------------------------


def _columns(back: np.ndarray, forward: np.ndarray) -> Iterator[str]:
    found = _parallel(back.T, forward.T)
    if found:
        some = "all" if found == back.shape[1] else str(found)
        yield f"have exactly the direction of {{}} at {some} of {back.shape[1]} neurons"


def _rows(back: np.ndarray, forward: np.ndarray) -> Iterator[str]:
    found = _parallel(back, forward)
    if found:
        some = "all" if found == len(back) else str(found)
        yield f"are exact multiples of {{}} from {some} of {len(back)} neurons"


def _others_rows(back: np.ndarray, forward: np.ndarray) -> Iterator[str]:
    """Yield how many rows are those of another source, as where classes are exchanged.

    Rows in other orders, each a multiple of a row of the others.
    """
    n = len(back)
    if n > _MOST_ROWS or back.shape[1] < 3:
        return
    orders = (np.roll(np.arange(n), k) for k in range(n))
    found = sum(_parallel(back, forward[order], is_ordered=False) for order in orders)
    if found:
        some = "all" if found == n else str(found)
        yield f"are exact multiples of {{}} from other neurons at {some} of {n} neurons"


def _spans(back: np.ndarray, forward: np.ndarray) -> Iterator[str]:
    """Yield whether rows are mixtures of the others', as of a rotation of the classes.

    Of independent rows that are fewer than half as many as neurons, no mixture is one of the
    others.
    """
    kept = (back != 0).any(1) & (forward != 0).any(1)
    a, b = back[kept], forward[kept]
    if len(a) < 2 or 2 * len(a) > a.shape[1]:
        return
    if a.shape[1] < _MANY and (_is_discrete(a) or _is_discrete(b)):
        return  # rows of few distinct values may coincide
    shared = _shared_rank(a, b)
    if shared > 0 and shared > 2 * max(_shared_rank(a, other.T) for other in _shifted(b.T)):
        yield f"are mixtures of {{}} in {shared} of {len(a)} dimensions"


def _shared_rank(a: np.ndarray, b: np.ndarray) -> int:
    """Return the dimension of what the rows of both span together."""
    rank = np.linalg.matrix_rank
    scaled = [m / (np.linalg.norm(m) or 1) for m in (a, b)]
    return int(rank(a, rtol=1e-6) + rank(b, rtol=1e-6) - rank(np.concatenate(scaled), rtol=1e-6))


def _parallel(a: np.ndarray, b: np.ndarray, *, is_ordered: bool = True) -> int:
    """Count rows of the same direction, where chance would not make as many.

    Rows with fewer than two weights, or whose weights are all alike, have no direction that could
    have been copied, and neither has a matrix whose rows are all parallel.
    """
    if _is_discrete(a) or _is_discrete(b):
        return 0
    n = a.shape[1]
    told = [(m != 0).sum(1) > 1 for m in (a, b)] + [~is_flat(m, axis=1) for m in (a, b)]
    kept = np.logical_and.reduce(told)
    if n < 2 or not kept.any() or _is_common(a[kept]) or _is_common(b[kept]):
        return 0
    a, b = _directed(a[kept].T).T, _directed(b[kept].T).T
    found = _as_directed(a, b)
    # the share of directions, in n dimensions, within an angle of a line
    chance = min(2 * gamma(n / 2) / (pi**0.5 * gamma((n - 1) / 2) * (n - 1)) if n < 100 else 1, 1)
    chance *= _SAME ** (n - 1)
    if not found or comb(len(a), found) * chance**found > 1e-6:
        return 0
    if not is_ordered:
        return found
    by_chance = max((_as_directed(a, other) for other in _shifted(b)), default=0)
    return found if found > 2 * by_chance else 0


def _shifted(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield rows in other orders, in which none has kept its place."""
    for shift in range(1, min(len(values), _SHIFTS + 1)):
        yield np.roll(values, shift, axis=0)


def _as_directed(a: np.ndarray, b: np.ndarray) -> int:
    """Count rows of length 1 that are parallel."""
    off = np.linalg.norm(a - np.sum(a * b, axis=1, keepdims=True) * b, axis=1)
    return int((off < _SAME).sum())


def _is_discrete(weights: np.ndarray) -> bool:
    """Say whether there are so few distinct values that coincidences are due to chance."""
    there = np.abs(weights[weights != 0])
    if len(np.unique(there)) < 0.5 * len(there):
        return True
    steps = there / there.min(initial=np.inf)  # small whole numbers, as one writes them by hand
    return bool(np.all((steps < _BY_HAND) & (np.abs(steps - np.round(steps)) < 1e-9)))


def _is_common(rows: np.ndarray) -> bool:
    """Say whether several rows all have one direction, for instance by a rule of connection."""
    if len(rows) < 2:
        return False
    directed = _directed(rows.T).T
    off = directed - (directed @ directed[0])[:, np.newaxis] * directed[0]
    return bool((np.linalg.norm(off, axis=1) < _SAME).all())


def _entries(back: np.ndarray, forward: np.ndarray) -> Iterator[str]:
    """Yield how many single weights have one and the same ratio: those copied, and scaled."""
    kept = (back != 0) & (forward != 0)
    a, b = back[kept], forward[kept]
    if len(a) < 3 or _is_discrete(a) or _is_discrete(b):
        return
    rounded = all(np.array_equal(m, m.astype(np.float32)) for m in (a, b))
    width = 4e-7 if rounded else 1e-12
    number = _most_alike(a, b, width)
    if number < 3 or _log_chance(len(a), number, width) > np.log(1e-6):
        return
    # products of few distinct values have many values, but their ratios still coincide
    if number > 2 * max(_most_alike(a, other, width) for other in _shifted(b)):
        some = "all" if number == len(a) else str(number)
        yield f"are one exact multiple of {{}} at {some} of {len(a)} synapses"


def _log_chance(n: int, number: int, width: float) -> float:
    """Return the logarithm of how probable it is that so many of n ratios are as alike.

    Those within a width of a given one are Poisson, of a density of at most 1/2 per unit of log.
    """
    return float(np.log(n) + (number - 1) * np.log(0.5 * width * n) - lgamma(number))


def _most_alike(a: np.ndarray, b: np.ndarray, width: float, *, is_signed: bool = False) -> int:
    """Return how many ratios at most lie within a relative width of each other."""
    ratio = np.log(np.abs(a / b))
    if is_signed:  # those of either sign far from the others
        ratio = ratio + np.where(a * b > 0, 1, -1) * (np.ptp(ratio) + 1)
    ratio = np.sort(ratio)
    last = np.searchsorted(ratio, ratio + width, side="right")
    return int((last - np.arange(len(ratio))).max())
