"""Threads of BLAS: on how many of them the last bits of a matrix product depend.

A product that is divided among threads is summed in another order. So a run records how many there
were, and continues with as many.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import scipy.linalg  # noqa: F401  # loads the BLAS whose threads are counted below

from apical._base.extras import undisturbed
from apical.errors import ApicalWarning

with undisturbed():
    from threadpoolctl import threadpool_info, threadpool_limits


def blas_threads() -> int:
    """Return the largest number of threads that a BLAS in this process uses."""
    counts = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(counts, default=1)


@contextmanager
def same_threads(wanted: Any, run: Path) -> Iterator[None]:
    """Use as many threads of BLAS as a run began with, and warn where there are fewer.

    Parameters
    ----------
    wanted
        Their number; anything but a positive whole number changes nothing, as in runs of before
        0.2, which recorded none.
    run
        Directory of the run, for the warning.
    """
    if type(wanted) is not int or wanted < 1:
        yield
        return
    with threadpool_limits(wanted, "blas"):
        if blas_threads() != wanted:
            warnings.warn(
                f"Run {run} began with {wanted} threads of BLAS and continues with "
                f"{blas_threads()}: the last bits of its results may be others.",
                ApicalWarning,
                stacklevel=3,
            )
        yield
