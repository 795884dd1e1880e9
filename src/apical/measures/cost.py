"""Computational cost in NeuroBench metrics: memory footprint, sparsity, synaptic operations.

Definitions are those of NeuroBench (Yik et al. 2025, arXiv:2304.04640; as computed by its harness,
github.com/NeuroBench/neurobench): a synaptic operation is one weight times one presynaptic signal
in one time step; it is effective if neither is 0, and an accumulate (AC) where all signals of the
population are -1, 0 or 1, as spikes are, else a multiply-accumulate (MAC). Biases are not counted.
Only exact zeros count as 0, as in NeuroBench, since hardware that skips zeros skips only those.
NeuroBench defines inference only; the cost of learning is counted separately, in the same way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.metric_names import Metric
from apical._base.parameters import Matrix, NonNegative
from apical._base.rounding import is_nothing, size_of
from apical.errors import DataError
from apical.measures.updates import Moments, products, rule_of, weights_of
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.edges import Edges
from apical.projections.projection import Projection
from apical.records.arrays import Records

if TYPE_CHECKING:
    import pandas as pd

Weights = Mapping[str, Matrix]
Phase = Literal["inference", "learning"]


@checked()
def footprint(network: Network, state: Mapping[str, Any]) -> dict[str, int]:
    """Return the memory footprint of a network [bytes].

    Parameters
    ----------
    network
        The network.
    state
        ``simulator.state``: all weights and variables, ``<projection or population>.<variable>``.

    Returns
    -------
    dict
        ``Footprint``, as in NeuroBench the weights and variables needed for inference, and
        ``learning_Footprint``, those needed for learning in addition: feedback synapses, error
        neurons and the synapses onto them, dendrites (``teach``), the spike traces ``x``, and
        synaptic variables other than the weight.

    References
    ----------
    Yik et al. 2025, arXiv:2304.04640.

    Examples
    --------
    Inference needs 2 * 3 + 3 * 2 weights of 4 bytes each. Learning needs the 2 * 2 synapses onto
    the error neurons, and theirs onto the output (2 * 2) and the hidden neurons (2 * 3):

    >>> import apical as ap
    >>> from apical.measures.cost import footprint
    >>> from apical.scripts.layers import feedforward
    >>> rule = ap.rules.three_factor(0.1)
    >>> net = feedforward([2, 3, 2], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> with ap.simulate(net, "array") as simulator:
    ...     footprint(net, simulator.state)
    {'Footprint': 48, 'learning_Footprint': 56}
    >>> 4 * (2 * 3 + 3 * 2), 4 * (2 * 2 + 2 * 2 + 2 * 3)
    (48, 56)
    """
    found = {"Footprint": 0, "learning_Footprint": 0}
    for name, values in state.items():
        prefix = "learning_" if _learns(network, name) else ""
        found[f"{prefix}Footprint"] += np.asarray(values).nbytes
    return found


def _learns(network: Network, name: str) -> bool:
    """Say whether a state variable serves learning only."""
    owner, _, variable = name.partition(".")
    population = next((p for p in network.populations if p.name == owner), None)
    if population is None:
        return variable != "w" or _serves_learning(network.projection(owner))
    trace = variable == "x" and population.is_spiking
    heard = variable in ("teach", "owed", "held")
    return population.serves_learning or heard or trace


def _serves_learning(projection: Projection) -> bool:
    to_error = projection.post.role == "error"
    return to_error or "drive" not in projection.carries


@checked()
def connection_sparsity(network: Network, weights: Weights) -> float:
    r"""Return NeuroBench's ConnectionSparsity: the fraction of driving weights that are 0.

    .. math:: \left\lvert \{ w_{ij} = 0 \} \right\rvert / \left\lvert \{ w_{ij} \} \right\rvert

    Parameters
    ----------
    network
        The network.
    weights
        W by name of projection, shape (n_pre, n_post).

    References
    ----------
    Yik et al. 2025, arXiv:2304.04640.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.cost import connection_sparsity
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward([2, 2, 1], "relu", "linear", wiring=None, weights=ap.Zero())
    >>> w = {"stimulus_to_hidden_1": np.eye(2), "hidden_1_to_output": np.ones((2, 1))}
    >>> round(connection_sparsity(net, w), 4), round(2 / 6, 4)
    (0.3333, 0.3333)
    """
    zeros = sum(int(np.count_nonzero(weights_of(p, weights) == 0)) for p in network.driving)
    return zeros / sum(int(np.prod(p.shape)) for p in network.driving)


@checked()
def activation_sparsity(network: Network, records: Records) -> dict[Metric, float]:
    """Return NeuroBench's ActivationSparsity: the fraction of activities that are 0.

    Over all trials, time steps and neurons that are driven by feedforward or lateral projections;
    stimulus and error neurons do not count.

    Parameters
    ----------
    network
        The network.
    records
        Its recorded spikes, or activity ``x`` of graded populations.

    Returns
    -------
    dict
        ``"ActivationSparsity"``, and ``("ActivationSparsity", population)`` for each of them.

    References
    ----------
    Yik et al. 2025, arXiv:2304.04640.

    Examples
    --------
    ReLU neurons without any drive are silent; a softmax output is not:

    >>> import apical as ap
    >>> from apical.measures.cost import activation_sparsity
    >>> from apical.records.recording import record
    >>> from apical.scripts.layers import feedforward
    >>> data = ap.datasets.load("digits")
    >>> net = feedforward([64, 30, 10], "relu", wiring="dfa", weights=ap.Zero())
    >>> with ap.simulate(net, "array", record=["hidden_1", "output"], traces=["x"]) as simulator:
    ...     records = record(simulator, data.test, [0, 1])
    >>> sparsity = activation_sparsity(net, records)
    >>> sparsity["ActivationSparsity", "hidden_1"], sparsity["ActivationSparsity", "output"]
    (1.0, 0.0)
    >>> sparsity["ActivationSparsity"], 30 / (30 + 10)
    (0.75, 0.75)
    """
    reached = list(dict.fromkeys(p.post for p in network.driving))
    active = [float(_active(records, p, "x").sum()) for p in reached]
    places = [len(records) * _steps(records, p, "x") * p.size for p in reached]
    each: dict[Metric, float] = {
        ("ActivationSparsity", p.name): 1 - a / n
        for p, a, n in zip(reached, active, places, strict=True)
    }
    return {"ActivationSparsity": 1 - sum(active) / sum(places), **each}


@checked()
def synaptic_operations(network: Network, weights: Weights, records: Records) -> "pd.DataFrame":
    """Return the synaptic operations of each projection in a trial.

    Parameters
    ----------
    network
        The network.
    weights
        W by name of projection, shape (n_pre, n_post).
    records
        Its recorded activity; of graded populations also the signals they send (``delta``).

    Returns
    -------
    DataFrame
        A row for each projection (two where it carries two signals), biases left out:
        ``phase`` (``"inference"`` for driving projections, ``"learning"`` for those to dendrites
        and error neurons), ``kind`` (``"AC"`` or ``"MAC"``), and, averaged over trials,
        ``effective`` operations, ``dense`` ones (all weights in all time steps), and ``events``:
        nonzero signals times the synapses they reach. Plastic synapses count whatever their weight,
        fixed ones if it is not 0.

    References
    ----------
    Yik et al. 2025, arXiv:2304.04640.

    Examples
    --------
    Of the 64 pixels of a digit some are 0, and each of them saves 30 multiplications:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.cost import synaptic_operations
    >>> from apical.records.recording import record
    >>> from apical.scripts.layers import feedforward
    >>> data = ap.datasets.load("digits")
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn())
    >>> recorded = [population.name for population in net.populations]
    >>> with ap.simulate(net, "array", record=recorded, traces=["x", "delta"]) as simulator:
    ...     records = record(simulator, data.test, [0])
    ...     weights = {p.name: simulator.weights(p) for p in net.projections}
    >>> found = synaptic_operations(net, weights, records)
    >>> columns = ["projection", "kind", "effective", "dense"]
    >>> found[columns].head(2).to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'projection': 'stimulus_to_hidden_1', 'kind': 'MAC', 'effective': 900.0, 'dense': 1920.0},
    {'projection': 'hidden_1_to_output', 'kind': 'MAC', 'effective': 300.0, 'dense': 300.0}]
    >>> 30 * int(np.count_nonzero(records.values[0]))
    900
    """
    import pandas as pd

    rows = []
    for p in network.projections:
        for target, signal in p.carries.items():
            if p.pre.role == "bias":
                continue
            active = _active(records, p.pre, signal) / len(records)
            reached = np.count_nonzero(weights_of(p, weights), axis=1)
            learns = target != "drive" or p.post.role == "error"
            edges = network.edges(p)
            joined = p.shape[1] if edges is None else edges.out_degrees
            pairs = p.pre.size * p.post.size if edges is None else len(edges)
            rows.append(
                {
                    "projection": p.name,
                    "signal": signal,
                    "phase": "learning" if learns else "inference",
                    "kind": "AC" if _is_binary(records, p.pre, signal) else "MAC",
                    "effective": float(active @ reached),
                    "dense": float(_steps(records, p.pre, signal) * pairs),
                    "events": float((active * joined).sum() if p.rule else active @ reached),
                }
            )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Updates:
    """Number of weight updates of a projection in a trial, averaged over trials.

    Parameters
    ----------
    projection
        Its name.
    effective
        Nonzero updates.
    dense
        Evaluations of the rule: every synapse at the end of a trial; every synapse onto a neuron
        that receives feedback, in every time step; every synapse that transmits a spike; every
        synapse onto a neuron that spikes.

    Examples
    --------
    >>> from apical.measures.cost import Updates
    >>> Updates("stimulus_to_hidden", effective=900.0, dense=1920.0).effective
    900.0
    """

    projection: str
    effective: NonNegative
    dense: NonNegative

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def weight_updates(network: Network, records: Records) -> list[Updates]:
    """Return the number of weight updates in a trial, for each plastic projection.

    Computed for a batch size of 1; the trials of a batch on device ``array`` share one update.
    Where a rule is a sum of products, an update counts once for each nonzero product, up to
    `dense`.

    Parameters
    ----------
    network
        The network.
    records
        Its recorded activity with the signals of `apical.measures.updates.update_signals`, and with
        labels given to the error neurons.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.measures.cost import weight_updates
    >>> from apical.measures.updates import update_signals
    >>> from apical.records.recording import record
    >>> from apical.scripts.layers import feedforward
    >>> data = ap.datasets.load("digits")
    >>> rule = ap.rules.three_factor(0.1)
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> record_all = {"record": [p.name for p in net.populations], "traces": update_signals(net)}
    >>> with ap.simulate(net, "array", **record_all) as simulator:
    ...     records = record(simulator, data.test, [0])
    >>> for updates in weight_updates(net, records):
    ...     print(updates)
    Updates(projection='stimulus_to_hidden_1', effective=900.0, dense=1920.0)
    Updates(projection='hidden_1_to_output', effective=300.0, dense=300.0)

    The synapses from pixels that are 0 do not change:

    >>> 30 * int((records.values[0] > 0).sum()), 30 * 64
    (900, 1920)
    """
    return [
        _updates(p, records, network.edges(p))
        for p in network.plastic
        if rule_of(p).when != "noise"
    ]


def _updates(projection: Projection, records: Records, edges: Edges | None) -> Updates:
    rule, moments = rule_of(projection), Moments(records, rule_of(projection))
    n_pre, n_post = projection.shape
    onto, of = (n_pre, n_post) if edges is None else (edges.in_degrees, edges.out_degrees)
    if rule.when == "trial":
        dense = float(len(records) * (n_pre * n_post if edges is None else len(edges)))
    elif rule.when == "feedback":
        dense = float(((moments.signal(projection.post, "teach") != 0) * onto).sum())
    elif rule.when == "spike":
        dense = float((moments.spikes(projection.pre) * of).sum())
    else:
        dense = float((moments.spikes(projection.post) * onto).sum())
    effective = sum(
        float(np.count_nonzero(pre, axis=1) @ np.count_nonzero(post, axis=1))
        if edges is None
        else _joined(pre, post, edges)
        for _, pre, post in products(projection, records)
    )
    n = len(records)
    return Updates(projection.name, min(effective, dense) / n, dense / n)


def _joined(pre: np.ndarray, post: np.ndarray, edges: Edges) -> float:
    """Return how often both factors of a synapse that exists are nonzero."""
    both = ((x[edges.pre] != 0) & (d[edges.post] != 0) for x, d in zip(pre, post, strict=True))
    return float(sum(map(np.count_nonzero, both)))


@checked()
def cost(
    network: Network, weights: Weights, records: Records, state: Mapping[str, Any]
) -> dict[str, float]:
    """Return the computational cost of inference and learning, in NeuroBench's names.

    Parameters
    ----------
    network
        The network.
    weights
        W by name of projection, shape (n_pre, n_post).
    records
        Its recorded activity with the signals of `apical.measures.updates.update_signals`, and with
        labels given to the error neurons.
    state
        ``simulator.state``.

    Returns
    -------
    dict
        ``Footprint`` [bytes], ``ConnectionSparsity``, ``ActivationSparsity``, and for each trial
        ``Effective_MACs``, ``Effective_ACs`` and ``Dense`` operations, ``events`` (signals times
        the synapses they reach) and ``spikes``, all of inference. The names that begin with
        ``learning_`` are the additional cost of learning (``learning_spikes``: of error neurons);
        ``weight_updates`` and ``weight_updates_dense`` are those of `weight_updates`, summed.

    Raises
    ------
    DataError
        If spikes or signals were not recorded.

    References
    ----------
    Yik et al. 2025, arXiv:2304.04640.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.measures.cost import cost
    >>> from apical.measures.updates import update_signals
    >>> from apical.records.recording import record
    >>> from apical.scripts.layers import feedforward
    >>> data = ap.datasets.load("digits")
    >>> rule = ap.rules.three_factor(0.1)
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> record_all = {"record": [p.name for p in net.populations], "traces": update_signals(net)}
    >>> with ap.simulate(net, "array", **record_all) as simulator:
    ...     records = record(simulator, data.test, [0])
    ...     weights = {p.name: simulator.weights(p) for p in net.projections}
    ...     found = cost(net, weights, records, simulator.state)
    >>> found["Dense"], 64 * 30 + 30 * 10
    (2220.0, 2220)
    >>> found["Footprint"], 4 * (64 * 30 + 30 * 10)
    (8880, 8880)
    >>> found["Effective_ACs"], found["spikes"]
    (0.0, 0.0)
    """
    updates = weight_updates(network, records)
    return {
        **footprint(network, state),
        "ConnectionSparsity": connection_sparsity(network, weights),
        "ActivationSparsity": activation_sparsity(network, records)["ActivationSparsity"],
        **dict(_operations(synaptic_operations(network, weights, records))),
        **_spikes(network, records),
        "weight_updates": sum(u.effective for u in updates),
        "weight_updates_dense": sum(u.dense for u in updates),
    }


def _operations(table: "pd.DataFrame") -> Iterator[tuple[str, float]]:
    for phase, prefix in (("inference", ""), ("learning", "learning_")):
        rows = table[table["phase"] == phase]
        for kind in ("MAC", "AC"):
            effective = rows.loc[rows["kind"] == kind, "effective"]
            yield f"{prefix}Effective_{kind}s", float(effective.sum())
        yield f"{prefix}Dense", float(rows["dense"].sum())
        yield f"{prefix}events", float(rows["events"].sum())


def _spikes(network: Network, records: Records) -> dict[str, float]:
    found = {"spikes": 0.0, "learning_spikes": 0.0}
    for p in network.populations:
        if p.is_spiking:
            prefix = "learning_" if p.serves_learning else ""
            found[f"{prefix}spikes"] += float(records.counts(p.name).sum()) / len(records)
    return found


def _active(records: Records, population: Population, signal: str) -> np.ndarray:
    """Return the number of time steps, over trials, in which each neuron is active, shape (n,)."""
    if population.is_spiking and signal != "x":
        raise DataError(
            f"Axons of {population.name!r} carry {signal!r} as events that records do not hold, so "
            "their cost is unknown; measure relay='random', whose relays are recorded."
        )
    if population.is_spiking:
        return records.counts(population.name).sum(axis=0)
    return np.count_nonzero(_signal(records, population, signal), axis=(0, 1))


def _steps(records: Records, population: Population, signal: str) -> int:
    """Return the time steps of a trial; one for the steady state."""
    if population.is_spiking:
        return round(records.duration / records.dt)
    return _signal(records, population, signal).shape[1]


def _is_binary(records: Records, population: Population, signal: str) -> bool:
    if population.is_spiking:
        return True
    values = _signal(records, population, signal)
    return size_of(values) < 1.5 and bool(is_nothing(values - np.rint(values), 1).all())


def _signal(records: Records, population: Population, signal: str) -> np.ndarray:
    name = f"{population.name}.{signal}"
    if name not in records.signals:
        raise DataError(
            f"These records lack the signal {name!r}, which crosses synapses; record it with "
            f"'apical record RUN --signals {signal}'."
        )
    return records.signals[name]
