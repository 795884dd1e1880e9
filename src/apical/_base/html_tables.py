"""Compact HTML of facts and tables, for notebooks: text is escaped, colours follow the page.

No script, no style sheet, no colour of its own for text or background: what is shown takes those
of the page around it, light or dark. Long tables are cut, so that the HTML of a large network is
small.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice

MOST_ROWS = 30
"""Rows of a table that are shown; a line says how many more there are."""
MOST_TEXT = 300
"""Characters of a cell that are shown."""

_LINE = "1px solid rgba(128,128,128,0.35)"
_CELL = "padding:0.15em 0.7em;vertical-align:top;text-align:"
_TABLE = "border-collapse:collapse;margin:0.3em 0;font-size:0.92em;color:inherit"
_FAINT = "opacity:0.75"

Cell = str | int | float
"""Content of a cell; numbers are aligned to the right."""


def card(title: str, facts: Mapping[str, Cell], *parts: str) -> str:
    """Return HTML of a title, a line of facts, and what stands below them.

    Parameters
    ----------
    title
        What it is about.
    facts
        Name -> value, shown in one line.
    *parts
        HTML, from `table` or `folded`.

    Examples
    --------
    >>> from apical._base.html_tables import card
    >>> "a &lt; b" in card("a < b", {"neurons": 1200})
    True
    >>> "1,200" in card("a < b", {"neurons": 1200})
    True
    """
    line = " · ".join(
        f'<span style="{_FAINT}">{escape(name)}</span> {_shown(value)}'
        for name, value in facts.items()
    )
    head = f"<div><strong>{escape(title)}</strong></div><div>{line}</div>"
    return f'<div class="apical">{head}{"".join(parts)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, total: int | None = None) -> str:
    """Return HTML of a table; "" if it has no rows.

    Parameters
    ----------
    head
        Names of the columns.
    rows
        Cells of each row; only the first `MOST_ROWS` are read.
    total
        Number of rows, if `rows` cannot be counted.

    Examples
    --------
    >>> from apical._base.html_tables import table
    >>> table(["name", "n"], [["<hidden>", 3]]).count("<td")
    2
    >>> "and 70 more" in table(["k"], ([k] for k in range(100)), total=100)
    True
    """
    shown = [*islice(rows, MOST_ROWS)]
    if not shown:
        return ""
    if total is None:
        total = len(rows) if isinstance(rows, Sequence) else len(shown)
    top = "".join(f'<th scope="col" style="{_CELL}left">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr style="border-top:{_LINE}">{"".join(map(_cell, row))}</tr>' for row in shown
    )
    more = total - len(shown)
    rest = f'<div style="{_FAINT}">and {more:,} more</div>' if more > 0 else ""
    return (
        f'<table style="{_TABLE}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{rest}'
    )


def folded(summary: str, content: str) -> str:
    """Return HTML that is shown after a click; "" if there is no content.

    Parameters
    ----------
    summary
        What is always shown.
    content
        HTML of what is folded.
    """
    if not content:
        return ""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _cell(value: Cell) -> str:
    side = "left" if isinstance(value, str) else "right"
    return f'<td style="{_CELL}{side}">{_shown(value)}</td>'


def _shown(value: Cell) -> str:
    """Return a value as escaped text; whole numbers with commas, others with four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        short = value if len(value) <= MOST_TEXT else f"{value[: MOST_TEXT - 1]}…"
        return escape(short)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
