"""Shared variability: noise and signal correlations, dimensionality, for bootstrap resamples.

Pairs of one neuron that was drawn twice are left out.
"""

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Kinds, Matrix
from apical._base.rounding import is_flat, size_of
from apical.measures.resampling import Resamples


@checked()
def standardised(responses: Matrix, labels: Kinds) -> np.ndarray:
    """Return responses as z scores within the trials of their class, shape (n_trials, n).

    0 for neurons that are constant within the class, and for classes of fewer than 3 trials; such
    trials do not count in correlations.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.shared_variability import standardised
    >>> found = standardised(np.array([[1.0], [2.0], [3.0], [7.0]]), np.array([0, 0, 0, 1]))
    >>> found.round(2).ravel().tolist()
    [-1.22, 0.0, 1.22, 0.0]
    """
    found, size = np.zeros(responses.shape), size_of(responses)
    for kind in np.unique(labels):
        where = np.flatnonzero(labels == kind)
        part = responses[where].astype(float)
        if len(where) < 3:
            continue
        varies = ~is_flat(part, 0, size)
        part = (part - part.mean(axis=0))[:, varies]
        found[np.ix_(where, varies)] = part / part.std(axis=0)
    return found


@checked()
def mean_noise_correlation(responses: Matrix, labels: Kinds, resamples: Resamples) -> np.ndarray:
    """Return the mean noise correlation over pairs of neurons, of each resample.

    Responses are z scores within their class, and correlated over all trials (Bair et al. 2001,
    doi:10.1523/JNEUROSCI.21-05-01676.2001; Cohen & Kohn 2011, doi:10.1038/nn.2842). With z scores u
    and v of two neurons: r = sum(u v) / sqrt(sum(u^2) sum(v^2)).

    Parameters
    ----------
    responses
        Spike counts in windows of equal length, or activities, shape (n_trials, n).
    labels
        Class of each trial, shape (n_trials,).
    resamples
        From `apical.measures.resampling.resampled`.

    Returns
    -------
    numpy.ndarray
        Shape (n_resamples + 1,); NaN for fewer than 2 neurons that vary.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import resampled
    >>> from apical.measures.shared_variability import mean_noise_correlation
    >>> draw = np.random.default_rng(0)
    >>> shared = draw.normal(size=(2000, 1))  # as much as each neuron has by itself
    >>> responses, labels = shared + draw.normal(size=(2000, 30)), np.zeros(2000, int)
    >>> found = mean_noise_correlation(responses, labels, resampled(labels, 30, draw, 2))
    >>> round(float(found[0]), 1)
    0.5
    """
    scores = standardised(responses, labels)
    found = np.full(len(resamples), np.nan)
    for k, (drawn, weights) in enumerate(zip(resamples.trials, resamples.weights, strict=True)):
        found[k] = _mean_correlation(scores, drawn, weights)
    return found


def _mean_correlation(scores: np.ndarray, drawn: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean correlation of pairs of neurons whose scores have the mean 0.

    The sum over all pairs is the square of a sum over neurons; pairs of a neuron with itself go.
    """
    norm = np.sqrt(drawn @ scores**2)
    varies = norm > 0
    weight = weights * varies
    pairs = weight.sum() ** 2 - np.sum(weight**2)
    if not pairs:
        return float("nan")
    scale = np.divide(weight, norm, out=np.zeros(len(norm)), where=varies)
    return float((drawn @ (scores @ scale) ** 2 - np.sum(weight**2)) / pairs)


@checked()
def mean_signal_correlation(means: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Return the mean signal correlation over pairs of neurons, of each resample.

    The correlation of mean responses over classes (Cohen & Kohn 2011, doi:10.1038/nn.2842). Few
    trials bias it towards 0, and noise that neurons share towards theirs.

    Parameters
    ----------
    means
        Mean responses to classes, shape (n_resamples + 1, n_classes, n).
    resamples
        From `apical.measures.resampling.resampled`.
    """
    found = np.full(len(resamples), np.nan)
    if means.shape[1] < 3:
        return found
    size, even = size_of(means), np.ones(means.shape[1])
    for k, (part, weights) in enumerate(zip(means, resamples.weights, strict=True)):
        about = np.where(is_flat(part, 0, size), 0, part - part.mean(axis=0))
        found[k] = _mean_correlation(about, even, weights)
    return found


@checked()
def dimensionalities(responses: Matrix, resamples: Resamples) -> np.ndarray:
    """Return the participation ratio of responses, of each resample.

    sum(v)^2 / sum(v^2), with the eigenvalues v of the covariance over trials (Gao et al. 2017,
    doi:10.1101/214262). It grows with the numbers of trials and of neurons: compare equal ones.

    Parameters
    ----------
    responses
        Responses in windows of equal length, shape (n_trials, n).
    resamples
        From `apical.measures.resampling.resampled`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.resampling import resampled
    >>> from apical.measures.shared_variability import dimensionalities
    >>> draw = np.random.default_rng(0)
    >>> x = draw.normal(size=(5000, 4))
    >>> round(float(dimensionalities(x, resampled(np.zeros(5000, int), 4, draw, 1))[0]), 1)
    4.0
    """
    found, x = np.full(len(resamples), np.nan), responses.astype(float)
    if not x.size:
        return found
    size = size_of(x) or 1.0
    x = np.where(is_flat(x, 0), 0, x - x.mean(axis=0)) / size
    for k, (drawn, weights) in enumerate(zip(resamples.trials, resamples.weights, strict=True)):
        trials, neurons = np.flatnonzero(drawn), np.flatnonzero(weights)
        if not len(trials):
            continue
        part, times = x[np.ix_(trials, neurons)], drawn[trials]
        part = (part - times @ part / times.sum()) * np.sqrt(times)[:, None]
        part = (part * np.sqrt(weights[neurons])).astype(np.float32)
        gram = part.T @ part if len(neurons) < len(trials) else part @ part.T
        square = float(np.vdot(gram, gram))
        if square > 0:
            found[k] = float(np.trace(gram, dtype=float)) ** 2 / square
    return found
