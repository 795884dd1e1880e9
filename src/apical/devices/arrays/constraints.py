"""Weight constraints on arrays: Dale's law, sparsity mask, quantisation, after every update."""

import ast
from collections.abc import Iterator
from functools import partial

import numpy as np

from apical.devices.arrays.learning import strips
from apical.devices.arrays.library import Array, Call, Library, Workspace
from apical.devices.arrays.random import Streams
from apical.network.description import Network
from apical.projections.projection import Projection


class Holder:
    """Enforces the weight constraints of one projection, in place.

    Parameters
    ----------
    network, projection
        The projection, and its network.
    library
        Array library.
    room
        Workspace for intermediate results.
    streams
        Random streams.
    """

    def __init__(
        self,
        network: Network,
        projection: Projection,
        library: Library,
        room: Workspace,
        streams: Streams,
    ) -> None:
        self._projection, self._library, self._room = projection, library, room
        self._draws = streams.named("levels", projection.name)
        self._planned: dict[int, list[Call]] = {}
        signs, exists = network.polarity(projection), network.existing(projection)
        self._signs = None if signs is None else library.array(signs[:, np.newaxis])
        self._exists = None if exists is None else library.array(exists)

    def calls(self, w: Array, n_trials: int) -> list[Call]:
        """Return the calls that constrain the weights `w`, the same array every time.

        Parameters
        ----------
        w
            Shape (n_pre, n_post).
        n_trials
            Number of trials in a batch, the largest number of rows processed at a time.
        """
        if n_trials not in self._planned:
            self._planned[n_trials] = list(self._plan(w, n_trials))
        return self._planned[n_trials]

    def _plan(self, w: Array, n_trials: int) -> Iterator[Call]:
        operations = self._library.operations
        if self._signs is not None:
            number, turn = self._library.number, partial(operations[ast.Mult], w, self._signs)
            yield partial(turn, out=w)
            yield partial(operations["clip"], w, number(0), number(np.inf), out=w)
            yield partial(turn, out=w)
        if self._exists is not None:
            yield partial(operations[ast.Mult], w, self._exists, out=w)
        if self._projection.levels:
            for strip in strips(self._projection.shape, n_trials):
                yield from self._rounded(w[strip], self._projection.levels.step)

    def _rounded(self, w: Array, step: float) -> Iterator[Call]:
        """Yield the calls that round rows to multiples of a step by stochastic rounding."""
        operations, shape = self._library.operations, tuple(w.shape)
        number, draws = self._library.number, self._room("draws", shape)
        whole = self._room("whole steps", shape)
        yield lambda: self._library.put(self._draws().random(shape, np.float32), draws)
        yield partial(operations[ast.Mult], w, number(1 / step), out=w)
        yield partial(operations["floor"], w, out=whole)
        yield partial(operations[ast.Sub], w, whole, out=w)
        yield partial(operations[ast.Sub], w, draws, out=w)
        yield partial(operations["ceil"], w, out=w)
        yield partial(operations[ast.Add], w, whole, out=w)
        yield partial(operations[ast.Mult], w, number(step), out=w)
