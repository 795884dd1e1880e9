"""A stimulus whose neurons fail at times, in trials of learning."""

import numpy as np
import pytest
from networks import N_INPUTS, small

from apical import Block, simulate
from apical.data.datasets import Dataset
from apical.errors import ParameterError
from apical.neurons.encoding import Regular
from apical.scripts import models


def test_unreliable_inputs_are_silent_where_they_learn() -> None:
    network = small(encoder=Regular(200.0, unreliable=0.25))
    simulator = simulate(network, "runtime", record=["stimulus"])
    values = np.ones((60, N_INPUTS))
    block = Block(values, np.zeros(60, int), np.repeat([0.0, 1e-9], 30))
    times, neurons = simulator.run(block).spikes["stimulus"]
    counts = np.zeros((60, N_INPUTS))
    np.add.at(counts, (((times + 0.5) // network.trial).astype(int), neurons), 1)
    still, learning = counts[:30], counts[30:]
    assert np.abs(still - 8).max() <= 1  # 200 Hz for 40 ms
    kept = learning > 0
    assert 0.65 < kept.mean() < 0.85 and len(np.unique(kept, axis=0)) > 20
    assert np.abs(learning[kept] - 8 / 0.75).max() <= 1


def test_how_often_is_a_probability_below_one() -> None:
    for wrong in (-0.1, 1.0):
        with pytest.raises(ParameterError, match="unreliable"):
            Regular(unreliable=wrong)


def test_the_deep_model_has_unreliable_inputs_where_it_is_told() -> None:
    values = np.random.default_rng(0).random((6, 12)).astype(np.float32)
    data = Dataset.from_arrays("made up", values, np.arange(6) % 3, values, np.arange(6) % 3)
    build = models.load("spiking_deep").build
    for share in (0.0, 0.2):
        network = build(data, seed=0, hidden="8-8", unreliable=share, most=5)
        assert network.stimulus.encoder.unreliable == share  # type: ignore[attr-defined]
        assert network.forward[0].post.gain == "int(x > 0)*int(x < 5)"  # type: ignore[attr-defined]
