"""Brian2's expressions in C++, rounded as NumPy would round them.

Every part of an expression has the type that NumPy gives it, and only operations with a unique
correctly rounded result (IEEE 754) are written. Parts that do not change within a trial, whatever
functions they call, are computed once, by NumPy. So both give the same bits; an exponential of
what changes, of which libraries differ in the last bit, has no counterpart here.
"""

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Kind: TypeAlias = np.dtype | type
"""Type of a value: NumPy's, or that of a number of Python's, which takes that of what it meets."""

NAMES: Mapping[str, str] = {
    "bool": "bool",
    "int8": "std::int8_t",
    "uint8": "std::uint8_t",
    "int32": "std::int32_t",
    "int64": "std::int64_t",
    "float32": "float",
    "float64": "double",
}
"""Types of arrays in C++."""

STEADY = ("learning", "learned")
"""Functions of the time that are the same all through a batch of trials."""

_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_BOOL, _REAL = np.dtype(bool), np.dtype(float)


class Untranslatable(Exception):
    """An expression that C++ and NumPy might round differently, or not understand alike."""


@dataclass(frozen=True)
class Value:
    """A value in C++.

    Parameters
    ----------
    text
        The expression.
    kind
        Its type.
    """

    text: str
    kind: Kind

    def to(self, kind: Kind) -> "Value":
        """Return it as another type."""
        same = held(self.kind) == held(kind)
        return Value(self.text if same else f"({c_type(kind)})({self.text})", kind)


def held(kind: Kind) -> np.dtype:
    """Return the type of an array that holds a value."""
    return kind if isinstance(kind, np.dtype) else np.dtype(kind)


def c_type(kind: Kind) -> str:
    """Return a type in C++."""
    name = held(kind).name
    if name not in NAMES:
        raise Untranslatable(name)
    return NAMES[name]


def met(*kinds: Kind) -> Kind:
    """Return the type of what an operation makes of some types."""
    if not any(isinstance(kind, np.dtype) for kind in kinds):
        return max(kinds, key=[bool, int, float].index)  # type: ignore[arg-type]
    return np.result_type(*(k if isinstance(k, np.dtype) else k(1) for k in kinds))


class Translator:
    """Writes expressions in C++.

    Parameters
    ----------
    changing
        Values that change within a trial, by name.
    steady
        Returns the value of a text that does not.
    looked_up
        Names of functions that draw random numbers, or look up what a trial shows.
    """

    def __init__(
        self,
        changing: Mapping[str, Value],
        steady: Callable[[str], Value],
        looked_up: Collection[str],
    ) -> None:
        self._changing, self._steady = changing, steady
        self._looked_up = {*looked_up} - {*STEADY}

    def __call__(self, text: str) -> Value:
        """Return an expression in C++.

        Raises
        ------
        Untranslatable
            If NumPy might give other bits.
        """
        return self._value(ast.parse(text, mode="eval").body)

    def is_steady(self, text: str) -> bool:
        """Say whether an expression does not change within a trial."""
        return self._stays(ast.parse(text, mode="eval"))

    def _stays(self, node: ast.AST) -> bool:
        return not names(node) & {*self._changing, *self._looked_up}

    def _value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Name) and node.id in self._changing:
            return self._changing[node.id]
        if self._stays(node):
            return self._steady(ast.unparse(node))
        match node:
            case ast.BinOp():
                return self._operation(node)
            case ast.UnaryOp(ast.USub() | ast.UAdd()):
                of = self._value(node.operand)
                if held(of.kind) == _BOOL:
                    raise Untranslatable(ast.unparse(node))
                sign = "-" if isinstance(node.op, ast.USub) else "+"
                return Value(f"({c_type(of.kind)})({sign}{of.text})", of.kind)
            case ast.UnaryOp(ast.Not()):
                return Value(f"(!{self._truth(node.operand)})", _BOOL)
            case ast.BoolOp():
                sign = " & " if isinstance(node.op, ast.And) else " | "
                return Value(f"({sign.join(map(self._truth, node.values))})", _BOOL)
            case ast.Compare(ops=[comparison], comparators=[other]):
                left, right = self._alike(node.left, other)
                return Value(f"({left.text} {_COMPARISONS[type(comparison)]} {right.text})", _BOOL)
            case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*map(self._value, node.args))
        raise Untranslatable(ast.unparse(node))

    def _operation(self, node: ast.BinOp) -> Value:
        """Return a sum, difference, product, quotient or square."""
        if isinstance(node.op, ast.Pow) and ast.unparse(node.right) == "2":
            base = self._value(node.left)
            if held(base.kind).kind == "f":
                return Value(f"({base.text} * {base.text})", base.kind)
        if type(node.op) not in _ARITHMETIC:
            raise Untranslatable(ast.unparse(node))
        left, right = self._alike(node.left, node.right)
        if held(left.kind) == _BOOL:
            raise Untranslatable(ast.unparse(node))
        if isinstance(node.op, ast.Div) and held(left.kind).kind != "f":
            left, right = left.to(_REAL), right.to(_REAL)
        text = f"{left.text} {_ARITHMETIC[type(node.op)]} {right.text}"
        return Value(f"({c_type(left.kind)})({text})", left.kind)

    def _alike(self, left: ast.expr, right: ast.expr) -> tuple[Value, Value]:
        """Return two values in the type that they have when they meet."""
        values = self._value(left), self._value(right)
        kind = met(*(value.kind for value in values))
        return values[0].to(kind), values[1].to(kind)

    def _truth(self, node: ast.expr) -> str:
        found = self._value(node)
        if held(found.kind) != _BOOL:
            raise Untranslatable(ast.unparse(node))
        return found.text


def names(node: ast.AST) -> set[str]:
    """Return the names in an expression, but those that functions do not look at."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in STEADY:
        return {node.func.id}
    found = {node.id} if isinstance(node, ast.Name) else set[str]()
    return found.union(*map(names, ast.iter_child_nodes(node)))


def _whole(x: Value) -> Value:
    return x.to(np.dtype(np.int32))


def _of_floats(text: str) -> Callable[[Value], Value]:
    """Return a function of floating-point numbers that has a unique correctly rounded result."""

    def function(x: Value) -> Value:
        if held(x.kind).kind != "f":
            raise Untranslatable(x.text)
        return Value(f"{text}({x.text})", x.kind)

    return function


def _clipped(x: Value, low: Value, high: Value) -> Value:
    kind = met(x.kind, low.kind, high.kind)
    return Value(f"clipped({', '.join(v.to(kind).text for v in (x, low, high))})", kind)


def _timestep(t: Value, dt: Value) -> Value:
    """Return the number of a time step, as Brian2 counts them."""
    shift = Value(f"(1e-3 * {dt.to(_REAL).text})", dt.kind)
    if held(met(t.kind, dt.kind)) != _REAL:
        raise Untranslatable(t.text)
    text = f"(({t.to(_REAL).text} + {shift.text}) / {dt.to(_REAL).text})"
    return Value(text, _REAL).to(np.dtype(np.int64))


_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "abs": _of_floats("std::fabs"),
    "sqrt": _of_floats("std::sqrt"),
    "floor": lambda x: _whole(_of_floats("std::floor")(x)),
    "ceil": lambda x: _whole(_of_floats("std::ceil")(x)),
    "int": _whole,
    "clip": _clipped,
    "timestep": _timestep,
}
"""Brian2's functions that have one right result, in C++."""


def weigh(value: Any) -> Kind:
    """Return the type of a value that NumPy computed, or of a number of Python's."""
    return type(value) if type(value) in (bool, int, float) else np.asarray(value).dtype
