"""Eigenspectra of what stimuli explain of responses: cross-validated PCA, and its exponent."""

import math

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Matrix, Vector
from apical._base.rounding import exceeds, size_of
from apical.errors import DataError

RANKS = (11, 500)
"""Ranks between which the exponent is fitted where there are as many (Stringer et al. 2019)."""
LEAST_RANKS = 5
"""Smallest number of ranks from which an exponent is fitted."""


@checked()
def cross_validated_spectrum(one: Matrix, other: Matrix) -> np.ndarray:
    """Return the eigenspectrum of the variance that stimuli explain, by cross-validated PCA.

    Principal components u_k of the responses X to stimuli, and the covariance of the projections of
    these and of the responses Y to a repetition: lambda_k = (X u_k) . (Y u_k) / n_stimuli, of
    centred X and Y. Noise that differs between repetitions adds nothing on average; single values
    may be below 0 (Stringer et al. 2019, doi:10.1038/s41586-019-1346-5, methods).

    Parameters
    ----------
    one, other
        Responses to the same stimuli in two repetitions, or means over halves of the trials, shape
        (n_stimuli, n) each.

    Returns
    -------
    numpy.ndarray
        Shape (min(n_stimuli - 1, n),), by the rank of the component.

    Raises
    ------
    DataError
        If their shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.eigenspectra import cross_validated_spectrum
    >>> x = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> cross_validated_spectrum(x, x).round(6).tolist()
    [2.0, 0.5]
    """
    if one.shape != other.shape:
        raise DataError(
            "Cross-validated PCA needs two repetitions of the same stimuli and neurons, got shapes "
            f"{one.shape} and {other.shape}."
        )
    if not len(one):
        return np.zeros(0)
    x, y = (part - part.mean(axis=0) for part in (one, other))
    if len(x) < x.shape[1]:  # X u_k and u_k are singular vectors of one another
        left = np.linalg.eigh(x @ x.T)[1][:, ::-1]
        found = np.sum(left * (y @ x.T @ left), axis=0) / len(x)
    else:
        axes = np.linalg.eigh(x.T @ x)[1][:, ::-1]
        found = np.sum((x @ axes) * (y @ axes), axis=0) / len(x)
    return np.asarray(found[: max(len(x) - 1, 0)])


@checked()
def exponent(spectrum: Vector) -> float:
    """Return the exponent alpha of a power law, lambda_k ~ k**-alpha, fitted to an eigenspectrum.

    Least squares of log lambda on log k, each rank weighted by 1 / k, as ranks are dense on the
    logarithmic axis. Ranks are those of `RANKS`; where there are fewer than 100, they are the first
    half, of which `LEAST_RANKS` must be there. It ends before the first value of 0 or below. A
    smooth code has more than 1 + 2 / d for stimuli of d dimensions (Stringer et al. 2019,
    doi:10.1038/s41586-019-1346-5).

    Parameters
    ----------
    spectrum
        From `cross_validated_spectrum`, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.eigenspectra import exponent
    >>> round(exponent(np.arange(1, 301) ** -1.5), 6)
    1.5
    """
    first, last = (RANKS[0] - 1, RANKS[1]) if len(spectrum) >= 100 else (0, len(spectrum) // 2)
    part = spectrum[first:last]
    below = np.flatnonzero(~exceeds(part, 0, size_of(spectrum)))
    part = part[: below[0]] if len(below) else part
    if len(part) < LEAST_RANKS:
        return math.nan
    rank = first + 1.0 + np.arange(len(part))
    slope = np.polyfit(np.log(rank), np.log(part), 1, w=1 / np.sqrt(rank))[0]
    return float(-slope)
