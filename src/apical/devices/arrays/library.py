"""Interface of array libraries, as used by the array device."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from apical.projections.edges import Edges


class Array(Protocol):
    """Protocol of arrays, common to all libraries; all other operations are the library's."""

    @property
    def shape(self) -> Any:
        """Its shape: a tuple of int, or the library's equivalent."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __float__(self) -> float:
        """Return the number of an array of one."""

    def __getitem__(self, key: Any, /) -> Self:
        """Return a view of a part (the same memory)."""

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write numbers, or an array that broadcasts, into a part."""

    def reshape(self, n_rows: int, n_columns: int, /) -> Self:
        """Return a view in another shape (the same memory); -1 for as many rows as there are."""


Scale = float | Array
"""A factor on a product: a number, or an array of one, which may change between calls."""

A = TypeVar("A", bound=Array)
K = TypeVar("K", bound=Array, contravariant=True)

Call = Callable[[], Any]
"""A planned operation on fixed arrays, executed at every call."""


class Kernel(Protocol[K]):
    """Products with the synapses that exist, in time proportional to these."""

    def product(self, x: K, w: K, out: K, *, add: bool, transposed: bool = False) -> Call:
        """Return the call that writes or adds ``x @ W`` (`transposed`: ``x @ W.T``) to `out`."""

    def outer(self, x: K, d: K, out: K, factor: Scale, *, add: bool, rows: slice) -> Call:
        """Return the call that writes or adds ``factor * x.T @ d`` at some synapses to `out`.

        These are those of some rows of the weights.
        """


class Library(ABC, Generic[A]):
    """Array library: arrays of one precision on one processor, and operations on them.

    All arrays are C-ordered; `A` is their class.
    """

    exhausted: tuple[type[Exception], ...] = (MemoryError,)
    """Exceptions raised when memory is exhausted."""

    @property
    @abstractmethod
    def operations(self) -> Mapping[Any, Callable[..., Any]]:
        """Elementwise implementations of the operations of expressions.

        By name of a function of the grammar, ``"not"``, or class of an operator in `ast`. All
        take arrays that broadcast, and ``out``, the array to write into, which may be one of
        them; functions without ``out`` work on numbers.
        """

    @abstractmethod
    def array(self, values: np.ndarray) -> A:
        """Return a copy of a NumPy array."""

    @abstractmethod
    def put(self, values: np.ndarray, out: A) -> None:
        """Copy a NumPy array into an array of the same shape."""

    @abstractmethod
    def back(self, array: A) -> np.ndarray:
        """Return a NumPy copy."""

    @abstractmethod
    def number(self, value: float) -> A:
        """Return a new array of one number, shape ()."""

    def scale(self, value: float) -> Any:
        """Return a factor on products that may be changed, of shape ()."""
        return self.number(value)

    @abstractmethod
    def empty(self, shape: tuple[int, ...]) -> A:
        """Return an array of any content."""

    @abstractmethod
    def product(self, x: A, w: A, out: A, *, add: bool, transposed: bool = False) -> Call:
        """Return the call that writes or adds ``x @ w`` (`transposed`: ``x @ w.T``) to `out`."""

    @abstractmethod
    def outer(self, x: A, d: A, out: A, factor: Scale, *, add: bool) -> Call:
        """Return the call that writes or adds ``factor * x.T @ d`` to `out`."""

    @abstractmethod
    def sparse(self, edges: Edges) -> Kernel[A]:
        """Return products with synapses that are stored one by one, shape (n_synapses, 1)."""

    @abstractmethod
    def blocks(self, field: np.ndarray, n_pre: int) -> Kernel[A]:
        """Return products with synapses by window, shape (n_windows * n_inputs, n_maps).

        Parameters
        ----------
        field
            Presynaptic neurons of each window, shape (n_windows, n_inputs); -1 for none, whose
            weights are 0. Postsynaptic neurons are those of all windows, map after map.
        n_pre
            Number of presynaptic neurons.
        """

    @abstractmethod
    def shared(self, field: np.ndarray, n_pre: int) -> Kernel[A]:
        """Return products with weights that all windows share, shape (n_inputs, n_maps).

        Parameters
        ----------
        field, n_pre
            As in `blocks`; inputs that do not exist count as 0.
        """

    @abstractmethod
    def spread(self, array: A) -> float:
        """Return the standard deviation of all elements."""

    @abstractmethod
    def softmax(self, drive: A, out: A) -> Call:
        """Return the call that writes the softmax of each row into `out`."""

    @abstractmethod
    def gate(self, drive: A, vectors: A, out: A) -> Call:
        """Return the call that writes the gates of vectorised units into `out`, 1 or 0.

        Parameters
        ----------
        drive
            Shape (n_trials, n_components * n_units).
        vectors
            Gating vectors, shape (n_components, n_units).
        out
            Shape of `drive`: the same for all components of a unit.
        """

    def loop(self, programs: Sequence[tuple[str, Any]]) -> Any:
        """Return a `Loop` that fuses programs, or None if the library has none.

        Parameters
        ----------
        programs
            Name of the array that each program's result is written to, and the program.
        """
        return None

    @abstractmethod
    def stacked(self, arrays: Sequence[A], n_axes: int) -> A | None:
        """Return arrays of one shape and equal distances in memory as one, with an axis more.

        Parameters
        ----------
        arrays
            One of each replica.
        n_axes
            Number of axes besides the first, that of replicas; those that arrays lack are of
            length 1.
        """

    @abstractmethod
    def of_stacks(self, function: Callable[..., Any]) -> Callable[..., Any] | None:
        """Return what a function of arrays is for stacks of them; None if there is nothing."""

    def full(self, value: float, shape: tuple[int, ...]) -> A:
        """Return a new array of one value."""
        array = self.empty(shape)
        array[...] = value
        return array


class Elsewhere(Library[A]):
    """Array library whose arrays are in separate memory, so that transfers cost time."""

    @abstractmethod
    def has_room(self, shape: tuple[int, int]) -> bool:
        """Return whether an array leaves enough memory for everything else."""

    @abstractmethod
    def numbers(self, values: np.ndarray) -> A:
        """Return row indices in the form that `take` accepts."""

    @abstractmethod
    def take(self, table: A, numbers: A, out: A) -> None:
        """Copy some rows of a table into an array of as many rows."""


class Workspace:
    """Workspace: arrays that are reused in every batch instead of being allocated.

    Parameters
    ----------
    library
        Array library.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._arrays: dict[Hashable, Array] = {}

    def __call__(self, key: Hashable, shape: tuple[int, int]) -> Array:
        """Return the array of a key, shape (n_rows, n_columns), with any content."""
        n_rows, n_columns = shape
        kept = self._arrays.get((key, n_columns))
        if kept is None or len(kept) < n_rows:
            kept = self._arrays[key, n_columns] = self._library.empty((n_rows, n_columns))
        return kept if len(kept) == n_rows else kept[:n_rows]

    def registers(self, number: int, shape: tuple[int, int]) -> list[Array]:
        """Return a number of arrays for intermediate results, the same at every call."""
        return [self(k, shape) for k in range(number)]
