"""Timed arrays of a block: stimuli, labels and learning factors as read by the equations."""

import math
from collections.abc import Mapping
from typing import Any

import brian2 as b2
import numpy as np

from apical.devices.brian import event_tables as looking_up
from apical.devices.simulator import Block
from apical.network.description import Network
from apical.network.stimuli import columns, takes_events
from apical.neurons.stimulus import Stimulus

CHUNK = 64
"""Number of trials, or frames, encoded at a time: few enough for the processor's cache."""


def empty(
    network: Network, rows: int, dtype: np.typing.DTypeLike = np.float64
) -> dict[str, np.ndarray]:
    """Return what the timed arrays hold over a block of silence, one row a trial, or a frame.

    ``learned`` is ``learning`` one trial later: learning at the end of a trial happens when the
    next one begins.
    """
    shown = _stimuli(network)
    shapes = {
        **{name: (rows * one.frames, one.size) for name, one in shown.items()},
        "label": (rows * network.target_frames, network.output.size),
        "learning": (rows,),
        "learned": (rows + 1,),
    }
    found: dict[str, np.ndarray] = {}
    if takes_events(network):
        found["stimulus"] = np.zeros(1, np.int64)  # no event
        del shapes["stimulus"]
    return found | {name: np.zeros(shape, dtype) for name, shape in shapes.items()}


def fill(arrays: dict[str, np.ndarray], network: Network, block: Block, dt: float) -> None:
    """Put a block into the arrays made by `empty`; rows after its last trial become zero.

    `dt` is the time step [ms]. The table of events is as long as the block has events.
    """
    n = len(block)
    if takes_events(network):
        arrays["stimulus"] = looking_up.table(network, block, dt)
    else:
        _fill_stimuli(arrays, network, block)
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


def _stimuli(network: Network) -> dict[str, Stimulus]:
    """Return the stimuli by the names of their tables."""
    if len(network.stimuli) == 1:
        return {"stimulus": network.stimulus}
    return {f"{stimulus.name}_stimulus": stimulus for stimulus in network.stimuli}


def _fill_stimuli(arrays: Mapping[str, np.ndarray], network: Network, block: Block) -> None:
    """Put the values of a block into the tables of the stimuli, encoded."""
    places, several = columns(network), len(network.stimuli) > 1
    values = np.asarray(block.values) if several else block.values
    for name, stimulus in _stimuli(network).items():
        shown = np.asarray(values)[:, places[stimulus.name]] if several else values
        frames = shown.reshape(-1, stimulus.size)
        for start in range(0, len(frames), CHUNK):
            chunk = slice(start, min(start + CHUNK, len(frames)))
            arrays[name][chunk] = stimulus.encoder.drive(frames[chunk])
        arrays[name][len(frames) :] = 0


def seen(network: Network, name: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables by the names under which a population or projection reads them.

    Each of several stimuli reads its own as ``stimulus``.
    """
    shown = _stimuli(network)
    found = {}
    for key, table in tables.items():
        if key not in shown:
            found[key] = table
        elif len(shown) == 1 or shown[key].name == name:
            found["stimulus"] = table
    return found


def show(network: Network, objects: Mapping[str, Any], tables: Mapping[str, Any]) -> None:
    """Let Brian2 objects, by name, read other tables where they read any."""
    for name, item in objects.items():
        known = seen(network, name, tables).items()
        item.namespace.update({key: table for key, table in known if key in item.namespace})


def timed_arrays(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, b2.Function]:
    """Return what the equations call: timed arrays, one row a trial or a frame, or of events."""
    trial, found = network.trial, dict[str, b2.Function]()
    if takes_events(network):
        found["stimulus"] = looking_up.EventTable(network.stimulus.size, arrays["stimulus"])
        arrays = {name: values for name, values in arrays.items() if name not in found}
    shown = {
        **{name: (b2.Hz, trial / one.frames) for name, one in _stimuli(network).items()},
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
