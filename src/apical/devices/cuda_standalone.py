"""Device ``cuda_standalone``: a program on an NVIDIA GPU, through Brian2CUDA."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apical._base.bibliography import cite
from apical.devices import lacks
from apical.devices.device import Device, Form
from apical.devices.lacks import Lack
from apical.devices.needs import Diagnosis, Looked, Machine
from apical.devices.of_brian import CompiledOptions, building, check_brian
from apical.devices.simulator import Simulator
from apical.devices.surroundings import numbers
from apical.network.description import Network

NAME = "cuda_standalone"

BUILDS = (
    "programs can be built here for a card elsewhere: apical run ... --device cuda_standalone "
    "--no-run --capability 9.0"
)
"""Hint for machines without a graphics card."""


@dataclass(frozen=True)
class CudaOptions(CompiledOptions):
    """Options of device ``cuda_standalone``, besides `CompiledOptions`.

    Parameters
    ----------
    profile
        Whether the program measures the run time of each code object (slower).
    capability
        Compute capability to compile for, for instance ``"9.0"``; by default that of the first
        card. If given, programs can be built on machines without a card.
    programs
        Folder of compiled programs; by default in the cache.
    prebuilt
        Whether to use a program in `programs`, built on this or another machine, instead of
        compiling one.

    Examples
    --------
    >>> from apical.devices.cuda_standalone import CudaOptions
    >>> CudaOptions(capability="9.0").dt
    1.0
    """

    profile: bool = False
    capability: str | None = None
    programs: str | os.PathLike[str] | None = None
    prebuilt: bool = False


def _make(network: Network, options: CudaOptions) -> Simulator:
    from apical.devices.brian.cuda import CudaSimulator
    from apical.devices.brian.cuda_compiling import Target

    folder = None if options.programs is None else Path(options.programs)
    return CudaSimulator(
        network,
        building(options, dense=True),
        options.dtype,
        options.profile,
        options.compilers,
        target=Target(options.capability, folder, options.prebuilt),
    )


def _check(network: Network, options: CudaOptions) -> None:
    check_brian(NAME, network, options.dt)


def _diagnose(machine: Machine) -> Iterator[Looked]:
    kit, cards = machine.toolkit, machine.gpus
    building_needs = (
        *lacks.lacks_of_brian2cuda(),
        *lacks.lacks_of_toolkit(kit),
        *lacks.lacks_of_compiler(machine.compiler),
    )
    missing = [*building_needs, *lacks.lacks_of_card(cards, machine.gpus_problem)]
    found = [f"CUDA {kit.version}, {kit.nvcc}"] if kit and not kit.problem else []
    for card in cards:
        found.append(f"{card.name}, compute capability {card.capability or 'unknown'}")
        if kit and numbers(kit.version) >= (13,) and (0,) < numbers(card.capability) < (7, 5):
            missing.append(
                Lack(
                    f"CUDA {kit.version} compiles for compute capability 7.5 and higher, "
                    f"{card.name} has {card.capability}",
                    "conda install -c nvidia cuda-toolkit=12.9",
                )
            )
    builds = "" if cards or building_needs else BUILDS
    yield Diagnosis(NAME, "", tuple(found), tuple(missing), all_the_same=builds), None


DEVICE = Device(
    NAME,
    "as cpp_standalone, on an NVIDIA GPU, through Brian2CUDA",
    _make,
    CudaOptions,
    _check,
    compiles=True,
    forms=(Form(on_card=True),),
    diagnose=_diagnose,
    source=f"{cite('stimberg2019')}; {cite('alevi2022')}",
)
