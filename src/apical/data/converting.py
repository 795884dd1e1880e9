"""Validation and conversion of users' arrays into the stored form of a data set.

Only the numbers matter: stimuli, labels and the scale have the same bits for any dtype and memory
order that holds the same numbers.
"""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import shown
from apical._base.parameters import unit_of
from apical.errors import DataError, ParameterError, ScaleWarning, brief
from apical.errors.source_location import outside

BRIGHTER = 2.0
"""Test values up to this multiple of the scale are accepted; beyond it the parts do not match."""

_ROWS = 1024
"""Number of samples that are checked at a time."""


LARGEST = float(np.finfo(np.float32).max)
"""Largest target that single precision holds; a device would make a larger one infinite."""


def values(
    array: ArrayLike, where: str, *, signed: bool = False
) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Check the stored values of a data set and return them flattened to (n, n_inputs).

    Parameters
    ----------
    array
        Any real numbers from 0 on, shape (n, ...).
    where
        What they are, for errors.
    signed
        Whether numbers below 0 are allowed, which only `apical.encoding.Graded` inputs take.

    Returns
    -------
    ndarray
        The same numbers, shape (n, n_inputs), in C order: uint8 as it is, float32 otherwise.
    tuple
        Shape of one sample.

    Raises
    ------
    DataError
        If there are none, or they are masked, no real numbers, infinite, NaN or negative.
    """
    given = _plain(array, where)
    if given.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: needs real numbers, got {given.dtype}; {_instead(given)}.", object=where
        )
    if given.ndim < 2 or not given.size:
        raise DataError(
            f"{where}: needs a non-empty array (n, ...), got shape {given.shape}.", object=where
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite: refused below
        kept = given if given.dtype == np.uint8 else given.astype(np.float32, copy=False)
    low, high = float(kept.min()), float(kept.max())  # a NaN anywhere makes both NaN
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(
            f"{where}: holds NaN or infinite values; remove or replace them.", object=where
        )
    if low < 0 and not signed:
        raise DataError(
            f"{where}: values start at {low:g}; rates need >= 0, so shift them: subtract the "
            "smallest training value of each input from both parts.",
            object=where,
        )
    return np.ascontiguousarray(kept.reshape(len(kept), -1)), given.shape[1:]


def numbers(array: ArrayLike, where: str) -> NDArray[Any]:
    """Return finite real numbers as an array, of the type that they have.

    Raises
    ------
    DataError
        If they are masked, no real numbers, infinite or NaN.
    """
    given = _plain(array, where)
    if given.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: needs real numbers, got {given.dtype}; {_instead(given)}.", object=where
        )
    ends = (given.min(), given.max()) if given.dtype.kind == "f" and given.size else ()
    if not all(map(math.isfinite, ends)):
        raise DataError(
            f"{where}: holds NaN or infinite values; remove or replace them.", object=where
        )
    return given


def alike(parts: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
    """Return arrays of `values` in one type: uint8 where that holds all their numbers."""
    small = all(
        part.dtype == np.uint8 or (part.min() >= 0 and part.max() <= 255 and is_whole(part))
        for part in parts
    )
    dtype = np.uint8 if small else np.float32
    return tuple(part.astype(dtype, copy=False) for part in parts)


def is_whole(array: NDArray[Any]) -> bool:
    """Say whether all numbers of an array are whole."""
    if array.dtype.kind != "f":
        return True
    return all(np.array_equal(part, np.trunc(part)) for part in _parts(array))


def _parts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (array[k : k + _ROWS] for k in range(0, len(array), _ROWS))


def scale_of(given: float | None, train: NDArray[Any], test: NDArray[Any], name: str) -> float:
    """Return the divisor that normalises inputs to [0, 1], and check that the values fit it.

    If none is given it is inferred from the values: 1 if no training value exceeds 1; 255 for whole
    numbers of which the largest is from 128 to 255, as in 8-bit images; otherwise the largest
    training value. An inferred scale other than 1 is reported, since it is a guess.

    Parameters
    ----------
    given
        The scale where it is known; None to infer it.
    train, test
        Values of both parts, as `alike` returns them.
    name
        Name of the data set.

    Raises
    ------
    ParameterError
        If the scale is no number above 0.
    DataError
        If training values exceed the scale, or test values twice the scale.

    Warns
    -----
    ScaleWarning
        If it was inferred and changes values.
    """
    largest, brightest = _size(train), _size(test)
    scale = _guessed(train, test) if given is None else check_scale(given, name)
    if largest > scale or brightest > BRIGHTER * scale:
        raise DataError(
            f"{brief(name)}: values reach {largest:g} in x_train and {brightest:g} in x_test, "
            "above the "
            f"scale {scale:g}; scale both parts alike, or say what stands for 1: scale= (--scale).",
            parameter="scale",
        )
    if given is None and scale != 1:
        kind = "as 8-bit images" if scale == 255 else "the largest training value"
        warnings.warn(
            f"{brief(name)}: values reach {largest:g}, and were divided by {scale:g} ({kind}), "
            "which is a "
            f"guess; say what stands for 1: scale={scale:g} (--scale {scale:g}).",
            ScaleWarning,
            stacklevel=outside(),
        )
    return scale


def _size(values: NDArray[Any]) -> float:
    """Return the largest absolute value."""
    return max(float(values.max()), -float(values.min()))


def _guessed(train: NDArray[Any], test: NDArray[Any]) -> float:
    largest = _size(train)
    if largest <= 1:
        return 1.0
    whole = is_whole(train) and is_whole(test)
    return 255.0 if whole and 127 < max(largest, _size(test)) <= 255 else largest


def check_scale(scale: Any, name: str) -> float:
    """Return a scale as a number, or raise if it is none above 0."""
    try:
        number = float(scale)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(scale, str | bool) or not 0 < number < math.inf:
        raise ParameterError(
            f"{brief(name)}: scale must be the stored value that stands for 1, a number above 0, "
            "got "
            f"{scale!r}.",
            parameter="scale",
        )
    return number


def labels(array: ArrayLike, n: int, where: str) -> NDArray[np.int64]:
    """Return the class labels of `n` samples as integers, shape (n,).

    Parameters
    ----------
    array
        Whole numbers from 0 of any type, shape (n,) or (n, 1); or rows that are 1 for the class and
        0 for all others, shape (n, n_classes).
    n
        Number of samples.
    where
        What they are, for errors.

    Raises
    ------
    DataError
        If they are anything else.
    """
    given = _plain(array, where)
    if given.ndim == 2 and len(given) == n and given.shape[1] > 1:
        given = _from_rows(given, where)
    elif given.shape == (n, 1):
        given = given[:, 0]
    if given.shape != (n,):
        raise DataError(
            f"{where}: needs one label for each of {n} samples, shape ({n},), got {given.shape}.",
            object=where,
        )
    whole = given.dtype.kind in "biu" or (
        given.dtype.kind == "f" and bool(np.all(np.isfinite(given) & (given == np.floor(given))))
    )
    if not whole:
        raise DataError(
            f"{where}: labels must be whole numbers from 0, got {given.dtype} values; number them: "
            "numpy.unique(y, return_inverse=True). Numbers to predict: Dataset.from_targets.",
            object=where,
        )
    if n and given.max() >= 2**31:
        raise DataError(
            f"{where}: labels must be 0 to n_classes - 1, got {given.max()}.", object=where
        )
    return given.astype(np.int64)


def targets(array: ArrayLike, n: int, where: str) -> NDArray[np.float64]:
    """Return the targets of `n` samples, shape (n, n_targets) or (n, n_frames, n_targets).

    Parameters
    ----------
    array
        Finite real numbers of any type: shape (n,) for one target, (n, n_targets), or time courses
        (n, n_frames, n_targets).
    n
        Number of samples.
    where
        What they are, for errors.

    Raises
    ------
    DataError
        If they are anything else: masked, NaN, infinite, of mixed shapes, or not one for each
        sample.
    """
    given = numbers(array, where)
    if given.ndim == 1:
        given = given[:, np.newaxis]
    if given.ndim not in (2, 3) or len(given) != n or not given.size:
        shape = np.shape(array)
        raise DataError(
            f"{where}: needs targets of shape ({n}, n_targets), or ({n}, n_frames, n_targets) for "
            f"time courses, one for each of {n} samples, got {shape}.",
            object=where,
        )
    found = given.astype(np.float64)
    if found.ndim == 3 and found.shape[1] == 1:  # one frame is the whole trial
        found = found[:, 0]
    if max(found.max(), -found.min()) > LARGEST:
        raise DataError(
            f"{where}: targets reach {max(found.max(), -found.min()):.3g}, which single precision "
            "cannot hold; divide them by their standard deviation.",
            object=where,
        )
    return found


def _from_rows(rows: NDArray[Any], where: str) -> NDArray[Any]:
    """Return the class labels that one-hot rows encode."""
    hard = rows.dtype.kind in "biuf" and bool(
        np.all((rows == 0) | (rows == 1)) and np.all(np.count_nonzero(rows, axis=1) == 1)
    )
    if not hard:
        raise DataError(
            f"{where}: labels in rows must be 1 for one class and 0 for all others, got others of "
            f"shape {rows.shape}; a sample has one class, so take argmax(axis=1) if that is meant; "
            "several at once, or numbers to predict, are targets: Dataset.from_targets.",
            object=where,
        )
    return rows.argmax(axis=1)


def _plain(array: ArrayLike, where: str) -> NDArray[Any]:
    """Convert anything to a NumPy array, refusing what NumPy would drop silently (units, masks)."""
    if unit_of(array) != "1":
        raise DataError(
            f"{where}: needs plain numbers, got {shown(array)}; divide it by its unit.",
            object=where,
        )
    try:
        given: NDArray[Any] = np.asarray(array)
    except (ValueError, TypeError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{where}: is no array of numbers: {said}.", object=where) from None
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise DataError(
            f"{where}: {np.ma.count_masked(array)} values are masked; leave their samples out, or "
            "fill them: .filled(0).",
            object=where,
        )
    return given


def _instead(given: NDArray[Any]) -> str:
    if given.dtype == object:
        return "store plain arrays, for instance numpy.array(x, float)"
    return "store plain arrays"
