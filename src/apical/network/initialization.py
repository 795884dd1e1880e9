"""Weight initialisation and weight constraints of a projection, from named random streams."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from apical._base import seeds
from apical._base.memory import check_memory
from apical.neurons.base import Population
from apical.plasticity import constraints as restraints
from apical.projections.connectivity import edges_of
from apical.projections.edges import Edges, repeated, sharing
from apical.projections.projection import Projection, ReadBackwards, SignsOf

ROUNDING = 1e-6
"""Relative tolerance of bounds in single precision."""


_EDGES: "WeakKeyDictionary[Projection, dict[int, _Drawn]]" = WeakKeyDictionary()
"""Synapses that were drawn, by projection and seed: drawing them anew gives the same ones."""


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
    joined = edges(projection, seed)
    if joined is not None:
        return joined.dense(initial_state(projection, seed))
    weights = source.draw(*projection.shape, seeds.stream(seed, "weights", projection.name))
    return begun(projection, seed, weights)


def initial_state(projection: Projection, seed: int) -> np.ndarray:
    """Draw the initial weights in the form in which simulators hold them.

    That is shape (n_weights,) where `edges` says which there are, else (n_pre, n_post).
    """
    if isinstance(projection.weights, ReadBackwards) or _has_all(projection):
        return initial_weights(projection, seed)
    return _weights(projection, seed, seeds.stream(seed, "weights", projection.name))


def _weights(projection: Projection, seed: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the weights of a projection that is not full, shape (n_weights,)."""
    drawn = _drawn(projection, seed)
    if projection.shares_weights:
        units = drawn.every.part(projection.connectivity.components)
        draw = projection.weights.draw_shared if projection.shared else projection.weights.draw_for
        return begun(projection, seed, draw(units, rng))
    weights = projection.weights.draw_for(drawn.every, rng)
    return begun(projection, seed, weights if drawn.kept is None else weights[drawn.kept])


def redrawn(projection: Projection, seed: int, rng: np.random.Generator) -> np.ndarray:
    """Draw weights anew, shape (n_pre, n_post), by the law of the initial ones.

    Parameters
    ----------
    projection, seed
        The projection, and the seed of its network, which says which synapses exist.
    rng
        Where they are drawn from.
    """
    if _has_all(projection):
        return begun(projection, seed, projection.weights.draw(*projection.shape, rng))
    return _drawn(projection, seed).existing.dense(_weights(projection, seed, rng))


def edges(projection: Projection, seed: int) -> Edges | None:
    """Return the synapses that exist by the connectivity of a projection; None for all to all.

    Random ones are drawn from a stream named after the projection. Those of transposed weights are
    those of the forward projection.
    """
    if isinstance(projection.weights, ReadBackwards):
        forward = edges(projection.weights.projection, seed)
        return None if forward is None else forward.transposed()[0]
    return None if _has_all(projection) else _drawn(projection, seed).existing


def _has_all(projection: Projection) -> bool:
    """Say whether each pair of neurons has a synapse with a weight of its own."""
    return projection.connectivity.is_full and not projection.shared


@dataclass(frozen=True)
class _Drawn:
    """Synapses that were drawn.

    Parameters
    ----------
    every
        Those of the connectivity.
    kept
        Which of them are not missing, shape (n_synapses,) of bool; None for all.
    existing
        Those that are not.
    """

    every: Edges
    kept: np.ndarray | None
    existing: Edges


def _drawn(projection: Projection, seed: int) -> _Drawn:
    """Return the synapses of a projection that is not full, the same object every time."""
    known = _EDGES.setdefault(projection, {})
    if seed not in known:
        rng = seeds.stream(seed, "connectivity", projection.name)
        every = edges_of(projection.connectivity, projection.pre, projection.post, rng)
        if projection.shares_weights:
            every = _sharing(projection, every)
        kept, existing = None, every
        if projection.missing:
            draws = seeds.stream(seed, "missing", projection.name).random(len(every))
            kept = draws >= projection.missing
            existing = every.kept(kept)
        known[seed] = _Drawn(every, kept, existing)
    return known[seed]


def _sharing(projection: Projection, every: Edges) -> Edges:
    """Return the synapses of a projection with the weight that each of them has."""
    components = projection.connectivity.components
    units = every.part(components)
    if projection.shared:
        field = projection.connectivity.windows_of(projection.pre, projection.post)
        assert field is not None
        units = sharing(units, field)
    return units if components == 1 else repeated(every, units)


def begun(projection: Projection, seed: int, weights: np.ndarray) -> np.ndarray:
    """Apply the constraints of a projection to freshly drawn weights.

    Parameters
    ----------
    projection, seed
        The projection, and the seed of its network.
    weights
        Shape (n_pre, n_post) or (n_synapses,) [dimensionless].
    """
    signs = polarity(projection, seed)
    if signs is not None:
        factors = restraints.balancing(signs)
        weights = np.abs(weights) * _of_senders(projection, seed, factors, weights)
    weights = _within(projection, seed, weights)
    if projection.levels:
        draws = seeds.stream(seed, "initial levels", projection.name)
        weights = projection.levels.rounded(weights, draws.random(weights.shape))
    return weights


def held(projection: Projection, seed: int, weights: np.ndarray) -> np.ndarray:
    """Project weights onto the constraints of a projection; weights that meet them are unchanged.

    The result has the signs of its neurons (Dale's law), 0 where synapses do not exist, the mean
    where synapses share a weight, and quantised weights. Bounds limit updates only; they are not
    enforced here.

    Parameters
    ----------
    projection, seed
        The projection, and the seed of its network.
    weights
        Shape (n_pre, n_post) or (n_synapses,) [dimensionless].
    """
    signs = polarity(projection, seed)
    if signs is not None:
        signs = _of_senders(projection, seed, signs, weights)
        weights = np.where(weights * signs > 0, weights, 0)
    if projection.shares_weights and weights.ndim == 2:
        joined = _drawn(projection, seed).existing
        weights = joined.dense(joined.common(weights[joined.pre, joined.post]))
    weights = _within(projection, seed, weights)
    if projection.levels:
        weights = projection.levels.rounded(weights, np.full(weights.shape, 0.5))
    return weights


def _of_senders(
    projection: Projection, seed: int, values: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return values of presynaptic neurons in a form that goes with weights."""
    if weights.ndim == 2:
        return values[:, np.newaxis]
    joined = edges(projection, seed)
    assert joined is not None
    return np.asarray(values[joined.pre])


def _within(projection: Projection, seed: int, weights: np.ndarray) -> np.ndarray:
    """Return weights with the sparsity mask applied and clipped to the limits."""
    exists = existing(projection, seed) if weights.ndim == 2 else None
    if exists is not None:
        weights = weights * exists
    if projection.restrained and projection.limits:
        weights = np.clip(weights, *projection.limits)
        if exists is not None:  # limits need not have 0 between them
            weights = weights * exists
    return weights


def broken(projection: Projection, seed: int, weights: np.ndarray) -> tuple[int, int] | None:
    """Return the neurons of a synapse whose weight violates a constraint; None if there is none.

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
    at = int(np.argmax(wrong))
    joined = edges(projection, seed) if weights.ndim == 1 else None
    if joined is not None:
        return joined.neurons(at)
    i, j = np.unravel_index(at, wrong.shape)
    return int(i), int(j)


def magnitudes(projection: Projection, seed: int) -> np.ndarray:
    """Return fixed magnitudes of sign-concordant feedback weights, shape (n_pre, n_post).

    They are drawn from the stream named after the projection; all 1 for `TransposeOf`. Where
    forward synapses share a weight, their feedback shares its magnitude.
    """
    if not isinstance(projection.weights, SignsOf):
        return np.ones((1, 1))
    rng = seeds.stream(seed, "weights", projection.name)
    drawn = projection.weights.draw(*projection.shape, rng)
    forward = projection.weights.projection
    shared = edges(forward, seed) if forward.shares_weights else None
    return drawn if shared is None else shared.dense(shared.of(drawn.T)).T


def read_backwards(projection: Projection, seed: int, forward: np.ndarray) -> np.ndarray:
    """Return weights that follow those of a sparse projection, in the order of its own `edges`.

    Parameters
    ----------
    projection, seed
        The projection, whose weights are `ReadBackwards`, and the seed of its network.
    forward
        Weights of the synapses that they follow, in the order of the edges of these.
    """
    source, joined = projection.weights, edges(projection, seed)
    assert isinstance(source, ReadBackwards) and joined is not None
    followed = edges(source.projection, seed)
    assert followed is not None
    fixed = magnitudes(projection, seed)
    each = fixed[joined.pre, joined.post] if fixed.shape == joined.shape else fixed.ravel()
    return source.made(forward[followed.transposed()[1]], each)


def polarity(projection: Projection, seed: int) -> np.ndarray | None:
    """Return the signs (Dale's law) of presynaptic neurons, 1 or -1, shape (n_pre,), or None.

    They are drawn from a stream named after the population.
    """
    if projection.inhibitory is None:
        return None
    rng = seeds.stream(seed, "polarity", projection.pre.name)
    return restraints.polarity(projection.pre.size, projection.inhibitory, rng)


def gating(population: Population, seed: int) -> np.ndarray:
    """Return the gating vectors of vectorised units, 1 or -1, shape (n_components, n_units).

    They are drawn from a stream named after the population. Units 2i and 2i + 1 have opposite ones;
    units of one map have the same, and it is maps 2i and 2i + 1 that have opposite ones.
    """
    shape, n = population.shape, population.size // population.components
    in_map = shape[1] * shape[2] if shape is not None and len(shape) == 3 else 1
    maps = n // in_map
    rng = seeds.stream(seed, "gating", population.name)
    first = rng.choice([-1.0, 1.0], (population.components, (maps + 1) // 2))
    vectors = np.stack([first, -first], axis=2).reshape(population.components, -1)[:, :maps]
    return np.repeat(vectors, in_map, axis=1)


def existing(projection: Projection, seed: int) -> np.ndarray | None:
    """Return the sparsity mask: which synapses exist, shape (n_pre, n_post); None where all do.

    They are drawn from streams named after the projection.
    """
    joined = edges(projection, seed)
    if joined is not None:
        return joined.mask
    if not projection.missing:
        return None
    rng = seeds.stream(seed, "missing", projection.name)
    return rng.random(projection.shape) >= projection.missing


def n_synapses(projection: Projection, seed: int) -> int:
    """Return the number of synapses that exist."""
    joined = edges(projection, seed)
    if joined is not None:
        return len(joined)
    exists = existing(projection, seed)
    return projection.shape[0] * projection.shape[1] if exists is None else int(exists.sum())
