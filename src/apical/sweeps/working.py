"""The task of a worker: start or resume one run, or find it finished."""

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import scipy.linalg  # noqa: F401  # loads the BLAS whose threads are limited below

from apical._base.extras import undisturbed
from apical.errors import ApicalError, InUseError
from apical.runs.experiment import Experiment, check_settings
from apical.runs.manifest import CONFIG
from apical.runs.run import Stopped, resume, run
from apical.scripts import models

with undisturbed():
    from threadpoolctl import threadpool_limits

_one_at_a_time = threading.Lock()  # Brian2 has global state in the process


def work(
    experiment: Experiment,
    folder: str,
    session: str,
    token: str,
    how: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run or resume an experiment, and return its status.

    Parameters
    ----------
    experiment
        The configuration.
    folder
        Directory of the run, on a disk shared with the client.
    session, token
        A file, and its content as long as the run is wanted. A client that no longer wants it
        changes the content, and the run stops after its next checkpoint; a run left behind by a
        killed client stops as soon as another client begins.
    how
        Further options of `run` and `resume`; by default no figures are drawn.

    Returns
    -------
    dict
        ``status``: "done", "stopped" or "failed"; ``error``: one line.
    """
    with _one_at_a_time, threadpool_limits(1, "blas"):  # more threads would sum in other orders
        try:
            _run(experiment, Path(folder), Path(session), token, how or {"draw": False})
        except Stopped:
            return {"status": "stopped", "error": ""}
        except Exception as error:  # any failure is the result of this run
            return failed(error)
        return {"status": "done", "error": ""}


def failed(error: Exception) -> dict[str, Any]:
    """Return the status of a task that failed, with its error in one line."""
    ours = isinstance(error, ApicalError)
    said = error.message if isinstance(error, ApicalError) else str(error)
    text = " ".join(said.split()) or "no message"
    return {"status": "failed", "error": text if ours else f"{type(error).__name__}: {text}"}


LEFT_TO_THE_CLIENT = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has not all of them
)
"""Signals that workers ignore."""

READY = "ready"
"""What a worker of this machine says before it takes its first task."""


Task = Callable[..., dict[str, Any]]
"""What a worker does: a function of a module, which returns the fields of `Ended` but the key."""


def serve(pipe: Connection, task: Task = work) -> None:
    """Work on what comes through a pipe until that is closed, with signals left to the other end.

    Batch systems and terminals send them to every process. The other end hears them too, and has
    all runs stop after their checkpoints.

    Parameters
    ----------
    pipe
        From it come arguments of the task, into it go `READY` and then what the task returns.
    task
        What to do with them.
    """
    for number in LEFT_TO_THE_CLIENT:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # they were blocked until they could be ignored
        signal.pthread_sigmask(signal.SIG_UNBLOCK, LEFT_TO_THE_CLIENT)
    with suppress(EOFError, OSError):
        pipe.send(READY)
        while True:
            pipe.send(task(*pipe.recv()))


def _is_orphan() -> bool:
    """Say whether the process that started this one is gone."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _run(
    experiment: Experiment, folder: Path, session: Path, token: str, how: Mapping[str, Any]
) -> None:
    def stop() -> bool:
        try:
            return _is_orphan() or session.read_text() != token
        except OSError:
            return True

    while not stop():
        try:
            if (folder / CONFIG).exists():
                check_settings(folder, experiment)
                script = models.find(experiment.model)  # of the user who started this sweep
                resume(folder, trust=script, progress=False, stop=stop, **how)
            else:
                run(experiment, folder, progress=False, stop=stop, **how)
            return
        except InUseError:  # by a worker that has lost its client, and will stop soon
            time.sleep(0.2)
    raise Stopped
