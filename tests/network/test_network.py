"""Networks: descriptions that say what is missing, and draw from named streams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import N_CLASSES, N_INPUTS, small

from apical import LIF, Error, Network, Projection, Stimulus, feedback, rules
from apical.errors import ParameterError, WiringError


def test_a_network_knows_its_parts() -> None:
    net = small(hidden=(8, 5))
    names = ["stimulus", "hidden_0", "hidden_1", "output", "error"]
    assert [p.name for p in net.populations] == names
    assert (net.stimulus.name, net.stimulus.size) == ("stimulus", N_INPUTS)
    assert (net.output.name, net.output.size) == ("output", N_CLASSES)
    forward = ["stimulus_to_hidden_0", "hidden_0_to_hidden_1", "hidden_1_to_output"]
    assert [p.name for p in net.forward] == [p.name for p in net.plastic] == forward
    assert net.projection("hidden_1_to_output") is net.forward[-1]


def test_teaching_drives_the_error_by_what_it_judges() -> None:
    net = small()
    eye, none = np.eye(N_CLASSES), np.zeros((N_CLASSES, N_CLASSES))
    driven = net.initial_weights(net.projection("output_to_error"))
    assert np.array_equal(driven, np.concatenate([eye, -eye], axis=1))
    push_pull = net.initial_weights(net.projection("error_to_error"))
    assert np.array_equal(push_pull, np.block([[none, eye], [eye, none]]))


def test_push_and_pull_are_as_strong_as_the_threshold() -> None:
    net = Network()
    x, y, error = net.add(Stimulus("x", 2)), net.add(LIF("y", 2)), net.add(Error("e", 4, theta=3.0))
    net.teach(feedback.direct(error, [net.connect(x, y)]))
    assert net.initial_weights(net.projection("e_to_e")).max() == 3.0


@given(st.integers(0, 10_000))
def test_weights_come_from_the_stream_of_their_name(seed: int) -> None:
    one, other = small(seed=seed), small("spike", seed=seed, hidden=(8, 4))
    for name in ("stimulus_to_hidden_0", "error_to_hidden_0"):
        weights = one.initial_weights(one.projection(name))
        assert np.array_equal(weights, other.initial_weights(other.projection(name)))
    first = one.projection("stimulus_to_hidden_0")
    renamed = Projection(first.pre, first.post, first.weights, name="renamed")
    assert not np.array_equal(one.initial_weights(first), one.initial_weights(renamed))


@pytest.mark.parametrize(
    "wrong",
    [{"trial": 0.0}, {"trial": -1.0}, {"settle": -1.0}, {"settle": 100.0}, {"trial": float("nan")}],
)
def test_times_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="settle < trial, got|one finite number"):
        Network(**wrong)


def test_names_are_taken_once() -> None:
    net = small()
    with pytest.raises(WiringError, match="already has a population 'output'"):
        net.add(LIF("output", 2))
    with pytest.raises(WiringError, match="already has a projection 'stimulus_to_hidden_0'"):
        net.connect(net.stimulus, net.populations[1])
    assert net.connect(net.stimulus, net.populations[1], name="more").name == "more"


def test_strangers_are_not_joined() -> None:
    net = small()
    with pytest.raises(WiringError, match="joins 'stranger', which the network does not have"):
        net.connect(net.stimulus, LIF("stranger", 2))


def test_one_network_has_one_pathway() -> None:
    net = small()
    with pytest.raises(WiringError, match="already has the feedback pathway 'DFA'; describe a se"):
        net.teach(net.feedback)


def test_a_pathway_that_does_not_fit_leaves_the_network_as_it_was() -> None:
    net = Network()
    x, y, error = net.add(Stimulus("x", 2)), net.add(LIF("y", 2)), net.add(Error("e", 4))
    forward = [net.connect(x, y)]
    elsewhere = Projection(x, LIF("h", 2)), forward[0]
    with pytest.raises(WiringError, match="joins 'h', which the network does not have"):
        net.teach(feedback.direct(error, elsewhere))
    assert net.projections == forward
    net.teach(feedback.direct(error, forward))


def test_rectified_errors_do_not_push_and_pull() -> None:
    net = small(error={"rectified": True})
    assert [p.name for p in net.projections if p.post.name == "error"] == ["output_to_error"]


def test_a_rule_that_would_never_act_is_refused() -> None:
    with pytest.raises(
        ParameterError, match="'stimulus_to_hidden_0' would never learn: .* 40.0 ms"
    ):
        small("spike", onset=40.0)


def test_unknown_projections_are_named_with_the_known() -> None:
    with pytest.raises(WiringError, match="no projection 'a_to_b'; it has stimulus_to_hidden_0, "):
        small().projection("a_to_b")
    with pytest.raises(WiringError, match="no projection 'a_to_b'; it has none"):
        Network().projection("a_to_b")


def test_a_network_needs_a_stimulus_and_an_output() -> None:
    net = Network()
    for name in ("stimulus", "stimuli"):
        with pytest.raises(WiringError, match="needs a Stimulus population, got none; add one"):
            getattr(net, name)
    with pytest.raises(WiringError, match="no forward projection, so nothing decides"):
        _ = net.output
    b, a = net.add(Stimulus("b", 2)), net.add(Stimulus("a", 2))
    assert net.stimuli == (a, b)
    with pytest.raises(WiringError, match="has 2 stimuli, 'a', 'b'; read network.stimuli"):
        _ = net.stimulus


def test_fixed_projections_are_not_plastic() -> None:
    net = Network()
    x, h, y = net.add(Stimulus("x", 2)), net.add(LIF("h", 2)), net.add(LIF("y", 2))
    fixed, plastic = net.connect(x, h), net.connect(h, y, rule=rules.three_factor(0.1))
    assert net.forward == [fixed, plastic]
    assert net.plastic == [plastic]
