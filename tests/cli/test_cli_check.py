"""`apical check`: the scorecard on the command line."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from apical.cli.app import commands
from apical.errors import ApicalError
from apical.plausibility import ASPECTS

MODELS = Path(__file__).parents[2] / "models"


def check(*words: str) -> Result:
    return CliRunner().invoke(commands, ["check", *words], standalone_mode=False)


def test_a_local_model_is_told_so() -> None:
    found = check(str(MODELS / "spiking_dfa.py"), "--hidden", "20")
    assert not found.return_value
    assert not found.exception
    assert "local:" in found.output
    assert "not local" not in found.output
    for word in ("stimulus_to_hidden", "three_factor", "spiking_dfa.py"):
        assert word in found.output


def test_backpropagation_is_named_and_the_exit_code_is_1() -> None:
    found = check(str(MODELS / "rate_dfa.py"), "--wiring", "bp", "--hidden", "20")
    assert found.return_value == 1
    last = found.output.splitlines()[-2:]
    assert "transposed (weight transport)" in last[0]
    assert last[1].startswith("  feedback: feedback_output_to_hidden: ")


@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["dfa", "bp"])
def test_the_machine_readable_form(wiring: str) -> None:
    model = str(MODELS / "rate_dfa.py")
    small = ("--hidden", "8", "--trial", "60")
    found = check(model, "--wiring", wiring, *small, "--json", "--dynamic")
    said = json.loads(found.stdout)
    assert (said["model"], said["options"]["wiring"]) == ("rate_dfa", wiring)
    assert said["is_local"] is said["dynamic"]["is_local"] is (wiring == "dfa")
    assert {f["aspect"] for f in said["findings"]} == set(ASPECTS)
    first = said["findings"][0]
    about = {"subject", "aspect", "level", "reason", "place", "criterion", "source", "alignment"}
    assert set(first) == about
    shared = [f["reason"] for f in said["findings"] if f["aspect"] == "global quantities"]
    assert any("64 trials" in reason for reason in shared), "as 'apical run' would train it"


SCRIPT = """
import numpy as np
from apical import simulate


class Copying:
    \"\"\"Copies forward weights to the feedback after every block.\"\"\"

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    @property
    def state(self):
        return self.inner.state

    @state.setter
    def state(self, state):
        self.inner.state = state

    def run(self, block):
        result = self.inner.run(block)
        self.inner.load({"error_to_hidden": self.inner.weights("hidden_to_output").T})
        return result


def make(network, device, **options):
    return Copying(simulate(network, device, **options))
"""


@pytest.mark.slow
def test_what_a_script_does_is_tested(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT)
    words = (str(MODELS / "rate_dfa.py"), "--hidden", "8", "--trial", "60", "--dynamic", "--json")
    found = check(*words, "--make", f"{script}:make")
    assert found.return_value == 1
    said = json.loads(found.stdout)
    assert said["is_local"] and not said["dynamic"]["is_local"]
    faults = [f for f in said["dynamic"]["findings"] if f["level"] == "not local"]
    assert ("error_to_hidden", "weight transport") in {(f["subject"], f["aspect"]) for f in faults}


@pytest.mark.slow
def test_a_model_script_has_its_own_make(tmp_path: Path) -> None:
    script = tmp_path / "copying.py"
    script.write_text((MODELS / "rate_dfa.py").read_text() + SCRIPT)
    found = check(str(script), "--hidden", "8", "--trial", "60", "--dynamic")
    assert found.return_value == 1
    assert "read backwards" in found.output


@pytest.mark.slow
def test_the_example_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (MODELS.parent / "docs" / "how_to" / "check_locality.md").read_text()
    (text,) = [t for t in re.findall(r"```python\n(.*?)```", page, re.S) if "def make(" in t]
    (line,) = [t for t in page.splitlines() if "my_script.py:make" in t and "apical" in t]
    (tmp_path / "my_script.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)[2:]
    assert words[0] == "spiking_dfa"
    found = check(*words)
    assert found.return_value == 1
    assert "hidden_run_regularly" in found.output


def refusal(*words: str) -> str:
    error = check(str(MODELS / "rate_dfa.py"), *words).exception
    assert isinstance(error, ApicalError | click.UsageError), error
    assert "\n" not in error.message
    return error.message


def test_what_is_wrong_with_make_is_said(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("x = 1")
    for text, said in (
        ("mine.py", "needs FILE.py:NAME, a script and a function in it, got 'mine.py'; write"),
        ("nothing.py:make", "there is no file 'nothing.py'"),
        (f"{script}:make", "has no function 'make'"),
    ):
        assert said in refusal("--dynamic", "--make", text)
    script.write_text("1/0")
    assert "raised ZeroDivisionError" in refusal("--dynamic", "--make", f"{script}:make")
    assert "are for --dynamic" in refusal("--thorough")


def test_help_lists_levels_and_the_options_of_the_model() -> None:
    said = CliRunner().invoke(commands, ["check", str(MODELS / "rate_dfa.py"), "--help"]).output
    for word in ("not local", "broadcast", "--json", "--dynamic", "--wiring"):
        assert word in said
