"""Floating-point tolerance: equality, constant data and ties within rounding error.

Sums of the same numbers in another order differ in their last bits, and so does the mean of equal
numbers from these numbers. Such differences must not be ranked, compared with 0 or divided by a
standard deviation. Every measure therefore passes the magnitude of the numbers from which its
values were computed: a constant pattern minus its mean may be 1e-15, which is zero relative to 10
but not relative to itself.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from apical._base.extras import quietly

ROUNDING = 1e-10
"""Relative tolerance: smaller differences, relative to the original numbers, are rounding error."""


def size_of(values: ArrayLike) -> float:
    """Return the largest magnitude, ignoring NaN; 0 for an empty array."""
    array = np.asarray(values)
    if array.dtype.kind != "f":  # the smallest integer has no negative
        array = array.astype(float)
    return float(np.fmax.reduce(np.abs(array), axis=None, initial=0.0))


def is_nothing(values: ArrayLike, size: ArrayLike) -> NDArray[np.bool_]:
    """Say which values are 0 within rounding.

    Parameters
    ----------
    values
        Of any shape.
    size
        Magnitude of the numbers from which they were computed, broadcast against the values.
    """
    return np.asarray(np.abs(values) <= ROUNDING * np.asarray(size))


def exceeds(values: ArrayLike, others: ArrayLike, size: ArrayLike) -> NDArray[np.bool_]:
    """Say which values are larger than others by more than rounding; parameters as above."""
    return np.asarray(np.subtract(values, others) > ROUNDING * np.asarray(size))


def is_flat(
    values: ArrayLike, axis: int | None = None, size: float | None = None
) -> NDArray[np.bool_]:
    """Say where values are constant within rounding, along an axis or altogether.

    Parameters
    ----------
    values
        Of any shape; an empty array is constant.
    axis
        None for all axes.
    size
        Magnitude of the numbers from which they were computed; `size_of` the values by default.
    """
    array = np.asarray(values, float)
    size = size_of(array) if size is None else size
    if not (array.size if axis is None else array.shape[axis]):
        return np.ones(np.delete(array.shape, slice(None) if axis is None else axis), bool)
    return is_nothing(np.ptp(array, axis=axis), size)


def or_nothing(values: NDArray[np.floating], size: float) -> NDArray[np.floating]:
    """Return values, or zeros if all of them are 0 within rounding; `size` as above."""
    return np.zeros_like(values) if is_nothing(size_of(values), size) else values


def tied(values: ArrayLike, within: float | None = None) -> NDArray[np.float64]:
    """Return values with ties within rounding made exactly equal, of the same shape.

    Each becomes the smallest of its tie. No tie is wider than `within`, so a dense range of numbers
    is not one tie.

    Parameters
    ----------
    values
        Finite numbers.
    within
        Largest difference of a tie; by default `ROUNDING` of the largest number.
    """
    array = np.asarray(values, np.float64)
    within = ROUNDING * size_of(array) if within is None else within
    order = np.argsort(array, axis=None, kind="stable")
    rising = array.ravel()[order]
    begins = np.diff(rising, prepend=-np.inf) > within
    edges = np.append(np.flatnonzero(begins), len(rising))
    chained = rising[edges[1:] - 1] - rising[edges[:-1]] > within
    for first, end in zip(edges[:-1][chained], edges[1:][chained], strict=True):
        while rising[end - 1] - rising[first] > within:
            first += np.searchsorted(rising[first:end], rising[first] + within, side="right")
            begins[first] = True
    found = np.empty_like(rising)
    found[order] = rising[begins][np.cumsum(begins) - 1]
    return found.reshape(array.shape)


def ranks(values: ArrayLike, within: float | None = None) -> NDArray[np.float64]:
    """Return ranks from 1, with mean ranks for ties, shape (n,); parameters as in `tied`."""
    return np.asarray(quietly("scipy.stats").rankdata(tied(values, within)))


def on_grid(values: ArrayLike) -> NDArray[np.float64]:
    """Return values divided by `size_of` them, rounded to `ROUNDING`; 0 where that is 0.

    For algorithms that are not aware of ties: an optimiser, a classifier, a library that compares.
    """
    array = np.asarray(values, np.float64)
    size = size_of(array)
    return np.rint(array / size / ROUNDING) * ROUNDING if size else np.zeros_like(array)


def place_of_largest(values: ArrayLike, axis: int) -> NDArray[np.intp]:
    """Return the first place along an axis whose value is the largest within rounding."""
    array = np.asarray(values)
    top = array.max(axis=axis, keepdims=True)
    return np.asarray(~exceeds(top, array, size_of(array))).argmax(axis=axis)
