"""Data sets: labelled samples to learn from, checked, and loaded by name or file.

Values stay as they are stored (a byte a pixel) and become stimuli in [0, 1] block by block.
"""

import math
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from apical.checking import check_fields, checked
from apical.errors import DataError, ParameterError
from apical.extras import quietly_import
from apical.idx import read_idx
from apical.parameters import Count, Positive
from apical.sources import DIGITS, PUBLISHED, idx_files, single_file
from apical.sources import Source as Source
from apical.sources import available as available
from apical.sources import fetch as fetch
from apical.sources import path as path

Part = slice | NDArray[Any]
"""Some samples: their numbers, or True for each that is wanted."""

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples as they are stored.

    Parameters
    ----------
    values
        Stored values, shape (n, n_inputs), uint8 or float32 in [0, scale].
    labels
        Class of each sample, shape (n,), int64.
    scale
        Stored value that stands for 1.
    """

    values: NDArray[Any]
    labels: NDArray[np.int64]
    scale: Positive = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        dtypes_fit = self.values.dtype in (np.uint8, np.float32) and self.labels.dtype == np.int64
        if not dtypes_fit or self.values.ndim != 2 or self.labels.shape != self.values.shape[:1]:
            raise DataError(
                "Samples need values (n, n_inputs) of uint8 or float32 and labels (n,) of int64, "
                f"got {self.values.shape} of {self.values.dtype} and {self.labels.shape} of "
                f"{self.labels.dtype}; Dataset.from_arrays converts what can be converted."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def block(self, index: slice | ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return stimuli in [0, 1], shape (n_index, n_inputs), and labels, shape (n_index,)."""
        if not isinstance(index, slice):
            index = np.atleast_1d(np.asarray(index))
            index = index if index.size else index.astype(np.intp)  # [] would be read as floats
        scale = np.float32(self.scale)
        return np.divide(self.values[index], scale, dtype=np.float32), self.labels[index]

    def rows(self, index: slice | NDArray[np.intp]) -> "Rows":
        """Return stimuli as `block` does, but worked out where they are read."""
        return Rows(self, np.arange(len(self))[index])

    def part(self, index: Part) -> "Samples":
        """Return some of the samples, by their numbers, or True for each that is wanted."""
        return Samples(self.values[index], self.labels[index], self.scale)


@dataclass(frozen=True, eq=False)
class Rows:
    """Stimuli that are rows of samples: an array as far as its size, slices and content go.

    A device that keeps the samples where it computes only has to be told which they are.

    Parameters
    ----------
    samples
        Whose rows.
    index
        Which, numbered from 0, shape (n,).
    """

    samples: Samples
    index: NDArray[np.intp]

    def __post_init__(self) -> None:
        check_fields(self)

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


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples to learn from and others to be judged on.

    `shape` is that of one sample: (height, width) of images, (n_inputs,) otherwise.
    """

    name: str
    train: Samples
    test: Samples
    n_classes: Count
    shape: tuple[Count, ...]
    licence: str = "unknown"
    source: str = "arrays"

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def from_arrays(
        cls,
        name: str,
        x_train: ArrayLike,
        y_train: ArrayLike,
        x_test: ArrayLike,
        y_test: ArrayLike,
        *,
        scale: float | None = None,
        licence: str = "unknown",
        source: str = "arrays",
    ) -> "Dataset":
        """Check four arrays and make a data set of them.

        Values, shape (n, ...), are flattened and divided by `scale`. Without one it is 255 for
        uint8 and, for every other type, 1 if no training value exceeds 1, else the largest
        training value. Labels, shape (n,), are whole numbers from 0 to n_classes - 1, and every
        class has training samples.
        """
        train, shape = _values(x_train, f"{name}: x_train")
        test, test_shape = _values(x_test, f"{name}: x_test")
        if shape != test_shape or train.dtype != test.dtype:
            raise DataError(
                f"{name}: x_train holds {train.dtype} samples of shape {shape}, x_test "
                f"{test.dtype} samples of shape {test_shape}; store both alike."
            )
        scale = _scale(scale, train, test, name)
        parts = (
            Samples(train, _labels(y_train, len(train), f"{name}: y_train"), scale),
            Samples(test, _labels(y_test, len(test), f"{name}: y_test"), scale),
        )
        return cls(name, *parts, _count_classes(name, *parts), shape, licence, source)

    @property
    def n_inputs(self) -> int:
        """Number of values of a sample."""
        return math.prod(self.shape)

    def subset(self, train: int | None = None, test: int | None = None) -> "Dataset":
        """Return the first `train` and the first `test` samples (None: all of them)."""
        return replace(
            self,
            train=_first(self.train, train, f"{self.name}: train"),
            test=_first(self.test, test, f"{self.name}: test"),
        )

    def split(self, validation: int, rng: np.random.Generator) -> "Dataset":
        """Hold out `validation` random training samples as the test part; the test part is gone.

        The name gets the suffix ``:validation``, so that no report takes it for a test accuracy.
        """
        n = self._checked(validation)
        held = np.zeros(n, dtype=bool)
        held[rng.choice(n, validation, replace=False)] = True
        return self._judged_on(~held, held)

    def held_out(self, validation: int) -> "Dataset":
        """Hold out the last `validation` training samples as the test part; else as `split`."""
        first = self._checked(validation) - validation
        return self._judged_on(slice(first), slice(first, None))

    def _checked(self, validation: int) -> int:
        """Return the number of training samples, some of which can be held out."""
        n = len(self.train)
        if not 1 <= validation < n:
            raise ParameterError(
                f"{self.name}: validation samples asked for: {validation}; there are {n} training "
                f"samples; ask for 1 to {n - 1}.",
                object=self.name,
                parameter="validation",
            )
        return n

    def _judged_on(self, learned: Part, held: Part) -> "Dataset":
        train, test = self.train.part(learned), self.train.part(held)
        return replace(self, name=f"{self.name}:validation", train=train, test=test)


def _first(samples: Samples, n: int | None, where: str) -> Samples:
    if n is None:
        return samples
    if not 1 <= n <= len(samples):
        raise ParameterError(
            f"{where} samples asked for: {n}; there are {len(samples)}; ask for 1 to that.",
            object=where,
            parameter="n",
        )
    return samples.part(slice(n))


def _values(array: ArrayLike, where: str) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Check stored values; return them flattened, uint8 or float32, and the shape of a sample."""
    given = np.asarray(array)
    if given.dtype.kind not in "biuf":
        raise DataError(f"{where}: needs real numbers, got {given.dtype}; store plain arrays.")
    if given.ndim < 2 or not given.size:
        raise DataError(f"{where}: needs a non-empty array (n, ...), got shape {given.shape}.")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite: refused below
        kept = given if given.dtype == np.uint8 else given.astype(np.float32, copy=False)
    low, high = float(kept.min()), float(kept.max())  # a NaN anywhere makes both NaN
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(f"{where}: holds NaN or infinite values; remove or replace them.")
    if low < 0:
        raise DataError(f"{where}: values start at {low:g}; rates need >= 0, so shift them.")
    return np.ascontiguousarray(kept.reshape(len(kept), -1)), given.shape[1:]


def _scale(given: float | None, train: NDArray[Any], test: NDArray[Any], name: str) -> float:
    """Return the stored value that stands for 1, and check that none exceeds it."""
    largest, largest_test = float(train.max()), float(test.max())
    usual = 255.0 if train.dtype == np.uint8 else max(1.0, largest)
    scale = usual if given is None else given
    if not max(largest, largest_test) <= scale:
        raise DataError(
            f"{name}: values reach {largest:g} in x_train and {largest_test:g} in x_test, "
            f"above the scale {scale:g}; scale both parts alike or clip x_test."
        )
    return scale


def _labels(array: ArrayLike, n: int, where: str) -> NDArray[np.int64]:
    """Check the labels of `n` samples; whole numbers stored as floats are taken as such."""
    given = np.asarray(array)
    if given.shape != (n,):
        raise DataError(
            f"{where}: needs one label for each of {n} samples, shape ({n},), got {given.shape}; "
            "turn one-hot rows into numbers with argmax(axis=1)."
        )
    whole = given.dtype.kind in "iu" or (
        given.dtype.kind == "f" and bool(np.all(np.isfinite(given) & (given == np.floor(given))))
    )
    if not whole:
        raise DataError(f"{where}: labels must be whole numbers from 0, got {given.dtype} values.")
    if given.min() < 0 or given.max() >= 2**31:
        raise DataError(
            f"{where}: labels must be 0 to n_classes - 1, got {given.min()} to {given.max()}."
        )
    return given.astype(np.int64, copy=False)


def _count_classes(name: str, train: Samples, test: Samples) -> int:
    present = np.unique(train.labels)
    n_classes = int(max(present[-1], test.labels.max())) + 1
    if len(present) == 1:
        raise DataError(f"{name}: all training labels are {present[0]}; needs two classes or more.")
    if len(present) != n_classes:
        gaps = np.flatnonzero(present != np.arange(len(present)))
        absent = int(gaps[0]) if gaps.size else len(present)
        raise DataError(
            f"{name}: labels run to {n_classes - 1} but class {absent} has no training sample; "
            "number the classes from 0 without gaps and give each of them training samples."
        )
    return n_classes


@checked()
def blobs(
    n_train: Count = 200,
    n_test: Count = 100,
    n_inputs: Count = 20,
    n_classes: Count = 4,
    *,
    rng: np.random.Generator,
) -> Dataset:
    """Make an easy synthetic task: each class excites its own share of the inputs.

    Input i is near 0.8 for the class i modulo n_classes and near 0.2 for the others (uniform
    noise of 0.2 either way), so that a linear readout separates the classes.
    """
    if not 2 <= n_classes <= min(n_inputs, n_train):
        raise ParameterError(
            "blobs: needs 2 <= n_classes <= n_inputs and n_train, got "
            f"{n_classes=}, {n_inputs=}, {n_train=}.",
            object="datasets.blobs",
        )
    arrays: list[NDArray[Any]] = []
    for n in (n_train, n_test):
        labels = rng.permutation(np.arange(n) % n_classes)
        own = labels[:, None] == np.arange(n_inputs) % n_classes
        noise = rng.uniform(-0.2, 0.2, size=(n, n_inputs))
        arrays += [np.where(own, 0.8, 0.2) + noise, labels]
    return Dataset.from_arrays("blobs", *arrays, licence="public domain", source="synthetic")


@checked()
def load(name: str | Path, data_dir: str | Path | None = None) -> Dataset:
    """Load a data set: ``digits``, ``mnist``, ``fashion_mnist``, ``kmnist``, or an .npz file.

    Parameters
    ----------
    name
        Name, or path of an .npz file with x_train, y_train, x_test and y_test
        (see `Dataset.from_arrays` for what they may hold).
    data_dir
        Folder that must hold the IDX files, in a folder of the data set's name or directly.
        Without it the folder APICAL_DATA_DIR is tried, then the cache, then the network.
    """
    if str(name) == DIGITS.name:
        return _load_digits()
    source = PUBLISHED.get(str(name))
    if source is None:
        return _load_npz(single_file(name))
    files = idx_files(source.name, data_dir)
    arrays = [read_idx(file, n_dims) for file, n_dims in zip(files, (3, 1, 3, 1), strict=True)]
    where = str(files[0].parent)
    return Dataset.from_arrays(
        source.name, *arrays, scale=255.0, licence=source.licence, source=where
    )


def _load_digits() -> Dataset:
    # Imported here: scikit-learn takes longer to import than every other data set to load.
    quietly_import("sklearn.model_selection")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images.astype(np.uint8),  # whole numbers from 0 to 16
        digits.target,
        test_size=0.2,
        stratify=digits.target,
        random_state=0,  # never to change: results are compared on this split
    )
    arrays = (x_train, y_train, x_test, y_test)
    return Dataset.from_arrays(
        DIGITS.name, *arrays, scale=16.0, licence=DIGITS.licence, source=DIGITS.url
    )


def _load_npz(file: Path) -> Dataset:
    if not zipfile.is_zipfile(file):
        raise DataError(f"{file}: not an .npz file (or cut short); write it with numpy.savez.")
    try:
        with np.load(file, allow_pickle=False) as archive:
            missing = [name for name in _ARRAYS if name not in archive.files]
            arrays = [archive[name] for name in _ARRAYS] if not missing else []
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{file}: cannot be read ({error}); write plain arrays again with numpy.savez."
        ) from error
    if missing:
        raise DataError(
            f"{file}: lacks {', '.join(missing)}, holds {', '.join(archive.files) or 'nothing'}; "
            f"needs {', '.join(_ARRAYS)}."
        )
    return Dataset.from_arrays(str(file), *arrays, source=str(file))
