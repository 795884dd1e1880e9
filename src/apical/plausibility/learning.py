"""Audit of learning rules: locality of what they read, and update locking."""

from collections.abc import Iterable, Iterator

from apical.language.expressions import names, place
from apical.network.signals import ACTIVITY
from apical.neurons.base import Population
from apical.neurons.facts import Level
from apical.plasticity.rules import LearningRule
from apical.plasticity.traces import INFINITE, Trace
from apical.plausibility.findings import Finding
from apical.plausibility.teaching import Teaching
from apical.projections.projection import Projection

_WHEN = {
    "trial": "when a trial ends",
    "feedback": "when feedback arrives",
    "spike": "at each presynaptic spike",
    "noise": "when a trial ends in which the latter fires noise of its own",
    "post": "at each postsynaptic spike",
}


def locality(projection: Projection, rule: LearningRule) -> Finding:
    """Return the finding on the locality of a rule: where each variable it reads is available.

    A rule that reads anything else is refused when it is written, by `LearningRule`, or when it is
    given to a projection.
    """
    kept = "".join(
        f"; the synapse keeps {name}, a {_memory(trace)} of {trace.source}, which reads "
        f"{_reads(projection, trace.source)}"
        for name, trace in rule.traces.items()
    )
    kept += "".join(_state(projection, rule, name) for name in rule.state)
    kept += f"; {rule.dynamics.name} in the synapse" if rule.dynamics else ""
    reason = (
        f"rule {rule.name!r} ({rule.update}) reads {_reads(projection, rule.update)}, "
        f"{_WHEN[rule.when]}{kept}"
    )
    return Finding(projection.name, "locality", "local", reason)


def _reads(projection: Projection, text: str) -> str:
    """List the variables that an expression reads, and where they are available."""
    known: dict[str, list[str]] = {"pre": [], "post": [], "synapse": []}
    for name in sorted(names(text)):
        known[place(name)].append(name)
    if projection.explores:
        known["synapse"].append(
            f"(noise of its own, of standard deviation {projection.explores:g}, over its variance)"
        )
    said = {"pre": projection.pre.name, "post": projection.post.name, "synapse": "the synapse"}
    reads = "; ".join(f"{', '.join(found)} in {said[at]}" for at, found in known.items() if found)
    return reads or "nothing"


def _state(projection: Projection, rule: LearningRule, name: str) -> str:
    """Return what a synapse keeps from trial to trial: where it begins, and what it becomes."""
    said = f"; the synapse keeps {name}, which begins as {rule.state[name]}"
    texts = [text for variable, text in rule.steps if variable == name]
    said += "".join(
        f" and becomes {text}, which reads {_reads(projection, text)}" for text in texts
    )
    return said if texts else f"{said} and stays so"


def _memory(trace: Trace) -> str:
    return "sum over a trial" if trace.tau == INFINITE else f"low-pass of {trace.tau:g} ms"


def locking(teaching: Teaching, projection: Projection, rule: LearningRule) -> Finding:
    """Return the finding on update locking: whether learning waits for other populations."""

    def said(level: Level, reason: str) -> Finding:
        return Finding(projection.name, "update locking", level, reason)

    end, read = _taught(teaching, projection)
    if not read:
        return said("local", "no update locking: reads no feedback")
    carriers = _carriers(teaching, end, read)
    after = _after(teaching, end)
    if not carriers:
        reason = f"no update locking: of the target it reads what {end.name} itself holds"
        return said("local", reason)
    if not any(node in after for node in carriers):
        first = min(carriers, key=lambda node: teaching.distance[node])
        owner = teaching.graph.nodes[first].owner
        reason = (
            f"no update locking: {owner} is available with the stimulus, before any of "
            f"{', '.join(_owners(teaching, after, end))} has responded"
        )
        return said("local", reason)
    waits = ", ".join(_chain(teaching, end, carriers, after)) or "no population"
    if rule.when == "trial":
        reason = f"waits for {waits}; learns at a global signal, at the same time as all others"
        return said("broadcast", reason)
    reason = f"no update locking: learns from feedback that has arrived so far, by way of {waits}"
    return said("local", reason)


def _taught(teaching: Teaching, projection: Projection) -> tuple[Population, list[str]]:
    """Return the end of a projection that reads of the target, and the signals that do."""
    read = [node for node in teaching.read(projection) if node in teaching.distance]
    for end in (projection.post, projection.pre):
        found = [node for node in read if teaching.graph.nodes[node].owner == end.name]
        if found:
            return end, found
    return projection.post, []


def _carriers(teaching: Teaching, end: Population, read: Iterable[str]) -> set[str]:
    """Return the nodes of other populations that bring the target to some signals."""
    sources = set().union(*(teaching.graph.sources(node, ACTIVITY) for node in read))
    nodes = teaching.graph.nodes
    return {n for n in sources if n in teaching.distance and nodes[n].owner not in ("", end.name)}


def _after(teaching: Teaching, end: Population) -> dict[str, int]:
    """Return all nodes that respond after the activity of a population, nearest first."""
    activity = teaching.activity(end)
    return teaching.ordered([activity] if activity in teaching.graph.nodes else [])


def _owners(teaching: Teaching, nodes: Iterable[str], end: Population) -> list[str]:
    """Return the populations whose activity is among some nodes, in that order, but one."""
    known = {teaching.activity(p): name for name, p in teaching.populations.items()}
    found = dict.fromkeys(known[node] for node in nodes if node in known)
    return [name for name in found if name != end.name and name not in teaching.told]


def _chain(
    teaching: Teaching, end: Population, carriers: set[str], after: dict[str, int]
) -> list[str]:
    """Return the populations that must respond before feedback arrives: forward, then back."""
    before = set().union(*(teaching.graph.sources(node, ACTIVITY) for node in carriers))
    forward = [node for node in after if node in before and node not in teaching.distance]
    return [*_owners(teaching, forward, end), *_back(teaching, carriers)]


def _back(teaching: Teaching, carriers: set[str]) -> Iterator[str]:
    """Yield who brings the target, nearest to it first: by activity, or by an error of its own."""
    ways = sorted(carriers, key=lambda node: (teaching.distance[node], node))
    for name in dict.fromkeys(teaching.graph.nodes[node].owner for node in ways):
        by_activity = teaching.activity(teaching.populations[name]) in carriers
        yield name if by_activity else f"the error of {name}"
