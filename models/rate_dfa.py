"""A rate network learns to classify by direct feedback alignment, one trial after the other.

Stimulus -> tanh hidden -> logistic output, in continuous time; the error of each class reaches the
hidden population through fixed random synapses (Nokland 2016, arXiv:1609.01596, fig. 1c), and
weights change once, at the end of each presentation. Under ``--wiring ifa`` only some of the hidden
neurons hear the error, and the others hear those (fig. 1d).

The same description runs on arrays, settled, and in Brian2, where every signal is low-pass
filtered. With ``--batch 1`` both must reach the same accuracy to within 0.5 points, and 96 % on
MNIST (784-100-10, 5 epochs).

    apical run models/rate_dfa.py --dataset mnist --epochs 5 --device array --batch 1
    apical run models/rate_dfa.py --dataset mnist --epochs 5 --device cpp_standalone
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
    share: float = 0.5,
    eta: float = 0.05,
    trial: float = 100.0,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons.
    wiring
        Feedback wiring: pathway of the error; bp is for device array only.
    share
        Fraction of the hidden neurons that hear the error directly under ifa.
    eta
        Learning rate.
    trial
        Presentation time of one stimulus [ms], on devices that have time.
    """
    net, rule = ap.Network(seed=seed, trial=trial), ap.rules.three_factor(eta)
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    way = ap.feedback.WIRINGS[wiring]
    h = ap.Rate("hidden", hidden, "tanh", **way.hidden)
    y = ap.Rate("output", data.n_classes, "logistic", gain="one", **way.output)  # cross-entropy
    ap.chain(net, x, h, y, weights=[ap.FanIn(), ap.Zero()], bias=ap.Zero(), rule=rule)
    error = net.add(ap.RateError("error", data.n_classes))
    options = {"hears": {h: share}} if wiring == "ifa" else {}
    net.teach(way(error, net.forward, **options))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
