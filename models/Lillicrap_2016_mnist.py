"""Logistic neurons learn digits through fixed random feedback (Lillicrap et al. 2016).

doi:10.1038/ncomms13276, figure 3: 784-1000-10, logistic hidden and output neurons, squared error,
mean test error BP 2.4 %, FA 2.1 % (from memory, to be checked). There trials are learned one by one
at eta = 1e-3 with weight decay 1e-6 (as two reproductions say); the scales of weights and feedback
matter, and one reproduction with scales of its own reaches 10 % only.

Choices here, found on 10,000 held-out training samples: batches of 10; rates of 5 (FA) or 10 (BP)
for the hidden and 0.1 for the output synapses, which fall linearly to 5 % of that; weights uniform
in +-0.05 (+-0.1 onto the output under BP), feedback in +-0.5, biases from 0; no decay. With one
rate for both, as published, learning is slower: the mean activity of 1,000 logistic neurons bounds
the rate of the output.

Reached, test error after 20 epochs on all 60,000 training samples, seed 0: FA 1.92 %, BP 1.72 %
(on the held-out samples, after 15: 2.17 and 1.94 %). That FA does better than BP, as published, is
not found here.

    apical run models/Lillicrap_2016_mnist.py --dataset mnist --batch 10 --epochs 20 --wiring fa
    apical run models/Lillicrap_2016_mnist.py --dataset mnist --batch 10 --epochs 20 --wiring bp
"""

from pathlib import Path
from typing import Literal

from apical.encoding import Graded

from apical import (
    Bias,
    Dataset,
    Network,
    Rate,
    RateError,
    Stimulus,
    Uniform,
    Zero,
    cli,
    datasets,
    evaluate,
    feedback,
    gallery,
    rules,
    simulate,
    train,
)


def build(
    data: Dataset,
    seed: int,
    *,
    hidden: int = 1000,
    wiring: Literal["bp", "fa"] = "fa",
    eta_hidden: float | None = None,
    eta_output: float = 0.1,
    decay: float = 0.0,
) -> Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons.
    wiring
        How the error comes back.
    eta_hidden, eta_output
        Learning rate of synapses onto hidden and onto output neurons; for the hidden ones by
        default that found on held-out samples.
    decay
        Share of itself that a weight loses at every update, per unit of the learning rate.
    """
    if eta_hidden is None:
        eta_hidden = 5.0 if wiring == "fa" else 10.0
    limits = {"hidden": 0.05, "output": 0.05 if wiring == "fa" else 0.1}
    net = Network(seed=seed)
    pre, bias = net.add(Stimulus("stimulus", data.n_inputs, Graded())), net.add(Bias("bias"))
    for name, size, eta in (("hidden", hidden, eta_hidden), ("output", data.n_classes, eta_output)):
        rule = rules.three_factor(eta, decay=decay)
        post = net.add(Rate(name, size, "logistic"))
        net.connect(pre, post, weights=Uniform(limits[name]), rule=rule)
        net.connect(bias, post, weights=Zero(), rule=rule)
        pre = post
    error = net.add(RateError("error", data.n_classes))
    options = {"weights": Uniform(0.5)} if wiring == "fa" else {}
    net.teach(feedback.WIRINGS[wiring](error, net.forward, **options))
    return net


def quick(out: Path) -> gallery.Finding:
    """Train 100 neurons on digits for ten epochs: BP, FA, and FA that only the output learns by."""
    data, errors = datasets.load("digits"), []
    for options in ({"wiring": "bp"}, {"wiring": "fa"}, {"wiring": "fa", "eta_hidden": 0.0}):
        simulator = simulate(build(data, 0, hidden=100, **options), "array", batch=10)
        train(simulator, data, epochs=10, progress=False)
        errors.append(100 * (1 - evaluate(simulator, data.test).accuracy))
    bp, fa, fixed = errors
    said = f"test error BP {bp:.1f}, FA {fa:.1f}, hidden synapses fixed {fixed:.1f} %"
    return gallery.Finding(said, abs(fa - bp) < 3 and fa < fixed / 4)


EXHIBIT = gallery.Exhibit(
    claim="Hidden synapses learn as well through random feedback as by BP",
    published="test error BP 2.4, FA 2.1 % (from memory)",
    reached="BP 1.72, FA 1.92 % (seed 0)",
    quick=quick,
)


if __name__ == "__main__":
    cli.run_model(__file__)
