"""Loss landscapes with learning trajectories."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from apical._base.checking import shown
from apical.plotting.checks import Numbers, checked, refuse
from apical.plotting.style import color, new_axes, styled

LEVELS = 18


@styled
def landscape(
    a: Numbers,
    b: Numbers,
    loss: Numbers,
    paths: Mapping[str, Numbers] | None = None,
    *,
    xlabel: str = "first direction",
    ylabel: str = "second direction",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a loss landscape on a plane as contours, evenly spaced on a logarithmic scale.

    Parameters
    ----------
    a, b
        Coordinates of the grid, shapes (n_a,) and (n_b,), two or more each.
    loss
        Loss at each point, above 0, shape (n_b, n_a).
    paths
        Name -> points of a learning trajectory, shape (n_points, 2); an open circle marks its start
        and a filled one its end. The names make the legend.
    xlabel, ylabel, title
        Labels.
    ax
        Axes to draw into; a new figure by default.

    See Also
    --------
    apical.measures.landscapes.surface : Computes it.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> a = b = np.linspace(-1, 1, 5)
    >>> bowl = 0.1 + a**2 + b[:, None] ** 2
    >>> ax = plotting.landscape(a, b, bowl, {"DFA": np.array([[1.0, 1.0], [0.1, 0.0]])})
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('first direction', 'second direction')
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['DFA']
    """
    do = "work it out on a grid, as apical.measures.landscapes.surface does"
    x, y = (checked(name, v, "finite numbers", do) for name, v in (("a", a), ("b", b)))
    z = checked("loss", loss, "finite numbers above 0", do, (np.finfo(float).tiny, np.inf), 2)
    if z.shape != (len(y), len(x)) or min(z.shape) < 2:
        refuse("loss", f"shape ({len(y)}, {len(x)}), two or more each", f"shape {z.shape}", do)
    ax = new_axes(ax, (5.0, 4.2))
    levels = np.geomspace(z.min(), max(z.max(), z.min() * 1.001), LEVELS)
    image = ax.contourf(x, y, np.log10(z), np.log10(levels), cmap="Greys_r", alpha=0.75)
    ax.contour(
        x, y, np.log10(z), np.log10(levels), colors="white", linewidths=0.5, linestyles="solid"
    )
    bar = ax.figure.colorbar(image, ax=ax, label="loss", shrink=0.85)
    ticks = np.linspace(np.log10(levels[0]), np.log10(levels[-1]), 5)
    bar.set_ticks(list(ticks), labels=[f"{10**tick:.3g}" for tick in ticks])
    bar.outline.set_visible(False)
    for k, (name, given) in enumerate((paths or {}).items()):
        points = checked(
            f"paths[{shown(name)}]", given, "points, shape (n, 2)", "give both", ndim=2
        )
        if points.shape[1] != 2 or not len(points):
            refuse(
                f"paths[{shown(name)}]",
                "points, shape (n, 2)",
                f"shape {points.shape}",
                "give both",
            )
        ax.plot(*points.T, color=color(k), label=name, linewidth=1.4, marker=".", markersize=2)
        ax.plot(*points[0], "o", color=color(k), markerfacecolor="white", markersize=6)
        ax.plot(*points[-1], "o", color=color(k), markersize=6)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if paths:
        ax.legend(fontsize=8, frameon=True, framealpha=0.8)
    return ax
