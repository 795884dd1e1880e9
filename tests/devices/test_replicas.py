"""Replicas: networks side by side learn what each learns alone."""

from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import Block, dynamics, feedback, rules
from apical.devices.arrays import stacks
from apical.errors import DeviceError, ParameterError
from apical.plasticity.rules import LearningRule
from apical.testing.references import rates, spiking

N = 3
DECAY = "eta*(x_pre*gain_post*teach_post - 0.01*w)"
RULES = {
    "plain": lambda seed: rules.three_factor(0.1 + 0.2 * seed),
    "adam": lambda seed: rules.three_factor(dynamics=dynamics.adam(0.01 + 0.02 * seed)),
    "decay": lambda seed: LearningRule("r", DECAY, {"eta": 0.1 + seed}),
}


def network(seed: int, kind: str = "plain", wiring: str = "dfa") -> ap.Network:
    """Return a network of one structure, with weights and a learning rate of its own."""
    return rates(feedback.WIRINGS[wiring], RULES[kind](seed), seed=seed)


def learned(
    net: ap.Network, seed: int, replica: ap.Replica | None = None, **options: Any
) -> dict[str, np.ndarray]:
    """Return the state after blocks with learning rates that change, and one that is tested."""
    rng = np.random.default_rng(seed)
    factors = np.linspace(1, 0.1, 11)
    with ap.simulate(net, "array", replica=replica, **{"batch": 4, **options}) as simulator:
        for number in range(3):
            values, labels = rng.random((11, 6)), rng.integers(0, 3, 11)
            block = Block.of_labels(values, labels, factors if number < 2 else 0.0)
            counts = simulator.run(block).counts["output"]
        return {**simulator.state, "counts": counts}


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("wiring", ["bp", "dfa", "fa"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_has_the_bits_of_a_network_alone(kind: str, wiring: str, dtype: str) -> None:
    alone = [learned(network(k, kind, wiring), k, dtype=dtype) for k in range(N)]
    together = ap.Replicas(N).each(
        lambda r: learned(network(r.number, kind, wiring), r.number, r, dtype=dtype)
    )
    for one, other in zip(alone, together, strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(other[name], values, err_msg=name)
    assert not np.array_equal(alone[0]["counts"], alone[1]["counts"])


@pytest.mark.parametrize("kind", RULES)
def test_each_learns_the_same_on_torch(kind: str) -> None:
    pytest.importorskip("torch")
    how: dict[str, Any] = {"library": "torch", "dtype": "float64"}
    alone = [learned(network(k, kind), k, **how) for k in range(N)]
    together = ap.Replicas(N).each(lambda r: learned(network(r.number, kind), r.number, r, **how))
    for one, other in zip(alone, together, strict=True):
        for name, values in one.items():
            np.testing.assert_allclose(other[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_random_numbers_are_those_of_each_seed() -> None:
    def unreliable(seed: int) -> ap.Network:
        net, rule = ap.Network(seed=seed), rules.three_factor(0.2)
        x = ap.Stimulus("stimulus", 6, ap.encoding.Graded())
        h = ap.Rate("hidden", 5, "tanh", unreliable=0.5)
        y = ap.Rate("output", 3, "softmax", gain="one")
        ap.chain(net, x, h, y, weights=[ap.FanIn(), ap.FanIn()], rule=rule)
        net.teach(feedback.direct(net.add(ap.RateError("error", 3)), net.forward))
        return net

    alone = [learned(unreliable(k), 0) for k in range(N)]
    together = ap.Replicas(N).each(lambda r: learned(unreliable(r.number), 0, r))
    for one, other in zip(alone, together, strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(other[name], values, err_msg=name)


def test_operations_of_all_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[tuple[int, int]] = []
    merged = stacks.merged

    def counting(lists: Any, library: Any) -> Any:
        found = merged(lists, library)
        counts.append((sum(map(len, lists)), len(found)))
        return found

    monkeypatch.setattr(stacks, "merged", counting)
    ap.Replicas(N).each(lambda r: learned(network(r.number), r.number, r))
    before, after = np.sum(counts, axis=0)
    assert after < 0.7 * before


def test_networks_of_other_structures_run_one_after_the_other() -> None:
    alone = [learned(network(k), k, batch=4 + k) for k in range(N)]
    together = ap.Replicas(N).each(
        lambda r: learned(network(r.number), r.number, r, batch=4 + r.number)
    )
    for one, other in zip(alone, together, strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(other[name], values, err_msg=name)


def test_one_that_fails_leaves_the_others_alone() -> None:
    found = {}

    def learn(replica: ap.Replica) -> None:
        if replica.number == 1:
            raise DeviceError("this one fails")
        found[replica.number] = learned(network(replica.number), replica.number, replica)

    with pytest.raises(DeviceError, match="this one fails"):
        ap.Replicas(N).each(learn)
    for number in (0, 2):
        for name, values in learned(network(number), number).items():
            np.testing.assert_array_equal(found[number][name], values, err_msg=name)


def test_what_is_raised_in_a_block_reaches_that_replica() -> None:
    def learn(replica: ap.Replica) -> str:
        with ap.simulate(network(replica.number), "array", replica=replica) as simulator:
            width = 5 if replica.number == 0 else 6
            try:
                simulator.run(Block.of_stimuli(np.ones((2, width))))
            except ap.errors.ApicalError as error:
                return error.message
        return ""

    said = ap.Replicas(N).each(learn)
    assert said[0] and said[1:] == ["", ""]


def test_a_replica_runs_alone_where_no_other_waits() -> None:
    replicas = ap.Replicas(2)
    found = learned(network(1), 1, replicas.seats[1])
    for name, values in learned(network(1), 1).items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_devices_that_run_one_network_refuse() -> None:
    with pytest.raises(DeviceError, match="only 'array' has it"):
        ap.simulate(spiking(), "lockstep", replica=ap.Replicas(1).seats[0])
    for wrong in (0, 1.5, "many"):
        with pytest.raises(ParameterError, match="n must be"):
            ap.Replicas(wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="replica"):
        ap.simulate(rates(), "array", replica=3)
