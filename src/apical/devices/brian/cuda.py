"""CUDA standalone: the program of a network on an NVIDIA GPU, written by Brian2CUDA.

Everything about blocks, state and files is that of C++ standalone: a program is compiled once for
each structure, and a block is one run of it. It may be compiled on a machine without a GPU, for a
named compute capability, and run on another.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.folders import cache_folder
from apical.devices.brian import build, cuda_compiling
from apical.devices.brian.base import precision
from apical.devices.brian.compiling import Found, call_apart
from apical.devices.brian.cuda_compiling import Target
from apical.devices.brian.cuda_failures import failure, needs
from apical.devices.brian.standalone import StandaloneSimulator
from apical.devices.simulator import BlockResult
from apical.errors import ApicalError, DeviceError
from apical.network.description import Network

COUNTED = 2**23
"""Time steps of a block that a GPU tells apart: it takes remainders in single precision."""


class CudaSimulator(StandaloneSimulator):
    """Runs a network as a program on a GPU. Made by `apical.simulate`; parameters as there.

    Brian2CUDA lets cuRAND fill buffers for many time steps ahead, which cannot be seeded again when
    a trial begins. Random numbers follow from the stream and the place of a block, and depend on
    the division into blocks.
    """

    _PREPARE = ("random_number_buffer.set_seed((unsigned long long)_array_control_seed[0]);",)

    _QUIET, _ORDERED = ("brian2cuda",), False

    def __init__(
        self,
        network: Network,
        options: build.Options,
        dtype: str,
        profile: bool,
        jobs: int,
        target: Target,
    ) -> None:
        self._target = target
        self._store = None if target.prebuilt else target.programs
        steps = round(network.trial / options.dt)
        options = replace(options, capacity=max(1, min(options.capacity, COUNTED // steps)))
        super().__init__(network, options, dtype, profile, jobs)
        if target.prebuilt:
            self.build()  # what is not there is said before anything begins

    def _require(self) -> None:
        cuda_compiling.check_brian2cuda()
        _check_names(self.network)
        if not self._target.prebuilt:
            self._capability = cuda_compiling.capability_for(self._target)
            self._toolkit = cuda_compiling.check_toolkit(self._capability)

    def _new_device(self) -> Any:
        from apical.devices.brian.cuda_device import CudaDevice  # imports Brian2CUDA

        return CudaDevice()

    def _settings(self) -> AbstractContextManager[None]:
        return _settings(self.dtype)

    def _write(self, project: Path) -> None:
        from apical.devices.brian.cuda_device import mend

        self._device.in_fixed_order()
        self._device.forget_unused()
        super()._write(project)
        mend(project, self.options.dt * 1e-3)

    def _make(self, project: Path) -> Found:
        if not self._target.prebuilt:
            return cuda_compiling.compile_cuda(
                project, project.parent, self._capability, self.jobs, self._toolkit
            )
        programs = self._target.programs or cache_folder() / "programs"
        name = cuda_compiling.known_by(project)
        return Found(cuda_compiling.find_prebuilt(programs, name), False)

    def _start(self, command: list[str], folder: Path) -> str:
        done = call_apart(command, self._program or folder, cuda_compiling.environment())
        sizes = needs(self._built, self._shapes, self._tables, self.options, self.dtype)
        said = failure(done, sizes)
        if isinstance(said, ApicalError):
            raise said
        return said

    def _result(self, folder: Path, n_trials: int) -> BlockResult:
        result = super()._result(folder, n_trials)
        return BlockResult(
            result.counts,
            {name: in_order(*spikes) for name, spikes in result.spikes.items()},
            result.traces,
        )


def in_order(times: np.ndarray, neurons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes by time, those of one time step by neuron: a GPU finds them in any order."""
    order = np.lexsort((neurons, times))
    return times[order], neurons[order]


@contextmanager
def _settings(dtype: np.dtype) -> Iterator[None]:
    """Make Brian2CUDA write for a precision, and for no card in particular."""
    from apical.devices.brian.cuda_device import preferences

    with precision(dtype), preferences():
        yield


def _check_names(network: Network) -> None:
    """Refuse names that Brian2CUDA would take to pieces."""
    numeral = re.compile(r"\d\d+[eE]\d")
    names = [p.name for p in network.populations] + [p.name for p in network.projections]
    for name in filter(numeral.search, names):
        raise DeviceError(
            f"{name!r} has in it what Brian2CUDA takes for a number, {numeral.findall(name)[0]!r}; "
            "choose another name for device 'cuda_standalone'.",
            object=repr(name),
            parameter="name",
        )
