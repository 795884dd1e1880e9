"""A spiking network learns to classify by direct feedback alignment, from local signals only.

Stimulus -> LIF hidden -> LIF output; spiking error neurons compare the output with the label and
reach every population through fixed random synapses (Nokland 2016, arXiv:1609.01596; spiking
error neurons after Neftci et al. 2017, doi:10.3389/fnins.2017.00324).

Two forms of the same three-factor rule:

- ``--update trial``: perfect integrators; weights change once, at the end of each presentation,
  then every neuron is reset. Must reach 98.2 % on MNIST (784-500-10, 10 epochs).
- ``--update online``: leaky membranes; weights change whenever an error spike arrives. Nothing is
  ever reset, nothing knows when a trial ends. Aims at 97 %.

    apical run models/spiking_dfa.py --dataset mnist --hidden 500 --epochs 10 --out runs/mnist

The same network learns by backpropagation through time, as a reference (``--wiring bp``, on device
lockstep with PyTorch), or by errors that go from the output to the hidden neurons through spiking
relays (``fa``). With one hidden population ``ifa`` is ``dfa``; spiking_deep has several.

    apical compare models/spiking_dfa.py --wirings bp,fa,dfa --choose faster=0.3,1,3 \
--validation 200
"""

from math import sqrt
from typing import Literal

import apical as ap
from apical import cli

BACKPROPAGATION = 0.3, 0.1
"""Learning rates under backpropagation, hidden and output, found for digits in batches of 32."""


def build(
    data: ap.Dataset,
    seed: int,
    *,
    hidden: int = 500,
    update: Literal["trial", "online"] = "trial",
    wiring: Literal["bp", "fa", "dfa", "ifa"] = "dfa",
    faster: float = 1.0,
    eta_hidden: float | None = None,
    eta_output: float | None = None,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons.
    update
        When weights change: at the end of each trial, or online at every error spike.
    wiring
        Feedback wiring: pathway of the error; ``bp`` only in trial form.
    faster
        Factor on both learning rates.
    eta_hidden, eta_output
        Learning rate; by default the one found on validation samples, for batches of 32 digits
        under ``bp`` and for single trials under the others.
    """
    online = update == "online"
    total = 100.0 if data.n_inputs > 200 else 30.0  # small images need fewer spikes
    few = 100.0 / total  # weights grow as spikes get fewer
    if eta_hidden is None and wiring == "bp":
        eta_hidden = BACKPROPAGATION[0]
    elif eta_hidden is None:
        eta_hidden = (1e-4 if online else 1.5e-5) * sqrt(500 / max(hidden, 1)) * few**1.2
    if eta_output is None:
        eta_output = BACKPROPAGATION[1] if wiring == "bp" else 2e-3 if online else 6e-4
    if online:
        trace = {"tau_x": 30.0, "x_floor": 0.05}
        neuron = {**trace, "tau_teach": 0.0}
        gain, bias_hidden, bias_output, spread = "int(x > 0.1)", 0.5, 2.2, 0.12
        judge = {"tau": 50.0, "tau_label": 10.0}
    else:
        trace, neuron = {}, {"leak": False, "v_start": 0.5}
        gain, bias_hidden, bias_output, spread = "int(x > 0)", 0.0, 1.2, 0.06
        judge = {}

    net = ap.Network(seed=seed, trial=100.0, reset=not online)
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Regular(100.0, total), **trace)
    h = ap.LIF("hidden", hidden, gain=gain, bias=bias_hidden, **neuron)
    y = ap.LIF("output", data.n_classes, gain="1", bias=bias_output, **neuron)
    when = "feedback" if online else "trial"
    learns = [ap.rules.three_factor(faster * eta, when) for eta in (eta_hidden, eta_output)]
    ap.chain(net, x, h, y, weights=[ap.Normal(spread * few), ap.Zero()], rule=learns)
    error = net.add(ap.Error("error", 2 * data.n_classes, **judge))
    net.teach(ap.feedback.WIRINGS[wiring](error, net.forward))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
