"""Power of permutation tests: exact divisions, false positives, intervals that hold the truth."""

from itertools import combinations

import numpy as np
import pytest

from apical.errors import ParameterError
from apical.measures import power as module
from apical.measures.power import power


def test_p_values_are_those_of_all_divisions() -> None:
    rng = np.random.default_rng(0)
    for values in rng.normal(size=(5, 8)):
        observed = abs(values[:4].mean() - values[4:].mean())
        others = [
            abs(values[list(k)].mean() - np.delete(values, list(k)).mean())
            for k in combinations(range(8), 4)
        ]
        expected = np.mean(np.array(others) >= observed - 1e-12)
        assert module._p_values(values[None])[0] == pytest.approx(expected)


def test_equal_values_are_never_told_apart() -> None:
    assert power(np.full((6, 1), 0.1), np.full((6, 1), 0.1)).value == 0


def test_false_positives_are_five_percent() -> None:
    rng = np.random.default_rng(1)
    pairs = rng.normal(size=(4000, 10))
    assert 0.03 < np.mean(module._p_values(pairs) <= 0.05) < 0.07


def test_the_interval_holds_the_power_of_fresh_networks() -> None:
    rng = np.random.default_rng(2)
    fresh = rng.normal(size=(4000, 10)) + np.repeat([0.0, 1.5], 5)
    true = np.mean(module._p_values(fresh) <= 0.05)
    held = 0
    for seed in range(20):
        found = power(rng.normal(size=(20, 1)), 1.5 + rng.normal(size=(20, 1)), seed=seed)
        held += found.low <= true <= found.high
    assert held >= 16


def test_networks_that_all_agree_say_no_more_than_their_number() -> None:
    found = power(np.arange(12.0)[:, None], 100 + np.arange(12.0)[:, None])
    assert found.value == 1 and found.low == pytest.approx(12 / (12 + 1.959964**2))


@pytest.mark.parametrize(
    ("first", "given", "match"),
    [
        (np.ones((4, 1)), {"second": np.ones((9, 1))}, "first"),
        (np.ones((9, 1)), {}, "first"),
        (np.ones((10, 1)), {}, "first must be 11 networks or more"),
        (np.ones((5, 1)), {"second": np.ones((6, 1))}, "first must be 6 networks or more"),
        (np.ones((9, 1)), {"second": np.ones((5, 1))}, "second must be 6 networks or more"),
        (np.ones((11, 0)), {}, "recording"),
        (np.full((11, 1), np.nan), {}, "finite"),
        (np.ones((30, 1)), {"animals": 9}, "animals"),
    ],
)
def test_groups_must_fit(first: np.ndarray, given: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        power(first, **given)
