"""Common mode of trials: how far activities, errors or updates are the same in all of them.

A mean output error that is broadcast to hidden neurons moves each of them one way in every trial;
they end up saturated or silent, and alike in all trials (common-mode collapse; Reddy, Sabatini &
Safaai 2026, code of the paper at github.com/KempnerInstitute/DFA-Stall).
"""

import numpy as np

from apical._base.checking import checked
from apical._base.parameters import Matrix, ShareAboveZero, Vector
from apical._base.rounding import is_nothing, size_of
from apical.errors import DataError
from apical.measures.representation import participation_ratio


@checked()
def common_mode(patterns: Matrix) -> float:
    r"""Return which share of the mean square of patterns their mean is; NaN if all are 0.

    .. math:: \lVert \langle x \rangle \rVert^2 \Big/ \left\langle \lVert x \rVert^2 \right\rangle

    1 where all trials have the same pattern; 1/T for T trials whose patterns are orthogonal and of
    equal length; 0 where they cancel.

    Parameters
    ----------
    patterns
        For instance errors of the output, or activities, shape (n_trials, n).

    See Also
    --------
    mean_cosine : Regardless of the length of patterns.

    References
    ----------
    Reddy, Sabatini & Safaai 2026, code of the paper: the share of the energy of the error.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.common_mode import common_mode
    >>> round(float(common_mode(np.array([[3.0, 1.0], [3.0, -1.0]]))), 12)  # 9 of 10
    0.9
    """
    x = _scaled(patterns)
    squares = float(np.mean(np.sum(x**2, axis=1))) if len(x) else 0.0
    return float(np.sum(x.mean(axis=0) ** 2) / squares) if squares else float("nan")


@checked()
def mean_cosine(patterns: Matrix) -> float:
    r"""Return the mean cosine between the patterns of two trials; NaN if fewer than two are not 0.

    .. math::

        \frac{1}{T (T - 1)} \sum_{s \ne t}
        \frac{x_s \cdot x_t}{\lVert x_s \rVert\,\lVert x_t \rVert}

    Patterns that are 0, as those of a trial without spikes, have no direction and are left out.

    Parameters
    ----------
    patterns
        Activities or updates, shape (n_trials, n).

    See Also
    --------
    common_mode : Of the whole mean square.

    References
    ----------
    Reddy, Sabatini & Safaai 2026, code of the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.common_mode import mean_cosine
    >>> round(mean_cosine(np.array([[1.0, 0.0], [5.0, 5.0], [0.0, 0.0]])), 4)  # at 45 degrees
    0.7071
    """
    x = _scaled(patterns)
    lengths = np.linalg.norm(x, axis=1)
    x = x[lengths > 0] / lengths[lengths > 0, None]
    n = len(x)
    if n < 2:
        return float("nan")
    # of unit vectors the squared sum is n, and twice the sum over pairs
    return float(np.clip((np.sum(x.sum(axis=0) ** 2) - n) / (n * (n - 1)), -1, 1))


@checked()
def gate_participation(gain: Matrix) -> float:
    r"""Return which share of neurons can learn: a participation ratio of gains; NaN if all are 0.

    .. math::

        \frac{\left( \sum_i u_i \right)^2}{n \sum_i u_i^2}, \qquad u_i = \langle g_i^2 \rangle

    with the gains g of neuron i, averaged over trials: 1 where all are equal, k/n where k of n have
    the same and the others none, being saturated or silent. It does not say how large gains are.

    Parameters
    ----------
    gain
        Slopes of the response of each neuron in each trial, shape (n_trials, n).

    See Also
    --------
    apical.measures.representation.participation_ratio : Of the directions of activity.
    apical.measures.saturation.saturated : Neuron by neuron.

    References
    ----------
    Reddy, Sabatini & Safaai 2026, code of the paper.

    Examples
    --------
    One of two neurons is saturated in both trials:

    >>> import numpy as np
    >>> from apical.measures.common_mode import gate_participation
    >>> gate_participation(np.array([[1.0, 0.0], [0.5, 0.0]]))
    0.5
    """
    open_ = np.mean(_scaled(gain) ** 2, axis=0) if len(gain) else np.zeros(0)
    squares = float(np.sum(open_**2))
    return float(np.sum(open_) ** 2 / (open_.size * squares)) if squares else float("nan")


@checked()
def between_trials(responses: Matrix, gain: Matrix, teach: Matrix) -> dict[str, float]:
    """Return how similar trials are to the neurons of a population, by name.

    Parameters
    ----------
    responses, gain, teach
        Activity, slope of the response, and feedback that arrived, of each neuron in each trial,
        shape (n_trials, n).

    Returns
    -------
    dict
        ``"cosine"``, the `mean_cosine` of activities; ``"update cosine"``, that of ``gain*teach``,
        the postsynaptic factor of updates; ``"gates"``, the `gate_participation`; ``"dimensions"``,
        the participation ratio of activities.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.common_mode import between_trials
    >>> x = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> found = between_trials(x, np.ones((4, 2)), np.ones((4, 2)))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'cosine': -0.333, 'update cosine': 1.0, 'gates': 1.0, 'dimensions': 1.471}
    """
    if not responses.shape == gain.shape == teach.shape:
        raise DataError(
            "between_trials needs responses, gain and teach of the same trials and neurons, got "
            f"{responses.shape}, {gain.shape} and {teach.shape}.",
            object="between_trials",
            parameter="gain",
        )
    return {
        "cosine": mean_cosine(responses),
        "update cosine": mean_cosine(gain * teach),
        "gates": gate_participation(gain),
        "dimensions": participation_ratio(responses),
    }


@checked()
def first_reaching(moments: Vector, accuracy: Vector, level: ShareAboveZero) -> float:
    """Return the first moment at which an accuracy was at least a level; infinite if never.

    Parameters
    ----------
    moments
        For instance numbers of trials, in ascending order, shape (n,).
    accuracy
        At each of them, shape (n,).
    level
        The accuracy to reach, up to 1.

    Raises
    ------
    DataError
        If there are not as many accuracies as moments, or these do not ascend.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.common_mode import first_reaching
    >>> first_reaching(np.array([0, 100, 200]), np.array([0.1, 0.7, 0.9]), 0.8)
    200.0
    """
    moments, accuracy = np.asarray(moments, float), np.asarray(accuracy, float)
    if len(moments) != len(accuracy) or np.any(np.diff(moments) <= 0):
        raise DataError(
            "first_reaching needs an accuracy for each of some ascending moments, got "
            f"{len(accuracy)} for {len(moments)}; give both from the same rows, in order.",
            object="first_reaching",
            parameter="accuracy",
        )
    reached = np.flatnonzero(accuracy >= level)
    return float(moments[reached[0]]) if len(reached) else float("inf")


def _scaled(patterns: np.ndarray) -> np.ndarray:
    """Return patterns with the largest magnitude 1, and what is 0 within rounding as 0."""
    x = np.asarray(patterns, dtype=float)
    size = size_of(x)
    return np.where(is_nothing(x, size), 0, x) / (size or 1)
