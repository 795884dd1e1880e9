"""The timed arrays through which the trials of a block reach the equations."""

from collections.abc import Mapping

import brian2 as b2
import numpy as np

from apical.devices.simulator import Block
from apical.network import Network


def block_arrays(network: Network, block: Block | None, rows: int) -> dict[str, np.ndarray]:
    """Return what the timed arrays hold over a block, one row a trial, padded with zeros.

    ``learned`` is ``learning`` one trial later: learning at the end of a trial happens when the
    next one begins.
    """
    arrays = {
        "stimulus": np.zeros((rows, network.stimulus.size)),
        "label": np.zeros((rows, network.output.size)),
        "learning": np.zeros(rows),
        "learned": np.zeros(rows + 1),
    }
    if block is not None:
        n = len(block)
        arrays["stimulus"][:n] = network.stimulus.encoder.drive(block.values)
        if block.labels is not None:
            arrays["label"][np.arange(n), block.labels] = 1
        arrays["learning"][:n] = block.learning
        arrays["learned"][1 : n + 1] = block.learning
    return arrays


def timed_arrays(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, b2.TimedArray]:
    """Return the timed arrays that the equations call, one row a trial."""
    units = {"stimulus": b2.Hz}
    return {
        name: b2.TimedArray(
            values * units.get(name, 1), dt=network.trial * b2.ms, name=f"{name}_table"
        )
        for name, values in arrays.items()
    }
