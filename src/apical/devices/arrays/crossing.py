"""Synaptic transmission on arrays: as weights are stored, or one-to-one by the current ones."""

import ast
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from apical.devices.arrays.library import Array, Call, Library
from apical.devices.arrays.storage import Storage
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection, ReadBackwards, SignsOf

Carry = Callable[[Array, Array, bool], Call]
"""Returns the call that writes or adds a signal, shape (n_trials, n_pre), to an input, shape
(n_trials, n_post)."""
Source = tuple[Population, str, Carry]
"""A source of an input: a population, its signal, and how that is transmitted."""


class Crossing:
    """The sources of each input, and how their signals are transmitted.

    Parameters
    ----------
    network
        The network.
    library
        Array library.
    weights
        Weights by name of projection; their content is modified elsewhere, and read here.
    storages
        How they lie in memory.
    """

    def __init__(
        self,
        network: Network,
        library: Library,
        weights: Mapping[str, Array],
        storages: Mapping[str, Storage],
    ) -> None:
        self._storages = storages
        self._network, self._library, self._weights = network, library, weights
        self._operations = library.operations
        # Biases come first: a product that is added to an array costs no more than one put there.
        self._projections = sorted(network.projections, key=lambda p: p.pre.role != "bias")
        self._one_to_one = set[str]()
        self.onto = self._carried()
        """For each population and input: sources, signals, and their transmission."""
        self.look_again()

    def look_again(self) -> bool:
        """Detect fixed one-to-one projections; return whether they changed.

        These need no matrix product. It must be called whenever fixed weights change, and all calls
        must then be planned again.
        """
        found = {
            p.name
            for p in self._projections
            if p.rule is None
            and p.name in self._weights
            and p.pre.size == p.post.size
            and tuple(self._weights[p.name].shape) == p.shape
            and np.array_equal(self._library.back(self._weights[p.name]), np.eye(p.pre.size))
        }
        is_new = found != self._one_to_one
        if is_new:
            self._one_to_one = found
            self.onto = self._carried()
        return is_new

    def _carried(self) -> dict[tuple[str, str], list[Source]]:
        """Return the sources of each input of each population, and their transmission."""
        return {
            (population.name, target): [
                (p.pre, p.carries[target], self._carry(p))
                for p in self._projections
                if p.post is population and target in p.carries
            ]
            for population in self._network.populations
            for target in ("drive", "teach", "before", "scale", "shift", "silence")
        }

    def _carry(self, projection: Projection) -> Carry:
        """Return the transmission of signals through a projection."""
        source = projection.weights
        if isinstance(source, ReadBackwards):
            forward = source.projection.name
            back, there = self._weights[forward], self._storages[forward]
            if isinstance(source, SignsOf):
                return self._concordant(back, there, self._magnitudes(projection, source))
            return lambda x, total, add: there.product(x, back, total, add=add, transposed=True)
        w, product = self._weights[projection.name], self._storages[projection.name].product
        if projection.pre.role == "bias" and tuple(w.shape) == projection.shape:
            return lambda x, total, add: self.put(w, total, add)
        if projection.name in self._one_to_one:
            return lambda x, total, add: self.put(x, total, add)
        return lambda x, total, add: product(x, w, total, add=add)

    def _magnitudes(self, projection: Projection, source: SignsOf) -> np.ndarray:
        """Return fixed magnitudes of feedback, as values of the forward synapses."""
        magnitudes = np.ascontiguousarray(self._network.magnitudes(projection).T)
        edges = self._network.edges(source.projection)
        return magnitudes if edges is None else edges.of(magnitudes)

    def _concordant(self, forward: Array, storage: Storage, magnitudes: np.ndarray) -> Carry:
        """Return the transmission of sign-concordant feedback, with current forward signs."""
        alike = storage.array(magnitudes)
        signed = self._library.empty(tuple(forward.shape))

        def carry(x: Array, total: Array, add: bool) -> Call:
            product = storage.product(x, signed, total, add=add, transposed=True)

            def call() -> None:
                self._operations["sign"](forward, out=signed)
                self._operations[ast.Mult](signed, alike, out=signed)
                product()

            return call

        return carry

    def put(self, sent: Array, total: Array, add: bool) -> Call:
        """Return the call that writes or adds a signal to an array of its shape."""
        if add:
            return partial(self._operations[ast.Add], total, sent, out=total)
        return partial(self._operations[ast.UAdd], sent, out=total)
