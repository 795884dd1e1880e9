"""SuperSpike: surrogate-gradient learning of precise spike times.

Zenke & Ganguli 2018, doi:10.1162/neco_a_01086.
"""

from apical._base.bibliography import cite
from apical._base.checking import checked
from apical._base.parameters import Duration, NonNegative
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule
from apical.plasticity.traces import INFINITE, Trace

SOURCE = cite("zenke2018", "and its published code")


@checked()
def slope(beta: NonNegative = 10.0) -> str:
    r"""Surrogate gradient: the derivative of a fast sigmoid, as the `gain` of LIF neurons.

    .. math:: \sigma'(v) = \frac{1}{(1 + \beta\,|v - 1|)^2}

    It replaces the derivative of a spike with respect to the membrane potential.

    Parameters
    ----------
    beta
        Steepness [per distance from rest to threshold]; 10 is the 1 per mV of the published code,
        where the threshold lies 10 mV above rest.

    See Also
    --------
    rule : Reads it.
    apical.ALIF : Triangular surrogate gradient by default.

    Examples
    --------
    >>> from apical import LIF, superspike
    >>> LIF("hidden", 10, gain=superspike.slope()).gain
    '1/((1 + 10.0*abs(v - 1))*(1 + 10.0*abs(v - 1)))'
    """
    return f"1/((1 + {beta!r}*abs(v - 1))*(1 + {beta!r}*abs(v - 1)))"


@checked()
def rule(
    eta: float = 1.0,
    *,
    tau_m: Duration = 10.0,
    tau_s: Duration = 5.0,
    dynamics: UpdateDynamics | None = None,
) -> LearningRule:
    r"""SuperSpike rule: eligibility trace times filtered error, integrated over a trial.

    .. math::

        \Delta w_{ij} = \eta \int \big(\alpha * T_j\big)(t)\;
        \alpha * \big(\sigma'(v_j)\, (\epsilon * S_i)\big)(t)\; dt

    ``alpha`` and ``epsilon`` are double exponential kernels of `tau_m` and `tau_s`. Each synapse
    has traces of its postsynaptic potential (``psp``), of the product of that with the surrogate
    gradient, filtered twice (``eligible``), and of the feedback to the postsynaptic neuron,
    filtered likewise (``heard``, a low-pass of ``teach``); ``summed`` integrates the product of the
    latter two. The dendrite must decay with `tau_s` (``tau_teach``), the presynaptic trace too
    (``tau_x``), and the `gain` be `slope`. With target spike trains for the `Error` neurons, and
    feedback through the transpose of the weights, this is gradient descent on the van Rossum
    distance between output and target with the double exponential kernel of the two time
    constants.

    Parameters
    ----------
    eta
        Learning rate [dimensionless].
    tau_m, tau_s
        Time constants of membrane and synaptic current [ms], also those of the kernel; 10 and
        5 ms as published.
    dynamics
        Optimiser; as published: `apical.plasticity.optimizers.leaky_maximum`.

    See Also
    --------
    slope : The surrogate gradient.
    apical.rules.e_prop : With an unfiltered error.

    Examples
    --------
    >>> from apical import superspike
    >>> list(superspike.rule().traces)
    ['psp', 'moved', 'eligible', 'heard', 'summed']
    """
    return LearningRule(
        "superspike",
        "eta * summed",
        {"eta": eta, "per_ms": 1 / tau_m},
        source=SOURCE,
        dynamics=dynamics,
        traces={
            "psp": Trace("per_ms * x_pre", tau_m),
            "moved": Trace("gain_post * psp", tau_s),
            "eligible": Trace("per_ms * moved", tau_m),
            "heard": Trace("per_ms * teach_post", tau_m),
            "summed": Trace("eligible * heard", INFINITE),
        },
    )
