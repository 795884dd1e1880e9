"""What is equal within rounding is equal: ties stay ties, what is flat has no likeness."""

from itertools import permutations

import numpy as np
import pytest
import rsatoolbox
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from apical._base.rounding import is_flat, is_nothing, on_grid, place_of_largest, ranks, tied
from apical.measures.kernels import cka, cka_by_chance, cka_debiased
from apical.measures.representation import (
    Dissimilarities,
    class_means,
    participation_ratio,
    rdm,
    rdm_similarity,
)

NOISE = [1e-16, 1e-15, 1e-14, 1e-13, 1e-11]


def matrix(vector: np.ndarray, n: int) -> np.ndarray:
    found = np.zeros((n, n))
    found[np.triu_indices(n, 1)] = vector
    return found + found.T


def dissimilar(vector: np.ndarray, n: int) -> Dissimilarities:
    return Dissimilarities(matrix(vector, n), np.arange(n), "correlation")


def with_ties(seed: int, n: int = 8) -> np.ndarray:
    """Return dissimilarities of which few differ, none a binary fraction."""
    return np.random.default_rng(seed).integers(1, 5, n * (n - 1) // 2) / 7


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("seed", range(5))
def test_ties_broken_by_rounding_stay_ties(seed: int, noise: float) -> None:
    rng = np.random.default_rng(100 + seed)
    one, other = with_ties(seed), with_ties(seed + 50)
    expected = spearmanr(one, other).statistic
    shaken = [v * (1 + noise * rng.uniform(-1, 1, v.shape)) for v in (one, other)]
    found = rdm_similarity(*(dissimilar(v, 8) for v in shaken))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("noise", [0.0, *NOISE])
def test_a_flat_dissimilarity_matrix_has_no_similarity(noise: float) -> None:
    rng = np.random.default_rng(0)
    other = dissimilar(rng.uniform(size=15), 6)
    for level in (1.0, 0.3, 1e-12, 1e12):
        flat = dissimilar(level * (1 + noise * rng.uniform(-1, 1, 15)), 6)
        for correlation in ("spearman", "rho-a"):
            assert np.isnan(rdm_similarity(flat, other, correlation))
            assert np.isnan(rdm_similarity(other, flat, correlation))


def test_patterns_that_are_as_unlike_as_any_have_no_similarity() -> None:
    """Each class has neurons of its own: all distances are the same but for rounding."""
    rng = np.random.default_rng(1)
    patterns = np.kron(np.eye(7), np.full(3, 0.1)) @ np.diag(np.full(21, 0.7)) + 0.1
    other = rdm(rng.normal(size=(7, 21)), np.arange(7))
    for measure in ("correlation", "euclidean"):
        same = rdm(patterns, np.arange(7), measure)
        assert np.isnan(rdm_similarity(same, other))


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("noise", NOISE)
def test_a_pattern_flat_within_rounding_has_no_distances(noise: float, size: float) -> None:
    rng = np.random.default_rng(0)
    patterns = size * rng.uniform(1, 5, (5, 12))
    patterns[2] = 4.7 * size * (1 + noise * rng.uniform(-0.5, 0.5, 12))
    less_its_mean = patterns - patterns.mean(axis=1, keepdims=True)
    for given_ in (patterns, less_its_mean):
        found = rdm(given_, np.arange(5))
        assert found.defined.tolist() == [True, True, False, True, True]
        assert np.isnan(found.matrix[2]).all()


def test_a_class_mean_flat_within_rounding_has_no_distances() -> None:
    """0.1 + 0.2 + 0.3 is another number than 0.3 + 0.2 + 0.1, and so is its mean."""
    orders = np.array(list(permutations([0.1, 0.2, 0.3])))
    rng = np.random.default_rng(0)
    patterns = np.concatenate([orders.T, rng.uniform(size=(9, 6))])
    _, means = class_means(patterns, np.repeat(np.arange(4), 3))
    assert np.ptp(means[0]) > 0
    assert rdm(means, np.arange(4)).defined.tolist() == [False, True, True, True]
    # responses that cancel leave nothing, whatever the last bits say
    cancel = np.concatenate([orders.T, -orders.T[::-1], rng.normal(size=(6, 6))])
    _, means = class_means(cancel, np.repeat([0, 1, 2], [6, 3, 3]))
    assert not means[0].any()


def test_rsa_of_tied_patterns_is_that_of_exact_ranks() -> None:
    """Distances between binary patterns are few numbers, whatever order they are summed in."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        bits = [
            rng.permuted(np.repeat([[0.0, 1.0]], 9, axis=0).repeat(6, axis=1), axis=1)
            for _ in range(2)
        ]
        # with as many ones in each pattern, the distance is a ratio of whole numbers
        upper = np.triu_indices(9, 1)
        differ = [(b[:, None] != b).sum(axis=2)[upper] for b in bits]
        expected = spearmanr(*differ).statistic
        for scale, shift in ((1, 0), (0.1, 0), (1e-12, 0), (0.3, 1000)):
            made = [rdm(scale * b + shift, np.arange(9)) for b in bits]
            assert rdm_similarity(*made) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
def test_rho_a_is_the_mean_over_all_ways_to_break_ties() -> None:
    one, other = np.array([1.0, 1, 2]), np.array([1.0, 2, 3])
    found = rdm_similarity(dissimilar(one, 3), dissimilar(other, 3), "rho-a")
    assert found == pytest.approx(0.75, abs=1e-12)
    assert rdm_similarity(dissimilar(one, 3), dissimilar(other, 3)) == pytest.approx(0.75**0.5)
    rng = np.random.default_rng(0)
    for seed in range(5):
        one, other = with_ties(seed), with_ties(seed + 50)
        broken = [
            spearmanr(one + 1e-6 * rng.uniform(size=28), other + 1e-6 * rng.uniform(size=28))
            for _ in range(4000)
        ]
        mean = np.mean([found.statistic for found in broken])
        spread = np.std([found.statistic for found in broken]) / np.sqrt(4000)
        found = rdm_similarity(dissimilar(one, 8), dissimilar(other, 8), "rho-a")
        assert found == pytest.approx(mean, abs=4 * spread)
        assert abs(found) < abs(rdm_similarity(dissimilar(one, 8), dissimilar(other, 8)))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 9), st.integers(2, 6))
def test_correlations_are_those_of_rsatoolbox(seed: int, n: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, most, (2, n * (n - 1) // 2)).astype(float)
    if np.ptp(one) and np.ptp(other):
        for correlation in ("spearman", "rho-a"):
            expected = rsatoolbox.rdm.compare(one[None], other[None], method=correlation)[0, 0]
            found = rdm_similarity(dissimilar(one, n), dissimilar(other, n), correlation)
            assert found == pytest.approx(expected, abs=1e-12)


def by_quadruples(x: np.ndarray, y: np.ndarray) -> float:
    """Return the unbiased HSIC as the mean over all four stimuli that differ."""
    k, m = x @ x.T, y @ y.T
    terms = [
        k[a, b] * m[a, b] + k[a, b] * m[c, d] - 2 * k[a, b] * m[a, c]
        for a, b, c, d in permutations(range(len(x)), 4)
    ]
    return float(np.mean(terms))


@pytest.mark.parametrize(("n", "n_x", "n_y"), [(4, 2, 3), (5, 20, 1), (7, 3, 40)])
def test_debiased_cka_is_the_mean_over_four_stimuli(n: int, n_x: int, n_y: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(5):
        x, y = rng.normal(3, 2, (n, n_x)), rng.normal(-1, 5, (n, n_y))
        y[:, 0] += x[:, 0]
        norm = by_quadruples(x, x) * by_quadruples(y, y)
        expected = by_quadruples(x, y) / np.sqrt(norm)
        assert cka_debiased(x, y) == pytest.approx(expected, rel=1e-9)
        assert cka_debiased(x, 3 * x[:, ::-1] + 7) == pytest.approx(1)


def test_debiased_cka_of_independent_responses_is_0_on_average() -> None:
    rng = np.random.default_rng(0)
    pairs = [rng.normal(size=(2, 10, 500)) for _ in range(300)]
    found = np.array([cka_debiased(*pair) for pair in pairs])
    assert abs(found.mean()) < 3 * found.std(ddof=1) / np.sqrt(len(found))
    assert found.min() < 0 < found.max()
    assert np.mean([cka(*pair) for pair in pairs[:20]]) > 0.95


def test_debiased_cka_that_is_not_defined() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 3))
    assert np.isnan(cka_debiased(x[:3], x[:3]))
    assert np.isnan(cka_debiased(x, 0.1 * np.ones((10, 2))))
    one_each = 0.3 * np.eye(10) + 0.1  # no stimulus is more like one than like another
    assert np.isnan(cka_debiased(x, one_each)) and np.isfinite(cka(x, one_each))


@pytest.mark.parametrize("noise", NOISE)
def test_responses_flat_within_rounding_have_no_alignment(noise: float) -> None:
    rng = np.random.default_rng(0)
    x, flat = rng.normal(size=(10, 3)), 7.3 * (1 + noise * rng.uniform(-0.5, 0.5, (10, 4)))
    for measure in (cka, cka_by_chance, cka_debiased):
        assert np.isnan(measure(x, flat)) and np.isnan(measure(flat, x))
    assert np.isnan(participation_ratio(flat))


def test_ties_are_no_wider_than_rounding() -> None:
    """Numbers close together all along a range are not one tie, nor is a tie cut."""
    chain = np.arange(1000) * 0.6e-10
    assert np.ptp(ranks(chain, 1e-10)) > 990
    assert len(np.unique(tied(chain, 1e-10))) == 500
    np.testing.assert_array_equal(ranks([3.0, 1.0, 3.0 + 1e-13, 2.0]), [3.5, 1, 3.5, 2])
    np.testing.assert_array_equal(ranks([1e-12, 2e-12, 1e-12 + 1e-25]), [1.5, 3, 1.5])
    assert tied(np.zeros((0, 3))).shape == (0, 3)


def test_what_is_nothing_is_so_beside_what_it_was_worked_out_from() -> None:
    assert is_nothing(1e-15, 10) and not is_nothing(1e-15, 1e-15)
    assert is_flat([5, 5 + 1e-12]) and not is_flat([0, 1e-12]) and is_flat([0, 1e-12], size=1)
    assert is_flat(np.zeros((3, 0)), axis=1).tolist() == [True] * 3
    assert place_of_largest([[1, 3, 3 + 1e-13]], axis=1).tolist() == [1]
    np.testing.assert_array_equal(on_grid([0.1 + 0.2, 0.3, 3]), on_grid([0.3, 0.3, 3]))
