"""Weight updates as sums of rank-one (outer-product) terms, and expressions compiled for arrays.

An update such as ``eta * x_pre * gain_post * teach_post - decay * w`` is a sum of products, each
of a factor local to the presynaptic neuron, one local to the postsynaptic neuron, and one local to
the synapse. Over a batch of trials every such product is one matrix product.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import product
from math import prod
from typing import Any

from apical._base.checking import shown
from apical.errors import DeviceError
from apical.language.expressions import names_in, parse, place

Values = Mapping[str, Any]
ONE = ast.Constant(1)
MOST_TERMS = 100
"""Largest number of terms that an update is expanded to, and of factors of each."""
HELD = frozenset({"w", "eligibility"})
"""Names that have a separate value in every synapse, besides the state of a rule."""


@dataclass(frozen=True)
class Term:
    """A rank-one term ``synapse * pre * post``; each factor reads one place only.

    Parameters
    ----------
    synapse, pre, post
        Syntax trees; the tree of the number 1 where there is no such factor.
    """

    synapse: ast.expr
    pre: ast.expr
    post: ast.expr

    @property
    def is_outer(self) -> bool:
        """Whether it is an outer product of neural signals, summed over the trials of a batch."""
        return self.pre is not ONE or self.post is not ONE


@lru_cache(maxsize=256)
def terms(text: str, held: frozenset[str] = HELD) -> tuple[Term, ...]:
    """Split a weight update into rank-one terms.

    Parameters
    ----------
    text
        The update.
    held
        Names that have a separate value in every synapse.

    Raises
    ------
    DeviceError
        If a factor mixes the two neurons, so that the update is not low-rank.
    """
    written = _Text(text, held)
    return tuple(_term(factors, written) for factors in _products(parse(text), written))


@dataclass(frozen=True)
class _Text:
    """An update, and the names that have a separate value in every synapse."""

    text: str
    held: frozenset[str]

    def places(self, node: ast.expr) -> frozenset[str]:
        """Return where a part of it is local: 'pre', 'post' or 'w'; numbers are nowhere."""
        found = ("w" if n in self.held else place(n) for n in names_in(node))
        return frozenset(found) - {"synapse"}


def _products(node: ast.expr, text: _Text) -> list[tuple[ast.expr, ...]]:
    """Expand an expression into a sum of products, each given as its factors."""
    places = text.places
    match node:
        # numbers are kept out of factors: they scale a whole matrix product at no cost
        case ast.BinOp(left=left, op=ast.Mult(), right=right) if not places(left):
            return _times(left, _products(right, text))
        case ast.BinOp(left=left, op=ast.Mult(), right=right) if not places(right):
            return _times(right, _products(left, text))
        case _ if len(places(node)) <= 1:
            return [(node,)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _products(left, text) + _products(right, text)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _products(left, text) + _times(ast.Constant(-1), _products(right, text))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _times(ast.Constant(-1), _products(operand, text))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _products(operand, text)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _crossed([_products(left, text), _products(right, text)], text)
        case ast.BinOp(left=left, op=ast.Div(), right=right) if len(places(right)) <= 1:
            return _times(ast.BinOp(ONE, ast.Div(), right), _products(left, text))
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=int(power))) if power > 0:
            return _crossed([_products(base, text)] * min(power, MOST_TERMS + 1), text)
    raise DeviceError(
        f"The update {shown(text.text)} mixes the two neurons in {shown(ast.unparse(node))}. That "
        "is local, but no matrix product; simulate it in Brian2 (device='cpp_standalone' or "
        "'runtime')."
    )


def _crossed(sums: Sequence[list[tuple[ast.expr, ...]]], text: _Text) -> list[tuple[ast.expr, ...]]:
    """Multiply sums of products, unless what they expand to is too long."""
    length, factors = prod(map(len, sums)), sum(len(found[0]) for found in sums)
    if length > MOST_TERMS or factors > MOST_TERMS:
        raise DeviceError(
            f"The update {shown(text.text)} expands to more than {MOST_TERMS} terms or factors, "
            "each a matrix product; write it with fewer brackets, or as several rules."
        )
    return [sum(chosen, ()) for chosen in product(*sums)]


def _times(factor: ast.expr, products: list[tuple[ast.expr, ...]]) -> list[tuple[ast.expr, ...]]:
    return [(factor, *rest) for rest in products]


def _term(factors: tuple[ast.expr, ...], text: _Text) -> Term:
    found: dict[str, list[ast.expr]] = {"synapse": [], "pre": [], "post": []}
    for factor in factors:
        where = next(iter(text.places(factor)), "synapse")
        found["synapse" if where == "w" else where].append(factor)
    return Term(**{where: _product(nodes) for where, nodes in found.items()})


def _product(nodes: list[ast.expr]) -> ast.expr:
    return reduce(lambda a, b: ast.BinOp(a, ast.Mult(), b), nodes) if nodes else ONE


_OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: operator.and_,
    ast.Or: operator.or_,
}


def parts(node: ast.expr) -> tuple[str | type, list[ast.expr]]:
    """Return the outermost operation of an expression and its operands.

    Parameters
    ----------
    node
        Syntax tree of neither a name nor a number, as `apical.language.expressions.parse` returns
        it.

    Returns
    -------
    tuple
        Name of a function of the grammar, ``"not"``, or the class of an operator in `ast`; and
        one or more syntax trees.
    """
    match node:
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return name, arguments
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return "not", [operand]
        case ast.UnaryOp(op=sign, operand=operand):
            return type(sign), [operand]
        case ast.BinOp(left=left, op=sign, right=right):
            return type(sign), [left, right]
        case ast.BoolOp(op=sign, values=[first, second]):
            return type(sign), [first, second]
        case ast.BoolOp(op=sign, values=[first, *rest]):
            return type(sign), [first, ast.BoolOp(sign, rest)]
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return type(sign), [left, right]
    raise DeviceError(f"{ast.unparse(node)!r} cannot be computed on arrays.")


def compiled(
    node: ast.expr, functions: Mapping[Any, Callable[..., Any]]
) -> Callable[[Values], Any]:
    """Compile an expression into a function of named values.

    Parameters
    ----------
    node
        Syntax tree, as `apical.language.expressions.parse` returns it.
    functions
        Implementations of the functions of the grammar, and of ``not``, by name.
    """
    match node:
        case ast.Constant(value=value):
            return lambda values: value
        case ast.Name(id=name):
            return operator.itemgetter(name)
    what, nodes = parts(node)
    function = functions[what] if isinstance(what, str) else _OPERATORS[what]
    arguments = [compiled(argument, functions) for argument in nodes]
    return lambda values: function(*[argument(values) for argument in arguments])
