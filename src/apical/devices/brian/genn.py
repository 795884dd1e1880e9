"""GeNN: the program of a spiking network around a model that GeNN compiles, through Brian2GeNN.

Everything about blocks, state and files is that of C++ standalone: a program is compiled once for
each structure, and a block is one run of it. What GeNN cannot do is refused by name
(`apical.devices.genn_limits`).
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np

from apical.devices.brian import build, genn_compiling, reading
from apical.devices.brian.base import precision
from apical.devices.brian.compiling import Found, call_apart, complaint
from apical.devices.brian.standalone import StandaloneSimulator, leave_clocks, write_over
from apical.devices.brian.workplace import preferences
from apical.devices.simulator import BlockResult
from apical.network.description import Network


class GennSimulator(StandaloneSimulator):
    """Runs a network as a program around GeNN's model. Made by `apical.simulate`.

    GeNN seeds the generators of its model when a program begins. What networks draw at random
    follows from the stream and the place of a block, and from where blocks are cut.
    """

    _QUIET = ("brian2.devices.genn",)

    def __init__(
        self, network: Network, options: build.Options, dtype: str, profile: bool, jobs: int
    ) -> None:
        super().__init__(network, replace(options, dense=False, links=False), dtype, profile, jobs)

    def _require(self) -> None:
        genn_compiling.check_brian2genn()
        self._source = genn_compiling.check_source()

    def _new_device(self) -> Any:
        from apical.devices.brian.genn_device import GennDevice  # imports Brian2GeNN

        return GennDevice()

    def _clock(self) -> b2.Clock:
        clock = self._device.defaultclock
        clock.dt = self.options.dt * b2.ms
        return clock

    def _settings(self) -> AbstractContextManager[None]:
        return _settings(self.dtype)

    def build(self) -> Path:
        """Compile the program without running it; return the folder that it is in."""
        program = super().build()
        if not (self._scratch / "results").exists():
            shutil.copytree(program / "static_arrays", self._scratch / "static_arrays")
            (self._scratch / "results").mkdir()
        return program

    def _describe_runs(self) -> None:
        from apical.devices.brian.genn_device import refusing, saying_nothing

        built, device = self._built, self._device
        device.closing = frozenset(item.name for item in built.closing)
        device.hearing = {
            p.name: (p.relays.name, build.HEAR) for p in self.network.populations if p.relays
        }
        device.inputs = self._variables
        device.counted_from = tuple(
            round(time / self.options.dt) for time in (self.network.settle, self.network.trial)
        )
        with saying_nothing(), refusing(), reading.prepared(self.network):
            built.brian_network.run(self.options.capacity * self.network.trial * b2.ms)
        leave_clocks(device)

    def _write(self, project: Path) -> None:
        self._device.write(project)

    def _make(self, project: Path) -> Found:
        return genn_compiling.compile_genn(project, self._source, self.jobs)

    def _hand_over(self, folder: Path, n_trials: int, seed: Mapping[str, int]) -> list[str]:
        for name, variable in self._variables.items():
            write_over(folder / f"in.{name}", variable.get_value())
        for name in filter(self._uses, self._tables):
            write_over(folder / "static_arrays" / f"{name}_table_values", self._tables[name])
        return [f"{self._program}/main", str(self._steps(n_trials)), str(seed["control.seed"])]

    def _steps(self, n_trials: int) -> int:
        return n_trials * round(self.network.trial / self.options.dt)

    def _lasts(self, n_trials: int) -> float:
        """Return how long trials last: GeNN counts steps, and multiplies them in its precision."""
        return self._steps(n_trials) * float(self.dtype.type(self.options.dt * 1e-3))

    def _start(self, command: list[str], folder: Path) -> str:
        self._device.project_dir = str(folder)
        return complaint(call_apart(command, folder))

    def _times(self, times: np.ndarray) -> np.ndarray:
        dt = self.options.dt * 1e-3
        return np.rint(times / dt) * dt

    def _result(self, folder: Path, n_trials: int) -> BlockResult:
        result = super()._result(folder, n_trials)
        spikes = {
            name: (self._times(times * 1e-3) * 1e3, neurons)
            for name, (times, neurons) in result.spikes.items()
        }
        return BlockResult(result.counts, spikes, result.traces)


@contextmanager
def _settings(dtype: np.dtype) -> Iterator[None]:
    """Make Brian2 write as Brian2GeNN reads, in a precision; all-to-all weights as matrices."""
    from apical.devices.brian import genn_device  # imports Brian2GeNN, which brings preferences

    wanted = {
        "codegen.generators.cpp.restrict_keyword": "__restrict",
        "codegen.loop_invariant_optimisations": False,
        "core.network.default_schedule": genn_device.SCHEDULE,
        "devices.genn.connectivity": "DENSE",
    }
    with preferences(wanted), precision(dtype):
        yield
