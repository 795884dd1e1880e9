"""A rate network that learns numbers in place of classes, under one of several feedback wirings.

Stimulus -> tanh hidden -> linear output, with the squared error. Under ``--wiring dfa`` the error
reaches the hidden neurons through fixed random synapses (Nokland 2016, arXiv:1609.01596).
"""

from typing import Annotated

import apical as ap
from apical import cli


def build(
    data: ap.Dataset,
    seed: int,
    *,
    hidden: int = 100,
    wiring: Annotated[str, ap.feedback.WIRINGS] = "dfa",
    eta: float = 0.05,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons.
    wiring
        How the error reaches the hidden neurons; bp is not local, and for comparison.
    eta
        Learning rate.
    """
    net, way = ap.Network(seed=seed), ap.feedback.WIRINGS[wiring]

    # populations; one output neuron for each target
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    h = ap.Rate("hidden", hidden, "tanh", **way.hidden)
    y = ap.Rate("output", data.n_classes, "linear", **way.output)

    # forward synapses and biases, with one learning rule
    rule = ap.rules.three_factor(eta)
    ap.chain(net, x, h, y, weights=[ap.FanIn(), ap.Zero()], bias=ap.Zero(), rule=rule)

    # the error is target minus output: the gradient of the squared error
    error = net.add(ap.RateError("error", data.n_classes))
    net.teach(way(error, net.forward))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
