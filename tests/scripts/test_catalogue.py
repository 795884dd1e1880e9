"""The catalogue: every shipped model is in it, and the page in docs/ is what the command makes."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apical import Dataset, datasets
from apical.cli import catalogue as command
from apical.cli.app import commands
from apical.errors import DataError
from apical.plausibility import ASPECTS
from apical.plausibility.findings import LEVELS
from apical.scripts import catalogue, models
from apical.scripts.catalogue import Measured

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "catalogue.md"
NUMBERS = ("accuracy [%]", "settings", "source", "operations, inference", "operations, learning")
"""Columns that are measured, not judged."""
WITHOUT = {"Bartlett_2006_surrogates", "Pascanu_2013_recurrent", "Polyak_1964_minima"}
"""Studies of functions, and of a matrix: no network of theirs learns."""

shipped = pytest.mark.parametrize("name", catalogue.names())


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load("digits")


def printed() -> list[dict[str, str]]:
    """Return the rows of the page."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    table = [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines]
    rows = [dict(zip(table[0], row, strict=True)) for row in table[2:]]
    return [row | {"model": row["model"].partition("]")[0][1:]} for row in rows]


def without_numbers(row: Mapping[str, str]) -> dict[str, str]:
    return {name: cell for name, cell in row.items() if name not in NUMBERS}


def test_every_shipped_script_is_in_it() -> None:
    assert set(models.available()) - set(catalogue.names()) == WITHOUT
    assert {row["model"] for row in printed()} == set(catalogue.names())


@shipped
def test_the_page_is_up_to_date(name: str, digits: Dataset) -> None:
    """Run ``apical check --all --markdown docs/reference/catalogue.md`` where it is not."""
    rows = [catalogue.judged(entry, {}) for entry in catalogue.entries(name, digits)]
    made = [dict(zip(catalogue.columns(), catalogue.cells(row), strict=True)) for row in rows]
    found = [row for row in printed() if row["model"] == name]
    assert [*map(without_numbers, found)] == [*map(without_numbers, made)]
    assert all(row.is_local is not None for row in rows), "every shipped network is judged"
    assert all(set(row.levels) == set(ASPECTS) for row in rows)


def test_its_numbers_are_those_that_were_measured() -> None:
    known = catalogue.read_measured(ROOT / "models" / catalogue.MEASURED)
    assert set(known) <= {(row["model"], row["condition"]) for row in printed()}
    for row in printed():
        one = known.get((row["model"], row["condition"]), Measured("", ""))
        assert row["accuracy [%]"] == (one.accuracy or "not measured")
        assert row["operations, inference"] == (one.inference or "not measured")
        assert row["settings"] == one.settings
        assert bool(one.settings) == bool(one.source), "a number says where it comes from"


def test_backpropagation_is_not_local_and_direct_feedback_is() -> None:
    local = {(row["model"], row["condition"]): row["local"] for row in printed()}
    transport = {(r["model"], r["condition"]): r["weight transport"] for r in printed()}
    for model in ("rate_dfa", "Nokland_2016_mnist"):
        assert local[model, "bp"] == "no" and transport[model, "bp"] == "not local"
        for wiring in ("fa", "dfa", "drtp"):
            assert local[model, wiring] == "yes"
    assert local["Jang_go_up", "dfa, GO-UP as published"] == "no"


# ---- the command ---------------------------------------------------------------------------------


def check(*words: str) -> Result:
    return CliRunner().invoke(commands, ["check", *words], standalone_mode=False)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let there be two models, and a folder to write what was measured to; return the folder."""
    monkeypatch.setattr(catalogue, "names", lambda: ["rate_dfa", "Lillicrap_2016_linear"])
    folders = models.folders()
    monkeypatch.setattr(models, "folders", lambda: [tmp_path, *folders])
    return tmp_path


def test_the_command_prints_and_writes_it(few: Path) -> None:
    found = check("--all", "--csv", str(few / "all.csv"), "--markdown", str(few / "all.md"))
    assert found.exception is None and not found.return_value
    for word in ("rate_dfa", "drtp", "weight transport", "not local", "networks learn from local"):
        assert word in found.output
    table = list(csv.DictReader(io.StringIO((few / "all.csv").read_text())))
    assert list(table[0]) == catalogue.columns()
    assert {row["model"] for row in table} == {"rate_dfa", "Lillicrap_2016_linear"}
    assert {row[aspect] for row in table for aspect in ASPECTS} <= {*LEVELS}
    page = (few / "all.md").read_text()
    assert page.startswith("# Catalogue\n")
    assert "[rate_dfa](../../models/rate_dfa.py) | dfa | yes |" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--all", "rate_dfa"], "takes no MODEL"),
        (["--all", "--json"], "takes no MODEL"),
        (["rate_dfa", "--csv", "a.csv"], "are for --all"),
        (["--seed", "1"], "Which MODEL"),
    ],
)
def test_what_does_not_go_together_is_said(words: list[str], message: str) -> None:
    assert message in str(check(*words).exception)


def test_a_file_that_cannot_be_written_is_one_line(few: Path) -> None:
    with pytest.raises(DataError, match="cannot be written.*name another file"):
        raise check("--all", "--csv", str(few / "no" / "such" / "a.csv")).exception or KeyError


# ---- measuring -----------------------------------------------------------------------------------


def test_measuring_fills_in_what_is_missing_and_keeps_the_rest(
    few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "names", lambda: ["Li_2018_landscape"])
    monkeypatch.setattr(catalogue, "EPOCHS", 1)
    monkeypatch.setattr(catalogue, "SEEDS", (0, 1))
    small = datasets.load("digits").subset(200, 100)
    monkeypatch.setattr(command.datasets, "load", lambda _: small)
    from_elsewhere = Measured("Li_2018_landscape", "BP", "12.34", "mnist", "a paper")
    file = few / catalogue.MEASURED
    catalogue.write_measured(file, {("Li_2018_landscape", "BP"): from_elsewhere})
    read = catalogue.read_measured
    monkeypatch.setattr(catalogue, "read_measured", lambda: read(file))
    found = check("--all", "--measure", "rates")
    assert found.exception is None
    known = read(file)
    bp, dfa = (known["Li_2018_landscape", condition] for condition in ("BP", "DFA"))
    assert (bp.accuracy, bp.settings, bp.source) == ("12.34", "mnist", "a paper")
    assert float(bp.inference) > 64 * 30 / 2
    mean, _, spread = dfa.accuracy.partition(" +- ")
    assert 5 < float(mean) < 100 and float(spread) >= 0
    assert dfa.settings == "digits, 1 epochs of batches of 20, seeds 0, 1"
    assert dfa.source.startswith("apical check --all --measure (version ")
    assert dfa.cost_settings == "digits, 1 epochs of batches of 20, seed 0, 50 test samples"
    entries = catalogue.entries("Li_2018_landscape", small)
    assert not catalogue.missing(entries, small, known, spiking=True)


def test_networks_of_other_sizes_and_spiking_ones_are_not_measured(digits: Dataset) -> None:
    def missing(name: str, **options: Any) -> set[str]:
        return {*catalogue.missing(catalogue.entries(name, digits), digits, {}, **options)}

    assert not missing("Lillicrap_2016_linear", spiking=True)
    assert not missing("spiking_dfa", spiking=False)
    wirings = {"bp", "fa", "dfa", "ifa"}
    assert missing("spiking_dfa", spiking=True) == {"trial", "online", *wirings}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_text("model,accuracy\na,b\n")
    with pytest.raises(DataError, match="needs the columns model, condition, accuracy"):
        catalogue.read_measured(tmp_path / "measured.csv")


# ---- scripts of one's own ------------------------------------------------------------------------


def test_scripts_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Dataset
) -> None:
    (tmp_path / "models").mkdir()
    study = '''"""Mine."""
from apical import models
def main(): ...
def catalogue(data, seed):
    return {"small": models.load("rate_dfa").build(data, seed, hidden=3)}
'''
    (tmp_path / "models" / "mine.py").write_text(study)
    (tmp_path / "models" / "broken.py").write_text('"""No."""\ndef build(data, seed): 1 / 0\n')
    monkeypatch.chdir(tmp_path)
    assert {"mine", "broken", "rate_dfa"} <= {*catalogue.names()}
    (small,) = catalogue.entries("mine", digits)
    row = catalogue.judged(small, {})
    assert (row.condition, row.is_local) == ("small", True)
    (broken,) = catalogue.entries("broken", digits)
    row = catalogue.judged(broken, {})
    assert row.is_local is None and row.problem == "ZeroDivisionError: division by zero"
    assert catalogue.cells(row)[2] == row.problem
