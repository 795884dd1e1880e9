"""The cache folder, and atomic writing of files."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return where compiled programs and data are kept: APICAL_CACHE_DIR or the user's cache."""
    given = os.environ.get("APICAL_CACHE_DIR")
    return Path(given).expanduser() if given else platformdirs.user_cache_path("apical")


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file atomically: it exists whole or not at all, even after a power cut.

    Raises
    ------
    OSError
        If it cannot be written; what was there before still is.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return path
