"""Timed arrays of a block: stimuli, labels and learning factors as read by the equations."""

import math
from collections.abc import Mapping
from typing import Any

import brian2 as b2
import numpy as np

from apical.devices.brian import event_tables as looking_up
from apical.devices.simulator import Block
from apical.network.description import Network

CHUNK = 64
"""Number of trials, or frames, encoded at a time: few enough for the processor's cache."""


def empty(
    network: Network, rows: int, dtype: np.typing.DTypeLike = np.float64
) -> dict[str, np.ndarray]:
    """Return what the timed arrays hold over a block of silence, one row a trial, or a frame.

    ``learned`` is ``learning`` one trial later: learning at the end of a trial happens when the
    next one begins.
    """
    shapes = {
        "stimulus": (rows * network.stimulus.frames, network.stimulus.size),
        "label": (rows * network.target_frames, network.output.size),
        "learning": (rows,),
        "learned": (rows + 1,),
    }
    found: dict[str, np.ndarray] = {}
    if network.stimulus.encoder.takes_events:
        found["stimulus"] = np.zeros(1, np.int64)  # no event
        del shapes["stimulus"]
    return found | {name: np.zeros(shape, dtype) for name, shape in shapes.items()}


def fill(arrays: dict[str, np.ndarray], network: Network, block: Block, dt: float) -> None:
    """Put a block into the arrays made by `empty`; rows after its last trial become zero.

    `dt` is the time step [ms]. The table of events is as long as the block has events.
    """
    n, stimulus = len(block), network.stimulus
    if stimulus.encoder.takes_events:
        arrays["stimulus"] = looking_up.table(network, block, dt)
    else:
        frames = block.values.reshape(-1, stimulus.size)
        for start in range(0, len(frames), CHUNK):
            chunk = slice(start, min(start + CHUNK, len(frames)))
            arrays["stimulus"][chunk] = stimulus.encoder.drive(frames[chunk])
        arrays["stimulus"][len(frames) :] = 0
    arrays["label"][:] = 0
    if block.labels is not None:
        arrays["label"][np.arange(n), block.labels] = 1
    elif block.targets is not None:
        arrays["label"][: n * network.target_frames] = block.targets.reshape(
            -1, network.output.size
        )
    for name, first in (("learning", 0), ("learned", 1)):
        arrays[name][:] = 0
        arrays[name][first : n + first] = block.learning


def timed_arrays(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, b2.Function]:
    """Return what the equations call: timed arrays, one row a trial or a frame, or of events."""
    trial, found = network.trial, dict[str, b2.Function]()
    if network.stimulus.encoder.takes_events:
        found["stimulus"] = looking_up.EventTable(network.stimulus.size, arrays["stimulus"])
        arrays = {name: values for name, values in arrays.items() if name not in found}
    shown = {
        "stimulus": (b2.Hz, trial / network.stimulus.frames),
        "label": (1, trial / network.target_frames),
    }
    return found | {
        name: _table(values, *shown.get(name, (1, trial)), f"{name}_table")
        for name, values in arrays.items()
    }


def _table(values: np.ndarray, unit: Any, row: float, name: str) -> b2.TimedArray:
    """Return a timed array that is held in the precision of `values`; Brian2 makes all double.

    Each row of it lasts `row` [ms].
    """
    table = b2.TimedArray(values * unit, dt=row * b2.ms, name=name)
    if values.dtype != np.float64:
        table.values = values
        code = b2.TimedArray.implementations["cpp"][values.ndim - 1]
        table.implementations.add_dynamic_implementation(
            "cpp",
            code(values, table.dt, name),
            namespace=lambda owner: {f"{name}_values": values.ravel()},
            name=name,
        )
    if "cuda" in b2.TimedArray.implementations:  # Brian2CUDA is here
        table.implementations.add_dynamic_implementation(
            "cuda",
            lambda owner: _on_gpu(values, table.dt, name, owner.clock.dt_),
            namespace=lambda owner: {f"{name}_values": values.ravel()},
            name=name,
        )
    return table


def _on_gpu(values: np.ndarray, row: float, name: str, step: float) -> str:
    """Return the look-up on a GPU: the row that is due at a time ``t``, and of it a column ``i``.

    Brian2CUDA writes every number of a single-precision program in single precision, the time of a
    row too, and would read the next row early or late after some thousands; whole numbers it
    leaves alone.
    """
    mantissa, exponent = math.frexp(row)
    number = "float" if values.dtype == np.float32 else "double"
    rows, columns = values.shape if values.ndim == 2 else (len(values), 1)
    column, at = (", const int i", " + i") if values.ndim == 2 else ("", "")
    return f"""
        __host__ __device__
        static inline {number} {name}(const double t{column})
        {{
            const double row = ldexp((double){int(mantissa * 2**53)}ll, {exponent - 53});
            int k = (int)floor(t / row + (double)1 / {2 * max(1, round(row / step))});
            k = k < 0 ? 0 : k >= {rows} ? {rows - 1} : k;
            return _namespace{name}_values[k * {columns}{at}];
        }}
        """
