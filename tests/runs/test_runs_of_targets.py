"""Runs, reports, sweeps and exports of data sets whose targets are not classes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apical.errors import DataError
from apical.export import export
from apical.report import write_report
from apical.runs.experiment import Experiment
from apical.runs.open import open_run
from apical.runs.run import resume, run
from apical.scripts.templates import templates
from apical.sweeps import Design, report, sweep
from apical.sweeps.wirings import compare


@pytest.fixture
def numbers(tmp_path: Path) -> Experiment:
    """Return an experiment on a file with two targets."""
    rng = np.random.default_rng(0)
    x = rng.random((60, 4))
    t = x @ rng.normal(size=(4, 2))
    file = tmp_path / "numbers.npz"
    np.savez(file, x_train=x[:40], t_train=t[:40], x_test=x[40:], t_test=t[40:], scale=1)
    options = {"hidden": 5, "eta": 0.2}
    model = str(templates()["regression"])
    return Experiment(model, options, dataset=str(file), epochs=2, batch=4, measure=("training",))


def test_a_run_learns_and_keeps_targets(numbers: Experiment, tmp_path: Path) -> None:
    out = tmp_path / "run"
    summary = run(numbers, out, progress=False)
    assert {"test_r2", "test_mse"} <= set(summary) and "test_accuracy" not in summary
    drawn = {path.stem for path in (out / "figures").glob("*.png")}
    assert drawn == {"learning_curve", "predictions", "receptive_fields"}
    found = open_run(out)
    table = found.metrics.set_index("metric")["value"]
    assert table["test_r2"].iloc[-1] == summary["test_r2"]
    assert {"train_r2", "train_mse"} <= set(table.index)
    records = found.record(5)
    assert records.targets is not None and records.targets.shape == (5, 2)
    folder = export(records, "csv", tmp_path / "tables", metrics=found.metrics)
    told = pd.read_csv(folder / "targets.csv")
    assert told.columns.tolist() == ["trial", "frame", "target", "value", "output"]
    np.testing.assert_allclose(told["value"], records.targets.ravel())
    assert "label" not in pd.read_csv(folder / "trials.csv")
    page = write_report([found], tmp_path / "report.html").read_text()
    assert "test R2" in page and "Outputs against targets" in page
    more = resume(out, epochs=3, progress=False, draw=False)
    assert more["epochs"] == 3 and more["test_mse"] != summary["test_mse"]


@pytest.mark.slow
def test_sweeps_and_comparisons_report_r2(numbers: Experiment, tmp_path: Path) -> None:
    design = Design(numbers, {"hidden": [3, 4]}, seeds=2)
    results = sweep(design, tmp_path / "sweep", workers=1, progress=False)
    assert results["test_r2"].notna().all() and "test_accuracy" not in results
    assert report(results, ["hidden"]).metric == "test_r2"
    outcomes = compare(numbers, ["bp", "dfa"], [0], tmp_path / "wirings", progress=False)
    errors = [1 - o.curves["test_r2"][0, -1] for o in outcomes]
    assert [o.test_error.item() for o in outcomes] == pytest.approx(errors)


def test_targets_that_a_model_cannot_reach_make_no_run(numbers: Experiment, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'output' is logistic, under cross-entropy"):
        run(Experiment("rate_dfa", dataset=numbers.dataset), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
