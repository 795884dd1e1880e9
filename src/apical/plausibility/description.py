"""Doubtful descriptions: warnings about networks that are valid but probably not intended."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from apical.errors import ApicalError, WiringError
from apical.language.expressions import vanishes_where, vanishes_with
from apical.network.description import Network
from apical.neurons.base import Population, times_among
from apical.plasticity.rules import LearningRule
from apical.plausibility.findings import NETWORK, Finding
from apical.plausibility.maps import Weights
from apical.projections.projection import Projection, ReadBackwards

SHORTEST = 0.25
"""Time constants of neurons and synapses below this [ms] were probably meant in seconds."""
SHORTEST_DELAY, SHORTEST_TRIAL = 0.05, 1.0
"""The same for axonal delays, and for a trial [ms]."""


def description(network: Network, weights: Weights) -> Iterator[Finding]:
    """Yield findings on what is probably not intended in a network.

    Parameters
    ----------
    network
        The network to audit.
    weights
        Its initial weights.
    """
    output = _output(network)
    yield from _ends(network)
    if not network.plastic:
        reason = "nothing learns: no projection has a rule; give one, as in connect(..., rule=...)"
        yield Finding(NETWORK, "description", "noted", reason)
    for population in network.populations:
        yield from _joined(network, population, output)
    yield from _islands(network, output)
    for population in network.populations:
        yield from _seconds(population.name, population.times, SHORTEST)
        yield from _unwritten(population)
    for projection in network.projections:
        yield from _seconds(projection.name, {"delay": projection.delay}, SHORTEST_DELAY)
        if projection.rule is not None:
            yield from _seconds(projection.name, _times_of_rule(projection.rule), SHORTEST)
            yield from _never(network, projection, projection.rule, weights)
    yield from _seconds(NETWORK, {"trial": network.trial}, SHORTEST_TRIAL)


def _output(network: Network) -> Population | None:
    """Return the output of a network; None where it is missing or ambiguous."""
    try:
        return network.output
    except WiringError:
        return None


def _ends(network: Network) -> Iterator[Finding]:
    """Yield what keeps a network from running: no stimulus, or no population that decides."""
    for end in ("stimuli", "output"):
        try:
            getattr(network, end)
        except WiringError as error:
            yield _doubtful(NETWORK, f"{error.message} All else is judged without it")


def _doubtful(subject: str, reason: str) -> Finding:
    return Finding(subject, "description", "doubtful", reason)


def _joined(
    network: Network, population: Population, output: Population | None
) -> Iterator[Finding]:
    """Yield populations without driving input, or without outgoing projections."""
    others = [p for p in network.projections if p.pre is not p.post]
    driven = any(p.post is population and set(p.carries) - {"teach", "before"} for p in others)
    heard = any(p.pre is population for p in others)
    heard |= any(p.relays is population for p in network.populations)
    heard |= population is output
    hears = bool(set(population.inputs) - {"teach", "before"})
    hears &= population.role not in ("stimulus", "bias", "relay")
    if not heard and not any(population in (p.pre, p.post) for p in others):
        yield _doubtful(population.name, "no projection joins it to any other population")
        return
    if hears and not driven and not population.fires_alone:
        reason = "no projection drives it"
        if population.is_told:
            reason += ", though it is shown what the output should be"
        yield _doubtful(population.name, f"{reason}, so no stimulus reaches it")
    if not heard:
        yield _doubtful(
            population.name, "no projection leaves it, and it is not the output: it has no effect"
        )


def _islands(network: Network, output: Population | None) -> Iterator[Finding]:
    """Yield components that are connected neither to the stimulus nor to the output."""
    found = {p for p in network.populations if p.role == "stimulus"}
    found |= {output} if output else set()
    grown = bool(found)
    while grown:
        more = {
            q
            for p in network.projections
            for q in (p.pre, p.post)
            if p.pre in found or p.post in found
        } - found
        more |= {p.relays for p in found if p.relays} - found
        found, grown = found | more, bool(more)
    for population in network.populations if found else ():
        joined = any(
            population in (p.pre, p.post) and p.pre is not p.post for p in network.projections
        )
        if joined and population not in found:
            yield _doubtful(
                population.name, "no path joins it to the stimulus or the output, in no direction"
            )


def _times_of_rule(rule: LearningRule) -> Mapping[str, Any]:
    found = times_among(rule.parameters)
    found |= {f"tau of {name}": trace.tau for name, trace in rule.traces.items()}
    return {"onset": rule.onset, **found}


def _seconds(subject: str, times: Mapping[str, Any], shortest: float) -> Iterator[Finding]:
    """Yield times that are so short that they were probably given in seconds."""
    for name, value in times.items():
        if isinstance(value, int | float) and 0 < value < shortest:
            reason = (
                f"{name}={value:g} is in milliseconds; if {value:g} seconds were meant, write "
                f"{name}={1000 * value:g}"
            )
            yield _doubtful(subject, reason)


def _unwritten(population: Population) -> Iterator[Finding]:
    """Yield signals that custom neuron models offer but never change."""
    if not population.is_custom:
        return
    model = population.model
    follow = {*population.inputs.values(), *model.summed}
    code = "\n".join((model.reset, model.at_trial, model.at_frame, model.at_reset, model.at_step))
    for signal in population.signals:
        name = re.escape(signal)
        defined = re.search(
            rf"^\s*(?P<slope>d{name}\s*/\s*dt|{name})\s*=\s*(?P<by>[^:#]+):", model.equations, re.M
        )
        starts = model.initial.get(signal, 0) != 0
        if defined and defined["slope"] != signal and not starts:  # pure decay stays at 0
            defined = None if _stays_0(defined["by"], signal) else defined
        written = re.search(rf"(^|[;\n])\s*{name}\s*([-+*/%]|\*\*|//)?=(?!=)", code)
        if not (defined or written or signal in follow):
            reason = (
                f"it offers {signal!r}, but neither equations nor statements ever change that; "
                f"write it, for instance at a spike (reset='{signal} += 1')"
            )
            yield _doubtful(population.name, reason)


def _is_0(text: str) -> bool:
    """Say whether an expression of a neuron is 0 for certain."""
    try:
        return vanishes_where(text, ())
    except ApicalError:  # as below
        return False


def _stays_0(slope: str, name: str) -> bool:
    """Say whether a variable that starts at 0 stays there, by its differential equation."""
    try:
        return vanishes_with(slope, name)
    except ApicalError:  # more of Brian2's grammar than rules may have
        return False


def _never(
    network: Network, projection: Projection, rule: LearningRule, weights: Weights
) -> Iterator[Finding]:
    """Yield the reasons why a rule can never change a weight, if there are any."""
    zeros = {name: f"{name} is 0" for name, value in rule.parameters.items() if value == 0}
    for end, population in (("pre", projection.pre), ("post", projection.post)):
        if not _is_taught(network, population, weights):
            why = f"no feedback arrives at {population.name}"
            zeros |= {f"teach_{end}": why, f"delta_{end}": why}
        gain = population.slope
        if gain and _is_0(gain):
            why = f"gain of {population.name} is {gain}"
            zeros |= {f"gain_{end}": why, f"delta_{end}": why}
    dynamics = rule.dynamics
    still = vanishes_where(rule.update, zeros)
    if dynamics is not None:
        texts = [text for _, text in dynamics.steps]
        still &= not (dynamics.draws or any(re.search(r"\bw\b", text) for text in texts))
        none = {name: f"{name} is 0" for name, value in dynamics.parameters.items() if value == 0}
        if vanishes_where(dynamics.change, none):
            still, zeros = True, none
    if still:
        read = rule.update if dynamics is None else f"{rule.update} {dynamics.change}"
        causes = [why for name, why in zeros.items() if re.search(rf"\b{name}\b", read)]
        reason = f"rule {rule.name!r} ({rule.update}) can never change a weight: "
        yield _doubtful(projection.name, reason + ", ".join(dict.fromkeys(causes)))


def _is_taught(network: Network, population: Population, weights: Weights) -> bool:
    """Say whether a teaching signal can ever reach a population."""
    if "teach" not in population.inputs:
        return "teach" in population.signals  # of one's own making
    return any(
        isinstance(p.weights, ReadBackwards) or p.rule is not None or weights.all_held(p)[0].any()
        for p in network.projections
        if p.post is population and "teach" in p.carries
    )
