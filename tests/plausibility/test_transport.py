"""Effective maps by hand, routes that were not declared, mirrored rules, and texts of models."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from apical import (
    LIF,
    Error,
    FanIn,
    Given,
    Identity,
    LearningRule,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Projection,
    Rate,
    RateError,
    Stimulus,
    Zero,
    connectivity,
    encoding,
    feedback,
    rules,
    simulate,
)
from apical.devices import Block
from apical.errors import WiringError
from apical.feedback import FeedbackPathway
from apical.neurons.base import Population
from apical.plausibility import audit, judge, maps
from apical.plausibility.maps import Pathways, Weights
from apical.projections.projection import TransposeOf
from apical.projections.weights import WeightSource

RULE = rules.three_factor(0.1)


def rates(*sizes: int, seed: int = 0) -> Network:
    net = Network(seed=seed, trial=200.0)
    pre = net.add(Stimulus("stimulus", sizes[0], encoding.Graded()))
    for k, n in enumerate(sizes[1:], 1):
        last = k == len(sizes) - 1
        post = net.add(
            Rate("output", n, "logistic", gain="one") if last else Rate(f"hidden_{k}", n)
        )
        net.connect(pre, post, weights=FanIn(), rule=RULE)
        pre = post
    return net


def forward_of(net: Network, name: str = "hidden_1_to_output") -> np.ndarray:
    return net.initial_weights(net.projection(name))


def faults(net: Network) -> dict[str, str]:
    return {f.subject: f.reason for f in audit(net).faults}


# ---- maps ----------------------------------------------------------------------------------------


def test_sums_of_routes_and_products_along_them() -> None:
    net = rates(4, 6, 5, 3)
    hidden, output = net.populations[1], net.output
    net.connect(hidden, output, weights=Normal(), rule=RULE, name="skip")
    net.add(RateError("error", 3))
    weights = Weights(net)
    found = {f.name: f.values for f in Pathways(net, weights).forward(hidden, output)}
    first, second = forward_of(net, "hidden_1_to_hidden_2"), forward_of(net, "hidden_2_to_output")
    skip = forward_of(net, "skip")
    np.testing.assert_allclose(
        found["the transposed sum of all routes to 'output'"], (first @ second + skip).T
    )
    np.testing.assert_allclose(
        found["the transposed sum of routes of 2 synapses to 'output'"], (first @ second).T
    )


def test_parallel_feedback_adds_up_and_relays_multiply() -> None:
    net = rates(4, 6, 5, 3)
    error = net.add(RateError("error", 3))
    one, two = net.populations[1:3]
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 6)), rng.normal(size=(3, 5)), rng.normal(size=(5, 6))
    net.teach(
        FeedbackPathway(
            "both",
            (
                Projection(error, net.output, Identity(), carries={"teach": "x"}),
                Projection(error, one, Given(a), carries={"teach": "x"}),
                Projection(error, two, Given(b), carries={"teach": "x"}),
                Projection(two, one, Given(c), carries={"teach": "delta"}, name="relay"),
            ),
        )
    )
    pathways = Pathways(net, Weights(net))
    np.testing.assert_allclose(
        pathways.arriving([error], one)["from 'error' to hidden_1.teach"], a + b @ c
    )
    np.testing.assert_allclose(pathways.arriving([error], two)["from 'error' to hidden_2.teach"], b)
    assert [p.name for p in pathways.teaching].count("relay") == 1


def test_errors_in_pairs_of_opposite_sign_are_their_difference() -> None:
    net = Network(seed=0)
    x = net.add(Stimulus("stimulus", 4, encoding.Regular(100.0)))
    h, y = net.add(LIF("hidden", 6)), net.add(LIF("output", 3))
    net.connect(x, h, rule=RULE)
    net.connect(h, y, rule=RULE)
    error = net.add(Error("error", 6))
    net.teach(feedback.direct(error, net.forward))
    drawn = forward_of(net, "error_to_hidden")
    found = Pathways(net, Weights(net)).arriving([error], h)["from 'error' to hidden.teach"]
    np.testing.assert_allclose(found, drawn[:3] - drawn[3:])


# ---- transport -----------------------------------------------------------------------------------


def test_transposed_weights_beside_a_pathway_of_zeros() -> None:
    net = rates(5, 20, 3)
    error = net.add(RateError("error", 3))
    net.teach(feedback.direct(error, net.forward, Zero()))
    hidden = net.populations[1]
    up = net.projection("hidden_1_to_output")
    net.connect(error, hidden, weights=TransposeOf(up), carries={"teach": "x"}, name="extra")
    found = [f.reason for f in audit(net).about("weight transport") if f.subject == "extra"]
    assert found == ["its weights are those of 'hidden_1_to_output' transposed (weight transport)"]


@pytest.mark.parametrize("share", [0.5, 8.0])
def test_random_feedback_that_adds_up_to_the_transpose(share: float) -> None:
    net = rates(5, 20, 3)
    error, hidden = net.add(RateError("error", 3)), net.populations[1]
    w = forward_of(net).T
    r = np.random.default_rng(1).normal(0, share * w.std(), w.shape)
    net.teach(feedback.direct(error, net.forward, Given(r)))
    net.connect(error, hidden, weights=Given(w - r), carries={"teach": "x"}, name="second")
    assert "all of 60 synapses" in faults(net)["hidden_1"]


def test_two_dendrites_whose_sum_a_rule_reads() -> None:
    model = NeuronModel(
        "dx/dt = (I - x)/(5*ms) : 1\nI : 1\na : 1\nb : 1", at_step="a = 0; b = 0", method="euler"
    )
    net = Network(seed=0, trial=200.0)
    x = net.add(Stimulus("stimulus", 5, encoding.Graded()))
    h = net.add(Neurons("hidden", 20, model, {"drive": "I", "a": "a", "b": "b"}, ("x", "a", "b")))
    y = net.add(Rate("output", 3, "logistic", gain="one"))
    net.connect(x, h, weights=FanIn(), rule=LearningRule("two", "0.1*x_pre*(a_post + b_post)"))
    up = net.connect(h, y, weights=FanIn(), rule=RULE)
    error = net.add(RateError("error", 3))
    net.teach(feedback.direct(error, [up]))
    w = net.initial_weights(up).T
    r = np.random.default_rng(1).normal(0, 8 * w.std(), w.shape)
    net.connect(error, h, weights=Given(r), carries={"a": "x"}, name="on_a")
    net.connect(error, h, weights=Given(w - r), carries={"b": "x"}, name="on_b")
    assert "summed over all routes from 'error' to all its inputs" in faults(net)["hidden"]


@pytest.mark.parametrize(("relay", "second"), [("p - q", 1.0), ("2*p - 0.3*q", 2.0)])
def test_a_difference_that_a_population_of_ones_own_works_out(relay: str, second: float) -> None:
    net = rates(5, 20, 3)
    error, hidden = net.add(RateError("error", 3)), net.populations[1]
    model = NeuronModel(f"x = {relay} : 1\np : 1\nq : 1", method="euler")
    own = net.add(Neurons("own", 20, model, {"p": "p", "q": "q"}, ("x",)))
    w = forward_of(net).T
    r = np.random.default_rng(1).normal(0, 8 * w.std(), w.shape)
    other = r - w if second == 1.0 else (2 * r - w) / 0.3
    net.teach(feedback.direct(error, net.forward[1:]))
    for name, weights, to in (("first", r, "p"), ("second", other, "q")):
        net.connect(error, own, weights=Given(weights), carries={to: "x"}, name=name)
    net.connect(own, hidden, weights=Identity(), carries={"teach": "x"})
    assert "in a weighted sum of 2 routes" in " ".join(faults(net).values())


def test_a_source_of_ones_own_that_draws_at_random_is_honest() -> None:
    @dataclass(frozen=True)
    class Laplace(WeightSource):
        def draw(self, n_pre: int, n_post: int, rng: Generator) -> np.ndarray:
            return rng.laplace(size=(n_pre, n_post))

    net = rates(5, 20, 3)
    net.projections[1] = replace(net.projections[1], weights=Laplace())
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward, Laplace()))
    assert not faults(net)


def test_two_populations_of_error_neurons_add_up() -> None:
    net = rates(5, 20, 3)
    error, other = net.add(RateError("error", 3)), net.add(RateError("other", 3))
    net.connect(net.output, other, weights=Identity())
    w = forward_of(net).T
    r = np.random.default_rng(1).normal(0, 8 * w.std(), w.shape)
    net.teach(feedback.direct(error, net.forward, Given(r)))
    net.connect(other, net.populations[1], weights=Given(w - r), carries={"teach": "x"})
    assert "from 'error' and 'other' to all its inputs" in faults(net)["hidden_1"]


def test_weights_of_another_layer_are_transported_too() -> None:
    net = rates(5, 20, 20, 3)
    w = forward_of(net, "hidden_2_to_output").T
    error = net.add(RateError("error", 3))
    usual = feedback.direct(error, net.forward)
    net.teach(
        replace(
            usual,
            projections=tuple(
                replace(p, weights=Given(w)) if p.post.name == "hidden_1" else p
                for p in usual.projections
            ),
        )
    )
    assert "transposed weights of 'hidden_2_to_output'" in faults(net)["error_to_hidden_1"]


def test_rules_of_a_class_of_ones_own_are_not_read() -> None:
    class Sly(LearningRule):
        pass

    net = rates(5, 20, 3)
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward))
    net = net.altered(
        projection=lambda p: replace(p, rule=Sly("sly", "0.1*x_pre*teach_post")) if p.rule else p
    )
    assert "is of a class of one's own" in faults(net)["stimulus_to_hidden_1"]


def test_the_product_of_two_random_matrices_may_be_a_transpose() -> None:
    net = rates(5, 9, 9, 3)
    error = net.add(RateError("error", 3))
    w = forward_of(net, "hidden_1_to_hidden_2") @ forward_of(net, "hidden_2_to_output")
    first = np.random.default_rng(2).normal(size=(3, 9))
    second = np.linalg.pinv(first) @ w.T  # first @ second is w.T
    usual = feedback.layerwise(error, net.forward)
    given = {"hidden_2": Given(first), "hidden_1": Given(second)}
    projections = tuple(
        replace(p, weights=given[p.post.name]) if p.post.name in given else p
        for p in usual.projections
    )
    net.teach(replace(usual, projections=projections))
    assert "one exact multiple" in faults(net)["feedback_hidden_2_to_hidden_1"]


@dataclass(frozen=True, eq=False)
class Later(WeightSource):
    """Answers at random at first, and with what it holds later."""

    weights: np.ndarray
    patience: int = 3
    asked: list[object] = field(default_factory=list)

    def draw(self, n_pre: int, n_post: int, rng: Generator) -> np.ndarray:
        self.asked.append(1)
        if len(self.asked) <= self.patience:
            return rng.normal(size=(n_pre, n_post))
        return self.weights.copy()


def test_a_source_that_answers_otherwise_later() -> None:
    net = rates(5, 20, 3)
    source = Later(forward_of(net).T)
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward, source))
    reasons = [f.reason for f in audit(net).faults]
    assert any("2 different answers in 9" in reason for reason in reasons)
    assert any("one exact multiple" in reason for reason in reasons)


def test_forward_weights_that_begin_at_0_hold_nothing_yet() -> None:
    net = rates(5, 20, 3)
    net.projections[1] = replace(net.projections[1], weights=Zero())
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward))
    found = [f for f in audit(net).about("weight transport") if f.subject == "error_to_hidden_1"]
    assert found[0].reason == (
        "the transposed weights of 'hidden_1_to_output' hold no information that could be "
        "transported (all are 0)"
    )


# ---- mirrored learning ---------------------------------------------------------------------------


def mirrored(forward: WeightSource, back: WeightSource, rule: str) -> Network:
    net = rates(5, 20, 3)
    net.projections[1] = replace(net.projections[1], weights=forward)
    error, hidden = net.add(RateError("error", 3)), net.populations[1]
    plastic = LearningRule("mirrored", rule)
    net.teach(
        FeedbackPathway(
            "plastic",
            (
                Projection(error, net.output, Identity(), carries={"teach": "x"}),
                Projection(error, hidden, back, plastic, carries={"teach": "x"}),
            ),
        )
    )
    return net


@pytest.mark.parametrize(
    ("forward", "back"), [(Zero(), Zero()), (Given(np.full((20, 3), 0.1)), Zero())]
)
def test_equal_starts_and_mirrored_rules_are_prepared(
    forward: WeightSource, back: WeightSource
) -> None:
    found = faults(mirrored(forward, back, "0.5*x_pre*x_post"))
    assert "prepared symmetric" in found["error_to_hidden_1"]


@pytest.mark.parametrize(
    ("forward", "back", "rule"),
    [
        (Normal(), Normal(), "0.5*x_pre*x_post"),  # Kolen & Pollack 1994: aligns by learning
        (Zero(), Zero(), "0.5*x_post"),
        (Zero(), Zero(), "0.5*x_pre*x_post*x_post"),
    ],
)
def test_other_plastic_feedback_is_not(
    forward: WeightSource, back: WeightSource, rule: str
) -> None:
    assert not faults(mirrored(forward, back, rule))


# ---- texts of models -----------------------------------------------------------------------------


EQUATIONS = """
dv/dt = (I + 1 - v)/(20*ms) : 1
dI/dt = -I/(5*ms) : 1
x : 1
teach : 1
gain = {} : 1
"""
CLOCK = "int(t % (40*ms) > 30*ms)"


def spiking(gain: str = "1", **texts: str) -> Network:
    given = {"threshold": "v > 1", "reset": "v = 0\nx += 1", "method": "euler"} | texts
    model = NeuronModel(EQUATIONS.format(gain), **given)
    signals = ("x", "gain", "teach")
    inputs = {"drive": "I", "teach": "teach"}
    return around(Neurons("hidden", 6, model, inputs, signals))


def around(hidden: Population) -> Network:
    net = Network(seed=0, trial=40.0)
    x = net.add(Stimulus("stimulus", 5, encoding.Regular(100.0)))
    net.add(hidden)
    y = net.add(LIF("output", 3))
    net.connect(x, hidden, rule=RULE)
    net.connect(hidden, y, rule=RULE)
    net.teach(feedback.direct(net.add(Error("error", 6)), net.forward))
    return net


@pytest.mark.parametrize(
    ("net", "aspect", "level", "words"),
    [
        (spiking("int(label(t, i) > 0)"), "locality", "not local", "which only error neurons"),
        (spiking(refractory="label(t, i) < 0.5"), "locality", "not local", "refractory reads"),
        (spiking(threshold="v > 1 + label(t, i)"), "locality", "not local", "threshold reads"),
        (spiking(reset="v = 0\nx += 1 + stimulus(t, 0)/Hz"), "locality", "not local", "stimulus"),
        (spiking(at_step="teach = label(t, i)"), "locality", "not local", "at_step reads label"),
        (spiking("1 + oracle(v)"), "locality", "not local", "calls oracle(), which may bring in"),
        (spiking("1 + hearsay"), "locality", "not local", "'hearsay', which neither"),
        (spiking("i"), "locality", "idealised", "reads i, the number of the neuron"),
        (spiking(CLOCK), "phases", "broadcast", "reads the time t"),
        (spiking("learning(t)"), "phases", "broadcast", "whether a trial is for learning"),
        (spiking(at_trial="v = 0"), "phases", "broadcast", "v change when a trial begins"),
        (around(LIF("hidden", 6, gain=CLOCK)), "phases", "broadcast", "time t"),
        (around(LIF("hidden", 6, gain="1 + label(t, i)")), "locality", "not local", "label(t, i)"),
    ],
)  # fmt: skip
def test_what_texts_read_is_named(net: Network, aspect: str, level: str, words: str) -> None:
    found = [(f.aspect, f.level, f.reason) for f in audit(net).findings if f.subject == "hidden"]
    assert any((a, b) == (aspect, level) and words in why for a, b, why in found), found


def test_ordinary_neurons_of_ones_own_are_not_flagged() -> None:
    assert audit(spiking("int(x > 0)*exp(-v**2)")).is_local


@dataclass(frozen=True)
class Told(Rate):
    """A rate neuron that adds the label to its drive, where Brian2 runs it."""

    @property
    def model(self) -> NeuronModel:
        model = super().model
        more = f"{model.equations}\ntold : 1"
        return replace(model, equations=more, at_trial=f"{model.at_trial}\ntold = label(t, i % 3)")


@dataclass(frozen=True)
class Prophet(Error):
    """Error neurons that are shown the label of the next trial."""

    @property
    def model(self) -> NeuronModel:
        model = super().model
        return replace(model, at_trial="shown = label(t + 40*ms, i % half)")


@dataclass(frozen=True)
class Neighbour(RateError):
    """Error neurons that are shown the label of the next class."""

    @property
    def model(self) -> NeuronModel:
        return replace(super().model, at_trial="shown = label(t, (i + 1) % 3)")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Told, "which only error neurons and targets may be shown"),
        (Prophet, "what is shown at another time than now"),
        (Neighbour, "what is shown to another neuron"),
    ],
)
def test_subclasses_are_read_like_any_other(kind: type[Population], words: str) -> None:
    if kind is Prophet:
        net = around(LIF("hidden", 6)).altered(
            population=lambda p: Prophet(p.name, p.size) if p.role == "error" else p
        )
    else:
        net = rates(5, 20, 3)
        net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward))
        net = net.altered(
            population=lambda p: (
                kind(p.name, p.size)
                if p.role == ("error" if kind is Neighbour else "neurons") and p.name != "output"
                else p
            )
        )
    assert any(words in f.reason for f in audit(net).faults)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda shape: 1 / 0, "raised ZeroDivisionError"),
        (lambda shape: np.full(shape, np.nan), "not finite"),
        (lambda shape: np.ones(shape[::-1]), r"shape \(20, 3\)"),
        (lambda shape: None, "type object"),
    ],
)
def test_sources_of_ones_own_that_fail_are_one_line(draw: Any, words: str) -> None:
    @dataclass(frozen=True)
    class Broken(WeightSource):
        def draw(self, n_pre: int, n_post: int, rng: Generator) -> np.ndarray:
            return np.asarray(draw((n_pre, n_post)))

    net = rates(5, 20, 3)
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward, Broken()))
    with pytest.raises(WiringError, match=words):
        audit(net)


def test_an_equation_that_reads_itself_is_no_traceback() -> None:
    net = rates(5, 6, 3)
    model = NeuronModel("x = x + I : 1\nI : 1", method="euler")
    own = net.add(Neurons("own", 6, model, {"drive": "I"}, ("x",)))
    net.connect(net.populations[1], own)
    assert audit(net).findings


@pytest.mark.parametrize("weights", [FanIn(), Zero()], ids=["random", "begin at 0"])
def test_feedback_from_a_population_of_which_a_sample_is_looked_at(
    weights: WeightSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where FA leads back from a large population, forward routes end at its sample too."""
    monkeypatch.setattr(maps, "LARGEST", 100)
    monkeypatch.setattr(maps, "SAMPLE", 20)
    net, rule = Network(seed=0), RULE
    x = net.add(Stimulus("stimulus", 36, encoding.Graded(), shape=(6, 6)))
    h, g = (net.add(Rate(name, 36, shape=(6, 6))) for name in ("first", "second"))
    y, fields = net.add(Rate("output", 3)), connectivity.ReceptiveFields(3, padding=1)
    for pre, post in ((x, h), (h, g)):
        net.connect(pre, post, weights=weights, rule=rule, connectivity=fields)
    net.connect(g, y, weights=FanIn(), rule=rule)
    error = net.add(RateError("error", 3))
    net.teach(feedback.layerwise(error, net.forward, connectivity="forward"))
    found = {f.subject: f.level for f in audit(net).findings if f.aspect == "weight transport"}
    assert found == dict.fromkeys(found, "local") and "feedback_second_to_first" in found


@pytest.mark.parametrize("wiring", ["fa", "dfa", "gevb"])
def test_fixed_weights_of_large_populations_are_judged_after_a_run(
    wiring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "LARGEST", 100)
    monkeypatch.setattr(maps, "SAMPLE", 20)
    net, fields = Network(seed=0), connectivity.ReceptiveFields(3, padding=1)
    x = net.add(Stimulus("stimulus", 36, encoding.Graded(), shape=(6, 6)))
    h, g = (net.add(Rate(name, 36, shape=(6, 6))) for name in ("first", "second"))
    y = net.add(Rate("output", 3))
    net.connect(x, h, weights=FanIn(), rule=RULE, connectivity=fields)
    net.connect(h, g, weights=FanIn(), connectivity=fields)  # fixed, and looked at by a sample
    net.connect(g, y, weights=FanIn(), rule=RULE)
    net.teach(feedback.WIRINGS[wiring](net.add(RateError("error", 3)), net.forward))
    values = np.random.default_rng(0).random((4, 36))
    with simulate(net, "array") as simulator:
        simulator.run(Block(values, np.arange(4) % 3, np.ones(4)))
        assert judge(simulator).is_local
        simulator.load({"first_to_second": 2 * simulator.weights("first_to_second")})
        (fault,) = judge(simulator).faults
    n = net.n_synapses("first_to_second")
    assert fault.subject == "first_to_second" and f"{n} of its {n} weights" in fault.reason
