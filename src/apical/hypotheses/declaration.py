"""Hypotheses: their description, the decorator that declares one, and their registry."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from apical._base.checking import checked, require, shown
from apical._base.registry import Registry
from apical.errors import ParameterError
from apical.network.description import Network

F = TypeVar("F", bound=Callable[..., Network])


@dataclass(frozen=True)
class Hypothesis:
    """Hypothesis: a named transformation of a network description.

    Parameters
    ----------
    name
        Name in commands: that of its function.
    about
        Description, in one line.
    source
        References, in one line.
    apply
        Function of a network, with options by keyword, that returns another network.
    """

    name: str
    about: str
    source: str
    apply: Callable[..., Network]

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """Its options, by name."""
        offered = list(inspect.signature(self.apply).parameters.values())[1:]
        return {option.name: option for option in offered}


HYPOTHESES: Registry[Hypothesis] = Registry(
    "hypothesis", plural="hypotheses", hint="'apical hypotheses' says what they do."
)
"""Every hypothesis, by name; importing `apical.hypotheses` declares those of the package."""


def hypothesis(function: F) -> F:
    """Decorator: declare a function from network to network as a hypothesis, and check its options.

    Its name is that of the function; description and references are the first line of the docstring
    and the section ``References``.

    Parameters
    ----------
    function
        Takes a network first, and options by keyword only.

    Raises
    ------
    ParameterError
        If it has no docstring with references, or another hypothesis has its name.
    """
    wanted = "a function from a network to a network"
    require(inspect.isfunction(function), "hypothesis", "function", wanted, shown(function))
    name, doc = function.__name__, inspect.getdoc(function) or ""
    found = re.search(r"References\n-+\n((?:.+\n?)+)", doc)
    if found is None:
        raise ParameterError(
            f"Hypothesis {name!r} needs a docstring whose first line says what it does, with a "
            "section 'References' that says where it comes from.",
            object=f"Hypothesis {name!r}",
        )
    checking = checked("Hypothesis")(function)
    declared = Hypothesis(name, doc.partition("\n")[0], " ".join(found[1].split()), checking)
    known = HYPOTHESES.get(name)
    if known is not None and known.apply.__module__ == function.__module__:
        HYPOTHESES[name] = declared  # its module was imported anew
    else:
        HYPOTHESES.register(name)(declared)
    return checking
