"""Every name that a user meets shows an example; `test_docs` runs all of them."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import apical
from apical._base.registry import Registry

ROOT = Path(__file__).parents[2]

FOLDERS = (
    "_base",
    "data",
    "errors",
    "export",
    "feedback",
    "hypotheses",
    "language",
    "measures",
    "network",
    "neurons",
    "plasticity",
    "plotting",
    "projections",
    "records",
    "reference",
    "training",
)
"""Folders of the package whose public names are held to an example."""

METHODS_OF = ("Dataset", "Network", "Samples", "Wiring")
"""Classes whose methods users call; of all others they call the constructor."""


def ours(value: Any) -> bool:
    """Say whether it is a public function or class of one of the folders."""
    if not (inspect.isfunction(value) or inspect.isclass(value)):
        return False
    where = value.__module__.split(".")
    return where[0] == "apical" and where[1:2] != [] and where[1] in FOLDERS


def exported(module: ModuleType) -> Iterator[Any]:
    """Yield what a module defines, and what it hands on by ``import name as name``."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom):
            yield from (getattr(module, a.name) for a in node.names if a.asname == a.name)
    yield from (v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__)


def registered() -> Iterator[Any]:
    """Yield what the registries of the folders hold, and the functions that their objects name."""
    for folder in FOLDERS:
        package = importlib.import_module(f"apical.{folder}")
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for registry in vars(importlib.import_module(found.name)).values():
                for value in registry.values() if isinstance(registry, Registry) else ():
                    yield from (
                        (value,) if inspect.isclass(value) else (value, *vars(value).values())
                    )


def code() -> Iterator[str]:
    """Yield the Python that users are shown: in the README, docs, models and notebooks."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        yield from re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    for script in sorted((ROOT / "models").glob("*.py")):
        yield script.read_text()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(notebook.read_text())["cells"]:
            if cell["cell_type"] == "code":
                yield re.sub(r"^\s*[%!].*$", "", "".join(cell["source"]), flags=re.MULTILINE)


def resolved(dotted: str) -> Any:
    """Return what a dotted name stands for; None where an attribute of an object is meant."""
    root, *names = dotted.split(".")
    found: Any = importlib.import_module(root)
    for name in names:
        if inspect.ismodule(found) and not hasattr(found, name):
            importlib.import_module(f"{found.__name__}.{name}")
        found = getattr(found, name, None)
    return found


def shown(text: str) -> Iterator[Any]:
    """Yield what a piece of code imports from the package, or reaches there by dots."""
    nodes = list(ast.walk(ast.parse(text)))
    known = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "apical":
            known |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            mine = [a for a in node.names if a.name.split(".")[0] == "apical"]
            known |= {a.asname or "apical": a.name if a.asname else "apical" for a in mine}
    yield from map(resolved, known.values())
    for node in nodes:
        if isinstance(node, ast.Attribute):
            root, _, rest = ast.unparse(node).partition(".")
            if root in known and re.fullmatch(r"[\w.]+", rest):
                yield resolved(f"{known[root]}.{rest}")


def public() -> Mapping[str, Any]:
    """Return every function, class and method that a user meets, by its name in the package."""
    doors = [apical, *(importlib.import_module(f"apical.{folder}") for folder in FOLDERS)]
    doors += [value for value in exported(apical) if inspect.ismodule(value)]
    met = [value for door in doors for value in exported(door)]
    met += [*registered(), *(value for text in code() for value in shown(text))]
    found = {}
    for value in filter(ours, met):
        name = f"{value.__module__.removeprefix('apical.')}.{value.__qualname__}"
        found[name] = value
        if value.__name__ in METHODS_OF:
            found |= {f"{name}.{m.__name__}": m for m in methods(value)}
    return {name: found[name] for name in sorted(found) if not is_private(name)}


def is_private(name: str) -> bool:
    """Say whether a part of a name begins with an underscore, but for the folder `_base`."""
    _, *parts = name.split(".")
    return any(part.startswith(("_", "<")) for part in parts)


def methods(kind: type) -> Iterator[Any]:
    """Yield the public methods that a class defines."""
    for name, value in vars(kind).items():
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if not name.startswith("_") and inspect.isfunction(plain):
            yield plain


PUBLIC = public()


def relatives(text: str) -> Iterator[str]:
    """Yield the names that the section `See Also` of a docstring lists."""
    listed = text.partition("\nSee Also\n--------\n")[2].partition("\n\n")[0]
    for line in listed.splitlines():
        if not line.startswith(" "):
            yield from line.partition(" : ")[0].split(", ")


def test_public_names_are_found() -> None:
    assert PUBLIC.keys() > {"data.datasets.load", "hypotheses.synapses.dale"}
    assert "network.description.Network.teach" in PUBLIC
    assert {name.partition(".")[0] for name in PUBLIC} == {*FOLDERS}
    assert len(PUBLIC) > 150


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_show_an_example(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    example = text.partition("\nExamples\n--------\n")[2]
    assert re.search("^>>> ", example, re.MULTILINE), f"{name} has no section Examples that runs."


@pytest.mark.parametrize("name", PUBLIC)
def test_relatives_of_public_names_exist(name: str) -> None:
    value = PUBLIC[name]
    module = sys.modules[value.__module__]
    owner = getattr(module, value.__qualname__.partition(".")[0])
    package = sys.modules[str(module.__package__)]
    scope = {**vars(package), **vars(module), **vars(owner), "apical": apical}
    for relative in relatives(inspect.getdoc(value) or ""):
        root, _, rest = relative.partition(".")
        assert root in scope, f"{name}: no {relative}; write it as 'apical.module.name'."
        found = resolved(relative) if root == "apical" else scope[root]
        for part in rest.split(".") if rest and root != "apical" else ():
            found = getattr(found, part, None)
        assert found is not None, f"{name}: no {relative}."
