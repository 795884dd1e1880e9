"""Named random streams: a draw depends on its name, never on what was drawn before it.

Adding a population, a projection or a measurement therefore moves nobody else's draw.
"""

import hashlib

import numpy as np


def _entropy(seed: int, purpose: str, name: str, index: int) -> int:
    text = "\x1f".join((str(seed), purpose, name, str(index)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "little")


def stream(seed: int, purpose: str, name: str = "", index: int = 0) -> np.random.Generator:
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
    """
    return np.random.default_rng(_entropy(seed, purpose, name, index))


def simulator_seed(seed: int, index: int, part: int = 0) -> int:
    """Return the seed in [1, 2**31) of a simulator's own random numbers.

    Parameters
    ----------
    seed
        Seed of the run.
    index
        Number of the block in the run.
    part
        Number of the part of the block, where a block is run in parts.
    """
    return 1 + _entropy(seed, "simulator", str(part), index) % (2**31 - 1)
