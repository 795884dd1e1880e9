"""Audit of populations: labels, signed errors, surrogate gradients, rates, Dale's law, noise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.facts import Kept
from apical.plausibility.findings import Finding, assumed
from apical.plausibility.maps import Weights
from apical.plausibility.signs import Signs
from apical.plausibility.teaching import Teaching
from apical.projections.projection import Projection, ReadBackwards

SignsOfAll = Callable[[Population], Signs]
"""Returns what is known of the signs within a population."""


_OWN = "the neuron's own activity and drive"


def derivative(teaching: Teaching, population: Population) -> Iterator[Finding]:
    """Yield what learning reads of a neuron's own state, such as a surrogate gradient."""
    for name, text in teaching.own(population).items():
        said = f"{name} = {text}" if text else f"{name}, a variable of its own"
        if not population.is_spiking:
            read = "the drives of its unit" if population.has_gates else _OWN
            reason = f"does not spike: {said}, of {read}"
        elif text:
            reason = f"a spike has no derivative; surrogate gradient {said}, of its own state"
        else:
            reason = f"learning reads {said}, beside its spikes"
        yield Finding(population.name, "spike derivative", "local", reason)


def rates(network: Network, signs: SignsOfAll) -> Iterator[Finding]:
    """Yield whether neurons send spikes or rates, and whether a rate may be negative."""
    for population in network.populations:
        yield from assumed(population, "rates and spikes")
        if population.role == "bias":
            continue
        if population.is_spiking:
            reason = "sends spikes"
            yield Finding(population.name, "rates and spikes", "local", reason)
            continue
        reason = "sends a graded activity, as a rate over many spikes would be"
        if _is_negative(population, "x", signs):
            reason += ", that nothing keeps from being negative"
        yield Finding(population.name, "rates and spikes", "idealised", reason)


def _is_negative(population: Population, signal: str, signs: SignsOfAll) -> bool:
    """Say whether what neurons send may be negative; spikes are not."""
    if signal == "x" and (population.is_spiking or population.role == "bias"):
        return False
    return not population.is_softmax and signs(population).may_be_negative(signal)


def dale(
    network: Network, population: Population, weights: Weights, signs: SignsOfAll
) -> Iterator[Finding]:
    """Yield whether a population obeys Dale's law: its neurons excite all targets or inhibit all.

    The sign that counts is that of the weight, times that of the input that it reaches, times that
    of the activity that crosses.
    """
    leaving = [
        p
        for p in network.projections
        if p.pre is population and not isinstance(p.weights, ReadBackwards)
    ]
    if not leaving:
        return
    effects = [_effect(network, p, to, weights, signs) for p in leaving for to in p.carries]
    least, largest = (np.array([e.bounds[k] for e in effects]) for k in (0, 1))
    mixed = (least.min(axis=0) < 0) & (largest.max(axis=0) > 0)
    unclear = list(dict.fromkeys(e.unclear for e in effects if e.unclear))
    but = f"; the sign of {', '.join(unclear)} could not be told" if unclear else ""
    if mixed.any():
        reason = f"{mixed.sum()} of {mixed.size} neurons may excite some targets and inhibit "
        why = "; ".join(_why(leaving, effects, mixed))
        reason += f"others{'; ' if why else ''}{why}"
        yield Finding(population.name, "Dale's law", "idealised", reason + but)
    else:
        where = ", ".join(p.name for p in leaving)
        reason = (
            f"each neuron excites all its targets or inhibits all, and its synapses keep their "
            f"signs ({where})"
        )
        yield Finding(population.name, "Dale's law", "local", reason + but)


@dataclass(frozen=True)
class _Effect:
    """How the synapses of a projection may act through one input.

    Parameters
    ----------
    bounds
        Smallest and largest effect of each presynaptic neuron, shape (n_pre,) each.
    where
        The population and the input.
    negative
        The signal that may be negative; empty for none.
    unclear
        The input whose sign could not be told; empty for none.
    """

    bounds: tuple[np.ndarray, np.ndarray]
    where: str
    negative: str
    unclear: str


def _effect(
    network: Network, projection: Projection, to: str, weights: Weights, signs: SignsOfAll
) -> _Effect:
    low, high = _signs(network, projection, weights)
    variable = projection.post.inputs[to]
    sign = signs(projection.post).effect(variable)
    where = f"{projection.post.name} by {to}"
    if sign == 0:
        nothing = np.zeros(projection.pre.size)
        return _Effect((nothing, nothing), where, "", where)
    if sign == -1:
        low, high = -high, -low
    signal = projection.carries[to]
    negative = ""
    if _is_negative(projection.pre, signal, signs):
        low, high, negative = np.minimum(low, -high), np.maximum(high, -low), signal
    return _Effect((low, high), where, negative, "")


def _why(leaving: list[Projection], effects: list[_Effect], mixed: np.ndarray) -> Iterator[str]:
    """Yield why neurons break Dale's law."""
    free = [p.name for p in leaving if p.rule and p.limits is None and p.inhibitory is None]
    if free:
        yield f"nothing bounds {', '.join(free)}"
    negative = dict.fromkeys(e.negative for e in effects if e.negative)
    if negative:
        yield f"nothing keeps {', '.join(negative)} from being negative"
    if not free and not negative:
        excited, inhibited = (
            dict.fromkeys(e.where for e in effects if (sign * e.bounds[k][mixed] > 0).any())
            for sign, k in ((1, 1), (-1, 0))
        )
        yield f"they excite {', '.join(excited)} and inhibit {', '.join(inhibited)}"


def _signs(
    network: Network, projection: Projection, weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest possible weight of each neuron, shape (n_pre,)."""
    if projection.rule is None:
        return _of_synapses(network, projection, weights.all_held(projection)[0])
    low, high = (np.full(projection.pre.size, x) for x in projection.limits or (-np.inf, np.inf))
    signs = network.polarity(projection)
    if signs is None:
        return low, high
    return np.where(signs > 0, np.maximum(low, 0), low), np.where(signs < 0, 0, high)


def _of_synapses(
    network: Network, projection: Projection, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest weight of each neuron, 0 being one of a sparse row's."""
    edges = network.edges(projection)
    if edges is None or held.ndim == 2:
        return held.min(axis=1), held.max(axis=1)
    low, high = np.zeros(projection.pre.size), np.zeros(projection.pre.size)
    np.minimum.at(low, edges.pre, edges.each(held))
    np.maximum.at(high, edges.pre, edges.each(held))
    return low, high


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
        if population.plateau:
            reason = (
                "each dendrite holds an error of both signs, the difference of its plateau "
                "potentials in two phases"
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
