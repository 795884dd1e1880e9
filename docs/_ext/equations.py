"""The page of equations: of every shipped neuron model, encoder, rule and optimiser."""

import inspect
import re
from collections.abc import Iterator
from inspect import signature
from typing import Any

import model_texts
from features import NEEDED
from public_names import by_errand
from tables import cell, table

from apical import BatchNorm, Trace
from apical.language.activations import ACTIVATIONS
from apical.neurons.base import POPULATIONS, Neurons, Population
from apical.neurons.encoding import ENCODERS
from apical.plasticity import superspike
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule, three_factor

LEAD = """# Equations

Find the equation of whatever you use: first as the field writes it, then the text that devices
read, with default parameters, in Brian2's grammar. Membranes are in units of the threshold, times
in ms. The networks of the scripts in `models/` are written out in full on their pages of the
[gallery](../../gallery/index.md).

"""
EXAMPLES = {
    **NEEDED,
    "eta": 0.01,
    "trial": 100.0,
    "tau_m": 20.0,
    "tau_a": 200.0,
    "beta": 0.1,
    "tau": 20.0,
    "rule": three_factor(0.01),
    "strength": 0.001,
}
"""Values of what rules have no default for."""


def formulas(text: str) -> str:
    """Return the formulas of a docstring as blocks of Markdown."""
    found = re.findall(r"\.\. math::[ ]*([^\n]*)\n((?:\s*\n|[ ]+[^\n]*\n?)*)", text + "\n")
    blocks = (inspect.cleandoc(f"{first}\n{inspect.cleandoc(rest)}") for first, rest in found)
    return "\n".join(f"```{{math}}\n{block.strip()}\n```\n" for block in blocks)


def sections(title: str, rows: Iterator[tuple[str, Any, str]]) -> str:
    """Return a section: of each thing its name, first line, formulas and text."""
    parts = [f"## {title}\n"]
    for name, value, text in rows:
        doc = inspect.getdoc(value) or ""
        first = cell(doc.partition("\n\n")[0])
        shown = model_texts.block(text) if text else ""
        link = f"{{py:obj}}`API <{name}>`"
        short = name.removeprefix("apical.")
        parts.append(f"### {short}\n\n{first} ({link})\n\n{formulas(doc)}\n{shown}")
    return "\n".join(parts)


def neurons() -> Iterator[tuple[str, Any, str]]:
    """Yield every neuron model."""
    for name, kind in POPULATIONS.items():
        if kind is not Neurons:
            yield f"apical.{name}", kind, _text(kind)
    yield "apical.BatchNorm", BatchNorm, ""


def _text(kind: type[Population]) -> str:
    """Return the text of a model with defaults; of one that needs more, none."""
    size = 1 if kind.role in ("reward", "bias") else 2
    of = {"of": POPULATIONS["LIF"]("hidden", 1)} if "of" in signature(kind).parameters else {}
    return model_texts.neuron(kind("units", size, **of).described)


def encoders() -> Iterator[tuple[str, Any, str]]:
    """Yield every encoder."""
    for kind in ENCODERS.values():
        yield f"apical.encoding.{kind.__name__}", kind, model_texts.neuron(kind().spikes)


def made(function: Any) -> Any:
    """Return what a function makes with its defaults, and examples for what has none."""
    asked = signature(function).parameters.values()
    required = (one.name for one in asked if one.default is one.empty)
    return function(**{name: EXAMPLES[name] for name in required})


def rules() -> Iterator[tuple[str, Any, str]]:
    """Yield every shipped rule, and the surrogate slope."""
    for name in by_errand()["rules"]:
        if name.is_function and name.value is not superspike.slope:
            rule = made(name.value)
            assert isinstance(rule, LearningRule), name
            yield name.path, name.value, model_texts.update(rule)
    yield "apical.superspike.slope", superspike.slope, superspike.slope()
    yield "apical.Trace", Trace, ""


def optimizers() -> Iterator[tuple[str, Any, str]]:
    """Yield every optimiser."""
    for name in by_errand()["optimizers"]:
        if name.is_function:
            dynamics = made(name.value)
            assert isinstance(dynamics, UpdateDynamics), name
            yield name.path, name.value, model_texts.optimizer(dynamics)


def activations() -> str:
    """Return the table of activation functions."""
    rows = ([f"`{n}`", f"`{one.response}`", f"`{one.slope}`"] for n, one in ACTIVATIONS.items())
    return "## Activation functions\n\n" + table(["name", "activity x of the drive", "slope"], rows)


def pages() -> dict[str, str]:
    """Return the page of equations."""
    parts = [
        LEAD + sections("Neurons", neurons()),
        activations(),
        sections("Encoders", encoders()),
        sections("Learning rules", rules()),
        sections("Optimizers", optimizers()),
    ]
    return {"reference/generated/equations.md": "\n\n".join(parts)}
