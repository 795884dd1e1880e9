"""Line plots of any measurement over time, in one or several panels."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import shown
from apical._base.parameters import CountOrZero
from apical.plotting.checks import Inches, Numbers, PanelCount, checked, refuse
from apical.plotting.style import GREY, NotebookFigure, color, new_axes, styled

_DASHES = ((1, 2), (5, 3), (7, 2, 1, 2))
_BANDS = {
    "range": "shaded: from lowest to highest",
    "interval": "shaded: 95 % interval of the mean",
}

Band = Literal["", "range", "interval"]
"""Kinds of shaded bands around the mean of several runs."""


@styled
def panels(n: PanelCount, *, width: Inches = 4.0, height: Inches = 3.2) -> NDArray[Any]:
    """Return the Axes of a new figure with panels side by side, shape (n,).

    Parameters
    ----------
    n
        Number of panels.
    width, height
        Size of each [inches].

    Examples
    --------
    >>> from apical import plotting
    >>> axes = plotting.panels(3, width=2.0, height=1.5)
    >>> axes.shape, axes[0].figure.get_size_inches().tolist()
    ((3,), [6.0, 1.5])
    """
    if n < 1:
        refuse("n", "1 panel or more", f"{n}", "ask for as many as there are things to show")
    figure = NotebookFigure(figsize=(n * width, height), layout="constrained")
    return figure.subplots(1, n, squeeze=False)[0]


@styled
def curves(
    series: Mapping[str, tuple[Numbers, Numbers]],
    xlabel: str,
    ylabel: str,
    *,
    levels: Mapping[str, float] | None = None,
    title: str = "",
    log_x: bool = False,
    log_y: bool = False,
    first_color: CountOrZero = 0,
    band: Band = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one or more curves, each of one run or of several.

    Parameters
    ----------
    series
        Name -> (x, y): x of shape (n_points,), y of that shape or (n_runs, n_points): a thin line
        for each run, a thick one for their mean. The names make the legend.
    xlabel, ylabel
        Labels of the axes, with units.
    levels
        Values to draw as grey lines, by their names in the legend.
    title
        Text above.
    log_x, log_y
        Whether an axis is logarithmic.
    first_color
        Number of the first curve's colour, so that panels can agree on colours.
    band
        Shaded band around the mean of several runs: ``"range"``, from the smallest to the largest;
        ``"interval"``, a 95 % bootstrap interval of the mean (percentile bootstrap, Efron &
        Tibshirani 1993, doi:10.1201/9780429246593, chapter 13), which is too narrow for fewer than
        some five runs; none by default.
    ax
        Axes to draw into; a new figure by default.

    Examples
    --------
    >>> from apical import plotting
    >>> series = {"DFA": ([0, 1, 2], [[90.0, 20.0, 8.0], [90.0, 18.0, 6.0]])}
    >>> chance = {"chance": 90.0}
    >>> ax = plotting.curves(series, "epochs", "test error [%]", levels=chance, log_y=True)
    >>> ax.get_ylabel(), ax.get_yscale(), ax.get_legend_handles_labels()[1]
    ('test error [%]', 'log', ['DFA, mean of 2', 'chance'])

    One thin line for each run, and a thick one for the mean:

    >>> [line.get_ydata().tolist() for line in ax.lines if len(line.get_ydata()) == 3]
    [[90.0, 20.0, 8.0], [90.0, 18.0, 6.0], [90.0, 19.0, 7.0]]
    """
    if not series:
        refuse("series", "one curve or more", "none", "give name -> (x, y)")
    if band not in ("", *_BANDS):
        refuse("band", f"one of {', '.join(_BANDS)}, or nothing", shown(band), "choose one")
    ax, whole = new_axes(ax, (5.2, 3.4)), True
    for k, (name, (x, y)) in enumerate(series.items(), start=first_color):
        at, runs = _checked(name, x, y)
        if len(runs) > 1:
            ax.plot(at, runs.T, color=color(k), linewidth=0.7, alpha=0.35)
            _shade(ax, at, runs, band, color(k))
        label = name if len(runs) == 1 else f"{name}, mean of {len(runs)}"
        ax.plot(at, runs.mean(axis=0), color=color(k), label=label, zorder=3)
        whole &= bool(np.all(at == np.round(at)))
    for (name, level), dashes in zip((levels or {}).items(), cycle(_DASHES), strict=False):
        ax.axhline(level, color=GREY, linewidth=1, linestyle=(0, dashes), label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
    if whole and not log_x:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))  # steps and epochs have no halves
    if log_y:
        low, high = ax.get_ylim()
        digits = "123456789" if high < 10 * low else "25"  # first digits between powers of ten
        ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
        ax.yaxis.set_minor_formatter(lambda y, _: f"{y:g}" if f"{y:e}"[0] in digits else "")
    shaded = _BANDS[band] if band and ax.collections else None
    ax.legend(fontsize=8, title=shaded, title_fontsize=8, alignment="left")
    return ax


def _checked(name: str, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Validate x, shape (n_points,), and y, returned as rows, shape (n_runs, n_points)."""
    where, do = f"series[{shown(name)}]", "give one y for each x"
    at = checked(where, x, "finite numbers", do)
    runs = checked(where, y, "finite numbers", do, ndim=None)
    runs = runs[None] if runs.ndim == 1 else runs
    if runs.ndim != 2 or runs.shape[1] != len(at) or not runs.size:
        refuse(where, f"y in rows of {len(at)}", f"shape {runs.shape}", do)
    return at, runs


def _shade(ax: Axes, at: NDArray[Any], runs: NDArray[Any], band: Band, shade: str) -> None:
    """Shade the band around the mean."""
    low, high = runs.min(axis=0), runs.max(axis=0)
    if band == "interval":
        n = len(runs)  # number of times that each run is drawn in each of 2,000 bootstrap samples
        often = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), 2000)
        low, high = np.quantile(often / n @ runs, (0.025, 0.975), axis=0)
    if band:
        ax.fill_between(at, low, high, color=shade, alpha=0.18, linewidth=0)
