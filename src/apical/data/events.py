"""Events: samples that are spike trains, stored one event after the other, without frames."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from apical._base.checking import shown
from apical._base.parameters import Count
from apical.data import converting
from apical.data.samples import Part, Rows, Samples, numbers_of
from apical.errors import DataError, EventsWarning, brief
from apical.errors.source_location import outside

EVENT = np.dtype([("time", np.int32), ("channel", np.int32)])
"""One event as it is stored: its time [us] and its channel, 8 bytes."""

LONGEST = (2**31 - 1) / 1e3
"""Latest time that is stored [ms]: more than half an hour."""

Pairs = Sequence[tuple[ArrayLike, ArrayLike]]
"""Of each sample the times of its events [ms], in order, and their channels."""


@dataclass(frozen=True, eq=False)
class EventSamples(Samples):
    """Spike trains and class labels of one part of a data set; `apical.Dataset.from_events`.

    What is kept is proportional to the number of events: of each its time, rounded to a
    microsecond, and its channel.

    Parameters
    ----------
    values
        The events of all samples one after the other, shape (n_events,), of type `EVENT`.
    labels
        Class of each sample, from 0, shape (n,), int64.
    scale
        1: events have no scale.
    offsets
        Where the events of each sample begin, and where the last ones end, shape (n + 1,), int64.
    durations
        How long each sample lasts [us], shape (n,), int32; later than its last event.
    n_channels
        Number of channels.

    Raises
    ------
    DataError
        If times are not sorted, negative, or beyond a sample's duration, or a channel is not there.

    See Also
    --------
    apical.Dataset.from_events : Makes them of lists.
    apical.encoding.Events : Shows them to a network.

    Examples
    --------
    >>> import apical as ap
    >>> trains = [([1.0, 2.5, 2.5], [0, 1, 2]), ([0.5], [2])]
    >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=3, duration=10.0)
    >>> data.train
    EventSamples(2 x 3 channels, 4 events, up to 10 ms)
    >>> data.train.times.tolist(), data.train.channels.tolist()
    ([1.0, 2.5, 2.5, 0.5], [0, 1, 2, 2])
    >>> data.train.part([1]).pairs()
    [(array([0.5]), array([2], dtype=int32))]
    """

    are_events: ClassVar[bool] = True

    offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    durations: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    n_channels: Count = 1

    def __post_init__(self) -> None:
        known: list[tuple[Any, Any]] = [(self.values, EVENT), (self.labels, np.int64)]
        known += [(self.offsets, np.int64), (self.durations, np.int32)]
        fit = all(isinstance(a, np.ndarray) and a.dtype == d and a.ndim == 1 for a, d in known)
        n = len(self.durations)
        whole = fit and len(self.labels) == n and len(self.offsets) == n + 1
        whole = whole and not self.offsets[0] and self.offsets[-1] == len(self.values)
        if not whole or (np.diff(self.offsets) < 0).any() or self.scale != 1:
            raise DataError(
                "EventSamples need events, labels, offsets and durations that fit together; "
                "Dataset.from_events makes them.",
                object="EventSamples",
            )
        check(self, "EventSamples")

    def __repr__(self) -> str:
        return (
            f"EventSamples({len(self)} x {self.n_channels} channels, {len(self.values):,} events, "
            f"up to {self.longest:g} ms)"
        )

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All numbers of the samples, from which their check sum is."""
        return (self.values, self.labels, self.offsets, self.durations)

    @property
    def longest(self) -> float:
        """Duration of the longest sample [ms]; 0 if there is none."""
        return float(self.durations.max(initial=0)) / 1e3

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of all events from the onset of their sample [ms], shape (n_events,)."""
        return self.values["time"] / 1e3

    @property
    def channels(self) -> NDArray[np.int32]:
        """Channels of all events, shape (n_events,)."""
        return np.ascontiguousarray(self.values["channel"])

    @property
    def owners(self) -> NDArray[np.intp]:
        """Number of the sample of each event, shape (n_events,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def block(self, index: slice | ArrayLike) -> tuple[Any, NDArray[np.int64]]:
        """Return some samples as stimuli, `EventRows`, and their labels, shape (n_index,).

        Examples
        --------
        >>> import apical as ap
        >>> trains = [([1.0, 2.5], [0, 1]), ([0.5], [1])]
        >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=2, duration=10.0)
        >>> rows, labels = data.train.block([1, 0])
        >>> rows.shape, labels.tolist()
        ((2, 2), [1, 0])
        """
        rows = self.rows(index)
        return rows, self.labels[rows.index]

    def rows(self, index: slice | ArrayLike) -> "EventRows":
        """Return some samples as stimuli, as `block` does."""
        return EventRows(self, self._numbers(index))

    def _numbers(self, index: slice | ArrayLike) -> NDArray[np.intp]:
        return np.arange(len(self))[numbers_of(index, len(self))]

    def part(self, index: Part) -> "EventSamples":
        """Return a subset of the samples, by index or boolean mask."""
        chosen = self._numbers(index)
        at, offsets = _gathered(self.offsets, chosen)
        return replace(
            self,
            values=self.values[at],
            labels=self.labels[chosen],
            offsets=offsets,
            durations=self.durations[chosen],
        )

    def until(self, duration: float) -> "EventSamples":
        """Return the events before a time [ms] in every sample, which then lasts no longer."""
        if not 0.001 <= duration <= LONGEST:
            raise DataError(
                f"events can be kept until a time from 0.001 to {LONGEST:.0f} ms, got "
                f"{shown(duration)}.",
                parameter="duration",
            )
        end = round(duration * 1e3)
        kept = self.values["time"] < end
        sizes = np.bincount(self.owners[kept], minlength=len(self))
        return replace(
            self,
            values=self.values[kept],
            offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
            durations=np.minimum(self.durations, end).astype(np.int32),
        )

    def shuffled(self, rng: np.random.Generator) -> "EventSamples":
        """Return samples whose times are dealt out anew among their events, at random."""
        order = np.lexsort((rng.random(len(self.values)), self.owners))
        values = self.values.copy()
        values["channel"] = self.values["channel"][order]
        return replace(self, values=values)

    def pairs(self) -> list[tuple[NDArray[np.float64], NDArray[np.int32]]]:
        """Return times [ms] and channels of each sample, as `apical.Dataset.from_events` takes."""
        ends, times, channels = self.offsets, self.times, self.channels
        return [
            (times[ends[k] : ends[k + 1]], channels[ends[k] : ends[k + 1]])
            for k in range(len(self))
        ]

    def counts(self) -> NDArray[np.int64]:
        """Return the number of events of each channel in each sample, shape (n, n_channels)."""
        cells = self.owners * self.n_channels + self.values["channel"]
        size = len(self) * self.n_channels
        return np.bincount(cells, minlength=size).reshape(len(self), self.n_channels)


@dataclass(frozen=True, eq=False)
class EventRows(Rows):
    """Events of some samples as the stimuli of a block: what `apical.encoding.Events` takes.

    As an array it is the number of events of each channel, shape (n, n_channels).

    Parameters
    ----------
    samples
        Whose.
    index
        Which, numbered from 0, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> trains = [([1.0, 2.5, 2.9], [0, 1, 1]), ([0.5], [1])]
    >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=2, duration=10.0)
    >>> rows = data.train.rows(slice(None))
    >>> np.asarray(rows).tolist(), rows.are_events
    ([[1, 2], [0, 1]], True)
    >>> steps, lost = rows.steps(dt=1.0, steps=10)  # step of a block * channels + channel
    >>> steps.tolist(), lost  # two events of channel 1 within step 2 are one spike
    ([2, 5, 21], 1)
    """

    are_events: ClassVar[bool] = True

    samples: EventSamples
    index: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples, and of channels."""
        return len(self.index), self.samples.n_channels

    @property
    def longest(self) -> float:
        """Duration of the longest of these samples [ms]."""
        return float(self.samples.durations[self.index].max(initial=0)) / 1e3

    def __getitem__(self, part: slice) -> "EventRows":
        return EventRows(self.samples, self.index[part])

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> NDArray[Any]:
        values = self.samples.part(self.index).counts()
        return values if dtype is None else values.astype(dtype, copy=False)

    def steps(self, dt: float, steps: int) -> tuple[NDArray[np.int64], int]:
        """Return when events are due, in trials one after the other.

        Parameters
        ----------
        dt
            Time step [ms].
        steps
            Time steps of a trial.

        Returns
        -------
        tuple
            For each spike, in order, its step in the block times the number of channels, plus its
            channel, shape (n_spikes,); and the number of events that are no spike of their own,
            since their channel has another in the same step.
        """
        at, offsets = _gathered(self.samples.offsets, self.index)
        found = self.samples.values[at]
        step = np.floor(found["time"] / (1e3 * dt) + _ROUNDING).astype(np.int64)
        step += np.repeat(np.arange(len(self)) * steps, np.diff(offsets))
        due = np.unique(step * self.samples.n_channels + found["channel"])
        return due, len(found) - len(due)

    def due(self, dt: float, steps: int) -> NDArray[np.int64]:
        """Return the spikes as `steps` does; at the first events that are lost it warns.

        Warns
        -----
        EventsWarning
            Once for the samples and a time step, with the numbers of these rows.
        """
        due, lost = self.steps(dt, steps)
        told = _TOLD.setdefault(self.samples, set())
        if lost and dt not in told:
            told.add(dt)
            warnings.warn(
                f"{lost:,} of {lost + len(due):,} events of a block are in one time step "
                f"({dt:g} ms) with another of their channel, and are one spike with it; a smaller "
                "dt keeps them apart.",
                EventsWarning,
                stacklevel=outside(),
            )
        return due


_TOLD: WeakKeyDictionary[EventSamples, set[float]] = WeakKeyDictionary()
"""Time steps for which it was said that events of some samples are lost."""


_ROUNDING = 1e-7
"""Share of a time step by which a quotient of two times may be rounded down."""


def from_pairs(
    pairs: Pairs,
    labels: ArrayLike,
    duration: ArrayLike | None,
    n_channels: int,
    where: str,
) -> EventSamples:
    """Make samples of lists of events, which are checked.

    Parameters
    ----------
    pairs
        Of each sample the times of its events [ms], sorted, and their channels.
    labels
        Class of each sample.
    duration
        How long samples last [ms]: one number for all, or shape (n,); None: until the end of the
        millisecond of the last event.
    n_channels
        Number of channels.
    where
        What they are, for messages.

    Raises
    ------
    DataError
        If they do not fit together.
    """
    if not isinstance(pairs, Iterable) or isinstance(pairs, str | bytes | Mapping):
        raise DataError(
            f"{where}: needs a pair (times, channels) for each sample, got {shown(pairs)}; give a "
            "list of them.",
            object=where,
        )
    times, channels, sizes = list[NDArray[Any]](), list[NDArray[Any]](), [0]
    for k, pair in enumerate(pairs):
        one, other = _pair(pair, f"{where}, sample {k}")
        times.append(one)
        channels.append(other)
        sizes.append(len(one))
    if not times:
        raise DataError(f"{where}: has no samples; give one pair or more.", object=where)
    flat = np.concatenate(times), np.concatenate(channels), np.cumsum(sizes)
    return from_flat(*flat, labels, duration, n_channels, where)


def from_flat(
    times: ArrayLike,
    channels: ArrayLike,
    offsets: ArrayLike,
    labels: ArrayLike,
    duration: ArrayLike | None,
    n_channels: int,
    where: str,
) -> EventSamples:
    """Make samples of the events of all of them one after the other; else as `from_pairs`.

    Parameters
    ----------
    times, channels
        Times from the onset of each sample [ms], and channels, shape (n_events,).
    offsets
        Where the events of each sample begin, and where the last ones end, shape (n + 1,).
    labels, duration, n_channels, where
        As in `from_pairs`.
    """
    when, ends = converting.numbers(times, f"{where}: times"), np.asarray(offsets)
    what = converting.numbers(channels, f"{where}: channels")
    whole = ends.ndim == 1 and ends.size > 1 and ends.dtype.kind in "iu"
    if not whole or ends[0] or ends[-1] != len(when) or (np.diff(ends.astype(np.int64)) < 0).any():
        raise DataError(
            f"{where}: offsets must be whole numbers that rise from 0 to the number of events, "
            f"{len(when)}, one more than samples, got {shown(offsets)}.",
            object=where,
        )
    if len(what) != len(when):
        raise DataError(
            f"{where}: {len(when)} times and {len(what)} channels; give each event both.",
            object=where,
        )
    if not converting.is_whole(what) or (np.abs(what) >= 2**31).any():
        raise DataError(f"{where}: channels must be whole numbers from 0.", object=where)
    if len(when) and not np.abs(when).max() <= LONGEST:
        raise DataError(
            f"{where}: times are in [ms], at most {LONGEST:.0f}, got "
            f"{np.abs(when).max():g}; divide them.",
            object=where,
        )
    stored = np.empty(len(when), EVENT)
    stored["time"], stored["channel"] = np.rint(when * 1e3), what
    return _checked(stored, ends.astype(np.int64), labels, duration, n_channels, where)


def from_stored(
    events: Sequence[NDArray[Any]],
    labels: ArrayLike,
    duration: ArrayLike | None,
    n_channels: int,
    where: str,
) -> EventSamples:
    """Make samples of arrays of `EVENT`, one for each sample; else as `from_pairs`."""
    if not events:
        raise DataError(f"{where}: has no samples; give one or more.", object=where)
    ends = np.cumsum([0, *map(len, events)])
    return _checked(np.concatenate(events), ends, labels, duration, n_channels, where)


def _checked(
    stored: NDArray[Any],
    ends: NDArray[np.int64],
    labels: ArrayLike,
    duration: ArrayLike | None,
    n_channels: int,
    where: str,
) -> EventSamples:
    classes = converting.labels(labels, len(ends) - 1, f"{where}: labels")
    lasts = _durations(stored, ends, duration, where)
    check(_Raw(stored, ends, lasts, n_channels), where)
    return EventSamples(stored, classes, offsets=ends, durations=lasts, n_channels=n_channels)


@dataclass(frozen=True, eq=False)
class _Raw:
    """What `check` looks at."""

    values: NDArray[Any]
    offsets: NDArray[np.int64]
    durations: NDArray[np.int32]
    n_channels: int


def check(samples: EventSamples | _Raw, where: str) -> None:
    """Raise if times are not sorted, negative or beyond the duration, or channels are not there."""
    times, channels, ends = samples.values["time"], samples.values["channel"], samples.offsets
    if not len(times):
        return
    if times.min() < 0:
        k = _sample(ends, int(times.argmin()))
        raise DataError(
            f"{where}, sample {k}: an event is at {times.min() / 1e3:g} ms; times start from 0 at "
            "the onset of the sample, so subtract the onset.",
            object=where,
        )
    back = np.diff(times) < 0
    begins = ends[1:-1]
    back[begins[(begins > 0) & (begins < len(times))] - 1] = False
    if back.any():
        at = int(back.argmax()) + 1
        raise DataError(
            f"{where}, sample {_sample(ends, at)}: times are not sorted, {times[at] / 1e3:g} ms "
            f"comes after {times[at - 1] / 1e3:g} ms; order both by "
            "numpy.argsort(times, kind='stable').",
            object=where,
        )
    wrong = (channels < 0) | (channels >= samples.n_channels)
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(
            f"{where}, sample {_sample(ends, at)}: channel {channels[at]} is not among 0 to "
            f"{samples.n_channels - 1}; give n_channels as many as there are.",
            object=where,
        )
    full = np.diff(ends) > 0
    last = times[ends[1:][full] - 1]
    late = last >= samples.durations[full]
    if late.any():
        k = int(np.flatnonzero(full)[late.argmax()])
        raise DataError(
            f"{where}, sample {k}: lasts {samples.durations[k] / 1e3:g} ms, but its last event is "
            f"at {times[ends[k + 1] - 1] / 1e3:g} ms; give a longer duration, or leave events out.",
            object=where,
        )


def _sample(ends: NDArray[np.int64], event: int) -> int:
    return int(np.searchsorted(ends, event, side="right")) - 1


def _pair(pair: Any, where: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times and channels of a sample, of the same length."""
    try:
        times, channels = pair
    except (TypeError, ValueError):
        raise DataError(
            f"{where}: needs a pair of the times [ms] and the channels of its events, got "
            f"{shown(pair)}.",
            object=where,
        ) from None
    one = converting.numbers(times, f"{where}: times")
    other = converting.numbers(channels, f"{where}: channels")
    if one.ndim != 1 or one.shape != other.shape:
        raise DataError(
            f"{where}: times of shape {one.shape} and channels of shape {other.shape}; give each "
            "event both, in two lists of one length.",
            object=where,
        )
    return one, other


def _durations(
    stored: NDArray[Any], ends: NDArray[np.int64], given: ArrayLike | None, where: str
) -> NDArray[np.int32]:
    """Return how long samples last [us]."""
    n = len(ends) - 1
    if given is None:
        found = np.full(n, 1000, np.int64)
        full = np.diff(ends) > 0
        found[full] = stored["time"][ends[1:][full] - 1] // 1000 * 1000 + 1000
        return np.maximum(found, 1000).astype(np.int32)
    lasts = converting.numbers(given, f"{where}: duration")
    if lasts.shape not in ((), (n,)):
        raise DataError(
            f"{where}: needs one duration, or one for each of {n} samples, got shape "
            f"{lasts.shape}.",
            object=where,
            parameter="duration",
        )
    if not (lasts > 0).all() or not (lasts <= math.floor(LONGEST)).all():
        raise DataError(
            f"{where}: durations must be above 0 and at most {LONGEST:.0f} ms, got {shown(given)}.",
            object=where,
            parameter="duration",
        )
    return np.broadcast_to(np.rint(lasts * 1e3), (n,)).astype(np.int32)


def _gathered(
    offsets: NDArray[np.int64], chosen: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the events of some samples, and where those of each begin among them.

    Whose events stand in a row is not looked up event by event in the callers.
    """
    sizes = offsets[chosen + 1] - offsets[chosen]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    at = np.arange(ends[-1]) + np.repeat(offsets[chosen] - ends[:-1], sizes)
    return at, ends


def no_scale(name: str, scale: float | None) -> None:
    """Raise if a scale is given for events, which have none."""
    if scale is not None and scale != 1:
        raise DataError(
            f"{brief(name)}: events have no scale, got {scale:g}; leave scale (--scale) out.",
            parameter="scale",
        )
