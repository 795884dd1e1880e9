"""How much memory was taken at most."""

import resource
import sys
from pathlib import Path


def peak_memory_mb() -> float:
    """Return the peak memory of the largest process so far, this one or one it started [MB].

    What `getrusage` says of a process begins with the size of the one that started it. So this
    one's own peak is read where Linux keeps it, and of its children only one that grew larger
    counts: a smaller one cannot be told from nothing.
    """
    kilobyte = 1 if sys.platform == "darwin" else 1024
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration):
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * kilobyte
    return max(own, children) / 1e6
