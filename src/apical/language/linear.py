"""Coefficients of linear equations, read from their syntax tree in exact arithmetic."""

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite

from apical.errors import ParameterError
from apical.language import units
from apical.language.syntax import syntax_tree

MOST_POWER = 16
"""Largest exponent of a constant that is worked out."""
MOST_BITS = 4096
"""Largest size of a constant, as a fraction, that is raised to a power."""


class _NotLinearError(Exception):
    """An expression is not linear in a variable, or its coefficient is not a constant."""


def coefficient(
    text: str,
    variable: str,
    constants: Mapping[str, Fraction],
    expressions: Mapping[str, str] | None = None,
    others: Collection[str] = (),
) -> Fraction | None:
    """Return the constant coefficient of a variable in an expression that is linear in it.

    Parameters
    ----------
    text
        An expression in Brian2's grammar.
    variable
        Its name.
    constants
        Names of constants, and their values in SI.
    expressions
        Names of subexpressions, and their texts, which are read in place of the names.
    others
        Names of other variables. Names that are none of all these are units.

    Returns
    -------
    Fraction or None
        In SI; None where the expression is not linear in the variable, or where the coefficient
        depends on other variables, as a leak through a conductance does.

    Examples
    --------
    >>> tau = {"tau": Fraction(5, 1000)}
    >>> coefficient("(I - v)/tau", "v", tau, others="I")
    Fraction(-200, 1)
    >>> coefficient("(I - leak)/(5*ms)", "v", {}, {"leak": "v/2"}, "I")
    Fraction(-100, 1)
    >>> coefficient("-g*v/tau", "v", tau, others="g")
    """
    reader = _Reader(variable, constants, expressions or {}, others)
    try:
        return reader.read(_tree(text)).slope
    except (_NotLinearError, ParameterError):  # the latter where the text is no expression
        return None


@dataclass(frozen=True)
class _Affine:
    """A part of an expression: the variable times `slope`, plus a rest.

    Parameters
    ----------
    slope
        The coefficient, a constant.
    rest
        The rest where it is a constant; None where it depends on other variables.
    """

    slope: Fraction = Fraction(0)
    rest: Fraction | None = None

    def __add__(self, other: "_Affine") -> "_Affine":
        known = self.rest is not None and other.rest is not None
        rest = self.rest + other.rest if known else None  # type: ignore[operator]
        return _Affine(self.slope + other.slope, rest)

    def __mul__(self, other: "_Affine") -> "_Affine":
        varied, factor = (self, other) if self.slope else (other, self)
        if varied.slope and (factor.slope or factor.rest is None):
            raise _NotLinearError
        if factor.rest is None:
            return _Affine()
        rest = None if varied.rest is None else varied.rest * factor.rest
        return _Affine(varied.slope * factor.rest, rest)

    def __pow__(self, other: "_Affine") -> "_Affine":
        if other.slope or (self.slope and other.rest != 1):
            raise _NotLinearError
        base, exponent = self.rest, other.rest
        if exponent == 1:
            return self
        if base is None or exponent is None or (base == 0 and exponent < 0):
            return _Affine()
        whole = exponent.denominator == 1 and abs(exponent) <= MOST_POWER
        whole = whole and base.numerator.bit_length() + base.denominator.bit_length() <= MOST_BITS
        return _Affine(rest=Fraction(base ** int(exponent)) if whole else None)


_MINUS = _Affine(rest=Fraction(-1))


@dataclass(frozen=True)
class _Reader:
    """Reads parts of an expression; fields are the arguments of `coefficient`."""

    variable: str
    constants: Mapping[str, Fraction]
    expressions: Mapping[str, str]
    others: Collection[str]

    def read(self, node: ast.AST) -> _Affine:
        match node:
            case ast.Constant(value=int() | float() as value) if isfinite(value):
                return _Affine(rest=Fraction(value))
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _MINUS * self.read(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.read(left) + self.read(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return self.read(left) + _MINUS * self.read(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self.read(left) * self.read(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self.read(left) * self.read(right) ** _MINUS
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.read(left) ** self.read(right)
            case ast.Call(args=arguments, keywords=[]):
                return self._apart(arguments)
        return self._apart(ast.iter_child_nodes(node))

    def _named(self, name: str) -> _Affine:
        if name == self.variable:
            return _Affine(Fraction(1), Fraction(0))
        if name in self.expressions:
            others = {k: text for k, text in self.expressions.items() if k != name}
            return replace(self, expressions=others).read(_tree(self.expressions[name]))
        if name in self.others or name in self.constants:
            return _Affine(rest=self.constants.get(name))
        return _Affine(rest=units.size(name))

    def _apart(self, parts: Iterable[ast.AST]) -> _Affine:
        """Return what any other operation makes of its parts: nothing linear in the variable."""
        if any(self.read(part).slope for part in parts if isinstance(part, ast.expr)):
            raise _NotLinearError
        return _Affine()


def _tree(text: str) -> ast.expr:
    return syntax_tree(text)
