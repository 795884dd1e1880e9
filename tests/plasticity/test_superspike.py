"""SuperSpike: trains that are replayed and told as targets, the rule, how far trains are apart."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apical import (
    LIF,
    Block,
    Error,
    Network,
    Normal,
    Stimulus,
    dynamics,
    feedback,
    simulate,
    superspike,
    tasks,
)
from apical.errors import DataError, ParameterError, WiringError
from apical.measures.spike_distance import van_rossum
from apical.neurons.encoding import Replayed

STEPS, N_IN, N_HIDDEN, N_OUT = 60, 20, 5, 2
TAU_M, TAU_S = 10.0, 5.0


def network(*, changes: Any = None, error: Any = None, weights: float = 5.0) -> Network:
    """Describe stimulus 20 -> hidden 5 -> output 2, which are told trains of 60 steps of 1 ms."""
    net = Network(seed=3, trial=float(STEPS))
    neuron: dict[str, Any] = {
        "tau_m": TAU_M,
        "tau_s": TAU_S,
        "tau_x": TAU_S,
        "tau_teach": TAU_S,
        "reset": "rest",
        "refractory": 4.0,
        "gain": superspike.slope(),
    }
    x = net.add(Stimulus("stimulus", N_IN, Replayed(), tau_x=TAU_S, frames=STEPS))
    h = net.add(LIF("hidden", N_HIDDEN, **neuron))
    y = net.add(LIF("output", N_OUT, **neuron))
    rule = superspike.rule(dynamics=changes)
    net.connect(x, h, weights=Normal(weights), rule=rule)
    net.connect(h, y, weights=Normal(weights), rule=rule)
    told = error or Error("error", 2 * N_OUT, frames=STEPS)
    net.teach(feedback.direct(net.add(told), net.forward))
    return net


def pattern(learning: float = 0.0, n: int = 1) -> tuple[Block, np.ndarray, np.ndarray]:
    """Return one pattern shown `n` times, its input and its target."""
    rng = np.random.default_rng(5)
    shown, target = tasks.spike_pattern(N_IN, N_OUT, STEPS, rate=0.1, spikes=3, apart=5, rng=rng)
    values, targets = (np.tile(trains.reshape(1, -1), (n, 1)) for trains in (shown, target))
    return Block(values, None, np.full(n, learning), targets=targets), shown, target


def trains(spikes: tuple[np.ndarray, np.ndarray], size: int, steps: int = STEPS) -> np.ndarray:
    """Return how often each neuron spiked in each step, shape (steps, size)."""
    found = np.zeros((steps, size))
    np.add.at(found, (np.rint(spikes[0]).astype(int), spikes[1]), 1)
    return found


@pytest.mark.slow
def test_trains_are_replayed_to_the_step_and_errors_are_the_difference_a_step_later() -> None:
    simulator = simulate(
        network(), "runtime", dtype="float64", record=["stimulus", "output", "error"]
    )
    block, shown, target = pattern(n=2)
    spikes = simulator.run(block).spikes
    np.testing.assert_array_equal(trains(spikes["stimulus"], N_IN, 120), np.tile(shown, (2, 1)))
    output = trains(spikes["output"], N_OUT, 120)
    assert output.sum() > 4
    surplus = (output - np.tile(target, (2, 1))).reshape(2, STEPS, N_OUT)
    said = trains(spikes["error"], 2 * N_OUT, 120).reshape(2, STEPS, 2, N_OUT)
    np.testing.assert_array_equal(said[:, 1:, 0] - said[:, 1:, 1], surplus[:, :-1])
    assert said.min() == 0 and said.sum() == np.abs(surplus[:, :-1]).sum()
    before = simulator.state
    silent = simulator.run(replace(block, targets=np.zeros((2, STEPS * N_OUT))))
    simulator.state = before
    withheld = simulator.run(replace(block, targets=None))
    for name in ("output", "error"):
        np.testing.assert_array_equal(silent.spikes[name], withheld.spikes[name])


def kept(values: np.ndarray, tau: float) -> np.ndarray:
    """Return what a step finds of values a step ago, along the first axis; at first nothing."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1] * math.exp(-1 / tau)])


def low_pass(values: np.ndarray, tau: float) -> np.ndarray:
    """Return each value plus what is left of those before it, along the first axis."""
    lags = np.subtract.outer(np.arange(len(values)), np.arange(len(values)))
    weights = np.where(lags >= 0, np.exp(-np.maximum(lags, 0) / tau), 0)
    return np.tensordot(weights, values, 1)


@pytest.mark.slow
def test_change_of_a_weight_is_the_published_product_by_hand() -> None:
    look: dict[str, Any] = {
        "record": ["hidden", "output", "error"],
        "traces": ["v", "x", "teach", "gain"],
    }
    block, _, _ = pattern(learning=1e-9)
    simulator = simulate(network(), "runtime", dtype="float64", **look)
    before = simulator.weights("hidden_to_output")
    result = simulator.run(block)
    # a synapse follows its neurons when these were integrated, and reads its traces once decayed
    x, heard_at = (kept(result.traces[n][0], TAU_S) for n in ("hidden.x", "output.teach"))
    v = before_reset(simulate(network(), "runtime", dtype="float64", **look), block)
    slope = 1 / (1 + 10 * np.abs(v - 1)) ** 2
    psp = kept(low_pass(x / TAU_M, TAU_M), TAU_M)
    moved = low_pass(psp[:, :, None] * slope[:, None], TAU_S)
    eligible = kept(low_pass(kept(moved, TAU_S) / TAU_M, TAU_M), TAU_M)
    heard = kept(low_pass(heard_at / TAU_M, TAU_M), TAU_M)
    expected = (eligible * heard[:, None]).sum(axis=0)
    change = (simulator.weights("hidden_to_output") - before) / 1e-9
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(change, expected, rtol=1e-5, atol=1e-6)


def before_reset(simulator: Any, block: Block) -> np.ndarray:
    """Return the membranes of the output as they are before the spikes of each step."""
    import brian2 as b2

    watch = b2.StateMonitor(simulator.brian["output"], "v", record=True, when="before_thresholds")
    simulator.add(watch)
    simulator.run(block)
    return np.array(watch.v).T[:STEPS]


def test_leaky_maximum_divides_by_the_largest_lately() -> None:
    changes = dynamics.leaky_maximum(0.1, keep=0.5, eps=1e-30)
    net = network(changes=changes)
    simulator = simulate(net, "runtime", dtype="float64")
    before = simulator.weights("stimulus_to_hidden")
    simulator.run(pattern(learning=1.0)[0])
    moved = np.abs(simulator.weights("stimulus_to_hidden") - before)
    np.testing.assert_allclose(moved[moved > 0], 0.1)  # the first is its own largest
    ((_, text),) = changes.steps
    largest = 0.0
    for update, expected in ((2.0, 4.0), (1.0, 2.0), (1.0, 1.0), (3.0, 9.0)):
        largest = eval(text, {"v": largest, "update": update, "keep": 0.5, "abs": abs})
        assert largest == pytest.approx(expected)


def test_distance_is_the_integral_of_filtered_trains() -> None:
    one, other, dt = np.array([10.0, 31.0, 50.0]), np.array([12.0, 70.0]), 0.005
    t = np.arange(0, 400, dt)[:, None]
    for rise, decay in ((5.0, 10.0), (0.0, 8.0)):

        def kernel(lag: np.ndarray, rise: float = rise, decay: float = decay) -> np.ndarray:
            fast = np.exp(-np.maximum(lag, 0) / rise) if rise else 0.0
            return (np.exp(-np.maximum(lag, 0) / decay) - fast) * (lag > 0)

        difference = kernel(t - one).sum(axis=1) - kernel(t - other).sum(axis=1)
        expected = (difference**2).sum() / (kernel(t) ** 2).sum()
        assert van_rossum(one, other, tau_rise=rise, tau_decay=decay) == pytest.approx(
            expected, rel=2e-3
        )
    assert van_rossum(one, one[::-1]) == pytest.approx(0, abs=1e-12)
    assert van_rossum([], [5.0]) == pytest.approx(1) and van_rossum([], []) == 0
    with pytest.raises(ParameterError, match="tau_rise < tau_decay"):
        van_rossum(one, other, tau_rise=10.0)


def test_targets_have_as_many_spikes_as_asked_for_and_keep_apart() -> None:
    rng = np.random.default_rng(0)
    shown, target = tasks.spike_pattern(
        200, 30, 100, rate=0.05, spikes=5, onset=20, apart=10, rng=rng
    )
    assert shown.shape == (100, 200) and shown.mean() == pytest.approx(0.05, rel=0.1)
    times = np.array([np.flatnonzero(train) for train in target.T])
    assert times.shape == (30, 5) and times.min() >= 20 and np.diff(times).min() >= 10
    tasks.spike_pattern(1, 1, 60, spikes=5, onset=19, apart=10, rng=rng)  # just fits
    with pytest.raises(ParameterError, match="cannot put 5 spikes, 10 frames apart"):
        tasks.spike_pattern(1, 1, 60, spikes=5, onset=20, apart=10, rng=rng)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(
        WiringError, match="told targets of 30 frames, but stimulus 'stimulus' shows 60"
    ):
        network(error=Error("error", 2 * N_OUT, frames=30))
    with pytest.raises(ParameterError, match="leave rectified.*got frames=2"):
        Error("error", 4, frames=2, rectified=True)
    with pytest.raises(ParameterError, match="frames must be one whole number >= 1 .*got 0"):
        Error("error", 4, frames=0)
    simulator = simulate(network(), "runtime")
    block, _, _ = pattern()
    with pytest.raises(DataError, match="has targets of 60 frames, but there are 1 in"):
        simulator.run(replace(block, targets=np.zeros((1, N_OUT))))
    with pytest.raises(DataError, match="trains of 60 frames, but the block has labels"):
        simulator.run(replace(block, targets=None, labels=np.zeros(1, int)))
