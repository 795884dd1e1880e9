"""Wirings, by name: pathways of the third factor of learning, and what they require of neurons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from apical._base.bibliography import references_section
from apical._base.names import check_name
from apical._base.registry import Registry
from apical.feedback import pathways
from apical.feedback.pathways import FeedbackPathway
from apical.feedback.two_phase import two_phases
from apical.neurons.base import Population
from apical.projections.projection import Projection


@dataclass(frozen=True)
class Wiring:
    """Wiring: a way to carry the third factor of learning to every population.

    Call it in `apical.Network.teach`: ``net.teach(wiring(error, net.forward))``.

    Parameters
    ----------
    name
        Name in commands and in `WIRINGS`.
    label
        Name in tables and figures, for instance ``"DFA"``.
    about
        How it carries the third factor, in one line.
    connect
        Given the error neurons and the forward projections, returns the `FeedbackPathway`.
    options
        Default keyword arguments of `connect`.
    hidden, output
        Parameters that hidden populations, and the output, need under this wiring only:
        ``Rate("hidden", 100, **wiring.hidden)``.
    local
        Whether the information that each synapse uses is local; backpropagation is not local.
    spikes
        Whether it works with spiking populations.

    See Also
    --------
    apical.Network.rewired : The same network under another wiring.

    Examples
    --------
    >>> from apical.feedback import WIRINGS
    >>> [(name, WIRINGS[name].label, WIRINGS[name].local) for name in ("bp", "dfa", "ifa_random")]
    [('bp', 'BP', False), ('dfa', 'DFA', True), ('ifa_random', 'IFA random', True)]
    >>> WIRINGS["two_phases"].hidden, WIRINGS["two_phases"].output
    ({'plateau': 'logistic'}, {'nudge': 1.0})
    >>> WIRINGS["ifa"].name  # another name of it
    'ifa_forward'
    >>> WIRINGS["dfb"]  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: There is no wiring 'dfb'; known are ... Did
        you mean 'dfa'?...
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

    def __post_init__(self) -> None:
        check_name(self.name, "word", "Wiring", "a wiring")

    @property
    def source(self) -> str:
        """Its references, as the docstring of `connect` states them."""
        return references_section(self.connect.__doc__)

    def __call__(
        self, error: Population, forward: Sequence[Projection], *more: Any, **options: Any
    ) -> FeedbackPathway:
        """Return the pathway from error neurons to the populations of forward projections.

        What follows these two goes on to the function that makes it, for instance its `weights`.
        """
        return self.connect(error, forward, *more, **{**self.options, **options})

    def suited(self, population: Population, *, is_output: bool) -> Population:
        """Return a population with the parameters of this wiring, without those of other wirings.

        Parameters
        ----------
        population
            A population that learns.
        is_output
            Whether it is the output; otherwise it is a hidden population.

        Examples
        --------
        >>> import apical as ap
        >>> two_phases, dfa = ap.feedback.WIRINGS["two_phases"], ap.feedback.WIRINGS["dfa"]
        >>> hidden = two_phases.suited(ap.Rate("hidden", 3), is_output=False)
        >>> hidden.plateau, dfa.suited(hidden, is_output=False).plateau
        ('logistic', None)
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
        "gevb",
        "GEVB",
        "global error-vector broadcasting: the error of class k reaches component k of every unit",
        pathways.error_vector,
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
"""Registry of wirings, by name."""


def label(name: str) -> str:
    """Return the label of a wiring in tables and figures, for any name that a model uses.

    Examples
    --------
    >>> from apical.feedback.wirings import label
    >>> label("dfa"), label("ifa_random"), label("mine")
    ('DFA', 'IFA random', 'MINE')
    """
    return WIRINGS[name].label if name in tuple(WIRINGS) else name.upper()


def suited(
    wiring: Callable[..., FeedbackPathway], population: Population, *, is_output: bool
) -> Population:
    """Return a population with the parameters of a wiring; other functions change nothing.

    Parameters
    ----------
    wiring, population, is_output
        As in `Wiring.suited`.

    See Also
    --------
    Wiring.suited : Of one wiring.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.feedback.wirings import suited
    >>> wiring = ap.feedback.WIRINGS["two_phases"]
    >>> suited(wiring, ap.Rate("output", 3), is_output=True).nudge
    1.0
    >>> suited(ap.feedback.direct, ap.Rate("output", 3), is_output=True).nudge
    0.0
    """
    if not isinstance(wiring, Wiring):
        return population
    return wiring.suited(population, is_output=is_output)
