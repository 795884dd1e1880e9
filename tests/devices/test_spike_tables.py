"""Spikes of stimuli from a table are those of neurons that run step by step, to the last bit."""

import shutil
from typing import Any

import brian2 as b2
import numpy as np
import pytest

from apical import LIF, Block, Network, Normal, Stimulus, encoding, simulate
from apical.testing.references import of_events

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

N, TRIALS = 150, 4
WITH_TABLE = {
    "regular": {"encoder": encoding.Regular(180.0)},
    "regular, from the same phases": {"encoder": encoding.Regular(180.0, free_running=False)},
    "regular, with dropout": {"encoder": encoding.Regular(180.0, unreliable=0.3)},
    "regular, with a trace": {"encoder": encoding.Regular(90.0), "tau_x": 20.0, "x_floor": 0.1},
    "regular, more than one spike a step": {"encoder": encoding.Regular(2500.0)},
    "latency": {"encoder": encoding.Latency(15.0)},
    "frames": {"encoder": encoding.Regular(300.0), "frames": 4},
    "replayed": {"encoder": encoding.Replayed(), "frames": 20},
}
STEP_BY_STEP = {
    "poisson": {"encoder": encoding.Poisson(180.0)},
    "escape": {"encoder": encoding.Escape(100.0)},
}


def network(
    *, reset: bool = True, delay: float = 0.0, n: int = N, trial: float = 20, **options: Any
) -> Network:
    net = Network(seed=3, trial=trial, reset=reset, output="units")
    x = net.add(Stimulus("stimulus", n, **options))
    y = net.add(LIF("units", 70))
    net.connect(x, y, weights=Normal(0.3), delay=delay)
    return net


def shown(frames: int = 1) -> Block:
    values = np.random.default_rng(0).random((TRIALS, frames * N))
    values[values < 0.6] = 0  # most inputs are silent
    return Block(values, np.zeros(TRIALS, int), np.ones(()), 0)


def found(net: Network, block: Block, **options: Any) -> dict[str, np.ndarray]:
    """Return spikes and state after two blocks."""
    with simulate(net, "cpp_standalone", record=["stimulus", "units"], **options) as simulator:
        simulator.run(block)
        result = simulator.run(block)
        trains = {f"{k} {n}": v for k, both in result.spikes.items() for n, v in enumerate(both)}
        return {**simulator.state, **result.counts, **trains}


def check_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def has_table(net: Network, *monitors: Any) -> bool:
    with simulate(net, "cpp_standalone") as simulator:
        if monitors:
            simulator.add(*(make(simulator.brian["stimulus"]) for make in monitors))
        return any((simulator.build() / "code_objects").glob("stimulus_table*"))


@pytest.mark.slow
@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", WITH_TABLE)
def test_spikes_are_the_same_bits(kind: str, dtype: str, reset: bool) -> None:
    net = network(reset=reset, **WITH_TABLE[kind])
    block = shown(WITH_TABLE[kind].get("frames", 1))
    ours = found(net, block, dtype=dtype)
    assert len(ours["stimulus 0"]) > 50
    check_same(ours, found(net, block, dtype=dtype, dense=False))


def test_a_table_gives_the_spikes_of_neurons_that_integrate() -> None:
    net = network(encoder=encoding.Regular(180.0), tau_x=20.0, delay=3.0)
    assert has_table(net)
    check_same(found(net, shown()), found(net, shown(), dense=False))


def test_events_are_read_off_their_own_table() -> None:
    block = of_events()
    n = block.values.shape[1]
    net = network(encoder=encoding.Events(), n=n, trial=50, tau_x=20.0)
    ours = found(net, block)
    assert len(ours["stimulus 0"]) > 0
    check_same(ours, found(net, block, dense=False))


@pytest.mark.parametrize("kind", STEP_BY_STEP)
def test_what_draws_random_numbers_runs_step_by_step(kind: str) -> None:
    net = network(**STEP_BY_STEP[kind])
    assert net.stimulus.tabulated is None
    assert not has_table(net)


def test_whoever_looks_into_a_trial_sees_neurons_that_integrate() -> None:
    def phases(group: Any) -> Any:
        return b2.StateMonitor(group, "phase", record=True, clock=group.clock)

    assert not has_table(network(encoder=encoding.Regular(180.0)), phases)
