"""Export to Neurodata Without Borders (NWB 2) through pynwb.

All times are in seconds on the time axis of the session, whose time 0 is the onset of the first
trial. Units whose spikes were recorded are in the units table, silent ones with no spikes; all
others are in the table ``other_units`` of the processing module ``misc``, since a unit that cannot
spike differs from a silent one. There are no electrodes or devices. Synapses are in the table
``projections`` of the same module: a row for each projection, whose cells in the columns
``pre_unit``, ``post_unit``, ``weight`` and ``initial_weight`` are arrays, a value for each synapse
that exists. Its table ``stimuli`` holds the stimuli, which as images took a millisecond each. The
list of keywords is left out: Neo cannot open a file that has one (python-neo issue 1413).

Source of the format: Ruebel et al. 2022, eLife 11:e78362, doi:10.7554/eLife.78362.
"""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from apical._base.extras import library
from apical.export import about, session, tables
from apical.export.exporter import Exporter
from apical.records.arrays import Records, Spikes

_COMPRESSED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


def write(records: Records, path: Path, metrics: pandas.DataFrame | None) -> None:
    """Write a file of format NWB 2.

    Raises
    ------
    DataError
        If pynwb is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pynwb import NWBHDF5IO
    >>> from apical.export import export
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export(records(), "nwb", Path(folder) / "activity.nwb")
    ...     with NWBHDF5IO(path, "r") as file:
    ...         session = file.read()
    ...         spikes = [session.units["spike_times"][k].tolist() for k in range(3)]
    ...         trials = len(session.trials)

    Trials of 50 ms follow one another in a session, whose times are in seconds: the spike at 7 ms
    of the second trial is at 0.057 s.

    >>> trials, [[round(float(time), 4) for time in train] for train in spikes]
    (2, [[0.003], [0.0125], [0.057]])
    """
    pynwb = library("pynwb", "nwb")
    file = _session(pynwb, records)
    spiking, others = session.populations_of(records)
    if not any(len(records.spikes[name]) for name in spiking):
        # no reader opens a units table without a single spike
        spiking, others = [], list(records.units)
    if spiking:
        file.units = _units(pynwb, records, spiking)
    file.trials = _trials(pynwb, records)
    file.add_stimulus(_presentations(pynwb, records))
    for name in records.signals:
        for series in _series(pynwb, records, name):
            file.add_acquisition(series)
    module = file.create_processing_module(
        "misc", "Stimuli, units without spikes, synapses, and the metrics of training."
    )
    module.add(_stimuli(pynwb, records))
    if others:
        module.add(_other_units(pynwb, records, others))
    if records.synapses:
        module.add(_projections(pynwb, records))
    if metrics is not None and len(metrics) > 0:
        module.add(_metrics(pynwb, metrics))
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)


def _session(pynwb: Any, records: Records) -> Any:
    origin = records.about
    made = about.created(origin)
    when = "the time at which it was recorded" if made else "the time of this export"
    name = about.title(origin)
    return pynwb.NWBFile(
        session_description=f"{about.SIMULATED} {about.axis(records)} The start of the session is "
        f"{when}.",
        identifier=str(uuid.uuid4()),
        session_start_time=made or datetime.now(UTC),
        session_id=name.replace("/", "-"),
        experiment_description=about.story(records),
        notes=about.as_text(about.provenance(records, "nwb", ("pynwb", "hdmf"))),
        related_publications=about.dois(origin) or None,
        was_generated_by=[
            [str(key), str(value)] for key, value in (origin.get("versions") or {}).items()
        ]
        or None,
        subject=_no_subject(pynwb, name),
    )


def _no_subject(pynwb: Any, name: str) -> Any:
    """Return a placeholder subject, required by the format's checks, that says there is none.

    Species is the entry "synthetic construct" of the NCBI taxonomy; age is the range that excludes
    nothing, 0 days or more.
    """
    return pynwb.file.Subject(
        subject_id=f"simulation-{name.replace('/', '-')}",
        description=f"There is no subject. {about.SIMULATED} Species, sex and age are stand-ins "
        "that mean none: synthetic construct, unknown, 0 days or more.",
        species="http://purl.obolibrary.org/obo/NCBITaxon_32630",
        sex="U",
        age="P0D/",
    )


# ---- tables -------------------------------------------------------------------------------------
def _column(pynwb: Any, name: str, description: str, values: Any) -> Any:
    return pynwb.core.VectorData(name=name, description=description, data=values)


def _described(records: Records, names: list[str]) -> list[tuple[str, str, Any]]:
    """Return the columns that describe units: name, description, values."""
    units = [(name, records.units[name]) for name in names]
    return [
        (
            "population",
            "Population of the network that the unit belongs to.",
            [name for name, group in units for _ in range(len(group))],
        ),
        (
            "unit",
            "Index of the unit in its population, from 0.",
            _small(np.concatenate([np.arange(len(group)) for _, group in units])),
        ),
        ("kind", "Model neuron.", [group.kind for _, group in units for _ in range(len(group))]),
        (
            "sign",
            "Type of the unit: 1 excitatory, -1 inhibitory, 0 mixed. For spiking error neurons: "
            "the sign of the error that they encode.",
            np.concatenate([group.signs for _, group in units]).astype(np.int8),
        ),
    ]


def _units(pynwb: Any, records: Records, names: list[str]) -> Any:
    columns = [_column(pynwb, *column) for column in _described(records, names)]
    called = [f"{name}.{unit}" for name in names for unit in range(len(records.units[name]))]
    columns.append(_column(pynwb, "_name", "Population and unit; Neo reads it as a name.", called))
    times, ends = _ByUnit.of(records, names)
    spikes = _column(
        pynwb,
        "spike_times",
        f"Spike times [s] of the session. {about.axis(records)}",
        _streamed(times),
    )
    index = pynwb.core.VectorIndex(name="spike_times_index", target=spikes, data=ends)
    n, end = len(ends), session.session_end(records) / 1e3
    observed = _column(  # Neo takes the ends of its spike trains from here
        pynwb,
        "obs_intervals",
        "The whole session [s]: units are never out of sight.",
        np.tile([0.0, end], (n, 1)),
    )
    seen = pynwb.core.VectorIndex(
        name="obs_intervals_index", target=observed, data=np.arange(1, n + 1)
    )
    return pynwb.misc.Units(
        name="units",
        description="Simulated units: model neurons, not sorted spikes. Units without spikes "
        "were recorded and silent.",
        id=np.arange(n),
        columns=[*columns, index, spikes, seen, observed],
        colnames=[*(column.name for column in columns), "spike_times", "obs_intervals"],
        resolution=records.dt / 1e3,
    )


def _other_units(pynwb: Any, records: Records, names: list[str]) -> Any:
    recorded = [name in records.spikes for name in names for _ in range(len(records.units[name]))]
    columns = [_column(pynwb, *column) for column in _described(records, names)]
    columns.append(
        _column(
            pynwb,
            "spikes_recorded",
            "Whether spikes were recorded, and there were none.",
            np.array(recorded),
        )
    )
    return pynwb.core.DynamicTable(
        name="other_units",
        description="Simulated units that are not in the units table: those whose spikes were not "
        "recorded, those with graded activity, which never spike, and all if none ever did.",
        id=np.arange(len(columns[0])),
        columns=columns,
    )


def _trials(pynwb: Any, records: Records) -> Any:
    onset = np.arange(len(records)) * np.float64(records.duration) / 1e3
    end = (np.arange(len(records)) + 1) * np.float64(records.duration) / 1e3
    columns = (
        ("start_time", "Onset of the stimulus [s].", onset),
        ("stop_time", "End of the stimulus and of the trial [s].", end),
        *_answers(records),
        ("sample", "Index of the stimulus in the data set.", _small(records.samples)),
        (
            "stimulus",
            "Row of the table 'stimuli' with the stimulus, from 0.",
            _small(np.unique(records.samples, return_inverse=True)[1]),
        ),
    )
    return pynwb.epoch.TimeIntervals(
        name="trials",
        description=f"Presentations of one stimulus each. {about.axis(records)}",
        id=np.arange(len(records)),
        columns=[_column(pynwb, *column) for column in columns],
    )


def _answers(records: Records) -> tuple[tuple[str, str, Any], ...]:
    """Return the columns of the trials with what was wanted, and what the network made of it."""
    if records.targets is not None and records.outputs is not None:
        axes = "target" if records.targets.ndim == 2 else "frame of the trial, target"
        return (
            ("target", f"What the output should be: {axes}.", records.targets),
            (
                "output",
                f"Output of the network in the units of targets, without seeing them: {axes}.",
                np.asarray(records.outputs, np.float64),
            ),
        )
    return (
        ("label", "Class of the stimulus.", _small(records.labels)),
        (
            "decision",
            "Class that the network decided on, without seeing the label.",
            _small(records.decisions),
        ),
        ("correct", "Whether the decision is the label.", np.asarray(records.correct, bool)),
    )


def _projections(pynwb: Any, records: Records) -> Any:
    """Return the table of projections: a row each, with arrays of a value for each synapse."""
    table = tables.projections(records)
    edges = [one.edges() for one in records.synapses.values()]
    ends = np.cumsum([len(pre) for pre, _ in edges]).astype(np.uint64)
    every = list(zip(records.synapses.values(), edges, strict=True))
    columns = [
        _column(pynwb, name, text, _plain(table[name])) for name, text in _OF_PROJECTIONS.items()
    ]
    for name, text, values in (
        ("pre_unit", "Presynaptic unit of each synapse", [pre for _, (pre, _) in every]),
        ("post_unit", "Postsynaptic unit of each synapse", [post for _, (_, post) in every]),
        ("weight", "Weight of each synapse now", [one.each(one.weights) for one, _ in every]),
        (
            "initial_weight",
            "Weight of each synapse before learning",
            [one.each(one.before) for one, _ in every],
        ),
    ):
        unit = "dimensionless" if "weight" in name else "index in its population, from 0"
        flat = np.concatenate(values)
        flat = flat.astype(np.uint32) if flat.dtype.kind in "iu" else flat
        data = pynwb.H5DataIO(flat, **_COMPRESSED) if len(flat) else flat
        column = _column(pynwb, name, f"{text} [{unit}].", data)
        columns += [
            pynwb.core.VectorIndex(name=f"{name}_index", target=column, data=ends),
            column,
        ]
    return pynwb.core.DynamicTable(
        name="projections",
        description="Projections of the network, one row each. Cells of pre_unit, post_unit, "
        "weight and initial_weight are arrays with a value for each synapse; synapses that do not "
        "exist are not among them.",
        id=np.arange(len(table)),
        columns=columns,
        colnames=[*_OF_PROJECTIONS, "pre_unit", "post_unit", "weight", "initial_weight"],
    )


_OF_PROJECTIONS = {
    "projection": "Name of the projection.",
    "pre": "Presynaptic population.",
    "post": "Postsynaptic population.",
    "role": "What it does: forward, lateral, feedback, error (to error neurons) or bias.",
    "carries": "Which signal of the presynaptic population reaches which input.",
    "delay_ms": "Transmission delay of spikes [ms].",
    "rule": "Learning rule; empty for fixed weights.",
    "update": "Change of a weight that the rule makes.",
}


def _plain(column: pandas.Series) -> Any:
    """Return a column as numbers, or as a list of texts."""
    return column.to_numpy() if column.dtype.kind in "iuf" else [str(text) for text in column]


def _metrics(pynwb: Any, metrics: pandas.DataFrame) -> Any:
    told = {
        "run": "Name of the run.",
        "seed": "Seed of the run.",
        "epoch": "Epochs of training completed.",
        "block": "Blocks completed in the current epoch.",
        "trial": "Training trials completed in total.",
        "metric": "Name of the metric: accuracies are fractions, measured with learning off; "
        "rate is a mean firing rate [Hz]; angle is the angle between the weight update and the "
        "backpropagation gradient [degrees].",
        "subject": "Population or projection of the metric; empty for the whole network.",
        "value": "The value, in the unit of the metric.",
    }
    columns = []
    for name, description in told.items():
        values = metrics[name].to_numpy()
        number = values.dtype.kind in "iu"
        text = [str(value) for value in values] if values.dtype.kind not in "iufb" else values
        columns.append(_column(pynwb, name, description, _small(values) if number else text))
    return pynwb.core.DynamicTable(
        name="learning_curves",
        description="Metrics of the training of the network, before this session.",
        id=np.arange(len(metrics)),
        columns=columns,
    )


def _small(values: np.ndarray) -> np.ndarray:
    """Return integers in the smallest type that holds them."""
    values = np.asarray(values)
    if not len(values):
        return values
    return values.astype(
        np.promote_types(np.min_scalar_type(values.min()), np.min_scalar_type(values.max()))
    )


# ---- stimuli and signals ------------------------------------------------------------------------
def _stimuli(pynwb: Any, records: Records) -> Any:
    """Return the table of stimuli, each of them once."""
    samples, first = np.unique(records.samples, return_index=True)
    images = np.asarray(records.values[first], np.float32)
    shape = _image_shape(records.about.get("shape"), images.shape[1])
    columns = (
        ("sample", "Index of the stimulus in the data set.", _small(samples)),
        (
            "image",
            "The stimulus, values in [0, 1]: stimulus, height, width (and colour). Stimuli that "
            "are not images are single rows.",
            pynwb.H5DataIO(images.reshape(len(first), *shape), **_COMPRESSED),
        ),
    )
    return pynwb.core.DynamicTable(
        name="stimuli",
        description="Stimuli that were shown, each once, by their index in the data set.",
        id=np.arange(len(first)),
        columns=[_column(pynwb, *column) for column in columns],
    )


def _presentations(pynwb: Any, records: Records) -> Any:
    """Return the time course of the presentation of stimuli.

    An IndexSeries would be better, but Neo cannot open files that have one.
    """
    return pynwb.TimeSeries(
        name="presentations",
        description="Index in the data set of the sample shown from this time on, to the end of "
        "the trial; the table 'stimuli' holds it, in the row that the column 'stimulus' of the "
        f"trials names. {about.axis(records)}",
        data=_small(records.samples),
        unit="dimensionless",
        starting_time=0.0,
        rate=1e3 / records.duration,
    )


def _image_shape(shape: Any, n: int) -> tuple[int, ...]:
    """Return the shape of a stimulus of `n` values as an image: in colours, grey, or one row."""
    sizes = tuple(int(size) for size in shape or ())
    sizes = sizes[:2] if len(sizes) == 3 and sizes[2] == 1 else sizes
    is_image = len(sizes) == 2 or (len(sizes) == 3 and sizes[2] == 3)
    return sizes if is_image and np.prod(sizes) == n else (1, n)


def _series(pynwb: Any, records: Records, name: str) -> list[Any]:
    """Return a signal as time series, time first.

    A signal of more units than points in time is cut into series of at most as many units as
    points: readers and checkers of the format take the longer axis to be time.
    """
    n_trials, n_times, n_units = records.signals[name].shape
    points = n_trials * n_times
    population, signal = session.split(name)
    start, step = session.sampling(records, n_times)
    when = "once a trial, at its end" if n_times == 1 else f"every {records.dt:g} ms"
    found = []
    for part in session.portions(n_units, max(1, points)):
        last = "" if n_units <= points else f".{part.start}-{part.stop - 1}"
        found.append(
            pynwb.TimeSeries(
                name=f"{name}{last}",
                description=f"Simulated signal {signal!r} of population {population!r}, {when}; "
                f"dimensionless, membranes in units of the threshold. Column j is unit "
                f"{part.start} + j. {about.axis(records)}",
                data=_streamed(_Signal(records.signals[name], part)),
                unit="dimensionless",
                starting_time=start / 1e3,
                rate=1e3 / step,
            )
        )
    return found


# ---- streams ------------------------------------------------------------------------------------
class _ByUnit:
    """Spike times of all units [s], unit by unit, computed lazily."""

    def __init__(self, records: Records, parts: list[tuple[Spikes, np.ndarray]]) -> None:
        self._records, self._parts = records, parts
        self.shape, self.dtype = (sum(len(order) for _, order in parts),), np.dtype(np.float64)

    @classmethod
    def of(cls, records: Records, names: list[str]) -> tuple["_ByUnit", np.ndarray]:
        """Return the times, and where those of each unit end, shape (n_units,)."""
        parts, counts = [], []
        for name in names:
            spikes = records.spikes[name]
            n = len(records.units[name])
            counts.append(np.bincount(spikes.unit, minlength=n))
            # radix sort, stable: within a unit, spikes stay in the order of trials and times
            unit = spikes.unit.astype(np.uint16) if n <= 1 << 16 else spikes.unit
            order = np.argsort(unit, kind="stable")
            parts.append((spikes, order.astype(np.uint32) if len(order) < 1 << 32 else order))
        return cls(records, parts), np.cumsum(np.concatenate(counts)).astype(np.uint64)

    def read(self, selection: tuple[slice, ...]) -> np.ndarray:
        """Return a portion."""
        start, stop, _ = selection[0].indices(self.shape[0])
        found, first = [], 0
        for spikes, order in self._parts:
            chosen = order[max(start - first, 0) : max(stop - first, 0)]
            found.append(session.session_times(self._records, spikes, chosen) / 1e3)
            first += len(order)
        return np.concatenate(found)


class _Signal:
    """Some units of a signal, with trials concatenated."""

    def __init__(self, values: np.ndarray, units: slice) -> None:
        self._values, self._units = values.reshape(-1, values.shape[2]), units
        self.shape = (len(self._values), units.stop - units.start)
        self.dtype = values.dtype

    def read(self, selection: tuple[slice, ...]) -> np.ndarray:
        """Return a portion."""
        return self._values[:, self._units][selection]


def _streamed(source: _ByUnit | _Signal) -> Any:
    """Return a data iterator that is written in portions, compressed."""
    backend = library("pynwb", "nwb").H5DataIO
    if not all(source.shape):
        return np.zeros(source.shape, source.dtype)
    iterator = library("hdmf.data_utils", "nwb").GenericDataChunkIterator

    class Stream(iterator):  # type: ignore[misc, valid-type]
        def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
            return source.read(selection)

        def _get_maxshape(self) -> tuple[int, ...]:
            return source.shape

        def _get_dtype(self) -> np.dtype:
            return source.dtype

    return backend(data=Stream(buffer_gb=0.01, chunk_mb=1.0), **_COMPRESSED)


EXPORTER = Exporter("nwb", "one file of Neurodata Without Borders 2", write, ".nwb")
