r"""Noise that neurons share within a trial, and how far it moves their distribution.

Neurons that are observed at the same time share what varies from trial to trial, such as a gain.
Their rates, or Fano factors, are then no independent samples: all of a data set are moved together,
and a permutation of neurons between two data sets takes that for a difference. How far they are
moved is estimated by a stratified jackknife over trials: what the deviations of different neurons
have in common when a trial is left out is shared; what each has by itself is not.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.parameters import CountOrZero, Kinds, Labels, Matrix, NonNegative

MOST_GROUPS = 100
"""Largest number of groups of trials that are left out one by one."""


@dataclass(frozen=True)
class LeftOut:
    """Groups of trials that are left out one at a time: a jackknife, stratified by class.

    Parameters
    ----------
    group
        Which group each trial belongs to, shape (n_trials,).
    stratum
        Stratum of each group, shape (n_groups,): one or several classes. All groups of a stratum
        hold as many trials of each of its classes, or one more.

    See Also
    --------
    left_out : Makes them from the classes of trials.
    """

    group: Labels
    stratum: Labels

    def __post_init__(self) -> None:
        check_fields(self)

    def __len__(self) -> int:
        return len(self.stratum)

    @cached_property
    def trials(self) -> np.ndarray:
        """How often each trial is taken if a group is left out, shape (n_groups, n_trials)."""
        return np.asarray(self.group[None] != np.arange(len(self))[:, None], float)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a variance that is estimated from them."""
        return len(self) - len(np.unique(self.stratum))

    def deviations(self, found: np.ndarray) -> np.ndarray:
        """Return deviations of which the sums of squares and products are jackknife (co)variances.

        Parameters
        ----------
        found
            The estimates if each group is left out, shape (n_groups, ...). Deviations of what is
            undefined without a group are 0.
        """
        apart = np.zeros(found.shape)
        for stratum in np.unique(self.stratum):
            where = self.stratum == stratum
            part, n = found[where], int(where.sum())
            apart[where] = (part - part.mean(axis=0)) * np.sqrt((n - 1) / n)
        return np.where(np.isfinite(apart), apart, 0)


@checked()
def left_out(labels: Kinds, most: CountOrZero = MOST_GROUPS) -> LeftOut:
    """Return groups of trials to be left out one at a time: single trials, if they are few.

    Of many trials, groups hold some of several classes, so that there are about `most`.

    Parameters
    ----------
    labels
        Class of each trial, shape (n_trials,).
    most
        Largest number of single trials.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.shared_noise import left_out
    >>> few = left_out(np.array(["a", "b", "a", "b"]))
    >>> few.group.tolist(), few.stratum.tolist(), few.freedom
    ([0, 2, 1, 3], [0, 0, 1, 1], 2)
    >>> len(left_out(np.arange(1000) % 100))  # 10 strata of 10 classes, 10 groups of each
    100
    """
    kinds, of, number = np.unique(labels, return_inverse=True, return_counts=True)
    parts = [np.array([k]) for k in range(len(kinds))]
    sizes = number
    if len(labels) > most:
        fewest = int(min(number.min(), most))
        parts = np.array_split(np.arange(len(kinds)), min(len(kinds), max(1, most // fewest)))
        sizes = np.full(len(parts), fewest)
    group, first = np.zeros(len(labels), int), 0
    for k, part in enumerate(parts):
        for kind in part:
            where = np.flatnonzero(of == kind)
            group[where] = first + np.arange(len(where)) * sizes[k] // len(where)
        first += int(sizes[k])
    return LeftOut(group, np.repeat(np.arange(len(parts)), sizes))


def in_common(mean: np.ndarray, own: float, n: int) -> np.ndarray:
    """Return the part of mean deviations over neurons that these have in common.

    The sum of squares of a mean over n neurons holds what they share, and 1 / n of the rest. What
    exceeds that rest by less than one standard deviation of its estimate is taken for nothing: the
    positive part of what is 0 on average would make every test too strict.

    Parameters
    ----------
    mean
        Mean deviations over neurons, shape (n_groups, ...).
    own
        Sum of the squares of the deviations of all neurons, divided by n^2.
    n
        Number of neurons.
    """
    square = float(np.sum(mean**2))
    if n < 2 or square <= own * (1 + np.sqrt(2 / len(mean))):
        return np.zeros_like(mean)
    return mean * np.sqrt((square - own) / square * n / (n - 1))


@dataclass(frozen=True)
class Shift:
    """How far two data sets may be apart by what the neurons of each share in its trials.

    Parameters
    ----------
    variance
        Of the difference of their means over neurons, in the square of the unit of the values.
    freedom
        Its degrees of freedom: the shift has Student's t distribution, times its root.
    """

    variance: NonNegative = 0.0
    freedom: NonNegative = 0.0

    def __post_init__(self) -> None:
        check_fields(self)

    def drawn(self, n: int, draw: np.random.Generator) -> np.ndarray:
        """Return n random shifts."""
        if not self.variance:
            return np.zeros(n)
        return np.sqrt(self.variance) * draw.standard_t(self.freedom, n)


@checked()
def shift_of(one: Matrix, other: Matrix, freedom: tuple[CountOrZero, CountOrZero]) -> Shift:
    """Return how far two data sets may be apart, from a jackknife over the trials of each.

    The variance of a mean over neurons is, in each, the mean covariance of two of them; that of the
    difference is their sum, with the degrees of freedom of Satterthwaite 1946
    (doi:10.2307/3002019).

    Parameters
    ----------
    one, other
        Deviations of the values of neurons if trials are left out (`LeftOut.deviations`), shape
        (n_groups, n) each.
    freedom
        `LeftOut.freedom` of both.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.shared_noise import left_out, shift_of
    >>> draw, groups = np.random.default_rng(0), left_out(np.zeros(50, int))
    >>> trials = draw.normal(size=(50, 1)) + draw.normal(size=(50, 30))  # half of it is shared
    >>> apart = groups.deviations(groups.trials @ trials / 49)
    >>> found = shift_of(apart, np.zeros((50, 30)), (groups.freedom, groups.freedom))
    >>> round(found.variance * 50), round(found.freedom)  # of a mean over 50 trials
    (1, 49)
    """
    parts = [
        float(np.sum(in_common(apart.mean(axis=1), float(np.sum(apart**2)) / n**2, n) ** 2))
        for apart, n in ((one, one.shape[1] or 1), (other, other.shape[1] or 1))
    ]
    spread = sum(part**2 / max(n, 1) for part, n in zip(parts, freedom, strict=True))
    total = sum(parts)
    return Shift(total, total**2 / spread) if spread else Shift()
