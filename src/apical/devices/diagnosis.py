"""Diagnosis of devices: which are available on this machine, what others lack, and remedies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from apical.devices.device import DEVICES, Device
from apical.devices.lacks import Lack, ask_compiler
from apical.devices.needs import Diagnosis as Diagnosis
from apical.devices.needs import Looked, Machine
from apical.devices.surroundings import Answer, Gpu, Toolkit, gpus, installed, toolkit

PACKAGES = ("apical", "numpy", "brian2", "cython", "torch", "brian2cuda", "brian2genn")


@dataclass(frozen=True)
class Examination:
    """The diagnosis of a machine: packages, toolkits, graphics cards, devices.

    Parameters
    ----------
    packages
        Versions of the libraries that matter; None for those that are not installed.
    toolkit, gpus, gpus_problem
        The CUDA toolkit, graphics cards, and why there are none.
    devices
        A diagnosis for each form of each device.
    """

    packages: Mapping[str, str | None]
    toolkit: Toolkit | None
    gpus: tuple[Gpu, ...]
    gpus_problem: str
    devices: tuple[Diagnosis, ...]


def examine(*, quick: bool = False, doing: Callable[[str], None] = lambda _: None) -> Examination:
    """Diagnose which devices are available on this machine.

    Parameters
    ----------
    quick
        Only inspect. Otherwise devices that seem available are also tested: a minimal network is
        trained, or a minimal program is compiled and run.
    doing
        Callback with a description of the current step.
    """
    doing("graphics cards")
    cards, problem = gpus()
    doing("CUDA toolkit")
    kit = toolkit()
    machine = Machine(kit, cards, problem, ask_compiler())
    found = []
    for device in DEVICES.values():
        for diagnosis, trial in device.diagnose(machine) or [_unknown(device)]:
            if not quick and trial is not None and (diagnosis.usable or diagnosis.knows_best):
                doing(f"trying {diagnosis.device} {diagnosis.form}".strip())
                diagnosis = _after(diagnosis, trial())
            found.append(diagnosis)
    packages = {name: installed(name) for name in PACKAGES}
    return Examination(packages, kit, cards, problem, tuple(found))


def _unknown(device: Device) -> Looked:
    """Return the diagnosis of a device that has none of its own."""
    return Diagnosis(device.name, device.forms[0].name, (device.about,), ()), None


def _after(diagnosis: Diagnosis, answer: Answer) -> Diagnosis:
    """Return the diagnosis updated by the result of a test."""
    said = answer.problem.partition("apical: ")[2] or answer.problem
    failed = Lack(f"it was tried, and failed: {said}")
    lacks = (*diagnosis.lacks, failed) if answer.problem else ()
    return replace(diagnosis, lacks=lacks, tried=True)
