"""Where in a user's code something was described."""

import os
import sys
from pathlib import Path

OWN = "apical"


def caller() -> str:
    """Return ``file:line`` of the innermost call that came from outside this package.

    The file is relative to the working directory where it lies below it. Empty where nothing
    outside called.
    """
    frame = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name != OWN and not name.startswith(f"{OWN}."):
            return f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return ""


def shown(file: str) -> str:
    """Return the path of a file, relative where it lies below the working directory.

    Cells of a notebook have files of their own, whose names tell nobody anything.
    """
    if "ipykernel_" in file or file.startswith("<"):
        return "cell"
    path, here = Path(file), Path(os.getcwd())
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
