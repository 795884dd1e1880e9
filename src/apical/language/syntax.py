"""Syntax trees of texts in Brian2's grammar, within limits that hold before anything recurses.

Python's parser, Brian2 and SymPy walk a tree by functions that call themselves, so that a text of
3,000 terms ends in their errors, or in none: here it is refused where it is written.
"""

import ast
import math
import warnings

from apical._base.checking import shown
from apical.errors import ParameterError

LONGEST = 10_000
"""Characters of the longest expression."""
LONGEST_NAME = 100
"""Characters of the longest name in one."""
DEEPEST = 100
"""Largest number of operations in each other; a sum of n terms is n - 1 of them."""


def syntax_tree(text: str, hint: str = "", grammar: str = "Brian2's grammar") -> ast.expr:
    """Return the syntax tree of one expression.

    Parameters
    ----------
    text
        The expression.
    hint
        What to write instead, for the message.
    grammar
        What the text is written in, for messages.

    Raises
    ------
    ParameterError
        If it is none, is longer than `LONGEST`, has more than `DEEPEST` operations in each other,
        or holds a name longer than `LONGEST_NAME` or a number that is not finite in double
        precision.
    """
    otherwise = f"; {hint}" if hint else ""
    if len(text) > LONGEST:
        raise ParameterError(
            f"{shown(text)} has {len(text):,} characters, and an expression at most {LONGEST:,}; "
            "name its parts in equations of their own."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "5 is not callable": what reads the tree says so
            tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        why = (error.msg or "invalid syntax").partition("; use sys.set_int")[0]
        raise ParameterError(
            f"{shown(text)} is not one expression in {grammar} ({why}){otherwise}."
        ) from None
    except ValueError as error:  # bytes of 0, halves of characters
        raise ParameterError(
            f"{shown(text)} is not one expression in {grammar} ({error}){otherwise}."
        ) from None
    except (RecursionError, MemoryError):
        raise _too_deep(text) from None
    _check(tree, text)
    return tree


def _too_deep(text: str) -> ParameterError:
    return ParameterError(
        f"{shown(text)} has more than {DEEPEST} operations in each other (a sum of n terms is "
        "n - 1 of them); name its parts in equations of their own, or write several rules."
    )


def _check(tree: ast.expr, text: str) -> None:
    """Raise if a tree is too deep, or holds names or numbers beyond the limits."""
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        if depth > DEEPEST:
            raise _too_deep(text)
        for node in level:
            if isinstance(node, ast.Constant) and not _is_finite(node.value):
                raise ParameterError(
                    f"{shown(text)} holds a number that is too large; the largest is 1.8e308."
                )
            name = getattr(node, "id", None) or getattr(node, "arg", None)  # of a name, a keyword
            if isinstance(name, str) and len(name) > LONGEST_NAME:
                raise ParameterError(
                    f"{shown(text)} has a name of {len(name):,} characters; the longest is "
                    f"{LONGEST_NAME}."
                )
        level = [
            below
            for node in level
            for below in ast.iter_child_nodes(node)
            if isinstance(below, ast.expr | ast.keyword | ast.comprehension)
        ]
        depth += 1


def _is_finite(value: object) -> bool:
    if not isinstance(value, int | float):
        return True  # refused, if it must be a number, by what reads the tree
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
