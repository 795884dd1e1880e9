"""A network beside a recording: measures of both and of controls, with intervals."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from apical._base.checking import listed, shown
from apical._base.parameters import Names
from apical.measures.comparison import SYSTEMS, Comparison, Row
from apical.plotting.checks import Panels, refuse
from apical.plotting.style import GREY, NotebookFigure, color, styled

COLUMNS = 4
"""Number of panels in a row."""
TITLES = {
    "isi": "ISI",
    "cv": "CV of ISI",
    "lv": "LV of ISI",
    "fano": "Fano factor",
    "isi_distance": "distance of ISI distributions",
    "rsa": "RSA",
    "rsa_rho_a": "RSA, rho_a",
    "cka_debiased": "CKA, debiased",
    "encoding_ridge": "neurons predicted (ridge)",
    "encoding_back_ridge": "units predicted (ridge)",
    "encoding_pls": "neurons predicted (PLS)",
    "brain_score": "Brain-Score",
    "psth_explained_variance": "PSTH, explained variance",
}
"""Titles of panels; those of others are the names of their measures."""
_LEGEND = (
    "bars: 95 % intervals; dotted: chance; grey: noise ceiling; square in these panels: one half "
    "of the recording and the other; *: p < 0.05, Holm"
)
_MARKS = dict(zip(SYSTEMS, ("s", "o", "v", "^", "x"), strict=True))
_COLORS = {"recording": "#000000", "network": color(0), "shuffled": GREY}
_COLORS |= {"untrained": color(1), "other seed": color(2)}


@styled
def beside_recording(
    comparison: Comparison,
    population: str | None = None,
    area: str | None = None,
    *,
    measures: Names | None = None,
    ax: Panels | None = None,
) -> NDArray[Any]:
    """Draw a network beside a recording and its controls, a panel for each measure.

    Points are values, bars their 95 % intervals by bootstrap over neurons and trials. Of measures
    of a model and the recording together the square is what two halves of the recording have in
    common, the dotted line what is expected by chance, and the grey band the noise ceiling. A star
    marks what is significant after Holm's correction for all rows of the table.

    Parameters
    ----------
    comparison
        From `apical.measures.comparison.compare`.
    population, area
        Which to draw; the first of the table by default.
    measures
        Names of measures; by default all that the network has a value of.
    ax
        Axes to draw into, one for each measure; a new figure by default.

    Returns
    -------
    numpy.ndarray
        The Axes, shape (n_measures,).

    See Also
    --------
    apical.measures.comparison.compare : What it draws.

    Examples
    --------
    >>> from apical import plotting
    >>> from apical.measures.comparison import Comparison, Row
    >>> rows = [
    ...     Row("hidden", "V1", "rate", system, value, value - 2, value + 2, "Hz")
    ...     for system, value in (("network", 40.0), ("recording", 25.0))
    ... ]
    >>> axes = plotting.beside_recording(Comparison(rows, (0.0, 100.0)))
    >>> axes.shape
    (1,)
    """
    rows = _chosen(comparison, population, area)
    known = list(dict.fromkeys(row.measure for row in rows))
    defined = {row.measure for row in rows if row.system == "network" and np.isfinite(row.value)}
    wanted = [name for name in known if name in defined] if measures is None else list(measures)
    missing = [name for name in wanted if name not in known]
    if missing or not wanted:
        refuse("measures", f"some of {listed(known)}", listed(missing) or "none", "name those")
    axes = _panels(len(wanted)) if ax is None else np.array(ax, dtype=object).ravel()
    if len(axes) != len(wanted):
        refuse("ax", f"{len(wanted)} Axes", f"{len(axes)}", "pass one for each measure, or None")
    for panel, measure in zip(axes, wanted, strict=True):
        _panel(panel, [row for row in rows if row.measure == measure])
    figure = axes[0].figure.figure
    if ax is None:
        said = rows[0].area or "recording"
        text = f"{rows[0].population} beside {said}, {rows[0].trials} trials\n"
        figure.suptitle(
            text + "\n".join(wrap(_LEGEND, 40 * min(len(axes), COLUMNS))),
            fontsize=8,
            x=0.01,
            ha="left",
        )
    return axes


def _chosen(comparison: Comparison, population: str | None, area: str | None) -> list[Row]:
    pairs = list(dict.fromkeys((row.population, row.area) for row in comparison.rows))
    fits = [pair for pair in pairs if population in (None, pair[0]) and area in (None, pair[1])]
    if not fits:
        names = listed([f"{one} and {other or 'the recording'}" for one, other in pairs]) or "none"
        refuse(
            "population",
            f"one of {names}",
            f"{shown(population)} and {shown(area)}",
            "name a pair of these",
        )
    return [row for row in comparison.rows if (row.population, row.area) == fits[0]]


def _panels(n: int) -> NDArray[Any]:
    columns = min(n, COLUMNS)
    lines = -(-n // columns)
    size = (2.5 * columns + 0.4, 1.75 * lines + 0.4)
    figure: Figure = NotebookFigure(figsize=size, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for spare in axes[n:]:
        spare.remove()
    return np.asarray(axes[:n])


def _panel(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw the values of one measure, a line for each system."""
    network = next(row for row in rows if row.system == "network")
    if np.isfinite(network.ceiling) and np.isfinite(network.floor):
        ax.axvspan(*sorted((network.floor, network.ceiling)), color=GREY, alpha=0.25, linewidth=0)
    if np.isfinite(network.chance):
        ax.axvline(network.chance, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    for k, row in enumerate(rows):
        if not np.isfinite(row.value):
            where = ax.get_yaxis_transform()
            ax.text(0.02, k, "undefined", transform=where, va="center", color=GREY, fontsize=7)
            continue
        shade = _COLORS[row.system]
        if np.isfinite(row.low):
            ax.plot([row.low, row.high], [k, k], color=shade, linewidth=1.4, solid_capstyle="butt")
        ax.plot([row.value], [k], _MARKS[row.system], color=shade, markersize=5)
        if row.p_holm < 0.05:
            ax.text(1.0, k, "*", transform=ax.get_yaxis_transform(), va="center", color=shade)
    unit = "" if network.unit == "1" else f" [{network.unit}]"
    title = TITLES.get(network.measure, network.measure.replace("_", " "))
    ax.set_title(f"{title}{unit}", fontsize=9)
    ax.set(yticks=range(len(rows)), yticklabels=[row.system for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0, labelsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.locator_params(axis="x", nbins=4)
    if not _is_first(ax):
        ax.set_yticklabels([])


def _is_first(ax: Axes) -> bool:
    """Say whether it stands first in its row, or alone; the others share its labels."""
    place = ax.get_subplotspec()
    return place is None or place.is_first_col()
