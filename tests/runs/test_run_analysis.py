"""The analysis of a run: tables and figures in a folder, from Python and from the command line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apical.cli.app import commands
from apical.errors import DataError
from apical.runs.analysis import analyze_run
from apical.runs.experiment import Experiment
from apical.runs.open import TrainedRun, open_run, write_records
from apical.runs.run import run

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def spiking(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A short spiking run on digits, in this process."""
    out = tmp_path_factory.mktemp("runs") / "spiking"
    described = Experiment(
        str(MODELS / "spiking_dfa.py"),
        {"hidden": 10},
        epochs=1,
        train_trials=100,
        test_trials=60,
        device="runtime",
    )
    run(described, out, progress=False, draw=False)
    return open_run(out)


@pytest.fixture(scope="module")
def records(spiking: TrainedRun):
    return spiking.record(60)


def test_tables_and_figures_are_written(spiking: TrainedRun, records, tmp_path: Path) -> None:
    analysis = analyze_run(spiking, records)
    files = {file.name for file in analysis.write(tmp_path / "new" / "folder")}
    assert {"measures.csv", "neurons.csv", "similarity.csv", "rates.png", "cka.png"} <= files
    assert {"cka_debiased.png", "rsa.png", "rsa_rho_a.png"} <= files
    measures = pd.read_csv(tmp_path / "new" / "folder" / "measures.csv")
    assert set(measures["population"]) == {"stimulus", "hidden", "output", "error"}
    rate = measures[(measures["population"] == "hidden") & (measures["measure"] == "rate")]
    np.testing.assert_allclose(rate["value"], records.rates("hidden").mean())


def test_the_overview_counts_what_is_undefined(spiking: TrainedRun, records) -> None:
    analysis = analyze_run(spiking, records)
    overview = analysis.overview.set_index("measure")
    assert list(overview.columns) == ["stimulus", "hidden", "output", "error"]
    silent = int((records.counts("stimulus").sum(axis=0) == 0).sum())
    assert silent
    assert f"({silent} undefined)" in overview.loc["lifetime sparseness", "stimulus"]
    assert "nan" not in overview.to_csv().lower()


def test_a_run_is_like_itself(spiking: TrainedRun, records) -> None:
    likeness = analyze_run(spiking, records, against=records).against
    assert likeness is not None
    np.testing.assert_allclose(likeness[["rsa", "cka", "cka_debiased"]], 1)
    assert (likeness["rsa_rho_a"] <= 1).all()  # less where dissimilarities are tied


def test_records_of_other_samples_are_refused(spiking: TrainedRun, records) -> None:
    with pytest.raises(DataError, match="unequal stimuli cannot be compared"):
        analyze_run(spiking, records, against=spiking.record(20, ["hidden"]))


def test_command(
    spiking: TrainedRun,
    records,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    file = write_records(tmp_path / "some.npz", records)
    arguments = ["analyze", str(spiking.path), "--records", str(file), "--against", str(file)]
    commands.main([*arguments, "--out", str(tmp_path / "out")], standalone_mode=False)
    said = capsys.readouterr().out
    assert "60 trials" in said and "rate [Hz]" in said and "Against" in said
    assert (tmp_path / "out" / "measures.csv").exists()
    assert not (spiking.path / "analysis").exists()
