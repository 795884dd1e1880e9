"""Reader of the formats that Neo reads without evaluating anything of a file.

Neo's raw readers are used, which return arrays: Plexon, Blackrock, Neuralynx, Open Ephys, TDT,
NeuroExplorer, Spike2 and others. Its other readers turn the units that a file names into quantities
by evaluating them, or read pickles, so they are left out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.extras import library
from apical.errors import ApicalError, DataError, brief
from apical.recordings.content import Content, clean, texts
from apical.recordings.formats import RecordingFormat
from apical.recordings.segments import Happenings, Segment, Train, content_of

_NOT_ASKED = ("NIXRawIO", "RawBinarySignalRawIO", "MaxwellRawIO", "Plexon2RawIO")
"""Raw readers that are not asked: there is a better one; they read any bytes as a signal; or they
may download a program and load it."""


MOST_FILES = 5000
"""Files of a folder that are looked at for their extensions."""


@contextmanager
def open_neo(path: Path) -> Iterator[Content]:
    """Open a file of a format that Neo reads, and yield what is in it."""
    readers = _readers(path)
    if not readers:
        raise DataError(
            f"Recording {brief(path)} is of no format that Neo reads without evaluating what is "
            "in the file; convert it to NWB, for instance with NeuroConv.",
            object=f"Recording {brief(path)}",
        )
    reader, said = None, ""
    for kind in readers:
        try:
            reader = _parsed(kind, path)
            break
        except Exception as error:  # readers of binary formats raise nearly anything
            said = said or str(error) or type(error).__name__
    if reader is None:
        raise DataError(
            f"Recording {brief(path)} cannot be read as "
            f"{readers[0].__name__.removesuffix('RawIO')}: {brief(said)}.",
            object=f"Recording {brief(path)}",
        )
    segments = [
        _segment(reader, block, number)
        for block in range(reader.block_count())
        for number in range(reader.segment_count(block))
    ]
    yield content_of(f"{type(reader).__name__.removesuffix('RawIO')} (by Neo)", segments)


def _readers(path: Path) -> Sequence[Any]:
    """Return the raw readers that take files, or folders, of this extension."""
    rawio = library("neo.rawio", "neo")
    suffix = path.suffix.removeprefix(".").lower()
    found = [*rawio.rawiolist, rawio.ExampleRawIO]
    if path.is_dir():
        inside = {file.suffix[1:].lower() for file in islice(path.rglob("*"), MOST_FILES)}
        return [
            reader
            for reader in found
            if reader.rawmode == "one-dir"
            and inside.intersection(extension.lower() for extension in reader.extensions)
            and reader.__name__ not in _NOT_ASKED
        ]
    return [
        reader
        for reader in found
        if suffix
        and suffix in [extension.lower() for extension in reader.extensions]
        and reader.rawmode != "one-dir"
        and reader.__name__ not in _NOT_ASKED
    ]


def _parsed(kind: Any, path: Path) -> Any:
    name = "dirname" if kind.rawmode == "one-dir" else "filename"
    reader = kind(**{name: str(path if path.is_dir() or name == "filename" else path.parent)})
    reader.parse_header()
    return reader


def _segment(reader: Any, block: int, number: int) -> Segment:
    place = {"block_index": block, "seg_index": number}
    edges = float(reader.segment_t_start(**place)), float(reader.segment_t_stop(**place))
    trains = []
    for channel, about in enumerate(reader.header["spike_channels"]):
        at = {**place, "spike_channel_index": channel}
        load = partial(_spikes, reader, at)
        count = int(reader.spike_count(**at))
        name, own = str(about["name"]), str(about["id"])
        trains.append(Train(own or name, *edges, count, load, {"name": name}))
    happenings = [
        _happening(reader, place, channel)
        for channel in range(len(reader.header["event_channels"]))
    ]
    return Segment(trains, [item for item in happenings if len(item.start)], {})


def _spikes(reader: Any, at: dict[str, int]) -> np.ndarray:
    times = reader.get_spike_timestamps(**at)
    return np.asarray(reader.rescale_spike_timestamp(times, "float64"), float)


def _happening(reader: Any, place: dict[str, int], channel: int) -> Happenings:
    times, lengths, labels = reader.get_event_timestamps(**place, event_channel_index=channel)
    start = reader.rescale_event_timestamp(times, "float64", channel)
    if lengths is not None:
        lengths = np.asarray(reader.rescale_epoch_duration(lengths, "float64", channel), float)
    columns = {"label": texts([clean(str(label)) for label in labels])}
    name = str(reader.header["event_channels"][channel]["name"])
    return Happenings(name, np.asarray(start, float), lengths, columns)


def _fits(path: Path) -> bool:
    """Say whether Neo has a raw reader for files of this extension."""
    try:
        return bool(_readers(path))
    except ApicalError:
        return False


FORMAT = RecordingFormat(
    "neo", "formats that Neo reads: Plexon, Blackrock, ...", (), open_neo, _fits
)
