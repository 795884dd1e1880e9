"""Representational geometry of a network beside that of a recording: RSA and debiased CKA.

Both are products of two matrices of pairs of classes, so that a test by permutation of the classes
permutes rows and columns of one of them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.extras import library
from apical._base.parameters import Matrix, Measured, Vector
from apical._base.rounding import is_flat, size_of
from apical.measures.representation import rdm, scaled_ranks
from apical.measures.resampling import AT_ONCE, CLEAR, FIRST, Draws, p_value

Geometry = Literal["rsa", "rsa_rho_a", "cka_debiased"]
FEWEST: dict[str, int] = {"rsa": 3, "rsa_rho_a": 3, "cka_debiased": 4}
"""Smallest number of classes of a measure."""


@dataclass(frozen=True)
class Likeness:
    """Similarity of the geometry of a model to that of a recording; NaN where undefined.

    Parameters
    ----------
    value
        Mean similarity to the halves of the recorded trials [dimensionless].
    by_chance
        The same with permuted classes, shape (n_orders,); `FIRST` of them where p is large.
    floor, ceiling
        Noise ceiling: lower and upper bound of what a perfect model reaches.
    """

    value: Measured
    by_chance: Vector
    floor: Measured
    ceiling: Measured

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def pair_matrix(means: Matrix, measure: Geometry, size: float | None = None) -> np.ndarray:
    """Return a matrix of pairs of classes, scaled so that products of two are similarities.

    Of ``"rsa"`` and ``"rsa_rho_a"``: standardised ranks of correlation distances (rsatoolbox). Of
    ``"cka_debiased"``: the U-centred Gram matrix (Szekely & Rizzo 2014, doi:10.1214/14-AOS1255,
    definition 2), whose products are the unbiased estimator of Song et al. 2007
    (doi:10.1145/1273496.1273600), over its norm. The diagonal is 0; NaN where undefined.

    Parameters
    ----------
    means
        Mean responses to classes, shape (n_classes, n).
    measure
        Which.
    size
        Magnitude of the responses that were averaged; by default that of the means.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.geometry import pair_matrix
    >>> from apical.measures.kernels import cka_debiased
    >>> x, y = np.random.default_rng(0).normal(size=(2, 6, 9))
    >>> product = np.sum(pair_matrix(x, "cka_debiased") * pair_matrix(y, "cka_debiased"))
    >>> bool(np.isclose(product, cka_debiased(x, y)))
    True
    """
    size = size_of(means) if size is None else size
    n = len(means)
    if n < FEWEST[measure]:
        return np.full((n, n), np.nan)
    if measure == "cka_debiased":
        return _u_centred(means, size)
    found = rdm(means, np.arange(n), size=size)
    return _ranked(found.vector, found.rounding, n, measure)


def _ranked(vector: np.ndarray, rounding: float, n: int, measure: Geometry) -> np.ndarray:
    """Return standardised ranks of dissimilarities, whose products sum to their correlation."""
    if not np.isfinite(vector).all():
        return np.full((n, n), np.nan)
    kind: Literal["spearman", "rho-a"] = "spearman" if measure == "rsa" else "rho-a"
    ranks = scaled_ranks(vector, rounding, kind) / np.sqrt(2 * len(vector))
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, 1)] = ranks
    return matrix + matrix.T


def _u_centred(means: np.ndarray, size: float) -> np.ndarray:
    n = len(means)
    about = np.where(is_flat(means, 0, size), 0, means - means.mean(axis=0)) / (size or 1.0)
    gram = about @ about.T
    np.fill_diagonal(gram, 0)
    sums = gram.sum(axis=0)
    found = gram - (sums + sums[:, None]) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(found, 0)
    norm = float(np.linalg.norm(found))
    return found / norm if norm > 1e-10 * n else np.full((n, n), np.nan)


@checked()
def quick_distances(means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return correlation distances of classes with weighted neurons, shape (n_classes, n_classes).

    The same as those of rsatoolbox of neurons that are repeated, for bootstrap resamples.

    Parameters
    ----------
    means
        Mean responses to classes, shape (n_classes, n).
    weights
        How often each neuron is drawn, shape (n,).
    """
    total = weights.sum() or 1.0
    about = (means - (means @ weights / total)[:, None]) * np.sqrt(weights)
    norm = np.linalg.norm(about, axis=1)
    flat = norm <= 1e-10 * (size_of(means) or 1.0)
    about = np.divide(about, norm[:, None], out=np.full(about.shape, np.nan), where=~flat[:, None])
    return np.asarray(1 - about @ about.T)


@checked()
def resampled_matrix(means: np.ndarray, weights: np.ndarray, measure: Geometry) -> np.ndarray:
    """Return `pair_matrix` of a bootstrap resample; parameters as in `quick_distances`."""
    return resampled_matrices(means, weights)[measure]


def resampled_matrices(means: np.ndarray, weights: np.ndarray) -> dict[Geometry, np.ndarray]:
    """Return `pair_matrix` of a bootstrap resample for all measures, which share distances.

    Parameters
    ----------
    means, weights
        As in `quick_distances`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.geometry import resampled_matrices
    >>> found = resampled_matrices(np.random.default_rng(0).normal(size=(5, 8)), np.ones(8))
    >>> {measure: matrix.shape for measure, matrix in found.items()}
    {'rsa': (5, 5), 'rsa_rho_a': (5, 5), 'cka_debiased': (5, 5)}
    """
    n = len(means)
    undefined = np.full((n, n), np.nan)
    found: dict[Geometry, np.ndarray] = {"rsa": undefined, "rsa_rho_a": undefined}
    if n >= FEWEST["rsa"]:
        vector = quick_distances(means, weights)[np.triu_indices(n, 1)]
        found["rsa_rho_a"] = _ranked(vector, 1e-10, n, "rsa_rho_a")
        norm = np.linalg.norm(found["rsa_rho_a"])  # differs from 1 by ties alone
        if np.isfinite(norm):
            found["rsa"] = found["rsa_rho_a"] / norm
    centred = n >= FEWEST["cka_debiased"]
    scaled = means * np.sqrt(weights) if centred else means
    return found | {"cka_debiased": pair_matrix(scaled, "cka_debiased")}


@checked()
def permuted_products(one: Matrix, other: Matrix, orders: Draws) -> np.ndarray:
    """Return the sum of products of two matrices of pairs, for permutations of the classes of one.

    Parameters
    ----------
    one, other
        From `pair_matrix`, shape (n_classes, n_classes).
    orders
        Permutations of the classes, shape (n_orders, n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.geometry import permuted_products
    >>> one = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]])
    >>> permuted_products(one, one, np.array([[0, 1, 2], [1, 0, 2]])).tolist()
    [28.0, 26.0]
    """
    i, j = np.triu_indices(len(one), 1)
    target, step = 2 * other[i, j], max(1, AT_ONCE // max(len(i), 1) // 4)
    parts = [
        one[part[:, i], part[:, j]] @ target
        for part in (orders[k : k + step] for k in range(0, len(orders), step))
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


@checked()
def likeness(
    model: Matrix,
    halves: np.ndarray,
    orders: Draws,
    measure: Geometry,
    sizes: tuple[float, float] | None = None,
) -> Likeness:
    """Return the similarity of a model's geometry to a recording's, with chance and noise ceiling.

    The similarity is the mean of that to each half of the recorded trials. The noise ceiling is
    that of Nili et al. 2014 (doi:10.1371/journal.pcbi.1003553), with halves as subjects: from one
    half with the other to each half with both (`rsatoolbox.inference.boot_noise_ceiling`; of CKA,
    the same of matrices that are centred).

    Parameters
    ----------
    model
        Mean responses of the model to classes, shape (n_classes, n_model).
    halves
        Mean recorded responses of random halves of the trials, (n_divisions, 2, n_classes, n).
    orders
        Permutations of the classes, shape (n_orders, n_classes).
    measure
        Which similarity.
    sizes
        Magnitude of the responses that were averaged, of the model and of the recording.
    """
    pairs = halves.ndim == 4 and len(halves) > 0 and halves.shape[1] == 2
    wanted = "of shape (n_divisions, 2, n_classes, n), of one division or more"
    require(pairs, "likeness", "halves", wanted, f"shape {halves.shape}")
    undefined = Likeness(np.nan, np.full(len(orders), np.nan), np.nan, np.nan)
    if len(model) < FEWEST[measure]:
        return undefined
    ours, theirs = sizes or (size_of(model), size_of(halves))
    mine = pair_matrix(model, measure, ours)
    each = np.array([[pair_matrix(half, measure, theirs) for half in split] for split in halves])
    value = float(np.sum(mine * each.mean(axis=(0, 1))))
    if not np.isfinite(value):
        return undefined
    target = each.mean(axis=(0, 1))
    by_chance = permuted_products(mine, target, orders[:FIRST])
    if p_value(value, by_chance) <= CLEAR:
        by_chance = np.concatenate([by_chance, permuted_products(mine, target, orders[FIRST:])])
    floor, ceiling = _noise_ceiling(each, measure)
    return Likeness(float(np.clip(value, -1, 1)), by_chance, floor, ceiling)


def _noise_ceiling(each: np.ndarray, measure: Geometry) -> tuple[float, float]:
    """Return the noise ceiling from matrices of halves, shape (n_divisions, 2, n, n)."""
    if measure == "cka_debiased":
        whole = each.mean(axis=1)
        norm = np.linalg.norm(whole, axis=(1, 2))
        low = np.sum(each[:, 0] * each[:, 1], axis=(1, 2))
        high = np.sum(each * whole[:, None], axis=(2, 3)).mean(axis=1) / norm
        return float(low.mean()), float(high.mean())
    toolbox = library("rsatoolbox", "analysis")
    upper = np.triu_indices(each.shape[-1], 1)
    method = "spearman" if measure == "rsa" else "rho-a"
    found = [
        toolbox.inference.boot_noise_ceiling(
            toolbox.rdm.RDMs(np.stack([half[upper] for half in split])), method=method
        )
        for split in each
    ]
    low, high = np.mean(found, axis=0)
    return float(low), float(high)
