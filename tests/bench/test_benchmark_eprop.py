"""Benchmarks of e-prop and of sparse synapses: what NEST is given, and slopes; no times."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import apical as ap

FOLDER = Path(__file__).parents[2] / "benchmarks"


def imported(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module(name)


def test_the_rival_is_given_the_same_events_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eprop = imported("eprop", monkeypatch)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (20, 64)).astype(np.uint8), np.arange(20) % 10
    task = eprop.Task(ap.Dataset.from_arrays("made", images, labels, images, labels), 20, 8)
    task.write(tmp_path / "task.npz", (0.5, 0.25))
    with np.load(tmp_path / "task.npz") as found:
        assert found["w_in"].shape == (64, 8) and found["w_rec"].shape == (8, 8)
        expected = task.network.initial_weights("stimulus_to_hidden") * np.exp(-1 / 20)
        np.testing.assert_array_equal(found["w_in"], expected)
        first, last = found["offsets"][3:5]
        np.testing.assert_array_equal(found["times"][first:last], task.events[3][0])
        np.testing.assert_array_equal(found["channels"][first:last], task.events[3][1])
        assert (found["eta"], found["eta_output"], found["adapting"]) == (0.5, 0.25, 4)
    spikes = np.mean([len(steps) for steps, _ in task.events])
    assert spikes == pytest.approx(eprop.SPIKES, rel=0.05)


def test_slopes_are_those_of_powers(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = imported("sparse_curve", monkeypatch)
    rows = [
        {"device": device, "synapses": n, "MB": 100 + 4e-5 * (n - 1e3) ** power}
        for device, power in (("array", 1.0), ("runtime", 1.5))
        for n in (1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
    ]
    found = curve.slopes(rows, "MB")
    assert found == pytest.approx({"array": 1.0, "runtime": 1.5}, rel=0.01)


@pytest.mark.slow
def test_quick_run_measures_everything() -> None:
    pytest.importorskip("nest")
    command = [sys.executable, FOLDER / "eprop.py", "--quick", "--rival-python", sys.executable]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "over apical" in done.stdout and "'same'" in done.stdout
