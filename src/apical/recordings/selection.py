"""Selection of what of a recording is compared: its table, classes, units, areas and windows."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apical._base.checking import check_fields, checked, require, shown
from apical._base.reading import UnreadableError, read_rows
from apical.errors import DataError, brief
from apical.recordings.content import tidy
from apical.recordings.filters import names_in

HEADER = ("recorded", "network")
"""Columns of a file of classes."""
MOST_CLASSES = 100_000
"""Lines of a file of classes that are read."""


@dataclass(frozen=True)
class Selection:
    """What of a recording is compared with a network; by default what is plain from the file.

    Parameters
    ----------
    table
        Table of intervals or events, a row for each trial; by default ``trials``, or the only
        table there is.
    stimulus
        Column with the class of each row, or several joined by commas, whose values together are
        the class.
    classes
        Recorded class -> the network's. Rows of other classes are left out.
    same_classes
        Whether equal numbers mean the same class in both. Without it, and without `classes`, only
        classes that are words are matched: that both count from 0 means nothing.
    areas
        Populations or areas to keep; all by default.
    area_column
        Column of the units with their area: ``location``, ``electrodes.location``,
        ``probe_name``, ...
    units
        Condition on units: a safe expression (`apical.recordings.filters`) of their columns and of
        ``rate`` [Hz], ``spikes``, ``area``.
    rows
        Condition on rows of the table.
    window
        Start and stop of a trial, from the event it is aligned to [s]; by default its row. Needed
        where rows are events without durations.
    bin
        Width of bins for time courses [s].
    align
        Column of times that a trial is aligned to; by default the start of its row. Another one
        needs a window: the row may end soon after it, or before.

    Examples
    --------
    >>> from apical.recordings import Selection
    >>> Selection(table="trials", units="quality == 'good' and rate > 0.1", window=(0, 0.25)).window
    (0.0, 0.25)
    """

    table: str | None = None
    stimulus: str | None = None
    classes: Mapping[str, str] | None = None
    same_classes: bool = False
    areas: tuple[str, ...] = ()
    area_column: str | None = None
    units: str | None = None
    rows: str | None = None
    window: tuple[float, float] | None = None
    bin: float | None = None
    align: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("units", "rows"):
            if (condition := getattr(self, name)) is not None:
                names_in(condition)
        if self.window is not None:
            start, stop = self.window
            require(
                math.isfinite(start) and math.isfinite(stop) and start < stop,
                "Selection",
                "window",
                "a start and a later stop [s]",
                shown(self.window),
            )
        require(
            self.bin is None or 0 < self.bin < math.inf,
            "Selection",
            "bin",
            "above 0 s",
            shown(self.bin),
        )


@checked()
def read_classes(path: str | Path) -> dict[str, str]:
    """Return which recorded class is which of the network's, from a CSV file.

    Parameters
    ----------
    path
        A file with the header ``recorded,network`` and a line for each recorded class.

    Raises
    ------
    DataError
        If it cannot be read, has another header, no line, or gives a recorded class two of the
        network's.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.recordings import read_classes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "classes.csv"
    ...     _ = file.write_text("recorded,network\\ncat,3\\ndog,5\\n")
    ...     read_classes(file)
    {'cat': '3', 'dog': '5'}
    """
    path = Path(path)
    found: dict[str, str] = {}
    if not _is_file(path):
        raise DataError(f"File of classes {brief(path)} is not there; check the path.")
    try:
        for number, row in enumerate(read_rows(path, [HEADER])):
            if number >= MOST_CLASSES:
                raise UnreadableError(brief(path), f"it has more than {MOST_CLASSES:,} lines")
            recorded, network = (tidy(row[name]) for name in HEADER)
            if not recorded or not network:
                raise UnreadableError(brief(path), f"a class is missing in {shown(row)}")
            if found.setdefault(recorded, network) != network:
                raise UnreadableError(brief(path), f"class {shown(recorded)} is there twice")
    except csv.Error as error:
        raise UnreadableError(brief(path), str(error)) from None
    if not found:
        raise UnreadableError(brief(path), "it has no line after 'recorded,network'")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or no name
        return False
