"""Grades of the parts of a network, by how much of them NIR can hold: `grades`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from apical._base.checking import checked
from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.facts import Integrator
from apical.projections.projection import Projection

Level = Literal["faithful", "approximate", "refused", "metadata"]
Reset = Literal["own", "hard"]


@dataclass(frozen=True)
class Grade:
    """How much of a part of a network NIR can hold.

    Parameters
    ----------
    name
        Name of the population or projection.
    level
        ``"faithful"``: its equations are those of a node. ``"approximate"``: something is lost.
        ``"refused"``: no node comes near, and nothing is written. ``"metadata"``: it serves
        learning, of which the file tells in words.
    reason
        Node, or what is lost, in words.
    """

    name: str
    level: Level
    reason: str


@checked()
def grades(network: Network, *, reset: Reset = "own") -> tuple[Grade, ...]:
    """Return the grade of every population and projection of a network.

    Parameters
    ----------
    network
        The network.
    reset
        ``"hard"``: soft resets, which NIR has not, are written as resets to 0; ``"own"``: they are
        refused.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y = ap.LIF("hidden", 3, reset="rest"), ap.LIF("output", 2, leak=False)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2))
    >>> for grade in ap.nir.grades(net):
    ...     print(grade.name, grade.level)
    stimulus approximate
    hidden faithful
    output refused
    stimulus_to_hidden faithful
    hidden_to_output faithful
    """
    found = [_several(network, p) or _population(p, reset) for p in network.populations]
    return (*found, *(_projection(network, p) for p in network.projections))


def responding(network: Network) -> tuple[list[Population], list[Projection]]:
    """Return the populations and projections that a response needs: the rest serves learning."""
    populations = [p for p in network.populations if p.role not in _LEARNING]
    projections = [p for p in network.projections if _drives(network, p)]
    return populations, projections


_LEARNING = ("error", "target", "relay", "reward")
"""Roles of populations that serve learning."""


def _drives(network: Network, projection: Projection) -> bool:
    pathway = network.feedback
    is_feedback = pathway is not None and projection.name in {p.name for p in pathway.projections}
    ends = (projection.pre.role, projection.post.role)
    return not is_feedback and not set(ends) & set(_LEARNING)


def _several(network: Network, population: Population) -> Grade | None:
    """Return the refusal of a stimulus beside others; None for anything else."""
    stimuli = [p.name for p in network.populations if p.role == "stimulus"]
    if len(stimuli) < 2 or population.name not in stimuli:
        return None
    reason = f"it is one of {len(stimuli)} stimuli; files written and read here have one Input"
    return Grade(population.name, "refused", reason)


def _population(population: Population, reset: Reset) -> Grade:
    name, role = population.name, population.role
    if role in _LEARNING:
        return Grade(name, "metadata", f"{role} neurons serve learning")
    if role == "stimulus":
        if population.frames > 1 or not population.is_spiking:
            what = "shows frames" if population.is_spiking else "is graded"
            return Grade(name, "refused", f"it {what}; NIR has an input of spikes")
        return Grade(name, "approximate", "an Input of spikes; its encoder is in the metadata")
    neuron = population.integrator
    if neuron is None:
        kind = type(population).__name__
        return Grade(name, "refused", f"NIR has no node with the equations of {kind}")
    if neuron.besides:
        return Grade(name, "refused", f"NIR has no {', nor '.join(neuron.besides)}")
    lost = list(_lost(neuron))
    if not neuron.hard and reset == "own":
        return Grade(
            name, "refused", "NIR resets to a value and cannot subtract the threshold; give 'hard'"
        )
    node = {(True, True): "CubaLIF", (True, False): "LIF", (False, True): "LI and IF"}
    written = node.get((neuron.leak, bool(neuron.tau_s)), "IF")
    if lost:
        return Grade(name, "approximate", f"{written}; {'; '.join(lost)}")
    return Grade(name, "faithful", written)


def _lost(neuron: Integrator) -> Iterator[str]:
    if not neuron.hard:
        yield "it subtracts the threshold at a spike, the file resets to 0"
    if neuron.hard and not neuron.tau_s:
        yield "here a reset takes along what arrives in the time step of a spike"
    if neuron.v_start:
        yield f"membranes begin at {neuron.v_start:g}, those of other simulators at 0"


def _projection(network: Network, projection: Projection) -> Grade:
    name = projection.name
    if not _drives(network, projection):
        return Grade(name, "metadata", "it serves learning")
    if set(projection.carries.items()) != {("drive", "x")} or not projection.pre.is_spiking:
        carried = ", ".join(f"{a} to {b}" for b, a in projection.carries.items())
        return Grade(name, "refused", f"it carries {carried}; a synapse of NIR carries spikes")
    if projection.release < 1:
        what = f"its synapses release with probability {projection.release:g}"
        return Grade(name, "approximate", f"{what}, the file has the mean")
    return Grade(name, "faithful", "Delay and Linear" if projection.delay else "Linear")
