"""The style of all figures, and reproducible image files: same data, same bytes."""

import functools
import io
import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import LayoutEngine
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from apical._base.checking import checked
from apical._base.whole_files import write_whole
from apical.errors import brief
from apical.plotting.checks import Dots, Panels, refuse

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Palette distinguishable in all common forms of colour blindness (Okabe & Ito 2008)."""

GREY = "#6E6E6E"
"""Colour of references: levels, thresholds, remarks."""

STYLE: dict[str, Any] = {
    **{"font.family": "DejaVu Sans", "font.size": 9, "axes.labelsize": 10, "text.usetex": False},
    **{"axes.titlesize": 10, "axes.titlelocation": "left", "legend.frameon": False},
    **{"axes.spines.right": False, "axes.spines.top": False, "axes.linewidth": 0.8},
    **{"axes.prop_cycle": cycler(color=PALETTE), "lines.linewidth": 1.6, "lines.markersize": 3.5},
    **{"figure.dpi": 100, "savefig.bbox": None, "figure.facecolor": "white"},
}
"""Matplotlib settings of all figures."""


_P = ParamSpec("_P")
_R = TypeVar("_R")


class NotebookFigure(Figure):
    """A figure that notebooks display although it is not managed by pyplot.

    Examples
    --------
    >>> from apical import plotting
    >>> figure = plotting.curves({"a": ([0, 1], [0, 1])}, "x", "y").figure
    >>> type(figure).__name__, figure._repr_png_()[1:4]
    ('NotebookFigure', b'PNG')
    """

    def _repr_png_(self) -> bytes:
        return png(self, self.dpi)


def styled(draw: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorator: validate arguments, and draw under `STYLE`.

    The settings of the caller are restored afterwards.

    Examples
    --------
    >>> from matplotlib import rcParams
    >>> from apical.plotting.style import STYLE, styled
    >>> @styled
    ... def spines(shown: bool = True) -> bool:
    ...     return rcParams["axes.spines.top"]
    >>> spines(), rcParams["axes.spines.top"]
    (False, True)
    """
    draw = checked()(draw)

    @functools.wraps(draw)
    def styled(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


@styled
def save(ax: Panels, path: str | os.PathLike[str]) -> Path:
    """Write the figure of Axes as a PNG of 150 dots per inch, or an SVG, atomically.

    The same data give the same bytes: the file contains no time stamp or software version.

    Parameters
    ----------
    ax
        The Axes, or several of one figure.
    path
        File to write, which ends in ``.png`` or ``.svg``.

    Raises
    ------
    DataError
        If the file has another ending, or its folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical import plotting
    >>> ax = plotting.curves({"a": ([0, 1], [0, 1])}, "x", "y")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = [plotting.save(ax, Path(folder) / name) for name in ("a.png", "b.png", "c.svg")]
    ...     first, second, third = (file.read_bytes() for file in files)
    >>> first == second, first[1:4], b"<svg" in third
    (True, b'PNG', True)
    """
    path = Path(path)
    form = path.suffix.lower()
    if form not in (".png", ".svg") or not path.parent.is_dir():
        wanted = "a .png or .svg file in an existing folder"
        refuse("path", wanted, brief(path), "rename it or make that")
    content = as_png(ax, 150) if form == ".png" else as_svg(ax)
    return write_whole(path, content, shared=True)


@styled
def as_png(ax: Panels, dpi: Dots) -> bytes:
    """Return the figure of Axes as the bytes of a PNG file; the same data give the same bytes.

    Parameters
    ----------
    ax
        The Axes, or several of one figure.
    dpi
        Dots per inch.

    Examples
    --------
    >>> from apical import plotting
    >>> small = plotting.as_png(plotting.curves({"a": ([0, 1], [0, 1])}, "x", "y"), dpi=30)
    >>> small[1:4], len(small) > 500
    (b'PNG', True)
    """
    return png(_figure_of(ax), dpi)


@styled
def as_svg(ax: Panels) -> bytes:
    """Return the figure of Axes as the bytes of an SVG file; the same data give the same bytes.

    Parameters
    ----------
    ax
        The Axes, or several of one figure.

    Examples
    --------
    >>> from apical import plotting
    >>> text = plotting.as_svg(plotting.curves({"a": ([0, 1], [0, 1])}, "x", "y")).decode()
    >>> text.count("<svg")
    1
    """
    with matplotlib.rc_context({"svg.hashsalt": "apical"}):
        nothing = {"Date": None, "Creator": None}
        return _saved(_figure_of(ax), 72, format="svg", metadata=nothing)


def _figure_of(ax: Panels) -> Figure:
    figures = {axes.figure.figure for axes in np.array(ax, dtype=object).ravel()}
    if len(figures) != 1:
        refuse("ax", "Axes of one figure", f"{len(figures)} figures", "draw one after another")
    return figures.pop()


def png(figure: Figure, dpi: float) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    return _saved(figure, dpi, format="png", metadata={"Software": None})


def _saved(figure: Figure, dpi: float, **how: Any) -> bytes:
    """Return the bytes of a figure, drawn once, after its layout has settled.

    It is left as it was: whatever a layout begins with leaves traces of less than a pixel, which
    would make other bytes of the same data.
    """
    layout, dots, buffer = figure.get_layout_engine(), figure.dpi, io.BytesIO()
    places = [(ax, ax.get_position(original=True), ax.get_in_layout()) for ax in figure.axes]
    try:
        figure.dpi = dpi
        if layout is not None:
            _settle(figure, layout)
            figure.set_layout_engine("none")  # settled: saving would lay it out twice more
        figure.savefig(buffer, dpi=dpi, **how)
    finally:
        figure.dpi = dots
        figure.set_layout_engine(layout)
        for ax, place, in_layout in places:
            _put(ax, place, in_layout)
    return buffer.getvalue()


def _put(ax: Axes, place: Any, in_layout: bool) -> None:
    ax.set_position(place)  # which takes it out of the layout
    ax.set_in_layout(in_layout)


def _settle(figure: Figure, layout: LayoutEngine) -> None:
    """Lay out a figure until nothing moves by half a pixel.

    The constrained layout comes closer each time to where it leads, by a factor of about four.
    """
    for ax in figure.axes:
        place = _start(ax, figure)
        if place is not None and ax.get_in_layout():
            _put(ax, place, True)
    before = None
    for _ in range(12):
        layout.execute(figure)
        now = np.array([ax.get_position(original=True).extents for ax in figure.axes])
        if before is not None and np.abs(now - before).max(initial=0) * _longest(figure) < 0.5:
            break
        before = now


def _start(ax: Axes, figure: Figure) -> Any:
    """Return where a layout begins with Axes, whatever it did before; None if it leaves them."""
    spec = ax.get_subplotspec()
    if spec is not None:
        return spec.get_position(figure)
    bar = getattr(ax, "_colorbar_info", None)  # of matplotlib: the Axes beside a colour bar
    if not bar:
        return None
    beside = Bbox.union([parent.get_position(original=True) for parent in bar["parents"]])
    return Bbox([[beside.x1 - 0.05 * beside.width, beside.y0], [beside.x1, beside.y1]])


def _longest(figure: Figure) -> float:
    """Return the longer side of a figure [pixels]."""
    return float(figure.dpi * figure.get_size_inches().max())


def new_axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return Axes as given, or those of a new figure of a size [inches]."""
    return NotebookFigure(figsize=size, layout="constrained").subplots() if ax is None else ax


def inches(ax: Axes) -> float:
    """Return the height of Axes [inches].

    Parameters
    ----------
    ax
        The Axes.

    Examples
    --------
    >>> from apical import plotting
    >>> from apical.plotting.style import inches
    >>> 0 < inches(plotting.panels(1, height=3.0)[0]) <= 3.0
    True
    """
    return float(ax.get_position().height * ax.figure.figure.get_figheight())


def color(k: int) -> str:
    """Return the k-th colour of the palette, from the start again after the last.

    Parameters
    ----------
    k
        Its number, from 0.

    Examples
    --------
    >>> from apical.plotting import PALETTE
    >>> from apical.plotting.style import color
    >>> color(0) == PALETTE[0] == color(len(PALETTE))
    True
    """
    return PALETTE[k % len(PALETTE)]


def diverging(weights: NDArray[Any]) -> dict[str, Any]:
    """Return colours for weights of both signs, white at 0."""
    limit = float(np.quantile(np.abs(weights), 0.995)) or float(np.abs(weights).max()) or 1.0
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}


def color_bar(ax: Axes | NDArray[Any], image: Any, label: str) -> None:
    """Add a colour bar beside an image, and take the frame off both.

    Beside several Axes it stands for all of them. The label is broken where the bar ends.
    """
    beyond = "both" if np.nanmax(np.abs(image.get_array())) > image.norm.vmax else "neither"
    every = np.array(ax, dtype=object).ravel()
    figure, first = every[0].figure, every[0]
    bar = figure.colorbar(image, ax=list(every), shrink=0.85, extend=beyond)
    spec = first.get_subplotspec()
    rows = 1 if spec is None or len(every) > 1 else spec.get_gridspec().nrows
    room = 0.72 * figure.figure.get_figheight() / rows  # height of the bar [inches]
    letters = max(12, int(room * _LETTERS))
    whole = re.sub(
        r"\[[^]]*\]", lambda unit: unit[0].replace(" ", "\x00"), label
    )  # no breaks in units
    lines = textwrap.wrap(whole, letters, break_long_words=False, break_on_hyphens=False)
    bar.set_label("\n".join(lines).replace("\x00", " "))
    bar.outline.set_visible(False)
    for each in every:
        each.spines[:].set_visible(False)
        each.tick_params(length=0)


_LETTERS = 13.0  # of a label in an inch, at 10 points
