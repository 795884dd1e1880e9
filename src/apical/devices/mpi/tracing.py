"""Traces of ranks: when each of them computes, waits and communicates, and bytes on the wire."""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

KEPT = 20_000
"""Number of spans that a rank keeps, the latest ones."""


@dataclass(frozen=True)
class Span:
    """Something that a rank did.

    Parameters
    ----------
    kind
        ``"forward"``, ``"learn"``, ``"wait"``, ``"send"`` or ``"receive"``; the last three are
        within one of the first two.
    what
        What of: a batch, or a signal.
    start, end
        When, on the clock of rank 0 [s].
    """

    kind: str
    what: str
    start: float
    end: float


@dataclass(frozen=True)
class RankTrace:
    """Times and traffic of one rank.

    Parameters
    ----------
    rank
        The rank.
    populations
        Names of its populations.
    seconds
        Time that blocks with learning took [s].
    waiting, communicating
        Time spent waiting for messages, and copying and handing over messages [s].
    samples
        Training samples.
    sent
        Bytes sent, ``"forward"`` and ``"backward"``.
    staleness
        Number of updates -> by how many batches the error was late: lateness -> updates.
    spans
        The latest spans.
    """

    rank: int
    populations: tuple[str, ...]
    seconds: float
    waiting: float
    communicating: float
    samples: int
    sent: Mapping[str, int]
    staleness: Mapping[int, int]
    spans: tuple[Span, ...] = field(repr=False, default=())

    @property
    def busy(self) -> float:
        """Time spent computing [s]."""
        return max(self.seconds - self.waiting - self.communicating, 0.0)

    @property
    def mean_staleness(self) -> float:
        """Mean number of batches between the weights of an activity and its update."""
        n = sum(self.staleness.values())
        return sum(k * v for k, v in self.staleness.items()) / n if n else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return its numbers, for a file: times [s], bytes per sample, samples per second."""
        per_sample = {way: n / self.samples for way, n in self.sent.items()} if self.samples else {}
        return {
            "rank": self.rank,
            "populations": list(self.populations),
            "seconds": round(self.seconds, 6),
            "busy": round(self.busy, 6),
            "waiting": round(self.waiting, 6),
            "communicating": round(self.communicating, 6),
            "samples": self.samples,
            "samples_per_second": round(self.samples / self.seconds, 3) if self.seconds else None,
            "bytes_sent_per_sample": per_sample,
            "mean_staleness": round(self.mean_staleness, 4),
            "staleness": {str(k): v for k, v in sorted(self.staleness.items())},
        }


class Tracer:
    """Records what this rank does in blocks in which it learns.

    Parameters
    ----------
    offset
        What to add to the clock of this rank for that of rank 0 [s].
    """

    def __init__(self, offset: float) -> None:
        self._offset, self._on = offset, False
        self._spans: deque[Span] = deque(maxlen=KEPT)
        self._seconds, self._samples = defaultdict[str, float](float), 0
        self._sent, self._staleness = Counter[str](), Counter[int]()

    @contextmanager
    def block(self, samples: int, *, learns: bool) -> Iterator[None]:
        """Record a block, if anything learns in it."""
        self._on, start = learns, time.perf_counter()
        try:
            yield
        finally:
            if learns:
                self._seconds["block"] += time.perf_counter() - start
                self._samples += samples
            self._on = False

    @contextmanager
    def span(self, kind: str, what: str) -> Iterator[None]:
        """Record what is done within."""
        if not self._on:
            yield
            return
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(kind, what, start)

    def add(self, kind: str, what: str, start: float) -> None:
        """Record something that ends now."""
        if self._on:
            end = time.perf_counter()
            self._seconds[kind] += end - start
            self._spans.append(Span(kind, what, start + self._offset, end + self._offset))

    def sent(self, way: str, n_bytes: int) -> None:
        """Count bytes that were sent."""
        if self._on:
            self._sent[way] += n_bytes

    def learned(self, late: int) -> None:
        """Count an update whose error was a number of batches late."""
        if self._on:
            self._staleness[late] += 1

    def read(self, rank: int, populations: Iterable[str]) -> RankTrace:
        """Return all of it."""
        seconds = self._seconds
        sent = {way: self._sent[way] for way in ("forward", "backward")}
        return RankTrace(
            *(rank, tuple(populations), seconds["block"], seconds["wait"]),
            *(seconds["send"] + seconds["receive"], self._samples, sent),
            *(dict(self._staleness), tuple(self._spans)),
        )


def chrome_trace(traces: Iterable[RankTrace]) -> dict[str, Any]:
    """Return traces in the format of Chrome's and Perfetto's viewers (about:tracing).

    Parameters
    ----------
    traces
        Those of all ranks.

    References
    ----------
    Trace Event Format, "complete" events; times in microseconds.
    """
    traces = list(traces)
    begin = min((s.start for trace in traces for s in trace.spans), default=0.0)
    events: list[dict[str, Any]] = []
    for trace in traces:
        name = f"rank {trace.rank}: {', '.join(trace.populations)}"
        about = {"name": "process_name", "ph": "M", "pid": trace.rank}
        events.append({**about, "args": {"name": name}})
        events += [
            {
                "name": f"{span.kind} {span.what}",
                "cat": span.kind,
                "ph": "X",
                "pid": trace.rank,
                "tid": 0,
                "ts": round(1e6 * (span.start - begin), 3),
                "dur": round(1e6 * (span.end - span.start), 3),
            }
            for span in trace.spans
        ]
    return {"traceEvents": events, "displayTimeUnit": "ms"}
