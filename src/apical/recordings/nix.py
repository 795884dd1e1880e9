"""Reader of NIX in Neo's layout, as it is stored: nothing of a file is evaluated.

Neo turns the units of a file into quantities by evaluating them, and takes some 10 ms for a train;
here units are looked up, and a train is read when it is asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.reading import UnreadableError
from apical.errors import ApicalError, brief
from apical.recordings.content import Content, as_class, own_dataset, texts
from apical.recordings.formats import RecordingFormat
from apical.recordings.hdf5 import as_text, attribute, is_group, is_hdf5, open_hdf5, read
from apical.recordings.segments import Happenings, Segment, Train, content_of

SECONDS: Mapping[str, float] = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "ms": 1e-3,
    "millisecond": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "microsecond": 1e-6,
    "ns": 1e-9,
    "min": 60.0,
    "h": 3600.0,
}
"""Units of time, and how many seconds they are."""
_OF_FILE = ("neo_name", "nix_name", "t_start", "t_stop", "sampling_rate", "left_sweep")
"""Properties that are no annotations."""


@contextmanager
def open_nix(path: Path) -> Iterator[Content]:
    """Open a NIX file, and yield what is in it."""
    with open_hdf5(path, "nix") as file:
        if "data" not in file or not is_group(file["data"]):
            raise UnreadableError(f"Recording {brief(path)}", "it holds no blocks of NIX")
        segments, dataset, trains = [], "", _Trains()
        for block in file["data"].values():
            dataset = dataset or _dataset(block)
            for segment in _below(block, "groups"):
                if attribute(segment, "type") == "neo.segment":
                    segments.append(_segment(segment, trains.of))
        version = file.attrs.get("version")
        numbers = "" if version is None else ".".join(str(int(n)) for n in np.atleast_1d(version))
        yield content_of(f"NIX {numbers}".strip(), segments, dataset)


def _below(group: Any, name: str) -> Iterator[Any]:
    if name in group and is_group(group[name]):
        yield from (item for item in group[name].values() if is_group(item))


def _dataset(block: Any) -> str:
    """Return the data set whose classes the labels are, if this package wrote the file."""
    return own_dataset(as_text(_properties(block).get("about", np.zeros(0))))


def _properties(item: Any) -> dict[str, np.ndarray]:
    """Return the metadata of an entity, by name."""
    section = item.get("metadata")
    if section is None or "properties" not in section:
        return {}
    return {name: read(found) for name, found in section["properties"].items()}


def _annotations(properties: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return the metadata that is one value each, as text."""
    return {
        name: as_class(values.ravel()[0])
        for name, values in properties.items()
        if values.size == 1 and name not in _OF_FILE
    }


@dataclass(frozen=True)
class _Unit:
    """The metadata of a spike train: name, start and stop [s], what else is known."""

    name: str
    start: float
    stop: float
    about: dict[str, str]


class _Trains:
    """Reads spike trains; metadata that several of them share is read once."""

    def __init__(self) -> None:
        self._known: dict[int, _Unit] = {}

    def of(self, tag: Any) -> Train:
        """Return a train."""
        unit, positions = self._unit(tag), tag["positions"]
        data, factor = positions["data"], _seconds(positions, tag)
        count = int(data.shape[0]) if data.shape else 0
        load = partial(_scaled, data, factor)
        return Train(unit.name, unit.start, unit.stop, count, load, unit.about)

    def _unit(self, tag: Any) -> _Unit:
        import h5py

        section = tag["metadata"]
        key = h5py.h5o.get_info(section.id).addr
        if key not in self._known:
            properties = section["properties"]
            start, stop = (
                float(read(properties[name])[0]) * _seconds(properties[name], tag)
                for name in ("t_start", "t_stop")
            )
            known = {k: read(v) for k, v in properties.items() if v.size == 1 and k not in _OF_FILE}
            name = as_text(read(properties["neo_name"])) if "neo_name" in properties else ""
            self._known[key] = _Unit(name, start, stop, _annotations(known))
        return self._known[key]


def _segment(group: Any, read_train: Callable[[Any], Train]) -> Segment:
    trains, happenings = [], []
    for tag in _below(group, "multi_tags"):
        kind = attribute(tag, "type")
        if kind == "neo.spiketrain":
            trains.append(read_train(tag))
        elif kind in ("neo.epoch", "neo.event"):
            happenings.append(_happening(tag))
    return Segment(trains, happenings, _annotations(_properties(group)))


def _happening(tag: Any) -> Happenings:
    positions = tag["positions"]
    start = _scaled(positions["data"], _seconds(positions, tag))
    duration = None
    if "extents" in tag:
        extents = tag["extents"]
        duration = _scaled(extents["data"], _seconds(extents, tag))
    section = tag["metadata"]["properties"]
    columns = {
        name: read(found)
        for name, found in section.items()
        if attribute(found, "type") == "ARRAYANNOTATION" and found.shape == start.shape
    }
    labels = _labels(positions)
    if len(labels) == len(start) and any(labels):
        columns.setdefault("label", labels)
    name = as_text(read(section["neo_name"])) if "neo_name" in section else ""
    return Happenings(name, start, duration, columns)


def _labels(positions: Any) -> np.ndarray:
    for dimension in _below(positions, "dimensions"):
        if "labels" in dimension:
            return read(dimension["labels"])
    return texts([])


def _scaled(data: Any, factor: float) -> np.ndarray:
    # divided where that is exact: 1 ms is 1 / 1000 s, and not 1 times 0.001 s
    values = read(data).astype(float)
    return values / round(1 / factor) if factor < 1 else values * factor


def _seconds(item: Any, tag: Any) -> float:
    unit = attribute(item, "unit") or "s"
    if unit not in SECONDS:
        raise UnreadableError(brief(tag.name, 60), f"its times are in {brief(unit, 20)!r}")
    return SECONDS[unit]


def _fits(path: Path) -> bool:
    """Say whether a file is NIX under another extension."""
    if not path.is_file() or not is_hdf5(path):
        return False
    try:
        with open_hdf5(path, "nix") as file:
            return attribute(file, "format") == "nix"
    except (OSError, ApicalError):
        return False


FORMAT = RecordingFormat("nix", "NIX, in Neo's layout", (".nix",), open_nix, _fits)
