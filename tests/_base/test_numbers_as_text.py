"""Numbers as text: what is not known of a value is not written."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apical._base.numbers_as_text import number, with_spread


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (137.2, 104.0, "140 ± 100"),
        (426.0, 700.0, "430 ± 700"),
        (0.00572, 0.0021, "0.0057 ± 0.0021"),
        (9.96, 0.0996, "9.96 ± 0.10"),
        (99.96, 3.2, "100.0 ± 3.2"),
        (1.0, 9.97, "1 ± 10"),
        (-0.0001, 0.3, "0.00 ± 0.30"),
        (1.0, 0.0, "1 ± 0"),
        (1e9, 2e8, "(1.00 ± 0.20)e+09"),
        (1e-6, 3e-7, "(1.00 ± 0.30)e-06"),
        (4.69, None, "4.69"),
        (4.69, math.nan, "4.69"),
        (math.nan, 1.0, "undefined"),
        (math.inf, 1.0, "inf"),
    ],
)
def test_a_value_and_its_spread_end_at_one_place(
    value: float, spread: float | None, text: str
) -> None:
    assert with_spread(value, spread) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (16032.4, "16,032"),
        (370_000.0, "370,000"),
        (123_456_789.0, "1.235e+08"),
        (0.0013512, "0.001351"),
        (-1e-05, "-1e-05"),
        (0.99996, "1"),
        (0.0, "0"),
        (5, "5"),
        (np.int64(12_345), "12,345"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "inf"),
    ],
)
def test_a_number_has_no_exponent_where_it_needs_none(value: object, text: str) -> None:
    assert number(value) == text


finite = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(finite, st.floats(1e-9, 1e12))
def test_what_is_written_is_within_half_of_its_last_digit(value: float, spread: float) -> None:
    text = with_spread(value, spread)
    scale = 1.0
    if text.startswith("("):
        text, power = text[1:].split(")e")
        scale = 10.0 ** int(power)
    shown, of = (scale * float(part.replace(",", "")) for part in text.split(" ± "))
    assert abs(of - spread) <= 0.051 * spread
    assert abs(shown - value) <= max(0.051 * spread, 1e-7 * abs(value))
