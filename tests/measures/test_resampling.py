"""Bootstrap, permutation tests and corrections against independent computations."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from apical.measures.resampling import (
    benjamini_hochberg,
    distribution_test,
    divided,
    holm,
    interval_of,
    membership,
    orders,
    p_value,
    resampled,
    staged,
    wasserstein,
)


@pytest.mark.parametrize(("ours", "method"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_corrections_equal_those_of_statsmodels(ours: object, method: str) -> None:
    p = np.random.default_rng(0).random(40) ** 3
    assert np.allclose(ours(p), multipletests(p, method=method)[1])  # type: ignore[operator]
    some = np.where(np.arange(40) % 3, p, np.nan)
    found = ours(some)  # type: ignore[operator]
    known = ~np.isnan(some)
    assert np.isnan(found[~known]).all()
    assert np.allclose(found[known], multipletests(some[known], method=method)[1])


def test_the_test_of_distributions_equals_that_of_scipy() -> None:
    draw = np.random.default_rng(1)
    for shift in (0.0, 0.6):
        one, other = draw.normal(0, 1, 20), draw.normal(shift, 1, 30)
        distance, p = distribution_test(one, other, draw, 9999)
        found = stats.permutation_test(
            (one, other),
            stats.wasserstein_distance,
            n_resamples=1999,
            alternative="greater",
            random_state=np.random.default_rng(0),
        )
        assert np.isclose(distance, found.statistic) and np.isclose(
            distance, wasserstein(one, other)
        )
        assert abs(p - found.pvalue) < 0.04


def test_values_that_are_all_equal_do_not_differ() -> None:
    assert distribution_test(np.ones(5), np.ones(6), np.random.default_rng(0), 99) == (0.0, 1.0)
    distance, p = distribution_test(np.ones(1), np.ones(6), np.random.default_rng(0), 99)
    assert distance == 0 and np.isnan(p)


def test_few_classes_have_all_their_orders_once() -> None:
    found = orders(4, 1000, np.random.default_rng(0))
    assert len(np.unique(found, axis=0)) == len(found) == 23
    assert p_value(1.0, np.zeros(len(found))) == 1 / 24
    many = orders(12, 50, np.random.default_rng(0))
    assert many.shape == (50, 12) and (np.sort(many, axis=1) == np.arange(12)).all()


def test_a_test_ends_early_only_where_nothing_is_found() -> None:
    drawn: list[int] = []

    def some(times: int) -> np.ndarray:
        drawn.append(times)
        return np.linspace(0, 1, times)

    assert len(staged(0.5, some, 5000)) == 999 and drawn == [999]
    assert len(staged(0.999, some, 5000)) == 5000 and drawn[1:] == [999, 4001]


def test_resamples_keep_classes_and_begin_with_the_data() -> None:
    labels = np.repeat([0, 1, 2], [2, 5, 9])
    found = resampled(labels, 7, np.random.default_rng(0), 30)
    assert (found.trials[0] == 1).all() and (found.weights[0] == 1).all()
    for kind, n in enumerate((2, 5, 9)):
        assert (found.trials[:, labels == kind].sum(axis=1) == n).all()
    assert (found.weights.sum(axis=1) == 7).all() and len(found) == 31
    half = divided(labels, np.random.default_rng(0))
    assert [int(half[labels == kind].sum()) for kind in range(3)] == [1, 3, 5]
    assert (membership(3, 8, np.random.default_rng(0), 20).sum(axis=1) == 3).all()


def test_intervals_hold_the_mean_of_neurons_and_trials() -> None:
    """Neurons and trials are both random, so the truth is that of the population."""
    draw, held = np.random.default_rng(0), 0
    for _ in range(200):
        own, shared = draw.normal(0, 1, 20), draw.normal(0, 0.5, 30)
        data = own + shared[:, None] + draw.normal(0, 1, (30, 20))
        some = resampled(np.zeros(30, int), 20, draw, 200)
        means = np.take_along_axis(some.trials @ data / 30, some.neurons, axis=1).mean(axis=1)
        low, high = interval_of(means)
        held += low <= 0 <= high
    assert 0.90 <= held / 200 <= 0.99


def test_an_interval_of_what_is_mostly_undefined_is_undefined() -> None:
    assert np.isnan(interval_of(np.array([1.0, np.nan, np.nan, 2.0, np.nan]))).all()
    assert np.isnan(interval_of(np.array([np.nan, 1.0, 2.0, 3.0]))).all()
