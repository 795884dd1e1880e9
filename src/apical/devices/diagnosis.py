"""Diagnosis of devices: which are available on this machine, what others lack, and remedies."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from apical._base import compilers
from apical.devices.lacks import (
    GENN_SOURCE,
    Lack,
    ask_compiler,
    lacks_of_brian2,
    lacks_of_brian2cuda,
    lacks_of_brian2genn,
    lacks_of_cache,
    lacks_of_card,
    lacks_of_compiler,
    lacks_of_cython,
    lacks_of_make,
    lacks_of_running_again,
    lacks_of_toolkit,
    lacks_of_torch,
    lacks_of_torch_cuda,
    source_of_genn,
)
from apical.devices.surroundings import (
    Answer,
    Gpu,
    Toolkit,
    ask,
    gpus,
    installed,
    numbers,
    toolkit,
)

PATIENCE = 180.0
"""Time limit of testing a device [s]; some libraries take long to load from disk."""


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis of one device.

    Parameters
    ----------
    device
        Its name for `apical.simulate`, or the name it will have.
    form
        Variant of it: an array library, a code generator, or empty.
    found
        Dependencies that were found.
    lacks
        Missing dependencies; empty if it is available.
    tried
        Whether it was tested, not only inspected.
    all_the_same
        What is possible here in spite of missing dependencies, in one line; empty for nothing.
    """

    device: str
    form: str
    found: tuple[str, ...]
    lacks: tuple[Lack, ...]
    tried: bool = False
    all_the_same: str = ""

    @property
    def usable(self) -> bool:
        """Whether the device is available."""
        return not self.lacks

    @property
    def reason(self) -> str:
        """Why it is unavailable, in one line; empty if it is available."""
        return "; ".join(lack.what for lack in self.lacks)


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


PACKAGES = ("apical", "numpy", "brian2", "cython", "torch", "brian2cuda", "brian2genn")
PYTHON = (sys.executable, "-P")
"""This interpreter, where it does not import what happens to lie in the present folder."""

Trial = Callable[[], Answer]


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
    found = []
    for diagnosis, trial in _devices(kit, cards, problem):
        if not quick and trial is not None and _worth_trying(diagnosis):
            doing(f"trying {diagnosis.device} {diagnosis.form}".strip())
            diagnosis = _after(diagnosis, trial())
        found.append(diagnosis)
    packages = {name: installed(name) for name in PACKAGES}
    return Examination(packages, kit, cards, problem, tuple(found))


def _devices(
    kit: Toolkit | None, cards: tuple[Gpu, ...], problem: str
) -> Iterator[tuple[Diagnosis, Trial | None]]:
    brian, torch, cxx = _named("Brian2"), _named("torch", "PyTorch"), ask_compiler()
    compiler = () if cxx.problem else (cxx.text.partition("\n")[0],)
    yield Diagnosis("array", "numpy", _named("numpy"), ()), _learning("array")
    cuda = (*lacks_of_torch(), *lacks_of_torch_cuda(cards, problem))
    for form, lacks in (("torch", (*lacks_of_torch(),)), ("torch:cuda", cuda)):
        yield Diagnosis("array", form, torch, lacks), _learning("array", library=form)
    yield Diagnosis("runtime", "numpy", brian, (*lacks_of_brian2(),)), _learning("runtime")
    lacks = (*lacks_of_brian2(), *lacks_of_cython(), *lacks_of_compiler(cxx))
    yield (
        Diagnosis("runtime", "cython", (*brian, *_named("Cython"), *compiler), lacks),
        _with_brian(_compile_cython),
    )
    lacks = (
        *lacks_of_brian2(),
        *lacks_of_running_again(),
        *lacks_of_compiler(cxx),
        *lacks_of_cache(),
    )
    yield Diagnosis("cpp_standalone", "", (*brian, *compiler), lacks), _with_brian(_compile_cpp)
    building = (*lacks_of_brian2cuda(), *lacks_of_toolkit(kit), *lacks_of_compiler(cxx))
    yield _cuda_standalone(kit, cards, building, (*lacks_of_card(cards, problem),)), None
    yield _genn((*lacks_of_compiler(cxx), *lacks_of_make(), *lacks_of_cache())), _learning("genn")


def _named(package: str, name: str = "") -> tuple[str, ...]:
    version = installed(package)
    return (f"{name or package} {version}",) if version else ()


def _worth_trying(diagnosis: Diagnosis) -> bool:
    """Say whether to test a device; PyTorch itself decides which cards it supports."""
    return diagnosis.usable or (diagnosis.form == "torch:cuda" and installed("torch") is not None)


def _after(diagnosis: Diagnosis, answer: Answer) -> Diagnosis:
    """Return the diagnosis updated by the result of a test."""
    said = answer.problem.partition("apical: ")[2] or answer.problem
    failed = Lack(f"it was tried, and failed: {said}")
    lacks = (*diagnosis.lacks, failed) if answer.problem else ()
    return replace(diagnosis, lacks=lacks, tried=True)


# ---- what each device needs ---------------------------------------------------------------------
BUILDS = (
    "programs can be built here for a card elsewhere: apical run ... --device cuda_standalone "
    "--no-run --capability 9.0"
)
"""What is possible without a graphics card."""


def _cuda_standalone(
    kit: Toolkit | None,
    cards: tuple[Gpu, ...],
    building: tuple[Lack, ...],
    running: tuple[Lack, ...],
) -> Diagnosis:
    lacks = [*building, *running]
    found = [f"CUDA {kit.version}, {kit.nvcc}"] if kit and not kit.problem else []
    for card in cards:
        found.append(f"{card.name}, compute capability {card.capability or 'not told'}")
        if kit and numbers(kit.version) >= (13,) and (0,) < numbers(card.capability) < (7, 5):
            lacks.append(
                Lack(
                    f"CUDA {kit.version} compiles for compute capability 7.5 and more, "
                    f"{card.name} has {card.capability}",
                    "conda install -c nvidia cuda-toolkit=12.9",
                )
            )
    builds = "" if cards or building else BUILDS
    return Diagnosis("cuda_standalone", "", tuple(found), tuple(lacks), all_the_same=builds)


def _genn(more: tuple[Lack, ...]) -> Diagnosis:
    folder, version, problem = source_of_genn()
    lacks = [*lacks_of_brian2genn(), *([Lack(problem, GENN_SOURCE)] if problem else [])]
    found = () if problem else (f"GeNN {version}, {folder}",)
    return Diagnosis("genn", "", found, (*lacks, *more))


# ---- trying them --------------------------------------------------------------------------------
def _learning(device: str, **options: str) -> Trial:
    command = [*PYTHON, "-m", "apical.devices.trying", device, json.dumps(options)]
    return lambda: ask(command, PATIENCE, OPENBLAS_NUM_THREADS="1")


def _with_brian(trial: Trial) -> Trial:
    """Return a trial that begins with an import of Brian2."""

    def both() -> Answer:
        imported = ask([*PYTHON, "-c", "import brian2"], PATIENCE)
        return imported if imported.problem else trial()

    return both


def _compile_cpp() -> Answer:
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


def _compile_cython() -> Answer:
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
