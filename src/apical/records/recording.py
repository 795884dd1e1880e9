"""Recording: replay samples with learning off; keep spikes, signals, decisions and synapses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from apical._base import seeds
from apical._base.checking import checked, shown
from apical._base.memory import check_memory
from apical._base.parameters import Array, CountOrZero, Duration
from apical.data.datasets import Samples
from apical.devices.outputs import outputs
from apical.devices.simulator import Block, BlockResult, Simulator, left_as_it_was
from apical.errors import ParameterError
from apical.network.description import Network
from apical.network.initialization import read_backwards
from apical.neurons.base import Population
from apical.neurons.encoding import decisions
from apical.projections.projection import Projection, ReadBackwards
from apical.records.arrays import Records, Spikes, Units
from apical.records.synapses import Synapses

AT_ONCE = 250
"""Trials shown in one block."""


@checked()
def record(
    simulator: Simulator,
    samples: Samples,
    indices: Annotated[Sequence[int] | np.ndarray, Array((1,), kinds="iu")],
    *,
    dt: Duration | None = None,
    about: Mapping[str, Any] | None = None,
    stream: CountOrZero = 0,
    synapses: bool = True,
) -> Records:
    """Record the activity of a network on samples, with learning off.

    Error neurons receive the labels or targets, so that dendrites receive the same feedback as
    during learning. Decisions and outputs come from a second presentation of the same trials
    without labels, from the same state and with the same random numbers.

    Parameters
    ----------
    simulator
        A network on a device, made with ``record`` (and ``traces``) for `simulate`; its state is
        restored afterwards.
    samples
        Samples to choose from.
    indices
        Indices of the samples to present, shape (n_trials,).
    dt
        Time step of the simulator [ms]: by default its own; 1 for the steady state (``array``).
    about
        Provenance of the network, as plain data.
    stream
        Number of the recording, from 0: the random numbers of trial k depend on the seed of the
        network, this number and k, not on the sample. So each presentation of a sample has its own
        noise, and two recordings of one number have the same noise.
    synapses
        Whether to keep the synapses too, with their weights at the time and before learning.

    Raises
    ------
    ParameterError
        If there are no samples, `stream` is below 0, or `dt` is not that of the simulator.
    DataError
        If the simulator records nothing.

    See Also
    --------
    apical.records.Records : What it returns, with rates, counts and traces.
    apical.evaluate : Decisions alone, on any number of samples.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits")
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array", record=["hidden"], traces=["x"]) as simulator:
    ...     records = record(simulator, data.test, [0, 1, 2])
    >>> records.signals["hidden.x"].shape, records.rates("hidden").shape
    ((3, 1, 20), (3, 20))
    >>> (records.labels == data.test.labels[:3]).all().item()
    True
    >>> with ap.simulate(net, "array") as simulator:
    ...     record(simulator, data.test, [0])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: The simulator records nothing; name populations ...
    """
    chosen = np.asarray(indices)
    if not len(chosen) or chosen.min() < 0 or chosen.max() >= len(samples):
        raise ParameterError(
            f"There are {len(samples)} samples to record, numbered from 0, but the indices asked "
            f"for are {chosen.tolist()[:5]}...; name at least one of those.",
            object="recording.record",
            parameter="indices",
        )
    step = _time_step(simulator, dt)
    network = simulator.network
    index = seeds.presentation("recording", stream)
    parts = Block.of_samples(samples, chosen, index=index, phase="record").parts(AT_ONCE)
    with left_as_it_was(simulator):
        predicted = np.concatenate([_predicted(simulator, part) for part in parts])
    labels, targets = samples.labels[chosen], samples.part(chosen).targets
    looked = _looked_at(simulator, parts)
    names = _recorded(network, looked[0])
    return Records(
        network.trial,
        step,
        {name: units(simulator, network, name) for name in names},
        samples=chosen,
        values=np.asarray(samples.block(chosen)[0]),  # of events, how many each channel has
        labels=labels,
        decisions=decisions(predicted) if targets is None else labels,
        spikes=_spikes(looked, [len(part) for part in parts], network.trial, step),
        signals={
            name: np.concatenate([result.traces[name] for result in looked])
            for name in looked[0].traces
        },
        about={**(about or {}), **({} if targets is None else {"multilabel": samples.multilabel})},
        synapses=synapses_of(simulator) if synapses else {},
        targets=targets,
        outputs=None if targets is None else predicted,
    )


def _looked_at(simulator: Simulator, parts: Sequence[Block]) -> list[BlockResult]:
    """Return what the network did in each part, with its state restored."""
    looked: list[BlockResult] = []
    with left_as_it_was(simulator):
        for k, part in enumerate(parts):
            looked.append(simulator.run(part))
            _check_room(looked[0], len(parts[0]), sum(map(len, parts[k + 1 :])))
    return looked


def _check_room(first: BlockResult, trials: int, left: int) -> None:
    """Raise if the signals of the trials that are left, and all joined, do not fit into memory."""
    of_trial = sum(values.nbytes for values in first.traces.values()) / trials
    check_memory(
        left * 2 * of_trial,
        f"The signals of {left:,} more trials",
        "the number of trials, or record fewer populations or signals",
        object="recording.record",
    )


def _time_step(simulator: Simulator, asked: float | None) -> float:
    """Return the time step of a simulator [ms], after checking it against the requested one."""
    own = simulator.dt
    if None not in (own, asked) and asked != own:
        raise ParameterError(
            f"The simulator goes in time steps of {own:g} ms, but dt={asked!r}; leave dt out.",
            object="recording.record",
            parameter="dt",
        )
    return own or asked or 1.0


def _predicted(simulator: Simulator, part: Block) -> np.ndarray:
    """Return the outputs of the network with labels and targets withheld."""
    result = simulator.run(replace(part, labels=None, targets=None))
    return outputs(simulator, result, framed=part.targets is not None)


def _recorded(network: Network, result: BlockResult) -> list[str]:
    traced = {name.partition(".")[0] for name in result.traces}
    names = [p.name for p in network.populations if p.name in traced or p.name in result.spikes]
    if not names:
        raise ParameterError(
            "The simulator records nothing; name populations with simulate(..., record=[...]), and "
            "for graded ones their signals too, as in traces=['x'].",
            object="recording.record",
            parameter="simulator",
        )
    return names


@checked()
def units(simulator: Simulator, network: Network, name: str) -> Units:
    """Return the recorded units of a population.

    Parameters
    ----------
    simulator, network
        The network on a device, and its description.
    name
        Name of the population.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.records.recording import units
    >>> from apical.testing.references import rates
    >>> with ap.simulate(rates(), "array") as simulator:
    ...     units(simulator, simulator.network, "hidden_1").kind
    'Rate'
    """
    population = next((p for p in network.populations if p.name == name), None)
    if population is None:
        known = ", ".join(p.name for p in network.populations)
        raise ParameterError(
            f"The network has no population {shown(name)}; it has {known}.",
            object="recording.units",
            parameter="name",
        )
    return Units(type(population).__name__, _signs(simulator, network, population))


def _signs(simulator: Simulator, network: Network, population: Population) -> np.ndarray:
    """Return the type of each neuron (excitatory, inhibitory, mixed), or its error's sign."""
    if population.is_paired:
        return np.repeat(np.array([1, -1], np.int8), population.size // 2)
    excites, inhibits = np.zeros((2, population.size), bool)
    for p in network.driving:
        if p.pre is population and network.edges(p) is None:
            w = simulator.weights(p)
            excites, inhibits = excites | (w > 0).any(axis=1), inhibits | (w < 0).any(axis=1)
        elif p.pre is population:
            pre, _, each = simulator.synapses(p)
            excites[pre[each > 0]] = inhibits[pre[each < 0]] = True
    return excites.astype(np.int8) * ~inhibits - inhibits.astype(np.int8) * ~excites


def _spikes(
    results: Sequence[BlockResult], n_trials: Sequence[int], trial: float, dt: float
) -> dict[str, Spikes]:
    """Return spikes by trial; times come in [ms] from the start of each block."""
    steps, first = round(trial / dt), np.cumsum([0, *n_trials])
    found = {}
    for name in results[0].spikes:
        parts = []
        for result, start in zip(results, first, strict=False):
            times, neurons = result.spikes[name]
            step = np.rint(np.asarray(times) / dt).astype(np.int64)
            order = np.lexsort((neurons, step))
            step, unit = step[order], np.asarray(neurons)[order].astype(np.int32)
            parts.append(((step // steps + start).astype(np.int32), (step % steps) * dt, unit))
        found[name] = Spikes(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return found


@checked()
def synapses_of(simulator: Simulator) -> dict[str, Synapses]:
    """Return the synapses of every projection of a network, by its name, as they are now.

    A synapse does not exist where the network says so (`Network.existing`), and where it is fixed
    and its weight is 0, as in one-to-one connections: it never has an effect.
    """
    network = simulator.network
    return {p.name: _of_projection(simulator, network, p) for p in network.projections}


def _of_projection(simulator: Simulator, network: Network, projection: Projection) -> Synapses:
    joined = network.edges(projection)
    if joined is None:
        weights = np.asarray(simulator.weights(projection))
        exists = network.existing(projection)
    else:
        weights, exists = simulator.synapses(projection)[2], None
    learns = projection.rule is not None
    follows = isinstance(projection.weights, ReadBackwards)
    if joined is None and exists is None and not (learns or follows) and not weights.all():
        exists = weights != 0
    initial = _initial(network, projection) if learns or follows else None
    return Synapses(
        projection.pre.name,
        projection.post.name,
        (type(projection.pre).__name__, type(projection.post).__name__),
        weights,
        None if initial is None else initial.astype(weights.dtype),
        None if exists is None or exists.all() else np.asarray(exists),
        role_of(network, projection),
        projection.delay,
        dict(projection.carries),
        projection.rule.name if projection.rule else "",
        joined,
    )


def _initial(network: Network, projection: Projection) -> np.ndarray:
    source = projection.weights
    joined = network.edges(projection)
    if not isinstance(source, ReadBackwards):
        drawn = network.initial_state(projection)
        return drawn if joined is None else joined.each(drawn)
    if joined is not None:
        forward = _initial(network, source.projection)
        return read_backwards(projection, network.seed, forward)
    drawn = network.initial_weights(source.projection)
    return source.made(drawn, network.magnitudes(projection))


@checked()
def role_of(network: Network, projection: Projection) -> str:
    """Return the role of a projection, as in `Synapses`."""
    if network.feedback and projection.name in {p.name for p in network.feedback.projections}:
        return "feedback"
    if projection.name in {p.name for p in network.lateral}:
        return "lateral"
    if projection.pre.role == "bias":
        return "bias"
    return "forward" if projection.is_forward else "error"
