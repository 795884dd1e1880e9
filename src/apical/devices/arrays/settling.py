"""One batch of trials, settled: the signals of every population, worked out when asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.error_neurons import RateError
from apical.expressions import parse
from apical.network import Network
from apical.order import feedback_order, forward_order
from apical.populations import Population, Stimulus
from apical.projections import Projection, TransposeOf
from apical.rates import Bias, Rate
from apical.terms import compiled
from apical.weights import Identity

Signals = dict[tuple[str, str], Any]
"""Arrays by name of population and signal, shape (n_trials, n)."""


class Settling:
    """Works out what a network comes to rest at.

    Parameters
    ----------
    network
        Which.
    library
        Whose arrays.
    weights
        Weights by name of projection; changed by others, read here.
    """

    def __init__(self, network: Network, library: NumpyLibrary, weights: Mapping[str, Any]) -> None:
        self.network, self.library, self.weights = network, library, weights
        self._forward = [p for p in forward_order(network) if not isinstance(p, Bias)]
        self._feedback = feedback_order(network)
        rates = [p for p in network.populations if isinstance(p, Rate)]
        functions = library.functions
        self._responses = {p.name: compiled(parse(p.curve.response), functions) for p in rates}
        self._slopes = {
            p.name: compiled(parse("1" if p.gain == "one" else p.curve.slope), functions)
            for p in rates
            if "gain" in p.signals
        }
        self._onto = {
            (population.name, target): [
                (p, p.carries[target]) for p in network.projections
                if p.post is population and target in p.carries
            ]
            for population in network.populations
            for target in ("drive", "teach")
        }  # fmt: skip

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
        signals: Signals = {}
        for population in self._forward:
            if isinstance(population, Stimulus):
                unreliable = getattr(population.encoder, "unreliable", 0.0)
                signals[population.name, "x"] = self._kept(values, unreliable, rng)
            elif isinstance(population, Rate):
                self._respond(population, signals, len(values), rng)
            elif isinstance(population, RateError) and shown is not None:
                arrived = self._sum(population, "drive", signals, len(values))
                signals[population.name, "x"] = shown - arrived
        return signals

    def teach(self, signals: Signals) -> None:
        """Add ``teach`` of every population that hears feedback."""
        for population in self._feedback:
            n_trials = len(signals[population.name, "x"])
            heard = self._sum(population, "teach", signals, n_trials)
            signals[population.name, "teach"] = heard
            for projection, carried in self._onto[population.name, "teach"]:
                if projection.pre is population:
                    sent = self.signal(signals, population, carried)
                    self._arrive(projection, sent, heard, add=True)
                    signals.pop((population.name, "delta"), None)  # it was of a part

    def signal(self, signals: Signals, population: Population, name: str) -> Any:
        """Return a signal, shape (n_trials, n), or a number where it is the same everywhere."""
        found = signals.get((population.name, name))
        if found is not None:
            return found
        if isinstance(population, Bias):
            n_trials = len(signals[self.network.stimulus.name, "x"])
            found = self.library.full(1.0, (n_trials, 1))
        elif name == "gain":
            found = self._gain(population, signals)
        elif name == "delta":
            gain = self.signal(signals, population, "gain")
            found = gain * signals[population.name, "teach"]
        else:
            found = self.library.full(0.0, (1, population.size))  # hears nothing
        signals[population.name, name] = found
        return found

    def _gain(self, population: Population, signals: Signals) -> Any:
        awake = signals.get((population.name, "awake"))
        values = {"x": signals[population.name, "x"], "drive": signals[population.name, "drive"]}
        if awake is None:
            return self._slopes[population.name](values)
        values["x"] = signals[population.name, "y"]
        return awake * self._slopes[population.name](values)

    def _respond(
        self, population: Rate, signals: Signals, n_trials: int, rng: np.random.Generator | None
    ) -> None:
        drive = self._sum(population, "drive", signals, n_trials)
        signals[population.name, "drive"] = drive
        if population.is_softmax:
            y = self.library.softmax(drive)
        else:
            y = self._responses[population.name]({"drive": drive})
        awake = self._awake(population.unreliable, y.shape, rng)
        if awake is not None:
            signals[population.name, "awake"], signals[population.name, "y"] = awake, y
            y = awake * y
        signals[population.name, "x"] = y

    def _kept(self, x: Any, unreliable: float, rng: np.random.Generator | None) -> Any:
        awake = self._awake(unreliable, x.shape, rng)
        return x if awake is None else x * awake

    def _awake(
        self, unreliable: float, shape: tuple[int, ...], rng: np.random.Generator | None
    ) -> Any:
        if not unreliable or rng is None:
            return None
        drawn = rng.random(shape, np.float32) >= unreliable
        return self.library.array(drawn / (1 - unreliable))

    def _sum(self, population: Population, target: str, signals: Signals, n_trials: int) -> Any:
        """Return what arrives at an input, from all but the population itself."""
        total, empty = self.library.empty((n_trials, population.size)), True
        for projection, carried in self._onto[population.name, target]:
            if projection.pre is not population:
                x = self.signal(signals, projection.pre, carried)
                self._arrive(projection, x, total, add=not empty)
                empty = False
        if empty:
            total[:] = 0
        return total

    def _arrive(self, projection: Projection, x: Any, total: Any, *, add: bool) -> None:
        source = projection.weights
        if isinstance(source, Identity) and projection.rule is None:
            sent = x if source.weight == 1 else source.weight * x
        elif isinstance(projection.pre, Bias):
            sent = self.weights[projection.name]
        else:
            transposed = isinstance(source, TransposeOf)
            name = source.projection.name if isinstance(source, TransposeOf) else projection.name
            self.library.product(x, self.weights[name], total, add=add, transposed=transposed)
            return
        if add:
            total += sent
        else:
            total[:] = sent
