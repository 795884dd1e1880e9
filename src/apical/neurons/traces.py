"""Exponential traces of spikes and of dendritic feedback."""

from apical.language.fragments import when
from apical.neurons.base import INFINITE

Parameters = dict[str, tuple[float, str]]
"""Value and unit of shared constants, as in `apical.NeuronModel`."""


def trace(name: str, tau: float) -> str:
    r"""Return the equation of an exponential trace, or of a variable without decay.

    .. math:: \tau \frac{dx}{dt} = -x

    Parameters
    ----------
    name
        Variable that decays.
    tau
        Time constant [ms]; infinite for a count, 0 for a variable that is set to 0 in every time
        step: neither decays.

    Examples
    --------
    >>> trace("x", 20.0)
    'dx/dt = -x/tau_x : 1'
    >>> trace("x", float("inf"))
    'x : 1'
    """
    return when(decays(tau), f"d{name}/dt = -{name}/tau_{name} : 1", f"{name} : 1")


def decays(tau: float) -> bool:
    """Say whether a trace decays exponentially: its time constant [ms] is neither 0 nor infinite.

    Examples
    --------
    >>> decays(20.0), decays(0.0), decays(float("inf"))
    (True, False, False)
    """
    return tau not in (0, INFINITE)


def trace_parameters(name: str, tau: float) -> Parameters:
    """Return the time constant that `trace` reads.

    Examples
    --------
    >>> trace_parameters("x", 20.0)
    {'tau_x': (20.0, 'ms')}
    """
    return {f"tau_{name}": (tau, "ms")} if decays(tau) else {}


def forget(x_floor: float) -> str:
    """Return the statement that sets small spike traces to 0.

    Parameters
    ----------
    x_floor
        Cut-off of the spike trace [dimensionless]; 0 for none.

    Examples
    --------
    >>> forget(0.01)
    'x = x*int(x > x_floor)'
    """
    return when(x_floor, "x = x*int(x > x_floor)")


def forget_parameters(x_floor: float) -> Parameters:
    """Return the cut-off that `forget` reads.

    Examples
    --------
    >>> forget_parameters(0.01)
    {'x_floor': (0.01, '1')}
    """
    return {"x_floor": (x_floor, "1")} if x_floor else {}
