"""The tables of the scorecard's lines and levels, which docs/reference/scorecard.md includes."""

import re

from tables import table

from apical.plausibility.criteria import CRITERIA, MEANINGS

LINKS = {"doi": "https://doi.org/", "arXiv": "https://arxiv.org/abs/"}


def linked(source: str) -> str:
    """Return references with their identifiers as links."""
    return re.sub(r"(doi|arXiv):([^\s;,)]+)", lambda m: f"[{m[0]}]({LINKS[m[1]]}{m[2]})", source)


def pages() -> dict[str, str]:
    """Return the two tables."""
    lines = ([name, one.text, linked(one.source) or "-"] for name, one in CRITERIA.items())
    levels = MEANINGS.items()
    folder = "reference/generated"
    return {
        f"{folder}/criteria.inc": table(["aspect", "criterion", "source"], lines),
        f"{folder}/levels.inc": table(["level", "what its lines have in common"], levels),
    }
