"""Saturated and dead units, judged by the slope of their activation function.

The slope is the sensitivity of a unit to its drive, and a factor of all of its weight updates: a
saturated unit has a vanishing gradient.

- A unit is **dead** if its absolute slope is at most `LEAST` in every trial (Lu, Shin, Su &
  Karniadakis 2020, doi:10.4208/cicp.OA-2020-0165, for ReLU): it receives no weight updates. Spiking
  units, and stimuli, are dead if they are silent in every trial.
- A response is **saturated** if its slope is below `SHARE` of the largest possible. For logistic,
  tanh and softmax units this is equivalent to an activity more than ``sqrt(1 - SHARE)``, 94.9 %, of
  the way from the middle of its range to one of its ends, as in Glorot & Bengio 2010 (section 3).
  Spiking units have one such end, a spike in every time step outside the refractory period. Other
  responses do not saturate.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from apical._base import seeds
from apical._base.checking import checked, shown
from apical._base.parameters import Matrix
from apical._base.rounding import exceeds, is_nothing, size_of
from apical.devices.simulator import Block, Simulator, left_as_it_was
from apical.errors import DataError, ParameterError
from apical.measures.statistic import Statistic
from apical.network.description import Network
from apical.neurons.base import Population
from apical.records.arrays import Records

if TYPE_CHECKING:
    import pandas as pd

STEEPEST = {"logistic": 0.25, "softmax": 0.25, "tanh": 1.0}
"""Activation functions that saturate at both ends, and their largest slope [dimensionless]."""

SHARE = 0.1
"""A response is saturated if its slope is below this fraction of the largest."""

LEAST = 1e-3
"""A unit is dead if its slope never exceeds this [dimensionless]."""

END = (1 + (1 - SHARE) ** 0.5) / 2
"""Fraction of its range at which a logistic response has `SHARE` of its largest slope
[dimensionless]; spiking units are saturated above this fraction of their largest spike count."""

SLOPES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": np.ones_like,
    "logistic": lambda x: x * (1 - x),
    "softmax": lambda x: x * (1 - x),
    "tanh": lambda x: 1 - x * x,
    "relu": lambda x: np.where(exceeds(x, 0, size_of(x)), 1.0, 0.0),
    "leaky_relu": lambda x: np.where(exceeds(x, 0, size_of(x)), 1.0, 0.01),
    "softplus": lambda x: -np.expm1(-x),
}
"""Slopes of activation functions as functions of the activity; for softmax, by a unit's own drive.
"""


@checked()
def slopes(simulator: Simulator, values: Matrix) -> dict[str, np.ndarray]:
    """Return the slope of the activation function of each unit at each stimulus, learning off.

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

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures import saturation
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward([2, 3, 2], "tanh", wiring=None, weights=ap.Zero())
    >>> options = {"record": ["hidden_1"], "traces": ["gain"]}
    >>> with ap.simulate(net, "array", **options) as simulator:
    ...     found = saturation.slopes(simulator, np.ones((4, 2)))

    Without any drive, tanh has its largest slope:

    >>> found["hidden_1"].shape, float(found["hidden_1"].min())
    ((4, 3), 1.0)
    """
    with left_as_it_was(simulator):
        shown = Block.of_stimuli(values, index=seeds.presentation("slopes"))
        traces = simulator.run(shown).traces
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
        above 0.949 under tanh, below 0.026 or above 0.974 under logistic and softmax. Its mean is
        the fraction of all responses. The threshold is a choice; Glorot & Bengio 2010 show
        activities.

    Raises
    ------
    DataError
        If the activation does not saturate, or there is no trial.

    Examples
    --------
    The activities 0, 0.9 and 0.99 of tanh have the slopes 1, 0.19 and 0.0199; the last is below
    a tenth of the largest:

    >>> import numpy as np
    >>> from apical.measures import saturation
    >>> activity = np.array([[0.0, 0.99], [0.9, 0.99]])
    >>> saturation.saturated(1 - activity**2, "tanh").values
    array([0., 1.])
    >>> saturation.saturated(np.ones((2, 2)), "relu")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Saturation is of logistic, softmax, tanh, got ...
    """
    if activation not in STEEPEST:
        raise ParameterError(
            f"Saturation is of {', '.join(STEEPEST)}, got {shown(activation)}; use dead for "
            "others.",
            object="saturation.saturated",
            parameter="activation",
        )
    share = np.mean(_is_low(_checked(gain), activation), axis=0)
    return Statistic(share, "1", "neuron", "Glorot & Bengio 2010, section 3")


def _is_low(gain: np.ndarray, activation: str) -> np.ndarray:
    end = SHARE * STEEPEST[activation]
    return exceeds(end, gain, end)


@checked()
def dead(gain: Matrix) -> Statistic:
    r"""Return which units are dead: zero slope in all trials, and so no gradient to learn from.

    .. math:: \max_{\text{trials}} \lvert \varphi'(u_j) \rvert \le 10^{-3}

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

    See Also
    --------
    apical.measures.dead_units.dead_units : The same of all hidden populations of a simulator.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures import saturation
    >>> slope_of_relu = np.array([[0.0, 1.0], [0.0, 0.0]])
    >>> found = saturation.dead(slope_of_relu)
    >>> found.values, float(found.values.mean())
    (array([1., 0.]), 0.5)
    """
    silent = _is_flat(_checked(gain)).all(axis=0)
    source = "Lu, Shin, Su & Karniadakis 2020, doi:10.4208/cicp.OA-2020-0165"
    return Statistic(silent.astype(float), "1", "neuron", source)


def _is_flat(gain: np.ndarray) -> np.ndarray:
    return ~exceeds(np.abs(gain), LEAST, LEAST)


@checked()
def unit_measures(network: Network, records: Records) -> "pd.DataFrame":
    """Return the fractions of dead units and of saturated responses of each population.

    Parameters
    ----------
    network
        The description.
    records
        Records: spikes of spiking populations, activity ``x`` of others, and their ``gain`` where
        the slope is no function of the activity (GELU, custom activation functions). A unit is
        called dead on the basis of these trials only.

    Returns
    -------
    DataFrame
        A row for each recorded population except error neurons and biases: ``n``, ``trials``,
        ``dead`` (fraction of units; NaN where slopes are unknown), ``saturated`` (fraction of all
        responses, of each unit in each trial; NaN where they do not saturate), and its
        ``criterion``, in words.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures import saturation
    >>> from apical.records import Records, Spikes, Units
    >>> net = ap.Network(trial=100.0, output="h")
    >>> x, h = net.add(ap.Stimulus("x", 2, ap.encoding.Graded())), net.add(ap.LIF("h", 2))
    >>> projection = net.connect(x, h, weights=ap.Zero(), carries={"drive": "x"})
    >>> records = Records(
    ...     duration=100.0, dt=1.0, units={"h": Units("LIF", np.zeros(2, int))},
    ...     samples=np.arange(2), values=np.zeros((2, 2)), labels=np.arange(2),
    ...     decisions=np.zeros(2, int),
    ...     spikes={"h": Spikes(np.array([0, 1]), np.array([5.0, 9.0]), np.array([0, 0]))},
    ... )
    >>> found = saturation.unit_measures(net, records)
    >>> found[["population", "n", "trials", "dead", "saturated"]].to_dict("records")
    [{'population': 'h', 'n': 2, 'trials': 2, 'dead': 0.5, 'saturated': 0.0}]
    """
    import pandas as pd

    rows = []
    for population in network.populations:
        name = population.name
        apart = population.serves_learning or population.role == "bias"
        if apart or name not in records.units:
            continue
        flat, low, criterion = _judged(population, records)
        rows.append(
            {
                "population": name,
                "n": population.size,
                "trials": len(records),
                "dead": float("nan") if flat is None else float(np.mean(flat.all(axis=0))),
                "saturated": float("nan") if low is None else float(np.mean(low)),
                "criterion": criterion,
            }
        )
    return pd.DataFrame(
        rows, columns=["population", "n", "trials", "dead", "saturated", "criterion"]
    )


def _judged(
    population: Population, records: Records
) -> tuple[np.ndarray | None, np.ndarray | None, str]:
    """Return masks of flat and of saturated responses, (n_trials, n), and the criterion."""
    if population.is_spiking:
        counts = records.counts(population.name)
        most, interval = _ceiling(population, records)
        end = f"over {END:.1%} of {most:g} spikes, one every {interval:g} ms"
        return counts == 0, exceeds(counts, END * most, most), end
    x = records.rates(population.name)
    if population.curve is None:
        return is_nothing(x, size_of(x)), None, ""
    name, gain = population.curve.name, records.signals.get(f"{population.name}.gain")
    slope = SLOPES[name](x) if name in SLOPES else None
    if population.gain_is_slope and gain is not None:
        slope = gain[:, -1]
    flat = None if slope is None else _is_flat(slope)
    if slope is None or name not in STEEPEST:
        return flat, None, ""
    return flat, _is_low(slope, name), f"slope below {SHARE:.0%} of the largest"


def _ceiling(population: Population, records: Records) -> tuple[float, float]:
    """Return the largest spike count of a trial, and the shortest interspike interval [ms].

    Neurons spike at most once in a time step, or in a refractory period if that is longer.
    """
    rest = float(population.refractory)
    interval = float(max(records.dt, np.ceil(rest / records.dt - 1e-9) * records.dt))
    return float(np.floor(records.duration / interval + 1e-9)), interval


def _checked(gain: np.ndarray) -> np.ndarray:
    if not gain.size:
        raise DataError(
            f"Slopes must have shape (n_trials, n), with 1 trial or more, got {gain.shape}; record "
            "them with apical.measures.saturation.slopes."
        )
    if not np.isfinite(gain).all():
        raise DataError("Slopes must be finite; record trials in which the network is stable.")
    return gain
