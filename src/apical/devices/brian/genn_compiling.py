"""Compile a program around GeNN's model, with the source of GeNN that GENN_PATH leads to."""

import os
from pathlib import Path

from filelock import FileLock

from apical._base import compilers
from apical.devices.brian.compiling import (
    FLAGS,
    Found,
    as_one,
    call,
    call_all,
    compiler,
    fingerprint,
    kept,
)
from apical.devices.lacks import GENN_SOURCE, check_environment, lacks_of_brian2genn, source_of_genn
from apical.errors import DeviceError

GENERATOR = "src/genn/generator"
"""Where GeNN builds its generator, with the model in it, beneath its source."""
MODEL = "magicnetwork_model"
"""Name that Brian2GeNN gives every model."""


def check_brian2genn() -> None:
    """Raise if Brian2GeNN is not here, or not with the versions that it needs."""
    check_environment("genn", lacks_of_brian2genn())


def check_source() -> Path:
    """Return the folder of GeNN's source, which has all that is needed.

    Raises
    ------
    DeviceError
        If there is none, it is not of version 4, or GeNN cannot build in it.
    """
    folder, _, problem = source_of_genn()
    if problem:
        raise DeviceError(
            f"Device 'genn' cannot compile: {problem}. {GENN_SOURCE}", object="Device 'genn'"
        )
    if not os.access(folder / GENERATOR, os.W_OK):
        raise DeviceError(
            f"Device 'genn' cannot compile: GeNN builds in its own folder, {folder / GENERATOR}, "
            "which cannot be written; set GENN_PATH to a copy that can.",
            object="Device 'genn'",
        )
    return folder


def compile_genn(project: Path, source: Path, jobs: int) -> Found:
    """Compile the program written to `project`, or find it among those compiled before.

    Parameters
    ----------
    project
        Folder made by `apical.devices.brian.compiling.scratch`, with generated code in it; it is
        used up.
    source
        Folder of GeNN's source.
    jobs
        Number of compilers to run side by side.

    Raises
    ------
    DeviceError
        If there is no compiler, or it or GeNN fails.
    """
    path = compiler()
    for folder in (project.parent, source):
        if any(sign.isspace() for sign in str(folder)):
            raise DeviceError(
                f"GeNN cannot build in {str(folder)!r}, whose name has blanks; set "
                f"{'GENN_PATH' if folder == source else 'APICAL_CACHE_DIR'} to another folder."
            )
    version = (source / "version.txt").read_text().strip()
    how = ("genn", version, compilers.target(path), *FLAGS)
    known_by = f"genn-{fingerprint(project, how, ('*.cpp', '*.h'))}"
    home = project.parent / known_by
    return kept(project, home, lambda: _compile(project, source, path, jobs))


def _compile(project: Path, source: Path, compiler_path: str, jobs: int) -> None:
    include = f"{project}:{project / 'brianlib' / 'randomkit'}"
    generate = [str(source / "bin" / "genn-buildmodel.sh"), "-c", "-i", include, f"{MODEL}.cpp"]
    with FileLock(source / GENERATOR / ".apical.lock"):  # one at a time
        call(generate, project)
    code, objects = project / f"{MODEL}_CODE", sorted(project.glob("code_objects/*_codeobject.cpp"))
    (project / "all_code.cc").write_text(as_one(objects))
    parts = ["all_code.cc", "main.cpp", "objects.cpp", "brianlib/randomkit/randomkit.cc"]
    parts += [f"{MODEL}_CODE/{file.name}" for file in sorted(code.glob("*.cc"))]
    include_flags = ["-I.", "-Ibrianlib/randomkit"]
    calls = [
        [compiler_path, "-c", *FLAGS, *include_flags, part, "-o", f"part_{k}.o"]
        for k, part in enumerate(parts)
    ]
    link = [compiler_path, *(f"part_{k}.o" for k in range(len(parts))), "-o", "main"]
    call_all(project, calls, link, jobs)
    for leftover in project.glob("generator*"):
        leftover.unlink()
