"""Topological order of populations in the forward pass and in the feedback pass.

Which synapses drive activity, which end on dendrites, and which pass on what a dendrite received
follows from the signal graph (`apical.network.signals`), not from the names of inputs and signals.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np

from apical.errors import WiringError
from apical.network.description import Network
from apical.network.graph import circles
from apical.neurons.base import Population
from apical.projections.projection import Projection


def forward_order(network: Network) -> list[Population]:
    """Return the populations in topological order of the forward pass.

    Each comes after those that its activity depends on through synapses; populations of a
    recurrent loop, which depend on each other, come one after the other.

    Raises
    ------
    WiringError
        If error neurons, relays, or others that are no neurons are in a loop.
    """
    return [population for group in forward_groups(network) for population in group]


def forward_groups(network: Network) -> list[list[Population]]:
    """Return the populations of `forward_order`, those of each recurrent loop together.

    A group of one is recurrent too if it drives itself (`is_recurrent`).

    Raises
    ------
    WiringError
        As in `forward_order`.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.order import forward_groups
    >>> net = ap.Network()
    >>> x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Graded()))
    >>> e, i = net.add(ap.Rate("e", 8, "relu")), net.add(ap.Rate("i", 2, "relu"))
    >>> for pre, post in ((x, e), (e, i), (i, e)):
    ...     _ = net.connect(pre, post, weights=ap.FanIn())
    >>> [sorted(p.name for p in group) for group in forward_groups(net)]
    [['stimulus'], ['e', 'i']]
    """
    after: dict[str, list[str]] = {p.name: [] for p in network.populations}
    before: dict[str, list[str]] = {p.name: [] for p in network.populations}
    for pre, post in _driving(network):
        after[pre.name].append(post.name)
        before[post.name].append(pre.name)
    loop = circles(after, before)
    _check_loops(network, loop)
    apart = {name: [p for p in those if loop[p] != loop[name]] for name, those in before.items()}
    reached: dict[str, list[str]] = {loop[p.name]: [] for p in network.populations}
    for name, those in apart.items():
        reached[loop[name]] += [loop[p] for p in those]
    members: dict[str, list[Population]] = {first: [] for first in reached}
    for population in network.populations:
        members[loop[population.name]].append(population)
    return [members[first] for first in TopologicalSorter(reached).static_order()]


def is_recurrent(network: Network, group: Sequence[Population]) -> bool:
    """Say whether populations of a group of `forward_groups` drive each other, or itself.

    Parameters
    ----------
    network
        The network.
    group
        Its populations.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.network.order import is_recurrent
    >>> net = ap.Network()
    >>> h = net.add(ap.Rate("hidden", 3))
    >>> is_recurrent(net, [h])
    False
    >>> _ = net.connect(h, h, weights=ap.Given(-0.1 * np.ones((3, 3))))
    >>> is_recurrent(net, [h])
    True
    """
    return len(group) > 1 or any(pre is post and pre is group[0] for pre, post in _driving(network))


def _driving(network: Network) -> list[tuple[Population, Population]]:
    """Return the ends of projections that affect the activity of their target."""
    signals = network.graph.signals
    return [(p.pre, p.post) for p in network.projections if signals.drives(p.name)]


def _check_loops(network: Network, loop: Mapping[str, str]) -> None:
    """Raise if anything but neurons drives each other, or itself, in a cycle."""
    for pre, post in _driving(network):
        if loop[pre.name] == loop[post.name] and pre.role != "neurons":
            raise WiringError(
                f"The forward projections run in a cycle: {pre.name} -> {post.name}; only neurons "
                "may drive each other in a loop, so take one of them out.",
            )


def feedback_order(network: Network) -> list[Population]:
    """Return the populations that receive feedback, in topological order of the feedback pass.

    Each comes after those whose dendritic feedback is relayed to its own dendrites. Feedback within
    a population must come from neurons that receive none from the population.

    Raises
    ------
    WiringError
        If feedback forms a cycle, or a relay comes from a population that receives none.
    """
    signals = network.graph.signals
    teaching = [p for p in network.projections if signals.teaches(p.name)]
    heard = {p.post.name for p in teaching}
    before: dict[str, list[str]] = {p.name: [] for p in network.populations}
    for projection in teaching:
        for relayed in signals.relayed(projection.name):
            if relayed not in heard:
                raise WiringError(
                    f"Projection {projection.name!r} relays what {relayed!r} hears, "
                    f"but {relayed!r} hears nothing; let it hear the error first.",
                    object=f"Projection {projection.name!r}",
                )
            if relayed == projection.post.name:
                _check_self(network, projection)
            else:
                before[projection.post.name].append(relayed)
    found = _sorted(network, before, "The feedback pathway runs")
    return [p for p in found if p.name in heard]


def relays_within(network: Network, projection: Projection) -> bool:
    """Say whether a projection relays the dendritic feedback of a population to its own neurons."""
    return projection.post.name in network.graph.signals.relayed(projection.name)


def _check_self(network: Network, projection: Projection) -> None:
    if projection.post.plateau:
        raise WiringError(
            f"Feedback {projection.name!r} runs within {projection.post.name!r}, whose dendrites "
            "hear other populations in two phases; take it out, or let them sum (plateau=None).",
            object=f"Feedback {projection.name!r}",
        )
    check_circle(network, projection, network.initial_weights(projection))


def check_circle(network: Network, projection: Projection, weights: np.ndarray) -> None:
    """Raise if feedback within a population forms a cycle through its nonzero weights.

    Parameters
    ----------
    network
        The network of the projection.
    projection
        Any; projections other than feedback within a population pass.
    weights
        Shape (n_pre, n_post) [dimensionless].

    Raises
    ------
    WiringError
        If a neuron both receives and sends feedback within its population.
    """
    if not relays_within(network, projection):
        return
    reached = weights != 0
    if projection.pre.is_paired:
        reached = reached[: projection.post.size]  # its halves reach the same neurons
    if (reached.any(axis=0) & reached.any(axis=1)).any():
        raise WiringError(
            f"Feedback {projection.name!r} forms a cycle: some neurons of "
            f"{projection.post.name!r} both receive and send feedback within the population. Mask "
            "its weights (apical.projections.weights.Masked).",
            object=f"Feedback {projection.name!r}",
        )


def _sorted(network: Network, before: Mapping[str, Sequence[str]], what: str) -> list[Population]:
    try:
        names = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise WiringError(f"{what} in a cycle: {circle}; take one of them out.") from None
    by_name = {p.name: p for p in network.populations}
    return [by_name[name] for name in names]
