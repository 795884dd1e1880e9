"""Small NWB files in the layouts of large data sets, as they are stored, with known spikes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TEXT = h5py.string_dtype()


def group(file: Any, name: str, kind: str, columns: Sequence[str] = ()) -> Any:
    """Make a group of a type of NWB."""
    made = file.require_group(name)
    made.attrs["neurodata_type"], made.attrs["namespace"] = kind, "core"
    if columns:
        made.attrs["colnames"] = np.array(list(columns), TEXT)
    return made


def put(where: Any, name: str, values: Any, kind: str = "VectorData") -> Any:
    """Write a column; texts as pynwb stores them."""
    array = np.asarray(values)
    if array.dtype.kind in "UO":
        made = where.create_dataset(name, data=array.astype(object), dtype=TEXT)
    else:
        made = where.create_dataset(name, data=array)
    made.attrs["neurodata_type"] = kind
    return made


def ragged(where: Any, name: str, rows: Sequence[Sequence[Any]]) -> None:
    """Write a column with any number of values in each row, and its index."""
    flat = np.concatenate([np.asarray(row) for row in rows]) if len(rows) else np.zeros(0)
    put(where, name, flat)
    put(where, f"{name}_index", np.cumsum([len(row) for row in rows]), "VectorIndex")


def intervals(
    file: Any, name: str, start: Sequence[float], stop: Sequence[float] | None, **columns: Any
) -> Any:
    """Write a table of intervals."""
    names = ["start_time", *(["stop_time"] if stop is not None else []), *columns]
    table = group(file, name if "/" in name else f"intervals/{name}", "TimeIntervals", names)
    put(table, "id", np.arange(len(start)), "ElementIdentifiers")
    put(table, "start_time", np.asarray(start, float))
    if stop is not None:
        put(table, "stop_time", np.asarray(stop, float))
    for key, values in columns.items():
        put(table, key, values)
    return table


def units(
    file: Any,
    trains: Sequence[Sequence[float]],
    observed: Sequence[Sequence[tuple[float, float]]] | None = None,
    **columns: Any,
) -> Any:
    """Write a table of units."""
    table = group(file, "units", "Units", ["spike_times", *columns])
    put(table, "id", np.arange(len(trains)), "ElementIdentifiers")
    ragged(table, "spike_times", [np.asarray(train, float) for train in trains])
    if observed is not None:
        ragged(table, "obs_intervals", [np.asarray(o, float).reshape(-1, 2) for o in observed])
    for key, values in columns.items():
        put(table, key, values)
    return table


def electrodes(file: Any, ids: Sequence[int], **columns: Any) -> Any:
    """Write a table of electrodes."""
    name = "general/extracellular_ephys/electrodes"
    table = group(file, name, "DynamicTable", list(columns))
    put(table, "id", np.asarray(ids), "ElementIdentifiers")
    for key, values in columns.items():
        put(table, key, values)
    return table


def region(where: Any, name: str, rows: Any, table: Any) -> None:
    """Write a column that refers to rows of another table; ragged where rows are lists."""
    if isinstance(rows[0], list):
        ragged(where, name, rows)
    else:
        put(where, name, rows)
    where[name].attrs["neurodata_type"] = "DynamicTableRegion"
    where[name].attrs["table"] = table.ref


class Nwb(h5py.File):
    """An NWB file that is written."""

    def __init__(self, path: Path, version: str = "2.7.0") -> None:
        super().__init__(path, "w")
        self.attrs["nwb_version"], self.attrs["neurodata_type"] = version, "NWBFile"


TRAINS = ([0.1, 0.2, 1.3, 2.4, 3.1], [0.45, 1.0, 1.1, 3.2, 3.3], [0.3, 2.2])
"""Spikes of three units [s]."""
START, STOP = [0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.5]
"""Four trials [s]."""
COUNTS = [[2, 1, 1], [1, 2, 0], [1, 0, 1], [1, 2, 0]]
"""Spikes of each unit in each trial, counted by hand."""


def plain(path: Path, name: str = "trials", more: Mapping[str, Any] | None = None) -> Path:
    """Write the three units and four trials."""
    with Nwb(path) as file:
        units(file, TRAINS)
        intervals(file, name, START, STOP, **(more or {}))
    return path
