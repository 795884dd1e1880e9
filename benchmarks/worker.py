"""Processes that answer requests, one line of JSON for each, so that contestants can take turns.

Each keeps what it has built, and sleeps while the others are timed. Needs nothing but Python, so
that it serves in the environment of a rival too.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
FORCING = ("OPENBLAS_", "GOTO_", "OMP_", "MKL_", "KMP_", "GOMP_", "DNNL_", "ONEDNN_", "ATEN_CPU_")
"""Variables of the environment that would force the hand of one library or another."""


class Worker:
    """A process that answers requests.

    Parameters
    ----------
    python
        The interpreter.
    script
        Its program, in this folder, which calls `serve`.
    threads
        Number of threads of its libraries.
    """

    def __init__(self, python: str, script: str, threads: int) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(FORCING)}
        environment |= dict.fromkeys(THREADS, str(threads))
        self._script = script
        self._process = subprocess.Popen(
            [python, str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer; raise with its last words if the process died."""
        assert self._process.stdin and self._process.stdout and self._process.stderr
        with contextlib.suppress(BrokenPipeError):  # why it died is told below
            print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._script} failed: {self._process.stderr.read()[-800:]}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
