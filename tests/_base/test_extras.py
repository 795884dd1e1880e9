"""Optional libraries: there, or one line that says how to get them."""

import sys
import warnings
from pathlib import Path

import pytest

from apical._base.extras import library
from apical.errors import DataError


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
