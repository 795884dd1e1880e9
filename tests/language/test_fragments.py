"""Fragments of model texts."""

import pytest

from apical.language.fragments import lines, when


@pytest.mark.parametrize(
    ("option", "is_on"), [(True, True), (0.0, False), (2.0, True), ("", False)]
)
def test_a_fragment_stands_there_under_its_option(option: object, is_on: bool) -> None:
    assert when(option, " - v") == (" - v" if is_on else "")
    assert when(option, "x", "y") == ("x" if is_on else "y")


def test_lines_leave_out_what_is_empty() -> None:
    assert lines("a : 1", "", "b : 1\nc : 1") == "a : 1\nb : 1\nc : 1"
    assert lines() == lines("", "") == ""
