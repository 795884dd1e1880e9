"""SuperSpike: spiking neurons learn when to spike, by a surrogate of their slope and an error.

Zenke & Ganguli 2018, doi:10.1162/neco_a_01086.
"""

from apical._base.checking import checked
from apical._base.parameters import Duration, NonNegative
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule
from apical.plasticity.traces import INFINITE, Trace

SOURCE = "Zenke & Ganguli 2018, doi:10.1162/neco_a_01086, and its published code"


@checked()
def slope(beta: NonNegative = 10.0) -> str:
    """Return the slope of a fast sigmoid around the threshold, as the `gain` of a LIF population.

    ``1/(1 + beta*abs(v - 1))**2``, the surrogate for the derivative of a spike by the membrane.

    Parameters
    ----------
    beta
        Steepness [per distance from rest to threshold]; 10 is the 1 per mV of the published code,
        where the threshold lies 10 mV above rest.
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
    """Return the rule: at a trial's end, what eligibility and filtered error had in common.

    Each synapse keeps the potential that its spikes made (``psp``), its product with the slope
    of the neuron, filtered twice (``eligible``), and the feedback that its neuron heard,
    filtered as often (``heard``, a low-pass of ``teach``); ``summed`` adds up the product of the
    two. The dendrite must decay with `tau_s` (``tau_teach``), the presynaptic trace too
    (``tau_x``), and the `gain` be `slope`. With `Error` neurons that are told trains and
    feedback through the transpose of the weights, that is descent on the van Rossum distance
    of output and target with the double exponential kernel of the two time constants.

    Parameters
    ----------
    eta
        Learning rate [dimensionless].
    tau_m, tau_s
        Time constants of membrane and synaptic current [ms], also those of the kernel.
    dynamics
        What the synapse makes of the updates; published:
        `apical.plasticity.optimizers.leaky_maximum`.
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
