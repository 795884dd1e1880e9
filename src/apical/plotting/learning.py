"""Learning curves: accuracy and other metrics during training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import shown
from apical.plotting.checks import Numbers, checked, percent, refuse
from apical.plotting.lines import Band, curves
from apical.plotting.style import GREY, inches, new_axes, styled


@styled
def learning_curve(
    trials: Numbers,
    accuracy: Numbers,
    *,
    train: Numbers | None = None,
    name: str = "test data",
    chance: float | None = None,
    published: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw test accuracy [%] against training trials; call again with ``ax=`` to compare.

    Parameters
    ----------
    trials
        Training trials before each test, increasing, shape (n_points,).
    accuracy
        Fraction decided correctly with learning off, shape (n_points,), or for several seeds
        (n_seeds, n_points): a thin line for each seed, a thick one for their mean.
    train
        The same fraction on training data, of either shape; its mean is drawn dotted.
    name
        Label of the curve, at its right end.
    chance
        Chance level as a fraction, drawn as a dotted line.
    published
        Fractions reported elsewhere, by source, drawn as dashed lines.

    See Also
    --------
    learning_curves : Several conditions, with the spread over seeds.

    Examples
    --------
    >>> from apical import plotting
    >>> ax = plotting.learning_curve([0, 1000, 2000], [0.1, 0.8, 0.9], chance=0.1)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('trials learned', 'accuracy, learning off [%]')
    >>> ax.lines[0].get_ydata().tolist()
    [10.0, 80.0, 90.0]
    """
    at = checked("trials", trials, "numbers from 0", "count trials learned", (0, np.inf))
    if not at.size or np.any(np.diff(at) <= 0):
        refuse("trials", "one or more rising numbers", f"{at}", "sort the tests by trials learned")
    tested = percent("accuracy", accuracy, len(at))
    trained = None if train is None else percent("train", train, len(at))
    levels = [
        (key, percent(f"published[{shown(key)}]", [x], 1)) for key, x in (published or {}).items()
    ]
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
        ax.axhline(level.item(), color=GREY, linewidth=1, linestyle=dashes, label=key)
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
def learning_curves(
    runs: Mapping[str, pd.DataFrame | Numbers],
    *,
    metric: str = "test_accuracy",
    subject: str = "",
    x: str = "epoch",
    band: Band = "interval",
    chance: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw learning curves of several conditions, with the spread over seeds.

    A thin line for each run, a thick one for their mean, and a band.

    Parameters
    ----------
    runs
        Name -> runs: either the table of ``metrics.csv`` (columns `x`, metric, value, subject where
        metrics have one, and run or seed or both where there are several; concatenated), or a list
        of arrays, one for each run, shape (n_points,), measured after 0, 1, ... of `x`.
    metric
        Metric to take from tables, and label of the axis. Accuracies are fractions and are drawn in
        percent.
    subject
        Population or projection of the metric; "" for the whole network.
    x
        Variable of the x axis: ``"epoch"``, ``"block"`` or ``"trial"``.
    band
        As in `curves`.
    chance
        Chance level as a fraction, drawn as a dotted line.

    See Also
    --------
    learning_curve : One condition, beside published numbers.
    every_seed : Final results only.

    Examples
    --------
    >>> from apical import plotting
    >>> seeds = [[0.1, 0.7, 0.9], [0.1, 0.8, 0.9]]
    >>> ax = plotting.learning_curves({"DFA": seeds, "BP": seeds}, chance=0.1)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('epochs', 'test accuracy, learning off [%]')
    >>> ax.get_legend_handles_labels()[1]
    ['DFA, mean of 2', 'BP, mean of 2', 'chance']
    """
    if not runs:
        refuse("runs", "one name or more", "none", "give name -> table or arrays")
    accuracy, series = metric.endswith("accuracy"), {}
    for name, given in runs.items():
        at, rows = measured(f"runs[{shown(name)}]", given, (metric, subject), x)
        series[name] = (at, percent(f"runs[{shown(name)}]", rows, len(at)) if accuracy else rows)
    named = " of ".join(filter(None, (metric, subject))).replace("_", " ")
    ylabel = f"{named}, learning off [%]" if accuracy else f"{named} [dimensionless]"
    levels = {} if chance is None else {"chance": percent("chance", [chance], 1).item()}
    return curves(series, _XLABELS.get(x, x), ylabel, levels=levels, band=band, ax=ax)


_XLABELS = {"epoch": "epochs", "block": "blocks", "trial": "trials learned"}


def measured(
    where: str, runs: pd.DataFrame | ArrayLike, metric: tuple[str, str], x: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the times of a metric of a subject, (n_points,), and its values (n_runs, n_points).

    The metric is the pair of both.
    """
    if not isinstance(runs, pd.DataFrame):
        needs, do = "an array for each run, all of one length", "cut them to the shortest"
        given: Any = runs
        rows = np.atleast_2d(checked(where, given, needs, do, ndim=None))
        if rows.ndim != 2 or not rows.size:
            refuse(where, needs, f"shape {rows.shape}", do)
        return np.arange(rows.shape[1]), rows
    missing = [column for column in (x, "metric", "value") if column not in runs.columns]
    if missing:
        got, do = ", ".join(map(str, runs.columns)), "read the metrics.csv of a run"
        refuse(where, f"a column {shown(missing[0])}", f"columns {got or 'none'}", do)
    # pandas reads an empty field as missing
    subjects = runs["subject"].fillna("") if "subject" in runs.columns else [""] * len(runs)
    names = pd.Series(list(zip(runs["metric"], subjects, strict=True)), runs.index, object)
    rows = runs[names == metric]
    if not len(rows):
        known = ", ".join(" of ".join(filter(None, name)) for name in pd.unique(names)) or "none"
        wanted = " of ".join(filter(None, metric))
        refuse(where, f"values of {wanted!r}", f"those of {known}", "name one as metric, subject")
    keys = [column for column in ("run", "seed") if column in rows.columns]
    # the last block of an epoch gives the value of the epoch
    table = rows.assign(_run=0).pivot_table("value", ["_run", *keys], x, aggfunc="last")
    if table.isna().to_numpy().any():
        do = "leave out the unfinished or draw them under names of their own"
        refuse(where, f"every run measured at the same of {x!r}", "some at fewer", do)
    return table.columns.to_numpy(), table.to_numpy()
