"""Names of before: they work for one minor release, and warn whoever uses them."""

import importlib
import subprocess
import sys

import pytest

import apical
from apical import _moved


@pytest.mark.parametrize("name", _moved.RENAMED)
def test_a_renamed_attribute_works_and_warns_where_it_is_used(name: str) -> None:
    said = rf"^apical\.{name} is apical\..* with 0\.3\.0\.$"
    with pytest.warns(DeprecationWarning, match=said) as w:
        module = getattr(apical, name)
    assert module is importlib.import_module(f"apical.{_moved.MOVED[name]}")
    assert w[0].filename == __file__


@pytest.mark.parametrize("name", sorted(_moved.MOVED))
def test_every_module_that_moved_is_where_it_is_said_to_be(name: str) -> None:
    assert importlib.util.find_spec(f"apical.{_moved.MOVED[name]}") is not None


def test_an_import_by_an_old_name_is_shown_to_its_user() -> None:
    code = "import apical.alignment; print(apical.alignment.__name__)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "apical.measures.alignment\n"
    assert "DeprecationWarning: apical.alignment is apical.measures.alignment now" in ended.stderr
