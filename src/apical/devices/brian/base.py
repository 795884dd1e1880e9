"""Base of all Brian2 simulators: objects, state, weights, monitors."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable

from apical._base.checking import fitting
from apical.devices.brian import additions, build, live, plastic, refractory, variables
from apical.devices.brian.adoption import adopt, arrays
from apical.devices.brian.monitors import KINDS, Diary
from apical.devices.brian.workplace import Workplace, preferences
from apical.devices.simulator import (
    Addition,
    Block,
    BlockResult,
    Closing,
    check_block,
    check_learned,
    check_state,
    check_weights,
)
from apical.errors import DeviceError, ParameterError
from apical.network.description import Network
from apical.network.held_weights import as_matrix
from apical.network.size import check_trials_fit
from apical.projections.projection import Projection

if TYPE_CHECKING:
    import pandas as pd


class Objects(Mapping[str, Any]):
    """Brian2 objects by name of population or projection; an unknown name lists the known ones.

    Parameters
    ----------
    objects
        The objects.
    """

    def __init__(self, objects: Mapping[str, Any]) -> None:
        self._objects = objects

    def __getitem__(self, name: str) -> Any:
        if name not in self._objects:
            raise ParameterError(
                f"The simulator has no Brian2 object {name!r}; it has {', '.join(self._objects)}.",
                object="Simulator.brian",
                parameter="name",
            )
        return self._objects[name]

    def __contains__(self, name: object) -> bool:
        return name in self._objects

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)


class BrianSimulator(Closing, ABC):
    """A network that Brian2 runs, block after block.

    The global state of Brian2 and of NumPy's random numbers is restored after every operation.
    """

    network: Network
    options: build.Options
    compile_seconds: float = 0.0
    batch: int = 1
    _compiled: bool
    _built: build.Built
    _periods: Mapping[str, refractory.Period]
    _shapes: Mapping[str, tuple[int, ...]]
    _variables: dict[str, ArrayVariable]
    _constants: tuple[str, ...]
    _made: additions.Made

    def _settle(self, device: Any, clock: Any = None) -> None:
        """Create the Brian2 objects on a private device.

        Parameters
        ----------
        device
            The device.
        clock
            Gives the clock of time steps; None for one of our own.
        """
        draws = any(map(plastic.draws, self.network.projections))
        # of random numbers Brian2 warns that their order matters; here it is that of synapses
        quiet = ["brian2.codegen.generators.base"] if draws else []
        self._device = device
        self._place = Workplace(device, self._settings, [*quiet, *self._QUIET])
        with self._place():
            step = clock() if clock else None
            self._built = build.Builder(self.network, self.options, step).build()
            self._place.network_id = self._built.brian_network.id
        self._shapes = variables.state_shapes(self._built)
        start = variables.beginning(self._built)
        self._variables = {name: variables.variable(self._built, name) for name in start}
        self._constants = tuple(name for name in start if name not in self._shapes)
        edges = {p.name: self.network.edges(p) for p in self.network.projections}
        self._spread = {k: e for k, e in edges.items() if e and k not in self._built.made}
        for name, values in start.items():
            self._begin(name, values)
        self._propagate()
        found = {
            p.name: refractory.period(p, self._built.objects[p.name])
            for p in self.network.populations
        }
        self._periods = {name: period for name, period in found.items() if period}
        self._check_periods()
        self._time_steps = live.time_steps(self._built.brian_network)
        made = {f"{k}.{e.name}" for k, p in self._built.propagators.items() for e in p.entries}
        inputs = {v for name, v in self._variables.items() if name not in made}
        home = live.Home(self._place, inputs, self._is_built)
        live.settle(self._built.objects, home)
        self._home, self._diary = home, Diary(self.network.trial)
        self._made = additions.Made.of(self._built)

    _QUIET: tuple[str, ...] = ()
    """Loggers whose messages are suppressed."""

    @abstractmethod
    def _settings(self) -> AbstractContextManager[None]:
        """Return the settings of Brian2 under which objects and code are made."""

    @abstractmethod
    def _begin(self, name: str, values: np.ndarray) -> None:
        """Set the initial values of a variable."""

    @abstractmethod
    def _record(self, monitor: Any) -> Any:
        """Return the record of a monitor."""

    def _is_built(self) -> bool:
        """Say whether a program was compiled, so that no object can be added."""
        return False

    @property
    def dt(self) -> float:
        """Time step [ms]."""
        return self.options.dt

    @property
    def brian(self) -> Mapping[str, Any]:
        """The live Brian2 objects, by the names of populations and projections.

        Variables and constants can be read and set, on every device, and act from the next block
        on. What a device cannot take over raises a `DeviceError`.
        """
        return Objects(self._built.objects)

    def add(self, *brian_objects: Any) -> None:
        """Add Brian2 objects of one's own, for instance a StateMonitor, before the first run.

        Times of monitors run on over all blocks; what they hold grows until `forget` drops it.

        Raises
        ------
        DeviceError
            If a program was compiled already, or cannot do what the objects do.
        ParameterError
            If something is no Brian2 object.
        """
        for item in brian_objects:
            fitting(item, BrianObject, "Simulator", "brian_objects")
        if self._is_built():
            names = ", ".join(repr(item.name) for item in brian_objects)
            raise DeviceError(
                f"{names} cannot be added: make Brian2 objects after simulate() and before the "
                "first run.",
            )
        with self._place():
            members = adopt(
                brian_objects, self._device, self._built.brian_network, compiled=self._compiled
            )
        self._diary.records += [self._record(item) for item in members if isinstance(item, KINDS)]
        others = [item for item in members if not isinstance(item, KINDS)]
        own = {f"{v.owner.name}.{v.name}": v for v in arrays(*others) if not v.read_only}
        self._variables |= own
        self._home.inputs.update(own.values())
        self._time_steps = live.time_steps(self._built.brian_network)

    @property
    def additions(self) -> tuple[Addition, ...]:
        """What a script added to the Brian2 objects of the network, or changed in them.

        Values of variables and constants are no code, and not among them.
        """
        return tuple(self._made.additions(self._built))

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """Every number besides the state that the network depends on, by name."""
        return {name: np.array(self._variables[name].get_value()) for name in self._constants}

    @constants.setter
    def constants(self, constants: Mapping[str, np.ndarray]) -> None:
        for name, values in constants.items():
            self._set(name, values)

    def moments(self, monitor: Any) -> "pd.DataFrame":
        """Return the time and trial of the samples of a monitor.

        Parameters
        ----------
        monitor
            A monitor that was added.

        Returns
        -------
        pandas.DataFrame
            A row for each sample, in the order of ``monitor.t``: ``time`` from the beginning of
            the first trial that this simulator showed [ms]; ``trial`` and ``block``, counted from
            there; ``epoch`` and ``phase`` of the block (`Block`).

        Raises
        ------
        DeviceError
            If the monitor was not added.
        """
        return self._diary.moments(monitor)

    def forget(self, monitor: Any) -> None:
        """Discard the samples of a monitor; its time continues.

        Raises
        ------
        DeviceError
            If the monitor was not added.
        """
        self._diary.of(monitor).forget()

    def _get(self, name: str) -> np.ndarray:
        """Return a copy of one variable of the state."""
        values = np.array(self._variables[name].get_value())
        edges = self._spread.get(name.partition(".")[0]) if name in self._shapes else None
        if edges is not None:
            return edges.of(values.reshape(edges.shape))
        return values.reshape(self._shapes[name])

    def _set(self, name: str, values: np.ndarray) -> None:
        """Take over one variable, of the right size."""
        self._variables[name].get_value()[:] = self._whole(name, values)

    def _whole(self, name: str, values: Any) -> np.ndarray:
        """Return the values of a variable as Brian2 has them: of all synapses that were made."""
        edges = self._spread.get(name.partition(".")[0]) if name in self._shapes else None
        given = np.asarray(values)
        return given.ravel() if edges is None else edges.dense(given).ravel()

    def _held(self, projection: str) -> np.ndarray:
        return self._get(f"{projection}.w")

    def _state_names(self, projection: Projection) -> Mapping[str, str]:
        return plastic.names_of_state(projection)

    def _propagate(self) -> None:
        """Compute the propagators of a time step from the current constants."""
        for population, propagators in self._built.propagators.items():
            constants = {
                name: self._variables[f"{population}.{name}"].get_value()
                for name in propagators.numbers
            }
            for name, values in propagators.values(constants, self.options.dt).items():
                self._set(f"{population}.{name}", values)

    def _check_propagators(self) -> None:
        """Raise if time constants have no valid propagators."""
        for population, propagators in self._built.propagators.items():
            for entry in propagators.entries:
                if not np.isfinite(self._variables[f"{population}.{entry.name}"].get_value()).all():
                    names = ", ".join(propagators.numbers)
                    raise ParameterError(
                        f"Population {population!r} cannot go through a time step with the values "
                        f"that {names} have now; give time constants above 0.",
                        object=f"population {population!r}",
                        parameter=names,
                    )

    def _check_periods(self) -> None:
        """Raise if a refractory period is no whole number of time steps, as constants are now."""
        for population, period in self._periods.items():
            known = {n: self._variables[f"{population}.{n}"].get_value() for n in period.names}
            period.check(known, self.options.dt)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Every variable that the next block depends on, weights included, by name."""
        return {name: self._get(name) for name in self._shapes}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        check_state(state, self._shapes)
        check_weights(self.network, state, self._held)
        for name, values in state.items():
            self._set(name, values)

    def run(self, block: Block) -> BlockResult:
        """Present a block of trials, from the present state on.

        A block longer than the capacity is run in parts; nothing else depends on it.

        Raises
        ------
        DeviceError
            If a Brian2 object was changed in a way that the device cannot take over.
        ParameterError
            If constants were set to what neurons cannot have.
        """
        check_block(self.network, block)
        self._check_size(len(block))
        self._check_unchanged()
        self._check_periods()
        self._propagate()
        self._check_propagators()
        parts, results = block.parts(self.options.capacity), []
        for part in parts:
            results.append(self._run(part))
            self._diary.shown(part)
        self._diary.blocks += 1
        check_learned(self.network, block, lambda name: float(self._get(f"{name}.w").sum()))
        return joined(results, self.network.trial, parts)

    def _check_size(self, trials: int) -> None:
        """Raise if what is kept of so many trials does not fit into free memory."""
        known = {p.name: p.signals for p in self.network.populations}
        traced = [
            (name, signal)
            for name in self.options.record
            for signal in self.options.traces
            if signal in known[name]
        ]
        steps = round(self.network.trial / self.options.dt)
        counted = {self.network.output.name, *self.options.record}
        check_trials_fit(self.network, trials, steps, 4, counted, traced)  # at least

    @abstractmethod
    def _run(self, block: Block) -> BlockResult:
        """Present a part of a block."""

    def _check_unchanged(self) -> None:
        """Raise if something was changed that would have no effect, or an unexpected one."""
        now = live.time_steps(self._built.brian_network)
        known = {key: value for key, value in now.items() if key in self._time_steps}
        for owner, what in live.changes(self._time_steps, known):
            raise DeviceError(
                f"{owner!r} was given {what} after it was made, which a simulator cannot take "
                "over; change the description of the network, or dt of simulate().",
                object=owner,
            )

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W of a projection, shape (n_pre, n_post) [dimensionless], 0 without a synapse."""
        name = projection.name if isinstance(projection, Projection) else projection
        known = self.network.projection(name)
        return as_matrix(self.network, known, self._held(known.name))


def precision(dtype: np.dtype) -> AbstractContextManager[None]:
    """Make Brian2 use a floating-point type while objects and code are made."""
    return preferences({"core.default_float_dtype": dtype.type})


def joined(results: Sequence[BlockResult], trial: float, parts: Sequence[Block]) -> BlockResult:
    """Return the results of consecutive parts of a block as one; `trial` is in [ms]."""
    starts = trial * np.cumsum([0, *(len(part) for part in parts)])
    return BlockResult(
        {
            name: np.concatenate([result.counts[name] for result in results])
            for name in results[0].counts
        },
        {
            name: (
                np.concatenate(
                    [r.spikes[name][0] + start for r, start in zip(results, starts, strict=False)]
                ),
                np.concatenate([r.spikes[name][1] for r in results]),
            )
            for name in results[0].spikes
        },
        {
            name: np.concatenate([result.traces[name] for result in results])
            for name in results[0].traces
        },
    )
