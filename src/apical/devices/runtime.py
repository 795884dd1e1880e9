"""Device ``runtime``: Brian2 in this process, for notebooks and inspection."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from apical._base.bibliography import cite
from apical.devices import lacks
from apical.devices.device import Device, Form
from apical.devices.needs import (
    Diagnosis,
    Looked,
    Machine,
    compile_cython,
    learning,
    named,
    with_brian,
)
from apical.devices.of_brian import BrianOptions, building, check_brian
from apical.devices.simulator import Simulator
from apical.network.description import Network

NAME = "runtime"


@dataclass(frozen=True)
class RuntimeOptions(BrianOptions):
    """Options of device ``runtime``, besides `BrianOptions`.

    Parameters
    ----------
    codegen
        Target of code generation: ``"numpy"`` starts at once, ``"cython"`` compiles for a minute
        and is then faster.

    Examples
    --------
    >>> from apical.devices.runtime import RuntimeOptions
    >>> RuntimeOptions(dt=0.1)  # doctest: +NORMALIZE_WHITESPACE
    RuntimeOptions(dtype='float32', record=(), traces=(), dt=0.1, capacity=5000, codegen='numpy')
    """

    codegen: Literal["numpy", "cython"] = "numpy"


def _make(network: Network, options: RuntimeOptions) -> Simulator:
    from apical.devices.brian.runtime import RuntimeSimulator

    return RuntimeSimulator(network, building(options, sparse=True), options.dtype, options.codegen)


def _check(network: Network, options: RuntimeOptions) -> None:
    check_brian(NAME, network, options.dt)


def _diagnose(machine: Machine) -> Iterator[Looked]:
    brian, missing = named("Brian2"), (*lacks.lacks_of_brian2(),)
    yield Diagnosis(NAME, "numpy", brian, missing), learning(NAME)
    found = (*brian, *named("Cython"), *machine.compilers)
    missing += (*lacks.lacks_of_cython(), *lacks.lacks_of_compiler(machine.compiler))
    yield Diagnosis(NAME, "cython", found, missing), with_brian(compile_cython)


DEVICE = Device(
    NAME,
    "Brian2 in this process, without a compiler; for notebooks and inspection",
    _make,
    RuntimeOptions,
    _check,
    forms=(
        Form("numpy"),
        Form(
            "cython",
            {"codegen": "cython"},
            asked_for="it compiles for a minute, request it by --device runtime:cython",
        ),
    ),
    diagnose=_diagnose,
    source=cite("stimberg2019"),
)
