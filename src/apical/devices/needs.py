"""Requirements of devices: what of them a machine has, what it lacks, and how to try it."""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apical._base import compilers
from apical.devices.lacks import Lack
from apical.devices.surroundings import Answer, Gpu, Toolkit, ask, installed

PATIENCE = 180.0
"""How long a device may take to be tried [s]; some libraries take long to be read from disk."""


PYTHON = (sys.executable, "-P")
"""This interpreter, where it does not import what happens to lie in the present folder."""


@dataclass(frozen=True)
class Diagnosis:
    """Whether a device can be used.

    Parameters
    ----------
    device
        Its name for `apical.simulate`.
    form
        Which form of it: an array library, what generates code, or nothing.
    found
        What it would use, and was found.
    lacks
        What keeps it from being used; nothing if it can be.
    tried
        Whether it was tried, and not only looked for.
    all_the_same
        What can be done here although something is lacking, in one line; empty for nothing.
    knows_best
        Whether it is tried although something seems to be lacking: what it uses knows better.
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
        """Whether nothing is lacking."""
        return not self.lacks

    @property
    def reason(self) -> str:
        """Why it cannot be used, in one line; empty if it can."""
        return "; ".join(lack.what for lack in self.lacks)


Trial = Callable[[], Answer]
"""Tries a device, and says how that went."""

Looked = tuple[Diagnosis, Trial | None]
"""What was found of a form of a device, and how to try it; None where it is not tried."""


@dataclass(frozen=True)
class Machine:
    """What devices ask of a machine.

    Parameters
    ----------
    toolkit, gpus, gpus_problem
        The CUDA toolkit, graphics cards, and why there are none.
    compiler
        What the C++ compiler says of itself.
    """

    toolkit: Toolkit | None
    gpus: tuple[Gpu, ...]
    gpus_problem: str
    compiler: Answer

    @property
    def compilers(self) -> tuple[str, ...]:
        """The first line of what the C++ compiler says; nothing where there is none."""
        return () if self.compiler.problem else (self.compiler.text.partition("\n")[0],)


def named(package: str, name: str = "") -> tuple[str, ...]:
    """Return a package and its version as one text in a tuple; nothing if it is not installed."""
    version = installed(package)
    return (f"{name or package} {version}",) if version else ()


def learning(device: str, **options: str) -> Trial:
    """Return a trial in which the smallest network learns on a device."""
    command = [*PYTHON, "-m", "apical.devices.trying", device, json.dumps(options)]
    return lambda: ask(command, PATIENCE, OPENBLAS_NUM_THREADS="1")


def with_brian(trial: Trial) -> Trial:
    """Return a trial that begins with an import of Brian2."""

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
    return Answer(answer.text, f"the program said {answer.text!r} instead of {text!r}")
