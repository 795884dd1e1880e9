"""Device ``lockstep``: a batch of trials at once, from the statements that Brian2 makes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from apical._base.bibliography import cite
from apical._base.parameters import Count, CountOrZero, Positive
from apical.devices import lacks
from apical.devices.device import Device, Form, transports
from apical.devices.needs import Diagnosis, Looked, Machine, learning, named, on_torch
from apical.devices.of_brian import BrianOptions, building, check_brian
from apical.devices.simulator import Simulator
from apical.errors import DeviceError
from apical.network.description import Network

NAME = "lockstep"


@dataclass(frozen=True)
class LockstepOptions(BrianOptions):
    """Options of device ``lockstep``, besides `BrianOptions`.

    Parameters
    ----------
    batch
        Batch size: number of trials that run at once. Weights change by the mean of the updates of
        the trials; with 1 every trial is that of device ``runtime``.
    library
        Array library: ``"numpy"``, ``"torch"`` (PyTorch on the CPU), or ``"torch:"`` and a device
        of PyTorch, as in ``"torch:cuda"``. PyTorch is an optional extra:
        ``pip install 'apical[torch]'``.
    surrogate
        For backpropagation through time (`apical.feedback.transposed` in a spiking network): the
        derivative that stands for that of a spike with respect to u, the distance from threshold,
        with steepness s. ``"fast_sigmoid"``: ``1/(1 + s*abs(u))**2``; ``"arctan"``:
        ``s/(pi*(1 + (s*u)**2))``; ``"triangle"``: ``max(0, 1 - s*abs(u))``; ``"gain"``: the
        neuron's own; ``"sigmoid"``: spikes are themselves graded, to check gradients by.
    steepness
        Of the surrogate [dimensionless].
    through_reset
        Whether gradients pass through what a spike sets in its own neuron: reset, adaptation.
    through_time
        Whether a network with fixed feedback synapses learns by gradients through time, too: they
        reach hidden populations at every time step through these synapses, in place of transposed
        forward weights, and the rule stays unused. A control between local learning and
        backpropagation through time, and not local.
    checkpoint
        Gradient checkpointing: number of time steps after which the state is kept for the way back,
        which runs those in between once more; 0 keeps every step. The gradients are the same.
        Memory is least near the square root of the number of steps in a trial.

    Examples
    --------
    >>> from apical.devices.lockstep import LockstepOptions
    >>> LockstepOptions(batch=64).library
    'numpy'
    """

    batch: Count = 1
    library: str = "numpy"
    surrogate: Literal["fast_sigmoid", "arctan", "triangle", "gain", "sigmoid"] = "fast_sigmoid"
    steepness: Positive = 25.0
    through_reset: bool = False
    through_time: bool = False
    checkpoint: CountOrZero = 0


_OF_GRADIENTS = ("surrogate", "steepness", "through_reset", "checkpoint")


def _is_set(options: LockstepOptions, name: str) -> bool:
    """Say whether an option is another than by default."""
    return bool(getattr(options, name) != getattr(LockstepOptions(), name))


def _usual(network: Network) -> Mapping[str, Any]:
    """Return the library that backpropagation through time needs."""
    return {"library": "torch"} if network.is_spiking and transports(network) else {}


def _make(network: Network, options: LockstepOptions) -> Simulator:
    from apical.devices.brian.batched.bptt import BpttSimulator
    from apical.devices.brian.batched.libraries import load_library
    from apical.devices.brian.batched.simulator import LockstepSimulator
    from apical.devices.surrogates import Surrogate

    library = load_library(options.library, options.dtype)
    whole = building(options, sparse=True)
    if transports(network) or options.through_time:
        surrogate = Surrogate(options.surrogate, options.steepness, options.through_reset)
        given = network, whole, options.dtype, library, options.batch, surrogate
        own, checkpoint = not transports(network), options.checkpoint
        return BpttSimulator(*given, own_feedback=own, checkpoint=checkpoint)
    return LockstepSimulator(network, whole, options.dtype, library, options.batch)


def _check(network: Network, options: LockstepOptions) -> None:
    check_brian(NAME, network, options.dt)
    if not network.reset and options.batch > 1:
        raise DeviceError(
            f"Device {NAME!r} runs {options.batch} trials at once, but in a network with "
            "reset=False each begins where the one before it ended; use batch=1, or reset=True.",
            object=f"Device {NAME!r}",
            parameter="batch",
        )
    asked = next((name for name in _OF_GRADIENTS if _is_set(options, name)), "")
    if transports(network) or options.through_time:
        _check_transport(network, options)
    elif asked:
        raise DeviceError(
            f"Device {NAME!r} was given {asked}={getattr(options, asked)!r}, but this network does "
            "not learn by backpropagation through time; leave it out, or use feedback.transposed, "
            "or through_time=True.",
            object=f"Device {NAME!r}",
            parameter=asked,
        )
    if options.library.startswith("torch") and any(lacks.lacks_of_torch()):
        raise DeviceError(
            f"Device {NAME!r} needs PyTorch for library={options.library!r}, which is not "
            "installed: pip install 'apical[torch]'.",
            object=f"Device {NAME!r}",
            parameter="library",
        )


def _check_transport(network: Network, options: LockstepOptions) -> None:
    """Raise if there is no backpropagation through time of a network that asks for it."""
    told = [p.name for p in network.populations if p.is_told and p.name in options.record]
    late = [p.name for p in network.projections if p.delay and p.pre.role == "neurons"]
    said, parameter = "", ""
    if not network.is_spiking:
        said = (
            "backpropagates through time in spiking networks; a network of rates has an exact "
            "gradient in its steady state: use device='array'"
        )
    elif not options.library.startswith("torch"):
        parameter = "library"
        said = (
            "backpropagates through time by PyTorch; use library='torch' "
            "(pip install 'apical[torch]')"
        )
    elif told:
        parameter = "record"
        said = (
            "runs no error neurons where gradients go back through time, so "
            f"{told[0]!r} cannot be recorded; leave it out of record"
        )
    elif late:
        said = f"backpropagates through no delays, but {late[0]!r} has one; use delay=0"
    if said:
        raise DeviceError(
            f"Device {NAME!r} {said}.", object=f"Device {NAME!r}", parameter=parameter
        )


def _diagnose(machine: Machine) -> Iterator[Looked]:
    brian, missing = named("Brian2"), (*lacks.lacks_of_brian2(),)
    yield Diagnosis(NAME, "numpy", brian, missing), learning(NAME)
    yield from on_torch(NAME, machine, brian, missing)


DEVICE = Device(
    NAME,
    "a batch of trials at once, of spiking networks and of rates in time; without a compiler",
    _make,
    LockstepOptions,
    _check,
    transport=True,
    usual=_usual,
    forms=(
        Form("numpy"),
        Form("torch", {"library": "torch"}),
        Form("torch:cuda", {"library": "torch:cuda"}, on_card=True),
    ),
    diagnose=_diagnose,
    source=f"{cite('stimberg2019')}; {cite('harris2020')}",
)
