"""Inspection of a machine: packages, compilers, the CUDA toolkit, graphics cards.

Packages are read from installed metadata, not imported, and programs have a time limit, so that
nothing here fails on a broken installation: what was found, or why not, is a value.
"""

import os
import re
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PATIENCE = 20.0
"""Time limit of a program's version output [s]."""

TOOLKITS = ("/usr/local/cuda", "/opt/cuda")
"""Where Brian2CUDA looks for a toolkit besides CUDA_PATH and the PATH."""

SYSTEM = ("/usr",)
"""Where a distribution keeps ``include`` and ``lib``."""

LIBRARIES = ("lib64", "lib", "lib/*-linux-gnu", "targets/*/lib")
"""Folders of a toolkit, a wheel or a system that libraries are in."""


@dataclass(frozen=True)
class Answer:
    """The output of a program.

    Parameters
    ----------
    text
        Its output, or its error output if there is no other.
    problem
        Why it failed, in a few words; empty if it did not.
    """

    text: str
    problem: str = ""


@dataclass(frozen=True)
class Gpu:
    """A graphics card.

    Parameters
    ----------
    name, driver
        As the driver has them.
    capability
        Compute capability, for instance ``"9.0"``; empty where the driver does not tell.
    memory
        Its memory [MiB]; None where the driver does not tell.
    """

    name: str
    capability: str
    memory: int | None
    driver: str


@dataclass(frozen=True)
class Toolkit:
    """A CUDA toolkit.

    Parameters
    ----------
    nvcc
        Its compiler.
    version
        For instance ``"13.0"``; empty if the compiler did not tell.
    problem
        Why the compiler cannot be used; empty if it can.
    header, library
        Where ``curand.h`` and ``libcurand.so`` are; None if they are nowhere. A library may also
        be ``libcurand.so.10``, as a wheel brings it.
    """

    nvcc: Path
    version: str
    problem: str
    header: Path | None
    library: Path | None


def ask(command: Sequence[str], patience: float | None = None, **options: str) -> Answer:
    """Run a program, which may be missing, fail, or never end.

    Parameters
    ----------
    command
        The program and its arguments.
    patience
        Time limit [s], `PATIENCE` by default. When it is over, the program and all that it has
        started are ended.
    options
        Variables of the environment, besides those there are.
    """
    name, patience = Path(command[0]).name, PATIENCE if patience is None else patience
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, **options},
        )
    except OSError as error:
        return Answer("", f"{name} cannot be started: {error.strerror or error}")
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        _end(process)
        return Answer("", f"{name} did not answer within {patience:g} s")
    except BaseException:
        _end(process)
        raise
    said = out.strip() or err.strip()
    if process.returncode < 0:
        with suppress(ValueError):  # a number without a name
            return Answer(said, f"{name} died of {signal.Signals(-process.returncode).name}")
    if process.returncode:
        last = next(iter((err.strip() or said).splitlines()[-1:]), "without output")
        return Answer(said, f"{name} ended with exit code {process.returncode}: {last.strip()}")
    return Answer(said)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill a program with all of its children, without waiting for those that cannot be killed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=1.0)


def installed(package: str) -> str | None:
    """Return the version of a package that is installed; None if it is not. Nothing is imported."""
    try:
        found: str | None = metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
    return found or "of no version"


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version.

    Examples
    --------
    >>> numbers("2.10.1"), numbers("1.0b1"), numbers("2.5.1+cu121")
    ((2, 10, 1), (1, 0), (2, 5, 1))
    """
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(n) for n in found[0].split(".")) if found else ()


def gpus() -> tuple[tuple[Gpu, ...], str]:
    """Return the NVIDIA graphics cards, and why there are none; empty if there are some."""
    path = shutil.which("nvidia-smi")
    if path is None:
        return (), "nvidia-smi, which comes with NVIDIA's driver, is not on the PATH"
    fields = "name,compute_cap,memory.total,driver_version"
    answer = ask([path, f"--query-gpu={fields}", "--format=csv,noheader,nounits"])
    if answer.problem and "compute_cap" in answer.text + answer.problem:  # an older driver
        fields = fields.replace("compute_cap,", "")
        answer = ask([path, f"--query-gpu={fields}", "--format=csv,noheader,nounits"])
    if answer.problem:
        return (), answer.problem
    rows = [[part.strip() for part in line.split(",")] for line in answer.text.splitlines()]
    names = fields.split(",")
    found = tuple(_gpu(dict(zip(names, r, strict=True))) for r in rows if len(r) == len(names))
    return found, "" if found else "nvidia-smi lists no graphics card"


def _gpu(row: dict[str, str]) -> Gpu:
    capability = row.get("compute_cap", "")
    memory = row["memory.total"]
    return Gpu(
        row["name"],
        capability if re.fullmatch(r"\d+\.\d+", capability) else "",
        int(memory) if memory.isdigit() else None,
        row["driver_version"],
    )


def card_memory() -> float | None:
    """Return the memory in use on all graphics cards [MB]; None if unknown."""
    path = shutil.which("nvidia-smi")
    command = [path or "", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    answer = ask(command) if path else Answer("", "no driver")
    used = [line.strip() for line in answer.text.splitlines()]
    if answer.problem or not used or not all(line.isdigit() for line in used):
        return None
    return sum(map(int, used)) * 2**20 / 1e6


def toolkit() -> Toolkit | None:
    """Return the CUDA toolkit that Brian2CUDA would use; None if there is none."""
    nvcc = _nvcc()
    if nvcc is None:
        return None
    answer = ask([str(nvcc), "--version"])
    release = re.search(r"release (\d+\.\d+)", answer.text)
    problem = answer.problem or ("" if release else "nvcc does not say which release it is")
    folders = _places(nvcc, usable=not problem)
    header = _first(folders, ("include/curand.h", "targets/*/include/curand.h"))
    library = _first(folders, [f"{folder}/libcurand.so" for folder in LIBRARIES])
    library = library or _first(folders, [f"{folder}/libcurand.so.*" for folder in LIBRARIES])
    return Toolkit(nvcc, release[1] if release else "", problem, header, library)


def curand_library() -> Path | None:
    """Return the library of random numbers that programs for a GPU load, if it is anywhere.

    It may be here without a compiler: from a wheel, or from a driver's package.
    """
    nvcc = _nvcc()
    roots = [nvcc.parents[1]] if nvcc else []
    roots += [*_wheels(), *map(Path, TOOLKITS), *map(Path, SYSTEM)]
    return _first(roots, [f"{folder}/libcurand.so.*" for folder in LIBRARIES])


def has_nvcc(folder: str) -> bool:
    """Say whether a folder is that of a CUDA toolkit."""
    return os.path.isfile(os.path.join(folder, "bin", "nvcc"))


def _nvcc() -> Path | None:
    given, found = os.environ.get("CUDA_PATH", ""), shutil.which("nvcc")
    if found and not (given and has_nvcc(given)):
        return Path(found).absolute()
    folders = [folder for folder in (given, *TOOLKITS) if folder and has_nvcc(folder)]
    return Path(folders[0], "bin", "nvcc").absolute() if folders else None


def _places(nvcc: Path, *, usable: bool) -> list[Path]:
    """Return folders that may have ``include`` and ``lib``: the toolkit's, wheels', the system's.

    The compiler says itself where its toolkit is: what is on the PATH may be a script or a link.
    """
    said = ask([str(nvcc), "--dryrun", "-E", "-x", "cu", os.devnull]).text if usable else ""
    top = re.search(r"^#\$ TOP=(.+)$", said, re.MULTILINE)
    roots = [Path(top[1].strip())] if top else []
    roots += [nvcc.parents[1], nvcc.resolve().parents[1]]
    return [*roots, *_wheels(), *map(Path, SYSTEM)]


def _wheels() -> list[Path]:
    """Return what wheels of NVIDIA's have installed beside this package."""
    return sorted(Path(sysconfig.get_path("purelib")).glob("nvidia/*"))


def _first(folders: Iterable[Path], patterns: Iterable[str]) -> Path | None:
    patterns = list(patterns)
    found = (path for f in folders for p in patterns for path in sorted(f.glob(p)))
    return next((path.resolve().parent / path.name for path in found), None)
