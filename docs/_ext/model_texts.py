"""Equations of neurons, rules and whole networks as text, the way devices read them."""

from collections.abc import Iterator, Sequence
from typing import Any

from tables import cell, table

from apical.network.description import Network
from apical.neurons.base import NeuronModel, Population
from apical.neurons.encoding import SpikeModel
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule
from apical.projections.projection import Projection

MOMENTS = {
    "threshold": "spikes if",
    "reset": "at a spike",
    "refractory": "refractory",
    "at_trial": "when a trial begins",
    "at_frame": "when a frame begins",
    "at_reset": "when neurons are reset",
    "at_step": "at every step",
}
"""Fields of a model that are text, besides its equations, and when they act."""

UNITS = {"1": "", "integer": ""}


def block(text: str) -> str:
    """Return a block of text as it stands."""
    return f"```text\n{text}\n```\n"


def constants(values: Any) -> str:
    """Return constants with their units in one line."""
    return ", ".join(
        f"{name} = {value:g} {UNITS.get(unit, unit)}".rstrip()
        for name, (value, unit) in values.items()
    )


def neuron(model: NeuronModel | SpikeModel) -> str:
    """Return the equations of a neuron, when it spikes, what happens then, and its constants."""
    lines = model.equations.strip().splitlines()
    for field, when in MOMENTS.items():
        said = getattr(model, field, "").strip()
        if said:
            lines += [f"{when}: " + "; ".join(said.splitlines())]
    summed = getattr(model, "summed", ())
    if summed:
        lines.append(f"summed input of synapses: {', '.join(summed)}")
    known = constants(model.parameters)
    return "\n".join([*lines, *([known] if known else [])])


def update(rule: LearningRule) -> str:
    """Return a rule: its traces, its state, its update, when it acts, its constants."""
    lines = [f"trace {name}: {trace}" for name, trace in traces(rule)]
    lines += [f"state {name}: begins as {value}" for name, value in rule.state.items()]
    lines += [f"before each update: {name} = {text}" for name, text in rule.steps]
    lines.append(f"update of w: {rule.update}")
    lines.append(
        f"acts: {ACTS[rule.when]}" + (f", from {rule.onset:g} ms on" if rule.onset else "")
    )
    known = ", ".join(f"{name} = {value:g}" for name, value in rule.parameters.items())
    return "\n".join([*lines, *([known] if known else [])])


ACTS = {
    "trial": "at the end of each trial",
    "feedback": "whenever feedback arrives",
    "spike": "at each presynaptic spike",
    "post": "at each postsynaptic spike",
    "noise": "at the end of each trial of noise",
}
"""When rules act, by `LearningRule.when`."""


def traces(rule: LearningRule) -> Iterator[tuple[str, str]]:
    """Yield the traces of a rule and what they follow."""
    for name, trace in dict(rule.traces).items():
        fields = {key: value for key, value in vars(trace).items() if value not in ("", None)}
        yield name, ", ".join(f"{key} = {value}" for key, value in fields.items())


def optimizer(dynamics: UpdateDynamics) -> str:
    """Return the equations of an optimiser."""
    lines = [f"{name} = {text}" for name, text in dynamics.steps]
    if dynamics.spread:
        lines.insert(0, f"spread = standard deviation over all synapses of: {dynamics.spread}")
    lines.append(f"w += {dynamics.change}")
    known = ", ".join(f"{name} = {value:g}" for name, value in dynamics.parameters.items())
    return "\n".join([*lines, *([known] if known else [])])


def populations(network: Network) -> Iterator[str]:
    """Yield the populations of a network, those of one model together, with their equations."""
    groups: dict[tuple[str, str], list[Population]] = {}
    for population in network.populations:
        text = neuron(population.described)
        groups.setdefault((type(population).__name__, text), []).append(population)
    for (kind, text), members in groups.items():
        names = ", ".join(f"`{p.name}` ({p.size:,})" for p in members)
        yield f"**{kind}**: {names}\n\n{block(text)}"


def projections(network: Network) -> str:
    """Return the table of projections."""
    return table(
        ["projection", "carries", "first weights", "rule"], map(_projection, network.projections)
    )


def _projection(one: Projection) -> Sequence[str]:
    carried = "; ".join(f"`{signal}` to `{entry}`" for entry, signal in one.carries.items())
    rule = f"`{one.rule.name}`" if one.rule else "fixed"
    if one.rule and one.rule.dynamics:
        rule += f", `{one.rule.dynamics.name}`"
    ends = f"`{one.pre.name}` → `{one.post.name}`"
    return [ends, carried, f"`{type(one.weights).__name__}`", rule]


def rules(network: Network) -> Iterator[str]:
    """Yield the rules and optimisers of a network, each once."""
    seen: dict[str, str] = {}
    for projection in network.projections:
        rule = projection.rule
        if rule is None:
            continue
        source = f"\n{cell(rule.source)}\n" if rule.source else ""
        seen.setdefault(f"**Rule `{rule.name}`**\n\n{block(update(rule))}{source}", "")
        if rule.dynamics:
            text = block(optimizer(rule.dynamics))
            seen.setdefault(f"**Optimizer `{rule.dynamics.name}`**\n\n{text}", "")
    yield from seen


def whole(network: Network) -> str:
    """Return a network in equations: populations, projections, rules, and how trials go."""
    trial = f"A trial lasts {network.trial:g} ms"
    trial += "; neurons are reset before each." if network.reset else "; nothing is ever reset."
    parts = [trial, *populations(network), projections(network), *rules(network)]
    return "\n\n".join(parts)
