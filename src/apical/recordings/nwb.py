"""Reader of NWB 2 in HDF5: intervals, events and units wherever they are, without pynwb.

The format is read as it is stored, so files of any version of pynwb or MatNWB, and those with
extensions that are not installed, are read alike. Source: Ruebel et al. 2022, eLife 11:e78362,
doi:10.7554/eLife.78362.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.reading import UnreadableError
from apical.errors import ApicalError, DataError, brief
from apical.recordings.content import (
    START,
    STOP,
    Column,
    Content,
    IntervalTable,
    UnitTable,
    as_class,
    clean,
    own_dataset,
    texts,
)
from apical.recordings.formats import RecordingFormat
from apical.recordings.hdf5 import (
    as_text,
    attribute,
    check_size,
    ends_of,
    is_group,
    is_hdf5,
    open_hdf5,
    read,
)

MOST_OBJECTS = 100_000
"""Groups and datasets of a file that are looked at for tables."""
MOST_DEEP = 16
"""Groups in each other that are looked at."""
LONGEST_NOTES = 16_000_000
"""Notes of a file that are read for where it is from [characters]."""

_SKIPPED = ("specifications", ".specloc")
_SERIES = ("AnnotationSeries", "IndexSeries", "LabeledEvents", "TTLs", "Events")
"""Series whose values are events with a class, and no signal."""
_BEGINS = (START, "timestamp")
_BEGINS_IN_INTERVALS = (*_BEGINS, "timestamps", "start", "onset", "time")
_ENDS = (STOP, "stop", "end_time", "end", "offset")
_LASTS = ("duration", "durations")
_PEAKS = ("peak_channel_id", "peak_channel", "peak_electrode", "max_channel", "best_channel")
"""Columns of units that name the electrode on which spikes are largest, by its id."""
_TIMES = ("spike_times", "obs_intervals")
MOST_IN_ROW = 100
"""Values of a ragged column for each row, on average, above which it is no column but a series: the
amplitudes of all spikes."""


@contextmanager
def open_nwb(path: Path) -> Iterator[Content]:
    """Open an NWB file, and yield what is in it."""
    with open_hdf5(path, "nwb") as file:
        version = attribute(file, "nwb_version")
        if not version and "nwb_version" in file:
            raise UnreadableError(
                f"Recording {brief(path)}", "it is of NWB 1; convert it to NWB 2, or use Neo"
            )
        found = list(_walk(file))
        tables = _named(_tables(file, found))
        units = next(iter(_unit_groups(file, found)), None)
        yield Content(
            f"NWB {version}".strip(),
            tables,
            None if units is None else _units(file, units),
            _invalid(tables),
            _dataset(file),
        )


# ---- where things are ---------------------------------------------------------------------------
def _walk(file: Any) -> Iterator[Any]:
    """Yield the groups of a file, each once, and none behind links."""
    import h5py

    seen, todo, looked = set(), [(file, 0)], 0
    while todo:
        group, depth = todo.pop()
        key = h5py.h5o.get_info(group.id).addr
        if key in seen:
            continue
        seen.add(key)
        yield group
        looked += len(group)
        if looked > MOST_OBJECTS:
            raise UnreadableError(
                f"Recording {brief(file.filename)}",
                f"it has more than {MOST_OBJECTS:,} objects",
            )
        for name in reversed(list(group)):
            link = group.get(name, getlink=True)
            if name in _SKIPPED or depth >= MOST_DEEP or not isinstance(link, h5py.HardLink):
                continue
            if group.get(name, getclass=True) is h5py.Group:
                todo.append((group[name], depth + 1))


def _tables(file: Any, groups: Sequence[Any]) -> Iterator[IntervalTable]:
    """Yield every table of intervals or of events: those in ``intervals`` first."""
    first = sorted(groups, key=lambda g: not g.name.startswith("/intervals/"))
    for group in first:
        kind = attribute(group, "neurodata_type")
        if kind in _SERIES:
            table = _series(group, kind)
        elif kind and (group.name.startswith("/intervals/") or "colnames" in group.attrs):
            table = _table(group)
        else:
            continue
        if table is not None:
            yield table


def _named(tables: Iterator[IntervalTable]) -> dict[str, IntervalTable]:
    """Return tables by the last part of their path, or by all of it where that is taken."""
    found: dict[str, IntervalTable] = {}
    for table in tables:
        short = clean(table.name.rpartition("/")[2])
        name = clean(table.name.strip("/")) if short in found else short
        found[name] = IntervalTable(name, table.rows, table.columns, table.about)
    return found


def _unit_groups(file: Any, groups: Sequence[Any]) -> Iterator[Any]:
    """Yield the tables of units with spike times, the file's own first."""
    if "units" in file and is_group(file["units"]) and "spike_times" in file["units"]:
        yield file["units"]
    for group in groups:
        if attribute(group, "neurodata_type") == "Units" and "spike_times" in group:
            yield group


def _invalid(tables: Mapping[str, IntervalTable]) -> np.ndarray:
    table = tables.get("invalid_times")
    if table is None or not table.has_durations:
        return np.zeros((0, 2))
    edges = np.stack([table.times(START), table.times(STOP)], axis=1)
    return edges[np.isfinite(edges).all(axis=1)]


def _dataset(file: Any) -> str:
    """Return the data set whose classes the labels are, if this package wrote the file."""
    notes = file.get("general/notes")
    if notes is None or is_group(notes) or notes.shape != ():
        return ""
    check_size(notes, LONGEST_NOTES)
    text = as_text(notes[()])
    if '"simulated"' not in text or len(text) > LONGEST_NOTES:
        return ""
    return own_dataset(text)


# ---- columns ------------------------------------------------------------------------------------
def _table(group: Any) -> IntervalTable | None:
    """Return a dynamic table whose rows have times; None for another."""
    columns = _columns(group)
    may = _BEGINS_IN_INTERVALS if group.name.startswith("/intervals/") else _BEGINS
    begins = next((n for n in may if n in columns and group[n].dtype.kind in "iuf"), None)
    if begins is None:
        return None
    start = columns[begins]
    rest = {k: c for k, c in columns.items() if k != begins}
    ends = next((name for name in _ENDS if name in rest), None)
    lasts = next((name for name in _LASTS if name in rest), None)
    found = {START: _called(START, start)}
    if ends is not None:
        found[STOP] = _called(STOP, rest.pop(ends))
    elif lasts is not None:
        length = rest[lasts]
        found[STOP] = Column(STOP, start.rows, lambda: _sum(start.values, length.values))
    whole = {k: c for k, c in (found | rest).items() if c.rows == start.rows}
    return IntervalTable(group.name, start.rows, whole, attribute(group, "description"))


def _sum(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    return np.asarray(start, float) + np.asarray(length, float)


def _called(name: str, column: Column) -> Column:
    return Column(name, column.rows, column.load, column.about)


def _series(group: Any, kind: str) -> IntervalTable | None:
    """Return a series of events as a table: their times, and what happened."""
    times = group.get("timestamps")
    if times is None or is_group(times) or len(times.shape) != 1:
        return None
    columns = {START: Column(START, len(times), partial(read, times))}
    data = group.get("data")
    if data is not None and not is_group(data) and data.shape == times.shape:
        names = data.attrs.get("labels")
        columns["label"] = Column("label", len(data), partial(_of_names, data, names))
    return IntervalTable(group.name, len(times), columns, f"events ({kind})")


def _of_names(data: Any, names: Any) -> np.ndarray:
    """Return values, or the names that they are the numbers of."""
    values = read(data)
    if names is None or values.dtype.kind not in "iu":
        return values
    known = [as_text(name) for name in np.atleast_1d(names)]
    inside = (values >= 0) & (values < len(known))
    return texts([known[v] if ok else "" for v, ok in zip(values, inside, strict=True)])


def _names(group: Any) -> list[str]:
    """Return the columns of a table in their order; those that are there."""
    told = group.attrs.get("colnames")
    listed = [] if told is None else [as_text(name) for name in np.atleast_1d(told)]
    others = [n for n in group if n not in listed and n != "id" and not n.endswith("_index")]
    return [name for name in [*listed, *others] if name in group]


def _columns(group: Any) -> dict[str, Column]:
    """Return the columns of a dynamic table, with those of tables that it refers to or contains.

    A column ``electrodes`` that refers to rows of another table gives ``electrodes.location`` and
    so on; a table within the table gives ``category.column``.
    """
    found: dict[str, Column] = {}
    for name in _names(group):
        item = group[name]
        if is_group(item):
            inner = _columns(item) if "colnames" in item.attrs else {}
            found |= {f"{name}.{key}": _called(f"{name}.{key}", c) for key, c in inner.items()}
        elif name not in _TIMES:
            index = group.get(f"{name}_index")
            for column in _column(clean(name), item, index):
                found[column.name] = column
    return found


def _column(name: str, item: Any, index: Any) -> Iterator[Column]:
    """Yield what a dataset of a table gives: one column, or several of what it refers to."""
    import h5py

    if not item.shape or (index is not None and not index.shape):
        return
    about, rows = attribute(item, "description"), len(item if index is None else index)
    if "table" in item.attrs and attribute(item, "neurodata_type") == "DynamicTableRegion":
        yield from _region(name, item, index)
    elif h5py.check_ref_dtype(item.dtype) is not None:
        if index is None:
            yield Column(name, rows, partial(_targets, item, ""), about)
            yield Column(f"{name}.location", rows, partial(_targets, item, "location"))
    elif "elements" in item.attrs and index is None:
        names = item.file[item.attrs["elements"]]
        yield Column(name, rows, lambda: _of_names(item, read(names)), about)
    elif index is not None:
        is_series = len(item.shape) != 1 or len(item) > MOST_IN_ROW * max(rows, 1)
        if not is_series and item.dtype.kind in "biufSUO" and not _is_nested(item, name):
            yield Column(name, rows, partial(_joined, item, index), about)
    elif _is_vector(item.shape) and item.dtype.kind in "biufSUO":
        yield Column(name, int(np.prod(item.shape)), partial(read, item), about)


def _is_nested(item: Any, name: str) -> bool:
    return f"{name}_index_index" in item.parent


def _is_vector(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1 or (len(shape) == 2 and 1 in shape)


def _joined(item: Any, index: Any) -> np.ndarray:
    """Return ragged rows as texts: their values, joined by commas."""
    values = read(item)
    rows = np.split(values, ends_of(index, len(values), item.name)[:-1]) if len(index) else []
    return texts([", ".join(as_class(v) for v in row.ravel().tolist()) for row in rows])


def _targets(item: Any, what: str) -> np.ndarray:
    """Return the names of the objects that a column refers to, or their attribute `what`."""
    found = []
    for reference in item[:].ravel():
        target = item.file[reference] if reference else None
        if target is None:
            found.append("")
        else:
            found.append(_told(target, what) if what else target.name.rpartition("/")[2])
    return texts(found)


def _told(target: Any, what: str) -> str:
    """Return an attribute of a group that may be stored as a dataset in it."""
    inner = target.get(what) if is_group(target) else None
    if inner is not None and not is_group(inner) and inner.shape == ():
        return as_text(inner[()])
    return attribute(target, what)


def _region(name: str, item: Any, index: Any) -> Iterator[Column]:
    """Yield the columns of the rows of another table that a column refers to."""
    table = item.file[item.attrs["table"]]
    rows = len(item if index is None else index)
    if not is_group(table):
        return
    for key in _names(table):
        other = table[key]
        plain = not is_group(other) and len(other.shape) == 1 and f"{key}_index" not in table
        if plain and "table" not in other.attrs:
            for column in _column(key, other, None):
                load = partial(_referred, item, index, column)
                yield Column(f"{name}.{column.name}", rows, load, column.about)


def _referred(item: Any, index: Any, column: Column) -> np.ndarray:
    """Return a column of the rows that are referred to; of several, what most of them have."""
    at, values = read(item).astype(np.int64), column.values
    if len(at) and (at.min() < 0 or at.max() >= len(values)):
        raise UnreadableError(brief(item.name, 60), "it refers to rows that are not there")
    if index is None:
        return values[at]
    parts = np.split(values[at], ends_of(index, len(at), item.name)[:-1]) if len(index) else []
    if all(len(part) == 1 for part in parts):
        return np.concatenate(parts) if parts else values[:0]
    return texts([_most([as_class(v) for v in part.tolist()]) for part in parts])


def _most(values: list[str]) -> str:
    return Counter(values).most_common(1)[0][0] if values else ""


# ---- units --------------------------------------------------------------------------------------
def _units(file: Any, group: Any) -> UnitTable:
    """Return the units of a table of units."""
    times, index = group["spike_times"], group.get("spike_times_index")
    if index is None or is_group(index) or is_group(times) or times.dtype.kind not in "iuf":
        raise DataError(
            f"Recording {brief(file.filename)}: the spike times of {brief(group.name, 60)} have "
            "no index that says of which unit they are; write the file again with pynwb."
        )
    total = int(np.prod(times.shape))
    ends = ends_of(index, total, group.name)
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    columns = {"id": _ids(group, len(ends)), **_columns(group)}
    columns |= _peaks(file, columns, len(ends))
    kept = {name: c for name, c in columns.items() if c.rows == len(ends)}

    def train(unit: int) -> np.ndarray:
        return _times(times, starts[unit], ends[unit])

    def edges(unit: int) -> tuple[float, float]:
        first = _times(times, starts[unit], starts[unit] + 1)
        return float(first[0]), float(_times(times, ends[unit] - 1, ends[unit])[0])

    observed = group.get("obs_intervals")
    seen: Callable[[], list[np.ndarray]] | None = None
    if observed is not None and "obs_intervals_index" in group:
        seen = partial(_observed, observed, group["obs_intervals_index"])
    return UnitTable(kept, ends - starts, train, seen, edges)


def _times(times: Any, start: int, stop: int) -> np.ndarray:
    """Return spike times; MatNWB may have stored them as a matrix of one row or column."""
    check_size(times, float(stop - start) * 8)
    if len(times.shape) == 2 and times.shape[0] == 1:
        part = times[0, start:stop]
    else:
        part = times[start:stop]
    return np.asarray(part, np.float64).reshape(-1)


def _ids(group: Any, n: int) -> Column:
    if "id" in group and group["id"].shape == (n,):
        return Column("id", n, partial(read, group["id"]))
    return Column("id", n, lambda: np.arange(n))


def _observed(item: Any, index: Any) -> list[np.ndarray]:
    """Return the intervals in which each unit was observed [s], shape (n_intervals, 2) each."""
    check_size(item, float(item.size) * 8)
    values = np.asarray(item[()], float)
    if values.ndim == 2 and values.shape[1] != 2 and values.shape[0] == 2:
        values = values.T  # as some writers in MATLAB store it
    if values.ndim == 1:
        values = values.reshape(-1, 2)
    if values.ndim != 2 or values.shape[1] != 2:
        raise UnreadableError(brief(item.name, 60), "it holds no pairs of start and stop")
    ends = ends_of(index, len(values), item.name)
    return np.split(values, ends[:-1]) if len(ends) else []


def _peaks(file: Any, columns: Mapping[str, Column], n: int) -> dict[str, Column]:
    """Return the columns of electrodes on which the spikes of units are largest."""
    name = next((name for name in _PEAKS if name in columns), None)
    electrodes = file.get("general/extracellular_ephys/electrodes")
    if name is None or electrodes is None or "id" not in electrodes:
        return {}
    found = {}
    for key, column in _columns(electrodes).items():
        load = partial(_at_peak, columns[name], electrodes["id"], column)
        found[f"{name}.{key}"] = Column(f"{name}.{key}", n, load, column.about)
    return found


def _at_peak(peak: Column, ids: Any, column: Column) -> np.ndarray:
    """Return a column of electrodes at the electrode with the id that each unit names."""
    of = {as_class(key): k for k, key in enumerate(read(ids).tolist())}
    at = [of.get(as_class(value)) for value in peak.values.tolist()]
    if column.is_text:
        return texts(["" if k is None else str(column.values[k]) for k in at])
    return np.array([np.nan if k is None else float(column.values[k]) for k in at])


def _fits(path: Path) -> bool:
    """Say whether a file is NWB under another extension."""
    if not path.is_file() or not is_hdf5(path):
        return False
    try:
        with open_hdf5(path, "nwb") as file:
            return bool(attribute(file, "nwb_version"))
    except (OSError, ApicalError):
        return False


FORMAT = RecordingFormat("nwb", "Neurodata Without Borders 2 (HDF5)", (".nwb",), open_nwb, _fits)
