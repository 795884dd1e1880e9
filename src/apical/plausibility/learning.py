"""Audit of learning rules: locality of what they read, and update locking."""

from apical.language.expressions import names, place
from apical.network.description import Network
from apical.neurons.base import Population
from apical.plasticity.rules import LearningRule
from apical.plasticity.traces import INFINITE, Trace
from apical.plausibility.findings import Finding
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


def _memory(trace: Trace) -> str:
    return "sum over a trial" if trace.tau == INFINITE else f"low-pass of {trace.tau:g} ms"


def locking(network: Network, projection: Projection, rule: LearningRule) -> Finding:
    """Return the finding on update locking: whether learning waits for other populations."""
    reads = rule.signals
    taught = [
        end
        for end, ending in ((projection.post, "post"), (projection.pre, "pre"))
        if {f"teach_{ending}", f"delta_{ending}"} & reads
    ]
    if not taught:
        reason = "no update locking: reads no feedback"
        return Finding(projection.name, "update locking", "local", reason)
    teachers = [p.pre for p in network.projections if p.post is taught[0] and "teach" in p.carries]
    if teachers and all(pre.role == "target" for pre in teachers):
        reason = (
            f"no update locking: {teachers[0].name} is available with the stimulus, before any of "
            f"{', '.join(_reached(network, taught[0]))} has responded"
        )
        return Finding(projection.name, "update locking", "local", reason)
    chain = _chain(network, taught[0])
    waits = ", ".join(chain) or "no population"
    if rule.when == "trial":
        reason = f"waits for {waits}; learns at a global signal, at the same time as all others"
        return Finding(projection.name, "update locking", "broadcast", reason)
    reason = f"no update locking: learns from feedback that has arrived so far, by way of {waits}"
    return Finding(projection.name, "update locking", "local", reason)


def _reached(network: Network, after: Population) -> list[str]:
    """Return the populations that a population drives, directly or by way of others."""
    reached = list[str]()
    frontier = [after]
    while frontier:
        here = frontier.pop(0)
        for p in network.driving:
            if p.pre is here and p.post.name not in reached:
                reached.append(p.post.name)
                frontier.append(p.post)
    return reached


def _chain(network: Network, after: Population) -> list[str]:
    """Return the populations that must respond before feedback arrives: forward, then back."""
    reached = _reached(network, after)
    judges = [p.name for p in network.populations if p.role == "error"]
    back, here = list[str](), after
    for _ in network.populations:  # relays end at an error, or form a cycle
        sources = [
            p.pre
            for p in network.projections
            if p.post is here and "teach" in p.carries and p.pre.role != "error"
        ]
        if not sources or sources[0] is here:
            break
        here = sources[0]
        if here.role == "reward":
            back.append(here.name)
            break
        back.append(f"the error of {here.name}")
    return [*reached, *judges, *reversed(back)]
