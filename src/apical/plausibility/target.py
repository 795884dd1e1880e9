"""Audit of the target: who teaches, how large errors get, whether they move activity, and when."""

from collections.abc import Iterator, Mapping

import numpy as np

from apical.errors import ParameterError
from apical.language.evaluation import evaluated
from apical.network.description import Network
from apical.network.signals import ACTIVITY
from apical.neurons.base import Population
from apical.neurons.facts import Level
from apical.plausibility.findings import NETWORK, Finding, assumed
from apical.plausibility.teaching import Teaching
from apical.projections.projection import Projection, ReadBackwards


def teacher(network: Network, teaching: Teaching) -> Iterator[Finding]:
    """Yield what teaches, an error, the label, one number or nothing, and where it comes from."""
    for population in network.populations:
        yield from assumed(population, "teacher")
    if not network.plastic:
        return
    told = [p for p in network.populations if p.name in teaching.told]
    heard = [p for p in network.plastic if any(n in teaching.distance for n in teaching.read(p))]
    if not heard:
        reason = "nothing: no update depends on a target"
        yield Finding(NETWORK, "teacher", "local", reason)
        return
    sent = {p.pre for p in network.projections if teaching.teaches(p) and teaching.brings(p)}
    numbers = sorted(p.name for p in sent if p.role == "reward" or p.size == 1)
    level: Level = "idealised"
    if numbers and all(p.name in numbers or p in told for p in sent):
        what, level = f"one number, that of {numbers[0]}, the same for all synapses", "broadcast"
    else:
        what = " and ".join(dict.fromkeys(_kind(teaching, p) for p in heard))
    names = ", ".join(p.name for p in told)
    reason = (
        f"{what}; the target is given to {names} from outside the network, in every trial that "
        "learns"
    )
    yield Finding(NETWORK, "teacher", level, reason)


def _kind(teaching: Teaching, projection: Projection) -> str:
    """Return what the updates of a projection read of the target."""
    graph = teaching.graph
    read = [node for node in teaching.read(projection) if node in teaching.distance]
    sources = set().union(*(graph.sources(node, ACTIVITY) for node in read))
    own = projection.post.name
    taught = {n for n in sources & {*teaching.distance} if graph.nodes[n].owner != own}
    behind = set().union(*(graph.sources(node, ACTIVITY) for node in taught))
    if graph.decision is None or graph.decision in behind:
        return "an error, the target against the output"
    return "the target itself"


def sharing(network: Network) -> Iterator[Finding]:
    """Yield whether plastic synapses share weights.

    A shared weight is changed by the sum of the updates of all its synapses, and no synapse knows
    those of others. Shared weights that never change are as good as weights that were drawn so.
    """
    for population in network.populations:
        yield from assumed(population, "weight sharing")
    if not network.plastic:
        return
    own = [p for p in network.plastic if not p.shares_weights]
    for projection in network.plastic:
        edges = network.edges(projection) if projection.shares_weights else None
        if edges is not None:
            reason = f"{len(edges):,} synapses share {edges.n_weights:,} weights, each changed by "
            if _joins_vectors(projection):
                n = projection.connectivity.components
                reason += (
                    f"the sum of {n} updates: a synapse between two units is taken to carry their "
                    f"{n} components apart, and to add up what it learns of each"
                )
                yield Finding(projection.name, "weight sharing", "idealised", reason)
                continue
            reason += "the sum of the updates of its synapses, which none of them knows"
            yield Finding(projection.name, "weight sharing", "not local", reason)
    if not own:
        return
    n = sum(p.shape[0] * p.shape[1] for p in own if p.connectivity.is_full)
    n += sum(network.n_synapses(p) for p in own if not p.connectivity.is_full)
    other = "other " if len(own) < len(network.plastic) else ""
    reason = f"each of the {n} {other}synapses that may learn has a weight and an update of its own"
    followed = [p.name for p in network.projections if isinstance(p.weights, ReadBackwards)]
    if followed:
        reason += f"; {', '.join(followed)} learn nothing: see weight transport"
    yield Finding(NETWORK, "weight sharing", "local", reason)


def _joins_vectors(projection: Projection) -> bool:
    """Whether synapses share weights with those of the same two vectorised units alone."""
    n = projection.connectivity.components
    alike = projection.pre.components == n == projection.post.components
    return alike and not projection.shared


def effect(network: Network, teaching: Teaching) -> Iterator[Finding]:
    """Yield whether feedback moves the activity of what it reaches."""
    for population in network.populations:
        yield from assumed(population, "feedback effect")
    still = list[str]()
    for p in network.projections:
        if p.post.name in teaching.told or not (teaching.brings(p) and teaching.teaches(p)):
            continue
        if teaching.drives(p):
            reason = f"moves the activity of {p.post.name}"
            yield Finding(p.name, "feedback effect", "local", reason)
        elif p.post.nudge:
            reason = f"moves the activity of {p.post.name} by {p.post.nudge:g} of it, in one phase"
            yield Finding(p.name, "feedback effect", "local", reason)
        else:
            still.append(p.post.name)
    if still:
        reason = (
            f"moves no activity of {', '.join(dict.fromkeys(still))}: it reaches dendrites that "
            "learning alone reads, whereas feedback in cortex is known to modulate activity"
        )
        yield Finding(NETWORK, "feedback effect", "idealised", reason)


def error_size(network: Network) -> Iterator[Finding]:
    """Yield how large errors get, where that is known."""
    for population in network.populations:
        yield from assumed(population, "error size")
        if population.role != "error":
            continue
        if population.is_spiking:
            bound = _spikes(population)
            yield Finding(population.name, "error size", "noted", bound)
        else:
            yield _graded(network, population)


def _spikes(population: Population) -> str:
    """Describe the size of an error that is told by spikes."""
    return (
        f"a spike stands for {population.stands_for:g} of the output: a neuron sends as many as "
        "spikes are missing or in excess, at most one in a time step"
    )


def _graded(network: Network, population: Population) -> Finding:
    """Return the finding on the size of a graded error, from the range of what it compares."""
    judged = [p.pre for p in network.projections if p.post is population and p.pre.curve]
    ranges = [_range(pre) for pre in judged]
    if population.levels:
        reason = f"cut to the range from -1 to 1, in {population.levels} levels"
        return Finding(population.name, "error size", "local", reason)
    bounds = [r for r in ranges if r is not None]
    if not ranges or len(bounds) < len(ranges):
        names = ", ".join(p.name for p in judged) or "what it compares"
        reason = f"not bounded: neither is the activity of {names}"
        return Finding(population.name, "error size", "idealised", reason)
    low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
    reason = (
        f"for targets from 0 to 1 between {0 - high:.3g} and {1 - low:.3g}, as the output is "
        f"between {low:.3g} and {high:.3g}"
    )
    return Finding(population.name, "error size", "local", reason)


def _range(population: Population) -> tuple[float, float] | None:
    """Return the least and the largest activity of graded neurons; None where it has no bounds."""
    if population.is_softmax:
        return 0.0, 1.0
    assert population.curve
    sizes = np.geomspace(1e-3, 1e6, 200)
    drives = np.concatenate([-sizes[::-1], [0.0], sizes])
    try:
        found = evaluated(population.curve.response, {"drive": drives}, {}) + 0 * drives
    except ParameterError:
        return None
    low, high = float(np.nanmin(found)), float(np.nanmax(found))
    # one that still grows at drives of a million has no bound that matters
    return (low, high) if max(-low, high) < 1e3 else None


_MOMENTS: Mapping[str, str] = {
    "trial": "at a global signal that a trial ends",
    "feedback": "while feedback arrives",
    "spike": "at presynaptic spikes",
    "post": "at postsynaptic spikes",
    "noise": "at a global signal, in phases of noise",
}


def switch(network: Network) -> Iterator[Finding]:
    """Yield what switches plasticity on."""
    for population in network.populations:
        yield from assumed(population, "plasticity switch")
    moments = dict.fromkeys(_MOMENTS[p.rule.when] for p in network.plastic if p.rule)
    if moments:
        reason = (
            "a global signal says which trials are learned, all others leave weights as they are; "
            f"within one, synapses learn {' or '.join(moments)}"
        )
        yield Finding(NETWORK, "plasticity switch", "broadcast", reason)
