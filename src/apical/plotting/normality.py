"""Normality plots: a histogram and a QQ plot against the fitted normal distribution."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from apical._base.checking import shown
from apical._base.extras import undisturbed
from apical.measures.normality import normal_fit
from apical.plotting.checks import Numbers, checked, refuse
from apical.plotting.style import GREY, NotebookFigure, color, styled

MOST = 400
"""Number of quantiles of a QQ plot."""


@styled
def normality(samples: Mapping[str, Numbers], *, unit: str = "value") -> Sequence[Axes]:
    """Draw standardised histograms and QQ plots of samples against the normal distribution.

    Above, histograms of z-scores with the standard normal density; below, quantile-quantile plots,
    which follow the line if a sample is normal. Titles give the Kolmogorov-Smirnov distance D of
    the Lilliefors test (`apical.measures.normality.normal_fit`).

    Parameters
    ----------
    samples
        Name -> numbers, of any shape; one column of panels for each.
    unit
        Name of the quantity.

    Returns
    -------
    Axes
        Those of the histograms, then those of the QQ plots.

    See Also
    --------
    apical.measures.normality.normal_fit : The fit and its critical value.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> weights = np.random.default_rng(0).normal(size=200)
    >>> histogram, quantiles = plotting.normality({"weights": weights})
    >>> histogram.get_xlabel(), quantiles.get_xlabel()
    ('', 'normal quantiles [std]')
    """
    with undisturbed():  # here, since it is slow to import and other figures need none of it
        from scipy import stats

    if not samples:
        refuse("samples", "one or more", "none", "give name -> numbers")
    figure = NotebookFigure(figsize=(2.6 * len(samples) + 0.6, 4.6), layout="constrained")
    axes = figure.subplots(2, len(samples), squeeze=False, sharex=True, sharey="row")
    at = np.linspace(-4.5, 4.5, 200)
    for k, (name, given) in enumerate(samples.items()):
        where = f"samples[{shown(name)}]"
        values = checked(where, given, "finite numbers", "leave others out", ndim=None).ravel()
        fit = normal_fit(values)
        scaled = np.sort((values - fit.mean) / fit.std)
        above, below = axes[:, k]
        above.hist(scaled, bins=60, range=(-4.5, 4.5), density=True, color=color(0), alpha=0.55)
        above.plot(at, stats.norm.pdf(at), color=GREY, linewidth=1)
        above.set_title(f"{name}\nD = {fit.distance:.4f} (chance {fit.chance:.4f})", fontsize=8)
        ranks = np.unique(np.linspace(0, len(scaled) - 1, min(MOST, len(scaled))).astype(int))
        normal = stats.norm.ppf((ranks + 0.5) / len(scaled))
        below.plot(at, at, color=GREY, linewidth=1)
        below.plot(normal, scaled[ranks], ".", color=color(0), markersize=3)
        below.set(xlabel="normal quantiles [std]")
    axes[0, 0].set(ylabel="density")
    axes[1, 0].set(ylabel=f"{unit} [std]", ylim=(-6, 6), xlim=(-4.5, 4.5))
    return [*axes[0], *axes[1]]
