"""Perturbations of weights and states that respect the constraints of a network."""

from collections.abc import Mapping

import numpy as np

from apical.network.description import Network
from apical.projections.projection import Projection, ReadBackwards

STEP = 0.5
"""Change of a weight or a stimulus [dimensionless]."""

State = Mapping[str, np.ndarray]


def isolated(network: Network, state: State, population: str, neuron: int) -> dict[str, np.ndarray]:
    """Return the state with all outgoing synapses of a neuron removed."""
    found = dict(state)
    for p in network.projections:
        name = f"{p.name}.w"
        if p.pre.name == population and name in found:
            found[name] = np.array(found[name])
            found[name][neuron] = 0
    return found


def stepped(
    network: Network, projection: Projection, weights: np.ndarray, at: tuple[int, int]
) -> np.ndarray | None:
    """Return weights of which one is changed within the constraints; None if it cannot be."""
    weight, step = float(weights[at]), STEP
    if projection.limits is not None:
        low, high = projection.limits
        step = (high - weight) / 2 if high - weight > weight - low else (low - weight) / 2
    for change in (step, -step):
        moved = np.array(weights)
        moved[at] += change
        if not projection.restrained:
            return moved if change else None
        found = float(network.held(projection, moved)[at])
        if found != weight:
            moved[at] = found
            return moved
    return None


def pushed(
    network: Network, state: State, population: str, neuron: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Change all weights onto a neuron.

    Returns
    -------
    state
        The state afterwards.
    synapses
        The synapses that changed, by projection, shape (n_pre, n_post).
    """
    found, synapses = dict(state), dict[str, np.ndarray]()
    for p in network.projections:
        name = f"{p.name}.w"
        if p.post.name != population or name not in found:
            continue
        weights = np.array(found[name])
        signs = np.where(np.arange(p.pre.size) % 3, 1.0, -0.5)  # no sum of which is 0
        weights[:, neuron] += STEP * signs
        if p.limits is not None:
            weights = np.clip(weights, *p.limits)
        if p.restrained:
            weights = network.held(p, weights)
        moved = np.array(found[name])
        moved[:, neuron] = weights[:, neuron]
        synapses[p.name] = moved != found[name]
        found[name] = moved
    return found, {name: mask for name, mask in synapses.items() if mask.any()}


def balanced(
    network: Network,
    projection: Projection,
    weights: np.ndarray,
    sent: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Return other weights by which neurons receive the same as before; None if there are none.

    Parameters
    ----------
    network, projection
        What they are of.
    weights
        Weights, shape (n_pre, n_post).
    sent
        What presynaptic neurons send, at all times that matter, shape (n_times, n_pre).
    rng
        Draws the change.
    """
    silent = ~np.any(sent != 0, axis=0)
    # where nothing is sent nothing is rounded; and spikes may fail to cross
    only_silent = projection.pre.is_spiking or silent.sum() >= min(3, len(silent))
    change = rng.normal(size=weights.shape)
    change[:, ~weights.any(0)] = 0  # a sum of exactly 0 may be where a response bends
    edges = network.edges(projection)
    if edges is not None and only_silent:
        change[~edges.mask] = 0
    if only_silent:
        change[~silent] = 0
    else:
        rows = _orthogonal(sent)
        change = rows.T @ (rows @ change)
    if not change.any():
        return None
    change *= STEP / np.abs(change).max()
    change = _within(projection, weights, change, each=only_silent)
    moved = weights + change
    if projection.restrained:
        held = network.held(projection, moved)
        if not np.array_equal(held, moved):
            moved = np.where(silent[:, np.newaxis], held, weights)
    return moved if np.abs(moved - weights).max(initial=0) > 1e-3 else None


def _orthogonal(sent: np.ndarray) -> np.ndarray:
    """Return a basis of what is orthogonal to all rows, shape (n, n_pre)."""
    _, sizes, rows = np.linalg.svd(sent, full_matrices=True)
    return rows[int((sizes > 1e-9 * sizes.max(initial=1e-300)).sum()) :]


def _within(
    projection: Projection, weights: np.ndarray, change: np.ndarray, *, each: bool
) -> np.ndarray:
    """Return a change by which weights stay within their bounds, smaller for each or for all."""
    if projection.limits is None:
        return change
    low, high = projection.limits
    room = np.where(change > 0, high - weights, weights - low)
    share = np.clip(room / np.maximum(np.abs(change), 1e-300), 0, 1)
    return change * (share if each else share[change != 0].min(initial=1.0))


def heard(projection: Projection, signals: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return all that a projection carries in a run, shape (n_times, n_pre); None if unknown."""
    found = []
    for signal in projection.carries.values():
        spikes = signals.get(f"{projection.pre.name}.spike") if signal == "x" else None
        sent = signals.get(f"{projection.pre.name}.{signal}") if spikes is None else spikes
        if sent is None:
            return None
        found.append(np.asarray(sent, float))
    return np.concatenate(found) if found else None


def mirrors(network: Network, projection: Projection, weights: Mapping[str, np.ndarray]) -> str:
    """Say whose weights, read backwards, those of a projection are like; empty if of none."""
    mine = weights[projection.name]
    for other in network.driving:
        if other.pre is not projection.post or isinstance(other.weights, ReadBackwards):
            continue
        theirs = weights[other.name].T
        halves = [mine] if mine.shape == theirs.shape else []
        if mine.shape[0] == 2 * theirs.shape[0]:
            halves = [mine[: len(theirs)], mine[len(theirs) :]]
        for half in halves:
            if half.std() and theirs.std():
                r = abs(float(np.corrcoef(half.ravel(), theirs.ravel())[0, 1]))
                if r > 0.2 and r * np.sqrt(half.size) > 4:
                    return f"they are like those of {other.name!r} read backwards (r = {r:.2f})"
    return ""
