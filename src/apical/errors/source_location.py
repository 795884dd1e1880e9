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


def caller() -> str:
    """Return ``file:line`` of the innermost call that came from a user's code.

    That is neither this package nor an installed one. The file is relative to the working
    directory where it lies below it, and its name alone elsewhere: what is kept and passed on says
    nothing of folders of a machine. Empty where no such code called, as under the command.
    """
    frame = sys._getframe(1)
    while frame is not None:
        name, file = str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename
        own = name == OWN or name.startswith(f"{OWN}.")
        if not own and not file.startswith((*_LIBRARIES, "<frozen")):
            return f"{shown(file)}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return ""


def shown(file: str) -> str:
    """Return the path of a file below the working directory, or its name if it lies elsewhere.

    Cells of a notebook are files of their own, whose names are meaningless.
    """
    if "ipykernel_" in file or file.startswith("<"):
        return "cell"
    path, here = Path(file), Path(os.getcwd())
    return str(path.relative_to(here)) if path.is_relative_to(here) else path.name
