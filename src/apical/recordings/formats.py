"""Formats of recordings: their description, their registry, and opening a file of any of them."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from apical._base.names import check_name
from apical._base.registry import Registry
from apical.errors import ApicalError, DataError, brief
from apical.recordings.content import Content, clean


@dataclass(frozen=True)
class RecordingFormat:
    """Format of recordings, and its reader.

    Parameters
    ----------
    name
        Its name.
    about
        Description in one line.
    suffixes
        Extensions of its files, for instance ``(".nwb",)``.
    open
        Opens a file, and yields what is in it; values are read when they are asked for.
    fits
        Says whether a file with another extension is of this format; must not raise.
    """

    name: str
    about: str
    suffixes: tuple[str, ...]
    open: Callable[[Path], AbstractContextManager[Content]]
    fits: Callable[[Path], bool] = lambda path: False

    def __post_init__(self) -> None:
        check_name(self.name, "word", "Recording format", "a format")


FORMATS: Registry[RecordingFormat] = Registry(
    "recording format",
    {
        "nwb": "apical.recordings.nwb:FORMAT",
        "nix": "apical.recordings.nix:FORMAT",
        "neo": "apical.recordings.neo_formats:FORMAT",
    },
    fits=lambda value: isinstance(value, RecordingFormat),
)
"""Every format in which recordings are read, by name."""


def format_of(path: Path) -> RecordingFormat:
    """Return the format of a file, by its extension or else by what is in it.

    Raises
    ------
    DataError
        If it is not there, or of no known format.
    """
    if not _is_there(path):
        raise DataError(
            f"Recording {brief(path)} is not there; check the path.",
            object=f"Recording {brief(path)}",
        )
    if path.is_dir() and path.suffix.lower() in (".nwb", ".zarr"):
        raise DataError(
            f"Recording {brief(path)} is a folder, as NWB in Zarr is; export it to HDF5 with "
            "hdmf-zarr.",
            object=f"Recording {brief(path)}",
        )
    known = list(FORMATS.values())
    for form in known:
        if path.suffix.lower() in form.suffixes:
            return form
    for form in known:
        if form.fits(path):
            return form
    raise DataError(
        f"Recording {brief(path)} must be a file of NWB (.nwb), of NIX (.nix), or of a format that "
        "Neo reads (pip install 'apical[neo]'); convert it, for instance with NeuroConv.",
        object=f"Recording {brief(path)}",
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, or no name
        return False


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """Open a recording of any known format, and yield what is in it.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DataError
        If it is not there, of no known format, or damaged, or a library is not installed.
    """
    form = format_of(path)
    name = form.name.upper() if form.suffixes else f"a format of {form.name.capitalize()}"
    with reading(path, name), form.open(path) as content:
        yield content


@contextmanager
def reading(path: Path, form: str) -> Iterator[None]:
    """Turn any exception that a library raises on a damaged file into a `DataError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ApicalError:
        raise
    except Exception as error:  # readers of HDF5 and of binary formats raise nearly anything
        said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise DataError(
            f"Recording {brief(path)} cannot be read as {form}: {brief(clean(said))}.",
            object=f"Recording {brief(path)}",
        ) from None
