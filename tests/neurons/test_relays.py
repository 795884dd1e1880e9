"""Relays: spikes that pass on what dendrites heard, by neurons or along the forward axons."""

import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from networks import N_CLASSES, small, trials

from apical import (
    LIF,
    Error,
    FeedbackPathway,
    Given,
    LearningRule,
    Network,
    Normal,
    Projection,
    Rate,
    Relay,
    Trace,
    feedback,
    simulate,
)
from apical.data.datasets import Samples
from apical.devices.simulator import BlockResult
from apical.errors import DataError, LocalityError, ParameterError, WiringError
from apical.measures.cost import cost, synaptic_operations
from apical.measures.learning import feedback_measures
from apical.measures.updates import update_signals
from apical.plausibility import audit, check
from apical.records import recording

STEPS = 40  # of a trial


def refuse(*words: str) -> Any:
    return pytest.raises(
        (ParameterError, WiringError), match=".*".join(re.escape(word) for word in words)
    )


def random_indirect(error: Any, forward: Any, **options: Any) -> FeedbackPathway:
    return feedback.indirect(error, forward, relay="random", **options)


def deep(wiring: Any, **options: Any) -> Network:
    """Return stimulus 12 -> 8 -> 6 -> 3, every population of which spikes."""
    return small(hidden=(8, 6), wiring=wiring, **options)


def watched(network: Network, n_trials: int = 12) -> tuple[Any, BlockResult]:
    """Return a simulator, and what every population did, without learning."""
    record = [p.name for p in network.populations]
    options: dict[str, Any] = {"dtype": "float64", "record": record, "traces": ["teach", "delta"]}
    simulator = simulate(network, "runtime", **options)
    return simulator, simulator.run(trials(n_trials))


def said(result: BlockResult, relay: Relay) -> np.ndarray:
    """Return spikes of the second half minus those of the first, shape (n_trials, STEPS, n)."""
    times, neurons = result.spikes[relay.name]
    steps = np.rint(times).astype(int)
    spikes = np.zeros((len(result.counts["output"]) * STEPS, relay.size))
    spikes[steps, neurons] = 1
    n = relay.of.size
    return (spikes[:, n:] - spikes[:, :n]).reshape(-1, STEPS, n)


def following(came: np.ndarray) -> np.ndarray:
    """Return what is said in every step of what came in it, so that the sums stay close.

    Worked by hand: one number for each dendrite, instead of two neurons. Shapes (n_steps, n).
    """
    owed, spikes = np.zeros(came.shape[1]), np.zeros(came.shape)
    for step, arrived in enumerate(came):
        owed += arrived
        spikes[step] = 1.0 * (owed > 0.5) - 1.0 * (owed < -0.5)
        owed -= spikes[step]
    return spikes


def heard(delta: np.ndarray) -> np.ndarray:
    """Return what is heard in each step of a trial: the dendrite after the step before it."""
    return np.concatenate([np.zeros_like(delta[:1]), delta[:-1]])


def relays_of(network: Network) -> list[Relay]:
    return [p for p in network.populations if isinstance(p, Relay)]


# What they do ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wiring", [feedback.layerwise, random_indirect])
def test_spikes_follow_the_dendrite(wiring: Any) -> None:
    network = deep(wiring)
    _, result = watched(network)
    assert relays_of(network)
    for relay in relays_of(network):
        spikes = said(result, relay)
        assert (spikes > 0).any() and (spikes < 0).any()
        for trial, delta in enumerate(result.traces[f"{relay.of.name}.delta"]):
            change = np.diff(heard(delta), axis=0, prepend=0)
            np.testing.assert_array_equal(spikes[trial], following(change))


@pytest.mark.parametrize("wiring", [feedback.layerwise, random_indirect])
def test_a_dendrite_hears_relays_through_fixed_weights(wiring: Any) -> None:
    network = deep(wiring)
    simulator, result = watched(network)
    for projection in network.feedback.projections:
        if isinstance(projection.pre, Relay):
            n = projection.pre.of.size
            w = simulator.weights(projection)
            np.testing.assert_array_equal(w[:n], -w[n:])
            arrived = said(result, projection.pre).sum(axis=1) @ w[n:]
            teach = result.traces[f"{projection.post.name}.teach"][:, -1]
            np.testing.assert_allclose(teach, arrived, atol=1e-12)
            assert np.abs(teach).max() > 1


def test_what_all_classes_did_alike_is_left_to_the_output() -> None:
    def from_output(network: Network) -> np.ndarray:
        found = next(p for p in network.feedback.projections if p.pre.name == "relay_output")
        return network.initial_weights(found)

    weights = from_output(deep(feedback.layerwise))
    assert weights.shape == (2 * N_CLASSES, 6) and np.abs(weights).min() > 0
    np.testing.assert_allclose(weights[N_CLASSES:].sum(axis=0), 0, atol=1e-12)

    single = Network(seed=0, trial=40.0)  # one class cannot differ from the others
    x, h, y = (single.add(LIF(name, n)) for name, n in (("a", 4), ("b", 5), ("c", 1)))
    single.connect(x, h, weights=Normal(1.0))
    single.connect(h, y, weights=Normal(1.0))
    single.teach(feedback.layerwise(single.add(Error("error", 2)), single.forward))
    back = next(p for p in single.feedback.projections if p.pre.name == "relay_c")
    assert np.abs(single.initial_weights(back)).min() > 0


def test_what_a_dendrite_held_is_said_rounded() -> None:
    """Output dendrites hold whole numbers, since error spikes arrive there with weight 1."""
    network = deep(feedback.layerwise)
    _, result = watched(network)
    (relay,) = (r for r in relays_of(network) if r.of.name == "output")
    before_last = result.traces["output.delta"][:, -2]
    np.testing.assert_array_equal(said(result, relay).sum(axis=1), before_last)


def test_dendrites_that_forget_are_said_by_what_arrived() -> None:
    network = deep(partial(feedback.layerwise, weights=Normal(2.0)), when="spike", reset=True)
    _, result = watched(network)
    relay = next(r for r in relays_of(network) if r.of.name == "hidden_1")
    tau = relay.of.tau_teach
    for trial, delta in enumerate(result.traces["hidden_1.delta"]):
        expected = following(heard(delta) / tau)
        np.testing.assert_array_equal(said(result, relay)[trial], expected)
    assert said(result, relay).any()


def test_dendrites_that_hold_nothing_are_said_by_what_arrived() -> None:
    """And nothing is forgotten between trials of a network that is never reset."""
    network = deep(feedback.layerwise, when="feedback")
    _, result = watched(network, 20)
    for relay in relays_of(network):
        assert relay.of.tau_teach == 0
        n = relay.of.size
        delta = result.traces[f"{relay.of.name}.delta"].reshape(-1, n)
        spikes = said(result, relay).reshape(-1, n)
        assert spikes.any()
        np.testing.assert_array_equal(spikes, following(heard(delta)))


# Along the forward synapses ----------------------------------------------------------------------


def changed(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return forward weights given from outside, delta before them, and teach behind."""
    record = ["hidden_0", "hidden_1"]
    simulator = simulate(
        network, "runtime", dtype="float64", record=record, traces=["teach", "delta"]
    )
    own = np.random.default_rng(1).normal(0.0, 0.4, (8, 6))
    simulator.load({"hidden_0_to_hidden_1": own})
    traces = simulator.run(trials(20)).traces
    assert np.abs(traces["hidden_1.teach"]).max() > 0.1
    return own, traces["hidden_0.delta"], traces["hidden_1.teach"]


def test_forward_relays_go_through_the_very_same_synapses() -> None:
    """What arrives is what was said times what the weights are now."""
    own, deltas, teach = changed(deep(feedback.indirect))
    assert not relays_of(deep(feedback.indirect))
    for trial, delta in enumerate(deltas):
        arrived = following(np.diff(heard(delta), axis=0, prepend=0)) @ own
        np.testing.assert_allclose(teach[trial], np.cumsum(arrived, axis=0), atol=1e-12)


def test_forward_relays_of_dendrites_that_hold_nothing() -> None:
    own, deltas, teach = changed(deep(feedback.indirect, when="feedback"))
    arrived = following(heard(deltas.reshape(-1, 8))) @ own
    np.testing.assert_allclose(teach.reshape(-1, 6), arrived, atol=1e-12)


@pytest.mark.parametrize("name", ["heard", "held", "owed", "count"])
@pytest.mark.slow
def test_a_synapse_may_call_what_it_keeps_like_what_a_relaying_neuron_does(name: str) -> None:
    def learned(called: str) -> dict[str, np.ndarray]:
        rule = LearningRule("own", f"0.1*{called}", traces={called: Trace("x_pre*teach_post", 10)})
        net = deep(feedback.indirect)
        for k, projection in enumerate(net.projections):
            if projection.rule:
                net.projections[k] = replace(projection, rule=rule)
        simulator = simulate(net.rewired(feedback.indirect), "runtime", dtype="float64")
        simulator.run(trials(3, learning=1.0))
        return {p.name: simulator.weights(p) for p in net.plastic}

    mine, other = learned(name), learned("another")
    for projection, weights in mine.items():
        np.testing.assert_array_equal(weights, other[projection])
    assert len(mine) == 3


@pytest.mark.slow
def test_spikes_do_not_teach_and_relayed_events_do_not_drive() -> None:
    """Forward activity is the same under every wiring as long as nothing learns."""
    results = [watched(deep(w))[1] for w in (feedback.indirect, feedback.direct)]
    for name in ("hidden_0", "hidden_1", "output", "error"):
        for mine, other in zip(*(r.spikes[name] for r in results), strict=True):
            np.testing.assert_array_equal(mine, other)
    silent = watched(deep(lambda e, f: feedback.indirect(e, f, Given(np.zeros((N_CLASSES, 8))))))[1]
    assert silent.counts["hidden_0"].any()
    assert not silent.traces["hidden_1.teach"].any()


# How they are described --------------------------------------------------------------------------


def test_a_wiring_brings_its_relays_and_takes_them_along() -> None:
    network = deep(feedback.direct)
    names = [p.name for p in network.populations]
    layerwise = network.rewired(feedback.layerwise)
    assert {r.name: r.of.name for r in relays_of(layerwise)} == {
        "relay_hidden_1": "hidden_1",
        "relay_output": "output",
    }
    assert [p.name for p in layerwise.rewired(feedback.direct).populations] == names
    assert [r.name for r in relays_of(layerwise.rewired(random_indirect))] == ["relay_hidden_0"]
    forward = layerwise.rewired(feedback.indirect)
    assert [p.name for p in forward.populations] == names
    assert forward.projection("hidden_0_to_hidden_1").carries == {"drive": "x", "teach": "delta"}
    for wiring in (layerwise, forward):
        for projection in network.plastic:
            np.testing.assert_array_equal(
                network.initial_weights(projection),
                wiring.initial_weights(wiring.projection(projection.name)),
            )


def test_a_population_may_be_relayed_twice() -> None:
    network = deep(lambda e, f: random_indirect(e, f, hears={f[0].post: 0.5}))
    assert [r.name for r in relays_of(network)] == ["relay_hidden_0"]
    _, result = watched(network)
    assert np.abs(result.traces["hidden_0.teach"][:, -1, 4:]).max() > 0.1
    assert np.abs(result.traces["hidden_1.teach"]).max() > 0.1


def test_the_weights_of_relays_may_be_chosen() -> None:
    network = deep(lambda e, f: feedback.layerwise(e, f, Normal(0.01)))
    for name in ("feedback_hidden_1_to_hidden_0", "feedback_output_to_hidden_1"):
        assert np.abs(network.initial_weights(network.projection(name))).max() < 0.1


def test_a_wiring_that_fails_leaves_no_relay_behind() -> None:
    network = deep(feedback.direct)
    hidden, names = network.forward[0].post, [p.name for p in network.populations]
    network.feedback = None
    relay = Relay("relay_hidden_0", 16, of=hidden)
    stranger = Projection(relay, LIF("stranger", 3), carries={"teach": "x"})
    with refuse("joins 'stranger', which the network does not have"):
        network.teach(FeedbackPathway("mine", (stranger,)))
    assert [p.name for p in network.populations] == names


def test_the_scorecard_names_relays() -> None:
    found = {f.subject: f for f in check(deep(feedback.layerwise)).about("signed error")}
    for name in ("relay_hidden_1", "relay_output"):
        assert found[name].level == "idealised"
        assert "follows the dendrite of one neuron of" in found[name].reason
    (line,) = (f for f in check(deep(feedback.indirect)).about("one-way") if f.level != "local")
    assert line.level == "idealised" and line.subject == "hidden_0_to_hidden_1"
    assert "two more kinds of events" in line.reason


def test_weight_transport_through_relays_is_found() -> None:
    plain = deep(feedback.direct)
    above = plain.initial_weights(plain.projection("hidden_0_to_hidden_1")).T
    hidden_0, hidden_1 = (p.post for p in plain.forward[:2])
    relay = Relay("relay_hidden_1", 12, of=hidden_1)

    def copied(error: Any, forward: Any) -> FeedbackPathway:
        w = Given(np.concatenate([-above, above]))
        back = Projection(relay, hidden_0, w, carries={"teach": "x"})
        direct = feedback.direct(error, forward).projections
        return FeedbackPathway("mine", (*direct[:1], direct[2], back))

    assert not audit(plain.rewired(copied)).is_local


def test_backpropagation_needs_more_than_relays() -> None:
    with pytest.raises(LocalityError, match="weight transport"):
        simulate(deep(feedback.transposed), "runtime")


# What is refused ---------------------------------------------------------------------------------


def test_relays_fit_what_they_relay() -> None:
    with refuse("Relay 'r'", "must be 6, got 3"):
        Relay("r", 3, of=LIF("h", 3))
    with refuse("relays the dendrites of LIF neurons", "'h' is Rate"):
        Relay("r", 6, of=Rate("h", 3))
    with refuse("Relay 'r': theta must be", "> 0, got 0"):
        Relay("r", 6, of=LIF("h", 3), theta=0)


def test_a_relay_of_a_population_that_hears_nothing_is_named() -> None:
    def wiring(error: Any, forward: Any) -> FeedbackPathway:
        to_output = feedback.direct(error, forward).projections[0]
        first, second = (p.post for p in forward[:2])
        relay = Relay("relay_second", 2 * second.size, of=second)
        back = Projection(relay, first, Normal(), carries={"teach": "x"})
        return FeedbackPathway("mine", (to_output, back))

    with refuse("relays what 'hidden_1' hears", "'hidden_1' hears nothing"):
        simulate(deep(wiring), "runtime")


def test_relays_in_a_circle_are_named() -> None:
    def wiring(error: Any, forward: Any) -> FeedbackPathway:
        fixed = feedback.layerwise(error, forward).projections
        first, second = (p.post for p in forward[:2])
        up = Projection(Relay("up", 2 * first.size, of=first), second, carries={"teach": "x"})
        return FeedbackPathway("mine", (*fixed, up))

    with refuse("feedback pathway runs in a cycle", "hidden_0", "hidden_1"):
        simulate(deep(wiring), "runtime")


def test_unreliable_axons_carry_spikes_alone() -> None:
    with refuse("'hidden_0_to_hidden_1'", "release=0.7", "relay='random'"):
        simulate(deep(feedback.indirect, when="spike", release=0.7), "runtime")


# How they are measured ---------------------------------------------------------------------------


def test_feedback_of_relays_is_held_against_the_forward_weights_above() -> None:
    network = deep(feedback.layerwise)
    weights = {p.name: network.initial_weights(p) for p in network.projections}
    above = weights["hidden_0_to_hidden_1"].T
    weights["feedback_hidden_1_to_hidden_0"] = 2 * np.concatenate([-above, above])
    rows = feedback_measures(network, weights).set_index("projection")
    row = rows.loc["feedback_hidden_1_to_hidden_0"]
    assert row["angle"] == pytest.approx(0, abs=1e-5) and row["ratio"] == pytest.approx(2)
    assert 30 < rows.loc["feedback_output_to_hidden_1", "angle"] < 150


@pytest.mark.slow
def test_spikes_of_relays_are_spent_on_learning() -> None:
    network = deep(feedback.layerwise)
    record = [p.name for p in network.populations]
    simulator = simulate(network, "runtime", record=record, traces=update_signals(network))
    rng = np.random.default_rng(0)
    samples = Samples(rng.random((6, 12), np.float32), rng.integers(0, N_CLASSES, 6), 1.0)
    records = recording.record(simulator, samples, range(6))
    weights = {p.name: simulator.weights(p) for p in network.projections}
    found = cost(network, weights, records, simulator.state)
    relayed = sum(records.counts(r.name).sum() for r in relays_of(network)) / 6
    assert relayed > 0
    assert found["learning_spikes"] == pytest.approx(records.counts("error").sum() / 6 + relayed)
    assert records.units["relay_hidden_1"].signs.tolist() == [1] * 6 + [-1] * 6


@pytest.mark.slow
def test_what_relayed_events_cost_is_not_known_from_records() -> None:
    network = deep(feedback.indirect)
    simulator = simulate(network, "runtime", record=[p.name for p in network.populations])
    samples = Samples(np.full((2, 12), 0.5, np.float32), np.zeros(2, np.int64), 1.0)
    records = recording.record(simulator, samples, range(2))
    weights = {p.name: simulator.weights(p) for p in network.projections}
    with pytest.raises(DataError, match="Axons of 'hidden_0' carry 'delta' as events"):
        synaptic_operations(network, weights, records)
