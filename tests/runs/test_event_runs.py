"""Runs on events: training, run directories, checkpoints, recordings, exports, the command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import apical as ap
from apical.cli.app import commands
from apical.errors import RunError
from apical.runs.experiment import Experiment, fingerprint
from apical.runs.open import open_run
from apical.runs.run import Stopped, resume, run

SCRIPT = '''
"""Leaky neurons read events."""
import apical as ap
from apical import cli


def build(data: ap.Dataset, seed: int, *, eta: float = 0.02) -> ap.Network:
    """Describe the network.

    Parameters
    ----------
    data, seed
        What to learn, and the seed.
    eta
        Learning rate.
    """
    net = ap.Network(seed=seed, trial=data.duration)
    x = net.add(ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Events()))
    y = net.add(ap.LIF("output", data.n_classes, gain="1", bias=0.5, leak=False))
    net.connect(x, y, weights=ap.Zero(), rule=ap.rules.three_factor(eta))
    error = net.add(ap.Error("error", 2 * data.n_classes))
    net.teach(ap.feedback.direct(error, net.forward))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
'''


def events(n, rng):
    """Class 0: channels 0 to 2; class 1: channels 3 to 5; durations differ."""
    labels = np.arange(n) % 2
    pairs = []
    for label in labels:
        size = rng.integers(6, 12)
        pairs.append((np.sort(rng.uniform(0, 40, size)), 3 * label + rng.integers(0, 3, size)))
    return pairs, labels


@pytest.fixture(scope="module")
def data():
    rng = ap.stream(0, "data")
    return ap.Dataset.from_events(*events(60, rng), *events(20, rng), n_channels=6)


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    (folder / "reader.py").write_text(SCRIPT)
    return folder, ap.datasets.save_events(data, folder / "mine.npz")


pytestmark = pytest.mark.filterwarnings("ignore::apical.errors.EventsWarning")


def plan(files, **changed):
    folder, file = files
    given = {"device": "runtime", "epochs": 2, "seed": 3, "block": 25} | changed
    return Experiment(str(folder / "reader.py"), dataset=str(file), **given)


def test_a_network_learns_from_events(data):
    space: dict = {}
    exec(SCRIPT, space)
    with ap.simulate(space["build"](data, 0), "runtime") as simulator:
        history = ap.train(simulator, data, epochs=2, progress=False)
        found = ap.evaluate(simulator, data.test)
    assert history[-1].metrics["test_accuracy"] == found.accuracy >= 0.9
    assert len(found.decided) == 20


@pytest.mark.slow
def test_a_run_directory_knows_its_events(files, data):
    folder, file = files
    summary = run(plan(files), folder / "run", progress=False, draw=False)
    assert summary["test_accuracy"] >= 0.9
    config = json.loads((folder / "run" / "config.json").read_text())
    assert config["data_sha256"] == fingerprint(ap.datasets.load(file)) == fingerprint(data)
    found = open_run(folder / "run")
    records = found.record(5, ["stimulus", "output"])
    assert records.values.tolist() == found.data.test.part(slice(5)).counts().tolist()
    ap.datasets.save_events(data.until(30.0), file)
    try:
        with pytest.raises(RunError, match="data"):
            open_run(folder / "run").data  # noqa: B018
    finally:
        ap.datasets.save_events(data, file)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_same_bits(files):
    folder, _ = files
    run(plan(files), folder / "whole", progress=False, draw=False)
    taken, asked = folder / "taken", []
    stop = lambda: asked.append(1) is None and len(asked) == 2  # noqa: E731
    with pytest.raises(Stopped):
        run(plan(files), taken, progress=False, draw=False, stop=stop)
    assert len(asked) == 2
    resume(taken, progress=False, draw=False)
    one, other = (np.load(f / "weights.npz") for f in (folder / "whole", taken))
    assert all(np.array_equal(one[name], other[name]) for name in one.files)


@pytest.mark.slow
def test_the_command_takes_a_file_of_events(files, monkeypatch):
    folder, _ = files
    monkeypatch.chdir(folder)
    options = "--dataset mine.npz --device runtime --epochs 1 --train-trials 30 --out command"
    found = CliRunner().invoke(commands, ["run", "reader.py", *options.split()])
    assert found.exit_code == 0, found.output
    found = CliRunner().invoke(commands, ["record", "command", "--trials", "4"])
    assert found.exit_code == 0, found.output
    found = CliRunner().invoke(
        commands, ["export", "command", "--format", "csv", "--out", "tables"]
    )
    assert found.exit_code == 0, found.output
