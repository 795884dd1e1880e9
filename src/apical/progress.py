"""A progress bar that shows test accuracy as it goes, in terminals and notebooks."""

from importlib.util import find_spec
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class TrainingProgress:
    """Shows how far a training is.

    Parameters
    ----------
    total
        Trials in all.
    shown
        Whether to show anything.
    done
        Trials learned before.
    """

    def __init__(self, total: int, *, shown: bool = True, done: int = 0) -> None:
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TextColumn("{task.fields[accuracy]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=_console(),
            disable=not shown,
        )
        self._task = self._bar.add_task("learning", total=total, completed=done, accuracy="")

    def update(self, trial: int, accuracy: float | None = None) -> None:
        """Show how many trials were learned, and the newest test accuracy."""
        if accuracy is not None:
            self._bar.update(self._task, accuracy=f"test accuracy {accuracy:.2%}")
        self._bar.update(self._task, completed=trial)

    def describe(self, text: str) -> None:
        """Say what is being done."""
        self._bar.update(self._task, description=text)

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()


class SweepProgress:
    """Shows how many runs of a sweep are finished.

    Parameters
    ----------
    total
        Runs in all.
    shown
        Whether to show anything.
    done
        Runs finished before.
    """

    def __init__(self, total: int, *, shown: bool = True, done: int = 0) -> None:
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TextColumn("{task.fields[failed]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=_console(),
            disable=not shown,
        )
        self._task = self._bar.add_task("starting", total=total, completed=done, failed="")

    def update(self, done: int, failed: int) -> None:
        """Show how many runs are finished, and how many of the others failed."""
        self._bar.update(self._task, completed=done, failed=f"{failed} failed" if failed else "")

    def describe(self, text: str) -> None:
        """Say what is being done."""
        self._bar.update(self._task, description=text)

    def __enter__(self) -> "SweepProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()


def _console() -> Console:
    """Return where to show progress; without ipywidgets a notebook shows it as plain text."""
    if find_spec("ipywidgets") is None:
        return Console(stderr=True, force_jupyter=False)
    return Console(stderr=True)
