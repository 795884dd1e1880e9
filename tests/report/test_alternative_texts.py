"""Alternative texts of figures of a report."""

import numpy as np

import apical as ap
from apical.report import seen


def test_weights_of_many_neurons_are_told_from_the_synapses_that_exist() -> None:
    net = ap.Network()
    x = net.add(ap.Stimulus("x", 10**6, ap.encoding.Graded()))
    h = net.add(ap.Rate("h", 10**6))
    p = net.connect(x, h, connectivity=ap.connectivity.OneToOne())
    said = seen.weights(np.array([0.5, -0.25, 0.125]), p)
    assert "1000000 inputs to 1000000 neurons, from -0.25 (blue) to 0.5 (red)" in said
    assert "from 0 (blue) to 0.5 (red)" in seen.weights(np.array([0.5]), p), "most have no synapse"
