"""Permutation tests of weights, against values by hand, exact distributions and known truths."""

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
from ground_truth import CHEATS, network

from apical.plausibility import audit, matching
from apical.plausibility.matching import ALPHA, TESTS, compare
from apical.plausibility.structure import rule_of, without_profile


def test_of_three_neurons_every_order_is_tried() -> None:
    # the true order is the best of 3! = 6 one-sided, and no order of the other sign is as good
    match = compare(np.array([[1.0, 2.0, 4.0]]), np.array([[1.0, 2.5, 4.5]]))
    found = {test.name: test for test in match.tests}
    assert found["correlation"].p == pytest.approx(1 / 6)
    assert np.isnan(found["correlation"].seen_from)  # no value could have been significant
    assert not match.significant(ALPHA)


def test_p_values_are_those_of_all_permutations() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    orders = permutations(range(5))
    null = np.array([np.corrcoef(a.ravel(), b[:, order].ravel())[0, 1] for order in orders])
    r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
    found = {test.name: test for test in compare(a, b).tests}["correlation"]
    assert found.value == pytest.approx(r)
    as_far = np.abs(null - null.mean()) >= np.abs(r - null.mean()) - 1e-12
    assert found.p == pytest.approx(as_far.mean(), abs=1e-9)


@pytest.mark.parametrize("kind", ["normal", "log-normal", "cauchy", "binary"])
def test_false_alarms_are_as_rare_as_promised(kind: str) -> None:
    draw = {
        "normal": lambda rng: rng.normal(size=(4, 12)),
        "log-normal": lambda rng: rng.lognormal(0, 1, (4, 12)),
        "cauchy": lambda rng: rng.standard_cauchy((4, 12)),
        "binary": lambda rng: rng.choice([-1.0, 1.0], (4, 12)),
    }[kind]
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        match = compare(draw(rng), draw(rng))
        alarms += bool(match.significant(0.05)) + bool(match.copies)
    assert alarms <= 8  # 0.05 of 40 is 2; of 9 or more, the probability is 0.0002


def test_the_smallest_alignment_that_would_have_been_seen_is_seen() -> None:
    rng = np.random.default_rng(3)
    w, noise = rng.normal(size=(2, 5, 60))
    seen = {t.name: t for t in compare(noise, w).tests}["correlation"].seen_from
    assert 0.1 < seen < 0.5
    for size, is_seen in ((1.5 * seen, True), (0.3 * seen, False)):
        # of correlation `size` to w, up to what noise correlates with it by chance
        residual = noise - w * np.sum(noise * w) / np.sum(w * w)
        mixed = size * w / w.std() + np.sqrt(1 - size**2) * residual / residual.std()
        named = {t.name for t in compare(mixed, w).significant(ALPHA)}
        assert ("correlation" in named) is is_seen


def test_angles_and_copies_by_hand() -> None:
    w = np.array([[1.0, 0.3, -2.0], [0.5, 1.7, 1.1]])
    assert compare(w, w).angle == pytest.approx(0, abs=1e-5)
    assert compare(-w, w).angle == pytest.approx(180)
    assert compare(w, w).copies[0] == "are one exact multiple of {} at all of 6 synapses"
    scaled = w * np.array([0.1, 3.0, 7.0])
    assert compare(scaled, w).copies[0] == "have exactly the direction of {} at all of 3 neurons"
    turned = np.array([[-0.5, -1.7, -1.1], [1.0, 0.3, -2.0]])  # at right angles, neuron by neuron
    assert "from other neurons at all of 2" in compare(turned, w).copies[0]
    turned *= [2.0, 3.0, 5.0]
    assert compare(turned, w).angle == pytest.approx(90)
    assert not compare(turned, w).copies


def test_ranks_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).integers(0, 5, (4, 6)).astype(float)
    expected = scipy.stats.rankdata(values, axis=None).reshape(values.shape)
    np.testing.assert_array_equal(matching._ranks(values), expected)


def test_single_precision_is_still_a_copy() -> None:
    rng = np.random.default_rng(1)
    w = rng.normal(size=(4, 9)).astype(np.float32).astype(float)
    assert compare((0.3 * w).astype(np.float32).astype(float), w).copies


def test_every_test_finds_what_only_it_can() -> None:
    rng = np.random.default_rng(2)
    w = rng.normal(size=(6, 50))
    cases = {
        "correlation": w + rng.normal(size=w.shape),
        "sign agreement": np.sign(w) * rng.pareto(0.5, w.shape),
        "rank agreement": np.exp(4 * w),
        "rank agreement of sizes": rng.choice([-1, 1], w.shape) * np.abs(w),
        "cosines": np.where(
            np.arange(50) < 8, w + 0.2 * rng.normal(size=w.shape), rng.normal(size=w.shape)
        ),
    }
    assert {*cases} == {*TESTS}
    for name, back in cases.items():
        assert name in {test.name for test in compare(back, w).significant(ALPHA)}, name


@pytest.mark.parametrize(
    ("weights", "rule"),
    [
        (np.full((3, 7), 0.2), "uniform"),
        (0.5 * np.eye(6), "one-to-one"),
        (np.eye(6)[[2, 0, 1, 5, 4, 3]], "one-to-one"),
        (np.exp(-np.abs(np.subtract.outer(np.arange(8), np.arange(8)))), "by distance"),
        (np.exp(-np.abs(np.subtract.outer((np.arange(20) + 0.5) / 20, (np.arange(6) + 0.5) / 6))),
         "by distance"),
    ],
)  # fmt: skip
def test_wiring_by_a_rule_is_named(weights: np.ndarray, rule: str) -> None:
    assert rule_of(weights).startswith(rule)


@pytest.mark.parametrize("shape", [(3, 20), (8, 8), (16, 9), (1, 5), (2, 2)])
def test_random_weights_follow_no_rule(shape: tuple[int, int]) -> None:
    for seed in range(20):
        assert not rule_of(np.random.default_rng(seed).normal(size=shape))
    assert not rule_of(np.diag(np.arange(1.0, 7.0)))  # one-to-one, of sizes that say something


def test_profiles_are_taken_out_and_copies_stay() -> None:
    rng = np.random.default_rng(0)
    hat = np.exp(-((np.subtract.outer(np.arange(20), np.arange(20)) / 4.0) ** 2))
    a, b = (hat * rng.lognormal(0, 0.3, hat.shape) for _ in range(2))
    assert compare(a, b).significant(ALPHA)  # because both fall with distance
    left, right, why = without_profile(a, b)
    assert "distance" in why and not compare(left, right).significant(ALPHA)
    left, right, _ = without_profile(a, a)
    assert compare(left, right).copies
    random = rng.normal(size=(20, 20))
    assert without_profile(random, random)[0] is random


@pytest.mark.parametrize("places", [(0.0, -1.0), (0.0, 0.0), (0.5, 0.0)])
def test_profiles_over_distances_that_are_all_different(places: tuple[float, float]) -> None:
    """30 neurons beside 8: no two pairs are as far apart, and noise adds to the profile."""
    rng = np.random.default_rng(0)
    rows, columns = ((np.arange(n) + places[0]) / (n + places[1]) for n in (30, 8))
    away = np.abs(np.subtract.outer(rows, columns))
    hat = np.exp(-(away**2) / 0.02) - 0.4 * np.exp(-(away**2) / 0.1)
    a, b = (hat + 0.2 * rng.normal(size=hat.shape) for _ in range(2))
    left, right, why = without_profile(a.T, b.T)
    assert why and not compare(left, right).significant(ALPHA)
    left, right, why = without_profile(a.T, (a + 0.1 * b).T)
    assert compare(left, right).significant(ALPHA)


def test_synapses_that_do_not_exist_are_no_part_of_a_profile() -> None:
    rng = np.random.default_rng(0)
    near = np.abs(np.subtract.outer(np.arange(40) / 40, np.arange(10) / 10)) < 0.15
    left, right, _ = without_profile(*(near * rng.uniform(size=near.shape) for _ in range(2)))
    assert not (left * ~near).any()
    assert not compare(left.T, right.T).significant(ALPHA)


def test_copies_of_a_few_neurons_with_a_little_noise() -> None:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 5))
    for noise in (1e-4, 1e-3, 1e-2):
        near = 0.7 * w * (1 + noise * rng.normal(size=w.shape))
        assert [t.name for t in compare(near, w).significant(ALPHA)] == ["equal ratios"]
    for positive in (rng.uniform(0.99, 1.01, (2, 3, 5)), rng.uniform(0, 1, (2, 3, 5))):
        assert not compare(*positive).significant(ALPHA)


def test_exchanged_classes() -> None:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(10, 12))
    assert "from other neurons at all of 10" in compare(w[rng.permutation(10)], w).copies[0]


@pytest.mark.parametrize("seed", range(25))
def test_no_honest_network_is_refused(seed: int) -> None:
    net, what = network(seed)
    assert audit(net).is_local, (what, audit(net).faults)


@pytest.mark.parametrize("cheat", CHEATS)
def test_every_copy_is_caught(cheat: str) -> None:
    for seed in range(2):
        net, what = network(10_000 + seed, cheat)
        assert audit(net).about("weight transport"), what
        assert not audit(net).is_local, what


@pytest.mark.slow
def test_error_rates_over_many_networks() -> None:
    """At most 1 of 300 honest networks is refused, and at most 2 of 140 copies are missed."""
    refused = sum(not audit(network(seed)[0]).is_local for seed in range(100, 400))
    missed = sum(
        audit(network(20_000 + seed, cheat)[0]).is_local for cheat in CHEATS for seed in range(10)
    )
    assert refused <= 1 and missed <= 2
