"""Dendrites that compare the plateaus of two phases: the output as it is, and at its target."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rate_networks import rates, trials

from apical import (
    Block,
    FanOut,
    Given,
    Network,
    Rate,
    feedback,
    plotting,
    rules,
    simulate,
    two_phase,
)
from apical.errors import LocalityError, ParameterError, WiringError
from apical.language.activations import Activation
from apical.locality_check.synapses import disturb
from apical.measures.alignment import angles_to_backpropagation
from apical.plausibility import audit, check
from apical.projections.projection import Projection

WEIGHTS = FanOut(4.0)
HIDDEN = "stimulus_to_hidden_1", "hidden_1_to_hidden_2"


def dendrites(
    plateau: str | Activation = "logistic", nudge: float = 1.0, **options: Any
) -> Network:
    """Describe a network of two hidden populations under two phases."""
    plain = rates(rule=rules.three_factor(1.0), activation="logistic", gain="slope", **options)
    fitted = plain.altered(
        population=lambda p: (
            replace(p, plateau=plateau)
            if p.name.startswith("hidden")
            else replace(p, nudge=nudge)
            if p.name == "output"
            else p
        )
    )
    return fitted.rewired(two_phase.two_phases, weights=WEIGHTS)


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("nudge", [1.0, 0.3])
def test_updates_are_those_of_the_paper_by_hand(nudge: float) -> None:
    """Hidden weights: x times the slope times the plateau at the target less the one before."""
    net, block = dendrites(nudge=nudge), trials()
    simulator = simulate(net, "array", dtype="float64")
    w = [simulator.weights(p) for p in net.forward]
    x = [np.asarray(block.values)]
    for weights in w:
        x.append(logistic(x[-1] @ weights))
    error = np.eye(3)[block.labels] - x[3]
    found = simulator.updates(block)
    for k, name in enumerate(HIDDEN):
        b = simulator.weights(f"feedback_output_to_hidden_{k + 1}")
        taught = logistic((x[3] + nudge * error) @ b) - logistic(x[3] @ b)
        asked = x[k].T @ (taught * x[k + 1] * (1 - x[k + 1])) / len(block)
        np.testing.assert_allclose(found[name], asked, rtol=1e-9, atol=1e-15)
    asked = x[2].T @ (error * x[3] * (1 - x[3])) / len(block)
    np.testing.assert_allclose(found["hidden_2_to_output"], asked, rtol=1e-12)


def test_plateaus_without_a_bend_are_direct_feedback_of_the_error() -> None:
    block, net = trials(), dendrites("linear")
    simulator = simulate(net, "array", dtype="float64")
    found = simulator.updates(block)
    direct = simulate(net.rewired(feedback.direct), "array", dtype="float64")
    for k in (1, 2):
        direct.load({f"error_to_hidden_{k}": simulator.weights(f"feedback_output_to_hidden_{k}")})
    for name, asked in direct.updates(block).items():
        np.testing.assert_allclose(found[name], asked, rtol=1e-9, atol=1e-15)
    bent = simulate(dendrites(), "array", dtype="float64").updates(block)
    assert not np.allclose(bent[HIDDEN[0]], found[HIDDEN[0]], rtol=0.1)


def test_angles_are_to_backpropagation_into_dendrites_that_sum() -> None:
    """Small plateaus have no bend, so the angle is that of DFA with the same feedback."""
    weak = Given(1e-4 * np.random.default_rng(1).normal(size=(3, 5)))
    net = dendrites(sizes=(6, 5, 3)).rewired(two_phase.two_phases, weights=weak)
    plain = rates(sizes=(6, 5, 3), activation="logistic", gain="slope")
    direct = plain.rewired(feedback.direct, weights=weak)
    found, asked = (
        angles_to_backpropagation(simulate(n, "array", dtype="float64"), trials())
        for n in (net, direct)
    )
    assert asked and found == pytest.approx(asked, abs=0.01)


def test_hidden_neurons_learn_nothing_where_nobody_moves_the_output() -> None:
    simulator, block = (
        simulate(dendrites(), "array", traces=["teach"], record=["hidden_1"]),
        trials(),
    )
    assert simulator.run(block).traces["hidden_1.teach"].any()
    unshown = simulator.run(Block(block.values)).traces["hidden_1.teach"]
    assert not unshown.any()


def test_brian_learns_the_weights_of_arrays() -> None:
    net, block, weights = dendrites().altered(trial=400.0), trials(4, learning=1.0), []
    for device, options in (("array", {}), ("runtime", {"dt": 40.0})):
        simulator = simulate(net, device, dtype="float64", **options)
        simulator.run(block)
        weights.append({p.name: simulator.weights(p) for p in net.plastic})
    assert not np.allclose(weights[0][HIDDEN[0]], net.initial_weights(net.forward[0]), atol=1e-4)
    for name, expected in weights[0].items():
        np.testing.assert_allclose(weights[1][name], expected, rtol=1e-6, atol=1e-8)


def test_the_scorecard_says_that_two_phases_are_needed() -> None:
    card = check(dendrites())
    found = [f for f in card.about("phases") if f.subject.startswith("hidden")]
    assert [f.level for f in found] == ["broadcast"] * 2
    assert all("two phases of each training trial" in f.reason for f in found)
    assert not [f for f in check(rates()).about("phases") if "two phases" in f.reason]
    waits = {f.subject: f for f in card.about("update locking")}["stimulus_to_hidden_1"]
    assert waits.level == "broadcast" and "waits for hidden_2, output, error" in waits.reason


def test_feedback_that_knows_forward_weights_is_caught() -> None:
    net, name = dendrites(), "feedback_output_to_hidden_2"
    copy = Given(net.initial_weights(net.projection("hidden_2_to_output")).T)
    known = net.altered(projection=lambda p: replace(p, weights=copy) if p.name == name else p)
    assert [f.subject for f in audit(known).faults] == [name]
    with pytest.raises(LocalityError, match="transposed"):
        check(known)


def test_what_learns_changes_nothing_else() -> None:
    block = trials(4)
    card = disturb(dendrites(), block.values, block.labels, each=1, devices=["array"])
    assert card.is_local, card.faults


def test_noise_of_dendrites_is_added_to_what_plateaus_say() -> None:
    def said(net: Network) -> np.ndarray:
        simulator = simulate(net, "array", traces=["teach"], record=["hidden_1"], dtype="float64")
        return simulator.run(trials(400, learning=1.0)).traces["hidden_1.teach"]

    noisy = dendrites().altered(
        population=lambda p: replace(p, teach_noise=0.1) if p.name == "hidden_1" else p
    )
    assert (said(noisy) - said(dendrites())).std() == pytest.approx(0.1, rel=0.1)
    lines = noisy.projection(HIDDEN[0]).post.model.equations.splitlines()
    assert [line.endswith(" + stray : 1") for line in lines if line.startswith("teach")] == [True]


def test_what_phases_need_is_named() -> None:
    with pytest.raises(WiringError, match="hidden populations that are Rates with a plateau"):
        rates().altered(
            population=lambda p: replace(p, nudge=1.0) if p.name == "output" else p
        ).rewired(two_phase.two_phases)
    with pytest.raises(WiringError, match="output that is a Rate with nudge above 0"):
        rates(two_phase.two_phases)
    for bad in ({"plateau": "softmax"}, {"nudge": 1.5}, {"nudge": -0.1}, {"nudge": float("nan")}):
        with pytest.raises(ParameterError, match="a plateau that is None|nudge must be one"):
            Rate("r", 2, **bad)  # type: ignore[arg-type]
    net = dendrites()
    hidden = net.projection(HIDDEN[0]).post
    within = Projection(hidden, hidden, FanOut(), carries={"teach": "delta"}, name="within")
    assert net.feedback
    circle = replace(net.feedback, projections=(*net.feedback.projections, within))
    with pytest.raises(WiringError, match="'within' runs within 'hidden_1'"):
        simulate(net.rewired(lambda error, forward: circle), "array")


def test_feedback_in_two_phases_is_drawn_once() -> None:
    legend = plotting.network_graph(dendrites()).get_legend()
    assert legend
    texts = [text.get_text() for text in legend.get_texts()]
    assert "feedback: relayed, fixed synapses" in texts and "forward, fixed" not in texts
