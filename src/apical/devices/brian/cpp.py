"""C++ standalone: the program of a network, compiled by the machine's own compiler."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import brian2 as b2
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from apical._base import seeds
from apical.devices.brian import build, chance, spike_tables
from apical.devices.brian.compiling import (
    Found,
    call_apart,
    compile_project,
    compiler,
    complaint,
)
from apical.devices.brian.dense import DenseDevice, PlainDevice
from apical.devices.brian.standalone import StandaloneSimulator
from apical.devices.simulator import Block
from apical.errors import DeviceError
from apical.network.description import Network

# What has decayed to less than 1e-38 (in single precision) is 0: processors work it out a hundred
# times slower, and a trace that nothing feeds decays for ever.
_FLUSH = """#ifdef __SSE__
        __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
        #endif"""

LONGEST = 64e3
"""Time of a block within which Brian2's own loop counts right [ms]: it holds clocks to be equal
within 1e-14 s, less than the rounding of times beyond; trials would begin a step late."""


class CppSimulator(StandaloneSimulator):
    """Runs a network as a compiled C++ program. Made by `apical.simulate`; parameters as there."""

    _PREPARE = (_FLUSH, "_random_generators[0].seed((uint64_t)_array_control_seed[0]);")

    def __init__(
        self, network: Network, options: build.Options, dtype: str, profile: bool, jobs: int
    ) -> None:
        if not options.dense:
            longest = int(LONGEST // network.trial)
            options = replace(options, capacity=min(options.capacity, longest))
        super().__init__(network, options, dtype, profile, jobs)
        with self._place():
            self._seedings = chance.add_to(self._built)
        self._first: b2.NeuronGroup | None = None

    def _describe_runs(self) -> None:
        tables = self._built.ahead if self.options.dense and not self.additions else {}
        with spike_tables.used(self._built.brian_network, self._built.objects, tables):
            super()._describe_runs()
        self._first = chance.program(self._device, self._seedings)

    def _seed(self, block: Block) -> Mapping[str, int]:
        seed = {"control.seed": seeds.simulator_seed(self.network.seed, block.index)}
        return seed | ({"place.first": int(block.first)} if self._first else {})

    def _require(self) -> None:
        compiler()
        if not hasattr(CPPStandaloneDevice, "apply_run_args"):
            raise DeviceError(
                "Device 'cpp_standalone' needs Brian2 2.6 or newer, which runs a program again "
                f"with other values; got {b2.__version__}. Use device='runtime'.",
                object="Device 'cpp_standalone'",
            )

    def _new_device(self) -> Any:
        return DenseDevice() if self.options.dense else PlainDevice()

    def _make(self, project: Path) -> Found:
        return compile_project(project, self.jobs)

    def _start(self, command: list[str], folder: Path) -> str:
        return complaint(call_apart(command, self._program or folder))
