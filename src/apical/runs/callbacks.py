"""Callbacks that measure a network during training (`--measure`), on a separate simulator."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from apical._base import seeds
from apical.devices import DEVICES, Block, Simulator
from apical.devices.arrays.engine import check_network
from apical.errors import ParameterError
from apical.language.rank_one import terms
from apical.measures import cost, learning, saturation
from apical.measures.alignment import angles_to_backpropagation
from apical.measures.updates import update_signals
from apical.network.description import Network
from apical.neurons.rate import Bias
from apical.records.arrays import Records
from apical.records.recording import record
from apical.runs.experiment import Prepared
from apical.training.loop import Metric, Position, evaluate

MEASURES: Mapping[str, str] = {
    "training": "accuracy on training samples",
    "angles": "angle between the update and the backpropagation gradient",
    "feedback": "alignment of feedback and forward weights",
    "weights": "norm, speed, zeros, Dale's law",
    "units": "dead ones, saturated responses",
    "sparsity": "activities and weights that are 0",
    "cost": "memory, operations, spikes, updates",
}
"""Measures during training, by their names on the command line."""

PROBE = 500
"""Test samples on which a rate network's angle to the backpropagation gradient is measured."""
LOOK = 200
"""Largest number of test samples that are recorded for other measures."""
ROOM = 128e6
"""Memory limit of their signals [bytes]; fewer samples are recorded where it is exceeded."""

_OF_ACTIVITY, _OF_SIGNALS = {"units", "sparsity", "cost"}, {"cost"}


def chosen(names: Sequence[str], network: Network, *, closely: bool = False) -> tuple[str, ...]:
    """Return the selected measures, each once, in the order of `MEASURES`.

    Parameters
    ----------
    names
        Requested measures.
    network
        The network to measure.
    closely
        Whether to add ``training`` and, in rate networks with error feedback, ``angles``.

    Raises
    ------
    ParameterError
        If a measure is unknown.
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
    """Callback that measures a network between blocks of training, without changing its state.

    Recordings are made on a second simulator, which takes over the state of the first.

    Parameters
    ----------
    prepared
        The experiment whose network is measured.
    names
        Names of measures, of `MEASURES`.

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
        traces: tuple[str, ...] = () if self._spikes else ("x", "gain")
        if {*self.names} & signals:
            traces = update_signals(network)
        self._looking: Simulator | None = None
        if looks:
            every = [p.name for p in network.populations if not isinstance(p, Bias)]
            self._looking = prepared.looking(every, traces)
        self.n_trials = min(LOOK, len(prepared.data.test), _that_fit(prepared, traces))

    @property
    def simulators(self) -> tuple[Simulator, ...]:
        """The second simulator, used for recording, if there is one."""
        return (self._looking,) if self._looking else ()

    @property
    def compile_seconds(self) -> float:
        """Time spent compiling so far [s]."""
        return self._looking.compile_seconds if self._looking else 0.0

    def __call__(
        self, simulator: Simulator, position: Position, before: Mapping[str, np.ndarray]
    ) -> dict[Metric, float]:
        """Measure.

        Parameters
        ----------
        simulator
            The network in training.
        position
            Progress of its training.
        before
            Its plastic weights before the last block, by name of projection.

        Returns
        -------
        dict
            Metric -> value; those of a projection or a population are pairs of a name and its name.
            ``train_accuracy``; of projections: ``angle`` [degrees], ``feedback_angle`` [degrees],
            ``feedback_ratio``, ``norm``, ``zeros`` and ``speed`` (over the last block); of
            populations: ``mixed`` and ``minority``, ``dead`` and ``saturated``;
            ``ActivationSparsity``, also of populations, and ``ConnectionSparsity``; what
            `apical.measures.cost.cost` returns.
        """
        network = self._prepared.network
        weights = {p.name: simulator.weights(p) for p in network.projections}
        records = self._record(simulator, position) if self._looking else None
        found: dict[Metric, float] = {}
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
    ) -> dict[Metric, float]:
        if self._spikes and records is not None:
            angles = learning.update_angles(self._prepared.network, weights, records)
        else:
            values, labels = self._prepared.data.test.block(slice(0, PROBE))
            block = Block.of_labels(values, labels, index=seeds.presentation("angles"))
            angles = angles_to_backpropagation(simulator, block)
        return {("angle", name): angle for name, angle in angles.items()}

    def _activity(
        self, simulator: Simulator, weights: learning.Weights, records: Records
    ) -> dict[Metric, float]:
        network, found = self._prepared.network, dict[Metric, float]()
        if "units" in self.names:
            for row in saturation.unit_measures(network, records).to_dict("records"):
                for what in ("dead", "saturated"):
                    found[what, row["population"]] = row[what]
        if "sparsity" in self.names:
            found |= cost.activation_sparsity(network, records)
            found["ConnectionSparsity"] = cost.connection_sparsity(network, weights)
        if "cost" in self.names:
            found.update(cost.cost(network, weights, records, simulator.state).items())
        return found


def _feedback(network: Network, weights: learning.Weights) -> Iterator[tuple[Metric, float]]:
    for row in learning.feedback_measures(network, weights).to_dict("records"):
        for what in ("angle", "ratio"):
            yield (f"feedback_{what}", row["projection"]), row[what]


def _weights(
    network: Network, weights: learning.Weights, before: learning.Weights
) -> Iterator[tuple[Metric, float]]:
    for row in learning.weight_measures(network, weights, before).to_dict("records"):
        for what in ("norm", "speed", "zeros"):
            yield (what, row["projection"]), row[what]
    for row in learning.sign_measures(network, weights).to_dict("records"):
        for what in ("mixed", "minority"):
            yield (what, row["population"]), row[what]


def _check_angles(network: Network) -> None:
    """Raise before training if angles to the backpropagation gradient are undefined."""
    learning.compared(network)
    if not network.is_spiking:
        check_network(network)
    for projection in network.plastic:
        if projection.rule:
            terms(projection.rule.update)


def _that_fit(prepared: Prepared, traces: Sequence[str]) -> int:
    """Return the number of trials whose signals fit into the memory limit."""
    e, network = prepared.experiment, prepared.network
    steps = round(network.trial / e.dt) if DEVICES[str(e.device)].takes("dt") else 1
    numbers = sum(p.size * len({*p.signals} & {*traces}) for p in network.populations)
    return max(1, int(ROOM // max(1, steps * numbers * np.dtype(e.dtype).itemsize)))
