"""Power: how often an experiment of a given size would tell two conditions apart."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from apical._base.checking import check_fields, checked, require
from apical._base.parameters import Count, Matrix, Seed, Share, ShareAboveZero
from apical._base.rounding import exceeds
from apical._base.seeds import stream

EXPERIMENTS = 1000
"""Number of experiments drawn."""
LARGEST_GROUP = 8
"""Largest number of animals in a group: all divisions of both groups are tried, 12,870 of 16."""
_Z = 1.959964  # of a normal distribution, 95 % within


@dataclass(frozen=True)
class Power:
    """Share of experiments whose test rejects that two conditions are the same.

    Parameters
    ----------
    value
        The share, from 0 to 1.
    low, high
        Ends of its 95 % interval.
    animals
        Number of animals in each group.

    See Also
    --------
    power : Computes it.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.power import power
    >>> rng = np.random.default_rng(0)
    >>> found = power(rng.normal(size=(12, 1)), rng.normal(5.0, 1.0, (12, 1)))
    >>> found.value, round(found.low, 2), found.high
    (1.0, 0.76, 1.0)
    """

    value: Share
    low: Share
    high: Share
    animals: Count

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def power(
    first: Matrix,
    second: Matrix | None = None,
    *,
    animals: Count = 5,
    level: ShareAboveZero = 0.05,
    seed: Seed = 0,
) -> Power:
    """Return the power of a permutation test between two groups of animals, or networks.

    Experiments are drawn from what is there: a group of each condition, each animal once, and one
    of the recordings of each. The test permutes animals between groups, all divisions of them, and
    asks how many differ in their means by as much as the groups do, whichever is larger.

    Parameters
    ----------
    first, second
        A measure of each network of a condition in several recordings of it (other neurons, other
        trials, other noise), shape (n_networks, n_recordings). Without `second` both groups are
        drawn from `first`, no network in both: the share is that of false positives.
    animals
        Networks in each group; a condition has more than are drawn of it, for the interval.
    level
        The test rejects where p is at most this. With 3 animals in a group no p is below 0.1.
    seed
        Seed of the stream ``"power"``.

    Returns
    -------
    Power
        The share and an interval: that of Wilson 1927 (doi:10.1080/01621459.1927.10502953) for as
        many independent experiments as have its standard error, which is that of the jackknife
        over networks (Arvesen 1969, doi:10.1214/aoms/1177697287), but never more than there are
        networks of a condition: networks that all agree say no more than so many could.

    Raises
    ------
    ParameterError
        If no network is left over, or none was recorded, or a value is not finite; if a group is
        larger than `LARGEST_GROUP`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.power import power
    >>> rng = np.random.default_rng(0)
    >>> bp, dfa = rng.normal(0.0, 1.0, (12, 1)), rng.normal(3.0, 1.0, (12, 1))
    >>> power(bp, dfa).value > 0.9, power(bp).value < 0.1
    (True, True)
    """
    groups = [first] if second is None else [first, second]
    needed = animals * (2 if second is None else 1)
    for name, group in zip(("first", "second"), groups, strict=False):
        _check(name, group, needed)
    most = f"at most {LARGEST_GROUP} animals in a group"
    require(animals <= LARGEST_GROUP, "power", "animals", most, f"{animals}")
    rng, chosen, values = stream(seed, "power"), [], []
    for group in groups:
        order = np.argsort(rng.random((EXPERIMENTS, len(group))), axis=1)[:, :needed]
        recording = rng.integers(group.shape[1], size=order.shape)
        chosen.append(order)
        values.append(group[order, recording])
    rejected = _p_values(np.concatenate(values, axis=1)) <= level * (1 + 1e-9)
    used = [_used(order, len(group)) for order, group in zip(chosen, groups, strict=True)]
    low, high = _interval(rejected, used)
    return Power(float(rejected.mean()), low, high, animals)


def _check(name: str, group: np.ndarray, needed: int) -> None:
    """Raise unless networks can be drawn from a condition, each left out of some experiments."""
    n, recordings = group.shape
    more = f"{needed + 1} networks or more: the {needed} of an experiment and another"
    require(n > needed, "power", name, more, f"{n}")
    require(recordings > 0, "power", name, "one recording or more of each network", "none")
    known = bool(np.isfinite(group).all())
    require(known, "power", name, "finite numbers", "NaN or an infinite one")


def _p_values(values: np.ndarray) -> np.ndarray:
    """Return p of each experiment, a row of both groups, the first group first."""
    n = values.shape[1] // 2
    divisions = np.array(
        [np.isin(np.arange(2 * n), picked) for picked in combinations(range(2 * n), n)], float
    )
    sums = values @ divisions.T  # the first is as it was observed
    apart = np.abs(2 * sums - values.sum(axis=1, keepdims=True))
    size = float(np.abs(values).max(initial=0.0)) * 2 * n
    return np.asarray(1 - exceeds(apart[:, :1], apart, size).mean(axis=1))


def _used(order: np.ndarray, n: int) -> np.ndarray:
    """Return whether each experiment has each network, shape (n_experiments, n)."""
    found = np.zeros((len(order), n), bool)
    found[np.arange(len(order))[:, None], order] = True
    return found


def _interval(rejected: np.ndarray, used: list[np.ndarray]) -> tuple[float, float]:
    """Return the ends of the interval of a share."""
    outcome, share, variance = rejected.astype(float), float(rejected.mean()), 0.0
    for group in used:
        without = ~group
        counts = without.sum(axis=0)
        left_out = (outcome @ without)[counts > 0] / counts[counts > 0]
        spread = float(((left_out - left_out.mean()) ** 2).sum())
        variance += (1 - 1 / len(left_out)) * spread
    most = float(min(group.shape[1] for group in used))
    n = most if not variance else max(1.0, min(most, share * (1 - share) / variance))
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * float(np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)))
    return max(0.0, centre - half), min(1.0, centre + half)
