"""A recurrent spiking network that reads a sample row by row, and learns in time by e-prop.

Rows of an image (or frames of a sequence) follow one another; adaptive neurons, connected among
themselves, remember what came before. Each synapse has an eligibility trace, and spiking error
neurons reach all neurons through fixed random synapses (random e-prop; Bellec et al. 2020,
doi:10.1038/s41467-020-17236-y).
"""

import apical as ap
from apical import cli


def build(
    data: ap.Dataset,
    seed: int,
    *,
    hidden: int = 100,
    frame: float = 20.0,
    eta: float = 2e-4,
    eta_output: float = 1e-3,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of recurrent neurons; half of them adapt.
    frame
        Time for which each row is shown [ms].
    eta, eta_output
        Learning rates, of the recurrent neurons and of the output.
    """
    frames = data.shape[0] if len(data.shape) > 1 else 1
    lasts = frame * frames
    waits = lasts / 2  # the decision, and learning, are about the second half
    net = ap.Network(seed=seed, trial=lasts, settle=waits)

    # populations: leaky neurons with a filtered spike train each, which traces are made of
    neuron = {"tau_m": 20.0, "tau_s": 0.0, "tau_x": 20.0, "tau_teach": 0.0}
    inputs, encoder = data.n_inputs // frames, ap.encoding.Regular(200.0)
    x = net.add(ap.Stimulus("stimulus", inputs, encoder, tau_x=20.0, frames=frames))
    h = net.add(ap.ALIF("hidden", hidden, tau_a=lasts, adaptation=0.05, adapting=0.5, **neuron))
    y = net.add(ap.LIF("output", data.n_classes, bias=1.5, gain="1", **neuron))

    # synapses: of the stimulus, recurrent, and onto the output
    usual = 0.02 * lasts  # spikes in a trial that firing rates are kept near
    e_prop = ap.rules.e_prop(eta, tau=20.0, tau_a=lasts, homeostasis=0.05, usual=usual)
    net.connect(x, h, weights=ap.Normal(0.3), rule=e_prop)
    net.connect(h, h, weights=ap.Normal(0.05), rule=e_prop)
    net.connect(h, y, weights=ap.Zero(), rule=ap.rules.three_factor(eta_output, "feedback"))

    # the error, and how it reaches the recurrent neurons
    error = net.add(ap.Error("error", 2 * data.n_classes, tau=50.0, wait=waits))
    net.teach(ap.feedback.direct(error, net.forward))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
