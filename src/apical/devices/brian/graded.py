"""Graded (rate) synapses: the input of a neuron is a weighted sum over synapses at all times.

Brian2 lets one Synapses object be the source of a summed variable. Each projection therefore sums
into a variable of its own in the postsynaptic group, which adds them up.
"""

from apical.errors import WiringError
from apical.network.description import Network
from apical.network.order import feedback_order
from apical.neurons.base import Population
from apical.projections.projection import Projection

Sums = dict[str, tuple[str, str]]
"""Variable -> the postsynaptic neuron's summed variable that it is a part of, and what is summed:
a signal of the presynaptic neuron."""


def sums(projection: Projection) -> Sums:
    """Return the variables that a projection sums into; empty where it sends spikes."""
    if projection.pre.is_spiking:
        return {}
    inputs = projection.post.inputs
    return {
        f"{projection.name}_{inputs[target]}": (inputs[target], signal)
        for target, signal in projection.carries.items()
    }


def arriving(network: Network, population: Population) -> dict[str, list[str]]:
    """Return the variables that add up to each summed input of a population."""
    parts: dict[str, list[str]] = {variable: [] for variable in population.model.summed}
    for projection in network.projections:
        if projection.post is population:
            for part, (variable, _) in sums(projection).items():
                parts[variable].append(part)
    return parts


def equations(network: Network, population: Population) -> list[str]:
    """Return the equations of a group for all that arrives: each sum, and the totals."""
    found = []
    for variable, parts in arriving(network, population).items():
        found += [f"{part} : 1" for part in parts]
        found.append(f"{variable} = {' + '.join(parts) or '0'} : 1")
    return found


def ranks(network: Network) -> dict[str, int]:
    """Return the order of summation of projections within a time step, relays last.

    Feedback then crosses all its relays in one step. All are negative: groups come at 0.
    """
    signals = network.graph.signals
    graded = [p for p in network.projections if not p.pre.is_spiking]
    relayed = any(population.relays for population in network.populations)
    in_order = feedback_order(network) if graded or relayed else []
    heard = {p.name: k for k, p in enumerate(in_order)}

    def place(projection: Projection) -> tuple[int, bool]:
        taught = signals.teaches(projection.name)
        return heard[projection.post.name] if taught else -1, projection.pre is projection.post

    ordered = sorted(graded, key=place)
    return {p.name: k - len(ordered) for k, p in enumerate(ordered)}


def check_signals(network: Network) -> None:
    """Raise if a projection carries what its postsynaptic population does not take.

    Raises
    ------
    WiringError
        If spikes are connected to a graded input, or the other way round; if a spiking population
        carries anything but its spikes; if a graded population has a rule that acts at spikes.
    """
    for projection in network.projections:
        for target, signal in projection.carries.items():
            _check_carried(projection, target, signal)
        if not projection.pre.is_spiking:
            _check_timing(projection)


def _check_carried(projection: Projection, target: str, signal: str) -> None:
    pre, post = projection.pre, projection.post
    sent = "spikes" if pre.is_spiking else "graded signals"
    taken = "graded signals" if post.inputs[target] in post.model.summed else "spikes"
    if sent != taken:
        raise WiringError(
            f"Projection {projection.name!r}: {pre.name!r} sends {sent}, but input {target!r} of "
            f"{post.name!r} takes {taken}; join LIF to LIF and Error, Rate to Rate and RateError.",
            object=f"Projection {projection.name!r}",
        )
    beside = signal == "delta" and projection.carries.get("drive") == "x"
    if beside and pre.is_spiking and projection.release < 1:
        raise WiringError(
            f"Projection {projection.name!r} carries feedback of {pre.name!r} besides its spikes, "
            f"with release={projection.release!r}; such events always cross, so use release=1, or "
            "feedback.indirect(..., relay='random').",
            object=f"Projection {projection.name!r}",
        )
    if pre.is_spiking and signal != "x" and not beside:
        raise WiringError(
            f"Projection {projection.name!r} carries {signal!r} of {pre.name!r}, but only the "
            "spikes of a spiking population, 'x', cross a synapse, and 'delta' besides them along "
            "a forward one; carry 'x', or use a Relay.",
            object=f"Projection {projection.name!r}",
        )


def _check_timing(projection: Projection) -> None:
    if projection.release < 1:
        raise WiringError(
            f"Projection {projection.name!r} has release={projection.release!r}, but "
            f"{projection.pre.name!r} sends no spikes that could fail; use release=1, or neurons "
            "that are unreliable.",
            object=f"Projection {projection.name!r}",
        )
    if projection.rule is not None and projection.rule.when != "trial":
        raise WiringError(
            f"Rule {projection.rule.name!r} on projection {projection.name!r} acts at "
            f"{projection.rule.when!r}, but {projection.pre.name!r} is graded and knows no such "
            "moment; choose when='trial'.",
            object=f"Rule {projection.rule.name!r}",
        )
