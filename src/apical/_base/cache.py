"""The cache of compiled programs: entries that are whole, and only those that are in use or recent.

An entry is a folder with sums of its files (`sign`), by which a damaged one is recognised. Whoever
uses it holds it (`Hold`); what nobody holds goes, least recently used first, when all entries
together are larger than the limit. An entry is taken apart under another name, and only by who has
its lock, so that nobody ever sees half of one.
"""

import errno
import hashlib
import json
import os
import re
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from apical._base.folders import cache_folder
from apical._base.owners import ABANDONED, make_owned, owner, remove, remove_abandoned, tag
from apical._base.whole_files import write_whole
from apical.errors import ParameterError

try:
    import fcntl
except ImportError:  # not on this system: nothing is locked, nothing is evicted
    fcntl = None  # type: ignore[assignment]

LIMIT = "APICAL_CACHE_LIMIT"
"""Environment variable: size that compiled programs may have together, for instance ``5 GB``."""
USUAL = 5e9
"""The limit where none is set [bytes]: thousands of small programs."""
KINDS = ("programs", "loops")
"""Folders of the cache with entries. Data sets are none: nobody removes them but the user."""

_SUMS, _USED, _SET = ".sums", ".used", "limit"
_LOGS = "*.log"
_UNITS = ("", "k", "m", "g", "t")
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


# ---- locks ---------------------------------------------------------------------------------------


class Hold:
    """A lock on a file, given back by `release`, or when nobody refers to it or the process ends.

    Parameters
    ----------
    handle
        The open file.
    """

    def __init__(self, handle: int) -> None:
        self.release = weakref.finalize(self, os.close, handle)


def _locked(file: Path, *, shared: bool = False, wait: bool = True) -> Hold | None:
    """Lock a file, which is made if need be; None if another process has it, and `wait` is not set.

    Raises
    ------
    OSError
        If files cannot be locked here.
    """
    if fcntl is None:
        raise OSError(errno.ENOLCK, "files cannot be locked", str(file))
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        # on a file that can only be read a lock can be shared, but not had alone
        way = os.O_RDONLY if shared else os.O_RDWR
        handle = os.open(file, way | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, how)
            if _is_of(handle, file):
                return Hold(handle)
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # it was removed by who had it before


def _is_of(handle: int, file: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.stat(file))
    return False


def _lock_of(home: Path) -> Path:
    return home.with_name(f".{home.name}.lock")


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Let one process at a time make or remove an entry; without locks, each does."""
    lock = None
    with suppress(OSError):
        lock = _locked(_lock_of(home))
    try:
        yield
    finally:
        if lock is not None:
            with suppress(OSError):  # who waits for it makes another one
                _lock_of(home).unlink()
            lock.release()


# ---- entries -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A compiled program in the cache.

    Parameters
    ----------
    path
        Its folder, or file.
    size
        Its size [bytes].
    used
        When it was last used, in seconds since 1970.
    """

    path: Path
    size: int
    used: float


def sign(folder: Path, files: list[Path]) -> None:
    """Write down the sums of the files that an entry needs."""
    sums = {str(file.relative_to(folder)): _sum(file) for file in files}
    write_whole(folder / _SUMS, json.dumps(sums, indent=1).encode())


def is_whole(folder: Path) -> bool:
    """Say whether the files of an entry are those that were signed."""
    try:
        sums = json.loads((folder / _SUMS).read_text())
        return bool(sums) and all(_sum(folder / name) == known for name, known in sums.items())
    except (OSError, ValueError, AttributeError):
        return False


def _sum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def put(made: Path, home: Path) -> None:
    """Put a signed entry in its place, where a damaged one may be, or that of an earlier version.

    Raises
    ------
    OSError
        If that is impossible.
    """
    try:
        if home.exists():
            home.rename(made / "damaged")
        made.rename(home)
        remove(home / "damaged")
    except OSError:
        if not is_whole(home):  # else another process was faster, where none can be locked
            raise


def hold(folder: Path) -> Hold | None:
    """Note that an entry is used now, and keep it from being removed; under `alone`.

    None where files cannot be locked: there nothing is ever removed.
    """
    held = None
    with suppress(OSError):
        held = _locked(folder / _USED, shared=True)
        os.utime(folder / _USED)
    return held


def drop(path: Path) -> bool:
    """Remove an entry unless it is in use or being made, and say whether it is gone."""
    try:
        lock = _locked(_lock_of(path), wait=False)
    except OSError:
        return False
    if lock is None:
        return False
    try:
        if path.is_dir() and _locked(path / _USED, wait=False) is None:
            return False
        away = path.with_name(f".old{tag()}")
        os.rename(path, away)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            _lock_of(path).unlink()
        lock.release()
    remove(away)
    return True


def make_new(folder: Path) -> Path:
    """Return a new empty folder beside the entries of a folder, in which one can be made."""
    folder.mkdir(parents=True, exist_ok=True)
    return make_owned(folder, ".new")


def entries(kind: str | None = None) -> list[Entry]:
    """Return entries of the cache, or those of one of its `KINDS`, least recently used first."""
    found = []
    for name in KINDS if kind is None else (kind,):
        for path in sorted((cache_folder() / name).glob("*")):
            if not path.name.startswith(".") and not path.match(_LOGS):
                with suppress(OSError):
                    found.append(Entry(path, size(path), _used(path)))
    return sorted(found, key=lambda entry: entry.used)


def size(path: Path) -> int:
    """Return the size of a file, or of all files in a folder [bytes]."""
    total = 0
    for file in [path, *path.rglob("*")]:
        with suppress(OSError):  # it may just go
            about = file.lstat()
            total += about.st_blocks * 512 if hasattr(about, "st_blocks") else about.st_size
    return total


def _used(path: Path) -> float:
    used = path / _USED
    return (used if used.exists() else path).stat().st_mtime


# ---- what goes -----------------------------------------------------------------------------------


def parsed(text: str) -> float:
    """Return a size in bytes, of a text such as ``"5 GB"``, ``"500MB"`` or ``"none"`` (no limit).

    Raises
    ------
    ParameterError
        If it is not of that form.
    """
    if text.strip().lower() in ("none", "inf", "unlimited"):
        return float("inf")
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ParameterError(
            f"The limit of the cache must be a size, such as 5GB or 500MB, or none, got "
            f"{text[:50]!r}.",
            object="cache",
            parameter="limit",
        )
    return float(found[1]) * (1024 if found[3] else 1000) ** _UNITS.index(found[2].lower())


def limit() -> float:
    """Return the size that all entries may have together [bytes].

    It is that of APICAL_CACHE_LIMIT, else what `set_limit` has set, else `USUAL`.

    Raises
    ------
    ParameterError
        If the environment variable is no size.
    """
    given = os.environ.get(LIMIT)
    if given:
        return parsed(given)
    with suppress(OSError, ParameterError):
        return parsed((cache_folder() / _SET).read_text())
    return USUAL


def set_limit(text: str) -> None:
    """Set the limit of this cache, for all who use it and have no APICAL_CACHE_LIMIT."""
    parsed(text)
    cache_folder().mkdir(parents=True, exist_ok=True)
    write_whole(cache_folder() / _SET, text.strip().encode(), shared=True)


def evict(most: float) -> list[Entry]:
    """Remove what was not used for longest, until the others fit into a size; return what is gone.

    What is in use stays.
    """
    found, gone = entries(), []
    total = sum(entry.size for entry in found)
    for entry in found:
        if total <= most:
            break
        if drop(entry.path):
            gone.append(entry)
            total -= entry.size
    return gone


def clear_leftovers() -> list[Path]:
    """Remove from the cache what dead processes left; return what was there.

    That are entries that were never finished or half removed, locks that nobody has, and logs of
    compilers, which are kept for some days.
    """
    found = []
    for folder in filter(Path.is_dir, (cache_folder() / kind for kind in KINDS)):
        for prefix in (".new", ".old"):
            found += remove_abandoned(folder, prefix, shared=True)
        for path in folder.glob(".*.lock"):
            with suppress(OSError):
                lock = _locked(path, wait=False)
                if lock is not None:
                    path.unlink()
                    lock.release()
                    found.append(path)
        untold = [p for p in folder.glob(".new-*") if owner(p.name) is None]  # of earlier versions
        for path in (*folder.glob(_LOGS), *untold, *folder.glob(".*.part.*")):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    remove(path)
                    found.append(path)
    return found
