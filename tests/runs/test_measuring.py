"""Measuring during training: what `--measure` adds, and that it changes nothing else."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from unbound import unbound

from apical.cli import app as cli
from apical.data.datasets import blobs
from apical.devices import Block
from apical.errors import ParameterError
from apical.measures.alignment import angles_to_backpropagation
from apical.runs.callbacks import Measuring, chosen
from apical.runs.directory import CONFIG, METRICS
from apical.runs.experiment import Experiment, prepare, read_experiment
from apical.runs.measures import MEASURES
from apical.runs.open import open_run
from apical.runs.run import Stopped, resume, run
from apical.sweeps.wirings import compare
from apical.training.loop import Position

MODELS = Path(__file__).parents[2] / "models"
SPIKING, RATES = str(MODELS / "spiking_dfa.py"), str(MODELS / "Nokland_2016_mnist.py")
DEVICES = [
    ("spiking", "runtime"),
    ("rates", "array"),
    pytest.param("rates", "runtime", marks=pytest.mark.thorough),
]


@pytest.fixture
def data(tmp_path: Path) -> str:
    """5 training samples, so that blocks of 4 leave a last one of 1."""
    samples = blobs(5, 2, 6, 2, rng=np.random.default_rng(0))
    train, test = samples.train, samples.test
    file = tmp_path / "blobs.npz"
    np.savez(
        file, x_train=train.values, y_train=train.labels, x_test=test.values, y_test=test.labels
    )
    return str(file)


def experiment(data: str, kind: str, device: str, **changes: Any) -> Experiment:
    options: dict[str, Any] = {"hidden": 4}
    if kind == "rates":
        options |= {"layers": 1, "wiring": "dfa", "rate": 3e-3}
    batch = 2 if device == "array" else 1
    common = {"dataset": data, "epochs": 1, "block": 4, "device": device, "batch": batch}
    return Experiment(SPIKING if kind == "spiking" else RATES, options, **common | changes)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / METRICS).open(newline="") as file:
        return list(csv.DictReader(file))


def quietly(*arguments: Any, **options: Any) -> dict[str, Any]:
    return run(*arguments, progress=False, draw=False, **options)


@pytest.mark.parametrize(("kind", "device"), DEVICES)
@pytest.mark.slow
def test_measuring_changes_nothing_and_goes_on_with_the_same_bits(
    tmp_path: Path, data: str, kind: str, device: str
) -> None:
    measured = experiment(data, kind, device, measure=tuple(MEASURES), measure_every="block")
    plain, whole, cut = (tmp_path / name / "run" for name in ("plain", "whole", "cut"))
    quietly(experiment(data, kind, device), plain)
    quietly(measured, whole)
    asked = iter([False, True])
    with pytest.raises(Stopped):
        quietly(measured, cut, stop=lambda: next(asked))
    resume(cut, progress=False, draw=False)
    assert (whole / METRICS).read_bytes() == (cut / METRICS).read_bytes()
    trained = [open_run(out).weights for out in (plain, whole, cut)]
    for name, values in trained[0].items():
        np.testing.assert_array_equal(values, trained[1][name])
        np.testing.assert_array_equal(values, trained[2][name])
    assert [row for row in rows(whole) if row in rows(plain)] == rows(plain)
    assert_complete(rows(whole), "hidden" if kind == "spiking" else "hidden_1", kind)


def named(row: Mapping[str, str]) -> str:
    return " of ".join(filter(None, (row["metric"], row["subject"])))


def assert_complete(found: list[dict[str, str]], hidden: str, kind: str) -> None:
    """Check that every measure is there, once after every block, and says something."""
    expected = {
        "train_accuracy",
        f"angle of stimulus_to_{hidden}",
        f"feedback_angle of error_to_{hidden}",
        f"feedback_ratio of error_to_{hidden}",
        f"norm of {hidden}_to_output",
        f"speed of {hidden}_to_output",
        f"zeros of {hidden}_to_output",
        f"mixed of {hidden}",
        f"minority of {hidden}",
        f"dead of {hidden}",
        f"saturated of {hidden}",
        "ActivationSparsity",
        f"ActivationSparsity of {hidden}",
        "ConnectionSparsity",
        "Footprint",
        "Dense",
        "Effective_ACs",
        "Effective_MACs",
        "learning_Effective_ACs",
        "weight_updates",
        "events",
    }
    for name in expected:
        times = [row["trial"] for row in found if named(row) == name]
        assert times == ["0", "4", "5"], name
    keys = [(row["trial"], named(row)) for row in found]
    assert len(set(keys)) == len(keys)
    last = {named(row): float(row["value"]) for row in found}
    assert 0 < last[f"angle of stimulus_to_{hidden}"] <= 180
    assert last[f"speed of {hidden}_to_output"] > 0
    assert (last["Effective_ACs"] > 0) == (kind == "spiking")


def test_after_every_epoch_unless_asked_for_more(tmp_path: Path, data: str) -> None:
    quietly(experiment(data, "rates", "array", measure=["weights"], epochs=2), tmp_path / "run")
    found = [
        (row["epoch"], row["block"])
        for row in rows(tmp_path / "run")
        if named(row) == "norm of hidden_1_to_output"
    ]
    assert found == [("0", "0"), ("1", "0"), ("2", "0")]


def test_angles_of_rates_are_those_of_every_device(data: str) -> None:
    found, rng = [], np.random.default_rng(0)
    weights = {"hidden_1_to_output": rng.normal(size=(4, 2))}
    for device in ("array", "runtime"):
        prepared = prepare(experiment(data, "rates", device))
        simulator = prepared.simulator()
        simulator.load(weights)
        measured = Measuring(prepared, ["angles"])(simulator, Position(), {})
        values, labels = prepared.data.test.block(slice(None))
        angles = angles_to_backpropagation(simulator, Block(values, labels))
        assert measured.pop(("angle", "stimulus_to_hidden_1")) == angles["stimulus_to_hidden_1"]
        assert measured.keys() == {("angle", "bias_to_hidden_1")}
        found.append(angles["stimulus_to_hidden_1"])
    assert found[0] == pytest.approx(found[1], abs=1e-3) and 1 < found[0] < 179


def test_speed_is_that_of_the_last_block(data: str) -> None:
    prepared = prepare(experiment(data, "rates", "array"))
    simulator = prepared.simulator()
    w = np.ones((4, 2))
    simulator.load({"hidden_1_to_output": w, "stimulus_to_hidden_1": np.ones((6, 4))})
    before = {p.name: simulator.weights(p) for p in prepared.network.plastic}
    simulator.load({"hidden_1_to_output": 1.25 * w})
    found = Measuring(prepared, ["weights"])(simulator, Position(), before)
    assert found["speed", "hidden_1_to_output"] == pytest.approx(0.25)
    assert found["speed", "stimulus_to_hidden_1"] == 0


def test_closely_is_short_for_two_measures(tmp_path: Path, data: str) -> None:
    quietly(experiment(data, "rates", "array", closely=True), tmp_path / "one" / "run")
    named = experiment(data, "rates", "array", measure=("angles", "training"))
    quietly(named, tmp_path / "two" / "run")
    assert rows(tmp_path / "one" / "run") == rows(tmp_path / "two" / "run")
    kinds = (("spiking", "runtime"), ("rates", "array"))
    networks = [prepare(experiment(data, *kind)).network for kind in kinds]
    assert chosen((), networks[0], closely=True) == ("training",)
    assert chosen(("cost", "cost"), networks[1], closely=True) == ("training", "angles", "cost")


def test_few_trials_are_recorded_where_memory_is_short(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(experiment(data, "spiking", "runtime"))
    assert Measuring(prepared, ["angles"]).n_trials == 2
    # 100 steps of x, gain and teach of 6, of x twice of 4 and 2, and of x of 4 neurons, of 4 bytes
    monkeypatch.setattr("apical.runs.callbacks.ROOM", 1.5 * 100 * 4 * (6 + 3 * 4 + 3 * 2 + 4))
    assert Measuring(prepared, ["angles"]).n_trials == 1
    assert Measuring(prepared, ["units"]).n_trials == 2, "spikes are few"


def test_what_cannot_be_measured_leaves_no_directory_behind(tmp_path: Path, data: str) -> None:
    out = tmp_path / "run"
    with pytest.raises(ParameterError, match="no measure 'wings'; known are training, angles"):
        quietly(experiment(data, "rates", "array", measure=["wings"]), out)
    assert not out.exists()


def test_runs_of_earlier_versions_measured_nothing_more(tmp_path: Path, data: str) -> None:
    out = tmp_path / "run"
    quietly(experiment(data, "rates", "array"), out)
    config = json.loads((unbound(out) / CONFIG).read_text())
    for name in ("measure", "measure_every"):
        del config[name]
    (out / CONFIG).write_text(json.dumps(config))
    assert read_experiment(out) == prepare(experiment(data, "rates", "array")).experiment


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"measure": "angles"}, "Experiment: measure must be .*, got 'angles'"),
        ({"measure_every": "day"}, "measure_every must be one of 'epoch', 'block', got 'day'"),
        ({"epochs": 1.5}, "Experiment: epochs must be one whole number, got 1.5"),
    ],
)
def test_experiments_say_what_they_take(data: str, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        experiment(data, "rates", "array", **wrong)


# Commands ----------------------------------------------------------------------------------------


def call(*arguments: Any) -> Any:
    return CliRunner().invoke(cli.commands, [*map(str, arguments)])


SMALL = ["--hidden", 4, "--layers", 1, "--epochs", 1, "--batch", 2, "--quiet"]


def test_run_command(tmp_path: Path, data: str) -> None:
    out = tmp_path / "run"
    measured = ["--measure", "angles, sparsity", "--measure-every", "block", "--block", 5]
    result = call("run", RATES, "--dataset", data, *SMALL, *measured, "--no-figures", "--out", out)
    assert result.exit_code == 0, result.output
    config = json.loads((out / CONFIG).read_text())
    assert config["measure"] == ["angles", "sparsity"] and config["measure_every"] == "block"
    blocks = [row["trial"] for row in rows(out) if named(row) == "ActivationSparsity"]
    assert blocks == ["0", "4", "5"]
    assert read_experiment(out).measure == ("angles", "sparsity")


def test_unknown_measures_are_named() -> None:
    result = call("run", RATES, "--measure", "angles,wings")
    assert result.exit_code == 2
    assert "no measure 'wings'; known are training, angles, feedback" in result.output


@pytest.mark.slow
def test_comparisons_measure_too(tmp_path: Path, data: str) -> None:
    one = experiment(
        data, "rates", "array", epochs=1, measure=["cost", "feedback"], measure_every="block"
    )
    first, second = compare(one, ["bp", "dfa"], [0], tmp_path, progress=False)
    assert first.curves["Dense"].shape == second.curves["Dense"].shape == (1, 2)
    assert first.curves["angle", "stimulus_to_hidden_1"].shape == (1, 2)
    assert first.curves["feedback_angle", "feedback_output_to_hidden_1"][0, 1] < 1e-4
    assert second.curves["feedback_angle", "error_to_hidden_1"][0, 1] > 1
    again = compare(one, ["bp", "dfa"], [0], tmp_path, progress=False)
    assert [outcome.test_error for outcome in again] == [first.test_error, second.test_error]
