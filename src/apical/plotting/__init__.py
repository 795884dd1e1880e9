"""Figures: arrays in, matplotlib Axes out, in one calm style.

Figures are made without pyplot: no global state changes, nothing needs a display, and a notebook
shows ``axes.figure``. Every function takes ``ax=`` to draw into Axes of one's own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from apical.plotting.checks import checked, indices, percent, refuse
from apical.plotting.comparing import comparison as comparison
from apical.plotting.lines import curves as curves
from apical.plotting.lines import panels as panels
from apical.plotting.style import PALETTE as PALETTE
from apical.plotting.style import STYLE as STYLE
from apical.plotting.style import (
    NotebookFigure,
    color,
    color_bar,
    diverging,
    inches,
    new_axes,
    styled,
)
from apical.plotting.style import save as save

_GREY = "#6E6E6E"
_Spikes = Mapping[str, tuple[ArrayLike, ArrayLike]]


@styled
def learning_curve(
    trials: ArrayLike,
    accuracy: ArrayLike,
    *,
    train: ArrayLike | None = None,
    name: str = "test data",
    chance: float | None = None,
    published: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw test accuracy [%] against trials learned; call again with ``ax=`` to compare.

    Parameters
    ----------
    trials
        Trials learned before each test, rising, shape (n_points,).
    accuracy
        Fraction decided correctly with learning off, shape (n_points,), or for several seeds
        (n_seeds, n_points): a thin line for each seed, a thick one for their mean.
    train
        The same fraction on training data, of either shape; its mean is drawn dotted.
    name
        What the curve is called at its right end.
    chance
        Fraction that guessing would reach, drawn as a dotted line.
    published
        Fractions reported elsewhere, by source, drawn as dashed lines.
    """
    at = checked("trials", trials, "numbers from 0", "count trials learned", (0, np.inf))
    if not at.size or np.any(np.diff(at) <= 0):
        refuse("trials", "one or more rising numbers", f"{at}", "sort the tests by trials learned")
    tested = percent("accuracy", accuracy, len(at))
    trained = None if train is None else percent("train", train, len(at))
    levels = [(key, percent(f"published[{key!r}]", [x], 1)) for key, x in (published or {}).items()]
    levels += [] if chance is None else [("chance", percent("chance", [chance], 1))]
    ax = new_axes(ax, (6.0, 3.4))
    (mean,) = ax.plot(at, tested.mean(0), zorder=3, marker="o" if len(at) <= 30 else None)
    mean.set_label(name if len(tested) == 1 else f"{name}, {len(tested)} seeds")
    if len(tested) > 1:
        ax.plot(at, tested.T, color=mean.get_color(), linewidth=0.7, alpha=0.4)
    if trained is not None:
        ax.plot(at, trained.mean(0), ":", color=mean.get_color(), label="training data")
    for key, level in levels:
        dashes = (0, (1, 2)) if key == "chance" else (0, (5, 3))
        ax.axhline(level.item(), color=_GREY, linewidth=1, linestyle=dashes, label=key)
    last, (low, high) = max(ax.dataLim.x1, 1.0), ax.dataLim.intervaly
    room = max(0.08 * (high - low), 1.0)
    ax.set(xlim=(-0.02 * last, 1.02 * last), xlabel="trials learned")
    ax.set(ylim=(max(low - room, -1.5), min(high + room, 100 + 0.25 * room)))
    ax.set(ylabel="accuracy, learning off [%]")
    if last >= 10_000:
        ax.set_xlabel("trials learned [thousands]")
        ax.xaxis.set_major_formatter(lambda x, _: f"{x / 1000:g}")
    _name_lines(ax)
    return ax


def _name_lines(ax: Axes) -> None:
    """Write the name and last value of each named line right of it, clear of the others."""
    for text in [text for text in ax.texts if text.get_gid() == "name"]:
        text.remove()
    named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    ends = [(float(np.asarray(line.get_ydata())[-1]), line) for line in named]
    ends.sort(key=lambda end: end[0])
    bottom, top = ax.get_ylim()
    places = np.array([(height - bottom) / (top - bottom) for height, _ in ends])
    gap = 0.16 / inches(ax)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    places = np.minimum(places, 1 - gap * np.arange(len(places))[::-1])
    for place, (height, line) in zip(places, ends, strict=True):
        color = line.get_color()
        link = {"arrowstyle": "-", "color": color, "lw": 0.6, "shrinkA": 1, "shrinkB": 0}
        look: dict[str, Any] = {
            "color": color,
            "va": "center",
            "gid": "name",
            "annotation_clip": False,
        }
        look |= {"xycoords": ("axes fraction", "data"), "textcoords": "axes fraction"}
        look |= {"arrowprops": link | {"relpos": (0, 0.5)}}
        ax.annotate(f"{line.get_label()} ({height:.1f} %)", (1, height), (1.03, place), **look)


@styled
def raster(
    spikes: _Spikes,
    sizes: Mapping[str, int],
    duration_ms: float,
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the spikes of one trial, a band for each population.

    Parameters
    ----------
    spikes
        Times from the start of the trial [ms] and neuron indices, by population:
        name -> (times, neurons), both of shape (n_spikes,), which may be empty.
    sizes
        Number of neurons by population, in the order of the bands from the bottom (stimulus)
        to the top (error). Populations that `spikes` does not name are left out.
    duration_ms
        Length of the trial [ms].
    title
        Text above the raster.
    """
    names = [name for name in sizes if name in spikes]
    if not names or len(names) < len(spikes):
        refuse("spikes", f"populations of sizes {list(sizes)}", f"{list(spikes)}", "name the same")
    checked("duration_ms", [duration_ms], "a time > 0 ms", "give that of a trial", (1e-9, np.inf))
    populated = [sizes[name] for name in names]
    checked("sizes", populated, "1 neuron or more in each", "leave out the empty", (1, np.inf))
    bands = [_band(name, spikes[name], sizes[name], duration_ms) for name in names]
    ax = new_axes(ax, (5.6, 3.8))
    heights = np.array(populated) ** 0.4
    heights = np.maximum(heights / heights.sum(), 0.13)
    starts = np.cumsum([0.0, *(heights + 0.03)])  # 0.03 between the bands
    for k, (times, neurons) in enumerate(bands):
        pitch = heights[k] / sizes[names[k]]
        points = 72 * inches(ax) * pitch / starts[-1]
        least, width = (1.3, 0.7) if sizes[names[k]] > 100 else (2.2, 1.2)
        look = {"color": color(k), "markersize": np.clip(0.9 * points, least, 7), "mew": width}
        ax.axhspan(starts[k], starts[k] + heights[k], color="#F4F4F4", linewidth=0, zorder=0)
        ax.plot(times, starts[k] + (neurons + 0.5) * pitch, "|", **look)
        if not times.size:
            middle = (duration_ms / 2, starts[k] + heights[k] / 2)
            ax.text(*middle, "no spikes", color=_GREY, ha="center", va="center")
    ax.set(xlim=(0, duration_ms), ylim=(0, starts[-1] - 0.03), xlabel="time [ms]", title=title)
    ax.set_yticks(starts[:-1] + heights / 2, [f"{name}\n({sizes[name]})" for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def _band(
    name: str, spikes: tuple[ArrayLike, ArrayLike], size: int, duration_ms: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times [ms] and neurons of a population, checked."""
    where, needs = f"spikes[{name!r}]", f"times from 0 to {duration_ms:g} ms"
    do = "select one trial and subtract its start"
    times = checked(where, spikes[0], needs, do, (0, duration_ms * (1 + 1e-9)))
    neurons = indices(where, spikes[1], size, "give the size of the population in sizes")
    if len(times) != len(neurons):
        got = f"{len(times)} times and {len(neurons)} neurons"
        refuse(where, "one neuron for each time", got, "pass both arrays of one recording")
    return times, neurons


@styled
def raster_pair(
    before: _Spikes,
    after: _Spikes,
    sizes: Mapping[str, int],
    duration_ms: float,
    label: int | str,
    decision_before: int | str,
    decision_after: int | str,
    *,
    ax: Sequence[Axes] | None = None,
) -> NDArray[Any]:
    """Draw the same trial before and after learning, side by side; return both Axes.

    Parameters
    ----------
    before, after
        Spikes of the trial as in `raster`, of the same populations.
    sizes, duration_ms
        As in `raster`.
    label
        Class of the stimulus, number or name.
    decision_before, decision_after
        What the network decided.
    """
    if set(before) != set(after):
        refuse("after", f"what before has {list(before)}", f"{list(after)}", "record the same")
    if ax is None:
        figure = NotebookFigure(figsize=(8.6, 3.8), layout="constrained")
        ax = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06})
    pair = np.array(ax, dtype=object).ravel()
    if len(pair) != 2:
        refuse("ax", "two Axes", f"{len(pair)}", "pass a pair, or None for a new figure")
    said = f"before learning: says {decision_before}"
    raster(before, sizes, duration_ms, title=said, ax=pair[0])
    said = f"after learning: says {decision_after} (label {label})"
    raster(after, sizes, duration_ms, title=said, ax=pair[1]).tick_params(labelleft=False)
    return pair


@styled
def confusion_matrix(
    labels: ArrayLike,
    decisions: ArrayLike,
    class_names: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each class (row) was decided as each class (column).

    Parameters
    ----------
    labels, decisions
        Class of each trial and what was decided, whole numbers from 0, shape (n_trials,).
    class_names
        Names of the classes, shape (n_classes,); None shows numbers.
    """
    most = np.inf if class_names is None else len(class_names)
    true = indices("labels", labels, most, "number and name all classes")
    decided = indices("decisions", decisions, most, "number and name all classes")
    if len(true) != len(decided) or not len(true):
        got = f"{len(decided)} for {len(true)} labels"
        refuse("decisions", "one for each label, and a trial", got, "pass both of the same trials")
    n = int(max(true.max(), decided.max())) + 1 if class_names is None else len(class_names)
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (true, decided), 1)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax = new_axes(ax, (5.0, 4.2))
    norm = PowerNorm(0.5, 0, 100)  # so that rare confusions show
    color_bar(ax, ax.imshow(shares, cmap="Blues", norm=norm), "share of the row [%]")
    for row, column in np.argwhere(counts) if n <= 12 else ():
        color = "white" if shares[row, column] > 35 else "#333333"
        at: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "color": color}
        ax.text(column, row, str(counts[row, column]), **at)
    if n <= 12 or class_names is not None:
        names = [str(name) for name in class_names or range(n)]
        ax.set_xticks(range(n), names, rotation=90 if max(map(len, names)) > 3 else 0)
        ax.set_yticks(range(n), names)
    ax.set(xlabel="decision [class]", ylabel="label [class]")
    ax.set_title(f"accuracy {100 * np.mean(true == decided):.1f} % of {len(true)} trials")
    return ax


@styled
def receptive_fields(
    weights: ArrayLike,
    shape: Sequence[int],
    n: int = 36,
    rng: np.random.Generator | None = None,
    *,
    unit: str = "threshold",
    ax: Axes | None = None,
) -> Axes:
    """Draw the weights into single neurons as images, or all weights if the stimulus is none.

    The colours end at the 99.5th percentile of what is drawn; the colour bar points beyond.

    Parameters
    ----------
    weights
        Shape (n_pre, n_post).
    shape
        Height and width of the stimulus; any other shape, such as (n_pre,), is no image.
    n
        Number of neurons: those with the largest weight norm.
    rng
        Draws the neurons at random instead.
    unit
        Unit of the weights.
    """
    shape, needs = tuple(shape), "numbers of shape (n_pre, n_post)"
    w = checked("weights", weights, needs, "pass one projection", ndim=2).astype(float)
    if np.prod(shape) != len(w) or not w.size or n < 1:
        got, do = f"shape {shape} for weights {w.shape}, n={n}", "take the shape of the data set"
        refuse("shape", "as many inputs as weights, n >= 1", got, do)
    ax = new_axes(ax, (5.0, 4.4))
    if len(shape) != 2:
        image = ax.imshow(w, aspect="auto", origin="lower", **diverging(w))
        ax.set(xlabel="postsynaptic neuron [index]", ylabel="presynaptic neuron [index]")
    else:
        order = np.argsort(-np.linalg.norm(w, axis=0), kind="stable")
        order = (order if rng is None else rng.permutation(w.shape[1]))[:n]
        image = _mosaic(ax, w[:, order].T.reshape(-1, *shape))
        which = "of largest weight norm" if rng is None else "drawn at random"
        ax.set_title(f"{len(order)} of {w.shape[1]} neurons, {which}")
    color_bar(ax, image, f"weight [{unit}]")
    return ax


def _mosaic(ax: Axes, fields: NDArray[Any]) -> Any:
    """Draw images (n, height, width) [pixels] in rows, a thin frame around each."""
    n, height, width = fields.shape
    columns = int(np.ceil(np.sqrt(n)))
    gap = 1 + max(height, width) // 16
    canvas = np.full((-(-n // columns) * (height + gap), columns * (width + gap)), np.nan)
    frames = []
    for k, field in enumerate(fields):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        canvas[top : top + height, left : left + width] = field
        frames.append(Rectangle((left - 0.5, top - 0.5), width, height))
    image = ax.imshow(canvas[:-gap, :-gap], interpolation="nearest", **diverging(fields))
    ax.add_collection(PatchCollection(frames, facecolor="none", edgecolor="#BBBBBB", linewidth=0.5))
    ax.set(xticks=[], yticks=[], xlabel=f"fields of {height} x {width} [pixels]")
    return image


@styled
def firing_rates(
    rates: Mapping[str, ArrayLike], *, log: bool | None = None, ax: Axes | None = None
) -> Axes:
    """Draw, for each population, the share of neurons that fire at most at a rate.

    The steps need no bins, so 10 neurons compare with 500. Silent neurons are where a line
    begins, and are counted in its name.

    Parameters
    ----------
    rates
        Rate of each neuron [Hz], by population: name -> shape (n,).
    log
        Whether the axis of rates is logarithmic; None decides: if nine in ten of the rates
        above 0 span a factor of more than 50.
    """
    do, above = "divide spike counts by the time in seconds", (0.0, np.inf)
    given = {k: checked(f"rates[{k!r}]", v, "rates >= 0 Hz", do, above) for k, v in rates.items()}
    if not given or not all(len(values) for values in given.values()):
        refuse("rates", "populations with neurons", f"{list(given)}", "leave out the empty ones")
    firing = np.concatenate([values[values > 0] for values in given.values()])
    firing = firing if firing.size else np.ones(1)
    few, many = np.quantile(firing, (0.05, 0.95))
    log = bool(many > 50 * few) if log is None else log
    left, right = (firing.min() / 1.5 if log else 0.0), 1.05 * firing.max()
    ax = new_axes(ax, (5.2, 3.2))
    for k, (name, values) in enumerate(given.items()):
        silent, n = int(np.sum(values == 0)), len(values)
        x = np.concatenate([[left], np.sort(values)[silent:], [right]])
        y = 100 * np.concatenate([np.arange(silent, n + 1), [n]]) / n
        text = f"{name} ({silent} of {n} silent)"
        ax.plot(x, y, drawstyle="steps-post", color=color(k), label=text)
    ax.set(xlabel="firing rate [Hz]", ylabel="neurons at or below this rate [%]")
    ax.set(xscale="log" if log else "linear", xlim=(left, right), ylim=(0, 102))
    ax.legend(loc="best" if log else "lower right")
    return ax
