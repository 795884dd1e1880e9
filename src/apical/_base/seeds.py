"""Named random streams (seeds): a draw depends on its name, never on previous draws.

Adding a population, a projection or a measurement therefore changes no other draw.
"""

import hashlib

import numpy as np

from apical._base.checking import checked


def _entropy(seed: int, purpose: str, name: str, index: int, place: int = 0) -> int:
    places = [str(place)] if place else []
    text = "\x1f".join((str(seed), purpose, name, str(index), *places))
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "little")


@checked()
def stream(
    seed: int, purpose: str, name: str = "", index: int = 0, place: int = 0
) -> np.random.Generator:
    """Return the random number generator of a named stream.

    Parameters
    ----------
    seed
        Seed of the run.
    purpose
        Purpose of the stream, for instance ``"weights"`` or ``"order"``.
    name
        Object it belongs to, for instance the name of a projection.
    index
        Index in a series, for instance the epoch.
    place
        Position within it, for instance the place of a batch's first trial.

    Examples
    --------
    >>> import apical as ap
    >>> drawn = ap.stream(0, "weights", "stimulus_to_hidden").random(3)
    >>> again = ap.stream(0, "weights", "stimulus_to_hidden").random(3)  # at any time
    >>> other = ap.stream(0, "weights", "hidden_to_output").random(3)
    >>> bool((drawn == again).all()), bool((drawn == other).any())
    (True, False)
    """
    return np.random.default_rng(_entropy(seed, purpose, name, index, place))


def simulator_seed(seed: int, index: int, place: int = 0) -> int:
    """Return the seed in [1, 2**31) of a simulator's own random numbers.

    Parameters
    ----------
    seed
        Seed of the run.
    index
        Number of the stream that trials belong to, as in `apical.devices.Block`.
    place
        Position in that stream, for a device seeded once for each block: that of its first trial.

    Examples
    --------
    >>> simulator_seed(0, index=1), simulator_seed(0, index=2)
    (1497215549, 1250589027)
    """
    return 1 + _entropy(seed, "simulator", str(place), index) % (2**31 - 1)


PRESENTATIONS = (
    "evaluation",  # of test samples: how many epochs were learned
    "training samples",  # evaluated on: how many trials were learned
    "responses",  # from which classes are given to neurons, or decided: the caller's number
    "recording",  # the caller's number; how many trials were learned where training is measured
    "noise phase",  # how many trials were learned
    "disturbance",  # whole trials, and the last frame alone
    "raster",  # one sample for a figure, before and after learning
    "slopes",  # of units
    "angles",  # to backpropagation
    "pretraining",  # epochs that a level learned; each is a network of its own
    "rebuilding",  # by the autoencoder of a level
)
"""Purposes of presentations other than training, and the meaning of their number.

Streams of all presentations (`apical.devices.Block.index`) are assigned here: training has the
number of its epoch, from 0 on; all others are below 0.
"""

_NUMBERS = 2**48


def presentation(what: str, number: int = 0) -> int:
    """Return the unique random stream of a presentation other than training.

    Parameters
    ----------
    what
        One of `PRESENTATIONS`.
    number
        Its number, from 0 to 2**48 - 1.

    Examples
    --------
    >>> presentation("evaluation"), presentation("evaluation", 1)
    (-1, -2)
    """
    return -(1 + number + _NUMBERS * PRESENTATIONS.index(what))


def trial_seed(key: int, number: int) -> int:
    """Return the seed in [0, 2**32) of a trial, or of the learning at its end.

    Under one key no two numbers below 2**32 have the same seed, since both steps can be undone
    (the finalizer of MurmurHash3, A. Appleby, public domain).

    Parameters
    ----------
    key
        That of the stream: `simulator_seed`.
    number
        Twice the place of a trial: for the trial; one more: for learning at its end.

    Examples
    --------
    >>> trial_seed(1, 0), trial_seed(1, 1)
    (1364076727, 2726825882)
    """
    return _mixed(_mixed(number) + key)


def _mixed(number: int) -> int:
    x = number & 0xFFFFFFFF
    x = (x ^ x >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    x = (x ^ x >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return x ^ x >> 16
