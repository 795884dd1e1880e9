"""Standalone programs: a network compiled once, then fed block after block.

Each block is one run of the compiled program: state and trials go in as files, state and counts
come out. The program is a function of its inputs, so an interrupted run resumes with the same bits
from any saved state.
"""

import os
import time
import weakref
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np

from apical._base import cache, owners, seeds
from apical._base.scratch import new_scratch
from apical.devices.brian import build, event_tables, live, reading, tables, variables
from apical.devices.brian.base import BrianSimulator, precision
from apical.devices.brian.compiling import Found, scratch
from apical.devices.brian.monitors import Compiled
from apical.devices.simulator import Block, BlockResult, check_block
from apical.errors import DeviceError, RunError
from apical.network.description import Network
from apical.network.stimuli import takes_events
from apical.projections.projection import Projection


class StandaloneSimulator(BrianSimulator):
    """Base of simulators that run a network as a compiled program."""

    _compiled = True

    def __init__(
        self, network: Network, options: build.Options, dtype: str, profile: bool, jobs: int
    ) -> None:
        self.network = network
        self._require()
        self.options = options
        self.dtype, self.profile, self.jobs = np.dtype(dtype), profile, jobs
        self.profile_seconds: dict[str, float] = {}
        self._program: Path | None = None
        self._hold: cache.Hold | None = None
        self._description: Mapping[tuple[str, str], Any] = {}
        self._settle(self._new_device(), self._clock)
        for projection in network.projections:
            self._number(self._built.objects[projection.name], projection)
        self._tables = tables.empty(network, options.capacity, self.dtype)
        self._scratch = _scratch()
        self._remove_scratch = weakref.finalize(self, _remove, self._scratch, os.getpid())

    def _release(self) -> None:
        self._remove_scratch()
        if self._hold is not None:
            self._hold.release()

    # ---- what the languages of programs differ in ------------------------------------------------
    _PREPARE: tuple[str, ...] = ()
    """Lines of C++ before the first time step."""
    _store: Path | None = None
    """Where programs are kept; None for the cache."""
    _ORDERED = True
    """Whether programs write the events of a time step by neuron."""

    @abstractmethod
    def _require(self) -> None:
        """Raise if what the device needs is not here."""

    @abstractmethod
    def _new_device(self) -> Any:
        """Return the Brian2 device that generates code."""

    @abstractmethod
    def _make(self, project: Path) -> Found:
        """Compile a program, or find it."""

    @abstractmethod
    def _start(self, command: list[str], folder: Path) -> str:
        """Run the program; return what it complains of, empty if all is well."""

    def _clock(self) -> b2.Clock | None:
        """Return the clock of time steps; None for one of our own."""
        return None

    def _settings(self) -> AbstractContextManager[None]:
        """Return the settings of Brian2 under which objects and code are made."""
        return precision(self.dtype)

    def _write(self, project: Path) -> None:
        """Write the program that was described into a folder."""
        self._device.build(directory=str(project), compile=False, run=False)

    def _is_built(self) -> bool:
        return self._program is not None

    def _begin(self, name: str, values: Any) -> None:
        variable = self._variables[name]
        self._device.held[variable] = np.array(self._whole(name, values), variable.dtype)

    def _number(self, synapses: Any, projection: Projection) -> None:
        """Let synapses be told by their neurons before a program has numbered them."""
        held, edges = self._device.held, self._built.made.get(projection.name)
        if edges is not None:
            held[synapses.variables["N"]] = np.array([len(edges)], np.int32)
            held[synapses.variables["_synaptic_pre"]] = edges.pre
            held[synapses.variables["_synaptic_post"]] = edges.post
            return
        n_pre, n_post = projection.shape
        held[synapses.variables["N"]] = np.array([n_pre * n_post], np.int32)
        neurons = {
            "_synaptic_pre": lambda: np.repeat(np.arange(n_pre, dtype=np.int32), n_post),
            "_synaptic_post": lambda: np.tile(np.arange(n_post, dtype=np.int32), n_pre),
        }
        held |= {synapses.variables[name]: values for name, values in neurons.items()}

    def _record(self, monitor: Any) -> Compiled:
        return Compiled(monitor, self._device, ordered=self._ORDERED)

    def run(self, block: Block) -> BlockResult:
        """Present a block of trials, from the present state on.

        A block longer than the program's capacity is run in parts.

        Raises
        ------
        DeviceError
            If a Brian2 object was changed in a way that the program cannot take over.
        """
        check_block(self.network, block)
        self.build()
        return super().run(block)

    def _check_unchanged(self) -> None:
        super()._check_unchanged()
        now = live.description(self._built.brian_network)
        for owner, what in live.changes(self._description, now) if self._is_built() else ():
            raise live.too_late(owner, what)

    def build(self) -> Path:
        """Compile the program without running it; return the folder that it is in."""
        if self._program is None:
            self._check_unchanged()
            self._program = self._compile()
        return self._program

    def _compile(self) -> Path:
        started = time.perf_counter()
        project = scratch(self._store)
        try:
            with self._place():
                self._describe_runs()
                self._write(project)
            self._description = live.description(self._built.brian_network)
            for table in filter(self._uses, self._tables):
                # Every block brings its own values; the zeros written here need not be read first.
                os.truncate(project / "static_arrays" / f"{table}_table_values", 0)
            found = self._make(project)
        finally:
            owners.remove(project)
        self._hold = found.hold
        self.compile_seconds = time.perf_counter() - started if found.fresh else 0.0
        return found.folder

    def _describe_runs(self) -> None:
        """Have Brian2 generate a program for a block of any length, and for the end of a block."""
        network, device = self._built.brian_network, self._device
        # double, whatever the rest: single precision cannot hold a long duration
        self._control = b2.NeuronGroup(
            1,
            "duration : second (shared)\nseed : integer (shared)",
            dtype={"duration": np.float64, "seed": np.int32},
            clock=self._built.trial_clock,
            name="control",
        )
        network.add(self._control)
        self._made = self._made.including(self._control)  # no addition of a script
        device.apply_run_args()
        for line in self._PREPARE:
            device.insert_code("main", line)
        longest = self.options.capacity * self.network.trial * b2.ms
        with reading.prepared(self.network):
            network.run(longest, profile=self.profile)
        # Brian2 writes the duration into the program; here it is a variable of each block.
        lines = [item[1] for kind, item in device.main_queue if kind == "run_network"][-1]
        fixed = f"{network.name}.run({float(longest)!r},"
        free = f"{network.name}.run(_array_control_duration[0],"
        if sum(fixed in line for line in lines) != 1:
            raise DeviceError(
                f"Brian2 {b2.__version__} writes runs in a form that this version of apical does "
                "not know; use device='runtime', or a Brian2 from 2.9 to 2.11."
            )
        lines[:] = [line.replace(fixed, free) for line in lines]
        with build.only_closing(self._built):
            network.run(build.closing_time(self._built, self.options.dt), profile=self.profile)
        leave_clocks(device)

    def _run(self, block: Block) -> BlockResult:
        folder, n = self._scratch, len(block)
        tables.fill(self._tables, self.network, block, self.dt)
        try:
            command = self._hand_over(folder, n, self._seed(block))
        except OSError as error:
            raise RunError(
                f"The block could not be written to {folder}: {error.strerror}. Free some space, "
                "or set TMPDIR to another disk, and resume."
            ) from None
        self._call(folder, command)
        after = {name: self._read(folder, name) for name in self._changing()}
        found = [
            (record, record.read(partial(self._recorded, folder), self._times))
            for record in self._diary.records
        ]
        result = self._result(folder, n)
        variables.shift_spike_times(after, -self._lasts(n))
        for name, values in after.items():  # all of it, or nothing
            self._device.held[self._variables[name]] = values
        for record, added in found:
            record.take(added, self._diary.start)
        return result

    def _changing(self) -> list[str]:
        """Return the variables that a block may change."""
        fixed = variables.fixed(self._built)
        return [k for k, v in self._variables.items() if not v.constant and k not in fixed]

    def _times(self, times: np.ndarray) -> np.ndarray:
        """Return times that a program recorded [s], as they are meant."""
        return times

    def _seed(self, block: Block) -> Mapping[str, int]:
        """Return the seeds of a program's random numbers, by name of variable.

        Here one seed for the whole block: its trials draw from it one after the other, so how
        they are cut makes a difference, but no two blocks of a stream draw the same.
        """
        seed = seeds.simulator_seed(self.network.seed, block.index, block.first)
        return {"control.seed": seed}

    def _hand_over(self, folder: Path, n_trials: int, seed: Mapping[str, int]) -> list[str]:
        """Write what a block takes into a folder; return the command that runs it."""
        arguments = {"control.duration": repr(self._lasts(n_trials))}
        arguments |= {name: str(value) for name, value in seed.items()}
        files = {f"{k}_table.values": v for k, v in self._tables.items() if self._uses(k)}
        for name, variable in self._variables.items():
            values = variable.get_value()
            if variable.scalar and np.isfinite(values).all():
                arguments[name] = repr(values.item())
            else:
                files[name] = values
        for name, values in files.items():
            arguments[name] = str(write_over(folder / f"in.{name}", values))
        if takes_events(self.network):
            self._tables["stimulus"].tofile(folder / event_tables.FILE)
        command = ["./main", "--results_dir", f"{folder}/"]
        return command + [f"{name}={value}" for name, value in arguments.items()]

    def _lasts(self, n_trials: int) -> float:
        """Return how long trials last for the program [s]."""
        return n_trials * self.network.trial * 1e-3

    def _uses(self, table: str) -> bool:
        """Say whether the program reads one of the tables of a block."""
        return f"{table}_table_values" in self._device.static_arrays

    def _call(self, folder: Path, command: list[str]) -> None:
        try:
            complaint = self._start(command, folder)
        except OSError as error:
            raise RunError(
                f"The compiled network in {self._program} cannot be started ({error.strerror}). "
                "Resume: it is compiled again if it is damaged."
            ) from None
        if complaint:
            raise RunError(
                f"The compiled network stopped with {complaint}. Nothing of this block was kept."
            )
        self._device.results_dir, self._device.has_been_run = f"{folder}/", True
        stale = {f"{clock.name}.t" for clock in self._device.clocks}
        for variable in self._device.array_cache:
            if f"{getattr(variable.owner, 'name', '')}.{variable.name}" in stale:
                self._device.array_cache[variable] = None

    def _read(self, folder: Path, name: str) -> np.ndarray:
        """Return what a program left of a variable."""
        variable = self._variables[name]
        values = self._values(folder, variable, name)
        if values.size != variable.get_value().size:
            raise _cut_short(name, folder)
        return values

    def _recorded(self, folder: Path, variable: Any) -> np.ndarray:
        """Return what a program left of a variable of a monitor."""
        return self._values(folder, variable, f"{variable.owner.name}.{variable.name}")

    def _values(self, folder: Path, variable: Any, name: str) -> np.ndarray:
        try:
            return np.fromfile(folder / self._device.get_array_filename(variable), variable.dtype)
        except OSError:
            raise _cut_short(name, folder) from None

    def _result(self, folder: Path, n_trials: int) -> BlockResult:
        counts, traces = {}, {}
        for name, monitor in self._built.counters.items():
            shape = n_trials + 1, self.brian[name].N
            rows = self._written(folder, name, monitor, build.counted(monitor), shape)
            counts[name] = rows[1:]  # the first row is before the first trial
        steps = round(self.network.trial / self.options.dt)
        for name, monitor in self._built.traces.items():
            size = self.brian[name].N
            for signal in monitor.record_variables:
                traces[f"{name}.{signal}"] = self._written(
                    folder, name, monitor, signal, (n_trials, steps, size)
                )
        if self.profile:
            self._add_profile(folder)
        return BlockResult(counts, variables.recorded_spikes(self._built), traces)

    def _written(
        self, folder: Path, name: str, monitor: Any, variable: str, shape: tuple[int, ...]
    ) -> np.ndarray:
        """Return what a monitor of a population wrote of one variable."""
        values = self._values(folder, monitor.variables[variable], f"{name}.{variable}")
        if values.size != np.prod(shape):
            raise _cut_short(f"{name}.{variable}", folder)
        return values.reshape(shape)

    def _add_profile(self, folder: Path) -> None:
        for line in (folder / "profiling_info.txt").read_text().splitlines():
            name, seconds = line.split("\t")
            self.profile_seconds[name] = self.profile_seconds.get(name, 0.0) + float(seconds)


def leave_clocks(device: Any) -> None:
    """Leave the clocks of a program where they are.

    Brian2 would put them to 0 first, where they are, in an order that varies, and then to the end
    of the longest block.
    """
    device.main_queue[:] = [
        (kind, args)
        for kind, args in device.main_queue
        if not (kind.startswith("set_by") and args[0].endswith(("clock_timestep", "clock_t")))
    ]


def write_over(file: Path, values: np.ndarray) -> Path:
    """Write an array into a file; to empty one first would give its memory back."""
    with file.open("r+b" if file.exists() else "wb") as stream:
        values.tofile(stream)
    return file


def _cut_short(name: str, folder: Path) -> RunError:
    return RunError(
        f"The compiled network did not write all of {name!r}; is the disk of {folder} full? Free "
        "some space, or set TMPDIR to another disk, and resume."
    )


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # it is not that of a fork
        owners.remove(folder)


def _scratch() -> Path:
    try:
        return new_scratch()
    except OSError as error:
        raise RunError(
            f"No folder for blocks can be made: {error.filename}: {error.strerror}. Set TMPDIR to "
            "a folder that can be written."
        ) from None
