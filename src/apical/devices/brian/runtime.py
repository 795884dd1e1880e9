"""Brian2 in process, with generated numpy or Cython code: for notebooks and for looking inside."""

import warnings
from collections.abc import Mapping
from typing import Any

import brian2 as b2
import numpy as np

from apical import seeds
from apical.devices.brian import build, reading, tables, variables
from apical.devices.brian.base import (
    BrianSimulator,
    code_generation,
    joined,
    precision,
)
from apical.devices.simulator import Block, BlockResult, check_block
from apical.network import Network


class RuntimeSimulator(BrianSimulator):
    """Runs a network in this process. Made by `apical.simulate`; parameters as there."""

    def __init__(self, network: Network, options: build.Options, dtype: str, codegen: str) -> None:
        self.network, self.options = network, options
        self.dtype, self.codegen = np.dtype(dtype), codegen
        b2.set_device("runtime")
        with precision(self.dtype), code_generation(codegen):
            self._built = build.Builder(network, options).build()
        for name, value in self._built.constants.items():
            variables.view(self._built, name)[:] = value
        for name, values in variables.fixed(self._built).items():
            variables.view(self._built, name)[:] = values.ravel()
        self._shapes = variables.state_shapes(self._built)
        self.state = variables.initial_state(self._built)

    @property
    def brian(self) -> Mapping[str, Any]:
        return self._built.objects

    def add(self, *brian_objects: Any) -> None:
        self._built.brian_network.add(*brian_objects)

    def _get(self, name: str) -> np.ndarray:
        return np.array(variables.view(self._built, name)[:]).reshape(self._shapes[name])

    def _set(self, name: str, values: np.ndarray) -> None:
        variables.view(self._built, name)[:] = np.asarray(values).ravel()

    def run(self, block: Block) -> BlockResult:
        """Present a block of trials, from the present state on; Brian2's time starts at 0."""
        check_block(self.network, block)
        parts = block.parts(self.options.capacity)
        return joined(
            [self._run(part, k) for k, part in enumerate(parts)], self.network.trial, parts
        )

    def _run(self, block: Block, part: int) -> BlockResult:
        network, n = self._built.brian_network, len(block)
        b2.set_device("runtime")
        b2.seed(seeds.simulator_seed(self.network.seed, block.index, part))
        values = tables.empty(self.network, n)
        tables.fill(values, self.network, block)
        arrays = tables.timed_arrays(self.network, values)
        for item in self._built.objects.values():
            item.namespace.update({k: v for k, v in arrays.items() if k in item.namespace})
        network.t_ = 0.0
        try:
            with precision(self.dtype), code_generation(self.codegen), warnings.catch_warnings():
                # Brian2 compares single-precision states with a bound they cannot hold
                warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)
                with reading.prepared(self.network):
                    network.run(n * self.network.trial * b2.ms)
                build.only_closing(self._built)
                network.run(self.options.dt * b2.ms)
        finally:
            build.all_active(self._built)
        state = {k: self._get(k) for k in self._shapes if k.endswith(".lastspike")}
        variables.shift_spike_times(state, -n * self.network.trial * 1e-3)
        self.state = state
        return self._result(n)

    def _result(self, n_trials: int) -> BlockResult:
        """Return what the monitors hold, and empty them: they would grow from block to block."""
        built = self._built
        counts = {
            name: np.array(getattr(monitor, f"{build.counted(monitor)}_")).T[1 : n_trials + 1]
            for name, monitor in built.counters.items()
        }
        traces = {
            f"{name}.{signal}": np.array(getattr(monitor, f"{signal}_")).T.reshape(
                n_trials, -1, built.objects[name].N
            )
            for name, monitor in built.traces.items()
            for signal in monitor.record_variables
        }
        result = BlockResult(counts, variables.recorded_spikes(built), traces)
        monitors = (built.counters, built.spikes, built.traces)
        for monitor in (item for kind in monitors for item in kind.values()):
            monitor.resize(0)
            monitor.variables["N"].set_value(0)
        return result
