"""Programs for NVIDIA GPUs: compiled by nvcc for a named compute capability, here or elsewhere.

A compiled program has a manifest, so that one that was built on another machine is recognised, or
refused.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apical._base import compilers
from apical._base.whole_files import write_whole
from apical.devices.brian.compiling import Found, as_one, call_all, fingerprint, kept
from apical.devices.lacks import check_environment, lacks_of_brian2cuda, lacks_of_toolkit
from apical.devices.surroundings import (
    Toolkit,
    ask,
    curand_library,
    gpus,
    installed,
    numbers,
    toolkit,
)
from apical.errors import DeviceError, ParameterError

FLAGS = (
    # Thrust of CUDA 13 wants C++17; no -march=native: programs travel.
    "-std=c++17",
    "-O3",
    "-w",
    # As in C++: denormal numbers are 0, products and sums are rounded one by one.
    "-ftz=true",
    "-fmad=false",
    "-I.",
)
"""Options of nvcc, besides the compute capability."""

_FORGET = "#undef _rand\n#undef _randn\n"
"""Text between code objects in one file, each of which defines these again."""

MANIFEST = "program.json"
"""Name of the manifest of a program."""

VERSIONS = ("apical", "brian2", "brian2cuda")
"""Packages whose versions determine the generated code."""


@dataclass(frozen=True)
class Target:
    """Target of compilation, and the folder of compiled programs.

    Parameters
    ----------
    capability
        Compute capability, for instance ``"9.0"``; None for that of the first card here.
    programs
        Folder of compiled programs; None for the cache.
    prebuilt
        Whether programs must be there, perhaps built elsewhere: nothing is compiled.
    """

    capability: str | None = None
    programs: Path | None = None
    prebuilt: bool = False


def check_brian2cuda() -> None:
    """Raise if Brian2CUDA is not here, or not with the versions that it needs."""
    check_environment("cuda_standalone", lacks_of_brian2cuda())


def capability_for(target: Target) -> str:
    """Return the compute capability to compile for, for instance ``"9.0"``.

    Raises
    ------
    DeviceError
        If none is named and there is no card, or it is not of that form.
    """
    if target.capability is None:
        cards, problem = gpus()
        if not cards:
            raise DeviceError(
                f"Device 'cuda_standalone' found no NVIDIA GPU: {problem}. To build for another "
                "machine, name its compute capability: apical run ... --no-run --capability 9.0.",
                object="Device 'cuda_standalone'",
            )
        if not cards[0].capability:
            raise DeviceError(
                f"The driver does not tell the compute capability of {cards[0].name}; name it: "
                "--capability 9.0, for instance."
            )
        return cards[0].capability
    if not re.fullmatch(r"\d{1,2}\.\d", target.capability):
        raise ParameterError(
            "A compute capability is two numbers, as in 8.6 or 9.0 "
            f"(developer.nvidia.com/cuda-gpus), got {target.capability!r}.",
            object="devices.simulate",
            parameter="capability",
        )
    return target.capability


def check_toolkit(capability: str) -> Toolkit:
    """Return the CUDA toolkit, which has all that is needed for a compute capability.

    Raises
    ------
    DeviceError
        If there is none, a part of it is missing, or it does not compile for that.
    """
    kit = toolkit()
    for lack in lacks_of_toolkit(kit):
        raise DeviceError(
            f"Device 'cuda_standalone' cannot compile: {lack.what}. {lack.remedy}",
            object="Device 'cuda_standalone'",
        )
    assert kit is not None
    known = re.findall(r"sm_(\d+)(\d)\b", ask([str(kit.nvcc), "--list-gpu-code"]).text)
    able = [f"{major}.{minor}" for major, minor in known]
    if able and capability not in able:
        raise DeviceError(
            f"CUDA {kit.version} does not compile for compute capability {capability}, but for "
            f"{', '.join(able)}; choose one of these, or another toolkit by CUDA_PATH.",
            object=f"CUDA {kit.version}",
        )
    return kit


def compile_cuda(project: Path, programs: Path, capability: str, jobs: int, kit: Toolkit) -> Found:
    """Compile the program generated in `project`, or find it among those compiled before.

    Parameters
    ----------
    project
        Folder made by `scratch`, with generated code in it; it is used up.
    programs
        Folder of compiled programs.
    capability
        Compute capability to compile for; cards of a higher one run it too.
    jobs
        Number of compilers to run side by side.
    kit
        The toolkit to compile with.

    Raises
    ------
    DeviceError
        If there is no host compiler, or a compiler fails.
    """
    home = programs / f"{known_by(project)}-sm_{capability.replace('.', '')}"
    return kept(project, home, lambda: _compile(project, capability, jobs, kit))


def known_by(project: Path) -> str:
    """Return the check sum by which a generated program is known on every machine."""
    return f"cuda-{fingerprint(project, FLAGS, ('*.cu', '*.h'))}"


def _compile(project: Path, capability: str, jobs: int, kit: Toolkit) -> None:
    cxx = compilers.found()
    if cxx is None:
        raise DeviceError(
            f"nvcc needs a C++ compiler, and {compilers.name()!r} is not on the PATH. Install g++, "
            "or set CXX."
        )
    assert kit.header is not None and kit.library is not None
    nvcc = [str(kit.nvcc), "-ccbin", cxx, f"-arch=sm_{capability.replace('.', '')}"]
    # Two files: most of what a small one takes is headers.
    objects = sorted(project.glob("code_objects/*.cu"))
    frame = [f'#include "{file.name}"\n' for file in sorted(project.glob("*.cu"))]
    (project / "all_code.cu").write_text(as_one(objects, _FORGET))
    (project / "all_frame.cu").write_text("".join(frame))
    parts = ("all_code", "all_frame")
    calls = [
        [*nvcc, *FLAGS, "-isystem", f"{kit.header.parent}", "-dc", f"{part}.cu", "-o", f"{part}.o"]
        for part in parts
    ]
    # by its file: a wheel brings libcurand.so.10 without the link that linkers look for
    linked = ("--no-as-needed", str(kit.library))
    curand = [word for option in linked for word in ("-Xlinker", option)]
    link = [*nvcc, "-w", *(f"{part}.o" for part in parts), *curand, "-o", "main"]
    call_all(project, calls, link, jobs)
    sign(project, capability, kit.version)


def sign(program: Path, capability: str, cuda: str) -> None:
    """Write the manifest of a program: compute capability and versions."""
    said = {"capability": capability, "cuda": cuda, "versions": _versions()}
    write_whole(program / MANIFEST, json.dumps(said, indent=2).encode())


def _versions() -> dict[str, str | None]:
    return {name: installed(name) for name in VERSIONS}


def find_prebuilt(programs: Path, name: str) -> Path:
    """Return the folder of a program that was built before, for a card that is here.

    Parameters
    ----------
    programs
        Folder of compiled programs.
    name
        Check sum of the program, as `known_by` returns it.

    Raises
    ------
    DeviceError
        If there is none, it was built by other versions, or for newer cards.
    """
    found = [folder for folder in sorted(programs.glob(f"{name}-sm_*")) if _whole(folder)]
    if not found:
        raise DeviceError(_why_not(programs))
    cards, _ = gpus()
    best = max(found, key=lambda folder: numbers(_manifest(folder)["capability"]))
    if not cards or not cards[0].capability:
        return best  # the program says itself what is wrong
    able = [f for f in found if numbers(_manifest(f)["capability"]) <= numbers(cards[0].capability)]
    if not able:
        raise DeviceError(
            f"{best} was built for compute capability {_manifest(best)['capability']}, "
            f"{cards[0].name} has {cards[0].capability}. Build it with --capability "
            f"{cards[0].capability}."
        )
    return max(able, key=lambda folder: numbers(_manifest(folder)["capability"]))


def _whole(folder: Path) -> bool:
    return (folder / "main").exists() and (folder / MANIFEST).exists()


def _manifest(folder: Path) -> Mapping[str, str]:
    try:
        said = json.loads((folder / MANIFEST).read_text())
        if isinstance(said["versions"], dict) and isinstance(said["capability"], str):
            return dict(said)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DeviceError(f"{folder / MANIFEST} is damaged; build the program again.")


def _why_not(programs: Path) -> str:
    there = [folder for folder in sorted(programs.glob("cuda-*")) if _whole(folder)]
    if not there:
        return (
            f"{programs} holds no programs that were built for device 'cuda_standalone'. Build "
            "some: apical run MODEL --device cuda_standalone --no-run --capability 9.0 --out DIR."
        )
    made, here = _manifest(there[0])["versions"], _versions()
    if made != here:
        return (
            f"The programs in {programs} were built with {_listed(made)}; here are "
            f"{_listed(here)}. Build them again with these versions, or install those."
        )
    return (
        f"{programs} holds no program of this network, but of {len(there)} others; the model, its "
        "options, --dt, --dtype and --measure must be those it was built with."
    )


def _listed(versions: object) -> str:
    assert isinstance(versions, dict)
    return ", ".join(f"{name} {version or 'none'}" for name, version in versions.items())


def environment() -> dict[str, str]:
    """Return an environment in which a program finds cuRAND, wherever it is here."""
    library = curand_library()
    folders = [os.environ.get("LD_LIBRARY_PATH", ""), str(library.parent) if library else ""]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders))}
