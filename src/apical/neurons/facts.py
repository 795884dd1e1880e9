"""Vocabulary of populations: roles, parts of an error, assumptions."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["stimulus", "neurons", "bias", "error", "target", "relay", "reward"]
"""Role of a population in the network.

==============  ==============================================================================
``"stimulus"``  Input neurons without afferents: a `Stimulus`, with any encoder.
``"neurons"``   Ordinary neurons, which respond to their drive; may be the output.
``"bias"``      One neuron whose ``x`` is always 1: its synapses are the biases of others.
``"error"``     Driven by the output, receives the label, represents the error.
``"target"``    Receives the label, and has no afferents.
``"relay"``     Relays the dendritic feedback of one other population (`Population.relays`).
``"reward"``    One neuron: the decrease of a trial's loss due to noise.
==============  ==============================================================================
"""

ROLES: tuple[Role, ...] = get_args(Role)

Half = Literal["size", "surplus", "lack"]
"""Part of a signed error: its size, or its positive or negative part."""

Kept = Half | Literal["square"]
"""Part of a signed error that error neurons may offer, or half of its square (the loss)."""

Level = Literal["local", "noted", "broadcast", "idealised", "doubtful", "not local"]
"""Level of plausibility; `apical.plausibility.findings.Finding` explains each."""

Aspect = Literal[
    "locality",
    "one-way",
    "weight transport",
    "weight sharing",
    "feedback",
    "feedback effect",
    "teacher",
    "signed error",
    "error size",
    "phases",
    "plasticity switch",
    "global quantities",
    "batch statistics",
    "rates and spikes",
    "spike derivative",
    "Dale's law",
    "update locking",
    "settling time",
    "delays",
    "memory",
    "precision",
    "connectivity",
    "cost",
    "description",
]
"""Aspect that the scorecard judges."""


@dataclass(frozen=True)
class Assumption:
    """Assumption of a neuron model: a line of the scorecard.

    Parameters
    ----------
    aspect, level
        Aspect that is judged, and its level of plausibility.
    reason
        Reason, in words.

    See Also
    --------
    apical.check : The scorecard that lists them.

    Examples
    --------
    >>> from apical.neurons.facts import Assumption
    >>> Assumption("spike derivative", "idealised", "a pseudo-derivative").level
    'idealised'
    """

    aspect: Aspect
    level: Level
    reason: str


@dataclass(frozen=True)
class Integrator:
    r"""Parameters of an integrate-and-fire neuron, as other simulators know it.

    .. math::

        \tau_m \frac{dv}{dt} &= I + b - v \\
        \tau_s \frac{dI}{dt} &= -I + \tau_s \sum_j w_j S_j(t)

    with a spike at ``v > 1``; without `leak`, ``- v`` is missing, and with ``tau_s=0`` spikes add
    their weights to ``v``.

    Parameters
    ----------
    tau_m, tau_s
        Time constants of the membrane and of the synaptic current [ms].
    leak
        Whether the membrane leaks.
    bias
        Constant current [dimensionless, in units of the threshold].
    hard
        Whether a spike sets the membrane potential to 0; otherwise it subtracts the threshold.
    v_start
        Membrane potential at the start [dimensionless].
    besides
        What the model does besides, in words.

    See Also
    --------
    apical.nir : What uses them.

    Examples
    --------
    >>> from apical import LIF
    >>> LIF("hidden", 3, refractory=2.0).integrator.besides
    ('a refractory period of 2 ms',)
    """

    tau_m: float
    tau_s: float
    leak: bool
    bias: float
    hard: bool
    v_start: float
    besides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tabulated:
    """What makes the spikes of a population where those of a frame can be worked out at once.

    Nothing that happens within a frame changes them: between frames they follow from each neuron's
    own variables and from constants, in `equations`, `threshold` and `reset` alone. What follows
    from the spikes stands apart.

    Parameters
    ----------
    equations, threshold, reset
        Those of the population's model that make spikes, in Brian2's grammar.
    follows
        The other equations of the model.
    at_spike
        The other statements of its reset.
    given
        Whether spikes are given with a block, as events, and nothing makes them.

    See Also
    --------
    apical.neurons.encoding.Encoder : Says so by `tabulated`.

    Examples
    --------
    >>> from apical import Stimulus
    >>> found = Stimulus("stimulus", 3).tabulated
    >>> found.reset, found.at_spike
    ('phase -= 1', 'x += 1')
    """

    equations: str
    threshold: str
    reset: str
    follows: str
    at_spike: str
    given: bool = False
