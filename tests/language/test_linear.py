"""Coefficients of linear equations, against SymPy, and sizes of units."""

from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from apical.language import units
from apical.language.linear import coefficient

CONSTANTS = {"tau": Fraction(1, 200), "a": Fraction(-3), "b": Fraction(5, 2)}
LEAVES = st.sampled_from(["v", "v", "I", "u", "tau", "a", "b", "2", "0.5"])


def grown(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(parts, st.sampled_from("+-*/"), parts)
    powers = st.tuples(parts, st.sampled_from(["2", "1", "-1"]))
    return st.one_of(
        pairs.map(lambda found: f"({found[0]} {found[1]} {found[2]})"),
        powers.map(lambda found: f"({found[0]})**({found[1]})"),
        parts.map(lambda found: f"-({found})"),
        parts.map(lambda found: f"exp({found})"),
    )


@settings(deadline=None)  # SymPy takes its time
@given(st.recursive(LEAVES, grown, max_leaves=8))
def test_a_coefficient_is_the_derivative(text: str) -> None:
    found = coefficient(text, "v", CONSTANTS, others=("I", "u"))
    if found is None:
        return
    names = {name: sympy.Symbol(name) for name in ("v", "I", "u", "tau", "a", "b")}
    values = {names[k]: sympy.Rational(x.numerator, x.denominator) for k, x in CONSTANTS.items()}
    whole = sympy.sympify(text, locals=names, rational=True).subs(values)
    if whole.has(sympy.zoo, sympy.nan):
        return
    derivative = sympy.simplify(sympy.diff(whole, names["v"]))
    assert derivative == sympy.Rational(found.numerator, found.denominator)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-v/tau", -200),
        ("(I - v)/(5*ms)", -200),
        ("I - (v + u)/tau", -200),
        ("-(v - I)*2*tau**-1", -400),
        ("(I - half)/tau", -100),
        ("-v*20*Hz", -20),
        ("-(v*nS)/(10*pF)", -100),
        ("I + exp(u)*int(I > 0)", 0),
        ("-v/tau + xi*tau**-0.5", -200),
        ("-v**1/tau", -200),
    ],
)
def test_what_is_linear(text: str, expected: float) -> None:
    assert coefficient(text, "v", CONSTANTS, {"half": "v/2"}, ("I", "u")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "-v**2/tau",
        "-u*v/tau",
        "(I - v)/stretch",
        "exp(-v)",
        "-v*int(v > 0)/tau",
        "-v/tau + v*xi*tau**-0.5",
        "1/v",
        "-v*abs(I)",
        "(I - curved)/tau",
        "v if I > 0 else 0",
        "-v/(tau - tau)",
        "-v/1e400",
    ],
)
def test_what_is_not(text: str) -> None:
    others = ("I", "u", "stretch")
    assert coefficient(text, "v", CONSTANTS, {"curved": "tanh(v)"}, others) is None


def test_a_constant_or_a_variable_hides_a_unit_of_its_name() -> None:
    assert coefficient("-v/ms", "v", {"ms": Fraction(2)}) == Fraction(-1, 2)
    assert coefficient("-v/ms", "v", {}, others=("ms",)) is None


def test_sizes_of_units() -> None:
    sizes = {"second": 1, "us": Fraction(1, 10**6), "dam": 10, "m": 1, "mm2": Fraction(1, 10**6)}
    assert {name: units.size(name) for name in sizes} == sizes
    assert (units.size("kgram"), units.size("mmolar")) == (1, 1)
    assert units.size("tau") is units.size("x") is units.size("msec") is None
