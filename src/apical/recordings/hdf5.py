"""Reading HDF5 within limits: sizes are compared with free memory before anything is read."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.extras import library
from apical._base.memory import UNCHECKED, free_memory, sized
from apical._base.reading import UnreadableError
from apical.errors import DataError, brief
from apical.recordings.content import clean, texts

TEXT_SIZE = 64
"""What a text of unknown length is taken to need [bytes]."""


@contextmanager
def open_hdf5(path: Path, extra: str) -> Iterator[Any]:
    """Open a file of HDF5 to read; nothing but its directory is read."""
    with library("h5py", extra).File(path, "r") as file:
        yield file


def is_hdf5(path: Path) -> bool:
    """Say whether a file begins as HDF5 does."""
    with path.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def as_text(value: Any) -> str:
    """Return a stored text, whatever type it has."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return clean(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def attribute(item: Any, name: str) -> str:
    """Return an attribute as text; empty if there is none, or it cannot be read."""
    try:
        return as_text(item.attrs[name])
    except (KeyError, OSError, TypeError, ValueError):
        return ""


def check_size(item: Any, needed: float) -> None:
    """Raise if what a file declares does not fit into free memory, before it is read.

    Packed in chunks, or with a value for what was never written, it may be of any size.
    """
    if needed <= UNCHECKED:
        return
    free = free_memory()
    if needed > free:
        raise DataError(
            f"Recording {brief(item.file.filename)} declares arrays of {sized(needed)} "
            f"({brief(item.name, 60)}), and {sized(free)} of memory are free; cut it into parts, "
            "or take a machine with more memory."
        )


def read(item: Any, part: slice = slice(None)) -> np.ndarray:
    """Return values of a dataset: numbers, bools, or objects that are texts.

    Parameters
    ----------
    item
        A dataset; columns of matrices, and rows, become vectors.
    part
        Rows to read.

    Raises
    ------
    DataError
        If they do not fit into memory, or are of another kind.
    """
    if item.shape is None:
        return np.zeros(0)
    rows = len(range(*part.indices(item.shape[0]))) if item.shape else 1
    each = math.prod(item.shape[1:]) * max(item.dtype.itemsize, 1)
    check_size(item, rows * (each + (TEXT_SIZE if item.dtype.kind == "O" else 0)))
    values = item[part] if item.shape else item[()]
    return plain(np.asarray(values), item)


def plain(values: np.ndarray, item: Any) -> np.ndarray:
    """Return values as numbers, bools, or objects that are texts."""
    if values.dtype.names and "value" in values.dtype.names:  # properties of NIX before 1.2
        values = values["value"]
    if values.ndim == 2 and 1 in values.shape and values.dtype.kind != "V":
        values = values.reshape(-1)
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind in "SU":
        return _reshaped([as_text(v) for v in values.ravel().tolist()], values.shape)
    if values.dtype.kind == "O" and all(isinstance(v, bytes | str) for v in values.ravel()):
        return _reshaped([as_text(v) for v in values.ravel()], values.shape)
    raise UnreadableError(brief(item.name, 60), f"it holds {values.dtype}, no numbers or text")


def _reshaped(values: list[str], shape: tuple[int, ...]) -> np.ndarray:
    return texts(values).reshape(shape)


def ends_of(index: Any, total: int, name: str) -> np.ndarray:
    """Return where the values of each row end, from an index of ragged rows.

    Raises
    ------
    UnreadableError
        If they do not rise, or lie outside of the values.
    """
    ends = read(index)
    if ends.dtype.kind not in "iuf" or ends.ndim != 1:
        raise UnreadableError(name, "its index holds no whole numbers")
    ends = ends.astype(np.int64)
    if len(ends) and (ends[0] < 0 or ends[-1] > total or np.any(np.diff(ends) < 0)):
        raise UnreadableError(name, f"its index does not rise from 0 to {total:,}")
    return ends


def is_group(item: Any) -> bool:
    """Say whether an object of a file is a group."""
    return hasattr(item, "keys")
