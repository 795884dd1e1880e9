"""Plain values for JSON, which knows no NaN."""

from collections.abc import Mapping
from math import isfinite
from typing import Any


def plain(value: Any) -> Any:
    """Return plain values with None in place of numbers that are not finite.

    Parameters
    ----------
    value
        Mappings and sequences of numbers and texts.
    """
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value
