"""Pairs of networks and recordings with known statistics, for tests of their comparison."""

from pathlib import Path

import numpy as np
from made_records import in_order

from apical.measures.comparison import Controls
from apical.recordings import Recording
from apical.records.arrays import Records, Spikes, Units

ALONE = Controls(None, None, "left out in this test")


def tuned_trains(
    draw: np.random.Generator,
    labels: np.ndarray,
    neurons: int,
    duration: float,
    *,
    gain: float = 0.0,
    mean: float = 30.0,
) -> Spikes:
    """Return Poisson spikes [ms] of neurons with tuning and time courses of their own.

    Rates [Hz] are products of a rate of the neuron, one of it and the class, and, if `gain` is
    above 0, one that all neurons share in a trial, with that standard deviation.
    """
    own = mean * draw.lognormal(0, 0.4, neurons)
    tuning = draw.lognormal(0, 0.5, (labels.max() + 1, neurons))
    shared = np.maximum(draw.normal(1, gain, (len(labels), 1)), 0)
    counts = draw.poisson(own * tuning[labels] * shared * duration * 1e-3)
    trial, unit = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), neurons)
    onset, share = draw.uniform(15, 60, neurons)[unit], draw.random(len(unit)) < 0.3
    times = np.where(
        share, onset + draw.normal(0, 4, len(unit)), draw.uniform(0, duration, len(unit))
    )
    return in_order(trial, np.clip(times, 0, duration - 1e-6), unit)


def network_of(spikes: Spikes, labels: np.ndarray, neurons: int, duration: float) -> Records:
    """Return records of a network with one population, ``hidden``."""
    n = len(labels)
    return Records(
        duration,
        1.0,
        {"hidden": Units("LIF", np.ones(neurons))},
        np.arange(n),
        np.zeros((n, 1)),
        labels,
        labels,
        {"hidden": spikes},
    )


def recording_of(spikes: Spikes, labels: np.ndarray, neurons: int, duration: float) -> Recording:
    """Return a recording with one population, ``V1``."""
    return Recording(
        Path("made.nwb"),
        spikes,
        np.full(neurons, "V1"),
        np.full(len(labels), duration),
        labels.astype(str),
        labels.astype(str),
    )


def unrelated(
    seed: int, classes: int = 6, *, gain: float = 0.0, neurons: tuple[int, int] = (24, 36)
) -> tuple[Records, Recording]:
    """Return a network and a recording of neurons of one kind, in windows of unequal length.

    They have other numbers of trials and neurons, and tuning that has nothing to do with another.
    """
    draw = np.random.default_rng(seed)
    ours, theirs = np.arange(classes * 8) % classes, np.arange(classes * 11) % classes
    mine = tuned_trains(draw, ours, neurons[0], 120.0, gain=gain)
    yours = tuned_trains(draw, theirs, neurons[1], 120.0, gain=gain)
    longer = tuned_trains(draw, theirs, neurons[1], 600.0)  # goes on after the window
    late = longer.time >= 120
    trial = np.concatenate([yours.trial, longer.trial[late]])
    time = np.concatenate([yours.time, longer.time[late]])
    unit = np.concatenate([yours.unit, longer.unit[late]])
    whole = in_order(trial, time, unit)
    return (
        network_of(mine, ours, neurons[0], 120.0),
        recording_of(whole, theirs, neurons[1], 720.0),
    )
