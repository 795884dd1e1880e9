"""Comparing wirings: one table, one figure, runs that are used again."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from apical import feedback, plotting
from apical.cli import app as cli
from apical.devices import lacks
from apical.errors import (
    DataError,
    DeviceError,
    LocalityError,
    ParameterError,
    RunError,
    ScriptError,
)
from apical.runs.directory import read_json
from apical.runs.experiment import Experiment, read_experiment
from apical.runs.open import open_run
from apical.runs.run import resume
from apical.sweeps.wirings import CHOICES, FIGURE, TABLE, compare, places
from apical.training import Metric

MODEL = str(Path(__file__).parents[2] / "models" / "Nokland_2016_mnist.py")
SMALL = {"hidden": 12, "layers": 1, "rate": 3e-3}


def experiment(**changes: Any) -> Experiment:
    options = {"train_trials": 300, "test_trials": 100, "epochs": 2, "block": 200} | changes
    return Experiment(MODEL, SMALL, **options)


@pytest.mark.slow
def test_a_comparison_is_a_table_and_a_figure(tmp_path: Path) -> None:
    outcomes = compare(experiment(), ["bp", "dfa"], range(2), tmp_path, progress=False)
    assert [outcome.wiring for outcome in outcomes] == ["bp", "dfa"]
    for outcome in outcomes:
        assert outcome.curves["test_accuracy"].shape == (2, 3)
        np.testing.assert_allclose(outcome.test_error, 1 - outcome.curves["test_accuracy"][:, -1])
    back, direct = (o.curves["angle", "stimulus_to_hidden_1"][:, 1:] for o in outcomes)
    assert back.max() < 1e-3 < 1 < direct.min()
    assert (tmp_path / FIGURE).stat().st_size > 10_000
    with (tmp_path / TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["wiring"] for row in rows] == ["bp", "dfa"]
    assert float(rows[0]["test_error_mean"]) == pytest.approx(outcomes[0].test_error.mean())


@pytest.mark.slow
def test_runs_that_are_there_are_used_again(tmp_path: Path) -> None:
    compare(experiment(), ["fa"], [0], tmp_path, progress=False)
    summary = tmp_path / "fa" / "seed0" / "summary.json"
    written = summary.stat().st_mtime_ns
    outcomes = compare(experiment(), ["fa", "ifa"], [0], tmp_path, progress=False)
    assert summary.stat().st_mtime_ns == written and len(outcomes) == 2


@pytest.mark.slow
def test_runs_with_other_settings_are_not_used(tmp_path: Path) -> None:
    compare(experiment(), ["fa"], [0], tmp_path, progress=False)
    with pytest.raises(RunError, match="fa/seed0 holds a run with other settings; give another"):
        compare(experiment(epochs=3), ["fa"], [0], tmp_path, progress=False)


@pytest.mark.parametrize("wirings", [[], ["bp", "bp"], ["bp", "cp"]])
def test_wirings_that_are_none(tmp_path: Path, wirings: list[str]) -> None:
    with pytest.raises(
        ParameterError, match="knows the wirings bp, fa, .*, two_phases, ifa; name some of them"
    ):
        compare(experiment(), wirings, [0], tmp_path, progress=False)


def test_a_model_without_wirings_cannot_be_compared(tmp_path: Path) -> None:
    other = Experiment(str(Path(MODEL).with_name("Neftci_2017_erbp.py")))
    with pytest.raises(ScriptError, match="has no option 'wiring'"):
        compare(other, ["bp"], [0], tmp_path, progress=False)


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(cli.commands, ["compare", *map(str, arguments)])


@pytest.mark.slow
def test_the_command_prints_the_table(tmp_path: Path) -> None:
    result = call(
        MODEL,
        "--wirings",
        "bp,ifa",
        "--seeds",
        1,
        "--epochs",
        1,
        "--train-trials",
        100,
        "--test-trials",
        50,
        "--hidden",
        8,
        "--layers",
        2,
        "--quiet",
        "--out",
        tmp_path / "out",
    )
    assert result.exit_code == 0, result.output
    assert "IFA" in result.output and "training error" in result.output
    assert (tmp_path / "out" / "ifa" / "seed0" / "summary.json").exists()


def test_the_command_sets_the_wiring_itself() -> None:
    lines = call(MODEL, "--help").output.splitlines()
    assert not any(line.lstrip().startswith("--wiring ") for line in lines)
    assert "--relay" in call(MODEL, "--help").output


def test_figure_of_many_projections_shows_the_first_three_and_the_last() -> None:
    curves: dict[Metric, np.ndarray] = {"test_accuracy": np.full((1, 3), 0.9)}
    curves |= {("angle", f"h{k}_to_h{k + 1}"): np.full((1, 3), 45.0) for k in range(7)}
    axes = plotting.comparison({"DFA": curves})
    titles = [ax.get_title(loc="left") for ax in axes]
    assert titles[1:] == ["h0 to\nh1", "h1 to\nh2", "h2 to\nh3", "h6 to\nh7"]


def test_figure_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="compare at least one"):
        plotting.comparison({})


@pytest.mark.parametrize(
    "model", [pytest.param("Nokland_2016_mnist", marks=pytest.mark.slow), "rate_dfa"]
)
@pytest.mark.slow
def test_every_wiring_is_compared(model: str, tmp_path: Path) -> None:
    script = str(Path(MODEL).with_name(f"{model}.py"))
    options = {"hidden": 12}
    small = Experiment(script, options, train_trials=60, test_trials=30, epochs=1, batch=10)
    outcomes = compare(small, list(feedback.WIRINGS), [0], tmp_path, progress=False)
    assert [outcome.wiring for outcome in outcomes] == list(feedback.WIRINGS)
    for outcome in outcomes:
        angles = [k for k in outcome.curves if "_".join(k).startswith("angle_stimulus_to_hidden")]
        assert len(angles) == 1 and np.isfinite(outcome.curves[angles[0]][:, 1:]).all()
    with (tmp_path / TABLE).open(newline="") as file:
        assert len({row["test_error_mean"] for row in csv.DictReader(file)}) > 1


SPIKING = str(Path(MODEL).with_name("spiking_dfa.py"))


def torch_is(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch count as installed, or not."""
    lacking = [] if there else [lacks.Lack("PyTorch is not installed", "pip install it")]
    monkeypatch.setattr(lacks, "lacks_of_torch", lambda: iter(lacking))


def test_each_wiring_has_the_device_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_is(True, monkeypatch)
    found = places(Experiment(SPIKING), ["bp", "dfa"])
    told = {wiring: place.told for wiring, place in found.items()}
    assert told == {"bp": "lockstep (torch), batch 64", "dfa": "cpp_standalone, batch 1"}
    card = places(Experiment(SPIKING), ["bp", "fa"], {"library": "torch:cuda"})
    assert card["bp"].building == {"library": "torch:cuda"} and not card["fa"].building
    same = places(Experiment(SPIKING, device="lockstep", batch=8), ["bp", "dfa"])
    assert [place.told for place in same.values()] == [
        "lockstep (torch), batch 8",
        "lockstep, batch 8",
    ]


def test_what_a_wiring_lacks_is_said_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch_is(False, monkeypatch)
    with pytest.raises(DeviceError, match=r"needs PyTorch .* pip install 'apical\[torch\]'"):
        compare(Experiment(SPIKING), ["dfa", "bp"], [0], tmp_path / "out", progress=False)
    with pytest.raises(LocalityError, match="weight transport"):
        places(Experiment(SPIKING, device="runtime"), ["bp"])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_options_are_chosen_for_each_wiring_on_validation_samples(tmp_path: Path) -> None:
    plan = experiment(epochs=1, validation=60)
    choose = {"rate": [1e-7, 1e-2]}
    (outcome,) = compare(plan, ["dfa"], [1, 2], tmp_path, choose=choose, progress=False)
    assert outcome.options == {"rate": 1e-2}
    with (tmp_path / CHOICES).open(newline="") as file:
        assert [row["best"] for row in csv.DictReader(file)] == ["False", "True"]
    tried = [
        read_experiment(tmp_path / "dfa" / name)
        for name in ("choosing/rate=1e-07", "choosing/rate=0.01", "seed2")
    ]
    assert [e.validation for e in tried] == [60, 60, 0]
    assert [(e.options["rate"], e.seed) for e in tried] == [(1e-7, 1), (1e-2, 1), (1e-2, 2)]
    with (tmp_path / TABLE).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["rate"]) == 1e-2 and row["device"] == "array, batch 64"


def test_options_that_cannot_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="needs validation samples; hold out"):
        compare(experiment(), ["dfa"], [0], tmp_path, choose={"rate": [1e-3]})
    with pytest.raises(ParameterError, match="has the options layers, hidden, .* got 'rat' with 1"):
        compare(experiment(validation=9), ["dfa"], [0], tmp_path, choose={"rat": [1e-3]})
    for text in ("rat=1", "rate", "wiring=bp"):
        assert "is none of layers=..., hidden=" in call(MODEL, "--choose", text).output
    assert "'x' is not a valid float" in call(MODEL, "--choose", "rate=x").output


@pytest.mark.slow
def test_spiking_networks_are_compared_with_backpropagation_through_time(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    options = {"train_trials": 64, "test_trials": 20, "epochs": 1, "batch": 32, "dt": 5.0}
    plan = Experiment(SPIKING, {"hidden": 8}, device="lockstep", **options)
    outcomes = compare(plan, ["bp", "fa", "dfa"], [0], tmp_path, progress=False)
    assert all(outcome.spikes.shape == (1,) and outcome.spikes[0] > 0 for outcome in outcomes)
    with (tmp_path / TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["device"] for row in rows] == [
        "lockstep (torch), batch 32",
        *["lockstep, batch 32"] * 2,
    ]
    summary = read_json(tmp_path / "bp" / "seed0" / "summary.json")
    assert summary["library"] == "torch" and not summary["is_local"]
    assert (tmp_path / "bp" / "seed0" / "figures" / "raster.png").exists()
    found = open_run(tmp_path / "bp" / "seed0")
    records = found.record(trials=2)
    assert set(records.spikes) == {"stimulus", "hidden", "output"}
    again = resume(tmp_path / "bp" / "seed0", epochs=2, progress=False, draw=False)
    assert again["epochs"] == 2 and again["library"] == "torch"
