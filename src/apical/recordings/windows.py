"""From rows of a table to trials: which rows can be used, and when their windows start and stop."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apical.errors import DataError, brief
from apical.recordings.choosing import window_between, window_for
from apical.recordings.content import START, STOP, IntervalTable
from apical.recordings.recording import LeftOut
from apical.recordings.selection import Selection

TOUCHING = 1e-3
"""How much windows may overlap and still be taken as one after another [s]: stored times of
presentations that follow each other differ by less."""
SURE = 20.0
"""Spikes of all units that would be expected, by their rate, where there is none: then nothing was
recorded there (for a Poisson process the probability of silence is exp(-20))."""


@dataclass
class Rows:
    """Rows of a table that are still in use, and those that were left out and why.

    Parameters
    ----------
    total
        Number of rows of the table.
    """

    total: int

    def __post_init__(self) -> None:
        self.kept = np.ones(self.total, bool)
        self.left_out: list[LeftOut] = []

    def leave_out(self, which: np.ndarray, why: str) -> None:
        """Leave out rows that are still in use, if there are any, and say why."""
        gone = np.flatnonzero(self.kept & which)
        if len(gone):
            self.left_out.append(LeftOut(why, tuple(gone.tolist())))
            self.kept[gone] = False

    def __str__(self) -> str:
        return "; ".join(map(str, self.left_out))


def windows_of(table: IntervalTable, selection: Selection, path: object) -> np.ndarray:
    """Return when the window of each row starts and stops [s], shape (rows, 2); NaN where unknown.

    Raises
    ------
    DataError
        If the rows are events without durations and no window was chosen, or trials are aligned to
        another column: from there on, rows need not go on for as long.
    """
    align = selection.align or START
    zero = table.times(align)
    if selection.window is not None:
        return np.stack([zero + edge for edge in selection.window], axis=1)
    if align != START:
        length = window_between(zero)
        words = ["--table", table.name, "--align", align, "--window", "0", f"{length:g}"]
        raise DataError(
            f"Recording {brief(path)}: trials that are aligned to {brief(align, 60)} need a window "
            "around it, in seconds: "
            f"{shlex.join(['apical', 'analyze', 'RUN', '--compare', str(path), *words])} (in "
            f"Python: Selection(align={align!r}, window=(0, {length:g}))).",
            object=f"Recording {brief(path)}",
        )
    if not np.isfinite(zero).any():  # nothing can be used, whatever the window
        return np.stack([zero, zero], axis=1)
    if not table.has_durations or window_for(table) is not None:
        length = window_for(table) or 1.0
        raise DataError(
            f"Recording {brief(path)}: the rows of table {brief(table.name, 60)} are events "
            "without durations; say how long a trial is, from each event on, in seconds: "
            f"--window 0 {length:g} (in Python: Selection(window=(0, {length:g}))).",
            object=f"Recording {brief(path)}",
        )
    return np.stack([zero, table.times(STOP)], axis=1)


def leave_out_broken(rows: Rows, windows: np.ndarray, selection: Selection) -> None:
    """Leave out rows whose windows have no start or stop, or stop before they start."""
    start, stop = windows.T
    begins = selection.align or START
    rows.leave_out(~np.isfinite(start), f"without a time in {begins}")
    if selection.window is None:
        rows.leave_out(~np.isfinite(stop), "without a stop time")
        rows.leave_out(stop <= start, "with a stop before the start")


def leave_out_invalid(rows: Rows, windows: np.ndarray, invalid: np.ndarray) -> None:
    """Leave out rows whose windows reach into times that the file calls invalid."""
    hit = np.zeros(rows.total, bool)
    for start, stop in invalid.tolist():
        hit |= (windows[:, 0] < stop) & (windows[:, 1] > start)
    rows.leave_out(hit, "reaching into invalid_times")


def leave_out_overlapping(rows: Rows, windows: np.ndarray) -> None:
    """Leave out rows whose windows begin before an earlier one that is kept has ended."""
    kept = np.flatnonzero(rows.kept)
    order = kept[np.lexsort((windows[kept, 1], windows[kept, 0]))]
    hit, end = np.zeros(rows.total, bool), -np.inf
    for row in order.tolist():
        start, stop = windows[row]
        if start < end - min(TOUCHING, 0.5 * (stop - start)):
            hit[row] = True
        else:
            end = stop
    rows.leave_out(hit, "overlapping an earlier one")


def leave_out_unrecorded(
    rows: Rows, windows: np.ndarray, first: float, last: float, rate: float
) -> None:
    """Leave out rows before the first or after the last spike of all, where silence is no chance.

    Parameters
    ----------
    rows
        The rows.
    windows
        Their windows [s], shape (rows, 2).
    first, last
        First and last spike of all units [s].
    rate
        Rate of all units together [Hz].
    """
    before = (windows[:, 1] <= first) & ((first - windows[:, 0]) * rate > SURE)
    after = (windows[:, 0] > last) & ((windows[:, 1] - last) * rate > SURE)
    rows.leave_out(before | after, "outside of the time in which any unit spikes")


def observed_in(intervals: Sequence[np.ndarray], windows: np.ndarray) -> np.ndarray:
    """Return whether each unit was observed in all of each window, shape (rows, n).

    Parameters
    ----------
    intervals
        When each unit was observed [s], shape (n_intervals, 2) each, in any order; they may touch.
    windows
        Windows [s], shape (rows, 2).
    """
    seen = np.zeros((len(windows), len(intervals)), bool)
    known: dict[bytes, np.ndarray] = {}
    for unit, own in enumerate(intervals):
        key = own.tobytes()
        if key not in known:
            known[key] = _within(_merged(own), windows)
        seen[:, unit] = known[key]
    return seen


def _within(intervals: np.ndarray, windows: np.ndarray) -> np.ndarray:
    if not len(intervals):
        return np.zeros(len(windows), bool)
    at = np.searchsorted(intervals[:, 0], windows[:, 0] + TOUCHING, side="right") - 1
    found: np.ndarray = (at >= 0) & (intervals[np.maximum(at, 0), 1] >= windows[:, 1] - TOUCHING)
    return found


def _merged(intervals: np.ndarray) -> np.ndarray:
    """Return intervals in their order, those that touch or overlap as one."""
    intervals = intervals[~np.isnan(intervals).any(axis=1)]
    found: list[list[float]] = []
    for start, stop in intervals[np.argsort(intervals[:, 0], kind="stable")].tolist():
        if found and start <= found[-1][1] + TOUCHING:
            found[-1][1] = max(found[-1][1], stop)
        elif stop > start:
            found.append([start, stop])
    return np.array(found).reshape(-1, 2)


def nothing_left(path: object, table: IntervalTable, rows: Rows, advice: str) -> DataError:
    """Return the error for a table of which no row can be used."""
    said = str(rows) or "it has no rows"
    return DataError(
        f"Recording {brief(path)}: no row of table {brief(table.name, 60)} can be used: {said}. "
        f"{advice}",
        object=f"Recording {brief(path)}",
    )
