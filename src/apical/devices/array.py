"""Device ``array``: steady states of rate networks, in batches of trials; without Brian2."""

from collections.abc import Iterator
from dataclasses import dataclass

from apical._base.bibliography import cite
from apical._base.parameters import Count
from apical.devices.device import Device, Form, Options
from apical.devices.needs import Diagnosis, Looked, Machine, learning, named, on_torch
from apical.devices.replicas import Replica
from apical.devices.simulator import Simulator
from apical.network.description import Network

NAME = "array"


@dataclass(frozen=True)
class ArrayOptions(Options):
    """Options of device ``array``, besides `Options`.

    Where signals are recorded, error neurons receive the labels of every block.

    Parameters
    ----------
    batch
        Batch size: number of trials per weight update, which is the mean over the batch. Brian2
        presents one trial after the other.
    library
        Array library: ``"numpy"``, ``"torch"`` (PyTorch on the CPU), or ``"torch:"`` and a device
        of PyTorch, as in ``"torch:cuda"``. PyTorch is an optional extra:
        ``pip install 'apical[torch]'``.
    replica
        A place among `Replicas`, networks of one structure that run side by side; None for a
        network alone.

    Examples
    --------
    >>> from apical.devices.array import ArrayOptions
    >>> ArrayOptions(batch=64).library
    'numpy'
    >>> ArrayOptions(batch=0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: ArrayOptions: batch must be one whole number >= 1 ...
    """

    batch: Count = 1
    library: str = "numpy"
    replica: Replica | None = None


def _make(network: Network, options: ArrayOptions) -> Simulator:
    from apical.devices.arrays.engine import ArraySimulator
    from apical.devices.arrays.libraries import load_library
    from apical.devices.arrays.stacks import beside

    library = load_library(options.library, options.dtype)
    given = options.batch, options.record, options.traces
    if options.replica is None:
        return ArraySimulator(network, library, *given)
    key = f"{NAME}: {options.library}, {options.dtype}"
    seat, executed = beside(library, options.replica, key)
    return ArraySimulator(network, seat, *given, executed)


def _check(network: Network, options: ArrayOptions) -> None:
    from apical.devices.arrays.engine import check_network

    check_network(network)


def _diagnose(machine: Machine) -> Iterator[Looked]:
    yield Diagnosis(NAME, "numpy", named("numpy"), ()), learning(NAME)
    yield from on_torch(NAME, machine)


DEVICE = Device(
    NAME,
    "steady states of rate networks, in batches of trials; without Brian2",
    _make,
    ArrayOptions,
    _check,
    spikes=False,
    transport=True,
    forms=(
        Form("numpy"),
        Form("torch", {"library": "torch"}),
        Form("torch:cuda", {"library": "torch:cuda"}, on_card=True),
    ),
    diagnose=_diagnose,
    source=f"{cite('harris2020')}; {cite('virtanen2020')}",
)
