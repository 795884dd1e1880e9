"""The C++ compiler, and the flags under which every form of a loop gives the same bits."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

from apical._base import cache as files
from apical._base import owners
from apical._base.folders import cache_folder

FLAGS = (
    "-O3",
    "-march=native",
    "-std=c++17",
    # Without these, vector code must maintain errno and floating-point traps, which are unused.
    "-fno-math-errno",
    "-fno-trapping-math",
    # A product and a sum are rounded one by one, so that every form of a loop gives equal bits.
    "-ffp-contract=off",
)

SHARED = (*FLAGS, "-shared", "-fPIC")
LIBRARY = "loop.so"
"""Name of the file with compiled functions, in a folder of its own."""


def name() -> str:
    """Return the command of the C++ compiler: $CXX, or g++."""
    return os.environ.get("CXX", "g++")


def found() -> str | None:
    """Return the path of the compiler; None where there is none."""
    return shutil.which(name())


@cache
def target(path: str) -> str:
    """Return the compiler's version, and what -march=native means on this processor."""
    command = [path, "-march=native", "-Q", "--help=target", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said or platform.node()


@cache
def loaded(code: str) -> ctypes.CDLL | None:
    """Return compiled C++ functions, from the cache folder where they are; None if that fails.

    It fails without a compiler, and with a compiler or a folder that will not do.
    """
    compiler = found()
    if compiler is None:
        return None
    what = "\n".join((code, *SHARED, target(compiler)))
    key = hashlib.sha256(what.encode()).hexdigest()[:32]
    home = cache_folder() / "loops" / key
    try:
        with files.alone(home):
            if not files.is_whole(home):
                _compile(compiler, code, home)
            files.hold(home)
            return ctypes.CDLL(str(home / LIBRARY))
    except (OSError, subprocess.CalledProcessError):
        return None


def _compile(compiler: str, code: str, home: Path) -> None:
    made = files.make_new(home.parent)
    try:
        subprocess.run(
            [compiler, *SHARED, "-x", "c++", "-", "-o", LIBRARY],
            cwd=made,
            env={**owners.environment(), "TMPDIR": str(made.resolve())},
            input=code,
            text=True,
            check=True,
            capture_output=True,
        )
        files.sign(made, [made / LIBRARY])
        files.put(made, home)
    finally:
        owners.remove(made)
