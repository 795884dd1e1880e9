"""Relays: neurons that pass on, as spikes, what the dendrites of another population heard."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final

from apical._base.parameters import Positive
from apical.errors import WiringError
from apical.language.fragments import lines, when
from apical.neurons.base import INFINITE, NeuronModel, Population
from apical.neurons.facts import Role


@final
@dataclass(frozen=True)
class Relay(Population):
    r"""Spiking relays of the dendrites of a population: one positive and one negative for each.

    .. math:: n_k^{\mathrm{up}} - n_k^{\mathrm{down}} = \operatorname{round}(\delta_k/\theta)

    Neuron k of the first half spikes when ``delta = gain * teach`` of neuron k says that it did
    too much (``delta < 0``), neuron k of the second half when it did too little, as in `Error`. A
    spike stands for `theta`: what is not yet said, ``owed``, starts half-way to a threshold on
    either side, so that spikes of the two, one minus the other, are ``delta/theta`` rounded. A
    dendrite that holds what arrives (``tau_teach`` infinite) is said by its changes; one that
    forgets, by its integral over time, which is the sum of what arrived. `size` is twice that of
    the population.

    A relay hears one dendrite and no other neuron. The two of a pair push and pull each other: a
    spike of either takes back what both owe.

    Parameters
    ----------
    of
        The population that is relayed.
    theta
        What a spike stands for [dimensionless, in units of ``delta``]; 1, as large as an error
        spike of weight 1.

    See Also
    --------
    apical.Error : Speaks in the same two signs.
    apical.feedback.indirect : Wires relays.

    References
    ----------
    Two populations that carry the two signs of an error are those of Neftci et al. 2017,
    doi:10.3389/fnins.2017.00324; the way of the error through the populations is that of
    feedback alignment, Lillicrap et al. 2016, doi:10.1038/ncomms13276, eq. 4.

    Examples
    --------
    >>> from apical import LIF, Relay
    >>> relay = Relay("relay", 20, of=LIF("hidden", 10))
    >>> print(relay.model.equations)
    owed : 1
    x : 1
    side = 1 - 2*int(i >= half) : 1
    held : 1
    >>> print(relay.model.at_step)
    owed += theta*int(owed < -0.5*theta)
    owed -= side*(heard - held)
    held = heard
    """

    role: ClassVar[Role] = "relay"

    of: Population
    theta: Positive = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.of.tau_teach is None:
            raise WiringError(
                f"Relay {self.name!r} relays the dendrites of LIF neurons, which say how long they "
                f"hold what arrives (tau_teach); {self.of.name!r} is {type(self.of).__name__}.",
                object=f"Relay {self.name!r}",
            )
        if self.size != 2 * self.of.size:
            raise WiringError(
                f"Relay {self.name!r} has a positive and a negative neuron for each of the "
                f"{self.of.size} neurons of {self.of.name!r}, so its size must be "
                f"{2 * self.of.size}, got {self.size}.",
                object=f"Relay {self.name!r}",
            )

    @property
    def inputs(self) -> Mapping[str, str]:
        return {}

    @property
    def signals(self) -> tuple[str, ...]:
        return ("x", "owed")

    @property
    def hears(self) -> Mapping[str, tuple[Population, str]]:
        return {"heard": (self.of, "delta")}

    @property
    def relays(self) -> Population:
        return self.of

    @property
    def is_paired(self) -> bool:
        return True

    def relaying(self, population: Population) -> Self:
        return replace(self, of=population)

    @property
    def model(self) -> NeuronModel:
        heard, parameters = what_came(self.of)
        return NeuronModel(
            equations=lines(
                "owed : 1",
                "x : 1",
                "side = 1 - 2*int(i >= half) : 1",
                when(holds(self.of), "held : 1"),
            ),
            threshold="owed > 0.5*theta",
            reset="owed -= theta\nx += 1",
            at_step=lines(
                # what the two owe is opposite: where one has just spiked, the other is as far below
                "owed += theta*int(owed < -0.5*theta)",
                f"owed -= side*({heard})",
                when(holds(self.of), "held = heard"),
            ),
            parameters={
                "half": (self.of.size, "integer"),
                "theta": (self.theta, "1"),
                **parameters,
            },
        )


def what_came(population: Population) -> tuple[str, dict[str, tuple[float, str]]]:
    """Return what came to a dendrite in a time step, in terms of what is ``heard`` of it.

    Parameters
    ----------
    population
        A population with an apical dendrite.

    Returns
    -------
    tuple
        An expression, which may read what was heard before, ``held``; and its parameters.
    """
    if holds(population):
        return "heard - held", {}
    tau = _tau_teach(population)
    if tau == 0:
        return "heard", {}
    # the share that decays in a step: what is left of an event adds up to the event, at any step
    return "heard*(1 - exp(-dt/tau_heard))", {"tau_heard": (tau, "ms")}


def holds(population: Population) -> bool:
    """Say whether a dendrite holds what it heard for a trial, so that its changes are what came."""
    return _tau_teach(population) == INFINITE


def _tau_teach(population: Population) -> float:
    """Return the time constant of a dendrite [ms]; those of rates sum."""
    return INFINITE if population.tau_teach is None else population.tau_teach
