"""Values of several stimuli, given by their names, as the one array that trials and samples hold.

Columns are in alphabetical order of the names, so that the order in which they are given plays no
role, and a network deals them to its stimuli in the same order (`apical.Network.stimuli`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apical._base.checking import listed, shown
from apical.errors import DataError, brief

Inputs = tuple[tuple[str, int], ...]
"""Names of stimuli and their numbers of values, in the order of their columns; empty: no names."""


def names_of(given: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Return the names of stimuli in the order of their columns.

    Raises
    ------
    DataError
        If there are none, or a name is no text.
    """
    if not given or not all(isinstance(name, str) for name in given):
        raise DataError(
            f"{where}: needs values of each stimulus by its name, as {{'vision': x, 'touch': z}}, "
            f"got {shown(list(given))}.",
            object=where,
        )
    return tuple(sorted(given))


def side_by_side(
    names: Sequence[str], parts: Sequence[NDArray[Any]], where: str
) -> tuple[NDArray[Any], Inputs]:
    """Return arrays of equally many rows as one, shape (n, n_values), and whose columns they are.

    Raises
    ------
    DataError
        If they have no rows of numbers, or not equally many.
    """
    for name, part in zip(names, parts, strict=True):
        if part.ndim < 2:
            raise DataError(
                f"{where}: {shown(name)} needs values of shape (n_trials, n_inputs), got shape "
                f"{part.shape}.",
                object=where,
            )
    if len({len(part) for part in parts}) > 1:
        counts = listed(
            [f"{brief(name)}: {len(part)}" for name, part in zip(names, parts, strict=True)]
        )
        raise DataError(
            f"{where}: all stimuli need equally many trials, got {counts}.", object=where
        )
    rows = [part.reshape(len(part), -1) for part in parts]
    inputs = tuple((name, row.shape[1]) for name, row in zip(names, rows, strict=True))
    return np.ascontiguousarray(np.concatenate(rows, axis=1)), inputs
