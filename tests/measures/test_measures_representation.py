"""Representation: rotations, permutations and noise, whose likeness and dimension are known."""

from dataclasses import replace

import numpy as np
import pytest
from made_records import poisson, records, tuned
from scipy.stats import ortho_group, spearmanr

from apical._base.rounding import ROUNDING
from apical.errors import DataError
from apical.measures import kernels, representation
from apical.measures.representation import (
    cka,
    cka_by_chance,
    class_means,
    dissimilarities,
    participation_ratio,
    rdm,
    rdm_similarity,
    scaled_ranks,
    similarities,
    similarity,
)
from apical.records.arrays import Records


def two_layers(seed: int = 0, n_trials: int = 60) -> Records:
    """Return spikes of a layer, and activities of another that is a rotation of their rates."""
    labels, rates = tuned(n_trials, 12, 5, 40.0, seed)
    made = records({"a": (poisson(rates, 200.0, seed), 12)}, labels, 200.0)
    turned = made.rates("a") @ ortho_group.rvs(12, random_state=1)
    return replace(
        made,
        units={**made.units, "b": made.units["a"]},
        signals={"b.x": turned[:, None]},
    )


def features_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return CKA from cross-covariances, the other formula of Kornblith et al."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(x.T @ y) ** 2 / norms)


def gram_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return CKA from Gram matrices, centred by a centring matrix."""
    centre = np.eye(len(x)) - 1 / len(x)
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    return float(np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m)))


@pytest.mark.parametrize(("n", "n_x", "n_y"), [(30, 4, 6), (8, 40, 50), (20, 100, 2)])
def test_cka_is_that_of_both_formulas(n: int, n_x: int, n_y: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (n, n_x)), rng.normal(-1, 5, (n, n_y))
    y[:, 0] += x[:, 0]
    assert cka(x, y) == pytest.approx(features_cka(x, y))
    assert cka(x, y) == pytest.approx(gram_cka(x, y))


def test_cka_of_rotated_and_scaled_copies_is_1() -> None:
    x = np.random.default_rng(0).normal(size=(40, 8))
    turned = 3 * x @ ortho_group.rvs(8, random_state=0) + 7
    assert cka(x, turned) == pytest.approx(1)
    assert cka(1e-9 * x, 1e9 * turned) == pytest.approx(1)
    assert cka(x, x**3) < 0.99


def test_cka_of_what_never_changes_is_not_defined() -> None:
    x = np.random.default_rng(0).normal(size=(10, 3))
    assert np.isnan(cka(x, np.full((10, 2), 0.1)))
    assert np.isnan(cka_by_chance(x, np.full((10, 2), 0.1)))
    assert np.isnan(cka(x, np.zeros((10, 0))))
    with pytest.raises(DataError, match="the same stimuli, got 10 and 9"):
        cka(x, x[1:])


def test_few_stimuli_are_alike_by_chance() -> None:
    """Independent noise of many neurons: CKA is high, and chance says so."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 400)), rng.normal(size=(10, 400))
    assert cka(x, y) > 0.9
    assert cka_by_chance(x, y) == pytest.approx(cka(x, y), abs=0.02)
    assert cka_by_chance(x, x) < cka(x, x)
    many, others = rng.normal(size=(5000, 5)), rng.normal(size=(5000, 5))
    assert cka_by_chance(many, others) < 0.01


@pytest.mark.parametrize("n", [1, 5, 20])
def test_isotropic_noise_has_as_many_dimensions_as_neurons(n: int) -> None:
    x = np.random.default_rng(0).normal(size=(20000, n))
    assert participation_ratio(x) == pytest.approx(n, rel=0.01)
    assert participation_ratio(x + 5) == pytest.approx(participation_ratio(x))


def test_dimensions_are_those_of_the_spectrum() -> None:
    rng = np.random.default_rng(1)
    for shape in ((200, 30), (10, 30)):
        x = rng.normal(size=shape) * rng.exponential(size=shape[1])
        spectrum = np.linalg.eigvalsh(np.cov(x.T))
        expected = spectrum.sum() ** 2 / (spectrum**2).sum()
        assert participation_ratio(x) == pytest.approx(expected)
    line = rng.normal(size=(50, 1)) * np.arange(1, 9)
    assert participation_ratio(line) == pytest.approx(1)
    assert np.isnan(participation_ratio(np.ones((5, 3))))


def test_dissimilarities_are_those_of_numpy() -> None:
    made = two_layers()
    classes, means = class_means(made.rates("a"), made.labels)
    by_hand = np.array([made.rates("a")[made.labels == c].mean(axis=0) for c in range(5)])
    np.testing.assert_allclose(means, by_hand)
    found = dissimilarities(made, "a")
    assert found.patterns.tolist() == classes.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.matrix, 1 - np.corrcoef(by_hand), atol=1e-12)
    far = dissimilarities(made, "a", measure="euclidean").matrix
    squares = ((by_hand[:, None] - by_hand) ** 2).mean(axis=2)
    np.testing.assert_allclose(far, squares, atol=1e-9)
    trials = dissimilarities(made, "a", of="trials")
    np.testing.assert_allclose(trials.matrix, 1 - np.corrcoef(made.rates("a")), atol=1e-12)
    assert trials.vector.shape == (60 * 59 / 2,)


def test_rsa_is_spearman_and_1_of_the_same() -> None:
    rng = np.random.default_rng(0)
    a, b = (rdm(rng.normal(size=(6, 9)), np.arange(6)) for _ in range(2))
    assert rdm_similarity(a, a) == pytest.approx(1)
    upper = np.triu_indices(6, 1)
    expected = spearmanr(a.matrix[upper], b.matrix[upper]).statistic
    assert rdm_similarity(a, b) == pytest.approx(expected)
    shuffled = rdm(rng.normal(size=(6, 9)), np.arange(1, 7))
    with pytest.raises(DataError, match="unequal stimuli"):
        rdm_similarity(a, shuffled)


def test_euclidean_distances_do_not_see_a_rotation() -> None:
    found = similarity(two_layers(), "a", two_layers(), "b", "euclidean")
    assert found.rsa == pytest.approx(1) and found.cka == pytest.approx(1)
    assert 0 < found.cka_by_chance < 0.8


def test_a_silent_class_has_no_correlation_distance() -> None:
    patterns = np.random.default_rng(0).exponential(size=(5, 4))
    patterns[2] = 0
    found = rdm(patterns, np.arange(5))
    assert found.defined.tolist() == [True, True, False, True, True]
    assert (
        np.isnan(found.matrix[2]).all() and np.isfinite(found.matrix[np.ix_([0, 1], [3, 4])]).all()
    )
    whole = rdm(np.random.default_rng(1).exponential(size=(5, 4)), np.arange(5))
    keep = [0, 1, 3, 4]
    without = rdm_similarity(rdm(patterns[keep], np.arange(4)), _sub(whole, keep))
    assert rdm_similarity(found, whole) == pytest.approx(without)
    assert rdm_similarity(whole, found) == pytest.approx(without)
    assert rdm(patterns, np.arange(5), "euclidean").defined.all()
    silent = rdm(np.zeros((5, 4)), np.arange(5))
    assert np.isnan(rdm_similarity(silent, whole))
    assert np.isnan(rdm_similarity(_sub(whole, [0, 1]), _sub(whole, [0, 1])))


def _sub(whole: representation.Dissimilarities, keep: list[int]) -> representation.Dissimilarities:
    part = whole.matrix[np.ix_(keep, keep)]
    return representation.Dissimilarities(part, np.arange(len(keep)), whole.measure)


def test_records_of_unequal_stimuli_are_refused() -> None:
    made = two_layers()
    others = {
        "samples": replace(made, samples=made.samples + 1),
        "labels": replace(made, labels=made.labels[::-1]),
        "values": replace(made, values=made.values + 1),
    }
    for name, other in others.items():
        with pytest.raises(DataError, match=f"Records of unequal stimuli .*: their {name} differ"):
            similarities(made, other)


def test_similarities_are_of_the_populations_that_both_have() -> None:
    made = two_layers()
    only_a = replace(made, units={"a": made.units["a"]}, signals={}, spikes={"a": made.spikes["a"]})
    found = similarities(made, only_a)
    assert list(found) == ["a"] and found["a"].cka == pytest.approx(1)
    assert found["a"].rsa == pytest.approx(1)
    with pytest.raises(DataError, match="share no population: a, b and none"):
        similarities(made, replace(made, units={}, signals={}, spikes={}))


def test_too_many_patterns_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(representation, "LARGEST_RDM", 10)
    with pytest.raises(DataError, match="of 60 trials of 'a' is too large; 10 are possible"):
        dissimilarities(two_layers(), "a", of="trials")


def test_activity_that_is_not_finite_is_named() -> None:
    made = two_layers()
    made.signals["b.x"][3, 0, 1] = np.nan
    with pytest.raises(DataError, match="of 'b' is not finite in 1 of 60 trials, the first of th"):
        dissimilarities(made, "b")


def test_what_all_patterns_share_costs_euclidean_distances_no_precision() -> None:
    patterns = 1e8 + np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 4.0]])
    found = rdm(patterns, np.arange(3), "euclidean")
    by_hand = np.array([[0, 1, 25], [1, 0, 20], [25, 20, 0]]) / 2  # mean squares
    np.testing.assert_allclose(found.matrix, by_hand, rtol=1e-6)


def test_two_patterns_are_apart() -> None:
    patterns = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 2.0]])
    found = rdm(patterns, np.arange(2))
    by_hand = 1 - np.corrcoef(patterns)[0, 1]
    np.testing.assert_allclose(found.matrix, [[0, by_hand], [by_hand, 0]], atol=1e-12)


def test_rounding_of_dissimilarities_grows_with_what_they_are_made_of() -> None:
    """A change of 1 part of the size moves a correlation by twice as much of the spread."""
    patterns = np.array([[1.0, -1.0, 0.0], [2.0, 0.0, -2.0], [0.0, 3.0, -3.0]])
    spread = np.sqrt(np.mean(patterns**2))  # each has the mean 0
    for size in (3.0, 3e4):
        found = rdm(patterns, np.arange(3), size=size)
        assert found.rounding == pytest.approx(2 * ROUNDING * size / spread)


def test_ranks_of_ties_are_scaled_as_if_there_were_none_for_rho_a_alone() -> None:
    """Three values have ranks 1, 2, 3, of variance 2/3; with a tie 1.5, 1.5, 3, of variance 1/2."""
    values, ranks = np.array([0.1, 0.1, 0.7]), np.array([-0.5, -0.5, 1.0])
    np.testing.assert_allclose(scaled_ranks(values, 0.0, "rho-a"), ranks / np.sqrt(2 / 3))
    np.testing.assert_allclose(scaled_ranks(values, 0.0, "spearman"), ranks / np.sqrt(1 / 2))


@pytest.mark.parametrize("n", [5, 8])
def test_the_unbiased_overlap_is_that_of_song_et_al(n: int) -> None:
    """Song et al. 2007, eq. 5: from kernels without their diagonals."""
    rng = np.random.default_rng(n)
    x, y = (kernels.centred(rng.normal(size=(n, k))) for k in (3, 4))
    k, m = (part @ part.T for part in (x, y))
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    expected = np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2))
    expected -= 2 / (n - 2) * np.sum(k @ m)
    assert kernels._unbiased_overlap(x, y) == pytest.approx(expected, rel=1e-9)
