"""A progress bar that shows test accuracy as it goes, in terminals and notebooks."""

from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:  # imported when a bar is shown
    from rich.console import Console


class _Bar:
    """What both bars share: how much of what is done, a word on it, and the time.

    Parameters
    ----------
    unit, field
        What is counted, and the name of the text behind the count.
    text
        What is being done at first.
    """

    def __init__(
        self, unit: str, field: str, text: str, total: int, shown: bool, done: int
    ) -> None:
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
            TextColumn(f"{{task.fields[{field}]}}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=_console(),
            disable=not shown,
        )
        fields: dict[str, Any] = {field: ""}
        self._task = self._bar.add_task(text, total=total, completed=done, **fields)

    def describe(self, text: str) -> None:
        """Say what is being done."""
        self._bar.update(self._task, description=text)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()


class TrainingProgress(_Bar):
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
        super().__init__("trials", "accuracy", "learning", total, shown, done)

    def update(self, trial: int, accuracy: float | None = None) -> None:
        """Show how many trials were learned, and the newest test accuracy."""
        if accuracy is not None:
            self._bar.update(self._task, accuracy=f"test accuracy {accuracy:.2%}")
        self._bar.update(self._task, completed=trial)


class SweepProgress(_Bar):
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
        super().__init__("runs", "failed", "starting", total, shown, done)

    def update(self, done: int, failed: int) -> None:
        """Show how many runs are finished, and how many of the others failed."""
        self._bar.update(self._task, completed=done, failed=f"{failed} failed" if failed else "")


class BenchProgress(_Bar):
    """Shows how many measurements are finished.

    Parameters
    ----------
    total
        Measurements in all.
    shown
        Whether to show anything.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        super().__init__("measurements", "now", "measuring", total, shown, 0)

    def update(self, done: int, now: str) -> None:
        """Show how many measurements are finished, and what is measured now."""
        self._bar.update(self._task, completed=done, now=now)


def _console() -> "Console":
    """Return where to show progress; without ipywidgets a notebook shows it as plain text."""
    from rich.console import Console

    if find_spec("ipywidgets") is None:
        return Console(stderr=True, force_jupyter=False)
    return Console(stderr=True)
