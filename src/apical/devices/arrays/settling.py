"""One batch of trials, settled: the signals of every population, worked out when asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from apical.devices.arrays.library import Library, Workspace
from apical.devices.arrays.programs import Factor, Formula
from apical.error_neurons import RateError
from apical.expressions import parse
from apical.network import Network
from apical.order import feedback_order, forward_order
from apical.populations import Population, Stimulus
from apical.projections import Projection, TransposeOf
from apical.rates import Bias, Rate
from apical.weights import Identity

Carry = Callable[[Any, Any, bool], None]
"""Brings a signal, shape (n_trials, n_pre), to an input, shape (n_trials, n_post): puts it there or
adds it."""


class Signals(dict[tuple[str, str], Any]):
    """Arrays of one batch by name of population and signal, shape (n_trials, n).

    Parameters
    ----------
    n_trials
        Number of trials.
    """

    def __init__(self, n_trials: int) -> None:
        super().__init__()
        self.n_trials = n_trials


class Settling:
    """Works out what a network comes to rest at.

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
        self.library, self._weights, self._room = library, weights, Workspace(library)
        self._forward = [p for p in forward_order(network) if not isinstance(p, Bias)]
        self._feedback = feedback_order(network)
        rates = [p for p in network.populations if isinstance(p, Rate)]
        self._responses = {p.name: self._formula(p.curve.response) for p in rates}
        self._slopes = {
            p.name: self._formula("1" if p.gain == "one" else p.curve.slope)
            for p in rates
            if "gain" in p.signals
        }
        self._delta = self._formula("gain*teach")
        # Biases come first: a product that is added to an array costs no more than one put there.
        projections = sorted(network.projections, key=lambda p: not isinstance(p.pre, Bias))
        self._onto = {
            (population.name, target): [
                (p.pre, p.carries[target], self._carry(p))
                for p in projections
                if p.post is population and target in p.carries
            ]
            for population in network.populations
            for target in ("drive", "teach")
        }

    def _formula(self, text: str) -> Formula:
        return Formula(parse(text), self.library, self._room)

    def _carry(self, projection: Projection) -> Carry:
        """Return how signals cross a projection."""
        source, product = projection.weights, self.library.product
        if isinstance(source, Identity) and projection.rule is None:
            weight = source.weight
            return lambda x, total, add: _put(x if weight == 1 else weight * x, total, add)
        if isinstance(projection.pre, Bias):
            row = self._weights[projection.name]
            return lambda x, total, add: _put(row, total, add)
        if isinstance(source, TransposeOf):
            back = self._weights[source.projection.name]
            return lambda x, total, add: product(x, back, total, add=add, transposed=True)
        w = self._weights[projection.name]
        return lambda x, total, add: product(x, w, total, add=add)

    def forward(self, values: Any, shown: Any, rng: np.random.Generator | None) -> Signals:
        """Return the activity of every population.

        Parameters
        ----------
        values
            Stimuli, shape (n_trials, n_inputs).
        shown
            What error neurons are shown, shape (n_trials, n_outputs); None leaves them silent.
        rng
            Draws which unreliable neurons are silent; None for none.
        """
        signals = Signals(len(values))
        for population in self._forward:
            if isinstance(population, Rate):
                self._respond(population, signals, rng)
            elif isinstance(population, Stimulus):
                unreliable = getattr(population.encoder, "unreliable", 0.0)
                awake = self._awake(unreliable, values.shape, rng)
                signals[population.name, "x"] = values if awake is None else awake * values
            elif isinstance(population, RateError) and shown is not None:
                signals[population.name, "x"] = shown - self._sum(population, "drive", signals)
        return signals

    def teach(self, signals: Signals) -> None:
        """Add ``teach`` of every population that hears feedback."""
        for population in self._feedback:
            heard = signals[population.name, "teach"] = self._sum(population, "teach", signals)
            for pre, carried, carry in self._onto[population.name, "teach"]:
                if pre is population:
                    carry(self.signal(signals, population, carried), heard, True)
                    signals.pop((population.name, "delta"), None)  # it was of a part

    def signal(self, signals: Signals, population: Population, name: str) -> Any:
        """Return a signal, shape (n_trials, n), or one that broadcasts to it."""
        found = signals.get((population.name, name))
        if found is not None:
            return found
        if name == "gain":
            found = self._gain(population, signals)
        elif name == "delta":
            values = {read: self.signal(signals, population, read) for read in ("gain", "teach")}
            found = self._formed(self._delta, values, population, name, signals)
        elif isinstance(population, Bias):
            found = self.library.full(1.0, (signals.n_trials, 1))
        else:
            found = self.library.full(0.0, (1, population.size))  # hears nothing
        signals[population.name, name] = found
        return found

    def factor(self, signals: Signals, population: Population, factor: Factor) -> Any:
        """Return what the neurons of a population bring to a rule, shape (n_trials, n)."""
        known = signals.get((population.name, factor.key))
        if known is not None:
            return known
        values = {
            name: self.signal(signals, population, signal)
            for name, signal in factor.signals.items()
        }
        found = self._formed(factor.formula, values, population, factor.key, signals)
        shape = signals.n_trials, population.size
        if tuple(found.shape) != shape:
            found = self.library.full(found, shape)
        signals[population.name, factor.key] = found
        return found

    def _formed(
        self, formula: Formula, values: Mapping[str, Any], population: Population, name: str,
        signals: Signals,
    ) -> Any:  # fmt: skip
        """Work out a signal, in the array that is kept for it."""
        return formula(values, (population.name, name), (signals.n_trials, population.size))

    def _gain(self, population: Population, signals: Signals) -> Any:
        name = population.name
        awake = signals.get((name, "awake"))
        x = signals[name, "x" if awake is None else "y"]
        values = {"x": x, "drive": signals[name, "drive"]}
        gain = self._formed(self._slopes[name], values, population, "gain", signals)
        return gain if awake is None else awake * gain

    def _respond(self, population: Rate, signals: Signals, rng: np.random.Generator | None) -> None:
        name = population.name
        drive = signals[name, "drive"] = self._sum(population, "drive", signals)
        if population.is_softmax:
            y = self.library.softmax(drive)
        else:
            y = self._formed(self._responses[name], {"drive": drive}, population, "x", signals)
        awake = self._awake(population.unreliable, drive.shape, rng)
        if awake is not None:
            signals[name, "awake"], signals[name, "y"] = awake, y
            y = awake * y
        signals[name, "x"] = y

    def _awake(
        self, unreliable: float, shape: tuple[int, ...], rng: np.random.Generator | None
    ) -> Any:
        if not unreliable or rng is None:
            return None
        drawn = rng.random(shape, np.float32) >= unreliable
        awake = self.library.array(drawn)
        awake *= 1 / (1 - unreliable)
        return awake

    def _sum(self, population: Population, target: str, signals: Signals) -> Any:
        """Return what arrives at an input, from all but the population itself."""
        name = population.name
        total = self._room((name, target), (signals.n_trials, population.size))
        is_empty = True
        for pre, carried, carry in self._onto[name, target]:
            if pre is not population:
                carry(self.signal(signals, pre, carried), total, not is_empty)
                is_empty = False
        if is_empty:
            total[:] = 0
        return total


def _put(sent: Any, total: Any, add: bool) -> None:
    if add:
        total += sent
    else:
        total[:] = sent
