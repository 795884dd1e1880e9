"""Named random streams: a draw depends on its name, never on what was drawn before it.

Adding a population, a projection or a measurement therefore moves nobody else's draw.
"""

import hashlib

import numpy as np


def _entropy(seed: int, purpose: str, name: str, index: int, place: int = 0) -> int:
    places = [str(place)] if place else []
    text = "\x1f".join((str(seed), purpose, name, str(index), *places))
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "little")


def stream(
    seed: int, purpose: str, name: str = "", index: int = 0, place: int = 0
) -> np.random.Generator:
    """Return the random generator of one purpose.

    Parameters
    ----------
    seed
        Seed of the run.
    purpose
        What is drawn, for instance ``"weights"`` or ``"order"``.
    name
        For whom, for instance the name of a projection.
    index
        Which of a series, for instance the epoch.
    place
        Where in that, for instance the place of a batch's first trial.
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
        Place in that stream, for a device that seeds once for a block: that of its first trial.
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
"""What trials are for that are no training, and what their number says.

The streams of all presentations (`apical.devices.Block.index`) are here: the training of an epoch
has that of its number, from 0 on, and all others are below 0.
"""

_NUMBERS = 2**48


def presentation(what: str, number: int = 0) -> int:
    """Return the stream of trials that are no training, which nothing else has.

    Parameters
    ----------
    what
        One of `PRESENTATIONS`.
    number
        Which of them, from 0 to 2**48 - 1.
    """
    return -(1 + number + _NUMBERS * PRESENTATIONS.index(what))


def trial_seed(key: int, number: int) -> int:
    """Return the seed in [0, 2**32) of what is drawn between two moments of a stream.

    Under one key no two numbers below 2**32 have the same seed, since both steps can be undone
    (the finalizer of MurmurHash3, A. Appleby, public domain).

    Parameters
    ----------
    key
        That of the stream: `simulator_seed`.
    number
        Twice the place of a trial: for the trial; one more: for learning at its end.
    """
    return _mixed(_mixed(number) + key)


def _mixed(number: int) -> int:
    x = number & 0xFFFFFFFF
    x = (x ^ x >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    x = (x ^ x >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return x ^ x >> 16
