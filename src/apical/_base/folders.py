"""The cache folder, and atomic writing of files."""

import os
from pathlib import Path

import platformdirs

from apical.errors import DataError

CACHE = "APICAL_CACHE_DIR"
"""Environment variable: where compiled programs and data are kept."""


def cache_folder() -> Path:
    """Return where compiled programs and data are kept: APICAL_CACHE_DIR or the user's cache."""
    given = os.environ.get(CACHE)
    return Path(given).expanduser() if given else platformdirs.user_cache_path("apical")


def make_folder(folder: Path) -> None:
    """Make a folder; DataError if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be made ({error}); name another folder.", object=str(folder)
        ) from error
