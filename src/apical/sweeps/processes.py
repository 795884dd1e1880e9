"""Local workers: processes that are reached through pipes.

Nothing listens on a port, so that no other user of the machine can reach them. Each worker has a
pipe of its own: when it dies, it is known at once what it was doing, and another one resumes that.
"""

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from apical.errors import RunError
from apical.sweeps.workers import DEATHS, DIED, Ended
from apical.sweeps.working import LEFT_TO_THE_CLIENT, READY, Task, serve, work

_PATIENCE = 10.0
"""Time that a worker has to end [s]."""
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that are 1 for workers, where they are not set."""
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(eq=False)
class _Worker:
    """A worker process: the pipe to it, whether it is ready, and its task, if it has one."""

    process: SpawnProcess
    pipe: Connection
    is_ready: bool = False
    key: str | None = None


class Processes:
    """Worker processes of this machine (`apical.sweeps.workers.Workers`); a context manager.

    Parameters
    ----------
    n
        How many there are at most.
    task
        What they do with the arguments that are submitted.
    """

    def __init__(self, n: int, task: Task = work) -> None:
        self._n, self._task = n, task
        self._workers: list[_Worker] = []
        self._arguments: dict[str, Sequence[Any]] = {}
        self._waiting: deque[str] = deque()
        self._deaths: Counter[str] = Counter()
        self._stillborn = 0

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            if worker.key is not None or not worker.is_ready:
                worker.process.kill()  # it ignores other signals
            worker.pipe.close()  # which ends what is idle
        for worker in self._workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def submit(self, key: str, arguments: Sequence[Any]) -> None:
        """Queue a task."""
        self._arguments[key] = arguments
        self._waiting.append(key)
        if len(self._workers) < self._n:
            self._start()

    def next(self, timeout: float) -> Ended | None:
        """Return a task that ended, or None after some time [s].

        Raises
        ------
        RunError
            If workers die before they are ready.
        """
        said = wait([worker.pipe for worker in self._workers], timeout)
        for worker in [worker for worker in self._workers if worker.pipe in said]:
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                ended = self._buried(worker)
            else:
                ended = self._heard(worker, message)
            if ended is not None:
                return ended
        return None

    def drop_idle(self) -> Sequence[str]:
        """Take back every task that no worker has begun, and return their names."""
        dropped = list(self._waiting)
        self._waiting.clear()
        return dropped

    def are_ready(self) -> bool:
        """Say whether there is a worker yet."""
        return bool(self._workers)

    def are_gone(self) -> bool:
        """Say whether no worker will ever answer again; those that die are replaced."""
        return False

    def _start(self) -> None:
        """Start a worker."""
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=serve, args=(theirs, self._task), daemon=True)
        try:
            with _spawning():
                process.start()
        except OSError as error:
            ours.close()
            raise RunError(f"No workers could be started on this machine: {error}.") from None
        finally:
            theirs.close()  # so that the pipe ends when the worker does
        self._workers.append(_Worker(process, ours))

    def _heard(self, worker: _Worker, message: Any) -> Ended | None:
        """Give a worker its next task, and return how its last one ended, if it had one."""
        worker.is_ready, key, worker.key = True, worker.key, None
        self._stillborn = 0
        self._occupy(worker)
        return None if message == READY or key is None else Ended(key, **message)

    def _occupy(self, worker: _Worker) -> None:
        if self._waiting:
            worker.key = self._waiting.popleft()
            with suppress(OSError):  # it has just died, which `next` finds out
                worker.pipe.send(self._arguments[worker.key])

    def _buried(self, worker: _Worker) -> Ended | None:
        """Replace a worker that died, and return the end of its task, if that has killed enough."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join()
        ended = None
        if not worker.is_ready:
            self._stillborn += 1
        elif worker.key is not None:
            self._deaths[worker.key] += 1
            if self._deaths[worker.key] < DEATHS:
                self._waiting.appendleft(worker.key)
            else:
                ended = Ended(worker.key, "failed", DIED)
        if self._stillborn >= DEATHS:
            raise RunError(
                "Workers end before they begin, the last with exit code "
                f"{worker.process.exitcode}; a script that sweeps needs "
                "'if __name__ == \"__main__\":', since workers import it."
            )
        if self._waiting:
            self._start()
        return ended


@contextmanager
def _spawning() -> Iterator[None]:
    """Start processes that have one thread for each library, and that no signal stops.

    They begin with signals blocked, and then ignore them (`serve`); here they come later.
    """
    blocks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, LEFT_TO_THE_CLIENT) if blocks else set()
    added = [name for name in _ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
