"""What ``weights()`` says is what acts: after load, state, interventions and hypotheses."""

from collections.abc import Callable, Mapping
from typing import Any

import every_kind
import networks
import numpy as np
import pytest
import rate_networks

from apical import (
    Bias,
    Block,
    FanIn,
    Network,
    Normal,
    Rate,
    RateError,
    Simulator,
    Stimulus,
    feedback,
    hypotheses,
    rules,
    simulate,
)
from apical.errors import ApicalError, WiringError
from apical.measures.alignment import angles_to_backpropagation
from apical.network.interventions import Redraw
from apical.neurons.encoding import Graded
from apical.plasticity.constraints import Levels
from apical.projections.projection import Projection, ReadBackwards

pytestmark = pytest.mark.slow


def drawn(net: Network, p: Projection, rng: np.random.Generator) -> np.ndarray:
    """Return random weights that a projection may have; feedback within keeps out of circles."""
    weights = rng.normal(0, 0.5, p.shape)
    if p.pre is p.post and "teach" in p.carries:
        weights *= net.initial_weights(p) != 0
    return net.held(p, weights)


def own(net: Network) -> list[Projection]:
    return [p for p in net.projections if not isinstance(p.weights, ReadBackwards)]


def put(simulator: Simulator, how: str, name: str, weights: np.ndarray) -> None:
    if how == "load":
        simulator.load({name: weights})
    else:
        simulator.state = {f"{name}.w": weights}


def learned(simulator: Simulator, block: Block) -> dict[str, np.ndarray]:
    counts = simulator.run(block).counts
    weights = {p.name: simulator.weights(p) for p in own(simulator.network)}
    return {**weights, "counts": counts["output"]}


# ---- arrays against a settled network by hand ----------------------------------------------------
def by_hand(net: Network, w: Mapping[str, np.ndarray], block: Block) -> dict[str, np.ndarray]:
    """Return what a batch learns in stimulus -> hidden -> output with biases, DFA, by NumPy."""
    target, n = np.eye(3)[block.labels], len(block)
    x = np.asarray(block.values)
    h = np.tanh(x @ w["stimulus_to_hidden_1"] + w["bias_to_hidden_1"])
    y = 1 / (1 + np.exp(-(h @ w["hidden_1_to_output"] + w["bias_to_output"])))
    error = target - y @ w["output_to_error"]
    at_output = error @ w["error_to_output"]
    at_hidden = (1 - h**2) * (error @ w["error_to_hidden_1"])
    ones, found = np.ones((n, 1)), dict(w)
    for name, pre, delta in (
        ("stimulus_to_hidden_1", x, at_hidden),
        ("bias_to_hidden_1", ones, at_hidden),
        ("hidden_1_to_output", h, at_output),
        ("bias_to_output", ones, at_output),
    ):
        found[name] = w[name] + 0.5 * pre.T @ delta / n
    return {**found, "counts": y}


@pytest.mark.parametrize("how", ["load", "state"])
def test_loaded_weights_act_on_arrays_as_by_hand(how: str) -> None:
    net, rng = rate_networks.rates(sizes=(6, 5, 3)), np.random.default_rng(1)
    block = rate_networks.trials(7, learning=np.ones(()))
    for p in net.projections:
        simulator = simulate(net, "array", batch=7, dtype="float64")
        simulator.run(rate_networks.trials(7))  # what is planned before is planned anew
        weights = {q.name: simulator.weights(q) for q in net.projections}
        weights[p.name] = drawn(net, p, rng)
        put(simulator, how, p.name, weights[p.name])
        wanted = by_hand(net, weights, block)
        for name, found in learned(simulator, block).items():
            assert np.allclose(found, wanted[name], rtol=1e-12, atol=1e-14), (p.name, name)


def test_an_identity_that_was_lesioned_and_healed_acts_each_time() -> None:
    net, block = rate_networks.rates(sizes=(6, 5, 3)), rate_networks.trials(7, learning=np.ones(()))
    simulator = simulate(net, "array", batch=7, dtype="float64")
    start = simulator.state
    first = learned(simulator, block)
    for lesioned in ("output_to_error", "error_to_output", "error_to_hidden_1"):
        simulator.state = start
        simulator.load({lesioned: np.zeros_like(start[f"{lesioned}.w"])})
        changed = learned(simulator, block)
        onto = "bias_to_hidden_1" if lesioned == "error_to_hidden_1" else "bias_to_output"
        assert not np.array_equal(changed[onto], first[onto])
        simulator.state = start
        healed = learned(simulator, block)
        assert all(np.array_equal(healed[name], first[name]) for name in first)


def test_lost_error_neurons_teach_nothing_on_arrays() -> None:
    net = hypotheses.lost_error_neurons(rate_networks.rates(), share=1.0)
    simulator = simulate(net, "array", batch=7)
    before = simulator.state
    for intervention in net.interventions:  # as training does
        for p in net.feedback.projections:  # type: ignore[union-attr]
            if intervention.concerns(p, net.output):
                lost = intervention.acted(p, simulator.weights(p), net.seed, 0)
                simulator.load({p.name: lost})
                assert not simulator.weights(p).any()
    simulator.run(rate_networks.trials(7, learning=np.ones(())))
    for p in net.plastic:
        assert np.array_equal(simulator.state[f"{p.name}.w"], before[f"{p.name}.w"])


# ---- every device against one without shortcuts --------------------------------------------------
def settled(wiring: Callable[..., Any], **options: Any) -> Network:
    """Rates whose trials are so long that nothing is left on its way."""
    net = rate_networks.rates(wiring, sizes=(4, 3, 3, 2), **options)
    return net.altered(trial=400.0)


RATES: Mapping[str, Callable[[], Network]] = {
    "layerwise": lambda: settled(feedback.layerwise),
    "forward": lambda: settled(feedback.indirect),
    "partial": lambda: settled(every_kind.rate_wirings()["partial"]),
    "targets": lambda: settled(feedback.target_projection),
}


@pytest.mark.parametrize("name", RATES)
def test_loaded_weights_act_on_arrays_as_in_brian2(name: str) -> None:
    net, rng = RATES[name](), np.random.default_rng(2)
    block = Block(rng.random((2, 4)), np.array([0, 1]), np.ones(()))
    slow = simulate(net, "runtime", dtype="float64")
    fast = simulate(net, "array", dtype="float64")
    start = slow.state, fast.state
    for k, p in enumerate(own(net)):
        slow.state, fast.state = start
        weights, how = drawn(net, p, rng), ("load", "state")[k % 2]
        found = []
        for simulator in (slow, fast):
            put(simulator, how, p.name, weights)
            assert np.array_equal(simulator.weights(p), weights)
            found.append(learned(simulator, block))
        for key in found[0]:
            assert np.allclose(found[0][key], found[1][key], atol=1e-6), (p.name, key)


SPIKING: Mapping[str, Callable[[], Network]] = {
    "layerwise": lambda: every_kind.spiking("fa", "LIF", "regular", "feedback"),
    "restrained": every_kind.OPTIONS["signs, gaps"],
}


@pytest.mark.parametrize("name", SPIKING)
@pytest.mark.parametrize("dense", [True, False])
def test_loaded_weights_act_in_programs_as_in_process(name: str, dense: bool) -> None:
    net, rng = SPIKING[name](), np.random.default_rng(3)
    n = net.stimulus.n_values
    block = Block(rng.random((2, n)), np.array([0, 1]), np.ones(()))
    weights = {p.name: drawn(net, p, rng) for p in own(net)}

    def found(device: str, **options: Any) -> dict[str, dict[str, np.ndarray]]:
        simulator = simulate(net, device, dtype="float64", **options)
        start, all_of_them = simulator.state, {}
        for k, (name, w) in enumerate(weights.items()):
            simulator.state = start
            put(simulator, ("load", "state")[k % 2], name, w)
            all_of_them[name] = learned(simulator, block)
        return all_of_them

    slow, fast = found("runtime"), found("cpp_standalone", dense=dense, capacity=2)
    for name in weights:
        for key in slow[name]:
            assert np.allclose(slow[name][key], fast[name][key], atol=1e-12), (name, key)


# ---- what cannot be had --------------------------------------------------------------------------
def circular() -> Network:
    """Rates of which half hears the error, and the other half those."""
    return settled(every_kind.rate_wirings()["partial"])


@pytest.mark.parametrize("how", ["load", "state"])
@pytest.mark.parametrize("device", ["array", "runtime"])
def test_weights_that_would_let_feedback_run_in_a_circle_are_refused(how: str, device: str) -> None:
    net = circular()
    name = "feedback_hidden_1_to_hidden_1"
    simulator = simulate(net, device)
    before = simulator.weights(name)
    with pytest.raises(WiringError, match=f"'{name}' forms a cycle: some neurons of 'hidden_1'"):
        put(simulator, how, name, np.ones_like(before))
    assert np.array_equal(simulator.weights(name), before)
    put(simulator, how, name, 2 * before)  # the same synapses


def restrained() -> Network:
    net = Network(trial=200.0)
    x, h = net.add(Stimulus("x", 4, Graded())), net.add(Rate("h", 3))
    y, b = net.add(Rate("y", 2)), net.add(Bias("b"))
    rule = rules.three_factor(0.1)
    net.connect(x, h, weights=FanIn(), rule=rule, inhibitory=0.5, missing=0.4)
    net.connect(h, y, weights=Normal(3.0), rule=rule, bounds=(-0.5, 0.5))
    net.connect(b, y, weights=FanIn(), rule=rule, levels=Levels(3))
    net.teach(feedback.transposed(net.add(RateError("error", 2)), net.forward))
    return net


def wrong_weights(net: Network) -> dict[str, tuple[str, Any, str]]:
    """Return what is wrong -> projection, weights, and words of the message."""
    x_to_h = net.projection("x_to_h")
    signs = net.initial_weights(x_to_h)
    gap = np.argwhere(signs == 0)[0]
    in_gap = signs.copy()
    in_gap[tuple(gap)] = 0.1 * np.sign(signs[gap[0]].sum() or 1)
    y = np.zeros((3, 2))
    return {
        "nan": ("h_to_y", np.where(np.eye(3, 2), np.nan, 0), "must be finite, got nan from neuron"),
        "inf": ("h_to_y", y + np.inf, "must be finite, got inf from neuron 0 to 0"),
        "shape": ("h_to_y", y.T, r"must have shape \(3, 2\), got \(2, 3\)"),
        "text": ("h_to_y", y.astype(str), "must be real numbers, got an array of"),
        "complex": ("h_to_y", y + 1j, "must be real numbers, got an array of complex"),
        "object": ("h_to_y", np.full((3, 2), None), "must be real numbers, got an array of object"),
        "sign": ("x_to_h", -signs, "constrained by the signs of their neurons, missing synapses"),
        "gap": ("x_to_h", in_gap, "constrained by the signs of their neurons, missing synapses"),
        "level": (
            "b_to_y",
            np.full((1, 2), 0.1),
            r"quantisation levels, bounds \(-1.0, 0.75\), but",
        ),
        "none": (
            "feedback_y_to_h",
            y.T,
            "it transports the weights of 'h_to_y'",
        ),
        "unknown": ("h_to_x", y, "no projection 'h_to_x'"),
    }


@pytest.mark.parametrize("what", wrong_weights(restrained()))
def test_weights_that_cannot_be_had_are_refused_by_name(what: str) -> None:
    net = restrained()
    name, weights, words = wrong_weights(net)[what]
    simulator = simulate(net, "array")
    before = simulator.state
    with pytest.raises(ApicalError, match=words) as refused:
        simulator.load({name: weights})
    assert name in str(refused.value) and "\n" not in str(refused.value)
    if what not in ("none", "unknown"):
        with pytest.raises(ApicalError, match=words):
            simulator.state = {f"{name}.w": weights}
    assert all(np.array_equal(before[k], v) for k, v in simulator.state.items())


def test_weights_begin_as_what_they_are_held_to() -> None:
    net = restrained()
    for p in own(net):
        weights = net.initial_weights(p)
        assert np.array_equal(net.held(p, weights), weights)


@pytest.mark.parametrize(
    ("kind", "device", "options"),
    [
        ("rate", "array", {}),
        ("rate", "runtime", {}),
        ("rate", "cpp_standalone", {}),
        ("spike", "runtime", {}),
        ("feedback", "runtime", {}),
    ],
)
def test_weights_beyond_bounds_act_as_they_are_until_an_update(
    kind: str, device: str, options: dict[str, Any]
) -> None:
    bounds = (-0.25, 0.25)
    net = (
        settled(feedback.direct, bounds=bounds)
        if kind == "rate"
        else networks.small(kind, bounds=bounds, eta=1e-3)  # type: ignore[arg-type]
    )
    simulator = simulate(net, device, dtype="float64", **options)
    rng = np.random.default_rng(4)
    block = Block(rng.random((2, net.stimulus.n_values)), np.array([0, 1]))
    first = net.forward[0]
    loaded = np.where(rng.random(first.shape) < 0.5, 0.75, -0.75)
    before = simulator.run(block).counts["output"]
    simulator.load({first.name: loaded})
    after = simulator.run(block).counts["output"]
    assert np.array_equal(simulator.weights(first), loaded)
    if kind == "rate":
        assert not np.allclose(before, after, atol=1e-3)
    simulator.run(Block(block.values, block.labels, np.ones(())))
    learned_there = simulator.weights(first)
    moved = learned_there != loaded
    assert moved.any() and np.abs(learned_there[moved]).max() <= 0.25
    assert moved.all() or kind != "rate"


def test_feedback_that_is_drawn_anew_keeps_to_what_it_is_held_to() -> None:
    h, error = Rate("h", 6), RateError("error", 4)
    back = Projection(error, h, Normal(), carries={"teach": "x"}, inhibitory=0.5, missing=0.3)
    net = Network(seed=1)
    for trial in (0, 10, 20):
        weights = Redraw(10).acted(back, net.initial_weights(back), net.seed, trial)
        assert np.array_equal(net.held(back, weights), weights) and weights.any()
    assert np.array_equal(Redraw(10).acted(back, weights, net.seed, 0), net.initial_weights(back))


def test_angles_are_those_of_the_weights_that_there_are() -> None:
    """Of output-to-error synapses, of frozen ones and of feedback, by NumPy."""
    net, rng = Network(seed=0), np.random.default_rng(0)
    x, f = net.add(Stimulus("x", 4, Graded())), net.add(Rate("frozen", 4, "tanh"))
    h, y = net.add(Rate("h", 5, "tanh")), net.add(Rate("y", 3, "linear"))
    net.connect(x, f, weights=FanIn())
    rule = rules.three_factor(0.1)
    net.connect(f, h, weights=FanIn(), rule=rule), net.connect(h, y, weights=FanIn(), rule=rule)
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward))
    simulator = simulate(net, "array", dtype="float64")
    w = {p.name: rng.normal(size=p.shape) for p in net.projections}
    simulator.load(w)
    block = Block(rng.random((6, 4)), rng.integers(0, 3, 6))
    at_f = np.tanh(block.values @ w["x_to_frozen"])
    at_h = np.tanh(at_f @ w["frozen_to_h"])
    at_y, target = at_h @ w["h_to_y"], np.eye(3)[block.labels]
    here = at_f.T @ ((1 - at_h**2) * ((target - at_y @ w["y_to_error"]) @ w["error_to_h"]))
    there = at_f.T @ ((1 - at_h**2) * ((target - at_y) @ w["h_to_y"].T))
    cosine = np.sum(here * there) / np.linalg.norm(here) / np.linalg.norm(there)
    found = angles_to_backpropagation(simulator, block)
    assert found == {"frozen_to_h": pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-6)}
