"""Runs as they were before 0.2: without a manifest, and without their network as data."""

import json
from pathlib import Path

from apical.runs.directory import ARRAYS, LOCAL, NETWORK
from apical.runs.manifest import CONFIG, MANIFEST


def unbound(out: Path) -> Path:
    """Turn a run into one that nothing binds to its parts, and return its directory."""
    for name in (MANIFEST, NETWORK, ARRAYS):
        (out / name).unlink(missing_ok=True)
    config = json.loads((out / CONFIG).read_text())
    if (out / LOCAL).exists():  # then the paths stood among the other settings
        config |= json.loads((out / LOCAL).read_text())
        (out / LOCAL).unlink()
    known = {k: v for k, v in config.items() if k not in ("format", "blas_threads")}
    (out / CONFIG).write_text(json.dumps(known, indent=2) + "\n")
    return out
