"""What the explanations say: published numbers, comparisons, and where each can be seen."""

import csv
import doctest
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
CHECKED = {"paper", "abstract", "authors' code", "cited", "reproduction", "from memory"}
"""How sure a published number may be, as docs/explanation/what_was_reproduced.md explains it."""


@pytest.fixture(params=["reproduced", "compared"])
def generator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a generator of pages."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs/_ext"), *sys.path])
    return importlib.import_module(request.param)


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a file of results."""
    with (ROOT / "benchmarks/results" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_generators_make_tables_of_equal_rows(generator: ModuleType) -> None:
    assert doctest.testmod(generator).failed == 0
    made = generator.pages()
    assert made and all(path.startswith("explanation/generated/") for path in made)
    for text in made.values():
        widths = {re.sub(r"\\\|", "", x).count("|") for x in text.splitlines() if x[:1] == "|"}
        assert len(widths) <= 1


def test_every_published_number_says_where_it_is_and_how_it_was_checked() -> None:
    published = rows("published.csv")
    assert len({row["key"] for row in published}) == len(published)
    for row in published:
        assert all(row[name] for name in ("model", "paper", "what", "value", "unit", "where")), row
        assert row["checked"] in CHECKED
        assert (ROOT / f"models/{row['model']}.py").exists()
        float(row["value"])


def test_every_number_of_ours_has_a_published_one_and_a_source() -> None:
    keys = {row["key"] for row in rows("published.csv")}
    with (ROOT / "models/measured.csv").open(newline="") as file:
        measured = {f"{row['model']}/{row['condition']}" for row in csv.DictReader(file)}
    ours = rows("reached.csv")
    assert len({row["key"] for row in ours}) == len(ours)
    for row in ours:
        assert row["key"] in keys
        assert row["measured"] in measured or (row["values"] and row["source"] and row["settings"])


def texts() -> Iterator[Path]:
    """Yield the texts that may quote published numbers."""
    for folder, kind in (("models", "*.py"), ("src", "*.py"), ("docs", "*.md")):
        yield from (ROOT / folder).rglob(kind)
    yield from (ROOT / "benchmarks/results/tables").iterdir()


def test_only_one_file_says_that_a_number_is_from_memory() -> None:
    explained = ROOT / "docs/explanation/what_was_reproduced.md"
    said = [path for path in texts() if "from memory" in path.read_text() and path != explained]
    assert said == []


def test_the_comparison_fills_every_cell_and_names_what_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs/_ext"), *sys.path])
    compared = importlib.import_module("compared")
    data = compared.comparison()
    for row in data["rows"]:
        assert set(row) - {"what", "short"} == set(data["tools"]), row["what"]
        for name in data["tools"]:
            told, where = row[name]
            assert told in compared.MARKS
            assert where or told == "no", (row["what"], name)
        for path in re.findall(r"`(src/[\w/.]+)`", row["apical"][1]):
            assert (ROOT / path).exists()
    assert 6 <= sum(row.get("short", False) for row in data["rows"]) <= 10
    assert compared.short().endswith(f"Checked {data['checked']}.\n")


def test_the_readme_compares_as_the_page_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    told = importlib.import_module("compared").short()
    page = (ROOT / "README.md").read_text()
    inside = page.partition("<!-- compares -->")[2].partition("<!-- /compares -->")[0]
    assert inside.strip() == told.partition("\nChecked")[0].strip()
