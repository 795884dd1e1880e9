"""Timelines: what each rank of a parallel simulation did, and when."""

from collections.abc import Sequence
from typing import Annotated

from matplotlib.axes import Axes

from apical._base.checking import shown
from apical._base.parameters import Count, Kind
from apical.devices.mpi.tracing import RankTrace
from apical.plotting.checks import refuse
from apical.plotting.style import color, new_axes, styled

_COLORS = {"forward": color(0), "learn": color(1), "wait": "#E0E0E0", "send": "#333333"}
_LABELS = {"forward": "activity", "learn": "learning", "wait": "waiting", "send": "communicating"}
_SHOWN_AS = {"receive": "send"}

Traces = Annotated[Sequence[RankTrace], Kind(Sequence, "simulator.traced()")]


@styled
def timeline(traces: Traces, *, batches: Count = 6, ax: Axes | None = None) -> Axes:
    """Draw what ranks did in some batches amid training, a row for each rank.

    Waiting and communicating lie over the computation in whose course they came.

    Parameters
    ----------
    traces
        What each rank did, as ``traced`` of a simulator on device ``mpi`` returns it.
    batches
        Number of batches of rank 0 to show, from the middle of those that it kept.

    Examples
    --------
    >>> from apical import plotting
    >>> from apical.devices.mpi.tracing import RankTrace, Span
    >>> spans = (Span("forward", "batch 0", 0.0, 2e-3), Span("learn", "batch 0", 2e-3, 6e-3))
    >>> one = RankTrace(0, ("hidden",), 6e-3, 0.0, 0.0, 64, {"forward": 0}, {0: 1}, spans)
    >>> ax = plotting.timeline([one])
    >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
    ('time [ms]', ['rank 0\\nhidden'])
    """
    if not traces or not all(isinstance(t, RankTrace) and t.spans for t in traces):
        refuse("traces", "traces of ranks that have learned", shown(traces), "train before")
    ax = new_axes(ax, (7.0, 0.9 + 0.6 * len(traces)))
    start, end = _window(traces[0], batches)
    drawn: set[str] = set()
    for row, trace in enumerate(traces):
        for kind in ("forward", "learn", "wait", "send", "receive"):
            spans = [s for s in trace.spans if s.kind == kind and s.end > start]
            spans = [s for s in spans if s.start < end]
            bars = [(1e3 * (s.start - start), 1e3 * (s.end - s.start)) for s in spans]
            look = _SHOWN_AS.get(kind, kind)
            label = "" if look in drawn or not bars else _LABELS[look]
            drawn |= {look} if bars else set()
            ax.broken_barh(bars, (row - 0.38, 0.76), color=_COLORS[look], lw=0, label=label)
    names = [f"rank {t.rank}\n{', '.join(_neurons(t.populations))}" for t in traces]
    ax.set_yticks(range(len(traces)), names)
    ax.set(xlabel="time [ms]", ylim=(len(traces) - 0.5, -0.5))
    ax.set_xlim(0, 1e3 * (end - start))
    ax.tick_params(axis="y", length=0)
    ax.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return ax


def _window(trace: RankTrace, batches: int) -> tuple[float, float]:
    """Return when the middle batches of a rank begin and end."""
    forward = [s for s in trace.spans if s.kind == "forward"] or list(trace.spans)
    first = max((len(forward) - batches) // 2, 0)
    later = forward[first + batches :]
    return forward[first].start, later[0].start if later else trace.spans[-1].end


def _neurons(populations: Sequence[str]) -> list[str]:
    """Return names to show: the first few."""
    return [*populations[:2], *(["..."] if len(populations) > 2 else [])]
