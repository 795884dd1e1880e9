"""What the array device asks of an array library."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Call = Callable[[], Any]
"""One operation on arrays that stay where they are; what it does is done again at every call."""


class Library(ABC):
    """Arrays of one precision in one place, and what the array device does to them.

    All arrays are C-ordered. They have ``shape``, slices, and assignment to slices.
    """

    exhausted: tuple[type[Exception], ...] = (MemoryError,)
    """What is raised where there is no memory left."""

    @property
    @abstractmethod
    def operations(self) -> Mapping[Any, Callable[..., Any]]:
        """What the parts of an expression do to arrays, one element at a time.

        By name of a function of the grammar, ``"not"``, or class of an operator in `ast`. All
        take arrays that broadcast, and ``out``, the array to write into, which may be one of
        them; functions without ``out`` work on numbers.
        """

    @abstractmethod
    def array(self, values: np.ndarray) -> Any:
        """Return a copy of a NumPy array."""

    @abstractmethod
    def put(self, values: np.ndarray, out: Any) -> None:
        """Copy a NumPy array into an array of the same shape."""

    @abstractmethod
    def back(self, array: Any) -> np.ndarray:
        """Return a NumPy copy."""

    @abstractmethod
    def number(self, value: Any) -> Any:
        """Return a new array of one number, shape ()."""

    @abstractmethod
    def empty(self, shape: tuple[int, ...]) -> Any:
        """Return an array of any content."""

    @abstractmethod
    def product(self, x: Any, w: Any, out: Any, *, add: bool, transposed: bool = False) -> Call:
        """Return what puts ``x @ w`` into `out`, or adds it; with `transposed`, ``x @ w.T``."""

    @abstractmethod
    def outer(self, x: Any, d: Any, out: Any, factor: float, *, add: bool) -> Call:
        """Return what puts ``factor * x.T @ d`` into `out`, or adds it."""

    @abstractmethod
    def spread(self, array: Any) -> float:
        """Return the standard deviation of all elements."""

    @abstractmethod
    def softmax(self, drive: Any, out: Any) -> Call:
        """Return what puts the softmax of each row into `out`."""

    def loop(self, programs: Sequence[tuple[str, Any]]) -> Any:
        """Return a `Loop` that may do the work of programs, or None where there is no such thing.

        Parameters
        ----------
        programs
            Name of the array that each program's result is written to, and the program.
        """
        return None

    def full(self, value: float, shape: tuple[int, ...]) -> Any:
        """Return a new array of one value."""
        array = self.empty(shape)
        array[...] = value
        return array


class Elsewhere(Library):
    """Arrays that are not in the memory of NumPy's, so that copies there and back cost time."""

    @abstractmethod
    def has_room(self, shape: tuple[int, int]) -> bool:
        """Return whether an array leaves enough memory to what else is needed."""

    @abstractmethod
    def numbers(self, values: np.ndarray) -> Any:
        """Return numbers of rows as `take` takes them, and slices of them."""

    @abstractmethod
    def take(self, table: Any, numbers: Any, out: Any) -> None:
        """Copy some rows of a table into an array of as many rows."""


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
            kept = self._arrays[key, n_columns] = self._library.empty((n_rows, n_columns))
        return kept if len(kept) == n_rows else kept[:n_rows]

    def registers(self, number: int, shape: tuple[int, int]) -> list[Any]:
        """Return a number of arrays for what is worked out on the way, the same at every call."""
        return [self(k, shape) for k in range(number)]
