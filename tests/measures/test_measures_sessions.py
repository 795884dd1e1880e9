"""Measures of sessions, against other computations, and their limits."""

import numpy as np
import pytest
from scipy.stats import f_oneway

from apical.errors import ParameterError
from apical.measures.sessions import class_variance, drift, tuning_correlation

RNG = np.random.default_rng(0)


def test_class_variance_is_omega_squared_of_an_anova() -> None:
    labels = np.repeat([0, 1, 2], [7, 12, 20])
    x = RNG.normal(size=(39, 4)) + np.outer(labels, [0.0, 0.5, 1.0, 3.0])
    found = class_variance(x, labels).values
    for value, of in zip(found, x.T, strict=True):
        f = f_oneway(*(of[labels == c] for c in range(3))).statistic
        # omega squared from F: (k - 1)(F - 1) / ((k - 1)(F - 1) + n)
        assert value == pytest.approx(2 * (f - 1) / (2 * (f - 1) + 39))


def test_class_variance_of_noise_is_zero_on_average() -> None:
    labels = np.tile(np.arange(10), 3)
    x = RNG.normal(size=(30, 4000))
    assert abs(class_variance(x, labels).values.mean()) < 0.01


def test_class_variance_is_undefined_where_nothing_changes() -> None:
    labels = np.array([0, 0, 1, 1])
    assert np.isnan(class_variance(np.ones((4, 2)), labels).values).all()
    assert np.isnan(class_variance(RNG.normal(size=(4, 2)), np.zeros(4, int)).values).all()
    assert np.isnan(class_variance(RNG.normal(size=(4, 2)), np.arange(4)).values).all()


def test_tuning_correlation_ignores_means_and_scale() -> None:
    x = RNG.normal(size=(10, 6))
    assert tuning_correlation(x, 3 * x + RNG.normal(size=6)) == pytest.approx(1)
    y = RNG.normal(size=(10, 6))
    centred = [a - a.mean(axis=0) for a in (x, y)]
    expected = np.corrcoef(*(a.ravel() for a in centred))[0, 1]
    assert tuning_correlation(x, y) == pytest.approx(expected)


def test_drift_of_what_never_changes_is_undefined() -> None:
    x = RNG.normal(size=(10, 6))
    assert np.isnan(drift(x, np.ones((10, 6)))) and drift(x, x) == pytest.approx(0)
    with pytest.raises(ParameterError, match="shape"):
        drift(x, x[:5])
