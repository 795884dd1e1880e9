"""Reader of IDX files, the format of the MNIST family of data sets."""

import gzip
import math
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from apical._base.memory import free_memory, sized
from apical._base.reading import UnreadableError, opened
from apical.errors import DataError

MOST_PACKED = 1032
"""How many bytes one byte of a gzip file can stand for at most."""


def read_idx(file: Path, n_dims: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with `n_dims` dimensions, gzipped or not.

    Nothing is unpacked before its header is compared with the size of the file and free memory.

    Raises
    ------
    DataError
        If it is damaged, of another form, or does not fit into memory.
    """
    try:
        with opened(file) as (content, size):
            # By content: browsers unpack files on the way and keep the name.
            packed = content.read(2) == b"\x1f\x8b"
            content.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=content) as unpacked:
                    return _read(file, unpacked, MOST_PACKED * size, n_dims)
            return _read(file, content, size, n_dims)
    except UnreadableError as error:
        raise DataError(
            f"{file}: cannot be read ({error.why}); it is cut short or damaged, so fetch it again.",
            object=str(file),
        ) from None


def _read(
    file: Path, content: IO[bytes] | gzip.GzipFile, most: int, n_dims: int
) -> NDArray[np.uint8]:
    """Read the array from content that has `most` bytes at most."""
    start = 4 + 4 * n_dims
    head = content.read(start)
    magic = bytes((0, 0, 8, n_dims))  # 8: unsigned bytes
    if head[:4] != magic:
        raise DataError(
            f"{file}: an IDX file of unsigned bytes with {n_dims} dimensions starts with "
            f"0x{magic.hex()}, this one with 0x{head[:4].hex()}; put the right file there.",
            object=str(file),
        )
    shape = tuple(int.from_bytes(head[i : i + 4], "big") for i in range(4, start, 4))
    needed = start + math.prod(shape)
    if needed <= most and needed > free_memory():
        raise DataError(
            f"{file}: shape {shape} takes {sized(needed)} of memory, and {sized(free_memory())} "
            "are free; take a machine with more memory.",
            object=str(file),
        )
    raw = content.read(needed + 1 - start) if needed <= most else b""
    got = len(head) + len(raw) if needed <= most else most
    if got != needed:
        raise DataError(
            f"{file}: needs {needed} bytes for shape {shape}, got "
            f"{f'{got} or more' if got > needed else got}; it is cut short or damaged, so fetch "
            "it again.",
            object=str(file),
        )
    if not raw:
        raise DataError(
            f"{file}: is empty, shape {shape}; put the right file there.", object=str(file)
        )
    return np.frombuffer(raw, np.uint8).reshape(shape)
