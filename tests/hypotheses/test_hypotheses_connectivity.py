"""Hypotheses about feedback whose projections do not join all pairs of neurons."""

import numpy as np
import pytest

from apical import (
    LIF,
    Block,
    Error,
    FanIn,
    Network,
    Rate,
    RateError,
    Stimulus,
    feedback,
    hypotheses,
    rules,
    simulate,
)
from apical.connectivity import AllToAll, Connectivity, Mask
from apical.encoding import Graded
from apical.errors import ParameterError, WiringError


def beside(forward: Connectivity, back: Connectivity) -> Network:
    """Return 4-6-3 neurons of rates under FA, whose output and feedback have a connectivity."""
    net, rule = Network(), rules.three_factor(0.1)
    x = net.add(Stimulus("stimulus", 4, Graded()))
    h, y = net.add(Rate("hidden", 6)), net.add(Rate("output", 3, "linear"))
    net.connect(x, h, weights=FanIn(), rule=rule)
    net.connect(h, y, weights=FanIn(), rule=rule, connectivity=forward)
    error = net.add(RateError("error", 3))
    net.teach(feedback.layerwise(error, net.forward, connectivity=back))
    return net


BACK = "feedback_output_to_hidden"
SOME = np.arange(18).reshape(6, 3) % 4 > 0
ALL, ONES, TURNED = (
    AllToAll(),
    Mask(SOME),
    Mask(np.ascontiguousarray(SOME.T)),
)


@pytest.mark.parametrize("name", ["kolen_pollack", "weight_mirror", "sign_concordant"])
def test_feedback_that_learns_has_a_synapse_beside_each_forward_one(name: str) -> None:
    change = getattr(hypotheses, name)
    with pytest.raises(WiringError, match=f"'{name}' needs a feedback synapse beside each"):
        change(beside(ALL, TURNED))
    net = change(beside(ONES, TURNED))
    edges = net.edges(BACK)
    assert edges is not None and np.array_equal(edges.mask, SOME.T)
    if name == "sign_concordant":  # which takes them over
        taken = change(beside(ONES, ALL)).edges(BACK)
        assert taken is not None and np.array_equal(taken.mask, SOME.T)
        return
    with pytest.raises(WiringError, match=f"'{name}' needs a feedback synapse beside each"):
        change(beside(ONES, ALL))


def test_both_matrices_of_sparse_kolen_pollack_learning_become_one() -> None:
    """With decay 0.2 a difference of weights is 0.8**12 of the first after 12 updates."""
    net = hypotheses.kolen_pollack(beside(ONES, TURNED), decay=0.2)
    first = net.initial_weights("hidden_to_output") - net.initial_weights(BACK).T
    rng = np.random.default_rng(0)
    with simulate(net, "array", dtype="float64") as simulator:
        for _ in range(12):
            simulator.run(Block(rng.random((1, 4)), np.array([1]), np.ones(1)))
        left = simulator.weights("hidden_to_output") - simulator.weights(BACK).T
        assert not simulator.weights(BACK)[~SOME.T].any()
    assert np.allclose(left, first * 0.8**12, atol=1e-12)


def test_few_wires_are_among_those_of_the_connectivity() -> None:
    """Each neuron may hear 3 of 5 classes (3 of 5 errors); 2 wires are 2 of these 3."""
    some = np.array([[(i + j) % 5 < 3 for j in range(6)] for i in range(5)])
    for net in (rated(Mask(some)), spiked(Mask(np.concatenate([some, some])))):
        (back,) = (p for p in net.feedback.projections if p.post.name == "hidden")
        sparse = hypotheses.sparse_feedback(net, wires=2)
        w = sparse.initial_weights(back.name)
        wires = w[:5] != 0
        assert (wires.sum(axis=0) == 2).all() and not wires[~some].any()
        assert w.shape[0] == 5 or np.array_equal(w[:5], -w[5:])
        with pytest.raises(ParameterError, match="wires from 1 to 3, the sources of"):
            hypotheses.sparse_feedback(net, wires=4)
        whole = hypotheses.sparse_feedback(net, wires=3)
        assert np.array_equal(whole.initial_weights(back.name) != 0, net.existing(back))


def rated(connectivity: Mask) -> Network:
    net = Network()
    x = net.add(Stimulus("stimulus", 4, Graded()))
    h, y = net.add(Rate("hidden", 6)), net.add(Rate("output", 5, "linear"))
    net.connect(x, h, rule=rules.three_factor(0.1)), net.connect(h, y, rule=rules.three_factor(0.1))
    error = net.add(RateError("error", 5))
    net.teach(feedback.direct(error, net.forward, connectivity=connectivity))
    return net


def spiked(connectivity: Mask) -> Network:
    net = Network()
    x = net.add(Stimulus("stimulus", 4))
    h, y = net.add(LIF("hidden", 6)), net.add(LIF("output", 5))
    net.connect(x, h, rule=rules.three_factor(0.1)), net.connect(h, y, rule=rules.three_factor(0.1))
    error = net.add(Error("error", 10))
    net.teach(feedback.direct(error, net.forward, connectivity=connectivity))
    return net
