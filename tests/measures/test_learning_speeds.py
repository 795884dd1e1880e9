"""Learning speeds of layers, and where gradients explode, against what they are defined as."""

import numpy as np
import pytest
from rate_networks import trials

from apical import FanIn, Normal, Zero, rules, simulate
from apical.errors import WiringError
from apical.measures.learning_speeds import explosive_width, learning_speeds
from apical.scripts.layers import feedforward

SIZES = [6, 7, 5, 3]


@pytest.mark.parametrize("eta", [1.0, 0.1])
def test_speed_is_the_norm_of_the_update_of_biases_at_a_learning_rate_of_one(eta: float) -> None:
    joins = {"weights": FanIn(), "bias": Normal(0.5), "rule": rules.three_factor(eta)}
    simulator = simulate(feedforward(SIZES, "tanh", wiring="bp", seed=1, **joins), "array")
    found, updates = learning_speeds(simulator, trials()), simulator.updates(trials())
    assert [*found] == ["hidden_1", "hidden_2"]
    for name, speed in found.items():
        assert speed == pytest.approx(np.linalg.norm(updates[f"bias_to_{name}"]) / eta)


@pytest.mark.parametrize("bias", [None, [Zero(), None, Zero()]])
def test_layers_without_biases_have_no_speed(bias: object) -> None:
    joins = {"weights": FanIn(), "bias": bias, "rule": rules.three_factor(0.1)}
    simulator = simulate(feedforward(SIZES, "tanh", wiring="bp", **joins), "array")
    with pytest.raises(WiringError, match="learning speed of 'hidden_.' is that of its biases"):
        learning_speeds(simulator, trials())


def test_explosive_interval_is_narrow() -> None:
    """Against a scan of activities: abs(w slope(w a)) >= 1 only where abs(w) >= 4."""
    a = np.linspace(-1, 1, 200_001)
    for w in (-30.0, -4.5, 0.5, 3.99, 4.01, 6.9, 100.0):
        s = 1 / (1 + np.exp(-w * a))
        explosive = np.abs(w * s * (1 - s)) >= 1
        assert explosive.any() == (abs(w) >= 4)
        assert explosive_width(w) == pytest.approx(explosive.sum() * 1e-5, abs=3e-5)
    weights = np.arange(4, 40, 0.01)
    widths = [explosive_width(w) for w in weights]
    assert max(widths) == pytest.approx(0.45, abs=0.005) and max(widths) < 0.45
    assert weights[np.argmax(widths)] == pytest.approx(6.9, abs=0.05)
