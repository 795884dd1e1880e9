"""Feedforward networks of studies, in one call as in many."""

import numpy as np
import pytest

import apical as ap
from apical.errors import WiringError
from apical.scripts.layers import feedforward, scale_and_shift

RULE = ap.rules.three_factor(0.1)
JOINS = {"weights": ap.FanIn(), "bias": ap.Zero(), "rule": RULE}


def spelled_out(wiring: str, **output: str) -> ap.Network:
    net, x = ap.Network(seed=3), ap.Stimulus("stimulus", 64, ap.encoding.Graded())
    h = [ap.Rate("hidden_1", 20, "tanh"), ap.Rate("hidden_2", 9, "relu")]
    ap.chain(net, x, *h, ap.Rate("output", 10, "logistic", **output), **JOINS)
    net.teach(ap.feedback.WIRINGS[wiring](net.add(ap.RateError("error", 10)), net.forward))
    return net


@pytest.mark.parametrize("loss", ["cross-entropy", "squared error"])
@pytest.mark.parametrize("wiring", ["bp", "fa", "dfa", "ifa"])
def test_one_call_describes_the_same_network(wiring: str, loss: str) -> None:
    options = {"wiring": wiring, "seed": 3, "loss": loss, **JOINS}
    net = feedforward([64, 20, 9, 10], ["tanh", "relu"], "logistic", **options)
    other = spelled_out(wiring, **({"gain": "one"} if loss == "cross-entropy" else {}))
    assert [p.name for p in net.projections] == [p.name for p in other.projections]
    block = ap.Block(*ap.datasets.load("digits").train.block(slice(50)), np.ones(()))
    found = [ap.simulate(n, "array", batch=10) for n in (net, other)]
    for simulator in found:
        simulator.run(block)
    for p in net.plastic:
        assert np.array_equal(*(simulator.weights(p) for simulator in found)), p.name


@pytest.mark.parametrize("wiring", ap.feedback.WIRINGS)
def test_random_feedback_may_have_weights_of_its_own(wiring: str) -> None:
    options = {"wiring": wiring, "feedback": ap.Normal(7.0)}
    net = feedforward([4, 5, 3, 2], "tanh", **options, **JOINS)
    random = [p for p in net.projections if p.weights == ap.Normal(7.0)]
    assert bool(random) == (wiring not in ("bp", "gevb"))


def test_hidden_populations_may_have_options_and_a_name_of_their_own() -> None:
    norm = {"norm": ap.BatchNorm()}
    net = feedforward([4, 5, 2], "tanh", wiring=None, name="hidden", neurons=norm, **JOINS)
    assert [p.name for p in net.populations] == ["stimulus", "hidden", "output", "bias"]
    assert net.forward[0].post.norm == norm["norm"]


def test_activations_are_as_many_as_hidden_populations() -> None:
    with pytest.raises(WiringError, match="make 2 hidden populations, but there are 1"):
        feedforward([4, 5, 5, 2], ["tanh"], wiring="bp", **JOINS)


def test_normalised_layers_learn_a_scale_and_a_shift() -> None:
    joins = {"weights": ap.FanIn(), "rule": RULE, "neurons": {"norm": ap.BatchNorm()}}
    net = scale_and_shift(feedforward([64, 5, 4, 10], "logistic", wiring="dfa", **joins), 0.1)
    simulator = ap.simulate(net, "array", batch=10)
    names = [f"{part}_{k}" for k in (1, 2) for part in ("scale", "shift")] + ["bias_to_output"]
    assert [p.name for p in net.projections if p.pre.role == "bias"] == names
    first = {name: simulator.weights(name) for name in names}
    assert all((first[name] == ("scale" in name)).all() for name in names)
    simulator.run(ap.Block(*ap.datasets.load("digits").train.block(slice(50)), np.ones(())))
    assert all((simulator.weights(name) != first[name]).any() for name in names)
