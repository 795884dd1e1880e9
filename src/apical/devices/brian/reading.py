"""Errors of Brian2 about equations, in one line that names the population or projection."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import brian2 as b2
from brian2.core.base import BrianObjectException
from brian2.equations.equations import EquationError
from brian2.stateupdaters.base import UnsupportedEquationsException
from brian2.units.fundamentalunits import DimensionMismatchError

from apical._base.checking import described
from apical.errors import ParameterError
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection

UNREADABLE = (
    AttributeError,
    DimensionMismatchError,
    EquationError,
    KeyError,
    NotImplementedError,
    SyntaxError,
    TypeError,
    UnsupportedEquationsException,
    ValueError,
)
"""Exceptions that Brian2 raises where equations, statements or units are wrong."""


def made(
    population: Population, make: Callable[[Population], None], objects: Mapping[str, Any]
) -> None:
    """Let Brian2's objects of a population be made.

    Parameters
    ----------
    population
        Whose they are.
    make
        Makes them.
    objects
        Where its group is then found by its name.

    Raises
    ------
    ParameterError
        In place of what Brian2 raises where it cannot read the equations.
    """
    try:
        make(population)
        check_names(population, objects[population.name])
    except ParameterError:
        raise
    except UNREADABLE as error:
        _refuse(described(population), error)


@contextmanager
def prepared(network: Network) -> Iterator[None]:
    """Name the population or projection in errors raised while Brian2 generates code.

    Raises
    ------
    ParameterError
        In place of what Brian2 raises.
    """
    try:
        yield
    except BrianObjectException as error:
        if not isinstance(error.__cause__, UNREADABLE):
            raise
        parts: list[Population | Projection] = [*network.populations, *network.projections]
        found = [part for part in parts if error._brian_objname.startswith(part.name)]
        owner = described(max(found, key=lambda part: len(part.name))) if found else "Network"
        _refuse(owner, error.__cause__)


def check_names(population: Population, group: b2.NeuronGroup) -> None:
    """Raise if a custom neuron model lacks variables that it declares.

    Raises
    ------
    ParameterError
        If one that starts at a value, is offered or takes what arrives is missing.
    """
    if not population.is_custom:
        return
    named = {
        "initial": population.model.initial,
        "takes": population.inputs.values(),
        "offers": population.signals,
    }
    for parameter, names in named.items():
        for name in names:
            if name not in group.variables:
                raise ParameterError(
                    f"{described(population)}: {parameter} names {name!r}, which its equations do "
                    "not have; write it there, or leave it out.",
                    object=described(population),
                    parameter=parameter,
                )


def _refuse(owner: str, error: BaseException) -> NoReturn:
    said = " ".join(str(error.args[0] if error.args else error).split()).rstrip(".")
    remedy = "see names, units, threshold, reset, and what is done at trials and steps"
    if isinstance(error, UnsupportedEquationsException) or "linear components" in said:
        remedy = (
            "method 'exact', the default, is for linear equations; for others give "
            "NeuronModel(..., method='euler'); an encoder reads stimulus(t, i) in at_trial"
        )
    raise ParameterError(
        f"{owner}: Brian2 cannot read its equations or statements: {said[:300]}; {remedy}.",
        object=owner,
        parameter="equations",
    ) from error
