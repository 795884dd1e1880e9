"""Results as they are stored: tables with what gave them, and the single numbers of a page.

A table is benchmarks/results/tables/NAME.toml, which says what was asked, and with which commands,
seeds, commits and processor it was measured, and NAME.csv, its cells. Where a benchmark wrote JSON,
the TOML names that file and a function of `measured`, and there is no CSV.
"""

import csv
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from measured import ADAPTERS

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
TABLES = RESULTS / "tables"
PUBLISHED = "published"
FROM_MEMORY = "from memory"
KEYS = {"title", "about", "commands", "seeds", "commits", "machine", "published", "remarks"}
KEYS |= {"units", "file", "adapter"}


class NoSuchNumberError(LookupError):
    """A page asks for a table, row or column that is not stored."""


@dataclass(frozen=True)
class Stored:
    """A table, and what gave it.

    Attributes
    ----------
    name, title, about : str
        `about` says what was asked and how it was measured; Markdown.
    columns : tuple of str
    rows : tuple of tuple of str
    units : mapping of str to str
        By column; a column without one holds text, counts, or cells that bring theirs.
    commands, commits : tuple of str
    seeds, machine, published, remarks : str
        `published` says where numbers to compare with are from; `remarks` is Markdown.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    units: Mapping[str, str]
    commands: tuple[str, ...]
    commits: tuple[str, ...]
    machine: str
    seeds: str = ""
    about: str = ""
    published: str = ""
    remarks: str = ""

    def cell(self, row: str, column: str) -> str:
        """Return a cell as it is stored.

        Parameters
        ----------
        row : str
            The first cell of the row, or as many of its first cells as tell it from all others,
            joined by ", ".
        column : str
            Its name.
        """
        if column not in self.columns:
            known = ", ".join(map(repr, self.columns))
            raise NoSuchNumberError(f"Table '{self.name}' has no column {column!r}, but {known}.")
        found = [r for r in self.rows if any(", ".join(r[:n]) == row for n in range(1, len(r)))]
        if len(found) != 1:
            known = ", ".join(repr(r[0]) for r in self.rows)
            raise NoSuchNumberError(
                f"Table '{self.name}' has {len(found)} rows {row!r}; first cells: {known}."
            )
        return found[0][self.columns.index(column)]


def names() -> list[str]:
    """Return the names of all stored tables."""
    return sorted(path.stem for path in TABLES.glob("*.toml"))


def _read_csv(path: Path) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    with path.open(newline="") as file:
        columns, *rows = (tuple(row) for row in csv.reader(file))
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{path.name}: {len(row)} cells under {len(columns)} columns: {row}")
    return columns, tuple(rows)


@cache
def load(name: str) -> Stored:
    """Return a stored table.

    Raises
    ------
    NoSuchNumberError
        If there is none of this name.
    """
    path = TABLES / f"{name}.toml"
    if not path.exists():
        raise NoSuchNumberError(f"No table '{name}' is stored in benchmarks/results/tables.")
    about = tomllib.loads(path.read_text())
    if set(about) - KEYS:
        raise ValueError(f"{path.name}: unknown keys {sorted(set(about) - KEYS)}")
    if "adapter" in about:
        results = json.loads((RESULTS / about.pop("file")).read_text())
        columns, rows = ADAPTERS[about.pop("adapter")](results)
    else:
        columns, rows = _read_csv(path.with_suffix(".csv"))
    machines = tomllib.loads((RESULTS / "machines.toml").read_text())
    about["machine"] = machines[about["machine"]]
    for key in ("commands", "commits"):
        about[key] = tuple(about.get(key, ()))
    about.setdefault("units", {})
    if set(about["units"]) - set(columns):
        raise ValueError(f"{path.name}: units of columns that are not there: {about['units']}")
    return Stored(name=name, columns=columns, rows=rows, **about)


def published(key: str, column: str) -> str:
    """Return a number of published.csv with its unit, and what was not looked up marked."""
    columns, rows = _read_csv(RESULTS / "published.csv")
    for row in (dict(zip(columns, cells, strict=True)) for cells in rows):
        if row["key"] == key and column in row:
            if column != "value":
                return row[column]
            unit, _, _ = row["unit"].partition(" ")  # "% test error" is said by the sentence
            mark = f" ({FROM_MEMORY})" if row["checked"] == FROM_MEMORY else ""
            return _with_unit(row["value"], unit) + mark
    raise NoSuchNumberError(f"published.csv has no {column!r} of key {key!r}.")


def _with_unit(cell: str, unit: str) -> str:
    return f"{cell} {unit}" if cell and unit else cell


def number(spec: str) -> str:
    """Return a number with its unit, by ``NAME:row:column``; NAME may be "published".

    Raises
    ------
    NoSuchNumberError
        If it is not stored, or the text does not have three parts.
    """
    name, first, rest = (part.strip() for part in spec.partition(":"))
    row, second, column = (part.strip() for part in rest.rpartition(":"))
    if not (first and second):
        raise NoSuchNumberError(f"A number is NAME:row:column, not {spec!r}.")
    if name == PUBLISHED:
        return published(row, column)
    stored = load(name)
    cell = stored.cell(row, column)
    if not cell:
        raise NoSuchNumberError(f"{spec!r} is an empty cell.")
    return _with_unit(cell, stored.units.get(column, ""))


def _grid(stored: Stored) -> str:
    """Return the table in Markdown; a column whose cells are all numbers is flush right."""
    heads = [f"{c} [{stored.units[c]}]" if c in stored.units else c for c in stored.columns]
    rules = ["---:" if c in stored.units else "---" for c in stored.columns]
    rows = [heads, rules, *([cell.replace("|", r"\|") for cell in row] for row in stored.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _source(stored: Stored) -> str:
    """Return what stands beneath a table: commands, seeds, commits and machine."""
    facts = [] if stored.commands or stored.published else ["The command was not kept."]
    if stored.seeds:
        facts.append(f"Seeds: {stored.seeds}.")
    if stored.commits:
        many = "Commits" if len(stored.commits) > 1 else "Commit"
        facts.append(f"{many}: {', '.join(stored.commits)}.")
    else:
        facts.append("The commit was not noted.")
    facts.append(f"Machine: {stored.machine}.")
    if stored.published:
        facts.append(f"Published: {stored.published}")
    commands = "\n".join(stored.commands)
    block = f"```text\n{commands}\n```\n\n" if commands else ""
    return f":::{{div}} results-source\n{block}{' '.join(facts)}\n:::"


def markdown(name: str) -> str:
    """Return a stored table as a page shows it: what was asked, the cells, what gave them."""
    stored = load(name)
    parts = [stored.about, f"**{stored.title}**", _grid(stored), _source(stored), stored.remarks]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
