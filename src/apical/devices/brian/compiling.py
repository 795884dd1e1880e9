"""Compile a generated C++ program once, and keep it for every later run of the same structure."""

import hashlib
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from apical import compilers
from apical.errors import DeviceError
from apical.folders import cache_folder

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


def scratch(prefix: str) -> Path:
    """Return a new empty folder beside the compiled programs."""
    programs = cache_folder() / "programs"
    try:
        programs.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{prefix}-", dir=programs))
    except OSError as error:
        raise DeviceError(
            f"Compiled programs are kept in {programs}, which cannot be written: "
            f"{error.strerror}. Set APICAL_CACHE_DIR to another folder."
        ) from None


def compiler() -> str:
    """Return the path of the C++ compiler: $CXX, or g++."""
    found = compilers.found()
    if found is None:
        raise DeviceError(
            f"Device 'cpp_standalone' needs a C++ compiler, and {compilers.name()!r} is not on "
            "the PATH. Install g++ (Debian, Ubuntu: apt install g++; conda: conda install gxx), "
            "set CXX, or use device='runtime'."
        )
    return found


def compile_project(project: Path, jobs: int) -> tuple[Path, bool]:
    """Compile the program generated in `project`, or find it among those compiled before.

    Parameters
    ----------
    project
        Folder made by `scratch`, with generated code in it; it is used up.
    jobs
        Number of compilers to run side by side.

    Returns
    -------
    Path
        Folder with the program ``main``.
    bool
        Whether it had to be compiled.

    Raises
    ------
    DeviceError
        If there is no compiler, or it fails.
    """
    path = compiler()
    home = project.parent / _fingerprint(project, path)
    with _alone(home):
        if (home / "main").exists():
            shutil.rmtree(project)
            return home, False
        _compile(project, path, jobs)
        return _moved(project, home), True


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Let one process at a time compile a program; where files cannot be locked, each does."""
    lock = FileLock(home.with_name(f".{home.name}.lock"))
    with suppress(OSError, NotImplementedError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _moved(project: Path, home: Path) -> Path:
    try:
        project.rename(home)
    except OSError:  # another process was faster
        shutil.rmtree(project, ignore_errors=True)
    if not (home / "main").exists():
        raise DeviceError(
            f"The compiled program could not be moved to {home}; remove that folder and run again."
        )
    return home


def _fingerprint(project: Path, compiler_path: str) -> str:
    digest = hashlib.sha256("\n".join((compilers.target(compiler_path), *FLAGS)).encode())
    for file in sorted([*project.rglob("*.cpp"), *project.rglob("*.h")]):
        digest.update(f"\n{file.relative_to(project)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _compile(project: Path, compiler_path: str, jobs: int) -> None:
    """Compile a program as two files, since most of what a small one takes is headers."""
    objects = sorted(project.glob("code_objects/*.cpp"))
    frame = sorted({*project.rglob("*.cpp")} - {*objects})
    included = "".join(f'#include "{file.relative_to(project)}"\n' for file in frame)
    (project / "all_code.cc").write_text(_as_one(objects))
    (project / "all_frame.cc").write_text(included)
    # The frame holds templates that code objects have too: the linker takes the first it meets.
    parts = [("all_code", FLAGS), ("all_frame", _FRAME_FLAGS)]
    calls = [
        [compiler_path, "-c", *flags, "-I.", f"{name}.cc", "-o", f"{name}.o"]
        for name, flags in parts
    ]
    with ThreadPoolExecutor(min(jobs, len(calls))) as pool:
        list(pool.map(lambda call: _call(call, project), calls))
    _call([compiler_path, *(f"{name}.o" for name, _ in parts), "-o", "main"], project)
    for leftover in project.glob("*.o"):
        leftover.unlink()


def _as_one(objects: Sequence[Path]) -> str:
    """Return code objects as one source; what each defines for itself has its own namespace."""
    includes: dict[str, None] = {}
    codes = []
    for k, path in enumerate(objects):
        lines = path.read_text().splitlines()
        includes |= dict.fromkeys(found for line in lines for found in _INCLUDED.findall(line))
        code = "\n".join(line for line in lines if not _INCLUDED.match(line))
        codes.append(f"namespace object_{k} {{ namespace {{\n{code}\n}} }}\n")
        codes += [f"void {name}() {{ object_{k}::{name}(); }}\n" for name in _CALLED.findall(code)]
    # An include may have stood where only some processors have the header.
    heads = [f"#if __has_include({it})\n#include {it}\n#endif\n" for it in includes]
    return "".join([*heads, *codes])


def call_apart(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command out of reach of Ctrl-C, which is for this process alone to answer.

    The command has a session of its own; until it is in there, the signal is held back.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        out, err = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _call(command: list[str], project: Path) -> None:
    done = call_apart(command, project)
    if done.returncode:
        log = project.with_suffix(".log")
        log.write_text(done.stdout + done.stderr)
        first = next((line for line in done.stderr.splitlines() if "rror" in line), "no message")
        raise DeviceError(
            f"Compiling the network failed ({command[0]} exited with {done.returncode}): {first} "
            f"The whole output is in {log}."
        )
