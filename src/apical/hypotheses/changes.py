"""What hypotheses share: which synapses bring the error, and how to change them alone."""

from collections.abc import Callable
from dataclasses import replace

from apical.errors import WiringError
from apical.network import Network
from apical.projections import Projection
from apical.weights import WeightSource


def feedback_onto_hidden(network: Network, hypothesis: str) -> tuple[Projection, ...]:
    """Return the feedback projections onto hidden populations.

    The output hears the error of its own class, neuron by neuron: that is the definition of the
    error, and no hypothesis about its way back.

    Raises
    ------
    WiringError
        If the network has no feedback pathway, or none onto hidden populations.
    """
    found = network.feedback.projections if network.feedback else ()
    onto = tuple(p for p in found if p.post is not network.output)
    if not onto:
        raise WiringError(
            f"Hypothesis {hypothesis!r} changes feedback onto hidden populations, of which the "
            "network has none; give it a hidden population and a pathway of apical.feedback."
        )
    return onto


def with_weights(
    network: Network,
    chosen: tuple[Projection, ...],
    weights: Callable[[WeightSource], WeightSource],
) -> Network:
    """Return the network with other weight sources for the projections that are chosen."""
    names = {p.name for p in chosen}
    return network.altered(
        projection=lambda p: replace(p, weights=weights(p.weights)) if p.name in names else p
    )
