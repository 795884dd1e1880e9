"""References of runs and models: exactly what they use, from data alone."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import apical
from apical import ALIF, LearningRule, Network, Stimulus, feedback, rules
from apical._base.bibliography import parsed
from apical.cli import app
from apical.errors import RunError
from apical.runs import citing
from apical.runs.citing import citations_of_run
from apical.runs.experiment import Experiment
from apical.runs.run import run

ROOT = Path(__file__).parents[2]
DFA = {"apical", "alpaydin1998", "harris2020", "virtanen2020", "lillicrap2016", "nokland2016"}
"""What every run of rate_dfa on the digits refers to."""


def entries(text: str) -> dict[str, str]:
    """Return the entries of BibTeX by key, each with the comment before it; or fail."""
    comments, comment = {}, ""
    for line in text.splitlines():
        if line.startswith("%"):
            comment = line.removeprefix("% ")
        if line.startswith("@"):
            comments[line.partition("{")[2].rstrip(",")] = comment
    assert list(parsed(text)) == list(comments)
    return comments


def trained(out: Path, **given: Any) -> Path:
    options = {"hidden": 5, **given.pop("options", {})}
    model = given.pop("model", str(ROOT / "models" / "rate_dfa.py"))
    run(
        Experiment(model, options, train_trials=20, test_trials=10, epochs=1, batch=10, **given),
        out,
        progress=False,
        draw=False,
    )
    return out


def test_a_run_of_rate_dfa_refers_to_exactly_what_it_used(tmp_path: Path) -> None:
    out = trained(tmp_path / "run", hypothesis="sparse_feedback(wires=1)", measure=("units",))
    found = citations_of_run(out)
    assert not found.lacks
    by_key = entries(found.bibtex())
    assert set(by_key) == DFA | {"crafton2019", "lu2020", "glorot2010"}
    assert by_key["crafton2019"] == "hypothesis sparse_feedback"
    assert by_key["lu2020"] == "measure units"
    assert by_key["nokland2016"] == "model rate_dfa; wiring DFA; rule three_factor; FanOut"
    assert f"version = {{{apical.__version__}}}" in found.bibtex()


def test_another_run_refers_to_something_else(tmp_path: Path) -> None:
    plain = entries(citations_of_run(trained(tmp_path / "plain")).bibtex())
    assert set(plain) == DFA
    out = trained(tmp_path / "bp", options={"wiring": "bp"}, closely=True)
    other = entries(citations_of_run(out).bibtex())
    assert set(other) == DFA | {"rumelhart1986"}
    assert other["nokland2016"] == "model rate_dfa; measure angles; rule three_factor"


def test_no_script_is_imported(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        (ROOT / "models" / "rate_dfa.py").read_text().replace("Nokland 2016", "Nobody 2031")
        + "\nimport sys\nsys.modules['it_was_imported'] = sys\n"
    )
    out = trained(tmp_path / "run", model=str(script))
    assert sys.modules.pop("it_was_imported")
    moved = tmp_path / "elsewhere"
    shutil.move(out, moved)
    script.unlink()
    found = citations_of_run(moved)
    assert "it_was_imported" not in sys.modules
    by_key = entries(found.bibtex())
    assert set(by_key) == DFA | {"source1"}
    assert by_key["source1"] == "model mine"
    assert "Nobody 2031" in found.bibtex()


def test_what_data_cannot_hold_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = trained(tmp_path / "run")
    monkeypatch.setattr(citing, "read_network", lambda *_: None)
    found = citations_of_run(out)
    assert "of a version that kept none" in found.lacks
    assert "\n% Not listed: rules and neurons" in found.bibtex()
    assert set(entries(found.bibtex())) == DFA - {"lillicrap2016", "nokland2016"}


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    out = trained(tmp_path / "run")
    (out / "network.json").write_text("{}")
    with pytest.raises(RunError, match=r"network\.json"):
        citations_of_run(out)


def test_every_part_of_a_network_is_found() -> None:
    net = Network(seed=0)
    x = Stimulus("x", 4, apical.encoding.Poisson(50.0))
    h, y = ALIF("h", 3), ALIF("y", 2)
    mine = LearningRule("mine", "0.1 * x_pre", source="Somebody {2031}, 100% true")
    momentum = rules.three_factor(dynamics=apical.optimizers.momentum(0.1))
    apical.chain(net, x, h, y, weights=apical.Glorot(), rule=[mine, momentum])
    error = net.add(apical.Error("error", 4))
    net.teach(feedback.direct(error, net.forward))
    uses = tuple(dict.fromkeys(citing._of_network(net)))
    found = citing.Citations("it", "1", tuple(use for use in uses if use.source))
    by_key = entries(found.bibtex())
    assert set(by_key) == {
        *("apical", "bellec2020", "brown2002", "glorot2010", "lillicrap2016", "neftci2017"),
        *("nokland2016", "polyak1964", "source1"),
    }
    assert by_key["polyak1964"] == "optimiser momentum"
    assert by_key["source1"] == "rule mine"
    assert r"title = {Somebody (2031), 100\% true}" in found.bibtex()


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(app.commands, ["cite", *map(str, arguments)])


def test_the_command_takes_a_model_and_its_options() -> None:
    result = call("rate_dfa", "--wiring", "drtp", "--hypothesis", "dale", "--library", "torch")
    assert result.exit_code == 0, result.output
    expected = DFA | {"frenkel2021", "cornford2021", "song2016", "paszke2019"}
    assert set(entries(result.stdout)) == expected


def test_the_command_takes_a_run_and_writes_a_file(tmp_path: Path) -> None:
    out = trained(tmp_path / "run")
    result = call(out)
    assert result.exit_code == 0
    assert set(entries(result.stdout)) == DFA
    file = tmp_path / "mine.bib"
    said = call(out, "--out", file)
    assert said.output == f"6 entries: {file}\n"
    assert file.read_text() == result.stdout
    again = call(out, "--out", file)
    assert again.exit_code != 0 and "there already" in str(again.exception)
    refused = call(out, "--hypothesis", "dale")
    assert refused.exit_code == 2 and "states its own settings" in refused.output


def test_what_is_neither_a_run_nor_a_model_is_refused(tmp_path: Path) -> None:
    for what, said in (("runs/nothing", "no run 'runs/nothing'"), ("rate_dfaa", "mean 'rate_dfa'")):
        result = call(what)
        assert result.exit_code != 0 and said in str(result.exception)
    result = call(tmp_path)
    assert result.exit_code != 0 and "holds no run" in str(result.exception)
