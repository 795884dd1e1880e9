"""What is drawn at random while a batch settles."""

from collections.abc import Callable
from typing import Any

import numpy as np

from apical.devices.arrays.library import Call, Library, Workspace


class Chance:
    """Plans random numbers, which are drawn when the calls of a batch are made.

    Parameters
    ----------
    library, room
        Whose arrays, and where they are.
    """

    def __init__(self, library: Library, room: Workspace) -> None:
        self._library, self._room = library, room
        self.rng: np.random.Generator | None = None
        """Draws them; to be set before the calls of a batch."""

    def normal(self, calls: list[Call], place: Any, shape: tuple[int, int], size: float) -> Any:
        """Plan normal numbers of mean 0 and standard deviation `size`, and return where."""
        return self._drawn(
            calls, place, shape, lambda rng: size * rng.standard_normal(shape, np.float32)
        )

    def awake(self, calls: list[Call], place: Any, shape: tuple[int, int], silent: float) -> Any:
        """Plan 0 for a share of all, and for the others what makes up for it; return where."""
        return self._drawn(
            calls, place, shape,
            lambda rng: (rng.random(shape, np.float32) >= silent) / (1 - silent),
        )  # fmt: skip

    def _drawn(
        self, calls: list[Call], place: Any, shape: tuple[int, int],
        numbers: Callable[[np.random.Generator], np.ndarray],
    ) -> Any:  # fmt: skip
        found = self._room(place, shape)

        def draw() -> None:
            assert self.rng is not None
            self._library.put(numbers(self.rng), found)

        calls.append(draw)
        return found
