"""Folders that a process owns: whose they are stands in their names, and what the dead left goes.

A process that is killed (``kill -9``, out of memory, a power cut) removes nothing. Names of its
folders tell its machine, its number and when it began, so that the next process that starts there
can tell a dead owner from a living one, also where numbers of processes are used again.
"""

import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_TAG = re.compile(r"-p(\d+)-(\d+)-([0-9a-f]{8})-([0-9a-f]{8})-[0-9a-f]{8}$")
STARTED_BY = "APICAL_STARTED_BY"
"""Environment variable of programs that a process started: its tag."""
ABANDONED = 7 * 86_400.0
"""How long nothing may have changed in a folder of a process on another machine before it is taken
for abandoned [s]; only where machines share a cache, in which folders are there for minutes."""


@dataclass(frozen=True)
class Owner:
    """A process, as the names of its folders tell it.

    Parameters
    ----------
    pid
        Its number.
    started
        When it began, in units of the system, 0 if that is unknown: with it a number that was used
        again is told from the process that had it before.
    boot, place
        When the machine was started, and which machine (or container) it is.
    """

    pid: int
    started: int
    boot: str
    place: str

    @property
    def text(self) -> str:
        """The owner as it stands in names."""
        return f"-p{self.pid}-{self.started}-{self.boot}-{self.place}"

    @property
    def is_here(self) -> bool:
        """Whether it ran on this machine, so that one can tell whether it lives."""
        return os.name == "posix" and self.place == _here()[1]

    @property
    def is_dead(self) -> bool:
        """Whether it certainly runs no more."""
        if not self.is_here:
            return False
        if self.boot != _here()[0]:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # somebody else's
            pass
        now = started(self.pid)
        return _is_over(self.pid) or bool(self.started and now and now != self.started)


def tag() -> str:
    """Return the end of a name that says that this process owns what is called so."""
    pid = os.getpid()
    return f"{Owner(pid, _own_start(pid), *_here()).text}-{uuid.uuid4().hex[:8]}"


def owner(name: str) -> Owner | None:
    """Return whose a folder is, by its name; None if the name does not say."""
    found = _TAG.search(name)
    return Owner(int(found[1]), int(found[2]), found[3], found[4]) if found else None


def make_owned(parent: Path, prefix: str) -> Path:
    """Make a new empty folder that only this user can read, and return it."""
    folder = parent / f"{prefix}{tag()}"
    folder.mkdir(mode=0o700)
    return folder


def remove_abandoned(parent: Path, prefix: str, *, shared: bool = False) -> list[Path]:
    """Remove what dead processes of this user left in a folder; return what was there.

    Whatever belongs to a living process, or to another user, stays. Several processes may do this
    at the same time.

    Parameters
    ----------
    parent
        The folder.
    prefix
        How the names of what may go begin.
    shared
        Whether several machines may share the folder, and what is in it is only there while
        something is made: what another machine has not touched for `ABANDONED` seconds goes too.
    """
    found = []
    try:
        entries = sorted(os.scandir(parent), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        whose = owner(entry.name) if entry.name.startswith(prefix) else None
        if whose is None or not _is_mine(entry):
            continue
        if whose.is_dead or (shared and not whose.is_here and _age(entry) > ABANDONED):
            _end_orphans(whose)
            remove(Path(entry.path))
            found.append(Path(entry.path))
    return found


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as that is possible; also if Ctrl-C is pressed."""
    try:
        _remove(path)
    except KeyboardInterrupt:  # files in memory must go all the same
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def _is_mine(entry: "os.DirEntry[str]") -> bool:
    with suppress(OSError):
        return entry.stat(follow_symlinks=False).st_uid == os.getuid()
    return False


def _age(entry: "os.DirEntry[str]") -> float:
    with suppress(OSError):
        return time.time() - entry.stat(follow_symlinks=False).st_mtime
    return 0.0


# ---- processes -----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _here() -> tuple[str, str]:
    """Return which boot of which machine or container this is, as eight letters each."""
    machine = _read("/etc/machine-id")
    with suppress(OSError):  # processes are numbered anew in every container
        machine += os.readlink("/proc/self/ns/pid")
    boot = _read("/proc/sys/kernel/random/boot_id")
    return _letters(boot), _letters(f"{platform.node()} {machine}")


def _letters(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _read(file: str) -> str:
    with suppress(OSError):
        return Path(file).read_text().strip()
    return ""


def _is_over(pid: int) -> bool:
    """Say whether a process is dead, and only waits for its parent to hear of it."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] == ["Z"]


@lru_cache(maxsize=1)  # of this process: a fork has another number
def _own_start(pid: int) -> int:
    return started(pid)


def started(pid: int) -> int:
    """Return when a process began, in units of the system; 0 if that cannot be told.

    Linux counts clock ticks since the machine was started (``/proc/PID/stat``); elsewhere ``ps``
    says the second.
    """
    if sys.platform == "linux":
        about = _read(f"/proc/{pid}/stat")
        fields = about.rpartition(")")[2].split()  # a name may hold blanks and brackets
        return int(fields[19]) if len(fields) > 19 else 0
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        said = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=10,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            check=True,
        ).stdout
        return int(time.mktime(time.strptime(said.strip(), "%a %b %d %H:%M:%S %Y")))
    return 0


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment for a program that this process starts, which says who started it.

    `given` is that of this process by default.
    """
    return {**(os.environ if given is None else given), STARTED_BY: tag()}


def _end_orphans(dead: Owner) -> None:
    """End programs that a dead process had started and could not end, where the system shows them.

    They were out of reach of signals to it (`environment`).
    """
    mark = f"{STARTED_BY}={dead.text}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, AttributeError):  # not every system can do that
            if not _is_started_by(process, mark):
                continue
            handle = os.pidfd_open(int(process.name))
            try:
                if _is_started_by(process, mark):  # still the one that was looked at
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            finally:
                os.close(handle)


def _is_started_by(process: Path, mark: bytes) -> bool:
    if process.stat().st_uid != os.getuid():
        return False
    return any(e.startswith(mark) for e in (process / "environ").read_bytes().split(b"\0"))
