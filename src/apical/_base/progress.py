"""Progress bars with the current test accuracy, for terminals and notebooks.

In a terminal the bar is that of rich, on stderr. In a notebook it is one output that is updated in
place, without widgets; once all is done it is a line of text without times, the same in every run,
so that a notebook is stored clean.
"""

import sys
from collections.abc import Mapping
from html import escape
from importlib import import_module
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self

from apical._base.extras import undisturbed

SELDOM = 0.2
"""Shortest time between two updates of a notebook's output [s]; each is a message."""


class _Painter(Protocol):
    """Shows the state of a bar: in a terminal, in a notebook, or nowhere."""

    def start(self) -> None: ...
    def show(self, text: str, done: int, note: str) -> None: ...
    def stop(self, *, failed: bool) -> None: ...


class _Bar:
    """Base of progress bars: fraction done, a description, and the time.

    Parameters
    ----------
    unit
        The unit that is counted.
    text
        Initial description.
    """

    def __init__(self, unit: str, text: str, total: int, shown: bool, done: int) -> None:
        self._text, self._done, self._note = text, done, ""
        self._painter: _Painter = _painter(shown)(unit, text, total, done)

    def describe(self, text: str) -> None:
        """Set the description of the current activity."""
        self._text = text
        self._show()

    def _show(self) -> None:
        self._painter.show(self._text, self._done, self._note)

    def __enter__(self) -> Self:
        self._painter.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._painter.stop(failed=kind is not None)


class TrainingProgress(_Bar):
    """Progress bar of training.

    Parameters
    ----------
    total
        Total number of training trials.
    shown
        Whether to show anything.
    done
        Trials completed before.
    """

    def __init__(self, total: int, *, shown: bool = True, done: int = 0) -> None:
        super().__init__("trials", "learning", total, shown, done)

    def update(self, trial: int, tested: str | None = None) -> None:
        """Show the number of training trials done, and the latest score to report."""
        if tested:
            self._note = tested
        self._done = trial
        self._show()


class SweepProgress(_Bar):
    """Progress bar of a sweep: number of finished runs.

    Parameters
    ----------
    total
        Total number of runs.
    shown
        Whether to show anything.
    done
        Runs finished before.
    """

    def __init__(self, total: int, *, shown: bool = True, done: int = 0) -> None:
        super().__init__("runs", "starting", total, shown, done)

    def update(self, done: int, failed: int) -> None:
        """Show how many runs are finished, and how many of the others failed."""
        self._done, self._note = done, f"{failed} failed" if failed else ""
        self._show()


class BenchProgress(_Bar):
    """Progress bar of a benchmark: number of finished measurements.

    Parameters
    ----------
    total
        Total number of measurements.
    shown
        Whether to show anything.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        super().__init__("measurements", "measuring", total, shown, 0)

    def update(self, done: int, now: str) -> None:
        """Show how many measurements are finished, and what is measured now."""
        self._done, self._note = done, now
        self._show()


class CatalogueProgress(_Bar):
    """Progress bar of the catalogue: number of scripts whose networks are judged.

    Parameters
    ----------
    total
        Total number of scripts.
    shown
        Whether to show anything.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        super().__init__("scripts", "judging", total, shown, 0)

    def update(self, done: int, now: str) -> None:
        """Show how many scripts are finished, and which is judged now."""
        self._done, self._note = done, now
        self._show()


class ComparisonProgress(_Bar):
    """Progress bar of a comparison with a recording: number of measures that are done.

    Parameters
    ----------
    total
        Total number of measures, of all pairs of a population and an area.
    shown
        Whether to show anything.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        super().__init__("measures", "comparing", total, shown, 0)

    def update(self, done: int, now: str) -> None:
        """Show how many measures are done, and of what the last is."""
        self._done, self._note = done, now
        self._show()


class MakingProgress(_Bar):
    """Progress bar of a data set that is made: number of samples that are done.

    Parameters
    ----------
    total
        Total number of samples.
    shown
        Whether to show anything.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        super().__init__("samples", "preparing", total, shown, 0)

    def update(self, done: int, now: str) -> None:
        """Show how many samples are done, and what happens now."""
        self._done, self._text = done, now
        self._show()


class _Nowhere:
    """Shows nothing."""

    def __init__(self, unit: str, text: str, total: int, done: int) -> None: ...

    def start(self) -> None:
        """Show nothing."""

    def show(self, text: str, done: int, note: str) -> None:
        """Show nothing."""

    def stop(self, *, failed: bool) -> None:
        """Show nothing."""


class _Terminal:
    """Shows a bar on stderr, by rich; where that is no terminal, its last state."""

    def __init__(self, unit: str, text: str, total: int, done: int) -> None:
        with undisturbed():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn(unit),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, force_jupyter=False),
        )
        self._task = self._bar.add_task(text, total=total, completed=done, note="")

    def start(self) -> None:
        """Show the bar."""
        self._bar.start()

    def show(self, text: str, done: int, note: str) -> None:
        """Show a state."""
        self._bar.update(self._task, description=text, completed=done, note=note)

    def stop(self, *, failed: bool) -> None:
        """Leave the bar as it is."""
        self._bar.stop()


class _Notebook:
    """Shows a bar as one output of a cell, updated in place; at the end a line of text."""

    def __init__(self, unit: str, text: str, total: int, done: int) -> None:
        self._unit, self._total, self._first = unit, total, done
        self._state = text, done, ""
        self._began = self._last = monotonic()
        self._handle: Any = None

    def start(self) -> None:
        """Show the bar."""
        self._began = self._last = monotonic()
        display = import_module("IPython.display").display
        self._handle = display(self._running(), raw=True, display_id=True)

    def show(self, text: str, done: int, note: str) -> None:
        """Show a state, unless another was shown a moment ago."""
        self._state = text, done, note
        now = monotonic()
        if self._handle is not None and now - self._last >= SELDOM:
            self._last = now
            self._handle.update(self._running(), raw=True)

    def stop(self, *, failed: bool) -> None:
        """Leave a line of text."""
        if self._handle is not None:
            line = f"{self._line()}{' (stopped)' if failed else ''}"
            html = f"<div>{escape(line)}</div>"
            self._handle.update({"text/plain": line, "text/html": html}, raw=True)

    def _line(self) -> str:
        _, done, note = self._state
        counted = f"{done:,} of {self._total:,} {self._unit}"
        return ", ".join(part for part in (counted, note) if part)

    def _running(self) -> Mapping[str, str]:
        text, done, _ = self._state
        elapsed = monotonic() - self._began
        left = elapsed * (self._total - done) / (done - self._first) if done > self._first else None
        times = f"{_clock(elapsed)} elapsed, {_clock(left)} left"
        line = f"{text}: {self._line()}"
        bar = f'<progress value="{done}" max="{max(self._total, 1)}"></progress>'
        html = f"<div>{bar} {escape(line)}, {times}</div>"
        return {"text/plain": f"{line}, {times}", "text/html": html}


def _clock(seconds: float | None) -> str:
    """Return a time as minutes and seconds; a hyphen for one that is not known."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _painter(shown: bool) -> type[_Nowhere] | type[_Terminal] | type[_Notebook]:
    """Return where progress is shown."""
    if not shown:
        return _Nowhere
    return _Notebook if _in_notebook() else _Terminal


def _in_notebook() -> bool:
    """Say whether this process is the kernel of a notebook; IPython is not imported for that."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
