"""The result of a measure: values with a unit, a source, and a reason for undefined ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.parameters import Measured, Vector


@dataclass(frozen=True)
class Statistic:
    """A statistic with one value for each neuron, trial, pair, class or population.

    Parameters
    ----------
    values
        The values, NaN where undefined, shape (n,).
    unit
        Their unit, ``"1"`` if dimensionless.
    each
        What each value belongs to, for instance ``"neuron"``.
    source
        The library, paper or equation.
    why
        Why values are undefined.
    note
        A caveat for the reader, for instance a known bias.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.statistic import Statistic
    >>> found = Statistic(np.array([2.0, 4.0, np.nan]), "Hz", "neuron", "by hand", why="silent")
    >>> found.defined, found.undefined
    (array([2., 4.]), 1)
    >>> row = found.row()
    >>> row["value"], row["sd"], row["n"], row["undefined"], row["why"]
    (3.0, 1.4142135623730951, 2, 1, 'silent')
    """

    values: Vector
    unit: str
    each: str
    source: str
    why: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def defined(self) -> np.ndarray:
        """The defined values, shape (n - undefined,)."""
        return self.values[np.isfinite(self.values)]

    @property
    def undefined(self) -> int:
        """Number of undefined values."""
        return len(self.values) - len(self.defined)

    def row(self) -> dict[str, Any]:
        """Return mean, standard deviation and counts as a row of a table.

        Mean and standard deviation are None where nothing is defined; `why` says why.
        """
        known = self.defined
        return {
            "value": float(known.mean()) if len(known) else None,
            "sd": float(known.std(ddof=1)) if len(known) > 1 else None,
            "unit": self.unit,
            "each": self.each,
            "n": len(known),
            "undefined": self.undefined,
            "why": self.why if self.undefined else "",
            "note": self.note,
            "source": self.source,
        }


@checked()
def single(value: Measured, unit: str, source: str, why: str = "", note: str = "") -> Statistic:
    """Return the statistic of a single value for a whole population.

    Parameters
    ----------
    value, unit, source, why, note
        As in `Statistic`.

    Examples
    --------
    >>> from apical.measures.statistic import single
    >>> single(4.0, "1", "by hand").row()["value"]
    4.0
    """
    return Statistic(np.array([value], dtype=float), unit, "population", source, why, note)
