"""Devices (simulation back ends), and `simulate`, which builds a network on one of them.

One module for each device (`array`, `runtime`, `cpp_standalone`, `cuda_standalone`, `genn`), which
imports its engine (`arrays`, `brian`) when a simulator is made. Imports `plausibility` and below.
To add a device, write a module with a `Device`, its options a frozen dataclass, and name it in
`DEVICES` (`device.py`); another package names it as an entry point of group ``apical.devices``.
"""

import warnings
from collections.abc import Collection
from typing import Any, Literal

from apical._base.checking import checked, listed, shown
from apical._base.parameters import Names
from apical._base.scratch import clear_leftovers_once
from apical.devices.device import DEVICES as DEVICES
from apical.devices.device import Device as Device
from apical.devices.device import Options as Options
from apical.devices.device import recordable as recordable
from apical.devices.device import transports as transports
from apical.devices.device import usual as usual
from apical.devices.device import usual_options as usual_options
from apical.devices.replicas import Replica as Replica
from apical.devices.replicas import Replicas as Replicas
from apical.devices.simulator import Block as Block
from apical.devices.simulator import BlockResult as BlockResult
from apical.devices.simulator import Closing as Closing
from apical.devices.simulator import Simulator as Simulator
from apical.errors import DescriptionWarning, ParameterError
from apical.errors.source_location import outside
from apical.network.description import Network


@checked()
def simulate(
    network: Network,
    device: str = "cpp_standalone",
    *,
    dtype: Literal["float32", "float64"] = "float32",
    record: Names = (),
    traces: Names = (),
    **options: Any,
) -> Simulator:
    """Build a simulator of a network on a device.

    A simulator is a context manager: ``with simulate(network) as simulator:`` gives back its memory
    and removes its files at the end, as `Simulator.close` does, and as happens by itself when
    nothing refers to it any more.

    Parameters
    ----------
    network
        The network.
    device
        ``"cpp_standalone"``: compiled once for each network structure, then fast; for training.
        ``"runtime"``: in this process, without a compiler; for notebooks and inspection.
        ``"array"``: steady states of rate networks, in batches of trials; without Brian2.
        ``"mpi"``: the same on the processes that mpiexec starts, populations on each of them.
        ``"lockstep"``: a batch of trials at once, of what ``"runtime"`` runs, by NumPy or PyTorch.
        ``"cuda_standalone"``: as ``"cpp_standalone"``, on an NVIDIA GPU, through Brian2CUDA.
        ``"genn"``: spiking networks that learn at the end of trials, on the CPU back end of GeNN,
        through Brian2GeNN. Or a device of another package (`DEVICES`).
    dtype
        Precision of state variables and weights.
    record
        Populations to record: their spikes, or graded activity at the end of each trial.
    traces
        Signals of these populations to record at every time step, for instance ``("v", "teach")``.
        On device ``array`` error neurons then receive the labels of every block; on the others
        they do so wherever a block has labels.
    **options
        Options of the device, which validates them; ``help(apical.devices.DEVICES[name].options)``
        explains each.

        ``array``: ``batch=1``, ``library="numpy"``, ``replica=None`` (`Replicas`).
        ``mpi``: those of ``array``, ``batch`` and ``library``, and ``place=None``, ``in_flight=1``,
        ``micro_batches=1``, ``patience=25.0`` [s].
        ``runtime``: ``dt=1.0`` [ms], ``capacity=5000``, ``codegen="numpy"``.
        ``lockstep``: ``dt``, ``capacity``, ``batch=1``, ``library="numpy"``; for backpropagation
        through time ``surrogate="fast_sigmoid"``, ``steepness=25.0``, ``through_reset=False``,
        ``checkpoint=0``, ``through_time=False``.
        ``cpp_standalone``: ``dt``, ``capacity``, ``jobs=None``, ``dense=True``, ``profile=False``.
        ``cuda_standalone``: ``dt``, ``capacity``, ``jobs``, ``profile``, ``capability=None``,
        ``programs=None``, ``prebuilt=False``.
        ``genn``: ``dt``, ``capacity``, ``jobs``.

    Returns
    -------
    Simulator
        The network on the device, in its initial state.

    Raises
    ------
    DeviceError
        If the device is not available, or an option belongs to another device.
    ParameterError
        If the device or an option is unknown, or a value is invalid.
    LocalityError, WiringError
        If the network is not plausible, or incomplete.

    See Also
    --------
    Simulator : What it does with blocks of trials.
    apical.train : Trains it.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> net = ap.Network(output="y")
    >>> x = net.add(ap.Stimulus("x", 2, ap.encoding.Graded()))
    >>> y = net.add(ap.Rate("y", 1, "linear"))
    >>> projection = net.connect(x, y, weights=ap.Given(np.array([[2.0], [3.0]])))
    >>> with ap.simulate(net, "array") as simulator:
    ...     result = simulator.run(ap.Block.of_stimuli(np.array([[1.0, 0.0], [1.0, 1.0]])))
    >>> result.counts["y"]
    array([[2.],
           [5.]], dtype=float32)

    In Brian2 the same network follows its stimulus with a time constant:

    >>> with ap.simulate(net, "runtime", record=["y"], traces=["x"]) as simulator:
    ...     result = simulator.run(ap.Block.of_stimuli(np.array([[1.0, 1.0]])))
    >>> course = result.traces["y.x"][0, :, 0]
    >>> course.shape, bool((np.diff(course) >= 0).all()), round(float(course[-1]), 2)
    ((100,), True, 5.0)
    >>> ap.simulate(net, "arry")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: There is no device 'arry'; known are array, ...
    """
    clear_leftovers_once()
    found = DEVICES[device]
    given = {"dtype": dtype, "record": record, "traces": traces, **options}
    chosen = found.chosen(given)
    network = network.in_order()
    _warn_of_none(network)
    _check_recorded(network, record, traces)
    found.require(network, chosen)
    return found.make(network, chosen)


@checked()
def check_simulation(network: Network, device: str, **options: Any) -> None:
    """Raise the errors of `simulate`, as far as they are known without building anything.

    Parameters
    ----------
    network, device, **options
        As in `simulate`.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.devices import check_simulation
    >>> from apical.testing.references import rates, spiking
    >>> check_simulation(rates(), "array", batch=64)
    >>> check_simulation(spiking(), "array")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: Device 'array' runs rate networks, but 'stimulus' ...
    >>> check_simulation(spiking(), "runtime", batch=64)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: Device 'runtime' has no option 'batch', got 64; only ...
    """
    found = DEVICES[device]
    found.require(network, found.chosen(options))


def _warn_of_none(network: Network) -> None:
    """Warn of projections that have no synapse."""
    for projection in network.projections:
        few = projection.missing and projection.pre.size * projection.post.size < 10**6
        if (few or not projection.connectivity.is_full) and not network.n_synapses(projection):
            lost = f" with missing={projection.missing:g}" if projection.missing else ""
            warnings.warn(
                f"Projection {projection.name!r} has no synapse: {projection.connectivity.about}"
                f"{lost} leaves none, so that it does nothing; connect more of its neurons.",
                DescriptionWarning,
                stacklevel=outside(),
            )


def _check_recorded(network: Network, record: Collection[str], traces: Collection[str]) -> None:
    known = [population.name for population in network.populations]
    strangers = sorted(set(record) - set(known))
    if strangers:
        raise ParameterError(
            f"record names {listed(strangers)}, but the network has {', '.join(known)}.",
            object="devices.simulate",
            parameter="record",
        )
    offered = {p.name: p.signals for p in network.populations if p.name in record}
    for signal in traces:
        if not any(signal in signals for signals in offered.values()):
            offers = "; ".join(f"{name}: {', '.join(has)}" for name, has in offered.items())
            raise ParameterError(
                f"traces names {shown(signal)}, which no recorded population offers "
                f"({offers or 'none'} recorded); name one of those, or record more populations.",
                object="devices.simulate",
                parameter="traces",
            )
