"""Wiring without information about weights: uniform, one-to-one, or by distance alone.

A rule of development can lay out such wiring in both directions, without a synapse that knows the
weight of another. Two matrices that follow one rule are alike, although none was transported.
"""

from collections.abc import Iterator

import numpy as np

from apical._base.rounding import is_flat

_ALIKE = 1e-6
"""Relative tolerance on weights at equal distances: rounding to single precision."""
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
    for name, distance in _distances(*weights.shape):
        groups = distance.max() + 1
        if groups <= 0.6 * weights.size:
            left = weights - _profile(weights, distance)
            if np.abs(left).max() <= _ALIKE * np.abs(weights).max():
                return f"by distance alone, along a {name}"
    return ""


def without_profile(back: np.ndarray, forward: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Take from two matrices what distance explains in both, and say so.

    Parameters
    ----------
    back, forward
        Of one shape.

    Returns
    -------
    back, forward
        What is left of them, and the rule; both as they were, and no text, where distance does not
        explain both.
    """
    for name, distance in _distances(*back.shape):
        if distance.max() + 1 > back.size / 4:
            continue
        share = (distance.max() + 1) / back.size
        profiles = [_profile(m, distance) for m in (back, forward)]
        explained = [
            np.var(p) / np.var(m) if np.var(m) else 0.0
            for p, m in zip(profiles, (back, forward), strict=True)
        ]
        if min(explained) > max(_EXPLAINED * share, 0.2):
            left, right = (
                _standardised(m - p, distance)
                for m, p in zip((back, forward), profiles, strict=True)
            )
            return left, right, f"both fall with distance ({name})"
    return back, forward, ""


def _standardised(left: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Divide by the standard deviation at the distance of each pair: strong ones vary more."""
    spread = np.sqrt(_profile(left**2, distance))
    return left / np.where(spread > 0, spread, 1)


def _profile(weights: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the mean weight at the distance of each pair, shape as the weights."""
    flat = distance.ravel()
    n = np.bincount(flat)
    mean = np.bincount(flat, weights.ravel()) / np.where(n, n, 1)
    return np.asarray(mean[flat].reshape(weights.shape))


def _distances(n_pre: int, n_post: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield how far apart neurons are, in whole numbers, if they stand in order of their number."""
    if min(n_pre, n_post) < 2:
        return
    for shift in (0.0, 0.5):  # the ends coincide, or the cells do
        places = [(np.arange(n) + shift) / (n - 1 + 2 * shift) for n in (n_pre, n_post)]
        apart = np.abs(places[0][:, np.newaxis] - places[1])
        yield "line", _numbered(apart)
        if shift:
            yield "ring", _numbered(np.minimum(apart, 1 - apart))
    sides = [round(n**0.5) for n in (n_pre, n_post)]
    if [side**2 for side in sides] == [n_pre, n_post] and min(sides) > 1:
        grids = [np.stack(np.divmod(np.arange(side**2), side), 1) / (side - 1) for side in sides]
        yield "grid", _numbered(np.linalg.norm(grids[0][:, np.newaxis] - grids[1], axis=2))


def _numbered(values: np.ndarray) -> np.ndarray:
    """Return the number of each distinct value, in order."""
    return np.unique(np.round(values, 9), return_inverse=True)[1].reshape(values.shape)
