"""Distributions over neurons: empirical cumulative distributions (ECDF) and histograms."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import listed, shown
from apical._base.extras import undisturbed
from apical._base.rounding import is_flat, is_nothing, size_of, tied
from apical.plotting.checks import Numbers, Panels, checked, refuse, with_gaps
from apical.plotting.lines import panels
from apical.plotting.style import color, new_axes, styled


@styled
def firing_rates(
    rates: Mapping[str, Numbers], *, log: bool | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the cumulative distribution of firing rates for each population.

    It needs no bins, so populations of 10 and 500 neurons can be compared. Silent neurons set the
    start of a line, and are counted in its label.

    Parameters
    ----------
    rates
        Rate of each neuron [Hz], by population: name -> shape (n,).
    log
        Whether the axis of rates is logarithmic; None decides: if nine in ten of the rates
        above 0 span a factor of more than 50.

    Examples
    --------
    >>> from apical import plotting
    >>> ax = plotting.firing_rates({"hidden": [0.0, 5.0, 8.0, 20.0], "output": [10.0, 30.0]})
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('firing rate [Hz]', 'neurons at or below this rate [%]')
    >>> ax.get_legend_handles_labels()[1]
    ['hidden (1 of 4 silent)', 'output (0 of 2 silent)']
    """
    do, above = "divide spike counts by the time in seconds", (0.0, np.inf)
    given = {
        k: checked(f"rates[{shown(k)}]", v, "rates >= 0 Hz", do, above) for k, v in rates.items()
    }
    if not given or not all(len(values) for values in given.values()):
        refuse("rates", "populations with neurons", listed(list(given)), "leave out the empty ones")
    size = max(size_of(values) for values in given.values())
    given = {name: np.where(is_nothing(v, size), 0, v) for name, v in given.items()}
    firing = np.concatenate([values[values > 0] for values in given.values()])
    firing = firing if firing.size else np.ones(1)
    few, many = np.quantile(firing, (0.05, 0.95))
    log = bool(many > 50 * few) if log is None else log
    left, right = (firing.min() / 1.5 if log else 0.0), 1.05 * firing.max()
    ax = new_axes(ax, (5.2, 3.2))
    for k, (name, values) in enumerate(given.items()):
        silent, n = int(np.sum(values == 0)), len(values)
        _steps(ax, values, (left, right), f"{name} ({silent} of {n} silent)", k, silent)
    ax.set(xlabel="firing rate [Hz]", ylabel="neurons at or below this rate [%]")
    ax.set(xscale="log" if log else "linear", xlim=(left, right), ylim=(0, 102))
    ax.legend(loc="best" if log else "lower right")
    return ax


@styled
def distributions(
    values: Mapping[str, Numbers],
    xlabel: str,
    *,
    kind: Literal["ecdf", "histogram"] = "ecdf",
    of: str = "neurons",
    ax: Axes | None = None,
) -> Axes:
    """Draw the distributions of any quantity, for instance CVs or weights.

    Parameters
    ----------
    values
        Name -> numbers, of any shape. NaN stands for undefined values, such as the variability of a
        silent neuron: they are left out, and counted in the label.
    xlabel
        Label of the quantity, with its unit.
    kind
        ``"ecdf"``, the empirical cumulative distribution, or ``"histogram"``, with 40 bins shared
        by all names.
    of
        Units of observation, for the other axis: ``"neurons"``, ``"synapses"``, ...

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> weights = np.random.default_rng(0).normal(size=(10, 5))
    >>> ax = plotting.distributions({"hidden": weights}, "weight", kind="histogram", of="synapses")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('weight', 'synapses in each bin [%]')
    """
    given = {name: _defined(f"values[{shown(name)}]", numbers) for name, numbers in values.items()}
    if not given or kind not in ("ecdf", "histogram"):
        got = f"{len(given)} names and kind {shown(kind)}"
        refuse("values", "a name or more and kind 'ecdf' or 'histogram'", got, "give those")
    left, right = _span(given)
    edges = np.linspace(left, right, 41)
    ax = new_axes(ax, (5.2, 3.2))
    for k, (name, (found, missing)) in enumerate(given.items()):
        label = f"{name} ({len(found):,}{f', {missing:,} undefined' if missing else ''})"
        if kind == "ecdf":
            _steps(ax, found, (left, right), label, k)
        else:
            shares = 100 * np.histogram(found, edges)[0] / len(found)
            ax.stairs(shares, edges, color=color(k), linewidth=1.6, label=label)
    share = "at or below this value" if kind == "ecdf" else "in each bin"
    ax.set(xlabel=xlabel, ylabel=f"{of} {share} [%]", xlim=(left, right))
    ax.set_ylim(0, 102 if kind == "ecdf" else None)
    ax.legend(fontsize=8)
    return ax


@styled
def recording_comparison(
    model: Mapping[str, Numbers],
    recording: Mapping[str, Numbers],
    *,
    names: tuple[str, str] = ("model", "recording"),
    ax: Panels | None = None,
) -> NDArray[Any]:
    """Draw distributions of a model over those of a recording, a panel for each quantity.

    The legend of each panel gives the Kolmogorov-Smirnov distance, the largest vertical distance of
    the two lines: 0 if they are the same, 1 if they do not overlap (`scipy.stats.ks_2samp`).

    Parameters
    ----------
    model, recording
        Quantity -> values, one for each neuron, for instance
        ``{"firing rate [Hz]": rates, "CV of intervals [1]": cvs}``; the same keys in both, which
        name the axes. NaN is left out and counted, as in `distributions`.
    names
        Labels of the two.

    Examples
    --------
    >>> from apical import plotting
    >>> model, recording = {"firing rate [Hz]": [2.0, 4.0]}, {"firing rate [Hz]": [3.0, 9.0, 12.0]}
    >>> (ax,) = plotting.recording_comparison(model, recording, names=("network", "V1"))
    >>> ax.get_xlabel()
    'firing rate [Hz]'

    No neuron of the network fires faster than 4 Hz, two of three recorded ones do:

    >>> ax.get_legend().get_title().get_text()
    'KS distance 0.67'
    """
    with undisturbed():
        from scipy.stats import ks_2samp

    if not model or set(model) != set(recording):
        refuse(
            "recording",
            f"what model has ({listed(list(model))})",
            listed(list(recording)),
            "give the same",
        )
    both: list[Mapping[str, ArrayLike]] = [model, recording]
    if len(set(names)) != 2:
        refuse("names", "two names", shown(names), "name the model and the recording differently")
    axes = panels(len(model)) if ax is None else np.array(ax, dtype=object).ravel()
    if len(axes) != len(model):
        refuse("ax", f"{len(model)} Axes", f"{len(axes)}", "pass one for each quantity, or None")
    for panel, quantity in zip(axes, model, strict=True):
        pair = {name: given[quantity] for name, given in zip(names, both, strict=True)}
        distributions(pair, quantity, ax=panel)
        one, other = (_defined(quantity, numbers)[0] for numbers in pair.values())
        joined = tied(np.concatenate([one, other]))
        apart = ks_2samp(joined[: len(one)], joined[len(one) :]).statistic
        panel.legend(title=f"KS distance {apart:.2f}", fontsize=8, title_fontsize=8)
    return axes


def _steps(
    ax: Axes, values: NDArray[Any], ends: tuple[float, float], label: str, k: int, first: int = 0
) -> None:
    """Draw the cumulative distribution of sorted values, from value number `first` on."""
    n = len(values)
    x = np.concatenate([[ends[0]], np.sort(values)[first:], [ends[1]]])
    y = 100 * np.concatenate([np.arange(first, n + 1), [n]]) / n
    ax.plot(x, y, drawstyle="steps-post", color=color(k), label=label)


def _defined(where: str, numbers: ArrayLike) -> tuple[NDArray[Any], int]:
    """Return the values that are not NaN, shape (n,), and the number of NaN."""
    array = with_gaps(where, numbers, "numbers, not all NaN", "leave out what is never defined")
    return array[~np.isnan(array)], int(np.isnan(array).sum())


def _span(given: Mapping[str, tuple[NDArray[Any], int]]) -> tuple[float, float]:
    """Return the limits of the axis of values."""
    every = np.concatenate([found for found, _ in given.values()])
    low, high = float(every.min()), float(every.max())
    room = 0.5 if is_flat([low, high]) else 0.04 * (high - low)
    return (0.0 if low >= 0 and low - room <= 0.2 * high else low - room), high + room
