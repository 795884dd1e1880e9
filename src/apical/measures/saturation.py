"""Saturation: how many units hardly answer to their drive any more, and how many are dead.

Both are judged by the slope of a unit's response, which is what a change of its drive does to it,
and a factor of everything that it learns.
"""

import numpy as np

from apical._base import seeds
from apical._base.checking import checked
from apical._base.parameters import Matrix
from apical._base.rounding import exceeds
from apical.devices.simulator import Block, Simulator, left_as_it_was
from apical.errors import DataError, ParameterError
from apical.measures.statistic import Statistic

STEEPEST = {"logistic": 0.25, "tanh": 1.0}
"""Activations that level off at both ends, and their largest slope [dimensionless]."""

SHARE = 0.1
"""A response is saturated whose slope is below this share of the largest."""

LEAST = 1e-3
"""A unit is dead whose slope is nowhere larger than this [dimensionless]."""


@checked()
def slopes(simulator: Simulator, values: Matrix) -> dict[str, np.ndarray]:
    """Return the slope of what each unit makes of each stimulus, learning off.

    Parameters
    ----------
    simulator
        A network of rates, made with ``record`` naming populations, and ``traces=["gain"]``.
    values
        Stimuli, shape (n_trials, n_inputs).

    Returns
    -------
    dict
        Recorded population -> shape (n_trials, n) [dimensionless]; those with ``gain="one"``, whose
        gain is no slope, are left out.

    Raises
    ------
    DataError
        If nothing of the kind is recorded.
    """
    with left_as_it_was(simulator):
        traces = simulator.run(Block(values, index=seeds.presentation("slopes"))).traces
    found = {
        p.name: traces[f"{p.name}.gain"][:, -1]
        for p in simulator.network.populations
        if f"{p.name}.gain" in traces and p.gain_is_slope
    }
    if not found:
        raise DataError(
            "Slopes need a simulator that records the gain of a Rate population whose gain is its "
            "slope; use simulate(..., record=[...], traces=['gain'])."
        )
    return found


@checked()
def saturated(gain: Matrix, activation: str) -> Statistic:
    """Return in how many trials each unit is saturated: its slope is small beside the largest.

    Parameters
    ----------
    gain
        Slopes, shape (n_trials, n) [dimensionless].
    activation
        One of `STEEPEST`.

    Returns
    -------
    Statistic
        Share of trials in which the slope is below `SHARE` of the largest: activities above 0.949
        in size under tanh, below 0.026 or above 0.974 under logistic. Its mean is the share of all
        responses. The threshold is a choice; Glorot & Bengio 2010 show activities.

    Raises
    ------
    DataError
        If the activation does not level off, or there is no trial.
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
    """Return which units are dead: no slope in any trial, so that nothing teaches them.

    Parameters
    ----------
    gain
        Slopes, shape (n_trials, n) [dimensionless].

    Returns
    -------
    Statistic
        1 for a unit whose slope is nowhere larger than `LEAST` in size, else 0; its mean is the
        share of dead units. Known for these trials only.

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
