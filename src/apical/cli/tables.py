"""Tables on the terminal: as many columns as it has room for, the rest named."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apical._base.numbers_as_text import number

NARROWEST = 80
"""Columns of characters that every table fits into."""


def show(
    rows: Sequence[Mapping[str, Any]],
    title: str,
    *,
    file: str = "",
    caption: str = "",
    console: Console | None = None,
) -> None:
    """Print a table that fits the terminal; columns without room are left out, and named.

    Parameters
    ----------
    rows
        Column -> value, the most important columns first. Numbers get three significant digits.
    title
        Text above.
    file
        Where the columns are that are left out.
    caption
        Text below.
    console
        Where to print.

    Examples
    --------
    >>> from rich.console import Console
    >>> from apical.cli.tables import show
    >>> rows = [{"measure": "rate", "value": "55 ± 61", "note": "x" * 80}]
    >>> show(rows, "A table", file="measures.csv", console=Console(width=80))
    ... # doctest: +NORMALIZE_WHITESPACE
    A table
    <BLANKLINE>
    measure value
    ───────────────────
    rate    55 ± 61
    <BLANKLINE>
    note: in measures.csv
    """
    console = Console(highlight=False) if console is None else console
    texts = [{str(name): _text(value) for name, value in row.items()} for row in rows]
    names = list(dict.fromkeys(name for row in texts for name in row))
    kept = fitting(texts, names, console.width)
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, caption_justify="left")
    for name in kept:
        cells = [row.get(name, "") for row in texts]
        side: Any = "right" if all(map(_is_number, cells)) else "left"
        table.add_column(escape(_named(name)), justify=side, overflow="fold")
    for row in texts:
        table.add_row(*(escape(row.get(name, "")) for name in kept))
    console.print(table)
    rest = ", ".join(_named(name) for name in names if name not in kept)
    said = [f"{rest}: in {file}"] if rest and file else []
    for line in [*([caption] if caption else []), *said]:
        console.print(line, soft_wrap=False, markup=False)


def fitting(texts: Sequence[Mapping[str, str]], names: Sequence[str], width: int) -> list[str]:
    """Return the columns that fit into a width, from the first on, and at least two.

    Parameters
    ----------
    texts
        Column -> text.
    names
        The columns, the most important ones first.
    width
        Characters of a line.

    Examples
    --------
    >>> from apical.cli.tables import fitting
    >>> fitting([{"a": "x" * 30, "b": "y" * 30, "c": "z" * 30}], ["a", "b", "c"], 80)
    ['a', 'b']
    """
    kept: list[str] = []
    used = 2
    for name in names:
        widest = max([len(_named(name)), *(len(row.get(name, "")) for row in texts)])
        used += widest + 2
        if len(kept) >= 2 and used > width:
            break
        kept.append(name)
    return kept


def _named(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return number(value, 3) if is_number else str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "").removesuffix("%").strip())
    except ValueError:
        return cell in ("", "-")
    return True
