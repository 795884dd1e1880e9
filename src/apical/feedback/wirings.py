"""The wirings of one rule, by name: what brings the third factor, and what that asks of neurons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from apical._base.registry import Registry
from apical.feedback import pathways
from apical.feedback.pathways import FeedbackPathway
from apical.feedback.two_phase import two_phases
from apical.neurons.base import Population
from apical.projections.projection import Projection


@dataclass(frozen=True)
class Wiring:
    """A way to bring the third factor of learning to every population.

    It is called as `apical.Network.teach` needs it: ``net.teach(wiring(error, net.forward))``.

    Parameters
    ----------
    name
        What commands and `WIRINGS` know it by.
    label
        What tables and figures call it, for instance ``"DFA"``.
    about
        How it brings the third factor, in one line.
    connect
        Given the error neurons and the forward projections, returns the `FeedbackPathway`.
    options
        Keyword arguments that `connect` gets, unless it is given others.
    hidden, output
        Parameters that hidden populations, and the output, need under this wiring and not without
        it: ``Rate("hidden", 100, **wiring.hidden)``.
    local
        Whether every synapse knows what it uses; backpropagation is not local.
    spikes
        Whether populations may spike.
    """

    name: str
    label: str
    about: str
    connect: Callable[..., FeedbackPathway]
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    local: bool = True
    spikes: bool = True

    def __call__(
        self, error: Population, forward: Sequence[Projection], *more: Any, **options: Any
    ) -> FeedbackPathway:
        """Return the pathway from error neurons to the populations of forward projections.

        What follows these two goes on to the function that makes it, for instance its `weights`.
        """
        return self.connect(error, forward, *more, **{**self.options, **options})

    def suited(self, population: Population, *, is_output: bool) -> Population:
        """Return a population with what this wiring asks of it, less what only others ask for.

        Parameters
        ----------
        population
            A population that learns.
        is_output
            Whether it is the output; else it is a hidden one.
        """
        needs = self.output if is_output else self.hidden
        defaults: dict[str, Any] = {f.name: f.default for f in fields(population)}
        of_any = {name for wiring in WIRINGS.values() for name in (*wiring.hidden, *wiring.output)}
        changes = {name: defaults[name] for name in of_any - {*needs} if name in defaults}
        changes |= {
            name: value
            for name, value in needs.items()
            if name in defaults and getattr(population, name) == defaults[name]
        }
        differs = any(getattr(population, name) != value for name, value in changes.items())
        return replace(population, **changes) if differs else population


_WIRINGS = (
    Wiring(
        "bp",
        "BP",
        "backpropagation: back along the transpose of the forward weights; a reference",
        pathways.transposed,
        local=False,
        spikes=False,
    ),
    Wiring(
        "fa",
        "FA",
        "feedback alignment: from each population to the one before, fixed random synapses",
        pathways.layerwise,
    ),
    Wiring(
        "dfa",
        "DFA",
        "direct feedback alignment: from the error to every population, fixed random synapses",
        pathways.direct,
    ),
    Wiring(
        "ifa_forward",
        "IFA forward",
        "indirect feedback alignment: to the first population, and on along forward synapses",
        pathways.indirect,
        {"relay": "forward"},
    ),
    Wiring(
        "ifa_random",
        "IFA random",
        "indirect feedback alignment: to the first population, and on through fixed random ones",
        pathways.indirect,
        {"relay": "random"},
    ),
    Wiring(
        "drtp",
        "DRTP",
        "direct random target projection: hidden populations hear the target, not the error",
        pathways.target_projection,
        spikes=False,
    ),
    Wiring(
        "two_phases",
        "two phases",
        "hidden dendrites compare the output as it is with the output moved towards its target",
        two_phases,
        hidden={"plateau": "logistic"},
        output={"nudge": 1.0},
        spikes=False,
    ),
)

WIRINGS: Registry[Wiring] = Registry(
    "wiring",
    {wiring.name: wiring for wiring in _WIRINGS},
    aliases={"ifa": "ifa_forward"},
    fits=lambda value: isinstance(value, Wiring),
)
"""Every wiring, by the names that commands know."""


def label(name: str) -> str:
    """Return what tables and figures call a wiring, whatever a model means by its name."""
    return WIRINGS[name].label if name in tuple(WIRINGS) else name.upper()


def suited(
    wiring: Callable[..., FeedbackPathway], population: Population, *, is_output: bool
) -> Population:
    """Return a population as a wiring needs it; a function that is no `Wiring` needs nothing.

    Parameters
    ----------
    wiring, population, is_output
        As in `Wiring.suited`.
    """
    if not isinstance(wiring, Wiring):
        return population
    return wiring.suited(population, is_output=is_output)
