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
from apical.projections.edges import Edges


@styled
def receptive_fields(
    weights: Numbers,
    shape: Sizes,
    n: int = 36,
    rng: np.random.Generator | None = None,
    *,
    edges: Edges | None = None,
    unit: str = "threshold",
    ax: Axes | None = None,
) -> Axes:
    """Draw receptive fields as images, or the weight matrix if the stimulus is not an image.

    The colours end at the 99.5th percentile of what is drawn; the colour bar points beyond.

    Parameters
    ----------
    weights
        Shape (n_pre, n_post); with `edges` shape (n_weights,).
    shape
        Height and width of the stimulus; any other shape, such as (n_pre,), is no image.
    n
        Number of neurons: those with the largest weight norm.
    rng
        Random generator: selects neurons at random instead.
    edges
        Synapses of a sparse projection (`apical.Network.edges`): the fields that are drawn are made
        from them, and no matrix of all pairs is. Of a stimulus that is no image `n` columns of the
        weight matrix are drawn, those with the largest norm.
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

    Of a sparse projection:

    >>> from apical.projections.edges import Edges
    >>> edges = Edges((64, 20), np.arange(60), np.arange(60) % 20)
    >>> ax = plotting.receptive_fields(np.ones(60), (8, 8), n=4, edges=edges)
    >>> ax.get_title(loc="left") or ax.get_title()
    '4 of 20 neurons, of largest weight norm'
    """
    shape, needs = tuple(np.asarray(shape).tolist()), "numbers of shape (n_pre, n_post)"
    needs = needs if edges is None else f"{edges.n_weights} numbers, one for each weight of edges"
    ndim = 2 if edges is None else 1
    w = checked("weights", weights, needs, "pass one projection", ndim=ndim).astype(float)
    pairs = w.shape if edges is None else edges.shape
    if edges is not None and len(w) != edges.n_weights:
        refuse("weights", needs, f"{len(w)} numbers", "take what simulator.state holds of it")
    if np.prod(shape) != pairs[0] or not w.size or n < 1:
        got, do = f"shape {shape} for weights {pairs}, n={n}", "take the shape of the data set"
        refuse("shape", "as many inputs as weights, n >= 1", got, do)
    ax, is_image = new_axes(ax, (5.0, 4.4)), len(shape) == 2
    if is_image or edges is not None:
        order = np.argsort(tied(-_norms(w, edges)), kind="stable")
        order = (order if rng is None else rng.permutation(pairs[1]))[:n]
        w = w[:, order] if edges is None else _columns(w, edges, order)
        which = "of largest weight norm" if rng is None else "drawn at random"
        ax.set_title(f"{len(order)} of {pairs[1]} neurons, {which}")
    if is_image:
        image = mosaic(ax, w.T.reshape(-1, *shape))
    else:
        image = ax.imshow(w, aspect="auto", origin="lower", **diverging(w))
        ax.set(xlabel="postsynaptic neuron [index]", ylabel="presynaptic neuron [index]")
        if edges is not None:
            ax.set_xlabel("postsynaptic neuron [by norm]" if rng is None else "chosen neuron")
    color_bar(ax, image, f"weight [{unit}]")
    return ax


def _norms(w: NDArray[Any], edges: Edges | None) -> NDArray[Any]:
    """Return the norm of the weights onto each neuron, shape (n_post,)."""
    if edges is None:
        return np.linalg.norm(w, axis=0)
    return np.sqrt(np.bincount(edges.post, edges.each(w) ** 2, minlength=edges.shape[1]))


def _columns(w: NDArray[Any], edges: Edges, which: NDArray[Any]) -> NDArray[Any]:
    """Return the weights onto some neurons, shape (n_pre, n), from those of synapses."""
    place = np.full(edges.shape[1], -1)
    place[which] = np.arange(len(which))
    shown = np.flatnonzero(place[edges.post] >= 0)
    columns = np.zeros((edges.shape[0], len(which)))
    columns[edges.pre[shown], place[edges.post[shown]]] = edges.each(w)[shown]
    return columns


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
