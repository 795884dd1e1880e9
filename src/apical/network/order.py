"""Topological order of populations in the forward pass and in the feedback pass.

Which synapses drive activity, which end on dendrites, and which pass on what a dendrite received
follows from the signal graph (`apical.network.signals`), not from the names of inputs and signals.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np

from apical.errors import WiringError
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection


def forward_order(network: Network) -> list[Population]:
    """Return the populations in topological order of the forward pass.

    Each comes after those that its activity depends on through synapses.

    Raises
    ------
    WiringError
        If populations drive each other in a cycle.
    """
    signals = network.graph.signals
    before: dict[str, list[str]] = {p.name: [] for p in network.populations}
    for projection in network.projections:
        if signals.drives(projection.name):
            before[projection.post.name].append(projection.pre.name)
    return _sorted(network, before, "The forward projections run")


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
