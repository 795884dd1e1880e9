"""Controls of event data: how much a linear read-out knows of the class without any network."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from apical._base.checking import checked
from apical._base.extras import library
from apical._base.parameters import Count, Seed
from apical.data.datasets import Dataset, EventSamples, shuffled_times
from apical.errors import DataError, ParameterError, brief

Readout = Literal["least squares", "logistic"]

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Penalties of the read-out of least squares that are tried, as shares of the mean variance."""


@checked()
def event_controls(
    data: Dataset,
    *,
    windows: Count = 5,
    readout: Readout = "least squares",
    seed: Seed = 0,
    networks: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    r"""Return the accuracies of a linear read-out of the events themselves, beside networks.

    Three controls say what an accuracy on event data is worth. *Input in windows*: how many events
    each channel has in each of `windows` equal parts of the longest sample, so that coarse time
    is known; a network that is not better adds nothing to a linear read-out. *Counts alone*: how
    many events each channel has in the whole sample; what exceeds it is in times. *Times shuffled*:
    as in windows, but within each sample the times of all events are dealt out anew, so that
    channels keep their counts and the sample its course, and which channel fired when is lost.

    Parameters
    ----------
    data
        A data set of events.
    windows
        Number of windows.
    readout
        ``"least squares"``: ridge regression on one-hot labels, its penalty chosen on the last
        fifth of the training samples; ``"logistic"``: scikit-learn's logistic regression, which
        needs ``apical[analysis]``.
    seed
        Of the shuffle, and of what is drawn.
    networks
        Accuracies of networks on the same test samples, by name, for the same table.

    Returns
    -------
    pandas.DataFrame
        A row for each control, and each network: ``name``, ``readout``, ``features``,
        ``test_accuracy``, and ``low`` and ``high``, the 95 % interval of a proportion (Wilson 1927,
        doi:10.1080/01621459.1927.10502953) for as many samples as the test part has.

    Raises
    ------
    DataError
        If the samples are no events, or scikit-learn is wanted and missing.
    ParameterError
        If an accuracy of a network is no fraction.

    See Also
    --------
    apical.datasets.shuffled_times : The shuffled events, to train a network on.
    apical.data.saccades.saccadic : Events of images.

    Examples
    --------
    Two channels, of which one fires first: counts say nothing, and windows everything.

    >>> import apical as ap
    >>> from apical.measures.event_controls import event_controls
    >>> trains = [([2.0, 7.0], [k % 2, 1 - k % 2]) for k in range(40)]
    >>> labels = [k % 2 for k in range(40)]
    >>> data = ap.Dataset.from_events(trains, labels, trains, labels, n_channels=2, duration=10)
    >>> found = event_controls(data, windows=2, networks={"LIF": 0.9})
    >>> found["name"].tolist()
    ['input in 2 windows', 'counts alone', 'times shuffled, in 2 windows', 'LIF']
    >>> found["features"].tolist()[:2], found["test_accuracy"].tolist()[:2]
    ([4, 2], [1.0, 0.5])
    """
    train, test = data.train, data.test
    if not isinstance(train, EventSamples) or not isinstance(test, EventSamples):
        raise DataError(f"{brief(data.name)}: is no data set of events.", object=data.name)
    for name, accuracy in (networks or {}).items():
        if not 0 <= accuracy <= 1:
            raise ParameterError(
                f"event_controls needs accuracies as fractions, got {accuracy!r} of {name!r}.",
                object="event_controls",
                parameter="networks",
            )
    shuffled = shuffled_times(data, seed=seed)
    until = max(train.longest, test.longest)
    rows = list[tuple[str, str, int, float, float, float]]()
    for name, parts, n in (
        (f"input in {windows} windows", data, windows),
        ("counts alone", data, 1),
        (f"times shuffled, in {windows} windows", shuffled, windows),
    ):
        x, x_test = (_features(part, n, until) for part in (parts.train, parts.test))
        decided = _READOUTS[readout](x, train.labels, x_test, data.n_classes)
        accuracy = float(np.mean(decided == test.labels))
        rows.append(
            (name, str(readout), int(x.shape[1]), accuracy, *_interval(accuracy, len(test)))
        )
    for name, accuracy in (networks or {}).items():
        rows.append((name, "network", 0, float(accuracy), *_interval(accuracy, len(test))))
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS = ("name", "readout", "features", "test_accuracy", "low", "high")
"""Columns of the table."""


def _interval(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion of `n` samples (Wilson 1927)."""
    z = 1.959963984540054
    centre = share + z * z / (2 * n)
    width = z * float(np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2))
    low, high = ((centre + sign * width) / (1 + z * z / n) for sign in (-1, 1))
    return max(0.0, float(low)), min(1.0, float(high))


def _features(samples: Any, windows: int, until: float) -> NDArray[np.float32]:
    """Return how many events channels have in each window, shape (n, windows * n_channels)."""
    window = np.minimum(windows * samples.times // until, windows - 1).astype(np.int64)
    wide = windows * samples.n_channels
    cells = (samples.owners * windows + window) * samples.n_channels + samples.channels
    counted = np.bincount(cells, minlength=len(samples) * wide)
    return counted.reshape(len(samples), wide).astype(np.float32)


def _least_squares(
    x: NDArray[Any], labels: NDArray[Any], x_test: NDArray[Any], n_classes: int
) -> NDArray[np.intp]:
    """Return the classes that ridge regression decides for."""
    n = len(x) * 4 // 5
    wanted = np.eye(n_classes)[labels]
    best = float(PENALTIES[0])
    if 0 < n < len(x):
        held = [
            np.mean(scores.argmax(axis=1) == labels[n:])
            for scores in _ridge(x[:n], wanted[:n], x[n:], PENALTIES)
        ]
        best = PENALTIES[int(np.argmax(held))]
    return np.asarray(_ridge(x, wanted, x_test, (best,))[0].argmax(axis=1))


def _ridge(
    x: NDArray[Any], wanted: NDArray[Any], x_new: NDArray[Any], penalties: Sequence[float]
) -> list[NDArray[Any]]:
    """Return the scores of other samples for each penalty."""
    mean, aim = x.mean(axis=0, dtype=np.float64), wanted.mean(axis=0)
    centred = x - mean
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values = np.clip(values, 0, None)
    projected = vectors.T @ (centred.T @ (wanted - aim))
    scale = max(float(values.mean()), 1e-300)
    new = (x_new - mean) @ vectors
    return [aim + new @ (projected / (values + penalty * scale)[:, None]) for penalty in penalties]


def _logistic(
    x: NDArray[Any], labels: NDArray[Any], x_test: NDArray[Any], n_classes: int
) -> NDArray[np.intp]:
    """Return the classes that logistic regression decides for, on features of unit variance."""
    models = library("sklearn.linear_model", "analysis")
    spread = x.std(axis=0)
    scale = np.where(spread > 0, spread, 1)
    fitted = models.LogisticRegression(max_iter=2000).fit(x / scale, labels)
    return np.asarray(fitted.predict(x_test / scale))


_READOUTS = {"least squares": _least_squares, "logistic": _logistic}
