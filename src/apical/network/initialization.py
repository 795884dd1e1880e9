"""The first weights of a projection, and what weights are held to, from named random streams."""

import numpy as np

from apical._base import seeds
from apical.plasticity import constraints as restraints
from apical.projections.projection import Projection, ReadBackwards, SignsOf

ROUNDING = 1e-6
"""Part of a bound by which single precision may pass it."""


def initial_weights(projection: Projection, seed: int) -> np.ndarray:
    """Draw W, shape (n_pre, n_post), from the stream named after the projection.

    Signs of neurons, synapses that do not exist and levels hold from the start.
    """
    source = projection.weights
    if isinstance(source, ReadBackwards):
        return source.made(initial_weights(source.projection, seed), magnitudes(projection, seed))
    weights = source.draw(*projection.shape, seeds.stream(seed, "weights", projection.name))
    return begun(projection, seed, weights)


def begun(projection: Projection, seed: int, weights: np.ndarray) -> np.ndarray:
    """Return weights that were just drawn as those that a projection may begin with.

    Parameters
    ----------
    projection, seed
        Whose, and the seed of its network.
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
    """Return the nearest weights that a projection may have; the same where it may have these.

    They have the signs of their neurons, no synapses that do not exist, and the sizes of levels.
    Bounds alone are no matter of what may be there, but of what updates may do.

    Parameters
    ----------
    projection, seed
        Whose, and the seed of its network.
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
    """Return weights without synapses that do not exist, and within the limits that are held."""
    exists = existing(projection, seed)
    if exists is not None:
        weights = weights * exists
    if projection.restrained and projection.limits:
        weights = np.clip(weights, *projection.limits)
    return weights


def broken(projection: Projection, seed: int, weights: np.ndarray) -> tuple[int, int] | None:
    """Return a synapse whose weight is none that the projection may have; None where all are.

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
    """Return absolute weights that stay while their signs follow others, shape (n_pre, n_post).

    They are drawn from the stream named after the projection; 1 where it reads all backwards.
    """
    if not isinstance(projection.weights, SignsOf):
        return np.ones((1, 1))
    rng = seeds.stream(seed, "weights", projection.name)
    return projection.weights.draw(*projection.shape, rng)


def polarity(projection: Projection, seed: int) -> np.ndarray | None:
    """Return the signs of presynaptic neurons, 1 or -1, shape (n_pre,), if they are held.

    They are drawn from a stream named after the population.
    """
    if projection.inhibitory is None:
        return None
    rng = seeds.stream(seed, "polarity", projection.pre.name)
    return restraints.polarity(projection.pre.size, projection.inhibitory, rng)


def existing(projection: Projection, seed: int) -> np.ndarray | None:
    """Return which synapses exist, shape (n_pre, n_post) of bool; None where all do.

    They are drawn from a stream named after the projection.
    """
    if not projection.missing:
        return None
    rng = seeds.stream(seed, "missing", projection.name)
    return rng.random(projection.shape) >= projection.missing
