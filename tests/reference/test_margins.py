"""Losses of a margin: their transforms and minimisers against definitions and searches."""

from itertools import product

import numpy as np
import pytest
from scipy import optimize

from apical.errors import ParameterError
from apical.reference.margin_losses import (
    SURROGATES,
    error_rate,
    least_errors,
    loss_curves,
    minimised,
    risk_bounds,
    zero_one,
)

GRID = np.concatenate([np.linspace(-12, 12, 4801), [-300.0, 300.0]])


@pytest.mark.parametrize("name", SURROGATES)
def test_transform_is_that_of_its_definition(name: str) -> None:
    """Least conditional risk where the sign is wrong, less the least of all (definition 2)."""
    loss = SURROGATES[name]
    for theta in (0.0, 0.2, 0.5, 0.9):
        eta = (1 + theta) / 2
        risk = eta * loss.value(GRID) + (1 - eta) * loss.value(-GRID)
        gap = risk[GRID <= 0].min() - risk.min()
        assert gap == pytest.approx(loss.psi(np.array(theta)), abs=2e-4)


@pytest.mark.parametrize("name", SURROGATES)
def test_slope_is_that_of_the_value_and_the_loss_is_a_bound(name: str) -> None:
    loss, m = SURROGATES[name], np.array([-2.0, -0.3, 0.4, 0.9, 1.7])
    by_difference = (loss.value(m + 1e-6) - loss.value(m - 1e-6)) / 2e-6
    assert loss.slope(m) == pytest.approx(by_difference, abs=1e-6)
    scale = loss.value(np.zeros(1))[0]
    assert np.all(loss.value(GRID) / scale >= zero_one(GRID) - 1e-12)
    assert zero_one(np.array([-1.0, 0.0, 1.0])).tolist() == [1, 1, 0]


def test_curves_are_one_at_a_margin_of_zero_and_bounds_hold_at_the_ends() -> None:
    for margins, loss in loss_curves(np.array([0.0, 30.0])).values():
        assert margins.tolist() == [0, 30] and loss[0] == 1
    for name, (risk, excess) in risk_bounds(np.array([0.0, 1.0])).items():
        assert risk[0] == excess[0] == 0 and risk[1] == pytest.approx(1.0), name
    with pytest.raises(ParameterError, match="from 0 to 1"):
        risk_bounds(np.array([1.1]))
    assert {*SURROGATES} - {*risk_bounds(np.zeros(1))} == {"sigmoid"}


def test_error_rate_counts_points_on_the_wrong_side() -> None:
    x, y = np.array([[1.0, 0.0], [-1.0, 0.0], [3.0, 0.0], [0.5, 0.0]]), np.array([1, -1, -1, 1])
    assert error_rate(np.array([1.0, 0.0, 0.0]), x, y) == 0.25
    assert error_rate(np.array([1.0, 0.0, -0.5]), x, y) == 0.5  # one lies on the line


def points(n: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(n) < 0.5, 1, -1)
    return rng.normal(size=(n, 2)) + 0.7 * y[:, None] * np.array([1.0, 0.5]), y


@pytest.mark.parametrize("name", [n for n, loss in SURROGATES.items() if loss.is_convex])
def test_minimiser_of_a_convex_loss_is_that_of_another_method(name: str) -> None:
    (x, y), loss = points(), SURROGATES[name]

    def risk(w: np.ndarray) -> float:
        return float(loss.value(y * (x @ w[:2] + w[2])).mean())

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000}
    other = optimize.minimize(risk, np.zeros(3), method="Nelder-Mead", options=options)
    assert risk(minimised(loss, x, y)) <= other.fun + 1e-6
    assert risk(minimised(loss, x, y)) == pytest.approx(other.fun, abs=1e-2)


def test_squared_loss_is_least_squares() -> None:
    x, y = points()
    exact = np.linalg.lstsq(np.hstack([x, np.ones((len(x), 1))]), y, rcond=None)[0]
    assert minimised(SURROGATES["squared"], x, y) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_least_errors_are_those_of_a_search(seed: int) -> None:
    """Over every split that a line makes of a few points, found by linear programmes."""
    x, y = points(7, seed)
    signed = np.hstack([x, np.ones((7, 1))])
    best = 7
    for split in product((-1, 1), repeat=7):
        called = np.array(split)
        feasible = optimize.linprog(
            np.zeros(3), A_ub=-called[:, None] * signed, b_ub=-np.ones(7), bounds=(None, None)
        ).success
        if feasible:
            best = min(best, int((called != y).sum()))
    assert least_errors(x, y) == pytest.approx(best / 7)


def test_what_cannot_be_minimised_is_said() -> None:
    x, y = points()
    with pytest.raises(ParameterError, match="labels of -1 or 1"):
        minimised(SURROGATES["hinge"], x, (y + 1) // 2)
    with pytest.raises(ParameterError, match="shape"):
        least_errors(np.ones((3, 3)), np.ones(3))
