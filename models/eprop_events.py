"""A recurrent spiking network learns to classify events by e-prop, online and locally.

Events -> recurrent LIF and adaptive LIF neurons -> LIF output. Each synapse has an eligibility
trace (`apical.rules.e_prop`; Bellec et al. 2020, doi:10.1038/s41467-020-17236-y); spiking error
neurons reach all neurons through fixed random synapses, by default from the end of the first third
of a trial on, and weights change whenever an error spike arrives. Any data set of events fits, with
trials as long as its longest sample; a data set of values is shown as Poisson trains.

With ``--learns readout`` input and recurrent synapses stay as they were drawn: what a random
recurrent network, read out linearly, knows. Put both beside ``apical data controls``, and beside a
network on shuffled times (docs/how_to/learn_from_events.md).

    apical run models/eprop_events.py --dataset saccadic_digits --epochs 8 --dt 2 --final-rate 0.1
"""

from typing import Literal

import apical as ap
from apical import cli, connectivity


def build(
    data: ap.Dataset,
    seed: int,
    *,
    hidden: int = 100,
    learns: Literal["all", "readout"] = "all",
    eta: float = 3e-4,
    eta_output: float = 1e-3,
    usual: float = 10.0,
    tau_a: float = 200.0,
    adaptation: float = 0.05,
    homeostasis: float = 0.05,
    bundle: int = 1,
    tau_out: float = 20.0,
    spread: float = 0.3,
    spread_recurrent: float = 0.05,
    lasts: float | None = None,
    wait: float | None = None,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons, of which the second half adapts.
    learns
        Which synapses learn: all, or those of the readout alone.
    eta, eta_output
        Learning rates of hidden and of output neurons.
    usual
        Spikes of a hidden neuron in a trial that homeostasis aims at.
    tau_a, adaptation
        Time constant of adaptation [ms], and increase of the threshold with each spike.
    homeostasis
        Strength of the regularisation of firing rates.
    bundle
        Number of neighbouring channels that converge onto one neuron, which the hidden neurons hear
        in their place; 1 for none.
    tau_out
        Membrane time constant of output neurons [ms]: over how long they add up what they hear.
    spread, spread_recurrent
        Standard deviations of initial weights, of 128 inputs and of 100 hidden neurons.
    lasts
        Duration of a trial [ms], at least that of the longest sample, which it is by default.
    wait
        Time in a trial before outputs count and are taught [ms]; a third of it by default.
    """
    tau, trial = 20.0, lasts or data.duration or 100.0
    wait = float(round(trial / 3)) if wait is None else wait
    net = ap.Network(seed=seed, trial=trial, settle=wait)
    neuron = {"tau_m": tau, "tau_s": 0.0, "tau_x": tau, "tau_teach": 0.0}
    encoder = ap.encoding.Events() if data.duration else ap.encoding.Poisson()
    shape = (1, data.n_inputs) if bundle > 1 else None
    x = net.add(ap.Stimulus("stimulus", data.n_inputs, encoder, tau_x=tau, shape=shape))
    if bundle > 1:  # fixed synapses of equal weight
        fibres, together = x, connectivity.Pooling((1, bundle), stride=bundle)
        n = data.n_inputs // bundle
        x = net.add(ap.LIF("bundles", n, shape=(1, n), **neuron))
        net.connect(fibres, x, weights=ap.Constant(5.25 / bundle), connectivity=together)
    adaptive = {"tau_a": tau_a, "adaptation": adaptation, "adapting": 0.5}
    h = net.add(ap.ALIF("hidden", hidden, **adaptive, **neuron))
    y = ap.LIF("output", data.n_classes, bias=1.5, gain="1", **{**neuron, "tau_m": tau_out})
    net.add(y)
    e_prop = ap.rules.e_prop(eta, tau=tau_out, tau_a=tau_a, homeostasis=homeostasis, usual=usual)
    plastic = e_prop if learns == "all" else None
    net.connect(x, h, weights=ap.Normal(spread * (128 / x.size) ** 0.5), rule=plastic)
    net.connect(h, h, weights=ap.Normal(spread_recurrent * (100 / hidden) ** 0.5), rule=plastic)
    readout = ap.rules.three_factor(eta_output, "feedback")
    if tau_out > tau:  # what outputs remember for longer than hidden neurons, their synapses do
        readout = ap.rules.e_prop(eta_output, tau=tau_out)
    net.connect(h, y, weights=ap.Zero(), rule=readout)
    error = net.add(ap.Error("error", 2 * data.n_classes, tau=50.0, wait=wait))
    net.teach(ap.feedback.direct(error, [p for p in net.forward if p.post is not x]))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
