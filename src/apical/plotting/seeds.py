"""Strip plots: the value of every seed in every condition, with means and intervals."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from apical._base.checking import shown
from apical._base.rounding import is_flat
from apical.plotting.checks import Numbers, checked, refuse
from apical.plotting.style import GREY, color, new_axes, styled


@styled
def every_seed(
    groups: Mapping[str, Mapping[int, float]],
    metric: str = "test_accuracy",
    *,
    intervals: Numbers | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a strip plot of the results of all runs, a row for each condition.

    Parameters
    ----------
    groups
        Name -> seed -> value.
    metric
        Name of the metric; accuracies are fractions and are drawn in percent.
    intervals
        For each group its mean and the ends of an interval, drawn as a bar above the points.
    ax
        Axes to draw into; a new figure by default.

    Examples
    --------
    >>> from apical import plotting
    >>> ax = plotting.every_seed({"DFA": {0: 0.97, 1: 0.98}, "BP": {0: 0.98, 1: 0.985}})
    >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
    ('test accuracy, learning off [%]', ['DFA', 'BP'])
    """
    if not groups or not all(groups.values()):
        refuse("groups", "one group or more, each with a seed", "none", "finish some runs first")
    scale, named = (100.0, True) if metric.endswith("accuracy") else (1.0, False)
    needs, do = f"mean and ends of {len(groups)} groups, shape (n, 3)", "give three for each"
    bars = (
        np.zeros((0, 3))
        if intervals is None
        else checked("intervals", intervals, needs, do, ndim=2)
    )
    if intervals is not None and bars.shape != (len(groups), 3):
        refuse("intervals", needs, f"shape {bars.shape}", do)
    ax = new_axes(ax, (6.0, 1.2 + 0.42 * len(groups)))
    places = {name: float(k) for k, name in enumerate(groups)}
    say = "finite numbers", "leave out runs that are not finished"
    values = {
        name: scale * checked(f"groups[{shown(name)}]", list(of.values()), *say)
        for name, of in groups.items()
    }
    every = np.concatenate(list(values.values()))
    room = 0.015 * (1.0 if is_flat(every) else float(np.ptp(every)))
    for name, place in places.items():
        _points(ax, np.sort(values[name]), place, room)
    for name, given in zip(groups, bars, strict=False):
        mean, low, high = (scale * float(x) for x in given)
        y = places[name] - 0.22
        ax.plot([low, high], [y, y], color=color(1), zorder=3)
        ax.plot([mean], [y], "D", color=color(1), zorder=3)
    text = metric.replace("_", " ")
    ax.set_xlabel(f"{text}, learning off [%]" if named else text)
    ax.set(yticks=list(places.values()), yticklabels=list(groups), ylim=(len(groups) - 0.5, -0.6))
    ax.tick_params(axis="y", length=0)
    n = {len(of) for of in groups.values()}
    seeds = f"{min(n)}" if len(n) == 1 else f"{min(n)} to {max(n)}"
    said = "\ndiamond and bar: mean and 95 % interval" if intervals is not None else ""
    ax.set_title(f"every point is a run, {seeds} seeds in a row{said}", fontsize=8, color=GREY)
    return ax


def _points(ax: Axes, values: np.ndarray, place: float, room: float) -> None:
    """Draw sorted values; those that would overlap are drawn one below the other."""
    lanes: list[float] = []
    for x in values:
        lane = next((k for k, last in enumerate(lanes) if x - last > room), len(lanes))
        lanes[lane : lane + 1] = [x]
        ax.plot([x], [place + 0.1 * lane], "o", color=color(0), alpha=0.8, zorder=2)
