"""Texts of rules and models within limits: refused where they are written, in one line."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apical.errors import ApicalError, DeviceError, ParameterError
from apical.language import evaluation, expressions, linear, model_text, rank_one
from apical.language.syntax import DEEPEST, syntax_tree
from apical.plasticity.rules import LearningRule

PARTS = (
    *("x_pre", "teach_post", "w", "eta", " + ", " - ", " * ", "/", "**", "(", ")", ",", " < "),
    *(" and ", "not ", "exp(", "clip(", "int(", "1", "2.5", "1e999", "9" * 400, "\0", "\n", "'"),
    *("[", "]", "lambda: ", " if ", " else ", ":=", "\u0661", "\ud800", "#", "\\", ";", "=", "1j"),
)
TEXTS = st.lists(st.sampled_from(PARTS), max_size=25).map("".join) | st.text(max_size=30)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (" + ".join(["x_pre"] * 3000), "characters, and an expression at most 10,000"),
        (" + ".join(["w"] * 2000), "more than 100 operations in each other"),
        (" + ".join(["w"] * (DEEPEST + 2)), "more than 100 operations in each other"),
        ("tanh(" * 150 + "w" + ")" * 150, "more than 100 operations in each other"),
        ("-" * 3000 + "w", "more than 100 operations in each other"),
        ("(" * 3000 + "w" + ")" * 3000, "too many nested parentheses"),
        ("w * 1e999", "a number that is too large"),
        ("w * " + "9" * 400, "a number that is too large"),
        ("w * " + "9" * 5000, "not one expression .*limit"),
        ("x" * 101 + "_pre * w", "a name of 105 characters; the longest is 100"),
        ("w\0", "null bytes"),
        ("w + '\ud800'", r"has '\\ud800' \(U\+D800\) in .*; write code in ASCII"),
    ],
    ids=range(12),
)
def test_rules_beyond_the_limits_are_refused_where_they_are_written(text: str, match: str) -> None:
    with pytest.raises(ParameterError, match=match) as caught:
        LearningRule("long", text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_rules_within_the_limits_are_taken() -> None:
    text = " + ".join(["x_pre"] * (DEEPEST + 1))
    assert LearningRule("sum", text).signals == {"x_pre"}
    assert len(rank_one.terms(text)) == 1
    assert syntax_tree("tanh(" * 99 + "w" + ")" * 99)


def test_products_of_many_sums_are_not_expanded() -> None:
    """30 factors of two terms would be 2**30 matrix products."""
    with pytest.raises(DeviceError, match="expands to more than 100 terms"):
        rank_one.terms(" * ".join(["(x_pre + x_post)"] * 30))
    with pytest.raises(DeviceError, match="expands to more than 100 terms"):
        rank_one.terms("(x_pre * x_post + w) ** 1000000000")
    assert len(rank_one.terms("(x_pre + x_post) ** 3")) == 8


def test_powers_of_powers_are_not_worked_out() -> None:
    text = "2"
    for _ in range(20):
        text = f"({text})**16"
    assert linear.coefficient(f"v*{text}", "v", {}) is None
    assert linear.coefficient("v*(2**3)**2", "v", {}) == 64


@settings(deadline=None, max_examples=500)
@given(text=TEXTS)
@example(text="clip(w)")
@example(text="1 < 2 < 3")
@example(text="exp(w=1)")
@example(text="(yield)")
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    for read in (
        expressions.parse,
        rank_one.terms,
        model_text.reads,
        model_text.equations,
        model_text.statements,
        lambda text: LearningRule("rule", text, {"eta": 1.0}),
        lambda text: linear.coefficient(text, "w", {}),
        evaluation.comparisons,
        lambda text: evaluation.evaluated(text, {"w": 0.5, "eta": 1.0}, {}),
    ):
        said = ""
        try:
            read(text)
        except ApicalError as error:
            said = str(error)
        assert "\n" not in said and len(said) < 1000
