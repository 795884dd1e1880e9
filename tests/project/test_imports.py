"""Scripts outside the package import only what the package has, also where few tests run them."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(f for d in ("benchmarks", "models", "docs") for f in (ROOT / d).rglob("*.py"))
EXTRAS = ("torch", "brian2cuda", "brian2genn")


def imported(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield what a script imports from the package: modules, and names in them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((a.name, None) for a in node.names if a.name.split(".")[0] == "apical")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "apical":
            yield from ((str(node.module), alias.name) for alias in node.names)


def missing(text: str) -> list[str]:
    """Return what a script imports and the package does not have."""
    gone = []
    for module, name in imported(text):
        try:
            held = importlib.import_module(module)
            if name is not None and not hasattr(held, name):
                importlib.import_module(f"{module}.{name}")
        except ModuleNotFoundError as error:
            if str(error.name).split(".")[0] not in EXTRAS:
                gone.append(f"{module}.{name}" if name else module)
    return gone


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_what_a_script_imports_exists(file: Path) -> None:
    assert missing(file.read_text()) == []


def test_names_that_went_elsewhere_are_found() -> None:
    assert missing("from apical.devices.arrays.learning import STRIP_") == [
        "apical.devices.arrays.learning.STRIP_"
    ]
    assert missing("import apical.nowhere\nfrom apical import Network") == ["apical.nowhere"]
