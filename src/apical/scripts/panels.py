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
    """
    at = tables.runs(rows, x, **chosen)[0]
    return {name: (at, scale * tables.runs(rows, what, **chosen)) for what, name in names.items()}


def finite(series: Series) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Leave out points at which a run diverged, and curves of which nothing is left."""
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
    """
    found = {}
    for value in dict.fromkeys(row[by] for row in rows):
        chosen = {by: value}
        found[str(value)] = tables.column(rows, x, **chosen), tables.column(rows, y, **chosen)
    return finite(found)
