"""Gradients through time that fixed feedback synapses send back: a recursion written by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import apical as ap
from apical import Block, Network
from apical.devices.surrogates import Surrogate
from apical.errors import DeviceError

STEPS, TRIALS = 40, 4
SIZES = (6, 5, 4, 3)
SURROGATE = Surrogate("fast_sigmoid", 5.0)
FORWARD = ("stimulus_to_hidden_1", "hidden_1_to_hidden_2", "hidden_2_to_output")


def integrating(name: str, n: int) -> ap.LIF:
    """Describe v(t) = v(t - 1) + input(t - 1) - (spiked(t - 1)); it spikes above 1."""
    return ap.LIF(name, n, tau_s=0.0, leak=False, gain="1")


def network(wiring: Any) -> Network:
    net = Network(seed=0, trial=float(STEPS))
    x = net.add(ap.Stimulus("stimulus", SIZES[0], ap.encoding.Regular(400.0, free_running=False)))
    names = ("hidden_1", "hidden_2", "output")
    layers = [net.add(integrating(name, n)) for name, n in zip(names, SIZES[1:], strict=True)]
    rule = ap.rules.three_factor(0.1)
    ap.chain(net, x, *layers, weights=ap.Uniform(0.5, positive=True), rule=rule)
    net.teach(wiring(net.add(ap.Error("error", 2 * SIZES[-1])), net.forward))
    return net


def block(learning: float = 0.0) -> Block:
    rng = np.random.default_rng(0)
    return Block.of_labels(rng.random((TRIALS, SIZES[0])), [0, 1, 2, 0], learning=learning)


def of_torch(net: Network, **options: Any) -> Any:
    pytest.importorskip("torch")
    return ap.simulate(net, "lockstep", dtype="float64", library="torch", batch=TRIALS, **options)


def forward(net: Network) -> tuple[list[NDArray[Any]], list[NDArray[Any]], dict[str, NDArray[Any]]]:
    """Return spikes [step, trial, neuron] of all, slopes of neurons, and weights."""
    record = ("stimulus", "hidden_1", "hidden_2", "output")
    with of_torch(net, record=record) as simulator:
        result = simulator.run(block())
        weights = {p.name: simulator.weights(p) for p in net.projections}
    sent = np.zeros((STEPS, TRIALS, SIZES[0]))
    times, neurons = result.spikes["stimulus"]
    steps = np.rint(times).astype(int)
    sent[steps % STEPS, steps // STEPS, neurons] = 1
    spikes, slopes = [sent], []
    for name, n in zip(FORWARD, SIZES[1:], strict=True):
        v, own = np.zeros((TRIALS, n)), np.zeros((STEPS, TRIALS, n))
        slope = np.zeros_like(own)
        for t in range(STEPS):
            came = spikes[-1][t - 1] @ weights[name] if t else 0.0
            v = v + came - (own[t - 1] if t else 0.0)
            own[t], slope[t] = v > 1, 1 / (1 + SURROGATE.steepness * abs(v - 1)) ** 2
        spikes.append(own)
        slopes.append(slope)
    np.testing.assert_array_equal(spikes[-1].sum(0), result.counts["output"])
    return spikes, slopes, weights


def backward(
    spikes: list[NDArray[Any]], slopes: list[NDArray[Any]], back: dict[int, tuple[int, Any]]
) -> list[NDArray[Any]]:
    """Return the gradients of all weights, layer by layer.

    Parameters
    ----------
    spikes, slopes
        As `forward` returns them.
    back
        Layer, from 0 -> the layer whose input's gradient it hears, and the weights.
    """
    counts = spikes[-1].sum(0)
    chances = np.exp(counts - counts.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    error = (chances - np.eye(SIZES[-1])[[0, 1, 2, 0]]) / TRIALS
    inputs = {2: np.zeros_like(slopes[2])}  # gradients with respect to v, which are those of I
    for layer in (2, 1, 0):
        inputs[layer] = np.zeros_like(slopes[layer])
        later = np.zeros_like(inputs[layer][0])
        for t in reversed(range(STEPS)):
            if layer == 2:
                heard = error
            elif t + 1 < STEPS:
                source, weights = back[layer]
                heard = inputs[source][t + 1] @ weights
            else:
                heard = np.zeros_like(later)
            later = inputs[layer][t] = slopes[layer][t] * heard + later
    return [
        sum(spikes[k][t - 1].T @ inputs[k][t] for t in range(1, STEPS))  # type: ignore[misc]
        for k in range(3)
    ]


@pytest.mark.parametrize("kind", ["direct", "layerwise", "transposed"])
def test_gradients_are_those_of_a_recursion_by_hand(kind: str) -> None:
    wiring: Any = getattr(ap.feedback, "direct" if kind == "transposed" else kind)
    net = network(wiring)
    spikes, slopes, w = forward(net)
    assert all(s.sum() > 10 for s in spikes)
    if kind == "direct":
        back = {k: (2, w[f"error_to_hidden_{k + 1}"][3:]) for k in (0, 1)}
    elif kind == "layerwise":
        back = {
            0: (1, w["feedback_hidden_2_to_hidden_1"][4:]),
            1: (2, w["feedback_output_to_hidden_2"][3:]),
        }
    else:
        back = {0: (1, w[FORWARD[1]].T), 1: (2, w[FORWARD[2]].T)}
    expected = backward(spikes, slopes, back)
    with of_torch(net) as simulator:
        found = simulator.gradients(block(), SURROGATE, own_feedback=kind != "transposed")
    for name, gradient in zip(FORWARD, expected, strict=True):
        assert abs(gradient).max() > 1e-6
        np.testing.assert_allclose(found[name], gradient, 1e-9, 1e-12)


def test_learning_through_time_takes_these_gradients() -> None:
    net = network(ap.feedback.direct)
    how: Any = {"surrogate": "fast_sigmoid", "steepness": 5.0}
    with of_torch(net) as simulator:
        before = {name: simulator.weights(name) for name in FORWARD}
        slopes = simulator.gradients(block(), SURROGATE, own_feedback=True)
    with of_torch(net, through_time=True, **how) as simulator:
        true = simulator.gradients(block(), SURROGATE)  # changes no way of the ones that follow
        quiet = simulator.run(block()).counts["output"]
        np.testing.assert_array_equal(simulator.run(block(learning=0.5)).counts["output"], quiet)
        for name, w in before.items():
            np.testing.assert_allclose(simulator.weights(name), w - 0.05 * slopes[name], 1e-12)
    assert not np.allclose(true[FORWARD[0]], slopes[FORWARD[0]])


def test_feedback_that_is_the_transpose_is_backpropagation() -> None:
    net = network(ap.feedback.layerwise)
    with of_torch(net) as simulator:
        w = simulator.weights("hidden_1_to_hidden_2").T, simulator.weights("hidden_2_to_output").T
        simulator.load(
            {
                "feedback_hidden_2_to_hidden_1": np.concatenate([-w[0], w[0]]),
                "feedback_output_to_hidden_2": np.concatenate([-w[1], w[1]]),
            }
        )
        own = simulator.gradients(block(), SURROGATE, own_feedback=True)
        true = simulator.gradients(block(), SURROGATE)
    for name in FORWARD:
        np.testing.assert_allclose(own[name], true[name], 1e-12, 1e-15)


def test_what_has_no_fixed_feedback_is_refused() -> None:
    for wiring, said in (
        (ap.feedback.indirect, "feedback along forward synapses"),
        (ap.feedback.transposed, "weights change"),
    ):
        with of_torch(network(wiring)) as simulator, pytest.raises(DeviceError, match=said):
            simulator.gradients(block(), SURROGATE, own_feedback=True)
    with pytest.raises(DeviceError, match="along forward synapses"):
        of_torch(network(ap.feedback.indirect), through_time=True)
    with pytest.raises(DeviceError, match="by PyTorch; use library='torch'"):
        ap.simulate(network(ap.feedback.direct), "lockstep", through_time=True)
