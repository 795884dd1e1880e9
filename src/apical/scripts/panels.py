"""Figures of several panels side by side, each with its own axes, bands and published values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from apical import plotting
from apical.scripts import tables

Series = Mapping[str, tuple[Any, Any]]
"""Name of a curve -> x, shape (n_points,), and y, of that shape or (n_runs, n_points)."""


@dataclass(frozen=True)
class Panel:
    """One panel of a figure.

    Parameters
    ----------
    series
        Its curves.
    xlabel, ylabel
        Labels of the axes, with units.
    shown
        Further options of `apical.plotting.curves`, for instance ``{"log_y": True}``.
    marks
        Published or predicted values, drawn as black crosses; x and y by their name in the legend.
    bands
        Lower and upper edge of a shaded band around a curve, by the name of the curve.
    axes
        Further properties of the axes, by keyword of ``Axes.set``, for instance ``ylim``.

    Examples
    --------
    >>> from apical.scripts.panels import Panel
    >>> Panel({"DFA": ([0, 1], [90.0, 10.0])}, "epoch", "error [%]", shown={"log_y": True}).ylabel
    'error [%]'
    """

    series: Series
    xlabel: str
    ylabel: str
    shown: Mapping[str, Any] = field(default_factory=dict)
    marks: Series = field(default_factory=dict)
    bands: Series = field(default_factory=dict)
    axes: Mapping[str, Any] = field(default_factory=dict)


def draw(path: Path, *panels: Panel, width: float = 4.0) -> None:
    """Draw panels side by side, and save the figure.

    Parameters
    ----------
    path
        The PNG file.
    *panels
        One panel or more, from left to right.
    width
        Width of each [inches].

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.scripts import panels
    >>> panel = panels.Panel({"DFA": ([0, 1], [90.0, 10.0])}, "epoch", "error [%]")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     panels.draw(Path(folder) / "errors.png", panel, panel)
    ...     [path.name for path in Path(folder).iterdir()]
    ['errors.png']
    """
    axes = plotting.panels(len(panels), width=width)
    for ax, panel in zip(axes, panels, strict=True):
        plotting.curves(panel.series, panel.xlabel, panel.ylabel, ax=ax, **panel.shown)
        for color, name in zip(plotting.PALETTE, panel.series, strict=False):
            if name in panel.bands:
                low, high = panel.bands[name]
                ax.fill_between(panel.series[name][0], low, high, alpha=0.18, color=color)
        for name, (x, y) in panel.marks.items():
            ax.plot(x, y, "k+", ms=8, zorder=4, label=name)
        if panel.marks:
            ax.legend(fontsize=8, frameon=False)
        ax.set(**panel.axes)
    plotting.save(axes, path)


def grid(
    rows: Sequence[tables.Row],
    x: str,
    y: Mapping[str, str],
    by: str,
    over: str,
    names: Mapping[Any, str] | Callable[[Any], str] = str,
    *,
    label: str = "",
    titles: Mapping[Any, str] | None = None,
    log_y: Sequence[str] = (),
    **shown: Any,
) -> list[Panel]:
    """Return a panel for each value of a column and each quantity, without what diverged.

    Parameters
    ----------
    rows
        The table.
    x
        The column of the horizontal axis.
    y
        Quantities: columns of the vertical axes, with their labels.
    by
        The column that distinguishes the curves.
    over
        The column that distinguishes panels of one quantity.
    names
        Names of the curves, as in `tables.series`.
    label
        Label of the horizontal axis; by default the column.
    titles
        Titles of the panels, by value of `over`; by default the values.
    log_y
        Quantities with a logarithmic axis.
    **shown
        Further options of `apical.plotting.curves`.

    Examples
    --------
    >>> from apical.scripts import panels
    >>> rows = [
    ...     {"wiring": w, "depth": depth, "seed": 0, "epoch": epoch, "error": 10.0 - epoch}
    ...     for w in ("bp", "dfa") for depth in (1, 2) for epoch in (0, 1)
    ... ]
    >>> found = panels.grid(rows, "epoch", {"error": "error [%]"}, by="wiring", over="depth")
    >>> [(panel.xlabel, list(panel.series)) for panel in found]
    [('epoch', ['bp', 'dfa']), ('epoch', ['bp', 'dfa'])]
    """
    found = []
    for value in dict.fromkeys(row[over] for row in rows):
        title = (titles or {}).get(value, str(value))
        for what, ylabel in y.items():
            series = finite(tables.series(tables.where(rows, **{over: value}), x, what, by, names))
            options = {"title": title, "log_y": what in log_y, **shown}
            found.append(Panel(series, label or x, ylabel, options))
    return found


def columns(
    rows: Sequence[tables.Row], x: str, names: Mapping[str, str], scale: float = 1.0, **chosen: Any
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return a series for each of several columns, as `apical.plotting.curves` draws them.

    Parameters
    ----------
    rows
        The table.
    x
        The column of the horizontal axis.
    names
        Column -> name of its series.
    scale
        Factor of all values, for instance 100 for percentages.
    **chosen
        Values of the rows to use.

    Examples
    --------
    >>> from apical.scripts import panels
    >>> rows = [{"epoch": k, "train": 0.1 - 0.01 * k, "test": 0.2 - 0.01 * k} for k in (0, 1)]
    >>> found = panels.columns(rows, "epoch", {"train": "training", "test": "test"}, scale=100)
    >>> list(found), found["test"][1].ravel().round(6)
    (['training', 'test'], array([20., 19.]))
    """
    at = tables.runs(rows, x, **chosen)[0]
    return {name: (at, scale * tables.runs(rows, what, **chosen)) for what, name in names.items()}


def finite(series: Series) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Leave out points at which a run diverged, and curves of which nothing is left.

    Parameters
    ----------
    series
        Curves, as `apical.plotting.curves` takes them.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.scripts import panels
    >>> found = panels.finite({"DFA": (np.arange(3), np.array([2.0, 1.0, np.inf]))})
    >>> found["DFA"][0].tolist()
    [0, 1]
    """
    found = {}
    for name, (x, y) in series.items():
        kept = np.isfinite(y).all(axis=0) if np.ndim(y) > 1 else np.isfinite(y)
        if kept.any():
            found[name] = np.asarray(x)[kept], np.asarray(y)[..., kept]
    return found


def points(
    rows: Sequence[tables.Row], x: str, y: str, by: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return one curve for each value of a column, through all of its points that are finite.

    Parameters
    ----------
    rows
        The table; runs need not have the same number of rows, as in `tables.series`.
    x, y
        Columns of the horizontal and the vertical axis.
    by
        The column that distinguishes the curves.

    Examples
    --------
    >>> from apical.scripts import panels
    >>> errors = (90.0, float("nan"), 10.0)
    >>> rows = [{"wiring": "dfa", "trial": k, "error": error} for k, error in enumerate(errors)]
    >>> panels.points(rows, "trial", "error", by="wiring")["dfa"][0].tolist()
    [0, 2]
    """
    found = {}
    for value in dict.fromkeys(row[by] for row in rows):
        chosen = {by: value}
        found[str(value)] = tables.column(rows, x, **chosen), tables.column(rows, y, **chosen)
    return finite(found)
