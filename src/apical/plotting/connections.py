"""Connectivity of a projection: inputs of single neurons, or shares of pairs that are joined."""

import numpy as np
from matplotlib.axes import Axes

from apical.network.description import Network
from apical.plotting.checks import refuse
from apical.plotting.fields import mosaic
from apical.plotting.style import color_bar, new_axes, styled
from apical.projections.edges import Edges
from apical.projections.projection import Projection

MOST_CELLS = 100
"""Largest number of rows and columns; of larger populations a cell is a group of neurons."""


@styled
def connections(
    network: Network, projection: Projection | str, n: int = 16, *, ax: Axes | None = None
) -> Axes:
    """Draw which synapses of a projection exist.

    Where the presynaptic population has rows and columns, the inputs of some postsynaptic neurons
    are drawn as images, spread evenly over these; else the matrix of all pairs, in which a cell of
    a large population shows the share of its pairs that are joined.

    Parameters
    ----------
    network
        The network.
    projection
        The projection, or its name.
    n
        Number of postsynaptic neurons whose inputs are drawn as images.

    See Also
    --------
    apical.plotting.receptive_fields : The weights of single neurons.
    apical.connectivity : What says which synapses exist.

    Examples
    --------
    >>> import apical as ap
    >>> from apical import plotting
    >>> net = ap.Network()
    >>> x = net.add(ap.Stimulus("stimulus", 64, ap.encoding.Graded(), shape=(8, 8)))
    >>> h = net.add(ap.Rate("hidden", 36, shape=(6, 6)))
    >>> p = net.connect(x, h, connectivity=ap.connectivity.ReceptiveFields(3))
    >>> ax = plotting.connections(net, p, n=9)
    >>> print(ax.get_title(loc="left") or ax.get_title())
    receptive fields of 3 x 3, stride 1: 324 synapses
    """
    named = network.projection(projection) if isinstance(projection, str) else projection
    if n < 1:
        refuse("n", "1 or more", str(n), "raise it")
    edges = network.edges(named)
    if edges is None:
        exists = network.existing(named)
        i, j = np.nonzero(np.ones(named.shape, bool) if exists is None else exists)
        edges = Edges(named.shape, i, j)
    ax = new_axes(ax, (4.6, 4.4))
    shape = named.pre.shape
    if shape is not None and len(shape) > 1:
        some = np.linspace(0, named.post.size - 1, min(n, named.post.size)).astype(int)
        fields = np.stack([_inputs(edges, k, shape) for k in some])
        image = mosaic(ax, fields)
        image.set(cmap="Greys", clim=(0, None))
        ax.set_xlabel(f"{named.pre.name}: inputs of {len(some)} of {named.post.size} neurons")
        what = "synapses" if fields.max() > 1 else ""
    else:
        image = ax.imshow(_shares(edges), cmap="Greys", vmin=0, aspect="auto", origin="lower")
        ax.set(xlabel=f"{named.post.name} [group of neurons]", ylabel=f"{named.pre.name} [same]")
        what = "share of pairs that are joined"
    ax.set_title(f"{named.connectivity.about}: {len(edges):,} synapses")
    if what:
        color_bar(ax, image, what)
    return ax


def _inputs(edges: Edges, neuron: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the number of synapses onto a neuron from each row and column, over all maps."""
    counted = np.bincount(edges.pre[edges.post == neuron], minlength=edges.shape[0])
    return np.asarray(counted.reshape(-1, *shape[-2:]).sum(axis=0), float)


def _shares(edges: Edges) -> np.ndarray:
    """Return the share of pairs that are joined, of neurons or of groups of them."""
    bins = [min(size, MOST_CELLS) for size in edges.shape]
    ranges = [(-0.5, size - 0.5) for size in edges.shape]
    found, _, _ = np.histogram2d(edges.pre, edges.post, bins, ranges)
    sides = zip(edges.shape, bins, ranges, strict=True)
    sizes = [np.histogram(np.arange(size), n, between)[0] for size, n, between in sides]
    return np.asarray(found / np.outer(*sizes))
