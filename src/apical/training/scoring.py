"""Scores of decisions by scorers of scikit-learn, by name or as functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from apical._base.checking import shown
from apical._base.extras import library
from apical.errors import ParameterError
from apical.neurons.encoding import decisions

Scorer = str | Callable[[Any, Any, Any], float]
"""Name of a scorer of scikit-learn, or a scorer: a function of an estimator, X and y."""
Scoring = Scorer | Sequence[Scorer] | Mapping[str, Scorer]
"""One scorer, several of them, or name -> scorer."""


def scored(labels: np.ndarray, outputs: np.ndarray, scoring: Scoring) -> dict[str, float]:
    """Return the scores of outputs, by name.

    Parameters
    ----------
    labels
        Class of each sample, shape (n_samples,).
    outputs
        Spike counts or activities of the output, shape (n_samples, n_classes).
    scoring
        Scorers.

    Raises
    ------
    ParameterError
        If a scorer is unknown, or does not apply.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.scoring import scored
    >>> outputs = np.array([[4, 1], [0, 3], [2, 1]])
    >>> found = scored(np.array([0, 1, 1]), outputs, ["accuracy", "roc_auc"])
    >>> {name: round(score, 2) for name, score in found.items()}
    {'accuracy': 0.67, 'roc_auc': 1.0}
    """
    judged = _estimator(outputs)
    places = np.arange(len(labels))[:, np.newaxis]
    found: dict[str, float] = {}
    for name, scorer in _named(scoring).items():
        try:
            found[name] = float(scorer(judged, places, labels))
        except (ValueError, TypeError, AttributeError) as error:
            said = " ".join(str(error).split())[:200]
            raise ParameterError(
                f"Scorer {name!r} does not apply to these decisions: {said}.",
                object="evaluate",
                parameter="scoring",
            ) from None
    return found


def _named(scoring: Scoring) -> dict[str, Callable[[Any, Any, Any], float]]:
    """Return scorers by name."""
    if isinstance(scoring, str) or callable(scoring):
        scoring = [scoring]
    if not isinstance(scoring, Mapping):
        names = [s if isinstance(s, str) else getattr(s, "__name__", repr(s)) for s in scoring]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ParameterError(
                f"evaluate: scoring names {shown(twice[0])} twice, and a score has one value; give "
                "it once, or name -> scorer.",
                object="evaluate",
                parameter="scoring",
            )
        scoring = dict(zip(names, scoring, strict=True))
    return {name: _scorer(given) for name, given in scoring.items()}


def _scorer(given: Scorer) -> Callable[[Any, Any, Any], float]:
    if callable(given):
        return given
    metrics = library("sklearn.metrics", "analysis")
    known = metrics.get_scorer_names()
    if given not in known:
        raise ParameterError(
            f"scikit-learn has no scorer {shown(given)}; sklearn.metrics.get_scorer_names() lists "
            f"{len(known)}, among them accuracy, balanced_accuracy, f1_macro and roc_auc_ovr.",
            object="evaluate",
            parameter="scoring",
        )
    found: Callable[[Any, Any, Any], float] = metrics.get_scorer(given)
    return found


def shares(outputs: np.ndarray) -> np.ndarray:
    """Return outputs as shares of their sum, shape (n_samples, n_classes); negative ones are 0.

    Where all are 0 every class has the same share. Shares of spikes are no calibrated
    probabilities; a softmax is its own share.

    Parameters
    ----------
    outputs
        Spike counts or activities, shape (n_samples, n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.scoring import shares
    >>> shares(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """
    positive = np.clip(np.asarray(outputs, np.float64), 0, None)
    total = positive.sum(axis=1, keepdims=True)
    even = np.full_like(positive, 1 / positive.shape[1])
    return np.divide(positive, total, out=even, where=total > 0)


def margins(outputs: np.ndarray) -> np.ndarray:
    """Return outputs as a decision function: one column, of the second class, where there are two.

    Parameters
    ----------
    outputs
        Spike counts or activities, shape (n_samples, n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.scoring import margins
    >>> margins(np.array([[3, 1], [0, 2]])).tolist()
    [-2.0, 2.0]
    """
    found = np.asarray(outputs, np.float64)
    return found[:, 1] - found[:, 0] if found.shape[1] == 2 else found


def _estimator(outputs: np.ndarray) -> Any:
    """Return decisions that were made already, as a classifier; X is the places of samples."""
    base = library("sklearn.base", "analysis")

    class Decided(base.ClassifierMixin, base.BaseEstimator):  # type: ignore[name-defined]
        classes_ = np.arange(outputs.shape[1])

        def predict(self, places: np.ndarray) -> np.ndarray:
            return decisions(outputs[places[:, 0]])

        def decision_function(self, places: np.ndarray) -> np.ndarray:
            return margins(outputs[places[:, 0]])

        def predict_proba(self, places: np.ndarray) -> np.ndarray:
            return shares(outputs[places[:, 0]])

    return Decided()
