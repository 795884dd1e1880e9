"""Runs of networks whose projections have a connectivity: checkpoints, weights, figures, costs."""

from pathlib import Path

import numpy as np

import apical as ap
from apical.measures.cost import weight_updates
from apical.measures.updates import update_signals
from apical.records.recording import record
from apical.runs.directory import CHECKPOINT, read_arrays
from apical.runs.experiment import Experiment
from apical.runs.open import open_run
from apical.runs.run import run

SCRIPT = '''"""Receptive fields of digits."""

import apical as ap


def build(data, seed: int = 0):
    net, rule = ap.Network(seed=seed), ap.rules.three_factor(0.2)
    x = net.add(ap.Stimulus("stimulus", 64, ap.encoding.Graded(), shape=(8, 8)))
    h = net.add(ap.Rate("hidden", 36, "tanh", shape=(6, 6)))
    y = net.add(ap.Rate("output", 10, "logistic", gain="one"))
    fields = ap.connectivity.ReceptiveFields(3)
    net.connect(x, h, weights=ap.FanIn(), rule=rule, connectivity=fields)
    net.connect(h, y, weights=ap.FanIn(), rule=rule)
    net.teach(ap.feedback.direct(net.add(ap.RateError("error", 10)), net.forward))
    return net
'''


def test_a_run_is_drawn_saved_and_opened(tmp_path: Path) -> None:
    script = tmp_path / "fields.py"
    script.write_text(SCRIPT)
    plan = Experiment(str(script), dataset="digits", train_trials=100, test_trials=20, epochs=1)
    run(plan, tmp_path / "out", progress=False)
    assert (tmp_path / "out" / "figures" / "receptive_fields.png").exists()
    found = open_run(tmp_path / "out")
    exists = found.network.existing(found.network.projection("stimulus_to_hidden"))
    assert exists is not None and exists.sum() == 324
    weights = found.weights["stimulus_to_hidden"]
    assert weights.shape == (64, 36) and not weights[~exists].any()
    assert (weights != found.network.initial_weights("stimulus_to_hidden")).any()
    with found.simulator() as simulator:
        assert np.array_equal(simulator.weights("stimulus_to_hidden"), weights)
    kept = tmp_path / "out" / CHECKPOINT
    if kept.exists():
        assert read_arrays(kept)["stimulus_to_hidden.w"].shape == (324,)


def test_costs_count_the_synapses_that_exist(tmp_path: Path) -> None:
    script = tmp_path / "fields.py"
    script.write_text(SCRIPT)
    data = ap.datasets.load("digits")
    net = ap.models.load(str(script)).build(data)
    signals = {"record": [p.name for p in net.populations], "traces": update_signals(net)}
    with ap.simulate(net, "array", **signals) as simulator:
        records = record(simulator, data.test, [0])
    of_fields, _ = weight_updates(net, records)
    exists = net.existing(net.projection("stimulus_to_hidden"))
    assert exists is not None
    assert of_fields.dense == 324
    assert of_fields.effective == exists[records.values[0] > 0].sum()
