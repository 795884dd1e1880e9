"""Run directories keep the scorecard as judged after the run, and say so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from unbound import unbound

from apical.cli.app import commands
from apical.data.datasets import blobs
from apical.devices import Simulator
from apical.errors import RunError
from apical.plausibility import ASPECTS
from apical.report import sections
from apical.runs import run as running
from apical.runs.directory import SCORECARD, SUMMARY, read_json
from apical.runs.experiment import Experiment
from apical.runs.open import open_run
from apical.runs.run import Stopped, resume, run

MODEL = str(Path(__file__).parents[2] / "models" / "rate_dfa.py")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    data = blobs(24, 6, 6, 2, rng=np.random.default_rng(0))
    path = tmp_path_factory.mktemp("data") / "b.npz"
    train, test = data.train, data.test
    np.savez(
        path, x_train=train.values, y_train=train.labels, x_test=test.values, y_test=test.labels
    )
    return str(path)


def experiment(file: str, wiring: str = "dfa", hypothesis: str = "") -> Experiment:
    options = {"hidden": 5, "wiring": wiring}
    common: dict[str, Any] = {"epochs": 2, "block": 12, "batch": 4, "hypothesis": hypothesis}
    return Experiment(MODEL, options, dataset=file, **common)


def quietly(function: Any, *arguments: Any, **options: Any) -> Any:
    return function(*arguments, progress=False, draw=False, **options)


def test_a_run_keeps_what_was_judged_and_reports_it(file: str, tmp_path: Path) -> None:
    summary = quietly(run, experiment(file), tmp_path / "run")
    assert summary["is_local"] is True and summary["faults"] == []
    card = read_json(tmp_path / "run" / SCORECARD)
    assert card["judged"] == {"trials": 48, "batch": 4, "dtype": "float32"}
    assert card["is_local"] is True
    trained = open_run(tmp_path / "run")
    assert trained.is_judged
    assert trained.scorecard == card["findings"]
    assert {finding["aspect"] for finding in trained.scorecard} == set(ASPECTS)
    reasons = " ".join(finding["reason"] for finding in trained.scorecard)
    assert "after the run they are the same to the last bit" in reasons
    assert "deg after learning" in reasons
    section = sections.scorecard(trained, "it")
    assert section.text[1].startswith("Judged after the run")
    assert len(section.tables[0].rows) == len(trained.scorecard)


def test_runs_of_earlier_versions_have_the_scorecard_of_their_description(
    file: str, tmp_path: Path
) -> None:
    quietly(run, experiment(file), tmp_path / "run")
    (tmp_path / "run" / SCORECARD).unlink()
    unbound(tmp_path / "run")
    trained = open_run(tmp_path / "run")
    assert not trained.is_judged
    assert trained.scorecard == trained.config["scorecard"]
    section = sections.scorecard(trained, "it")
    assert section.text[1].startswith("Judged by the description")
    (tmp_path / "run" / SCORECARD).write_text("{}")
    with pytest.raises(RunError, match="scorecard.json is damaged"):
        _ = open_run(tmp_path / "run").scorecard


def meddler(twice: int) -> Callable[[Any], Any]:
    """Return what measures a network, and writes forward weights into feedback `twice` times."""

    class Meddling:
        simulators, compile_seconds, left = (), 0.0, twice

        def __call__(self, simulator: Simulator, *_: Any) -> dict[str, float]:
            if self.left:
                self.left -= 1
                simulator.load({"error_to_hidden": simulator.weights("hidden_to_output").T})
            return {}

    return lambda _: Meddling()


def test_what_meddled_before_a_run_was_interrupted_is_not_forgotten(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([False, False, False, True])
    with monkeypatch.context() as patch:
        patch.setattr(running, "_measuring", meddler(2))
        with pytest.raises(Stopped):
            quietly(run, experiment(file), tmp_path / "run", stop=lambda: next(asked))
    summary = quietly(resume, tmp_path / "run")
    assert summary["is_local"] is False
    said = " ".join(summary["faults"])
    assert "locality: error_to_hidden: its weights were changed between two blocks" in said
    assert "feedback: error_to_hidden: has no rule, but" in said
    assert read_json(tmp_path / "run" / SCORECARD)["is_local"] is False
    assert read_json(tmp_path / "run" / SUMMARY)["faults"] == summary["faults"]


def test_interventions_are_judged_by_the_number_of_trials(file: str, tmp_path: Path) -> None:
    under = experiment(file, hypothesis="redrawn_feedback(every=10) + lost_error_neurons(after=20)")
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        quietly(run, under, tmp_path / "a", stop=lambda: next(asked))
    assert quietly(resume, tmp_path / "a")["is_local"]
    quietly(run, under, tmp_path / "b")
    cards = [(tmp_path / name / SCORECARD).read_text() for name in "ab"]
    assert cards[0] == cards[1]
    reasons = [f["reason"] for f in json.loads(cards[0])["findings"] if f["aspect"] == "feedback"]
    assert any("redrawn every 10" in r and "what that makes of them" in r for r in reasons)


@pytest.mark.parametrize(("wiring", "word"), [("dfa", "was local"), ("bp", "not local: ")])
def test_the_command_says_the_verdict(file: str, tmp_path: Path, wiring: str, word: str) -> None:
    given = ["run", MODEL, "--dataset", file, "--hidden", "4", "--wiring", wiring, "--epochs", "1"]
    given += ["--batch", "4"]
    told = CliRunner().invoke(
        commands, [*given, "--quiet", "--no-figures", "--out", str(tmp_path / "run")]
    )
    assert f"Judged after the run: {'learning ' if wiring == 'dfa' else ''}{word}" in told.output
