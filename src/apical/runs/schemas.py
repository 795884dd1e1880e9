"""Schemas of the files of a run: which entries they must have, and within which limits.

A field without a default must be there; entries that no schema names are left alone. Numbers may
be whole numbers of any size where nothing else is said, and text has a limit (`Line`, `Page`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from apical._base.parameters import (
    Checksum,
    Count,
    CountOrZero,
    Duration,
    Line,
    Measured,
    NonNegative,
    Page,
    Positive,
    Seed,
    Share,
)
from apical._base.reading import Objects

LARGEST_WEIGHT = 1e6
"""Largest weight that files may hold [thresholds]; learned ones have diverged far below it."""


@dataclass(frozen=True)
class Finding:
    """A line of the scorecard in ``config.json``; earlier versions wrote neither aspect nor place.

    Parameters
    ----------
    subject, level, reason, aspect, place
        As in `apical.plausibility.findings.Finding`.
    """

    subject: Line
    level: Line
    reason: Page
    aspect: Line = ""
    place: Page | None = ""


@dataclass(frozen=True)
class Change:
    """A setting in ``config.json`` that was changed when the run went on.

    Parameters
    ----------
    setting
        Its name.
    trial
        Number of trials learned until then.
    """

    setting: Line
    trial: Seed


@dataclass(frozen=True)
class Local:
    """What ``local.json`` holds: paths of a machine, whose last parts ``config.json`` holds.

    Parameters
    ----------
    model, dataset, data_dir
        As in an `apical.runs.experiment.Experiment`.
    """

    model: Page = ""
    dataset: Page = ""
    data_dir: Page = ""


@dataclass(frozen=True)
class Config:
    """What ``config.json`` holds; fields of an `Experiment` only where they have a limit of theirs.

    Parameters
    ----------
    name
        Name of the run.
    model_sha256, data_sha256
        Checksums of the model script and of the data.
    scorecard
        Lines of the scorecard.
    versions
        Versions of packages that results depend on.
    library
        Array library, where there is one.
    changed
        Settings that were changed later.
    model, hypothesis, dataset, data_dir, scale, train_trials, test_trials, validation, epochs
        As in an `apical.runs.experiment.Experiment`, which says which must be there.
    block, final_rate, seed, dt, batch
        So do these.
    """

    name: Line
    model_sha256: Checksum
    data_sha256: Checksum
    scorecard: Annotated[Sequence[Any], Objects(Finding)]
    versions: Mapping[str, Line]
    library: Line = "numpy"
    changed: Annotated[Sequence[Any], Objects(Change)] = ()
    model: Page = ""
    hypothesis: Page = ""
    dataset: Page = ""
    data_dir: Page | None = None
    scale: Positive | None = None
    train_trials: Count | None = None
    test_trials: Count | None = None
    validation: CountOrZero = 0
    epochs: CountOrZero = 0
    block: Count = 1
    final_rate: Share = 0.0
    seed: Seed = 0
    dt: Duration = 1.0
    batch: Count | None = None


@dataclass(frozen=True)
class Summary:
    """What ``summary.json`` holds.

    Parameters
    ----------
    model, dataset, device
        Their names.
    seed, epochs
        As in an `apical.runs.experiment.Experiment`.
    n_train, n_test
        Number of samples.
    test_accuracy
        Final accuracy on held-out samples; None where these have targets.
    test_r2, test_mse, test_subset_accuracy, test_label_accuracy
        Final scores of targets, as in `apical.training.loop.Evaluation`; None where there are none.
    train_seconds, compile_seconds
        Time spent [s].
    ms_per_trial
        Time spent on a trial of training [ms]; None where there were none.
    options, versions, dtype, batch, peak_memory_mb
        What else is told.
    """

    model: Line
    dataset: Page
    device: Line
    seed: Seed
    epochs: CountOrZero
    n_train: CountOrZero
    n_test: CountOrZero
    train_seconds: NonNegative
    compile_seconds: NonNegative
    ms_per_trial: NonNegative | None
    test_accuracy: Share | None = None
    test_r2: Measured | None = None
    test_mse: NonNegative | None = None
    test_subset_accuracy: Share | None = None
    test_label_accuracy: Share | None = None
    options: Mapping[str, Any] | None = None
    versions: Mapping[str, Line] | None = None
    dtype: Line = "float32"
    batch: Count | None = None
    peak_memory_mb: NonNegative = 0.0


@dataclass(frozen=True)
class Progress:
    """What the entry ``about`` of ``checkpoint.npz`` holds.

    Parameters
    ----------
    epoch, block, trial
        As in `apical.training.loop.Position`.
    metrics_bytes
        Length of ``metrics.csv`` [bytes].
    seconds
        Time spent training [s].
    arrays
        Names of the arrays of the state.
    changed
        Projections whose weights something else than learning changed; earlier versions did not
        look.
    """

    epoch: CountOrZero
    block: CountOrZero
    trial: Seed
    metrics_bytes: Seed
    seconds: NonNegative
    arrays: Sequence[Line]
    changed: Sequence[Line] = ()


def wrong_weights(weights: np.ndarray) -> str:
    """Return what is wrong with an array of weights from a file; "" if nothing is.

    They are real numbers of single or double precision, one for each pair of neurons, finite, and
    not above `LARGEST_WEIGHT`; or, with 1 dimension, one for each synapse of a sparse projection.
    """
    if weights.dtype not in (np.float32, np.float64):
        return f"must be of float32 or float64, and are of {weights.dtype}"
    if weights.ndim not in (1, 2):
        return f"must have 1 or 2 dimensions, and have the shape {weights.shape}"
    if not np.isfinite(weights).all():
        return "must be finite, and are not"
    if weights.size and np.abs(weights).max() > LARGEST_WEIGHT:
        return f"must be at most {LARGEST_WEIGHT:g}, and go up to {np.abs(weights).max():g}"
    return ""
