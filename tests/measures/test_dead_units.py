"""Units that no stimulus drives are dead, and found at the weights of the moment."""

import numpy as np

import apical as ap
from apical.measures.dead_units import dead_units
from apical.scripts.layers import feedforward


def test_units_are_dead_whose_drive_is_never_above_zero() -> None:
    first = ap.Given(np.array([[1.0, -1.0, 0.0], [1.0, -1.0, 0.5]]))
    second = ap.Given(np.array([[1.0, -1.0], [9.0, 9.0], [0.0, 0.0]]))
    joins = {"weights": [first, second, ap.Zero()], "rule": ap.rules.three_factor(1.0)}
    net = feedforward([2, 3, 2, 1], "relu", "linear", wiring="bp", **joins)
    simulator = ap.simulate(net, "array")
    found = dead_units(simulator, np.array([[1.0, 0.0], [0.5, 0.0]]))
    assert {name: dead.tolist() for name, dead in found.items()} == {
        "hidden_1": [0, 1, 1],
        "hidden_2": [0, 1],
    }
    assert not dead_units(simulator, np.array([[1.0, 1.0], [-1.0, -1.0]]))["hidden_1"].any()
    turned = {"stimulus_to_hidden_1.w": -simulator.weights("stimulus_to_hidden_1")}
    simulator.state = {**simulator.state, **turned}
    assert dead_units(simulator, np.array([[1.0, 0.0]]))["hidden_1"].tolist() == [1, 0, 1]
