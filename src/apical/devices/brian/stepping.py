"""Running a network in process one time step at a time, with its code made only once.

Brian2 makes the code of every object anew whenever a network runs, which takes longer than a short
trial. For many short runs (`apical.locality_check`) it is made once, for blocks of at most a number
of trials, whose stimuli and labels are written into the tables that the code reads.
"""

import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable

from apical.devices.brian import chance, event_tables, reading, tables
from apical.devices.brian.adoption import arrays
from apical.devices.brian.base import BrianSimulator
from apical.devices.brian.monitors import KINDS
from apical.devices.simulator import Block, Moment, Window
from apical.errors import DeviceError

_numbers: Any = np.random  # Brian2 draws from the global generator


@dataclass(frozen=True)
class Reached(Moment):
    """A moment of a simulation in process.

    Parameters
    ----------
    arrays
        All values of all objects.
    generator
        State of NumPy's random number generator.
    """

    arrays: Mapping[ArrayVariable, np.ndarray]
    generator: Mapping[str, Any]


class Draws:
    """Random numbers that follow from who draws them and when, whoever else draws any.

    Brian2 draws as many numbers as there are neurons that reset, or synapses that transmit: one
    more spike would change all numbers drawn after it.

    Parameters
    ----------
    stepper
        Knows the time.
    name
        Name of what is run.
    normal
        Whether numbers are from the normal distribution, rather than from 0 to 1.
    """

    def __init__(self, stepper: "Stepper", name: str, *, normal: bool) -> None:
        self._stepper, self._normal = stepper, normal
        self._name, self._last, self._calls = zlib.crc32(name.encode()), -1, 0

    def __call__(self, index: Any) -> Any:
        """Return a number for each of some neurons or synapses, or for one."""
        turn = self._stepper.turn
        self._calls = self._calls + 1 if turn == self._last else 0
        self._last = turn
        at = np.asarray(index)
        rng = np.random.default_rng([*self._stepper.place, self._name, self._calls])
        n = int(at.max(initial=-1)) + 1
        return (rng.standard_normal(n) if self._normal else rng.random(n))[at]


class Stepper:
    """Runs the objects of a simulator step by step. Made by `RuntimeSimulator.stepping`.

    Parameters
    ----------
    simulator, seedings
        The simulator, and what seeds its random numbers.
    n_trials
        Largest number of trials in a block.
    keyed
        Whether each neuron and each synapse draws random numbers of its own (`keyed`).
    """

    def __init__(
        self,
        simulator: BrianSimulator,
        seedings: Sequence[chance.Seeding],
        n_trials: int,
        *,
        keyed: bool = False,
    ) -> None:
        self._seedings = seedings
        self._simulator, self._built = simulator, simulator._built
        self.n_trials, self.step, self.turn = n_trials, 0, 0
        network = self._built.brian_network
        self._objects: list[Any] = list(network.sorted_objects)
        self._clocks = {item.clock: 1 for item in self._objects}
        own = simulator.options.dt * 1e-3
        for clock in self._clocks:
            steps = clock.dt_ / own
            self._clocks[clock] = round(steps)
            if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
                raise DeviceError(
                    f"{clock.name!r} ticks every {clock.dt_ * 1e3:g} ms, no whole number of time "
                    f"steps of {simulator.options.dt:g} ms, so the network cannot be run step by "
                    "step; give what was added the clock of its neurons.",
                    object=clock.name,
                )
        self.steps = self._clocks[self._built.trial_clock]
        ours = (*self._built.counters.values(), *self._built.spikes.values())
        self._ours = [*ours, *self._built.traces.values()]
        self._generator: Mapping[str, Any] | None = None
        self._make_code(network)
        if keyed:
            self._key_draws()

    def _make_code(self, network: Any) -> None:
        described = self._simulator.network
        self._tables: Mapping[str, Any] = tables.timed_arrays(
            described, tables.empty(described, self.n_trials)
        )
        with self._simulator._place(), reading.prepared(described):
            tables.show(described, self._built.objects, self._tables)
            network._clocks = {*self._clocks}
            network.before_run({})
        known_arrays = (v for v in arrays(*self._objects) if not v.constant)
        recorded = {v for v in arrays(*(o for o in self._objects if isinstance(o, KINDS)))}
        self._kept = [v for v in known_arrays if v not in recorded]

    def _key_draws(self) -> None:
        """Let random numbers follow from who draws them, and when."""
        for item in self._objects:
            for code in item._code_objects:
                namespace = getattr(code, "namespace", {})
                for name in {"rand", "randn"} & {*namespace}:
                    namespace[name] = Draws(self, f"{code.name} {name}", normal=name == "randn")

    @property
    def place(self) -> tuple[int, int]:
        """The stream of random numbers, and the time step in it."""
        seeding = self._seedings[0]
        return seeding.key, seeding.first * self.steps + self.step

    # ---- what is run -----------------------------------------------------------------------------
    def show(self, block: Block) -> None:
        """Let a block be what is shown, and begin at its first time step."""
        described = self._simulator.network
        values = tables.empty(described, self.n_trials)
        tables.fill(values, described, block, self._simulator.options.dt)
        for name, table in self._tables.items():
            if isinstance(table, event_tables.EventTable):  # of another length in every block
                table.show(values[name], self._objects)
            else:
                table.values[...] = values[name]
        chance.tell(self._seedings, described.seed, block)
        self.step, self._generator = 0, None

    def run(self, stop: int) -> Window:
        """Run until before a time step of the block, and return what its neurons did."""
        others = {id(item) for item in self._objects if isinstance(item, KINDS)}
        others -= {id(item) for item in self._ours}
        start = self.step
        with ExitStack() as stack:
            self._enter(stack)
            self.loop(stop, others)
            self._generator = _numbers.get_state(legacy=False)
        return self._window(stop - start, start)

    def close(self, n_trials: int) -> None:
        """Let what acts after the last of a number of trials act: learning."""
        with ExitStack() as stack:
            self._enter(stack)
            self.loop_closing(n_trials)
        self._empty()

    def _enter(self, stack: ExitStack) -> None:
        stack.enter_context(self._simulator._place())
        stack.enter_context(np.errstate(over="ignore"))
        if self._generator is not None:
            _numbers.set_state(dict(self._generator))

    def loop(self, stop: int, left_out: Collection[int] = ()) -> None:
        """Run until before a time step, with Brian2 set up."""
        acting = [o for o in self._objects if o.active and id(o) not in left_out]
        ticks = self._ticks()
        for step in range(self.step, stop):
            self.step, self.turn = step, self.turn + 1
            due = {clock for clock, period in self._clocks.items() if step % period == 0}
            self._built.brian_network.t_ = step * self._simulator.options.dt * 1e-3
            for item in acting:
                if item._clock in due:
                    item.run()
            for clock in due:
                timestep, t, dt = ticks[clock]
                timestep[0] += 1
                t[0] = timestep[0] * dt
        self.step = stop

    def loop_closing(self, n_trials: int) -> None:
        """Let the closing objects act, with Brian2 set up."""
        self.step, self.turn = n_trials * self.steps, self.turn + 1
        self._ticks()
        for item in self._objects:
            if item.active and any(item is one for one in self._built.closing):
                item.run()

    def _ticks(self) -> dict[Any, tuple[np.ndarray, np.ndarray, float]]:
        """Set all clocks to the present step, and return their variables."""
        found = {}
        for clock, period in self._clocks.items():
            timestep, t = (clock.variables[name].get_value() for name in ("timestep", "t"))
            timestep[0] = -(-self.step // period)
            t[0] = timestep[0] * clock.dt_
            found[clock] = timestep, t, clock.dt_
        return found

    def _window(self, n: int, start: int) -> Window:
        groups, dt = self._built.objects, self._simulator.options.dt
        signals = {
            f"{name}.{signal}": np.array(monitor.variables[signal].get_value()).reshape(
                n, groups[name].N
            )
            for name, monitor in self._built.traces.items()
            for signal in monitor.record_variables
        }
        spikes = {}
        for name, monitor in self._built.spikes.items():
            found = spikes[name] = np.zeros((n, groups[name].N), bool)
            at = np.rint(np.array(monitor.variables["t"].get_value()) * 1e3 / dt).astype(int)
            found[at - start, np.array(monitor.variables["i"].get_value())] = True
        self._empty()
        return Window(signals, spikes)

    def _empty(self) -> None:
        for monitor in self._ours:
            monitor.resize(0)
            monitor.variables["N"].set_value(0)

    # ---- its state -------------------------------------------------------------------------------
    def keep(self) -> Reached:
        """Return the present moment, to come back to."""
        held = {v: np.array(v.get_value()) for v in self._kept}
        return Reached(self.step, held, dict(self._generator or {}))

    def back(self, moment: Moment) -> None:
        """Come back to a moment."""
        assert isinstance(moment, Reached)
        for variable, values in moment.arrays.items():
            variable.get_value()[...] = values
        self.step, self._generator = moment.step, moment.generator or None

    def get(self, name: str) -> np.ndarray:
        """Return a copy of a variable of the state, ``<object>.<variable>``."""
        return self._simulator._get(name)

    def put(self, name: str, values: np.ndarray) -> None:
        """Set a variable of the state."""
        self._simulator._set(name, values)
