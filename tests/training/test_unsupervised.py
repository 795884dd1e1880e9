"""Learning without a teacher: STDP, normalisation, homeostasis, and classes given afterwards."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import small, trials

from apical import (
    Block,
    ConductanceLIF,
    Given,
    Identity,
    LearningRule,
    Network,
    Stimulus,
    Uniform,
    rules,
    simulate,
)
from apical.data.datasets import Samples
from apical.errors import DataError, DeviceError, ParameterError, WiringError
from apical.measures.updates import update
from apical.neurons.encoding import Graded, Regular
from apical.neurons.rate import Rate
from apical.plausibility import check
from apical.records.recording import record
from apical.training import unsupervised as u

ETA, TARGET = 0.05, 0.3
TRIAL, DT = 40.0, 1.0


def competing(
    total: float | None = None, *, rule: LearningRule | None = None, **neuron: Any
) -> Network:
    """Describe 5 stimuli -> 3 excitatory neurons that inhibit each other by way of 3 others."""
    options = {"tau_m": 20.0, "refractory": 0.0, "rise": 0.1, "fades": 0.1, **neuron}
    net = Network(seed=2, trial=TRIAL)
    x = net.add(Stimulus("x", 5, Regular(400.0), tau_x=10.0))
    e = net.add(ConductanceLIF("e", 3, **options))
    i = net.add(ConductanceLIF("i", 3, tau_m=5.0, e_excite=3.0, refractory=0.0))
    net.connect(e, i, weights=Identity(8.0))
    net.connect(i, e, weights=Given(0.3 * (1 - np.eye(3))), carries={"inhibit": "x"})
    rule = rule or rules.stdp(ETA, target=TARGET)
    drawn = Uniform(0.6, positive=True)
    net.connect(x, e, weights=drawn, rule=rule, bounds=(0.0, 1.0), total=total)
    return net


def shown(n: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 5))


def by_hand(net: Network, values: np.ndarray, phase: np.ndarray) -> dict[str, np.ndarray]:
    """Run the network as its equations say: exponential Euler, in the order of the slots."""
    w, theta = net.initial_weights(net.projection("x_to_e")), np.zeros(3)
    tau, reversal = np.array([[20.0], [5.0]]), np.array([[5.0], [3.0]])  # of e and of i
    for trial in values:
        theta *= 0.9
        v, excited, inhibited = np.zeros((3, 2, 3))
        x = np.zeros(5)
        for _ in range(round(TRIAL / DT)):
            # conductances act with their mean over the step
            opened = excited * (1 - np.exp(-DT)) / DT
            closed = inhibited * (1 - np.exp(-DT / 2)) / (DT / 2)
            leak = 1 + opened + closed
            steady = (opened * reversal + closed * (-35 / 13)) / leak
            v = steady + (v - steady) * np.exp(-leak * DT / tau)
            excited, inhibited = excited * np.exp(-DT), inhibited * np.exp(-DT / 2)
            phase, x = phase + trial * 400.0 * DT * 1e-3, x * np.exp(-DT / 10.0)
            fired = phase >= 1
            spikes = v > 1 + np.stack([theta, np.zeros(3)])
            excited += np.stack([fired @ w, 8.0 * spikes[0]])
            inhibited[0] += spikes[1] @ (0.3 * (1 - np.eye(3)))
            grown = np.clip(w + ETA * (x - TARGET)[:, np.newaxis] * (1 - w), 0, 1)
            w = np.where(spikes[0], grown, w)
            phase, x = phase - fired, x + fired
            v, theta = np.where(spikes, 0.0, v), theta + 0.1 * spikes[0]
    return {"x_to_e.w": w, "e.theta": theta}


def learned(net: Network, values: np.ndarray, device: str = "runtime", **options: Any) -> Any:
    simulator = simulate(net, device, dt=DT, dtype="float64", **options)
    simulator.run(Block(values, None, np.ones(())))
    return simulator


def test_a_network_learns_as_worked_out_by_hand() -> None:
    net, values = competing(), shown()
    phase = simulate(net, "runtime", dtype="float64").state["x.phase"]
    found, start = learned(net, values).state, net.initial_weights(net.projection("x_to_e"))
    for name, expected in by_hand(net, values, phase).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-12, err_msg=name)
    assert np.abs(found["x_to_e.w"] - start).max() > 0.1 and found["e.theta"].min() > 0


def test_nothing_changes_where_learning_is_off() -> None:
    simulator = learned(competing(total=2.0), shown(2))
    before = simulator.state
    simulator.run(Block(shown(2, seed=1)))
    after = simulator.state
    for name in ("x_to_e.w", "e.theta"):
        np.testing.assert_array_equal(before[name], after[name])


def test_weights_onto_each_neuron_are_scaled_to_one_sum_when_a_trial_begins() -> None:
    silent = LearningRule("none", "0*x_pre", when="post")
    net = competing(total=2.0, rule=silent)
    start = net.initial_weights(net.projection("x_to_e"))
    start[:, 1] = 0  # nothing to scale
    simulator = simulate(net, "runtime", dtype="float64", dt=DT)
    simulator.load({"x_to_e": start})
    simulator.run(Block(shown(1), None, np.ones(())))
    w = simulator.weights("x_to_e")
    np.testing.assert_allclose(w.sum(axis=0), [2, 0, 2], rtol=1e-12)
    np.testing.assert_allclose(w[:, 0], 2 * start[:, 0] / start[:, 0].sum(), rtol=1e-12)


@pytest.mark.thorough
@pytest.mark.slow
def test_compiled_programs_learn_the_same() -> None:
    """Weights by our templates, those by Brian2's own, and those in process."""
    for total, dense in ((2.0, True), (None, False)):
        here, there = (
            learned(competing(total), shown(20), device, **options)
            for device, options in (("runtime", {}), ("cpp_standalone", {"dense": dense}))
        )
        for name in ("x_to_e.w", "e.theta"):
            np.testing.assert_allclose(here.state[name], there.state[name], rtol=1e-9)


def test_normalisation_needs_our_templates() -> None:
    with pytest.raises(DeviceError, match="leave dense=True"):
        simulate(competing(total=2.0), "cpp_standalone", dense=False)


def test_the_scorecard_says_what_is_told_to_all() -> None:
    card = check(competing(total=2.0))
    told = {f.subject: f for f in card.about("global quantities")}
    assert told["x_to_e"].level == "broadcast" and "scaled to sum to 2" in told["x_to_e"].reason
    assert any("thresholds adapt" in f.reason for f in card.about("phases"))
    assert card.about("update locking")[0].reason == "no update locking: reads no feedback"
    assert "at each postsynaptic spike" in card.about("locality")[0].reason
    levels = {f.subject: f.level for f in check(competing()).about("global quantities")}
    assert "x_to_e" not in levels


@pytest.mark.slow
def test_measures_know_when_the_rule_acts() -> None:
    """What the rule asks for from records is what it does, as long as weights hardly move."""
    tiny = LearningRule("trace", "eta*x_pre", {"eta": 1e-9}, when="post")
    net = competing(rule=tiny, rise=0.0)
    simulator = simulate(net, "runtime", dtype="float64", dt=DT, record=["x", "e"], traces=["x"])
    samples = Samples(shown(3).astype(np.float32), np.zeros(3, int), 1.0)
    projection = net.projection("x_to_e")
    start = simulator.weights(projection)
    records = record(simulator, samples, np.arange(3))
    asked = update(projection, start, records)
    simulator.run(Block(samples.block(slice(3))[0], None, np.ones(())))
    np.testing.assert_allclose((simulator.weights(projection) - start) / 3, asked, rtol=1e-5)


def test_neurons_stand_for_the_class_they_answer_to_most() -> None:
    counts = np.array([[4, 0, 0, 0], [2, 0, 0, 1], [0, 3, 0, 5], [0, 5, 0, 5]])
    found = u.assigned(counts, np.array([0, 0, 2, 1]), 4)
    assert found.classes.tolist() == [0, 1, u.NOBODY, 1]
    # the mean over a class's neurons decides, not their number; class 3 has none
    assert found.decisions(np.array([[3, 2, 9, 3], [3, 4, 0, 4], [0, 0, 0, 0]])).tolist() == [
        0,
        1,
        0,
    ]
    assert found.accuracy(counts, np.array([0, 0, 1, 1])) == 1.0
    with pytest.raises(ParameterError, match="labels must be"):
        u.assigned(counts, np.zeros(3), 4)


def test_labels_are_needed_only_where_somebody_is_shown_them() -> None:
    block = replace(trials(2), labels=None, learning=np.ones(()))
    with pytest.raises(DataError, match="no labels or targets"):
        simulate(small(), "runtime").run(block)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"total": 0.0}, "total must be .* > 0"),
        ({"total": 1.0, "rule": None}, "for plastic weights"),
        ({"total": 1.0, "missing": 0.5}, "without Dale.s law or quantisation"),
    ],
)
def test_sums_that_cannot_be_held_are_refused(options: dict[str, Any], said: str) -> None:
    net = competing()
    with pytest.raises((ParameterError, WiringError), match=said):
        replace(net.projection("x_to_e"), **options)


def test_rules_at_spikes_need_some() -> None:
    net = Network()
    x, h = net.add(Stimulus("x", 2, Graded())), net.add(Rate("h", 2))
    with pytest.raises(WiringError, match="waits for postsynaptic spikes, but 'h' does not spike"):
        net.connect(x, h, rule=rules.stdp(0.1))
    with pytest.raises(WiringError, match="waits for presynaptic spikes, but 'x' does not spike"):
        net.connect(x, h, rule=rules.three_factor_at_spikes(0.1))


@pytest.mark.parametrize("options", [{"rise": -1.0}, {"fades": 2.0}, {"v_reset": 1.0}])
def test_neurons_that_cannot_be_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="(rise|refractory|fades|v_reset) must be one"):
        ConductanceLIF("e", 2, **options)
    with pytest.raises(ParameterError, match="tau_excite must be one finite number .ms. > 0"):
        ConductanceLIF("e", 2, tau_excite=0.0)


@pytest.mark.slow
def test_learning_goes_through_all_samples_without_labels() -> None:
    samples = Samples(shown(7).astype(np.float32), np.arange(7) % 3, 1.0)
    net = competing(total=2.0)
    one, other = (simulate(net, "runtime", dt=DT) for _ in range(2))
    u.learn(one, samples, block=4, progress=False)
    unlabelled = replace(samples, labels=np.zeros(7, int))
    u.learn(other, unlabelled, block=4, progress=False)
    np.testing.assert_array_equal(one.weights("x_to_e"), other.weights("x_to_e"))
    before = one.state
    assert u.responses(one, samples).shape == (7, 3)
    for name, values in one.state.items():
        np.testing.assert_array_equal(values, before[name])


def test_accuracy_is_by_the_classes_that_known_samples_assign() -> None:
    simulator = simulate(competing(total=2.0), "runtime", dt=DT)
    known, new = (Samples(shown(n).astype(np.float32), np.arange(n) % 3, 1.0) for n in (6, 4))
    found = u.assigned(u.responses(simulator, known, index=-1), known.labels, 3)
    expected = found.accuracy(u.responses(simulator, new, index=-(10**6)), new.labels)
    assert u.accuracy(simulator, known, new, 3) == expected
