"""Failures of GPU programs, reported with a remedy."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from subprocess import CompletedProcess

import numpy as np

from apical.devices.brian.build import Built, Options
from apical.devices.surroundings import gpus
from apical.errors import ApicalError, DeviceError, RunError

GIB = 2**30
_FULL = re.compile(r"out of memory|MemoryAllocation|ALLOCATION_FAILED")
"""Out-of-memory errors of cudaMalloc, Thrust and cuRAND."""


@dataclass(frozen=True)
class Needs:
    """Memory requirements of a program on the GPU, without those of CUDA itself.

    Parameters
    ----------
    network
        For synapses and neurons [bytes].
    trials
        For the stimuli of a block, and for what is recorded of it but spikes [bytes].
    capacity
        Trials of a block.
    """

    network: int
    trials: int
    capacity: int

    def __str__(self) -> str:
        return (
            f"about {self.network / GIB:.1f} GiB for synapses and neurons and "
            f"{self.trials / GIB:.1f} GiB for blocks of {self.capacity} trials"
        )


def needs(
    built: Built,
    shapes: Mapping[str, tuple[int, ...]],
    tables: Mapping[str, np.ndarray],
    options: Options,
    dtype: np.dtype,
) -> Needs:
    """Estimate the memory requirements of a program from the sizes of its arrays.

    Parameters
    ----------
    built, shapes, tables, options, dtype
        The network; shapes of its state; arrays of stimuli and labels of a block; how it was built,
        and in which precision.
    """
    # of each synapse Brian2 also keeps which neurons it joins, as whole numbers of 4 bytes
    synapses = sum(prod(projection.shape) for projection in built.network.projections)
    network = 8 * synapses + dtype.itemsize * sum(prod(shape) for shape in shapes.values())
    steps = round(built.network.trial / options.dt)
    recorded = sum((options.capacity + 1) * built.objects[name].N for name in built.counters)
    for name, monitor in built.traces.items():
        each_trial = steps * built.objects[name].N * len(monitor.record_variables)
        recorded += options.capacity * each_trial
    shown = sum(table.nbytes for table in tables.values())
    return Needs(network, shown + dtype.itemsize * int(recorded), options.capacity)


def failure(done: CompletedProcess[str], needs: Needs) -> ApicalError | str:
    """Return the failure of a program that has run.

    Parameters
    ----------
    done
        The program, its exit code and what it said.
    needs
        Memory that it needs.

    Returns
    -------
    ApicalError or str
        An error with a remedy, or the error message; empty on success.
    """
    unwritten = [line for line in done.stdout.splitlines() if line.startswith("Error ")]
    if not done.returncode and not done.stderr.strip():
        return unwritten[0] if unwritten else ""
    said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
    first = next((line for line in said if "ERROR" in line or "rror" in line), said[-1])
    reason = first.rpartition(" : ")[2]
    if "cudaSetDevice" in first:
        return DeviceError(
            f"Device 'cuda_standalone' found no NVIDIA GPU that it can use: {reason}. To build "
            "for another machine: apical run ... --no-run; to run there: --prebuilt.",
            object="Device 'cuda_standalone'",
        )
    if "libcurand" in first:
        return DeviceError(
            f"The program for the GPU cannot be started: {first}. Install cuRAND of the CUDA "
            "it was built with (pip install nvidia-curand), or set LD_LIBRARY_PATH."
        )
    if "no kernel image" in first:
        return DeviceError(
            f"The program was built for a newer card than this one ({reason}). Build it with "
            "--capability of this card, which 'apical doctor' names."
        )
    if any(map(_FULL.search, said)):
        return _full(needs)
    if done.returncode < 0:
        return f"signal {_named(-done.returncode)}: {first}"
    return f"exit code {done.returncode}: {first}"


def _full(needs: Needs) -> RunError:
    """Return the out-of-memory error, with advice on what to reduce."""
    cards, _ = gpus()
    has = [f"; {card.name} has {card.memory / 1024:.1f} GiB" for card in cards[:1] if card.memory]
    fewer = "fewer neurons (--hidden), or --dtype float32 where it is float64"
    if needs.trials > needs.network:
        fewer = "a smaller capacity in simulate(), fewer recorded populations and traces"
    return RunError(
        f"The memory of the GPU is full: the program needs {needs}, beside what CUDA and other "
        f"programs take{''.join(has)}. Take {fewer}, or another card, and resume. Nothing of this "
        "block was kept."
    )


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
