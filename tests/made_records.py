"""Records that no network made: spike trains and activities whose statistics are known."""

from collections.abc import Mapping

import numpy as np

from apical.records.arrays import Records, Spikes, Units


def poisson(rates: np.ndarray, duration: float, seed: int = 0) -> Spikes:
    """Return Poisson spikes of given rates [Hz], shape (n_trials, n), in trials of `duration`."""
    rng = np.random.default_rng(seed)
    n_trials, n = rates.shape
    counts = rng.poisson(rates * duration * 1e-3).ravel()
    trial, unit = np.divmod(np.repeat(np.arange(n_trials * n), counts), n)
    return in_order(trial, rng.uniform(0, duration, len(trial)), unit)


def regular(n_trials: int, n: int, duration: float, period: float) -> Spikes:
    """Return spikes at 0, `period`, 2 `period`, ... of each neuron in each trial [ms]."""
    times = np.arange(0, duration, period)
    trial, unit, time = np.meshgrid(range(n_trials), range(n), times, indexing="ij")
    return in_order(trial.ravel(), time.ravel(), unit.ravel())


def in_order(trial: np.ndarray, time: np.ndarray, unit: np.ndarray) -> Spikes:
    """Return spikes in the order of trials and, within one, of time."""
    order = np.lexsort((unit, time, trial))
    return Spikes(trial[order], time[order], unit[order].astype(np.int32))


def records(
    spikes: Mapping[str, tuple[Spikes, int]],
    labels: np.ndarray,
    duration: float = 100.0,
    *,
    signals: Mapping[str, np.ndarray] | None = None,
    samples: np.ndarray | None = None,
    signs: Mapping[str, np.ndarray] | None = None,
) -> Records:
    """Return records of spikes, by population with its size, and of activities.

    `signals` are activities at the end of a trial, population -> shape (n_trials, n).
    """
    signals, signs = signals or {}, signs or {}
    sizes = {name: n for name, (_, n) in spikes.items()}
    sizes |= {name: values.shape[1] for name, values in signals.items()}
    return Records(
        duration,
        1.0,
        {name: Units("LIF", signs.get(name, np.zeros(n, int))) for name, n in sizes.items()},
        samples=np.arange(len(labels)) if samples is None else samples,
        values=np.zeros((len(labels), 4), np.float32),
        labels=labels,
        decisions=labels.copy(),
        spikes={name: spikes for name, (spikes, _) in spikes.items()},
        signals={f"{name}.x": values[:, None] for name, values in signals.items()},
        about={"model": "made up"},
    )


def tuned(
    n_trials: int, n: int, classes: int, mean: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, shape (n_trials,), and rates of tuned neurons [Hz], shape (n_trials, n).

    Each neuron has a rate of its own for each class, exponential with the given mean.
    """
    labels = np.arange(n_trials) % classes
    means = np.random.default_rng(seed).exponential(mean, (classes, n))
    return labels, means[labels]
