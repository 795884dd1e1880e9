"""A spiking network learns to classify by direct feedback alignment, from local signals only.

Stimulus -> LIF hidden -> LIF output; spiking error neurons compare the output with the label and
reach every population through fixed random synapses (Nokland 2016, arXiv:1609.01596; spiking
error neurons after Neftci et al. 2017, doi:10.3389/fnins.2017.00324).

Two forms of the same three-factor rule:

- ``--update trial``: perfect integrators; weights change once at the end of each presentation,
  then every neuron is reset. Must reach 98.2 % on MNIST (784-500-10, 10 epochs).
- ``--update online``: leaky membranes; weights change whenever an error spike arrives. Nothing is
  ever reset, nothing knows when a trial ends. Aims at 97 %.

    apical run models/spiking_dfa.py --dataset mnist --hidden 500 --epochs 10 --out runs/mnist
"""

from math import sqrt
from typing import Literal

from apical.encoding import Regular

from apical import LIF, Dataset, Error, Network, Normal, Stimulus, Zero, cli, feedback, rules


def build(
    data: Dataset,
    seed: int,
    *,
    hidden: int = 500,
    update: Literal["trial", "online"] = "trial",
    eta_hidden: float | None = None,
    eta_output: float | None = None,
) -> Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons.
    update
        When weights change: at the end of each trial, or online at every error spike.
    eta_hidden, eta_output
        Learning rate; by default the one found on validation samples.
    """
    online = update == "online"
    # Small images need fewer spikes; weights grow as spikes get fewer.
    total = 100.0 if data.n_inputs > 200 else 30.0
    few = 100.0 / total
    if eta_hidden is None:
        eta_hidden = (1e-4 if online else 1.5e-5) * sqrt(500 / max(hidden, 1)) * few**1.2
    if eta_output is None:
        eta_output = 2e-3 if online else 6e-4
    if online:
        trace = {"tau_x": 30.0, "x_floor": 0.05}
        neuron = {**trace, "tau_teach": 0.0}
        gain, bias_hidden, bias_output, spread = "int(x > 0.1)", 0.5, 2.2, 0.12
        judge = {"tau": 50.0, "tau_label": 10.0}
    else:
        trace, neuron = {}, {"leak": False, "v_start": 0.5}
        gain, bias_hidden, bias_output, spread = "int(x > 0)", 0.0, 1.2, 0.06
        judge = {}

    net = Network(seed=seed, trial=100.0, reset=not online)
    encoder = Regular(rate=100.0, total=total)
    x = net.add(Stimulus("stimulus", data.n_inputs, encoder, **trace))
    h = net.add(LIF("hidden", hidden, gain=gain, bias=bias_hidden, **neuron))
    y = net.add(LIF("output", data.n_classes, gain="1", bias=bias_output, **neuron))
    e = net.add(Error("error", 2 * data.n_classes, **judge))

    when = "feedback" if online else "trial"
    net.connect(x, h, weights=Normal(spread * few), rule=rules.three_factor(eta_hidden, when))
    net.connect(h, y, weights=Zero(), rule=rules.three_factor(eta_output, when))
    net.teach(feedback.direct(e, net.forward))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
