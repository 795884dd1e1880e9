"""Values of expressions in Brian2's grammar over arrays of samples; nothing is run.

For facts that follow from numbers: whether an activity can be negative, with which sign an input
enters. Units are SI, so ``20*ms`` is 0.02.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from apical._base.checking import shown
from apical.errors import ParameterError
from apical.language import units
from apical.language.syntax import syntax_tree

Values = Mapping[str, Any]
Function = Callable[..., Any]

_OPERATIONS: Mapping[type, Function] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: Mapping[str, Function] = {
    **{name: getattr(np, name) for name in ("abs", "ceil", "clip", "exp", "floor", "log", "sign")},
    **{name: getattr(np, name) for name in ("sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(np, name) for name in ("arcsin", "arccos", "arctan", "arctan2", "expm1")},
    **{name: getattr(np, name) for name in ("log10", "log1p", "maximum", "minimum")},
    "int": lambda x: np.trunc(np.asarray(x, dtype=float)),
    "exprel": lambda x: np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1.0, x)),
}


def evaluated(text: str, values: Values, functions: Mapping[str, Function]) -> np.ndarray:
    """Return the values of an expression, shape as those of `values`.

    Parameters
    ----------
    text
        The expression.
    values
        Numbers or arrays by name. Names of units need none.
    functions
        Functions besides those of mathematics, by name: what Brian2 and a network offer.

    Raises
    ------
    ParameterError
        If it reads a name or calls a function that is not given, or is no expression.

    Examples
    --------
    >>> float(evaluated("int(v > 1)*(e - v)/(20*ms)", {"v": 2.0, "e": 3.0}, {}))
    50.0
    """
    tree = syntax_tree(text)
    with np.errstate(all="ignore"):
        return np.asarray(_value(tree, values, {**_FUNCTIONS, **functions}), dtype=float)


def _value(node: ast.expr, values: Values, functions: Mapping[str, Function]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name] if name in values else _unit(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, values, functions)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_value(operand, values, functions))
        case ast.UnaryOp(operand=operand):
            return _value(operand, values, functions)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            left, right = (_value(side, values, functions) for side in (left, right))
            return _OPERATIONS[type(op)](left, right)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATIONS:
            left, right = (_value(side, values, functions) for side in (left, right))
            return _OPERATIONS[type(op)](left, right)
        case ast.BoolOp(op=op, values=parts):
            joined = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return reduce(joined, (_value(part, values, functions) for part in parts))
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in functions:
            given = [_value(each, values, functions) for each in arguments]
            try:
                return functions[name](*given)
            except (TypeError, ValueError) as error:
                raise ParameterError(f"{shown(ast.unparse(node))} has no value: {error}.") from None
    raise ParameterError(f"{shown(ast.unparse(node))} has no value here.")


def _unit(name: str) -> float:
    """Return a unit in SI units; the few other names that Brian2 knows are numbers."""
    known = {"pi": np.pi, "e": np.e, "inf": np.inf, "True": 1.0, "False": 0.0}
    if name in known:
        return known[name]
    size = units.size(name)
    if size is None:
        raise ParameterError(f"{name!r} has no value here.")
    return float(size)


def comparisons(text: str) -> tuple[tuple[int, str, str], ...]:
    """Return the comparisons of a condition: sign, and both sides, so that ``sign*(a - b) > 0``.

    Examples
    --------
    >>> comparisons("v > 1 + theta and rand() < p")
    ((1, 'v', '1 + theta'), (-1, 'rand()', 'p'))
    """
    tree = syntax_tree(text)
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Compare) and len(n.ops) == 1]
    signs = [1 if isinstance(n.ops[0], ast.Gt | ast.GtE) else -1 for n in found]
    return tuple(
        (sign, ast.unparse(n.left), ast.unparse(n.comparators[0]))
        for sign, n in zip(signs, found, strict=True)
    )
