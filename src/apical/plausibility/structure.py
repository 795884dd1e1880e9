"""Wiring without information about weights: uniform, one-to-one, or by distance alone.

A rule of development can lay out such wiring in both directions, without a synapse that knows the
weight of another. Two matrices that follow one rule are alike, although none was transported.
"""

from collections.abc import Iterator

import numpy as np

from apical._base.rounding import is_flat

_ALIKE = 1e-6
"""Relative tolerance on weights at equal distances: rounding to single precision."""
_SAMPLE = 4001
"""Number of weights of which it is asked first whether they depend on distance."""
_MOST_GROUPS = 24
"""Distances at which the mean of noisy weights is taken."""
_EXPLAINED = 3.0
"""How many times as much variance a profile must explain as random groups of weights would."""


def rule_of(weights: np.ndarray) -> str:
    """Name the rule that all weights follow; empty if there is none.

    Parameters
    ----------
    weights
        Shape (n_pre, n_post) [dimensionless].
    """
    if is_flat(weights):
        return "uniform: all weights are alike"
    there = weights != 0
    if is_flat(weights[there]) and there.sum(0).max() == 1 and there.sum(1).max() == 1:
        return "one-to-one: one weight for each pair of neurons, all alike"
    if (
        is_flat(weights[there])
        and (there.sum(0) == 1).all()
        and (np.diff(there.argmax(0)) >= 0).all()
    ):
        return "one to a block: each neuron hears one, by the same weight"
    for name, distance in _distances(*weights.shape):
        groups = _numbered(distance)
        if groups.max() + 1 <= 0.6 * weights.size:
            left = weights - _profile(weights, distance, groups)
            if np.abs(left).max() <= _ALIKE * np.abs(weights).max():
                return f"by distance alone, along a {name}"
    return ""


def without_profile(back: np.ndarray, forward: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Take from two matrices what distance explains in either, and say so.

    Parameters
    ----------
    back, forward
        Of one shape.

    Returns
    -------
    back, forward
        What is left of them, and the rule; both as they were, and no text, where distance explains
        neither.
    """
    known = [(0.0, back, forward, "")]
    both = (back != 0) & (forward != 0)  # synapses that do not exist have no weight to explain
    there = back[both], forward[both]
    for name, distances in _distances(*back.shape) if both.any() else ():
        distance = distances[both]
        if not _depends(there, distance):
            continue
        groups = _groups(distance)
        share = (groups.max() + 1) / distance.size
        if share > 0.25:
            continue
        profiles = [_profile(m, distance, groups) for m in there]
        explained = max(
            np.var(p) / np.var(m) if np.var(m) else 0.0
            for p, m in zip(profiles, there, strict=True)
        )
        if explained > max(_EXPLAINED * share, 0.2, known[-1][0]):
            left = [
                _put(_standardised(m - p, groups), both)
                for m, p in zip(there, profiles, strict=True)
            ]
            known.append((explained, left[0], left[1], f"they fall with distance ({name})"))
    return known[-1][1:]


def _depends(there: tuple[np.ndarray, np.ndarray], distance: np.ndarray) -> bool:
    """Say whether a sample of many weights could depend on distance at all."""
    if distance.size <= _SAMPLE:
        return True
    some = np.linspace(0, distance.size - 1, _SAMPLE).astype(int)
    groups = _groups(distance[some])
    n = np.bincount(groups)
    for weights in (m[some] for m in there):
        mean = np.bincount(groups, weights) / n
        if np.var(mean[groups]) > 0.1 * np.var(weights):
            return True
    return False


def _put(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    found = np.zeros(places.shape)
    found[places] = values
    return found


def _standardised(left: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Divide by the standard deviation at the distance of each pair: strong ones vary more."""
    spread = np.sqrt(np.bincount(groups, left**2) / np.bincount(groups))[groups]
    return np.asarray(left / np.where(spread > 0, spread, 1))


def _groups(distance: np.ndarray) -> np.ndarray:
    """Return the number of the group of each pair: one distance, or of many those nearby."""
    number = _numbered(distance)
    most = max(min(_MOST_GROUPS, distance.size // 8), 1)
    if number.max() + 1 <= most:
        return number
    edges = np.linspace(0, distance.max(), most + 1)[1:-1]
    return _numbered(np.digitize(distance, edges))


def _profile(weights: np.ndarray, distance: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return what distance explains of weights: their mean at each, or between groups a line."""
    flat = groups.ravel()
    n = np.bincount(flat)
    mean = np.bincount(flat, weights.ravel()) / n
    if len(n) > 1 and np.unique(np.round(distance, 9)).size > len(n):
        places = np.bincount(flat, distance.ravel()) / n
        basis = np.stack([np.interp(distance.ravel(), places, one) for one in np.eye(len(n))], 1)
        mean = np.linalg.lstsq(basis, weights.ravel(), rcond=None)[0]
        return np.asarray((basis @ mean).reshape(weights.shape))
    return np.asarray(mean[flat].reshape(weights.shape))


def _distances(n_pre: int, n_post: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield how far apart neurons are if they stand in order of their number."""
    if min(n_pre, n_post) < 2:
        return
    # the ends coincide, or the cells do, or where each begins
    for first, apart in ((0.0, -1.0), (0.5, 0.0), (0.0, 0.0)):
        places = [(np.arange(n) + first) / (n + apart) for n in (n_pre, n_post)]
        away = np.abs(places[0][:, np.newaxis] - places[1])
        yield "line", away
        if not apart:
            yield "ring", np.minimum(away, 1 - away)
    sides = [round(n**0.5) for n in (n_pre, n_post)]
    if [side**2 for side in sides] == [n_pre, n_post] and min(sides) > 1:
        grids = [np.stack(np.divmod(np.arange(side**2), side), 1) / (side - 1) for side in sides]
        yield "grid", np.linalg.norm(grids[0][:, np.newaxis] - grids[1], axis=2)


def _numbered(values: np.ndarray) -> np.ndarray:
    """Return the number of each distinct value, in order."""
    return np.unique(np.round(values, 9), return_inverse=True)[1].reshape(values.shape)
