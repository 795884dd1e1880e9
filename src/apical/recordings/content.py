"""Content of an open file: tables of intervals and of units, read on demand.

A reader declares rows and columns and reads values when they are asked for, so that looking into a
file of many gigabytes takes no more than its directory.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from apical.errors import DataError, brief

START, STOP = "start_time", "stop_time"
"""Columns of an interval table that hold when each row starts and stops [s]."""


@dataclass(frozen=True)
class Column:
    """A column of a table: numbers, bools or text, one for each row.

    Parameters
    ----------
    name
        Its name.
    rows
        How many values it has.
    load
        Reads them: numbers, bools, or objects that are texts, shape (rows,).
    about
        Its description in the file.
    """

    name: str
    rows: int
    load: Callable[[], np.ndarray] = field(repr=False, compare=False)
    about: str = ""

    @cached_property
    def values(self) -> np.ndarray:
        """Its values, read once, shape (rows,)."""
        return self.load()

    @property
    def is_text(self) -> bool:
        """Whether its values are texts; reads them."""
        return self.values.dtype.kind in "OU"


@dataclass(frozen=True)
class IntervalTable:
    """A table with a row for each interval or event: trials, presentations, epochs.

    Parameters
    ----------
    name
        What the user calls it.
    rows
        Number of rows.
    columns
        Name -> column; `START` is there, `STOP` unless the rows are events without durations.
    about
        Its description in the file.
    """

    name: str
    rows: int
    columns: Mapping[str, Column]
    about: str = ""

    @property
    def has_durations(self) -> bool:
        """Whether the rows say when they stop."""
        return STOP in self.columns

    def times(self, name: str) -> np.ndarray:
        """Return a column of times [s], shape (rows,).

        Raises
        ------
        DataError
            If there is no such column, or it does not hold numbers.
        """
        values = self.column(name).values
        if values.dtype.kind not in "iuf":
            raise DataError(
                f"Column {brief(name, 60)} of table {brief(self.name, 60)} holds no times; name "
                f"one of {_some(self.columns)}."
            )
        return values.astype(float)

    def column(self, name: str) -> Column:
        """Return a column by its name.

        Raises
        ------
        DataError
            If there is none.
        """
        if name not in self.columns:
            raise DataError(
                f"Table {brief(self.name, 60)} has no column {brief(name, 60)!r}; it has "
                f"{_some(self.columns)}: name one."
            )
        return self.columns[name]


@dataclass(frozen=True)
class UnitTable:
    """The recorded units.

    Parameters
    ----------
    columns
        Name -> column, one value for each unit; ``id`` is there.
    spikes
        Number of spikes of each unit, shape (n,).
    train
        Returns the spike times of a unit [s], in any order.
    observed
        Returns the intervals in which each unit was observed [s], shape (n_intervals, 2) each;
        None where the file does not say.
    ends
        Returns the first and the last of the spike times of a unit [s] as they are stored.
    """

    columns: Mapping[str, Column]
    spikes: np.ndarray
    train: Callable[[int], np.ndarray] = field(repr=False, compare=False)
    observed: Callable[[], Sequence[np.ndarray]] | None = field(
        default=None, repr=False, compare=False
    )
    ends: Callable[[int], tuple[float, float]] | None = field(
        default=None, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.spikes)

    def first_and_last(self, unit: int) -> tuple[float, float]:
        """Return the first and the last stored spike time of a unit [s]."""
        if self.ends is not None:
            return self.ends(unit)
        times = self.train(unit)
        return float(times[0]), float(times[-1])


@dataclass(frozen=True)
class Content:
    """What is in a file, while it is open.

    Parameters
    ----------
    form
        The format and its version, for people.
    tables
        Name -> table of intervals or events.
    units
        The units; None without any that have spike times.
    invalid
        Intervals in which nothing may be trusted [s], shape (n_intervals, 2).
    dataset
        Data set of this package whose classes the column ``label`` holds; empty but in files that
        this package exported.
    notes
        Remarks on what could not be read.
    """

    form: str
    tables: Mapping[str, IntervalTable]
    units: UnitTable | None
    invalid: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    dataset: str = ""
    notes: tuple[str, ...] = ()


def fixed(name: str, values: np.ndarray, about: str = "") -> Column:
    """Return a column of values that are there already."""
    values = np.asarray(values)
    return Column(name, len(values), lambda: values, about)


def texts(values: Sequence[str]) -> np.ndarray:
    """Return texts as an array of objects, which takes no more room than they do."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def as_class(value: object) -> str:
    """Return a class as text; 3, 3.0, "3" and b"3" are one class, and NaN is none, ``""``."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating):
        number = float(value)
        if np.isnan(number):
            return ""
        return str(int(number)) if number.is_integer() else f"{number:.12g}"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return str(value)


def as_classes(values: np.ndarray) -> list[str]:
    """Return a column as classes, each distinct value converted once."""
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:  # 0.1 in single precision is 0.1
        values = np.array([float(f"{value:.7g}") for value in values.tolist()])
    known: dict[object, str] = {}
    found = []
    for value in values.tolist():
        if value not in known:
            known[value] = as_class(value)
        found.append(known[value])
    return found


def tidy(text: str) -> str:
    """Return a class as it is compared: without blanks around it; "3.0" is "3"."""
    text = text.strip()
    return as_class(float(text)) if _NUMBER.fullmatch(text) else text


def clean(text: str) -> str:
    """Return a text of a file without what no terminal should be sent, or cannot be shown."""
    text = text.encode("utf-8", "replace").decode()
    return text if text.isprintable() else text.translate(_CONTROLS)


_NUMBER = re.compile(r"[-+]?(\d{1,300}\.?\d{0,300}|\.\d{1,300})([eE][-+]?\d{1,2})?")
_CONTROLS = {code: " " for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}


def _some(names: Mapping[str, object]) -> str:
    first = [brief(name, 40) for name in list(names)[:12]]
    return ", ".join([*first, "..."] if len(names) > 12 else first) or "none"


def own_dataset(provenance: str) -> str:
    """Return the data set that a file of this package was made from; empty for files of others.

    Parameters
    ----------
    provenance
        What the file says of where it comes from: JSON if this package wrote it.
    """
    try:
        told = json.loads(provenance)
        if told["simulated"] is True and "apical" in told["exported_with"]:
            return str(told["about"].get("dataset") or "not stated")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return ""
