"""Units that texts in Brian2's grammar may name, and their sizes."""

import re
from fractions import Fraction

_PREFIXES = {
    "": 0, "da": 1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip
"""Power of ten of each prefix."""

_UNITS = {"gram": -3, "gramme": -3, "g": -3, "molar": 3} | dict.fromkeys(
    (
        *("second", "s", "Hz", "hertz", "volt", "V", "amp", "ampere", "A", "siemens", "S"),
        *("farad", "F", "ohm", "metre", "meter", "m", "mole", "mol", "kelvin", "joule", "J"),
        *("coulomb", "C", "newton", "N", "watt", "W"),
    ),
    0,
)
"""Power of ten of each unit, in SI."""

_UNIT = re.compile(
    rf"(?P<prefix>{'|'.join(filter(None, _PREFIXES))})?(?P<unit>{'|'.join(_UNITS)})(?P<power>\d*)"
)


def size(name: str) -> Fraction | None:
    """Return the size of a unit in SI; None if the name is none of a unit.

    Examples
    --------
    >>> size("ms"), size("cm2"), size("mean")
    (Fraction(1, 1000), Fraction(1, 10000), None)
    """
    found = _UNIT.fullmatch(name)
    if found is None:
        return None
    ten = _PREFIXES[found["prefix"] or ""] + _UNITS[found["unit"]]
    return Fraction(10) ** (ten * int(found["power"] or 1))
