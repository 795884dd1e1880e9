"""Backpropagation through time against differences, closed forms and matrix powers."""

import numpy as np
import pytest

from apical import bptt
from apical.errors import DataError, ParameterError

N, STEPS = 4, 6
RNG = np.random.default_rng(0)
WEIGHTS, INPUTS, LAST = RNG.normal(size=(N, N)), RNG.normal(size=(STEPS, N)), RNG.normal(size=N)


@pytest.mark.parametrize("response", ["linear", "tanh", "logistic"])
def test_gradients_are_differences(response: bptt.Response) -> None:
    """The activity at time t is moved by what is added to the drive of a linear step before it."""
    activity = bptt.states(WEIGHTS, INPUTS, response, 0.3)
    found = bptt.gradients(WEIGHTS, activity, LAST, response)
    assert activity.shape == found.shape == (STEPS + 1, N)
    np.testing.assert_array_equal(activity[0], 0.3)
    for t in (0, 2, STEPS):
        for k in range(N):
            ends = []
            for step in (-1e-6, 1e-6):
                moved = activity[t] + step * np.eye(N)[k]
                end = bptt.states(WEIGHTS, INPUTS[t:], response, moved)[-1]
                ends.append(end @ LAST)
            assert (ends[1] - ends[0]) / 2e-6 == pytest.approx(found[t, k], rel=1e-5, abs=1e-8)


def test_closed_form_is_that_of_matrix_powers() -> None:
    lags = np.array([0, 1, 5, 30])
    known = [np.linalg.norm(np.linalg.matrix_power(WEIGHTS, k) @ LAST) for k in lags]
    np.testing.assert_allclose(bptt.linear_norms(WEIGHTS, LAST, lags), known, rtol=1e-9)
    assert np.abs(np.linalg.eigvals(bptt.with_radius(WEIGHTS, 0.7))).max() == pytest.approx(0.7)


def test_clipping_keeps_the_direction() -> None:
    given = np.array([3.0, 4.0])
    np.testing.assert_allclose(bptt.clipped(given, 1.0), [0.6, 0.8])
    np.testing.assert_array_equal(bptt.clipped(given, 5.1), given)


def test_gradient_of_one_neuron_is_a_difference() -> None:
    at = {"weight": 3.0, "bias": -1.4, "start": 0.5, "steps": 10}
    error, gradient = bptt.one_neuron(**at)  # type: ignore[arg-type]
    for k, name in enumerate(("weight", "bias")):
        above, below = (
            bptt.one_neuron(**at | {name: at[name] + by})[0]  # type: ignore[arg-type]
            for by in (1e-6, -1e-6)
        )
        assert gradient[k] == pytest.approx((above - below) / 2e-6, rel=1e-5)
    activity = bptt.states([[3.0]], np.full((10, 1), -1.4), "logistic", 1 / (1 + np.exp(-0.5)))
    assert error == (activity[-1, 0] - 0.7) ** 2


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ParameterError, match="shape .n, n., got .3, 2."):
        bptt.states(np.zeros((3, 2)), INPUTS)
    with pytest.raises(ParameterError, match="3 neurons need inputs"):
        bptt.states(np.zeros((3, 3)), INPUTS)
    with pytest.raises(DataError, match="eigenvalues are all 0"):
        bptt.with_radius(np.eye(3, k=1), 1.0)
