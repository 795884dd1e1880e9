"""Registry of data sets known by name: sources, licences, checksums, and local copies."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apical._base.bibliography import cite
from apical._base.folders import cache_folder, make_folder
from apical._base.names import check_name
from apical._base.registry import Registry
from apical.errors import DataError, brief

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""Names of the files of each data set that is downloaded, less ``.gz``."""

DATA_DIR = "APICAL_DATA_DIR"
"""Environment variable: the folder of the user's own IDX files."""


@dataclass(frozen=True)
class Source:
    """A data set known by name: what it is and where its samples come from.

    Parameters
    ----------
    name
        Name in `apical.data.datasets.load` and in commands.
    licence, url
        Of the data, and where they are published.
    sha256
        Checksums of the four gzip files below `url`, in the order of `STEMS`, for data sets that
        are downloaded.
    n_train, n_test, n_classes
        Published numbers of samples and classes; files of your own may hold others.
    where
        Where the samples are, in a few words.
    load
        For other data sets: given the stored value that represents 1 (None for the default),
        returns the `apical.data.datasets.Dataset`.
    file
        For other data sets: returns the file that it is read from, if there is one.
    source
        Reference for the data set, for ``apical cite``.
    made_of, make
        For data sets that are made of another: its name; and, given it, returns the
        `apical.data.datasets.Dataset`.
    generate
        For data sets that are made from nothing by much work: makes the file that `file` then
        returns, unless it is there.

    See Also
    --------
    apical.datasets.load : Load the data set of a name.

    Examples
    --------
    >>> from apical.data.registry import SOURCES
    >>> list(SOURCES)[:4]  # others come from other packages
    ['digits', 'mnist', 'fashion_mnist', 'kmnist']
    >>> digits = SOURCES["digits"]
    >>> digits.n_train, digits.n_test, digits.where
    (1437, 360, 'shipped with apical')
    >>> len(SOURCES["mnist"].sha256)  # checksums: training and test, images and labels
    4
    """

    name: str
    licence: str
    url: str
    sha256: tuple[str, ...] = ()
    n_train: int = 60_000
    n_test: int = 10_000
    n_classes: int = 10
    where: str = "to be downloaded"
    load: Callable[[float | None], Any] | None = None
    file: Callable[[], Path | None] = lambda: None
    source: str = ""
    made_of: str = ""
    make: Callable[[Any], Any] | None = None
    generate: Callable[[], Path] | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "word", "Source", "a data source")


# SHA-256 of the gzip files, in the order of STEMS. Two public sources agree on all twelve:
# tensorflow/datasets (url_checksums/*.txt) and ankane/torchvision-ruby (lib/torchvision/datasets).
# Licences as stated by keras.io/api/datasets/mnist and, on GitHub, by the authors of the others:
# zalandoresearch/fashion-mnist and rois-codh/kmnist.
SOURCES: Registry[Source] = Registry(
    "data source",
    {
        "digits": "apical.data.datasets:DIGITS",
        "mnist": Source(
            "mnist",
            "CC BY-SA 3.0",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
            source=cite("lecun1998"),
        ),
        "fashion_mnist": Source(
            "fashion_mnist",
            "MIT",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
            source=cite("xiao2017"),
        ),
        "kmnist": Source(
            "kmnist",
            "CC BY-SA 4.0",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            (
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
            source=cite("clanuwat2018"),
        ),
        "saccadic_digits": "apical.data.saccades:SACCADIC_DIGITS",
        "saccadic_mnist": "apical.data.saccades:SACCADIC_MNIST",
        "spoken_digits": "apical.data.spoken:SPOKEN_DIGITS",
    },
    fits=lambda value: isinstance(value, Source),
)
"""Registry of data sets, by name."""


def downloaded(name: str | Path) -> Source | None:
    """Return a data set that is known by name and kept as four IDX files; None for any other."""
    source = SOURCES.get(str(name))
    return source if source is not None and source.sha256 else None


def made_of(name: str | Path) -> str:
    """Return the name of the data set that another is made of; empty if it is made of none.

    Examples
    --------
    >>> from apical import datasets
    >>> datasets.made_of("saccadic_mnist"), datasets.made_of("mnist")
    ('mnist', '')
    """
    source = SOURCES.get(str(name))
    return "" if source is None else source.made_of


def available(data_dir: str | Path | None = None) -> tuple[Source, ...]:
    """Return the data sets known by name, and where each of them is.

    See Also
    --------
    path : Where one of them is.

    Examples
    --------
    >>> from apical import datasets
    >>> [(s.name, s.n_train, s.n_classes, s.licence) for s in datasets.available()][1:3]
    [('mnist', 60000, 10, 'CC BY-SA 3.0'), ('fashion_mnist', 60000, 10, 'MIT')]
    """
    listed = []
    given = "data_dir" if data_dir is not None else DATA_DIR
    for name, source in SOURCES.items():
        folder = path(name, data_dir) if source.sha256 else None
        if folder is not None:
            where = "cached" if folder == cached(name) else f"in {given}"
            source = replace(source, where=where)
        elif source.generate is not None and source.file() is not None:
            source = replace(source, where="cached")
        listed.append(source)
    return tuple(listed)


def path(name: str | Path, data_dir: str | Path | None = None) -> Path | None:
    """Return where a data set is on this machine, or None: a folder, or a file by itself.

    See Also
    --------
    fetch : Download what is missing.

    Examples
    --------
    >>> from apical import datasets
    >>> datasets.path("digits").name  # shipped with apical
    'digits.npz'
    >>> datasets.path("no_such_file.npz")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: no_such_file.npz: no such file; give the path of an existing
        .npz file...
    """
    if made_of(name):
        return path(made_of(name), data_dir)
    if downloaded(name) is None:
        return single_file(name)
    folder, missing = _own_folder(str(name), data_dir)
    if missing and data_dir is None:
        folder = cached(str(name))
        missing = _missing(folder)
    return None if missing else folder


def fetch(name: str | Path, data_dir: str | Path | None = None) -> Path | None:
    """Make sure that a data set is on this machine and return where, as `path` does.

    What is missing is downloaded, checked by SHA-256, and kept in ``data_dir/<name>`` if a
    folder is given, else in the cache. Files of your own are never overwritten. A data set that is
    made from nothing, as ``spoken_digits``, is made and kept in the cache.

    See Also
    --------
    path : Where it is, without a download.

    Examples
    --------
    >>> from apical import datasets
    >>> datasets.fetch("digits") == datasets.path("digits")  # shipped, so not downloaded
    True
    """
    if made_of(name):
        return fetch(made_of(name), data_dir)
    known = SOURCES.get(str(name))
    if known is not None and known.generate is not None:
        return known.generate()
    source = downloaded(name)
    if source is None:
        return single_file(name)
    if data_dir is not None:
        make_folder(Path(data_dir).expanduser())
    folder, missing = _own_folder(source.name, data_dir)
    if missing and data_dir is None:
        # The sums of the whole cache are checked: what was damaged there is downloaded again.
        folder, missing = cached(source.name), STEMS
    from apical.data.download import download  # libraries that `import apical` does not need

    otherwise = f"put all four files in a folder and name it by --data-dir or {DATA_DIR}"
    for stem, sha256 in zip(STEMS, source.sha256, strict=True):
        if stem in missing:
            download(source.url + f"{stem}.gz", sha256, folder, otherwise)
    return folder


def idx_files(name: str, data_dir: str | Path | None = None) -> list[Path]:
    """Return the files of a published data set in the order of `STEMS`, fetched if need be.

    A folder that was named, or begun, is meant: a download never replaces it silently.
    """
    folder, missing = _own_folder(name, data_dir)
    if missing and (data_dir is not None or len(missing) < len(STEMS)):
        raise DataError(
            f"{name}: {folder} lacks {', '.join(missing)} (.gz or not); put them there, or run "
            f"`apical data get {name} --data-dir DIR`.",
            object=str(name),
        )
    folder = fetch(name) or folder if missing else folder
    return [_idx_file(folder, stem) for stem in STEMS]


def single_file(name: str | Path) -> Path | None:
    """Return the file of a data set that comes as one, or the .npz file that `name` is the path of.

    None for a data set known by name that has no file.
    """
    source = SOURCES.get(str(name))
    if source is not None:
        return source.file()
    file = Path(name).expanduser()
    try:
        if file.is_file():
            return file
    except OSError as error:  # such as a name that is too long
        raise DataError(f"{brief(file)} cannot be read: {error.strerror}.") from None
    if file.suffix == ".npz":
        raise DataError(
            f"{brief(file)}: no such file; give the path of an existing .npz file.",
            object=brief(file),
        )
    known = ", ".join(SOURCES)
    raise DataError(f"unknown data set {str(name)!r}; choose {known}, or the path of an .npz file.")


def cached(name: str) -> Path:
    """Return the folder of the cache in which a downloaded data set is, or would be, kept."""
    return cache_folder() / "data" / name


def _own_folder(name: str, data_dir: str | Path | None) -> tuple[Path, Sequence[str]]:
    """Return the folder of the user's own IDX files, and the files that it lacks (all: none)."""
    given = data_dir if data_dir is not None else os.environ.get(DATA_DIR)
    if not given:
        return Path(), STEMS
    root = Path(given).expanduser()
    if not root.is_dir():
        what = "data_dir" if data_dir is not None else DATA_DIR
        raise DataError(
            f"{name}: {what} is {root}, which is no folder; make it or name another.",
            object=str(name),
        )
    for folder in (root / name, root):
        missing = _missing(folder)
        if len(missing) < len(STEMS) and (folder != root or not _is_another(root, name)):
            return folder, missing
    return root / name, STEMS


def _is_another(folder: Path, name: str) -> bool:
    """Say whether files that lie in `folder` itself are those of another data set than `name`.

    All share their file names, so that MNIST would else pass for Fashion-MNIST unnoticed.
    """
    others = [source for other, source in SOURCES.items() if other != name and source.sha256]
    sums = {
        hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (folder / f"{STEMS[1]}.gz", folder / f"{STEMS[3]}.gz")  # the small ones
        if file.is_file()
    }
    return any(folder.name == other.name or sums & set(other.sha256) for other in others)


def _idx_file(folder: Path, stem: str) -> Path:
    plain = folder / stem
    return plain if plain.is_file() else folder / f"{stem}.gz"


def _missing(folder: Path) -> Sequence[str]:
    return [stem for stem in STEMS if not _idx_file(folder, stem).is_file()]
