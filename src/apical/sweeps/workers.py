"""Workers of a sweep: what it asks of processes of this machine, and of a Dask scheduler."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


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
    """

    key: str
    status: str
    error: str = ""


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
