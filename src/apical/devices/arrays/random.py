"""Random numbers on arrays: named streams for each batch, by the place of its first trial."""

from collections.abc import Callable

import numpy as np

from apical._base import seeds
from apical.devices.arrays.library import Array, Call, Library, Workspace

Stream = Callable[[], np.random.Generator]
"""Returns the random generator of a named stream, in its state within the current batch."""


class Streams:
    """Named random streams that are seeded again for each batch.

    Generators are created lazily, when they are first used.

    Parameters
    ----------
    seed
        Seed of the network.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._index, self._place = seed, 0, 0
        self._made: dict[tuple[str, str], np.random.Generator] = {}

    def begin(self, index: int, place: int) -> None:
        """Begin a batch, given its stream and the place of its first trial."""
        self._index, self._place = index, place
        self._made.clear()

    def named(self, purpose: str, name: str) -> Stream:
        """Return a stream that always refers to the current batch."""
        key = purpose, name

        def generator() -> np.random.Generator:
            if key not in self._made:
                self._made[key] = seeds.stream(self._seed, *key, self._index, self._place)
            return self._made[key]

        return generator


class Chance:
    """Plans random numbers, which are drawn when the calls of a batch are executed.

    Parameters
    ----------
    library, room
        Array library, and workspace.
    streams
        Random streams.
    """

    def __init__(self, library: Library, room: Workspace, streams: Streams) -> None:
        self._library, self._room, self._streams = library, room, streams

    def normal(
        self, calls: list[Call], name: str, what: str, shape: tuple[int, int], size: float
    ) -> Array:
        """Plan Gaussian noise of mean 0 and standard deviation `size`, and return its array.

        `what` is its purpose, in the population called `name`.
        """
        return self._drawn(
            calls, name, what, shape, lambda rng: size * rng.standard_normal(shape, np.float32)
        )

    def awake(
        self, calls: list[Call], name: str, what: str, shape: tuple[int, int], silent: float
    ) -> Array:
        """Plan an (inverted) dropout mask: 0, or the compensating factor; return its array."""
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
