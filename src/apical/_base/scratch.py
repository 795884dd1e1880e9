"""Folders for the files of a working process, and the removal of what dead processes left."""

import os
import shutil
import tempfile
from functools import cache as once
from pathlib import Path

from apical._base import cache
from apical._base.owners import make_owned, remove_abandoned

PREFIX = "apical"
"""How the names of folders of simulators begin."""
MEMORY = Path("/dev/shm")
"""A folder in memory, where there is one."""


def new_scratch() -> Path:
    """Return a new empty folder for what goes in and out of programs, in memory if there is room.

    Raises
    ------
    OSError
        If none can be made.
    """
    return make_owned(fast_folder(), PREFIX)


def fast_folder() -> Path:
    """Return a folder in memory if there is one with room, else the usual one for temporary files.

    Blocks go in and out as files; on a disk that takes as long as a small network.
    """
    usual = "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK)
    if usual or shutil.disk_usage(MEMORY).free < 1e9:
        return Path(tempfile.gettempdir())
    return MEMORY


def clear_leftovers() -> list[Path]:
    """Remove what dead processes of this user left, in memory, on disk and in the cache.

    Folders of living processes, of other users and of other machines stay.
    """
    found = cache.clear_leftovers()
    for folder in {MEMORY, Path(tempfile.gettempdir())}:
        found += remove_abandoned(folder, PREFIX)
    return found


@once
def clear_leftovers_once() -> None:
    """Do so if this process has not yet."""
    clear_leftovers()
