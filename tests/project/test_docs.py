"""What the documents promise: code runs, commands exist, links lead somewhere, models train."""

import contextlib
import csv
import doctest
import functools
import importlib
import inspect
import itertools
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import click
import pytest

import apical
from apical import (
    BatchNorm,
    LearningRule,
    NeuronModel,
    Neurons,
    Trace,
    check,
    datasets,
    optimizers,
    rules,
    superspike,
)
from apical.cli import app as cli
from apical.hypotheses import HYPOTHESES
from apical.neurons.base import Population
from apical.neurons.encoding import Encoder
from apical.plasticity.optimizers import UpdateDynamics
from apical.scripts import models

ROOT = Path(__file__).parents[2]
SITE = sorted(
    page for page in (ROOT / "docs").rglob("*.md") if not {"generated", "_build"} & {*page.parts}
)
PAGES = [*sorted(ROOT.glob("*.md")), *SITE]
MODELS = [path for path in sorted((ROOT / "models").glob("*.py")) if not models.is_study(path)]


def modules() -> list[str]:
    """Return the names of all modules of the package."""
    found = pkgutil.walk_packages(apical.__path__, "apical.")
    return ["apical", *(module.name for module in found)]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return the fenced code blocks of a language: line number and text."""
    text = page.read_text()
    return [
        (text.count("\n", 0, found.start()) + 1, found[1])
        for found in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every `apical ...` line of a shell script.

    A reader's own script is one of ours here, and so is a run to be cited.
    """
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        words = list(itertools.takewhile(lambda word: word not in (">", ">>"), words))
        ours = [
            "my_script.py",
            "mine.py",
            "numbers.py",
            *(["runs/mnist"] if words[1:2] == ["cite"] else []),
        ]
        if words and Path(words[0]).name == "apical":
            yield ["models/rate_dfa.py" if word in ours else word for word in words[1:]]


PYTHON = [
    pytest.param(text, id=f"line {line}") for line, text in blocks(ROOT / "README.md", "python")
]
COMMANDS = [
    pytest.param(arguments, id=" ".join(arguments))
    for page in PAGES
    for _, text in blocks(page, "bash")
    for arguments in commands(text)
]


def parse(arguments: list[str]) -> None:
    """Parse a command line of `apical` as the command does, but do nothing.

    A resilient parser lets unknown options pass, so this one is strict.
    """
    command: click.Command = cli.commands
    parent, name, rest = None, "apical", list(arguments)
    while isinstance(command, click.Group):
        parent = command.make_context(name, rest, parent)
        name, command, rest = command.resolve_command(
            parent, [*parent._protected_args, *parent.args]
        )
        assert command is not None
    with contextlib.suppress(click.exceptions.Exit):  # --help, --version
        command.make_context(name, rest, parent)


@pytest.fixture(autouse=True)
def _plain_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse each line as in a process of its own: naming a model adds its options."""
    monkeypatch.setattr(cli.run_command, "params", list(cli.run_command.params))
    monkeypatch.setattr(cli.run_command, "help", cli.run_command.help)
    monkeypatch.chdir(ROOT)


def test_documents_hold_what_is_tested_here() -> None:
    assert PYTHON and COMMANDS and MODELS
    assert ROOT / "README.md" in PAGES


@pytest.mark.slow
@pytest.mark.parametrize("text", PYTHON)
def test_python_of_the_readme_runs(text: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr, ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in SITE if blocks(page, "python")], ids=lambda page: page.stem
)
def test_python_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    text = "\n".join(block for _, block in blocks(page, "python"))
    ended = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr, ended.stderr


@pytest.mark.parametrize("arguments", COMMANDS)
def test_commands_in_documents_exist(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    parse(arguments)


@pytest.mark.parametrize(
    "line",
    [
        "fly",
        "data fly",
        "run spiking_dfa --wings 2",
        "run spiking_dfa --epochs many",
        "run nothing",
    ],
)
def test_commands_that_do_not_exist_are_noticed(line: str) -> None:
    with pytest.raises((click.UsageError, apical.ApicalError)):
        parse(line.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_in_documents_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(\s*<?([^)>\s]+)", prose)
    targets += re.findall(r"^\[[^\]]+\]:\s*<?([^>\s]+)", prose, flags=re.MULTILINE)
    relative = [t for t in targets if not re.match(r"[a-z][a-z+.-]*:|#", t, re.IGNORECASE)]
    missing = [t for t in relative if not (page.parent / unquote(t.partition("#")[0])).exists()]
    assert not missing


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_modules_that_documents_name_are_there(page: Path) -> None:
    there = [
        str(p)
        for d in ("src", "tests", "models", "benchmarks", "docs")
        for p in (ROOT / d).rglob("*.py")
    ]
    named = {*re.findall(r"`([\w/]+\.py)`", page.read_text())} - {"models/Author_Year_what.py"}
    assert [name for name in named if not any(p.endswith(f"/{name}") for p in there)] == []


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings(name: str) -> None:
    if name.endswith("torch_library"):
        pytest.importorskip("torch")  # an optional extra
    for device, package in (("cuda_device", "brian2cuda"), ("genn_device", "brian2genn")):
        if name.endswith(device):
            pytest.importorskip(package)  # another
    script = {"__name__": "__main__"}  # what examples define is a user's, not the package's
    assert doctest.testmod(importlib.import_module(name), extraglobs=script).failed == 0


def leaves(kind: type) -> Iterator[type]:
    """Yield the public classes of the package that derive from one and from which none derives."""
    for other in kind.__subclasses__():
        yield from leaves(other)
    ours = kind.__module__.startswith("apical.") and not kind.__name__.startswith("_")
    if ours and not inspect.isabstract(kind):
        yield kind


def made_of(module: ModuleType, made: str) -> Iterator[Any]:
    """Yield the public functions of a module that return such an object."""
    for name, value in vars(module).items():
        returns = getattr(value, "__annotations__", {}).get("return")
        if not name.startswith("_") and getattr(returns, "__name__", returns) == made:
            yield value


FREE = (Neurons, LearningRule, UpdateDynamics, NeuronModel)
"""What equations of one's own are given to."""
WITH_EQUATION = [
    *(kind for kind in (*leaves(Population), *leaves(Encoder)) if kind not in FREE),
    *made_of(optimizers, "UpdateDynamics"),
    *made_of(rules, "LearningRule"),
    *made_of(superspike, "LearningRule"),
    superspike.slope,
    Trace,
    BatchNorm,
]


@pytest.mark.parametrize("item", WITH_EQUATION, ids=lambda item: item.__name__)
def test_models_show_their_equation(item: Any) -> None:
    text = inspect.getdoc(item) or ""
    assert ".. math::" in text, f"{item.__name__} does not show its equation."


@pytest.mark.parametrize("item", [*WITH_EQUATION, *FREE], ids=lambda item: item.__name__)
def test_models_show_an_example_and_their_relatives(item: Any) -> None:
    text = inspect.getdoc(item) or ""
    assert "\nExamples\n--------\n>>> " in text, f"{item.__name__} has no example that runs."
    assert "\nSee Also\n--------\n" in text, f"{item.__name__} names no relatives."
    listed = text.partition("\nSee Also\n--------\n")[2].partition("\n\n")[0]
    scope = {**vars(sys.modules[item.__module__]), "apical": apical}
    for names in (line.partition(" : ")[0] for line in listed.splitlines()):
        for name in names.split(", "):
            root, *parts = name.split(".")
            functools.reduce(getattr, parts, scope[root])  # it exists


def test_enough_models_show_their_equation() -> None:
    names = {item.__name__ for item in WITH_EQUATION}
    assert names > {"LIF", "Error", "Poisson", "adam", "clipped", "stdp", "rule"}
    assert len(names) > 35


@pytest.mark.parametrize(
    "largest", [60, pytest.param(None, marks=[pytest.mark.slow, pytest.mark.thorough])]
)
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_choice_of_a_model_is_plausible(path: Path, largest: int | None) -> None:
    """Choices say how neurons are wired, whatever their number: as it is in one test in all."""
    model = models.load(str(path))
    data = datasets.load("digits")
    choices = [[(o.name, choice) for choice in o.choices] for o in model.options if o.choices]
    sizes = {o.name: o.default for o in model.options if o.name == "hidden" and o.kind is int}
    if largest is not None:
        sizes = {name: min(size, largest) for name, size in sizes.items()}
    for options in map(dict, itertools.product(*choices)):
        card = check(model.build(data, 0, **options, **sizes), transport=True)
        shares = options.get("variant") == "convolutional"
        assert card.is_local == (options.get("wiring") != "bp" and not shares)


@pytest.mark.slow
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_trains_through_the_command(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    net = models.load(str(path)).build(datasets.load("digits"), 0)
    spikes = any(population.is_spiking for population in net.populations)
    device = "runtime" if spikes else "array"
    short = ["--batch", "1" if spikes else "10"]
    short += ["--train-trials", "20", "--test-trials", "20", "--epochs", "1", "--no-figures"]
    command = [sys.executable, "-c", "from apical.cli import main; main()", "run", str(path)]
    ended = subprocess.run(
        [*command, *short, "--device", device, "--quiet", "--out", str(out)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert ended.returncode == 0, ended.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["n_train"], summary["n_test"], summary["device"]) == (20, 20, device)
    assert 0 <= summary["test_accuracy"] <= 1
    with (out / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    learned = max(int(row["trial"]) for row in rows)
    assert learned == 20
    assert all(float(row["value"]) > 0 for row in rows if row["metric"] == "rate")


def test_a_page_names_every_hypothesis() -> None:
    page = (ROOT / "docs" / "how_to" / "apply_hypotheses.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(HYPOTHESES)
