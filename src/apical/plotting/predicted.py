"""Scatter of predictions: outputs of a network against their targets."""

import numpy as np
from matplotlib.axes import Axes

from apical.measures.predictions import r_squared
from apical.plotting.checks import Numbers, checked, refuse
from apical.plotting.style import GREY, color, new_axes, styled

_MOST_NAMED = 8
"""Largest number of targets with a colour and a name each."""
_FAR = 3.0
"""Outputs are shown up to this many ranges of the targets beyond them."""


@styled
def predictions(targets: Numbers, outputs: Numbers, *, ax: Axes | None = None) -> Axes:
    """Draw outputs against targets; a perfect prediction lies on the diagonal.

    Parameters
    ----------
    targets, outputs
        Target and output of each trial, shape (n_trials,), (n_trials, n_targets) or (n_trials,
        n_frames, n_targets), of which every frame is a point.

    See Also
    --------
    apical.measures.predictions : R2, the mean squared error, the accuracy of labels.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> targets = np.linspace(0, 1, 11)
    >>> ax = plotting.predictions(targets, 0.9 * targets)
    >>> ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left") or ax.get_title()
    ('target', 'output', 'R2 0.9650, 11 trials')
    """
    needs, do = "finite numbers, one for each output", "pass both of the same trials"
    wanted = checked("targets", targets, needs, do, ndim=None)
    found = checked("outputs", outputs, needs, do, ndim=None)
    if wanted.shape != found.shape or not wanted.size or wanted.ndim not in (1, 2, 3):
        got = f"shapes {wanted.shape} and {found.shape}"
        refuse("outputs", "one for each target, and a trial", got, do)
    n_trials = len(wanted)
    columns = wanted.shape[-1] if wanted.ndim > 1 else 1
    wanted, found = wanted.reshape(-1, columns), found.reshape(-1, columns)
    ax = new_axes(ax, (4.4, 4.2))
    size = float(np.clip(2000 / len(wanted), 2, 20))
    for k in range(columns):
        name = f"target {k}" if 1 < columns <= _MOST_NAMED else ""
        points = ax.scatter(wanted[:, k], found[:, k], size, label=name, alpha=0.6, linewidths=0)
        points.set_color(color(k % _MOST_NAMED))
    low, high = float(wanted.min()), float(wanted.max())
    room = _FAR * (high - low or 1)
    ends = max(float(found.min()), low - room), min(float(found.max()), high + room)
    both = [min(low, ends[0]), max(high, ends[1])]
    ax.plot(both, both, color=GREY, linewidth=0.8, linestyle=(0, (5, 3)), zorder=0)
    margin = 0.04 * (both[1] - both[0] or 1)
    ax.set(xlabel="target", ylabel="output", ylim=(both[0] - margin, both[1] + margin))
    if 1 < columns <= _MOST_NAMED:
        ax.legend(fontsize=8)
    ax.set_title(f"R2 {r_squared(wanted, found):.4f}, {n_trials:,} trials")
    return ax
