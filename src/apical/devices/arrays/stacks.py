"""Arrays of several replicas of a network beside one another, and their calls as one.

Replicas of one structure ask for the same arrays in the same order, and plan the same calls. So the
k-th arrays of all replicas are the rows of one array (a stack), and an elementwise operation on
them is one operation on stacks: every element is computed as in a replica alone, with the same
bits, while the time that Python and the library take for a call is spent once. Numbers, such as
learning rates, are arrays too, and may differ. What is not elementwise is one call for each
replica, unless the library has products of stacks.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from apical.devices.arrays.engine import Steps, execute
from apical.devices.arrays.library import Array, Call, Library
from apical.devices.replicas import Replica
from apical.devices.simulator import BlockResult

A = TypeVar("A", bound=Array)

KEPT = 64
"""Number of merged lists of calls that are cached."""


class Stack:
    """The arrays that replicas asked for, those of one place in the order beside one another.

    Where a replica asks for another shape than the others did, replicas are no longer of one
    structure; from then on each has arrays of its own.

    Parameters
    ----------
    n
        Number of replicas.
    """

    def __init__(self, n: int) -> None:
        self._asked = [0] * n
        self._whole: dict[int, tuple[tuple[int, ...], Array, int]] = {}
        self.is_parted = False

    def part(self) -> None:
        """Give every replica arrays of its own from now on."""
        self.is_parted = True
        self._whole.clear()

    def array(self, seat: int, shape: tuple[int, ...], make: Callable[[tuple[int, ...]], A]) -> A:
        """Return the next array of a replica.

        Parameters
        ----------
        seat
            Number of the replica.
        shape
            Of the array.
        make
            Makes an array of any content.
        """
        place, n = self._asked[seat], len(self._asked)
        self._asked[seat] += 1
        if not self.is_parted and place not in self._whole:
            self._whole[place] = shape, make((n, *shape)), 0
        if self.is_parted or self._whole[place][0] != shape:
            self.part()
            return make(shape)
        _, whole, taken = self._whole.pop(place)
        if taken + 1 < n:  # afterwards the arrays of replicas keep it
            self._whole[place] = shape, whole, taken + 1
        found: A = whole[seat, ...]  # type: ignore[assignment]
        return found


def merged(lists: Sequence[list[Call]], library: Library) -> list[Call]:
    """Return the calls that do what those of all replicas do.

    Parameters
    ----------
    lists
        The calls of each replica, independent of those of the others.
    library
        Whose arrays they are of.
    """
    if len({len(calls) for calls in lists}) > 1:
        return [call for calls in lists for call in calls]
    found: list[Call] = []
    for together in zip(*lists, strict=True):
        one = _as_one(together, library)
        found += together if one is None else [one]
    return found


def _as_one(calls: Sequence[Call], library: Library) -> Call | None:
    """Return the call on stacks that does what the calls of replicas do; None if there is none."""
    first = calls[0]
    if not isinstance(first, partial):
        return None
    alike = [c for c in calls if isinstance(c, partial) and c.func is first.func]
    function = library.of_stacks(first.func)
    if function is None or len(alike) < len(calls):
        return None
    if any((len(c.args), [*c.keywords]) != (len(first.args), [*first.keywords]) for c in alike):
        return None
    columns = [*zip(*(c.args for c in alike), strict=True)]
    columns += zip(*(c.keywords.values() for c in alike), strict=True)
    n_axes = max((len(c[0].shape) for c in columns if hasattr(c[0], "shape")), default=0)
    values = [_stacked(column, n_axes, library) for column in columns]
    if any(value is None for value in values):
        return None
    n = len(first.args)
    return partial(function, *values[:n], **dict(zip(first.keywords, values[n:], strict=True)))


def _stacked(column: Sequence[Any], n_axes: int, library: Library) -> Any:
    """Return an argument for all replicas; None if there is none."""
    if hasattr(column[0], "shape"):
        return library.stacked(column, n_axes)
    if all(value == column[0] for value in column):
        return column[0]
    if not all(isinstance(value, float) for value in column):
        return None
    return library.array(np.reshape(column, (-1, *[1] * n_axes)))  # learning rates, for instance


class _Together:
    """Executes lists of calls of replicas, which it merges once.

    Parameters
    ----------
    library
        Whose arrays they are of.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._known: dict[tuple[int, ...], tuple[Sequence[list[Call]], list[Call]]] = {}

    def __call__(self, lists: Sequence[list[Call]]) -> None:
        """Execute one list of each replica."""
        key = tuple(map(id, lists))
        if key not in self._known:
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = lists, merged(lists, self._library)  # kept, so that ids remain
        execute(self._known[key][1])


def seated(library: Library, seat: int, stack: Stack) -> Library:
    """Return a library whose arrays lie beside those of other replicas.

    Parameters
    ----------
    library
        The library.
    seat
        Number of the replica.
    stack
        Where the arrays of all replicas are.
    """
    own = copy.copy(library)
    make = library.empty

    def empty(shape: tuple[int, ...]) -> Array:
        return stack.array(seat, tuple(shape), make)

    def array(values: np.ndarray) -> Array:
        found = empty(np.shape(values))
        found[...] = library.array(values)
        return found

    def number(value: float) -> Array:
        found = empty(())
        found[...] = value
        return found

    vars(own).update(empty=empty, array=array, number=number, scale=number)
    return own


def beside(
    library: Library, replica: Replica, key: str
) -> tuple[Library, Callable[[Steps], BlockResult]]:
    """Return the library of a replica, and what executes its blocks beside those of the others.

    Parameters
    ----------
    library
        The library.
    replica
        The place of the replica.
    key
        Name of what replicas share that have such a library.
    """
    among = replica.among
    stack, together = among.shared.get(key) or (Stack(len(among.seats)), _Together(library))
    among.shared[key] = stack, together
    own = seated(library, replica.number, stack)
    return own, partial(replica.run, together=together)
