"""Weight constraints on arrays: Dale's law, sparsity mask, quantisation, after every update."""

import ast
from collections.abc import Iterator
from functools import partial

import numpy as np

from apical.devices.arrays.library import Array, Call, Workspace
from apical.devices.arrays.random import Streams
from apical.devices.arrays.storage import Storage
from apical.network.description import Network
from apical.projections.projection import Projection


class Holder:
    """Enforces the weight constraints of one projection, in place.

    Parameters
    ----------
    network, projection
        The projection, and its network.
    storage
        How its weights lie in memory.
    room
        Workspace for intermediate results.
    streams
        Random streams.
    """

    def __init__(
        self,
        network: Network,
        projection: Projection,
        storage: Storage,
        room: Workspace,
        streams: Streams,
    ) -> None:
        library = storage.library
        self._projection, self._library, self._room = projection, library, room
        self._storage = storage
        self._draws = streams.named("levels", projection.name)
        self._planned: dict[int, list[Call]] = {}
        signs, edges = network.polarity(projection), network.edges(projection)
        self._signs = None
        if signs is not None:
            of_synapses = (
                signs[:, np.newaxis] if edges is None else storage.inside(signs[edges.pre])
            )
            self._signs = library.array(of_synapses)
        self._exists = storage.mask

    def calls(self, w: Array, n_trials: int) -> list[Call]:
        """Return the calls that constrain the weights `w`, the same array every time.

        Parameters
        ----------
        w
            Shape of their storage.
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
            for strip in self._storage.strips(n_trials):
                yield from self._rounded(w[strip], self._projection.levels.step, strip)

    def _rounded(self, w: Array, step: float, rows: slice) -> Iterator[Call]:
        """Yield the calls that round rows to multiples of a step by stochastic rounding."""
        operations, shape = self._library.operations, tuple(w.shape)
        number, draws = self._library.number, self._room("draws", shape)
        whole = self._room("whole steps", shape)
        yield lambda: self._storage.drawn(self._uniform, draws, rows)
        yield partial(operations[ast.Mult], w, number(1 / step), out=w)
        yield partial(operations["floor"], w, out=whole)
        yield partial(operations[ast.Sub], w, whole, out=w)
        yield partial(operations[ast.Sub], w, draws, out=w)
        yield partial(operations["ceil"], w, out=w)
        yield partial(operations[ast.Add], w, whole, out=w)
        yield partial(operations[ast.Mult], w, number(step), out=w)

    def _uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return random numbers from [0, 1)."""
        return self._draws().random(shape, np.float32)
