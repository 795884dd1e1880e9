"""Reader of IDX files, the format of the MNIST family of data sets."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apical.errors import DataError


def read_idx(file: Path, n_dims: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with `n_dims` dimensions, gzipped or not."""
    try:
        raw = file.read_bytes()
        # By content: browsers unpack files on the way and keep the name.
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{file}: cannot be read ({error}); it is cut short or damaged, so fetch it again.",
            object=str(file),
        ) from error
    start = 4 + 4 * n_dims
    magic = bytes((0, 0, 8, n_dims))  # 8: unsigned bytes
    if raw[:4] != magic:
        raise DataError(
            f"{file}: an IDX file of unsigned bytes with {n_dims} dimensions starts with "
            f"0x{magic.hex()}, this one with 0x{raw[:4].hex()}; put the right file there.",
            object=str(file),
        )
    shape = tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4))
    if len(raw) != start + math.prod(shape):
        raise DataError(
            f"{file}: needs {start + math.prod(shape)} bytes for shape {shape}, got "
            f"{len(raw)}; it is cut short or damaged, so fetch it again.",
            object=str(file),
        )
    if not math.prod(shape):
        raise DataError(
            f"{file}: is empty, shape {shape}; put the right file there.", object=str(file)
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
