"""Measures of a network during training (`--measure`): one `Measure` each, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from apical._base import seeds
from apical._base.bibliography import cite
from apical._base.names import check_name
from apical._base.registry import Registry
from apical.devices import Block, Simulator, transports
from apical.devices.arrays.engine import check_network
from apical.devices.device import FOR_GRADIENTS
from apical.devices.surrogates import Surrogate
from apical.errors import ParameterError
from apical.language.rank_one import terms
from apical.measures import cost, learning, saturation
from apical.measures.alignment import angles_to_backpropagation
from apical.measures.through_time import angles_through_time
from apical.measures.updates import update_signals
from apical.network.description import Network
from apical.records.arrays import Records
from apical.runs.experiment import Prepared
from apical.training.loop import Metric, Position, evaluate

PROBE = 500
"""Test samples on which a rate network's angle to the backpropagation gradient is measured."""

PROBED_IN_TIME = 64
"""Test samples on which a spiking network's angle to the gradient through time is measured."""

Metrics = Mapping[Metric, float]
"""Metric -> value; a metric of a projection or population is a pair of its name and the part's."""


@dataclass(frozen=True)
class Look:
    """State of a network in training, between two blocks, as input of a measure.

    Parameters
    ----------
    prepared
        The experiment: its network and its data.
    simulator
        The network in training, in its current state, which a measure must not change.
    position
        Position in training.
    weights
        Weights by name of projection, shape (n_pre, n_post).
    before
        The same before the last block.
    records
        Records of test samples in the current state; None if no measure needs records.

    Examples
    --------
    >>> from apical import simulate
    >>> from apical.runs.callbacks import Measuring
    >>> from apical.runs.experiment import Experiment, prepare
    >>> from apical.runs.measures import Measure
    >>> from apical.training import Position
    >>> def largest(look):
    ...     return {("largest", name): float(abs(w).max()) for name, w in look.weights.items()}
    >>> prepared = prepare(Experiment("rate_dfa", train_trials=100, test_trials=50))
    >>> measure = Measuring(prepared, [Measure("largest", "largest weights", largest)])
    >>> with prepared.simulator() as simulator:
    ...     before = {p.name: simulator.weights(p) for p in prepared.network.plastic}
    ...     found = measure(simulator, Position(), before)
    >>> found["largest", "hidden_to_output"]
    0.0
    """

    prepared: Prepared
    simulator: Simulator
    position: Position
    weights: Mapping[str, np.ndarray]
    before: Mapping[str, np.ndarray]
    records: Records | None

    @property
    def network(self) -> Network:
        """The description of the network."""
        return self.prepared.network

    @property
    def recorded(self) -> Records:
        """Records of test samples, for measures that need them."""
        if self.records is None:
            raise ParameterError(
                "There are no records for this measure; give Measure the signals that it needs: "
                "records=lambda network: ('x',), for instance.",
                object="Measure",
                parameter="records",
            )
        return self.records


def _nothing(network: Network) -> None:
    """Ask for no records."""


def _fits(network: Network) -> None:
    """Refuse nothing."""


@dataclass(frozen=True)
class Measure:
    """Measure of a network during training.

    Parameters
    ----------
    name
        Name in commands.
    about
        Description in a few words.
    measure
        Returns metrics: name of the metric -> value, a float. The name of a metric of a projection
        or population is a pair, as in ``("norm", "stimulus_to_hidden")``.
    records
        Given the network, returns the signals to record on test samples, which may be none; None
        if no records are needed.
    check
        Raises before training if the measure does not apply to a network.
    source
        References for what it measures, for ``apical cite``.

    Examples
    --------
    >>> from apical.runs.measures import MEASURES, Measure
    >>> list(MEASURES)
    ['training', 'angles', 'feedback', 'weights', 'units', 'sparsity', 'cost']
    >>> def largest(look):
    ...     return {("largest", name): float(w.max()) for name, w in look.weights.items()}
    >>> Measure("largest", "largest weight of each projection", largest).name
    'largest'
    """

    name: str
    about: str
    measure: Callable[[Look], Metrics]
    records: Callable[[Network], tuple[str, ...] | None] = _nothing
    check: Callable[[Network], Any] = _fits
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "word", "Measure", "a measure")


def _training(look: Look) -> Metrics:
    index = seeds.presentation("training samples", look.position.trial)
    trained = evaluate(look.simulator, look.prepared.data.train, index)
    return {f"train_{name}": value for name, value in trained.scores.items()}


def _angles(look: Look) -> Metrics:
    e, library = look.prepared.experiment, str(look.prepared.building.get("library", ""))
    index = seeds.presentation("angles")
    if look.network.is_spiking and e.device == FOR_GRADIENTS and library.startswith("torch"):
        block = Block.of_samples(look.prepared.data.test, slice(0, PROBED_IN_TIME), index=index)
        surrogate = Surrogate(e.surrogate, e.steepness, e.through_reset)
        angles = angles_through_time(look.simulator, block, surrogate=surrogate)
        angles = {p.name: angles[p.name] for p in learning.compared(look.network)}
    elif look.network.is_spiking:
        angles = learning.update_angles(look.network, look.weights, look.recorded)
    else:
        block = Block.of_samples(look.prepared.data.test, slice(0, PROBE), index=index)
        angles = angles_to_backpropagation(look.simulator, block)
    return {("angle", name): angle for name, angle in angles.items()}


def _signals_of_angles(network: Network) -> tuple[str, ...] | None:
    local = network.is_spiking and not transports(network)  # which needs no records
    return update_signals(network) if local else None


def _check_angles(network: Network) -> None:
    """Raise if angles to the backpropagation gradient are not defined for a network."""
    learning.compared(network)
    if not network.is_spiking:
        check_network(network)
    for projection in network.plastic:
        if projection.rule:
            terms(projection.rule.update, projection.rule.held)


def _feedback(look: Look) -> Metrics:
    found: dict[Metric, float] = {}
    for row in learning.feedback_measures(look.network, look.weights).to_dict("records"):
        found["feedback_angle", row["projection"]] = row["angle"]
        found["feedback_ratio", row["projection"]] = row["ratio"]
    return found


def _weights(look: Look) -> Metrics:
    found: dict[Metric, float] = {}
    before = {**look.weights, **look.before}
    for row in learning.weight_measures(look.network, look.weights, before).to_dict("records"):
        for what in ("norm", "speed", "zeros"):
            found[what, row["projection"]] = row[what]
    for row in learning.sign_measures(look.network, look.weights).to_dict("records"):
        found["mixed", row["population"]] = row["mixed"]
        found["minority", row["population"]] = row["minority"]
    return found


def _activities(network: Network) -> tuple[str, ...]:
    """Return the signals of activities: none where spikes are recorded, else ``x``."""
    return () if network.is_spiking else ("x",)


def _units(look: Look) -> Metrics:
    found: dict[Metric, float] = {}
    for row in saturation.unit_measures(look.network, look.recorded).to_dict("records"):
        found["dead", row["population"]] = row["dead"]
        found["saturated", row["population"]] = row["saturated"]
    return found


def _sparsity(look: Look) -> Metrics:
    connections = cost.connection_sparsity(look.network, look.weights)
    activations = cost.activation_sparsity(look.network, look.recorded)
    return {**activations, "ConnectionSparsity": connections}


def _cost(look: Look) -> Metrics:
    found: dict[Metric, float] = {}
    found.update(cost.cost(look.network, look.weights, look.recorded, look.simulator.state).items())
    return found


_MEASURES = (
    Measure("training", "scores on training samples, such as the accuracy", _training),
    Measure(
        "angles",
        "angle between the update and the backpropagation gradient; in spiking networks through "
        "time on device lockstep with PyTorch, else by recorded signals",
        _angles,
        _signals_of_angles,
        _check_angles,
        source=f"{cite('lillicrap2016', 'fig. 2')}; {cite('nokland2016')}",
    ),
    Measure(
        "feedback",
        "alignment of feedback and forward weights",
        _feedback,
        source=f"{cite('lillicrap2016')}; {cite('akrout2019')}",
    ),
    Measure(
        "weights",
        "norm, speed, zeros, Dale's law",
        _weights,
        source=f"{cite('strata1999')}; {cite('song2016')}",
    ),
    Measure(
        "units",
        "dead units, saturated responses",
        _units,
        _activities,
        source=f"{cite('lu2020')}; {cite('glorot2010', 'section 3')}",
    ),
    Measure(
        "sparsity",
        "fractions of activities and weights that are 0",
        _sparsity,
        _activities,
        source=cite("yik2025"),
    ),
    Measure(
        "cost",
        "memory, operations, spikes, updates",
        _cost,
        update_signals,
        source=cite("yik2025"),
    ),
)

MEASURES: Registry[Measure] = Registry(
    "measure",
    {measure.name: measure for measure in _MEASURES},
    fits=lambda value: isinstance(value, Measure),
)
"""Registry of measures during training, by name."""
