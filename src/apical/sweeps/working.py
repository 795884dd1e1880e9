"""The task of a worker: start or resume one run, or find it finished."""

import signal
import threading
import time
from pathlib import Path
from typing import Any

import scipy.linalg  # noqa: F401  # loads the BLAS whose threads are limited below

from apical._base.extras import undisturbed
from apical.errors import ApicalError, InUseError
from apical.runs.directory import CONFIG
from apical.runs.experiment import Experiment, check_settings
from apical.runs.run import Stopped, resume, run
from apical.scripts import models

with undisturbed():
    from threadpoolctl import threadpool_limits

_one_at_a_time = threading.Lock()  # Brian2 has global state in the process


def work(experiment: Experiment, folder: str, session: str, token: str) -> dict[str, Any]:
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

    Returns
    -------
    dict
        ``status``: "done", "stopped" or "failed"; ``error``: one line.
    """
    with _one_at_a_time, threadpool_limits(1, "blas"):  # more threads would sum in other orders
        try:
            _run(experiment, Path(folder), Path(session), token)
        except Stopped:
            return {"status": "stopped", "error": ""}
        except Exception as error:  # any failure is the result of this run
            ours = isinstance(error, ApicalError)
            said = error.message if isinstance(error, ApicalError) else str(error)
            text = " ".join(said.split()) or "no message"
            return {
                "status": "failed",
                "error": text if ours else f"{type(error).__name__}: {text}",
            }
        return {"status": "done", "error": ""}


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the client; Dask calls this in a worker's process before it works."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(experiment: Experiment, folder: Path, session: Path, token: str) -> None:
    def stop() -> bool:
        try:
            return session.read_text() != token
        except OSError:
            return True

    while not stop():
        try:
            if (folder / CONFIG).exists():
                check_settings(folder, experiment)
                script = models.find(experiment.model)  # of the user who started this sweep
                resume(folder, trust=script, progress=False, draw=False, stop=stop)
            else:
                run(experiment, folder, progress=False, draw=False, stop=stop)
            return
        except InUseError:  # by a worker that has lost its client, and will stop soon
            time.sleep(0.2)
    raise Stopped
