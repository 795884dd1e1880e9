"""Optional libraries: there, or one line that says how to get them."""

import re
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

from apical._base import extras
from apical._base.extras import EXTRAS, Extra, lacking, library
from apical.errors import DataError

ROOT = Path(__file__).parents[2]


def test_a_library_that_is_there_is_returned() -> None:
    assert library("os.path", "nwb").join("a", "b")


def test_a_missing_library_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynwb", None)  # as if it were not installed
    with pytest.raises(DataError, match=r"^This needs pynwb, .*: pip install 'apical\[nwb\]'\."):
        library("pynwb", "nwb")
    with pytest.raises(DataError, match=r"needs no_such_library.*apical\[analysis\]"):
        library("no_such_library.inner", "analysis")


def test_a_library_does_not_switch_warnings_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noisy_library.py").write_text("import warnings\nwarnings.simplefilter('always')\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = list(warnings.filters)
    library("noisy_library", "nwb")
    assert warnings.filters == before


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]
    named = {extra: [re.split(r"[<>=]", line)[0] for line in declared[extra]] for extra in declared}
    assert {name: [*extra.packages] for name, extra in EXTRAS.items()} == {
        name: packages for name, packages in named.items() if name in EXTRAS
    }
    assert declared["all"] == [f"apical[{','.join(n for n, e in EXTRAS.items() if e.in_all)}]"]
    assert "apical[all]" in declared["dev"]


def test_optional_libraries_are_asked_for_by_an_extra_that_there_is() -> None:
    asked = [
        found
        for path in (ROOT / "src").rglob("*.py")
        for found in re.findall(r"\blibrary\(\"[\w.]+\", \"(\w+)\"\)", path.read_text())
    ]
    assert len(asked) > 15 and {*asked} <= {*EXTRAS}


def test_what_an_extra_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Extra(("numpy", "no-such-package"), "nothing")
    monkeypatch.setattr(extras, "EXTRAS", {"some": given})
    assert lacking("some") == ("no-such-package",)
