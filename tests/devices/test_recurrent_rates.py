"""Recurrent loops of rates: fixed points in closed form, on both engines."""

from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import Block, Network, Rate, RateError, Stimulus, feedback, rules, simulate
from apical.errors import DeviceError, RunError, WiringError
from apical.network.order import forward_groups, is_recurrent

N, RNG = 6, np.random.default_rng(0)
W = RNG.normal(size=(N, N))
W *= 0.6 / np.abs(np.linalg.eigvals(W)).max()
U, X = RNG.normal(size=(4, N)), RNG.random((5, 4))


def recurrent(
    lateral: np.ndarray, activation: str = "linear", within: str = "hidden", **more: Any
) -> Network:
    """Describe stimulus -> hidden -> output, one of which drives itself."""
    net, rule = Network(trial=300.0), rules.three_factor(0.1)
    x = net.add(Stimulus("stimulus", 4, ap.encoding.Graded()))
    h = net.add(Rate("hidden", N, activation, **more))
    y = net.add(Rate("output", N, "linear"))
    net.connect(x, h, weights=ap.Given(U), rule=rule)
    net.connect(h, y, weights=ap.Given(np.eye(N)), rule=rule)
    loop = h if within == "hidden" else y
    net.connect(loop, loop, weights=ap.Given(lateral))
    net.teach(feedback.direct(net.add(RateError("error", N)), net.forward))
    return net


def settled(net: Network, device: str, values: np.ndarray = X) -> np.ndarray:
    with simulate(net, device, dtype="float64", record=["hidden"], traces=["x"]) as simulator:
        return simulator.run(Block.of_stimuli(values)).counts["hidden"]


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_the_fixed_point_of_a_linear_loop(device: str) -> None:
    found = settled(recurrent(W), device)
    np.testing.assert_allclose(found, X @ U @ np.linalg.inv(np.eye(N) - W), atol=1e-9)


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_a_nonlinear_loop_meets_its_own_equation(device: str) -> None:
    x = settled(recurrent(2 * W, "tanh"), device)
    np.testing.assert_allclose(x, np.tanh(X @ U + x @ (2 * W)), atol=1e-6)


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_excitatory_and_inhibitory_populations(device: str) -> None:
    net = Network(trial=300.0)
    x = net.add(Stimulus("stimulus", 1, ap.encoding.Graded()))
    e, i = net.add(Rate("hidden", 4, "relu")), net.add(Rate("i", 2, "relu"))
    y = net.add(Rate("output", 1, "linear"))
    for pre, post, w in ((x, e, 1.0), (e, e, 0.2), (e, i, 0.5), (i, e, -0.7), (i, i, -0.3)):
        net.connect(pre, post, weights=ap.Given(np.full((pre.size, post.size), w)))
    net.connect(e, y, weights=ap.FanIn())
    assert {p.name for p in net.lateral} >= {"hidden_to_hidden", "hidden_to_i", "i_to_hidden"}
    # all neurons of a population are alike: e = 1 + 0.8 e - 1.4 i, i = 2 e - 0.6 i
    rate = np.linalg.solve([[1 - 0.8, 1.4], [-2, 1 + 0.6]], [1, 0])
    found = settled(net, device, np.ones((1, 1)))
    np.testing.assert_allclose(found, np.full((1, 4), rate[0]), atol=1e-6)


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_winner_take_all_at_the_output(device: str) -> None:
    lateral = -0.4 * (1 - np.eye(N))
    with simulate(recurrent(lateral, within="output"), device, dtype="float64") as simulator:
        found = simulator.run(Block.of_stimuli(X)).counts["output"]
    np.testing.assert_allclose(found, X @ U @ np.linalg.inv(np.eye(N) - lateral), atol=1e-5)


def test_spiking_winner_take_all_at_the_output() -> None:
    net, counts = Network(trial=100.0), []
    x = net.add(Stimulus("stimulus", 2, ap.encoding.Regular(100.0)))
    y = net.add(ap.LIF("output", 2, gain="1"))
    net.connect(x, y, weights=ap.Given(np.eye(2) * 12), rule=rules.three_factor(1e-3))
    lateral = net.connect(y, y, weights=ap.Given(-20.0 * (1 - np.eye(2))))
    net.teach(feedback.direct(net.add(ap.Error("error", 4)), net.forward))
    for inhibits in (False, True):
        with simulate(net, "runtime") as simulator:
            if not inhibits:
                simulator.load({lateral.name: np.zeros((2, 2))})
            counts.append(simulator.run(Block.of_labels([[0.6, 1.0]], [1])).counts["output"][0])
    assert counts[0][0] > 0 and counts[1][0] == 0 < counts[1][1]


def test_both_engines_learn_the_same_around_a_loop() -> None:
    found = []
    for device, options in (("array", {"batch": 1}), ("runtime", {})):
        with simulate(recurrent(W, "tanh"), device, dtype="float64", **options) as simulator:
            simulator.run(Block.of_targets(X[:3], X[:3] @ U, 1.0))
            found.append({p.name: simulator.weights(p) for p in simulator.network.plastic})
    for name, weights in found[0].items():
        assert (weights != simulator.network.initial_weights(name)).any()
        np.testing.assert_allclose(weights, found[1][name], atol=1e-6)


def test_a_trial_does_not_depend_on_those_beside_it() -> None:
    net = recurrent(W, "tanh")
    whole, parts = settled(net, "array"), [settled(net, "array", X[k : k + 1]) for k in range(5)]
    np.testing.assert_allclose(whole, np.concatenate(parts), atol=1e-13)


def test_a_loop_that_oscillates_under_large_steps_settles_under_small_ones() -> None:
    turn = 6 * np.kron(np.eye(3), [[0, 1], [-1, 0]])  # eigenvalues of +-6i: stable in time
    found = settled(recurrent(turn), "array")
    np.testing.assert_allclose(found, X @ U @ np.linalg.inv(np.eye(N) - turn), atol=1e-9)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_a_loop_that_does_not_settle_is_said(activation: str) -> None:
    lateral = 1.5 * np.ones((N, N))
    with pytest.raises(RunError, match="loop of 'hidden' does not settle in .*device='runtime'"):
        settled(recurrent(lateral, activation), "array", np.ones((2, 4)))


@pytest.mark.parametrize(
    ("more", "has"), [({"unreliable": 0.1}, "dropout"), ({"noise": 0.1}, "spontaneous noise")]
)
def test_what_a_loop_cannot_have_on_arrays(more: dict[str, Any], has: str) -> None:
    with pytest.raises(DeviceError, match=f"'hidden' is in a recurrent loop and has {has}"):
        simulate(recurrent(W, **more), "array")


def test_groups_of_populations_that_drive_each_other() -> None:
    net = recurrent(W)
    groups = forward_groups(net)
    assert [[p.name for p in group] for group in groups] == [
        ["stimulus"],
        ["hidden"],
        ["output"],
        ["error"],
    ]
    assert [is_recurrent(net, group) for group in groups] == [False, True, False, False]


def test_error_neurons_drive_nothing_in_a_loop() -> None:
    net = Network()
    x = net.add(Stimulus("stimulus", N, ap.encoding.Graded()))
    y, error = net.add(Rate("output", N, "linear")), net.add(RateError("error", N))
    net.connect(x, y, weights=ap.FanIn())
    net.connect(y, error, weights=ap.Given(np.eye(N)))
    net.connect(error, y, weights=ap.Given(np.eye(N)))
    with pytest.raises(WiringError, match="only neurons may drive each other in a loop"):
        forward_groups(net)


def test_the_scorecard_and_the_file_of_a_recurrent_network() -> None:
    net = recurrent(W)
    assert ap.check(net).is_local
    assert "hidden_to_hidden" in {p.name for p in net.lateral}
