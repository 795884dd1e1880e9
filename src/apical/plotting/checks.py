"""Validation of the arguments of plotting functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import shown
from apical._base.parameters import Array, Marker, Number, unit_of
from apical.errors import DataError
from apical.records.arrays import Records


@dataclass(frozen=True, repr=False)
class _Numbers(Marker):
    """Marks numbers that are checked by the functions below, with more specific messages."""

    def plain(self, value: Any) -> Any:
        """Return what was given; ValueError if it has a unit."""
        if unit_of(value) != "1":
            raise ValueError
        return value

    @property
    def text(self) -> str:
        """The requirement, in words."""
        return "plain numbers without a unit"


@dataclass(frozen=True, repr=False)
class _Panels(Marker):
    """Marks Axes, or any array or sequence of them."""

    def plain(self, value: Any) -> NDArray[Any]:
        """Return the Axes, shape (n,); ValueError if there is anything else."""
        given = np.array(value, dtype=object).ravel()
        if not given.size or not all(isinstance(ax, Axes) for ax in given):
            raise ValueError
        return given

    @property
    def text(self) -> str:
        """The requirement, in words."""
        return "Axes of matplotlib, one or more"


Numbers = Annotated[ArrayLike, _Numbers()]
"""Numbers to draw."""
Panels = Annotated[Axes | Sequence[Axes] | NDArray[Any], _Panels()]
"""Axes to draw into, or to save."""
Inches = Annotated[float, Number(above=0, most=100)]
"""A length [inches]."""
Dots = Annotated[float, Number(least=10, most=2400)]
"""Dots per inch."""
PanelCount = Annotated[int, Number(whole=True, most=100)]
"""Number of panels of a figure."""
Sizes = Annotated[Sequence[int], Array((1,), kinds="iu")]
"""Whole numbers with 1 dimension."""
MOST_CLASSES = 2000
"""Largest number of classes that a matrix can show."""


def percent(where: str, values: ArrayLike, n_points: int) -> NDArray[Any]:
    """Validate fractions, and return them as rows of `n_points` in percent."""
    needs, do = f"fractions from 0 to 1 in rows of {n_points}", "give one for each of trials"
    rows = np.atleast_2d(checked(where, values, needs, "divide percentages by 100", (0, 1), None))
    if rows.ndim != 2 or rows.shape[1] != n_points or not len(rows):
        refuse(where, needs, f"shape {rows.shape}", do)
    return 100 * rows


def indices(where: str, values: ArrayLike, size: float, do: str) -> NDArray[np.int64]:
    """Validate indices, whole numbers from 0 to `size` - 1, and return them."""
    needs = f"whole numbers from 0 to {size - 1}"
    array = checked(where, values, needs, do, (0, size - 1))
    if np.any(array != np.floor(array)):
        refuse(where, needs, "fractions", do)
    return array.astype(np.int64)


def checked(
    where: str,
    values: ArrayLike,
    needs: str,
    do: str,
    within: tuple[float, float] = (-np.inf, np.inf),
    ndim: int | None = 1,
) -> NDArray[Any]:
    """Validate finite numbers, and return them as an array of `ndim` axes (None: any)."""
    try:
        array = np.asarray(values)
    except ValueError:
        refuse(where, needs, "rows of different lengths", do)
    if array.dtype.kind not in "biuf" or array.ndim != (array.ndim if ndim is None else ndim):
        refuse(where, needs, f"shape {array.shape} of {array.dtype}", do)
    low, high = (array.min(), array.max()) if array.size else within
    if array.size and not (
        np.isfinite([low, high]).all() and within[0] <= low <= high <= within[1]
    ):
        refuse(where, needs, f"{low:g} to {high:g}", do)
    return array


def with_gaps(where: str, values: ArrayLike, needs: str, do: str) -> NDArray[np.floating]:
    """Validate numbers of which some, but not all, may be NaN (undefined), and return them."""
    try:
        array = np.asarray(values)
    except ValueError:
        refuse(where, needs, "rows of different lengths", do)
    if array.dtype.kind not in "biuf":
        refuse(where, needs, f"shape {array.shape} of {array.dtype}", do)
    array = array.astype(float)
    if np.isnan(array).all() or np.isinf(array).any():
        missing, endless = int(np.isnan(array).sum()), int(np.isinf(array).sum())
        refuse(where, needs, f"{missing} NaN and {endless} infinite among {array.size}", do)
    return array


def one_trial(records: Records, trial: int) -> int:
    """Validate the index of a recorded trial, and return it."""
    if not isinstance(trial, int | np.integer) or not 0 <= trial < len(records):
        needs = f"one of the {len(records)} recorded trials, from 0"
        refuse("trial", needs, shown(trial), "choose one, or record more")
    return int(trial)


def refuse(where: str, needs: str, got: str, do: str) -> NoReturn:
    """Raise a `DataError` about one argument: what it needs, what it got, what to do."""
    raise DataError(f"{where}: needs {needs}, got {got}; {do}.", object=str(where))
