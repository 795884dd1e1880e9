"""Conditions on the rows of a table, as text: ``quality == 'good' and rate > 0.1``.

A condition is read from its syntax tree against the nodes that are allowed, and never evaluated as
Python: comparisons of columns with numbers and texts, ``in`` lists of them, sums and products, and
``and``, ``or``, ``not``.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from apical._base.checking import checked, shown
from apical._base.parameters import Names
from apical.errors import ParameterError, brief
from apical.language.syntax import syntax_tree

GRAMMAR = "the grammar of conditions"
EXAMPLE = "write, for instance, \"quality == 'good' and rate > 0.1\""

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_OPERATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@checked()
def names_in(condition: str) -> frozenset[str]:
    """Return the names of the columns that a condition reads.

    Parameters
    ----------
    condition
        The condition.

    Raises
    ------
    ParameterError
        If it is none.

    Examples
    --------
    >>> sorted(names_in("quality == 'good' and electrodes.location in ('V1', 'LM')"))
    ['electrodes.location', 'quality']
    """
    found: set[str] = set()
    _check(_tree(condition), condition, found)
    return frozenset(found)


@checked()
def holds(condition: str, read: Callable, names: Names) -> np.ndarray:
    """Return for which rows of a table a condition holds, shape (n_rows,).

    A condition that reads no column holds for all rows or for none: one truth, of shape ().

    What has no value (NaN) fulfils no comparison but ``!=``.

    Parameters
    ----------
    condition
        The condition. A column whose name is no name in Python is written with ``_`` for
        what is not allowed in one.
    read
        Returns the values of a column, given its name: numbers, bools or texts, shape (n_rows,).
    names
        The columns that there are.

    Raises
    ------
    ParameterError
        If it is no condition, or compares text with a number; if there is no such column.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.recordings.filters import holds
    >>> units = {"quality": np.array(["good", "mua", "good"]), "rate": np.array([3.0, 8.0, 0.01])}
    >>> holds("quality == 'good' and rate > 0.1", units.get, units)
    array([ True, False, False])
    """
    columns = {_alias(name): name for name in names} | {name: name for name in names}
    tree = _tree(condition)
    _check(tree, condition, set())
    found = _Reader(condition, read, columns).value(tree)
    values = np.asarray(found)
    if not _is_truth(values):
        raise ParameterError(
            f"Condition {shown(condition)} is neither true nor false of a row: {EXAMPLE}.",
            object=f"Condition {shown(condition)}",
        )
    return values.astype(bool)


def _is_truth(values: np.ndarray) -> bool:
    return values.dtype.kind == "b" or (
        values.dtype.kind in "iuf" and bool(np.isin(values, (0, 1)).all())
    )


def _tree(condition: str) -> ast.expr:
    return syntax_tree(condition, EXAMPLE, GRAMMAR)


def _alias(name: str) -> str:
    return re.sub(r"[^\w.]", "_", name)


def _dotted(node: ast.expr) -> str:
    """Return a name, or several joined by points; empty for what is neither."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            before = _dotted(inner)
            return f"{before}.{name}" if before else ""
    return ""


def _check(node: ast.expr, condition: str, found: set[str]) -> None:
    """Raise if a tree holds a node that is not allowed; collect the names of columns."""
    name = _dotted(node)
    if name:
        found.add(name)
        return
    match node:
        case ast.BoolOp(values=parts):
            inner = parts
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            inner = [operand]
        case ast.BinOp(left=left, right=right) if type(node.op) in _OPERATIONS:
            inner = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others):
            inner = [left]
            for op, part in zip(ops, others, strict=True):
                inner += _compared_with(op, part, node, condition)
        case ast.Constant(value=bool() | int() | float() | str()):
            inner = []
        case _:
            raise _refused(node, condition)
    for part in inner:
        _check(part, condition, found)


def _compared_with(op: ast.cmpop, part: ast.expr, node: ast.expr, condition: str) -> list[ast.expr]:
    """Return what a value is compared with: one, or those of a list."""
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(part, ast.Tuple | ast.List | ast.Set):
            raise _refused(part, condition)
        return part.elts
    if type(op) not in _COMPARISONS:
        raise _refused(node, condition)
    return [part]


def _refused(node: ast.expr, condition: str) -> ParameterError:
    return ParameterError(
        f"Condition {shown(condition)} may not hold {brief(ast.unparse(node), 60)!r}: only "
        f"columns, numbers, texts, comparisons, 'in', and, or, not; {EXAMPLE}.",
        object=f"Condition {shown(condition)}",
    )


class _Reader:
    """Works out a condition over columns, node by node."""

    def __init__(
        self, condition: str, read: Callable[[str], np.ndarray], columns: Mapping[str, str]
    ) -> None:
        self._text, self._read, self._columns = condition, read, columns

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.BoolOp(op=op, values=parts):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                found = self._truth(parts[0])
                for part in parts[1:]:
                    found = join(found, self._truth(part))
                return found
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return np.logical_not(self._truth(inner))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self._number(inner)
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self._number(inner)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                with np.errstate(all="ignore"):
                    return _OPERATIONS[type(op)](self._number(left), self._number(right))
            case ast.Compare():
                return self._compared(node)
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return np.asarray(value, object if isinstance(value, str) else None)
        return self._column(_dotted(node))

    def _column(self, name: str) -> np.ndarray:
        if name not in self._columns:
            near = get_close_matches(name, self._columns, 1)
            asked = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(
                brief(k, 40) for k in list(dict.fromkeys(self._columns.values()))[:20]
            )
            raise ParameterError(
                f"Condition {shown(self._text)}: there is no column {shown(name)}; there are "
                f"{known}.{asked} Texts are written in quotes.",
                object=f"Condition {shown(self._text)}",
            )
        return np.asarray(self._read(self._columns[name]))

    def _truth(self, node: ast.expr) -> np.ndarray:
        found = np.asarray(self.value(node))
        if not _is_truth(found):
            raise ParameterError(
                f"Condition {shown(self._text)}: {brief(ast.unparse(node), 60)!r} is neither true "
                f"nor false; compare it with a value: {EXAMPLE}.",
                object=f"Condition {shown(self._text)}",
            )
        return found.astype(bool)

    def _number(self, node: ast.expr) -> np.ndarray:
        found = np.asarray(self.value(node))
        if found.dtype.kind not in "biuf":
            raise ParameterError(
                f"Condition {shown(self._text)}: {brief(ast.unparse(node), 60)!r} is text, and no "
                "number to count with.",
                object=f"Condition {shown(self._text)}",
            )
        return found.astype(float)

    def _compared(self, node: ast.Compare) -> np.ndarray:
        found: Any = True
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                one: Any = False
                for item in _compared_with(op, right, node, self._text):
                    one = np.logical_or(one, self._pair(left, ast.Eq(), item))
                one = np.logical_not(one) if isinstance(op, ast.NotIn) else one
            else:
                one = self._pair(left, op, right)
            found, left = np.logical_and(found, one), right
        return np.asarray(found)

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> np.ndarray:
        a, b = np.asarray(self.value(left)), np.asarray(self.value(right))
        if (a.dtype.kind in "OU") != (b.dtype.kind in "OU"):
            words, number = (left, right) if a.dtype.kind in "OU" else (right, left)
            held = a if a.dtype.kind in "OU" else b
            some = ", ".join(shown(v) for v in list(dict.fromkeys(held.ravel().tolist()))[:4])
            raise ParameterError(
                f"Condition {shown(self._text)}: {brief(ast.unparse(words), 60)} is text ({some}), "
                f"and {brief(ast.unparse(number), 60)} is a number; put quotes around it, or take "
                "them off.",
                object=f"Condition {shown(self._text)}",
            )
        if a.dtype.kind in "OU" and isinstance(op, _ORDERED):
            raise ParameterError(
                f"Condition {shown(self._text)}: texts have no order; compare them by == or 'in'.",
                object=f"Condition {shown(self._text)}",
            )
        return np.asarray(_COMPARISONS[type(op)](a, b)).astype(bool)
