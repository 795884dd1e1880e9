"""Expressions: what is allowed, which names they read, and where they vanish."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from apical.errors import LocalityError, ParameterError
from apical.language.expressions import FUNCTIONS, names, parse, place, vanishes_with

NAMES = ("x_pre", "gain_post", "teach_post", "w", "eta")
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda a, b: bool(a) and bool(b),
    ast.Or: lambda a, b: bool(a) or bool(b),
}
CALLS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in FUNCTIONS - {"int", "clip"}},
    "clip": lambda x, low, high: min(max(x, low), high),
    "int": int,
}


def evaluate(node: ast.expr, values: Mapping[str, float]) -> Any:
    """Return the number that an expression stands for: an interpreter of its own, for tests."""
    match node:
        case ast.Constant(value=value):
            return np.float64(value)
        case ast.Name(id=name):
            return np.float64(values[name])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.float64(not evaluate(operand, values))
        case ast.UnaryOp(op=op, operand=operand):
            return (-1 if isinstance(op, ast.USub) else 1) * evaluate(operand, values)
        case (
            ast.BinOp(left=a, op=op, right=b)
            | ast.Compare(left=a, ops=[op], comparators=[b])
            | ast.BoolOp(values=[a, b], op=op)
        ):
            return np.float64(OPERATORS[type(op)](evaluate(a, values), evaluate(b, values)))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return np.float64(CALLS[name](*(evaluate(a, values) for a in arguments)))
    raise AssertionError(f"the evaluator does not know {ast.dump(node)}")


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return expressions one level deeper."""
    binary = st.builds(
        "({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "%", "**"]), inner
    )
    products = st.builds("({}*{})".format, inner, inner)
    unary = st.builds("({}{})".format, st.sampled_from(["-", "+"]), inner)
    of_one = st.sampled_from(sorted(FUNCTIONS - {"clip"}))
    calls = st.builds("{}({})".format, of_one, inner)
    clips = st.builds("clip({}, {}, {})".format, inner, inner, inner)
    signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    compared = st.builds("({} {} {})".format, inner, signs, inner)
    conditions = st.one_of(
        compared,
        st.builds("({} {} {})".format, compared, st.sampled_from(["and", "or"]), compared),
        st.builds("(not {})".format, compared),
    )
    return binary | products | unary | calls | clips | conditions.map("int{}".format)


NUMBERS = st.sampled_from(["0", "1", "2", "0.5", "1e-3"])
EXPRESSIONS = st.recursive(st.sampled_from(NAMES) | NUMBERS, joined, max_leaves=8)
# half of the leaves are what shall vanish, so that enough of the sums do
SMALL = st.recursive(st.just("x_pre") | st.sampled_from(NAMES) | NUMBERS, joined, max_leaves=8)
VALUES = st.fixed_dictionaries({name: st.floats(-3, 3) for name in NAMES})


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(SMALL, VALUES)
@example("eta * x_pre * gain_post * teach_post", dict.fromkeys(NAMES, 2.0))
@example("int(not x_pre > 0)", dict.fromkeys(NAMES, 2.0))
@example("exp(x_pre)", dict.fromkeys(NAMES, 2.0))
@example("clip(x_pre, 1, 2)", dict.fromkeys(NAMES, 2.0))
def test_what_vanishes_is_zero(text: str, values: dict[str, float]) -> None:
    assume(vanishes_with(text, "x_pre"))
    try:
        with np.errstate(all="ignore"):
            value = evaluate(parse(text), values | {"x_pre": 0.0})
    except (ValueError, OverflowError):  # int() of what is no number
        value = math.nan
    assume(math.isfinite(value))  # where it has a value at all
    assert value == 0


@pytest.mark.parametrize(
    "text",
    [
        "x_pre",
        "-x_pre",
        "eta * x_pre * gain_post * teach_post",
        "eta * (x_pre - 2*x_pre*w)",
        "x_pre / (1 + abs(w))",
        "teach_post * tanh(x_pre)",
        "int(x_pre)",
    ],
)
def test_vanishing_is_seen(text: str) -> None:
    assert vanishes_with(text, "x_pre")


@pytest.mark.parametrize(
    "text",
    [
        "w",
        "eta * x_pre - w",
        "w / x_pre",
        "exp(x_pre)",
        "int(not x_pre > 0)",
        "x_pre + 1",
        "int(x_pre <= 0)",
        "clip(x_pre, 1, 2)",
        "x_pre ** 0",
        "1 % x_pre",
    ],
)
def test_what_does_not_vanish_is_not_skipped(text: str) -> None:
    assert not vanishes_with(text, "x_pre")


@given(EXPRESSIONS)
def test_names_are_those_read(text: str) -> None:
    assert names(text) == {name for name in NAMES if name in text}


def test_functions_are_not_names_unless_they_are_read() -> None:
    assert names("exp(w) + tanh(x_pre)") == {"w", "x_pre"}
    assert names("exp * w") == {"exp", "w"}


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("x_pre", "pre"),
        ("teach_post", "post"),
        ("w", "synapse"),
        ("pre", "synapse"),
        ("x_pre_post", "post"),
        ("x_postpre", "synapse"),
    ],
)
def test_place(name: str, where: str) -> None:
    assert place(name) == where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not one expression"),
        ("w = 1", "not one expression"),
        ("w +", "not one expression"),
        ("w; w", "not one expression"),
        ("x_pre.real", "uses Attribute"),
        ("x_pre[0]", "uses Subscript"),
        ("lambda: w", "uses Lambda"),
        ("[w for w in x_pre]", "uses ListComp"),
        ("(w, w)", "uses Tuple"),
        ("w if x_pre else 0", "uses IfExp"),
        ("(w := 1)", "uses NamedExpr"),
        ("w // 2", "uses FloorDiv"),
        ("w ^ 2", "uses BitXor"),
        ("w is w", "uses Is"),
        ("f'{w}'", "uses (JoinedStr|FormattedValue)"),
        ("clip(*w)", "uses Starred"),
        ("w * 'a'", "holds 'a'; only numbers"),
        ("w * 1j", "holds 1j; only numbers"),
        ("None", "holds None; only numbers"),
        ("eval(w)", "calls 'eval'; allowed functions are abs, ceil"),
        ("__import__(w)", "calls '__import__'"),
        ("rand()", "calls 'rand'"),
        ("exp(x=w)", "calls 'exp'"),
        ("exp(w)(w)", r"calls 'exp\(w\)'"),
        ("x_pre > 1", r"is a condition, not a number; write int\(x_pre > 1\)"),
        ("w * (x_pre > 1)", r"uses 'x_pre > 1' as a number; write int\(x_pre > 1\)"),
        ("int(0 < x_pre < 1)", "compares three things at once in '0 < x_pre < 1'"),
        ("int(x_pre and w)", "uses 'x_pre' as a condition; compare it"),
        ("int(not w)", "uses 'w' as a condition; compare it"),
        ("clip(x_pre)", "gives clip 1 arguments; it takes 3"),
        ("exp()", "gives exp 0 arguments; it takes 1"),
        ("w * True", "holds True; only numbers"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text: str, message: str) -> None:
    with pytest.raises((LocalityError, ParameterError), match=message):
        parse(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(LocalityError, ParameterError):  # and no other error
        parse(text)
