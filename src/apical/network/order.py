"""Topological order of populations in the forward pass and in the feedback pass."""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

import numpy as np

from apical.errors import WiringError
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.rate import FED_BACK
from apical.projections.projection import Projection


def forward_order(network: Network) -> list[Population]:
    """Return the populations in topological order of the forward pass.

    Raises
    ------
    WiringError
        If populations drive each other in a cycle.
    """
    driving = [p for p in network.projections if "drive" in p.carries]
    return _sorted(network, driving, "The forward projections run")


def feedback_order(network: Network) -> list[Population]:
    """Return the populations that receive feedback, in topological order of the feedback pass.

    Feedback within a population must come from neurons that receive none from the population.

    Raises
    ------
    WiringError
        If feedback forms a cycle, or a relay comes from a population that receives none.
    """
    teaching = [p for p in network.projections if "teach" in p.carries]
    heard = {p.post for p in teaching}
    for projection in teaching:
        if _is_relay(projection) and _relayed(projection) not in heard:
            raise WiringError(
                f"Projection {projection.name!r} relays what {_relayed(projection).name!r} hears, "
                f"but {_relayed(projection).name!r} hears nothing; let it hear the error first.",
                object=f"Projection {projection.name!r}",
            )
        if _relayed(projection) is projection.post:
            _check_self(network, projection)
    others = [p for p in teaching if _is_relay(p) and _relayed(p) is not p.post]
    return [p for p in _sorted(network, others, "The feedback pathway runs") if p in heard]


def _is_relay(projection: Projection) -> bool:
    carried = projection.carries.get("teach")
    return carried in FED_BACK or projection.pre.relays is not None


def _relayed(projection: Projection) -> Population:
    """Return the population whose dendritic feedback a projection relays, if it is a relay."""
    return projection.pre.relays or projection.pre


def _check_self(network: Network, projection: Projection) -> None:
    if projection.post.plateau:
        raise WiringError(
            f"Feedback {projection.name!r} runs within {projection.post.name!r}, whose dendrites "
            "hear other populations in two phases; take it out, or let them sum (plateau=None).",
            object=f"Feedback {projection.name!r}",
        )
    check_circle(projection, network.initial_weights(projection))


def check_circle(projection: Projection, weights: np.ndarray) -> None:
    """Raise if feedback within a population forms a cycle through its nonzero weights.

    Parameters
    ----------
    projection
        Any; projections other than feedback within a population pass.
    weights
        Shape (n_pre, n_post) [dimensionless].

    Raises
    ------
    WiringError
        If a neuron both receives and sends feedback within its population.
    """
    inside = _relayed(projection) is projection.post and _is_relay(projection)
    if not inside or "teach" not in projection.carries:
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


def _sorted(network: Network, projections: Iterable[Projection], what: str) -> list[Population]:
    before: dict[str, list[str]] = {p.name: [] for p in network.populations}
    for projection in projections:
        before[projection.post.name].append(_relayed(projection).name)
    try:
        names = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise WiringError(f"{what} in a cycle: {circle}; take one of them out.") from None
    by_name = {p.name: p for p in network.populations}
    return [by_name[name] for name in names]
