"""The timed arrays through which the trials of a block reach the equations."""

from collections.abc import Mapping
from typing import Any

import brian2 as b2
import numpy as np

from apical.devices.simulator import Block
from apical.network import Network

CHUNK = 64
"""Number of trials encoded at a time: few enough for the processor's cache."""


def empty(
    network: Network, rows: int, dtype: np.typing.DTypeLike = np.float64
) -> dict[str, np.ndarray]:
    """Return what the timed arrays hold over a block of silence, one row a trial.

    ``learned`` is ``learning`` one trial later: learning at the end of a trial happens when the
    next one begins.
    """
    shapes = {
        "stimulus": (rows, network.stimulus.size),
        "label": (rows, network.output.size),
        "learning": (rows,),
        "learned": (rows + 1,),
    }
    return {name: np.zeros(shape, dtype) for name, shape in shapes.items()}


def fill(arrays: Mapping[str, np.ndarray], network: Network, block: Block) -> None:
    """Put a block into the arrays made by `empty`; rows after its last trial become zero."""
    n = len(block)
    for start in range(0, n, CHUNK):
        chunk = slice(start, min(start + CHUNK, n))
        arrays["stimulus"][chunk] = network.stimulus.encoder.drive(block.values[chunk])
    arrays["stimulus"][n:] = 0
    arrays["label"][:] = 0
    if block.labels is not None:
        arrays["label"][np.arange(n), block.labels] = 1
    elif block.targets is not None:
        arrays["label"][:n] = block.targets
    for name, first in (("learning", 0), ("learned", 1)):
        arrays[name][:] = 0
        arrays[name][first : n + first] = block.learning


def timed_arrays(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, b2.TimedArray]:
    """Return the timed arrays that the equations call, one row a trial."""
    return {
        name: _table(values, b2.Hz if name == "stimulus" else 1, network.trial, f"{name}_table")
        for name, values in arrays.items()
    }


def _table(values: np.ndarray, unit: Any, trial: float, name: str) -> b2.TimedArray:
    """Return a timed array that C++ holds in the precision of `values`; Brian2 makes all double."""
    table = b2.TimedArray(values * unit, dt=trial * b2.ms, name=name)
    if values.dtype != np.float64:
        table.values = values
        code = b2.TimedArray.implementations["cpp"][values.ndim - 1]
        table.implementations.add_dynamic_implementation(
            "cpp",
            code(values, table.dt, name),
            namespace=lambda owner: {f"{name}_values": values.ravel()},
            name=name,
        )
    return table
