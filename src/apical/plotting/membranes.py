"""Traces: membrane potentials, dendrites and other signals of some neurons over one trial."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from apical._base.checking import shown
from apical._base.parameters import Names
from apical.neurons.lif import LIF
from apical.plotting.checks import Numbers, Panels, indices, one_trial, refuse
from apical.plotting.style import GREY, NotebookFigure, color, styled
from apical.records.arrays import Records

_NAMES = {
    "v": "membrane v",
    "I": "current I",
    "teach": "dendrite teach",
    "x": "trace x",
    "gain": "gain",
    "delta": "delta",
}
_ROW = 0.075
"""Height of a row of spikes, in heights of the panel."""


@styled
def traces(
    records: Records,
    population: str,
    signals: Names | str = ("v", "teach"),
    units: Numbers | None = None,
    trial: int = 0,
    *,
    ax: Panels | None = None,
) -> NDArray[Any]:
    """Draw signals of some neurons over one trial, a panel for each; return all Axes.

    Spikes, where they were recorded, are marked above the first panel, a row for each neuron in its
    colour. A trace at the time of a spike has its value after the spike.

    Parameters
    ----------
    records
        Recorded activity, with the signals at every time step.
    population
        Name of the population.
    signals
        Names of the signals, from the top.
    units
        Indices of at most 7 neurons; by default the three with most spikes in the trial.
    trial
        Number of the trial in the records, from 0.
    ax
        As many Axes as signals; a new figure by default.

    Raises
    ------
    DataError
        If something was not recorded, or has one point in time only.

    See Also
    --------
    raster_of : Spikes of all neurons of a trial.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import numpy as np
    >>> from apical import plotting
    >>> from apical.testing.references import records
    >>> walk = np.random.default_rng(0).normal(size=(2, 50, 3)).cumsum(axis=1)  # trial, time, unit
    >>> walking = replace(records(), signals={"hidden.v": walk})
    >>> axes = plotting.traces(walking, "hidden", ["v"], units=[0, 1])
    >>> [ax.get_ylabel() for ax in axes], axes[-1].get_xlabel()
    (['membrane v\\n[threshold]'], 'time [ms]')
    >>> plotting.traces(records(), "output", ["x"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: signals: 'x': needs values at every time step, got ...
    """
    trial = one_trial(records, trial)
    if isinstance(signals, str) or not len(signals):
        refuse("signals", "a list of names", shown(signals), "give for instance ['v']")
    recorded = {name: records.signal(population, name) for name in signals}
    for name, values in recorded.items():
        if values.shape[1] < 2:
            got, do = "the end of the trial only", "record on device 'runtime'"
            refuse(f"signals: {shown(name)}", "values at every time step", got, do)
    chosen = _chosen(records, population, units, trial)
    if ax is None:
        size = (5.8, 0.7 + 1.6 * len(signals))
        figure = NotebookFigure(figsize=size, layout="constrained")
        axes = figure.subplots(len(signals), 1, sharex=True, squeeze=False).ravel()
    else:
        axes = np.array(ax, dtype=object).ravel()
    if len(axes) != len(signals):
        refuse("ax", f"{len(signals)} Axes", f"{len(axes)}", "pass one for each signal, or None")
    kind = records.units[population].kind
    for panel, (name, values) in zip(axes, recorded.items(), strict=True):
        times = records.times(values.shape[1])
        for k, unit in enumerate(chosen):
            panel.plot(times, values[trial, :, unit], color=color(k), linewidth=1.1)
        _label(panel, name, kind)
        panel.set(xlim=(0, records.duration))
        panel.tick_params(labelbottom=panel is axes[-1])
    axes[-1].set_xlabel("time [ms]")
    _mark_spikes(axes[0], records, population, chosen, trial)
    axes[0].set_title(f"{population}, trial {trial}: {records.said(trial)}")
    return axes


def _chosen(
    records: Records, population: str, units: Numbers | None, trial: int
) -> NDArray[np.int64]:
    """Validate and return the neurons to draw."""
    n = len(records.units[population])
    if units is None:
        fired = np.zeros(n, int)
        if population in records.spikes:
            fired = records.counts(population)[trial]
        return np.sort(np.argsort(-fired, kind="stable")[:3])
    chosen = indices("units", units, n, f"{population!r} has {n} neurons")
    if not 1 <= len(chosen) <= 7 or len(set(chosen.tolist())) < len(chosen):
        refuse("units", "1 to 7 different neurons", f"{chosen.tolist()}", "draw the others apart")
    return chosen


def _label(ax: Axes, signal: str, kind: str) -> None:
    """Label the axis of a signal, and mark the threshold of a membrane potential."""
    of_membrane = kind == LIF.__name__ and signal in ("v", "I")
    unit = "threshold" if of_membrane else "dimensionless"
    ax.set_ylabel(f"{_NAMES.get(signal, signal)}\n[{unit}]", fontsize=9)
    if of_membrane and signal == "v":
        ax.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))


def _mark_spikes(
    ax: Axes, records: Records, population: str, chosen: NDArray[np.int64], trial: int
) -> None:
    """Mark spikes in rows above the traces, each named after its neuron."""
    recorded = population in records.spikes
    low, high = ax.get_ylim()
    room = _ROW * (len(chosen) + 1)
    ax.set_ylim(low, high + (high - low) * room / (1 - room))  # the rows are above all traces
    where = ax.get_yaxis_transform()  # across: in units of the panel; up: of the data
    top = ax.get_ylim()[1]
    pitch = _ROW * (top - low)
    for k, unit in enumerate(chosen):
        height = top - (k + 0.5) * pitch
        if recorded:
            spikes = records.spikes[population].of_trial(trial)
            times = spikes.time[spikes.unit == unit]
            look: dict[str, Any] = {"color": color(k), "markersize": 5, "mew": 1.2}
            ax.plot(times, np.full(len(times), height), "|", **look)
        name = f"neuron {unit}"
        ax.text(1.01, height, name, color=color(k), transform=where, va="center", fontsize=8)
