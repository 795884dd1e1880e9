"""Relay neurons: pass on the dendritic feedback of another population as spikes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self, final

from apical._base.parameters import Count, Positive
from apical.errors import WiringError
from apical.language.fragments import lines, when
from apical.neurons.base import INFINITE, NeuronModel, Population
from apical.neurons.facts import Role


@final
@dataclass(frozen=True)
class Relay(Population):
    r"""Spiking relays of dendritic feedback: a positive and a negative one for each neuron.

    .. math:: n_k^{\mathrm{up}} - n_k^{\mathrm{down}} = \operatorname{round}(\delta_k/\theta)

    Neuron k of the first half spikes when ``delta = gain * teach`` of neuron k signals that it was
    too active (``delta < 0``), neuron k of the second half when it was not active enough, as in
    `Error`. A spike represents `theta`: the part not yet transmitted, ``owed``, starts half-way
    between the two thresholds, so that the difference of the two spike counts is ``delta/theta``
    rounded. Of a dendrite without leak (``tau_teach`` infinite) changes are relayed; of a leaky
    one, the integral over time, which is the sum of its inputs. `size` is twice that of the
    population.

    A relay receives one dendritic signal and no other input. The two of a pair interact
    (push-pull): a spike of either reduces what is owed by both.

    Parameters
    ----------
    of
        The population that is relayed.
    theta
        Size that a spike represents [dimensionless, in units of ``delta``]; 1, as large as an
        error spike of weight 1.

    See Also
    --------
    apical.Error : Error neurons in pairs of opposite sign.
    apical.feedback.indirect : Connects relays.

    References
    ----------
    Two populations for the two signs of an error: Neftci et al. 2017,
    doi:10.3389/fnins.2017.00324; the path of the error through the populations: feedback
    alignment, Lillicrap et al. 2016, doi:10.1038/ncomms13276, eq. 4.

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

    size: Count = field()
    of: Population
    theta: Positive = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.of.tau_teach is None:
            raise WiringError(
                f"Relay {self.name!r} relays the dendrites of LIF neurons, which have a time "
                f"constant (tau_teach); {self.of.name!r} is {type(self.of).__name__}.",
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
                # the two owe opposite amounts: where one has just spiked, the other is as far below
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
    """Return the input of a dendrite in a time step, in terms of its signal ``heard``.

    Parameters
    ----------
    population
        A population with an apical dendrite.

    Returns
    -------
    tuple
        An expression, which may read the previous value, ``held``; and its parameters.
    """
    if holds(population):
        return "heard - held", {}
    tau = _tau_teach(population)
    if tau == 0:
        return "heard", {}
    # the fraction that decays in a step: what is left of an event sums to it, at any time step
    return "heard*(1 - exp(-dt/tau_heard))", {"tau_heard": (tau, "ms")}


def holds(population: Population) -> bool:
    """Say whether a dendrite has no leak within a trial, so that its changes are its input."""
    return _tau_teach(population) == INFINITE


def _tau_teach(population: Population) -> float:
    """Return the time constant of a dendrite [ms]; infinite for rate neurons, which sum."""
    return INFINITE if population.tau_teach is None else population.tau_teach
