"""Dead hidden units of a network at its current weights."""

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Matrix
from apical.devices import simulate
from apical.devices.simulator import Simulator
from apical.measures import saturation


@checked()
def dead_units(simulator: Simulator, values: Matrix) -> dict[str, np.ndarray]:
    """Return which units of each hidden population are dead, as `saturation.dead` defines it.

    Parameters
    ----------
    simulator
        A rate network on device ``array``, in the state to judge; it stays as it is.
    values
        Stimuli, shape (n_trials, n_inputs).

    Returns
    -------
    dict
        Hidden population, from the first to the last -> 1 for each dead unit, else 0, shape (n,).

    Raises
    ------
    DataError
        If no hidden population has a gain that is its slope, or there is no trial.

    See Also
    --------
    apical.measures.saturation.unit_measures : The same of recorded activity.
    """
    network = simulator.network
    hidden = [p.post.name for p in network.forward if p.post is not network.output]
    looker = simulate(network, "array", record=hidden, traces=["gain"])
    looker.state = simulator.state
    slopes = saturation.slopes(looker, values)
    return {name: saturation.dead(slopes[name]).values for name in hidden if name in slopes}
