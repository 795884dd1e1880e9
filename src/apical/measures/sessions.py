"""Learning as it would be recorded: tuning of somata, dendrites and error neurons over sessions.

Responses of the same neurons to the same stimuli are compared between sessions (drift), or between
two compartments of a neuron (soma and apical dendrite).
"""

import numpy as np

from apical._base.checking import checked, require
from apical._base.parameters import Kinds, Matrix
from apical._base.rounding import is_flat, is_nothing, size_of
from apical.measures.representation import class_means
from apical.measures.statistic import Statistic


@checked()
def class_variance(responses: Matrix, labels: Kinds) -> Statistic:
    r"""Return how much of each neuron's variance over trials its classes explain (omega squared).

    .. math::

        \omega^2 = \frac{SS_b - (k - 1) MS_w}{SS_t + MS_w}

    Unlike the selectivity of `apical.measures.tuning.tuning` it is defined for signals of both
    signs, such as those of dendrites and errors. It has hardly any bias by the number of trials: of
    responses that know nothing of the class it is 0 on average, and may be below.

    Parameters
    ----------
    responses
        Response of each neuron in each trial, shape (n_trials, n).
    labels
        Class of each trial, shape (n_trials,).

    Returns
    -------
    Statistic
        A value for each neuron (Hays 1963, Statistics for Psychologists); NaN of one that never
        changes.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.sessions import class_variance
    >>> labels = np.repeat([0, 1], 20)
    >>> noise = np.random.default_rng(0).normal(size=(40, 2))
    >>> class_variance(noise + np.outer(labels, [3.0, 0.0]), labels).values.round(2).tolist()
    [0.79, -0.02]
    """
    n, (kinds, means) = len(responses), class_means(responses, labels)
    of = np.searchsorted(kinds, labels)
    total = ((responses - responses.sum(axis=0) / max(n, 1)) ** 2).sum(axis=0)
    within = ((responses - means[of]) ** 2).sum(axis=0)
    values = np.full(responses.shape[1], np.nan)
    free = n - len(kinds)
    if free > 0 and len(kinds) > 1:
        error = within / free
        defined = ~is_flat(responses, 0, size_of(responses))
        between = total - within - (len(kinds) - 1) * error
        np.divide(between, total + error, out=values, where=defined)
    why = "the response never changes, or fewer than 2 classes, or no class has 2 trials"
    return Statistic(values, "1", "neuron", "omega squared, Hays 1963", why)


@checked()
def tuning_correlation(first: Matrix, second: Matrix) -> float:
    """Return the correlation of two sets of responses of the same neurons to the same stimuli.

    The mean of each neuron is subtracted, so that it is a correlation of tuning and not of mean
    rates: over all neurons and stimuli, each neuron weighted by its variance. Noise of single
    trials lowers it; give means over trials of a class, or compare at equal numbers of trials.

    Parameters
    ----------
    first, second
        Responses, of the same shape (n_stimuli, n): in two sessions, or of the soma and of the
        apical dendrite of each neuron.

    Returns
    -------
    float
        From -1 to 1; NaN where the responses of one never change, and of no stimuli.

    See Also
    --------
    drift : How much of the tuning has changed between sessions.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.sessions import tuning_correlation
    >>> soma = np.array([[1.0, 0.0], [0.0, 2.0], [0.5, 1.0]])
    >>> [round(tuning_correlation(soma, other), 6) for other in (soma + [3.0, 0.0], -soma)]
    [1.0, -1.0]
    """
    fits = first.shape == second.shape
    require(fits, "tuning_correlation", "second", f"shape {first.shape}", f"{second.shape}")
    if not len(first):
        return float("nan")
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    sizes = float(np.sqrt((a * a).sum())), float(np.sqrt((b * b).sum()))
    known = size_of(first), size_of(second)
    if any(is_nothing(size, of) for size, of in zip(sizes, known, strict=True)):
        return float("nan")
    return float(np.clip((a * b).sum() / (sizes[0] * sizes[1]), -1, 1))


@checked()
def drift(before: Matrix, after: Matrix) -> float:
    """Return the representational drift of a population between two sessions.

    One minus `tuning_correlation`: 0 where every neuron answers every stimulus as before, but for
    its mean; 1 where its tuning tells nothing of what it was (Ziv et al. 2013,
    doi:10.1038/nn.3329; Rule, O'Leary & Harvey 2019, doi:10.1016/j.conb.2019.08.005). Noise adds to
    it: compare drifts at equal numbers of trials.

    Parameters
    ----------
    before, after
        Responses of the same neurons to the same stimuli in each session, shape (n_stimuli, n).

    Returns
    -------
    float
        From 0 to 2; NaN where responses never change.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.sessions import drift
    >>> monday = np.array([[1.0, 0.0], [0.0, 2.0], [0.5, 1.0]])
    >>> [round(drift(monday, tuesday), 6) for tuesday in (monday, -monday)]
    [0.0, 2.0]
    """
    return 1 - tuning_correlation(before, after)
