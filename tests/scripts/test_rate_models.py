"""Model scripts of rate networks: what each paper claims, in miniature."""

import csv
import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from apical import datasets, evaluate, train
from apical.devices import Block, simulate
from apical.errors import DataError
from apical.measures.alignment import angles_to_backpropagation
from apical.scripts import models, studies

MODELS = Path(__file__).parents[2] / "models"


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
        ("bp", "0"),
        ("bp", "1"),
        ("fa", "0"),
        ("fa", "1"),
    }
    assert (tmp_path / "angles.png").stat().st_size > 10_000


def test_autoencoder_tells_direct_feedback_from_backpropagation(tmp_path: Path) -> None:
    """DFA that is BP in disguise would reach BP's loss."""
    run(
        "Meulemans_2021_autoencoder",
        "--dataset",
        "digits",
        "--hidden",
        "32-8-32",
        "--wirings",
        "bp,dfa",
        "--epochs",
        "15",
        "--out",
        str(tmp_path),
    )
    last = {row["wiring"]: float(row["test_loss"]) for row in table(tmp_path / "loss.csv")}
    assert last["bp"] < 0.4
    assert last["dfa"] > 1.5 * last["bp"]
    assert (tmp_path / "loss.png").stat().st_size > 10_000


def test_update_aligns_before_the_samples_are_memorised(tmp_path: Path) -> None:
    run(
        "Refinetti_2021_align",
        "--dataset",
        "digits",
        "--train-trials",
        "300",
        "--hidden",
        "40",
        "--steps",
        "1500",
        "--seed",
        "0",
        "--out",
        str(tmp_path),
    )
    rows = table(tmp_path / "align.csv")
    angles = np.array([[float(row[f"hidden_{k}"]) for k in (1, 2, 3)] for row in rows]).mean(axis=1)
    fitted = np.array([float(row["training_accuracy"]) for row in rows])
    assert angles[0] > 75
    assert angles.min() < 60
    assert fitted[np.argmax(angles < 60)] < fitted[-1]
    assert fitted[-1] > 0.9
    assert (tmp_path / "align.png").stat().st_size > 10_000


FROZEN = "Nokland_2016_frozen"


def test_frozen_population_keeps_its_weights_until_it_is_released() -> None:
    study, data = script(FROZEN), datasets.load("digits").subset(320, 50)
    held = simulate(study.network(data, 0, "dfa", 1e-3, (8, 8), fixed=1, random=1), "array")
    before = {p.name: held.weights(p) for p in held.network.forward}
    list(study.learn(held, data, 0, 1))
    same = {name: np.array_equal(w, held.weights(name)) for name, w in before.items()}
    assert same == {
        "stimulus_to_hidden_1": True,
        "hidden_1_to_hidden_2": False,
        "hidden_2_to_output": False,
    }


def test_halves_of_the_classes_share_no_sample() -> None:
    data = datasets.load("digits")
    known, new = script(FROZEN).halves(data)
    assert (known.n_classes, new.n_classes) == (5, 5)
    assert len(known.train) + len(new.train) == len(data.train)
    assert set(np.unique(known.train.labels)) == set(np.unique(new.test.labels)) == set(range(5))


def test_frozen_study_recovers_and_writes_its_table_and_figure(tmp_path: Path) -> None:
    run(
        FROZEN,
        "--dataset",
        "digits",
        "--hidden",
        "50",
        "--frozen",
        "2",
        "--epochs",
        "6",
        "--rate",
        "3e-3",
        "--out",
        str(tmp_path),
    )
    rows = table(tmp_path / "errors.csv")
    assert {row["case"] for row in rows} == {"frozen", "normal", "fine-tuned"}
    for wiring in ("bp", "fa", "dfa"):
        errors = {
            int(row["epoch"]): float(row["test_error"])
            for row in rows
            if (row["case"], row["wiring"]) == ("frozen", wiring)
        }
        assert list(errors) == list(range(7))
        assert errors[6] < errors[2]
    assert (tmp_path / "errors.png").stat().st_size > 10_000


@pytest.mark.parametrize("wiring", ["bp", "fa"])
def test_logistic_network_learns_digits(wiring: str) -> None:
    data = datasets.load("digits")
    net = models.load("Lillicrap_2016_mnist").build(data, 0, hidden=100, wiring=wiring)
    simulator = simulate(net, "array", batch=10)
    train(simulator, data, epochs=10, progress=False)
    assert evaluate(simulator, data.test).accuracy > 0.8


def test_errors_of_a_study_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    study = script("Lillicrap_2016_linear")
    for arguments, said in (
        (["--seed", "a"], "Seeds must be whole numbers"),
        (["--out", __file__], "File exists"),
    ):
        with pytest.raises(SystemExit) as ended:
            studies.run(partial(study.main, [*arguments, "--steps", "20"]))
        assert ended.value.code == 2
        written = capsys.readouterr().err
        assert said in written and written.count("\n") == 1


def test_table_needs_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs at least one row"):
        studies.write_table(tmp_path / "empty.csv", [])


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["local", "convolutional"])
@pytest.mark.parametrize("wiring", ["bp", "fa", "dfa", "gevb"])
def test_receptive_fields_and_pooling_learn_digits(wiring: str, variant: str) -> None:
    data = datasets.load("digits")
    # vectorised units of few shared weights learn more slowly, by backpropagation too
    slowly = wiring == "gevb" and variant == "convolutional"
    epochs, rate = (10, 5e-3) if slowly else (3, 2e-3)
    net = script("Clark_2021_sharing").build(data, 0, variant=variant, wiring=wiring, rate=rate)
    edges, k = net.edges("pooled_1_to_maps_2"), 10 if wiring == "gevb" else 1
    assert edges.n_weights == (len(edges) // k if variant == "local" else 16 * 9 * 16)
    assert net.existing(net.projection("maps_1_to_pooled_1")).sum() == 16 * 64 * k
    with simulate(net, "array", batch=32) as simulator:
        train(simulator, data, epochs=epochs, progress=False)
        assert evaluate(simulator, data.test).accuracy > 0.7


def test_receptive_fields_over_no_images_are_refused() -> None:
    data = datasets.blobs(rng=np.random.default_rng(0))
    with pytest.raises(DataError, match=r"need images.* but blobs has samples of shape \(20,\)"):
        script("Clark_2021_sharing").build(data, 0)
