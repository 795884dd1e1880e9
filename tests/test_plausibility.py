"""The audit: what is local passes with reasons, what is not is refused by name."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import small

from apical import LIF, Error, Given, Network, Opposed, Stimulus, check, feedback, rules
from apical.errors import LocalityError, WiringError
from apical.feedback import FeedbackPathway
from apical.network import Network as Description
from apical.projections import Projection
from apical.rules import LearningRule


def taught_by(weights: np.ndarray) -> Description:
    """Return a network whose hidden neurons hear the error through given weights."""
    return small(wiring=lambda error, forward: feedback.direct(error, forward, Given(weights)))


def forward_weights() -> np.ndarray:
    net = small()
    return net.initial_weights(net.projection("hidden_0_to_output"))


def levels(net: Description) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in check(net).findings:
        found.setdefault(finding.subject, []).append(finding.level)
    return found


@pytest.mark.parametrize("when", ["trial", "feedback", "spike"])
def test_direct_feedback_is_local(when: Any) -> None:
    card = check(small(when))
    assert card.is_local
    about = levels(small(when))
    for name in ("stimulus_to_hidden_0", "hidden_0_to_output", "error_to_hidden_0"):
        assert about[name] == ["local"]
        assert name in str(card)


def test_a_global_clock_is_reported() -> None:
    assert levels(small("trial"))["network"] == ["broadcast", "broadcast"]  # reset, and learning
    assert levels(small("trial", reset=False))["network"] == ["broadcast"]
    assert "network" not in levels(small("feedback"))
    assert "network" not in levels(small("spike"))


def test_a_phase_is_reported() -> None:
    about = levels(small("spike", onset=5.0))
    assert about["stimulus_to_hidden_0"] == ["local", "broadcast"]


@pytest.mark.parametrize(
    ("when", "words"),
    [("trial", "when a trial ends"), ("feedback", "feedback arrives"), ("spike", "presynaptic sp")],
)
def test_the_timing_of_each_rule_is_reported(when: Any, words: str) -> None:
    reasons = [f.reason for f in check(small(when)).findings if "rule" in f.reason]
    assert len(reasons) == 2
    assert all(words in reason for reason in reasons), reasons


@given(st.floats(0.01, 100), st.sampled_from([-1, 1]))
def test_weight_transport_is_caught(scale: float, sign: int) -> None:
    message = (
        "Not biologically plausible: error_to_hidden_0: its weights are those of "
        r"'hidden_0_to_output' read backwards \(weight transport\)"
    )
    with pytest.raises(LocalityError, match=message):
        check(taught_by(sign * scale * forward_weights().T))


@pytest.mark.parametrize("opposed", [True, False])
def test_weight_transport_is_caught_in_either_half(opposed: bool) -> None:
    back = forward_weights().T
    source = Opposed(Given(back)) if opposed else Given(np.concatenate([0 * back, back]))

    def wiring(error: Any, forward: Any) -> FeedbackPathway:
        copied = Projection(error, forward[0].post, source, carries={"teach": "x"})
        return FeedbackPathway("copied", (copied,))

    with pytest.raises(LocalityError, match="error_to_hidden_0: .*'hidden_0_to_output'"):
        check(small(wiring=wiring))


def test_weights_of_ones_own_are_not_weight_transport() -> None:
    back = forward_weights().T
    rng = np.random.default_rng(0)
    for weights in (rng.normal(size=back.shape), np.sign(back), back + rng.normal(size=back.shape)):
        assert check(taught_by(weights)).is_local


def test_two_single_neurons_are_not_weight_transport() -> None:
    """One weight is a multiple of any other; that alone says nothing."""
    assert check(small(hidden=(1,))).is_local
    net = Network()
    x, h, y = net.add(Stimulus("x", 2)), net.add(LIF("h", 1)), net.add(LIF("y", 1))
    forward = [net.connect(x, h), net.connect(h, y)]
    net.teach(feedback.direct(net.add(Error("e", 2)), forward))
    assert check(net).is_local


def test_learning_from_feedback_needs_a_pathway() -> None:
    net = Network()
    x, y = net.add(Stimulus("x", 2)), net.add(LIF("y", 2))
    net.connect(x, y, rule=rules.three_factor(0.1))
    with pytest.raises(WiringError, match=r"'x_to_y' learn from 'teach_post', but .*network.teach"):
        check(net)


def test_learning_without_feedback_needs_none() -> None:
    net = Network()
    x, y = net.add(Stimulus("x", 2)), net.add(LIF("y", 2))
    net.connect(x, y, rule=LearningRule("hebb", "x_pre * x_post"))
    assert check(net).is_local


def test_an_unfinished_network_is_refused() -> None:
    net = Network()
    with pytest.raises(WiringError, match="exactly one Stimulus"):
        check(net)
    net.add(Stimulus("x", 2))
    with pytest.raises(WiringError, match="no forward projection"):
        check(net)
