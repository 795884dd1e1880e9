"""The C++ compiler, and the flags under which every form of a loop gives the same bits."""

import os
import platform
import shutil
import subprocess
from functools import cache

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
