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

    def __len__(self) -> int:
        return len(self.pre)

    def same_as(self, other: "Edges") -> bool:
        """Whether they are the same pairs."""
        return np.array_equal(self.pre, other.pre) and np.array_equal(self.post, other.post)

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

    def transposed(self) -> "tuple[Edges, np.ndarray]":
        """Return the same synapses in the other direction, and where each of them stands here."""
        order = np.argsort(self.post, kind="stable")
        return Edges(self.shape[::-1], self.post[order], self.pre[order]), order

    def dense(self, values: np.ndarray) -> np.ndarray:
        """Return values of synapses as a matrix, shape (n_pre, n_post), 0 where there is none.

        Parameters
        ----------
        values
            Shape (n_synapses,); a matrix is returned as it is.

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
        found[self.pre, self.post] = values
        return found

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the values of synapses, shape (n_synapses,), from a matrix or from themselves."""
        values = np.asarray(values)
        return values[self.pre, self.post] if values.ndim == 2 else values


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
