"""Mistakes in neuron models that users write, found when a model is made."""

from collections.abc import Iterable, Iterator
from typing import Any

from apical._base.checking import require, shown
from apical.errors import ParameterError
from apical.language.model_text import (
    OF_BRIAN,
    STATEMENTS,
    Statement,
    equations,
    reads,
    statements,
)

METHODS = (
    "exact",
    "exponential_euler",
    "euler",
    "rk2",
    "rk4",
    "heun",
    "milstein",
    "linear",
    "independent",
    "gsl",
    "gsl_rk2",
    "gsl_rk4",
    "gsl_rkf45",
    "gsl_rkck",
    "gsl_rk8pd",
)
"""Integration methods that Brian2 has; those of GSL need that library."""


def check_model(model: Any, owner: str, inputs: Iterable[str]) -> None:
    """Raise unless every text of a neuron model can be read, and what it sets is a variable.

    Parameters
    ----------
    model
        An `apical.NeuronModel`.
    owner
        The population, for messages.
    inputs
        Variables that projections add to.

    Raises
    ------
    ParameterError
        At the first text that is no equation, statement or expression, and at the first variable
        that is set or added to without an equation.

    Examples
    --------
    >>> from apical import NeuronModel
    >>> model = NeuronModel("dv/dt = -v/(20*ms) : 1", "v > 1", "u = 0")
    >>> check_model(model, "Neurons 'hidden'", ["v"])  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Neurons 'hidden': reset sets 'u', which its equations
        do not have; they have v...
    """
    wanted = f"one of {', '.join(METHODS)}"
    require(model.method in METHODS, owner, "method", wanted, shown(model.method))
    variables = [equation.name for equation in _read(equations, model, "equations", owner)]
    for text in ("threshold", "refractory"):
        if getattr(model, text):
            _read(reads, model, text, owner)
    for text in STATEMENTS:
        code = _read(statements, model, text, owner)
        for name in _lost(code, {*variables, *OF_BRIAN}):
            _lacks(owner, text, f"sets {name!r}", variables)
    for name in inputs:
        if name not in variables and name not in model.summed:
            _lacks(owner, "takes", f"names {name!r}", variables)


def _read(parse: Any, model: Any, text: str, owner: str) -> Any:
    """Return what a text is read as, its errors with the owner and the text in front."""
    try:
        found = parse(getattr(model, text))
        for part in found if text in ("equations", *STATEMENTS) else ():
            if part.text:
                reads(part.text)
    except ParameterError as error:
        raise ParameterError(
            f"{owner}: its {text} cannot be read: {error.message}", object=owner, parameter=text
        ) from None
    return found


def _lost(code: tuple[Statement, ...], variables: set[str]) -> Iterator[str]:
    """Yield what statements set that is no variable, and that no later statement reads."""
    for at, statement in enumerate(code):
        later = {name for other in code[at + 1 :] for name in other.reads.names}
        if statement.target not in variables | later:
            yield statement.target


def _lacks(owner: str, text: str, does: str, variables: list[str]) -> None:
    has = f"they have {', '.join(variables)}" if variables else "they have none"
    raise ParameterError(
        f"{owner}: {text} {does}, which its equations do not have; {has}.",
        object=owner,
        parameter=text,
    )
