"""Numbers as people read them: a value and its uncertainty rounded together, without exponents."""

import math
from typing import Any

import numpy as np

LARGEST_PLAIN, SMALLEST_PLAIN = 1e7, 1e-4
"""Magnitudes from which on, and below which, a number is written with a power of ten."""


def number(value: Any, digits: int = 4) -> str:
    """Return a number with so many significant digits, of an integer with all.

    Parameters
    ----------
    value
        A number; None or NaN is written as "-".
    digits
        Significant digits. Those before the decimal point are all written.

    Examples
    --------
    >>> from apical._base.numbers_as_text import number
    >>> number(16030.0), number(0.0013512), number(2.5e-7), number(None)
    ('16,030', '0.001351', '2.5e-07', '-')
    """
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return "-"
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f"{value:,}"
    if not math.isfinite(value) or not _is_plain(value):
        return f"{value:.{digits}g}"
    places = max(digits - 1 - _exponent(value, digits), 0)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_spread(value: float, spread: float | None, digits: int = 2) -> str:
    """Return a value with its spread or uncertainty, both to the same decimal place.

    The uncertainty has so many significant digits, and what it says is not known of the value is
    not written.

    Parameters
    ----------
    value
        Mean or estimate.
    spread
        Standard deviation or uncertainty; None or NaN if there is none.
    digits
        Significant digits of `spread`.

    Examples
    --------
    >>> from apical._base.numbers_as_text import with_spread
    >>> with_spread(137.2, 104.0), with_spread(0.05721, 0.0142), with_spread(4.69, None)
    ('140 ± 100', '0.057 ± 0.014', '4.69')
    """
    if math.isnan(value):
        return "undefined"
    if spread is None or not math.isfinite(spread) or not math.isfinite(value):
        return number(value, 3)
    if not spread:
        return f"{number(value, 3)} ± 0"
    largest = max(abs(value), spread)
    if spread < 1e-7 * largest:  # more digits than anyone reads
        return f"{value:.8g} ± {spread:.{digits}g}"
    if _is_plain(largest):
        exponent = _exponent(spread, digits)
        return f"{_at(value, exponent, digits)} ± {_at(spread, exponent, digits)}"
    power = math.floor(math.log10(largest))
    scaled = with_spread(value / 10.0**power, spread / 10.0**power, digits)
    return f"({scaled})e{power:+03d}"


def _at(value: float, exponent: int, digits: int) -> str:
    """Return a value rounded to `digits` digits from that of 10**exponent on."""
    places = digits - 1 - exponent
    rounded = round(value, places) + 0.0  # no negative zero
    return f"{rounded:,.{max(places, 0)}f}"


def _is_plain(value: float) -> bool:
    return value == 0 or SMALLEST_PLAIN <= abs(value) < LARGEST_PLAIN


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of the first of so many digits, after rounding to them."""
    return int(f"{value:.{digits - 1}e}".split("e")[1])
