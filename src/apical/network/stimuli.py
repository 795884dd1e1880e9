"""Columns of the values of a trial, dealt to the stimuli of a network, one or several.

A trial has one array of values. Its columns belong to the stimuli in alphabetical order of their
names (`Network.stimuli`): each takes as many as it has neurons, times its frames.
"""

from collections.abc import Callable, Iterable

import numpy as np

from apical.data.inputs import Inputs
from apical.errors import DataError
from apical.network.description import Network


def columns(network: Network) -> dict[str, slice]:
    """Return which columns of a trial's values each stimulus shows, by name.

    Parameters
    ----------
    network
        The network.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.stimuli import columns
    >>> net = ap.Network()
    >>> _ = net.add(ap.Stimulus("vision", 16)), net.add(ap.Stimulus("touch", 4))
    >>> columns(net)  # by name
    {'touch': slice(0, 4, None), 'vision': slice(4, 20, None)}
    """
    found, first = {}, 0
    for stimulus in network.stimuli:
        found[stimulus.name] = slice(first, first + stimulus.n_values)
        first += stimulus.n_values
    return found


def n_values(network: Network) -> int:
    """Return the number of values of a trial, of all stimuli and frames.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.stimuli import n_values
    >>> net = ap.Network()
    >>> _ = net.add(ap.Stimulus("vision", 16)), net.add(ap.Stimulus("touch", 4))
    >>> n_values(net)
    20
    """
    return sum(stimulus.n_values for stimulus in network.stimuli)


def n_frames(network: Network) -> int:
    """Return the number of frames that a trial shows; 1 of several stimuli.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.stimuli import n_frames
    >>> net = ap.Network()
    >>> _ = net.add(ap.Stimulus("film", 16, frames=5))
    >>> n_frames(net)
    5
    """
    return max(stimulus.frames for stimulus in network.stimuli)


def takes_events(network: Network) -> bool:
    """Say whether trials are events (`apical.encoding.Events`), not values.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.stimuli import takes_events
    >>> net = ap.Network()
    >>> _ = net.add(ap.Stimulus("retina", 16, ap.encoding.Events()))
    >>> takes_events(net)
    True
    """
    return any(stimulus.encoder.takes_events for stimulus in network.stimuli)


def drive_of(network: Network) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that encodes values as all stimuli show them, each by its encoder.

    Of values, shape (n_trials, n_values), it returns ``stimulus(t, i)`` [Hz] in the same shape.

    Parameters
    ----------
    network
        The network.

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.network.stimuli import drive_of
    >>> net = ap.Network()
    >>> _ = net.add(ap.Stimulus("vision", 2, ap.encoding.Regular(100.0)))
    >>> _ = net.add(ap.Stimulus("touch", 1, ap.encoding.Regular(10.0)))
    >>> drive_of(net)(np.array([[1.0, 0.5, 1.0]])).tolist()
    [[10.0, 50.0, 100.0]]
    """
    stimuli, places = network.stimuli, columns(network)
    if len(stimuli) == 1:
        return stimuli[0].encoder.drive

    def drive(values: np.ndarray) -> np.ndarray:
        parts = (one.encoder.drive(values[:, places[one.name]]) for one in stimuli)
        return np.concatenate([*parts], axis=1)

    return drive


def check_inputs(network: Network, given: Inputs) -> None:
    """Raise if values that name their stimuli do not fit those of the network.

    Parameters
    ----------
    network
        The network.
    given
        Names and numbers of values; of values without names nothing is known.

    Raises
    ------
    DataError
        If a name is missing or unknown, or a stimulus has another number of neurons.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.network.stimuli import check_inputs
    >>> net = ap.Network()
    >>> _ = net.add(ap.Stimulus("vision", 16)), net.add(ap.Stimulus("touch", 4))
    >>> check_inputs(net, (("touch", 4), ("vision", 16)))
    >>> check_inputs(net, (("touch", 4), ("sight", 16)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: The network's stimuli are 'touch' (4), 'vision' (16), ...
    """
    wanted = tuple((one.name, one.n_values) for one in network.stimuli)
    if given and given != wanted:
        raise DataError(
            f"The network's stimuli are {_named(wanted)}, but the values given are for "
            f"{_named(given)}; give values for each of them by its name.",
            object="Network",
            parameter="values",
        )


def _named(inputs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name!r} ({n})" for name, n in inputs)
