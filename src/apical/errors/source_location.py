"""Location in the user's code (``file:line``) where an object was created."""

import os
import sys
import sysconfig
from pathlib import Path

OWN = "apical"

_LIBRARIES = tuple(
    f"{folder}{os.sep}"
    for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    for folder in {sysconfig.get_path(name), os.path.realpath(sysconfig.get_path(name))}
)
"""Folders that hold no user code: the standard library, packages, and commands."""


def caller(*, whole: bool = False) -> str:
    """Return ``file:line`` of the innermost call that came from a user's code.

    That is neither this package nor an installed one. Empty where no such code called, as under
    the command.

    Parameters
    ----------
    whole
        Whether the file is given with its folder, relative to the working directory where it lies
        below it. What is kept and passed on names the file alone, and no folders of a machine.
    """
    frame = sys._getframe(1)
    while frame is not None:
        name, file = str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename
        own = name == OWN or name.startswith(f"{OWN}.")
        if not own and not file.startswith((*_LIBRARIES, "<frozen")):
            return f"{shown(file, whole)}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return ""


def outside() -> int:
    """Return the stack level, from the caller of this on, of the first one outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == OWN:
        frame, level = frame.f_back, level + 1
    return level


def shown(file: str, whole: bool) -> str:
    """Return the name of a file; with `whole` its path, relative below the working directory.

    Cells of a notebook are files of their own, whose names are meaningless.
    """
    if "ipykernel_" in file or file.startswith("<"):
        return "cell"
    path, here = Path(file), Path(os.getcwd())
    if not whole:
        return path.name
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
