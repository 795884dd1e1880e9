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

    Examples
    --------
    Two units of ReLU get negative weights, so a positive stimulus leaves them silent.

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.dead_units import dead_units
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward([2, 3, 2], "relu", wiring=None, weights=ap.Zero())
    >>> with ap.simulate(net, "array") as simulator:
    ...     signs = np.array([1.0, -1.0, -1.0])
    ...     simulator.load({"stimulus_to_hidden_1": np.tile(signs, (2, 1))})
    ...     print(dead_units(simulator, np.ones((4, 2))))
    {'hidden_1': array([0., 1., 1.])}
    """
    network = simulator.network
    hidden = [p.post.name for p in network.forward if p.post is not network.output]
    looker = simulate(network, "array", record=hidden, traces=["gain"])
    looker.state = simulator.state
    slopes = saturation.slopes(looker, values)
    return {name: saturation.dead(slopes[name]).values for name in hidden if name in slopes}
