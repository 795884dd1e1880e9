"""Full-batch training against gradient descent by hand."""

import numpy as np
import pytest

import apical as ap
from apical.errors import ParameterError
from apical.scripts.layers import feedforward
from apical.training.full_batch import full_batch


def test_every_epoch_is_one_step_down_the_gradient_of_all_trials() -> None:
    rng, rule = np.random.default_rng(0), ap.rules.three_factor(0.2)
    values, targets = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    options = {"wiring": "bp", "weights": ap.FanIn(), "rule": rule}
    net = feedforward([3, 2], [], "linear", **options)
    simulator = ap.simulate(net, "array", batch=7, dtype="float64")
    w, seen = simulator.weights("stimulus_to_output"), []
    for epoch in full_batch(simulator, ap.Block(values, targets=targets), 3):
        seen.append(epoch)
        assert simulator.weights("stimulus_to_output") == pytest.approx(w, rel=1e-6)
        w = w + 0.2 * values.T @ (targets - values @ w) / 7
    assert seen == [0, 1, 2]
    assert simulator.weights("stimulus_to_output") == pytest.approx(w, rel=1e-6)
    with pytest.raises(ParameterError, match="epochs"):
        full_batch(simulator, ap.Block(values, targets=targets), 0)
