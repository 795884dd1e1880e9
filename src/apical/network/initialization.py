"""Weight initialisation and weight constraints of a projection, from named random streams."""

import numpy as np

from apical._base import seeds
from apical._base.memory import check_memory
from apical.plasticity import constraints as restraints
from apical.projections.projection import Projection, ReadBackwards, SignsOf

ROUNDING = 1e-6
"""Relative tolerance of bounds in single precision."""


def initial_weights(projection: Projection, seed: int) -> np.ndarray:
    """Draw the initial weights W, shape (n_pre, n_post), from the projection's random stream.

    Weight constraints (Dale's law, sparsity mask, quantisation) hold from the start.
    """
    source, (pre, post) = projection.weights, projection.shape
    check_memory(
        8 * pre * post,
        f"Weights of projection {projection.name!r}, {pre:,} x {post:,} in double precision",
        f"the number of neurons of {projection.pre.name!r} or {projection.post.name!r}",
        object=f"projection {projection.name!r}",
    )
    if isinstance(source, ReadBackwards):
        return source.made(initial_weights(source.projection, seed), magnitudes(projection, seed))
    weights = source.draw(*projection.shape, seeds.stream(seed, "weights", projection.name))
    return begun(projection, seed, weights)


def begun(projection: Projection, seed: int, weights: np.ndarray) -> np.ndarray:
    """Apply the constraints of a projection to freshly drawn weights.

    Parameters
    ----------
    projection, seed
        The projection, and the seed of its network.
    weights
        Shape (n_pre, n_post) [dimensionless].
    """
    signs = polarity(projection, seed)
    if signs is not None:
        weights = restraints.balanced(weights, signs)
    weights = _within(projection, seed, weights)
    if projection.levels:
        draws = seeds.stream(seed, "initial levels", projection.name)
        weights = projection.levels.rounded(weights, draws.random(projection.shape))
    return weights


def held(projection: Projection, seed: int, weights: np.ndarray) -> np.ndarray:
    """Project weights onto the constraints of a projection; weights that meet them are unchanged.

    The result has the signs of its neurons (Dale's law), 0 where synapses do not exist, and
    quantised weights. Bounds limit updates only; they are not enforced here.

    Parameters
    ----------
    projection, seed
        The projection, and the seed of its network.
    weights
        Shape (n_pre, n_post) [dimensionless].
    """
    signs = polarity(projection, seed)
    if signs is not None:
        weights = np.where(weights * signs[:, np.newaxis] > 0, weights, 0)
    weights = _within(projection, seed, weights)
    if projection.levels:
        weights = projection.levels.rounded(weights, np.full(weights.shape, 0.5))
    return weights


def _within(projection: Projection, seed: int, weights: np.ndarray) -> np.ndarray:
    """Return weights with the sparsity mask applied and clipped to the limits."""
    exists = existing(projection, seed)
    if exists is not None:
        weights = weights * exists
    if projection.restrained and projection.limits:
        weights = np.clip(weights, *projection.limits)
    return weights


def broken(projection: Projection, seed: int, weights: np.ndarray) -> tuple[int, int] | None:
    """Return the index of a synapse whose weight violates a constraint; None if there is none.

    Parameters
    ----------
    projection, seed, weights
        As in `held`.
    """
    if not projection.restrained:
        return None
    away = np.abs(held(projection, seed, weights) - weights)
    wrong = away > ROUNDING * np.maximum(1, np.abs(weights))
    if not wrong.any():
        return None
    i, j = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return int(i), int(j)


def magnitudes(projection: Projection, seed: int) -> np.ndarray:
    """Return fixed magnitudes of sign-concordant feedback weights, shape (n_pre, n_post).

    They are drawn from the stream named after the projection; all 1 for `TransposeOf`.
    """
    if not isinstance(projection.weights, SignsOf):
        return np.ones((1, 1))
    rng = seeds.stream(seed, "weights", projection.name)
    return projection.weights.draw(*projection.shape, rng)


def polarity(projection: Projection, seed: int) -> np.ndarray | None:
    """Return the signs (Dale's law) of presynaptic neurons, 1 or -1, shape (n_pre,), or None.

    They are drawn from a stream named after the population.
    """
    if projection.inhibitory is None:
        return None
    rng = seeds.stream(seed, "polarity", projection.pre.name)
    return restraints.polarity(projection.pre.size, projection.inhibitory, rng)


def existing(projection: Projection, seed: int) -> np.ndarray | None:
    """Return the sparsity mask: which synapses exist, shape (n_pre, n_post); None where all do.

    They are drawn from a stream named after the projection.
    """
    if not projection.missing:
        return None
    rng = seeds.stream(seed, "missing", projection.name)
    return rng.random(projection.shape) >= projection.missing
