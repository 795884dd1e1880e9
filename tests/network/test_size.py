"""Memory that networks and blocks need, known before anything is allocated."""

import numpy as np
import pytest
from rate_networks import rates

from apical import Block, optimizers, rules, simulate
from apical._base import memory
from apical.errors import ParameterError
from apical.network.size import PER_NEURON, check_network_fits, network_bytes, weights_bytes
from apical.plausibility import audit


def test_memory_follows_from_sizes() -> None:
    network = rates(sizes=(6, 5, 3))
    synapses = {p.name: p.shape[0] * p.shape[1] for p in network.projections}
    neurons = sum(p.size for p in network.populations)
    kept = sum(synapses.values())
    expected = 4 * kept + 8 * max(synapses.values()) + 4 * PER_NEURON * neurons
    assert network_bytes(network, 4) == expected
    adam = rates(rule=rules.three_factor(1.0, dynamics=optimizers.adam()))
    first = adam.plastic[0]
    assert first.rule and first.rule.dynamics and len(first.rule.dynamics.shared) == 2
    assert weights_bytes(first, 8) == 3 * 8 * first.shape[0] * first.shape[1]


@pytest.mark.parametrize("use", [audit, check_network_fits, lambda n: simulate(n, "array")])
def test_networks_that_cannot_fit_are_refused_before_anything_is_made(use: object) -> None:
    network = rates(sizes=(1000, 2_000_000_000, 3))
    match = r"'stimulus_to_hidden_1' of 1,000 x 2,000,000,000.* would take .* of memory, and .* are"
    with pytest.raises(ParameterError, match=match + r" free; lower .*\(--hidden\)"):
        use(network)  # type: ignore[operator]
    with pytest.raises(ParameterError, match="Weights of projection .* would take 16 TB"):
        network.initial_weights(network.forward[0])


def test_blocks_that_cannot_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = simulate(rates(), "array", record=["hidden_1"], traces=["x"])
    monkeypatch.setattr(memory, "UNCHECKED", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    block = Block.of_stimuli(np.zeros((50, 6)))
    with pytest.raises(ParameterError, match="of a block of 50 trials would take .* lower the num"):
        simulator.run(block)
    monkeypatch.setattr(memory, "free_memory", lambda: 1e9)
    assert len(simulator.run(block).counts["hidden_1"]) == 50
