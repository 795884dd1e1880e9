"""What the array device asks of an array library."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


class Library(ABC):
    """Arrays of one precision in one place, and what the array device does to them.

    All arrays are C-ordered. Besides these methods, arrays have ``shape``, slices, ``+=``, ``*``
    and assignment to slices.
    """

    @property
    @abstractmethod
    def operations(self) -> Mapping[Any, Callable[..., Any]]:
        """What the parts of an expression do to arrays, one element at a time.

        By name of a function of the grammar, ``"not"``, or class of an operator in `ast`. All
        take an array or number for each argument, and ``out``, the array to write into, which
        may be one of them; without ``out`` they work on numbers.
        """

    @abstractmethod
    def array(self, values: np.ndarray) -> Any:
        """Return a copy of a NumPy array."""

    @abstractmethod
    def taken(self, values: np.ndarray) -> Any:
        """Return a NumPy array as one of these, to be read only; itself where that will do."""

    @abstractmethod
    def back(self, array: Any) -> np.ndarray:
        """Return a NumPy copy."""

    @abstractmethod
    def number(self, value: Any) -> Any:
        """Return a number as what operations take without working in another precision."""

    @abstractmethod
    def empty(self, shape: tuple[int, ...]) -> Any:
        """Return an array of any content."""

    @abstractmethod
    def full(self, value: Any, shape: tuple[int, ...]) -> Any:
        """Return a new array of a shape that holds `value`, a number or an array."""

    @abstractmethod
    def product(
        self, x: Any, w: Any, out: Any, *, add: bool = False, transposed: bool = False
    ) -> None:
        """Put ``x @ w`` into `out`, or add it; with `transposed`, ``x @ w.T``."""

    @abstractmethod
    def outer(self, x: Any, d: Any, out: Any, factor: float, *, add: bool) -> None:
        """Put ``factor * x.T @ d`` into `out`, or add it."""

    @abstractmethod
    def softmax(self, drive: Any) -> Any:
        """Return the softmax of each row."""

    @abstractmethod
    def clip(self, array: Any, least: float, largest: float) -> None:
        """Hold an array within bounds, in place."""


class Workspace:
    """Arrays that are used again in every batch, so that none is asked of the system anew.

    Parameters
    ----------
    library
        Whose arrays.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._arrays: dict[Any, Any] = {}

    def __call__(self, key: Any, shape: tuple[int, int]) -> Any:
        """Return the array of a key, shape (n_rows, n_columns), with any content."""
        n_rows, n_columns = shape
        kept = self._arrays.get((key, n_columns))
        if kept is None or len(kept) < n_rows:
            kept = self._arrays[key, n_columns] = self._library.empty(shape)
        return kept if len(kept) == n_rows else kept[:n_rows]

    def registers(self, number: int, shape: tuple[int, int]) -> list[Any]:
        """Return a number of arrays for use until the next call."""
        return [self(k, shape) for k in range(number)]
