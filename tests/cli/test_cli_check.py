"""`apical check`: the scorecard on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apical.cli.app import commands
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


@pytest.mark.parametrize("wiring", ["dfa", "bp"])
def test_the_machine_readable_form(wiring: str) -> None:
    model = str(MODELS / "rate_dfa.py")
    found = check(model, "--wiring", wiring, "--hidden", "20", "--json", "--dynamic")
    said = json.loads(found.stdout)
    assert (said["model"], said["options"]["wiring"]) == ("rate_dfa", wiring)
    assert said["is_local"] is said["dynamic"]["is_local"] is (wiring == "dfa")
    assert {f["aspect"] for f in said["findings"]} == set(ASPECTS)
    assert set(said["findings"][0]) >= {"subject", "aspect", "level", "reason", "place"}
    shared = [f["reason"] for f in said["findings"] if f["aspect"] == "global quantities"]
    assert any("64 trials" in reason for reason in shared), "as 'apical run' would train it"


def test_dynamic_in_words() -> None:
    found = check(str(MODELS / "rate_dfa.py"), "--hidden", "20", "--dynamic")
    assert not found.return_value
    assert "perturbations" in found.output


def test_help_lists_levels_and_the_options_of_the_model() -> None:
    said = CliRunner().invoke(commands, ["check", str(MODELS / "rate_dfa.py"), "--help"]).output
    for word in ("not local", "broadcast", "--json", "--dynamic", "--wiring"):
        assert word in said
