"""Relayed feedback in Brian2: by relay neurons, or along forward axons (burst multiplexing).

A `Relay` reads its dendrites through a linked variable. A forward projection that also carries
``delta`` does so by events of two more kinds on the same axon: ``relay_up`` and ``relay_down``, one
for each sign, each with a pathway of its own through the very same synapses.
"""

from collections.abc import Mapping
from typing import Any

import brian2 as b2
import numpy as np

from apical.language.expressions import substituted
from apical.language.fragments import lines, when
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.relay import holds, what_came
from apical.projections.projection import Projection

EVENTS = {"relay_up": "owed > 0.5", "relay_down": "owed < -0.5"}
"""Condition of each kind of event; an event represents 1."""

SAID = "said_to_relay"
"""Variable of dendritic feedback, where a relay is not linked to the neuron."""

PATHWAYS = {"relay_up": "+=", "relay_down": "-="}


def link(network: Network, population: Population, groups: Mapping[str, Any], links: bool) -> str:
    """Let a relay hear the dendrite of each neuron, once for each half.

    Returns
    -------
    str
        Statements of each time step by which a population keeps what a relay then hears, where
        the two are not linked.
    """
    heard = population.relays
    if heard is not None and links:
        index = np.tile(np.arange(heard.size), population.size // heard.size)
        groups[population.name].heard = b2.linked_var(groups[heard.name], "delta", index=index)
    return f"{SAID} = delta" if not links and is_heard(network, population) else ""


def is_heard(network: Network, population: Population) -> bool:
    """Say whether a relay hears the dendrites of a population."""
    return any(p.relays is population for p in network.populations)


def hearing(network: Network, population: Population, *, links: bool) -> list[str]:
    """Return the equations through which a relay hears, on either side."""
    if population.relays is not None:
        return [f"heard : 1{when(links, ' (linked)')}"]
    return [f"{SAID} : 1"] if not links and is_heard(network, population) else []


def multiplexes(projection: Projection) -> bool:
    """Say whether a projection carries feedback events besides spikes (burst multiplexing)."""
    return projection.pre.is_spiking and "delta" in projection.carries.values()


def passes_on(network: Network, population: Population) -> bool:
    """Say whether axons of a population carry its dendritic feedback besides its spikes."""
    return any(p.pre is population and multiplexes(p) for p in network.projections)


def equations(population: Population) -> str:
    """Return the variables of a neuron whose axon carries its dendritic feedback."""
    return lines("owed : 1", when(holds(population), "held : 1"))


def parameters(population: Population) -> dict[str, tuple[float, str]]:
    """Return the constants that `each_step` reads, with their units."""
    return what_came(population)[1]


def at_reset(population: Population) -> str:
    """Return statements after which nothing is owed."""
    return lines("owed = 0", when(holds(population), "held = 0"))


def each_step(population: Population) -> str:
    """Return statements that add what came in a time step to what is owed."""
    heard, _ = what_came(population)
    came = substituted(heard, {"heard": "delta"})
    return lines(f"owed += {came}", when(holds(population), "held = delta"))


def paid(group: Any) -> None:
    """Subtract each event from the feedback that is still owed."""
    group.run_on_event("relay_up", "owed -= 1")
    group.run_on_event("relay_down", "owed += 1")


def pathways(projection: Projection) -> dict[str, str]:
    """Return what the events of each kind do to the postsynaptic dendrite."""
    if not multiplexes(projection):
        return {}
    teach = projection.post.inputs["teach"]
    return {event: f"{teach}_post {sign} w" for event, sign in PATHWAYS.items()}
