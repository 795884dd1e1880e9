"""Workers of an existing Dask scheduler (``--scheduler``); the only import of Dask.

Whoever reaches a scheduler at a ``tcp://`` address can run code as its owner: `apical.sweeps` says
what to do about it.
"""

import logging
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from apical._base.checking import shown
from apical._base.extras import library
from apical.errors import RunError
from apical.sweeps.workers import DIED, Ended
from apical.sweeps.working import work

PATIENCE = 10.0
"""Timeout of the connection to a scheduler [s]."""
_CONFIG = {"distributed.comm.timeouts.connect": PATIENCE}


class OfScheduler:
    """Workers of a Dask scheduler (`apical.sweeps.workers.Workers`).

    Parameters
    ----------
    client
        A client of it.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pending: dict[str, Any] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit(self, key: str, arguments: Sequence[Any]) -> None:
        """Queue a task."""
        future = self._client.submit(work, *arguments, key=key, pure=False)
        future.add_done_callback(self._ended.put)
        self._pending[key] = future

    def next(self, timeout: float) -> Ended | None:
        """Return a task that ended, or None after some time [s]."""
        with suppress(queue.Empty):
            future = self._ended.get(timeout=timeout)
            if self._pending.pop(future.key, None) is not None:
                return _outcome(future)
        return None

    def drop_idle(self) -> Sequence[str]:
        """Take back every task that no worker has begun, and return their names."""
        begun = {key for keys in self._client.processing().values() for key in keys}
        dropped = [key for key in self._pending if key not in begun]
        for key in dropped:
            self._pending.pop(key).cancel()
        return dropped

    def are_ready(self) -> bool:
        """Say whether there is a worker yet."""
        return bool(self._client.nthreads())

    def are_gone(self) -> bool:
        """Say whether the scheduler went away."""
        return self._client.status not in ("running", "connecting")


def _outcome(future: Any) -> Ended:
    """Return status and error of a run that ended in any way."""
    if future.status == "finished":
        try:
            return Ended(future.key, **future.result(timeout=PATIENCE))
        except Exception as error:  # its worker died with the result
            return Ended(future.key, "failed", f"its result was lost ({type(error).__name__})")
    if future.status == "cancelled":
        return Ended(future.key, "lost")
    why = future.exception(timeout=PATIENCE)
    if type(why).__name__ == "KilledWorker":
        return Ended(future.key, "failed", DIED)
    return Ended(future.key, "failed", f"{type(why).__name__}: {' '.join(str(why).split())}")


@contextmanager
def connected(address: str, security: Any = None) -> Iterator[OfScheduler]:
    """Yield the workers of an existing scheduler.

    Parameters
    ----------
    address, security
        As in `apical.sweeps.sweep`.

    Raises
    ------
    RunError
        If none answers, or its workers have several threads.
    """
    distributed, dask = library("distributed", "sweep"), library("dask", "sweep")
    with _quietly(), dask.config.set(_CONFIG):
        try:
            client = distributed.Client(
                address, timeout=PATIENCE, set_as_default=False, security=security
            )
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise RunError(
                f"No Dask scheduler answers at {shown(address)} "
                f"({' '.join(str(error).split())}); start one with 'dask scheduler', or leave out "
                "--scheduler."
            ) from None
        try:
            threads = set(client.nthreads().values())
            if threads - {1}:
                raise RunError(
                    f"Workers of {address} have {max(threads)} threads, and a sweep needs one "
                    "each: start them with 'dask worker --nthreads 1'."
                )
            yield OfScheduler(client)
        finally:
            client.close(timeout=PATIENCE)


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
