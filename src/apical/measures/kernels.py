"""Centred kernel alignment (CKA): similarity of the Gram matrices of two sets of responses."""

from collections.abc import Callable

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Matrix, Seed
from apical._base.rounding import is_flat, is_nothing, size_of
from apical.errors import DataError

SHUFFLES = 10
"""Number of permutations of the stimuli that estimate the chance level."""


@checked()
def cka(x: Matrix, y: Matrix) -> float:
    r"""Return the linear centred kernel alignment of two sets of responses [dimensionless].

    With centred Gram matrices K = X X' and L = Y Y': ``sum(K * L) / (|K| |L|)``, 1 where responses
    are the same up to rotation and scale, NaN where one never changes (Kornblith et al. 2019,
    arXiv:1905.00414, section 3). It is biased upwards where neurons outnumber stimuli (Murphy et
    al. 2024, arXiv:2405.01012): compare it with the chance level, or see `cka_debiased`.

    .. math::

        \mathrm{CKA} = \frac{\lVert X^\top Y \rVert_F^2}
            {\lVert X^\top X \rVert_F \, \lVert Y^\top Y \rVert_F}

    Parameters
    ----------
    x, y
        Responses to the same stimuli in the same order, shapes (n_stimuli, n_x) and
        (n_stimuli, n_y).

    Raises
    ------
    DataError
        If the numbers of stimuli differ.

    See Also
    --------
    cka_debiased : Without the bias of many neurons.
    cka_by_chance : The chance level.

    Examples
    --------
    One neuron each: the squared correlation, here 27/28. Rotation and scale make no difference.

    >>> import numpy as np
    >>> from apical.measures.kernels import cka
    >>> cka(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [4.0]])), 27 / 28
    (0.9642857142857145, 0.9642857142857143)
    >>> x = np.random.default_rng(0).random((20, 2))
    >>> round(cka(x, 3.0 * x @ np.array([[0.0, 1.0], [-1.0, 0.0]])), 6)
    1.0
    >>> cka(x, np.ones((20, 5)))
    nan
    """
    return _aligned(x, y, overlap, 1)


@checked()
def cka_debiased(x: Matrix, y: Matrix) -> float:
    r"""Return the debiased linear centred kernel alignment of responses [dimensionless].

    As `cka`, with the estimator of the Hilbert-Schmidt independence criterion that has no bias
    (Song et al. 2007, doi:10.1145/1273496.1273600, eq. 4) in place of sum(K * L): a mean over
    four stimuli that differ, so that no stimulus is compared with itself. 0 on average for
    independent responses, however many neurons there are, and so below 0 at times; 1 where they
    are the same up to rotation and scale (Nguyen et al. 2021, arXiv:2010.15327; Murphy et al. 2024,
    arXiv:2405.01012). NaN for fewer than 4 stimuli, and where one set of responses is constant, or
    all pairs of stimuli are equally dissimilar.

    With the Gram matrices whose diagonals are set to 0, marked by a tilde, the estimator is

    .. math::

        \frac{1}{n (n - 3)} \left[ \mathrm{tr}(\tilde K \tilde L)
            + \frac{\mathbf 1^\top \tilde K \mathbf 1 \, \mathbf 1^\top \tilde L \mathbf 1}
            {(n - 1)(n - 2)} - \frac{2}{n - 2} \mathbf 1^\top \tilde K \tilde L \mathbf 1 \right]

    Parameters and errors as in `cka`.

    Raises
    ------
    DataError
        If the numbers of stimuli differ.

    Examples
    --------
    Independent responses of 500 neurons to 20 stimuli: `cka` takes them for similar.

    >>> import numpy as np
    >>> from apical.measures.kernels import cka, cka_debiased
    >>> one, other = np.random.default_rng(0).normal(size=(2, 20, 500))
    >>> round(cka(one, other), 2), round(cka_debiased(one, other), 2)
    (0.96, 0.05)
    >>> round(cka_debiased(one, one), 6)
    1.0
    """
    return _aligned(x, y, _unbiased_overlap, 4)


def _check_stimuli(x: np.ndarray, y: np.ndarray) -> None:
    if len(x) != len(y):
        raise DataError(
            f"CKA compares responses to the same stimuli, got {len(x)} and {len(y)} of them."
        )


def _aligned(
    x: np.ndarray, y: np.ndarray, product: Callable[[np.ndarray, np.ndarray], float], fewest: int
) -> float:
    _check_stimuli(x, y)
    if len(x) < fewest:
        return float("nan")
    x, y = centred(x), centred(y)
    norm = product(x, x) * product(y, y)
    return float(np.clip(product(x, y) / np.sqrt(norm), -1, 1)) if norm > 0 else float("nan")


@checked()
def cka_by_chance(x: Matrix, y: Matrix, *, seed: Seed = 0) -> float:
    """Return the mean `cka` of responses whose stimuli are shuffled [dimensionless].

    This is the chance level of `cka`, whose parameters it takes; `seed` is that of the `SHUFFLES`
    permutations.

    Examples
    --------
    As high as `cka` itself, where responses are independent and neurons many:

    >>> import numpy as np
    >>> from apical.measures.kernels import cka, cka_by_chance
    >>> one, other = np.random.default_rng(0).normal(size=(2, 20, 500))
    >>> round(cka(one, other), 2), round(cka_by_chance(one, other), 2)
    (0.96, 0.96)
    """
    _check_stimuli(x, y)
    rng = np.random.default_rng(seed)
    x, y = centred(x), centred(y)
    norm = overlap(x, x) * overlap(y, y)
    if not norm > 0:
        return float("nan")
    shuffled = [overlap(x[rng.permutation(len(x))], y) for _ in range(SHUFFLES)]
    return float(np.mean(shuffled) / np.sqrt(norm))


@checked()
def centred(x: np.ndarray) -> np.ndarray:
    """Return responses minus their mean over stimuli, scaled to maximum 1; 0 where constant.

    Parameters
    ----------
    x
        Responses, shape (n_stimuli, n).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.kernels import centred
    >>> centred(np.array([[1.0, 7.0], [3.0, 7.0], [8.0, 7.0]]))
    array([[-0.75,  0.  ],
           [-0.25,  0.  ],
           [ 1.  ,  0.  ]])
    """
    x = np.asarray(x, dtype=float)
    if not len(x):
        return x
    # a constant leaves no rounding
    x = np.where(is_flat(x, 0), 0, x - x.mean(axis=0))
    return x / (size_of(x) or 1)


@checked()
def overlap(x: Matrix, y: Matrix) -> float:
    """Return ``sum(XX' * YY')``, by the smaller matrix product, since it equals ``|X'Y|**2``.

    Parameters
    ----------
    x, y
        Responses to the same stimuli, shapes (n_stimuli, n_x) and (n_stimuli, n_y).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.kernels import overlap
    >>> x, y = np.array([[1.0], [2.0]]), np.array([[3.0], [1.0]])
    >>> overlap(x, y), float((x.T @ y)[0, 0] ** 2)
    (25.0, 25.0)
    """
    _check_stimuli(x, y)
    if x.shape[1] * y.shape[1] > len(x) ** 2:
        return float(np.sum((x @ x.T) * (y @ y.T)))
    return float(np.sum((x.T @ y) ** 2))


def _unbiased_overlap(x: np.ndarray, y: np.ndarray) -> float:
    """Return n * (n - 3) times the unbiased estimate; rows of both have the mean 0.

    The sums of K and L without their diagonals are then known from these diagonals.
    """
    n, whole = len(x), overlap(x, y)
    of_x, of_y = (np.sum(part**2, axis=1) for part in (x, y))
    same = float(of_x @ of_y)
    found = whole - (1 + 2 / (n - 2)) * same + of_x.sum() * of_y.sum() / ((n - 1) * (n - 2))
    return 0.0 if is_nothing(found, whole + same) else float(found)
