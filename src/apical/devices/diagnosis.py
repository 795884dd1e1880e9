"""Which devices can be used here, why others cannot, and what would change that.

What the back ends demand was read in the metadata of Brian2CUDA 1.0b1 and Brian2GeNN 1.7.0 (that
with Brian2 2.5 numpy must be older than 2, and setuptools than 81, shows when they are imported).
"""

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from apical import compilers
from apical.devices.surroundings import (
    Answer,
    Gpu,
    Toolkit,
    ask,
    gpus,
    has_nvcc,
    installed,
    numbers,
    toolkit,
)
from apical.folders import cache_folder

PATIENCE = 180.0
"""How long a device may take to be tried [s]; some libraries take long to be read from disk."""

OLDEST, BEYOND = (2, 9), (2, 12)
"""Versions of Brian2 that this package runs on; pyproject.toml says the same."""

NOT_YET = "this version of apical cannot run on it yet"
CUDA_ENVIRONMENT = "python3.12 -m venv cuda && cuda/bin/pip install 'apical[cuda]'"
GENN_ENVIRONMENT = (
    "python3.11 -m venv genn && genn/bin/pip install brian2genn==1.7.0 brian2==2.5.4 'numpy<2' "
    "'setuptools<81'"
)
GENN_SOURCE = (
    "git clone --branch 4.9.0 https://github.com/genn-team/genn && export GENN_PATH=$PWD/genn"
)


@dataclass(frozen=True)
class Lack:
    """Something that a device needs and does not have.

    Parameters
    ----------
    what
        What it is, in a few words.
    remedy
        The command that brings it; empty where there is none.
    """

    what: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """Whether a device can be used.

    Parameters
    ----------
    device
        Its name for `apical.simulate`, or the name it will have.
    form
        Which form of it: an array library, what generates code, or nothing.
    found
        What it would use, and was found.
    lacks
        What keeps it from being used; nothing if it can be.
    tried
        Whether it was tried, and not only looked for.
    """

    device: str
    form: str
    found: tuple[str, ...]
    lacks: tuple[Lack, ...]
    tried: bool = False

    @property
    def usable(self) -> bool:
        """Whether nothing is lacking."""
        return not self.lacks

    @property
    def reason(self) -> str:
        """Why it cannot be used, in one line; empty if it can."""
        return "; ".join(lack.what for lack in self.lacks)


@dataclass(frozen=True)
class Examination:
    """What was found on a machine.

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
    """Find out which devices can be used on this machine.

    Parameters
    ----------
    quick
        Only look. Otherwise what seems usable is also tried: the smallest network learns on it, or
        the smallest program is compiled and run.
    doing
        Is told what is looked at.
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
    brian, torch, cxx = _named("Brian2"), _named("torch", "PyTorch"), _cxx()
    compiler = () if cxx.problem else (cxx.text.partition("\n")[0],)
    yield Diagnosis("array", "numpy", _named("numpy"), ()), _learning("array")
    cuda = (*_torch(), *_torch_cuda(cards, problem))
    for form, lacks in (("torch", (*_torch(),)), ("torch:cuda", cuda)):
        yield Diagnosis("array", form, torch, lacks), _learning("array", library=form)
    yield Diagnosis("runtime", "numpy", brian, (*_brian(),)), _learning("runtime")
    lacks = (*_brian(), *_cython(), *_compiler(cxx))
    yield (
        Diagnosis("runtime", "cython", (*brian, *_named("Cython"), *compiler), lacks),
        _with_brian(_compile_cython),
    )
    lacks = (*_brian(), *_compiler(cxx), *_cache())
    yield Diagnosis("cpp_standalone", "", (*brian, *compiler), lacks), _with_brian(_compile_cpp)
    more = (*_compiler(cxx), *_make(), *_no_card(cards, problem))
    yield _cuda_standalone(kit, cards, more), None
    yield _genn((*_compiler(cxx),)), None


def _named(package: str, name: str = "") -> tuple[str, ...]:
    version = installed(package)
    return (f"{name or package} {version}",) if version else ()


def _worth_trying(diagnosis: Diagnosis) -> bool:
    """Say whether to try a device: where PyTorch is, it knows best what cards it can use."""
    return diagnosis.usable or (diagnosis.form == "torch:cuda" and installed("torch") is not None)


def _after(diagnosis: Diagnosis, answer: Answer) -> Diagnosis:
    """Return a diagnosis as it stands after the device was tried."""
    said = answer.problem.partition("apical: ")[2] or answer.problem
    failed = Lack(f"it was tried, and failed: {said}")
    lacks = (*diagnosis.lacks, failed) if answer.problem else ()
    return replace(diagnosis, lacks=lacks, tried=True)


# ---- what each device needs ---------------------------------------------------------------------
def _torch() -> Iterator[Lack]:
    if installed("torch") is None:
        yield Lack("PyTorch is not installed", "pip install 'apical[torch]'")


def _torch_cuda(cards: tuple[Gpu, ...], problem: str) -> Iterator[Lack]:
    if (installed("torch") or "").endswith("+cpu"):
        yield Lack(f"PyTorch {installed('torch')} was built without CUDA",
                   "pip install --force-reinstall torch --index-url "
                   "https://download.pytorch.org/whl/cu126")  # fmt: skip
    yield from _no_card(cards, problem)


def _no_card(cards: tuple[Gpu, ...], problem: str) -> Iterator[Lack]:
    if not cards:
        yield Lack(
            f"no NVIDIA GPU: {problem}",
            "NVIDIA's driver (nvidia.com/drivers), on a machine that has such a card",
        )


def _brian() -> Iterator[Lack]:
    version, numpy = installed("brian2"), installed("numpy") or ""
    if version is None:
        yield Lack("Brian2 is not installed", "pip install 'brian2>=2.9,<2.12'")
    elif not OLDEST <= numbers(version) < BEYOND:
        yield Lack(f"apical wants Brian2 2.9 to 2.11, got {version}",
                   "pip install 'brian2>=2.9,<2.12'")  # fmt: skip
    elif numbers(version) < (2, 10) and numbers(numpy) >= (2, 4):
        yield Lack(f"Brian2 {version} wants numpy before 2.4, got {numpy}",
                   "pip install 'numpy<2.4'")  # fmt: skip


def _cython() -> Iterator[Lack]:
    if installed("cython") is None:
        yield Lack("Cython is not installed", "pip install 'cython>=3'")
    if installed("setuptools") is None:
        yield Lack("setuptools, with which Cython compiles, is not installed",
                   "pip install setuptools")  # fmt: skip


def _cxx() -> Answer:
    path = compilers.found()
    if path is None:
        return Answer("", f"the C++ compiler {compilers.name()!r} is not on the PATH")
    return ask([path, "--version"])


def _compiler(cxx: Answer) -> Iterator[Lack]:
    if cxx.problem:
        yield Lack(cxx.problem, "unset CXX" if "CXX" in os.environ else "apt install g++")


def _make() -> Iterator[Lack]:
    path = shutil.which("make")
    if problem := ask([path, "--version"]).problem if path else "make is not on the PATH":
        yield Lack(problem, "apt install make")


def _cache() -> Iterator[Lack]:
    folder = cache_folder()
    there = next(f for f in (folder, *folder.absolute().parents) if os.path.exists(f))
    if not (os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)):
        yield Lack(f"compiled programs are kept in {folder}, which cannot be written",
                   "export APICAL_CACHE_DIR=FOLDER")  # fmt: skip


def _cuda_standalone(
    kit: Toolkit | None, cards: tuple[Gpu, ...], more: tuple[Lack, ...]
) -> Diagnosis:
    lacks = [*lacks_of_brian2cuda(), *lacks_of_toolkit(kit), *more]
    found = [f"CUDA {kit.version}, {kit.nvcc}"] if kit and not kit.problem else []
    for card in cards:
        found.append(f"{card.name}, compute capability {card.capability or 'not told'}")
        if kit and numbers(kit.version) >= (13,) and (0,) < numbers(card.capability) < (7, 5):
            lacks.append(Lack(f"CUDA {kit.version} compiles for compute capability 7.5 and more, "
                              f"{card.name} has {card.capability}",
                              "conda install -c nvidia cuda-toolkit=12.9"))  # fmt: skip
    return Diagnosis("cuda_standalone", "", tuple(found), tuple(lacks))


def lacks_of_brian2cuda() -> Iterator[Lack]:
    """Yield what keeps Brian2CUDA from being imported, or from being what we know."""
    version, brian = installed("brian2cuda"), installed("brian2")
    old = numbers(platform.python_version()) < (3, 12)
    if old:
        yield Lack("Brian2CUDA 1.0b1 wants Brian2 2.10.1, which wants Python 3.12 or newer, got "
                   f"Python {platform.python_version()}", CUDA_ENVIRONMENT)  # fmt: skip
    elif brian != "2.10.1":
        yield Lack(f"Brian2CUDA 1.0b1 wants Brian2 2.10.1, got {brian or 'none'}", CUDA_ENVIRONMENT)
    if version is None:
        yield Lack("Brian2CUDA is not installed", "" if old
                   else "pip install brian2cuda==1.0b1")  # fmt: skip
    elif version != "1.0b1":
        yield Lack(f"Brian2CUDA 1.0b1 is wanted, got {version}", CUDA_ENVIRONMENT)


def lacks_of_toolkit(kit: Toolkit | None) -> Iterator[Lack]:
    """Yield what keeps a CUDA toolkit from compiling what Brian2CUDA writes."""
    given = os.environ.get("CUDA_PATH", "")
    if given and not has_nvcc(given):
        yield Lack(f"CUDA_PATH leads to {given}, where there is no bin/nvcc", "unset CUDA_PATH")
    if kit is None:
        yield Lack("no CUDA toolkit: nvcc is neither in CUDA_PATH, nor on the PATH, nor in "
                   "/usr/local/cuda", "conda install -c nvidia cuda-toolkit")  # fmt: skip
        return
    if kit.problem:
        yield Lack(f"{kit.nvcc} is broken: {kit.problem}", "export CUDA_PATH=FOLDER_OF_A_TOOLKIT")
        return
    missing = [name for name, path in (("curand.h", kit.header), ("libcurand.so", kit.library))
               if path is None]  # fmt: skip
    if missing:
        # the wheel of this version has the header and the library of CUDA 13.0
        remedy = f"apt install libcurand-dev-{kit.version.replace('.', '-')}"
        if kit.version == "13.0":
            remedy = "pip install nvidia-curand==10.4.0.35"
        yield Lack(f"CUDA {kit.version} came without {' and '.join(missing)}", remedy)


def _genn(more: tuple[Lack, ...]) -> Diagnosis:
    lacks, found = [Lack(NOT_YET)], []
    version, brian = installed("brian2genn"), installed("brian2") or "none"
    numpy, tools = installed("numpy") or "none", installed("setuptools") or "none"
    wanted = []
    if numbers(brian)[:2] != (2, 5):
        wanted.append(f"Brian2 2.5 (got {brian}; apical wants 2.9 to 2.11)")
    if numbers(numpy)[:1] != (1,):
        wanted.append(f"numpy before 2 (got {numpy})")
    if not (0,) < numbers(tools) < (81,):
        wanted.append(f"setuptools before 81 (got {tools})")
    if wanted:
        lacks.append(Lack(f"Brian2GeNN 1.7.0 wants {' and '.join(wanted)}", GENN_ENVIRONMENT))
    if version is None:
        lacks.append(Lack("Brian2GeNN is not installed",
                          "" if wanted else "pip install brian2genn==1.7.0"))  # fmt: skip
    source, problem = _genn_source()
    if problem:
        lacks.append(Lack(problem, GENN_SOURCE))
    else:
        found.append(source)
    return Diagnosis("genn", "", tuple(found), (*lacks, *more))


def _genn_source() -> tuple[str, str]:
    """Return the version of GeNN's source and where it is, and what is wrong with it."""
    given, build = os.environ.get("GENN_PATH", ""), shutil.which("genn-buildmodel.sh")
    if not given and not build:
        return "", "the source of GeNN 4 is wanted, and GENN_PATH is not set"
    folder = Path(given) if given else Path(str(build)).absolute().parents[1]
    try:
        version = (folder / "version.txt").read_text(errors="replace").strip()
    except OSError:
        return "", f"{folder} is not the source of GeNN: it has no version.txt"
    if numbers(version)[:1] != (4,):
        return "", f"Brian2GeNN 1.7.0 wants GeNN 4, {folder} is GeNN {version[:20]}"
    return f"GeNN {version}, {folder}", ""


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
