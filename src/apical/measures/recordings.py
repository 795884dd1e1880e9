"""Neural recordings: spike trains of trials, read from NWB and NIX files."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.checking import check_fields, checked, require, shown
from apical._base.extras import library
from apical._base.memory import free_memory, sized
from apical._base.parameters import Kinds, Vector
from apical.errors import DataError, brief
from apical.records.arrays import Spikes, check_inside

LABELS = ("label", "stimulus", "condition")
"""Columns in which the class of a trial is looked up, in this order."""


_ROUNDING = 1e-9
"""Tolerance by which a spike may precede the onset of its trial [s], since sums are rounded."""


@dataclass(frozen=True)
class Recording:
    """A neural recording: spike trains of recorded neurons in trials.

    Parameters
    ----------
    path
        The file it is from.
    spikes
        Spikes from the onset of each trial [ms], those between trials left out.
    populations
        Population of each neuron, ``""`` where the file names none, shape (n,).
    durations
        Length of each trial [ms], shape (n_trials,).
    labels
        Class of each trial, as text, shape (n_trials,); None where the file names none.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from apical.measures.recordings import Recording
    >>> from apical.testing.references import records
    >>> spikes, areas = records().spikes["hidden"], np.array(["M1", "V1", "M1"])
    >>> labels = np.array(["left", "right"])
    >>> recording = Recording(Path("day_1.nwb"), spikes, areas, np.full(2, 50.0), labels)
    >>> recording.counts
    array([[1, 1, 0],
           [0, 0, 1]])
    >>> recording.part("M1").counts
    array([[1, 0],
           [0, 1]])
    """

    path: Path
    spikes: Spikes
    populations: Kinds
    durations: Vector
    labels: Kinds | None

    def __post_init__(self) -> None:
        check_fields(self)
        n, trials = len(self.populations), len(self.durations)
        check_inside(self.spikes, "Recording", trials, n)
        require(
            self.labels is None or len(self.labels) == trials,
            "Recording",
            "labels",
            f"one for each of {trials} trials",
            f"{0 if self.labels is None else len(self.labels)}",
        )

    def __len__(self) -> int:
        return len(self.durations)

    @property
    def counts(self) -> np.ndarray:
        """Spike count of each neuron in each trial, shape (n_trials, n)."""
        n = len(self.populations)
        flat = self.spikes.trial.astype(np.int64) * n + self.spikes.unit
        return np.bincount(flat, minlength=len(self) * n).reshape(len(self), n)

    def part(self, population: str) -> "Recording":
        """Return the neurons of one population, renumbered."""
        chosen = self.populations == population
        number = np.cumsum(chosen) - 1
        of = chosen[self.spikes.unit]
        spikes = self.spikes
        left = Spikes(spikes.trial[of], spikes.time[of], number[spikes.unit[of]])
        return Recording(self.path, left, self.populations[chosen], self.durations, self.labels)


@checked()
def load_recording(path: str | Path, label: str | None = None) -> Recording:
    """Load a recording from a file, and align its spike trains to trials.

    Parameters
    ----------
    path
        NWB (``.nwb``): the table of units, with the column ``population`` if there is one, and that
        of trials. NIX (``.nix``, read by Neo): each segment is a trial; if there is one segment
        only, each event of its epoch. The files that this package exports are of this form. Neo
        takes some 10 ms for each train of each trial, so many neurons and trials belong in NWB.
    label
        Column, or annotation, that holds the class of each trial; by default the first of
        `LABELS` that there is.

    Raises
    ------
    DataError
        If the file cannot be read; if it has no trials, no units or no such label; if a library is
        not installed.

    Examples
    --------
    The activity of a network, exported, and read again like a recording:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.export import export
    >>> from apical.measures.recordings import load_recording
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = export(records(), "nwb", Path(folder) / "hidden.nwb")
    ...     recording = load_recording(file)
    >>> recording.populations.tolist(), recording.labels.tolist(), recording.durations.tolist()
    (['hidden', 'hidden', 'hidden'], ['0', '1'], [50.0, 50.0])
    >>> bool((recording.counts == records().counts("hidden")).all())
    True
    """
    path = Path(path)
    readers = {".nwb": ("NWB", _read_nwb), ".nix": ("NIX", _read_nix)}
    if path.suffix not in readers:
        raise DataError(
            f"Recording {brief(path)} must be an NWB file (.nwb) or a NIX file (.nix); convert "
            "it, for "
            "instance with NeuroConv.",
            object=f"Recording {brief(path)}",
        )
    if not path.is_file():
        raise DataError(
            f"Recording {brief(path)} is not there; check the path.",
            object=f"Recording {brief(path)}",
        )
    form, read = readers[path.suffix]
    with _reading(path, form):
        units, windows, columns = read(path)
    if not len(windows):
        raise DataError(
            f"Recording {brief(path)} has no trials; a table of trials is needed.",
            object=f"Recording {brief(path)}",
        )
    if not units:
        raise DataError(
            f"Recording {brief(path)} has no units with spike times; sorted units are needed.",
            object=f"Recording {brief(path)}",
        )
    if not np.isfinite(windows).all() or np.any(windows[:, 1] <= windows[:, 0]):
        raise DataError(
            f"Recording {brief(path)}: every trial must stop after it starts; some do not.",
            object=f"Recording {brief(path)}",
        )
    return Recording(
        path,
        _cut([unit.times for unit in units], windows),
        np.array([unit.population for unit in units]),
        np.diff(windows, axis=1)[:, 0] * 1e3,
        _labels(path, columns, label),
    )


@dataclass(frozen=True)
class _Unit:
    """A recorded neuron: the times of its spikes [s], on the clock of the trials."""

    population: str
    times: np.ndarray


_Content = tuple[Sequence[_Unit], np.ndarray, Mapping[str, np.ndarray]]
"""Units, start and stop of each trial [s], and columns of the trials."""


@contextmanager
def _reading(path: Path, form: str) -> Iterator[None]:
    """Turn any exception that a library raises on a damaged file into a `DataError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except Exception as error:  # readers of HDF5 raise nearly anything
        said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise DataError(
            f"Recording {brief(path)} cannot be read as {form}: {said}.",
            object=f"Recording {brief(path)}",
        ) from None


def _check_size(path: Path) -> None:
    """Raise if the arrays that a file of HDF5 declares do not fit into memory, before any is read.

    Packed in chunks, or with a value for what was never written, they may be of any size.
    """
    sizes: list[int] = []

    def look(name: str, found: Any) -> None:
        if hasattr(found, "dtype") and found.shape is not None:
            sizes.append(math.prod(found.shape) * found.dtype.itemsize)

    with library("h5py", path.suffix.removeprefix(".")).File(path, "r") as file:
        file.visititems(look)
    needed, free = sum(sizes), free_memory()
    if needed > free:
        raise DataError(
            f"Recording {path} declares arrays of {sized(needed)}, and {sized(free)} of memory are "
            "free; cut it into parts, or take a machine with more memory.",
            object=f"Recording {path}",
        )


def _read_nwb(path: Path) -> _Content:
    pynwb = library("pynwb", "nwb")
    _check_size(path)
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        content = file.read()
        trials, table = content.trials, content.units
        windows, columns = np.zeros((0, 2)), {}
        if trials is not None and len(trials):
            edges = (trials["start_time"].data[:], trials["stop_time"].data[:])
            windows = np.stack(edges, axis=1).astype(float)
            columns = {name: np.asarray(trials[name][:]) for name in _known(trials.colnames)}
        units: list[_Unit] = []
        if table is not None and "spike_times" in table.colnames:
            names = table["population"][:] if "population" in table.colnames else [""] * len(table)
            ends = np.asarray(table["spike_times"].data[:], dtype=np.int64)
            times = np.asarray(table["spike_times"].target.data[:], dtype=float)
            parts = np.split(times, ends[:-1]) if len(ends) else []
            units = [_Unit(_text(name), part) for name, part in zip(names, parts, strict=True)]
        return units, windows, columns


def _known(names: Sequence[str]) -> list[str]:
    """Return the columns that are not times, or lists of other objects."""
    return [n for n in names if n not in ("start_time", "stop_time", "tags", "timeseries")]


def _read_nix(path: Path) -> _Content:
    neo = library("neo", "nix")
    _check_size(path)
    file = neo.NixIO(str(path), mode="ro")
    try:
        segments = [segment for block in file.read_all_blocks() for segment in block.segments]
    finally:
        file.close()
    if len(segments) == 1 and segments[0].epochs:
        return _from_epoch(segments[0])
    return _from_segments([segment for segment in segments if segment.spiketrains])


def _from_epoch(segment: Any) -> _Content:
    epoch = next((e for e in segment.epochs if e.name == "trials"), segment.epochs[0])
    starts, lengths = (np.asarray(q.rescale("s").magnitude) for q in (epoch, epoch.durations))
    columns = {key: np.asarray(values) for key, values in epoch.array_annotations.items()}
    if len(epoch.labels) == len(starts):
        columns.setdefault(LABELS[0], np.asarray(epoch.labels))
    units = [_Unit(_population(t), t.rescale("s").magnitude) for t in segment.spiketrains]
    return units, np.stack([starts, starts + lengths], axis=1), columns


def _from_segments(segments: Sequence[Any]) -> _Content:
    """Put trials end to end, on one clock; trains with one name are of one neuron."""
    times: dict[str, list[np.ndarray]] = {}
    of: dict[str, str] = {}
    windows, onset = [], 0.0
    for segment in segments:
        trains = list(segment.spiketrains)
        names = [train.name or "" for train in trains]
        if "" in names or len(set(names)) < len(names):
            names = [str(number) for number in range(len(trains))]
        starts, stops = ([float(q.rescale("s")) for q in edge] for edge in _edges(trains))
        for name, train in zip(names, trains, strict=True):
            moved = train.rescale("s").magnitude - min(starts) + onset
            times.setdefault(name, []).append(moved)
            of.setdefault(name, _population(train))
        windows.append((onset, onset + max(stops) - min(starts)))
        onset = np.ceil(windows[-1][1]) + 1  # whole seconds, so that no spike moves by rounding
    units = [_Unit(of[name], np.concatenate(parts)) for name, parts in times.items()]
    keys = set.intersection(*(set(s.annotations) for s in segments)) if segments else set()
    columns = {key: np.array([_text(s.annotations[key]) for s in segments]) for key in keys}
    return units, np.array(windows).reshape(-1, 2), columns


def _edges(trains: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    return [train.t_start for train in trains], [train.t_stop for train in trains]


def _population(train: Any) -> str:
    return _text(train.annotations.get("population", ""))


def _cut(units: Sequence[np.ndarray], windows: np.ndarray) -> Spikes:
    """Return the spikes within each window, from its start [ms]; windows may overlap."""
    times = np.concatenate(units)
    number = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
    order = np.argsort(times, kind="stable")
    times, number = times[order], number[order]
    first, last = (np.searchsorted(times, edge - _ROUNDING) for edge in windows.T)
    size = last - first
    trial = np.repeat(np.arange(len(windows)), size)
    at = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + first[trial]
    return Spikes(trial, np.maximum(times[at] - windows[trial, 0], 0) * 1e3, number[at])


def _labels(path: Path, columns: Mapping[str, np.ndarray], name: str | None) -> np.ndarray | None:
    if name is not None and name not in columns:
        known = ", ".join(sorted(columns)) or "none"
        raise DataError(
            f"Recording {brief(path)} has no column {shown(name)} of its trials; it has "
            f"{known}: name one.",
            object=f"Recording {brief(path)}",
        )
    found = name or next((key for key in LABELS if key in columns), None)
    return None if found is None else np.array([_text(value) for value in columns[found]])


def _text(value: Any) -> str:
    """Return a class as text; 3, 3.0, "3" and b"3" are one class."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
