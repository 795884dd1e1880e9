"""Measuring a network while it trains: what `--measure` asks for, on a simulator of its own."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from apical._base import seeds
from apical.devices import Block, Simulator
from apical.devices.arrays.engine import check_network
from apical.errors import ParameterError
from apical.language.rank_one import terms
from apical.measures import cost, learning
from apical.measures.alignment import angles_to_backpropagation
from apical.measures.updates import update_signals
from apical.network.description import Network
from apical.records.arrays import Records
from apical.records.recording import record
from apical.runs.experiment import Prepared
from apical.training.loop import Position, evaluate

MEASURES: Mapping[str, str] = {
    "training": "accuracy on training samples",
    "angles": "update against that of backpropagation",
    "feedback": "feedback against forward weights",
    "weights": "norm, speed, zeros, Dale's law",
    "units": "dead and saturated ones",
    "sparsity": "activities and weights that are 0",
    "cost": "memory, operations, spikes, updates",
}
"""What can be measured during training, by the names that commands know."""

PROBE = 500
"""Test samples over which the angle of rates to backpropagation is measured."""
LOOK = 200
"""Most test samples that are recorded for other measures."""
ROOM = 128e6
"""Most memory that their signals may take [bytes]; fewer samples are recorded where it is short."""

_OF_ACTIVITY, _OF_SIGNALS = {"units", "sparsity", "cost"}, {"cost"}


def chosen(names: Sequence[str], network: Network, *, closely: bool = False) -> tuple[str, ...]:
    """Return what to measure, each once, in the order of `MEASURES`.

    Parameters
    ----------
    names
        What was asked for.
    network
        What is measured.
    closely
        Whether to add ``training`` and, where nothing spikes and errors come back, ``angles``.

    Raises
    ------
    ParameterError
        If something is asked for that is not known.
    """
    strangers = [name for name in names if name not in MEASURES]
    if strangers:
        raise ParameterError(
            f"measure knows {', '.join(MEASURES)}, got {', '.join(map(repr, strangers))}; name "
            "some of those.",
            object="Measuring",
            parameter="measure",
        )
    wanted = set(names)
    if closely:
        wanted.add("training")
        if network.feedback is not None and not network.is_spiking:
            wanted.add("angles")
    return tuple(name for name in MEASURES if name in wanted)


class Measuring:
    """Measures a network between two blocks of its training, and leaves it as it is.

    What it records it records on a second simulator, which takes over the state of the first.

    Parameters
    ----------
    prepared
        The experiment whose network is measured.
    names
        What to measure, of `MEASURES`.

    Raises
    ------
    ApicalError
        If the network cannot be measured in this way.
    """

    def __init__(self, prepared: Prepared, names: Sequence[str]) -> None:
        self._prepared, self.names = prepared, tuple(names)
        network = prepared.network
        self._spikes = network.is_spiking
        if "angles" in self.names:
            _check_angles(network)
        signals = _OF_SIGNALS | ({"angles"} if self._spikes else set())
        looks = {*self.names} & (_OF_ACTIVITY | signals)
        traces: tuple[str, ...] = () if self._spikes else ("x",)
        if {*self.names} & signals:
            traces = update_signals(network)
        self._looking: Simulator | None = None
        if looks:
            every = [p.name for p in network.populations if p.role != "bias"]
            self._looking = prepared.looking(every, traces)
        self.n_trials = min(LOOK, len(prepared.data.test), _that_fit(prepared, traces))

    @property
    def simulators(self) -> tuple[Simulator, ...]:
        """The simulator that looks, if there is one."""
        return (self._looking,) if self._looking else ()

    @property
    def compile_seconds(self) -> float:
        """Time spent compiling so far [s]."""
        return self._looking.compile_seconds if self._looking else 0.0

    def __call__(
        self, simulator: Simulator, position: Position, before: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """Measure.

        Parameters
        ----------
        simulator
            The network that trains, at its present state.
        position
            How far it is.
        before
            Its plastic weights before the last block, by name of projection.

        Returns
        -------
        dict
            Name of the metric -> value. ``train_accuracy``; ``angle_<projection>`` [degrees];
            ``feedback_angle_<projection>`` [degrees] and ``feedback_ratio_...``;
            ``norm_<projection>``, ``zeros_...``, ``speed_...`` (over the last block),
            ``mixed_<population>`` and ``minority_...``; ``dead_<population>`` and
            ``saturated_...``; ``ActivationSparsity``, also by population, and
            ``ConnectionSparsity``; what `apical.measures.cost.cost` returns.
        """
        network = self._prepared.network
        weights = {p.name: simulator.weights(p) for p in network.projections}
        records = self._record(simulator, position) if self._looking else None
        found: dict[str, float] = {}
        if "training" in self.names:
            index = seeds.presentation("training samples", position.trial)
            trained = evaluate(simulator, self._prepared.data.train, index)
            found["train_accuracy"] = trained.accuracy
        if "angles" in self.names:
            found |= self._angles(simulator, weights, records)
        if "feedback" in self.names:
            found |= dict(_feedback(network, weights))
        if "weights" in self.names:
            found |= dict(_weights(network, weights, {**weights, **before}))
        if records is not None:
            found |= self._activity(simulator, weights, records)
        return found

    def _record(self, simulator: Simulator, position: Position) -> Records | None:
        if self._looking is None:
            return None
        self._looking.state = simulator.state
        test, dt = self._prepared.data.test, self._prepared.experiment.dt
        return record(self._looking, test, np.arange(self.n_trials), dt=dt, stream=position.trial)

    def _angles(
        self, simulator: Simulator, weights: learning.Weights, records: Records | None
    ) -> dict[str, float]:
        if self._spikes and records is not None:
            angles = learning.update_angles(self._prepared.network, weights, records)
        else:
            values, labels = self._prepared.data.test.block(slice(0, PROBE))
            block = Block(values, labels, index=seeds.presentation("angles"))
            angles = angles_to_backpropagation(simulator, block)
        return {f"angle_{name}": angle for name, angle in angles.items()}

    def _activity(
        self, simulator: Simulator, weights: learning.Weights, records: Records
    ) -> dict[str, float]:
        network, found = self._prepared.network, dict[str, float]()
        if "units" in self.names:
            for row in learning.unit_measures(network, records).to_dict("records"):
                found[f"dead_{row['population']}"] = row["dead"]
                found[f"saturated_{row['population']}"] = row["saturated"]
        if "sparsity" in self.names:
            found |= cost.activation_sparsity(network, records)
            found["ConnectionSparsity"] = cost.connection_sparsity(network, weights)
        if "cost" in self.names:
            found |= cost.cost(network, weights, records, simulator.state)
        return found


def _feedback(network: Network, weights: learning.Weights) -> Iterator[tuple[str, float]]:
    for row in learning.feedback_measures(network, weights).to_dict("records"):
        yield f"feedback_angle_{row['projection']}", row["angle"]
        yield f"feedback_ratio_{row['projection']}", row["ratio"]


def _weights(
    network: Network, weights: learning.Weights, before: learning.Weights
) -> Iterator[tuple[str, float]]:
    for row in learning.weight_measures(network, weights, before).to_dict("records"):
        for what in ("norm", "speed", "zeros"):
            yield f"{what}_{row['projection']}", row[what]
    for row in learning.sign_measures(network, weights).to_dict("records"):
        yield f"mixed_{row['population']}", row["mixed"]
        yield f"minority_{row['population']}", row["minority"]


def _check_angles(network: Network) -> None:
    """Raise if a network has no angles to backpropagation, before anything is trained."""
    learning.compared(network)
    if not network.is_spiking:
        check_network(network)
    for projection in network.plastic:
        if projection.rule:
            terms(projection.rule.update)


def _that_fit(prepared: Prepared, traces: Sequence[str]) -> int:
    """Return how many trials' signals fit into the memory they may take."""
    e, network = prepared.experiment, prepared.network
    steps = 1 if e.device == "array" else round(network.trial / e.dt)
    numbers = sum(p.size * len({*p.signals} & {*traces}) for p in network.populations)
    return max(1, int(ROOM // max(1, steps * numbers * np.dtype(e.dtype).itemsize)))
