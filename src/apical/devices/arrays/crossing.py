"""How signals cross synapses, on arrays: chosen by the weights that there are, never by others."""

import ast
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from apical.devices.arrays.library import Call, Library
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection, ReadBackwards, SignsOf

Carry = Callable[[Any, Any, bool], Call]
"""Returns what puts a signal, shape (n_trials, n_pre), into an input, shape (n_trials, n_post), or
adds it."""


class Crossing:
    """Who sends what to each input, and how it crosses.

    Parameters
    ----------
    network
        Which.
    library
        Whose arrays.
    weights
        Weights by name of projection; their content is changed by others, and read here.
    """

    def __init__(self, network: Network, library: Library, weights: Mapping[str, Any]) -> None:
        self._network, self._library, self._weights = network, library, weights
        self._operations = library.operations
        # Biases come first: a product that is added to an array costs no more than one put there.
        self._projections = sorted(network.projections, key=lambda p: p.pre.role != "bias")
        self._one_to_one = set[str]()
        self.onto = self._carried()
        """For each population and input: who sends, what, and how it crosses."""
        self.look_again()

    def look_again(self) -> bool:
        """See which fixed projections join each neuron to its own; return whether that is new.

        Signals cross these without a product. It is for whoever changes fixed weights to call, and
        then to plan anew.
        """
        found = {
            p.name
            for p in self._projections
            if p.rule is None
            and p.name in self._weights
            and p.pre.size == p.post.size
            and np.array_equal(self._library.back(self._weights[p.name]), np.eye(p.pre.size))
        }
        is_new = found != self._one_to_one
        if is_new:
            self._one_to_one = found
            self.onto = self._carried()
        return is_new

    def _carried(self) -> dict[tuple[str, str], list[tuple[Population, str, Carry]]]:
        """Return who sends what to each input of each population, and how it crosses."""
        return {
            (population.name, target): [
                (p.pre, p.carries[target], self._carry(p))
                for p in self._projections
                if p.post is population and target in p.carries
            ]
            for population in self._network.populations
            for target in ("drive", "teach", "before", "scale", "shift")
        }

    def _carry(self, projection: Projection) -> Carry:
        """Return how signals cross a projection."""
        source, product = projection.weights, self._library.product
        if isinstance(source, ReadBackwards):
            back = self._weights[source.projection.name]
            if isinstance(source, SignsOf):
                return self._concordant(back, self._network.magnitudes(projection))
            return lambda x, total, add: product(x, back, total, add=add, transposed=True)
        w = self._weights[projection.name]
        if projection.pre.role == "bias":
            return lambda x, total, add: self.put(w, total, add)
        if projection.name in self._one_to_one:
            return lambda x, total, add: self.put(x, total, add)
        return lambda x, total, add: product(x, w, total, add=add)

    def _concordant(self, forward: Any, magnitudes: np.ndarray) -> Carry:
        """Return how signals cross magnitudes with the signs that forward weights have by then."""
        alike = self._library.array(np.ascontiguousarray(magnitudes.T))
        signed = self._library.empty(tuple(forward.shape))

        def carry(x: Any, total: Any, add: bool) -> Call:
            product = self._library.product(x, signed, total, add=add, transposed=True)

            def call() -> None:
                self._operations["sign"](forward, out=signed)
                self._operations[ast.Mult](signed, alike, out=signed)
                product()

            return call

        return carry

    def put(self, sent: Any, total: Any, add: bool) -> Call:
        """Return what puts a signal into an array of its shape, or adds it."""
        if add:
            return partial(self._operations[ast.Add], total, sent, out=total)
        return partial(self._operations[ast.UAdd], sent, out=total)
