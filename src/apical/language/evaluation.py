"""Evaluation of checked expressions with NumPy, by walking their syntax tree."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from apical.language.expressions import parse

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "clip": np.clip,
    "exp": np.exp,
    "floor": np.floor,
    "int": lambda x: np.trunc(x).astype(float),
    "log": np.log,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}


def evaluate(text: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the values of an expression (`apical.language.expressions`).

    Parameters
    ----------
    text
        The expression.
    values
        Name -> values, broadcast against each other; one for each name that it reads.

    Raises
    ------
    LocalityError, ParameterError
        As `apical.language.expressions.parse`.

    Examples
    --------
    >>> evaluate("a*int(b > 0)", {"a": np.array([2.0, 3.0]), "b": np.array([1.0, -1.0])})
    array([2., 0.])
    """
    with np.errstate(all="ignore"):
        return np.asarray(_value(parse(text), values))


def _value(node: ast.expr, values: Mapping[str, np.ndarray]) -> Any:
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_value(operand, values))
        case ast.UnaryOp(operand=operand):
            return _value(operand, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, values), _value(right, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _COMPARED[type(op)](_value(left, values), _value(right, values))
        case ast.BoolOp(op=op, values=parts):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return join.reduce([_value(part, values) for part in parts])
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _FUNCTIONS[function](*(_value(part, values) for part in arguments))
    raise AssertionError(ast.unparse(node))
