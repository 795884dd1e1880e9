"""What the runs of a sweep say: means, intervals, differences from the baseline, effect sizes."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import checked
from apical._base.extras import library, undisturbed
from apical._base.parameters import Array, Names, NonNegative
from apical._base.rounding import ROUNDING, is_flat, is_nothing, size_of
from apical.errors import DesignError
from apical.sweeps.design import Level

with undisturbed():
    from scipy import special, stats

CONFIDENCE = 0.95
RESAMPLES = 9999
Values = Annotated[ArrayLike, Array((1,))]
"""Numbers with 1 dimension."""


@checked()
def summary(results: pd.DataFrame, factors: Names, metric: str = "test_accuracy") -> pd.DataFrame:
    """Return mean and spread of a metric for each combination of levels.

    Parameters
    ----------
    results
        As `sweep` returns; rows that are not done do not count.
    factors
        Columns that tell combinations apart.
    metric
        Column of a measured number.

    Returns
    -------
    pandas.DataFrame
        The factors; ``n``, seeds; ``mean``; ``sd``, standard deviation of the sample; ``low`` and
        ``high``, a 95 % interval of the mean: see `interval`. In the unit of the metric.
    """
    rows = []
    for levels, group in _groups(results, factors, metric):
        values = group[metric].to_numpy(float)
        low, high = interval(values)
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        row = {"n": len(values), "mean": float(values.mean()), "sd": spread}
        rows.append({**levels, **row, "low": low, "high": high})
    return pd.DataFrame(rows)


@checked()
def comparisons(
    results: pd.DataFrame,
    factors: Names,
    baseline: Mapping[str, Level],
    metric: str = "test_accuracy",
) -> pd.DataFrame:
    """Return the difference of each combination of levels from its baseline, seed by seed.

    Parameters
    ----------
    results, factors, metric
        As in `summary`.
    baseline
        Factor -> level. The baseline of a combination has these levels, and its own of all other
        factors.

    Returns
    -------
    pandas.DataFrame
        The factors; ``n``, seeds that both have; ``difference``, mean over seeds; ``low`` and
        ``high``, its 95 % interval (`interval`); ``p_t`` (`t_test`), ``p_permutation``
        (`permutation_test`); ``p_holm``, `p_t` corrected for the number of comparisons; ``effect``
        (`effect_size`). What one seed cannot say is NaN.
    """
    groups = [
        (levels, group.set_index("seed")[metric].astype(float))
        for levels, group in _groups(results, factors, metric)
    ]
    rows = []
    for levels, values in groups:
        reference = levels | dict(baseline)
        others = [found for known, found in groups if known == reference]
        if reference == levels or not others:
            continue
        differences = (values - others[0]).dropna().to_numpy()
        if not len(differences):
            continue
        # equal within rounding is no difference
        both = max(size_of(values), size_of(others[0]))
        differences = np.where(is_nothing(differences, both), 0, differences)
        low, high = interval(differences)
        row = {"n": len(differences), "difference": float(differences.mean()), "low": low}
        row |= {"high": high, "p_t": t_test(differences, both)}
        row |= {"p_permutation": permutation_test(differences, both)}
        row |= {"effect": effect_size(differences, both)}
        rows.append({**levels, **row})
    columns = ["n", "difference", "low", "high", "p_t", "p_permutation", "p_holm", "effect"]
    frame = pd.DataFrame(rows, columns=[*factors, *columns])
    frame["p_holm"] = holm(frame["p_t"].to_numpy(float))
    return frame


@checked()
def interval(values: Values) -> tuple[float, float]:
    """Return a 95 % interval of the mean; NaN for one value.

    Percentile bootstrap of 9,999 samples (Efron & Tibshirani 1993, doi:10.1201/9780429246593,
    chapter 13; `scipy.stats.bootstrap`), always the same samples. It is too narrow for few values:
    that of five covers the mean in some 82 % of cases if they are normal.

    Parameters
    ----------
    values
        One for each seed, shape (n_seeds,).
    """
    array = np.asarray(values, float)
    if len(array) < 2:
        return math.nan, math.nan
    found = stats.bootstrap(
        (array,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(0),
        vectorized=True,
    ).confidence_interval
    return float(found.low), float(found.high)


@checked()
def t_test(differences: Values, size: NonNegative | None = None) -> float:
    """Return the two-sided p of Student's t test of paired differences.

    NaN for one difference, or where all are the same but not 0, whose spread is not known; 1 where
    all are 0. Both are meant within rounding.

    Parameters
    ----------
    differences
        One for each seed, shape (n_seeds,).
    size
        The largest of the numbers whose differences they are, which says what of them is rounding;
        by default that of the differences.
    """
    array, size = _sized(differences, size)
    if is_nothing(array, size).all():
        return 1.0 if len(array) > 1 else math.nan
    if len(array) < 2 or is_flat(array, size=size):
        return math.nan
    return float(stats.ttest_1samp(array, 0.0).pvalue)


@checked()
def permutation_test(differences: Values, size: NonNegative | None = None) -> float:
    """Return the two-sided p of the mean among all choices of signs (Fisher 1935).

    It needs no normal distribution, but of n differences no p is below 2 / 2**n: 0.0625 for five
    seeds. All choices are tried up to 13 differences, 9,999 random ones beyond
    (`scipy.stats.permutation_test`). Means that are equal within rounding are so. NaN for one
    difference.

    Parameters
    ----------
    differences, size
        As in `t_test`.
    """
    array, size = _sized(differences, size)
    if len(array) < 2:
        return math.nan
    grid = ROUNDING * (size or 1.0)
    found = stats.permutation_test(
        (array,),
        lambda x, axis: np.rint(np.mean(x, axis=axis) / grid),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        random_state=np.random.default_rng(0),
    )
    return float(found.pvalue)


@checked()
def holm(p: Values) -> NDArray[np.float64]:
    """Return p corrected so that one false finding among all has probability 0.05 at 0.05.

    Step-down method of Holm (1979, Scandinavian Journal of Statistics 6, 65-70), which holds for
    any dependence (`statsmodels`). NaN stays and is not counted.

    Parameters
    ----------
    p
        One for each comparison, shape (n,).
    """
    array = np.asarray(p, float)
    corrected, known = np.full(array.shape, np.nan), ~np.isnan(array)
    if known.any():
        multiple = library("statsmodels.stats.multitest", "sweep")
        corrected[known] = multiple.multipletests(array[known], method="holm")[1]
    return corrected


@checked()
def effect_size(differences: Values, size: NonNegative | None = None) -> float:
    """Return how large paired differences are against their spread: Cohen's d_z, corrected.

    d_z = mean / standard deviation (Cohen 1988, p. 48; Lakens 2013, doi:10.3389/fpsyg.2013.00863,
    eq. 6), times J = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)), m = n - 1, which takes out the bias
    of small samples (Hedges 1981, doi:10.3102/10769986006002107, eq. 6e). [dimensionless] NaN for
    fewer than three differences, or without spread; 0 where all are 0. Both are meant within
    rounding.

    Parameters
    ----------
    differences, size
        As in `t_test`.
    """
    array, size = _sized(differences, size)
    m = len(array) - 1
    if m >= 1 and is_nothing(array, size).all():
        return 0.0
    if m < 2 or is_flat(array, size=size):
        return math.nan
    correction = math.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / math.sqrt(m / 2)
    return float(correction * array.mean() / array.std(ddof=1))


def _sized(values: ArrayLike, size: float | None) -> tuple[NDArray[np.float64], float]:
    """Return values as an array, and the size of the numbers that they were worked out from."""
    array = np.asarray(values, float)
    return array, size_of(array) if size is None else size


def _groups(
    results: pd.DataFrame, factors: Names, metric: str
) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return combinations of levels in the order of the table, and their finished runs."""
    missing = [name for name in ("status", "seed", *factors) if name not in results.columns]
    if missing or not factors:
        columns = ", ".join(map(str, results.columns)) or "none"
        raise DesignError(
            f"factors must name one column or more of the results, which also need status and "
            f"seed; got {', '.join(factors) or 'none'} of the columns {columns}."
        )
    done = results[results["status"] == "done"]
    fixed = {"run", "status", "error", "seed", *factors}
    known = [
        name
        for name in results.columns
        if name not in fixed and pd.api.types.is_numeric_dtype(results[name])
    ]
    if not len(done):
        raise DesignError("There are no results: no run of the sweep is finished.")
    if metric not in known:
        raise DesignError(f"metric must be one of {', '.join(known)}; got {metric!r}.")
    done = done[done[metric].notna()]
    grouped = done.groupby(list(factors), sort=False, dropna=False)
    return [(dict(zip(factors, levels, strict=True)), group) for levels, group in grouped]
