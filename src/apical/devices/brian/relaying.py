"""Relays in Brian2: how what dendrites heard is passed on, by neurons or along forward axons.

A `Relay` hears its dendrites through a linked variable. A forward projection that also carries
``delta`` does so by events of two more kinds on the same axon: ``relay_up`` and ``relay_down``, one
for each sign, each with a pathway of its own through the very same synapses.
"""

from collections.abc import Mapping
from typing import Any

import brian2 as b2
import numpy as np

from apical.language.expressions import substituted
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.relay import what_came
from apical.projections.projection import Projection

EVENTS = {"relay_up": "owed > 0.5", "relay_down": "owed < -0.5"}
"""When each kind of event happens; an event stands for 1."""

SAID = "said_to_relay"
"""What its dendrite heard, as a neuron keeps it where a relay is not linked to it."""

_PATHWAYS = {"relay_up": "+=", "relay_down": "-="}


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
        return ["heard : 1" + " (linked)" * links]
    return [f"{SAID} : 1"] * (not links and is_heard(network, population))


def multiplexes(projection: Projection) -> bool:
    """Say whether spikes are not all that a projection carries."""
    return projection.pre.is_spiking and "delta" in projection.carries.values()


def passes_on(network: Network, population: Population) -> bool:
    """Say whether the axons of a population carry what its dendrites heard, beside its spikes."""
    return any(p.pre is population and multiplexes(p) for p in network.projections)


def equations(population: Population) -> str:
    """Return the variables of a neuron whose axon carries what its dendrite heard."""
    heard, _ = what_came(population)
    return "owed : 1" + "\nheld : 1" * ("held" in heard)


def parameters(population: Population) -> dict[str, tuple[float, str]]:
    """Return the constants that `each_step` reads, with their units."""
    return what_came(population)[1]


def at_reset(population: Population) -> str:
    """Return statements after which nothing is owed."""
    return "owed = 0" + "\nheld = 0" * ("held" in what_came(population)[0])


def each_step(population: Population) -> str:
    """Return statements that add what came in a time step to what is owed."""
    heard, _ = what_came(population)
    return f"owed += {substituted(heard, {'heard': 'delta'})}" + "\nheld = delta" * (
        "held" in heard
    )


def paid(group: Any) -> None:
    """Let each event take what it stands for off what is owed."""
    group.run_on_event("relay_up", "owed -= 1")
    group.run_on_event("relay_down", "owed += 1")


def pathways(projection: Projection) -> dict[str, str]:
    """Return what the events of each kind do to the postsynaptic dendrite."""
    if not multiplexes(projection):
        return {}
    teach = projection.post.inputs["teach"]
    return {event: f"{teach}_post {sign} w" for event, sign in _PATHWAYS.items()}
