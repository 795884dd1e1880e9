"""Records: spike trains, signals and decisions of trials, as arrays with named axes and units."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from apical._base.checking import check_fields, checked, require, shown
from apical._base.extras import library
from apical._base.html_tables import Cell, card, table
from apical._base.names import check_name
from apical._base.parameters import (
    Array,
    CountOrZero,
    Duration,
    Kinds,
    Labels,
    Line,
    Matrix,
    Page,
    Vector,
)
from apical._base.reading import Objects, conform, json_object, reading
from apical.errors import DataError, brief
from apical.records import synapses as _synapses
from apical.records.synapses import Synapses, Wire

VERSION = 1
"""Version of the array format of `Records.to_arrays`."""
Signal = Annotated[np.ndarray, Array((3,))]
"""A signal over time, shape (trial, time, unit)."""
Target = Annotated[np.ndarray, Array((2, 3), finite=True)]
"""Targets or outputs, shape (trial, target) or (trial, frame, target)."""


@dataclass(frozen=True)
class Spikes:
    """Spike trains of one population, sorted by trial and, within a trial, by time.

    Parameters
    ----------
    trial
        Number of the trial, from 0, shape (n_spikes,).
    time
        Time from the onset of the trial [ms], shape (n_spikes,).
    unit
        Index of the neuron, from 0, shape (n_spikes,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.records import Spikes
    >>> spikes = Spikes(np.array([0, 0, 1]), np.array([3.0, 12.5, 7.0]), np.array([2, 0, 1]))
    >>> len(spikes), spikes.of_trial(0).time
    (3, array([ 3. , 12.5]))
    """

    trial: Labels
    time: Vector
    unit: Labels

    def __post_init__(self) -> None:
        check_fields(self)
        sizes = {len(self.trial), len(self.time), len(self.unit)}
        require(len(sizes) == 1, "Spikes", "time", "as long as trial and unit", f"lengths {sizes}")

    def __len__(self) -> int:
        return len(self.time)

    def of_trial(self, number: int) -> "Spikes":
        """Return the spikes of one trial.

        Parameters
        ----------
        number
            Number of the trial, from 0.

        Examples
        --------
        >>> import numpy as np
        >>> from apical.records import Spikes
        >>> spikes = Spikes(np.array([0, 0, 1]), np.array([3.0, 12.5, 7.0]), np.array([2, 0, 1]))
        >>> spikes.of_trial(1)
        Spikes(trial=array([1]), time=array([7.]), unit=array([1]))
        """
        part = slice(*np.searchsorted(self.trial, (number, number + 1)))
        return Spikes(self.trial[part], self.time[part], self.unit[part])


@dataclass(frozen=True)
class Units:
    """Recorded units: the neurons of one population.

    Parameters
    ----------
    kind
        Neuron model, for instance ``"LIF"``.
    signs
        Type of each neuron: 1 excitatory, -1 inhibitory, 0 mixed, shape (n,). For spiking error
        neurons: the sign of the error that each one encodes.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.records import Units
    >>> len(Units("LIF", np.array([1, 1, -1])))
    3
    """

    kind: str
    signs: Vector

    def __post_init__(self) -> None:
        check_fields(self)

    def __len__(self) -> int:
        return len(self.signs)


@dataclass(frozen=True)
class Records:
    """Recorded activity of a network over trials, with learning off.

    Parameters
    ----------
    duration
        Length of a trial [ms].
    dt
        Time step [ms]. A trace at the time of a spike has its value after the spike.
    units
        Neurons of each recorded population, by name.
    samples
        Index of each trial's sample in the data set, shape (n_trials,).
    values
        Stimuli in [0, 1], shape (n_trials, n_inputs).
    labels, decisions
        Class label of each trial, and the network's decision without seeing it, shape (n_trials,);
        -1 where there are targets.
    spikes
        Spike trains, by name of spiking population.
    signals
        Signals over time, ``<population>.<signal>`` -> shape (trial, time, unit)
        [dimensionless: membranes in units of the threshold]. Graded populations on device
        ``array`` are in the steady state, with one point in time, the end of the trial.
    about
        Provenance as plain data: model, options, data set and its licence, seed, versions, rules
        with their sources, projections.
    synapses
        Synapses of each projection of the network, with their weights, by its name.
    targets, outputs
        Target of each trial, and the network's output in the same units, without seeing it, shape
        (n_trials, n_targets) or (n_trials, n_frames, n_targets); None for classes.

    Examples
    --------
    Two trials of 50 ms, in which neuron 0 spikes at 3 ms and neuron 1 at 7 ms:

    >>> import numpy as np
    >>> from apical.records import Records, Spikes, Units
    >>> records = Records(
    ...     duration=50.0,
    ...     dt=1.0,
    ...     units={"hidden": Units("LIF", np.zeros(2, int))},
    ...     samples=np.array([4, 9]),
    ...     values=np.zeros((2, 6)),
    ...     labels=np.array([0, 1]),
    ...     decisions=np.array([0, 0]),
    ...     spikes={"hidden": Spikes(np.array([0, 1]), np.array([3.0, 7.0]), np.array([0, 1]))},
    ... )
    >>> len(records), records.correct
    (2, array([ True, False]))
    >>> records.rates("hidden")
    array([[20.,  0.],
           [ 0., 20.]])
    """

    duration: Duration
    dt: Duration
    units: Mapping[str, Units]
    samples: Kinds
    values: Matrix
    labels: Kinds
    decisions: Kinds
    spikes: Mapping[str, Spikes] = field(default_factory=dict)
    signals: Mapping[str, Signal] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    synapses: Mapping[str, Synapses] = field(default_factory=dict)
    targets: Target | None = None
    outputs: Target | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in (*self.units, *self.signals, *self.synapses):  # exporters name files by them
            check_name(name, "word", "Records", "a population, signal or projection")
        for name in _PER_TRIAL:
            found = len(getattr(self, name))
            require(
                found == len(self),
                "Records",
                name,
                f"one for each of {len(self)} labels",
                str(found),
            )
        known, shape = (None if a is None else a.shape for a in (self.targets, self.outputs))
        fits = known == shape and (known is None or known[0] == len(self))
        needs = f"one for each of {len(self)} labels, of the shape of outputs, or neither"
        require(fits, "Records", "targets", needs, f"{known} and {shape}")
        for name, spikes in self.spikes.items():
            self._check_population("spikes", name, name)
            check_inside(spikes, f"Records of {name!r}", len(self), len(self.units[name]))
        for name, values in self.signals.items():
            population = name.rpartition(".")[0]
            self._check_population("signals", name, population)
            n = len(self), len(self.units[population])
            require(
                values.shape[::2] == n,
                "Records",
                f"signals[{name!r}]",
                f"of shape (trial, time, unit) = ({n[0]}, ..., {n[1]})",
                f"shape {values.shape}",
            )
        for name, synapses in self.synapses.items():
            for end, size in zip((synapses.pre, synapses.post), synapses.shape, strict=True):
                units = len(self.units[end]) if end in self.units else size
                of = f"weights from {synapses.pre!r} to {synapses.post!r} that fit {units} units"
                require(size == units, "Records", f"synapses[{name!r}]", of, f"{size} of {end!r}")

    def _check_population(self, parameter: str, name: str, population: str) -> None:
        require(
            population in self.units,
            "Records",
            parameter,
            f"of the populations {', '.join(self.units) or 'in units'}",
            shown(name),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        spikes = ", ".join(f"{name}: {len(spikes):,}" for name, spikes in self.spikes.items())
        units = ", ".join(f"{name}: {len(units)}" for name, units in self.units.items())
        return (
            f"Records({len(self)} trials of {self.duration:g} ms, units {{{units}}}, spikes "
            f"{{{spikes}}}, signals [{', '.join(self.signals)}])"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: trials, units with their firing rates, and signals."""
        facts: dict[str, Cell] = {
            "trials": len(self),
            "of": f"{self.duration:g} ms in steps of {self.dt:g} ms",
        }
        if self.targets is None:
            facts["decided correctly"] = f"{np.mean(self.correct):.1%}" if len(self) else "-"
        else:
            facts["targets"] = " x ".join(map(str, self.targets.shape[1:]))
        facts |= {
            name: str(self.about[name]) for name in ("model", "dataset") if name in self.about
        }
        seconds = len(self) * self.duration * 1e-3
        units = [
            [name, units.kind, len(units), *_spiking(self.spikes.get(name), len(units) * seconds)]
            for name, units in self.units.items()
        ]
        signals = [
            [name, " x ".join(map(str, values.shape)), f"{values.nbytes / 1e6:.2f} MB"]
            for name, values in self.signals.items()
        ]
        return card(
            "Records, learning off",
            facts,
            table(["population", "model", "neurons", "spikes", "mean rate [Hz]"], units),
            table(["signal", "trials x times x neurons", "memory"], signals),
        )

    @property
    def correct(self) -> np.ndarray:
        """Whether each decision is the label, shape (n_trials,).

        Raises
        ------
        DataError
            If trials have targets, not classes.

        Examples
        --------
        >>> from apical.testing.references import records
        >>> found = records()
        >>> found.labels, found.decisions, found.correct
        (array([0, 1]), array([0, 0]), array([ True, False]))
        """
        if self.targets is not None:
            raise DataError(
                "These records have targets, not classes, so no decision is correct or wrong; "
                "compare their outputs with their targets (apical.measures.predictions)."
            )
        return self.decisions == self.labels

    def said(self, trial: CountOrZero) -> str:
        """Return what the network made of a trial, in words: a decision and a label, for instance.

        Parameters
        ----------
        trial
            Number of the trial.

        Examples
        --------
        >>> from apical.testing.references import records
        >>> records().said(1)
        'decision 0 (label 1)'
        """
        if self.targets is None or self.outputs is None:
            return f"decision {self.decisions[trial]} (label {self.labels[trial]})"
        if self.targets.ndim == 3:
            return f"targets of {self.targets.shape[1]} frames"
        output, target = (
            ", ".join(f"{x:.3g}" for x in a[trial, :_FEW]) for a in (self.outputs, self.targets)
        )
        more = ", ..." if self.targets.shape[1] > _FEW else ""
        return f"output {output}{more} (target {target}{more})"

    def counts(self, population: str) -> np.ndarray:
        """Return the spike count of each neuron in each trial, shape (n_trials, n).

        Parameters
        ----------
        population
            Name of a population that spikes.

        Raises
        ------
        DataError
            If the spikes of the population were not recorded.

        Examples
        --------
        >>> from apical.testing.references import records
        >>> records().counts("hidden")
        array([[1, 1, 0],
               [0, 0, 1]])
        >>> records().counts("output")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DataError: These records hold no spikes of 'output'; they hold ...
        """
        spikes, n = self._spikes(population), len(self.units[population])
        flat = spikes.trial.astype(np.int64) * n + spikes.unit
        return np.bincount(flat, minlength=len(self) * n).reshape(len(self), n)

    def rates(self, population: str) -> np.ndarray:
        """Return the response of each neuron in each trial, shape (n_trials, n).

        The firing rate [Hz] of spiking neurons; of graded (rate) neurons, the activity at the end
        of the trial [dimensionless].

        Parameters
        ----------
        population
            Name of a population.

        Raises
        ------
        DataError
            If neither its spikes nor its activity were recorded.

        Examples
        --------
        >>> from apical.testing.references import records
        >>> found = records()
        >>> found.counts("hidden")[0] / (found.duration * 1e-3), found.rates("hidden")[0]
        (array([20., 20.,  0.]), array([20., 20.,  0.]))
        >>> found.rates("output")
        array([[0.5 , 0.5 ],
               [0.5 , 0.25]])
        """
        if population in self.spikes:
            return self.counts(population) / (self.duration * 1e-3)
        if f"{population}.x" in self.signals:
            return self.signals[f"{population}.x"][:, -1]
        return self.counts(population)  # says what is missing

    def signal(self, population: str, signal: str) -> np.ndarray:
        """Return a recorded signal, shape (trial, time, unit), at the `times` of its points.

        Parameters
        ----------
        population, signal
            Name of the population, and of its signal.

        Raises
        ------
        DataError
            If the signal was not recorded.

        Examples
        --------
        >>> from apical.testing.references import records
        >>> trace = records().trace("output", "x")
        >>> trace.dims, trace.shape, trace.time.values, trace.time.attrs["units"]
        (('trial', 'time', 'unit'), (2, 1, 2), array([50.]), 'ms')
        """
        name = f"{population}.{signal}"
        if name not in self.signals:
            known = ", ".join(self.signals) or "none"
            raise DataError(
                f"These records hold no signal {shown(name)}; they hold {known}. Record it with "
                f"'apical record RUN --populations {brief(population, 50)} --signals "
                f"{brief(signal, 50)}'."
            )
        return self.signals[name]

    def trace(self, population: str, signal: str) -> Any:
        """Return a signal over time as an `xarray.DataArray` (trial, time, unit), time in [ms].

        Raises
        ------
        DataError
            If the signal was not recorded, or xarray is not installed (extra ``analysis``).
        """
        values = self.signal(population, signal)
        return library("xarray", "analysis").DataArray(
            values,
            dims=("trial", "time", "unit"),
            name=f"{population}.{signal}",
            attrs={"units": "1"},
            coords={"time": ("time", self.times(values.shape[1]), {"units": "ms"})},
        )

    def times(self, n: int) -> np.ndarray:
        """Return the times of the points of a signal [ms], shape (n,).

        Parameters
        ----------
        n
            Number of points of the signal.

        Examples
        --------
        >>> from apical.testing.references import records
        >>> times = records().times(50)
        >>> times[:3], times[-1:]
        (array([0., 1., 2.]), array([49.]))

        One point is the end of the trial, the steady state:

        >>> records().times(1)
        array([50.])
        """
        return np.arange(n) * self.dt if n > 1 else np.array([self.duration])

    def _spikes(self, population: str) -> Spikes:
        if population not in self.spikes:
            known = ", ".join(self.spikes) or "of none"
            raise DataError(
                f"These records hold no spikes of {shown(population)}; they hold those of {known}. "
                f"Record them with 'apical record RUN --populations {brief(population, 50)}'."
            )
        return self.spikes[population]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays without objects in them, for an npz file.

        Examples
        --------
        >>> from apical.testing.references import records
        >>> arrays = records().to_arrays()
        >>> sorted(name for name in arrays if "hidden" in name)
        ['signs:hidden', 'time:hidden', 'trial:hidden', 'unit:hidden']
        """
        about = {
            "version": VERSION,
            "duration": self.duration,
            "dt": self.dt,
            "kinds": {name: units.kind for name, units in self.units.items()},
            "about": dict(self.about),
        }
        about["projections"], of_synapses = _synapses.to_arrays(self.synapses)
        arrays = {name: getattr(self, name) for name in _PER_TRIAL}
        told = {name: getattr(self, name) for name in _OF_TARGETS}
        arrays |= {name: values for name, values in told.items() if values is not None}
        arrays |= {f"signs:{name}": units.signs for name, units in self.units.items()}
        arrays |= {f"signal:{name}": values for name, values in self.signals.items()}
        for name, spikes in self.spikes.items():
            for part in _PER_SPIKE:
                arrays[f"{part}:{name}"] = getattr(spikes, part)
        return {"records": np.array(json.dumps(about)), **arrays, **of_synapses}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Records":
        """Return what `to_arrays` was made of.

        Parameters
        ----------
        arrays
            What `to_arrays` returned.

        Raises
        ------
        DataError
            If arrays are missing, or are those of another version.

        Examples
        --------
        >>> from apical.records import Records
        >>> from apical.testing.references import records
        >>> Records.from_arrays(records().to_arrays()).spikes["hidden"].time
        array([ 3. , 12.5,  7. ])
        >>> Records.from_arrays({})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        apical.errors.exceptions.DataError: The file holds no records: 'records', which says ...
        """
        try:
            about = _told(arrays.get("records"))
            if about["version"] != VERSION:
                raise DataError(
                    f"Records of version {about['version']} cannot be read, this package writes "
                    f"version {VERSION}; record the run again."
                )
            _check_finite(arrays)
            spiking = [name.partition(":")[2] for name in arrays if name.startswith("unit:")]
            return cls(
                about["duration"],
                about["dt"],
                {
                    name: Units(kind, arrays[f"signs:{name}"])
                    for name, kind in about["kinds"].items()
                },
                **{name: arrays[name] for name in _PER_TRIAL},
                **{name: arrays[name] for name in _OF_TARGETS if name in arrays},
                spikes={
                    name: Spikes(*(arrays[f"{part}:{name}"] for part in _PER_SPIKE))
                    for name in spiking
                },
                signals={
                    name.partition(":")[2]: values
                    for name, values in arrays.items()
                    if name.startswith("signal:")
                },
                about=about["about"],
                synapses=_synapses.from_arrays(about.get("projections", {}), arrays),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            said = getattr(error, "message", f"{error} is missing or damaged.")
            raise DataError(f"The file holds no records: {said}") from None


def _spiking(spikes: Spikes | None, seconds: float) -> list[Cell]:
    """Return the number of spikes and the mean rate of neurons, by the time of all together [s]."""
    if spikes is None:
        return ["-", "-"]
    return [len(spikes), len(spikes) / seconds if seconds else "-"]


@dataclass(frozen=True)
class _Rule:
    """A rule in the provenance of records: of which projection, its update, its source."""

    projection: Line = ""
    name: Line = ""
    update: Page = ""
    source: Page = ""


@dataclass(frozen=True)
class _Projection:
    """A projection in the provenance of records."""

    name: Line
    pre: Line
    post: Line
    kind: Line


@dataclass(frozen=True)
class _Provenance:
    """What exporters and plots read of the provenance of records."""

    run: Line = ""
    model: Page = ""
    model_doc: Page = ""
    dataset: Page = ""
    licence: Page | None = ""
    shape: Sequence[CountOrZero] = ()
    rules: Annotated[Sequence[Any], Objects(_Rule)] = ()
    feedback: Mapping[str, Page] | None = None
    projections: Annotated[Sequence[Any], Objects(_Projection)] = ()
    created: Line = ""
    versions: Mapping[str, Line] | None = None
    config: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Told:
    """What the entry ``records`` of an npz file holds."""

    version: int
    duration: Duration
    dt: Duration
    kinds: Mapping[str, Line]
    about: Mapping[str, Any]
    projections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _told(entry: np.ndarray | None) -> dict[str, Any]:
    if entry is None or entry.dtype.kind != "U" or entry.ndim:
        raise DataError(
            "The file holds no records: 'records', which says what it holds, is missing."
        )
    with reading("The description of these records"):
        text = str(entry)
    found = json_object(text, "The description of these records", _Told)
    for name, one in found.get("projections", {}).items():
        conform(one, Wire, f"Projection {brief(name, 50)} of these records")
    conform(found["about"], _Provenance, "The provenance of these records")
    return found


def _check_finite(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise if an array of a file holds something that is no finite number."""
    for name, values in arrays.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(
                f"These records are damaged: {shown(name)} holds NaN or infinite values; record "
                "the run again."
            )


@checked()
def check_inside(spikes: Spikes, owner: str, trials: CountOrZero, units: CountOrZero) -> None:
    """Raise if spikes belong to trials or neurons that do not exist.

    Parameters
    ----------
    spikes
        Of one population.
    owner
        What holds them, for messages.
    trials, units
        How many there are.

    Raises
    ------
    ParameterError
        If one is not.

    Examples
    --------
    >>> from apical.records import check_inside
    >>> from apical.testing.references import records
    >>> spikes = records().spikes["hidden"]
    >>> check_inside(spikes, "the records", trials=2, units=3)
    >>> check_inside(spikes, "the records", trials=2, units=2)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: the records: spikes.unit must be whole numbers ...
    """
    for name, values, n in (("trial", spikes.trial, trials), ("unit", spikes.unit, units)):
        if len(values):
            low, high = int(values.min()), int(values.max())
            require(
                low >= 0 and high < n,
                owner,
                f"spikes.{name}",
                f"whole numbers from 0 to {n - 1}",
                f"{low} to {high}",
            )


_PER_TRIAL = ("samples", "values", "labels", "decisions")
_OF_TARGETS = ("targets", "outputs")
_PER_SPIKE = ("trial", "time", "unit")
_FEW = 3
"""Number of targets that are written out."""
