"""Saturated and dead units, judged by the slope of their activation function.

The slope is the sensitivity of a unit to its drive, and a factor of all of its weight updates: a
saturated unit has a vanishing gradient.
"""

import numpy as np

from apical._base import seeds
from apical._base.checking import checked
from apical._base.parameters import Matrix
from apical._base.rounding import exceeds
from apical.devices.simulator import Block, Simulator, left_as_it_was
from apical.errors import DataError, ParameterError
from apical.measures.statistic import Statistic
from apical.neurons.rate import Rate

STEEPEST = {"logistic": 0.25, "tanh": 1.0}
"""Activation functions that saturate at both ends, and their largest slope [dimensionless]."""

SHARE = 0.1
"""A response is saturated if its slope is below this fraction of the largest."""

LEAST = 1e-3
"""A unit is dead if its slope never exceeds this [dimensionless]."""


@checked()
def slopes(simulator: Simulator, values: Matrix) -> dict[str, np.ndarray]:
    """Return the slope of the activation of each unit at each stimulus, with learning off.

    Parameters
    ----------
    simulator
        A rate network, made with ``record`` naming populations, and ``traces=["gain"]``.
    values
        Stimuli, shape (n_trials, n_inputs).

    Returns
    -------
    dict
        Recorded population -> shape (n_trials, n) [dimensionless]; those with ``gain="one"``, whose
        gain is not the slope, are left out.

    Raises
    ------
    DataError
        If no such signal is recorded.
    """
    with left_as_it_was(simulator):
        traces = simulator.run(Block(values, index=seeds.presentation("slopes"))).traces
    kinds = {p.name: p for p in simulator.network.populations if isinstance(p, Rate)}
    found = {
        name: traces[f"{name}.gain"][:, -1]
        for name, population in kinds.items()
        if f"{name}.gain" in traces and population.gain == "slope"
    }
    if not found:
        raise DataError(
            "Slopes need a simulator that records the gain of a Rate population whose gain is its "
            "slope; use simulate(..., record=[...], traces=['gain'])."
        )
    return found


@checked()
def saturated(gain: Matrix, activation: str) -> Statistic:
    """Return the fraction of trials in which each unit is saturated.

    Parameters
    ----------
    gain
        Slopes, shape (n_trials, n) [dimensionless].
    activation
        One of `STEEPEST`.

    Returns
    -------
    Statistic
        Fraction of trials in which the slope is below `SHARE` of the largest: absolute activities
        above 0.949 under tanh, below 0.026 or above 0.974 under logistic. Its mean is the fraction
        of all responses. The threshold is a choice; Glorot & Bengio 2010 show activities.

    Raises
    ------
    DataError
        If the activation does not saturate, or there is no trial.
    """
    if activation not in STEEPEST:
        raise ParameterError(
            f"Saturation is of {', '.join(STEEPEST)}, got {activation!r}; use dead for others.",
            object="saturation.saturated",
            parameter="activation",
        )
    end = SHARE * STEEPEST[activation]
    share = np.mean(exceeds(end, _checked(gain), end), axis=0)
    return Statistic(share, "1", "neuron", "Glorot & Bengio 2010, section 3")


@checked()
def dead(gain: Matrix) -> Statistic:
    """Return which units are dead: zero slope in all trials, and so no gradient to learn from.

    Parameters
    ----------
    gain
        Slopes, shape (n_trials, n) [dimensionless].

    Returns
    -------
    Statistic
        1 for a unit whose absolute slope never exceeds `LEAST`, else 0; its mean is the fraction of
        dead units, with respect to these trials.

    Raises
    ------
    DataError
        If there is no trial.
    """
    silent = ~exceeds(np.abs(_checked(gain)), LEAST, LEAST).any(axis=0)
    source = "Lu, Shin, Su & Karniadakis 2020, doi:10.4208/cicp.OA-2020-0165"
    return Statistic(silent.astype(float), "1", "neuron", source)


def _checked(gain: np.ndarray) -> np.ndarray:
    if not gain.size:
        raise DataError(
            f"Slopes must have shape (n_trials, n), with 1 trial or more, got {gain.shape}; record "
            "them with apical.measures.saturation.slopes."
        )
    if not np.isfinite(gain).all():
        raise DataError("Slopes must be finite; record trials in which the network is stable.")
    return gain
