"""What neurons share in trials, against variances that are known, and what a test makes of it."""

import numpy as np
import pytest
from compared_pairs import ALONE, unrelated

from apical.measures.comparison import compare
from apical.measures.resampling import distribution_test
from apical.measures.shared_noise import Shift, in_common, left_out, shift_of


def test_single_trials_are_left_out_within_their_class() -> None:
    """The jackknife of a mean over strata: the sum of their squared standard errors."""
    draw = np.random.default_rng(0)
    labels = np.array(["a"] * 5 + ["b"] * 8)
    data = draw.normal(size=(13, 4)) + 10 * (labels == "b")[:, None]
    groups = left_out(labels)
    assert len(groups) == 13 and groups.freedom == 11
    assert (groups.trials.sum(axis=1) == 12).all()
    means = np.stack(
        [
            sum(kept[labels == k] @ data[labels == k] / kept[labels == k].sum() for k in "ab")
            for kept in groups.trials
        ]
    )
    apart = groups.deviations(means)
    variances = sum(data[labels == k].var(axis=0, ddof=1) / np.sum(labels == k) for k in ("a", "b"))
    np.testing.assert_allclose((apart**2).sum(axis=0), variances)


def test_many_trials_are_left_out_in_groups_of_all_classes() -> None:
    labels = np.random.default_rng(0).permutation(np.arange(3000) % 7)
    groups = left_out(labels)
    assert len(groups) <= 120 and groups.freedom >= 80
    for kind in range(7):
        stratum = groups.stratum[groups.group[labels == kind]]
        assert len(np.unique(stratum)) == 1
        sizes = np.bincount(groups.group[labels == kind])
        assert np.ptp(sizes[sizes > 0]) <= 1
    data = np.random.default_rng(1).normal(size=(3000, 200))
    kept = groups.trials @ data / groups.trials.sum(axis=1)[:, None]
    variance = (groups.deviations(kept) ** 2).sum(axis=0)
    assert variance.mean() == pytest.approx(1 / 3000, rel=0.05)


def test_a_trial_of_each_class_leaves_nothing_to_estimate() -> None:
    assert left_out(np.arange(4)).freedom == 0
    assert shift_of(np.zeros((4, 3)), np.zeros((4, 3)), (0, 0)) == Shift()


def test_what_is_shared_is_the_mean_covariance_of_pairs() -> None:
    apart = np.random.default_rng(0).normal(size=(20, 6)) + np.arange(20)[:, None]
    covariance = apart.T @ apart
    pairs = (covariance.sum() - np.trace(covariance)) / 30
    shared = in_common(apart.mean(axis=1), float(np.sum(apart**2)) / 36, 6)
    assert np.sum(shared**2) == pytest.approx(pairs)
    found = shift_of(apart, 2 * apart, (19, 9))
    assert found.variance == pytest.approx(5 * pairs)
    assert found.freedom == pytest.approx(25 / (1 / 19 + 16 / 9))


def test_neurons_that_share_nothing_are_hardly_shifted() -> None:
    apart = np.random.default_rng(0).normal(size=(40, 50))
    assert shift_of(apart, apart, (39, 39)).variance < 0.5 * 2 * 40 / 50


def test_a_difference_that_trials_may_have_made_is_no_difference() -> None:
    """Two means that differ by 1, with a standard error of 0.7 that all neurons share: z = 1.4."""
    draw = np.random.default_rng(0)
    one, other = draw.normal(0, 0.1, 40), draw.normal(1, 0.1, 40)
    alone = distribution_test(one, other, draw, 999)[1]
    shared = distribution_test(one, other, draw, 9999, Shift(0.5, 1e6))[1]
    assert alone == 0.001 and shared == pytest.approx(0.157, abs=0.04)
    t = distribution_test(one, other, draw, 9999, Shift(0.5, 3))[1]  # heavier tails
    assert t == pytest.approx(0.25, abs=0.05)


def test_samples_of_unequal_size_are_shifted_too() -> None:
    draw = np.random.default_rng(1)
    one, other = draw.normal(0, 0.1, 17), draw.normal(1, 0.1, 40)
    assert distribution_test(one, other, draw, 999)[1] == 0.001
    assert distribution_test(one, other, draw, 9999, Shift(0.5, 1e6))[1] > 0.1


@pytest.mark.slow
def test_a_gain_that_neurons_share_is_no_difference_of_fano_factors() -> None:
    """Without what is shared, 18 % of such pairs differ at a level of 5 %."""
    p = []
    for seed in range(60):
        network, recording = unrelated(seed, gain=0.6, neurons=(40, 40))
        rows = compare(network, recording, ALONE, resamples=2, permutations=199).rows
        p.append(next(row.p for row in rows if (row.measure, row.system) == ("fano", "network")))
    assert np.mean(np.array(p) <= 0.05) <= 0.1 and np.median(p) > 0.25
