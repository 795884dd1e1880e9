"""The documentation site, built once for all tests that look at it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site that `make docs` has just built (APICAL_SITE), or build it as it does."""
    told = os.environ.get("APICAL_SITE")
    if told:
        return Path(told).resolve()
    rule = (ROOT / "Makefile").read_text().partition("\ndocs: ")[2]
    line = next(line for line in rule.splitlines() if "sphinx-build" in line)
    *options, source, _ = shlex.split(line)[1:]
    assert "--fail-on-warning" in options
    out = tmp_path_factory.mktemp("site")
    options[options.index("--jobs") + 1] = "1"
    command = [sys.executable, "-m", "sphinx", *options, source, str(out)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr
    return out
