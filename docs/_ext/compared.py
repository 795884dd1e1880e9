"""How this package compares with others: a matrix from ``docs/explanation/comparison.toml``.

`short` is the table of a few rows that README.md shows.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tables import table

DATA = Path(__file__).parents[1] / "explanation" / "comparison.toml"
MARKS = {"yes": "yes", "partly": "partly", "no": "-"}
"""What a cell may say, and what the table shows."""


def comparison() -> dict[str, Any]:
    """Return the data: day it was checked, tools, rows."""
    return tomllib.loads(DATA.read_text())


def matrix(data: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of rows over tools, without where it can be seen."""
    tools = data["tools"]
    heads = ["", *(f"{tool['title']} {tool['version']}" for tool in tools.values())]
    lines = [[row["what"], *(MARKS[row[name][0]] for name in tools)] for row in rows]
    return table(heads, lines)


def short() -> str:
    """Return the rows that README.md shows, and when it was checked."""
    data = comparison()
    rows = [row for row in data["rows"] if row.get("short")]
    return f"{matrix(data, rows)}\nChecked {data['checked']}.\n"


def seen(data: Mapping[str, Any]) -> str:
    """Return a list of where each cell can be seen, a heading for each row."""
    parts = []
    for row in data["rows"]:
        told = [
            f"- {tool['title']}: {row[name][0]}{f', {_code(row[name][1])}' if row[name][1] else ''}"
            for name, tool in data["tools"].items()
            if row[name][0] != "no" or row[name][1]
        ]
        parts.append("\n".join([f"**{row['what']}**", "", *told, ""]))
    return "\n".join(parts)


def pages() -> dict[str, str]:
    """Return the matrix, the versions that were looked at, and where cells can be seen."""
    data = comparison()
    versions = [[t["title"], t["version"], t["seen"]] for t in data["tools"].values()]
    folder = "explanation/generated"
    return {
        f"{folder}/matrix.inc": matrix(data, data["rows"]),
        f"{folder}/versions.inc": table(["tool", "version", "looked at"], versions),
        f"{folder}/seen.inc": seen(data),
    }


def _code(text: str) -> str:
    """Set paths in code, so that names with underscores are shown as they are."""
    marked = (
        f"`{word.rstrip(',;')}`{word[len(word.rstrip(',;')) :]}"
        if ("/" in word or "_" in word or word.endswith((".md", ".rst"))) and "`" not in word
        else word
        for word in text.split()
    )
    return " ".join(marked)
