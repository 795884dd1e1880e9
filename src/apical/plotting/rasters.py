"""Raster plots: the spike trains of a trial, a band for each population."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import shown
from apical._base.parameters import Names
from apical.plotting.checks import Numbers, Panels, checked, indices, one_trial, refuse
from apical.plotting.style import GREY, NotebookFigure, color, inches, new_axes, styled
from apical.records.arrays import Records

_Spikes = Mapping[str, tuple[Numbers, Numbers]]


@styled
def raster(
    spikes: _Spikes,
    sizes: Mapping[str, int],
    duration_ms: float,
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a raster plot of one trial, a band for each population.

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

    See Also
    --------
    raster_of : Of a recorded trial.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> spikes = {"stimulus": ([1.0, 4.0], [0, 2]), "hidden": ([6.0], [1])}
    >>> ax = plotting.raster(spikes, {"stimulus": 3, "hidden": 2}, 10.0, title="one digit")
    >>> ax.get_xlabel(), ax.get_title(loc="left") or ax.get_title()
    ('time [ms]', 'one digit')
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
            ax.text(*middle, "no spikes", color=GREY, ha="center", va="center")
    ax.set(xlim=(0, duration_ms), ylim=(0, starts[-1] - 0.03), xlabel="time [ms]", title=title)
    ax.set_yticks(starts[:-1] + heights / 2, [f"{name}\n({sizes[name]})" for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def _band(
    name: str, spikes: tuple[ArrayLike, ArrayLike], size: int, duration_ms: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Validate and return spike times [ms] and neurons of a population."""
    where, needs = f"spikes[{shown(name)}]", f"times from 0 to {duration_ms:g} ms"
    do = "select one trial and subtract its start"
    times = checked(where, spikes[0], needs, do, (0, duration_ms * (1 + 1e-9)))
    neurons = indices(where, spikes[1], size, "give the size of the population in sizes")
    if len(times) != len(neurons):
        got = f"{len(times)} times and {len(neurons)} neurons"
        refuse(where, "one neuron for each time", got, "pass both arrays of one recording")
    return times, neurons


@styled
def raster_of(
    records: Records,
    trial: int,
    populations: Names | None = None,
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a raster plot of one recorded trial, as `raster` does.

    Parameters
    ----------
    records
        Recorded activity, with spikes.
    trial
        Number of the trial in the records, from 0.
    populations
        Names of those to draw, in the order they were recorded; by default all that spike.
    title
        Text above the raster; by default decision and label.

    Raises
    ------
    DataError
        If the trial or the spikes of a population were not recorded.

    See Also
    --------
    apical.records.recording.record : Records trials.

    Examples
    --------
    >>> from apical import plotting
    >>> from apical.testing.references import records
    >>> ax = plotting.raster_of(records(), trial=1)
    >>> ax.get_xlabel(), ax.get_title(loc="left") or ax.get_title()
    ('time [ms]', 'trial 1: decision 0 (label 1)')
    >>> plotting.raster_of(records(), trial=2)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: trial: needs one of the 2 recorded trials, from 0, got ...
    """
    trial = one_trial(records, trial)
    names = list(records.spikes) if populations is None else list(populations)
    if not names:
        do = "record one that spikes; traces draws graded activity"
        refuse("populations", "one whose spikes were recorded", "none", do)
    for name in names:
        records.counts(name)  # says what is missing
    shown = {name: records.spikes[name].of_trial(trial) for name in names}
    if title is None:
        title = f"trial {trial}: {records.said(trial)}"
    sizes = {name: len(units) for name, units in records.units.items()}
    spikes = {name: (part.time, part.unit) for name, part in shown.items()}
    return raster(spikes, sizes, records.duration, title=title, ax=ax)


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
    ax: Panels | None = None,
) -> NDArray[Any]:
    """Draw raster plots of a trial before and after learning, side by side; return both Axes.

    Parameters
    ----------
    before, after
        Spikes of the trial as in `raster`, of the same populations.
    sizes, duration_ms
        As in `raster`.
    label
        Class of the stimulus, number or name.
    decision_before, decision_after
        Decisions of the network.

    Examples
    --------
    >>> from apical import plotting
    >>> before, after = {"hidden": ([6.0], [1])}, {"hidden": ([2.0, 6.0], [0, 1])}
    >>> axes = plotting.raster_pair(before, after, {"hidden": 2}, 10.0, 7, 1, 7)
    >>> [ax.get_title(loc="left") or ax.get_title() for ax in axes]
    ['before learning: decision 1', 'after learning: decision 7 (label 7)']
    """
    if set(before) != set(after):
        refuse("after", f"what before has {list(before)}", f"{list(after)}", "record the same")
    if ax is None:
        figure = NotebookFigure(figsize=(8.6, 3.8), layout="constrained")
        ax = figure.subplots(1, 2, gridspec_kw={"wspace": 0.06})
    pair = np.array(ax, dtype=object).ravel()
    if len(pair) != 2:
        refuse("ax", "two Axes", f"{len(pair)}", "pass a pair, or None for a new figure")
    said = f"before learning: decision {decision_before}"
    raster(before, sizes, duration_ms, title=said, ax=pair[0])
    said = f"after learning: decision {decision_after} (label {label})"
    raster(after, sizes, duration_ms, title=said, ax=pair[1]).tick_params(labelleft=False)
    return pair
