"""Feed-forward chains: populations joined one after the other, with or without biases."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

from apical.errors import WiringError
from apical.network.description import Network
from apical.network.interventions import Drive
from apical.neurons.base import Population
from apical.neurons.rate import Bias
from apical.plasticity.rules import LearningRule
from apical.projections.projection import Projection
from apical.projections.weights import WeightSource

T = TypeVar("T")


def chain(
    net: Network,
    *populations: Population,
    weights: WeightSource | Sequence[WeightSource],
    rule: LearningRule | Sequence[LearningRule | None] | None = None,
    bias: WeightSource | Sequence[WeightSource] | None = None,
    bias_rule: LearningRule | None = None,
    **options: Any,
) -> list[Projection]:
    """Connect populations in a feedforward chain, and return the projections.

    Populations that are not in the network yet are added. Parameters that are sequences have one
    item for each projection, from the stimulus to the output; others apply to all of them.

    Parameters
    ----------
    net
        The network.
    *populations
        Two or more, for instance a stimulus, hidden populations and an output.
    weights
        Initial weights of the projections.
    rule
        Learning rule of the projections; None for synapses without plasticity.
    bias
        Initial biases: weights, shape (1, n), from one `Bias` population onto every population but
        the first; None for no biases. An existing `Bias` of the network is used.
    bias_rule
        Learning rule of all biases; by default that of the projection onto the same population.
    **options
        Further options of every `Projection`, biases included, for instance ``explores``.

    Raises
    ------
    WiringError
        If there are fewer than two populations, or a sequence has the wrong length.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(0.1)
    >>> x = ap.Stimulus("stimulus", 64, ap.encoding.Graded())
    >>> h, y = ap.Rate("hidden", 30, "tanh"), ap.Rate("output", 10, "softmax", gain="one")
    >>> [p.name for p in ap.chain(net, x, h, y, weights=ap.FanIn(), bias=ap.Zero(), rule=rule)]
    ['stimulus_to_hidden', 'hidden_to_output']
    >>> error = net.add(ap.RateError("error", 10))
    >>> net.teach(ap.feedback.direct(error, net.forward)).name
    'DFA'
    """
    if len(populations) < 2:
        raise WiringError(
            f"A chain needs two populations or more, got {len(populations)}; give the stimulus, "
            "the hidden populations and the output, in this order.",
            object="chain",
        )
    n = len(populations) - 1
    sources, learning = _each(weights, n, "weights"), _each(rule, n, "rule")
    biases = _each(bias, n, "bias")
    for population in populations:
        if population not in net.populations:
            net.add(population)
    always = _bias(net) if any(biases) else None
    joined = []
    for k, (pre, post) in enumerate(pairwise(populations)):
        joined.append(net.connect(pre, post, weights=sources[k], rule=learning[k], **options))
        if always and biases[k]:
            net.connect(always, post, weights=biases[k], rule=bias_rule or learning[k], **options)
    return joined


def _each(given: T | Sequence[T], n: int, name: str) -> list[T]:
    """Return one item for each of `n` projections."""
    if not isinstance(given, Sequence):
        return [given for _ in range(n)]
    if len(given) != n:
        raise WiringError(
            f"A chain of {n + 1} populations has {n} projections, but {name} has {len(given)} "
            "items; give one for each projection, or one for all without a list.",
            object="chain",
            parameter=name,
        )
    return list(given)


def _bias(net: Network) -> Population:
    """Return the bias of a network, added if it has none."""
    stimulating = {one.projection for one in net.interventions if isinstance(one, Drive)}
    electrodes = [p.pre for p in net.projections if p.name in stimulating]
    known = [p for p in net.populations if p.role == "bias" and p not in electrodes]
    return known[0] if known else net.add(Bias("bias"))
