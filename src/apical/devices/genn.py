"""Device ``genn``: spiking networks on the CPU back end of GeNN, through Brian2GeNN."""

from collections.abc import Iterator

from apical._base.bibliography import cite
from apical.devices import lacks
from apical.devices.device import Device
from apical.devices.genn_limits import check_genn
from apical.devices.lacks import Lack
from apical.devices.needs import Diagnosis, Looked, Machine, learning
from apical.devices.of_brian import CompiledOptions, building, check_brian
from apical.devices.simulator import Simulator
from apical.network.description import Network

NAME = "genn"


def _make(network: Network, options: CompiledOptions) -> Simulator:
    from apical.devices.brian.genn import GennSimulator

    return GennSimulator(
        network, building(options), options.dtype, profile=False, jobs=options.compilers
    )


def _check(network: Network, options: CompiledOptions) -> None:
    check_genn(network)
    check_brian(NAME, network, options.dt)


def _diagnose(machine: Machine) -> Iterator[Looked]:
    folder, version, problem = lacks.source_of_genn()
    missing = (
        *lacks.lacks_of_brian2genn(),
        *([Lack(problem, lacks.GENN_SOURCE)] if problem else []),
        *lacks.lacks_of_compiler(machine.compiler),
        *lacks.lacks_of_make(),
        *lacks.lacks_of_cache(),
    )
    found = () if problem else (f"GeNN {version}, {folder}",)
    yield Diagnosis(NAME, "", found, missing), learning(NAME)


DEVICE = Device(
    NAME,
    "spiking networks that learn at the end of trials, on the CPU back end of GeNN",
    _make,
    CompiledOptions,
    _check,
    compiles=True,
    rates=False,
    diagnose=_diagnose,
    source=f"{cite('stimberg2019')}; {cite('yavuz2016')}; {cite('stimberg2020')}",
)
