"""Messages between ranks: nonblocking, numbered, and never waited for without end."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from apical.devices.arrays.library import Array, Call, Library
from apical.devices.mpi.routes import Route
from apical.devices.mpi.tracing import Tracer
from apical.errors import RunError

HEAD = 16
"""Bytes before the numbers of a message: which message of its route it is, and its rows."""
ROWS = 250
"""Rows of the largest message, unless a batch has more."""
BRIEFLY, REST = 1e-4, 2e-5
"""How long a rank that waits keeps the processor, and how long it then sleeps at a time [s]."""


class TimedOut(Exception):
    """No message came for too long."""


class FailedElsewhere(Exception):
    """Another rank failed, so that there is nothing to wait for."""


class Wires:
    """The messages of one simulator that this rank sends and receives.

    Every route has its own numbers on both sides. Receives are posted ahead, as many as there may
    be batches in flight, so that messages come in while a rank computes.

    Parameters
    ----------
    comm
        Communicator of this simulator alone.
    routes
        All routes, in the order of their tags.
    library, dtype
        Array library, and the type of its numbers.
    depth
        Number of batches in flight.
    rows
        Rows of the largest message.
    patience
        How long to wait for a message [s].
    attend
        Called while waiting: raises if the run has ended elsewhere.
    tracer
        Records times and bytes.
    """

    def __init__(
        self,
        comm: Any,
        routes: Sequence[Route],
        library: Library,
        dtype: str,
        *,
        depth: int,
        rows: int,
        patience: float,
        attend: Callable[[], None],
        tracer: Tracer,
    ) -> None:
        self._comm, self._library, self._tracer = comm, library, tracer
        self._patience, self._attend, self._rows = patience, attend, max(rows, ROWS)
        here, made = comm.rank, (np.dtype(dtype), depth + 1)
        self._out = {
            (r.what, r.target): _Ring(r, tag, self._rows, *made)
            for tag, r in enumerate(routes)
            if r.source == here
        }
        self._in = {
            r.what: _Ring(r, tag, self._rows, *made)
            for tag, r in enumerate(routes)
            if r.target == here
        }
        for ring in self._in.values():
            for place in range(len(ring.buffers)):
                self._post(ring, place)

    def _post(self, ring: "_Ring", place: int) -> None:
        buffer, route = ring.buffers[place], ring.route
        ring.requests[place] = self._comm.Irecv(buffer, source=route.source, tag=ring.tag)

    def send(self, what: str, target: int, array: Array) -> Call:
        """Return the call that sends an array, shape (n_trials, size) or one that broadcasts."""
        ring = self._out[what, target]
        way = "forward" if ring.route.forward else "backward"

        def call() -> None:
            start, values = time.perf_counter(), self._library.back(array)
            for rows in _parts(len(values), self._rows):
                place = ring.count % len(ring.buffers)
                if ring.requests[place] is not None:
                    self._wait(ring.requests[place], f"room for {what!r}", target)
                buffer = ring.filled(place, values[rows])
                ring.requests[place] = self._comm.Isend(buffer, dest=target, tag=ring.tag)
                ring.count += 1
                self._tracer.sent(way, buffer.nbytes)
            self._tracer.add("send", what, start)

        return call

    def receive(self, what: str, array: Array) -> Call:
        """Return the call that waits for an array of shape (n_trials, size), and fills it in."""
        ring = self._in[what]

        def call() -> None:
            for rows in _parts(len(array), self._rows):
                place = ring.count % len(ring.buffers)
                self._wait(ring.requests[place], repr(what), ring.route.source)
                start = time.perf_counter()
                self._library.put(ring.read(place, rows.stop - rows.start), array[rows])
                self._post(ring, place)
                ring.count += 1
                self._tracer.add("receive", what, start)

        return call

    def _wait(self, request: Any, what: str, other: int) -> None:
        """Wait until a message has come, or left; let others have the processor meanwhile."""
        if request.Test():
            return
        start = time.perf_counter()
        while not request.Test():
            waited = time.perf_counter() - start
            if waited < BRIEFLY:
                os.sched_yield()
                continue
            time.sleep(REST)
            said = f"rank {self._comm.rank} waits for {what} of rank {other}"
            try:
                self._attend()
            except FailedElsewhere:
                raise TimedOut(said) from None
            if waited > self._patience:
                raise TimedOut(said)
        self._tracer.add("wait", what, start)

    def close(self) -> None:
        """Take back what was posted."""
        for ring in self._in.values():
            for request in ring.requests:
                request.Cancel()
                request.Wait()
        for ring in self._out.values():
            for request in ring.requests:
                if request is not None:
                    self._wait(request, "the last messages", ring.route.target)
        self._comm.Free()


class _Ring:
    """Buffers of a route, used in turn."""

    def __init__(self, route: Route, tag: int, rows: int, dtype: np.dtype, n: int) -> None:
        self.route, self.tag, self.count, self._dtype = route, tag, 0, dtype
        shape = HEAD + rows * route.size * dtype.itemsize
        self.buffers = [np.empty(shape, np.uint8) for _ in range(n)]
        self.requests: list[Any] = [None] * n

    def _views(self, place: int, n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        size = HEAD + n_rows * self.route.size * self._dtype.itemsize
        whole = self.buffers[place][:size]
        values = whole[HEAD:].view(self._dtype).reshape(n_rows, self.route.size)
        return whole, whole[:HEAD].view(np.int64), values

    def filled(self, place: int, values: np.ndarray) -> np.ndarray:
        """Return the message with these values."""
        whole, head, room = self._views(place, len(values))
        head[:] = self.count, len(values)
        np.copyto(room, values)
        return whole

    def read(self, place: int, n_rows: int) -> np.ndarray:
        """Return the values of a message, if it is the one that is due."""
        _, head, values = self._views(place, n_rows)
        if tuple(head) != (self.count, n_rows):
            raise RunError(
                f"Message {self.count} of {self.route.what!r} from rank {self.route.source}, of "
                f"{n_rows} trials, did not come: message {head[0]}, of {head[1]} trials, came "
                "instead. The last checkpoint is good."
            )
        return values


def _parts(n: int, size: int) -> list[slice]:
    return [slice(k, min(k + size, n)) for k in range(0, n, size)]
