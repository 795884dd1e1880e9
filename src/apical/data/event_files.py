"""Events in .npz files: plain arrays, all events of a part one after the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from apical.data.events import EventSamples, from_flat
from apical.errors import DataError, brief

_OF_PART = ("times", "channels", "offsets", "y", "durations")
NAMES = (*(f"{name}_{part}" for part in ("train", "test") for name in _OF_PART), "shape")
"""Names of the arrays in a file; those of durations may be left out."""


def holds_events(names: Mapping[str, Any]) -> bool:
    """Say whether arrays are those of events."""
    return "times_train" in names


def parts_of(
    file: Path, arrays: Mapping[str, np.ndarray]
) -> tuple[EventSamples, EventSamples, tuple[int, ...]]:
    """Return the training and the test samples of a file, and the shape of the channels.

    Raises
    ------
    DataError
        If arrays are missing, or do not fit together.
    """
    missing = [n for n in NAMES if n not in arrays and not n.startswith("durations")]
    if missing:
        raise DataError(
            f"{brief(file)}: holds events, but lacks {', '.join(missing)}; write it by "
            "apical.datasets.save_events.",
            object=str(file),
        )
    shape = np.atleast_1d(arrays["shape"])
    if shape.dtype.kind not in "iu" or shape.ndim != 1 or not shape.size or shape.min() < 1:
        raise DataError(
            f"{brief(file)}: shape must be the number of channels, or the numbers along each axis, "
            f"got {shape.tolist()}.",
            object=str(file),
        )
    n = int(np.prod(shape, dtype=object))
    found = []
    for part in ("train", "test"):
        times, channels, offsets, labels = (arrays[f"{name}_{part}"] for name in _OF_PART[:4])
        lasts = arrays.get(f"durations_{part}")
        where = f"{brief(file)}: {part}"
        found.append(from_flat(times, channels, offsets, labels, lasts, n, where))
    train, test = found
    return train, test, tuple(int(size) for size in shape)


def arrays_of(
    train: EventSamples, test: EventSamples, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Return the arrays of a file, by name; times are in [ms]."""
    found: dict[str, np.ndarray] = {"shape": np.array(shape)}
    for part, samples in (("train", train), ("test", test)):
        found[f"times_{part}"], found[f"channels_{part}"] = samples.times, samples.channels
        found[f"offsets_{part}"], found[f"y_{part}"] = samples.offsets, samples.labels
        found[f"durations_{part}"] = samples.durations / 1e3
    return found
