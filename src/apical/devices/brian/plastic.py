"""Statements that change a weight, in Brian2's grammar."""

from collections.abc import Mapping

from apical.dynamics import UpdateDynamics
from apical.expressions import substituted
from apical.projections import Projection
from apical.rules import LearningRule


def timing(projection: Projection) -> str:
    """Return when the weights of a projection change; ``"never"`` where they are fixed."""
    return projection.rule.when if projection.rule else "never"


def parameters(projection: Projection) -> dict[str, float]:
    """Return the numbers that the statements read, by name [dimensionless]."""
    rule = projection.rule
    found = dict(rule.parameters) if rule else {}
    if rule and rule.dynamics:
        found |= rule.dynamics.parameters
    if projection.bounds is not None:
        found |= dict(zip(("w_min", "w_max"), projection.bounds, strict=True))
    if projection.release < 1:
        found["release"] = projection.release
    return {name: float(value) for name, value in found.items()}


def state(projection: Projection) -> Mapping[str, float]:
    """Return the variables of a synapse besides its weight, and where they start."""
    rule = projection.rule
    return rule.dynamics.state if rule and rule.dynamics else {}


def statements(projection: Projection, factor: str) -> str:
    """Return what changes the weight; `factor` is an expression for that on the learning rate."""
    rule = projection.rule
    if rule is None or rule.dynamics is None:
        return _held(projection, f"{factor}*({rule.update})" if rule else "0")
    return _with_dynamics(projection, rule, rule.dynamics, factor)


def _with_dynamics(
    projection: Projection, rule: LearningRule, dynamics: UpdateDynamics, factor: str
) -> str:
    """Return statements that work out the next state first, and keep it where a trial learns.

    The change is worked out from the next state in any case: that of Adam has no value at its
    start.
    """
    lines, known = [f"update = {rule.update}"], dict[str, str]()
    for name, text in dynamics.steps:
        lines.append(f"_next_{name} = {substituted(text, known)}")
        known[name] = f"_next_{name}"
    lines.append(_held(projection, f"{factor}*({substituted(dynamics.change, known)})"))
    lines.append(f"_learns = int({factor} != 0)")
    lines += [f"{name} = _learns*{after} + (1 - _learns)*{name}" for name, after in known.items()]
    return "\n".join(lines)


def _held(projection: Projection, change: str) -> str:
    """Return the statement that adds a change, within the bounds."""
    return f"w = clip(w + {change}, w_min, w_max)" if projection.bounds else f"w = w + {change}"
