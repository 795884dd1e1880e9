"""Tables of a study, as rows: selection, means, and series for figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from apical.errors import DataError

Row = dict[str, Any]
"""Column -> value."""


def where(rows: Sequence[Row], **chosen: Any) -> list[Row]:
    """Return the rows with these values, in the same order.

    Parameters
    ----------
    rows
        The table.
    **chosen
        Column -> value.

    Examples
    --------
    >>> from apical.scripts import tables
    >>> rows = [{"wiring": "bp", "error": 2.0}, {"wiring": "dfa", "error": 3.0}]
    >>> tables.where(rows, wiring="dfa")
    [{'wiring': 'dfa', 'error': 3.0}]
    """
    return [row for row in rows if all(row[key] == value for key, value in chosen.items())]


def column(rows: Sequence[Row], what: str, **chosen: Any) -> np.ndarray:
    """Return a column of the rows with these values, shape (n_rows,).

    Parameters
    ----------
    rows
        The table.
    what
        The column.
    **chosen
        As in `where`.

    Examples
    --------
    >>> from apical.scripts import tables
    >>> rows = [{"epoch": epoch, "error": 10.0 / (1 + epoch)} for epoch in range(3)]
    >>> tables.column(rows, "error").round(2)
    array([10.  ,  5.  ,  3.33])
    """
    return np.array([row[what] for row in where(rows, **chosen)])


def mean(rows: Sequence[Row], what: str, **chosen: Any) -> float:
    """Return the mean of a column over the rows with these values, usually over seeds.

    Parameters
    ----------
    rows, what, **chosen
        As in `column`.

    Examples
    --------
    >>> from apical.scripts import tables
    >>> rows = [{"seed": seed, "error": error} for seed, error in enumerate((2.0, 3.0, 4.0))]
    >>> tables.mean(rows, "error")
    3.0
    """
    return float(np.mean(column(rows, what, **chosen)))


def means(rows: Sequence[Row], what: str, by: str, **chosen: Any) -> dict[Any, float]:
    """Return the mean of a column for each value of another: value -> mean.

    Parameters
    ----------
    rows, what, **chosen
        As in `column`.
    by
        The other column.

    Examples
    --------
    >>> from apical.scripts import tables
    >>> rows = [{"wiring": w, "error": e} for w, e in (("bp", 1.0), ("bp", 3.0), ("dfa", 4.0))]
    >>> tables.means(rows, "error", by="wiring")
    {'bp': 2.0, 'dfa': 4.0}
    """
    chosen_rows = where(rows, **chosen)
    values = dict.fromkeys(row[by] for row in chosen_rows)
    return {value: mean(chosen_rows, what, **{by: value}) for value in values}


def last(rows: Sequence[Row], what: str, by: str) -> dict[Any, Any]:
    """Return the last entry of a column for each value of another: value -> entry.

    Parameters
    ----------
    rows, what, by
        As in `means`.

    Examples
    --------
    >>> from apical.scripts import tables
    >>> rows = [{"wiring": w, "epoch": k, "error": 9.0 - k} for w in ("bp", "dfa") for k in (0, 1)]
    >>> tables.last(rows, "error", by="wiring")
    {'bp': 8.0, 'dfa': 8.0}
    """
    return {row[by]: row[what] for row in rows}


def listed(found: Mapping[Any, float], digits: int = 1) -> str:
    """Return numbers with their names as text, with so many digits behind the point.

    Parameters
    ----------
    found
        Name -> number.
    digits
        Digits behind the point.

    Examples
    --------
    >>> from apical.scripts import tables
    >>> tables.listed({"bp": 1.64, "dfa": 1.67})
    'bp 1.6, dfa 1.7'
    """
    return ", ".join(f"{name} {number:.{digits}f}" for name, number in found.items())


def runs(rows: Sequence[Row], what: str, *, of: str = "seed", **chosen: Any) -> np.ndarray:
    """Return a column as a matrix with one row for each run, shape (n_runs, n_points).

    Parameters
    ----------
    rows
        The table.
    what
        The column.
    of
        The column that identifies the run of a row; if it is missing, there is one run.
    **chosen
        Values of the rows to use.

    Raises
    ------
    DataError
        If runs have different numbers of points, or there are none.

    Examples
    --------
    >>> rows = [{"seed": seed, "error": 10 * seed + epoch} for seed in (3, 4) for epoch in (0, 1)]
    >>> runs(rows, "error")
    array([[30, 31],
           [40, 41]])
    """
    found: dict[Any, list[Any]] = {}
    for row in where(rows, **chosen):
        found.setdefault(row.get(of), []).append(row[what])
    if len({len(points) for points in found.values()}) != 1:
        raise DataError(
            f"Runs need the same number of points each, got {[*map(len, found.values())]} of "
            f"{what!r} where {chosen or 'nothing else'} is chosen; measure all at the same times.",
            object=f"Column {what!r}",
        )
    return np.array(list(found.values()))


def series(
    rows: Sequence[Row],
    x: str,
    y: str,
    by: str,
    names: Mapping[Any, str] | Callable[[Any], str] = str,
    **chosen: Any,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return one series for each value of a column, as `apical.plotting.curves` draws them.

    Parameters
    ----------
    rows
        The table.
    x, y
        Columns of the horizontal and the vertical axis, with a measurement for each seed.
    by
        The column that distinguishes the series.
    names
        Names of the series: a mapping, which also gives their order, or a function of a value.
    **chosen
        Values of the rows to use.

    Returns
    -------
    dict
        Name -> horizontal positions, shape (n_points,), and `runs`, shape (n_seeds, n_points).

    Examples
    --------
    >>> from apical.scripts import tables
    >>> rows = [
    ...     {"wiring": wiring, "seed": seed, "epoch": epoch, "error": 10.0 * seed + epoch}
    ...     for wiring in ("bp", "dfa") for seed in (1, 2) for epoch in (0, 1)
    ... ]
    >>> found = tables.series(rows, "epoch", "error", "wiring", {"dfa": "DFA"})
    >>> list(found), found["DFA"][1].shape
    (['DFA'], (2, 2))
    """
    rows = where(rows, **chosen)
    known = list(dict.fromkeys(row[by] for row in rows))
    if isinstance(names, Mapping):
        known, called = [value for value in names if value in known], names.__getitem__
    else:
        called = names
    return {
        called(value): (runs(rows, x, **{by: value})[0], runs(rows, y, **{by: value}))
        for value in known
    }
