"""Runs of several seeds, or checks of several scripts, at the same time: one process for each.

Runs are those of ``apical run``, in workers with one thread of BLAS each, so that results have the
bits of one run after the other with ``OPENBLAS_NUM_THREADS=1``.
"""

import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from apical._base.checking import checked
from apical._base.parameters import Count
from apical._base.progress import SweepProgress
from apical.errors import RunError
from apical.runs.directory import SUMMARY, read_json
from apical.runs.experiment import Experiment
from apical.runs.manifest import CONFIG
from apical.runs.run import Stopped
from apical.scripts import gallery
from apical.sweeps.processes import Processes
from apical.sweeps.room import that_fit
from apical.sweeps.workers import Ended, ends
from apical.sweeps.working import failed


@checked()
def in_parallel(
    plans: Sequence[tuple[Experiment, Path]],
    jobs: Count,
    *,
    progress: bool = True,
    stop: Callable[[], bool] = lambda: False,
    draw: bool = True,
    building: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Run experiments in processes of this machine, and return their summaries in the same order.

    A run that is in its folder already is resumed, or used as it is if it is finished. Scripts that
    call this need ``if __name__ == "__main__":``, since workers import them.

    Parameters
    ----------
    plans
        Experiments, and the directory of each run.
    jobs
        Number of processes at most; fewer are used, with a warning, where memory is short.
    progress
        Whether to show a progress bar.
    stop
        Polled all the time; True stops every run after its next checkpoint.
    draw, building
        As in `apical.runs.run.run`.

    Raises
    ------
    RunError
        If runs fail; the others are finished first, and the message says how those go on.
    Stopped
        If `stop` asked for it.

    See Also
    --------
    apical.sweeps.sweep : Factors times seeds, with statistics; also on several machines.

    Examples
    --------
    Three seeds of a model, on two processors::

        from pathlib import Path

        from apical.runs.experiment import Experiment
        from apical.sweeps import in_parallel

        if __name__ == "__main__":
            plans = [
                (Experiment("rate_dfa", seed=seed), Path(f"runs/seeds/seed{seed}"))
                for seed in range(3)
            ]
            summaries = in_parallel(plans, jobs=2)

    >>> from apical.sweeps import in_parallel
    >>> in_parallel([], jobs=2, progress=False)
    []
    """
    token, how = uuid.uuid4().hex, {"draw": draw, "building": building}
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        session = Path(folder) / "session"
        session.write_text(token)
        tasks = [(e, str(out.resolve()), str(session), token, how) for e, out in plans]
        with (
            SweepProgress(len(plans), shown=progress) as bar,
            Processes(that_fit(jobs, [e for e, _ in plans])) as workers,
        ):
            found = _ended(workers, tasks, session, bar, stop)
    _check_ended([out for _, out in plans], found)
    if len(found) < len(plans) or any(end.status != "done" for end in found):
        raise Stopped
    return [read_json(out / SUMMARY) for _, out in plans]


def _check_ended(folders: Sequence[Path], found: Sequence[Ended]) -> None:
    """Raise if runs failed, of which the first says why, and say how they go on."""
    ended = [*zip(folders, found, strict=False)]
    failed = [(out, end.error.rstrip(".")) for out, end in ended if end.status == "failed"]
    if not failed:
        return
    (out, why), *more = failed
    also = "".join(f", and so did {other} ({its})" for other, its in more)
    begun = " and ".join(f"apical run --resume {o}" for o, _ in failed if (o / CONFIG).exists())
    resumed = f" What is mended goes on by: {begun}." if begun else ""
    n = sum(end.status == "done" for _, end in ended)
    raise RunError(
        f"Run {out} failed: {why}{also}. Runs that are finished: {n} of {len(folders)}.{resumed}",
        object=f"Run {out}",
    )


def checks_in_parallel(
    names: Sequence[str], folder: Path, jobs: int, *, progress: bool = True
) -> list[gallery.Entry]:
    """Check the claims of several scripts of the gallery at the same time, in the same order.

    Parameters
    ----------
    names
        Scripts, as `apical.scripts.gallery.scripts` lists them.
    folder
        Folder of the figures of the checks.
    jobs
        Number of processes.
    progress
        Whether to show a progress bar.

    Raises
    ------
    RunError
        If a check ends with an error.
    """
    listed = [gallery.entry(name) for name in names]
    with (
        SweepProgress(len(names), shown=progress) as bar,
        Processes(min(jobs, len(names)), check_claim) as workers,
    ):
        tasks = [(name, str(folder.resolve())) for name in names]
        found = _ended(workers, tasks, folder / "no session", bar, lambda: False)
    for name, end in zip(names, found, strict=True):
        if end.status == "failed":
            raise RunError(f"The quick check of {name} failed: {end.error}", object=name)
    return [gallery.judged(line, *end.result) for line, end in zip(listed, found, strict=True)]


def check_claim(name: str, folder: str) -> dict[str, Any]:
    """Check the claim of a script; the task of a worker.

    Parameters
    ----------
    name
        The script.
    folder
        Folder of the figures of its check.
    """
    try:
        line = gallery.entry(name, Path(folder))
    except Exception as error:  # any failure is the result of this check
        return failed(error)
    return {"status": "done", "result": (line.finding, line.seconds)}


def _ended(
    workers: Processes,
    tasks: Sequence[Sequence[Any]],
    session: Path,
    bar: SweepProgress,
    stop: Callable[[], bool],
) -> list[Ended]:
    """Let workers do tasks, and return how those that were begun ended, in the order of tasks."""
    keys = [str(number) for number in range(len(tasks))]
    for key, task in zip(keys, tasks, strict=True):
        workers.submit(key, task)
    found: dict[str, Ended] = {}
    for end in ends(workers, {*keys}, session, bar, stop, _gone):
        found[end.key] = end
        states = [one.status for one in found.values()]
        bar.update(states.count("done"), states.count("failed"))
    return [found[key] for key in keys if key in found]


def _gone() -> RunError:
    return RunError("The workers are gone; run the same command again.")
