"""Targets that the output of a network can have."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from apical.errors import DataError
from apical.network.description import Network


def check_targets(network: Network, targets: np.ndarray | None) -> None:
    """Raise if targets do not fit the output of a network; classes (None) always do.

    Parameters
    ----------
    network
        A network.
    targets
        Of samples or of a block: shape (n, n_targets), (n, n_frames, n_targets), or with frames
        in a row, (n, n_frames * n_targets).

    Raises
    ------
    DataError
        If there are fewer or more targets, or frames, than the output has, or an output cannot
        represent them: spikes below 0, and a logistic or softmax output under cross-entropy outside
        0 to 1, where learning diverges.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.network.targets import check_targets
    >>> from apical.testing.references import rates
    >>> check_targets(rates(), np.zeros((4, 2)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: Output 'output' has 3 neurons, but there are 2 targets...
    """
    if targets is None:
        return
    output, frames = network.output, network.target_frames
    about: Mapping[str, Any] = {"object": f"Output {output.name!r}", "parameter": "targets"}
    if targets.ndim == 2 and frames > 1 and targets.shape[1] == frames * output.size:
        found, n_targets = frames, output.size
    else:
        found, n_targets = 1 if targets.ndim == 2 else targets.shape[1], targets.shape[-1]
    if found != frames:
        raise DataError(
            f"Output {output.name!r} has targets of {frames} frames, but there are {found} in "
            f"targets of shape {targets.shape}; give its error neurons as many: "
            "RateError(..., frames=), Error(..., frames=).",
            **about,
        )
    if n_targets != output.size:
        raise DataError(
            f"Output {output.name!r} has {output.size} neurons, but there are {n_targets} "
            "targets; give it one neuron for each target (data.n_targets).",
            **about,
        )
    low, high = float(targets.min(initial=0)), float(targets.max(initial=0))
    curve = "" if output.curve is None else output.curve.name
    bounded = not output.gain_is_slope and curve in ("logistic", "softmax")
    if (output.is_spiking and low < 0) or (bounded and (low < 0 or high > 1)):
        what = "spikes" if output.is_spiking else f"is {curve}, under cross-entropy"
        of_one = " to 1" if bounded else ""
        wanted = "shift them" if output.is_spiking else "scale them, or use a linear output"
        raise DataError(
            f"Output {output.name!r} {what}, so that targets are from 0{of_one}, but "
            f"they go from {low:g} to {high:g}; {wanted}.",
            **about,
        )
