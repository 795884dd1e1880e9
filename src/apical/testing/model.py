"""A model script: a minimal rate network with one hidden population."""

from apical.data.datasets import Dataset
from apical.feedback.pathways import direct
from apical.network.description import Network
from apical.neurons.encoding import Graded
from apical.neurons.error import RateError
from apical.neurons.rate import Rate
from apical.neurons.stimulus import Stimulus
from apical.plasticity import rules
from apical.projections.weights import FanIn


def build(data: Dataset, seed: int) -> Network:
    """Describe the network for a data set."""
    net = Network(seed=seed, trial=100.0)
    x = net.add(Stimulus("stimulus", data.n_inputs, Graded()))
    h = net.add(Rate("hidden", 4, "tanh"))
    y = net.add(Rate("output", data.n_classes, "logistic", gain="one"))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=FanIn(), rule=rules.three_factor(0.5))
    net.teach(direct(net.add(RateError("error", data.n_classes)), net.forward))
    return net
