"""Weights of a simulated network, one value for each weight where few synapses exist."""

from typing import Protocol

import numpy as np

from apical.network.description import Network
from apical.projections.projection import Projection


class Weighted(Protocol):
    """A network with weights: what `held_weights` asks of a simulator."""

    network: Network

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W, shape (n_pre, n_post)."""

    def synapses(self, projection: Projection | str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the presynaptic and postsynaptic neurons of all synapses, and their weights."""


def held_weights(simulator: Weighted) -> dict[str, np.ndarray]:
    """Return the weights of all projections, without matrices where few synapses exist.

    Parameters
    ----------
    simulator
        The simulator.

    Returns
    -------
    dict
        Projection -> weights, as `apical.Network.initial_state` has them: shape (n_weights,) in the
        order of `apical.Network.edges` where there are edges, else (n_pre, n_post).

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.held_weights import held_weights
    >>> net = ap.Network()
    >>> x = net.add(ap.Stimulus("stimulus", 3, ap.encoding.Graded()))
    >>> y, some = net.add(ap.Rate("output", 3)), ap.connectivity.OneToOne()
    >>> _ = net.connect(x, y, weights=ap.Identity(0.5), connectivity=some)
    >>> with ap.simulate(net, "array") as simulator:
    ...     held_weights(simulator)["stimulus_to_output"].tolist()
    [0.5, 0.5, 0.5]
    """
    found = {}
    for p in simulator.network.projections:
        edges = simulator.network.edges(p)
        if edges is None:
            found[p.name] = np.asarray(simulator.weights(p))
        else:
            found[p.name] = simulator.synapses(p)[2][edges.first]
    return found


def as_matrix(network: Network, projection: Projection, held: np.ndarray) -> np.ndarray:
    """Return held weights of a projection as a matrix, 0 where there is no synapse.

    Parameters
    ----------
    network, projection
        A network, and one of its projections.
    held
        Weights as `held_weights` returns them; a matrix is returned as it is.

    Returns
    -------
    ndarray
        Shape (n_pre, n_post) [dimensionless].

    Examples
    --------
    >>> import numpy as np
    >>> from apical.network.held_weights import as_matrix
    >>> from apical.testing.references import rates
    >>> net = rates()
    >>> projection = net.projections[0]
    >>> as_matrix(net, projection, np.ones(projection.shape)).shape == projection.shape
    True
    """
    edges = network.edges(projection)
    return held if edges is None else edges.dense(held)
