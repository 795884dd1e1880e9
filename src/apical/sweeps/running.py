"""Run a sweep: on processes of this machine, or on the workers of a Dask scheduler."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from apical._base.extras import library
from apical._base.progress import SweepProgress
from apical.errors import ParameterError, RunError
from apical.runs.run import Stopped
from apical.sweeps.design import Design, Run, check
from apical.sweeps.processes import Processes
from apical.sweeps.results import RESULTS, SweepDirectory
from apical.sweeps.room import that_fit
from apical.sweeps.scheduler import connected
from apical.sweeps.workers import Workers, ends


def sweep(
    design: Design,
    out: Path | str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    security: Any = None,
    progress: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    """Run every condition of a design with every seed, and return a row for each run.

    Runs that are finished in `out` are not repeated, interrupted ones are resumed from their
    checkpoints, failed ones are tried again; so the same call resumes a sweep that was stopped or
    killed. Results have the same bits as ``apical run`` with one BLAS thread
    (``OPENBLAS_NUM_THREADS=1``; more threads sum in another order). A run whose worker dies is
    resumed by another worker; after four of them it has failed.

    Scripts that call this need ``if __name__ == "__main__":``, since workers import them. Workers
    of this machine are reached through pipes: no port is open.

    Parameters
    ----------
    design
        The factorial design.
    out
        Directory of the sweep: new, empty, or of this same sweep.
    workers
        Worker processes on this machine; one for each processor by default, and fewer, with a
        warning, where memory is short.
    scheduler
        Address of a Dask scheduler instead, such as ``"tls://host:8786"``. Its workers need one
        thread each, the same software, and `out`, models and data under the same paths. At an
        address ``tcp://`` whoever reaches it can run code as you: see `apical.sweeps`.
    security
        Certificates for a scheduler at an address ``tls://``, a `distributed.Security`; by default
        those of Dask's configuration (``distributed.comm.tls``).
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

    See Also
    --------
    repeated : For runs of seconds, in this process.
    report : Statistics, table and figure of the results.

    Examples
    --------
    A sweep starts worker processes, which import the script that calls it::

        from pathlib import Path

        from apical.runs.experiment import Experiment
        from apical.sweeps import Design, report, sweep

        if __name__ == "__main__":
            factors = {"wiring": ["bp", "dfa"]}
            design = Design(Experiment("rate_dfa", epochs=5), factors, 5, {"wiring": "bp"})
            results = sweep(design, "runs/wirings", workers=2)
            report(results, list(design.factors), design.baseline).write(Path("runs/wirings"))

    Nothing is started in a folder that holds something else:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps import Design, sweep
    >>> design = Design(Experiment("rate_dfa"), {"wiring": ["bp", "dfa"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     size = (Path(folder) / "thesis.tex").write_text("Chapter 1")
    ...     sweep(design, folder, progress=False)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: Sweep directory ... is not empty (it has 'thesis.tex') ...
    """
    library("pyarrow.parquet", "sweep")
    out, sums = Path(out).resolve(), check(design)
    if scheduler is None and workers is not None and workers < 1:
        raise ParameterError(
            f"A sweep needs 1 worker or more, got {workers}.", object="sweep", parameter="workers"
        )
    with ExitStack() as stack:
        known = stack.enter_context(connected(scheduler, security)) if scheduler else None
        directory = stack.enter_context(SweepDirectory.open(out, design, sums))
        waiting = directory.waiting
        if waiting:
            done = len(design) - len(waiting)
            bar = stack.enter_context(SweepProgress(len(design), shown=progress, done=done))
            chosen = known or stack.enter_context(Processes(_room(workers, waiting)))
            _run_all(directory, waiting, chosen, bar, stop)
        return directory.frame


def _room(workers: int | None, waiting: Sequence[Run]) -> int:
    """Return the number of processes: as many as were asked for, or processors, if they fit."""
    return that_fit(workers or os.cpu_count() or 1, [run.experiment for run in waiting])


def _run_all(
    directory: SweepDirectory,
    waiting: list[Run],
    workers: Workers,
    bar: SweepProgress,
    stop: Callable[[], bool],
) -> None:
    """Run all waiting runs, and record their outcomes."""
    finished, failed = len(directory.design) - len(waiting), 0
    with directory.session() as (session, token):
        runs = {f"{run.id}-{token}": run for run in waiting}
        for key, run in runs.items():
            workers.submit(key, (run.experiment, str(directory.folder(run)), str(session), token))
        for ended in ends(workers, {*runs}, session, bar, stop, lambda: _gone(directory)):
            finished += ended.status == "done"
            failed += ended.status == "failed"
            if ended.status in ("done", "failed"):
                _record(directory, runs[ended.key], ended.status, ended.error)
            bar.update(finished, failed)
    if finished + failed < len(directory.design):
        raise Stopped


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


def _gone(directory: SweepDirectory) -> RunError:
    return RunError(
        f"The scheduler went away. What is finished is in {directory.path / RESULTS}; start the "
        "sweep again to resume it."
    )
