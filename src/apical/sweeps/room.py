"""The number of runs that fit into memory at the same time: more would be killed."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from apical._base.memory import free_memory, sized
from apical.errors import ApicalWarning
from apical.network.size import network_bytes
from apical.runs.experiment import Experiment, prepare

PROCESS = 4e8
"""Memory of the process of a run without network and data: what it imports [bytes]."""
COPIES = 4
"""How often a run has its network: simulated, before learning, and in a checkpoint, twice."""
PLENTY = 4e9
"""Free memory for each run above which nothing is worked out, since that takes time [bytes]."""


def that_fit(jobs: int, experiments: Sequence[Experiment]) -> int:
    """Return how many of some runs fit into free memory at the same time; warn if too few do.

    Parameters
    ----------
    jobs
        How many were asked for.
    experiments
        What is to be run.

    Returns
    -------
    int
        At most `jobs` and the number of runs; 1 even if that one does not seem to fit, which the
        run itself then says.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps.room import that_fit
    >>> that_fit(8, [Experiment("rate_dfa", seed=seed) for seed in range(2)])
    2
    """
    wanted, free = min(jobs, len(experiments)), free_memory()
    if wanted < 2 or free >= wanted * PLENTY:
        return wanted
    kinds: list[Experiment] = []
    for experiment in (replace(e, seed=0) for e in experiments):
        kinds += [] if experiment in kinds else [experiment]
    largest = max(run_bytes(kind) for kind in kinds)
    fitting = min(wanted, max(1, int(free / largest)))
    if fitting < wanted:
        warnings.warn(
            f"{wanted} runs at the same time would take {sized(wanted * largest)} of memory, and "
            f"{sized(free)} are free; {fitting} at a time.",
            ApicalWarning,
            stacklevel=3,
        )
    return fitting


def run_bytes(experiment: Experiment) -> float:
    """Return the memory that a run takes, roughly [bytes].

    Parameters
    ----------
    experiment
        What is run.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps.room import PROCESS, run_bytes
    >>> small, large = (Experiment("rate_dfa", options={"hidden": n}) for n in (10, 100_000))
    >>> run_bytes(small) / PROCESS < 1.1 < run_bytes(large) / PROCESS
    True
    """
    prepared = prepare(experiment)
    itemsize = np.dtype(experiment.dtype).itemsize
    parts = (prepared.data.train, prepared.data.test)
    data = sum(part.values.nbytes for part in parts if not part.are_events)
    return PROCESS + COPIES * network_bytes(prepared.network, itemsize) + data
