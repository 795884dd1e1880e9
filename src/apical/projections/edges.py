"""Synapses that exist, as pairs of neurons: memory proportional to their number."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from apical._base.memory import check_memory


@dataclass(frozen=True, eq=False)
class Edges:
    """The synapses of a projection that exist: their neurons, in the order of all that follows.

    They are ordered by presynaptic neuron, and within one by postsynaptic neuron. Weights in this
    order, shape (n_synapses,), are the form in which sparse weights go into a simulator and out.

    Parameters
    ----------
    shape
        Numbers of presynaptic and postsynaptic neurons.
    pre, post
        Neurons of each synapse, shape (n_synapses,), in that order and without repetition.
    shares
        Where synapses share weights: number of the weight of each synapse, shape (n_synapses,).
        Values in and out of a simulator are then those of weights, shape (n_weights,). None where
        each synapse has a weight of its own.

    See Also
    --------
    apical.Network.edges : Those of a projection.
    apical.connectivity.Connectivity : What they come from.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x = net.add(ap.Stimulus("stimulus", 2, ap.encoding.Graded()))
    >>> some = ap.connectivity.Mask(np.array([[True, False, True], [False, True, False]]))
    >>> _ = net.connect(x, net.add(ap.Rate("output", 3)), connectivity=some)
    >>> edges = net.edges("stimulus_to_output")
    >>> edges.pre.tolist(), edges.post.tolist()
    ([0, 0, 1], [0, 2, 1])
    >>> len(edges), edges.density, edges.in_degrees.tolist()
    (3, 0.5, [1, 1, 1])
    >>> edges.dense(np.array([0.1, 0.2, 0.3])).tolist()
    [[0.1, 0.0, 0.2], [0.0, 0.3, 0.0]]
    """

    shape: tuple[int, int]
    pre: np.ndarray
    post: np.ndarray
    shares: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pre)

    def same_as(self, other: "Edges") -> bool:
        """Whether they are the same pairs."""
        return np.array_equal(self.pre, other.pre) and np.array_equal(self.post, other.post)

    @property
    def n_weights(self) -> int:
        """Number of weights: that of synapses, unless these share them."""
        return len(self) if self.shares is None else len(self.first)

    @cached_property
    def first(self) -> np.ndarray:
        """First synapse that has each weight, shape (n_weights,)."""
        if self.shares is None:
            return np.arange(len(self))
        return np.unique(self.shares, return_index=True)[1]

    def neurons(self, weight: int) -> tuple[int, int]:
        """Return the neurons of the (first) synapse that has a weight."""
        synapse = self.first[weight]
        return int(self.pre[synapse]), int(self.post[synapse])

    def each(self, values: np.ndarray) -> np.ndarray:
        """Return the value of each synapse, shape (n_synapses,), from those of weights."""
        return values if self.shares is None else values[self.shares]

    def common(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over the synapses that share each weight, shape (n_weights,)."""
        if self.shares is None:
            return values
        return np.bincount(self.shares, values) / np.bincount(self.shares)

    @property
    def density(self) -> float:
        """Share of all pairs of neurons that are joined."""
        return len(self) / (self.shape[0] * self.shape[1])

    @cached_property
    def in_degrees(self) -> np.ndarray:
        """Number of synapses onto each postsynaptic neuron, shape (n_post,)."""
        return np.bincount(self.post, minlength=self.shape[1])

    @cached_property
    def out_degrees(self) -> np.ndarray:
        """Number of synapses of each presynaptic neuron, shape (n_pre,)."""
        return np.bincount(self.pre, minlength=self.shape[0])

    @property
    def mask(self) -> np.ndarray:
        """Whether each pair of neurons is joined, shape (n_pre, n_post) of bool."""
        exists = np.zeros(self.shape, bool)
        exists[self.pre, self.post] = True
        return exists

    def kept(self, which: np.ndarray) -> Self:
        """Return some of the synapses: `which`, shape (n_synapses,) of bool."""
        return type(self)(self.shape, self.pre[which], self.post[which])

    def part(self, components: int) -> "Edges":
        """Return the synapses of the first of so many components, which the others repeat."""
        n_pre, n_post = (n // components for n in self.shape)
        n = len(self) // components
        shares = None if self.shares is None else self.shares[:n]
        own = np.array_equal(shares, np.arange(n)) if shares is not None else False
        return Edges((n_pre, n_post), self.pre[:n], self.post[:n], None if own else shares)

    def transposed(self) -> "tuple[Edges, np.ndarray]":
        """Return the same synapses in the other direction, and where each of them stands here."""
        order = np.argsort(self.post, kind="stable")
        shares = None if self.shares is None else self.shares[order]
        return Edges(self.shape[::-1], self.post[order], self.pre[order], shares), order

    def dense(self, values: np.ndarray) -> np.ndarray:
        """Return values of synapses as a matrix, shape (n_pre, n_post), 0 where there is none.

        Parameters
        ----------
        values
            Shape (n_weights,); a matrix is returned as it is.

        Raises
        ------
        ParameterError
            If the matrix does not fit into free memory.
        """
        values = np.asarray(values)
        if values.ndim == 2:
            return values
        pre, post = self.shape
        check_memory(
            values.itemsize * pre * post,
            f"A matrix of {pre:,} x {post:,} for {len(self):,} synapses",
            "the number of neurons, or ask for synapses instead (simulator.synapses)",
            object="Edges",
        )
        found = np.zeros(self.shape, values.dtype)
        found[self.pre, self.post] = self.each(values)
        return found

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the values of weights, shape (n_weights,), from a matrix or from themselves.

        A shared weight is that of its first synapse.
        """
        values = np.asarray(values)
        if values.ndim != 2:
            return values
        if self.shares is None:
            return values[self.pre, self.post]
        return values[self.pre[self.first], self.post[self.first]]


def in_order(shape: tuple[int, int], pre: np.ndarray, post: np.ndarray) -> Edges:
    """Return synapses in their order, whatever that of the given pairs is.

    Parameters
    ----------
    shape
        Numbers of neurons.
    pre, post
        Neurons of each synapse, without repetition.
    """
    pre, post = np.asarray(pre, np.int32), np.asarray(post, np.int32)
    step = np.diff(pre)
    if ((step > 0) | ((step == 0) & (np.diff(post) > 0))).all():
        return Edges(shape, pre, post)
    order = np.lexsort((post, pre))
    return Edges(shape, pre[order], post[order])


def sharing(edges: Edges, field: np.ndarray) -> Edges:
    """Return the same synapses with weights that all windows share, as in a convolution.

    Parameters
    ----------
    edges
        The synapses, each of them in a window.
    field
        Presynaptic neurons of each window, shape (n_windows, n_inputs); -1 for none. Postsynaptic
        neurons are those of all windows, map after map.

    Notes
    -----
    Weights are in the order of inputs, and within one in that of maps. One without a synapse
    (which padding leaves beyond the edges of every window) is left out.
    """
    maps = edges.shape[1] // len(field)
    places = places_of(edges, field)  # window, input, map
    return Edges(
        edges.shape,
        edges.pre,
        edges.post,
        np.unique(places % (field.shape[1] * maps), return_inverse=True)[1],
    )


def repeated(edges: Edges, units: Edges) -> Edges:
    """Return synapses that share the weights of those of one component.

    Parameters
    ----------
    edges
        Synapses of all components, component after component.
    units
        Those of one (`Edges.part`), with the weights that they may share.
    """
    own = np.arange(len(units)) if units.shares is None else units.shares
    shares = np.tile(own, len(edges) // len(units))
    return Edges(edges.shape, edges.pre, edges.post, shares)


def places_of(edges: Edges, field: np.ndarray) -> np.ndarray:
    """Return where each synapse is among the windows, shape (n_synapses,).

    That is its index in an array of shape (n_windows, n_inputs, n_maps).
    """
    n_windows, n_post = len(field), edges.shape[1]
    maps = n_post // n_windows
    window = np.arange(n_windows)[:, np.newaxis]
    of_first = field.astype(np.int64) * n_post + window  # the key of each synapse onto map 0
    keys = of_first[..., np.newaxis] + np.arange(maps) * n_windows
    keys[field < 0] = -1
    order = np.argsort(keys, axis=None, kind="stable")
    wanted = edges.pre.astype(np.int64) * n_post + edges.post
    return order[np.searchsorted(keys.ravel()[order], wanted)]
