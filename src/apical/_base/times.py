"""Conversion of times [ms] to whole numbers of time steps."""

from math import floor

from apical.errors import ParameterError

TOLERANCE = 1e-6
"""Tolerance for a time to count as a whole number of time steps, as a fraction of a step."""


def steps(duration: float, dt: float, what: str, parameter: str = "") -> int:
    """Convert a time to a number of time steps.

    Parameters
    ----------
    duration
        The time [ms].
    dt
        Time step [ms].
    what
        What lasts so long, for messages: ``"the delay of projection 'a_to_b'"``.
    parameter
        Name of the parameter that it was given by.

    Raises
    ------
    ParameterError
        If it is not a multiple of the time step, within `TOLERANCE` of one; the message names the
        two nearest.

    Examples
    --------
    >>> steps(1.5, 0.1, "the delay")
    15
    """
    exact = duration / dt
    nearest = round(exact)
    if abs(exact - nearest) <= TOLERANCE:
        return nearest
    below, above = floor(exact) * dt, (floor(exact) + 1) * dt
    raise ParameterError(
        f"{what[0].upper()}{what[1:]} must be a multiple of the time step dt={dt:g} ms, got "
        f"{duration:.7g} ms; the nearest are {below:.9g} and {above:.9g} ms. Choose one of them, "
        "or another dt.",
        object=what,
        parameter=parameter,
    )
