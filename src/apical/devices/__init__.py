"""Devices: what a network can run on, and `simulate`, the only way to get there."""

import inspect
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from apical._base.checking import checked
from apical._base.parameters import Count, Duration, Names
from apical.devices.genn_limits import check_genn
from apical.devices.simulator import Block as Block
from apical.devices.simulator import BlockResult as BlockResult
from apical.devices.simulator import Simulator as Simulator
from apical.devices.timing import check_times
from apical.errors import DeviceError, ParameterError
from apical.network.description import Network
from apical.plausibility import check

DEVICES = ("cpp_standalone", "runtime", "array", "cuda_standalone", "genn")


@checked()
def simulate(
    network: Network,
    device: str = "cpp_standalone",
    *,
    dt: Duration = 1.0,
    dtype: Literal["float32", "float64"] = "float32",
    record: Names = (),
    traces: Names = (),
    codegen: Literal["numpy", "cython"] = "numpy",
    capacity: Count = 5000,
    dense: bool = True,
    profile: bool = False,
    jobs: Count | None = None,
    batch: Count = 1,
    library: str = "numpy",
    capability: str | None = None,
    programs: str | os.PathLike[str] | None = None,
    prebuilt: bool = False,
) -> Simulator:
    """Build a network on a device.

    Parameters
    ----------
    network
        What to simulate.
    device
        ``"cpp_standalone"``: compiled once for each structure, then fast; for training.
        ``"runtime"``: in this process, without a compiler; for notebooks and looking inside.
        ``"array"``: rate networks, settled, a batch of trials at a time; no Brian2.
        ``"cuda_standalone"``: as ``"cpp_standalone"``, on an NVIDIA GPU, through Brian2CUDA.
        ``"genn"``: spiking networks that learn at the ends of trials, on the CPU back end of GeNN,
        through Brian2GeNN.
    dt
        Time step [ms]; on device ``array`` there is no time.
    dtype
        Precision of state variables and weights.
    record
        Populations whose spikes, or whose graded activity at the end of each trial, every block
        returns.
    traces
        Signals of these populations, for instance ``("v", "teach")``, that every block returns
        too, at every time step. On device ``array`` error neurons are then shown the labels of
        every block; the others show them wherever a block has any.
    codegen
        What ``runtime`` generates: ``"numpy"`` starts at once, ``"cython"`` compiles for a minute
        and is then faster.
    capacity
        Trials that a compiled program takes in at once; longer blocks are run in parts.
    dense
        Whether ``cpp_standalone`` delivers spikes and graded signals by rows of the weight matrix
        instead of through Brian2's index arrays; the same bits, sooner.
    profile
        Whether a compiled program measures the time of each code object (slower).
    jobs
        Compilers to run side by side; the number of processors by default.
    batch
        Trials that learn together on device ``array``; the update is their mean. Brian2 shows
        one after the other.
    library
        Whose arrays device ``array`` works with: ``"numpy"``, ``"torch"`` (PyTorch in memory), or
        ``"torch:"`` and a device of PyTorch, as in ``"torch:cuda"``. PyTorch is an optional extra:
        ``pip install 'apical[torch]'``.
    capability
        Compute capability that ``cuda_standalone`` compiles for, for instance ``"9.0"``; that of
        the first card here by default. With one, programs can be built where there is no card.
    programs
        Folder of the compiled programs of ``cuda_standalone``; in the cache by default.
    prebuilt
        Whether ``cuda_standalone`` compiles nothing, and finds its program among `programs`,
        built here or on another machine.

    Raises
    ------
    DeviceError
        If the device is not known, or lacks what it needs.
    LocalityError, WiringError
        If the network is not plausible, or not complete.
    """
    _check_device(device, {name: value for name, value in locals().items() if name in _OPTIONS})
    network = network.in_order()
    _check_recorded(network, record, traces)
    if device == "array":
        from apical.devices.arrays.engine import ArraySimulator
        from apical.devices.arrays.libraries import load_library

        check(network, transport=True)
        return ArraySimulator(network, load_library(library, dtype), batch, record, traces)
    check(network)
    _check_brian(network, device, dt)
    from apical.devices.brian.build import Options

    options = Options(dt, capacity, tuple(record), dense and device != "runtime", tuple(traces))
    if device == "runtime":
        from apical.devices.brian.runtime import RuntimeSimulator

        return RuntimeSimulator(network, options, dtype, codegen)
    how = (network, options, dtype, profile, jobs or os.cpu_count() or 1)
    return _compiled(device, how, capability, programs, prebuilt)


def _compiled(
    device: str,
    how: tuple[Network, Any, str, bool, int],
    capability: str | None,
    programs: str | os.PathLike[str] | None,
    prebuilt: bool,
) -> Simulator:
    """Return a simulator that runs a compiled program."""
    if device == "cpp_standalone":
        from apical.devices.brian.cpp import CppSimulator

        return CppSimulator(*how)
    if device == "genn":
        from apical.devices.brian.genn import GennSimulator

        return GennSimulator(*how)
    from apical.devices.brian.cuda import CudaSimulator, Target

    folder = None if programs is None else Path(programs)
    return CudaSimulator(*how, target=Target(capability, folder, prebuilt))


@checked()
def check_simulation(
    network: Network,
    device: str,
    *,
    dt: Duration = 1.0,
    dtype: Literal["float32", "float64"] = "float32",
    batch: Count = 1,
) -> None:
    """Raise what `simulate` would, as far as can be told without building anything."""
    given = {name: inspect.signature(simulate).parameters[name].default for name in _OPTIONS}
    _check_device(device, given | {"dt": dt, "batch": batch})
    check(network, transport=device == "array")
    if device == "array":
        from apical.devices.arrays.engine import check_network

        check_network(network)
    else:
        _check_brian(network, device, dt)


_OPTIONS: dict[str, tuple[str, ...]] = {
    "dt": ("cpp_standalone", "runtime", "cuda_standalone", "genn"),
    "codegen": ("runtime",),
    "capacity": ("cpp_standalone", "runtime", "cuda_standalone", "genn"),
    "dense": ("cpp_standalone",),
    "profile": ("cpp_standalone", "cuda_standalone"),
    "jobs": ("cpp_standalone", "cuda_standalone", "genn"),
    "batch": ("array",),
    "library": ("array",),
    "capability": ("cuda_standalone",),
    "programs": ("cuda_standalone",),
    "prebuilt": ("cuda_standalone",),
}
"""Options that not every device has, and those that have them."""


def _check_device(device: str, given: Mapping[str, object]) -> None:
    if device not in DEVICES:
        raise ParameterError(
            f"device must be one of {', '.join(DEVICES)}, got {device!r}.",
            object="devices.simulate",
            parameter="device",
        )
    defaults = inspect.signature(simulate).parameters
    for option, devices in _OPTIONS.items():
        if given[option] != defaults[option].default and device not in devices:
            raise DeviceError(
                f"Device {device!r} has no option {option!r}, got {given[option]!r}; only "
                f"{' and '.join(map(repr, devices))} {'has' if len(devices) == 1 else 'have'} it. "
                "Leave it out.",
                object=f"Device {device!r}",
            )


def _check_brian(network: Network, device: str, dt: float) -> None:
    """Raise if a device of Brian2's cannot run a network in time steps of `dt` [ms]."""
    if device == "genn":
        check_genn(network)
    if network.noise or network.noisy:
        who = ", ".join(repr(p.name) for p in network.noisy) or "populations"
        raise DeviceError(
            f"Device {device!r} knows no noise phases, but {who} are to fire noise of their own "
            "between trials of learning; use device='array'.",
            object=f"Device {device!r}",
        )
    check_times(network, dt)


def _check_recorded(network: Network, record: Collection[str], traces: Collection[str]) -> None:
    known = [population.name for population in network.populations]
    strangers = sorted(set(record) - set(known))
    if strangers:
        raise ParameterError(
            f"record names {', '.join(map(repr, strangers))}, but the network has "
            f"{', '.join(known)}.",
            object="devices.simulate",
            parameter="record",
        )
    offered = {p.name: p.signals for p in network.populations if p.name in record}
    for signal in traces:
        if not any(signal in signals for signals in offered.values()):
            offers = "; ".join(f"{name}: {', '.join(has)}" for name, has in offered.items())
            raise ParameterError(
                f"traces names {signal!r}, which no recorded population offers ({offers or 'none'} "
                "recorded); name one of those, or record more populations.",
                object="devices.simulate",
                parameter="traces",
            )
