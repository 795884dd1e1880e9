"""Hypotheses: their description, the decorator that declares one, and their registry."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast, overload

from apical._base.bibliography import references_section
from apical._base.checking import checked, require, shown
from apical._base.names import check_name
from apical._base.registry import Registry
from apical.errors import ParameterError, WiringError
from apical.network.description import Network
from apical.neurons.facts import Aspect

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
    example
        Options for an example: those without a default, and others whose default would not show in
        a small network.
    neutral
        Options under which it changes no bit of a simulation; empty if there are none.
    aspects
        Aspects of the scorecard (`apical.plausibility.ASPECTS`) that it changes.

    See Also
    --------
    hypothesis : Declare one.

    Examples
    --------
    >>> from apical.hypotheses import HYPOTHESES
    >>> found = HYPOTHESES["sparse_feedback"]
    >>> found.about
    'Sparse feedback: each hidden neuron receives only a few feedback synapses (wires).'
    >>> list(found.options), found.options["wires"].default, found.aspects
    (['wires'], 1, ("Dale's law", 'cost'))
    >>> HYPOTHESES["sparse_feedbak"]  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: There is no hypothesis 'sparse_feedbak'; known are ...
        Did you mean 'sparse_feedback'? 'apical hypotheses' says what they do...
    """

    name: str
    about: str
    source: str
    apply: Callable[..., Network]
    example: Mapping[str, Any] = field(default_factory=dict, hash=False)
    neutral: Mapping[str, Any] = field(default_factory=dict, hash=False)
    aspects: tuple[Aspect, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "function", "Hypothesis", "a hypothesis")

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """Its options, by name."""
        offered = list(inspect.signature(self.apply).parameters.values())[1:]
        return {option.name: option for option in offered}


HYPOTHESES: Registry[Hypothesis] = Registry(
    "hypothesis", plural="hypotheses", hint="'apical hypotheses' says what they do."
)
"""Every hypothesis, by name; importing `apical.hypotheses` declares those of the package."""


@overload
def hypothesis(function: F) -> F: ...


@overload
def hypothesis(
    *,
    example: Mapping[str, Any] | None = None,
    neutral: Mapping[str, Any] | None = None,
    aspects: tuple[Aspect, ...] = (),
) -> Callable[[F], F]: ...


def hypothesis(
    function: Any = None,
    *,
    example: Mapping[str, Any] | None = None,
    neutral: Mapping[str, Any] | None = None,
    aspects: tuple[Aspect, ...] = (),
) -> Any:
    """Decorator: declare a function from network to network as a hypothesis, and check its options.

    Its name is that of the function; description and references are the first line of the docstring
    and the section ``References``.

    Parameters
    ----------
    function
        Takes a network first, and options by keyword only.
    example, neutral, aspects
        As in `Hypothesis`; contract suites (`apical.testing`) hold it to them. Without them,
        the decorator is written without brackets.

    Raises
    ------
    ParameterError
        If it has no docstring with references, another hypothesis has its name, or `example` or
        `neutral` name an option that it does not have.

    See Also
    --------
    Hypothesis : What is kept of it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from apical import Network
    >>> from apical.hypotheses import HYPOTHESES, hypothesis
    >>> @hypothesis(example={"limit": 0.5})
    ... def bounded_weights(network: Network, *, limit: float = 1.0) -> Network:
    ...     '''Bounded weights: plastic synapses have a largest strength.
    ...
    ...     References
    ...     ----------
    ...     Song, Miller & Abbott 2000, doi:10.1038/78829.
    ...     '''
    ...     return network.altered(
    ...         projection=lambda p: replace(p, bounds=(-limit, limit)) if p.rule else p
    ...     )
    >>> HYPOTHESES["bounded_weights"].about
    'Bounded weights: plastic synapses have a largest strength.'
    >>> HYPOTHESES["bounded_weights"].source
    'Song, Miller & Abbott 2000, doi:10.1038/78829.'
    >>> del HYPOTHESES["bounded_weights"]
    """

    def declared(one: F) -> F:
        return _declared(one, dict(example or {}), dict(neutral or {}), tuple(aspects))

    return declared if function is None else declared(function)


def _refusing(function: F) -> F:
    """Return a hypothesis whose refusals name it, also where the network itself refuses."""
    name = f"Hypothesis {function.__name__!r}"

    @wraps(function)
    def refusing(*arguments: Any, **options: Any) -> Network:
        try:
            return function(*arguments, **options)
        except WiringError as error:
            if repr(function.__name__) in error.message:
                raise
            raise WiringError(f"{name}: {error.message}", object=name, place=error.place) from None

    return cast(F, refusing)


def _declared(
    function: F, example: dict[str, Any], neutral: dict[str, Any], aspects: tuple[Aspect, ...]
) -> F:
    """Register a function as a hypothesis; return it with its options checked."""
    wanted = "a function from a network to a network"
    require(inspect.isfunction(function), "hypothesis", "function", wanted, shown(function))
    name, doc = function.__name__, inspect.getdoc(function) or ""
    source = references_section(doc)
    if not source:
        raise ParameterError(
            f"Hypothesis {name!r} needs a docstring whose first line says what it does, with a "
            "section 'References' that says where it comes from.",
            object=f"Hypothesis {name!r}",
        )
    checking = checked("Hypothesis")(_refusing(function))
    made = Hypothesis(name, doc.partition("\n")[0], source, checking, example, neutral, aspects)
    for key in (*example, *neutral):
        if key not in made.options:
            raise ParameterError(
                f"Hypothesis {name!r} has no option {key!r}, which its example or neutral values "
                f"name; it has {', '.join(made.options) or 'none'}.",
                object=f"Hypothesis {name!r}",
                parameter=key,
            )
    known = HYPOTHESES.registered(name)  # others import this package, which may be under way
    if known is not None and known.apply.__module__ == function.__module__:
        HYPOTHESES[name] = made  # its module was imported anew
    else:
        HYPOTHESES.register(name)(made)
    return checking
