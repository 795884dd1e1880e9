"""Weight updates of learning rules, computed offline from recorded signals.

A rule reads signals of the two neurons that a synapse joins. If these were recorded at every time
step, the update is a matrix product, and so is the update that other feedback would have given, for
instance that of backpropagation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.parameters import Matrix
from apical._base.rounding import or_nothing, size_of
from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.errors import DataError, WiringError
from apical.language.expressions import names_in
from apical.language.rank_one import Term, compiled, terms
from apical.network.description import Network
from apical.neurons.base import Population
from apical.plasticity.rules import LearningRule
from apical.projections.projection import Projection
from apical.records.arrays import Records

_FUNCTIONS = NumpyLibrary.operations


@dataclass(frozen=True)
class Moments:
    """Recorded signals at the times at which a learning rule acts.

    Parameters
    ----------
    records
        Recorded activity, with labels given to the error neurons.
    rule
        The rule: one moment in each trial if it acts when a trial ends, else every time step from
        its onset on.

    Examples
    --------
    >>> from apical.measures.updates import Moments, update_signals
    >>> import apical as ap
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> record_all = {"record": [p.name for p in net.populations], "traces": update_signals(net)}
    >>> with ap.simulate(net, "array", **record_all) as simulator:
    ...     records = record(simulator, data.test, range(3))
    >>> moments = Moments(records, net.plastic[0].rule)
    >>> moments.n, moments.signal(net.plastic[0].post, "gain").shape
    (3, (3, 20))
    """

    records: Records
    rule: LearningRule

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def n(self) -> int:
        """Number of moments."""
        if self.rule.when == "trial":
            return len(self.records)
        steps = round(self.records.duration / self.records.dt)
        return len(self.records) * (steps - round(self.rule.onset / self.records.dt))

    def signal(self, population: Population, name: str) -> np.ndarray:
        """Return a signal, shape (n_moments, n).

        A trace ``x`` within a trial has the value read by the rule: before a spike of the same
        time step.

        Raises
        ------
        DataError
            If it was not recorded.
        """
        if population.role == "bias":
            return np.ones((self.n, 1), np.float32)
        full = f"{population.name}.{name}"
        if full not in self.records.signals:
            raise DataError(
                f"These records lack the signal {full!r}, which is needed to compute the "
                f"update of {self.rule.name!r}; record it, as update_signals(network) says."
            )
        if self.records.signals[full].shape[2] != population.size:
            raise DataError(
                f"The signal {full!r} of these records is of {self.records.signals[full].shape[2]} "
                f"neurons, but {population.name!r} has {population.size}; give records of this "
                "network.",
                object=f"Signal {full!r}",
            )
        values = self._taken(self.records.signals[full])
        if name == "x" and self.rule.when != "trial" and population.is_spiking:
            return values - self.spikes(population)
        return values

    def spikes(self, population: Population) -> np.ndarray:
        """Return which neurons spike, 0 or 1, shape (n_moments, n)."""
        records = self.records
        if population.name not in records.spikes:
            records.counts(population.name)  # says what is missing
        found = records.spikes[population.name]
        steps = round(records.duration / records.dt)
        raster = np.zeros((len(records), steps, population.size), np.float32)
        raster[found.trial, np.rint(found.time / records.dt).astype(int), found.unit] = 1
        return self._taken(raster)

    def _taken(self, values: np.ndarray) -> np.ndarray:
        if self.rule.when == "trial":
            return values[:, -1]
        first = round(self.rule.onset / self.records.dt)
        return values[:, first:].reshape(-1, values.shape[2])


@checked()
def weights_of(projection: Projection, weights: Mapping[str, Matrix]) -> np.ndarray:
    """Return the weights of a projection, shape (n_pre, n_post).

    Parameters
    ----------
    projection
        The projection.
    weights
        W by name of projection.

    Raises
    ------
    DataError
        If there are none, or they have another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.updates import weights_of
    >>> from apical.testing.references import rates
    >>> projection = rates().projection("hidden_2_to_output")
    >>> weights_of(projection, {"hidden_2_to_output": np.ones((4, 3))}).shape
    (4, 3)
    >>> weights_of(projection, {"hidden_2_to_output": np.ones((3, 4))})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: Weights of projection 'hidden_2_to_output' must have ...
    """
    found = weights.get(projection.name)
    if found is None or found.shape != projection.shape:
        raise DataError(
            f"Weights of projection {projection.name!r} must have shape {projection.shape}, got "
            f"{'none' if found is None else f'shape {found.shape}'}; give those of this network.",
            object=f"Projection {projection.name!r}",
            parameter="weights",
        )
    return found


@checked()
def rule_of(projection: Projection) -> LearningRule:
    """Return the rule of a projection.

    Parameters
    ----------
    projection
        A plastic projection.

    Raises
    ------
    WiringError
        If it has none, or one that reads traces or state of synapses.

    Examples
    --------
    >>> from apical.measures.updates import rule_of
    >>> from apical.testing.references import rates
    >>> rule_of(rates().projection("hidden_2_to_output")).update
    'eta * x_pre * gain_post * teach_post'
    """
    if projection.rule is None:
        raise WiringError(
            f"Projection {projection.name!r} has no learning rule, so its weights have no update; "
            "name a plastic one.",
            object=f"Projection {projection.name!r}",
        )
    kept = [*projection.rule.traces, *projection.rule.state]
    if kept:
        raise WiringError(
            f"Rule {projection.rule.name!r} of projection {projection.name!r} reads "
            f"{', '.join(kept)}, which synapses keep and records of neurons do "
            "not hold; read them from simulator.state instead.",
            object=f"Rule {projection.rule.name!r}",
        )
    return projection.rule


@checked()
def update_signals(network: Network) -> tuple[str, ...]:
    """Return the signals to record so that `update` and that of backpropagation are defined.

    Parameters
    ----------
    network
        The network.

    Examples
    --------
    >>> from apical.measures.updates import update_signals
    >>> from apical.testing.references import rates, spiking
    >>> update_signals(rates()), update_signals(spiking())
    (('gain', 'teach', 'x'), ('gain', 'teach', 'x'))
    """
    read = {name.rpartition("_")[0] for p in network.plastic if p.rule for name in p.rule.signals}
    carried = {signal for p in network.projections for signal in p.carries.values()}
    offered = {signal for p in network.populations for signal in p.signals}
    return tuple(sorted((read | carried | {"x", "gain", "teach"}) & offered))


@checked()
def update(
    projection: Projection, w: Matrix, records: Records, teach: Matrix | None = None
) -> np.ndarray:
    """Return the weight update of a rule, averaged over trials, shape (n_pre, n_post).

    0 where the contributions of single moments cancel within rounding. The optimiser (momentum,
    Adam), bounds and the learning factor of a trial are left out. Exact for rules that act when a
    trial ends. For those that act within a trial, `gain` is taken after the time step, so after a
    spike of the same step, and weights are constant.

    Parameters
    ----------
    projection
        A plastic projection.
    w
        Its weights, shape (n_pre, n_post).
    records
        Activity recorded at these weights with learning off, with the signals of `update_signals`
        and labels given to the error neurons.
    teach
        Feedback that replaces the recorded one, shape (n_moments, n_post); None for the recorded.

    Raises
    ------
    DataError
        If a signal was not recorded.
    DeviceError
        If the rule is no sum of matrix products.

    Examples
    --------
    The update that is recorded is the one that is learned:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.updates import update, update_signals
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> record_all = {"record": [p.name for p in net.populations], "traces": update_signals(net)}
    >>> with ap.simulate(net, "array", batch=4, dtype="float64", **record_all) as simulator:
    ...     records = record(simulator, data.train, range(4))
    ...     w = simulator.weights("hidden_to_output")
    ...     block = ap.Block.of_labels(*data.train.block(slice(4)), learning=1.0)
    ...     result = simulator.run(block)
    ...     change = simulator.weights("hidden_to_output") - w
    >>> found = update(net.projection("hidden_to_output"), w, records)
    >>> found.shape, bool(np.allclose(found, change, rtol=1e-4))
    ((20, 10), True)
    """
    weights_of(projection, {projection.name: w})
    total, size = np.zeros(projection.shape), 0.0
    for term, pre, post in products(projection, records, teach):
        acts = post.any(axis=1)
        sent, heard = pre[acts].astype(np.float64), post[acts].astype(np.float64)
        weigh = compiled(term.synapse, _FUNCTIONS)
        factor = weigh({**rule_of(projection).parameters, "w": w})
        total += factor * (sent.T @ heard)
        # upper bound of the sum of single contributions
        size += size_of(factor) * float(
            np.abs(sent).max(axis=1, initial=0) @ np.abs(heard).max(axis=1, initial=0)
        )
    return or_nothing(total, size) / len(records)


@checked()
def products(
    projection: Projection, records: Records, teach: Matrix | None = None
) -> Iterator[tuple[Term, np.ndarray, np.ndarray]]:
    """Yield each rank-one term of a rule, with its presynaptic and postsynaptic factors.

    Parameters
    ----------
    projection, records, teach
        As in `update`.

    Yields
    ------
    tuple
        The term, and two arrays, shape (n_moments, n_pre) and (n_moments, n_post). They are 0
        where the rule does not act: without a spike, or without feedback, if it waits for those.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.measures.updates import products, update_signals
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> record_all = {"record": [p.name for p in net.populations], "traces": update_signals(net)}
    >>> with ap.simulate(net, "array", **record_all) as simulator:
    ...     records = record(simulator, data.train, range(4))
    >>> for term, pre, post in products(net.projection("hidden_to_output"), records):
    ...     print(pre.shape, post.shape)
    (4, 20) (4, 10)
    """
    moments = Moments(records, rule_of(projection))
    wanted = (moments.n, projection.post.size)
    require(
        teach is None or teach.shape == wanted,
        f"Projection {projection.name!r}",
        "teach",
        f"of shape {wanted}, a row for each moment",
        "" if teach is None else f"{teach.shape}",
    )
    return _products(projection, moments, teach)


def _products(
    projection: Projection, moments: Moments, teach: np.ndarray | None
) -> Iterator[tuple[Term, np.ndarray, np.ndarray]]:
    rule = moments.rule
    arrived = _Arrived(moments, projection.post, teach)
    for term in terms(rule.update):
        pre = _factor(term.pre, "_pre", rule, lambda name: moments.signal(projection.pre, name))
        post = _factor(term.post, "_post", rule, arrived.signal)
        pre = np.broadcast_to(pre, (moments.n, projection.pre.size))
        post = np.broadcast_to(post, (moments.n, projection.post.size))
        if rule.when == "spike":
            pre = pre * moments.spikes(projection.pre)
        elif rule.when == "post":
            post = post * moments.spikes(projection.post)
        elif rule.when == "feedback":
            post = post * (arrived.signal("teach") != 0)
        yield term, pre, post


@checked()
def backpropagated(
    network: Network, weights: Mapping[str, Matrix], moments: Moments, population: Population
) -> np.ndarray:
    """Return the error that backpropagation would bring to a population (backward pass).

    From the feedback of the output back: ``teach = sum over p of (gain * teach)[p.post] @ W[p].T``
    over the forward projections ``p`` that leave the population (Rumelhart, Hinton & Williams
    1986, doi:10.1038/323533a0), with the recorded `gain` of each neuron. There is no credit
    assignment through time, and recurrent paths are left out.

    Parameters
    ----------
    network
        The network.
    weights
        W by name of projection, shape (n_pre, n_post).
    moments
        Signals, with `gain` and `teach`.
    population
        A population below the output.

    Returns
    -------
    array
        Shape (n_moments, n).

    Examples
    --------
    Through one layer: (gain * teach) of the output, times its transposed weights.

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.updates import Moments, backpropagated, update_signals
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> record_all = {"record": [p.name for p in net.populations], "traces": update_signals(net)}
    >>> with ap.simulate(net, "array", **record_all) as simulator:
    ...     records = record(simulator, data.train, range(4))
    ...     weights = {p.name: simulator.weights(p) for p in net.forward}
    >>> weights["hidden_to_output"] = np.ones((20, 10), "float32")
    >>> moments = Moments(records, net.plastic[0].rule)
    >>> found = backpropagated(net, weights, moments, net.plastic[0].post)
    >>> delta = moments.signal(net.output, "gain") * moments.signal(net.output, "teach")
    >>> found.shape, bool(np.allclose(found, delta.sum(axis=1, keepdims=True), atol=1e-6))
    ((4, 20), True)
    """
    return _below(network, weights, moments, population, ())


def _below(
    network: Network,
    weights: Mapping[str, np.ndarray],
    moments: Moments,
    population: Population,
    path: tuple[Population, ...],
) -> np.ndarray:
    total = np.zeros((moments.n, population.size), np.float32)
    for p in network.forward:
        if p.pre is not population or p.post in path or p.post is population:
            continue
        if p.post is network.output:
            teach = moments.signal(p.post, "teach")
        else:
            teach = _below(network, weights, moments, p.post, (*path, population))
        w = np.asarray(weights_of(p, weights), np.float32)
        total += (moments.signal(p.post, "gain") * teach) @ w.T
    return total


@dataclass(frozen=True)
class _Arrived:
    """Signals of a postsynaptic population, with its feedback replaced if another is given."""

    moments: Moments
    population: Population
    teach: np.ndarray | None

    def signal(self, name: str) -> np.ndarray:
        if self.teach is not None and name == "teach":
            return self.teach
        if self.teach is not None and name == "delta":
            return self.moments.signal(self.population, "gain") * self.teach
        return self.moments.signal(self.population, name)


def _factor(tree: Any, end: str, rule: LearningRule, signal: Any) -> np.ndarray:
    """Return the factor of one neuron in a rank-one term: an array, or the number 1."""
    values = {name: signal(name.removesuffix(end)) for name in names_in(tree) if name.endswith(end)}
    return np.asarray(compiled(tree, _FUNCTIONS)({**rule.parameters, **values}))
