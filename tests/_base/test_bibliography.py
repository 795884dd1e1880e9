"""The bibliography: entries parse, texts find them, and every source of the package is in it."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apical import optimizers, rules, superspike
from apical._base.bibliography import (
    FILE,
    cite,
    cited,
    parsed,
    references,
    references_section,
    unknown,
)
from apical.cli.kinds import registries
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule
from apical.plausibility.criteria import CRITERIA
from apical.runs.plain_data import known

ROOT = Path(__file__).parents[2]
MADE: dict[str, Any] = {
    "consolidated": lambda: rules.consolidated(rules.three_factor(0.1), 0.1),
    "clipped": lambda: optimizers.clipped(1.0),
    "go_up": lambda: optimizers.go_up(0.1, 1.0),
    "e_prop": lambda: rules.e_prop(0.1),
}
"""Makers that need arguments."""


def stated() -> Iterator[tuple[str, str]]:
    """Yield everything that states a source: every registry, class, rule, optimiser, criterion."""
    for registry in registries():
        for name, value in registry.items():
            text = getattr(value, "source", None)
            yield f"{registry.kind} {name}", text or references_section(value.__doc__)
    for name, kind in known().items():
        yield f"class {name}", references_section(kind.__doc__)
    for module in (rules, optimizers, superspike):
        for name, make in vars(module).items():
            returns = getattr(make, "__annotations__", {}).get("return")
            if returns in (LearningRule, UpdateDynamics) and not name.startswith("_"):
                yield f"{module.__name__}.{name}", references_section(make.__doc__)
    for aspect, criterion in CRITERIA.items():
        yield f"criterion {aspect}", criterion.source


STATED = [(what, text) for what, text in stated() if text]


@pytest.mark.parametrize(("what", "text"), STATED, ids=[what for what, _ in STATED])
def test_every_source_is_in_the_bibliography(what: str, text: str) -> None:
    assert cited(text), f"{what} states {text!r}, of which nothing is in {FILE.name}"
    assert not unknown(text), f"{what} states {unknown(text)}, which {FILE.name} lacks"


def test_sources_are_stated_where_they_must_be() -> None:
    silent = {what for what, text in stated() if not text}
    kinds = {what.partition(" ")[0] for what in silent}
    assert {"hypothesis", "wiring", "device", "criterion", "data"}.isdisjoint(kinds - {"criterion"})
    assert {what for what in silent if what.startswith("criterion")} == {"criterion description"}
    assert {w for w in silent if w.startswith("measure")} == {"measure training"}
    assert len(STATED) > 80


def made() -> Iterator[LearningRule | UpdateDynamics]:
    """Yield every rule and optimiser that can be made without arguments of its own."""
    for module in (rules, optimizers, superspike):
        for name, make in vars(module).items():
            returns = getattr(make, "__annotations__", {}).get("return")
            if name.startswith("_") or returns not in (LearningRule, UpdateDynamics):
                continue
            given = [
                p
                for p in inspect.signature(make).parameters.values()
                if p.default is inspect.Parameter.empty
            ]
            yield MADE[name]() if name in MADE else make(*(0.1 for _ in given))


@pytest.mark.parametrize("made", [*made()], ids=lambda made: made.name)
def test_rules_and_optimisers_state_a_source_that_resolves(
    made: LearningRule | UpdateDynamics,
) -> None:
    assert cited(made.source), made.source
    assert not unknown(made.source)


def test_sources_of_code_come_from_entries() -> None:
    """No source with an identifier is written out where code is run: `cite` makes it."""
    written = []
    for path in sorted((ROOT / "src" / "apical").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_source = isinstance(node, ast.keyword) and node.arg == "source"
            if is_source and isinstance(node.value, ast.Constant):
                value = str(node.value.value)
                if re.search(r"doi:10\.|arXiv:", value):
                    written.append(f"{path.name}: {value}")
    assert not written


def test_every_entry_is_used() -> None:
    texts = [
        path.read_text() for d in ("src", "models") for path in sorted((ROOT / d).rglob("*.py"))
    ]
    whole = "\n".join(texts)
    keys = set(re.findall(r"cite\(\s*[\"'](\w+)", whole)) | set(
        re.findall(r"references\(\)\[\"(\w+)", whole)
    )
    used = keys | {entry.key for text in texts for entry in cited(text)}
    assert set(references()) - used == set()


WANTED = {
    "article": {"journal", "year"},
    "book": {"publisher", "year"},
    "incollection": {"booktitle", "publisher", "year"},
    "inproceedings": {"booktitle", "year"},
    "misc": set[str](),
    "phdthesis": {"school", "year"},
    "unpublished": {"note"},
}
"""Fields that BibTeX wants of each kind of entry, besides author and title."""


@pytest.mark.parametrize("key", references())
def test_entries_are_complete_and_plain(key: str) -> None:
    entry = references()[key]
    assert {"author", "title"} | WANTED[entry.kind] <= set(entry.fields)
    text = entry.bibtex()
    assert text.isascii(), "letters of other alphabets are written in LaTeX"
    assert parsed(text) == {key: entry}
    assert not re.search(r"(?<!\\)[%&#_]", entry.fields["title"] + entry.fields["author"])
    if "doi" in entry.fields:
        assert re.fullmatch(r"10\.\d{4,}/\S+", entry.fields["doi"])
    if "eprint" in entry.fields:
        assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.fields["eprint"])
        assert entry.fields["archiveprefix"] == "arXiv"
    if "year" in entry.fields:
        assert key.endswith(entry.fields["year"])
        first = re.sub(r"[^a-z]", "", entry.surnames[0].lower())
        assert key == first + entry.fields["year"]


def test_no_two_entries_are_of_one_paper() -> None:
    for field in ("doi", "eprint", "title"):
        values = [e.fields[field].lower() for e in references().values() if field in e.fields]
        assert len(set(values)) == len(values)


def test_a_source_is_made_of_its_entry_and_found_again() -> None:
    for key, entry in references().items():
        if "year" in entry.fields:
            assert [e.key for e in cited(cite(key, "eq. 1"))] == [key]
    assert cite("pascanu2013") == "Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063"
    assert cite("neftci2017", "eq. 5") == "Neftci et al. 2017, doi:10.3389/fnins.2017.00324, eq. 5"
    with pytest.raises(KeyError):
        cite("nobody2031")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("(doi:10.1016/0041-5553(64)90137-5).", {"polyak1964"}),
        ("see doi:10.1038/ncomms13276; and DFA", {"lillicrap2016"}),
        ("van de Ven & Tolias 2019, section 2", {"vandeven2019"}),
        ("Thorpe, Delorme & Van Rullen 2001,", {"thorpe2001"}),
        ("GO-UP, a note by Ryeongwoo Jang", {"jang"}),
        ("Song et al. 2005; Song, Yang & Wang 2016", {"song2005", "song2016"}),
        ("Neftci et al. 2018; in 2016 Lillicrap", set()),
        ("", set()),
    ],
)
def test_references_in_texts_are_found(text: str, keys: set[str]) -> None:
    assert {entry.key for entry in cited(text)} == keys


@pytest.mark.parametrize(
    "text",
    [
        "@misc{a,\n  title = {x},\n}\n@misc{a,\n  title = {y},\n}\n",
        "@misc{a,\n  title = {x},\n  title = {y},\n}\n",
        "@misc{a,\n  title = {x}},\n}\n",
        "@misc{a,\n  title = {x{},\n}\n",
        "@misc{a,\n  title = x,\n}\n",
        "@misc{a,\n  title = {x},\n",
        "hello",
    ],
)
def test_what_is_no_bibliography_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="entr|field|braces"):
        parsed(text)
