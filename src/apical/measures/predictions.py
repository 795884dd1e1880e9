"""Measures of predictions: how close outputs are to targets that are not classes.

Targets and outputs have the shape (n_trials, n_targets), or (n_trials, n_frames, n_targets) for
time courses, whose frames count like trials.
"""

import numpy as np

from apical._base.checking import checked
from apical._base.metric_names import scored, told
from apical._base.rounding import exceeds
from apical.errors import ParameterError
from apical.records.arrays import Records

DECIDED = 0.5
"""Output above which a label is predicted to hold, where targets are 0 and 1."""


@checked()
def mean_squared_error(targets: np.ndarray, outputs: np.ndarray) -> float:
    r"""Return the mean squared error, over trials, frames and targets.

    .. math:: \mathrm{MSE} = \frac{1}{N K} \sum_{nk} (y_{nk} - \hat y_{nk})^2

    Parameters
    ----------
    targets, outputs
        Targets ``y`` and outputs of a network, of the same shape.

    Raises
    ------
    ParameterError
        If the shapes differ, or there are no trials.

    See Also
    --------
    r_squared : The same, relative to the variance of the targets.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.predictions import mean_squared_error
    >>> mean_squared_error(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))
    2.0
    """
    wanted, found = _rows("mean_squared_error", targets, outputs)
    return float(np.mean((wanted - found) ** 2))


@checked()
def r_squared(targets: np.ndarray, outputs: np.ndarray) -> float:
    r"""Return the coefficient of determination, the mean over targets.

    .. math:: R^2_k = 1 - \frac{\sum_n (y_{nk} - \hat y_{nk})^2}{\sum_n (y_{nk} - \bar y_k)^2}

    1 for a perfect prediction, 0 for the mean of the targets, and below 0 for a worse one. For
    targets that do not vary it is 1 if all are predicted, else 0, as in scikit-learn.

    Parameters
    ----------
    targets, outputs
        As in `mean_squared_error`.

    Raises
    ------
    ParameterError
        If the shapes differ, or there are no trials.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.predictions import r_squared
    >>> targets = np.array([[0.0], [1.0], [2.0]])
    >>> r_squared(targets, targets), r_squared(targets, np.ones((3, 1)))
    (1.0, 0.0)
    >>> r_squared(targets, np.array([[0.0], [1.0], [1.0]]))
    0.5
    """
    wanted, found = _rows("r_squared", targets, outputs)
    total = np.sum((wanted - wanted.mean(axis=0)) ** 2, axis=0)
    left = np.sum((wanted - found) ** 2, axis=0)
    size = np.maximum(np.abs(wanted).max(axis=0), np.abs(found).max(axis=0))
    varies = exceeds(np.ptp(wanted, axis=0), 0.0, size)
    constant = np.where(exceeds(np.abs(wanted - found).max(axis=0), 0.0, size), 0.0, 1.0)
    return float(np.mean(np.where(varies, 1 - left / np.where(varies, total, 1), constant)))


@checked()
def label_accuracy(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Return the accuracy of several labels: the fraction of all labels that are predicted.

    A label is predicted to hold if its output is above 1/2.

    Parameters
    ----------
    targets, outputs
        As in `mean_squared_error`; targets are 0 or 1.

    Raises
    ------
    ParameterError
        If the shapes differ, there are no trials, or targets are not 0 or 1.

    See Also
    --------
    subset_accuracy : All labels of a trial together.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.predictions import label_accuracy, subset_accuracy
    >>> targets = np.array([[1, 0], [1, 1]])
    >>> outputs = np.array([[0.9, 0.2], [0.7, 0.1]])
    >>> label_accuracy(targets, outputs), subset_accuracy(targets, outputs)
    (0.75, 0.5)
    """
    return float(np.mean(_right("label_accuracy", targets, outputs)))


@checked()
def subset_accuracy(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Return the subset accuracy: the fraction of trials of which all labels are predicted.

    Parameters
    ----------
    targets, outputs
        As in `label_accuracy`.

    Raises
    ------
    ParameterError
        As in `label_accuracy`.

    See Also
    --------
    label_accuracy : Each label for itself, with an example.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.predictions import subset_accuracy
    >>> subset_accuracy(np.array([[1, 0], [0, 0]]), np.array([[0.6, 0.4], [0.6, 0.4]]))
    0.5
    """
    return float(np.mean(_right("subset_accuracy", targets, outputs).all(axis=1)))


def scores(targets: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Return the scores of predictions, by name; the first is the one to report.

    ``r2`` and ``mse``; before them ``subset_accuracy`` and ``label_accuracy`` where targets are
    labels: 0 or 1, without frames.

    Parameters
    ----------
    targets, outputs
        As in `mean_squared_error`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.predictions import scores
    >>> scores(np.array([[0.0], [3.0]]), np.array([[0.0], [3.0]]))
    {'r2': 1.0, 'mse': 0.0}
    """
    found = {}
    if targets.ndim == 2 and are_labels(targets):
        found["subset_accuracy"] = subset_accuracy(targets, outputs)
        found["label_accuracy"] = label_accuracy(targets, outputs)
    found["r2"] = r_squared(targets, outputs)
    return found | {"mse": mean_squared_error(targets, outputs)}


def reached(records: Records) -> str:
    """Return how well the network did in recorded trials, in words.

    Parameters
    ----------
    records
        Recorded activity.

    Examples
    --------
    >>> from apical.measures.predictions import reached
    >>> from apical.testing.references import records
    >>> reached(records())
    '50.0% decided correctly'
    """
    if records.targets is None or records.outputs is None:
        return f"{np.mean(records.correct):.1%} decided correctly"
    name, value = next(iter(scores(records.targets, records.outputs).items()))
    return f"{told(name)} {scored(name, value)}"


@checked()
def are_labels(targets: np.ndarray) -> bool:
    """Return whether targets are labels: all are 0 or 1.

    Parameters
    ----------
    targets
        Targets of any shape.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.predictions import are_labels
    >>> are_labels(np.array([[0, 1], [1, 1]])), are_labels(np.array([[0.5, 1.0]]))
    (True, False)
    """
    return bool(np.isin(targets, (0, 1)).all())


def _right(measure: str, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return which labels are predicted, shape (n_trials, n_labels)."""
    wanted, found = _rows(measure, targets, outputs)
    if not are_labels(wanted):
        raise ParameterError(
            f"{measure} needs targets that are 0 or 1, got {wanted.min():g} to {wanted.max():g}; "
            "use r_squared for numbers.",
            object=measure,
            parameter="targets",
        )
    return (found > DECIDED) == (wanted > DECIDED)


def _rows(measure: str, targets: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and outputs, shape (n_trials * n_frames, n_targets), after checking them."""
    if targets.shape != outputs.shape or targets.ndim < 2 or not targets.size:
        raise ParameterError(
            f"{measure} needs targets and outputs of one shape (n_trials, n_targets), got "
            f"{targets.shape} and {outputs.shape}; give one output for each target.",
            object=measure,
            parameter="outputs",
        )
    wanted, found = (np.asarray(a, np.float64).reshape(-1, a.shape[-1]) for a in (targets, outputs))
    return wanted, found
