"""Audit of model texts: what neurons read that no synapse conveys.

Every string of a model is parsed: equations, threshold, reset, refractoriness, and the statements
at the start of trials, frames and time steps. Of the classes of this package, what they read has
been reviewed (an error neuron is shown the label, a stimulus its values), and only what the user
wrote is judged, for instance a gain; of all other classes, subclasses of the former included,
everything is.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from apical.errors import ApicalError, ParameterError
from apical.language.model_text import equations, statements
from apical.language.syntax import syntax_tree
from apical.network.signals import MATHS, WORLD, SignalGraph
from apical.neurons.base import NeuronModel, Population
from apical.neurons.facts import Level
from apical.plausibility.findings import Finding
from apical.plausibility.maps import is_of_ours, is_ours
from apical.projections.projection import Projection

_INDEX = re.compile(r"i( % \w+)?")
"""Whose label a neuron may be shown: its own, also where there is a pair for each class."""
_CLOCKS = {"t", "t_in_timesteps"}


@dataclass(frozen=True)
class _Text:
    """One string of a model.

    Parameters
    ----------
    what
        Where it stands, in words.
    text
        An expression.
    """

    what: str
    text: str


def flows(population: Population, graph: SignalGraph) -> Iterator[Finding]:
    """Yield what the equations of a population read that no synapse conveys.

    Parameters
    ----------
    population
        The population.
    graph
        The signal graph of its network.
    """
    if not _is_own(population):
        if population.slope and not population.curve:
            yield from _of_text(population, _Text("gain", population.slope), set())
        return
    for model in _models(population):
        for text in _texts(model):
            yield from _of_text(population, text, _variables(population, model))
        yield from _at_signals(population, model)
        yield from _shared(model, population)
        yield from _linked(model, population)
    for node in graph.nodes.values():
        if node.owner == population.name and node.kind == "unknown":
            reason = f"reads {node.name!r}, which neither its equations nor its parameters define"
            yield Finding(population.name, "locality", "not local", reason)


def of_classes(projection: Projection) -> Iterator[Finding]:
    """Yield parts of a projection whose classes are the user's: their code is not read.

    The weights that a source of one's own draws are judged as they are
    (`apical.plausibility.transport`).
    """
    parts: dict[str, object] = {
        "it": projection,
        "its rule": projection.rule,
        "its levels": projection.levels,
    }
    if projection.rule is not None:
        parts["the dynamics of its rule"] = projection.rule.dynamics
    for what, part in parts.items():
        if part is not None and not is_of_ours(type(part)):
            kind = type(part).__qualname__
            reason = f"{what} is of a class of one's own, {kind}, whose code no check can read"
            yield Finding(projection.name, "locality", "not local", reason)


def _is_own(population: Population) -> bool:
    """Say whether a population, or what it is made of, has texts that are not of this package."""
    parts = [population, *vars(population).values()]
    return population.is_custom or any(
        hasattr(type(part), "__dataclass_fields__") and not is_ours(part) for part in parts
    )


def _models(population: Population) -> list[NeuronModel]:
    """Return what a population says of itself, and what a device is given, where they differ."""
    found = list[NeuronModel]()
    for which in ("described", "model"):
        try:
            model = getattr(population, which)
        except ApicalError:  # it has no equations, and runs on arrays by its facts alone
            continue
        if model not in found:
            found.append(model)
    return found


def _texts(model: NeuronModel) -> Iterator[_Text]:
    """Yield every expression of a model."""
    for equation in equations(model.equations):
        if equation.text:
            yield _Text(equation.name, equation.text)
    for what, text in (("threshold", model.threshold), ("refractory", model.refractory)):
        if text:
            yield _Text(what, text)
    for what in ("reset", "at_trial", "at_frame", "at_reset", "at_step"):
        for statement in statements(getattr(model, what)):
            yield _Text(what, statement.text)


def _variables(population: Population, model: NeuronModel) -> set[str]:
    """Return the names that a model defines itself, whatever else they mean."""
    defined = {equation.name for equation in equations(model.equations)}
    return defined | {*model.parameters, *model.summed, *population.inputs.values()}


def _of_text(population: Population, text: _Text, known: set[str]) -> Iterator[Finding]:
    """Yield what one expression reads from elsewhere than its own neuron."""
    name = population.name
    try:
        tree = syntax_tree(text.text)
    except ParameterError:
        reason = f"its {text.what} ({text.text}) cannot be read as an expression"
        yield Finding(name, "locality", "not local", reason)
        return
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    apart = {id(node.func) for node in calls}
    for call in calls:
        function = ast.unparse(call.func)
        if function in ("label", "stimulus"):
            apart |= {id(part) for argument in call.args for part in ast.walk(argument)}
            yield from _shown(population, text, function, [ast.unparse(a) for a in call.args])
        elif function == "learning":
            apart |= {id(part) for argument in call.args for part in ast.walk(argument)}
            reason = f"its {text.what} reads whether a trial is for learning (a phase)"
            yield Finding(name, "phases", "broadcast", reason)
        elif function not in MATHS | {*WORLD}:
            reason = f"its {text.what} calls {function}(), which may bring in anything"
            yield Finding(name, "locality", "not local", reason)
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in apart}
    for clock in sorted(names & _CLOCKS - known):
        reason = f"its {text.what} reads the time {clock}: a clock, by a global signal (a phase)"
        yield Finding(name, "phases", "broadcast", reason)
    if "i" in names - known:
        reason = f"its {text.what} reads i, the number of the neuron, so that each may differ"
        yield Finding(name, "locality", "idealised", reason)


def _shown(
    population: Population, text: _Text, function: str, arguments: list[str]
) -> Iterator[Finding]:
    """Yield where a neuron reads a label or stimulus that it is not shown."""
    may = population.is_told if function == "label" else population.role == "stimulus"
    kind = "error neurons and targets" if function == "label" else "the stimulus"
    said = f"its {text.what} reads {function}({', '.join(arguments)})"
    if not may:
        reason = f"{said}, which only {kind} may be shown"
        yield Finding(population.name, "locality", "not local", reason)
        return
    if arguments[:1] != ["t"]:
        reason = f"{said}: what is shown at another time than now"
        yield Finding(population.name, "locality", "not local", reason)
    if len(arguments) > 1 and not _INDEX.fullmatch(arguments[1]):
        reason = f"{said}: what is shown to another neuron"
        yield Finding(population.name, "locality", "not local", reason)


def _at_signals(population: Population, model: NeuronModel) -> Iterator[Finding]:
    """Yield what changes at the start of trials and frames; the stimulus itself may."""
    if population.role == "stimulus" or population.is_told:
        return
    for text, when in ((model.at_trial, "trial"), (model.at_frame, "frame of the stimulus")):
        changed = sorted({statement.target for statement in statements(text)})
        if changed:
            reason = (
                f"{', '.join(changed)} change when a {when} begins, at a global signal (a phase)"
            )
            yield Finding(population.name, "phases", "broadcast", reason)


def _shared(model: NeuronModel, population: Population) -> Iterator[Finding]:
    held = [
        equation.name
        for equation in equations(model.equations)
        if "shared" in equation.flags and "constant" not in equation.flags
    ]
    if held:
        reason = f"{', '.join(held)} is one number for all its neurons (shared)"
        yield Finding(population.name, "global quantities", "broadcast", reason)


def _linked(model: NeuronModel, population: Population) -> Iterator[Finding]:
    """Yield variables of other populations that are read without a synapse."""
    for variable, (other, signal) in population.hears.items():
        reason = f"{variable} is {signal} of {other.name!r} itself (linked), not by a synapse"
        follows = population.relays is other and signal == "delta"  # as this package's relays do
        level: Level = "idealised" if follows else "not local"
        yield Finding(population.name, "locality", level, reason)
    linked = [e.name for e in equations(model.equations) if "linked" in e.flags]
    for name in (n for n in linked if n not in population.hears):
        reason = f"{name} is a variable of other neurons (linked), not conveyed by a synapse"
        yield Finding(population.name, "locality", "not local", reason)
