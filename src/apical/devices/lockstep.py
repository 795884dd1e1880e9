"""Device ``lockstep``: a batch of trials at once, from the statements that Brian2 makes."""

from collections.abc import Iterator
from dataclasses import dataclass

from apical._base.bibliography import cite
from apical._base.parameters import Count
from apical.devices import lacks
from apical.devices.device import Device, Form
from apical.devices.needs import Diagnosis, Looked, Machine, learning, named
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

    Examples
    --------
    >>> from apical.devices.lockstep import LockstepOptions
    >>> LockstepOptions(batch=64).library
    'numpy'
    """

    batch: Count = 1
    library: str = "numpy"


def _make(network: Network, options: LockstepOptions) -> Simulator:
    from apical.devices.brian.batched.libraries import load_library
    from apical.devices.brian.batched.simulator import LockstepSimulator

    library = load_library(options.library, options.dtype)
    whole = building(options, sparse=True)
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


def _diagnose(machine: Machine) -> Iterator[Looked]:
    brian, torch = named("Brian2"), named("torch", "PyTorch")
    missing = (*lacks.lacks_of_brian2(),)
    cards = lacks.lacks_of_torch_cuda(machine.gpus, machine.gpus_problem)
    yield Diagnosis(NAME, "numpy", brian, missing), learning(NAME)
    for form, more in (
        ("torch", (*lacks.lacks_of_torch(),)),
        ("torch:cuda", (*lacks.lacks_of_torch(), *cards)),
    ):
        known = bool(torch and more)
        found = Diagnosis(NAME, form, (*brian, *torch), (*missing, *more), knows_best=known)
        yield found, learning(NAME, library=form)


DEVICE = Device(
    NAME,
    "a batch of trials at once, of spiking networks and of rates in time; without a compiler",
    _make,
    LockstepOptions,
    _check,
    forms=(
        Form("numpy"),
        Form("torch", {"library": "torch"}),
        Form("torch:cuda", {"library": "torch:cuda"}, on_card=True),
    ),
    diagnose=_diagnose,
    source=f"{cite('stimberg2019')}; {cite('harris2020')}",
)
