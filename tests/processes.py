"""Processes of the command, started and ended as a shell does."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def started(
    arguments: Sequence[Any], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    """Start a process in a group of its own, as a shell does."""
    return subprocess.Popen(
        list(map(str, arguments)),
        cwd=folder,
        env=environment,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    """Wait for a process to end with that exit code and without a traceback."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, out + err
    assert "Traceback" not in err, err
    return out, err
