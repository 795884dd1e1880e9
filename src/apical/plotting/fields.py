"""Receptive fields: afferent weights of single neurons as images."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from apical._base.rounding import tied
from apical.plotting.checks import Numbers, Sizes, checked, refuse
from apical.plotting.style import color_bar, diverging, new_axes, styled


@styled
def receptive_fields(
    weights: Numbers,
    shape: Sizes,
    n: int = 36,
    rng: np.random.Generator | None = None,
    *,
    unit: str = "threshold",
    ax: Axes | None = None,
) -> Axes:
    """Draw receptive fields as images, or the weight matrix if the stimulus is not an image.

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
        Random generator: selects neurons at random instead.
    unit
        Unit of the weights.

    See Also
    --------
    apical.plotting.distributions : Weights of all synapses, as a distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import plotting
    >>> weights = np.random.default_rng(0).normal(size=(64, 20))
    >>> ax = plotting.receptive_fields(weights, (8, 8), n=4)
    >>> image, bar = ax.figure.axes
    >>> bar.get_ylabel(), len(ax.images)
    ('weight [threshold]', 1)
    """
    shape, needs = tuple(np.asarray(shape).tolist()), "numbers of shape (n_pre, n_post)"
    w = checked("weights", weights, needs, "pass one projection", ndim=2).astype(float)
    if np.prod(shape) != len(w) or not w.size or n < 1:
        got, do = f"shape {shape} for weights {w.shape}, n={n}", "take the shape of the data set"
        refuse("shape", "as many inputs as weights, n >= 1", got, do)
    ax = new_axes(ax, (5.0, 4.4))
    if len(shape) != 2:
        image = ax.imshow(w, aspect="auto", origin="lower", **diverging(w))
        ax.set(xlabel="postsynaptic neuron [index]", ylabel="presynaptic neuron [index]")
    else:
        order = np.argsort(tied(-np.linalg.norm(w, axis=0)), kind="stable")
        order = (order if rng is None else rng.permutation(w.shape[1]))[:n]
        image = mosaic(ax, w[:, order].T.reshape(-1, *shape))
        which = "of largest weight norm" if rng is None else "drawn at random"
        ax.set_title(f"{len(order)} of {w.shape[1]} neurons, {which}")
    color_bar(ax, image, f"weight [{unit}]")
    return ax


def mosaic(ax: Axes, fields: NDArray[Any]) -> Any:
    """Draw images in rows, a thin frame around each.

    Parameters
    ----------
    ax
        Where.
    fields
        Shape (n, height, width) [pixels].
    """
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
