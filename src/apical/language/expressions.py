"""Parser of expressions in Brian2's grammar; they are read from the syntax tree, never evaluated.

Names ending in ``_pre`` live in the presynaptic neuron, names ending in ``_post`` in the
postsynaptic one; any other name lives in the synapse.
"""

import ast
from collections.abc import Container, Mapping
from functools import lru_cache

from apical._base.checking import shown
from apical._base.names import check_text
from apical.errors import LocalityError, ParameterError, brief
from apical.language.syntax import syntax_tree

FUNCTIONS = frozenset({"abs", "ceil", "clip", "exp", "floor", "int", "log", "sign", "sqrt", "tanh"})
"""Functions of one synapse's values that an update may call."""

_VANISH_WITH_ARGUMENT = frozenset({"abs", "ceil", "floor", "int", "sign", "sqrt", "tanh"})
_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Mod,
    ast.Pow,
    ast.UnaryOp,
    ast.USub,
    ast.UAdd,
    ast.Not,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.Compare,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.Eq,
    ast.NotEq,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Call,
)


@lru_cache(maxsize=256)
def parse(text: str) -> ast.expr:
    """Return the syntax tree of an expression made of allowed nodes only.

    Raises
    ------
    LocalityError
        If `text` is not one expression, or uses anything but arithmetic, comparisons, numbers,
        names and the functions in `FUNCTIONS`.
    """
    check_text(text, "An expression")
    hint = "write the change of w, for instance 'eta * x_pre * gain_post * teach_post'"
    tree = syntax_tree(text, hint)
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise LocalityError(
                f"{shown(text)} uses {type(node).__name__}; allowed are arithmetic, comparisons, "
                "numbers, names and function calls."
            )
        if isinstance(node, ast.Constant) and type(node.value) not in (int, float):
            raise ParameterError(
                f"{shown(text)} holds {shown(node.value)}; only numbers are allowed."
            )
        if isinstance(node, ast.Call) and (
            not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords
        ):
            raise LocalityError(
                f"{shown(text)} calls {shown(ast.unparse(node.func))}; "
                f"allowed functions are {', '.join(sorted(FUNCTIONS))}."
            )
    if _is_condition(tree, text):
        raise ParameterError(
            f"{shown(text)} is a condition, not a number; write int({_short(tree)})."
        )
    return tree


def _short(part: ast.expr) -> str:
    """Return a part of an expression for a message, without quotation marks."""
    return brief(ast.unparse(part), 80)


def _is_condition(node: ast.expr, text: str) -> bool:
    """Say whether a part is a condition rather than a number, and refuse a mixture of the two."""
    match node:
        case ast.Compare(left=left, comparators=others):
            if len(others) > 1:
                raise ParameterError(
                    f"{shown(text)} compares three things at once in {shown(ast.unparse(node))}; "
                    "join two comparisons by 'and'."
                )
            _expect(False, [left, *others], text)
            return True
        case ast.BoolOp(values=parts):
            _expect(True, parts, text)
            return True
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _expect(True, [operand], text)
            return True
        case ast.UnaryOp(operand=operand):
            _expect(False, [operand], text)
        case ast.BinOp(left=left, right=right):
            _expect(False, [left, right], text)
        case ast.Call(func=ast.Name(id=function), args=arguments):
            number = 3 if function == "clip" else 1
            if len(arguments) != number:
                raise ParameterError(
                    f"{shown(text)} gives {function} {len(arguments)} arguments; it takes {number}."
                )
            if function == "int":
                _is_condition(arguments[0], text)
            else:
                _expect(False, arguments, text)
    return False


def _expect(condition: bool, parts: list[ast.expr], text: str) -> None:
    for part in parts:
        if _is_condition(part, text) is not condition:
            raise ParameterError(
                f"{shown(text)} uses {shown(ast.unparse(part))} as a "
                + (
                    "condition; compare it with a number."
                    if condition
                    else f"number; write int({_short(part)})."
                )
            )


def names(text: str) -> frozenset[str]:
    """Return the variables that an expression reads (functions left out)."""
    return names_in(parse(text))


def names_in(tree: ast.expr) -> frozenset[str]:
    """Return the variables that a syntax tree reads (functions left out)."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    )


def substituted(text: str, others: Mapping[str, str]) -> str:
    """Return an expression with some of its names replaced by others."""
    tree = syntax_tree(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in others:
            node.id = others[node.id]
    return ast.unparse(tree)


def place(name: str) -> str:
    """Return where a variable is local: 'pre', 'post' or 'synapse'."""
    for end in ("pre", "post"):
        if name.endswith(f"_{end}"):
            return end
    return "synapse"


def vanishes_with(text: str, name: str) -> bool:
    """Say whether an expression is zero for certain wherever `name` is zero.

    A simulator may then skip the synapses of neurons whose `name` is zero.
    """
    return vanishes_where(text, (name,))


def vanishes_where(text: str, zeros: Container[str]) -> bool:
    """Say whether an expression is zero for certain where all these names are zero."""
    return _vanishes(parse(text), zeros)


def _vanishes(node: ast.expr, zeros: Container[str]) -> bool:
    match node:
        case ast.Name(id=found):
            return found in zeros
        case ast.Constant(value=value):
            return value == 0
        case ast.UnaryOp(operand=operand):
            return not isinstance(node.op, ast.Not) and _vanishes(operand, zeros)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _vanishes(left, zeros) or _vanishes(right, zeros)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return _vanishes(left, zeros) and _vanishes(right, zeros)
        case ast.BinOp(left=left, op=ast.Div()):
            return _vanishes(left, zeros)
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            return function in _VANISH_WITH_ARGUMENT and _vanishes(argument, zeros)
    return False
