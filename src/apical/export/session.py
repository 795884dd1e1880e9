"""The time axis of a session, with trials concatenated, and iteration in portions."""

from collections.abc import Iterator

import numpy as np

from apical.errors import DataError
from apical.records.arrays import Records, Spikes

PORTION = 500_000
"""Number of rows processed at a time, which bounds memory."""


def portions(n: int, size: int = PORTION) -> Iterator[slice]:
    """Yield consecutive slices of at most `size` that cover `n` rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def session_times(records: Records, spikes: Spikes, chosen: slice | np.ndarray) -> np.ndarray:
    """Return spike times from the start of the session [ms], shape (n_chosen,)."""
    onset = spikes.trial[chosen] * np.float64(records.duration)
    return np.minimum(onset + spikes.time[chosen], session_end(records))  # sums are rounded


def session_end(records: Records) -> float:
    """Return the end of the last trial [ms]."""
    return len(records) * float(records.duration)


def populations_of(records: Records) -> tuple[list[str], list[str]]:
    """Return the names of populations whose spikes were recorded, and of all others."""
    spiking = [name for name in records.units if name in records.spikes]
    return spiking, [name for name in records.units if name not in records.spikes]


def split(signal: str) -> tuple[str, str]:
    """Split the full name of a signal into population and signal."""
    population, _, rest = signal.rpartition(".")
    return population, rest


def sampling(records: Records, n: int) -> tuple[float, float]:
    """Return the time of the first of `n` samples of a trial, and the sampling interval [ms].

    A signal with one sample in each trial is sampled at its end, at intervals of a trial.
    """
    return (0.0, records.dt) if n > 1 else (records.duration, records.duration)


def check(records: Records) -> None:
    """Raise if records are inconsistent and cannot be exported.

    Raises
    ------
    DataError
        If there are no trials, or spikes or signals do not fit the trials and units.
    """
    n = len(records)
    if not n:
        raise DataError("These records hold no trials, so there is nothing to export; record some.")
    for name, spikes in records.spikes.items():
        _check_spikes(records, name, spikes)
    for name, values in records.signals.items():
        _check_signal(records, name, values)


def _check_signal(records: Records, name: str, values: np.ndarray) -> None:
    population, _ = split(name)
    n, units = len(records), len(records.units[population])
    points = round(records.duration / records.dt)
    if not np.isclose(points * records.dt, records.duration):
        points = 1  # points of several trials would not lie on one axis
    fits = values.ndim == 3 and values.shape[1] in (1, points)
    if not fits or values.shape[::2] != (n, units):
        raise DataError(
            f"Signal {name!r} of these records has shape {values.shape}; with {n} trials of "
            f"{records.duration:g} ms in steps of {records.dt:g} ms and {units} units it needs "
            f"(trial, time, unit) = ({n}, {points} or 1, {units}).",
            object=f"Signal {name!r}",
        )


def _check_spikes(records: Records, name: str, spikes: Spikes) -> None:
    last = (-1, 0.0)
    for part in portions(len(spikes)):
        trial, time, unit = spikes.trial[part], spikes.time[part], spikes.unit[part]
        inside = (trial >= 0) & (trial < len(records)) & (unit >= 0)
        inside &= (unit < len(records.units[name])) & (time >= 0) & (time <= records.duration)
        if not inside.all():
            k = int(np.argmin(inside))
            raise DataError(
                f"Spikes of {name!r}: unit {unit[k]} at {time[k]:g} ms of trial {trial[k]} is "
                f"outside of {len(records)} trials of {records.duration:g} ms with "
                f"{len(records.units[name])} units."
            )
        ordered = np.diff(trial) > 0
        ordered |= (np.diff(trial) == 0) & (np.diff(time) >= 0)
        if not ordered.all() or last > (int(trial[0]), float(time[0])):
            raise DataError(f"Spikes of {name!r} are not in the order of trials and times.")
        last = (int(trial[-1]), float(time[-1]))
