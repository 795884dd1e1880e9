"""Normality test (Lilliefors): distance of a sample from a fitted normal distribution."""

from dataclasses import dataclass

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.extras import undisturbed
from apical._base.parameters import NonNegative, Share
from apical._base.rounding import is_flat
from apical.errors import DataError


@dataclass(frozen=True)
class NormalFit:
    """A normal distribution fitted to a sample, with its Lilliefors statistic.

    Parameters
    ----------
    mean, std
        Mean and standard deviation of the sample, and so of the distribution. The deviation is that
        with 1/n, not 1/(n - 1).
    distance
        Kolmogorov-Smirnov distance: the largest difference between the empirical cumulative
        distribution and that of the fit, from 0 to 1.
    chance
        Critical value at the 5 % level for more than 30 numbers, 0.886/sqrt(n): the distance that
        normal samples of this size stay below in 95 of 100 cases when the fit is made to them. For
        fewer numbers the exact one is smaller.

    Examples
    --------
    Of three equally spaced numbers a third is at the lower end or below, where a normal
    distribution of this width has 11.03 %; the standard deviation is sqrt(2/3):

    >>> from apical.measures.normality import normal_fit
    >>> fit = normal_fit([-1.0, 0.0, 1.0])
    >>> fit.mean, round(fit.std, 4), round(fit.distance, 4)
    (0.0, 0.8165, 0.223)
    """

    mean: float
    std: NonNegative
    distance: Share
    chance: NonNegative

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def normal_fit(values: np.ndarray) -> NormalFit:
    r"""Fit a normal distribution to a sample, for a Lilliefors test of normality.

    .. math:: D = \sup_x \left\lvert F_n(x) - \Phi\left( \frac{x - \bar x}{s} \right) \right\rvert

    Parameters
    ----------
    values
        Two numbers or more that are not all alike within rounding, of any shape.

    Raises
    ------
    DataError
        If there is nothing to fit.

    References
    ----------
    Lilliefors 1967, doi:10.1080/01621459.1967.10482916: where mean and standard deviation are
    estimated from the sample, critical values are smaller than in Kolmogorov's tables; its table 1
    gives 0.886/sqrt(n) for more than 30 numbers at the 5 % level.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.normality import normal_fit
    >>> rng = np.random.default_rng(0)
    >>> fit = normal_fit(rng.normal(3.0, 2.0, size=400))
    >>> round(fit.mean, 1), round(fit.std, 1), fit.distance < fit.chance
    (2.9, 2.0, True)
    >>> round(fit.chance, 4), round(0.886 / 400**0.5, 4)
    (0.0443, 0.0443)
    >>> skewed = normal_fit(rng.exponential(size=400))
    >>> skewed.distance > skewed.chance
    True
    >>> normal_fit([2.0, 2.0])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: A normal fit needs two finite numbers or more that are ...
    """
    with undisturbed():  # here, since it is slow to import and other measures need none of it
        from scipy import stats

    numbers = np.asarray(values, np.float64).ravel()
    std = float(numbers.std()) if numbers.size else 0.0
    if numbers.size < 2 or not np.isfinite(std) or is_flat(numbers):
        raise DataError(
            f"A normal fit needs two finite numbers or more that are not all alike, got "
            f"{numbers.size} of standard deviation {std:g}."
        )
    mean = float(numbers.mean())
    distance = stats.kstest(numbers, "norm", args=(mean, std), mode="asymp").statistic
    return NormalFit(mean, std, float(distance), 0.886 / numbers.size**0.5)
