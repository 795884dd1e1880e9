"""Criteria of the scorecard: what each aspect asks, and the paper that asks it.

One table. `apical check`, its JSON and docs/reference/scorecard.md read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from apical._base.bibliography import cite
from apical.neurons.facts import Aspect, Level

_CRICK = cite("crick1989")
_BENGIO = cite("bengio2015")
_JADERBERG = cite("jaderberg2017")
_BARTOL = cite("bartol2015")
_BARTUNOV = cite("bartunov2018")
_GERSTNER = cite("gerstner2018")
_WHITTINGTON = cite("whittington2019")
_LILLICRAP = cite("lillicrap2020")
_BREDENBERG = cite("bredenberg2024")
_LV = cite("lv2024")
_SONG = cite("song2005")


@dataclass(frozen=True)
class Criterion:
    """A criterion of plausibility.

    Parameters
    ----------
    text
        What is asked, as a sentence that a plausible network fulfils.
    source
        The paper that it comes from; empty where it is a matter of description alone.

    Examples
    --------
    >>> from apical.plausibility.criteria import CRITERIA
    >>> CRITERIA["locality"].text
    'A synapse changes by what it and its two neurons hold.'
    >>> CRITERIA["locality"].source
    'Whittington & Bogacz 2019, doi:10.1016/j.tics.2018.12.005'
    """

    text: str
    source: str = ""


CRITERIA: Mapping[Aspect, Criterion] = {
    "locality": Criterion("A synapse changes by what it and its two neurons hold.", _WHITTINGTON),
    "one-way": Criterion("A synapse transmits in one direction only.", _CRICK),
    "weight transport": Criterion(
        "No feedback weight is taken from the forward weights.", f"{_LILLICRAP}; {_LV}"
    ),
    "weight sharing": Criterion("Every synapse has a weight and changes of its own.", _BARTUNOV),
    "feedback": Criterion("Feedback has synapses of its own, fixed or plastic.", _BARTUNOV),
    "feedback effect": Criterion("Feedback moves the activity that it reaches.", _LILLICRAP),
    "teacher": Criterion("What is taught comes from a source that a brain may have.", _CRICK),
    "signed error": Criterion(
        "Neurons or dendrites represent the error, with both signs.",
        f"{_WHITTINGTON}; {_LILLICRAP}",
    ),
    "error size": Criterion("Errors stay in the range of neural activity.", _LILLICRAP),
    "phases": Criterion("Learning and deciding need no separate phases.", f"{_WHITTINGTON}; {_LV}"),
    "plasticity switch": Criterion("Nothing outside switches plasticity on.", _WHITTINGTON),
    "global quantities": Criterion("No quantity of all neurons or synapses is read.", _BREDENBERG),
    "batch statistics": Criterion("A trial is learned without the others.", _BREDENBERG),
    "rates and spikes": Criterion("Neurons send spikes, never a negative rate.", _WHITTINGTON),
    "spike derivative": Criterion(
        "Learning reads no derivative that a neuron cannot have.", _BENGIO
    ),
    "Dale's law": Criterion("A neuron excites all its targets, or inhibits all.", _CRICK),
    "update locking": Criterion("A synapse learns without waiting for the others.", _JADERBERG),
    "settling time": Criterion("Learning waits for no equilibrium.", _WHITTINGTON),
    "delays": Criterion("Signals take time to arrive.", _BREDENBERG),
    "memory": Criterion("Activity is remembered until feedback arrives.", _GERSTNER),
    "precision": Criterion("A synapse holds no more than a few bits.", _BARTOL),
    "connectivity": Criterion("Most neurons of two populations share no synapse.", _SONG),
    "cost": Criterion("Learning scales as the network itself does.", _BREDENBERG),
    "description": Criterion("The network is what its author meant."),
}
"""What each aspect asks."""

MEANINGS: Mapping[Level, str] = {
    "local": "what is needed is available at the synapse or in the neuron",
    "noted": "a number or a fact to compare networks by, which no criterion judges",
    "broadcast": "a signal is needed that is the same everywhere",
    "idealised": "local, but no neuron or synapse is known to do it",
    "doubtful": "a description that is probably a mistake",
    "not local": "information is needed that no synapse has",
}
"""What the lines of each level have in common; lines of different levels do not add up."""
