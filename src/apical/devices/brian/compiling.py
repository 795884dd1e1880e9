"""Compilation of generated C++ programs, cached for later runs of the same structure."""

import hashlib
import os
import platform
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from apical._base import cache, compilers, owners
from apical._base.folders import cache_folder
from apical.errors import DeviceError

FLAGS = (
    *compilers.FLAGS,
    "-w",
    # Where there are vectors of 512 bits, compilers use half of them unless told to.
    *(("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()),
)
_INCLUDED = re.compile(r"\s*#\s*include\s*([<\"].+[>\"])")
_CALLED = re.compile(r"^void (\w+)\(\)", re.MULTILINE)
_FRAME_FLAGS = (*FLAGS, "-O1")
"""For what is not run in every time step: half the time to compile it."""
STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
"""What asks a process to stop: Ctrl-C, batch systems, the end of a session."""
_running: dict[subprocess.Popen[str], Path] = {}
"""Commands that run now, and in which folder."""


class Found(NamedTuple):
    """A compiled program: its folder, whether it had to be compiled, and what keeps it there."""

    folder: Path
    fresh: bool
    hold: cache.Hold | None = None


def scratch(programs: Path | None = None) -> Path:
    """Return a new empty folder beside the compiled programs, which are in the cache by default."""
    programs = programs or cache_folder() / "programs"
    try:
        return cache.make_new(programs)
    except OSError as error:
        raise DeviceError(
            f"Compiled programs are kept in {programs}, which cannot be written: "
            f"{error.strerror}. Choose another folder, by APICAL_CACHE_DIR for those in the cache."
        ) from None


def compiler() -> str:
    """Return the path of the C++ compiler: $CXX, or g++."""
    found = compilers.found()
    if found is None:
        raise DeviceError(
            f"Device 'cpp_standalone' needs a C++ compiler, and {compilers.name()!r} is not on "
            "the PATH. Install g++ (Debian, Ubuntu: apt install g++; conda: conda install gxx), "
            "set CXX, or use device='runtime'.",
            object="Device 'cpp_standalone'",
        )
    return found


def compile_project(project: Path, jobs: int) -> Found:
    """Compile the program generated in `project`, or find it among those compiled before.

    Parameters
    ----------
    project
        Folder made by `scratch`, with generated code in it; it is used up.
    jobs
        Number of compilers to run side by side.

    Raises
    ------
    DeviceError
        If there is no compiler, or it fails.
    """
    path = compiler()
    known_by = fingerprint(project, (compilers.target(path), *FLAGS), ("*.cpp", "*.h"))
    return kept(project, project.parent / known_by, lambda: _compile(project, path, jobs))


def kept(project: Path, home: Path, compile_it: Callable[[], None]) -> Found:
    """Compile the program in `project` and move it to `home`, unless it is there, and whole."""
    most = cache.limit() if home.parent == cache_folder() / "programs" else None
    try:
        with cache.alone(home):
            if cache.is_whole(home):
                return Found(home, False, cache.hold(home))
            compile_it()
            cache.sign(project, _needed(project))
            try:
                cache.put(project, home)
            except OSError as error:
                raise DeviceError(
                    f"The compiled program could not be moved to {home} ({error.strerror}); remove "
                    "that folder and run again."
                ) from None
            held = cache.hold(home)
    finally:
        owners.remove(project)
    if most is not None:
        cache.evict(most)
    return Found(home, True, held)


def _needed(project: Path) -> list[Path]:
    """Return the files of a program that it cannot do without."""
    return [project / "main", *filter(Path.is_file, (project / "static_arrays").rglob("*"))]


def fingerprint(project: Path, how: Sequence[str], sources: Sequence[str]) -> str:
    """Return a checksum of the sources of a program, and of the compiler and its flags.

    Parameters
    ----------
    project
        Folder of the program.
    how
        What else makes a difference: the compiler and its flags.
    sources
        Patterns of the names of its source files.
    """
    digest = hashlib.sha256("\n".join(how).encode())
    for file in sorted(file for pattern in sources for file in project.rglob(pattern)):
        digest.update(f"\n{file.relative_to(project)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _compile(project: Path, compiler_path: str, jobs: int) -> None:
    """Compile a program as two files, since headers take most of the time for small ones."""
    objects = sorted(project.glob("code_objects/*.cpp"))
    frame = sorted({*project.rglob("*.cpp")} - {*objects})
    included = "".join(f'#include "{file.relative_to(project)}"\n' for file in frame)
    (project / "all_code.cc").write_text(as_one(objects))
    (project / "all_frame.cc").write_text(included)
    # The frame holds templates that code objects have too: the linker takes the first it meets.
    parts = [("all_code", FLAGS), ("all_frame", _FRAME_FLAGS)]
    calls = [
        [compiler_path, "-c", *flags, "-I.", f"{name}.cc", "-o", f"{name}.o"]
        for name, flags in parts
    ]
    link = [compiler_path, *(f"{name}.o" for name, _ in parts), "-o", "main"]
    call_all(project, calls, link, jobs)


def call_all(project: Path, calls: Sequence[list[str]], link: list[str], jobs: int) -> None:
    """Compile the parts of a program, some at a time, and link them.

    Parameters
    ----------
    project
        Folder of the program.
    calls
        Commands that compile the parts.
    link
        The command that links what these leave.
    jobs
        Number of compilers to run side by side.
    """
    with ThreadPoolExecutor(min(jobs, len(calls))) as pool:
        try:
            list(pool.map(lambda command: call(command, project), calls))
        except BaseException:
            _end_all(project)  # else the pool would wait for them
            raise
    call(link, project)
    for leftover in project.glob("*.o"):
        leftover.unlink()


def as_one(objects: Sequence[Path], between: str = "") -> str:
    """Return code objects as one source; what each defines for itself has its own namespace.

    Parameters
    ----------
    objects
        Their files.
    between
        What comes before each of them.
    """
    includes: dict[str, None] = {}
    codes = []
    for k, path in enumerate(objects):
        lines = path.read_text().splitlines()
        includes |= dict.fromkeys(found for line in lines for found in _INCLUDED.findall(line))
        code = "\n".join(line for line in lines if not _INCLUDED.match(line))
        codes.append(f"{between}namespace object_{k} {{ namespace {{\n{code}\n}} }}\n")
        codes += [f"void {name}() {{ object_{k}::{name}(); }}\n" for name in _CALLED.findall(code)]
    # An include may have stood where only some processors have the header.
    heads = [f"#if __has_include({it})\n#include {it}\n#endif\n" for it in includes]
    return "".join([*heads, *codes])


def call_apart(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in its own session, so that signals to stop reach this process only.

    The command has a session of its own, and what asks it to stop is held back: a batch system
    sends that to every process, and this one has the command finish a block, or ends it with all
    that it started. `environment` is that of this process by default.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=owners.environment(environment),
        )
        _running[process] = folder
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        out, err = process.communicate()
    except BaseException:
        _end(process)
        process.wait()
        raise
    finally:
        stopped = _running.pop(process, None) is None
    if stopped:
        raise DeviceError(f"{command[0]} was stopped.")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _end(process: subprocess.Popen[str]) -> None:
    """End a command with all that it started: a compiler is several processes."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _end_all(folder: Path) -> None:
    for process in [process for process, where in list(_running.items()) if where == folder]:
        del _running[process]
        _end(process)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the error message of a compiled program, with its exit code; empty on success."""
    said = done.stderr.strip() or ("Error" in done.stdout and done.stdout.strip())
    return f"exit code {done.returncode}: {said or 'no message'}" if done.returncode or said else ""


def call(command: list[str], project: Path) -> None:
    """Run a compiler in the folder of a program; its output is kept in a log file."""
    # what it writes on the way goes with the folder, also if it is killed
    done = call_apart(command, project, {**os.environ, "TMPDIR": str(project.resolve())})
    if done.returncode:
        log = project.with_name(f"{project.name.lstrip('.')}.log")
        log.write_text(done.stdout + done.stderr)
        first = next((line for line in done.stderr.splitlines() if "rror" in line), "no message")
        raise DeviceError(
            f"Compiling the network failed ({command[0]} exited with {done.returncode}): {first} "
            f"The whole output is in {log}."
        )
