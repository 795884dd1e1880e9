"""Audit of what learning takes: time to settle, memory until feedback, synaptic operations."""

from collections.abc import Iterator
from math import exp

import numpy as np

from apical.errors import WiringError
from apical.network.description import Network
from apical.network.settling_time import LARGEST, said, slowest_chain, unsettled
from apical.plasticity.traces import INFINITE
from apical.plausibility.findings import NETWORK, Finding, assumed
from apical.plausibility.maps import Weights
from apical.plausibility.teaching import Teaching
from apical.projections.projection import Projection, ReadBackwards

LONGEST_TRACE = 5000.0
"""Eligibility traces of synapses are known to last up to a few seconds [ms] (Gerstner et al. 2018,
doi:10.3389/fncir.2018.00053)."""

_KNOWN = "; eligibility traces are known to last up to a few seconds"


def settling(network: Network) -> Iterator[Finding]:
    """Yield how long a network of rates takes to reach its steady state."""
    for population in network.populations:
        yield from assumed(population, "settling time")
    if network.is_spiking:
        reason = f"neurons spike: nothing waits for an equilibrium within the {network.trial:g} ms "
        yield Finding(NETWORK, "settling time", "local", f"{reason}of a trial")
        return
    try:
        chain = slowest_chain(network)
    except WiringError:  # a circle: no closed form
        return
    if not chain:
        return
    left = unsettled(chain, network.trial)
    reason = (
        f"updates read the steady state, behind {said(chain)} in a row: {left:.2g} of the response "
        f"to a stimulus is missing when a trial of {network.trial:g} ms ends"
    )
    if left > LARGEST:
        reason += "; Brian2 devices refuse this, and device 'array' computes the steady state"
    yield Finding(NETWORK, "settling time", "noted", reason)


def memory(network: Network, teaching: Teaching) -> Iterator[Finding]:
    """Yield how long activity must be remembered until the target arrives, and by what it is."""
    for projection in network.plastic:
        rule = projection.rule
        if rule is None or not any(n in teaching.distance for n in teaching.read(projection)):
            continue
        if rule.when == "trial":
            wait, until = network.trial, "a trial ends"
        else:
            wait, until = _late(network, teaching, projection), "feedback arrives"
        if not projection.pre.is_spiking and not rule.traces:
            reason = f"needs none: {projection.pre.name} is active until {until}"
            yield Finding(projection.name, "memory", "local", reason)
            continue
        held = {f"the trace x of {projection.pre.name}": projection.pre.tau_x}
        held |= {f"trace {name}": trace.tau for name, trace in rule.traces.items()}
        yield _remembered(projection.name, wait, until, held)


def _late(network: Network, teaching: Teaching, projection: Projection) -> float:
    """Return the sum of delays on the shortest way of the target to an update [ms]."""
    ends = [node for node in teaching.read(projection) if node in teaching.distance]
    way = teaching.graph.way("target", min(ends, key=lambda node: teaching.distance[node])) or []
    delays = {p.name: p.delay for p in network.projections}
    return sum(delays.get(edge.via, 0.0) for edge in way if edge.kind == "synapse")


def _remembered(subject: str, wait: float, until: str, held: dict[str, float]) -> Finding:
    said_of = ", ".join(
        f"{name} (which sums without loss)"
        if tau == INFINITE
        else f"{name} (tau {tau:g} ms, {exp(-wait / tau):.2g} is left)"
        for name, tau in held.items()
    )
    longest = max((tau for tau in held.values() if tau != INFINITE), default=0.0)
    known = max(wait, longest) <= LONGEST_TRACE
    after = f"up to {wait:g} ms later" if wait else "within the time step at the earliest"
    reason = f"until {until}, {after}, activity is held by {said_of}{_KNOWN}"
    return Finding(subject, "memory", "local" if known else "idealised", reason)


def connectivity(network: Network) -> Iterator[Finding]:
    """Yield which synapses exist, where not all of them do by a connectivity."""
    for population in network.populations:
        yield from assumed(population, "connectivity")
    for projection in network.projections:
        edges = None if projection.connectivity.is_full else network.edges(projection)
        if edges is None:
            continue
        pre, post = edges.shape
        least, most = edges.in_degrees.min(), edges.in_degrees.max()
        onto = f"{least}" if least == most else f"{least} to {most}"
        reason = (
            f"{projection.connectivity.about}: {len(edges):,} of {pre * post:,} synapses exist, "
            f"{onto} onto each neuron; others never appear"
        )
        if projection.missing:
            reason += f" ({projection.missing:.0%} of those of the connectivity are missing)"
        yield Finding(projection.name, "connectivity", "local", reason)


def cost(network: Network, teaching: Teaching, weights: Weights) -> Iterator[Finding]:
    """Yield the synaptic operations of a time step or a steady state, and of an update."""
    if not network.projections:
        return
    found = {"forward": 0, "feedback": 0, "update": 0}
    for projection in network.projections:
        n = _synapses(network, projection, weights)
        for _ in projection.carries:
            found["feedback" if _serves(teaching, projection) else "forward"] += n
        found["update"] += n if projection.rule else 0
    reason = (
        f"{found['forward']} synapses carry activity, {found['feedback']} carry what is taught, "
        f"{found['update']} are updated"
    )
    if found["forward"]:
        times = (found["feedback"] + found["update"]) / found["forward"]
        reason += f": {times:.2g} synaptic operations of learning to one of inference"
    reason += ", if all signals are active ('--measure cost' counts those of a sample)"
    yield Finding(NETWORK, "cost", "noted", reason)


def _synapses(network: Network, projection: Projection, weights: Weights) -> int:
    """Return the number of synapses that exist: those that are plastic, or not 0."""
    edges = network.edges(projection)
    if edges is not None:
        return len(edges)
    if projection.rule is not None or isinstance(projection.weights, ReadBackwards):
        return round(projection.pre.size * projection.post.size * (1 - projection.missing))
    return int(np.count_nonzero(weights(projection)))


def _serves(teaching: Teaching, projection: Projection) -> bool:
    return projection.post.name in teaching.told or not teaching.drives(projection)
