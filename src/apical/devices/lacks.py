"""Missing dependencies of devices, and the commands that install them.

Requirements of the back ends are from the metadata of Brian2CUDA 1.0b1 and Brian2GeNN 1.7.0 (that
Brian2 2.5 needs numpy before 2 and setuptools before 81 shows when they are imported).
"""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apical._base import compilers
from apical._base.folders import cache_folder
from apical.devices.surroundings import Answer, Gpu, Toolkit, ask, has_nvcc, installed, numbers
from apical.errors import DeviceError

OLDEST, BEYOND = (2, 5, 4), (2, 12)
"""Versions of Brian2 that this package runs on; pyproject.toml says the same."""

CUDA_ENVIRONMENT = "python3.12 -m venv cuda && cuda/bin/pip install 'apical[cuda]'"
GENN_ENVIRONMENT = "python3.11 -m venv genn && genn/bin/pip install 'apical[genn]'"
GENN_SOURCE = (
    "git clone --branch 4.9.0 https://github.com/genn-team/genn && export GENN_PATH=$PWD/genn"
)


@dataclass(frozen=True)
class Lack:
    """A missing dependency of a device.

    Parameters
    ----------
    what
        Description in a few words.
    remedy
        The command that installs it; empty if there is none.
    """

    what: str
    remedy: str = ""


def check_environment(device: str, lacks: Iterator[Lack]) -> None:
    """Raise for the first missing dependency of a device's back end."""
    for lack in lacks:
        raise DeviceError(
            f"Device {device!r} needs an environment of its own: {lack.what}."
            + (f" Make one: {lack.remedy}" if lack.remedy else ""),
            object=f"Device {device!r}",
        )


def lacks_of_torch() -> Iterator[Lack]:
    """Yield missing dependencies of PyTorch, or an unsupported version."""
    if installed("torch") is None:
        yield Lack("PyTorch is not installed", "pip install 'apical[torch]'")


def lacks_of_torch_cuda(cards: tuple[Gpu, ...], problem: str) -> Iterator[Lack]:
    """Yield missing dependencies of PyTorch on a graphics card."""
    if (installed("torch") or "").endswith("+cpu"):
        yield Lack(
            f"PyTorch {installed('torch')} was built without CUDA",
            "pip install --force-reinstall torch --index-url "
            "https://download.pytorch.org/whl/cu126",
        )
    yield from lacks_of_card(cards, problem)


def lacks_of_card(cards: tuple[Gpu, ...], problem: str) -> Iterator[Lack]:
    """Yield a missing graphics card."""
    if not cards:
        yield Lack(
            f"no NVIDIA GPU: {problem}",
            "NVIDIA's driver (nvidia.com/drivers), on a machine that has such a card",
        )


def lacks_of_brian2() -> Iterator[Lack]:
    """Yield missing dependencies of Brian2, or an unsupported version."""
    version, numpy = installed("brian2"), installed("numpy") or ""
    if version is None:
        yield Lack("Brian2 is not installed", "pip install 'brian2>=2.9,<2.12'")
    elif not OLDEST <= numbers(version) < BEYOND:
        yield Lack(
            f"apical wants Brian2 2.5.4 to 2.11, got {version}", "pip install 'brian2>=2.9,<2.12'"
        )
    else:
        limits = {(2, 6): "2", (2, 10): "2.4"}
        latest = [limit for before, limit in limits.items() if numbers(version) < before]
        for limit in latest[:1]:
            if numbers(numpy) >= numbers(limit):
                yield Lack(
                    f"Brian2 {version} wants numpy before {limit}, got {numpy}",
                    f"pip install 'numpy<{limit}'",
                )


def lacks_of_running_again() -> Iterator[Lack]:
    """Yield a Brian2 version that cannot run a compiled program again."""
    version = installed("brian2") or ""
    if OLDEST <= numbers(version) < (2, 6):
        yield Lack(
            f"Brian2 2.6 was the first to run a program again, got {version}",
            "pip install 'brian2>=2.9,<2.12'",
        )


def lacks_of_cython() -> Iterator[Lack]:
    """Yield missing dependencies of Cython."""
    if installed("cython") is None:
        yield Lack("Cython is not installed", "pip install 'cython>=3'")
    if installed("setuptools") is None:
        yield Lack(
            "setuptools, with which Cython compiles, is not installed", "pip install setuptools"
        )


def ask_compiler() -> Answer:
    """Return the version output of the C++ compiler."""
    path = compilers.found()
    if path is None:
        return Answer("", f"the C++ compiler {compilers.name()!r} is not on the PATH")
    return ask([path, "--version"])


def lacks_of_compiler(cxx: Answer) -> Iterator[Lack]:
    """Yield a C++ compiler that is missing or broken."""
    if cxx.problem:
        yield Lack(cxx.problem, "unset CXX" if "CXX" in os.environ else "apt install g++")


def lacks_of_make() -> Iterator[Lack]:
    """Yield a make that is missing or broken."""
    path = shutil.which("make")
    if problem := ask([path, "--version"]).problem if path else "make is not on the PATH":
        yield Lack(problem, "apt install make")


def lacks_of_cache() -> Iterator[Lack]:
    """Yield a cache folder that cannot be written."""
    folder = cache_folder()
    there = next(f for f in (folder, *folder.absolute().parents) if os.path.exists(f))
    if not (os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)):
        yield Lack(
            f"compiled programs are kept in {folder}, which cannot be written",
            "export APICAL_CACHE_DIR=FOLDER",
        )


def lacks_of_brian2cuda() -> Iterator[Lack]:
    """Yield missing dependencies of Brian2CUDA, or an unsupported version."""
    version, brian = installed("brian2cuda"), installed("brian2")
    old = numbers(platform.python_version()) < (3, 12)
    if old:
        yield Lack(
            "Brian2CUDA 1.0b1 wants Brian2 2.10.1, which wants Python 3.12 or newer, got "
            f"Python {platform.python_version()}",
            CUDA_ENVIRONMENT,
        )
    elif brian != "2.10.1":
        yield Lack(f"Brian2CUDA 1.0b1 wants Brian2 2.10.1, got {brian or 'none'}", CUDA_ENVIRONMENT)
    if version is None:
        yield Lack("Brian2CUDA is not installed", "" if old else "pip install brian2cuda==1.0b1")
    elif version != "1.0b1":
        yield Lack(f"Brian2CUDA 1.0b1 is wanted, got {version}", CUDA_ENVIRONMENT)


def lacks_of_toolkit(kit: Toolkit | None) -> Iterator[Lack]:
    """Yield missing parts of a CUDA toolkit that Brian2CUDA needs."""
    given = os.environ.get("CUDA_PATH", "")
    if given and not has_nvcc(given):
        yield Lack(f"CUDA_PATH leads to {given}, where there is no bin/nvcc", "unset CUDA_PATH")
    if kit is None:
        yield Lack(
            "no CUDA toolkit: nvcc is neither in CUDA_PATH, nor on the PATH, nor in "
            "/usr/local/cuda",
            "conda install -c nvidia cuda-toolkit",
        )
        return
    if kit.problem:
        yield Lack(f"{kit.nvcc} is broken: {kit.problem}", "export CUDA_PATH=FOLDER_OF_A_TOOLKIT")
        return
    missing = [
        name
        for name, path in (("curand.h", kit.header), ("libcurand.so", kit.library))
        if path is None
    ]
    if missing:
        # the wheel of this version has the header and the library of CUDA 13.0
        remedy = f"apt install libcurand-dev-{kit.version.replace('.', '-')}"
        if kit.version == "13.0":
            remedy = "pip install nvidia-curand==10.4.0.35"
        yield Lack(f"CUDA {kit.version} came without {' and '.join(missing)}", remedy)


def lacks_of_brian2genn() -> Iterator[Lack]:
    """Yield missing dependencies of Brian2GeNN, or an unsupported version."""
    version, brian = installed("brian2genn"), installed("brian2") or "none"
    numpy, tools = installed("numpy") or "none", installed("setuptools") or "none"
    wanted = []
    if brian != "2.5.4":
        wanted.append(f"Brian2 2.5.4 (got {brian})")
    if numbers(numpy)[:1] != (1,):
        wanted.append(f"numpy before 2 (got {numpy})")
    if not (0,) < numbers(tools) < (81,):
        wanted.append(f"setuptools before 81 (got {tools})")
    if wanted:
        yield Lack(f"Brian2GeNN 1.7.0 wants {' and '.join(wanted)}", GENN_ENVIRONMENT)
    if version is None:
        yield Lack("Brian2GeNN is not installed", "" if wanted else "pip install brian2genn==1.7.0")
    elif version != "1.7.0":
        yield Lack(f"Brian2GeNN 1.7.0 is wanted, got {version}", GENN_ENVIRONMENT)


def source_of_genn() -> tuple[Path, str, str]:
    """Return the folder of GeNN's source, its version, and a problem with it, if any."""
    given, build = os.environ.get("GENN_PATH", ""), shutil.which("genn-buildmodel.sh")
    folder = Path(given or os.path.dirname(os.path.dirname(build or ""))).absolute()
    if not given and not build:
        return folder, "", "the source of GeNN 4 is wanted, and GENN_PATH is not set"
    try:
        version = (folder / "version.txt").read_text(errors="replace").strip()
    except OSError:
        return folder, "", f"{folder} is not the source of GeNN: it has no version.txt"
    if numbers(version)[:1] != (4,):
        return folder, "", f"Brian2GeNN 1.7.0 wants GeNN 4, {folder} is GeNN {version[:20]}"
    return folder, version, ""
