"""Every measured number that the site and the README name is stored, with what gave it."""

import ast
import csv
import json
import re
import statistics
import sys
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from measured_numbers import Found, blocks, is_held, numbers, prose, unsourced

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
import stored  # noqa: E402  (an extension of the site, not of the package)

SITE = sorted(
    page for page in (ROOT / "docs").rglob("*.md") if not {"generated", "_build"} & {*page.parts}
)
MADE = {ROOT / "docs" / "reference" / "catalogue.md"}
"""By a command, from measured.csv, which a test here holds against the tables."""
PAGES = [ROOT / "README.md", *(page for page in SITE if page not in MADE)]
NO_COMMAND = {
    "binding",
    "dendrites_settings",
    "diehl_settings",
    "erbp_open",
    "spiking_deep_not_helped",
    "spiking_deep_variety",
    "spiking_online",
    "spiking_steps",
    "superspike_rates",
}
"""Measured once, with commands that were not kept: no table may join them."""


NO_COMMIT = NO_COMMAND | {
    "batch_norm",
    "born_dead",
    "clipping",
    "clipping_norms",
    "dead_units",
    "go_up_fixed",
    "initial_weights",
    "momentum",
    "reliability",
    "vanishing",
    "vanishing_accuracy",
    "weight_mirror_published",
}
"""Measured when the commit was not noted: no table may join them."""


BARE = re.compile(
    r"\btak(?:es?|ing|en)\b(?:(?! of )[^.;:]){0,40}?"
    r"\d[\d.,]*(?: to [\d.,]+)? ?(?:ms|us|µs|microsec|millisec)"
)
"""What says how long something takes in a unit, which is another on every machine."""


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "BENCHMARKS.md",
        ROOT / "ARCHITECTURE.md",
        *(p for p in PAGES if p.parent.name != "results"),
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_pages_say_how_long_things_take_as_ratios(page: Path) -> None:
    """Times themselves are in the tables of results, with the processor beneath them."""
    found = BARE.findall(" ".join(prose(page.read_text()).split()))
    assert not found, f"say as a multiple of what, on which processor: {found}"


def test_a_bare_time_is_noticed() -> None:
    assert BARE.search("One core takes 0.035 ms for a batch")
    assert BARE.search("which takes 23 ms for a train") and BARE.search("takes 6.6 to 11 ms")
    assert not BARE.search("a trial of 100 ms takes three times as long")


@cache
def held(name: str) -> frozenset[str]:
    """Return all numbers of a stored table and what is said about it."""
    return frozenset(numbers(stored.markdown(name)))


def is_missing(found: Found) -> bool:
    there = frozenset().union(*(held(name) for name in found.tables))
    return not all(is_held(number, there) for number in numbers(found.text))


def failing(text: str) -> list[str]:
    """Return a page's measured numbers without a source: line, text and kind."""
    return [f"{f.line}: {f.text!r} looks like {f.kind}" for f in unsourced(text) if is_missing(f)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_measured_numbers_of_a_page_have_a_source(page: Path) -> None:
    """Take it from a table (docs/results/index.md says how), or name commit or command and seed."""
    assert failing(page.read_text()) == []


def failing_in_notebook(notebook: Mapping[str, Any]) -> list[str]:
    """Return numbers in the text of a notebook that its outputs do not show, and have no source."""
    shown = {n for cell in notebook["cells"] for n in numbers(json.dumps(texts_of(cell)))}
    short = {n for n in shown if len(n) < 25}
    shares = {str(100 * Decimal(n)) for n in short if "." in n}
    texts = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"]
    return [
        found.text
        for text in texts
        for found in unsourced(text)
        if is_missing(found) and not all(is_held(n, short | shares) for n in numbers(found.text))
    ]


def texts_of(cell: Mapping[str, Any]) -> list[Any]:
    """Return what a cell printed, and the texts of what it shows."""
    outputs = cell.get("outputs", [])
    shown = [text for o in outputs for kind, text in o.get("data", {}).items() if "text" in kind]
    return [[output.get("text", "") for output in outputs], shown]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "tutorials").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_measured_numbers_of_a_notebook_are_in_its_outputs(path: Path) -> None:
    assert failing_in_notebook(json.loads(path.read_text())) == []


def test_planted_numbers_of_a_notebook_are_found() -> None:
    said = {"cell_type": "markdown", "source": ["It reaches 97 %,\n", "and 3.1 points more."]}
    made = {"cell_type": "code", "source": [], "outputs": [{"text": ["accuracy 0.9689\n"]}]}
    assert failing_in_notebook({"cells": [said, made]}) == ["3.1 points"]
    table = {"data": {"text/html": "<td>3.14</td>", "image/png": "2.7"}}
    assert failing_in_notebook({"cells": [said, made | {"outputs": [table]}]}) == ["97 %"]


@pytest.mark.parametrize(
    "text",
    [
        "It reaches 98.30 % of the test images.",
        "It reaches 97.8 to 98.3 % there.",
        "The error is 1.64 +- 0.06 in five seeds.",
        "Updates are 57 degrees from backpropagation.",
        "That is 14 times as fast as a script.",
        "That is 2.5 x faster.",
        "A launch takes 5\nmicroseconds.",
        "Ten epochs take 26.5 s.",
        "Ten epochs take 19 minutes.",
        "That is 0.036 ms a trial.",
        "A trial takes 0.25 ms.",
        "Learning needs 0.25 ms of processor time.",
        "It needs 731 MB.",
        "| wiring | error |\n| --- | --- |\n| DFA | 1.7 % |",
        "```{note}\nIt reaches 98.3 %.\n```",
        "- one\n- 98.3 % of it",
        "<!-- results: spiking_dfa -->\nIt reaches 98.99 %.",
        "`apical run spiking_dfa` reaches 98.3 %.",
        "A commit reaches 98.3 %.",
        "<!-- settings: the limit -->\nIt reads 64 MB within 10 s, and 98.3 % of them.",
        "With {number}`spiking_dfa:MNIST, trial:mean`, that is 0.9 points more.",
    ],
)
def test_planted_numbers_without_a_source_are_found(text: str) -> None:
    assert len(failing(f"# Title\n\nNothing here.\n\n{text}\n\nNor here.\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "It reaches {number}`spiking_dfa:MNIST, trial:mean` there.",
        "It reaches 98.3 % (commit 3c18346).",
        "`apical run spiking_dfa --epochs 10` reaches 98.3 %\nwith seed 0.",
        "<!-- results: spiking_dfa -->\n| data | accuracy |\n| --- | --- |\n| MNIST | 98.3 % |",
        "<!-- results: spiking_dfa -->\n\nIt reaches 98.30 %, online 97.76 %.",
        "<!-- settings: limits -->\n| what | limit |\n| --- | --- |\n| files | 64 MB, 30 s |",
        "```python\nassert accuracy > 98.3  # 98.3 %\n```",
        "    apical run  # 98.3 %",
        "A network of 784-500-10 with Brian2 2.9.0 on Python 3.11 (doi:10.3389/fnins.2017.00324).",
        "The membrane forgets with 20 ms, in steps of 0.1 ms, for `30 s` (`5 GB`).",
        "Whiskers are 95 % bootstrap intervals; chance is at 10 %.",
        "A formula, $p = 5 \\%$, and a [link](a%20page.md).",
        "Three times the first population, three wirings, 5 seeds.",
    ],
)
def test_numbers_with_a_source_and_parameters_pass(text: str) -> None:
    assert failing(text) == []


def test_blocks_keep_their_lines() -> None:
    text = "# A\n\n```text\n1 %\n```\n\none\ntwo 3 %\n\n<!-- results: a -->\n\nlast"
    assert [line for line, _ in blocks(prose(text))] == [1, 7, 10]
    assert unsourced(text) == [Found(8, "3 %", "a share")]


def test_stored_numbers_are_found_by_their_name() -> None:
    assert stored.number("spiking_dfa:MNIST, trial:mean") == "98.30 %"
    assert stored.number("rate_epoch:1:time") == "2.4 s"
    for wrong in ("spiking_dfa:mean", "fly:MNIST:mean", "spiking_dfa:MNIST:mean", "eprop:x:mean"):
        with pytest.raises(stored.NoSuchNumberError):
            stored.number(wrong)
    with pytest.raises(stored.NoSuchNumberError, match="no column 'wings', but 'data', 'form'"):
        stored.number("spiking_dfa:digits:wings")


def test_every_number_that_a_page_asks_for_is_stored() -> None:
    asked = [
        spec
        for page in SITE
        for spec in re.findall(r"\{number\}`([^`]+)`", page.read_text())
        if not spec.startswith(f"{stored.PUBLISHED}:")
    ]
    assert len(asked) > 20
    assert all(stored.number(" ".join(spec.split())) for spec in asked)


def test_published_numbers_say_whether_they_were_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "key,paper,doi,what,value,unit,where,checked\na,A 2017,x,y,96.4,% test error,z,{}\n"
    monkeypatch.setattr(stored, "RESULTS", tmp_path)
    for checked, said in (("paper", "96.4 %"), ("from memory", "96.4 % (from memory)")):
        (tmp_path / "published.csv").write_text(lines.format(checked))
        assert stored.number("published:a:value") == said
    assert stored.number("published:a:paper") == "A 2017"
    with pytest.raises(stored.NoSuchNumberError):
        stored.number("published:b:value")


@pytest.mark.parametrize("name", stored.names())
def test_a_table_says_what_gave_it(name: str) -> None:
    table = stored.load(name)
    assert table.title and table.machine and table.rows
    assert bool(table.commands or table.published) != (name in NO_COMMAND)
    assert bool(table.commits) != (name in NO_COMMIT)
    assert len(set(table.columns)) == len(table.columns) and all(table.columns)
    commands = "\n".join(table.commands)
    for script in re.findall(r"^[^-\n]*python (\S+\.py)|pytest (\S+\.py)", commands, re.MULTILINE):
        assert all((ROOT / path).exists() for path in script if path), script
    for model in re.findall(r"apical (?:run|compare) (\w+)", commands):
        assert (ROOT / "models" / f"{model}.py").exists()
    text = stored.markdown(name)
    assert table.machine in text and all(command in text for command in table.commands)


def test_every_table_is_on_a_page_and_every_file_has_its_pair() -> None:
    pages = " ".join(page.read_text() for page in SITE if page.stem != "index")
    shown = re.findall(r"^```\{results\} (\w+)$", pages, re.MULTILINE)
    assert sorted(shown) == stored.names()
    texts = {path.stem for path in stored.TABLES.glob("*.csv")}
    made = {n for n in stored.names() if "adapter" in (stored.TABLES / f"{n}.toml").read_text()}
    assert texts == {*stored.names()} - made


MODELS = sorted((ROOT / "models").glob("*.py"))


@cache
def of_script(name: str) -> frozenset[str]:
    """Return all numbers of the stored tables that name a script."""
    texts = {table: stored.markdown(table) for table in stored.names()}
    return frozenset().union(*(held(table) for table, text in texts.items() if name in text))


def reached(script: Path) -> str:
    """Return what a script's exhibit says that it reaches at full size."""
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "reached":
            return str(ast.literal_eval(node.value))
    return ""


@pytest.mark.parametrize("script", MODELS, ids=lambda path: path.stem)
def test_what_a_model_says_it_reaches_is_stored(script: Path) -> None:
    said = reached(script)
    about = ast.get_docstring(ast.parse(script.read_text())) or ""
    shares = " ".join(found.text for found in unsourced(about) if "share" in found.kind)
    precise = [number for number in numbers(f"{said} {shares}") if "." in number]
    assert [n for n in precise if not is_held(n, of_script(script.stem))] == []


def test_enough_models_say_what_they_reach() -> None:
    assert sum(bool(reached(script)) for script in MODELS) > 20


def seeds_of(table: stored.Stored, row: tuple[str, ...]) -> list[float]:
    cells = dict(zip(table.columns, row, strict=True))
    return [float(cells[c]) for c in table.columns if re.fullmatch(r"seed \d+", c) and cells[c]]


@pytest.mark.parametrize(
    "name", [name for name in stored.names() if "mean" in stored.load(name).columns]
)
def test_means_are_those_of_their_seeds(name: str) -> None:
    table = stored.load(name)
    for row in table.rows:
        seeds, mean = seeds_of(table, row), row[table.columns.index("mean")]
        if len(seeds) > 1:
            rounded = 10.0 ** Decimal(mean).as_tuple().exponent
            assert abs(statistics.mean(seeds) - float(mean)) <= 1.001 * rounded, row


@cache
def measured() -> list[dict[str, str]]:
    with (ROOT / "models" / "measured.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["accuracy"]]


def test_measured_accuracies_name_tables_that_hold_them() -> None:
    named = [row for row in measured() if row["source"].startswith("table ")]
    assert len(named) > 30
    for row in named:
        table = stored.load(re.match(r"table (\w+),", row["source"])[1])
        mean, _, spread = row["accuracy"].partition(" +- ")
        there = {float(mean), float(100 - Decimal(mean))}
        rows = [r for r in table.rows if there & {*map(float, numbers(" ".join(r)))}]
        assert rows, row
        stds = [statistics.stdev(seeds_of(table, r)) for r in rows if len(seeds_of(table, r)) > 1]
        assert not spread or any(abs(std - float(spread)) < 0.006 for std in stds), row
