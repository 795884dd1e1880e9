"""How far what a network learns points from what backpropagation would learn."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from apical import feedback
from apical.checking import checked, require
from apical.devices import Block, Simulator
from apical.devices.arrays.engine import ArraySimulator
from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.errors import DeviceError
from apical.network import Network
from apical.populations import Population
from apical.rates import Rate


@checked()
def angles_to_backpropagation(simulator: Simulator, block: Block) -> dict[str, float]:
    """Return the angle between the network's update and that of backpropagation.

    Both are what the rules ask for at the present weights, as the mean over the trials of a
    block; the dynamics of updates (momentum, RMSprop, Adam) are left out.

    Parameters
    ----------
    simulator
        A network with a feedback pathway; of rates.
    block
        Trials with labels or targets.

    Returns
    -------
    dict
        Name of each plastic projection that does not end on the output -> angle [degrees]; NaN
        where one of the two updates is zero. Onto the output all wirings ask for the same.

    Raises
    ------
    DeviceError
        If the network spikes, so that there is no backpropagation to compare with.
    """
    network = simulator.network
    spiking = [p.name for p in network.populations if p.is_spiking]
    if spiking:
        raise DeviceError(
            f"Angles to backpropagation need a network of rates, but {spiking[0]!r} spikes."
        )
    weights = {p.name: simulator.weights(p) for p in network.plastic}
    exact = network.rewired(feedback.transposed).altered(population=_summing)
    here, there = (_updates(net, block, weights) for net in (network, exact))
    return {
        p.name: angle(here[p.name], there[p.name])
        for p in exact.plastic  # not feedback that is plastic
        if p.post is not network.output
    }


def _summing(population: Population) -> Population:
    """Return the same neurons with dendrites that sum, as those of backpropagation do."""
    if isinstance(population, Rate) and population.plateau:
        return replace(population, plateau=None)
    return population


def _updates(
    network: Network, block: Block, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    twin = ArraySimulator(network, NumpyLibrary("float64"), len(block), ())
    twin.load({p.name: weights[p.name] for p in network.plastic})
    return twin.updates(block)


@checked()
def angle(a: np.ndarray, b: np.ndarray) -> float:
    """Return the angle between two arrays of one shape, taken as vectors [degrees]."""
    require(np.shape(a) == np.shape(b), "alignment.angle", "b", f"of shape {a.shape}", f"{b.shape}")
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    if not norms:
        return float("nan")
    return float(np.degrees(np.arccos(np.clip(np.sum(a * b) / norms, -1, 1))))
