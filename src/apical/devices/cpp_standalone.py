"""Device ``cpp_standalone``: a C++ program for each network structure, through Brian2."""

from collections.abc import Iterator
from dataclasses import dataclass

from apical._base.bibliography import cite
from apical.devices import lacks
from apical.devices.device import Device
from apical.devices.needs import Diagnosis, Looked, Machine, compile_cpp, named, with_brian
from apical.devices.of_brian import CompiledOptions, building, check_brian
from apical.devices.simulator import Simulator
from apical.network.description import Network

NAME = "cpp_standalone"


@dataclass(frozen=True)
class CppOptions(CompiledOptions):
    """Options of device ``cpp_standalone``, besides `CompiledOptions`.

    Parameters
    ----------
    dense
        Whether spikes and graded signals are propagated by rows of the weight matrix instead of
        Brian2's index arrays; faster, with identical results.
    profile
        Whether the program measures the run time of each code object (slower).

    Examples
    --------
    >>> from apical.devices.cpp_standalone import CppOptions
    >>> CppOptions(profile=True).dense
    True
    """

    dense: bool = True
    profile: bool = False


def _make(network: Network, options: CppOptions) -> Simulator:
    from apical.devices.brian.cpp import CppSimulator

    how = building(options, dense=options.dense, sparse=True)
    return CppSimulator(network, how, options.dtype, options.profile, options.compilers)


def _check(network: Network, options: CppOptions) -> None:
    check_brian(NAME, network, options.dt)


def _diagnose(machine: Machine) -> Iterator[Looked]:
    missing = (
        *lacks.lacks_of_brian2(),
        *lacks.lacks_of_running_again(),
        *lacks.lacks_of_compiler(machine.compiler),
        *lacks.lacks_of_cache(),
    )
    found = (*named("Brian2"), *machine.compilers)
    yield Diagnosis(NAME, "", found, missing), with_brian(compile_cpp)


DEVICE = Device(
    NAME,
    "compiled once for each network structure, then fast; for training",
    _make,
    CppOptions,
    _check,
    compiles=True,
    diagnose=_diagnose,
    source=cite("stimberg2019"),
)
