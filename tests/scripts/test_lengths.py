"""Scripts are papers, not plumbing: they are short, and use today's names."""

import ast
import warnings
from pathlib import Path
from statistics import median

import pytest

import apical
from apical._moved import MOVED, RENAMED
from apical.scripts import models

SCRIPTS = sorted((Path(__file__).parents[2] / "models").glob("*.py"))
MEDIAN, LONGEST = 88, 150
PUBLIC = {
    alias.asname or alias.name
    for node in ast.parse(Path(apical.__file__).read_text()).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
every_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_half_of_the_scripts_are_two_pages() -> None:
    assert median(map(lines, SCRIPTS)) <= MEDIAN


@every_script
def test_no_script_is_long(path: Path) -> None:
    assert lines(path) <= LONGEST


@every_script
def test_no_script_uses_a_deprecated_name(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "apical":
            names = {alias.name for alias in node.names}
            assert not names & {*RENAMED} and not names & {*MOVED} - PUBLIC
        elif isinstance(node, ast.ImportFrom):
            assert str(node.module).removeprefix("apical.") not in MOVED
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id != "ap" or node.attr not in RENAMED


@every_script
def test_every_script_imports_without_a_warning(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        models.imported(path)
