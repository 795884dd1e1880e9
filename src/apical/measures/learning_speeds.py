"""Vanishing and exploding gradients: the learning speed of each hidden layer (Nielsen 2015)."""

import numpy as np

from apical._base.checking import checked
from apical.devices import Block
from apical.devices.arrays.engine import ArraySimulator
from apical.errors import WiringError


@checked()
def learning_speeds(simulator: ArraySimulator, block: Block) -> dict[str, float]:
    r"""Return the learning speed of each hidden layer at the current weights.

    .. math:: \lVert \partial C / \partial b^l \rVert_2

    The L2 norm of the update of all biases of a layer, over the learning rate, as the mean over the
    trials of a block (Nielsen 2015, Neural Networks and Deep Learning, chapter 5). Under feedback
    other than that of backpropagation it is the norm of what stands in for the gradient.

    Parameters
    ----------
    simulator
        A rate network whose hidden populations have biases that learn, on device ``array``.
    block
        Trials with labels or targets.

    Returns
    -------
    dict
        Name of each hidden population, from the first to the last -> its speed.

    Raises
    ------
    WiringError
        If a hidden population has no biases that learn.

    Examples
    --------
    The gradient vanishes on its way down through logistic neurons, whose slope is at most 1/4:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.learning_speeds import learning_speeds
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward(
    ...     [4, 20, 20, 20, 2], "logistic", wiring="bp", weights=ap.FanIn(), bias=ap.Zero(),
    ...     rule=ap.rules.three_factor(0.1),
    ... )
    >>> block = ap.Block.of_labels(np.random.default_rng(0).random((30, 4)), [0, 1] * 15)
    >>> with ap.simulate(net, "array") as simulator:
    ...     speeds = learning_speeds(simulator, block)
    >>> list(speeds)
    ['hidden_1', 'hidden_2', 'hidden_3']
    >>> speeds["hidden_1"] < speeds["hidden_2"] / 2 < speeds["hidden_3"] / 4
    True
    """
    network, updates = simulator.network, simulator.updates(block)
    rules = {p.post.name: (p.name, p.rule) for p in network.plastic if p.pre.role == "bias"}
    found = {}
    for hidden in [p.post.name for p in network.forward if p.post is not network.output]:
        name, rule = rules.get(hidden, ("", None))
        if rule is None or name not in updates:
            raise WiringError(
                f"The learning speed of {hidden!r} is that of its biases, but it has none that "
                "learn; give chain(bias=..., rule=...).",
                object=f"Population {hidden!r}",
            )
        eta = rule.parameters.get("eta", 1.0)
        found[hidden] = float(np.linalg.norm(updates[name])) / eta
    return found


@checked()
def explosive_width(weight: float) -> float:
    r"""Return over how wide an interval of activities a logistic neuron's gradient explodes.

    .. math:: \lvert w \, \sigma'(w a) \rvert \ge 1

    A neuron with this synapse passes on at least the gradient that it receives only where its slope
    s(1 - s) is at least 1/abs(w), that is where s lies within sqrt(1/4 - 1/abs(w)) of 1/2; for
    weights smaller than 4 nowhere (Nielsen 2015, chapter 5, problem).

    Parameters
    ----------
    weight
        The weight of the synapse.

    Returns
    -------
    float
        Width of the interval of the presynaptic activity; at most 0.45, at a weight of 6.9.

    Examples
    --------
    >>> round(explosive_width(6.9), 3)
    0.448
    """
    w = max(abs(weight), 4.0)
    s = 0.5 + np.sqrt(0.25 - 1 / w)
    return float(2 / w * np.log(s / (1 - s)))
