"""Annotated parameter types: range, unit and shape, from which arguments are validated.

``tau_m: Constant = 20.0`` is a number above 0 [ms]: mypy reads a float, and 20 ms given as a Brian2
quantity becomes the same float. A value that does not fit raises `ParameterError`.
"""

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import inf, isclose, isnan, nextafter
from numbers import Integral, Real
from typing import (
    Annotated,
    Any,
    TypeVar,
    cast,
)

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

UNITS: Mapping[str, tuple[int, float]] = {"1": (0, 1.0), "ms": (1, 1e-3), "Hz": (-1, 1.0)}
"""Power of the second, and size in SI, of the units that parameters are stored in."""

DIMENSIONS = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")


def powers(value: object) -> tuple[float, ...] | None:
    """Return the dimensions of a quantity, in the order of `DIMENSIONS`; None for a plain value.

    Quantities are recognised by their attributes, so that Brian2 need not be imported.
    """
    ask = getattr(getattr(value, "dim", None), "get_dimension", None)
    return None if ask is None else tuple(ask(name) for name in DIMENSIONS)


def unit_of(value: object) -> str:
    """Return the unit in which a quantity is stored; "" for an unknown one."""
    found = powers(value)
    expected = {(0, 0, time, 0, 0, 0, 0): unit for unit, (time, _) in UNITS.items()}
    return "1" if found is None else expected.get(cast(Any, found), "")


def in_unit(value: float, size: float) -> float:
    """Convert an SI number to a multiple of a unit, undoing the rounding of the multiplication.

    Of all numbers within rounding the one with few digits is chosen, else one whose product it is.
    """
    exact = value / size
    short = float(f"{exact:.12g}")
    if isclose(short * size, value, rel_tol=2**-51):
        return short
    near = (exact, nextafter(exact, inf), nextafter(exact, -inf))
    return next((number for number in near if number * size == value), exact)


class Marker(ABC):
    """Base of annotation markers: constraints on a value beyond its type, for pydantic."""

    @abstractmethod
    def plain(self, value: Any) -> Any:
        """Return a value as it is stored; ValueError if it does not fit."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The requirement, in words."""

    def __repr__(self) -> str:
        return f"<{self.text}>"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.plain)


@dataclass(frozen=True, repr=False)
class Number(Marker):
    """Marks a float or an int: its range and its unit.

    Parameters
    ----------
    unit
        One of `UNITS`; ``"1"`` is dimensionless.
    above, least, below, most
        Bounds, exclusive and inclusive; None for none.
    infinite
        Whether it may be infinite.
    whole
        Whether it is an int.
    missing
        Whether it may be NaN, which stands for a missing value.
    """

    unit: str = "1"
    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None
    infinite: bool = False
    whole: bool = False
    missing: bool = False

    def plain(self, value: Any) -> float | int:
        """Return a plain float or int of a number or quantity, in the unit; ValueError if none."""
        quantity = powers(value) is not None
        if np.shape(value) != () or (quantity and unit_of(value) != self.unit):
            raise ValueError
        value = np.asarray(value)[()] if isinstance(value, np.ndarray) else value
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ValueError
        try:
            number = in_unit(float(value), UNITS[self.unit][1]) if quantity else value
            if isnan(number) and not self.missing:
                raise ValueError
            return self._whole(number, quantity) if self.whole else float(number)
        except OverflowError:
            raise ValueError from None

    def _whole(self, number: Any, quantity: bool) -> int:
        if not isinstance(number, Integral) and not (quantity and number == round(number)):
            raise ValueError
        return int(number)

    @property
    def text(self) -> str:
        """The requirement, in words."""
        signs = {">": self.above, ">=": self.least, "<": self.below, "<=": self.most}
        bounds = " and ".join(
            f"{s} {bound:.12g}" for s, bound in signs.items() if bound is not None
        )
        kind = "whole number" if self.whole else "number" if self.infinite else "finite number"
        kind = f"{kind} or NaN" if self.missing else kind
        unit = "" if self.whole else f" [{'dimensionless' if self.unit == '1' else self.unit}]"
        return f"one {kind}{unit}{f' {bounds}' if bounds else ''}"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        bounds = {"gt": self.above, "ge": self.least, "lt": self.below, "le": self.most}
        given: dict[str, Any] = {name: b for name, b in bounds.items() if b is not None}
        inner = (
            core_schema.int_schema(**given)
            if self.whole
            else core_schema.float_schema(**given, allow_inf_nan=self.infinite or self.missing)
        )
        return core_schema.no_info_before_validator_function(self.plain, inner)


@dataclass(frozen=True, repr=False)
class Array(Marker):
    """Marks an array, or anything that NumPy converts to one.

    Parameters
    ----------
    dims
        Numbers of dimensions that it may have; empty for one or more.
    kinds
        NumPy's dtype kinds of its elements; real numbers and bools by default.
    finite
        Whether all of them must be finite numbers.
    """

    dims: tuple[int, ...] = ()
    kinds: str = "biuf"
    finite: bool = False

    def plain(self, value: Any) -> np.ndarray:
        """Return the array; ValueError if it is none."""
        if value is None or isinstance(value, Mapping | str | bytes) or unit_of(value) != "1":
            raise ValueError
        array = np.asarray(value)
        fits = array.ndim in self.dims if self.dims else array.ndim > 0
        if (array.size and array.dtype.kind not in self.kinds) or not fits:
            raise ValueError
        if self.finite and not np.isfinite(array).all():
            raise ValueError
        return array

    @property
    def text(self) -> str:
        """The requirement, in words."""
        of = _ELEMENTS.get(self.kinds, "numbers or text")
        of = f"finite {of}" if self.finite else of
        dims = " or ".join(map(str, self.dims)) or "1 or more"
        return f"an array of {of} with {dims} dimensions"


@dataclass(frozen=True, repr=False)
class Kind(Marker):
    """Marks an object of a class, or one with its methods where that is a protocol.

    Parameters
    ----------
    of
        The class.
    example
        How to write one, for messages; empty for none.
    """

    of: Any
    example: str = ""

    def plain(self, value: Any) -> Any:
        """Return the object; ValueError if it is none of that class."""
        if not (callable(value) if self.of is Callable else self._is(value)):
            raise ValueError
        return value

    def _is(self, value: object) -> bool:
        if not getattr(self.of, "_is_protocol", False):
            return isinstance(value, self.of)
        methods = (name for name, member in vars(self.of).items() if inspect.isfunction(member))
        asked = [name for name in methods if not name.startswith("_")]
        # of the object, not of its class: what wraps another may hand its methods through
        return not inspect.isclass(value) and all(
            callable(getattr(value, name, None)) for name in asked
        )

    @property
    def text(self) -> str:
        """The requirement, in words."""
        name = "function" if self.of is Callable else self.of.__name__
        example = f" (such as {self.example})" if self.example else ""
        return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}{example}"


@dataclass(frozen=True, repr=False)
class Texts(Marker):
    """Marks names: any collection of texts that is not itself one text."""

    def plain(self, value: Any) -> tuple[str, ...]:
        """Return the names; ValueError if they are none."""
        if isinstance(value, str) or not isinstance(value, Collection):
            raise ValueError
        if isinstance(value, np.ndarray) and value.ndim == 0:
            raise ValueError
        if not all(isinstance(name, str) for name in value):
            raise ValueError
        return tuple(value)

    @property
    def text(self) -> str:
        """The requirement, in words."""
        return "a collection of names"


@dataclass(frozen=True, repr=False)
class Text(Marker):
    """Marks text of limited length.

    Parameters
    ----------
    most
        Its largest number of characters.
    pattern
        A regular expression that it must match as a whole; empty for none.
    """

    most: int = 1000
    pattern: str = ""

    def plain(self, value: Any) -> str:
        """Return the text; ValueError if it is none, too long, or of another form."""
        if not isinstance(value, str) or len(value) > self.most or "\0" in value:
            raise ValueError
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError
        return value

    @property
    def text(self) -> str:
        """The requirement, in words."""
        form = f" of the form {self.pattern}" if self.pattern else ""
        return f"text of at most {self.most:,} characters{form}"


@dataclass(frozen=True, repr=False)
class Constants(Marker):
    """Marks the shared constants of a neuron model: numbers and their units, or quantities."""

    def plain(self, value: Any) -> dict[str, tuple[float, str]]:
        """Return the mapping with numbers and units; ValueError if it is none."""
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ValueError
        return {key: self._constant(given) for key, given in value.items()}

    def _constant(self, given: Any) -> tuple[float, str]:
        pair = isinstance(given, tuple | list)
        if pair and len(given) != 2:
            raise ValueError
        number, unit = given if pair else (given, unit_of(given))
        if unit not in (*UNITS, "integer"):
            raise ValueError
        kind = Number("1", whole=True) if unit == "integer" else Number(unit, infinite=True)
        return kind.plain(number), unit

    @property
    def text(self) -> str:
        """The requirement, in words."""
        return (
            "a mapping of names to (number, unit), the unit being 'ms', 'Hz', '1' or 'integer', or "
            "to quantities that have one of these"
        )


_ELEMENTS = {"biuf": "real numbers", "iu": "whole numbers", "b": "bools"}

Positive = Annotated[float, Number(above=0)]
"""A finite number above 0 [dimensionless]."""
NonNegative = Annotated[float, Number(least=0)]
"""A finite number of 0 or more [dimensionless]."""
Measured = Annotated[float, Number(infinite=True, missing=True)]
"""A measured value [dimensionless]; NaN where it is undefined."""
Share = Annotated[float, Number(least=0, most=1)]
"""A number from 0 to 1 [dimensionless]."""
ShareAboveZero = Annotated[float, Number(above=0, most=1)]
"""A number above 0, up to 1 [dimensionless]."""
ShareBelowOne = Annotated[float, Number(least=0, below=1)]
"""A number from 0 to below 1 [dimensionless]."""
Time = Annotated[float, Number("ms", least=0)]
"""A finite time of 0 or more [ms]."""
Duration = Annotated[float, Number("ms", above=0)]
"""A finite time above 0 [ms]."""
Constant = Annotated[float, Number("ms", above=0, infinite=True)]
"""A time constant above 0 [ms], which may be infinite."""
ConstantOrZero = Annotated[float, Number("ms", least=0, infinite=True)]
"""A time constant of 0 or more [ms], which may be infinite."""
Frequency = Annotated[float, Number("Hz", least=0)]
"""A finite rate of 0 or more [Hz]."""
FrequencyAboveZero = Annotated[float, Number("Hz", above=0)]
"""A finite rate above 0 [Hz]."""
MOST = 2**31 - 1
"""The largest integer that simulators can represent."""
Count = Annotated[int, Number(whole=True, least=1, most=MOST)]
"""A whole number, 1 or more."""
CountOrZero = Annotated[int, Number(whole=True, least=0, most=MOST)]
"""A whole number, 0 or more."""
Seed = Annotated[int, Number(whole=True, least=0)]
"""A seed of random streams, 0 or more."""
Vector = Annotated[np.ndarray, Array((1,))]
"""An array with 1 dimension."""
Matrix = Annotated[np.ndarray, Array((2,))]
"""An array with 2 dimensions."""
Mask = Annotated[np.ndarray, Array((1,), kinds="b")]
"""An array of bools with 1 dimension."""
Line = Annotated[str, Text(1000)]
"""Text of up to 1,000 characters, from a file."""
Page = Annotated[str, Text(1_000_000)]
"""Text of up to a million characters, from a file."""
Checksum = Annotated[str, Text(64, "[0-9a-f]{64}")]
"""A SHA-256 in hexadecimal digits."""
Names = Annotated[Collection[str], Texts()]
"""Names of populations or signals."""
Kinds = Annotated[np.ndarray, Array((1,), kinds="biufU")]
"""Conditions of trials or patterns: an array of numbers or names with 1 dimension."""
Labels = Annotated[np.ndarray, Array((1,), kinds="iu")]
"""An array of whole numbers with 1 dimension."""
