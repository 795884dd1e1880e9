"""Spike train distance (van Rossum)."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from apical._base.checking import checked
from apical._base.parameters import Array, Duration, Time
from apical._base.rounding import is_nothing
from apical.errors import ParameterError

Times = Annotated[ArrayLike, Array((1,), finite=True)]
"""Finite times, with 1 dimension."""


@checked()
def van_rossum(
    one: Times, other: Times, *, tau_rise: Time = 5.0, tau_decay: Duration = 10.0
) -> float:
    r"""Return the squared van Rossum distance of two spike trains [dimensionless].

    Both are filtered by a double exponential kernel; the integral of their squared difference is
    given in units of that of a single spike, so the distance from an empty train is about the
    number of spikes of the other, if these are far apart.

    .. math:: D^2 = \frac{\int (f - g)^2\, dt}{\int k^2\, dt}, \quad f(t) = \sum_i k(t - t_i)

    Parameters
    ----------
    one, other
        Spike times [ms], shape (n_spikes,) each.
    tau_rise, tau_decay
        Time constants of the kernel ``exp(-t/tau_decay) - exp(-t/tau_rise)`` [ms]; 0 for the rise
        leaves the single exponential of van Rossum.

    Raises
    ------
    ParameterError
        If not ``0 <= tau_rise < tau_decay``.

    References
    ----------
    van Rossum 2001, doi:10.1162/089976601300014321; with this kernel Zenke & Ganguli 2018,
    doi:10.1162/neco_a_01086.

    Examples
    --------
    >>> from apical.measures.spike_distance import van_rossum
    >>> van_rossum([10.0, 20.0], [10.0, 20.0])
    0.0
    >>> van_rossum([10.0], []), round(van_rossum([10.0, 500.0], []), 6)
    (1.0, 2.0)

    Without a rise, two spikes that are t apart have the distance 2 (1 - exp(-t/tau_decay)):

    >>> import math
    >>> distance = van_rossum([10.0], [15.0], tau_rise=0, tau_decay=10.0)
    >>> math.isclose(distance, 2 * (1 - math.exp(-5 / 10)))
    True
    >>> van_rossum([1.0], [2.0], tau_rise=10.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: van_rossum needs 0 <= tau_rise < tau_decay [ms], ...
    """
    if not 0 <= tau_rise < tau_decay:
        raise ParameterError(
            "van_rossum needs 0 <= tau_rise < tau_decay [ms], got "
            f"tau_rise={tau_rise!r}, tau_decay={tau_decay!r}.",
            object="spike_distance.van_rossum",
            parameter="tau_rise",
        )
    times = np.concatenate([np.ravel(one), np.ravel(other)]).astype(np.float64)
    signs = np.repeat([1.0, -1.0], [np.size(one), np.size(other)])
    lags = np.abs(times[:, None] - times)
    # the integral of two kernels, one later than the other, over that of one squared
    overlap = tau_decay * np.exp(-lags / tau_decay)
    if tau_rise:
        overlap -= tau_rise * np.exp(-lags / tau_rise)
        overlap /= tau_decay - tau_rise
    else:
        overlap /= tau_decay
    apart = float(signs @ overlap @ signs)
    return 0.0 if is_nothing(apart, len(times)) else apart  # of equal trains rounding leaves 1e-16
