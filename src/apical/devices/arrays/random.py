"""What is drawn at random on arrays: for each batch anew, by the place of its first trial."""

from collections.abc import Callable

import numpy as np

from apical._base import seeds
from apical.devices.arrays.library import Array, Call, Library, Workspace

Stream = Callable[[], np.random.Generator]
"""Returns the generator of one purpose, as far as the present batch has drawn from it."""


class Streams:
    """Named random streams that begin anew with each batch.

    Who draws nothing pays nothing: generators are made when they are first asked for.

    Parameters
    ----------
    seed
        Seed of the network.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._index, self._place = seed, 0, 0
        self._made: dict[tuple[str, str], np.random.Generator] = {}

    def begin(self, index: int, place: int) -> None:
        """Begin a batch: the stream that it belongs to, and the place of its first trial there."""
        self._index, self._place = index, place
        self._made.clear()

    def named(self, purpose: str, name: str) -> Stream:
        """Return one stream, whatever batch is the present one when it is asked."""
        key = purpose, name

        def generator() -> np.random.Generator:
            if key not in self._made:
                self._made[key] = seeds.stream(self._seed, *key, self._index, self._place)
            return self._made[key]

        return generator


class Chance:
    """Plans random numbers, which are drawn when the calls of a batch are made.

    Parameters
    ----------
    library, room
        Whose arrays, and where they are.
    streams
        Where they are drawn from.
    """

    def __init__(self, library: Library, room: Workspace, streams: Streams) -> None:
        self._library, self._room, self._streams = library, room, streams

    def normal(
        self, calls: list[Call], name: str, what: str, shape: tuple[int, int], size: float
    ) -> Array:
        """Plan normal numbers of mean 0 and standard deviation `size`, and return where.

        `what` they are for, of the population called `name`.
        """
        return self._drawn(
            calls, name, what, shape, lambda rng: size * rng.standard_normal(shape, np.float32)
        )

    def awake(
        self, calls: list[Call], name: str, what: str, shape: tuple[int, int], silent: float
    ) -> Array:
        """Plan 0 for a share of all, and for the others what makes up for it; return where."""
        return self._drawn(
            calls,
            name,
            what,
            shape,
            lambda rng: (rng.random(shape, np.float32) >= silent) / (1 - silent),
        )

    def _drawn(
        self,
        calls: list[Call],
        name: str,
        what: str,
        shape: tuple[int, int],
        numbers: Callable[[np.random.Generator], np.ndarray],
    ) -> Array:
        found, stream = self._room((name, what), shape), self._streams.named(what, name)
        calls.append(lambda: self._library.put(numbers(stream()), found))
        return found
