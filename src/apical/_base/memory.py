"""Memory of processes: the peak so far, what is free, and whether something fits."""

import resource
import sys
from math import inf
from pathlib import Path

from apical.errors import ParameterError

UNCHECKED = 16e6
"""Sizes up to this are not compared with free memory, which takes longer than they do [bytes]."""
_GROUPS = Path("/sys/fs/cgroup")
"""Where Linux says what a group of processes (a container, a job) may take and takes."""


def peak_memory_mb() -> float:
    """Return the peak memory of the largest process so far, this one or one it started [MB].

    The peak that `getrusage` reports for a child starts at the size of its parent. So this
    process's own peak is read from Linux directly, and a child counts only if it grew larger than
    its parent.
    """
    kilobyte = 1 if sys.platform == "darwin" else 1024
    own = _kilobytes(Path("/proc/self/status"), "VmHWM:")
    if own is None:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * kilobyte
    return max(own, children) / 1e6


def free_memory() -> float:
    """Return the memory that this process can still take [bytes]; infinite where it is unknown.

    The least of what the system, the limits of the process and those of its group (a container, a
    job of a cluster) leave.
    """
    return min(_of_system(), _of_limits(), *map(_of_group, _groups()))


def check_memory(needed: float, what: str, lower: str, object: str = "") -> None:
    """Raise unless something fits into free memory; nothing is allocated.

    Parameters
    ----------
    needed
        Its size [bytes].
    what
        What it is, for the message: ``"Weights of 3 projections"``.
    lower
        What to lower.
    object
        As in `ApicalError`.

    Raises
    ------
    ParameterError
        If it does not fit.
    """
    if needed <= UNCHECKED:
        return
    free = free_memory()
    if needed > free:
        raise ParameterError(
            f"{what} would take {sized(needed)} of memory, and {sized(free)} are free; lower "
            f"{lower}, or take a machine with more memory.",
            object=object,
        )


def sized(size: float) -> str:
    """Return a number of bytes as text, with its unit."""
    for power, unit in ((5, "PB"), (4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if size >= 1e3**power:
            return f"{size / 1e3**power:,.3g} {unit}" if size < 1e18 else f"{size / 1e15:.1e} PB"
    return f"{size:.0f} bytes"


def _of_system() -> float:
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable:") or inf


def _of_limits() -> float:
    """Return what ``ulimit -v`` leaves to this process [bytes]."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return inf
    return most - (_kilobytes(Path("/proc/self/status"), "VmSize:") or 0)


def _groups() -> list[Path]:
    """Return the folder of the group of this process, and those of the groups around it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if own is None:
        return []
    group = _GROUPS / own
    return [group, *(parent for parent in group.parents if parent.is_relative_to(_GROUPS))]


def _of_group(group: Path) -> float:
    try:
        most = (group / "memory.max").read_text().strip()
        taken = (group / "memory.current").read_text().strip()
        statistics = (group / "memory.stat").read_text().split()
    except OSError:
        return inf
    if not (most.isdecimal() and taken.isdecimal()):
        return inf
    # files that the system keeps in memory are counted too, and given up where memory is needed
    known = dict(zip(statistics[::2], statistics[1::2], strict=False))
    return int(most) - int(taken) + int(known.get("inactive_file", 0))


def _kilobytes(file: Path, name: str) -> int | None:
    """Return an entry of a file of Linux's that is in kilobytes [bytes]; None if there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith(name))
    return next((int(number) * 1024 for number in found), None)
