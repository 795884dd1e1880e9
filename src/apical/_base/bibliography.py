"""The bibliography: entries of BibTeX, and the references that texts of sources make to them.

`references.bib` beside this module holds every entry. A source, as rules, wirings and docstrings
state it, is text: "Nokland 2016, arXiv:1609.01596, fig. 1c". `cite` makes such a text of an
entry, and `cited` finds the entries that a text refers to, by DOI, number at arXiv, web address, or
name and year.
"""

import inspect
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("references.bib")
"""The entries."""

_DOI = re.compile(r"\b10\.\d{4,}/[^\s,;\"'`]+")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_NAMED = re.compile(
    r"\b((?:van de |van der |Van )?[A-Z][\w'-]+)"  # the first author
    r"(?: et al\.|(?:, [A-Z][\w' -]+)*(?: &|,? and) [A-Z][\w' -]+)?"  # the others
    r" \(?((?:19|20)\d\d)\b"
)
_ENTRY = re.compile(r"@(\w+)\{([a-z0-9]+),\n((?:  [a-z]+ = \{.*\},\n)+)\}\n")
_SECTION = re.compile(r"References\n-+\n((?:.+\n?)+)")
_FIELD = re.compile(r"  ([a-z]+) = \{(.*)\},\n")


@dataclass(frozen=True)
class Reference:
    """An entry of the bibliography.

    Parameters
    ----------
    key
        Its key.
    kind
        Kind of entry, for instance ``"article"``.
    fields
        Its fields, in order, in LaTeX.

    Examples
    --------
    >>> from apical._base.bibliography import references
    >>> references()["diehl2015"].short
    'Diehl & Cook 2015'
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    @property
    def surnames(self) -> tuple[str, ...]:
        """Family names of the authors, in plain letters, "others" for more of them."""
        people = _plain(self.fields["author"]).split(" and ")
        return tuple(person.partition(",")[0] for person in people)

    @property
    def short(self) -> str:
        """Authors and year, as in a text: all of three authors, or the first of more."""
        *before, last = self.surnames
        names = f"{', '.join(before)} & {last}" if before else last
        if len(before) > 2 or last == "others":
            names = f"{before[0]} et al."
        return f"{names} {self.fields.get('year', '')}".rstrip()

    @property
    def identifier(self) -> str:
        """DOI, or number at arXiv, as in a text; empty if it has neither."""
        if "doi" in self.fields:
            return f"doi:{self.fields['doi']}"
        return f"arXiv:{self.fields['eprint']}" if "eprint" in self.fields else ""

    def bibtex(self, **more: str) -> str:
        """Return the entry as BibTeX.

        Parameters
        ----------
        **more
            Further fields, or other values of its own.
        """
        lines = [f"  {name} = {{{value}}},\n" for name, value in {**self.fields, **more}.items()]
        return f"@{self.kind}{{{self.key},\n{''.join(lines)}}}\n"


def parsed(text: str) -> dict[str, Reference]:
    """Return the entries of a bibliography, by key.

    Parameters
    ----------
    text
        BibTeX as in `references.bib`: one field a line, in braces; lines that begin with ``%`` are
        comments.

    Raises
    ------
    ValueError
        If anything else stands in it, or two entries have one key.

    Examples
    --------
    >>> from apical._base.bibliography import parsed
    >>> parsed("@misc{me2030,\\n  author = {Me, It's},\\n}\\n")["me2030"].fields
    {'author': "Me, It's"}
    """
    text = re.sub(r"^%.*\n", "", text, flags=re.MULTILINE)
    found: dict[str, Reference] = {}
    for kind, key, body in _ENTRY.findall(text):
        if key in found:
            raise ValueError(f"two entries have the key {key!r}")
        pairs = _FIELD.findall(body)
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise ValueError(f"{key!r} has a field twice")
        for name, value in fields.items():
            if not _is_balanced(value):
                raise ValueError(f"braces of {name!r} of {key!r} do not match")
        found[key] = Reference(key, kind, fields)
    rest = _ENTRY.sub("", text).strip()
    if rest:
        raise ValueError(f"not an entry: {rest[:80]!r}")
    return found


@cache
def references() -> Mapping[str, Reference]:
    """Return all entries, by key."""
    return parsed(FILE.read_text(encoding="utf-8"))


def cite(key: str, where: str = "") -> str:
    """Return the text of a source: authors, year, identifier, and the place in it.

    Parameters
    ----------
    key
        Key of the entry.
    where
        Figure, equation or section.

    Examples
    --------
    >>> from apical._base.bibliography import cite
    >>> cite("nokland2016", "fig. 1c")
    'Nokland 2016, arXiv:1609.01596, fig. 1c'
    """
    entry = references()[key]
    return ", ".join(part for part in (entry.short, entry.identifier, where) if part)


def cited(text: str) -> tuple[Reference, ...]:
    """Return the entries that a text refers to, in the order of the bibliography.

    Parameters
    ----------
    text
        A source, or a docstring.

    Examples
    --------
    >>> from apical._base.bibliography import cited
    >>> [entry.key for entry in cited("Momentum as in Sutskever et al. 2013; arXiv:1412.6980")]
    ['kingma2015', 'sutskever2013']
    """
    keys = {key for _, key in _mentions(text) if key}
    return tuple(entry for key, entry in references().items() if key in keys)


def unknown(text: str) -> tuple[str, ...]:
    """Return what looks like a reference in a text, and is to no entry of the bibliography.

    Parameters
    ----------
    text
        A source, or a docstring.

    Examples
    --------
    >>> from apical._base.bibliography import unknown
    >>> unknown("Nokland 2016 and Nobody 2031, doi:10.1000/x")
    ('doi:10.1000/x', 'Nobody 2031')
    """
    return tuple(dict.fromkeys(what for what, key in _mentions(text) if not key))


def references_section(doc: str | None) -> str:
    """Return what stands in the section ``References`` of a docstring, in one line.

    Parameters
    ----------
    doc
        The docstring; "" is returned where there is none, or no such section.

    Examples
    --------
    >>> from apical import LIF
    >>> from apical._base.bibliography import references_section
    >>> references_section(LIF.__doc__)[:38]
    'Gerstner, Kistler, Naud & Paninski 201'
    """
    found = _SECTION.search(inspect.cleandoc(doc or ""))
    return " ".join(found[1].split()) if found else ""


def _mentions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each reference in a text and the key of its entry, or "" where there is none."""
    text = " ".join(text.split())
    by_doi, by_arxiv, by_name = _indices()
    for doi in _DOI.findall(text):
        doi = _ended(doi)
        yield f"doi:{doi}", by_doi.get(doi.lower(), "")
    for number in _ARXIV.findall(text):
        yield f"arXiv:{number}", by_arxiv.get(number, "")
    for found in _NAMED.finditer(text):
        yield found[0], by_name.get((found[1], found[2]), "")
    for key, entry in references().items():
        title = re.escape(_plain(entry.fields["title"]))
        if "year" not in entry.fields and re.search(rf"(?<![\w-]){title}(?![\w-])", text):
            yield key, key


@cache
def _indices() -> tuple[Mapping[str, str], Mapping[str, str], Mapping[tuple[str, str], str]]:
    """Return the keys of entries by DOI, by number at arXiv, and by first author and year."""
    entries = references().items()
    return (
        {e.fields["doi"].lower(): key for key, e in entries if "doi" in e.fields},
        {e.fields["eprint"]: key for key, e in entries if "eprint" in e.fields},
        {(e.surnames[0], e.fields["year"]): key for key, e in entries if "year" in e.fields},
    )


def _ended(doi: str) -> str:
    """Return a DOI without the punctuation of the sentence that it stands in."""
    doi = doi.rstrip(".:")
    while doi.endswith(")") and doi.count("(") < doi.count(")"):
        doi = doi[:-1].rstrip(".:")
    return doi


def _plain(latex: str) -> str:
    """Return text without LaTeX, in plain letters: as names are written in the code."""
    text = re.sub(r'\{\\"([aou])\}', r"\1e", latex).replace(r"{\o}", "o")
    text = re.sub(r"\\[^A-Za-z\s]|\\[a-z]+(?=\{)", "", text)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[{}]", "", text)


def _is_balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            return False
    return depth == 0
