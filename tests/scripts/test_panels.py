"""Figures of several panels, and the series that they show."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from apical import plotting
from apical.scripts import panels
from apical.scripts.panels import Panel

X = np.arange(3)
ROWS = [
    {"seed": seed, "step": step, "right": 0.1 * step + seed, "wrong": 1.0}
    for seed in (0, 1)
    for step in (1, 2)
]


def test_panels_have_marks_bands_and_axes_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Axes] = []
    monkeypatch.setattr(plotting, "save", lambda axes, path: kept.extend(axes))
    marked = Panel({"a": (X, X)}, "x [ms]", "y", marks={"published": ([1], [2])})
    shaded = Panel({"b": (X, X), "c": (X, X)}, "x", "y", bands={"c": (X - 1, X + 1)})
    limited = Panel({"d": (X, X)}, "x", "y", axes={"ylim": (0, 9)})
    panels.draw(tmp_path / "f.png", marked, shaded, limited)
    left, middle, right = kept
    assert left.get_xlabel() == "x [ms]"
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["a", "published"]
    (band,) = middle.collections
    assert band.get_facecolor()[0, :3] == pytest.approx(to_rgb(middle.lines[1].get_color()))
    assert right.get_ylim() == (0, 9)


def test_columns_are_series_with_a_run_for_each_seed() -> None:
    found = panels.columns(ROWS, "step", {"right": "hits", "wrong": "misses"}, 100, step=2)
    assert list(found) == ["hits", "misses"]
    assert found["hits"][0].tolist() == [2] and found["hits"][1].ravel().tolist() == [20, 120]


def test_what_diverged_is_left_out() -> None:
    series = {"a": (X, [[1, np.inf, 3], [1, 2, 3]]), "b": (X, X), "c": (X, [np.nan] * 3)}
    found = panels.finite(series)
    assert list(found) == ["a", "b"]
    assert found["a"][0].tolist() == [0, 2] and found["a"][1].tolist() == [[1, 3], [1, 3]]


def test_runs_of_different_lengths_make_one_curve() -> None:
    rows = [*ROWS, {"seed": 1, "step": 3, "right": np.inf, "wrong": 2.0}]
    found = panels.points(rows, "step", "right", "seed")
    assert list(found) == ["0", "1"]
    assert [x.tolist() for x, _ in found.values()] == [[1, 2], [1, 2]]


def test_grid_has_a_panel_for_each_value_and_quantity() -> None:
    rows = [row | {"net": net, "kind": "a"} for net in ("big", "small") for row in ROWS]
    rows += [row | {"net": "big", "kind": "diverged", "right": np.nan} for row in ROWS]
    y = {"right": "right [%]", "wrong": "wrong [%]"}
    found = panels.grid(rows, "step", y, "kind", "net", titles={"big": "BIG"}, log_y=["wrong"])
    assert [panel.shown["title"] for panel in found] == ["BIG", "BIG", "small", "small"]
    assert [panel.ylabel for panel in found[:2]] == ["right [%]", "wrong [%]"]
    assert [panel.shown["log_y"] for panel in found[:2]] == [False, True]
    assert [list(panel.series) for panel in found[:2]] == [["a"], ["a", "diverged"]]


def test_figure_is_written(tmp_path: Path) -> None:
    panels.draw(tmp_path / "f.png", Panel({"a": (X, X)}, "x", "y"), Panel({"b": (X, X)}, "x", "y"))
    assert (tmp_path / "f.png").stat().st_size > 10_000
