"""The file of final weights of a run: a value for each weight that exists."""

from pathlib import Path

import numpy as np

from apical.data.datasets import blobs
from apical.runs.directory import CHECKPOINT, WEIGHTS
from apical.runs.experiment import Experiment
from apical.runs.open import open_run
from apical.runs.run import run
from apical.training.loop import evaluated

OWN = """
from dataclasses import replace

from apical.connectivity import FixedInDegree

_described = build


def build(data, seed, *, hidden: int = 8):
    net = _described(data, seed, hidden=hidden)
    return net.altered(
        projection=lambda p: replace(p, connectivity=FixedInDegree(3)) if p.is_forward else p
    )
"""


def test_a_run_keeps_a_value_for_each_synapse(tmp_path: Path) -> None:
    data = blobs(12, 6, 6, 2, rng=np.random.default_rng(0))
    shipped = Path(__file__).parents[2] / "models" / "rate_dfa.py"
    script, train, test = tmp_path / "mine.py", data.train, data.test
    script.write_text(shipped.read_text() + OWN)
    arrays = dict(x_train=train.values, y_train=train.labels, x_test=test.values)
    np.savez(tmp_path / "blobs.npz", **arrays, y_test=test.labels)
    folder = tmp_path / "run"
    e = Experiment(str(script), dataset=str(tmp_path / "blobs.npz"), epochs=1, block=3, batch=3)
    run(e, folder, progress=False, draw=False)
    with np.load(folder / WEIGHTS) as weights, np.load(folder / CHECKPOINT) as state:
        held = dict(weights)
        name = "stimulus_to_hidden"
        assert held[name].shape == (3 * 8,)
        np.testing.assert_array_equal(held[name], state[f"{name}.w"])
    opened = open_run(folder)
    matrix = opened.weights[name]
    exists = opened.network.existing(opened.network.projection(name))
    assert exists is not None and exists.sum() == 24
    np.testing.assert_array_equal(matrix[exists], held[name])
    with opened.simulator() as simulator:
        found = evaluated(simulator, opened.data.test, 1).accuracy
        np.testing.assert_array_equal(simulator.weights(name), matrix)
    assert found == opened.summary["test_accuracy"]
