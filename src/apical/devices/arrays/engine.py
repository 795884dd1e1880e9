"""The simulator of device ``array``."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from apical import seeds
from apical.devices.arrays.learning import Learner, Pairs
from apical.devices.arrays.library import Library, Workspace
from apical.devices.arrays.settling import Settling, Signals
from apical.devices.simulator import Block, BlockResult, check_block, check_state
from apical.errors import DeviceError
from apical.network import Network
from apical.projections import Projection, TransposeOf

AT_REST = 1000
"""Trials worked out at a time where nothing learns."""


class ArraySimulator:
    """Runs a rate network, settled, on arrays. Made by `apical.simulate`; parameters as there."""

    compile_seconds = 0.0

    def __init__(
        self, network: Network, library: Library, batch: int, record: Collection[str]
    ) -> None:
        check_network(network)
        self.network, self.batch, self._library = network, batch, library
        self._record = {network.output.name, *record}
        self._weights = {
            p.name: library.array(network.initial_weights(p))
            for p in network.projections
            if not isinstance(p.weights, TransposeOf)
        }
        room = Workspace(library)
        self._learners = [Learner(p, p.rule, library, room) for p in network.plastic if p.rule]
        self._dynamics = {item.projection.name: item.initial_state() for item in self._learners}
        self._settling = Settling(network, library, self._weights)

    @property
    def brian(self) -> Mapping[str, Any]:
        """There are no Brian2 objects."""
        raise DeviceError(
            "Device 'array' has no Brian2 objects; use device='runtime' or 'cpp_standalone'."
        )

    def _variables(self) -> dict[str, Any]:
        found = {f"{name}.w": w for name, w in self._weights.items()}
        for projection, state in self._dynamics.items():
            found |= {f"{projection}.{name}": array for name, array in state.items()}
        return found

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Every variable that the next block depends on, weights included, by name; copies."""
        return {name: self._library.back(array) for name, array in self._variables().items()}

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        variables = self._variables()
        check_state(state, {name: tuple(array.shape) for name, array in variables.items()})
        for name, values in state.items():
            variables[name][...] = self._library.array(values)

    def weights(self, projection: Projection | str) -> np.ndarray:
        """Return W of a projection, shape (n_pre, n_post) [dimensionless]."""
        name = projection if isinstance(projection, str) else projection.name
        source = self.network.projection(name).weights
        if isinstance(source, TransposeOf):
            return self.weights(source.projection).T
        return self._library.back(self._weights[name])

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take over weights: projection name -> W, shape (n_pre, n_post)."""
        self.state = {f"{self.network.projection(name).name}.w": w for name, w in weights.items()}

    def run(self, block: Block) -> BlockResult:
        """Present a block of trials; those that learn do so a batch at a time.

        The update of a batch is the mean over its trials, and its learning factor that of their
        learning factors.
        """
        check_block(self.network, block)
        rng = np.random.default_rng(seeds.simulator_seed(self.network.seed, block.index))
        rows: dict[str, list[np.ndarray]] = {name: [] for name in self._record}
        shown = block.shown(self.network.output.size)
        learns = bool(block.learning.any())
        for chunk in block.slices(self.batch if learns else AT_REST):
            factor = float(block.learning[chunk].mean())
            target = shown[chunk] if shown is not None and factor else None
            signals = self._settle(block.values[chunk], target, rng if factor else None)
            for name, kept in rows.items():
                kept.append(self._library.back(signals[name, "x"]))
            if factor:
                self._learn(signals, factor)
        return BlockResult({name: np.concatenate(kept) for name, kept in rows.items()})

    def updates(self, block: Block) -> dict[str, np.ndarray]:
        """Return what the rules ask of every plastic projection, and change nothing.

        Parameters
        ----------
        block
            Trials; the update is their mean. Dynamics of the update are left out, and no neuron
            is unreliable.

        Returns
        -------
        dict
            Name of the projection -> shape (n_pre, n_post).
        """
        check_block(self.network, block)
        signals = self._settle(block.values, block.shown(self.network.output.size), None)
        self._settling.teach(signals)
        found = {}
        for item in self._learners:
            name, update = item.projection.name, self._library.empty(item.shape)
            item.update(self._weights[name], self._pairs(item, signals), len(block), update)
            found[name] = self._library.back(update)
        return found

    def _settle(
        self, values: np.ndarray, shown: np.ndarray | None, rng: np.random.Generator | None
    ) -> Signals:
        encoder, library = self.network.stimulus.encoder, self._library
        target = None if shown is None else library.array(shown)
        with np.errstate(over="ignore", invalid="ignore"):  # found out by whoever trains
            return self._settling.forward(library.taken(encoder.drive(values)), target, rng)

    def _learn(self, signals: Signals, factor: float) -> None:
        self._settling.teach(signals)
        n_trials = signals.n_trials
        pairs = [self._pairs(item, signals) for item in self._learners]
        for item, brought in zip(self._learners, pairs, strict=True):
            name = item.projection.name
            item.learn(self._weights[name], self._dynamics[name], brought, n_trials, factor)

    def _pairs(self, item: Learner, signals: Signals) -> Pairs:
        """Return what the two neurons bring to each term of a rule."""
        pre, post = item.projection.pre, item.projection.post
        return [
            (
                self._settling.factor(signals, pre, outer.pre),
                self._settling.factor(signals, post, outer.post),
            )
            for outer in item.outers
        ]


def check_network(network: Network) -> None:
    """Raise if a network has what settled arrays cannot do, and name it."""
    for population in network.populations:
        if not hasattr(population, "activation") and population.is_spiking:
            raise DeviceError(
                f"Device 'array' settles rate networks, but {population.name!r} spikes "
                f"({type(population).__name__}); use device='cpp_standalone' or 'runtime', or "
                "apical.Rate, RateError and Stimulus(encoder=Graded())."
            )
    for projection in network.projections:
        when = projection.rule.when if projection.rule else "trial"
        if projection.release < 1 or when != "trial":
            what = "release < 1" if projection.release < 1 else f"a rule that acts at {when!r}"
            raise DeviceError(
                f"Device 'array' knows the end of a trial only, but {projection.name!r} has "
                f"{what}; use device='cpp_standalone' or 'runtime'."
            )
