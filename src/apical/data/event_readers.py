"""Readers of published event data sets, from the files as they are published.

`SHD and SSC <https://doi.org/10.1109/TNNLS.2020.3044364>`_ (HDF5), `N-MNIST
<https://doi.org/10.3389/fnins.2015.00437>`_ (.bin) and `DVS128 Gesture
<https://doi.org/10.1109/CVPR.2017.781>`_ (AEDAT 3.1). Their publishers give no SHA-256 and some
have no direct address, so that they are read by path and never downloaded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apical._base.extras import library
from apical._base.reading import UnreadableError, opened, read_rows, reading, whole
from apical.data.events import EVENT, EventSamples, from_stored
from apical.errors import DataError, brief

Part = tuple[list[NDArray[Any]], list[int], list[float] | None]
"""Events of each sample, labels, and durations [ms]; None: to the end of the last millisecond."""


@dataclass(frozen=True)
class Format:
    """Format of a published data set.

    Parameters
    ----------
    name
        What is read.
    fits
        Returns whether a path is of this format.
    read
        Returns the training part, the test part, and the shape of the channels.
    """

    name: str
    fits: Callable[[Path], bool]
    read: Callable[[Path], tuple[Part, Part, tuple[int, ...]]]


def format_of(path: Path) -> Format | None:
    """Return the format of a folder or file; None if it is none of these."""
    try:
        return next((known for known in FORMATS if known.fits(path)), None)
    except OSError:  # such as a name that is too long
        return None


def read(path: Path, known: Format) -> tuple[EventSamples, EventSamples, tuple[int, ...]]:
    """Return the training and the test samples of a data set, and the shape of its channels.

    Raises
    ------
    DataError
        If a file is missing, damaged or of another form.
    """
    train, test, shape = known.read(path)
    n = int(np.prod(shape))
    samples = [
        from_stored(events, labels, lasts, n, f"{brief(path)}: {part}")
        for part, (events, labels, lasts) in (("train", train), ("test", test))
    ]
    return samples[0], samples[1], shape


# SHD and SSC ------------------------------------------------------------------------------------

COCHLEA = 700
"""Channels of the cochlea model of SHD and SSC."""


def _of_heidelberg(path: Path) -> tuple[Path, Path] | None:
    """Return the files of the training and of the test part."""
    if path.is_dir():
        found = [f for name in ("shd", "ssc") for f in [path / f"{name}_train.h5"] if f.is_file()]
        train = found[0] if len(found) == 1 else None
    else:
        train = path if path.name.endswith("_train.h5") and path.is_file() else None
    return (
        None
        if train is None
        else (train, train.with_name(train.name.replace("_train.h5", "_test.h5")))
    )


def _read_heidelberg(path: Path) -> tuple[Part, Part, tuple[int, ...]]:
    files = _of_heidelberg(path)
    assert files is not None
    train, test = (_heidelberg(file) for file in files)
    return train, test, (COCHLEA,)


def _heidelberg(file: Path) -> Part:
    """Read ``spikes/times`` [s] and ``spikes/units`` of every sample, and ``labels``."""
    if not file.is_file():
        raise DataError(
            f"{brief(file)}: no such file; put it beside the other part.", object=str(file)
        )
    with reading(file), library("h5py", "events").File(file, "r") as content:
        missing = [name for name in _HELD if name not in content]
        if missing:
            raise UnreadableError(file, f"it has no {missing[0]}")
        labels = np.asarray(content["labels"][:])
        times, units = content["spikes/times"], content["spikes/units"]
        if not len(times) == len(units) == len(labels) or labels.dtype.kind not in "iu":
            raise UnreadableError(
                file, f"it has {len(times)} trains, {len(units)} of units, {len(labels)} labels"
            )
        events = [
            _event(np.rint(np.asarray(when, np.float64) * 1e6), what, file)
            for start in range(0, len(labels), _AT_ONCE)
            for when, what in zip(
                times[start : start + _AT_ONCE], units[start : start + _AT_ONCE], strict=True
            )
        ]
    return events, labels.astype(int).tolist(), None


_HELD = ("spikes/times", "spikes/units", "labels")
_AT_ONCE = 256
"""Samples that are read from the disk at once."""


def _event(times: Any, channels: Any, file: Path) -> NDArray[Any]:
    """Return events in the order of their times [us]."""
    if len(times) != len(channels):
        raise UnreadableError(file, f"a sample has {len(times)} times and {len(channels)} units")
    found = np.empty(len(times), EVENT)
    found["time"], found["channel"] = times, channels
    return found[np.argsort(found["time"], kind="stable")]


# N-MNIST ----------------------------------------------------------------------------------------

SACCADED = 34
"""Rows and columns of N-MNIST."""
OVERFLOW_ROW, OVERFLOW = 240, 2**13
"""Row that stands for an overflow of the clock, and what it adds to all later times [us]."""


def _read_nmnist(path: Path) -> tuple[Part, Part, tuple[int, ...]]:
    return _nmnist(path / "Train"), _nmnist(path / "Test"), (2, SACCADED, SACCADED)


def _nmnist(folder: Path) -> Part:
    """Read the samples of a part: a folder of .bin files for each digit."""
    digits = sorted(f for f in folder.iterdir() if f.is_dir() and f.name in _DIGITS)
    files = [(file, int(digit.name)) for digit in digits for file in sorted(digit.glob("*.bin"))]
    if not files:
        raise DataError(
            f"{brief(folder)}: has no samples, N-MNIST has them in 0/00002.bin and so on; unpack "
            "Train.zip and Test.zip beside each other.",
            object=str(folder),
        )
    return [nmnist_events(file) for file, _ in files], [label for _, label in files], None


_DIGITS = {str(digit) for digit in range(10)}


def nmnist_events(file: Path) -> NDArray[Any]:
    """Read one sample of N-MNIST (or N-Caltech101's format of 34 x 34 pixels), as `EVENT`.

    An event has five bytes: column, row, and three of which the first bit is the polarity and the
    others are the time [us], most significant first.

    Raises
    ------
    DataError
        If the file is cut short, or an event is not on the sensor.
    """
    with opened(file) as (content, size):
        if size % 5:
            raise UnreadableError(file, f"{size} bytes are no whole number of events of 5 bytes")
        raw = np.frombuffer(content.read(), np.uint8).reshape(-1, 5).astype(np.int64)
    x, y, first, second, third = raw.T
    over = y == OVERFLOW_ROW
    times = ((first & 127) << 16 | second << 8 | third) + OVERFLOW * np.cumsum(over)
    if ((x >= SACCADED) | (y >= SACCADED))[~over].any():
        raise UnreadableError(file, f"an event is not on {SACCADED} x {SACCADED} pixels")
    channels = (first >> 7) * SACCADED**2 + y * SACCADED + x
    return _event(times[~over], channels[~over], file)


# DVS128 Gesture ---------------------------------------------------------------------------------

SENSOR = 128
"""Rows and columns of DVS128 Gesture."""
TRIALS = "trials_to_{}.txt"
"""Lists of the recordings of the training and the test part."""
_PACKET = np.dtype(
    [("kind", "<i2"), ("source", "<i2")]
    + [(name, "<i4") for name in ("size", "at", "overflow", "capacity", "number", "valid")]
)
_POLARITY = np.dtype([("data", "<u4"), ("time", "<u4")])
_VERSION, _BEGIN = b"#!AER-DAT3.1", b"#!END-HEADER"


def _read_gestures(path: Path) -> tuple[Part, Part, tuple[int, ...]]:
    return _gestures(path, "train"), _gestures(path, "test"), (2, SENSOR, SENSOR)


def _gestures(folder: Path, part: str) -> Part:
    """Read the gestures of the recordings that a list names."""
    events, labels, lasts = list[NDArray[Any]](), list[int](), list[float]()
    with opened(folder / TRIALS.format(part)) as (content, _):
        names = content.read(1 << 20).decode("utf-8", "replace").split()
    for name in names:
        file = folder / Path(name).name
        recording = aedat_events(file)
        for row in read_rows(file.with_name(f"{file.stem}_labels.csv"), _GESTURES):
            label, start, stop = (whole(row[column], file, column) for column in _GESTURES[0])
            if not 1 <= label <= 11 or stop <= start:
                raise UnreadableError(
                    file, f"its labels have a gesture {label} of {start} to {stop}"
                )
            begin, end = np.searchsorted(recording["time"], [start, stop])
            found = np.empty(end - begin, EVENT)
            found["time"] = recording["time"][begin:end] - start
            found["channel"] = recording["channel"][begin:end]
            events.append(found)
            labels.append(label - 1)
            lasts.append((stop - start) / 1e3)
    return events, labels, lasts


_GESTURES = (("class", "startTime_usec", "endTime_usec"),)


def aedat_events(file: Path) -> NDArray[Any]:
    """Read the polarity events of an AEDAT 3.1 file of 128 x 128 pixels, in the order of times.

    Returns
    -------
    ndarray
        ``time`` [us], 64 bits, and ``channel``: the polarity times 128 x 128, plus the pixel, row
        by row.

    Raises
    ------
    DataError
        If it is of another version, cut short, or an event is not on the sensor.
    """
    times, channels = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for overflow, packet in _packets(file):
        data = packet["data"].astype(np.int64)
        data, time = data[data & 1 == 1], packet["time"][data & 1 == 1]  # bit 0: valid
        x, y = data >> 17, data >> 2 & 0x7FFF
        if ((x >= SENSOR) | (y >= SENSOR)).any():
            raise UnreadableError(file, f"an event is not on {SENSOR} x {SENSOR} pixels")
        times.append(time.astype(np.int64) + (overflow << 31))
        channels.append((data >> 1 & 1) * SENSOR**2 + y * SENSOR + x)
    found = np.empty(sum(map(len, times)), [("time", np.int64), ("channel", np.int32)])
    found["time"], found["channel"] = np.concatenate(times), np.concatenate(channels)
    return found[np.argsort(found["time"], kind="stable")]


def _packets(file: Path) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the overflows of the clock, and the polarity events, of each packet."""
    with opened(file) as (content, size):
        line = content.readline(1000)
        if not line.startswith(_VERSION):
            raise UnreadableError(file, "it does not begin as AEDAT 3.1 does, #!AER-DAT3.1")
        while not line.startswith(_BEGIN):
            line = content.readline(1000)
            if not line.startswith(b"#"):
                raise UnreadableError(file, "its header has no end")
        while head := content.read(_PACKET.itemsize):
            if len(head) < _PACKET.itemsize:
                raise UnreadableError(file, "it is cut short within the header of a packet")
            packet = np.frombuffer(head, _PACKET)[0]
            needed = int(packet["number"]) * int(packet["size"])
            if packet["number"] < 0 or needed < 0 or needed > size - content.tell():
                raise UnreadableError(file, "it is cut short within a packet")
            body = content.read(needed)
            if packet["kind"] == 1:  # polarity; others, such as special events, are left out
                if packet["size"] != _POLARITY.itemsize:
                    raise UnreadableError(file, f"its events have {packet['size']} bytes, not 8")
                yield int(packet["overflow"]), np.frombuffer(body, _POLARITY)


FORMATS = (
    Format("SHD or SSC", lambda path: _of_heidelberg(path) is not None, _read_heidelberg),
    Format(
        "N-MNIST",
        lambda path: (path / "Train").is_dir() and (path / "Test").is_dir(),
        _read_nmnist,
    ),
    Format(
        "DVS128 Gesture",
        lambda path: (path / TRIALS.format("train")).is_file(),
        _read_gestures,
    ),
)
"""Formats that are known, by what a folder holds."""
