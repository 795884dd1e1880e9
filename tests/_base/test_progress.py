"""Progress: one bar in a terminal, one output in a notebook, and nothing where it is not wanted."""

import io
import sys
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from apical._base import progress
from apical._base.progress import BenchProgress, CatalogueProgress, SweepProgress, TrainingProgress


class Outputs:
    """Outputs of a cell: what was displayed, and every update of it."""

    def __init__(self) -> None:
        self.displayed: list[dict[str, str]] = []
        self.updates: list[dict[str, str]] = []

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> "Outputs":
        assert raw and display_id
        self.displayed.append(data)
        return self

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw and self.displayed
        self.updates.append(data)


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Outputs:
    """Let this process look like the kernel of a notebook, and return what its cell shows."""
    shown = Outputs()
    shell = SimpleNamespace(kernel=object())
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    display = SimpleNamespace(display=shown.display)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which a test sets."""
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_a_notebook_has_one_output_that_is_updated_seldom(
    outputs: Outputs, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with TrainingProgress(1000) as bar:
        for trial in range(1, 1001):
            clock[0] += 0.01
            bar.update(trial, f"test accuracy {trial / 2000:.2%}")
    assert len(outputs.displayed) == 1
    assert 40 <= len(outputs.updates) <= 52  # 10 s at five a second, and the last
    assert outputs.updates[-1] == {
        "text/plain": "1,000 of 1,000 trials, test accuracy 50.00%",
        "text/html": "<div>1,000 of 1,000 trials, test accuracy 50.00%</div>",
    }
    assert capsys.readouterr() == ("", "")


def test_while_it_runs_there_are_a_bar_and_times(outputs: Outputs, clock: list[float]) -> None:
    with TrainingProgress(200, done=100) as bar:
        assert "-:-- left" in outputs.displayed[0]["text/plain"]
        clock[0] += 65.0
        bar.update(150)
        shown = outputs.updates[-1]
        assert shown["text/plain"] == "learning: 150 of 200 trials, 1:05 elapsed, 1:05 left"
        assert '<progress value="150" max="200"></progress>' in shown["text/html"]


def test_what_ended_early_says_so(outputs: Outputs) -> None:
    with suppress(KeyboardInterrupt), TrainingProgress(10) as bar:
        bar.update(4)
        raise KeyboardInterrupt
    assert outputs.updates[-1]["text/plain"] == "4 of 10 trials (stopped)"


def test_texts_are_escaped(outputs: Outputs, clock: list[float]) -> None:
    with BenchProgress(2) as bar:
        clock[0] += 1
        bar.update(1, "<script>")
        assert "&lt;script&gt;" in outputs.updates[-1]["text/html"]
        bar.describe("a & b")
    with SweepProgress(0) as sweep:
        sweep.update(0, 0)
    assert outputs.updates[-1]["text/plain"] == "0 of 0 runs"


@pytest.mark.parametrize(
    "made",
    [
        lambda shown: (TrainingProgress(3, shown=shown), (3, "0.5")),
        lambda shown: (SweepProgress(3, shown=shown), (3, 1)),
        lambda shown: (BenchProgress(3, shown=shown), (3, "now")),
        lambda shown: (CatalogueProgress(3, shown=shown), (3, "now")),
    ],
)
@pytest.mark.parametrize("shown", [True, False])
def test_outside_notebooks_it_is_on_stderr_or_nowhere(
    made: Any, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    bar, arguments = made(shown)
    with bar:
        bar.update(*arguments)
        bar.describe("at the end")
    assert not out.getvalue()
    assert ("3/3" in err.getvalue()) == shown
    assert err.getvalue().count("at the end") == int(shown), "one line, the last"


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not progress._in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not progress._in_notebook()
