"""Feedforward rate networks of studies: layer sizes, activations, loss and wiring in one call."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from apical.errors import WiringError
from apical.feedback import WIRINGS, pathways
from apical.network.chains import chain
from apical.network.description import Network
from apical.neurons.encoding import Graded
from apical.neurons.error import RateError
from apical.neurons.rate import Bias, Rate
from apical.neurons.stimulus import Stimulus
from apical.plasticity.rules import norm_scale, norm_shift, three_factor
from apical.projections.weights import Given, WeightSource, Zero

WITHOUT_CHANCE = (pathways.transposed, pathways.error_vector)
"""Feedback whose weights are not drawn."""

Loss = Literal["cross-entropy", "squared error"]


def feedforward(
    sizes: Sequence[int],
    hidden: str | Sequence[str],
    output: str = "softmax",
    *,
    wiring: str | None,
    seed: int = 0,
    loss: Loss = "cross-entropy",
    feedback: WeightSource | None = None,
    neurons: Mapping[str, Any] | None = None,
    name: str = "hidden_{}",
    **joins: Any,
) -> Network:
    """Describe a feedforward rate network with a loss function and a feedback pathway.

    Populations are called ``stimulus``, ``hidden_1``, ..., ``output`` and ``error``.

    Parameters
    ----------
    sizes
        Numbers of neurons, from the stimulus to the output.
    hidden, output
        Activation functions: of all hidden populations, or of each; and of the output.
    wiring
        Feedback scheme, one of `apical.feedback.WIRINGS`; None for no error and no feedback.
    seed
        Seed of the network.
    loss
        Loss function. With cross-entropy the output, softmax or logistic, learns by its error
        alone; with the squared error, by its error times the derivative of its activation.
    feedback
        Weights of fixed random feedback, which backpropagation has none of; by default those of
        the wiring.
    neurons
        Further options of every hidden population, for instance ``norm``.
    name
        Name of the hidden populations; ``{}`` stands for their numbers, from 1.
    **joins
        Options of `apical.chain`: ``weights``, ``rule``, ``bias``, ``bias_rule``, ...

    Raises
    ------
    WiringError
        If the activations are not as many as the hidden populations.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts.layers import feedforward
    >>> rule = ap.rules.three_factor(0.1)
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> [projection.name for projection in net.forward]
    ['stimulus_to_hidden_1', 'hidden_1_to_output']
    >>> [projection.name for projection in net.feedback.projections]
    ['error_to_output', 'error_to_hidden_1']
    """
    n = len(sizes) - 2
    kinds = [hidden for _ in range(n)] if isinstance(hidden, str) else list(hidden)
    if len(kinds) != n:
        raise WiringError(
            f"Sizes {list(sizes)} make {n} hidden populations, but there are {len(kinds)} "
            "activation functions; give one for each of them, or one for all without a list.",
            object="feedforward",
            parameter="hidden",
        )
    net, scheme = Network(seed=seed), WIRINGS[wiring] if wiring else None
    options = {**(scheme.hidden if scheme else {}), **(neurons or {})}
    x = Stimulus("stimulus", sizes[0], Graded())
    layers = zip(sizes[1:-1], kinds, strict=True)
    h = [Rate(name.format(k), *layer, **options) for k, layer in enumerate(layers, start=1)]
    own: dict[str, Any] = {"gain": "one"} if loss == "cross-entropy" else {}
    y = Rate("output", sizes[-1], output, **own, **(scheme.output if scheme else {}))
    chain(net, x, *h, y, **joins)
    if scheme:
        drawn = feedback is not None and scheme.connect not in WITHOUT_CHANCE
        random = [feedback] if drawn else []
        net.teach(scheme(net.add(RateError("error", sizes[-1])), net.forward, *random))
    return net


def scale_and_shift(net: Network, eta: float) -> Network:
    r"""Add the parameters of batch normalisation that learn, and biases of the output; return it.

    .. math:: \gamma_j\,\hat z_j + \beta_j

    Parameters
    ----------
    net
        A network whose hidden populations are normalised (`BatchNorm`), without biases.
    eta
        Learning rate of scales (from 1), shifts and biases (from 0), by plain gradient descent.

    References
    ----------
    Ioffe & Szegedy 2015, arXiv:1502.03167, section 3: the shift takes the place of the bias.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts.layers import feedforward, scale_and_shift
    >>> rule = ap.rules.three_factor(0.1)
    >>> options = {"weights": ap.FanIn(), "rule": rule, "neurons": {"norm": ap.BatchNorm()}}
    >>> net = scale_and_shift(feedforward([64, 30, 10], "relu", wiring="bp", **options), eta=0.1)
    >>> [projection.name for projection in net.plastic]
    ['stimulus_to_hidden_1', 'hidden_1_to_output', 'bias_to_output', 'scale_1', 'shift_1']
    """
    bias, (*hidden, last) = net.add(Bias("bias")), net.forward
    for k, post in enumerate((p.post for p in hidden), start=1):
        ones = Given(np.ones((1, post.size)))
        parts = {"scale": (ones, norm_scale), "shift": (Zero(), norm_shift)}
        for part, (first, rule) in parts.items():
            options: dict[str, Any] = {"carries": {part: "x"}, "name": f"{part}_{k}"}
            net.connect(bias, post, weights=first, rule=rule(eta), **options)
    net.connect(bias, last.post, weights=Zero(), rule=three_factor(eta))
    return net
