"""Model scripts of rate networks: what each paper claims, in miniature."""

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from apical.alignment import angles_to_backpropagation
from apical.devices import Block, simulate

MODELS = Path(__file__).parents[1] / "models"


def script(name: str) -> ModuleType:
    """Return a script of models/ as a module."""
    spec = importlib.util.spec_from_file_location(name, MODELS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run(name: str, *arguments: str) -> str:
    """Run a study's command, and return what it prints."""
    result = CliRunner().invoke(script(name).main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_linear_feedback_alignment_comes_to_follow_backpropagation() -> None:
    rows = script("Lillicrap_2016_linear").learn(0, "fa", steps=1000, every=50)
    angles = {row["step"]: row["angle"] for row in rows}
    assert 75 < angles[0] < 105
    assert min(angle for step, angle in angles.items() if step <= 500) < 35
    assert rows[-1]["loss"] < 0.1 < rows[0]["loss"]


def test_linear_backpropagation_has_no_angle_to_itself() -> None:
    rows = script("Lillicrap_2016_linear").learn(0, "bp", steps=40, every=20)
    assert all(row["angle"] < 1e-3 for row in rows)


def test_linear_angle_is_that_of_the_teaching_signals() -> None:
    """For one trial the angle between updates is that between B e and W^T e (Lillicrap, eq. 4)."""
    net = script("Lillicrap_2016_linear").network(3, "fa")
    simulator = simulate(net, "array", dtype="float64")
    rng = np.random.default_rng(0)
    values, targets = rng.normal(size=(1, 30)), rng.normal(size=(1, 10))
    w_0, w = (simulator.weights(p) for p in net.forward)
    b = simulator.weights("feedback_output_to_hidden")
    e = (targets - values @ w_0 @ w)[0]
    cosine = (e @ b) @ (e @ w.T) / np.linalg.norm(e @ b) / np.linalg.norm(e @ w.T)
    measured = angles_to_backpropagation(simulator, Block(values, targets=targets))
    assert measured["stimulus_to_hidden"] == pytest.approx(np.degrees(np.arccos(cosine)))


def test_linear_study_writes_its_table_and_figure(tmp_path: Path) -> None:
    run("Lillicrap_2016_linear", "--steps", "100", "--seed", "0,1", "--out", str(tmp_path))
    rows = table(tmp_path / "angles.csv")
    assert {(row["wiring"], row["seed"]) for row in rows} == {
        ("bp", "0"), ("bp", "1"), ("fa", "0"), ("fa", "1"),
    }  # fmt: skip
    assert (tmp_path / "angles.png").stat().st_size > 10_000
