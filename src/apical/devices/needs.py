"""Requirements of devices: what a machine has, what it lacks, and tests of a device."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from apical._base import compilers
from apical.devices.lacks import Lack, lacks_of_torch, lacks_of_torch_cuda
from apical.devices.surroundings import Answer, Gpu, Toolkit, ask, installed

PATIENCE = 180.0
"""Time limit of the test of a device [s]; some libraries take long to load from disk."""


PYTHON = (sys.executable, "-P")
"""This interpreter, without the current folder on its import path."""


@dataclass(frozen=True)
class Diagnosis:
    """Diagnosis of a device: whether it is available.

    Parameters
    ----------
    device
        Its name for `apical.simulate`.
    form
        Variant: an array library, a code generator, or nothing.
    found
        Dependencies that were found.
    lacks
        Missing dependencies; none if it is available.
    tried
        Whether it was tested, not only looked for.
    all_the_same
        What is possible here in spite of missing dependencies, in one line; empty for nothing.
    knows_best
        Whether to test it in spite of missing dependencies, since its library knows better.
    """

    device: str
    form: str
    found: tuple[str, ...]
    lacks: tuple[Lack, ...]
    tried: bool = False
    all_the_same: str = ""
    knows_best: bool = False

    @property
    def usable(self) -> bool:
        """Whether it is available: nothing is missing."""
        return not self.lacks

    @property
    def reason(self) -> str:
        """Why it is not available, in one line; empty if it is."""
        return "; ".join(lack.what for lack in self.lacks)


Trial = Callable[[], Answer]
"""Test of a device, which returns the outcome."""

Looked = tuple[Diagnosis, Trial | None]
"""Diagnosis of a variant of a device, and its test; None where it is not tested."""


@dataclass(frozen=True)
class Machine:
    """Properties of a machine that devices depend on.

    Parameters
    ----------
    toolkit, gpus, gpus_problem
        The CUDA toolkit, graphics cards, and why there are none.
    compiler
        Version output of the C++ compiler.
    """

    toolkit: Toolkit | None
    gpus: tuple[Gpu, ...]
    gpus_problem: str
    compiler: Answer

    @property
    def compilers(self) -> tuple[str, ...]:
        """First line of the version output of the C++ compiler; nothing if there is none."""
        return () if self.compiler.problem else (self.compiler.text.partition("\n")[0],)


def named(package: str, name: str = "") -> tuple[str, ...]:
    """Return a package and its version as one text in a tuple; nothing if it is not installed."""
    version = installed(package)
    return (f"{name or package} {version}",) if version else ()


def learning(device: str, **options: str) -> Trial:
    """Return a test in which a minimal network learns on a device."""
    command = [*PYTHON, "-m", "apical.devices.trying", device, json.dumps(options)]
    return lambda: ask(command, PATIENCE, OPENBLAS_NUM_THREADS="1")


def learning_on_ranks(device: str) -> Trial:
    """Return a test in which a minimal network learns on two processes of mpiexec."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    starter = str(mpiexec) if mpiexec.exists() else "mpiexec"
    command = [starter, "-n", "2", *PYTHON, "-m", "apical.devices.trying", device, "{}"]
    return lambda: ask(command, PATIENCE, OPENBLAS_NUM_THREADS="1")


def with_brian(trial: Trial) -> Trial:
    """Return a test that begins with an import of Brian2."""

    def both() -> Answer:
        imported = ask([*PYTHON, "-c", "import brian2"], PATIENCE)
        return imported if imported.problem else trial()

    return both


def compile_cpp() -> Answer:
    """Compile a program with the flags of device ``cpp_standalone``, and run it."""
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        source, program = Path(folder, "twice.cpp"), Path(folder, "twice")
        source.write_text(
            "#include <cmath>\n#include <fstream>\n#include <iostream>\n#include <random>\n"
            'int main(int n, char**) { std::cout << std::lround(std::exp2(n)) << "\\n"; }\n'
        )
        path = compilers.found() or compilers.name()
        built = ask([path, *compilers.FLAGS, str(source), "-o", str(program)], PATIENCE)
        return built if built.problem else _expecting("2", ask([str(program)]))


def on_torch(
    device: str,
    machine: Machine,
    found: tuple[str, ...] = (),
    missing: tuple[Lack, ...] = (),
) -> Iterator[Looked]:
    """Yield the variants of a device on PyTorch: on the CPU, and on a graphics card.

    Parameters
    ----------
    device, machine
        The name of the device, and the machine.
    found, missing
        What the device needs besides PyTorch.
    """
    torch = named("torch", "PyTorch")
    cards = lacks_of_torch_cuda(machine.gpus, machine.gpus_problem)
    for form, more in (
        ("torch", (*lacks_of_torch(),)),
        ("torch:cuda", (*lacks_of_torch(), *cards)),
    ):
        # if PyTorch is installed, it knows best which cards it can use
        lacking, knows = (*missing, *more), bool(torch and more)
        looked = Diagnosis(device, form, (*found, *torch), lacking, knows_best=knows)
        yield looked, learning(device, library=form)


def compile_cython() -> Answer:
    """Compile a module of C++ with Cython, as Brian2 does, and import it."""
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        source = Path(folder, "apical_twice.pyx")
        source.write_text("# distutils: language = c++\ndef twice(double x):\n    return 2 * x\n")
        command = [*PYTHON, "-m", "Cython.Build.Cythonize", "-3", "-q", "-i", str(source)]
        built = ask(command, PATIENCE)
        if built.problem:
            return built
        script = f"import sys; sys.path.insert(0, {folder!r}); import apical_twice as a"
        return _expecting("3.0", ask([*PYTHON, "-c", f"{script}; print(a.twice(1.5))"]))


def _expecting(text: str, answer: Answer) -> Answer:
    if answer.problem or answer.text == text:
        return answer
    return Answer(answer.text, f"the program printed {answer.text!r} instead of {text!r}")
