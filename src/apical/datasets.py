"""Data sets: what they hold, where their files are, and what is wrong with them.

Values stay as they are stored (a byte a pixel) and become stimuli in [0, 1] block by block.
"""

import gzip
import hashlib
import importlib.util
import math
import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import platformdirs
import pooch  # type: ignore[import-untyped]
from numpy.typing import ArrayLike, NDArray
from rich.console import Console
from rich.progress import Progress

from apical.errors import DataError

DATA_DIR_VARIABLE = "APICAL_DATA_DIR"
CACHE_DIR_VARIABLE = "APICAL_CACHE_DIR"
DIGITS_SPLIT_SEED = 0
"""`random_state` of the stratified 80/20 split of ``digits``."""

_STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class Source:
    """A data set that `load` knows by name: what it is and where its files are.

    ``path`` is None until the files are on this machine; ``n_bytes`` is the size of the download.
    Sample counts are those published: files of your own may hold others.
    """

    name: str
    licence: str
    url: str
    n_bytes: int = 0
    sha256: tuple[str, ...] = ()
    n_train: int = 60_000
    n_test: int = 10_000
    n_classes: int = 10
    shape: tuple[int, ...] = (28, 28)
    where: str = "to be downloaded"
    path: Path | None = None


_DIGITS = Source(
    "digits",
    "CC BY 4.0",
    "https://archive.ics.uci.edu/dataset/80",
    n_train=1437,
    n_test=360,
    shape=(8, 8),
    where="shipped with scikit-learn",
)
# SHA-256 of the gzip files, in the order of _STEMS. Two public sources agree on all twelve:
# tensorflow/datasets (url_checksums/*.txt) and ankane/torchvision-ruby (lib/torchvision/datasets).
_PUBLISHED = {
    "mnist": Source(
        "mnist",
        "CC BY-SA 3.0",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        11_594_722,
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    "fashion_mnist": Source(
        "fashion_mnist",
        "MIT",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        30_878_645,
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    "kmnist": Source(
        "kmnist",
        "CC BY-SA 4.0",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        21_240_888,
        (
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
    ),
}


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
    scale: float = 1.0

    def __post_init__(self) -> None:
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

    def subset(self, n: int | None) -> "Samples":
        """Return the first `n` samples, or all of them for None, without copying."""
        if n is not None and not 1 <= n <= len(self):
            raise DataError(f"samples asked for: {n}; there are {len(self)}; ask for 1 to that.")
        return self if n is None else replace(self, values=self.values[:n], labels=self.labels[:n])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples to learn from and others to be judged on.

    `shape` is that of one sample: (height, width) of images, (n_inputs,) otherwise.
    """

    name: str
    train: Samples
    test: Samples
    n_classes: int
    shape: tuple[int, ...]
    licence: str = "unknown"
    source: str = "arrays"

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
        largest = float(train.max())
        if scale is None:
            scale = 255.0 if train.dtype == np.uint8 else max(1.0, largest)
        if not max(largest, float(test.max())) <= scale:
            raise DataError(
                f"{name}: values reach {largest:g} in x_train and {float(test.max()):g} in x_test, "
                f"above the scale {scale:g}; scale both parts alike or clip x_test."
            )
        parts = (
            Samples(train, _labels(y_train, len(train), f"{name}: y_train"), scale),
            Samples(test, _labels(y_test, len(test), f"{name}: y_test"), scale),
        )
        return cls(name, *parts, _count_classes(name, *parts), shape, licence, source)

    @property
    def n_inputs(self) -> int:
        """Number of values of a sample."""
        return math.prod(self.shape)

    def part(self, part: Literal["train", "test"]) -> Samples:
        """Return the samples of ``"train"`` or ``"test"``."""
        if part not in ("train", "test"):
            raise DataError(f"{self.name}: part must be 'train' or 'test', got {part!r}.")
        return self.train if part == "train" else self.test

    def stimuli(
        self, part: Literal["train", "test"], index: slice | ArrayLike
    ) -> NDArray[np.float32]:
        """Return the stimuli of a block of samples in [0, 1], shape (n_index, n_inputs)."""
        return self.part(part).block(index)[0]

    def subset(self, train: int | None = None, test: int | None = None) -> "Dataset":
        """Return the first `train` and the first `test` samples (None: all of them)."""
        parts = {}
        for part, n in (("train", train), ("test", test)):
            try:
                parts[part] = getattr(self, part).subset(n)
            except DataError as error:
                raise DataError(f"{self.name}: {part} {error}") from None
        return replace(self, **parts)

    def split(self, validation: int, rng: np.random.Generator) -> "Dataset":
        """Hold out `validation` random training samples as the test part; the test part is gone.

        The name gets the suffix ``:validation``, so that no report takes it for a test accuracy.
        """
        n = len(self.train)
        if not 1 <= validation < n:
            raise DataError(
                f"{self.name}: validation samples asked for: {validation}; there are {n} training "
                f"samples; ask for 1 to {n - 1}."
            )
        held = np.zeros(n, dtype=bool)
        held[rng.choice(n, validation, replace=False)] = True
        values, labels, scale = self.train.values, self.train.labels, self.train.scale
        train, test = (Samples(values[keep], labels[keep], scale) for keep in (~held, held))
        return replace(self, name=f"{self.name}:validation", train=train, test=test)


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


def blobs(
    n_train: int = 200,
    n_test: int = 100,
    n_inputs: int = 20,
    n_classes: int = 4,
    *,
    rng: np.random.Generator,
) -> Dataset:
    """Make an easy synthetic task: each class excites its own share of the inputs.

    Input i is near 0.8 for the class i modulo n_classes and near 0.2 for the others (uniform
    noise of 0.2 either way), so that a linear readout separates the classes.
    """
    if not (2 <= n_classes <= min(n_inputs, n_train) and n_test >= 1):
        raise DataError(
            "blobs: needs 2 <= n_classes <= n_inputs and n_train, and n_test >= 1, got "
            f"{n_classes=}, {n_inputs=}, {n_train=}, {n_test=}."
        )
    arrays: list[NDArray[Any]] = []
    for n in (n_train, n_test):
        labels = rng.permutation(np.arange(n) % n_classes)
        own = labels[:, None] == np.arange(n_inputs) % n_classes
        noise = rng.uniform(-0.2, 0.2, size=(n, n_inputs))
        arrays += [np.where(own, 0.8, 0.2) + noise, labels]
    x_train, y_train, x_test, y_test = arrays
    return Dataset.from_arrays(
        "blobs", x_train, y_train, x_test, y_test, licence="public domain", source="synthetic"
    )


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
    if name == "digits":
        return _load_digits()
    source = _PUBLISHED.get(str(name))
    if source is None:
        return _load_npz(_npz_file(name))
    folder, missing = _own_files(source.name, data_dir)
    # A folder that was named, or begun, is meant: a download never replaces it silently.
    if missing and (data_dir is not None or len(missing) < len(_STEMS)):
        raise DataError(
            f"{name}: {folder} lacks {', '.join(missing)} (.gz or not); put them there, or run "
            f"`apical data get {name} --data-dir DIR`."
        )
    folder = fetch(name) if missing else folder
    arrays = [_read_idx(_idx_file(folder, s), 3 if "images" in s else 1) for s in _STEMS]
    return Dataset.from_arrays(
        source.name, *arrays, scale=255.0, licence=source.licence, source=str(folder)
    )


def available(data_dir: str | Path | None = None) -> tuple[Source, ...]:
    """Return the data sets that `load` knows by name, and where each of them is."""
    listed = [replace(_DIGITS, path=path("digits"))]
    given = "data_dir" if data_dir is not None else DATA_DIR_VARIABLE
    for name, source in _PUBLISHED.items():
        folder = path(name, data_dir)
        if folder is not None:
            where = "cached" if folder == _cache(name) else f"in {given}"
            source = replace(source, path=folder, where=where)
        listed.append(source)
    return tuple(listed)


def path(name: str | Path, data_dir: str | Path | None = None) -> Path | None:
    """Return where the files of a data set are on this machine, or None."""
    if name == "digits":
        package = importlib.util.find_spec("sklearn")  # found, not imported: importing is slow
        origin = package.origin if package else None
        return Path(origin).parent / "datasets" / "data" / "digits.csv.gz" if origin else None
    if str(name) not in _PUBLISHED:
        return _npz_file(name)
    folder, missing = _own_files(str(name), data_dir)
    if missing and data_dir is None:
        folder = _cache(str(name))
        missing = _missing(folder)
    return None if missing else folder


def fetch(name: str | Path, data_dir: str | Path | None = None) -> Path:
    """Make sure that the files of a data set are on this machine and return where.

    What is missing is downloaded, checked by SHA-256, and kept in ``data_dir/<name>`` if a
    folder is given, else in the cache. Files of your own are never overwritten.
    """
    source = _PUBLISHED.get(str(name))
    if source is None:
        return path(name) or Path()
    if data_dir is not None:
        _make_folder(Path(data_dir).expanduser())
    folder, missing = _own_files(source.name, data_dir)
    if missing and data_dir is None:
        # The sums of the whole cache are checked: what was damaged there is downloaded again.
        folder, missing = _cache(source.name), _STEMS
    for stem, sha256 in zip(_STEMS, source.sha256, strict=True):
        if stem in missing:
            _download(source.url + f"{stem}.gz", sha256, folder)
    return folder


def _load_digits() -> Dataset:
    # Imported here: scikit-learn takes longer to import than every other data set to load.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images.astype(np.uint8),  # whole numbers from 0 to 16
        digits.target,
        test_size=0.2,
        stratify=digits.target,
        random_state=DIGITS_SPLIT_SEED,
    )
    return Dataset.from_arrays(
        "digits",
        x_train,
        y_train,
        x_test,
        y_test,
        scale=16.0,
        licence=_DIGITS.licence,
        source=_DIGITS.url,
    )


def _npz_file(name: str | Path) -> Path:
    """Return the .npz file that `name` is the path of; refuse every other name."""
    file = Path(name).expanduser()
    if file.is_file():
        return file
    if file.suffix == ".npz":
        raise DataError(f"{file}: no such file; give the path of an existing .npz file.")
    known = ", ".join(("digits", *_PUBLISHED))
    raise DataError(f"unknown data set {str(name)!r}; choose {known}, or the path of an .npz file.")


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
    x_train, y_train, x_test, y_test = arrays
    return Dataset.from_arrays(str(file), x_train, y_train, x_test, y_test, source=str(file))


def _cache(name: str) -> Path:
    root = os.environ.get(CACHE_DIR_VARIABLE)
    cache = Path(root).expanduser() if root else platformdirs.user_cache_path("apical")
    return cache / "data" / name


def _own_files(name: str, data_dir: str | Path | None) -> tuple[Path, Sequence[str]]:
    """Return the folder of the user's own IDX files, and the files that it lacks (all: none)."""
    given = data_dir if data_dir is not None else os.environ.get(DATA_DIR_VARIABLE)
    if not given:
        return Path(), _STEMS
    root = Path(given).expanduser()
    if not root.is_dir():
        what = "data_dir" if data_dir is not None else DATA_DIR_VARIABLE
        raise DataError(f"{name}: {what} is {root}, which is no folder; make it or name another.")
    for folder in (root / name, root):
        missing = _missing(folder)
        if len(missing) < len(_STEMS) and (folder != root or not _is_another(root, name)):
            return folder, missing
    return root / name, _STEMS


def _is_another(folder: Path, name: str) -> bool:
    """Whether files that lie in `folder` itself are those of another data set than `name`.

    All share their file names, so that MNIST would else pass for Fashion-MNIST unnoticed.
    """
    others = [source for other, source in _PUBLISHED.items() if other != name]
    sums = [
        hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (folder / f"{_STEMS[1]}.gz", folder / f"{_STEMS[3]}.gz")  # the small ones
        if file.is_file()
    ]
    return any(folder.name == other.name or set(sums) & set(other.sha256) for other in others)


def _idx_file(folder: Path, stem: str) -> Path:
    plain = folder / stem
    return plain if plain.is_file() else folder / f"{stem}.gz"


def _missing(folder: Path) -> Sequence[str]:
    return [stem for stem in _STEMS if not _idx_file(folder, stem).is_file()]


def _read_idx(file: Path, n_dims: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with `n_dims` dimensions, gzipped or not."""
    try:
        raw = file.read_bytes()
        # By content: browsers unpack files on the way and keep the name.
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{file}: cannot be read ({error}); it is cut short or damaged, so fetch it again."
        ) from error
    start = 4 + 4 * n_dims
    magic = bytes((0, 0, 8, n_dims))  # 8: unsigned bytes
    if raw[:4] != magic:
        raise DataError(
            f"{file}: an IDX file of unsigned bytes with {n_dims} dimensions starts with "
            f"0x{magic.hex()}, this one with 0x{raw[:4].hex()}; put the right file there."
        )
    shape = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    if len(raw) != start + math.prod(shape):
        raise DataError(
            f"{file}: needs {start + math.prod(shape)} bytes for shape {tuple(shape)}, got "
            f"{len(raw)}; it is cut short or damaged, so fetch it again."
        )
    if not math.prod(shape):
        raise DataError(f"{file}: is empty, shape {tuple(shape)}; put the right file there.")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


class _Bar:
    """What pooch asks of a progress bar, drawn by rich."""

    def __init__(self, progress: Progress, label: str) -> None:
        self.total = 0
        self._progress = progress
        self._task = progress.add_task(label, total=None)

    def update(self, n_bytes: int) -> None:
        self._progress.update(self._task, advance=n_bytes, total=self.total or None)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        self._progress.stop_task(self._task)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be made ({error}); name another folder.") from error


def _download(url: str, sha256: str, folder: Path) -> None:
    """Download a file into `folder` unless the right one is there already."""
    name = url.rsplit("/", 1)[-1]
    elsewhere = f"put all four files in a folder and name it by --data-dir or {DATA_DIR_VARIABLE}"
    _make_folder(folder)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(progress, name),
            chunk_size=1 << 16,
            # The sums are those of the gzip files: nothing may unpack them on the way.
            headers={"Accept-Encoding": "identity"},
        )
        try:
            pooch.retrieve(url, sha256, fname=name, path=folder, downloader=downloader)
        except OSError as error:  # requests raises its own OSErrors
            raise DataError(
                f"{name}: cannot be downloaded from {url} to {folder} ({error}); check the "
                f"network, or {elsewhere}."
            ) from error
        except ValueError as error:
            raise DataError(
                f"{name}: SHA-256 of what {url} sent is not {sha256}; nothing was kept. Try "
                f"again later, or {elsewhere}."
            ) from error
