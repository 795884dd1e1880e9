"""Conditions on rows: what they mean, and that nothing of them is ever evaluated as Python."""

import ast
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apical.errors import ParameterError
from apical.recordings.filters import holds, names_in

COLUMNS: dict[str, np.ndarray] = {
    "quality": np.array(["good", "mua", "good", ""], object),
    "rate": np.array([0.5, 3.0, np.nan, 0.0]),
    "depth": np.array([100, 200, 300, 400]),
    "is_visual": np.array([True, False, True, False]),
    "electrodes.location": np.array(["V1", "LM", "V1", "CA1"], object),
    "max drift": np.array([1.0, 2.0, 3.0, 4.0]),
}


def met(condition: str) -> list[bool]:
    found = holds(condition, COLUMNS.__getitem__, list(COLUMNS))
    return [bool(k) for k in np.broadcast_to(found, 4)]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("quality == 'good'", [1, 0, 1, 0]),
        ("quality != 'good'", [0, 1, 0, 1]),
        ("'good' == quality", [1, 0, 1, 0]),
        ("rate > 0.1", [1, 1, 0, 0]),
        ("rate != 3", [1, 0, 1, 1]),
        ("0 < rate <= 0.5", [1, 0, 0, 0]),
        ("rate * 2 - 1 >= 0", [1, 1, 0, 0]),
        ("depth / rate > 100", [1, 0, 0, 1]),
        ("-depth < -250", [0, 0, 1, 1]),
        ("is_visual", [1, 0, 1, 0]),
        ("not is_visual", [0, 1, 0, 1]),
        ("is_visual == True", [1, 0, 1, 0]),
        ("quality == 'good' and rate > 0.1 or depth == 400", [1, 0, 0, 1]),
        ("electrodes.location in ['V1', 'CA1']", [1, 0, 1, 1]),
        ("electrodes.location not in ('V1', 'CA1')", [0, 1, 0, 0]),
        ("depth in (100, 400) and quality in ('good',)", [1, 0, 0, 0]),
        ("max_drift > 2", [0, 0, 1, 1]),
        ("True", [1, 1, 1, 1]),
    ],
)
def test_conditions_mean_what_they_say(condition: str, expected: list[int]) -> None:
    assert met(condition) == [bool(k) for k in expected]


def test_names_are_columns() -> None:
    assert names_in("a > 1 and b.c in ('x', 'y') or not d") == {"a", "b.c", "d"}


@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('false')",
        "quality.__class__",
        "open('a')",
        "[x for x in quality]",
        "lambda: 1",
        "quality[0] == 'good'",
        "f'{quality}'",
        "rate ** 99",
        "rate if is_visual else 1",
        "(y := 3) > 1",
        "rate @ rate",
        "~is_visual",
        "rate is 1",
        "quality in rate",
        "rate > 1j",
        "rate > None",
        "b'a' == quality",
        "rate >",
        "",
        "a; b",
        "rate == 1e999",
        "not " * 200 + "is_visual",
        "rate + " * 300 + "1",
        "x" * 20_000,
        "rate > 1\0",
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(condition: str) -> None:
    with pytest.raises(ParameterError) as caught:
        met(condition)
    assert "\n" not in str(caught.value) and len(caught.value.message) < 700


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("qualty == 'good'", "no column 'qualty'.*Did you mean 'quality'"),
        ("quality == good", "no column 'good'.*Texts are written in quotes"),
        ("quality == 1", r"quality is text \('good', 'mua', ''\), and 1 is a number"),
        ("rate == 'high'", "'high' is text"),
        ("quality > 'a'", "texts have no order"),
        ("quality", "neither true nor false"),
        ("rate", "neither true nor false"),
        ("depth + 1", "neither true nor false"),
        ("quality and is_visual", "'quality' is neither true nor false"),
        ("quality + 1 > 2", "is text, and no number to count with"),
    ],
)
def test_what_does_not_fit_is_said(condition: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        met(condition)


atoms = st.sampled_from(["rate > 1", "depth <= 200", "is_visual", "quality == 'good'"])
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=8,
)


@given(conditions)
def test_conditions_agree_with_python_row_by_row(condition: str) -> None:
    """The oracle evaluates a text that this test made itself."""
    assert ast.parse(condition)
    for row, found in enumerate(met(condition)):
        scope: dict[str, Any] = {name: values[row] for name, values in COLUMNS.items()}
        assert bool(eval(condition, {"__builtins__": {}}, scope)) == found
