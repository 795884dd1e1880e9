"""Scores that are asked for: of decisions by scorers of scikit-learn, of spike trains by distances.

Both are given by name or as functions.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from apical._base.checking import shown
from apical._base.extras import library
from apical.errors import DataError, ParameterError
from apical.measures.spike_distance import van_rossum
from apical.network.description import Network
from apical.neurons.encoding import decisions

Scorer = str | Callable[..., float]
"""Name of a scorer of scikit-learn, or a scorer: a function of an estimator, X and y. Of target
spike trains: a name of `OF_TRAINS`, or a function of two spike trains."""
Scoring = Scorer | Sequence[Scorer] | Mapping[str, Scorer]
"""One scorer, several of them, or name -> scorer."""
OF_TRAINS: Mapping[str, Callable[..., float]] = {"van_rossum": van_rossum}
"""Scores of two spike trains: functions of target and output times [ms]."""
Trains = Sequence[Sequence[np.ndarray]]
"""Spike times [ms] from the onset of the trial, of each neuron of each trial."""


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
    for name, scorer in _named(scoring, _scorer).items():
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


def check_trains(network: Network, targets: np.ndarray, scoring: Scoring) -> None:
    """Raise if scores of spike trains are asked for, and there are none.

    Parameters
    ----------
    network
        The network.
    targets
        Targets of samples.
    scoring
        Scorers of spike trains.

    Raises
    ------
    ParameterError
        If the output does not spike, targets have no frames, or a scorer is unknown.
    DataError
        If targets are no numbers of spikes.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.testing.references import rates
    >>> from apical.training.scoring import check_trains
    >>> check_trains(rates(), np.zeros((2, 3)), "van_rossum")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: evaluate: scores of targets that are asked for ...
    """
    if not network.output.is_spiking or targets.ndim < 3:
        raise ParameterError(
            "evaluate: scores of targets that are asked for compare spike trains, so they need "
            "targets with frames and an output that spikes, got targets of shape "
            f"{targets.shape} and a {type(network.output).__name__}; see the scores of what is "
            "returned, or scorers of scikit-learn for classes.",
            object="evaluate",
            parameter="scoring",
        )
    if (targets != np.floor(targets)).any():
        raise DataError(
            "evaluate: target spike trains are numbers of spikes in each frame, but "
            f"{np.count_nonzero(targets != np.floor(targets)):,} of {targets.size:,} are no whole "
            "numbers; round them, or leave scoring out.",
            object="evaluate",
            parameter="scoring",
        )
    _named(scoring, _of_trains)


def trains_of_targets(targets: np.ndarray, trial: float) -> list[list[np.ndarray]]:
    """Return target spike trains: all spikes of a frame are at its onset.

    Parameters
    ----------
    targets
        Number of spikes, shape (n_trials, n_frames, n_neurons).
    trial
        Duration of a trial [ms].

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.scoring import trains_of_targets
    >>> trains_of_targets(np.array([[[0, 1], [2, 0]]]), trial=20.0)
    [[array([10., 10.]), array([0.])]]
    """
    onsets = np.arange(targets.shape[1]) * trial / targets.shape[1]
    counts = np.asarray(targets).astype(np.int64)
    return [[np.repeat(onsets, of_one) for of_one in of_trial.T] for of_trial in counts]


def trains_of_spikes(
    spikes: tuple[np.ndarray, np.ndarray], shape: tuple[int, int], trial: float
) -> list[list[np.ndarray]]:
    """Return the spikes of a block as trains of each neuron in each trial.

    Parameters
    ----------
    spikes
        Times from the onset of the block [ms], and neurons.
    shape
        Number of trials and of neurons.
    trial
        Duration of a trial [ms].

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.scoring import trains_of_spikes
    >>> trains_of_spikes((np.array([5.0, 20.0, 31.0]), np.array([1, 0, 1])), (2, 2), 20.0)
    [[array([], dtype=float64), array([5.])], [array([0.]), array([11.])]]
    """
    times, neurons = (np.asarray(part) for part in spikes)
    trials = np.floor(times / trial + 1e-9).astype(np.int64)  # within rounding of an onset: after
    within = np.maximum(times - trials * trial, 0.0)
    return [
        [within[(trials == k) & (neurons == j)] for j in range(shape[1])] for k in range(shape[0])
    ]


def scored_trains(targets: Trains, outputs: Trains, scoring: Scoring) -> dict[str, float]:
    """Return the scores of spike trains, by name: means over trials and neurons.

    Parameters
    ----------
    targets, outputs
        Spike trains of the same trials and neurons.
    scoring
        Scorers: names of `OF_TRAINS`, or functions of the target and the output train.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.scoring import scored_trains
    >>> told, found = [[np.array([10.0])], [np.array([5.0])]], [[np.array([10.0])], [np.array([])]]
    >>> scored_trains(told, found, "van_rossum")  # 0 and 1
    {'van_rossum': 0.5}
    """
    pairs = [
        pair
        for of_trial in zip(targets, outputs, strict=True)
        for pair in zip(*of_trial, strict=True)
    ]
    return {
        name: float(np.mean([scorer(one, other) for one, other in pairs]))
        for name, scorer in _named(scoring, _of_trains).items()
    }


def _of_trains(given: Scorer) -> Callable[..., float]:
    if callable(given):
        return given
    if given not in OF_TRAINS:
        raise ParameterError(
            f"evaluate: {shown(given)} is no score of spike trains; give {', '.join(OF_TRAINS)}, "
            "or a function of the target and the output train [ms].",
            object="evaluate",
            parameter="scoring",
        )
    return OF_TRAINS[given]


def _named(
    scoring: Scoring, scorer_of: Callable[[Scorer], Callable[..., float]]
) -> dict[str, Callable[..., float]]:
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
    return {name: scorer_of(given) for name, given in scoring.items()}


def _scorer(given: Scorer) -> Callable[..., float]:
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
    found: Callable[..., float] = metrics.get_scorer(given)
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
