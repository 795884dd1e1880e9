"""Perturbations (disturbances) of single neurons and synapses, and the effects they may have.

Two runs are compared, one of them perturbed. Every difference must have a local cause:

- a signal of a neuron may differ only if the neuron or a synapse onto it was perturbed, or if an
  input differs that reaches it through a synapse of nonzero weight;
- the update of a synapse may differ only if the synapse was perturbed, or a signal of its
  presynaptic or postsynaptic neuron differs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from apical.network.description import Network
from apical.neurons.base import Population
from apical.neurons.rate import FED_BACK
from apical.plausibility import Aspect
from apical.projections.projection import Projection

SAME = 1e-9
"""Relative tolerance for rounding differences between two runs."""


@dataclass(frozen=True)
class Disturbance:
    """A perturbation of one neuron or synapse before the second run.

    Parameters
    ----------
    what
        Description.
    population, neuron
        The perturbed neuron, or the postsynaptic neuron of the perturbed synapse.
    projection, synapses
        The perturbed synapses, as pairs of neurons; none for a neuron.
    changes
        Values added to entries of the state: name -> (index, values).
    stimulus
        Value added to the stimulus of this input neuron [dimensionless].
    silent
        Whether it must leave all activity unchanged.
    """

    what: str
    population: str
    neuron: int
    projection: str = ""
    synapses: tuple[tuple[int, int], ...] = ()
    changes: Mapping[str, tuple[tuple[Any, ...], Any]] = field(default_factory=dict)
    stimulus: float = 0.0
    silent: bool = False


@dataclass(frozen=True)
class Outcome:
    """Signals and weight changes of one run.

    Parameters
    ----------
    signals
        ``<population>.<signal>`` -> shape (n_trials, n_steps, size).
    weights
        Weights before the run, by projection, shape (n_pre, n_post).
    changes
        Their changes.
    """

    signals: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    changes: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Fault:
    """A violation of locality: a difference without a local cause."""

    subject: str
    aspect: Aspect
    reason: str


def of_neurons(
    network: Network,
    base: Outcome,
    state: Mapping[str, np.ndarray],
    each: int,
    rng: np.random.Generator,
) -> Iterator[Disturbance]:
    """Yield perturbations of all variables of `each` neurons of every population."""
    for population in network.populations:
        held = [
            name
            for name, values in state.items()
            if name.startswith(f"{population.name}.")
            and values.shape == (population.size,)
            and not name.endswith(".lastspike")
        ]
        for k in rng.permutation(population.size)[:each] if held else ():
            # far above threshold, so that the neuron spikes; below, where it would spike anyway
            trace = f"{population.name}.x"
            spikes = (
                trace in held
                and trace in base.signals
                and base.signals[trace][0, -1, k] - state[trace][k] > 0.5
            )
            sizes = {name: 2 * (1 + abs(float(state[name][k]))) for name in held}
            sizes = {name: -size if spikes else size for name, size in sizes.items()}
            changes = {name: ((int(k),), size) for name, size in sizes.items()}
            what = f"neuron {k} of {population.name}"
            yield Disturbance(what, population.name, int(k), changes=changes)


def of_inputs(network: Network, each: int, rng: np.random.Generator) -> Iterator[Disturbance]:
    """Yield perturbations of the stimulus at `each` input neurons."""
    stimulus = network.stimulus
    for k in rng.permutation(stimulus.size)[:each]:
        what = f"neuron {k} of {stimulus.name}"
        yield Disturbance(what, stimulus.name, int(k), stimulus=0.5)


def of_synapses(
    network: Network,
    base: Outcome,
    state: Mapping[str, np.ndarray],
    each: int,
    rng: np.random.Generator,
) -> Iterator[Disturbance]:
    """Yield perturbations of `each` synapses of every projection, those of active neurons first."""
    for p in network.projections:
        name = f"{p.name}.w"
        if name not in state:
            continue
        active = [
            np.abs(base.signals[f"{p.pre.name}.{s}"]).sum((0, 1))
            for s in p.carries.values()
            if f"{p.pre.name}.{s}" in base.signals
        ]
        sends = np.sum(active, axis=0) > 0 if active else np.ones(p.pre.size, bool)
        wanted = rng.random(p.shape) + (state[name] != 0) + 2 * sends[:, np.newaxis]
        for flat in np.argsort(-wanted, axis=None)[:each]:
            i, j = (int(k) for k in np.unravel_index(flat, p.shape))
            step = _step(network, p, state[name], (i, j))
            if not step:
                continue
            changes = {name: ((i, j), step)}
            what = f"synapse {i} -> {j} of {p.name}"
            yield Disturbance(what, p.post.name, j, p.name, ((i, j),), changes)


def of_pairs(
    network: Network, base: Outcome, state: Mapping[str, np.ndarray], rng: np.random.Generator
) -> Iterator[Disturbance]:
    """Yield a perturbation of two synapses onto one neuron, for every driving projection.

    Their effects cancel, so that no activity changes: an update that changes must have read the
    weights.
    """
    for p in network.driving:
        name, sent = f"{p.name}.w", base.signals.get(f"{p.pre.name}.{p.carries['drive']}")
        if name not in state or sent is None or p.limits is not None:
            continue
        x = sent[-1, -1]
        active = rng.permutation(np.flatnonzero(np.abs(x) > 0.1 * np.abs(x).max(initial=0)))[:2]
        if len(active) < 2:
            continue
        (i, k), j = (int(n) for n in active), int(rng.integers(p.post.size))
        size = 0.5 / max(abs(x[i]), abs(x[k]))
        changes = {name: (((i, k), (j, j)), size * np.array([x[k], -x[i]]))}
        moved = np.array(state[name])
        moved[(i, k), (j, j)] += changes[name][1]
        if p.restrained and not np.array_equal(moved, network.held(p, moved)):
            continue
        what = f"weights of {p.name} that balance each other ({i} and {k} -> {j})"
        pairs = ((i, j), (k, j))
        yield Disturbance(what, p.post.name, j, p.name, pairs, changes, silent=True)


def _step(
    network: Network, projection: Projection, weights: np.ndarray, at: tuple[int, int]
) -> float:
    """Return a weight change that respects the constraints; 0 if there is none."""
    weight, step = float(weights[at]), 0.5
    if projection.limits is not None:
        low, high = projection.limits
        step = (high - weight) / 2 if high - weight > weight - low else (low - weight) / 2
    if not projection.restrained:
        return step
    for change in (step, -step):
        moved = np.array(weights)
        moved[at] += change
        found = float(network.held(projection, moved)[at]) - weight
        if found:
            return found
    return 0.0


def isolated(
    network: Network, state: Mapping[str, np.ndarray], disturbance: Disturbance
) -> dict[str, np.ndarray]:
    """Return the state with all outgoing synapses of the perturbed neuron removed."""
    found = {name: np.array(values) for name, values in state.items()}
    for p in network.projections:
        if p.pre.name == disturbance.population and f"{p.name}.w" in found:
            found[f"{p.name}.w"][disturbance.neuron] = 0
    return found


def disturbed(state: Mapping[str, np.ndarray], disturbance: Disturbance) -> dict[str, np.ndarray]:
    """Return the state with a perturbation applied."""
    found = {name: np.array(values) for name, values in state.items()}
    for name, (index, numbers) in disturbance.changes.items():
        found[name][index] += numbers
    return found


def compare(
    network: Network, calm: Outcome, shaken: Outcome, disturbance: Disturbance
) -> Iterator[Fault]:
    """Yield every difference between two runs that has no local cause."""
    differ: dict[str, np.ndarray] = {
        name: np.any(_differ(values, shaken.signals[name]), axis=(0, 1))
        for name, values in calm.signals.items()
    }
    for population in network.populations:
        for signal in population.signals:
            if f"{population.name}.{signal}" not in differ:
                continue
            found = differ[f"{population.name}.{signal}"]
            cause = _causes(network, population, signal, differ, shaken, disturbance)
            wrong = found & ~cause
            if wrong.any():
                reason = (
                    f"{disturbance.what} changed {signal} of {wrong.sum()} neurons here, which "
                    "no synapse explains"
                )
                yield Fault(population.name, _aspect(network, population, disturbance), reason)
    for projection in network.plastic:
        yield from _updates(network, projection, calm, shaken, differ, disturbance)


def _causes(
    network: Network,
    population: Population,
    signal: str,
    differ: Mapping[str, np.ndarray],
    shaken: Outcome,
    disturbance: Disturbance,
) -> np.ndarray:
    """Return which neurons have a cause for a difference in a signal, shape (size,)."""
    cause = np.zeros(population.size, bool)
    if disturbance.population == population.name and not disturbance.projection:
        cause[disturbance.neuron] = True
    for p in network.projections:
        if p.post is not population:
            continue
        for target, carried in p.carries.items():
            if not _moves(population, target, signal):
                continue
            sent = differ.get(f"{p.pre.name}.{carried}", np.zeros(p.pre.size, bool))
            cause |= (sent[:, np.newaxis] & (shaken.weights[p.name] != 0)).any(0)
            if disturbance.projection == p.name:
                cause[disturbance.neuron] = True
    if population.is_softmax:  # declared, and on the scorecard
        cause[:] = cause.any()
    return cause


def _moves(population: Population, target: str, signal: str) -> bool:
    """Say whether an input may change a signal within the same time step."""
    if not population.has_apical_dendrite:
        return True
    taught = target in ("teach", "before")
    return (signal in FED_BACK) if taught else signal != "teach"


def _updates(
    network: Network,
    projection: Projection,
    calm: Outcome,
    shaken: Outcome,
    differ: Mapping[str, np.ndarray],
    disturbance: Disturbance,
) -> Iterator[Fault]:
    before, after = calm.changes[projection.name], shaken.changes[projection.name]
    # rounding of the update, and of the weights from which it is a difference
    weights = calm.weights[projection.name], shaken.weights[projection.name]
    rounding = 1e-15 * max(np.abs(w).max(initial=0) for w in weights)
    found = np.abs(after - before) > SAME * np.abs(before).max(initial=0) + rounding
    pre, post = (_touched(end, differ, disturbance) for end in (projection.pre, projection.post))
    touched = pre[:, np.newaxis] | post
    if disturbance.projection == projection.name:
        touched[tuple(np.transpose(disturbance.synapses))] = True
    wrong = found & ~touched
    if wrong.any():
        reason = (
            f"{disturbance.what} changed the update of {wrong.sum()} synapses here that it does "
            "not touch"
        )
        yield Fault(projection.name, _aspect(network, projection.post, disturbance), reason)


def _touched(
    population: Population, differ: Mapping[str, np.ndarray], disturbance: Disturbance
) -> np.ndarray:
    """Return the neurons that were perturbed, or with a signal that differs, shape (size,)."""
    found = np.zeros(population.size, bool)
    for signal in population.signals:
        found |= differ.get(f"{population.name}.{signal}", found)
    if disturbance.population == population.name and not disturbance.projection:
        found[disturbance.neuron] = True
    return found


def _aspect(network: Network, here: Population, disturbance: Disturbance) -> Aspect:
    """Return the aspect of the scorecard to which a violation belongs."""
    if here.name == disturbance.population:
        return "global quantities"
    downstream = any(
        p.pre is here and p.post.name == disturbance.population for p in network.driving
    )
    if downstream:
        return "weight transport" if disturbance.projection else "one-way"
    return "locality"


def _differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    scale = np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    return ~(np.abs(a - b) <= SAME * scale)
