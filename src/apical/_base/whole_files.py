"""Atomic writing of files and folders: they exist whole or not at all."""

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def whole(target: Path, *, folder: bool = False, shared: bool = False) -> Iterator[Path]:
    """Yield a path beside the target, and let what is written there take its place.

    What was written is first stored on the disk, so that it is whole after a power cut, too. If
    anything goes wrong on the way, also Ctrl-C, what was there before still is, and nothing else.
    Permissions are those that the umask gives.

    Parameters
    ----------
    target
        File or folder to write.
    folder
        Whether it is a folder; the path that is yielded then is an empty one.
    shared
        Whether others may write the same target at the same time. Each then has a file of its own
        beside it; else it is always the same, which a process that was killed leaves behind and the
        next one overwrites.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    # the ending stays, for libraries go by it
    name = f".{uuid.uuid4().hex[:12]}.part.{target.name}" if shared else f".{target.name}.part"
    part = target.with_name(name)
    if folder:
        part.mkdir()
    try:
        yield part
        for file in filter(Path.is_file, part.rglob("*")) if folder else [part]:
            with file.open("rb+") as written:
                os.fsync(written.fileno())
        _replace(part, target)
    finally:
        _remove(part, folder)


def file_at(path: Path, ending: str) -> Path:
    """Return a path with an ending, which is added to a name without one.

    Parameters
    ----------
    path
        Of a file, as a user gave it.
    ending
        Such as ``".npz"``.

    Raises
    ------
    IsADirectoryError
        If there is a folder in that place, beside which a file would be written.
    """
    if path.is_dir():
        example = path / f"one{ending}"
        raise IsADirectoryError(errno.EISDIR, f"it is a folder; name a file in it ({example})")
    return path if path.suffix else path.with_suffix(ending)


def write_whole(
    path: Path, content: bytes | Callable[[BinaryIO], Any], *, shared: bool = False
) -> Path:
    """Write a file atomically: it exists whole or not at all, also after a power cut.

    Parameters
    ----------
    path
        The file.
    content
        What to write, or a function that writes it into an open file.
    shared
        As in `whole`.

    Raises
    ------
    OSError
        If it cannot be written; what was there before still is.
    """
    with whole(path, shared=shared) as part, part.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            content(file)
    return path


def _replace(part: Path, target: Path) -> None:
    if not (part.is_dir() and target.exists()):
        os.replace(part, target)
        return
    old = part.with_name(f"{part.name}.old")  # what holds something cannot be replaced at once
    os.replace(target, old)
    try:
        os.replace(part, target)
    except BaseException:
        os.replace(old, target)
        raise
    shutil.rmtree(old)


def _remove(part: Path, folder: bool) -> None:
    if folder:
        shutil.rmtree(part, ignore_errors=True)
    elif part.is_file():
        part.unlink()
