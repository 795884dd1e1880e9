"""The words in which populations say what they are: roles, parts of an error, assumptions."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["stimulus", "neurons", "bias", "error", "target", "relay", "reward"]
"""What a population is there for.

==============  ==============================================================================
``"stimulus"``  It shows what is presented and hears nobody: a `Stimulus`, with any encoder.
``"neurons"``   It answers what drives it, and may decide.
``"bias"``      One neuron whose ``x`` is always 1: its synapses are the biases of others.
``"error"``     It is driven by what it judges, is shown the label, and holds the error.
``"target"``    It is shown the label and hears nobody.
``"relay"``     It passes on what the dendrites of one other population heard (`Population.relays`).
``"reward"``    One neuron that says by how much a trial goes better with noise than without.
==============  ==============================================================================
"""

ROLES: tuple[Role, ...] = get_args(Role)

Half = Literal["size", "surplus", "lack"]
"""What is left of a signed error: its size, or what its positive or its negative part says."""

Kept = Half | Literal["square"]
"""What error neurons may tell of a signed error: a part of it, or half of its square."""

Level = Literal["local", "broadcast", "idealised", "doubtful", "not local"]
"""How plausible something is; `apical.plausibility.findings.Finding` says what each means."""

Aspect = Literal[
    "locality",
    "one-way",
    "weight transport",
    "feedback",
    "signed error",
    "phases",
    "global quantities",
    "spike derivative",
    "Dale's law",
    "update locking",
    "precision",
    "delays",
    "description",
]
"""What the scorecard judges."""


@dataclass(frozen=True)
class Assumption:
    """What a model of neurons takes for granted: a line of the scorecard about it.

    Parameters
    ----------
    aspect, level
        What is judged, and how plausible it is.
    reason
        Why, in words.
    """

    aspect: Aspect
    level: Level
    reason: str
