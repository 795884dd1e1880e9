"""Logistic neurons learn digits through fixed random feedback (Lillicrap et al. 2016).

doi:10.1038/ncomms13276 (arXiv:1411.0247): 784-1000-10, logistic hidden and output neurons, squared
error, mean test error of 20 runs BP 2.4 %, FA 2.1 %, and 7.2 % if only the output learns. There
eta = 1e-3 with weight decay 1e-6; the scales of weights and feedback, which matter, and the end of
learning were chosen on the test set. One reproduction with scales of its own reaches only 10 %.

Choices here, found on 10,000 held-out training samples: batch size 10; learning rates of 5 (FA) or
10 (BP) for hidden and 0.1 for output synapses, which fall linearly to 5 % of that; weights uniform
in +-0.05 (+-0.1 onto the output under BP), feedback in +-0.5, biases from 0; no weight decay. With
one rate for both, as published, learning is slower: the mean activity of 1,000 logistic neurons
bounds the learning rate of the output.

Reached, test error after 20 epochs on all 60,000 training samples, seed 0: FA 1.92 %, BP 1.72 %.
That FA does better than BP, as published, is not found here. More is in docs/results/rates.md.

    apical run models/Lillicrap_2016_mnist.py --dataset mnist --batch 10 --epochs 20 --wiring fa
    apical run models/Lillicrap_2016_mnist.py --dataset mnist --batch 10 --epochs 20 --wiring bp
"""

from pathlib import Path
from typing import Literal

import apical as ap
from apical import cli
from apical.scripts import gallery, learning


def build(
    data: ap.Dataset,
    seed: int,
    *,
    hidden: int = 1000,
    wiring: Literal["bp", "fa"] = "fa",
    eta_hidden: float | None = None,
    eta_output: float = 0.1,
    decay: float = 0.0,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons.
    wiring
        Feedback wiring: pathway of the error.
    eta_hidden, eta_output
        Learning rate of synapses onto hidden and onto output neurons; for the hidden ones by
        default that found on held-out samples.
    decay
        Weight decay: share of itself that a weight loses per update and unit of learning rate.
    """
    if eta_hidden is None:
        eta_hidden = 5.0 if wiring == "fa" else 10.0
    net = ap.Network(seed=seed)
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    h, y = ap.Rate("hidden", hidden, "logistic"), ap.Rate("output", data.n_classes, "logistic")
    weights = [ap.Uniform(0.05), ap.Uniform(0.05 if wiring == "fa" else 0.1)]
    learns = [ap.rules.three_factor(eta, decay=decay) for eta in (eta_hidden, eta_output)]
    ap.chain(net, x, h, y, weights=weights, bias=ap.Zero(), rule=learns)
    error = net.add(ap.RateError("error", data.n_classes))
    options = {"weights": ap.Uniform(0.5)} if wiring == "fa" else {}
    net.teach(ap.feedback.WIRINGS[wiring](error, net.forward, **options))
    return net


def quick(out: Path) -> gallery.Finding:
    """Train 100 neurons on digits for ten epochs: BP, FA, and FA with hidden synapses fixed."""
    data = ap.datasets.load("digits")
    cases = {"wiring": "bp"}, {"wiring": "fa"}, {"wiring": "fa", "eta_hidden": 0.0}
    nets = [build(data, 0, hidden=100, **options) for options in cases]
    bp, fa, fixed = (learning.last_error(net, data, 10, 10, final_rate=0.05) for net in nets)
    said = f"test error BP {bp:.1f}, FA {fa:.1f}, hidden synapses fixed {fixed:.1f} %"
    return gallery.Finding(said, abs(fa - bp) < 3 and fa < fixed / 4)


EXHIBIT = gallery.Exhibit(
    claim="Hidden synapses learn as well through random feedback as by BP",
    published="test error BP 2.4, FA 2.1 %, only the output learns 7.2 %",
    reached="BP 1.72, FA 1.92 % (seed 0)",
    quick=quick,
)


if __name__ == "__main__":
    cli.run_model(__file__)
