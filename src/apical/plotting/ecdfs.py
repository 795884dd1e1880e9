"""Distributions without bins: the share of neurons at or below a value."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from apical.plotting.checks import checked, refuse
from apical.plotting.style import color, new_axes, styled


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
