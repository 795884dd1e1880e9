"""Finds numbers in prose that look measured, and says which of them name no source.

A number has a source if it comes through a role or a directive of the site, if its paragraph (or
table) names the commit, or a command with its seed, or if a comment right before or in it names
stored tables, ``<!-- results: NAME, NAME -->``, which then have to hold the number. Times and sizes
that are set rather than measured are marked as such, ``<!-- settings: WHAT -->``. What a command
makes (the gallery of the README) is not read here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

NUMBER = r"(?<![\w.,^-])-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"
"""No part of a word, of a size such as 784-500-10, or of a longer number."""
AGAIN = rf"(?:(?: to |-|, | and | or ){NUMBER.partition(')')[2]})*"
COMPARED = r"(?:as|faster|slower|more|less|fewer|larger|smaller|longer|the (?:time|speed|memory))\b"
SHAPES = {
    "a spread": rf"{NUMBER} ?(?:\+-|±|\+/-) ?\d[\d.]*",
    "a share": rf"{NUMBER}{AGAIN} ?(?:%|per cent\b|percent\b|points?\b)",
    "an angle": rf"{NUMBER}{AGAIN} degrees\b",
    "a time": rf"{NUMBER}{AGAIN} (?:s|ms|us|ns|\w*seconds?|minutes?|min|hours?)\b",
    "memory": rf"{NUMBER}{AGAIN} ?[KMGT]B\b",
    "a ratio": rf"{NUMBER}{AGAIN} (?:times|x) {COMPARED}",
}
"""What looks measured, by kind."""
ALLOWED = {
    "a confidence level": r"\b(?:90|95|99) % (?:\w+ )?(?:confidence|credible|bootstrap|interval)|"
    r"(?:confidence|credible|bootstrap)[- ]\w*[^.]{0,30}\b(?:90|95|99) %",
    "the level of chance": r"chance[^.;]{0,25}?\b\d+(?:\.\d)? %|"
    r"\b\d+(?:\.\d)? %,? (?:is|by) chance",
    "a time constant or step": r"(?<!takes )(?<!take )(?<!took )(?<![\d.])\d[\d.]* ms\b"
    r"(?! (?:a|per|of|on) )",
    "a right angle": r"\b90 degrees",
    "all or nothing": r"\b(?:0|100) %",
}
"""What only looks so, by kind."""
ROLE = r"\{[\w:-]+\}`[^`]*`"
COMMIT = re.compile(r"\bcommits? `?[0-9a-f]{7}")
COMMAND = re.compile(r"`(?:OPENBLAS_NUM_THREADS=1 )?(?:python3?|apical|make|pytest) [^`]+`")
SETTINGS = re.compile(r"<!-- settings: [^>]+ -->")
"""Says that times and sizes of a block are settings, and which: limits, defaults."""
RESULTS = re.compile(r"<!-- results: ([\w, ]+) -->")
MARK = re.compile(rf"{RESULTS.pattern}|{SETTINGS.pattern}")
PROSE = r"\{(?:note|tip|hint|important|warning|admonition|dropdown|grid|card|tab|figure|div)"
"""Directives whose content is prose; that of all others is code."""


@dataclass(frozen=True)
class Found:
    """A number that looks measured: where, what, of which kind, and the tables its block names."""

    line: int
    text: str
    kind: str
    tables: tuple[str, ...] = ()


def _blank(found: re.Match[str]) -> str:
    """Return as many lines, and nothing on them."""
    return "\n" * found[0].count("\n")


def _outside_fences(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that are no code, and empty ones for all others."""
    around: list[str] = []  # fences that are open, the inmost last
    is_code = False
    for line in lines:
        fence = re.match(r"(`{3,}|~{3,}|:{3,}) *(.*)", line)
        if fence and around and not fence[2] and fence[1].startswith(around[-1]):
            around.pop()
            is_code = False
        elif fence and not is_code:
            around.append(fence[1])
            is_code = not re.match(PROSE, fence[2])
        yield "" if fence or is_code else line


def prose(text: str) -> str:
    """Return Markdown without code, roles, formulas and addresses; lines stay where they are."""
    text = re.sub(r"<!-- gallery -->.*?<!-- /gallery -->", _blank, text, flags=re.DOTALL)
    text = re.sub(r"\A---\n.*?\n---\n", _blank, text, flags=re.DOTALL)
    text = "\n".join(_outside_fences(text.splitlines()))
    text = re.sub(r"^(?: {4}|>>> ).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"<!--(?! (?:results|settings):).*?-->", _blank, text, flags=re.DOTALL)
    text = re.sub(ROLE, _blank, text)
    text = re.sub(r"(?<!\$)\$[^$\n]+\$|\$\$.*?\$\$", _blank, text, flags=re.DOTALL)
    addresses = r"(?<=\])\([^)]*\)|https?://\S+|doi:\S+|arXiv:\S+"
    return re.sub(addresses, _blank, text)


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield paragraphs and tables with the number of their first line; a comment joins the next."""
    start, lines = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.strip():
            start = start if lines else number
            lines.append(line)
        elif lines and not (len(lines) == 1 and MARK.fullmatch(lines[0].strip())):
            yield start, "\n".join(lines)
            lines = []
        elif lines:
            lines.append("")


def _measured(block: str) -> Iterator[tuple[int, str, str]]:
    """Yield what looks measured in a block: how many lines down, text and kind."""
    ends = [place for place, letter in enumerate(block) if letter == "\n"]
    line = " ".join(block.split("\n"))  # a number and its unit may stand on two lines
    line = re.sub(r"(`+)(?!`).+?\1", _covered, line)
    for shape in ALLOWED.values():
        line = re.sub(shape, _covered, line)
    for kind, shape in SHAPES.items():
        for found in re.finditer(shape, line):
            yield sum(end < found.start() for end in ends), found[0], kind
        line = re.sub(shape, _covered, line)


def _covered(found: re.Match[str]) -> str:
    """Return as many letters that say nothing."""
    return "_" * len(found[0])


def unsourced(text: str) -> list[Found]:
    """Return the numbers of a page that look measured and name no source.

    Those in blocks that name stored tables are among them, with the names: the caller looks the
    numbers up there.
    """
    made = []
    for start, block in blocks(prose(text)):
        named = tuple(name.strip() for group in RESULTS.findall(block) for name in group.split(","))
        if not named and (COMMIT.search(block) or (COMMAND.search(block) and "seed" in block)):
            continue
        spared = ("a time", "memory") if SETTINGS.search(block) else ()
        made += [
            Found(start + down, text, kind, named)
            for down, text, kind in _measured(block)
            if kind not in spared
        ]
    return sorted(made, key=lambda found: found.line)


def numbers(text: str) -> list[str]:
    """Return the numbers of a text, without signs and commas of thousands."""
    found = re.findall(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e-?\d+)?", text)
    return [number.replace(",", "") for number in found]


def is_held(number: str, stored: Iterable[str]) -> bool:
    """Say whether a number is stored, or one with more places that rounds to it."""
    wanted = Decimal(number)
    precise = (Decimal(other) for other in stored)
    return any(
        other.quantize(wanted, ROUND_HALF_UP) == wanted
        for other in precise
        if _places(other) >= _places(wanted)
    )


def _places(number: Decimal) -> int:
    return -int(number.as_tuple().exponent)
