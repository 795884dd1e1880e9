"""`make bench`: what it takes from the benchmarks, and what it calls slower than the last time."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

FOLDER = Path(__file__).parents[2] / "benchmarks"
MACHINE = {"processor": "Some(R) CPU @ 2", "instructions": "AVX2", "processors": 4}


@pytest.fixture
def suites(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "suites", raising=False)
    import suites

    monkeypatch.setattr(suites, "machine", lambda: MACHINE)
    return suites


def asked(suites: ModuleType, kept: Path, **ratios: float) -> Any:
    suites.run = lambda suite: dict(ratios)
    return CliRunner().invoke(suites.main, ["--only", "cli", "--kept", str(kept)])


def test_what_is_slower_than_the_last_time_is_named(suites: ModuleType, tmp_path: Path) -> None:
    first = asked(suites, tmp_path, help=5.0, run=40.0)
    assert first.exit_code == 0 and "Slower by" not in first.output
    (file,) = tmp_path.glob("*.json")
    assert file.name == "some-r-cpu-2-avx2-x4.json"
    assert json.loads(file.read_text())["machine"] == MACHINE
    within = asked(suites, tmp_path, help=5.4, run=20.0)
    assert within.exit_code == 0 and "Nothing is slower" in within.output
    slower = asked(suites, tmp_path, help=5.5, run=23.0, other=1.0)
    assert slower.exit_code == 1
    said = " ".join(slower.output.split())
    assert "Slower by more than 10 % cli: run: 20 before, 23 now" in said
    assert said.count("Slower by more") == 1


def test_other_machines_are_not_compared(
    suites: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(suites, tmp_path, help=1.0)
    monkeypatch.setattr(suites, "machine", lambda: {**MACHINE, "instructions": "AVX-512"})
    assert asked(suites, tmp_path, help=9.0).exit_code == 0
    assert len(list(tmp_path.glob("*.json"))) == 2


@pytest.mark.parametrize("name", ["cli", "spiking", "rate"])
def test_ratios_are_taken_from_what_the_benchmarks_write(suites: ModuleType, name: str) -> None:
    stored = json.loads((FOLDER / "results" / f"{name}.json").read_text())
    found = suites.SUITES[name].ratios(stored)
    assert len(found) > 3 and all(0 < value < 1e4 for value in found.values())
    if name == "cli":
        row = next(row for row in stored["commands"] if row["name"] == "apical --help")
        assert found["apical --help"] == row["ratio"]["median"]
    if name == "spiking":
        rows = stored["side_by_side"][0]["contestants"]
        loop, own = (
            rows[f"{who}, trial form"]["ms_per_trial"]["median"] for who in ("C++ loop", "apical")
        )
        assert found["784-200-10, trial form, over the C++ loop"] == own / loop
