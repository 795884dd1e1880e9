"""Runs whose metrics.csv has no column subject, as before 0.2: read, resumed, reported."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from unbound import unbound

from apical import plotting
from apical._base.metric_names import former, one_name, parts
from apical.data.datasets import blobs
from apical.errors import RunError
from apical.export import export
from apical.report import page
from apical.runs.directory import CHECKPOINT, CONFIG, LOCAL, METRICS, SCORECARD, read_metrics
from apical.runs.experiment import Experiment
from apical.runs.open import TrainedRun, open_run
from apical.runs.run import Stopped, resume, run
from apical.sweeps.results import measured

MODEL = str(Path(__file__).parents[2] / "models" / "Nokland_2016_mnist.py")
FORMER = b"run,seed,epoch,block,trial,metric,value\n"


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Two epochs of two blocks, with metrics of projections, of populations and of the network."""
    data = blobs(12, 6, 6, 2, rng=np.random.default_rng(0))
    file, train, test = tmp_path_factory.mktemp("data") / "b.npz", data.train, data.test
    np.savez(
        file, x_train=train.values, y_train=train.labels, x_test=test.values, y_test=test.labels
    )
    options = {"hidden": 4, "layers": 2, "wiring": "dfa", "rate": 3e-3}
    measure = ("feedback", "weights", "units", "sparsity")
    common: dict[str, Any] = {"closely": True, "measure": measure, "measure_every": "block"}
    return Experiment(MODEL, options, dataset=str(file), epochs=2, block=6, batch=3, **common)


def quietly(function: Any, *arguments: Any, **options: Any) -> Any:
    return function(*arguments, progress=False, draw=False, **options)


def as_before(out: Path, target: Path) -> Path:
    """Copy a run to what it would have been before 0.2, its last checkpoint included."""
    unbound(shutil.copytree(out, target))
    whole, checkpoint = (target / METRICS).read_bytes(), dict(np.load(target / CHECKPOINT))
    about = json.loads(str(checkpoint["about"]))
    assert about["metrics_bytes"] == len(whole)
    with (target / METRICS).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FORMER.decode().strip().split(","))
        for row in read_metrics(out / METRICS):
            name = one_name(row.pop("metric"), row.pop("subject"))
            writer.writerow([*list(row.values())[:-1], name, row["value"]])
    about["metrics_bytes"] = (target / METRICS).stat().st_size
    del about["changed"]
    (target / SCORECARD).unlink(missing_ok=True)
    np.savez(target / CHECKPOINT, **{**checkpoint, "about": np.array(json.dumps(about))})
    return target


@pytest.fixture(scope="module")
def both(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> list[TrainedRun]:
    """A finished run as it is now, and as it was before."""
    folder = tmp_path_factory.mktemp("runs")
    quietly(run, experiment, folder / "now" / "run")
    before = as_before(folder / "now" / "run", folder / "before" / "run")
    assert (before / METRICS).read_bytes().startswith(FORMER)
    return [open_run(path) for path in (folder / "now" / "run", before)]


def test_metrics_of_former_runs_are_the_same_table(both: list[TrainedRun]) -> None:
    now, before = (found.metrics for found in both)
    pd.testing.assert_frame_equal(now, before)
    assert list(now.columns[-3:]) == ["metric", "subject", "value"]
    of = now.groupby("metric")["subject"].unique().map(set)
    assert of["test_accuracy"] == {""}
    assert of["angle"] >= {"stimulus_to_hidden_1", "hidden_1_to_hidden_2"}
    assert of["feedback_ratio"] == {"error_to_hidden_1", "error_to_hidden_2"}
    assert of["dead"] >= {"hidden_1", "hidden_2", "output"}
    assert of["ActivationSparsity"] == {"", "hidden_1", "hidden_2", "output"}


@pytest.mark.slow
def test_former_runs_are_reported_exported_and_compared(
    both: list[TrainedRun], tmp_path: Path
) -> None:
    pages = [page([found], trials=5) for found in both]
    assert "Angle between updates of hidden 1 to hidden 2 and the gradient" in pages[0]
    assert "Angle between updates of hidden 1 to hidden 2 and the gradient" in pages[1]
    ends = [measured(found.path) for found in both]
    np.testing.assert_equal(*ends)
    assert {"angle_hidden_1_to_hidden_2", "norm_hidden_2_to_output"} <= ends[0].keys()
    records = both[0].record(3)
    raw = [pd.read_csv(found.path / METRICS) for found in both]  # as a user would
    tables = [
        pd.read_csv(export(records, "csv", tmp_path / str(k), metrics=table) / "metrics.csv")
        for k, table in enumerate(raw)
    ]
    pd.testing.assert_frame_equal(*tables)
    angles = tables[0][tables[0]["metric"] == "angle"].set_index("subject")
    assert set(angles.loc["hidden_1_to_hidden_2", "population"]) == {"hidden_2"}


def test_learning_curves_take_metrics_of_parts(both: list[TrainedRun]) -> None:
    table = pd.read_csv(both[0].path / METRICS)
    ax = plotting.learning_curves({"a": table}, metric="norm", subject="hidden_2_to_output")
    assert ax.get_ylabel() == "norm of hidden 2 to output [dimensionless]"
    rows = table[(table["metric"] == "norm") & (table["subject"] == "hidden_2_to_output")]
    last = rows.groupby("epoch")["value"].last()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), last)
    before = pd.read_csv(both[1].path / METRICS)
    named = plotting.learning_curves({"a": before}, metric="norm_hidden_2_to_output")
    np.testing.assert_allclose(named.lines[0].get_ydata(), last)


@pytest.mark.parametrize("steps", [1, 3])
def test_former_runs_go_on_as_they_began(
    steps: int, experiment: Experiment, both: list[TrainedRun], tmp_path: Path
) -> None:
    """They are resumed to the byte, in their own format; what a killed process wrote is cut."""
    asked = iter([False] * (steps - 1) + [True])
    out = tmp_path / "stopped" / "run"
    with pytest.raises(Stopped):
        quietly(run, experiment, out, stop=lambda: next(asked))
    cut = as_before(out, tmp_path / "cut" / "run")
    with (cut / METRICS).open("ab") as file:
        file.write(b"run,0,1,0,12,angle_stimulus_to_hi")
    quietly(resume, cut)
    assert (cut / METRICS).read_bytes() == (both[1].path / METRICS).read_bytes()
    for name, weights in open_run(cut).weights.items():
        np.testing.assert_array_equal(weights, both[0].weights[name])


def test_a_former_run_without_a_checkpoint_begins_again(
    experiment: Experiment, both: list[TrainedRun], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    shutil.copy(both[0].path / CONFIG, out)
    shutil.copy(both[0].path / LOCAL, out)
    unbound(out)
    (out / METRICS).write_bytes(FORMER + b"run,0,0,0,0,test_acc")
    quietly(resume, out)
    assert (out / METRICS).read_bytes() == (both[1].path / METRICS).read_bytes()


def test_rows_that_are_cut_short_are_named(both: list[TrainedRun], tmp_path: Path) -> None:
    for number, found in enumerate(both):
        out = unbound(shutil.copytree(found.path, tmp_path / str(number)))
        (out / METRICS).write_bytes((out / METRICS).read_bytes().rpartition(b",")[0])
        with pytest.raises(RunError, match=r"metrics.csv is damaged: .* is cut short"):
            _ = open_run(out).metrics


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("test_accuracy", "test_accuracy"),
        ("rate_hidden", ("rate", "hidden")),
        ("angle_a_to_b", ("angle", "a_to_b")),
        ("feedback_angle_error_to_h", ("feedback_angle", "error_to_h")),
        ("feedback_ratio_angle_to_rate", ("feedback_ratio", "angle_to_rate")),
        ("ActivationSparsity", "ActivationSparsity"),
        ("ActivationSparsity_h_1", ("ActivationSparsity", "h_1")),
        ("learning_Footprint", "learning_Footprint"),
        ("weight_updates_dense", "weight_updates_dense"),
        ("rate_", "rate_"),
    ],
)
def test_former_names(name: str, metric: str | tuple[str, str]) -> None:
    assert former(name) == parts(metric)
    assert one_name(*parts(metric)) == name
