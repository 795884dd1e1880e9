"""The documentation site: pages from the code are complete and repeatable, and the site builds."""

import importlib
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
from test_docs import _plain_command, commands, parse  # noqa: F401 - a fixture

import apical
from apical.devices import DEVICES
from apical.errors import ApicalError
from apical.export import EXPORTERS
from apical.feedback.wirings import WIRINGS
from apical.hypotheses import HYPOTHESES
from apical.neurons.base import POPULATIONS
from apical.neurons.encoding import ENCODERS
from apical.plausibility.criteria import CRITERIA, MEANINGS
from apical.runs.experiment import Experiment
from apical.runs.run import run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LARGEST = 2_000_000
"""Largest size of a page [bytes]."""
QUICK = (
    "api",
    "commands",
    "criteria",
    "equations",
    "error_classes",
    "units_of_names",
    "run_directory",
)
"""Generators that take a second or two; the others build networks and draw."""

pytest.importorskip("sphinx")


@cache
def extension(name: str) -> ModuleType:
    """Return a module of docs/_ext."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS / "_ext"))


@cache
def pages(name: str) -> dict[str, str]:
    """Return the pages of a generator."""
    made: dict[str, str] = extension(name).pages()
    return made


def page(generator: str, name: str) -> str:
    return pages(generator)[f"reference/generated/{name}"]


def code(text: str) -> set[str]:
    """Return what stands in backticks on a page."""
    return {*re.findall(r"`([^`\n]+)`", text)}


@pytest.mark.parametrize("name", QUICK)
def test_generators_make_pages(name: str) -> None:
    for path, text in pages(name).items():
        assert "generated" in Path(path).parts
        assert text.strip() and "<object " not in text and " at 0x" not in text


def test_generators_are_all_known() -> None:
    known = extension("generated").GENERATORS
    assert {*QUICK, "exhibits", "features"} <= {*known}
    assert len({*known}) == len(known)


@pytest.mark.slow
def test_pages_are_the_same_again() -> None:
    ask = f"import sys; sys.path.insert(0, {str(DOCS / '_ext')!r}); import hashlib, importlib; "
    ask += f"made = [sorted(importlib.import_module(n).pages().items()) for n in {QUICK}]; "
    ask += "print(hashlib.sha256(repr(made).encode()).hexdigest())"
    sums = set()
    for seed in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", ask],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert ended.returncode == 0, ended.stderr
        sums.add(ended.stdout)
    assert len(sums) == 1


# names --------------------------------------------------------------------------------------------


def test_every_name_of_the_package_is_on_a_page() -> None:
    shown = {name.path for name in extension("public_names").public()}
    rooms = {f"apical.{room}" for room in extension("public_names").ROOMS}
    for name, value in ((name, getattr(apical, name)) for name in dir(apical)):
        ours = str(getattr(value, "__module__", "")).startswith("apical")
        if ours and not name.startswith("_"):
            assert f"apical.{name}" in shown | rooms, f"apical.{name} has no page."


def test_names_are_shown_once_and_lead_somewhere() -> None:
    names = extension("public_names").public()
    assert not [path for path, n in Counter(name.path for name in names).items() if n > 1]
    files = [path.lower() for path in pages("api")]
    assert len({*files}) == len(files), "files that differ in capitals alone"
    for name in names:
        assert name.text, f"{name.path} says nothing of itself."


def test_every_part_of_the_package_is_shown_or_internal() -> None:
    known = extension("public_names")
    doors = {d.partition(".")[0] for e in known.ERRANDS for d in (*e.doors, *e.classes)}
    internal = {name.partition(".")[0] for name in known.INTERNAL}
    folders = {p.parent.name for p in Path(str(apical.__file__)).parent.glob("*/__init__.py")}
    assert folders <= doors | internal


# what the registries hold -------------------------------------------------------------------------


def test_every_population_encoder_rule_and_optimizer_has_its_equation() -> None:
    text = page("equations", "equations.md")
    heads = {*re.findall(r"^### (\S+)$", text, re.MULTILINE)}
    assert {*POPULATIONS} - {"Neurons"} <= heads
    assert {f"encoding.{kind.__name__}" for kind in ENCODERS.values()} <= heads
    for errand in ("rules", "optimizers"):
        named = extension("public_names").by_errand()[errand]
        wanted = {n.path.removeprefix("apical.") for n in named if n.is_function}
        assert wanted <= heads
    assert text.count("```{math}") > 35


def test_every_wiring_and_hypothesis_is_listed() -> None:
    for path, registry in (
        ("apical.feedback.WIRINGS", WIRINGS),
        ("apical.hypotheses.HYPOTHESES", HYPOTHESES),
        ("apical.devices.DEVICES", DEVICES),
        ("apical.export.EXPORTERS", EXPORTERS),
    ):
        text = page("api", f"{path}.rst")
        assert all(f"``{name}``" in text for name in registry)


@pytest.mark.slow
def test_every_device_and_feature_is_in_the_matrix() -> None:
    text = page("features", "devices.md")
    names = {*DEVICES, *WIRINGS, *HYPOTHESES, *POPULATIONS, *ENCODERS} - {"Neurons"}
    assert names <= code(text)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert rows["bp"].split(" | ") == ["rates", "rates", "-", "-", "-", "-", "-"]
    assert rows["delay"].split(" | ") == ["-", "-", "spikes", "spikes", "spikes", "spikes", "-"]
    assert '| `when="feedback"` | - | - | spikes | spikes | spikes | spikes | - |' in text


def test_tables_of_the_scorecard_are_complete() -> None:
    lines, levels = page("criteria", "criteria.inc"), page("criteria", "levels.inc")
    for aspect, criterion in CRITERIA.items():
        assert f"| {aspect} | {criterion.text} |" in lines
        for paper in re.findall(r"(?:doi|arXiv):([^\s;]+)", criterion.source):
            assert f"/{paper})" in lines
    assert all(f"| {level} | {text} |" in levels for level, text in MEANINGS.items())
    text = (DOCS / "reference" / "scorecard.md").read_text()
    assert "{include} generated/criteria.inc" in text and "{include} generated/levels.inc" in text


def test_every_error_is_explained() -> None:
    text = page("error_classes", "errors.md")
    waiting = [ApicalError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        assert not kind.__module__.startswith("apical.errors") or f"### {kind.__name__}\n" in text


def test_every_file_of_a_run_is_explained(tmp_path: Path) -> None:
    experiment = Experiment("rate_dfa", train_trials=20, test_trials=20, epochs=1, batch=10)
    run(experiment, tmp_path / "run", progress=False, draw=False)
    text = page("run_directory", "run_directory.md")
    names = {entry.name for entry in (tmp_path / "run").iterdir()}
    assert names and names <= code(text)


@pytest.mark.parametrize(
    ("name", "file"), [("units_of_names", "units"), ("error_classes", "errors")]
)
def test_examples_of_pages_run(name: str, file: str) -> None:
    (text,) = re.findall(r"^```python\n(.*?)^```", page(name, f"{file}.md"), re.M | re.S)
    exec(text, {"__name__": "example"})


LINES = [
    line
    for _, text in re.findall(r"```(bash)\n(.*?)^```", page("commands", "commands.md"), re.M | re.S)
    for line in commands(text)
]


@pytest.mark.parametrize("arguments", LINES, ids=" ".join)
def test_examples_of_commands_are_parsed(arguments: list[str]) -> None:
    parse(arguments)


# gallery ------------------------------------------------------------------------------------------


def test_every_script_has_a_page_in_the_gallery() -> None:
    assert {path.stem for path in extension("exhibits").paths()} == {
        path.stem for path in (ROOT / "models").glob("*.py")
    }


def test_a_page_of_the_gallery_is_complete() -> None:
    exhibits = extension("exhibits")
    one = exhibits.script(ROOT / "models" / "Lillicrap_2016_linear.py")
    drawn = exhibits.drawings(one)
    made = exhibits.of_script(one, drawn)
    text = made["gallery/generated/Lillicrap_2016_linear.md"]
    assert len(made) == 1 + len(drawn) == 3
    for heading in ("What it does", "Local or not", "The network in equations", "The script"):
        assert f"\n## {heading}" in text
    assert one.exhibit.claim in text and "apical gallery Lillicrap_2016_linear --quick" in text
    assert all(drawing.alt in text and drawing.svg.startswith("<?xml") for drawing in drawn)


# the site -----------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page of HTML links to and holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if "id" in found:
            self.ids.append(found["id"])
        if tag in ("a", "link") and "href" in found:
            self.links.append(found["href"])
        if tag in ("img", "script") and "src" in found:
            self.links.append(found["src"])
        if tag == "img":
            self.images.append((found.get("src", ""), found.get("alt", "").strip()))


@cache
def read(site: Path) -> dict[Path, Page]:
    """Return the pages of the site; those in _static are templates of the theme."""
    found = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    return {path: Page(path.read_text()) for path in found}


@pytest.mark.slow
def test_links_and_images_of_the_site_lead_somewhere(site: Path) -> None:
    known = read(site)
    ids = {path: {*found.ids} for path, found in known.items()}
    broken = []
    for path, found in known.items():
        for link in found.links:
            target, _, anchor = unquote(link).partition("#")
            if re.match(r"[a-z][a-z+.-]*:|//", target):
                continue
            file = (path.parent / target.partition("?")[0]).resolve() if target else path
            there = file.exists() and (not anchor or anchor in ids.get(file, {anchor}))
            if not there:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken, "\n".join(broken[:20])


@pytest.mark.slow
def test_pages_of_the_site_are_well_formed(site: Path) -> None:
    for path, found in read(site).items():
        where = path.relative_to(site)
        assert path.stat().st_size <= LARGEST, f"{where} is too large."
        assert all(alt for _, alt in found.images), f"{where} has an image without a text."
        twice = [name for name, n in Counter(found.ids).items() if n > 1]
        assert not twice, f"{where} has ids twice: {twice[:5]}"


@pytest.mark.slow
def test_every_page_of_the_reference_and_gallery_is_in_the_site(site: Path) -> None:
    for path in (*pages("api"), *pages("commands"), *pages("equations")):
        assert (site / path).with_suffix(".html").exists(), path
    for path in (ROOT / "models").glob("*.py"):
        assert (site / "gallery" / "generated" / f"{path.stem}.html").exists()
