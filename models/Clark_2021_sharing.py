"""Does sharing weights help feedback alignment? Convolutional and locally connected rate networks.

Two stages of 3 x 3 receptive fields, ReLU and average pooling over 2 x 2, a hidden population, and
softmax outputs with cross-entropy, by Adam: the networks for MNIST of Clark et al. 2021
(arXiv:2106.04089), which had 64 and 32 maps (convolutional) or 32 and 32 (locally connected), 1024
hidden neurons, batches of 128 trials, 200 epochs, and pixels from -1 to 1, which are from 0 to 1
here. Published test errors (notebooks/table.ipynb of its code at commit 0a5856d, 5 runs):
convolutional BP 0.65, DFA 1.64 %, locally connected BP 1.07, DFA 1.48 %: sharing helps BP, and not
DFA. Feedback has synapses of its own: under FA to the neurons that forward synapses come from.

Global error-vector broadcasting (GEVB) is of vectorised nonnegative networks: the same, with units
of as many components as there are classes, which share their weights, and weights of 0 or above
after the first stage (published there: convolutional GEVB 2.33, BP 1.30 %, locally connected GEVB
1.78, BP 1.64 %). They take as many times the work of a trial.

    apical compare models/Clark_2021_sharing.py --wirings bp,fa,dfa,gevb --seeds 3 --epochs 10
    apical compare models/Clark_2021_sharing.py --wirings bp,fa,dfa,gevb --seeds 3 --epochs 10 \
--variant convolutional
    apical run models/Clark_2021_sharing.py --wiring bp --vectorised true
"""

from math import prod
from typing import Any, Literal

import apical as ap
from apical import cli, connectivity, hypotheses
from apical.errors import DataError
from apical.neurons import Population

LARGEST = 1e6
"""Upper bound of nonnegative weights, which none comes near."""


def build(
    data: ap.Dataset,
    seed: int,
    *,
    variant: Literal["local", "convolutional"] = "local",
    maps: int = 16,
    maps_2: int = 16,
    hidden: int = 128,
    wiring: Literal["bp", "fa", "dfa", "gevb"] = "dfa",
    vectorised: bool = False,
    rate: float = 3e-4,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    data, seed
        What to learn, images, and the seed of all that is random.
    variant
        Whether each synapse of a receptive field has a weight of its own (locally connected), or
        all windows of a map share their weights (convolutional).
    maps, maps_2
        Number of maps of the first and of the second stage.
    hidden
        Number of neurons of the last hidden population.
    wiring
        Feedback wiring: pathway of the error.
    vectorised
        Whether neurons are vectorised units under the other wirings too, as they are under GEVB;
        then `maps`, `maps_2` and `hidden` are numbers of units, and even.
    rate
        Learning rate of Adam.

    Raises
    ------
    DataError
        If samples are no images.
    """
    net, way = ap.Network(seed=seed), ap.feedback.WIRINGS[wiring]
    learns: dict[str, Any] = {"rule": ap.rules.three_factor(dynamics=ap.optimizers.adam(rate))}
    if len(data.shape) not in (2, 3):
        raise DataError(
            f"Receptive fields need images, of shape (rows, columns) or (maps, rows, columns), but "
            f"{data.name} has samples of shape {data.shape}; take digits, for instance.",
            object="Clark_2021_sharing",
        )
    shape = (1, *data.shape) if len(data.shape) == 2 else data.shape
    k = data.n_classes if wiring == "gevb" or vectorised else 1
    before = net.add(ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded(), shape=shape))
    bias, fields = net.add(ap.Bias("bias")), connectivity.ReceptiveFields(3, padding=1)
    halved = connectivity.Pooling(2)
    for stage, n in ((1, maps), (2, maps_2)):
        local = net.add(_maps(f"maps_{stage}", "relu", (n, *shape[-2:]), k))
        shape = (n, *halved.windows(shape))
        pooled = net.add(_maps(f"pooled_{stage}", "linear", shape, k))
        net.connect(before, local, **_between(before, local, k, fields), **learns)
        net.connect(bias, local, weights=ap.Zero(), **learns)
        net.connect(local, pooled, weights=ap.Mean(), connectivity=halved)
        before = pooled
    h = net.add(ap.Rate("hidden", k * hidden, "vector_relu" if k > 1 else "relu", components=k))
    y = net.add(ap.Rate("output", data.n_classes, "softmax", gain="one", components=k))
    for pre, post in ((before, h), (h, y)):  # cross-entropy
        net.connect(pre, post, **_between(pre, post, k, connectivity.AllToAll()), **learns)
        net.connect(bias, post, weights=ap.Zero(), **learns)
    error = net.add(ap.RateError("error", data.n_classes))
    # nothing learns at the synapses onto pooling neurons, which only FA and BP must pass
    taught = [p for p in net.forward if p.rule or wiring in ("bp", "fa")]
    net.teach(way(error, taught, **({"connectivity": "forward"} if wiring == "fa" else {})))
    return hypotheses.shared_weights(net) if variant == "convolutional" else net


def _maps(name: str, activation: str, shape: tuple[int, ...], k: int) -> ap.Rate:
    """Return neurons in maps, or vectorised units of k components, each of which has these maps."""
    activation = "vector_relu" if k > 1 and activation == "relu" else activation
    return ap.Rate(name, activation=activation, shape=(k * shape[0], *shape[1:]), components=k)


def _between(
    pre: Population, post: Population, k: int, of: connectivity.Connectivity
) -> dict[str, Any]:
    """Return weights and connectivity of a projection between neurons, or vectorised units."""
    if k == 1:
        last = post.is_softmax
        weights = ap.FanIn() if last else ap.FanIn(2**0.5, uniform=False)
        return {"weights": weights, "connectivity": of}
    apart = tuple(prod(p.shape[1:]) if p.shape else 1 for p in (pre, post))  # ON and OFF maps
    if pre.role == "stimulus":  # each component has weights of its own
        return {"weights": ap.OnOff(signed=True, apart=(1, apart[1])), "connectivity": of}
    shared = connectivity.ByComponent(k, of)
    return {"weights": ap.OnOff(apart=apart), "connectivity": shared, "bounds": (0.0, LARGEST)}


if __name__ == "__main__":
    cli.run_model(__file__)
