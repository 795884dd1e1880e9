"""A spiking network of local receptive fields learns images by direct feedback alignment.

Stimulus -> LIF hidden neurons in maps -> LIF output, in trial form, as in spiking_dfa. A hidden
neuron hears a window of the image, and its synapses share their weights with no other neuron's
(locally connected, `apical.connectivity.ReceptiveFields`; Clark et al. 2021, arXiv:2106.04089, of
rates). Spiking error neurons reach every hidden neuron through fixed random synapses (Nokland 2016,
arXiv:1609.01596). Training images stay where they are.

    apical run spiking_local --dataset mnist --dt 2 --epochs 10
"""

from typing import Any

import apical as ap
from apical import cli, connectivity
from apical.errors import DataError
from apical.projections.weights import ZeroSum


def build(
    data: ap.Dataset,
    seed: int,
    *,
    maps: int = 32,
    window: int | None = None,
    stride: int | None = None,
    eta: float = 5e-4,
    eta_output: float = 5e-5,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, images, and the seed of all that is random.
    maps
        Number of hidden neurons that hear the same window.
    window, stride
        Rows and columns of a window, and distance of neighbouring windows [pixels]; by default 10
        and 3, of small images 4 and 1.
    eta, eta_output
        Learning rates of hidden and of output neurons; found on MNIST.

    Raises
    ------
    DataError
        If samples are no images of one channel.
    """
    if len(data.shape) != 2:
        raise DataError(
            f"Receptive fields need images, of shape (rows, columns), but {data.name} has samples "
            f"of shape {data.shape}; take digits, for instance.",
            object="spiking_local",
        )
    large = data.n_inputs > 200  # small images need fewer spikes, and larger weights
    rate, total, spread = (50.0, 100.0, 3.36) if large else (100.0, 30.0, 5.0)
    size = window or (10 if large else 4)
    fields = connectivity.ReceptiveFields(size, stride or (3 if large else 1))
    net, encoder = ap.Network(seed=seed, trial=100.0), ap.encoding.Regular(rate, total)
    neuron: dict[str, Any] = {"leak": False, "v_start": 0.5}
    shape = (maps, *fields.windows(data.shape))
    x = net.add(ap.Stimulus("stimulus", data.n_inputs, encoder, shape=data.shape))
    h = net.add(ap.LIF("hidden", shape=shape, **neuron))
    y = net.add(ap.LIF("output", data.n_classes, gain="1", bias=1.2, **neuron))
    hidden, last = (ap.rules.three_factor(rate) for rate in (eta, eta_output))
    net.connect(x, h, weights=ap.Normal(spread / size), connectivity=fields, rule=hidden)
    net.connect(h, y, weights=ap.Zero(), rule=last)
    error = net.add(ap.Error("error", 2 * data.n_classes))
    balanced = ZeroSum(ap.Normal(1.0))  # an error of all classes alike moves no hidden neuron
    net.teach(ap.feedback.direct(error, net.forward, balanced))
    return net


if __name__ == "__main__":
    cli.run_model(__file__)
