"""Loading a recording: what was chosen of a file, as spike trains in trials."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from apical._base.checking import checked, shown
from apical._base.memory import check_memory
from apical.errors import DataError, brief
from apical.recordings.choosing import (
    LABELS,
    are_words,
    area_of,
    chosen_stimulus,
    chosen_table,
    command,
    listed_classes,
    stimulus_columns,
)
from apical.recordings.content import Content, IntervalTable, UnitTable, as_classes, texts, tidy
from apical.recordings.filters import holds, names_in
from apical.recordings.formats import opened
from apical.recordings.recording import ROUNDING, Recording
from apical.recordings.selection import Selection
from apical.recordings.windows import (
    Rows,
    leave_out_broken,
    leave_out_invalid,
    leave_out_overlapping,
    leave_out_unrecorded,
    nothing_left,
    observed_in,
    windows_of,
)
from apical.records.arrays import Spikes

LONGEST_CLASS = 1000
"""Characters of the longest class."""
_COMPUTED = ("rate", "spikes", "area")
"""What conditions on units may read besides columns of the file."""


@checked()
def load_recording(
    path: str | Path, label: str | None = None, *, selection: Selection | None = None
) -> Recording:
    """Load a recording from a file, and align its spike trains to trials.

    Rows that cannot be used are left out, and counted and named in `Recording.left_out`: those
    without start or stop, that overlap an earlier one, that reach into ``invalid_times``, in which
    no unit was observed, or after all units fell silent for good. A unit that was not observed in
    some trials has no rate there (`Recording.observed`).

    Parameters
    ----------
    path
        NWB 2 (``.nwb``), NIX (``.nix``), or a format that Neo reads. Any table of intervals or
        events may hold the trials, and units may be in any area.
    label
        Short for ``Selection(stimulus=label)``: column that holds the class of each trial.
    selection
        What of the file is compared. By default its table ``trials``, or the only table there is;
        classes in the first column of ``label``, ``stimulus``, ``condition`` that there is, or the
        only one whose name says that it is of stimuli; all units.

    Raises
    ------
    DataError
        If the file cannot be read; if it is not plain which table holds the trials; if nothing is
        left; if there is no such column or area; if a library is not installed.

    Examples
    --------
    A file as pynwb writes it, made here with h5py: two units, three presentations.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import h5py
    >>> from apical.recordings import Selection, load_recording
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "a.nwb"
    >>> with h5py.File(path, "w") as file:
    ...     file.attrs["nwb_version"] = "2.7.0"
    ...     file["units/spike_times"] = [0.1, 1.2, 1.3, 0.2, 2.1]
    ...     file["units/spike_times_index"] = [3, 5]
    ...     file["units/quality"] = ["good", "noise"]
    ...     shown = file.create_group("intervals/gratings_presentations")
    ...     shown.attrs["neurodata_type"] = "TimeIntervals"
    ...     shown["start_time"], shown["stop_time"] = [0.0, 1.0, 2.0], [0.5, 1.5, float("nan")]
    ...     shown["orientation"] = [0.0, 90.0, 0.0]
    >>> recording = load_recording(path)
    >>> recording.counts.tolist(), [str(left) for left in recording.left_out]
    ([[1, 1], [2, 0]], ['1 row without a stop time (2)'])
    >>> chosen = Selection(
    ...     stimulus="orientation", classes={"0": "3", "90": "7"}, units="quality == 'good'"
    ... )
    >>> recording = load_recording(path, selection=chosen)
    >>> recording.labels.tolist(), recording.classes.tolist(), recording.counts.tolist()
    (['0', '90'], ['3', '7'], [[1], [2]])
    >>> folder.cleanup()
    """
    path = Path(path)
    chosen = selection or Selection()
    if label is not None:
        chosen = replace(chosen, stimulus=label)
    with opened(path) as content:
        return _loaded(path, content, chosen)


def _loaded(path: Path, content: Content, selection: Selection) -> Recording:
    if content.units is None or not len(content.units):
        raise DataError(
            f"Recording {brief(path)} has no units with spike times; sorted units are needed.",
            object=f"Recording {brief(path)}",
        )
    table = chosen_table(path, content, selection)
    units = _chosen_units(path, content.units, selection)
    windows = windows_of(table, selection, path)
    rows = _rows(table, selection)
    leave_out_broken(rows, windows, selection)
    classes = _classes(path, content, table, selection, rows)
    leave_out_invalid(rows, windows, content.invalid)
    trains = [np.sort(_finite(content.units.train(unit))) for unit in units.index.tolist()]
    seen = _seen(content.units, units, trains, rows, windows)
    leave_out_overlapping(rows, windows)
    if not rows.kept.any():
        advice = f"Take another table or window: {command(path, content, table)}."
        raise nothing_left(path, table, rows, advice)
    kept = rows.kept
    notes = (*content.notes, *classes.notes, *units.notes, *_on_units(trains, seen, kept))
    if selection.window is not None and kept.sum() < 0.5 * rows.total:
        length = selection.window[1] - selection.window[0]
        notes += (f"windows are {length:g} s long, which leaves {kept.sum():,} of {rows.total:,}",)
    window, width = selection.window, selection.bin
    found = Recording(
        path,
        _cut(trains, windows[kept], None if seen is None else seen[kept]),
        units.areas,
        np.diff(windows[kept], axis=1)[:, 0] * 1e3,
        None if classes.labels is None else np.array(classes.labels[kept].tolist(), str),
        None if classes.network is None else np.array(classes.network[kept].tolist(), str),
        None if seen is None or seen[kept].all() else seen[kept],
        np.array(as_classes(content.units.columns["id"].values), str)[units.index],
        np.flatnonzero(kept),
        0.0 if window is None else window[0] * 1e3,
        None if width is None else width * 1e3,
        table.name,
        ", ".join(classes.columns),
        tuple(rows.left_out),
        notes,
        "" if selection.classes or selection.same_classes else content.dataset,
    )
    ever = np.asarray(found.seen.any(axis=0))
    return found if ever.all() else found.of_units(ever)


def _rows(table: IntervalTable, selection: Selection) -> Rows:
    """Return the rows of a table, those that a condition leaves out marked."""
    rows = Rows(table.rows)
    if selection.rows is not None:
        columns = table.columns
        met = holds(selection.rows, lambda name: columns[name].values, list(columns))
        rows.leave_out(np.broadcast_to(~met, table.rows), "that --rows leaves out")
    return rows


def _finite(times: np.ndarray) -> np.ndarray:
    return times[np.isfinite(times)]


# ---- units --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Units:
    """The chosen units: their numbers in the file, their areas, remarks."""

    index: np.ndarray
    areas: np.ndarray
    notes: tuple[str, ...]


def _chosen_units(path: Path, units: UnitTable, selection: Selection) -> _Units:
    column, areas = area_of(units, selection.area_column)
    kept, notes = np.ones(len(units), bool), []
    if selection.areas:
        there = sorted(set(areas.tolist()))
        for area in selection.areas:
            if area not in there:
                raise DataError(
                    f"Recording {brief(path)} has no unit in area {shown(area)}; column "
                    f"{brief(column, 60) or 'of areas: none'} has {_some(there)}: name one, or "
                    "another --area-column.",
                    object=f"Recording {brief(path)}",
                )
        kept &= np.isin(areas, selection.areas)
    if selection.units is not None:
        met = _units_that(units, selection.units, areas)
        notes.append(
            f"{int(met.sum()):,} of {len(units):,} units fulfil {selection.units!r}",
        )
        kept &= met
    if not kept.any():
        raise DataError(
            f"Recording {brief(path)}: none of its {len(units):,} units was chosen; 'apical "
            f"recording {path}' shows their columns and areas.",
            object=f"Recording {brief(path)}",
        )
    if column:
        notes.append(f"areas are those of column {column}")
    index = np.flatnonzero(kept)
    return _Units(index, areas[index], tuple(notes))


def _some(names: Sequence[str]) -> str:
    first = [shown(name) for name in names[:20]]
    return ", ".join([*first, "..."] if len(names) > 20 else first) or "none"


def _units_that(units: UnitTable, condition: str, areas: np.ndarray) -> np.ndarray:
    """Return which units fulfil a condition, shape (n,).

    ``rate`` [Hz], ``spikes`` and ``area`` are worked out where the file has no such column: the
    rate over the time in which a unit was observed, or from the first to the last spike of all.
    """
    computed = [name for name in _COMPUTED if name not in units.columns]

    def values(name: str) -> np.ndarray:
        if name in units.columns:
            return units.columns[name].values
        if name == "area":
            return texts(areas.tolist())
        return units.spikes if name == "spikes" else _rates(units)

    asked = names_in(condition)
    names = [*units.columns, *computed] if asked else list(units.columns)
    return np.broadcast_to(holds(condition, values, names), len(units))


def _rates(units: UnitTable) -> np.ndarray:
    """Return the mean rate of each unit in the time in which it was observed [Hz], shape (n,)."""
    if units.observed is not None:
        seconds = np.array([float(np.diff(own, axis=1).sum()) for own in units.observed()])
    else:
        first, last = np.inf, -np.inf
        for unit in np.flatnonzero(units.spikes).tolist():
            times = _finite(units.train(unit))
            if len(times):
                first, last = min(first, times.min()), max(last, times.max())
        seconds = np.full(len(units), max(last - first, 0.0))
    with np.errstate(all="ignore"):
        rates: np.ndarray = np.where(seconds > 0, units.spikes / seconds, np.nan)
    return rates


def _seen(
    units: UnitTable,
    chosen: _Units,
    trains: Sequence[np.ndarray],
    rows: Rows,
    windows: np.ndarray,
) -> np.ndarray | None:
    """Return which units were observed in which rows; leave out those where none was."""
    filled = [train for train in trains if len(train)]
    if units.observed is not None:
        own = units.observed()
        # a unit that spikes was observed: where its intervals are empty, nothing is known of them
        intervals = [
            own[unit] if len(own[unit]) or not len(train) else np.array([[-np.inf, np.inf]])
            for unit, train in zip(chosen.index.tolist(), trains, strict=True)
        ]
        seen = observed_in(intervals, windows)
        nobody = np.asarray(~seen.any(axis=1))
        rows.leave_out(nobody, "outside of what any chosen unit was observed in")
        return seen
    if filled:
        first, last = min(t[0] for t in filled), max(t[-1] for t in filled)
        if last > first:
            rate = sum(map(len, filled)) / (last - first)
            leave_out_unrecorded(rows, windows, float(first), float(last), rate)
    return None


def _on_units(trains: Sequence[np.ndarray], seen: np.ndarray | None, kept: np.ndarray) -> list[str]:
    """Return remarks on units that are silent, or were not always observed."""
    notes, n = [], len(trains)
    if seen is not None:
        never = int((~seen[kept].any(axis=0)).sum())
        partly = int((~seen[kept].all(axis=0)).sum()) - never
        if never:
            notes.append(f"{never:,} of {n:,} units were observed in none of the trials: left out")
        if partly:
            notes.append(
                f"{partly:,} of {n:,} units were observed in some of the trials only, and have no "
                "rate in the others"
            )
    silent = sum(not len(train) for train in trains)
    if silent:
        notes.append(f"{silent:,} of {n:,} units have no spikes at all; --units 'spikes > 0'")
    return notes


# ---- classes ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Classes:
    """Classes of all rows, as recorded and as the network's; columns they are from; remarks."""

    labels: np.ndarray | None
    network: np.ndarray | None
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def _classes(
    path: Path, content: Content, table: IntervalTable, selection: Selection, rows: Rows
) -> _Classes:
    columns = chosen_stimulus(table, selection)
    if not columns:
        likely = [c.name for c in stimulus_columns(table) if c.likely] or ["none"]
        said = f"no column of table {table.name} is plainly the class of a row: firing alone is "
        said += f"compared; --stimulus-column may be {_some(likely)}"
        return _Classes(None, None, (), (said,))
    parts = [as_classes(table.column(name).values) for name in columns]
    joined = [", ".join(row) if all(row) else "" for row in zip(*parts, strict=True)]
    labels = texts(joined)
    rows.leave_out(np.asarray(labels == ""), f"without a value in {' or '.join(columns)}")
    longest = max(map(len, joined), default=0)
    if longest > LONGEST_CLASS:
        raise DataError(
            f"Recording {brief(path)}: a class in {' or '.join(columns)} has {longest:,} "
            f"characters, and at most {LONGEST_CLASS:,} are read; name another column.",
            object=f"Recording {brief(path)}",
        )
    told = []
    if selection.stimulus is None and columns[0] not in LABELS:
        told.append(f"the class of a row is its {columns[0]}; --stimulus-column changes it")
    network, more = _of_network(path, content, labels, columns, selection, rows)
    return _Classes(labels, network, columns, (*told, *more))


def _of_network(
    path: Path,
    content: Content,
    labels: np.ndarray,
    columns: Sequence[str],
    selection: Selection,
    rows: Rows,
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the network's class of each row, where it is known, and what is to be said."""
    there = set(labels[rows.kept].tolist())
    if selection.classes is not None:
        known = {tidy(key): tidy(value) for key, value in selection.classes.items()}
        if not {tidy(label) for label in there} & set(known):
            raise DataError(
                f"Recording {brief(path)}: none of the classes to map ({listed_classes(known)}) is "
                f"in {', '.join(columns)}, which has {listed_classes(there)}; correct --map.",
                object=f"Recording {brief(path)}",
            )
        mapped = texts([known.get(tidy(label), "") for label in labels.tolist()])
        rows.leave_out(np.asarray(mapped == ""), "of a class that is not mapped")
        absent = set(known) - {tidy(label) for label in there}
        told = f"mapped, but not recorded: {listed_classes(absent)}"
        return mapped, (told,) if absent else ()
    if selection.same_classes or content.dataset or are_words(there):
        return labels, ()
    return None, (
        f"recorded classes ({listed_classes(there)}) are numbers, which need not mean the "
        "network's: representations are compared with --map CLASSES.csv (recorded,network), or "
        "--same-classes",
    )


# ---- spikes -------------------------------------------------------------------------------------
def _cut(
    trains: Sequence[np.ndarray], windows: np.ndarray, seen: np.ndarray | None = None
) -> Spikes:
    """Return the spikes within each window, from its start [ms]; windows may overlap.

    Parameters
    ----------
    trains
        Spike times of each unit in rising order [s].
    windows
        Start and stop of each window [s], shape (n_trials, 2).
    seen
        Whether each unit was observed in each window, shape (n_trials, n); None for always.
    """
    trials, times, units = [], [], []
    start = windows[:, 0]
    total = 0
    for unit, train in enumerate(trains):
        first, last = (np.searchsorted(train, edge - ROUNDING) for edge in windows.T)
        size = last - first
        if seen is not None:
            size = np.where(seen[:, unit], size, 0)
        total += int(size.sum())
        check_memory(total * 48.0, "Spikes of these trials", "the number of units")
        trial = np.repeat(np.arange(len(windows), dtype=np.int32), size)
        at = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + first[trial]
        trials.append(trial)
        times.append(np.maximum(train[at] - start[trial], 0) * 1e3)
        units.append(np.full(len(trial), unit, np.int32))
    trial, time, number = (np.concatenate(parts) for parts in (trials, times, units))
    order = np.lexsort((time, trial))
    return Spikes(trial[order], time[order], number[order])
