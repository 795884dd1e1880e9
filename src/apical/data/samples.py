"""Samples: stored inputs and their labels or targets, which become stimuli block by block."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from apical._base.checking import check_fields, shown
from apical._base.parameters import Positive
from apical.data import converting
from apical.data.inputs import Inputs
from apical.errors import DataError, ParameterError

Part = slice | NDArray[Any]
"""Some samples: their numbers, or True for each that is wanted."""


NO_CLASS = -1
"""Label of samples that have targets in place of a class."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs, with class labels or targets, of one part of a data set, in their stored form.

    Parameters
    ----------
    values
        Stored values from 0 on, shape (n, n_inputs), uint8 or float32; not to be changed later.
    labels
        Class of each sample, from 0, shape (n,), int64; -1 for all where there are targets.
    scale
        Stored value that stands for 1.
    targets
        What the output of a network is to be, where that is not one class: finite numbers, float64,
        shape (n, n_targets), or (n, n_frames, n_targets) for time courses. None for classes. With
        targets, values may be below 0.
    multilabel
        Whether targets are several labels, 0 or 1 each, in the whole data set that the samples are
        a part of; it decides which scores there are. By default what these targets are; a `Dataset`
        asks both its parts, and parts of samples keep it.
    inputs
        Names of the stimuli whose values the columns are, with their numbers, in alphabetical
        order; empty where samples were not given by names.

    Raises
    ------
    DataError
        If the arrays have another shape or dtype; `Dataset.from_arrays` converts them.

    See Also
    --------
    apical.Dataset.from_arrays : Converts what can be converted.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.data.datasets import Samples
    >>> samples = Samples(np.array([[0, 8], [16, 4]], np.uint8), np.array([0, 1]), scale=16)
    >>> samples, len(samples)
    (Samples(2 x 2 of uint8, scale=16), 2)
    >>> Samples(np.zeros((2, 3)), np.array([0, 1]))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: Samples need values (n, n_inputs) of uint8 or float32 and
        labels (n,) of int64, got (2, 3) of float64 and (2,) of int64; Dataset.from_arrays converts
        what can be converted...
    """

    are_events: ClassVar[bool] = False

    values: NDArray[Any]
    labels: NDArray[np.int64]
    scale: Positive = 1.0
    targets: NDArray[np.float64] | None = None
    inputs: Inputs = ()
    multilabel: bool | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        known = ((self.values, (np.uint8, np.float32), 2), (self.labels, (np.int64,), 1))
        fit = [
            isinstance(array, np.ndarray)
            and not isinstance(array, np.ma.MaskedArray)
            and array.dtype in dtypes
            and array.ndim == ndim
            for array, dtypes, ndim in known
        ]
        if not all(fit) or len(self.values) != len(self.labels):
            told = " and ".join(
                f"{np.shape(array)} of {getattr(array, 'dtype', type(array).__name__)}"
                for array, _, _ in known
            )
            raise DataError(
                "Samples need values (n, n_inputs) of uint8 or float32 and labels (n,) of int64, "
                f"got {told}; Dataset.from_arrays converts what can be converted."
            )
        check_fields(self)
        if self.inputs and sum(n for _, n in self.inputs) != self.values.shape[1]:
            raise DataError(
                f"Samples have {self.values.shape[1]} values, but their inputs are {self.inputs}."
            )
        self._check_targets()
        self._check_numbers()

    def _check_targets(self) -> None:
        if self.targets is None:
            object.__setattr__(self, "multilabel", False)
            return
        found = converting.targets(self.targets, len(self.values), "targets of samples")
        if (self.labels != NO_CLASS).any():
            raise DataError(
                "Samples have either a class or a target each, got targets and labels from "
                f"{self.labels.min()} to {self.labels.max()}; leave one out (labels of {NO_CLASS})."
            )
        object.__setattr__(self, "targets", found)
        if self.multilabel is None:
            labels = found.ndim == 2 and bool(np.isin(found, (0, 1)).all())
            object.__setattr__(self, "multilabel", labels)

    def _check_numbers(self) -> None:
        converting.check_scale(self.scale, "Samples")
        if not len(self):
            return
        least, most = float(self.values.min(initial=0)), float(self.values.max(initial=0))
        lowest = 0.0 if self.targets is None else -converting.LARGEST
        if least < lowest or not most < math.inf:  # a NaN anywhere makes both NaN
            raise DataError(
                f"Samples need finite values >= 0, got {least:g} to {most:g}; remove or replace "
                "those that are not."
            )
        if self.labels.min() < 0 and self.targets is None:
            raise DataError(
                f"Samples need labels 0 to n_classes - 1, got {self.labels.min()}; number classes "
                "from 0."
            )

    def __repr__(self) -> str:
        n, n_inputs = self.values.shape
        told = "" if self.targets is None else f", targets {self.targets.shape[1:]}"
        return f"Samples({n} x {n_inputs} of {self.values.dtype}, scale={self.scale:g}{told})"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def longest(self) -> float:
        """Duration of the longest sample [ms]: 0 for values, which are shown for a whole trial."""
        return 0.0

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All numbers of the samples, from which their check sum is.

        Examples
        --------
        >>> import apical as ap
        >>> [array.shape for array in ap.datasets.load("digits").test.arrays]
        [(360, 64), (360,)]
        """
        return (self.values, self.labels if self.targets is None else self.targets)

    def block(self, index: slice | ArrayLike) -> tuple[Any, NDArray[np.int64]]:
        """Return stimuli, shape (n_index, n_inputs), and labels, shape (n_index,).

        Stimuli are values divided by the scale: in [0, 1], except for test samples that exceed the
        values from which the scale was taken.

        Examples
        --------
        >>> import numpy as np
        >>> from apical.data.datasets import Samples
        >>> samples = Samples(np.array([[0, 8], [16, 4]], np.uint8), np.array([0, 1]), scale=16)
        >>> values, labels = samples.block(slice(2))
        >>> values.tolist(), labels.tolist()
        ([[0.0, 0.5], [1.0, 0.25]], [0, 1])
        >>> samples.block([1, 1, 0])[1].tolist()
        [1, 1, 0]
        """
        chosen = numbers_of(index, len(self))
        scale = np.float32(self.scale)
        return np.divide(self.values[chosen], scale, dtype=np.float32), self.labels[chosen]

    def rows(self, index: slice | NDArray[np.intp]) -> "Rows":
        """Return stimuli as `block` does, but computed lazily, where they are read.

        Examples
        --------
        >>> import numpy as np
        >>> from apical.data.datasets import Samples
        >>> samples = Samples(np.array([[0, 8], [16, 4]], np.uint8), np.array([0, 1]), scale=16)
        >>> rows = samples.rows(slice(2))
        >>> rows.shape, np.asarray(rows[1:]).tolist()
        ((2, 2), [[1.0, 0.25]])
        """
        return Rows(self, np.arange(len(self))[numbers_of(index, len(self))])

    def part(self, index: Part) -> "Samples":
        """Return a subset of the samples, by index or boolean mask.

        Examples
        --------
        >>> import apical as ap
        >>> train = ap.datasets.load("digits").train
        >>> train.part(slice(100))
        Samples(100 x 64 of uint8, scale=16)
        >>> set(train.part(train.labels == 3).labels.tolist())
        {3}
        """
        chosen = numbers_of(index, len(self))
        told = None if self.targets is None else self.targets[chosen]
        chosen_values, labels = self.values[chosen], self.labels[chosen]
        return replace(self, values=chosen_values, labels=labels, targets=told)


def numbers_of(index: slice | ArrayLike, n: int) -> slice | NDArray[Any]:
    """Return which of `n` samples are meant, as a slice, numbers or a mask.

    Raises
    ------
    ParameterError
        If they are anything else, or there are no such samples.
    """
    if isinstance(index, slice):
        return index
    try:
        found = np.atleast_1d(np.asarray(index))
    except (ValueError, TypeError):
        found = np.zeros((1, 1))
    found = found if found.size else found.astype(np.intp)  # [] would be read as floats
    fits = found.ndim == 1 and (
        found.shape == (n,) if found.dtype == bool else found.dtype.kind in "iu"
    )
    if fits and found.dtype != bool and found.size:
        fits = bool(-n <= found.min() <= found.max() < n)
    if not fits:
        raise ParameterError(
            f"Samples: index must be a slice, whole numbers from 0 to {n - 1}, or True or False "
            f"for each of {n} samples, got {shown(index)}.",
            object="Samples",
            parameter="index",
        )
    return found


@dataclass(frozen=True, eq=False)
class Rows:
    """A lazy view of stimuli as rows of samples, with the shape, slices and content of an array.

    A device that keeps all samples in its own memory only needs their indices.

    Parameters
    ----------
    samples
        Whose rows.
    index
        Which, numbered from 0, shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from apical.data.datasets import Rows, Samples
    >>> samples = Samples(np.array([[0, 8], [16, 4]], np.uint8), np.array([0, 1]), scale=16)
    >>> rows = Rows(samples, np.array([1, 0, 1]))
    >>> len(rows), rows.shape, np.asarray(rows[:2]).tolist()
    (3, (3, 2), [[1.0, 0.25], [0.0, 0.5]])
    """

    are_events: ClassVar[bool] = False

    samples: Samples
    index: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the stimuli, (n, n_inputs)."""
        return len(self.index), self.samples.values.shape[1]

    @property
    def ndim(self) -> int:
        """Number of dimensions: 2."""
        return 2

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, part: slice) -> "Rows":
        return Rows(self.samples, self.index[part])

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> NDArray[Any]:
        values, _ = self.samples.block(self.index)
        return values if dtype is None else values.astype(dtype, copy=False)

    def reshape(self, *shape: int) -> NDArray[np.float32]:
        """Return the stimuli as an array of that shape."""
        return np.asarray(self).reshape(*shape)
