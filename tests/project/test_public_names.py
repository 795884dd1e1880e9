"""Public names are imported when they are used: nothing heavy before, and nothing is missing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from test_layers import floor

import apical

STUB = Path(apical.__file__).with_name("__init__.pyi")
IMPORTS = [
    (str(node.module), alias.name, alias.asname or alias.name)
    for node in ast.parse(STUB.read_text()).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
]


@pytest.mark.parametrize(("module", "name", "known_as"), IMPORTS, ids=lambda part: part)
def test_a_public_name_is_there_and_lives_below(module: str, name: str, known_as: str) -> None:
    value = getattr(apical, known_as)
    assert known_as in dir(apical)
    if module != "apical":
        assert value is getattr(__import__(module, fromlist=[name]), name)
        below = f"{module}.{name}".removeprefix("apical.")
        usual = known_as in ("models", "seeds")  # of scripts, above the package itself
        assert usual or floor(below) < floor("")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, apical\n"
        "heavy = {'numpy', 'scipy', 'brian2', 'rich', 'sklearn'} & set(sys.modules)\n"
        "print(sorted(heavy), apical.__version__)\n"
        "import apical as ap\n"
        "ap.LIF, ap.rules.three_factor\n"
        "from apical import feedback, datasets\n"
        "print(ap.measures.__name__)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert said.stdout.splitlines() == [f"[] {apical.__version__}", "apical.measures"], said.stderr


def test_what_is_not_there_is_an_attribute_error() -> None:
    for name in ("nothing", "populations", "_zzz"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(apical, name)
    with pytest.raises(ImportError):
        from apical import nothing  # noqa: F401
