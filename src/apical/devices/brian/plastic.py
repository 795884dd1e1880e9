"""Weight updates in Brian2: learning rule, optimiser and weight constraints as statements."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from brian2 import Equations

from apical._base.checking import described
from apical.errors import ParameterError
from apical.language.expressions import substituted
from apical.language.fragments import lines, when
from apical.plasticity import traces
from apical.plasticity.optimizers import NOISE, UpdateDynamics
from apical.projections.projection import Projection

POLARITY, EXISTS = "{}_polarity", "exists"
"""Names of what never changes: the signs of the neurons that send a projection, by its name; and
whether a synapse exists."""


ADDED = frozenset({"count", "owed", "held"})
"""Variables of spiking neurons besides those of their model: spike counts, or relayed feedback."""


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


def state(projection: Projection) -> tuple[str, ...]:
    """Return the variables of a synapse besides its weight, by the names that it calls them."""
    rule, called = projection.rule, _called(projection)
    if rule is None:
        return ()
    own = [*rule.traces, *rule.state, *(rule.dynamics.state if rule.dynamics else ())]
    return tuple(called.get(name, name) for name in own)


def first(projection: Projection, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return where the variables of synapses begin, by name: shape as `weights`, the first ones."""
    rule, called = projection.rule, _called(projection)
    if rule is None:
        return {}
    numbers = dict.fromkeys(rule.traces, 0.0) | dict(rule.dynamics.state if rule.dynamics else {})
    found = {name: np.full(weights.shape, value) for name, value in numbers.items()}
    found |= rule.first(weights)
    return {called.get(name, name): values for name, values in found.items()}


def names_of_state(projection: Projection) -> Mapping[str, str]:
    """Return the state of a rule: the name that the rule has for it -> that in the synapse."""
    rule, called = projection.rule, _called(projection)
    return {name: called.get(name, name) for name in rule.state} if rule else {}


def _called(projection: Projection) -> dict[str, str]:
    """Return renamed synaptic variables, where one of its neurons uses the same name.

    Brian2 takes no variable of a synapse that is called like one of the neurons it joins: a
    membrane is ``v``, and so is the mean square of RMSprop.
    """
    rule = projection.rule
    if rule is None:
        return {}
    own = {*rule.parameters, *rule.traces, *rule.state}
    if rule.dynamics:
        own |= {*rule.dynamics.parameters, *rule.dynamics.state}
    taken = set[str]()
    for population in (projection.pre, projection.post):
        model = population.model
        taken |= {*Equations(model.equations).names, *model.parameters, *model.summed}
        taken |= ADDED if population.is_spiking else set()
        taken |= {"heard"} if population.relays else set()
    return {name: f"{name}_syn" for name in sorted(own & taken)}


def check_free(projection: Projection) -> None:
    """Raise if a neuron has a variable that is called like the weight of a synapse.

    Raises
    ------
    ParameterError
        If it has: Brian2 takes no synapse onto it.
    """
    for population in (projection.pre, projection.post):
        if "w" in Equations(population.model.equations).names:
            raise ParameterError(
                f"{described(population)}: its equations have a variable 'w', which is the weight "
                "of a synapse in Brian2; call it otherwise, for instance 'w_adapt'.",
                object=described(population),
                parameter="equations",
            )


def written_update(projection: Projection) -> str:
    """Return the update of a rule, with the names that a synapse has; "0" without a rule."""
    rule, called = projection.rule, _called(projection)
    if rule is None:
        return "0"
    return substituted(rule.update, called) if called else rule.update


def written_steps(projection: Projection) -> tuple[tuple[str, str], ...]:
    """Return the assignments to the state of a rule, with the names that a synapse has."""
    rule, called = projection.rule, _called(projection)
    given = rule.steps if rule else ()
    return tuple((called.get(name, name), substituted(text, called)) for name, text in given)


def statements(
    projection: Projection, factor: str, *, masked: bool = False, update: str = ""
) -> str:
    """Return the update statements.

    The state of a rule is assigned before its update reads it, in training trials alone.

    Parameters
    ----------
    projection
        The projection.
    factor
        Expression of the learning-rate factor.
    masked
        Whether there are objects for synapses that do not exist, which keep weight 0.
    update
        Name of a given update, in place of that of the rule, whose state is assigned elsewhere.
    """
    rule, before, kept = projection.rule, list[str](), list[str]()
    if rule is None:
        return _held(projection, "0", "0", masked)
    text = update or written_update(projection)
    if not update and rule.steps:
        before, kept, known = _next(written_steps(projection), {}, {})
        text = substituted(text, known)
    if rule.dynamics is None:
        body = _held(projection, f"{factor}*({text})", factor, masked)
    else:
        more, body, of_dynamics = _with_dynamics(projection, text, rule.dynamics, factor, masked)
        before, kept = [*before, *more], [*kept, *of_dynamics]
    learns = bool(kept or rule.dynamics) and projection.limits is None
    return lines(*before, body, when(learns, f"_learns = int({factor} != 0)"), *kept)


def _next(
    steps: Iterable[tuple[str, str]], called: Mapping[str, str], known: Mapping[str, str]
) -> tuple[list[str], list[str], dict[str, str]]:
    """Return statements of the next state, those that take it over, and the names it is read by.

    It is taken over only where anything is learned.
    """
    known, found, kept = {**called, **known}, list[str](), list[str]()
    for name, text in steps:
        found.append(f"_next_{name} = {substituted(text, known)}")
        known[name] = f"_next_{name}"
        mine = called.get(name, name)
        kept.append(f"{mine} = _learns*_next_{name} + (1 - _learns)*{mine}")
    return found, list(dict.fromkeys(kept)), known


def _with_dynamics(
    projection: Projection, update: str, dynamics: UpdateDynamics, factor: str, masked: bool
) -> tuple[list[str], str, list[str]]:
    """Return statements of an optimiser: its next state, the weight change, and what takes it over.

    The change is computed from the next state in any case: that of Adam is undefined in its initial
    state.
    """
    steps, kept, known = _next(dynamics.steps, _called(projection), {NOISE: "_drawn"})
    change = substituted(dynamics.change, known)
    drawn = ["_drawn = randn()"] if dynamics.draws else []
    body = _held(projection, f"{factor}*({change})", factor, masked)
    return [f"update = {update}", *drawn, *steps], body, kept


def _held(projection: Projection, change: str, factor: str, masked: bool) -> str:
    """Return the statements that add a weight change, and enforce the weight constraints.

    None changes a weight that meets its constraint; bounds change no weight where nothing is
    learned.
    """
    added = f"w = w + {change}"
    within = f"""\
_learns = int({factor} != 0)
w = _learns*clip(w + {change}, w_min, w_max) + (1 - _learns)*w"""
    signed = f"w = w*int(w*{POLARITY.format(projection.name)}_pre > 0)"
    rounded = """\
_steps = w/w_step
w = w_step*(floor(_steps) + ceil(_steps - floor(_steps) - rand()))"""
    return lines(
        when(projection.limits, within, added),
        when(projection.inhibitory is not None, signed),
        when(masked, f"w = w*int({EXISTS})"),
        when(projection.levels, rounded),
    )


def of_sender(projection: Projection) -> str:
    """Return the equation of the presynaptic group for its signs (Dale's law); "" for none."""
    held = projection.rule is not None and projection.inhibitory is not None
    return f"{POLARITY.format(projection.name)} : 1 (constant)" if held else ""


def of_synapse(projection: Projection, *, masked: bool) -> list[str]:
    """Return the equations of a synapse for what never changes in it; `masked` as above."""
    return [f"{EXISTS} : boolean (constant)"] if projection.rule is not None and masked else []


def draws(projection: Projection) -> bool:
    """Say whether a synapse draws random numbers: for release, stochastic rounding, its update."""
    rule = projection.rule
    noisy = rule is not None and rule.dynamics is not None and rule.dynamics.draws
    return noisy or projection.release < 1 or (rule is not None and bool(projection.levels))
