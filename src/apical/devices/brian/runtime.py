"""Brian2 in process, with generated numpy or Cython code: for notebooks and for looking inside."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import brian2 as b2
import numpy as np

from apical.devices.brian import build, chance, reading, tables, variables
from apical.devices.brian.base import BrianSimulator, precision
from apical.devices.brian.monitors import InProcess
from apical.devices.brian.stepping import Stepper
from apical.devices.brian.unaliased import InProcessDevice
from apical.devices.brian.workplace import preferences
from apical.devices.simulator import Block, BlockResult
from apical.network.description import Network


class RuntimeSimulator(BrianSimulator):
    """Runs a network in this process. Made by `apical.simulate`; parameters as there."""

    _compiled = False
    _stepper: Stepper | None = None

    def __init__(self, network: Network, options: build.Options, dtype: str, codegen: str) -> None:
        self.network, self.options = network, options
        self.dtype, self.codegen = np.dtype(dtype), codegen
        self._settle(InProcessDevice())
        with self._place():
            self._seedings = chance.add_to(self._built)

    @contextmanager
    def _settings(self) -> Iterator[None]:
        told = "logging.std_redirection_to_file"  # what compilers say is for nobody
        wanted = {"codegen.target": self.codegen, told: self.codegen == "cython"}
        with precision(self.dtype), preferences(wanted):
            yield

    def _begin(self, name: str, values: np.ndarray) -> None:
        self._set(name, values)

    def _record(self, monitor: Any) -> InProcess:
        return InProcess(monitor)

    @contextmanager
    def stepping(self, n_trials: int, *, keyed: bool = False) -> Iterator[Stepper]:
        """Make code once for all blocks that are run meanwhile, and let steps be run one by one.

        What is added or changed in Brian2 objects meanwhile has no effect on blocks of at most
        `n_trials`.

        Parameters
        ----------
        n_trials
            Largest number of trials in such a block; longer ones run as ever.
        keyed
            Whether each neuron and each synapse draws random numbers of its own, such that an
            additional spike changes no other number; other numbers than in blocks that run as ever.

        Raises
        ------
        DeviceError
            If something added ticks at other times than the network.
        """
        before = self._stepper
        self._stepper = Stepper(self, self._seedings, n_trials, keyed=keyed)
        try:
            yield self._stepper
        finally:
            self._stepper = before

    def _run(self, block: Block) -> BlockResult:
        """Run a part of a block; Brian2's time starts at 0."""
        if self._stepper is not None and len(block) <= self._stepper.n_trials:
            return self._run_stepped(self._stepper, block)
        network, n = self._built.brian_network, len(block)
        values = tables.empty(self.network, n)
        tables.fill(values, self.network, block, self.dt)
        with self._place(), ExitStack() as stack:
            chance.tell(self._seedings, self.network.seed, block)
            arrays = tables.timed_arrays(self.network, values)
            tables.show(self.network, self._built.objects, arrays)
            for record in self._diary.records:
                stack.enter_context(record.part(self._diary.start))
            network.t_ = 0.0
            stack.enter_context(warnings.catch_warnings())
            # Brian2 compares single-precision states with a bound they cannot hold
            warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)
            with reading.prepared(self.network):
                network.run(n * self.network.trial * b2.ms)
            with build.only_closing(self._built):
                network.run(build.closing_time(self._built, self.options.dt))
        return self._ended(n)

    def _run_stepped(self, stepper: Stepper, block: Block) -> BlockResult:
        """Run a part of a block with the code that was made."""
        stepper.show(block)
        with self._place(), ExitStack() as stack:
            for record in self._diary.records:
                stack.enter_context(record.part(self._diary.start))
            stack.enter_context(np.errstate(over="ignore"))
            with reading.prepared(self.network):
                stepper.loop(len(block) * stepper.steps)
                stepper.loop_closing(len(block))
        return self._ended(len(block))

    def _ended(self, n_trials: int) -> BlockResult:
        """Move the times of last spikes to the next block, and return the result of this one."""
        state = {k: self._get(k) for k in self._shapes if k.endswith(".lastspike")}
        variables.shift_spike_times(state, -n_trials * self.network.trial * 1e-3)
        self.state = state
        return self._result(n_trials)

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
