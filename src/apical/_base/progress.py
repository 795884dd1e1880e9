"""Progress bars with the current test accuracy, for terminals and notebooks."""

from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from apical._base.extras import undisturbed

if TYPE_CHECKING:  # imported when a bar is shown
    from rich.console import Console


class _Bar:
    """Base of progress bars: fraction done, a description, and the time.

    Parameters
    ----------
    unit, field
        The unit that is counted, and the name of the text after the count.
    text
        Initial description.
    """

    def __init__(
        self, unit: str, field: str, text: str, total: int, shown: bool, done: int
    ) -> None:
        with undisturbed():
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
        """Set the description of the current activity."""
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
        super().__init__("trials", "accuracy", "learning", total, shown, done)

    def update(self, trial: int, accuracy: float | None = None) -> None:
        """Show the number of training trials done, and the latest test accuracy."""
        if accuracy is not None:
            self._bar.update(self._task, accuracy=f"test accuracy {accuracy:.2%}")
        self._bar.update(self._task, completed=trial)


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
        super().__init__("runs", "failed", "starting", total, shown, done)

    def update(self, done: int, failed: int) -> None:
        """Show how many runs are finished, and how many of the others failed."""
        self._bar.update(self._task, completed=done, failed=f"{failed} failed" if failed else "")


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
        super().__init__("measurements", "now", "measuring", total, shown, 0)

    def update(self, done: int, now: str) -> None:
        """Show how many measurements are finished, and what is measured now."""
        self._bar.update(self._task, completed=done, now=now)


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
        super().__init__("scripts", "now", "judging", total, shown, 0)

    def update(self, done: int, now: str) -> None:
        """Show how many scripts are finished, and which is judged now."""
        self._bar.update(self._task, completed=done, now=now)


def _console() -> "Console":
    """Return where to show progress; without ipywidgets a notebook shows it as plain text."""
    from rich.console import Console

    if find_spec("ipywidgets") is None:
        return Console(stderr=True, force_jupyter=False)
    return Console(stderr=True)
