"""Compact tables in plain text, for what an object shows of itself in a terminal."""

from collections.abc import Sequence

from apical._base.html_tables import MOST_ROWS, Cell

MOST_WIDTH = 32
"""Characters of a cell that are shown."""


def text_table(
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    indent: str = "",
    width: int = MOST_WIDTH,
) -> str:
    """Return a table as lines of text: columns aligned, numbers to the right; "" without rows.

    Parameters
    ----------
    head
        Names of the columns.
    rows
        Cells of each row; only the first `MOST_ROWS` are shown, and how many more there are.
    indent
        What every line begins with.
    width
        Characters of a cell that are shown.

    Examples
    --------
    >>> from apical._base.text_tables import text_table
    >>> print(text_table(["name", "neurons"], [["hidden", 1200], ["output", 10]]))
    name    neurons
    hidden    1,200
    output       10
    """
    if not rows:
        return ""
    shown = [[cell_text(value, width) for value in row] for row in rows[:MOST_ROWS]]
    widths = [max(map(len, column)) for column in zip(head, *shown, strict=True)]
    right = [not isinstance(value, str) for value in rows[0]]
    lines = [
        indent
        + "  ".join(
            f"{cell:>{width}}" if is_right else f"{cell:<{width}}"
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (head, *shown)
    ]
    more = len(rows) - len(shown)
    return "\n".join([*lines, *([f"{indent}and {more:,} more"] if more else [])])


def cell_text(value: Cell, most: int | None = None) -> str:
    """Return a value as text.

    Parameters
    ----------
    value
        A cell.
    most
        Characters of a text that are shown; None for all.

    Examples
    --------
    >>> from apical._base.text_tables import cell_text
    >>> cell_text(True), cell_text(1200), cell_text(0.12345), cell_text("a long name", 7)
    ('yes', '1,200', '0.1235', 'a long…')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value if most is None or len(value) <= most else f"{value[: most - 1]}…"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
