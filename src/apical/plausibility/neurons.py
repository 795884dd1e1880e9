"""Audit of populations: labels, shared variables, signed errors, surrogate gradients, noise."""

from collections.abc import Iterator

import numpy as np

from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.facts import Kept
from apical.plausibility.findings import Finding, assumed
from apical.plausibility.maps import Weights
from apical.projections.projection import Projection, ReadBackwards


def derivative(network: Network, population: Population) -> Iterator[Finding]:
    """Yield the surrogate gradient (gain) of a population, where learning reads it."""
    readers = [p for p in network.plastic if p.post is population]
    reads = any(p.rule and {"gain_post", "delta_post"} & p.rule.signals for p in readers)
    sends = any(p.pre is population and "delta" in p.carries.values() for p in network.projections)
    if not (reads or sends):
        return
    gain = population.slope or "a variable of its own"
    if population.curve:
        reason = f"does not spike: gain = {gain}, of the neuron's own activity and drive"
    else:
        reason = f"a spike has no derivative; surrogate gradient gain = {gain}, of its own state"
    yield Finding(population.name, "spike derivative", "local", reason)


def dale(network: Network, population: Population, weights: Weights) -> Iterator[Finding]:
    """Yield whether a population obeys Dale's law: one sign for all synapses of a neuron."""
    leaving = [
        p
        for p in network.projections
        if p.pre is population and not isinstance(p.weights, ReadBackwards)
    ]
    if not leaving:
        return
    ranges = [_signs(network, p, weights) for p in leaving]
    least, largest = (np.array([r[k] for r in ranges]) for k in (0, 1))
    mixed = (least.min(axis=0) < 0) & (largest.max(axis=0) > 0)
    where = ", ".join(p.name for p in leaving)
    if mixed.any():
        free = [p.name for p in leaving if p.rule and p.limits is None and p.inhibitory is None]
        why = f"; nothing bounds {', '.join(free)}" if free else ""
        reason = f"{mixed.sum()} of {population.size} neurons may excite some targets and inhibit "
        yield Finding(population.name, "Dale's law", "idealised", f"{reason}others{why}")
    else:
        reason = f"the synapses of each neuron are of one sign and stay so ({where})"
        yield Finding(population.name, "Dale's law", "local", reason)


def _signs(
    network: Network, projection: Projection, weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest possible weight of each neuron, shape (n_pre,)."""
    if projection.rule is None:
        drawn = weights(projection)
        return drawn.min(axis=1), drawn.max(axis=1)
    low, high = (np.full(projection.pre.size, x) for x in projection.limits or (-np.inf, np.inf))
    signs = network.polarity(projection)
    if signs is None:
        return low, high
    return np.where(signs > 0, np.maximum(low, 0), low), np.where(signs < 0, 0, high)


def signed_error(network: Network, weights: Weights) -> Iterator[Finding]:
    """Yield how signed errors are represented by neural activity."""
    for population in network.populations:
        if population.role == "error" and population.is_paired:
            reason = "one population signals 'too much', another 'too little', both by spikes alone"
            reason += _coarse(population)
            yield Finding(population.name, "signed error", "local", reason)
        elif population.role == "error":
            reason = "each neuron signals an error of both signs" + _coarse(population)
            yield Finding(population.name, "signed error", "idealised", reason)
        elif population.role == "target":
            reason = "signals the correct class by activity of one sign, not an error"
            yield Finding(population.name, "signed error", "local", reason)
        elif population.relays is not None:
            reason = (
                f"each neuron follows the dendrite of one neuron of {population.relays.name!r}, "
                "and its partner of the other sign; a spike for each sign"
            )
            yield Finding(population.name, "signed error", "idealised", reason)
        yield from assumed(population, "signed error")
    for projection in network.feedback.projections if network.feedback else ():
        kept = _kept(projection, weights)
        if kept:
            reason = f"brings {_KEPT[kept]}, so no error of two signs"
            yield Finding(projection.name, "signed error", "local", reason)
    relays = {p.name for p in network.feedback.relays} if network.feedback else set()
    for projection in network.projections:
        if "delta" in projection.carries.values() and projection.name not in relays:
            reason = "brings delta, an error of both signs, from neurons that also send activity"
            yield Finding(projection.name, "signed error", "idealised", reason)


_KEPT: dict[Kept, str] = {
    "size": "the size of the error alone, whatever its sign",
    "surplus": "only that a class did too much",
    "lack": "only that a class did too little",
    "square": "the square of the error alone",
}


def _kept(projection: Projection, weights: Weights) -> Kept | None:
    """Return which part of a signed error a projection conveys, if not the whole."""
    if projection.pre.role != "error":
        return None
    if not projection.pre.is_paired:
        return projection.pre.keeps if "told" in projection.carries.values() else None
    too_much, too_little = np.split(weights(projection), 2)
    if not too_much.any() or not too_little.any():
        return "surplus" if too_much.any() else "lack" if too_little.any() else None
    return "size" if np.array_equal(too_much, too_little) else None


def _coarse(error: Population) -> str:
    """Describe the quantisation and the dead zone (threshold) of error neurons."""
    said = "" if error.levels is None else f"; quantised to {error.levels} levels, signs included"
    small = error.overlooks
    return said + (f"; silent for errors up to {small:g} of the whole" if small else "")


def noise(population: Population) -> Iterator[Finding]:
    """Yield the sources of noise in neurons and dendrites."""
    if population.explores:
        reason = (
            "each neuron perturbs its drive by private noise in every training trial, of "
            f"standard deviation {population.explores:g}, and has access to it (eligibility)"
        )
        yield Finding(population.name, "locality", "local", reason)
    if population.teach_noise:
        reason = (
            "each dendrite adds private noise in every trial, of standard deviation "
            f"{population.teach_noise:g}"
        )
        yield Finding(population.name, "feedback", "local", reason)
