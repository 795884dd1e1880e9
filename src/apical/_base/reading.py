"""Readers of files that may be damaged, or made to do harm: JSON, npz, CSV, TOML; with limits.

Every reader looks at the size that a file declares before anything of that size is allocated, and
raises `UnreadableError`, in one line, for all that is wrong; nothing else. What a file must hold is
said by a schema beside what it describes: a frozen dataclass, whose annotations pydantic compares
with the content (`conform`).
"""

import csv
import io
import json
import re
import stat
import struct
import tokenize
import tomllib
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import cache
from math import prod
from pathlib import Path
from typing import IO, Any, get_type_hints

import numpy as np

from apical._base.checking import fitting, shown
from apical._base.memory import free_memory, sized
from apical._base.parameters import Marker
from apical.errors import ApicalError, DataError, ParameterError

MOST_TEXT = 64_000_000
"""Largest file of JSON or TOML [bytes]."""
DEEPEST = 64
"""Largest depth of lists and objects in each other, in JSON and TOML."""
MOST_DIGITS = 40
"""Digits of the largest whole number in JSON; seeds of 128 bits have 39."""
LONGEST_ROW = 65_536
"""Longest line of a CSV file [bytes]."""
MOST_ARRAYS = 10_000
"""Largest number of arrays in an npz file."""
MOST_DIRECTORY = 8_000_000
"""Largest directory of an npz file [bytes]."""
MOST_HEADER = 10_000
"""Largest header of an array in an npz file [bytes]."""
MOST_UNPACKED, UNPACKED_FREELY = 250, 256_000_000
"""How many times its packed size an array may take, where it takes more than that many bytes."""

KINDS = "biufU"
"""NumPy's kinds of what arrays in files may hold: bools, whole and real numbers, text."""


class UnreadableError(DataError):
    """A file is damaged, or not of the form that it must have.

    Parameters
    ----------
    file
        The file, or the entry of one.
    why
        What is wrong with it, without a full stop.
    """

    def __init__(self, file: object, why: str) -> None:
        self.why = why
        super().__init__(f"{file} is damaged: {why}.", object=str(file))


@contextmanager
def reading(file: object) -> Iterator[None]:
    """Turn the errors of the system and of foreign readers into `UnreadableError`.

    Parameters
    ----------
    file
        What is read, for messages.
    """
    try:
        yield
    except ApicalError:
        raise
    except OSError as error:
        raise UnreadableError(file, _line(error.strerror or str(error))) from None
    except RecursionError:
        raise UnreadableError(file, "it is nested too deeply") from None
    except MemoryError:
        raise UnreadableError(file, "it does not fit into memory") from None
    except _FOREIGN as error:
        raise UnreadableError(file, _line(str(error)) or type(error).__name__) from None


_FOREIGN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    RuntimeError,
    OverflowError,
    SyntaxError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    csv.Error,
    tokenize.TokenError,
)
"""What `json`, `csv`, `tomllib`, `zipfile` and NumPy raise for files that are damaged."""


def _line(text: str) -> str:
    """Return a foreign message as one short line that ends in no full stop."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= 160 else f"{line[:157]}..."


@contextmanager
def opened(file: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Open an ordinary file to read: neither a folder nor a pipe, which would never end.

    Yields
    ------
    file, size
        The file, and its size [bytes].
    """
    with reading(file):
        about = file.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UnreadableError(file, "it is no ordinary file")
        with file.open("rb") as content:
            yield content, about.st_size


def read_text(file: Path, most: int = MOST_TEXT) -> str:
    """Return a file of text in UTF-8.

    Parameters
    ----------
    file
        The file.
    most
        Its largest size [bytes].

    Raises
    ------
    UnreadableError
        If it cannot be read, or is larger.
    """
    with opened(file) as (content, size):
        if size > most:
            raise UnreadableError(file, f"it has {sized(size)}, and at most {sized(most)} are read")
        return content.read(most + 1).decode("utf-8")


# JSON and TOML --------------------------------------------------------------------------------


def read_json(file: Path, schema: type | None = None) -> dict[str, Any]:
    """Return the object in a JSON file.

    Parameters
    ----------
    file
        The file.
    schema
        A dataclass that says which entries it must have; as in `conform`.

    Raises
    ------
    UnreadableError
        If it is damaged: no JSON, names given twice, nested deeper than `DEEPEST`, whole numbers
        of more than `MOST_DIGITS` digits, or no object that conforms to the schema.
    """
    return json_object(read_text(file), file, schema)


def json_object(text: str, file: object, schema: type | None = None) -> dict[str, Any]:
    """Return the object in JSON text; `file` says where it is from, and errors as `read_json`."""
    with reading(file):
        check_depth(text, file)
        content = json.loads(text, object_pairs_hook=_without_repeats, parse_int=_whole)
        # a pair of escapes that is no character can be read, and never written or shown again
        if "\\u" in text:
            _check_characters(content)
    if not isinstance(content, dict):
        raise UnreadableError(file, "it must hold one JSON object")
    if schema is not None:
        conform(content, schema, file)
    return content


def read_toml(file: Path) -> dict[str, Any]:
    """Return the content of a TOML file; limits and errors as in `read_json`."""
    text = read_text(file)
    with reading(file):
        check_depth(text, file)
        return tomllib.loads(text)


_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def check_depth(text: str, file: object, most: int = DEEPEST) -> None:
    """Raise if brackets outside of strings are nested deeper than `most`."""
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        first = found[0][0]
        depth += (first in "[{") - (first in "]}")
        if depth > most:
            raise UnreadableError(file, f"it is nested deeper than {most} levels")


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"it holds {shown(twice)} twice")
    return content


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(
            f"it holds a whole number of {len(digits)} digits, and at most {MOST_DIGITS} are read"
        )
    return int(digits)


def _check_characters(content: Any) -> None:
    text = json.dumps(content, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a character (\\ud800 to \\udfff)") from None
    if "\\u0000" in text:
        raise ValueError("it holds the character \\u0000")


def conform(content: Mapping[str, Any], schema: type, file: object) -> None:
    """Raise unless an object from a file conforms to a schema; further entries are left alone.

    Parameters
    ----------
    content
        The object.
    schema
        A dataclass: an entry without a default must be there, and every entry fit its annotation.
    file
        Where it is from, for messages.

    Raises
    ------
    UnreadableError
        If it does not.
    """
    hints = _hints(schema)
    for field in fields(schema):
        if field.name not in content:
            if field.default is MISSING and field.default_factory is MISSING:
                raise UnreadableError(file, f"it lacks {field.name!r}")
            continue
        try:
            fitting(content[field.name], hints[field.name], "Entry", field.name)
        except ParameterError as error:
            raise UnreadableError(file, _line(error.message.removeprefix("Entry: "))) from None


@dataclass(frozen=True, repr=False)
class Objects(Marker):
    """Marks a list of objects that conform to a schema.

    Parameters
    ----------
    schema
        As in `conform`.
    most
        The largest number of them.
    """

    schema: type
    most: int = 100_000

    def plain(self, value: Any) -> Sequence[Any]:
        """Return the list; ValueError if it is none, or an object does not conform."""
        if not isinstance(value, list) or len(value) > self.most:
            raise ValueError
        for each in value:
            if not isinstance(each, Mapping):
                raise ValueError
            conform(each, self.schema, "")
        return value

    @property
    def text(self) -> str:
        """The requirement, in words."""
        needed = [f.name for f in fields(self.schema) if f.default is MISSING]
        return f"a list of objects with {', '.join(needed)}"


@cache
def _hints(schema: Any) -> dict[str, Any]:
    return get_type_hints(schema, include_extras=True)


# CSV ------------------------------------------------------------------------------------------


def read_rows(file: Path, headers: Collection[Sequence[str]]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file, by column.

    Parameters
    ----------
    file
        The file.
    headers
        Columns that it may have: it has one of these headers.

    Raises
    ------
    UnreadableError
        If it has another header, or a row is not whole, is longer than `LONGEST_ROW`, or no text.
    """
    with opened(file) as (content, _):
        rows = csv.reader(_lines(content, file), strict=True)
        header = next(rows, [])
        if tuple(header) not in {tuple(known) for known in headers}:
            raise UnreadableError(file, f"its first line is {shown(','.join(header))}")
        for row in rows:
            if len(row) != len(header):
                raise UnreadableError(file, f"line {shown(','.join(row))} is cut short or too long")
            yield dict(zip(header, row, strict=True))


def _lines(content: IO[bytes], file: Path) -> Iterator[str]:
    while line := content.readline(LONGEST_ROW + 1):
        if len(line) > LONGEST_ROW:
            raise UnreadableError(file, f"a line has more than {LONGEST_ROW:,} bytes")
        if b"\0" in line:
            raise UnreadableError(file, "it holds bytes of 0, so it is no text")
        yield line.decode("utf-8")


_NUMERAL = re.compile(r"[0-9]{1,18}")


def whole(text: str, file: object, column: str) -> int:
    """Return the whole number of 0 or more in a cell of a CSV file."""
    if not _NUMERAL.fullmatch(text):
        raise UnreadableError(file, f"{column} is {shown(text)}, and no whole number of 0 or more")
    return int(text)


def real(text: str, file: object, column: str) -> float:
    """Return the number in a cell of a CSV file."""
    try:
        if not text.isascii() or "_" in text or len(text) > 40:
            raise ValueError
        return float(text)
    except ValueError:
        raise UnreadableError(file, f"{column} is {shown(text)}, and no number") from None


# npz ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """An array in an npz file, as its header declares it.

    Parameters
    ----------
    entry
        Its entry in the directory of the file.
    dtype
        Type of its elements.
    shape
        Its shape.
    """

    entry: zipfile.ZipInfo
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """What it takes in memory [bytes]."""
        return prod(self.shape) * self.dtype.itemsize


def read_arrays(file: Path, kinds: str = KINDS) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file.

    The sizes that its directory and the header of each array declare are compared with each other,
    with the size of the file and with free memory before anything is allocated.

    Parameters
    ----------
    file
        The file.
    kinds
        NumPy's kinds of what arrays may hold.

    Raises
    ------
    UnreadableError
        If it is damaged, or does not fit into memory.
    """
    with stored_arrays(file, kinds) as (archive, stored):
        return {name: array_of(file, archive, found) for name, found in stored.items()}


@contextmanager
def stored_arrays(
    file: Path, kinds: str = KINDS, names: Collection[str] | None = None
) -> Iterator[tuple[zipfile.ZipFile, dict[str, Stored]]]:
    """Open an npz file whose declared sizes fit, and yield it with the arrays that it holds.

    Parameters
    ----------
    file, kinds
        As in `read_arrays`.
    names
        Those to look at; all by default.
    """
    with opened(file) as (content, size):
        _check_directory(content, size, file)
        content.seek(0)
        with zipfile.ZipFile(content) as archive:
            stored = _stored(archive, file, kinds, names)
            needed, free = sum(found.size for found in stored.values()), free_memory()
            if needed > free:
                raise UnreadableError(
                    file,
                    f"it declares arrays of {sized(needed)}, and {sized(free)} of memory are free",
                )
            yield archive, stored


def array_of(file: Path, archive: zipfile.ZipFile, stored: Stored) -> np.ndarray:
    """Return an array of a file that `stored_arrays` opened."""
    with reading(f"{file} ({_named(stored.entry)})"), archive.open(stored.entry) as content:
        array: np.ndarray = np.lib.format.read_array(content, allow_pickle=False)
        return array


def _named(entry: zipfile.ZipInfo) -> str:
    return shown(entry.filename.removesuffix(".npy"))


def _check_directory(content: IO[bytes], size: int, file: Path) -> None:
    """Raise if the directory of a zip file is too large to be read, before it is."""
    content.seek(max(0, size - _TAIL))
    tail = content.read(_TAIL)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 20:
        raise UnreadableError(file, "it is no npz file, or cut short")
    count, length = struct.unpack_from("<10xHL", tail, end)
    long = tail.rfind(b"PK\x06\x06")
    if 0 <= long <= len(tail) - 48:
        count, length = struct.unpack_from("<32xQQ", tail, long)
    if count > MOST_ARRAYS or length > MOST_DIRECTORY:
        raise UnreadableError(
            file, f"it declares {count:,} arrays, and at most {MOST_ARRAYS:,} are read"
        )


_TAIL = 22 + 65_535 + 76
"""Size of the end of a zip file with the longest comment, and the records before it [bytes]."""


def _stored(
    archive: zipfile.ZipFile, file: Path, kinds: str, names: Collection[str] | None
) -> dict[str, Stored]:
    """Return the arrays of an archive by name, as their headers declare them."""
    found: dict[str, Stored] = {}
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name in found:
            raise UnreadableError(file, f"it holds {shown(name)} twice")
        if name == entry.filename:
            raise UnreadableError(file, f"it holds {shown(name)}, which is no array")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableError(file, f"{shown(name)} is packed in a way that NumPy never uses")
        with reading(f"{file} ({shown(name)})"):
            found[name] = _declared(archive, entry, file, kinds)
    return found


def _declared(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path, kinds: str) -> Stored:
    """Return what the header of an array declares, if it agrees with the directory."""
    what = _named(entry)
    with archive.open(entry) as content:
        start = io.BytesIO(content.read(MOST_HEADER + 12))
    version = np.lib.format.read_magic(start)
    if version not in _HEADERS:
        raise UnreadableError(file, f"{what} is of version {version} of NumPy's format")
    shape, _, dtype = _HEADERS[version](start, max_header_size=MOST_HEADER)
    before = start.tell()
    if dtype.hasobject:
        raise UnreadableError(file, f"{what} holds objects, which allow_pickle=False refuses")
    if dtype.kind not in kinds or dtype.names or dtype.subdtype:
        raise UnreadableError(file, f"{what} holds {shown(dtype.str)}, and no plain numbers")
    if any(type(n) is not int or n < 0 for n in shape) or len(shape) > 32:
        raise UnreadableError(file, f"{what} has the shape {shown(shape)}")
    stored = Stored(entry, dtype, shape)
    if before + stored.size != entry.file_size:
        raise UnreadableError(
            file,
            f"{what} has shape {shown(shape)} of {dtype}, which is {sized(stored.size)}, but "
            f"{sized(max(0, entry.file_size - before))} are there",
        )
    if entry.file_size > max(UNPACKED_FREELY, MOST_UNPACKED * entry.compress_size):
        raise UnreadableError(
            file,
            f"{what} unpacks to {sized(entry.file_size)} from {sized(entry.compress_size)}, more "
            f"than {MOST_UNPACKED} times as much; write it with numpy.savez",
        )
    return stored


_HEADERS: Mapping[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
