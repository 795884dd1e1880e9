"""Common options and limits of Brian2 devices."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apical._base.parameters import Count, Duration
from apical.devices.device import Options
from apical.devices.timing import check_times
from apical.errors import DeviceError
from apical.network.description import Network
from apical.network.stimuli import takes_events

if TYPE_CHECKING:
    from apical.devices.brian import build


SHOW_EVENTS = ("runtime", "lockstep", "cpp_standalone")
"""Devices that show events of a data set (`apical.encoding.Events`)."""

SHOW_SEVERAL = ("runtime", "cpp_standalone")
"""Devices that run networks of several stimuli."""


@dataclass(frozen=True)
class BrianOptions(Options):
    """Options of every Brian2 device, besides `Options`.

    Parameters
    ----------
    dt
        Time step [ms].
    capacity
        Largest number of trials per run of a compiled program; longer blocks are split.

    Examples
    --------
    >>> from apical.devices.of_brian import BrianOptions
    >>> BrianOptions(dt=0.5).capacity
    5000
    """

    dt: Duration = 1.0
    capacity: Count = 5000


@dataclass(frozen=True)
class CompiledOptions(BrianOptions):
    """Options of every device that compiles a program, besides `BrianOptions`.

    Parameters
    ----------
    jobs
        Number of compilers to run in parallel; by default the number of processors.

    Examples
    --------
    >>> from apical.devices.of_brian import CompiledOptions
    >>> CompiledOptions(jobs=2).compilers
    2
    """

    jobs: Count | None = None

    @property
    def compilers(self) -> int:
        """Number of compilers to run in parallel."""
        return self.jobs or os.cpu_count() or 1


def building(
    options: BrianOptions, *, dense: bool = False, sparse: bool = False
) -> "build.Options":
    """Return the options for building a network as Brian2 objects; imports Brian2."""
    from apical.devices.brian.build import Options as BuildOptions

    given = options.dt, options.capacity, options.record, dense, options.traces
    return BuildOptions(*given, sparse=sparse)


def check_brian(device: str, network: Network, dt: float) -> None:
    """Raise if a Brian2 device cannot run a network in time steps of `dt` [ms]."""
    if network.noise or network.noisy:
        who = ", ".join(repr(p.name) for p in network.noisy) or "populations"
        raise DeviceError(
            f"Device {device!r} has no noise phases, but {who} are to be spontaneously active "
            "between training trials; use device='array'.",
            object=f"Device {device!r}",
        )
    _check_stimuli(device, network)
    for projection in network.projections:
        if projection.shares_weights:
            raise DeviceError(
                f"Device {device!r} gives each synapse a weight of its own, but those of "
                f"{projection.name!r} share weights; use device='array', or shared=False.",
                object=f"Device {device!r}",
            )
    check_times(network, dt)


def _check_stimuli(device: str, network: Network) -> None:
    """Raise if a Brian2 device cannot show what a network is shown."""
    if len(network.stimuli) > 1 and device not in SHOW_SEVERAL:
        names = ", ".join(repr(stimulus.name) for stimulus in network.stimuli)
        raise DeviceError(
            f"Device {device!r} shows one stimulus, but the network has {names}; use device="
            f"{' or '.join(map(repr, ('array', *SHOW_SEVERAL)))}.",
            object=f"Device {device!r}",
        )
    if takes_events(network) and device not in SHOW_EVENTS:
        raise DeviceError(
            f"Device {device!r} shows no events, which stimulus {network.stimulus.name!r} takes; "
            f"use device={' or '.join(map(repr, SHOW_EVENTS))}.",
            object=f"Device {device!r}",
        )
