"""Statements that change a weight, in Brian2's grammar."""

from collections.abc import Mapping
from dataclasses import replace

from brian2 import Equations

from apical.language.expressions import substituted
from apical.plasticity import traces
from apical.plasticity.optimizers import NOISE, UpdateDynamics
from apical.projections.projection import Projection

POLARITY, EXISTS = "{}_polarity", "exists"
"""Names of what never changes: the signs of the neurons that send a projection, by its name; and
whether a synapse exists."""


ADDED = frozenset({"count", "owed", "held"})
"""What groups of spiking neurons may have beside their model: what is counted, or passed on."""


def timing(projection: Projection) -> str:
    """Return when the weights of a projection change; ``"never"`` where they are fixed."""
    return projection.rule.when if projection.rule else "never"


def parameters(projection: Projection, dt: float) -> dict[str, float]:
    """Return the numbers that the statements read, by name [dimensionless]; `dt` is in [ms]."""
    rule = projection.rule
    found = dict(rule.parameters) if rule else {}
    if rule and rule.dynamics:
        found |= rule.dynamics.parameters
    if projection.limits is not None:
        found |= dict(zip(("w_min", "w_max"), projection.limits, strict=True))
    if projection.levels is not None:
        found["w_step"] = projection.levels.step
    if projection.total is not None:
        found["w_total"] = projection.total
    if projection.release < 1:
        found["release"] = projection.release
    called = _called(projection)
    own = {called.get(name, name): float(value) for name, value in found.items()}
    return own | traces.numbers(followed(projection), dt)


def followed(projection: Projection) -> dict[str, traces.Trace]:
    """Return the traces of a synapse, by the names that it calls them."""
    rule, called = projection.rule, _called(projection)
    return {
        called.get(name, name): replace(trace, source=substituted(trace.source, called))
        for name, trace in (rule.traces if rule else {}).items()
    }


def state(projection: Projection) -> Mapping[str, float]:
    """Return the variables of a synapse besides its weight, and where they start."""
    rule, called = projection.rule, _called(projection)
    kept = dict.fromkeys(rule.traces, 0.0) if rule else {}
    kept |= rule.dynamics.state if rule and rule.dynamics else {}
    return {called.get(name, name): value for name, value in kept.items()}


def _called(projection: Projection) -> dict[str, str]:
    """Return how a synapse calls what is its own, where one of its neurons uses the name.

    Brian2 takes no variable of a synapse that is called like one of the neurons it joins: a
    membrane is ``v``, and so is the mean square of RMSprop.
    """
    rule = projection.rule
    if rule is None:
        return {}
    own = {*rule.parameters, *rule.traces}
    if rule.dynamics:
        own |= {*rule.dynamics.parameters, *rule.dynamics.state}
    taken = set[str]()
    for population in (projection.pre, projection.post):
        model = population.model
        taken |= {*Equations(model.equations).names, *model.parameters, *model.summed}
        taken |= ADDED if population.is_spiking else set()
        taken |= {"heard"} if population.relays else set()
    return {name: f"{name}_syn" for name in sorted(own & taken)}


def statements(projection: Projection, factor: str) -> str:
    """Return what changes the weight; `factor` is an expression for that on the learning rate."""
    rule, called = projection.rule, _called(projection)
    if rule is None:
        return _held(projection, "0", "0")
    update = substituted(rule.update, called) if called else rule.update
    if rule.dynamics is None:
        return _held(projection, f"{factor}*({update})", factor)
    return _with_dynamics(projection, update, rule.dynamics, factor)


def _with_dynamics(
    projection: Projection, update: str, dynamics: UpdateDynamics, factor: str
) -> str:
    """Return statements that work out the next state first, and keep it where a trial learns.

    The change is worked out from the next state in any case: that of Adam has no value at its
    start.
    """
    called = _called(projection)
    lines, known = [f"update = {update}"], called | {NOISE: "_drawn"}
    lines += ["_drawn = randn()"] * dynamics.draws
    for name, text in dynamics.steps:
        lines.append(f"_next_{name} = {substituted(text, known)}")
        known[name] = f"_next_{name}"
    change = substituted(dynamics.change, known)
    lines.append(_held(projection, f"{factor}*({change})", factor))
    lines += [f"_learns = int({factor} != 0)"] * (projection.limits is None)
    for name, _ in dynamics.steps:
        mine = called.get(name, name)
        lines.append(f"{mine} = _learns*_next_{name} + (1 - _learns)*{mine}")
    return "\n".join(lines)


def _held(projection: Projection, change: str, factor: str) -> str:
    """Return the statements that add a change, and hold the weight to what it is held to.

    Each leaves a weight alone that is where it should be; bounds also where nothing is learned,
    wherever a weight is.
    """
    lines = [f"w = w + {change}"]
    if projection.limits:
        within = f"clip(w + {change}, w_min, w_max)"
        lines = [f"_learns = int({factor} != 0)", f"w = _learns*{within} + (1 - _learns)*w"]
    if projection.inhibitory is not None:
        lines.append(f"w = w*int(w*{POLARITY.format(projection.name)}_pre > 0)")
    if projection.missing:
        lines.append(f"w = w*int({EXISTS})")
    if projection.levels:
        lines.append("_steps = w/w_step")
        lines.append("w = w_step*(floor(_steps) + ceil(_steps - floor(_steps) - rand()))")
    return "\n".join(lines)


def of_sender(projection: Projection) -> str:
    """Return the equation of the presynaptic group for the signs that are held; "" for none."""
    held = projection.rule is not None and projection.inhibitory is not None
    return f"{POLARITY.format(projection.name)} : 1 (constant)" if held else ""


def of_synapse(projection: Projection) -> list[str]:
    """Return the equations of a synapse for what never changes in it."""
    held = projection.rule is not None and projection.missing
    return [f"{EXISTS} : boolean (constant)"] if held else []


def draws(projection: Projection) -> bool:
    """Say whether a synapse throws dice, for spikes that fail, for levels or for its update."""
    rule = projection.rule
    noisy = rule is not None and rule.dynamics is not None and rule.dynamics.draws
    return noisy or projection.release < 1 or (rule is not None and bool(projection.levels))
