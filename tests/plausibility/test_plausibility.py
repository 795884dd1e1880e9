"""The audit: what is local passes with reasons, what is not is refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import small
from rate_networks import rates

from apical import (
    LIF,
    Error,
    Given,
    Network,
    NeuronModel,
    Neurons,
    Opposed,
    Stimulus,
    check,
    feedback,
    rules,
)
from apical.errors import LocalityError, WiringError
from apical.feedback.pathways import FeedbackPathway
from apical.network.description import Network as Description
from apical.neurons.encoding import Regular
from apical.plasticity.rules import LearningRule
from apical.plausibility import ASPECTS, Aspect, audit
from apical.plausibility.maps import Pathways, Weights
from apical.plausibility.transport import transport
from apical.projections.projection import Projection


def taught_by(weights: np.ndarray) -> Description:
    """Return a network whose hidden neurons hear the error through given weights."""
    return small(wiring=lambda error, forward: feedback.direct(error, forward, Given(weights)))


def forward_weights() -> np.ndarray:
    net = small()
    return net.initial_weights(net.projection("hidden_0_to_output"))


def levels(net: Description, *aspects: Aspect) -> dict[str, list[str]]:
    """Return the levels of what is said of each subject, in some aspects or in all."""
    found: dict[str, list[str]] = {}
    for finding in check(net).findings:
        if not aspects or finding.aspect in aspects:
            found.setdefault(finding.subject, []).append(finding.level)
    return found


@pytest.mark.parametrize("when", ["trial", "feedback", "spike"])
def test_direct_feedback_is_local(when: Any) -> None:
    card = check(small(when))
    assert card.is_local
    judged: tuple[Aspect, ...] = ("locality", "weight transport", "feedback")
    about = levels(small(when), *judged)
    for name in ("stimulus_to_hidden_0", "hidden_0_to_output", "error_to_hidden_0"):
        assert set(about[name]) == {"local"}
        assert name in str(card)


@pytest.mark.parametrize("net", [small(), small("feedback"), rates(), rates(feedback.indirect)])
def test_every_aspect_has_a_line_with_its_place(net: Network) -> None:
    card = check(net)
    assert {f.aspect for f in card.findings} == set(ASPECTS)
    assert [ASPECTS.index(f.aspect) for f in card.findings] == sorted(
        ASPECTS.index(f.aspect) for f in card.findings
    )
    for finding in card.findings:
        file, _, line = finding.place.partition(":")
        assert file.endswith("networks.py") and int(line) > 0
    assert sum(card.counts.values()) == len(card.findings)
    assert json.loads(json.dumps(card.as_dict()))["is_local"] is True


def test_a_place_is_where_a_thing_was_described() -> None:
    net = Network()
    x, y = net.add(Stimulus("x", 2)), net.add(LIF("y", 2))
    net.connect(x, y, rule=LearningRule("hebb", "x_pre * x_post"))
    lines = Path(__file__).read_text().splitlines()
    for name, text in (("x_to_y", "net.connect(x, y,"), ("y", "x, y = net.add"), ("", "Network()")):
        file, _, line = net.place(name).rpartition(":")
        assert Path(file).name == Path(__file__).name
        assert text in lines[int(line) - 1]
    other = small().rewired(feedback.direct)
    assert Path(other.place("error_to_hidden_0").rpartition(":")[0]).name == Path(__file__).name
    assert other.place("hidden_0").startswith(small().place("hidden_0").rpartition(":")[0])


def test_a_global_clock_is_reported() -> None:
    assert levels(small("trial"), "phases")["network"] == ["broadcast"] * 2  # reset, and learning
    assert levels(small("trial", reset=False), "phases")["network"] == ["broadcast"]
    assert levels(small("feedback"), "phases") == {"network": ["local"]}
    assert levels(small("spike"), "phases") == {"network": ["local"]}


def test_a_phase_is_reported() -> None:
    about = levels(small("spike", onset=5.0), "phases")
    assert about["stimulus_to_hidden_0"] == ["broadcast"]


def test_an_error_that_moves_activity_needs_phases() -> None:
    net = small("feedback")
    error = net.populations[-1]
    net.connect(error, net.populations[1], name="nudge")
    net.projections.sort(key=lambda p: p.post.name == "output")  # the output stays the end
    assert levels(net, "phases")["nudge"] == ["broadcast"]


def test_who_waits_for_whom() -> None:
    def said(net: Network) -> dict[str, tuple[str, str]]:
        return {f.subject: (f.level, f.reason) for f in check(net).about("update locking")}

    online = said(small("feedback"))
    assert online["stimulus_to_hidden_0"][0] == "local"
    level, reason = said(rates(feedback.layerwise))["stimulus_to_hidden_1"]
    assert level == "broadcast"
    assert "waits for hidden_2, output, error, the error of output, the error of hidden_2" in reason
    assert "the error of" not in said(rates(feedback.direct))["stimulus_to_hidden_1"][1]


def test_what_all_synapses_share_is_reported() -> None:
    def shared(net: Network, **training: Any) -> list[str]:
        found = audit(net, **{"batch": 1, **training}).about("global quantities")
        assert {f.level for f in found} <= {"broadcast", "local"}
        return [f.reason for f in found if f.level == "broadcast"]

    assert not shared(rates())
    assert "64 trials" in shared(rates(), batch=64)[0]
    assert "falls from 1 to 0.05" in shared(rates(), final_rate=0.05)[0]
    assert "(softmax)" in shared(rates(output="softmax"))[0]
    assert "sum of its values" in shared(small(encoder=Regular(100.0, total=10.0)))[0]
    common = NeuronModel("dv/dt = (I - v)/(20*ms) : 1\nI : 1\nx : 1\nlevel : 1 (shared)", "v > 1")
    net = Network()
    x = net.add(Stimulus("x", 2))
    y = net.add(Neurons("y", 2, common, {"drive": "I"}, ("x", "level")))
    net.connect(x, y, rule=LearningRule("common", "x_pre * level_post"))
    assert shared(net) == ["level is one number for all its neurons (shared)"]


def test_dales_law() -> None:
    assert set(levels(small(), "Dale's law")["hidden_0"]) == {"idealised"}
    positive = small(bounds=(0.0, 1.0))
    assert levels(positive, "Dale's law")["stimulus"] == ["local"]


def test_the_precision_of_weights_is_reported() -> None:
    for dtype, digits in (("float32", 24), ("float64", 53)):
        assert f"{digits} binary" in audit(rates(), dtype=dtype).about("precision")[0].reason


def test_how_a_signed_error_is_carried() -> None:
    assert levels(small(), "signed error") == {"error": ["local"]}
    found = levels(rates(feedback.layerwise), "signed error")
    assert found == {
        "error": ["idealised"],
        "feedback_hidden_2_to_hidden_1": ["idealised"],
        "feedback_output_to_hidden_2": ["idealised"],
    }


def test_what_stands_for_the_slope_of_a_spike() -> None:
    found = {f.subject: f.reason for f in check(small()).about("spike derivative")}
    assert "gain = int(x > 0)" in found["hidden_0"] and "gain = 1," in found["output"]
    found = {f.subject: f.reason for f in check(rates()).about("spike derivative")}
    assert "1 - x*x" in found["hidden_1"]


@pytest.mark.parametrize(
    ("when", "words"),
    [("trial", "when a trial ends"), ("feedback", "feedback arrives"), ("spike", "presynaptic sp")],
)
def test_the_timing_of_each_rule_is_reported(when: Any, words: str) -> None:
    reasons = [f.reason for f in check(small(when)).about("locality")]
    assert len(reasons) == 2
    assert all(words in reason for reason in reasons), reasons


@settings(deadline=None)
@given(st.floats(0.01, 100), st.sampled_from([-1, 1]))
def test_weight_transport_is_caught(scale: float, sign: int) -> None:
    message = (
        "Not biologically plausible: error_to_hidden_0: its weights are one exact multiple of the "
        r"transposed weights of 'hidden_0_to_output' at all of 24 synapses \(weight transport\)"
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
    for weights in (rng.normal(size=back.shape), np.abs(rng.normal(size=back.shape))):
        assert check(taught_by(weights)).is_local


def test_weights_drawn_by_themselves_are_not_called_copies() -> None:
    for seed in range(200):
        net = rates(feedback.layerwise, (8, 10, 10, 4), seed=seed).in_order()
        found = list(transport(Pathways(net, Weights(net))))
        assert found and all(finding.level == "local" for finding in found)
    assert audit(net).is_local


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
    with pytest.raises(WiringError, match="needs a Stimulus population"):
        check(net)
    net.add(Stimulus("x", 2))
    with pytest.raises(WiringError, match="no forward projection"):
        check(net)
