"""Peak memory of processes."""

import resource
import sys
from pathlib import Path


def peak_memory_mb() -> float:
    """Return the peak memory of the largest process so far, this one or one it started [MB].

    The peak that `getrusage` reports for a child starts at the size of its parent. So this
    process's own peak is read from Linux directly, and a child counts only if it grew larger than
    its parent.
    """
    kilobyte = 1 if sys.platform == "darwin" else 1024
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration):
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * kilobyte
    return max(own, children) / 1e6
