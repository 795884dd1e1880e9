"""Lines of a scorecard."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, get_args

from apical.neurons.base import Population
from apical.neurons.facts import Aspect, Level

LEVELS: tuple[Level, ...] = get_args(Level)

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
"""What is judged, in the order of the scorecard."""

NETWORK = "network"
"""Subject of what is said of the whole model."""


@dataclass(frozen=True)
class Finding:
    """One line of a scorecard.

    Parameters
    ----------
    subject
        Projection or population it is about, or ``"network"``.
    aspect
        What is judged, one of `ASPECTS`.
    level
        ``"local"``: known at the synapse. ``"broadcast"``: needs a signal that reaches every
        synapse alike. ``"idealised"``: known where it is used, but no neuron is known to do it.
        ``"doubtful"``: described in a way that is probably not meant, plausible or not.
        ``"not local"``: needs what no synapse can know.
    reason
        Why, in words.
    place
        ``file:line`` where the subject was described; empty where that is not known.
    """

    subject: str
    aspect: Aspect
    level: Level
    reason: str
    place: str = ""


def assumed(population: Population, *aspects: Aspect) -> Iterator[Finding]:
    """Yield what a population says of itself that its model takes for granted.

    Parameters
    ----------
    population
        Which.
    *aspects
        What of is asked.
    """
    for said in population.assumptions:
        if said.aspect in aspects:
            yield Finding(population.name, said.aspect, said.level, said.reason)


@dataclass(frozen=True)
class Scorecard:
    """What `check` found."""

    findings: tuple[Finding, ...]

    @property
    def is_local(self) -> bool:
        """Whether nothing needs what a synapse cannot know."""
        return not self.faults

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Lines that say ``"not local"``."""
        return self.about_level("not local")

    def about_level(self, level: Level) -> tuple[Finding, ...]:
        """Return the lines of one level, for instance ``"doubtful"``."""
        return tuple(f for f in self.findings if f.level == level)

    @property
    def counts(self) -> dict[str, int]:
        """How many lines are of each level."""
        found = Counter(finding.level for finding in self.findings)
        return {level: found[level] for level in LEVELS}

    def about(self, aspect: Aspect) -> tuple[Finding, ...]:
        """Return the lines that judge one aspect."""
        return tuple(f for f in self.findings if f.aspect == aspect)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for instance for JSON."""
        return {
            "is_local": self.is_local,
            "counts": self.counts,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        return "\n".join(
            f"{f.level:10} {f.aspect:17} {f.subject}: {f.reason}" + f" ({f.place})" * bool(f.place)
            for f in self.findings
        )
