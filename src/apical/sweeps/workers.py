"""Workers of a sweep: what it asks of processes of this machine, and of a Dask scheduler."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from apical._base.progress import SweepProgress
from apical.errors import RunError

_POLL = 0.2
"""Polling interval of the request to stop [s]."""


class Ended(NamedTuple):
    """The end of a task.

    Parameters
    ----------
    key
        Name of the task.
    status
        ``"done"``, ``"failed"``, ``"stopped"``, or ``"lost"`` if the scheduler dropped it.
    error
        Why it failed, in one line.
    result
        What it returned, where it is no run.
    """

    key: str
    status: str
    error: str = ""
    result: Any = None


class Workers(Protocol):
    """Workers that each do one task at a time, by `apical.sweeps.working.work`."""

    def submit(self, key: str, arguments: Sequence[Any]) -> None:
        """Queue a task: its name, and the arguments of `apical.sweeps.working.work`."""

    def next(self, timeout: float) -> Ended | None:
        """Return a task that ended, or None after some time [s]."""

    def drop_idle(self) -> Sequence[str]:
        """Take back every task that no worker has begun, and return their names."""

    def are_ready(self) -> bool:
        """Say whether there is a worker yet."""

    def are_gone(self) -> bool:
        """Say whether no worker will ever answer again."""


DEATHS = 4
"""Number of workers that may die of a task before it has failed."""

DIED = "its worker died again and again, for instance of too little memory"
"""Error of such a task."""


def ends(
    workers: Workers,
    pending: set[str],
    session: Path,
    bar: SweepProgress,
    stop: Callable[[], bool],
    gone: Callable[[], RunError],
) -> Iterator[Ended]:
    """Yield how tasks end, until all have, or those that had begun when a stop was asked for.

    Parameters
    ----------
    workers
        What works on them.
    pending
        Names of the tasks that were submitted; those that have ended are taken out.
    session
        The file whose end makes runs stop after their next checkpoints.
    bar
        Says what is going on.
    stop
        Polled all the time; True stops all of them.
    gone
        Returns what to raise if the workers are gone.
    """
    stopped = False
    bar.describe("running" if workers.are_ready() else "waiting for workers")
    while pending:
        if stop() and not stopped:
            stopped = True
            bar.describe("stopping")
            session.unlink(missing_ok=True)
            pending.difference_update(workers.drop_idle())
        ended = workers.next(_POLL)
        if ended is None and workers.are_gone():
            raise gone()
        if ended is None:
            continue
        pending.remove(ended.key)
        if ended.status == "lost" and not stopped:
            raise gone()
        yield ended
        bar.describe("stopping" if stopped else "running")
