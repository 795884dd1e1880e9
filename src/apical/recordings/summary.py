"""Summary of a recording: tables, units, observed times, and what a comparison could use.

Values are read column by column, at most `MOST_ROWS` rows of each, and spike times hardly at all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.parameters import Measured
from apical.errors import brief
from apical.recordings.choosing import (
    INVALID,
    MOST_ROWS,
    area_columns,
    best_table,
    classes_in,
    columns_of,
    command,
    is_readable,
    stimulus_columns,
    usable,
)
from apical.recordings.content import (
    START,
    STOP,
    Column,
    Content,
    IntervalTable,
    UnitTable,
    as_class,
    as_classes,
)
from apical.recordings.formats import opened
from apical.recordings.selection import Selection
from apical.recordings.windows import (
    Rows,
    leave_out_broken,
    leave_out_invalid,
    leave_out_overlapping,
)

SHOWN = 12
"""Distinct values of a column that are listed."""
MOST_READ = 2_000_000
"""Spikes up to which all spike times are read to see from when to when units spike; of larger
files, the first and the last of each unit."""


@dataclass(frozen=True)
class ColumnSummary:
    """A column of a table, in short.

    Parameters
    ----------
    name
        Its name.
    kind
        ``"number"``, ``"text"``, ``"bool"``; ``"unreadable"`` where it is damaged.
    distinct
        Number of distinct values, missing ones left out.
    missing
        Number of rows without a value.
    values
        The commonest values, at most `SHOWN`, or the least and the largest of many numbers.
    about
        Its description in the file.
    """

    name: str
    kind: str
    distinct: int
    missing: int
    values: tuple[str, ...]
    about: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class TableSummary:
    """A table of intervals or events, in short.

    Parameters
    ----------
    name
        Its name.
    rows
        Number of rows.
    about
        Its description in the file.
    start, stop
        When the first row starts and the last one stops [s]; None where unknown.
    durations
        Shortest, median and longest duration of a row [s]; None for events.
    unusable
        Why rows cannot be used as they are -> how many.
    columns
        Its columns but start and stop.
    stimulus_columns
        Columns that may hold classes of trials, the likeliest first.
    """

    name: str
    rows: int
    about: str
    start: Measured | None
    stop: Measured | None
    durations: tuple[Measured, Measured, Measured] | None
    unusable: Mapping[str, int]
    columns: tuple[ColumnSummary, ...]
    stimulus_columns: tuple[str, ...]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class UnitSummary:
    """The units of a recording, in short.

    Parameters
    ----------
    units, spikes
        How many there are.
    silent
        Units without a spike.
    start, stop
        First and last spike [s]; None without any.
    is_exact
        Whether all spike times were read; else first and last are those stored first and last of
        each unit.
    areas
        Column that may hold areas -> area -> number of units; the likeliest first.
    columns
        Columns but ``id``.
    observed
        In how many sets of intervals the units were observed, the number of units of each, the
        first start, the last stop and the observed time [s]; empty where the file does not say.
    """

    units: int
    spikes: int
    silent: int
    start: Measured | None
    stop: Measured | None
    is_exact: bool
    areas: Mapping[str, Mapping[str, int]]
    columns: tuple[ColumnSummary, ...]
    observed: tuple[Mapping[str, Measured], ...]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Summary:
    """What is in a recording, and what of it could be compared.

    Parameters
    ----------
    path
        The file.
    form
        Its format and version.
    tables
        Its tables of intervals and events.
    units
        Its units; None without any that have spike times.
    invalid
        Times that the file calls invalid [s], start and stop of each.
    usable
        Tables that may hold trials.
    command
        The command that compares a run with it; empty where that cannot be.
    why
        Why it cannot be, or what is to be known.
    """

    path: str
    form: str
    tables: tuple[TableSummary, ...]
    units: UnitSummary | None
    invalid: tuple[tuple[Measured, Measured], ...]
    usable: tuple[str, ...]
    command: str
    why: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)

    def table(self, name: str) -> TableSummary:
        """Return the table of a name.

        Raises
        ------
        KeyError
            If there is none.
        """
        return {table.name: table for table in self.tables}[name]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'>{escape(t.name)}</th><td>{t.rows:,}</td>"
            f"<td>{escape(', '.join(c.name for c in t.columns))}</td>"
            f"<td>{escape(', '.join(t.stimulus_columns))}</td></tr>"
            for t in self.tables
        )
        units = "no units"
        if self.units is not None:
            units = f"{self.units.units:,} units, {self.units.spikes:,} spikes"
        head = "".join(
            f"<th scope='col'>{name}</th>" for name in ("table", "rows", "columns", "classes")
        )
        return (
            f"<table><caption>{escape(Path(self.path).name)}: {escape(self.form)}, {units}"
            f"</caption><tr>{head}</tr>{rows}</table><p><code>{escape(self.command)}</code></p>"
        )


@checked()
def inspect(path: str | Path) -> Summary:
    """Return what is in a recording, and what of it could be compared.

    Values are read on demand, so that the size of a file hardly matters.

    Parameters
    ----------
    path
        NWB (``.nwb``), NIX (``.nix``), or a format that Neo reads.

    Raises
    ------
    DataError
        If it cannot be read, or a library is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import h5py
    >>> from apical.recordings import inspect
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(Path(folder) / "a.nwb", "w") as file:
    ...         file.attrs["nwb_version"] = "2.7.0"
    ...         file["units/spike_times"] = [0.1, 1.2, 1.3, 0.2, 2.1]
    ...         file["units/spike_times_index"] = [3, 5]
    ...         trials = file.create_group("intervals/trials")
    ...         trials.attrs["neurodata_type"] = "TimeIntervals"
    ...         trials["start_time"], trials["stop_time"] = [0.0, 1, 2, 3], [0.5, 1.5, 2.5, 3.5]
    ...         trials["odour"] = ["rose", "lime", "rose", "lime"]
    ...     found = inspect(Path(folder) / "a.nwb")
    >>> found.units.units, found.units.spikes, found.table("trials").stimulus_columns
    (2, 5, ('odour',))
    """
    path = Path(path)
    with opened(path) as content:
        tables = tuple(_table(table, content.invalid) for table in content.tables.values())
        units = None if content.units is None else _units(content.units)
        may = tuple(usable(content)) if units is not None and units.units else ()
        best = best_table(content) if may else None
        return Summary(
            str(path),
            content.form,
            tables,
            units,
            tuple((float(a), float(b)) for a, b in content.invalid.tolist()),
            may,
            command(path, content, best) if best is not None else "",
            (*content.notes, *_why(path, content, may, best)),
        )


def _why(path: Path, content: Content, may: Sequence[str], best: IntervalTable | None) -> list[str]:
    if content.units is None or not len(content.units):
        return ["There are no units with spike times, so nothing can be compared."]
    if not may:
        said = "There is no table with two rows or more, so nothing can be compared by stimulus."
        names = [name for name in content.tables if name.rpartition("/")[2] != INVALID]
        if names:
            said += f" Firing alone can: {command(path, content, content.tables[names[0]])}."
        return [said]
    if best is None or not any(c.likely for c in stimulus_columns(best)):
        return ["No column is plainly the class of a row: firing alone is compared."]
    if not content.dataset:
        return [
            "Representations are compared where recorded classes are matched with the network's: "
            "--map CLASSES.csv, with a line recorded,network for each class."
        ]
    return []


# ---- columns and tables -------------------------------------------------------------------------
def _summarized(column: Column) -> ColumnSummary:
    """Return a column in short; one that is damaged is said to be."""
    if column.rows > MOST_ROWS:
        return ColumnSummary(column.name, "not read", 0, 0, (f"more than {MOST_ROWS:,} rows",))
    if not is_readable(column):
        return ColumnSummary(column.name, "unreadable", 0, 0, ())
    values = column.values
    about = brief(column.about, 200)
    distinct = classes_in(column)
    if values.dtype.kind == "f":
        missing = int((~np.isfinite(values)).sum())
    else:
        missing = int((values == "").sum()) if values.dtype.kind == "O" else 0
    kind = {"O": "text", "U": "text", "b": "bool"}.get(values.dtype.kind, "number")
    return ColumnSummary(column.name, kind, distinct, missing, _values(values, distinct), about)


def _values(values: np.ndarray, distinct: int) -> tuple[str, ...]:
    """Return the distinct values, the commonest first, or the range of many numbers."""
    if values.dtype.kind in "iuf" and distinct > SHOWN:
        finite = values[np.isfinite(values)]
        return (f"{finite.min():.6g} to {finite.max():.6g}",)
    if values.dtype.kind == "O" and distinct > SHOWN:
        seen = list(dict.fromkeys(v for v in values.tolist() if v != ""))[:SHOWN]
        return tuple(brief(value, 60) for value in seen)
    counted = Counter(name for name in as_classes(values) if name)
    names = sorted(counted, key=_order)
    return tuple(brief(name, 60) for name in names[:SHOWN])


def _order(name: str) -> tuple[float, str]:
    try:
        return float(name), ""
    except ValueError:
        return np.inf, name


def _table(table: IntervalTable, invalid: np.ndarray) -> TableSummary:
    columns = tuple(
        _summarized(c) for name, c in table.columns.items() if name not in (START, STOP)
    )
    start, stop, durations = None, None, None
    unusable: Mapping[str, int] = {}
    likely: tuple[str, ...] = ()
    if table.rows <= MOST_ROWS:
        start, stop, durations, unusable = _times(table, invalid)
        likely = tuple(c.name for c in stimulus_columns(_readable(table, columns)))
    return TableSummary(
        table.name,
        table.rows,
        brief(table.about, 200),
        start,
        stop,
        durations,
        unusable,
        columns,
        likely,
    )


def _readable(table: IntervalTable, columns: Sequence[ColumnSummary]) -> IntervalTable:
    damaged = {c.name for c in columns if c.kind in ("unreadable", "not read")}
    kept = {name: c for name, c in table.columns.items() if name not in damaged}
    return IntervalTable(table.name, table.rows, kept, table.about)


def _times(
    table: IntervalTable, invalid: np.ndarray
) -> tuple[float | None, float | None, tuple[float, float, float] | None, dict[str, int]]:
    """Return first start, last stop, durations [s], and why rows cannot be used."""
    begins = table.times(START)
    ends = table.times(STOP) if table.has_durations else begins
    windows, rows = np.stack([begins, ends], axis=1), Rows(table.rows)
    lengths = (ends - begins)[np.isfinite(ends - begins)]
    durations = None
    if table.has_durations and len(lengths) and np.any(lengths > 0):
        durations = (float(lengths.min()), float(np.median(lengths)), float(lengths.max()))
        leave_out_broken(rows, windows, Selection())
        if table.name != INVALID:
            leave_out_invalid(rows, windows, invalid)
            leave_out_overlapping(rows, windows)
    known = begins[np.isfinite(begins)], ends[np.isfinite(ends)]
    return (
        float(known[0].min()) if len(known[0]) else None,
        float(known[1].max()) if len(known[1]) else None,
        durations,
        {left.why: len(left) for left in rows.left_out},
    )


# ---- units --------------------------------------------------------------------------------------
def _units(units: UnitTable) -> UnitSummary:
    start, stop, is_exact = _span(units)
    areas = {}
    for name in area_columns(units):
        counted = Counter(as_class(value) for value in units.columns[name].values.tolist())
        areas[name] = dict(counted.most_common())
    return UnitSummary(
        len(units),
        int(units.spikes.sum()),
        int((units.spikes == 0).sum()),
        start,
        stop,
        is_exact,
        areas,
        tuple(_summarized(column) for column in columns_of(units).values()),
        _observed(units),
    )


def _span(units: UnitTable) -> tuple[float | None, float | None, bool]:
    """Return the first and the last spike of all units [s], and whether all were read."""
    is_exact = int(units.spikes.sum()) <= MOST_READ
    edges = []
    for unit in np.flatnonzero(units.spikes).tolist():
        if is_exact:
            times = units.train(unit)
            edges += [float(np.nanmin(times)), float(np.nanmax(times))]
        else:
            edges += list(units.first_and_last(unit))
    known = [edge for edge in edges if np.isfinite(edge)]
    return (min(known), max(known), is_exact) if known else (None, None, is_exact)


def _observed(units: UnitTable) -> tuple[Mapping[str, float], ...]:
    """Return the sets of intervals in which units were observed, the commonest first."""
    if units.observed is None:
        return ()
    sets: dict[bytes, list[Any]] = {}
    for own in units.observed():
        sets.setdefault(own.tobytes(), [0, own])[0] += 1
    found = sorted(sets.values(), key=lambda pair: -pair[0])[:SHOWN]
    return tuple(
        {
            "units": float(number),
            "intervals": float(len(own)),
            "start": float(own[:, 0].min()) if len(own) else np.nan,
            "stop": float(own[:, 1].max()) if len(own) else np.nan,
            "seconds": float(np.diff(own, axis=1).sum()),
        }
        for number, own in found
    )
