"""Findings of an audit, and the scorecard that they make up."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, get_args

from apical._base.html_tables import Cell, card, folded, table
from apical._base.plain_values import plain
from apical.neurons.base import Population
from apical.neurons.facts import Aspect, Level
from apical.plausibility.criteria import CRITERIA, MEANINGS
from apical.plausibility.matching import Match

LEVELS: tuple[Level, ...] = get_args(Level)

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
"""Aspects of biological plausibility, in the order of the scorecard."""

NETWORK = "network"
"""Subject of findings about the whole model."""


@dataclass(frozen=True)
class Alignment:
    """One comparison of feedback with forward weights.

    Parameters
    ----------
    subject
        The feedback projection or the population on which feedback ends.
    part
        Which part of the feedback weights; empty for the whole of a projection.
    forward
        The forward weights, transposed.
    match
        How far they agree, and what would have been seen.

    Examples
    --------
    >>> from apical.plausibility import audit
    >>> from apical.testing.references import rates
    >>> card = audit(rates())
    >>> findings = {finding.subject: finding for finding in card.about("weight transport")}
    >>> findings["error_to_hidden_2"].alignment[0].forward
    "the transposed weights of 'hidden_2_to_output'"
    """

    subject: str
    part: str
    forward: str
    match: Match


@dataclass(frozen=True)
class Finding:
    """A finding: one line of a scorecard.

    Parameters
    ----------
    subject
        Projection or population that it is about, or ``"network"``.
    aspect
        Aspect of plausibility, one of `ASPECTS`.
    level
        ``"local"``: available at the synapse. ``"noted"``: a number or a fact that no criterion
        judges. ``"broadcast"``: needs a global signal, the same at every synapse. ``"idealised"``:
        local, but no neuron is known to do it. ``"doubtful"``: probably not intended, plausible or
        not. ``"not local"``: needs information that no synapse has.
    reason
        The reason, in words.
    place
        ``file:line`` where the subject was described; empty if unknown.
    alignment
        The comparisons that a finding on weight transport is made of.

    Examples
    --------
    >>> from apical.plausibility import audit
    >>> from apical.testing.references import rates
    >>> finding = audit(rates()).about("locality")[0]
    >>> finding.subject, finding.level
    ('stimulus_to_hidden_1', 'local')
    >>> finding.reason  # doctest: +NORMALIZE_WHITESPACE
    "rule 'three_factor' (eta * x_pre * gain_post * teach_post) reads x_pre in stimulus; gain_post,
    teach_post in hidden_1; eta in the synapse, when a trial ends"
    >>> finding.criterion
    'A synapse changes by what it and its two neurons hold.'
    """

    subject: str
    aspect: Aspect
    level: Level
    reason: str
    place: str = ""
    alignment: tuple[Alignment, ...] = ()

    @property
    def criterion(self) -> str:
        """What its aspect asks (`apical.plausibility.criteria.CRITERIA`)."""
        return CRITERIA[self.aspect].text

    @property
    def source(self) -> str:
        """The paper that asks it; empty where it is a matter of description alone."""
        return CRITERIA[self.aspect].source

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, its criterion and that one's source among them."""
        found = asdict(self) | {"criterion": self.criterion, "source": self.source}
        return {name: plain(value) for name, value in found.items()}


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
    """The plausibility scorecard of a network: all findings of an audit.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.testing.references import rates
    >>> card = ap.check(rates())
    >>> card.is_local, card.faults, card.counts["not local"]
    (True, (), 0)
    >>> sorted(card.levels)
    ['broadcast', 'idealised', 'local', 'noted']
    """

    findings: tuple[Finding, ...]

    @property
    def is_local(self) -> bool:
        """Whether learning is local: no finding is ``"not local"``.

        Examples
        --------
        >>> from apical.feedback import WIRINGS
        >>> from apical.plausibility import audit
        >>> from apical.testing.references import rates
        >>> audit(rates(WIRINGS["dfa"])).is_local, audit(rates(WIRINGS["bp"])).is_local
        (True, False)
        """
        return not self.faults

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Findings of level ``"not local"``.

        Examples
        --------
        >>> from apical.feedback import WIRINGS
        >>> from apical.plausibility import audit
        >>> from apical.testing.references import rates
        >>> sorted({finding.aspect for finding in audit(rates(WIRINGS["bp"])).faults})
        ['feedback', 'weight transport']
        """
        return self.about_level("not local")

    def about_level(self, level: Level) -> tuple[Finding, ...]:
        """Return the findings of one level, for instance ``"doubtful"``.

        Parameters
        ----------
        level
            The level.

        Examples
        --------
        >>> from apical.plausibility import audit
        >>> from apical.testing.references import rates
        >>> sorted({finding.aspect for finding in audit(rates()).about_level("broadcast")})
        ['global quantities', 'phases', 'plasticity switch', 'update locking']
        """
        return tuple(f for f in self.findings if f.level == level)

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings of each level, which do not add up: `levels` says what each counts."""
        found = Counter(finding.level for finding in self.findings)
        return {level: found[level] for level in LEVELS}

    @property
    def levels(self) -> dict[str, dict[str, Any]]:
        """What the findings of each level that there are have in common, and their aspects."""
        return {
            level: {
                "meaning": MEANINGS[level],
                "count": len(found),
                "aspects": list(dict.fromkeys(f.aspect for f in found)),
            }
            for level in LEVELS
            if (found := self.about_level(level))
        }

    def about(self, aspect: Aspect) -> tuple[Finding, ...]:
        """Return the findings on one aspect.

        Parameters
        ----------
        aspect
            One of `ASPECTS`.

        Examples
        --------
        >>> from apical.plausibility import audit
        >>> from apical.testing.references import rates
        >>> for finding in audit(rates()).about("weight transport"):
        ...     print(finding.level, "-", finding.subject)
        local - error_to_hidden_1
        local - error_to_hidden_2
        local - error_to_output
        """
        return tuple(f for f in self.findings if f.aspect == aspect)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON: numbers that are not finite are None.

        Examples
        --------
        >>> import json
        >>> from apical.plausibility import audit
        >>> from apical.testing.references import rates
        >>> found = json.loads(json.dumps(audit(rates()).as_dict()))
        >>> sorted(found)
        ['counts', 'findings', 'is_local', 'levels']
        >>> sorted(found["findings"][0])
        ['alignment', 'aspect', 'criterion', 'level', 'place', 'reason', 'source', 'subject']
        """
        return {
            "is_local": self.is_local,
            "counts": self.counts,
            "levels": self.levels,
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a verdict, and a table of what is not local on top."""
        head = ["level", "aspect", "subject", "reason", "criterion from"]
        of_level = {level: self._rows(level) for level in reversed(LEVELS)}
        local = of_level.pop("local")
        rows = [row for rows in of_level.values() for row in rows]
        verdict = "local" if self.is_local else "not local"
        counts: dict[str, Cell] = {level: n for level, n in self.counts.items() if n}
        return card(
            f"Scorecard: learning is {verdict}",
            counts,
            table(head, rows),
            folded(f"{len(local)} local", table(head, local)),
        )

    def _rows(self, level: Level) -> list[list[Cell]]:
        found = self.about_level(level)
        return [[f.level, f.aspect, f.subject, f.reason, f.source] for f in found]

    def __str__(self) -> str:
        places = [f" ({f.place})" if f.place else "" for f in self.findings]
        return "\n".join(
            f"{f.level:10} {f.aspect:17} {f.subject}: {f.reason}{place}"
            for f, place in zip(self.findings, places, strict=True)
        )
