"""Run a sweep on Dask: a local cluster, or an existing scheduler."""

import logging
import os
import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from apical._base.extras import library
from apical._base.progress import SweepProgress
from apical.errors import ParameterError, RunError
from apical.runs.run import Stopped
from apical.sweeps.design import Design, Run, check
from apical.sweeps.results import RESULTS, SweepDirectory
from apical.sweeps.working import work

PATIENCE = 10.0
"""Timeout of the connection to a scheduler [s]."""
_POLL = 0.2
"""Polling interval of the request to stop [s]."""
_CONFIG = {"distributed.comm.timeouts.connect": PATIENCE}


def sweep(
    design: Design,
    out: Path | str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    """Run every condition of a design with every seed, and return a row for each run.

    Runs that are finished in `out` are not repeated, interrupted ones are resumed from their
    checkpoints, failed ones are tried again; so the same call resumes a sweep that was stopped or
    killed. Results have the same bits as ``apical run`` with one BLAS thread
    (``OPENBLAS_NUM_THREADS=1``; more threads sum in another order). A run whose worker dies is
    resumed by another worker; after four of them it has failed.

    Scripts that call this need ``if __name__ == "__main__":``, since workers import them.

    Parameters
    ----------
    design
        The factorial design.
    out
        Directory of the sweep: new, empty, or of this same sweep.
    workers
        Worker processes on this machine; one for each processor by default.
    scheduler
        Address of a Dask scheduler instead, such as ``"tcp://host:8786"``. Its workers need one
        thread each, the same software, and `out`, models and data under the same paths.
    progress
        Whether to show a progress bar.
    stop
        Polled all the time; True stops every run after its next checkpoint.

    Returns
    -------
    pandas.DataFrame
        As `SweepDirectory.frame`; ``results.parquet`` holds the same.

    Raises
    ------
    DesignError
        If a run is impossible.
    RunError
        If the directory or the scheduler cannot be used, or the scheduler goes away.
    Stopped
        If `stop` asked for it.
    """
    _libraries()
    out, sums = Path(out).resolve(), check(design)
    if scheduler is None and workers is not None and workers < 1:
        raise ParameterError(
            f"A sweep needs 1 worker or more, got {workers}.", object="sweep", parameter="workers"
        )
    with ExitStack() as stack:
        client = stack.enter_context(_connected(scheduler)) if scheduler is not None else None
        directory = stack.enter_context(SweepDirectory.open(out, design, sums))
        waiting = directory.waiting
        if waiting:
            done = len(design) - len(waiting)
            bar = stack.enter_context(SweepProgress(len(design), shown=progress, done=done))
            if client is None:
                n = min(workers or os.cpu_count() or 1, len(waiting))
                client = stack.enter_context(_local(n))
            _run_all(directory, waiting, client, bar, stop)
        return directory.frame


def _libraries() -> None:
    for module in ("distributed", "pyarrow.parquet"):
        library(module, "sweep")


def _run_all(
    directory: SweepDirectory,
    waiting: list[Run],
    client: Any,
    bar: SweepProgress,
    stop: Callable[[], bool],
) -> None:
    """Run all waiting runs, and record their outcomes."""
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    finished, failed, stopped = len(directory.design) - len(waiting), 0, False
    with directory.session() as (session, token):
        pending = {}
        for run in waiting:
            arguments = (run.experiment, str(directory.folder(run)), str(session), token)
            future = client.submit(work, *arguments, key=f"{run.id}-{token}", pure=False)
            future.add_done_callback(ended.put)
            pending[future.key] = run, future
        bar.describe("running" if client.nthreads() else "waiting for workers")
        while pending:
            if stop() and not stopped:
                stopped = True
                bar.describe("stopping")
                session.unlink(missing_ok=True)
                _drop_idle(client, pending)
            future = _next(ended)
            if future is None and client.status not in ("running", "connecting"):
                raise _gone(directory)
            if future is None or future.key not in pending:
                continue
            run, _ = pending.pop(future.key)
            if future.status == "cancelled" and not stopped:
                raise _gone(directory)
            status, error = _outcome(future)
            finished, failed = finished + (status == "done"), failed + (status == "failed")
            if status != "stopped":
                _record(directory, run, status, error)
            bar.update(finished, failed)
            bar.describe("stopping" if stopped else "running")
    if stopped and finished + failed < len(directory.design):
        raise Stopped


def _next(ended: "queue.SimpleQueue[Any]") -> Any:
    with suppress(queue.Empty):
        return ended.get(timeout=_POLL)
    return None


def _outcome(future: Any) -> tuple[str, str]:
    """Return status and error of a run that ended in any way."""
    if future.status == "finished":
        try:
            result = future.result(timeout=PATIENCE)
            return result["status"], result["error"]
        except Exception as error:  # its worker died with the result
            return "failed", f"its result was lost ({type(error).__name__})"
    if future.status == "cancelled":
        return "stopped", ""
    why = future.exception(timeout=PATIENCE)
    if type(why).__name__ == "KilledWorker":
        return "failed", "its worker died again and again, for instance of too little memory"
    return "failed", f"{type(why).__name__}: {' '.join(str(why).split())}"


def _record(directory: SweepDirectory, run: Run, status: str, error: str) -> None:
    try:
        directory.record(run, status, error)
    except RunError as damaged:
        folder = directory.folder(run)
        if status != "done" or folder.exists():
            raise
        directory.record(
            run,
            "failed",
            f"{damaged} Its worker said that it is done: {directory.path} must be "
            "on a disk that client and workers share.",
        )


def _drop_idle(client: Any, pending: dict[str, Any]) -> None:
    """Cancel runs that no worker has begun; those that have begun stop by themselves."""
    begun = {key for keys in client.processing().values() for key in keys}
    for key in [key for key in pending if key not in begun]:
        _, future = pending.pop(key)
        future.cancel()


def _gone(directory: SweepDirectory) -> RunError:
    return RunError(
        f"The scheduler went away. What is finished is in {directory.path / RESULTS}; start the "
        "sweep again to resume it."
    )


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Yield a client of an existing scheduler."""
    distributed, dask = library("distributed", "sweep"), library("dask", "sweep")
    with _quietly(), dask.config.set(_CONFIG):
        try:
            client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise RunError(
                f"No Dask scheduler answers at {address!r} ({' '.join(str(error).split())}); start "
                "one with 'dask scheduler', or leave out --scheduler."
            ) from None
        try:
            threads = set(client.nthreads().values())
            if threads - {1}:
                raise RunError(
                    f"Workers of {address} have {max(threads)} threads, and a sweep needs one "
                    "each: start them with 'dask worker --nthreads 1'."
                )
            yield client
        finally:
            client.close(timeout=PATIENCE)


@contextmanager
def _local(n: int) -> Iterator[Any]:
    """Yield a client of a local cluster of `n` processes."""
    distributed = library("distributed", "sweep")
    with _quietly():
        try:
            cluster = distributed.LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                preload=["apical.sweeps.working"],
            )
        except (OSError, RuntimeError) as error:
            raise RunError(f"No workers could be started on this machine: {error}.") from None
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            yield client


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence log messages of Dask that are reported here in one line, or are harmless."""
    names = [
        name
        for name in logging.root.manager.loggerDict
        if name.partition(".")[0] in ("distributed", "tornado")
    ]
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
