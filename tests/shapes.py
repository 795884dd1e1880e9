"""Shapes that docstrings promise, read from them, and asserted of what there is."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_SHAPE = re.compile(r"shape\s+\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


def documented(what: Any, parameter: str = "") -> list[str]:
    """Return the shapes that a docstring names, of its first line or of one parameter, as text.

    Parameters
    ----------
    what
        A function, a property or a class.
    parameter
        Name in the numpydoc section ``Parameters``; "" for what is returned, of the first line.
    """
    text = inspect.getdoc(what) or ""
    if parameter:
        name = rf"^(?:[\w*]+, )*{parameter}(?:, [\w*]+)*$\n((?:^ +.*\n?)+)"
        found = re.search(name, text, re.MULTILINE)
        assert found, f"{what} documents no {parameter!r}"
        return _SHAPE.findall(found[1])
    return _SHAPE.findall(text.partition("\n\n")[0])


def assert_shape(array: Any, text: str, sizes: Mapping[str, int]) -> None:
    """Check an array's shape against one like ``n_trials, n`` or ``n * (n - 1) / 2,``."""
    wanted = eval(f"({text})", {"__builtins__": {}}, dict(sizes))
    assert np.shape(array) == tuple(map(int, wanted)), f"{np.shape(array)} is not ({text})"


def assert_documented(array: Any, what: Any, sizes: Mapping[str, int], parameter: str = "") -> None:
    """Check that an array has the one shape that a docstring promises."""
    (text,) = documented(what, parameter)
    assert_shape(array, text, sizes)
