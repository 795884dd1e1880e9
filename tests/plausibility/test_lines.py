"""Each line of the scorecard says what flows, whatever it is called; with the right level."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from networks import small
from rate_networks import rates

from apical import (
    LIF,
    Bias,
    ConductanceLIF,
    Error,
    Given,
    Identity,
    LearningRule,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Opposed,
    Projection,
    Rate,
    RateError,
    RateTarget,
    Reward,
    Stimulus,
    Trace,
    Uniform,
    check,
    feedback,
    rules,
)
from apical.errors import WiringError
from apical.feedback.pathways import FeedbackPathway
from apical.language.activations import Activation
from apical.neurons.base import Population
from apical.neurons.encoding import Graded, Regular
from apical.neurons.facts import Assumption
from apical.plasticity import optimizers
from apical.plasticity.constraints import Levels
from apical.plausibility import ASPECTS, Aspect, Finding, audit
from apical.plausibility.criteria import CRITERIA, MEANINGS
from apical.plausibility.signs import Signs


def chain(
    hidden: Population | None = None,
    rule: LearningRule | None = None,
    output: str = "logistic",
    weights: Any = None,
    **connection: Any,
) -> Network:
    """Return stimulus, hidden and output of rates, without feedback."""
    net = Network(trial=200.0)
    x = net.add(Stimulus("stimulus", 6, Graded()))
    h = net.add(hidden or Rate("hidden", 9))
    y = net.add(Rate("output", 3, output, gain="one"))
    rule = rule or rules.three_factor(0.1)
    net.connect(x, h, weights=weights or Normal(0.3), rule=rule, **connection)
    net.connect(h, y, weights=weights or Normal(0.3), rule=rule, **connection)
    return net


def taught(net: Network, back: Any = None) -> Network:
    """Return a network with direct feedback, of given weights onto the hidden population."""
    error = net.add(RateError("error", 3))
    net.teach(feedback.direct(error, net.forward, back or Normal(0.3)))
    return net


def said(net: Network, aspect: Aspect, **training: Any) -> dict[str, tuple[str, str]]:
    """Return the levels and reasons on one aspect, by subject."""
    found = audit(net, **{"batch": 1, **training}).about(aspect)
    return {f.subject: (f.level, f.reason) for f in found}


# criteria ----------------------------------------------------------------------------------------


def test_every_aspect_has_a_criterion_and_its_paper() -> None:
    assert tuple(CRITERIA) == ASPECTS
    for aspect, criterion in CRITERIA.items():
        finding = Finding("x", aspect, "local", "why")
        assert finding.criterion == criterion.text and criterion.text.endswith(".")
        assert finding.source == criterion.source
        assert aspect == "description" or "doi:" in criterion.source or "arXiv:" in criterion.source


def test_levels_say_what_they_count_and_are_never_added_up() -> None:
    card = audit(rates())
    for level, counted in card.levels.items():
        found = card.about_level(level)  # type: ignore[arg-type]
        assert counted["count"] == len(found) == card.counts[level]
        assert counted["meaning"] == MEANINGS[level]  # type: ignore[index]
        assert set(counted["aspects"]) == {f.aspect for f in found}
    assert card.as_dict()["levels"] == card.levels
    assert all({"criterion", "source"} <= set(f) for f in card.as_dict()["findings"])


# update locking ----------------------------------------------------------------------------------


def own(
    equations: str, offers: tuple[str, ...], takes: Mapping[str, str], **options: Any
) -> Neurons:
    """Return spiking neurons of one's own."""
    model = NeuronModel(
        f"dv/dt = (I + 0.8 - v)/(20*ms) : 1\ndI/dt = -I/(5*ms) : 1\nx : 1\n{equations}",
        "v > 1",
        "v = 0\nx += 1",
        method="euler",
        **options,
    )
    return Neurons("hidden", 8, model, {"drive": "I", **takes}, ("x", *offers))


def by_hand(hidden: Population, update: str, to: str, traces: Any = None) -> Network:
    """Return a network whose hidden neurons are taught through an input of any name."""
    net = Network(trial=40.0)
    x, h = net.add(Stimulus("stimulus", 12, Regular(200.0))), net.add(hidden)
    y, e = net.add(LIF("output", 3, bias=1.5, gain="1")), net.add(Error("error", 6))
    net.connect(x, h, rule=LearningRule("own", update, traces=traces or {}))
    net.connect(h, y, rule=rules.three_factor(2e-3))
    net.teach(FeedbackPathway("some", feedback.direct(e, net.forward[1:]).projections))
    net.connect(e, h, weights=Opposed(Normal()), carries={to: "x"})
    return net


def test_learning_waits_for_what_an_error_moved_whatever_it_is_called() -> None:
    net = Network(trial=200.0)
    x, h = net.add(Stimulus("stimulus", 6, Graded())), net.add(Rate("hidden", 8))
    y = net.add(Rate("output", 3, "logistic", gain="one", nudge=0.5))
    net.connect(x, h)
    net.connect(h, y, rule=LearningRule("chl", "0.1*x_pre*(nudged_post - x_post)"))
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward))
    assert said(net, "update locking")["hidden_to_output"] == (
        "broadcast",
        "waits for error; learns at a global signal, at the same time as all others",
    )
    assert "second phase" in said(net, "phases")["output"][1]


@pytest.mark.parametrize(
    ("update", "traces"),
    [
        ("x_pre*far_post", {}),
        ("x_pre*both_post", {}),
        ("held", {"held": Trace("x_pre*far_post", 20.0)}),
    ],
)
def test_learning_waits_for_feedback_of_any_name(update: str, traces: Any) -> None:
    hidden = own("far : 1\nboth = far*int(x > 0) : 1", ("far", "both"), {"far": "far"})
    found = said(by_hand(hidden, update, "far", traces), "update locking")
    level, reason = found["stimulus_to_hidden"]
    assert level == "broadcast" and "waits for output, error;" in reason


def test_a_rule_without_target_waits_for_nobody() -> None:
    net = taught(chain())
    net = net.altered(
        projection=lambda p: (
            replace(p, rule=LearningRule("hebb", "x_pre*x_post"))
            if p.name == "stimulus_to_hidden"
            else p
        )
    )
    assert said(net, "update locking")["stimulus_to_hidden"] == (
        "local",
        "no update locking: reads no feedback",
    )


# phases ------------------------------------------------------------------------------------------


def clamped(way: str) -> Network:
    """Return a network into whose activity the target gets."""
    net = chain()
    target = net.add(RateTarget("target", 3))
    if way == "output":
        net.connect(target, net.output, weights=Identity(2.0))
    elif way == "hidden":
        net.connect(target, net.populations[1])
    else:
        other = net.add(Rate("other", 3))
        net.connect(target, other)
        net.connect(other, net.output)
    return taught_of_stimulus(net)


def taught_of_stimulus(net: Network) -> Network:
    error = net.add(RateError("error", 3))
    plastic = [p for p in net.projections if p.rule]
    net.teach(feedback.direct(error, plastic))
    return net


@pytest.mark.parametrize(
    ("way", "subject"),
    [
        ("output", "target_to_output"),
        ("hidden", "target_to_hidden"),
        ("other", "other_to_output"),
    ],
)
def test_a_target_in_the_activity_needs_phases(way: str, subject: str) -> None:
    level, reason = said(clamped(way), "phases")[subject]
    assert level == "broadcast" and "depends on the target" in reason


def test_a_target_that_only_teaches_is_no_phase() -> None:
    assert set(said(taught(chain()), "phases")) == {"network"}
    hidden = rates(feedback.target_projection)
    assert set(said(hidden, "phases")) == {"network"}


def test_an_error_worked_out_by_populations_is_no_phase() -> None:
    net = chain()
    target, h, y = net.add(RateTarget("target", 3)), net.populations[1], net.output
    error = net.add(Rate("difference", 3, "linear"))
    net.connect(target, error, weights=Identity())
    net.connect(y, error, weights=Identity(-1.0))
    for post in (h, y):
        net.connect(error, post, weights=Normal(), carries={"teach": "x"})
    net.output = "output"
    assert set(said(net, "phases")) == {"network"}
    assert "an error, the target against the output" in said(net, "teacher")["network"][1]


# global quantities -------------------------------------------------------------------------------


def told_by(size: int, onto: np.ndarray, back: np.ndarray) -> Network:
    """Return a network whose error goes through a population of one's own to the dendrites."""
    net = chain()
    error, h, y = net.add(RateError("error", 3)), net.populations[1], net.output
    net.connect(y, error, weights=Identity())
    between = net.add(Rate("between", size, "linear"))
    paths = (
        Projection(error, between, Given(onto)),
        Projection(between, h, Given(back), carries={"teach": "x"}),
        Projection(error, y, Identity(), carries={"teach": "x"}),
    )
    net.projections += paths
    net.feedback = FeedbackPathway("between", paths[1:])
    return net


RNG = np.random.default_rng(0)
ONE_NUMBER: dict[str, tuple[Callable[[], Network], str, str]] = {
    "one neuron": (
        lambda: told_by(1, np.ones((3, 1)), RNG.normal(size=(1, 9))),
        "between_to_hidden",
        "one number, that of between, is told to all 9 neurons of hidden",
    ),
    "rows that are the same": (
        lambda: told_by(4, RNG.normal(size=(3, 4)), np.outer(RNG.normal(size=4), np.ones(9))),
        "between_to_hidden",
        "hear one number, the same sum over between",
    ),
    "rows that are multiples": (
        lambda: taught(chain(), Given(np.outer(RNG.normal(size=3), RNG.normal(size=9)))),
        "error_to_hidden",
        "weights of rank 1",
    ),
    "a sum that each neuron works out": (
        lambda: told_by(9, np.ones((3, 9)), np.eye(9)),
        "error_to_between",
        "hear one number, the same sum over error",
    ),
}


@pytest.mark.parametrize(("make", "subject", "words"), ONE_NUMBER.values(), ids=ONE_NUMBER)
def test_one_number_for_all_is_a_broadcast(
    make: Callable[[], Network], subject: str, words: str
) -> None:
    level, reason = said(make(), "global quantities")[subject]
    assert level == "broadcast" and words in reason


def test_errors_of_many_classes_are_no_broadcast() -> None:
    assert said(taught(chain()), "global quantities")["network"][0] == "local"
    several = told_by(4, RNG.normal(size=(3, 4)), RNG.normal(size=(4, 9)))
    assert said(several, "global quantities")["network"][0] == "local"


def test_one_inhibitory_neuron_is_no_broadcast() -> None:
    net = small()
    one = net.add(LIF("inhibition", 1))
    net.connect(net.populations[1], one)
    net.connect(one, net.populations[1], weights=Given(np.full((1, net.populations[1].size), -1.0)))
    assert not [s for s in said(net, "global quantities") if s.startswith("inhibition")]


def test_a_batch_that_is_not_stated_is_said_to_be_not_stated() -> None:
    assert "batch size is not stated" in str(check(taught(chain())).about("global quantities"))
    assert "32 trials" in said(taught(chain()), "global quantities", batch=32)["network"][1]
    assert said(taught(chain()), "global quantities", batch=1)["network"][0] == "local"
    idle = Network()
    idle.connect(idle.add(Stimulus("x", 2)), idle.add(LIF("y", 2)))
    assert said(idle, "global quantities", batch=None)["network"][0] == "local"


# derivatives -------------------------------------------------------------------------------------

SLOPES: dict[str, tuple[str, tuple[str, ...], str, Any, str]] = {
    "of another name": (
        "here = int(x > 0) : 1\nfar : 1",
        ("here", "far"),
        "x_pre*here_post*far_post",
        {},
        "here = int(x > 0)",
    ),
    "in a trace": (
        "here = 1/(1 + abs(v)) : 1\nfar : 1",
        ("here", "far"),
        "held*far_post",
        {"held": Trace("x_pre*here_post", 20.0)},
        "here = 1/(1 + abs(v))",
    ),
    "behind a product": (
        "here = int(x > 0) : 1\nfar : 1\nmixed = here*far : 1",
        ("mixed",),
        "x_pre*mixed_post",
        {},
        "here = int(x > 0)",
    ),
    "within a product": (
        "far : 1\nmixed = far*int(v > 0.5) : 1",
        ("mixed",),
        "x_pre*mixed_post",
        {},
        "mixed = far*int(v > 0.5)",
    ),
    "the membrane": ("far : 1", ("far", "v"), "x_pre*v_post*far_post", {}, "v, a variable"),
    "in the rule": ("far : 1", ("far",), "x_pre*int(x_post > 0)*far_post", {}, "the update of"),
}


@pytest.mark.parametrize(
    ("equations", "offers", "update", "traces", "words"), SLOPES.values(), ids=SLOPES
)
def test_a_slope_of_any_name_has_a_line(
    equations: str, offers: tuple[str, ...], update: str, traces: Any, words: str
) -> None:
    net = by_hand(own(equations, offers, {"far": "far"}), update, "far", traces)
    level, reason = said(net, "spike derivative")["hidden"]
    assert level == "local" and words in reason


def test_activity_and_teaching_alone_are_no_slope() -> None:
    net = by_hand(own("far : 1", ("far",), {"far": "far"}), "x_pre*far_post", "far")
    assert "hidden" not in said(net, "spike derivative")
    nudged = by_hand(
        own("far : 1\nmoved = x + far : 1", ("moved",), {"far": "far"}), "x_pre*moved_post", "far"
    )
    assert "hidden" not in said(nudged, "spike derivative")


# Dale's law --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "level"),
    [
        ("tanh", "idealised"),
        ("linear", "idealised"),
        ("leaky_relu", "idealised"),
        ("gelu", "idealised"),
        ("relu", "local"),
        ("logistic", "local"),
        ("softplus", "local"),
        (Activation("clipped", "clip(drive, 0, 1)", "1"), "local"),
        (Activation("shifted", "tanh(drive) + 0.5", "1"), "idealised"),
    ],
)
def test_a_negative_rate_breaks_dales_law(activation: Any, level: str) -> None:
    net = chain(
        Rate("hidden", 9, activation, gain="one"),
        weights=Uniform(0.5, positive=True),
        bounds=(0.0, 1.0),
    )
    assert said(net, "Dale's law")["hidden"][0] == level
    negative = "negative" in said(net, "rates and spikes")["hidden"][1]
    assert negative is (level == "idealised")
    assert said(net, "Dale's law")["stimulus"][0] == "local"


def excites_and_inhibits(other: Population, to: str) -> Network:
    net = Network(trial=40.0)
    x = net.add(Stimulus("stimulus", 12, Regular(200.0), tau_x=20.0))
    a, b = net.add(LIF("a", 6)), net.add(other)
    positive = Uniform(0.3, positive=True)
    net.connect(x, a, weights=positive)
    net.connect(x, b, weights=positive, carries={to: "x"})
    net.connect(a, net.add(LIF("output", 3)), weights=positive)
    return net


OF_OWN = NeuronModel(
    "dv/dt = (ge*(0*mV - v) + gi*(-80*mV - v) - 70*mV - v)/(20*ms) : volt\n"
    "dge/dt = -ge/(5*ms) : 1\ndgi/dt = -gi/(5*ms) : 1\nI : 1",
    "v > -50*mV",
    "v = -70*mV",
    at_step="v -= I*mV\nI = 0",
    initial={"v": -0.07},
    method="euler",
)


@pytest.mark.parametrize(
    ("other", "to", "level"),
    [
        (ConductanceLIF("b", 5), "inhibit", "idealised"),
        (ConductanceLIF("b", 5), "drive", "local"),
        (Neurons("b", 5, OF_OWN, {"k": "gi"}, ("v",)), "k", "idealised"),
        (Neurons("b", 5, OF_OWN, {"k": "I"}, ("v",)), "k", "idealised"),
        (Neurons("b", 5, OF_OWN, {"k": "ge"}, ("v",)), "k", "local"),
    ],
)
def test_an_input_that_inhibits_counts_as_inhibition(
    other: Population, to: str, level: str
) -> None:
    """Though two populations may decide, so that a line names the choice."""
    net = excites_and_inhibits(other, to)
    found, reason = said(net, "Dale's law")["stimulus"]
    assert found == level
    assert ("inhibit b by" in reason) is (level == "idealised")
    doubts = [f.reason for f in audit(net).about_level("doubtful") if f.subject == "network"]
    assert any("several populations that may decide, 'b', 'output'" in why for why in doubts)
    with pytest.raises(WiringError, match="several populations"):
        check(net)


@pytest.mark.parametrize(
    ("population", "effects"),
    [
        (LIF("x", 3), {"drive": 1, "teach": None}),
        (ConductanceLIF("x", 3), {"drive": 1, "inhibit": -1}),
        (Rate("x", 3, "relu"), {"drive": 1, "teach": None}),
        (RateError("x", 3), {"drive": -1}),
        (Bias("x"), {}),
    ],
)
def test_inputs_enter_with_a_sign(population: Population, effects: dict[str, int | None]) -> None:
    signs = Signs(population)
    assert {k: signs.effect(v) for k, v in population.inputs.items()} == effects


def test_a_network_without_an_end_is_judged_all_the_same() -> None:
    net = Network()
    net.add(Stimulus("x", 2))
    card = audit(net)
    assert card.is_local and "nothing decides" in str(card.about_level("doubtful"))
    assert {f.aspect for f in audit(Network()).findings} == set(ASPECTS)


def test_feedback_may_be_connected_by_hand() -> None:
    net = chain()
    error = net.add(RateError("error", 3))
    net.connect(net.output, error, weights=Identity())
    for projection in feedback.direct(error, net.forward).projections:
        net.projections.append(projection)
    assert net.feedback is None and check(net).is_local
    net.projections.pop()
    with pytest.raises(WiringError, match="'.*_to_.*' learn from 'teach_post', but"):
        check(net)


# precision ---------------------------------------------------------------------------------------


def two_bits(rule: LearningRule, hidden: Population | None = None) -> Network:
    net = taught(chain(hidden, rule=rule))
    return net.altered(projection=lambda p: replace(p, levels=Levels(2)) if p.rule else p)


@pytest.mark.parametrize(
    ("rule", "level", "words"),
    [
        (rules.three_factor(0.1), "local", "2 bits"),
        (rules.three_factor(0.1, dynamics=optimizers.momentum()), "idealised", "m of momentum"),
        (rules.three_factor(0.1, dynamics=optimizers.adam()), "idealised", "m of adam, v of adam"),
        (
            LearningRule("held", "held*teach_post", traces={"held": Trace("x_pre", 20.0)}),
            "idealised",
            "trace held",
        ),
    ],
)
def test_what_a_synapse_keeps_counts_as_precision(
    rule: LearningRule, level: str, words: str
) -> None:
    found, reason = said(two_bits(rule), "precision")["stimulus_to_hidden"]
    assert found == level and words in reason
    fine = said(taught(chain(rule=rule)), "precision")["network"]
    assert fine[0] == "idealised" and (level == "local" or words in fine[1])


# the other lines ---------------------------------------------------------------------------------


def rewarded() -> Network:
    """Return a network that learns by node perturbation and a reward."""
    net = Network()
    x = net.add(Stimulus("stimulus", 6, Graded()))
    y = net.add(Rate("output", 3, "logistic", explores=0.1))
    net.connect(x, y, rule=rules.node_perturbation(0.1))
    net.add(RateError("error", 3, keeps="square"))
    net.teach(feedback.broadcast(net.add(Reward("reward")), net.forward))
    return net


def test_who_teaches() -> None:
    def teacher(net: Network) -> tuple[str, str]:
        return said(net, "teacher")["network"]

    assert teacher(taught(chain()))[0] == "idealised"
    assert teacher(taught(chain()))[1].startswith("an error")
    assert "given to error" in teacher(taught(chain()))[1]
    drtp = teacher(rates(feedback.target_projection))
    assert drtp[0] == "idealised" and "the target itself" in drtp[1]
    assert teacher(chain(rule=LearningRule("hebb", "x_pre*x_post")))[0] == "local"
    level, reason = teacher(rewarded())
    assert level == "broadcast" and reason.startswith("one number, that of reward")


def test_whether_feedback_moves_activity() -> None:
    assert said(taught(chain()), "feedback effect")["network"][0] == "idealised"
    moved = said(clamped("output"), "feedback effect")["target_to_output"]
    assert moved == ("local", "moves the activity of output")


@pytest.mark.parametrize(
    ("output", "level", "words"),
    [("logistic", "local", "between -1 and 1"), ("linear", "idealised", "not bounded")],
)
def test_how_large_an_error_gets(output: str, level: str, words: str) -> None:
    found, reason = said(taught(chain(output=output)), "error size")["error"]
    assert found == level and words in reason


def test_what_switches_plasticity_on() -> None:
    level, reason = said(taught(chain()), "plasticity switch")["network"]
    assert level == "broadcast" and "at a global signal that a trial ends" in reason
    assert "while feedback arrives" in said(small("feedback"), "plasticity switch")["network"][1]


@pytest.mark.parametrize(("trial", "level"), [(100.0, "local"), (60_000.0, "idealised")])
def test_how_long_activity_is_remembered(trial: float, level: str) -> None:
    net = small().altered(trial=trial)
    found, reason = said(net, "memory")["stimulus_to_hidden_0"]
    assert found == level and f"up to {trial:g} ms later" in reason
    assert said(taught(chain()), "memory")["stimulus_to_hidden"][1].startswith("needs none")


def test_what_learning_costs() -> None:
    level, reason = said(taught(chain()), "cost")["network"]
    # 6 x 9 and 9 x 3 forward and updated; 3 to the error, 3 back to the output, 3 x 9 to the rest
    assert level == "noted"
    assert "81 synapses carry activity, 33 carry what is taught, 81 are updated" in reason


@pytest.mark.parametrize("aspect", ASPECTS)
def test_what_a_kind_assumes_is_said_whatever_the_aspect(aspect: Aspect) -> None:
    @dataclass(frozen=True)
    class Frank(Population):
        @property
        def model(self) -> NeuronModel:
            return NeuronModel(
                "dv/dt = (I - v)/(20*ms) : 1\nI : 1\nx : 1", "v > 1", "v = 0\nx += 1"
            )

        @property
        def inputs(self) -> Mapping[str, str]:
            return {"drive": "I"}

        @property
        def signals(self) -> tuple[str, ...]:
            return ("x",)

        @property
        def assumptions(self) -> tuple[Assumption, ...]:
            return (Assumption(aspect, "idealised", "it is frank"),)

    net = Network()
    net.connect(net.add(Stimulus("x", 2)), net.add(Frank("y", 2)))
    found = [f.reason for f in audit(net).about(aspect) if f.subject == "y"]
    assert found.count("it is frank") == 1


def test_a_text_that_no_rule_may_have_is_a_finding_not_an_error() -> None:
    net = taught_by_own("oracle(i)")
    assert audit(net).about("spike derivative")


def taught_by_own(gain: str) -> Network:
    """Return a network whose neurons call a function in their gain that nothing knows."""
    equations = f"apical : 1\ngain = {gain} : 1\ndelta = gain*apical : 1"
    hidden = own(equations, ("gain", "delta", "apical"), {"teach": "apical"})
    return by_hand(hidden, "x_pre*delta_post", "teach")
