"""Choice of what is compared: tables that may hold trials, columns of classes and of areas."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apical.errors import ApicalError, DataError, brief
from apical.recordings.content import (
    START,
    STOP,
    Column,
    Content,
    IntervalTable,
    UnitTable,
    as_classes,
)
from apical.recordings.segments import SEGMENTS
from apical.recordings.selection import Selection

LABELS = ("label", "stimulus", "condition")
"""Columns in which the class of a trial is looked up first, in this order."""
AREAS = (
    "population",
    "area",
    "brain_area",
    "region",
    "brain_region",
    "location",
    "beryl_location",
    "allen_location",
    "cosmos_location",
    "structure",
    "acronym",
    "ecephys_structure_acronym",
)
"""Columns of units in which their area is looked up first, in this order."""
MOST_CLASSES = 1000
"""Largest number of classes that a column may have by itself."""
MOST_ROWS = 5_000_000
"""Rows of a table whose columns are looked into by themselves."""
INVALID = "invalid_times"

_STIMULUS = re.compile(
    "stim|label|condition|frame|image|scene|picture|orient|direction|contrast|freq|class|categ|odou?r"
    "|taste|clip|movie|object|texture|sound|tone|side|cue|tags|identity|pattern|digit|word",
    re.IGNORECASE,
)
_BEHAVIOUR = re.compile(
    "resp|choice|choose|accura|correct|reward|feedback|confiden|reaction|(^|_)rt$|experiment|session"
    "|block|trial|index|(^|_)id$|included|valid|key|outcome|lick|wheel|block_type",
    re.IGNORECASE,
)
_AREA = re.compile("location|area|region|structure|acronym", re.IGNORECASE)
_PROBE = re.compile("probe|shank|electrode_group|group_name|tetrode", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """A column that may hold classes of trials.

    Parameters
    ----------
    name
        The column.
    classes
        Number of distinct values.
    likely
        2 where its name says that it is of stimuli, 0 that it is of behaviour, 1 else.
    """

    name: str
    classes: int
    likely: int


def stimulus_columns(table: IntervalTable) -> list[Candidate]:
    """Return the columns that may hold classes, the likeliest first.

    They have two values or more, each in two rows on average or more, and are no times.
    """
    found: list[Candidate] = []
    if table.rows > MOST_ROWS:
        return found
    for name, column in table.columns.items():
        if name in (START, STOP) or re.search("times?$", name):
            continue
        n = classes_in(column) if is_readable(column) else 0
        if 2 <= n <= min(MOST_CLASSES, table.rows // 2):
            found.append(Candidate(name, n, _likely(name)))
    order = {name: k for k, name in enumerate(LABELS)}
    found.sort(key=lambda c: (order.get(c.name, len(order)), -c.likely))
    return found


def _likely(name: str) -> int:
    if _BEHAVIOUR.search(name):
        return 0
    return 2 if name in LABELS or _STIMULUS.search(name) else 1


def is_readable(column: Column) -> bool:
    """Say whether the values of a column can be read; a damaged one leaves the others."""
    try:
        return len(column.values) == column.rows
    except (ApicalError, OSError, ValueError, TypeError, KeyError, RuntimeError):
        return False


def classes_in(column: Column) -> int:
    """Return the number of distinct values of a column, missing ones left out."""
    values = column.values
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if values.dtype.kind == "O":
        return len({value for value in values.tolist() if value != ""})
    return len(np.unique(values))


def chosen_stimulus(table: IntervalTable, selection: Selection) -> tuple[str, ...]:
    """Return the columns whose values are the class of a row; none where it is not plain.

    Raises
    ------
    DataError
        If the one that was asked for is not there.
    """
    if selection.stimulus is not None:
        if selection.stimulus in table.columns:
            return (selection.stimulus,)
        names = tuple(part.strip() for part in selection.stimulus.split(","))
        for name in names:
            table.column(name)
        return names
    plain = next((name for name in LABELS if name in table.columns), None)
    if plain is not None:
        return (plain,)
    likely = [c.name for c in stimulus_columns(table) if c.likely == 2]
    return (likely[0],) if len(likely) == 1 else ()


def area_columns(units: UnitTable) -> list[str]:
    """Return the columns that may hold areas of units, the likeliest first."""
    names = [name for name in units.columns if name in AREAS]
    names.sort(key=AREAS.index)
    others = [name for name in units.columns if name not in AREAS and name != "id"]
    names += [n for n in others if _AREA.search(n.rpartition(".")[2]) and "group" not in n]
    names += [n for n in others if _AREA.search(n.rpartition(".")[2]) and "group" in n]
    names += [n for n in others if _PROBE.search(n) and n not in names]
    known = [n for n in names if is_readable(units.columns[n]) and units.columns[n].is_text]
    return [n for n in known if any(units.columns[n].values != "")]


def area_of(units: UnitTable, column: str | None) -> tuple[str, np.ndarray]:
    """Return the column of areas, and the area of each unit as text, shape (n,).

    Raises
    ------
    DataError
        If the column that was asked for is not there.
    """
    if column is None:
        name = next(iter(area_columns(units)), "")
        if not name:
            return "", np.full(len(units), "")
    else:
        name = _resolved(column, units)
    return name, np.array(as_classes(units.columns[name].values), str)


def _resolved(column: str, units: UnitTable) -> str:
    """Return the column that is meant: ``location`` may be that of the electrodes of a unit."""
    names = list(units.columns)
    behind = [name for name in names if name.endswith(f".{column}")]
    behind.sort(key=lambda name: (not name.startswith("electrodes."), "group" in name))
    for name in (column, f"{column}.location", *behind):
        if name in units.columns:
            return name
    known = ", ".join(brief(name, 40) for name in names[:20])
    raise DataError(f"The units have no column {brief(column, 60)!r}; they have {known}: name one.")


def usable(content: Content) -> list[str]:
    """Return the tables that may hold trials: those with two rows or more."""
    return [
        name
        for name, table in content.tables.items()
        if name.rpartition("/")[2] != INVALID and table.rows > 1
    ]


def chosen_table(path: Path, content: Content, selection: Selection) -> IntervalTable:
    """Return the table that holds the trials.

    Raises
    ------
    DataError
        If it is not plain, or not there; the message lists the tables, and a command to take.
    """
    tables = content.tables
    if selection.table is not None:
        if selection.table in tables:
            return tables[selection.table]
        raise _refusal(path, content, f"has no table {brief(selection.table, 60)!r}")
    plain = next((n for n in ("trials", SEGMENTS if content.dataset else "") if n in tables), None)
    if plain is not None and tables[plain].rows:
        return tables[plain]
    found = usable(content)
    if len(found) == 1:
        return tables[found[0]]
    if not found:
        raise _refusal(path, content, "has no trials: no table with two rows or more")
    raise _refusal(path, content, f"has {len(found)} tables that may hold trials")


def _refusal(path: Path, content: Content, why: str) -> DataError:
    there = ", ".join(described(table) for table in list(content.tables.values())[:10])
    more = ", ..." if len(content.tables) > 10 else ""
    advice = ""
    if content.tables:
        take = "Take one" if usable(content) else "Nothing can be compared by stimulus; firing can"
        advice = f" {take}: {command(path, content)}. 'apical recording {path}' shows them."
    return DataError(
        f"Recording {brief(path)} {why}. Tables in it: {there or 'none'}{more}.{advice}",
        object=f"Recording {brief(path)}",
    )


def described(table: IntervalTable) -> str:
    """Return a table in a few words: ``trials (90 rows)``."""
    events = "" if table.has_durations else ", no durations"
    return f"{brief(table.name, 60)} ({table.rows:,} row{'' if table.rows == 1 else 's'}{events})"


def best_table(content: Content) -> IntervalTable | None:
    """Return the table of which a comparison is likeliest to be wanted; None without any."""
    names = usable(content) or list(content.tables)
    if not names:
        return None

    def worth(name: str) -> tuple[bool, int, int]:
        table = content.tables[name]
        best = max((c.likely for c in stimulus_columns(table)), default=-1)
        return name == "trials", best, -names.index(name)

    return content.tables[max(names, key=worth)]


def command(
    path: Path, content: Content, table: IntervalTable | None = None, run: str = "RUN"
) -> str:
    """Return the command that compares a run with a table of a file; empty without a table."""
    table = table or best_table(content)
    if table is None:
        return ""
    words = ["apical", "analyze", run, "--compare", str(path), "--table", table.name]
    found = [c for c in stimulus_columns(table) if c.likely]
    if found:
        words += ["--stimulus-column", found[0].name]
    length = window_for(table)
    if length:
        words += ["--window", "0", f"{length:g}"]
    return shlex.join(words)


def window_for(table: IntervalTable) -> float | None:
    """Return a window that fits between rows without durations [s]; None where none is needed."""
    if table.has_durations and np.any(_differ(table.times(START), table.times(STOP))):
        return None
    return window_between(table.times(START))


def window_between(times: np.ndarray) -> float:
    """Return a window that fits between events, one digit of its length [s].

    Parameters
    ----------
    times
        When they are, in any order [s]; NaN where unknown.
    """
    gaps = np.diff(np.sort(times[np.isfinite(times)]))
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return 1.0
    # one digit, rounded down, of a gap that nine rows of ten have
    gap = float(np.quantile(gaps, 0.1))
    size = 10.0 ** np.floor(np.log10(gap))
    return float(f"{np.floor(gap / size + 1e-9) * size:.6g}")


def _differ(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return where rows last some time; those that stop when they start are events."""
    return np.isfinite(start) & np.isfinite(stop) & (start != stop)


def listed_classes(labels: Iterable[str]) -> str:
    """Return classes for a message: the first five."""
    first = sorted(set(labels))
    return ", ".join([*(brief(c, 30) for c in first[:5]), *(["..."] if len(first) > 5 else [])])


def are_words(labels: Iterable[str]) -> bool:
    """Say whether classes are words: none of them is a number."""
    return not any(_is_number(label) for label in set(labels))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("true", "false")
    return True


def columns_of(units: UnitTable) -> Mapping[str, Column]:
    """Return the columns of units but their id."""
    return {name: column for name, column in units.columns.items() if name != "id"}
