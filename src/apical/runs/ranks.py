"""Ranks of a run: their times and traffic, a trace for Chrome or Perfetto, and a figure of it."""

from collections.abc import Sequence

from apical.devices import Simulator
from apical.devices.mpi.tracing import RankTrace, chrome_trace
from apical.runs.directory import FIGURES, RunDirectory

RANKS, TRACE, TIMELINE = "ranks.json", "trace.json", "timeline"


def traced(simulator: Simulator) -> Sequence[RankTrace]:
    """Return what each rank did, of a simulator that has several; nothing for any other.

    Parameters
    ----------
    simulator
        A network on a device.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.runs.ranks import traced
    >>> from apical.testing.references import rates
    >>> with ap.simulate(rates(), "array") as simulator:
    ...     traced(simulator)
    ()
    """
    read = getattr(simulator, "traced", None)
    return () if read is None else read()


def write(directory: RunDirectory, simulator: Simulator, *, draw: bool) -> None:
    """Write ``ranks.json``, ``trace.json``, and a timeline among the figures, if there are ranks.

    Parameters
    ----------
    directory
        Directory of the run.
    simulator
        The simulator, after its training.
    draw
        Whether to draw the figure.
    """
    traces = traced(simulator)
    if not traces:
        return
    for name, content in {
        RANKS: [trace.as_dict() for trace in traces],
        TRACE: chrome_trace(traces),
    }.items():
        directory.write_json(name, content, indent=2 if name == RANKS else None)
    if draw and all(trace.spans for trace in traces):
        from apical import plotting  # matplotlib, which nothing else here needs

        with directory.writing(FIGURES) as folder:
            plotting.save(plotting.timeline(traces), folder / f"{TIMELINE}.png")
