"""Validation of arguments against type annotations with ranges and units.

A dataclass calls `check_fields` when it is made; a function is decorated with `checked`. Both store
plain numbers in place of quantities and raise one `ParameterError` for what does not fit. pydantic
compares values with annotations (`apical._base.parameters`); words for messages are from these.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from functools import cache, wraps
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
import numpy.typing as npt

from apical._base.parameters import Array, Kind, Marker, Number
from apical.errors import ParameterError

F = TypeVar("F", bound=Callable[..., Any])


@cache
def marked(annotation: Any) -> Any:
    """Return an annotation in which every number, array and class has its marker."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in (Any, object, inspect.Parameter.empty) or isinstance(annotation, str):
        return Any
    if annotation == npt.ArrayLike or np.ndarray in (annotation, origin):
        return Annotated[Any, Array()]
    alias = getattr(origin or annotation, "__value__", None)
    if alias is not None:  # a type alias, as NDArray is one in newer NumPy
        return marked(alias)
    if isinstance(annotation, TypeVar):
        return marked(annotation.__bound__ or Any)
    if origin is Annotated:
        own = [marker for marker in inner[1:] if isinstance(marker, Marker)]
        return Annotated[Any, own[0]] if own else marked(inner[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(marked, inner))]  # noqa: UP007 - there is no other way, of a tuple
    if origin in (list, Sequence) and inner[0] in (int, float):
        return Annotated[Any, Array((1,))] | Sequence[marked(inner[0])]  # type: ignore[misc]
    if origin in (tuple, dict, Mapping, list, Sequence):
        kept = {dict: Mapping, list: Sequence}.get(origin, origin)
        return kept[tuple(part if part is ... else marked(part) for part in inner)]
    return annotation if origin is Literal else _simple(annotation, origin)


def _simple(annotation: Any, origin: Any) -> Any:
    """Return the marked annotation of a class."""
    from pydantic import Strict

    known: Mapping[Any, Any] = {
        float: Annotated[Any, Number()],
        int: Annotated[Any, Number(whole=True)],
        str: Annotated[str, Strict()],
        bool: Annotated[bool, Strict()],
        None: None,
        NoneType: None,
    }
    return known[annotation] if annotation in known else Annotated[Any, Kind(origin or annotation)]


def text(annotation: Any) -> str:
    """Describe in words what a marked annotation requires."""
    origin, inner = get_origin(annotation), get_args(annotation)
    known = {None: "None", NoneType: "None", str: "text", bool: "True or False", Any: "anything"}
    if annotation in known:
        return known[annotation]
    if origin is Annotated:
        return inner[1].text if isinstance(inner[1], Marker) else text(inner[0])
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin is Union:
        return " or ".join(map(text, inner))
    if origin is Mapping:
        return f"a mapping of {text(inner[0])} to {text(inner[1])}"
    return f"items ({', '.join('...' if part is ... else text(part) for part in inner)})"


@cache
def _adapter(annotation: Any) -> Any:
    # imported where something is to be checked, since `import apical` checks next to nothing
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(marked(annotation), config=ConfigDict(arbitrary_types_allowed=True))


def fitting(value: Any, annotation: Any, object: str, parameter: str) -> Any:
    """Validate a value against an annotation, and return it in its stored form.

    Parameters
    ----------
    value
        The value given by the user.
    annotation
        Its required type, range and unit.
    object, parameter
        The object and the name of its parameter, for messages.

    Raises
    ------
    ParameterError
        If it does not fit.
    """
    if type(value) is annotation and annotation in (str, bool):
        return value
    from pydantic import ValidationError

    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError as error:
        where = error.errors(include_url=False, include_input=False, include_context=False)[0][
            "loc"
        ]
    wanted = marked(annotation)
    if get_origin(wanted) is Mapping and where and where[0] in value:
        parameter, wanted, value = (
            f"{parameter}[{shown(where[0])}]",
            get_args(wanted)[1],
            value[where[0]],
        )
    raise ParameterError(
        f"{object}: {parameter} must be {text(wanted)}, got {shown(value)}.",
        object=object,
        parameter=parameter,
    )


def require(holds: bool, object: str, parameter: str, wanted: str, got: str) -> None:
    """Raise unless a requirement beyond a parameter's annotation is met.

    Parameters
    ----------
    holds
        Whether it is met.
    object, parameter
        As in `fitting`.
    wanted, got
        The requirement, for instance a shape, and the actual value, for the message.

    Raises
    ------
    ParameterError
        If it is not met.
    """
    if not holds:
        raise ParameterError(
            f"{object}: {parameter} must be {wanted}, got {got}.",
            object=object,
            parameter=parameter,
        )


def shown(value: object) -> str:
    """Return the representation of a value, shortened to one line of at most 80 characters."""
    try:
        line = " ".join(repr(value).split())
    except Exception:  # any, of any class: Python itself writes no number of 5,000 digits
        return f"a value of type {type(value).__name__[:40]}"
    return line if len(line) <= 80 else f"{line[:77]}..."


def listed(values: Collection[object]) -> str:
    """Return several values for a message: as many as fit into 150 characters, then how many more.

    Parameters
    ----------
    values
        In the order in which they are shown.
    """
    parts: list[str] = []
    for value in values:
        if sum(map(len, parts)) > 80:
            return f"{', '.join(parts)} and {len(values) - len(parts)} more"
        parts.append(shown(value))
    return ", ".join(parts)


def described(owner: object) -> str:
    """Return how messages refer to an object: its class, and its name if it has one."""
    name = getattr(owner, "name", "")
    kind = type(owner).__name__
    return f"{kind} {shown(name)}" if isinstance(name, str) and name else kind


@cache
def _hints(owner: Any) -> dict[str, Any]:
    """Return the annotations of a class or function, without those that cannot be resolved."""
    try:
        return get_type_hints(owner, include_extras=True)
    except NameError:  # of a library that is imported for type checkers only
        known = inspect.get_annotations(owner)
        return {name: hint for name, hint in known.items() if not isinstance(hint, str)}


def check_fields(owner: Any) -> None:
    """Validate the fields of a dataclass, and convert them to their stored form.

    Raises
    ------
    ParameterError
        If one does not fit its annotation.
    """
    hints = _hints(cast(Any, type(owner)))
    for field in fields(owner):
        hint = hints.get(field.name, Any)
        if not field.init or hasattr(hint, "__set__"):  # a descriptor checks what it is given
            continue
        value = getattr(owner, field.name, None)
        if value is field.default:
            continue
        found = fitting(value, hint, described(owner), field.name)
        if found is not value:
            object.__setattr__(owner, field.name, found)


def checked(kind: str = "") -> Callable[[F], F]:
    """Decorator: validate the arguments of a function against its annotations.

    Parameters
    ----------
    kind
        The kind of function, for messages, as in ``Hypothesis 'dale'``; its module by default.

    Raises
    ------
    ParameterError
        When it is called with invalid arguments.
    """

    def decorated(function: F) -> F:
        signature = inspect.signature(function)
        module, name = function.__module__.rpartition(".")[2], function.__name__
        called = f"{kind} {name!r}" if kind else f"{module}.{name}"

        @wraps(function)
        def checking(*args: Any, **options: Any) -> Any:
            try:
                bound = signature.bind(*args, **options)
            except TypeError:
                return function(*args, **options)  # which says what is missing, or too much
            hints = _hints(function)
            for key, value in bound.arguments.items():
                parameter = signature.parameters[key]
                if value is not parameter.default and parameter.kind not in _MANY:
                    bound.arguments[key] = fitting(value, hints.get(key, Any), called, key)
            return function(*bound.args, **bound.kwargs)

        return cast(F, checking)

    return decorated


_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
