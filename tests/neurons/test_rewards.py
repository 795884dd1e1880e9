"""Learning by a reward: noise of neurons or synapses, and one number that reaches all."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apical import (
    Bias,
    Block,
    FanIn,
    LearningRule,
    Network,
    Rate,
    RateError,
    Reward,
    Simulator,
    Stimulus,
    check,
    dynamics,
    feedback,
    plotting,
    rules,
    simulate,
)
from apical.errors import DeviceError, LocalityError, ParameterError, WiringError
from apical.locality_check.synapses import disturb
from apical.neurons.encoding import Graded

SIZES = 5, 4, 3
SIGMA = 1e-3


def network(
    kind: str,
    activation: str = "tanh",
    sizes: tuple[int, ...] = SIZES,
    sigma: float = SIGMA,
    eta: float = 1.0,
    seed: int = 0,
) -> Network:
    """Describe a network that learns by noise of its nodes or its weights, or by descent."""
    net = Network(seed=seed)
    pre, bias = net.add(Stimulus("stimulus", sizes[0], Graded())), net.add(Bias("bias"))
    node, weight = sigma * (kind == "node"), sigma * (kind == "weight")
    made = {"node": rules.node_perturbation, "weight": rules.weight_perturbation}
    rule = made.get(kind, rules.three_factor)(eta)
    for k, n in enumerate(sizes[1:], 1):
        last = k == len(sizes) - 1
        name = "output" if last else f"hidden_{k}"
        post = net.add(Rate(name, n, activation, explores=node))
        net.connect(pre, post, weights=FanIn(), rule=rule, explores=weight)
        net.connect(bias, post, weights=FanIn(0.3), rule=rule, explores=weight)
        pre = post
    error = net.add(RateError("error", sizes[-1], keeps="square"))
    if kind == "descent":
        net.teach(feedback.transposed(error, net.forward))
    else:
        net.teach(feedback.broadcast(net.add(Reward("reward")), net.forward))
    return net


def trials(n: int, learning: float = 0.0, index: int = 0, seed: int = 1) -> Block:
    rng = np.random.default_rng(seed)
    values, targets = rng.random((n, SIZES[0])), rng.normal(0, 0.5, (n, SIZES[-1]))
    return Block(values, None, np.asarray(learning), index, targets)


def gradient(activation: str, block: Block) -> dict[str, np.ndarray]:
    net = network("descent", activation)
    return simulate(net, "array", dtype="float64").updates(block)


def change(simulator: Simulator, block: Block) -> dict[str, np.ndarray]:
    """Return how the weights change over a block, and bring them back."""
    before = simulator.state
    simulator.run(block)
    after = simulator.state
    simulator.state = before
    return {name.removesuffix(".w"): after[name] - before[name] for name in before}


@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_expected_update_of_node_perturbation_is_the_gradient(activation: str) -> None:
    """Over one trial shown 40,000 times, in which each neuron draws its own noise."""
    one, n = trials(1), 40_000
    many = Block(np.repeat(one.values, n, 0), None, np.ones(()), 0, np.repeat(one.targets, n, 0))
    simulator = simulate(network("node", activation), "array", batch=n, dtype="float64")
    found, exact = change(simulator, many), gradient(activation, one)
    size = np.sqrt(sum((d**2).sum() for d in exact.values()))
    for name, update in found.items():
        if name in exact:
            np.testing.assert_allclose(update, exact[name], atol=5 * size / np.sqrt(n))
            assert np.abs(exact[name]).max() > 10 * size / np.sqrt(n)


@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_expected_update_of_weight_perturbation_is_the_gradient(activation: str) -> None:
    """Over many blocks of the same three trials, each with noise of its own."""
    n = 1_500
    simulator = simulate(network("weight", activation), "array", batch=3, dtype="float64")
    exact, found = gradient(activation, trials(3)), []
    for k in range(n):
        found.append(change(simulator, trials(3, 1.0, k)))
    size = np.sqrt(sum((d**2).sum() for d in exact.values()))
    for name, update in exact.items():
        mean = np.mean([one[name] for one in found], axis=0)
        np.testing.assert_allclose(mean, update, atol=5 * size / np.sqrt(n))
        assert np.abs(update).max() > 5 * size / np.sqrt(n)


def test_spread_of_the_updates_is_that_of_the_closed_form() -> None:
    """For normal noise the squared update of weights is (number of weights + 2) times as large.

    Isserlis: E[(g.xi)**2 xi.xi] = (n + 2) g.g, for n directions of noise.
    """
    simulator = simulate(network("weight", "linear"), "array", batch=3, dtype="float64")
    exact = gradient("linear", trials(3))
    n_weights = sum(w.size for w in exact.values())
    found = [
        sum((d**2).sum() for d in change(simulator, trials(3, 1.0, k)).values())
        for k in range(1000)
    ]
    size = sum((d**2).sum() for d in exact.values())
    assert np.mean(found) / size == pytest.approx(n_weights + 2, rel=0.12)


@pytest.mark.parametrize("kind", ["node", "weight"])
def test_noise_is_drawn_anew_and_follows_from_seed_and_block(kind: str) -> None:
    simulator = simulate(network(kind), "array", batch=2)
    runs = [change(simulator, trials(4, 1.0, k))["stimulus_to_hidden_1"] for k in (0, 0, 1)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("kind", ["node", "weight"])
def test_nothing_changes_and_nobody_explores_with_learning_off(kind: str) -> None:
    quiet = simulate(network(kind), "array", record=["hidden_1", "reward"], traces=["x"])
    plain = simulate(network("descent"), "array", record=["hidden_1"])
    loud = simulate(network(kind, sigma=100.0), "array", record=["hidden_1"])
    block = trials(6)
    assert not any(d.any() for d in change(quiet, block).values())
    heard = [s.run(block).counts["hidden_1"] for s in (quiet, plain, loud)]
    assert np.array_equal(heard[0], heard[1]) and np.array_equal(heard[0], heard[2])
    assert not quiet.run(block).traces["reward.x"].any()


def test_weights_come_back_to_the_same_bits_where_the_reward_teaches_nothing() -> None:
    """A learning rate of 0 leaves them as they were, however large the noise was."""
    simulator = simulate(network("weight", sigma=30.0, eta=0.0), "array", batch=3)
    assert not any(d.any() for d in change(simulator, trials(9, 1.0)).values())


@pytest.mark.parametrize("kind", ["node", "weight"])
def test_both_learn_and_take_dynamics(kind: str) -> None:
    """A teacher that the network can follow."""
    net, block = network(kind, sigma=0.01, eta=0.05), trials(20)
    teacher = np.random.default_rng(2).normal(0, 0.3, (SIZES[0], SIZES[-1]))
    block = replace(block, targets=np.tanh(block.values @ teacher))
    with_adam = net.altered(
        projection=lambda p: (
            replace(p, rule=replace(p.rule, dynamics=dynamics.adam(0.01))) if p.rule else p
        )
    )
    for described in (net, with_adam):
        simulator = simulate(described, "array", batch=20)
        before = loss(simulator, block)
        for k in range(500):
            simulator.run(replace(block, learning=np.ones(()), index=k))
        assert loss(simulator, block) < 0.5 * before


def loss(simulator: Simulator, block: Block) -> float:
    left = block.targets - simulator.run(replace(block, learning=np.zeros(()))).counts["output"]
    return float((left**2).sum(axis=1).mean() / 2)


@pytest.mark.parametrize("kind", ["node", "weight"])
def test_scorecard_says_that_it_needs_a_broadcast(kind: str) -> None:
    card = check(network(kind))
    assert card.is_local
    said = {(f.subject, f.aspect): f for f in card.findings if f.level == "broadcast"}
    assert "one number" in said["reward", "global quantities"].reason
    assert "shown twice" in said["reward", "phases"].reason
    first = next(f for f in card.about("locality") if f.subject == "stimulus_to_hidden_1")
    assert first.level == "local" and "eligibility" in first.reason
    waits = next(f for f in card.about("update locking") if f.subject == "stimulus_to_hidden_1")
    assert waits.reason.startswith("waits for output, error, reward;")
    noise = [f.reason for f in card.findings if "standard deviation 0.001" in f.reason]
    assert len(noise) == (2 if kind == "node" else 4)


def test_brian_refuses_by_name() -> None:
    with pytest.raises(DeviceError, match="Rate 'hidden_1' explores"):
        simulate(network("node"), "runtime")
    with pytest.raises(DeviceError, match="'stimulus_to_hidden_1'|Reward 'reward'"):
        simulate(network("weight"), "runtime")


def test_it_is_drawn_right_of_the_error(tmp_path: Path) -> None:
    ax = plotting.network_graph(network("node"))
    plotting.save(ax, tmp_path / "graph.png")
    at = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert at["output"] < at["error"] < at["reward"]


@pytest.mark.parametrize("kind", ["node", "weight"])
def test_the_dynamic_check_lets_a_reward_reach_everything(kind: Any) -> None:
    net = network(kind)
    values = np.random.default_rng(0).random((4, net.stimulus.size))
    found = disturb(net, values, np.arange(4) % net.output.size, each=2)
    assert found.is_local and not found.about_level("doubtful"), str(found)
    said = " ".join(f.reason for f in found.findings)
    assert "not tested: weights with activities held, since these explore" in said


KINDS = (WiringError, DeviceError, LocalityError, ParameterError)


def wrong(what: Callable[[], object], said: str) -> None:
    with pytest.raises(KINDS, match=said):
        what()


def test_what_does_not_fit_is_named() -> None:
    net = network("node")
    wrong(lambda: net.rewired(feedback.direct), "learns by a reward")
    wrong(lambda: Reward("reward", 2), "is one neuron, got size=2")
    wrong(lambda: Rate("h", 2, explores=-1.0), "explores must be one finite number")
    wrong(lambda: Rate("h", 2, explores=0.1, unreliable=0.1), "unreliable")
    x, h = Stimulus("x", 2, Graded()), Rate("h", 2, "tanh")
    rule = rules.weight_perturbation()
    wrong(lambda: Network().connect(x, h, rule=rule), "needs explores above 0 and a rule")
    wrong(lambda: Network().connect(x, h, explores=0.1), "needs explores above 0 and a rule")
    wrong(
        lambda: Network().connect(x, h, rule=rules.node_perturbation()),
        "reads 'eligibility_post'",
    )
    wrong(lambda: LearningRule("r", "eligibility", {"eligibility": 1.0}), "cannot name a parameter")
    wrong(lambda: feedback.broadcast(Reward("reward"), []), "forward projections that it teaches")
    half = Network()
    half.add(x), half.add(h)
    half.connect(x, h, rule=rules.three_factor())
    half.add(RateError("error", 2)), half.add(Reward("reward"))
    wrong(
        lambda: half.teach(feedback.broadcast(half.populations[-1], half.forward)),  # type: ignore
        "needs keeps='square', got None",
    )
    alone = network("descent").altered(
        population=lambda p: replace(p, explores=0.1) if isinstance(p, Rate) else p
    )
    wrong(lambda: simulate(alone, "array"), "'hidden_1', 'output' add noise .* has no Reward")
    silent = net.altered(
        population=lambda p: (
            replace(p, encoder=Graded(unreliable=0.2)) if isinstance(p, Stimulus) else p
        )
    )
    wrong(lambda: simulate(silent, "array"), "'stimulus' have dropout")
