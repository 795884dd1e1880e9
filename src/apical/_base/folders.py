"""Where this package keeps what can be made or fetched again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return where compiled programs and data are kept: APICAL_CACHE_DIR or the user's cache."""
    given = os.environ.get("APICAL_CACHE_DIR")
    return Path(given).expanduser() if given else platformdirs.user_cache_path("apical")
