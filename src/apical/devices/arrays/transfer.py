"""Transfer between host and device memory: stimuli and targets in, activity out.

A copy between the memories of two processors lets both wait. So samples stay in device memory if
there is room, and a block only sends their indices; otherwise stimuli are sent in large parts ahead
of their use. Activity is read back at the end of a block.
"""

import ast
from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np

from apical.data.datasets import Rows, Samples
from apical.devices.arrays.library import Array, Elsewhere, Library

Bring = Callable[[slice, Array], None]
"""Writes the stimuli or targets of some trials of a block into an array of as many rows."""

PART = 2**24
"""Number of values sent at a time: 64 MB in single precision."""


class Supply:
    """Supplies the stimuli and targets of the trials of a block.

    Parameters
    ----------
    library
        Array library.
    drive
        Encodes values as the stimulus neurons show them, shape (n_trials, n_values).
    """

    def __init__(self, library: Library, drive: Callable[[np.ndarray], np.ndarray]) -> None:
        self._library, self._drive = library, drive
        self._held: WeakKeyDictionary[Samples, Array] = WeakKeyDictionary()

    def stimuli(self, values: np.ndarray | Rows) -> Bring:
        """Return the supplier of stimuli; samples in device memory are copied once."""
        library, drive = self._library, self._drive
        if not isinstance(library, Elsewhere):
            whole = np.asarray(values)
            return lambda chunk, out: library.put(drive(whole[chunk]), out)
        table = self._table(library, values.samples) if isinstance(values, Rows) else None
        if table is None or not isinstance(values, Rows):
            return _Parts(library, lambda part: drive(np.asarray(values[part])), values.shape)
        numbers = library.numbers(values.index)
        return lambda chunk, out: library.take(table, numbers[chunk], out)

    def targets(self, shown: np.ndarray) -> Bring:
        """Return the supplier of the targets of error neurons, shape (n_trials, n_outputs)."""
        library = self._library
        if isinstance(library, Elsewhere):
            return _Parts(library, lambda part: shown[part], shown.shape)
        return lambda chunk, out: library.put(shown[chunk], out)

    def nothing(self, chunk: slice, out: Array) -> None:
        """Supply 0 for every trial and neuron."""
        self._library.operations[ast.UAdd](self._library.number(0), out=out)

    def _table(self, library: Elsewhere, samples: Samples) -> Array | None:
        """Return the stimuli of all samples in device memory; None if there is no room."""
        table = self._held.get(samples)
        if table is None and library.has_room(samples.values.shape):
            whole = samples.rows(slice(None))
            table = self._held[samples] = library.empty(whole.shape)
            for part in _parts(whole.shape):
                library.put(self._drive(np.asarray(whole[part])), table[part])
        return table


class _Parts:
    """Rows in host memory, sent a part at a time in sequential order.

    Parameters
    ----------
    library
        Array library.
    rows
        Returns some of the rows.
    shape
        Shape of all rows.
    """

    def __init__(
        self, library: Elsewhere, rows: Callable[[slice], np.ndarray], shape: tuple[int, ...]
    ) -> None:
        self._library, self._rows, self._shape = library, rows, shape
        self._first, self._sent = 0, library.empty((0, shape[1]))

    def __call__(self, chunk: slice, out: Array) -> None:
        n_trials, width = self._shape
        if chunk.stop > self._first + len(self._sent):
            self._first = chunk.start
            part = slice(chunk.start, min(max(chunk.stop, chunk.start + _rows(width)), n_trials))
            self._sent = self._library.empty((part.stop - part.start, width))
            self._library.put(self._rows(part), self._sent)
        here = slice(chunk.start - self._first, chunk.stop - self._first)
        self._library.operations[ast.UAdd](self._sent[here], out=out)


class Kept:
    """Recorded activity of populations in the trials of a block.

    Parameters
    ----------
    library
        Array library.
    n_trials
        Number of trials of the block.
    """

    def __init__(self, library: Library, n_trials: int) -> None:
        self._library, self._n_trials = library, n_trials
        self._arrays: dict[str, Array] = {}

    def keep(self, name: str, chunk: slice, values: Array, size: int) -> None:
        """Record the activity of some trials.

        Parameters
        ----------
        name
            Name of the record.
        chunk
            The trials.
        values
            Activity, of a shape that broadcasts to (n_trials of these, size).
        size
            Number of neurons.
        """
        if name not in self._arrays:
            self._arrays[name] = self._library.empty((self._n_trials, size))
        self._library.operations[ast.UAdd](values, out=self._arrays[name][chunk])

    def read(self) -> dict[str, np.ndarray]:
        """Return all records, shape (n_trials, size), by name."""
        return {name: self._library.back(array) for name, array in self._arrays.items()}


def _rows(width: int) -> int:
    return max(PART // width, 1)


def _parts(shape: tuple[int, int]) -> list[slice]:
    n, step = shape[0], _rows(shape[1])
    return [slice(k, min(k + step, n)) for k in range(0, n, step)]
