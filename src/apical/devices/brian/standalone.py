"""Standalone programs: a network compiled once, then fed block after block.

Each block is one run of the compiled program: state and trials go in as files, state and counts
come out. The program is a function of its inputs, so a run that was cut off goes on with the
same bits from any saved state.
"""

import itertools
import os
import shutil
import tempfile
import time
import weakref
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
from brian2.devices.device import all_devices

from apical import seeds
from apical.devices.brian import build, reading, tables, variables
from apical.devices.brian.base import BrianSimulator, Names, joined, precision
from apical.devices.brian.compiling import scratch
from apical.devices.simulator import Block, BlockResult, check_block
from apical.errors import DeviceError, RunError
from apical.network import Network

_numbers = itertools.count()


class StandaloneSimulator(BrianSimulator):
    """Runs a network as a compiled program, whatever writes and compiles it."""

    def __init__(
        self, network: Network, options: build.Options, dtype: str, profile: bool, jobs: int
    ) -> None:
        self.network = network
        self._require()
        self.options = options
        self.dtype, self.profile, self.jobs = np.dtype(dtype), profile, jobs
        self.profile_seconds: dict[str, float] = {}
        self._program: Path | None = None
        # A Brian2 device of its own, so that simulators do not share generated code.
        self._device = self._new_device()
        self._device_name = f"apical_{next(_numbers)}"
        all_devices[self._device_name] = self._device
        b2.set_device(self._device_name, build_on_run=False)
        self._names = Names()
        with self._names, self._settings():
            self._built = build.Builder(network, self.options, self._clock()).build()
        self._fixed = {
            name: np.ascontiguousarray(values, variables.view(self._built, name).variable.dtype)
            for name, values in variables.fixed(self._built).items()
        }
        self._shapes = variables.state_shapes(self._built)
        self._state: dict[str, np.ndarray] = {}
        self.state = variables.initial_state(self._built)
        self._tables = tables.empty(network, options.capacity, self.dtype)
        self._scratch = Path(tempfile.mkdtemp(prefix="apical-", dir=_fast_folder()))
        weakref.finalize(self, _remove, self._scratch)
        weakref.finalize(self, all_devices.pop, self._device_name, None)

    # ---- what the languages of programs differ in ------------------------------------------------
    _PREPARE: tuple[str, ...] = ()
    """Lines of C++ before the first time step."""
    _store: Path | None = None
    """Where programs are kept; None for the cache."""

    @abstractmethod
    def _require(self) -> None:
        """Raise if what the device needs is not here."""

    @abstractmethod
    def _new_device(self) -> Any:
        """Return the Brian2 device that generates code."""

    @abstractmethod
    def _make(self, project: Path) -> tuple[Path, bool]:
        """Compile a program, or find it; return its folder, and whether it had to be compiled."""

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

    @property
    def brian(self) -> Mapping[str, Any]:
        return self._built.objects

    def add(self, *brian_objects: Any) -> None:
        for item in brian_objects:
            if self._program is not None or (
                any(
                    getattr(variable, "device", self._device) is not self._device
                    for variable in getattr(item, "variables", {}).values()
                )
            ):
                raise DeviceError(
                    f"{item.name!r} cannot be added: make Brian2 objects after simulate() and "
                    "before the first run, and before another network is simulated."
                )
        self._built.brian_network.add(*brian_objects)

    def _get(self, name: str) -> np.ndarray:
        return self._state[name].copy()

    def _set(self, name: str, values: np.ndarray) -> None:
        dtype = variables.view(self._built, name).variable.dtype
        self._state[name] = np.array(values, dtype=dtype, order="C")

    def run(self, block: Block) -> BlockResult:
        """Present a block of trials, from the present state on.

        A block longer than the program's capacity is run in parts; Brian2 monitors added by
        hand then hold the last part.
        """
        check_block(self.network, block)
        self.build()
        parts = block.parts(self.options.capacity)
        return joined(
            [self._run(part, k) for k, part in enumerate(parts)], self.network.trial, parts
        )

    def build(self) -> Path:
        """Compile the program without running it; return the folder that it is in."""
        if self._program is None:
            self._program = self._compile()
        return self._program

    def _compile(self) -> Path:
        started = time.perf_counter()
        b2.set_device(self._device_name, build_on_run=False)
        project = scratch("new", self._store)
        with self._names, self._settings():
            self._describe_runs()
            self._write(project)
        for table in filter(self._uses, self._tables):
            # Every block brings its own values; the zeros written here need not be read first.
            os.truncate(project / "static_arrays" / f"{table}_table_values", 0)
        program, fresh = self._make(project)
        self.compile_seconds = time.perf_counter() - started if fresh else 0.0
        return program

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
                "not know; use device='runtime', or a Brian2 that README.md names."
            )
        lines[:] = [line.replace(fixed, free) for line in lines]
        build.only_closing(self._built)
        network.run(self.options.dt * b2.ms, profile=self.profile)
        leave_clocks(device)
        build.all_active(self._built)

    def _run(self, block: Block, part: int) -> BlockResult:
        folder, n = self._scratch, len(block)
        tables.fill(self._tables, self.network, block)
        seed = seeds.simulator_seed(self.network.seed, block.index, part)
        try:
            command = self._hand_over(folder, n, seed)
        except OSError as error:
            raise RunError(
                f"The block could not be written to {folder}: {error.strerror}. Free some space, "
                "or set TMPDIR to another disk, and resume."
            ) from None
        self._call(folder, command)
        after = {
            name: self._read(folder, variables.view(self._built, name).variable, name)
            for name in self._shapes
        }
        result = self._result(folder, n)
        variables.shift_spike_times(after, -self._lasts(n))
        self._state = after  # all of it, or nothing
        return result

    def _hand_over(self, folder: Path, n_trials: int, seed: int) -> list[str]:
        """Write what a block takes into a folder; return the command that runs it."""
        arguments = {
            "control.duration": repr(self._lasts(n_trials)),
            "control.seed": str(seed),
        } | {name: repr(value) for name, value in self._built.constants.items()}
        used = {f"{k}_table.values": v for k, v in self._tables.items() if self._uses(k)}
        for name, values in (used | self._fixed | self._state).items():
            arguments[name] = str(write_over(folder / f"in.{name}", values))
        command = ["./main", "--results_dir", f"{folder}/"]
        return command + [f"{name}={value}" for name, value in arguments.items()]

    def _lasts(self, n_trials: int) -> float:
        """Return how long trials last for the program [s]."""
        return n_trials * self.network.trial * 1e-3

    def _uses(self, table: str) -> bool:
        """Say whether the program reads one of the tables of a block."""
        return f"{table}_table_values" in self._device.static_arrays

    def _call(self, folder: Path, command: list[str]) -> None:
        complaint = self._start(command, folder)
        if complaint:
            raise RunError(
                f"The compiled network stopped with {complaint}. Nothing of this block was kept."
            )
        self._device.results_dir, self._device.has_been_run = f"{folder}/", True
        stale = {*self._built.constants, *self._fixed, *self._state}
        stale |= {f"{clock.name}.t" for clock in self._device.clocks}
        for variable in self._device.array_cache:
            if f"{getattr(variable.owner, 'name', '')}.{variable.name}" in stale:
                self._device.array_cache[variable] = None

    def _read(self, folder: Path, variable: Any, name: str) -> np.ndarray:
        shape = self._shapes[name]
        values = self._values(folder, variable, name)
        if values.size != np.prod(shape):
            raise _cut_short(name, folder)
        return values.reshape(shape)

    def _values(self, folder: Path, variable: Any, name: str) -> np.ndarray:
        try:
            return np.fromfile(folder / self._device.get_array_filename(variable), variable.dtype)
        except OSError:
            raise _cut_short(name, folder) from None

    def _result(self, folder: Path, n_trials: int) -> BlockResult:
        counts, traces = {}, {}
        for name, monitor in self._built.counters.items():
            shape = n_trials + 1, self.brian[name].N
            rows = self._recorded(folder, name, monitor, build.counted(monitor), shape)
            counts[name] = rows[1:]  # the first row is before the first trial
        steps = round(self.network.trial / self.options.dt)
        for name, monitor in self._built.traces.items():
            size = self.brian[name].N
            for signal in monitor.record_variables:
                traces[f"{name}.{signal}"] = self._recorded(
                    folder, name, monitor, signal, (n_trials, steps, size)
                )
        if self.profile:
            self._add_profile(folder)
        return BlockResult(counts, variables.recorded_spikes(self._built), traces)

    def _recorded(
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


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:  # in a hurry, but not so as to leave files in memory
        shutil.rmtree(folder, ignore_errors=True)


def _fast_folder() -> str | None:
    """Return a folder in memory if there is one with room, else None for the usual one.

    Blocks go in and out as files; on a disk that takes as long as a small network.
    """
    memory = "/dev/shm"
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return None
    return memory if shutil.disk_usage(memory).free > 1e9 else None
