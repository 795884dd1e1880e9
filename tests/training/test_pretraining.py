"""Greedy pretraining: each level rebuilds the activities of the one below."""

import numpy as np
import pytest

from apical import (
    Bias,
    Glorot,
    Network,
    Rate,
    RateError,
    Stimulus,
    Zero,
    datasets,
    dynamics,
    feedback,
    rules,
)
from apical.errors import ParameterError, WiringError
from apical.neurons.encoding import Graded
from apical.training import pretraining


def autoencoder(n: int, hidden: int, activation: str = "linear", seed: int = 0) -> Network:
    net, rule = Network(seed=seed), rules.three_factor(dynamics=dynamics.adam(3e-3))
    x, bias = net.add(Stimulus("stimulus", n, Graded())), net.add(Bias("bias"))
    h = net.add(Rate("hidden", hidden, activation))
    y = net.add(Rate("output", n, "linear"))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=Glorot(), rule=rule)
        net.connect(bias, post, weights=Zero(), rule=rule)
    net.teach(feedback.transposed(net.add(RateError("error", n)), net.forward))
    return net


def digits() -> np.ndarray:
    return datasets.load("digits").train.block(slice(None))[0]


def lowest(values: np.ndarray, rank: int) -> float:
    """Return the least error of any linear autoencoder: what principal components leave."""
    centred = values - values.mean(axis=0)
    return float(np.sum(np.linalg.svd(centred, compute_uv=False)[rank:] ** 2) / values.size)


def test_a_linear_level_comes_close_to_principal_components() -> None:
    values, plan = digits(), pretraining.Plan(epochs=30, batch=16)
    (level,) = pretraining.pretrained(
        values, 1, lambda k, n: autoencoder(n, 8), plan, progress=False
    )
    assert lowest(values, 8) < level.error < 1.1 * lowest(values, 8) < 0.5 * values.var()


def test_a_level_learns_the_activities_of_the_one_below() -> None:
    values, plan = digits()[:200], pretraining.Plan(epochs=3, batch=20)
    widths = [12, 6]
    below, above = pretraining.pretrained(
        values, 2, lambda k, n: autoencoder(n, widths[k], "tanh", k), plan, progress=False
    )
    assert set(below.weights) == {"stimulus_to_hidden", "bias_to_hidden"}
    activities = np.tanh(
        values @ below.weights["stimulus_to_hidden"] + below.weights["bias_to_hidden"]
    )
    (alone,) = pretraining.pretrained(
        activities, 1, lambda k, n: autoencoder(n, 6, "tanh", 1), plan, progress=False
    )
    assert above.weights["stimulus_to_hidden"].shape == (12, 6)
    for name, weights in alone.weights.items():
        np.testing.assert_allclose(above.weights[name], weights, atol=1e-5)


def test_what_is_hidden_is_rebuilt_from_the_rest() -> None:
    """Pixels 0 and 1 are equal: a level that may lose either learns to read both."""
    bits = np.random.default_rng(0).integers(0, 2, (400, 1)).astype(np.float32)
    values = np.hstack([bits, bits])
    shown = {}
    for share in (0.0, 0.5):
        plan = pretraining.Plan(epochs=60, batch=10, hidden_share=share)
        (level,) = pretraining.pretrained(
            values, 1, lambda k, n: autoencoder(n, 1, seed=4), plan, progress=False
        )
        one, other = level.weights["stimulus_to_hidden"][:, 0]
        shown[share] = min(one / other, other / one)
    assert shown[0.5] > 0.9 > shown[0.0]


def test_same_seed_same_bits() -> None:
    values, plan = digits()[:100], pretraining.Plan(epochs=2, batch=10, hidden_share=0.3)
    first, second = (
        pretraining.pretrained(values, 1, lambda k, n: autoencoder(n, 5), plan, progress=False)[0]
        for _ in range(2)
    )
    for name, weights in first.weights.items():
        np.testing.assert_array_equal(weights, second.weights[name])


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 0}, {"hidden_share": 1.0}])
def test_impossible_plans_are_refused(wrong: dict) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        pretraining.Plan(**wrong)


def test_a_network_that_is_no_autoencoder_is_refused() -> None:
    with pytest.raises(WiringError, match="as many outputs as inputs \\(64\\), got 8-3-8"):
        pretraining.pretrained(digits(), 1, lambda k, n: autoencoder(8, 3), progress=False)
