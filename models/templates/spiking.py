"""A spiking network that learns to classify by direct feedback alignment.

Stimulus -> LIF hidden -> LIF output. Spiking error neurons compare the output with the label and
reach the hidden neurons through fixed random synapses (Nokland 2016, arXiv:1609.01596; spiking
error neurons after Neftci et al. 2017, doi:10.3389/fnins.2017.00324).
"""

import apical as ap
from apical import cli


def build(
    data: ap.Dataset,
    seed: int,
    *,
    hidden: int = 200,
    eta_hidden: float = 1e-4,
    eta_output: float = 6e-4,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, and the seed of all that is random.
    hidden
        Number of hidden neurons.
    eta_hidden, eta_output
        Learning rates.
    """
    net = ap.Network(seed=seed, trial=100.0)

    # populations: 30 spikes of the stimulus in a trial; integrators that are reset between trials
    neuron = {"leak": False, "v_start": 0.5}
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Regular(100.0, total=30.0))
    h = ap.LIF("hidden", hidden, gain="int(x > 0)", **neuron)
    y = ap.LIF("output", data.n_classes, gain="1", bias=1.2, **neuron)

    # forward synapses, with a learning rule each: weights change at the end of a trial
    ap.chain(
        net,
        *(x, h, y),
        weights=[ap.Normal(0.2), ap.Zero()],
        rule=[ap.rules.three_factor(eta) for eta in (eta_hidden, eta_output)],
    )

    # the error, and how it reaches the hidden neurons
    error = net.add(ap.Error("error", 2 * data.n_classes))
    net.teach(ap.feedback.direct(error, net.forward))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
