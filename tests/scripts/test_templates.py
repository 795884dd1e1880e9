"""Templates of model scripts: they are written as they are, and run at once."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from apical import check, datasets
from apical._base.bibliography import cited, unknown
from apical.cli import app
from apical.errors import ParameterError
from apical.runs.experiment import Experiment
from apical.runs.run import run
from apical.scripts import models
from apical.scripts.templates import USUAL, about, templates, write

NAMES = ("rate", "recurrent", "regression", "spiking")


def test_there_are_four_and_they_are_no_models_of_their_own() -> None:
    assert tuple(templates()) == NAMES and USUAL in NAMES
    assert not set(NAMES) & set(models.available())


@pytest.mark.parametrize("name", NAMES)
def test_a_template_builds_a_local_network_for_any_data(name: str, tmp_path: Path) -> None:
    path = write("mine", name, tmp_path)
    assert path.read_bytes() == templates()[name].read_bytes()
    model = models.load(str(path))
    assert model.options and all(option.help for option in model.options)
    assert len(path.read_text().splitlines()) < 75, "a template is read at once"
    rng = np.random.default_rng(0)
    for data in (datasets.load("digits"), datasets.blobs(20, 10, 9, 3, rng=rng)):
        net = model.build(data, 4)
        card = check(net)
        assert card.is_local and not card.about_level("doubtful")
        assert (net.seed, net.output.size) == (4, data.n_classes)
        assert net.stimulus.size * net.stimulus.frames == data.n_inputs
    assert cited(model.doc) and not unknown(model.doc)


def test_the_recurrent_one_reads_row_by_row() -> None:
    net = models.load(str(templates()["recurrent"])).build(datasets.load("digits"), 0)
    assert (net.stimulus.frames, net.stimulus.size) == (8, 8)
    assert "hidden_to_hidden" in {p.name for p in net.lateral}


@pytest.mark.parametrize(("name", "device"), [("rate", "array"), ("spiking", "runtime")])
def test_a_template_trains(name: str, device: str, tmp_path: Path) -> None:
    path = write("mine", name, tmp_path)
    small = {"train_trials": 20, "test_trials": 4, "epochs": 1, "batch": 10}
    if device == "runtime":
        small = {"train_trials": 2, "test_trials": 2, "epochs": 1}
    out = tmp_path / "run"
    found = run(
        Experiment(
            str(path), {"hidden": 4}, device=device, dt=2.0 if name != "rate" else 1.0, **small
        ),
        out,
        progress=False,
        draw=False,
    )
    assert 0 <= found["test_accuracy"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_template_learns_as_a_script_and_by_the_command(name: str, tmp_path: Path) -> None:
    path = write("mine", name, tmp_path)
    epochs = {"rate": "5", "regression": "5", "spiking": "2", "recurrent": "6"}[name]
    coarse = () if name in ("rate", "regression") else ("--dt", "2")
    ended = subprocess.run(
        [sys.executable, str(path), "--epochs", epochs, *coarse, "--quiet", "--no-figures"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    (summary,) = tmp_path.glob("runs/*/summary.json")
    least = {"rate": 0.8, "regression": 0.8, "spiking": 0.9, "recurrent": 0.6}[name]
    assert json.loads(summary.read_text())["test_accuracy"] > least


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("3d", "cannot name a model"),
        ("a-b", "cannot name a model"),
        ("", "cannot name a model"),
        ("a/b", "cannot name a model"),
        ("class", "cannot name a model"),
        ("naïve", "cannot name a model"),
        ("rate_dfa", "is a model of apical"),
        ("rate_dfa.py", "is a model of apical"),
    ],
)
def test_bad_names_are_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=said):
        write(name, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("mine")
    with pytest.raises(ParameterError, match="is there already"):
        write("mine.py", folder=tmp_path)
    assert mine.read_text() == "mine"
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ParameterError, match="is there already"):
        write("gone", folder=tmp_path)
    with pytest.raises(
        ParameterError, match="no template 'x'; known are rate, recurrent, regression, spiking"
    ):
        write("other", "x", tmp_path)
    with pytest.raises(ParameterError, match="cannot be written"):
        write("other", folder=tmp_path / "nowhere")


def test_the_command_says_what_to_do_next_and_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app.commands, ["new", "mine", "--template", "rate"])
    assert result.exit_code == 0, result.output
    lines = [line.split("  ") for line in result.output.splitlines()[1:]]
    commands = [line[1].strip() for line in lines]
    assert commands == ["apical check mine.py", "apical run mine.py", "apical run mine.py --help"]
    for command, word in ((commands[0], "update locking"), (commands[2], "--wiring")):
        ended = CliRunner().invoke(app.commands, command.split()[1:])
        assert ended.exit_code == 0 and word in ended.output


def test_help_lists_the_templates() -> None:
    said = CliRunner().invoke(app.commands, ["new", "--help"]).output
    for name, path in templates().items():
        assert f"{name} " in said and about(path) in said
