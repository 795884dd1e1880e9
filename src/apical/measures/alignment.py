"""Alignment: angle between the weight update and the backpropagation gradient."""

from collections.abc import Mapping

import numpy as np

from apical._base.checking import checked, require
from apical._base.rounding import or_nothing, size_of
from apical.devices import Block, Simulator
from apical.devices.arrays.engine import ArraySimulator
from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.errors import DeviceError
from apical.feedback import pathways as feedback
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import ReadBackwards

ALONE = 8
"""Number of trials considered singly, to tell a small update from one that cancels to rounding."""


@checked()
def angles_to_backpropagation(simulator: Simulator, block: Block) -> dict[str, float]:
    """Return the alignment angle between the network's update and the backpropagation gradient.

    Both are the updates that the learning rules give at the current weights, averaged over the
    trials of a block, before any optimiser (momentum, RMSprop, Adam).

    Parameters
    ----------
    simulator
        A rate network with a feedback pathway.
    block
        Trials with labels or targets.

    Returns
    -------
    dict
        Name of each plastic projection that does not end on the output -> angle [degrees]; NaN
        where one of the two updates is zero, or cancels over trials within rounding. Onto the
        output the updates of all wirings are the same.

    Raises
    ------
    DeviceError
        If the network spikes, so that there is no exact gradient to compare with.

    See Also
    --------
    apical.measures.learning.update_angles : The same of spiking networks, from recorded signals.

    References
    ----------
    Lillicrap et al. 2016, doi:10.1038/ncomms13276, fig. 2: the angle falls below 90 degrees.

    Examples
    --------
    Random feedback starts near 90 degrees; backpropagation is its own gradient.

    >>> import apical as ap
    >>> from apical.measures.alignment import angles_to_backpropagation
    >>> from apical.scripts.layers import feedforward
    >>> data = ap.datasets.load("digits")
    >>> block = ap.Block.of_labels(*data.train.block(slice(50)))
    >>> for wiring in ("bp", "dfa"):
    ...     rule = ap.rules.three_factor(0.1)
    ...     net = feedforward([64, 30, 10], "tanh", wiring=wiring, weights=ap.FanIn(), rule=rule)
    ...     with ap.simulate(net, "array", batch=50) as simulator:
    ...         angles = angles_to_backpropagation(simulator, block)
    ...     print(wiring, {name: round(angle) for name, angle in angles.items()})
    bp {'stimulus_to_hidden_1': 0}
    dfa {'stimulus_to_hidden_1': 92}
    """
    network = simulator.network
    spiking = [p.name for p in network.populations if p.is_spiking]
    if spiking:
        raise DeviceError(
            f"Angles to backpropagation need a network of rates, but {spiking[0]!r} spikes."
        )
    weights = {
        p.name: simulator.weights(p)
        for p in network.projections
        if not isinstance(p.weights, ReadBackwards)
    }
    # the exact network receives the true error, whatever the state of its error synapses, and
    # transports weights on which no intervention could act
    alone = network.altered(interventions=())
    exact = alone.rewired(feedback.transposed).altered(population=_summing)
    back = {p.name for p in exact.feedback.projections} if exact.feedback else set()
    told = {p.name for p in exact.projections if p.post.role == "error"}
    true = {name: w for name, w in weights.items() if name not in back | told}
    here, there = _updates(network, block, weights), _updates(exact, block, true)
    return {
        p.name: angle(here[p.name], there[p.name])
        for p in exact.plastic  # not feedback that is plastic
        if p.post is not network.output
    }


def _summing(population: Population) -> Population:
    """Return the same neurons with linear dendrites, as backpropagation assumes."""
    return population.summing()


def _updates(
    network: Network, block: Block, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    twin = ArraySimulator(network.in_order(), NumpyLibrary("float64"), len(block), ())
    known = {p.name for p in network.projections}
    twin.load({name: w for name, w in weights.items() if name in known})
    apart = range(0, len(block), -(-len(block) // ALONE))
    alone = [twin.updates(block.part(slice(k, k + 1))) for k in apart]
    return {
        name: or_nothing(update, max(size_of(one[name]) for one in alone))
        for name, update in twin.updates(block).items()
    }


@checked()
def angle(a: np.ndarray, b: np.ndarray) -> float:
    r"""Return the angle between two arrays of one shape, taken as vectors [degrees].

    NaN where one of them is 0. Accurate for small angles too, by Kahan's half-angle formula
    (Kahan 2006, "How futile are mindless assessments of roundoff", section 12).

    .. math::

        \theta = 2 \arctan \frac{\lVert \hat a - \hat b \rVert}{\lVert \hat a + \hat b \rVert}
            = \arccos \hat a \cdot \hat b, \quad \hat a = a / \lVert a \rVert

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.alignment import angle
    >>> round(angle(np.array([1.0, 0.0]), np.array([1.0, 1.0])), 6)
    45.0
    >>> angle(np.array([1.0, 0.0]), np.zeros(2))
    nan
    """
    require(
        np.shape(a) == np.shape(b),
        "alignment.angle",
        "b",
        f"of shape {np.shape(a)}",
        f"{np.shape(b)}",
    )
    sizes = size_of(a), size_of(b)
    if not all(sizes):
        return float("nan")
    one, other = (np.asarray(x, np.float64) / size for x, size in zip((a, b), sizes, strict=True))
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    half = np.arctan2(np.linalg.norm(one - other), np.linalg.norm(one + other))
    return float(np.degrees(2 * half))
