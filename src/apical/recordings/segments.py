"""Content of formats that are made of segments with spike trains, epochs and events (Neo's model).

Segments are laid one after another on one clock. Trains with one name are of one unit, which was
observed where it has a train.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from apical.recordings.content import (
    START,
    STOP,
    Column,
    Content,
    IntervalTable,
    UnitTable,
    as_class,
    clean,
    fixed,
    texts,
)

SEGMENTS = "segments"
"""Name of the table with a row for each segment."""


@dataclass(frozen=True)
class Train:
    """A spike train of a segment.

    Parameters
    ----------
    name
        Name of its unit; may be empty.
    start, stop
        When its observation starts and stops, on the clock of the segment [s].
    spikes
        Number of its spikes.
    load
        Reads their times, on the clock of the segment [s].
    about
        What else is known of the unit.
    """

    name: str
    start: float
    stop: float
    spikes: int
    load: Callable[[], np.ndarray] = field(repr=False, compare=False)
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Happenings:
    """The epochs or events of one name in a segment.

    Parameters
    ----------
    name
        Their name.
    start
        When each starts, on the clock of the segment [s], shape (n,).
    duration
        How long each is [s], shape (n,); None for events.
    columns
        What else is known of each, shape (n,).
    """

    name: str
    start: np.ndarray
    duration: np.ndarray | None
    columns: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Segment:
    """A segment: what was recorded at one time.

    Parameters
    ----------
    trains
        Its spike trains.
    happenings
        Its epochs and events.
    about
        Annotations that may be classes.
    """

    trains: Sequence[Train]
    happenings: Sequence[Happenings]
    about: Mapping[str, str]


def content_of(form: str, segments: Sequence[Segment], dataset: str = "") -> Content:
    """Return the content of a file of segments.

    Parameters
    ----------
    form
        As in `Content`.
    segments
        Those of the file, in their order.
    dataset
        As in `Content`.
    """
    kept = [segment for segment in segments if segment.trains]
    # whole seconds, so that no spike moves by rounding; the clock of a single segment is its own
    spans, shifts, clock = [_span(s) for s in kept], [], 0.0
    for first, last in spans:
        shifts.append(clock - first if len(kept) > 1 else 0.0)
        clock = float(np.ceil(clock + last - first)) + 1
    tables = _happenings(kept, shifts)
    if kept:
        tables[SEGMENTS] = _of_segments(kept, spans, shifts)
    return Content(form, tables, _units(kept, shifts), dataset=dataset)


def _span(segment: Segment) -> tuple[float, float]:
    trains = segment.trains
    return min(t.start for t in trains), max(t.stop for t in trains)


def _of_segments(
    segments: Sequence[Segment], spans: Sequence[tuple[float, float]], shifts: Sequence[float]
) -> IntervalTable:
    edges = np.array(spans) + np.array(shifts)[:, None]
    shared = [k for k in segments[0].about if all(k in s.about for s in segments)]
    columns = {key: texts([s.about[key] for s in segments]) for key in shared}
    return _table(SEGMENTS, edges[:, 0], edges[:, 1], columns, "each segment of the file")


def _table(
    name: str,
    start: np.ndarray,
    stop: np.ndarray | None,
    columns: Mapping[str, np.ndarray],
    about: str,
) -> IntervalTable:
    found: dict[str, Column] = {START: fixed(START, start)}
    if stop is not None:
        found[STOP] = fixed(STOP, stop)
    found |= {k: fixed(k, v) for k, v in columns.items() if k not in found}
    return IntervalTable(name, len(start), found, about)


def _happenings(segments: Sequence[Segment], shifts: Sequence[float]) -> dict[str, IntervalTable]:
    """Return the epochs and events of all segments, those of one name in one table."""
    parts: dict[tuple[str, bool], list[tuple[Happenings, float]]] = {}
    for segment, shift in zip(segments, shifts, strict=True):
        for item in segment.happenings:
            lasting = item.duration is not None and bool(np.any(item.duration != 0))
            kind = "epochs" if lasting else "events"
            parts.setdefault((clean(item.name) or kind, lasting), []).append((item, shift))
    found: dict[str, IntervalTable] = {}
    for (name, lasting), items in parts.items():
        start = np.concatenate([h.start + shift for h, shift in items])
        stop = None
        if lasting:
            lengths = np.concatenate([np.asarray(h.duration, float) for h, _ in items])
            stop = start + lengths
        shared = [k for k in items[0][0].columns if all(k in h.columns for h, _ in items)]
        columns = {k: np.concatenate([h.columns[k] for h, _ in items]) for k in shared}
        called = name if name not in found else f"{name} ({'epochs' if lasting else 'events'})"
        found[called] = _table(called, start, stop, columns, "epochs" if lasting else "events")
    return found


def _units(segments: Sequence[Segment], shifts: Sequence[float]) -> UnitTable | None:
    trains: dict[str, list[tuple[Train, float]]] = {}
    for segment, shift in zip(segments, shifts, strict=True):
        names = [train.name for train in segment.trains]
        if "" in names or len(set(names)) < len(names):
            names = [str(number) for number in range(len(names))]
        for name, train in zip(names, segment.trains, strict=True):
            trains.setdefault(name, []).append((train, shift))
    if not trains:
        return None
    of_unit = list(trains.values())
    keys = dict.fromkeys(key for parts in of_unit for train, _ in parts for key in train.about)
    columns = {"id": fixed("id", texts(list(trains)))}
    for key in keys:
        columns[key] = fixed(key, texts([_first(parts, key) for parts in of_unit]))
    spikes = np.array([sum(train.spikes for train, _ in parts) for parts in of_unit])
    seen = [np.array([(t.start + s, t.stop + s) for t, s in parts]) for parts in of_unit]
    return UnitTable(columns, spikes, partial(_times, of_unit), lambda: seen)


def _first(parts: Sequence[tuple[Train, float]], key: str) -> str:
    return as_class(next((train.about[key] for train, _ in parts if key in train.about), ""))


def _times(of_unit: Sequence[Sequence[tuple[Train, float]]], unit: int) -> np.ndarray:
    return np.concatenate([train.load() + shift for train, shift in of_unit[unit]])
