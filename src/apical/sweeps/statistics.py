"""Statistics over seeds: means, bootstrap intervals, paired comparisons, effect sizes."""

import importlib
import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from apical._base.checking import checked, listed, shown
from apical._base.extras import library, undisturbed
from apical._base.parameters import Array, Names, NonNegative
from apical._base.rounding import ROUNDING, is_flat, is_nothing, size_of
from apical.errors import DesignError
from apical.sweeps.design import Level

CONFIDENCE = 0.95
RESAMPLES = 9999
Values = Annotated[ArrayLike, Array((1,))]
"""Numbers with 1 dimension."""


@checked()
def summary(results: pd.DataFrame, factors: Names, metric: str = "test_accuracy") -> pd.DataFrame:
    """Return mean, standard deviation and interval of a metric for each condition.

    Parameters
    ----------
    results
        As `sweep` returns; unfinished runs are ignored.
    factors
        Columns that distinguish conditions.
    metric
        Column of the metric.

    Returns
    -------
    pandas.DataFrame
        The factors; ``n``, seeds; ``mean``; ``sd``, sample standard deviation; ``low`` and
        ``high``, a 95 % confidence interval of the mean: see `interval`. In the unit of the metric.

    Examples
    --------
    >>> import pandas as pd
    >>> from apical.sweeps.statistics import summary
    >>> results = pd.DataFrame(
    ...     {
    ...         "wiring": ["bp"] * 3 + ["dfa"] * 3,
    ...         "seed": [0, 1, 2] * 2,
    ...         "status": "done",
    ...         "test_accuracy": [0.97, 0.98, 0.99, 0.95, 0.96, 0.94],
    ...     }
    ... )
    >>> summary(results, ["wiring"])[["wiring", "n", "mean", "sd"]].round(4).to_dict("list")
    {'wiring': ['bp', 'dfa'], 'n': [3, 3], 'mean': [0.98, 0.95], 'sd': [0.01, 0.01]}
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
    """Compare each condition with its baseline, paired by seed.

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
        (`effect_size`). Values that need more than one seed are NaN for one.

    Examples
    --------
    Paired by seed: the differences are -0.02, -0.02 and -0.05.

    >>> import pandas as pd
    >>> from apical.sweeps.statistics import comparisons
    >>> results = pd.DataFrame(
    ...     {
    ...         "wiring": ["bp"] * 3 + ["dfa"] * 3,
    ...         "seed": [0, 1, 2] * 2,
    ...         "status": "done",
    ...         "test_accuracy": [0.97, 0.98, 0.99, 0.95, 0.96, 0.94],
    ...     }
    ... )
    >>> found = comparisons(results, ["wiring"], {"wiring": "bp"})
    >>> found[["wiring", "n", "difference", "p_permutation"]].round(4).to_dict("list")
    {'wiring': ['dfa'], 'n': [3], 'difference': [-0.03], 'p_permutation': [0.25]}
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
        # differences within rounding are 0
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
    """Return a 95 % bootstrap confidence interval of the mean; NaN for one value.

    Percentile bootstrap with 9,999 resamples (Efron & Tibshirani 1993,
    doi:10.1201/9780429246593, chapter 13; `scipy.stats.bootstrap`) and a fixed seed. It is too
    narrow for few values: for five normal values its coverage is some 82 %.

    Parameters
    ----------
    values
        One for each seed, shape (n_seeds,).

    Returns
    -------
    tuple
        Its ends.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.sweeps.statistics import interval
    >>> low, high = interval([0.95, 0.96, 0.97, 0.98, 0.99])
    >>> 0.95 < low < 0.97 < high < 0.99
    True
    >>> interval([0.95])
    (nan, nan)
    """
    array = np.asarray(values, float)
    if len(array) < 2:
        return math.nan, math.nan
    found = (
        _scipy("stats")
        .bootstrap(
            (array,),
            np.mean,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            method="percentile",
            random_state=np.random.default_rng(0),
            vectorized=True,
        )
        .confidence_interval
    )
    return float(found.low), float(found.high)


@checked()
def t_test(differences: Values, size: NonNegative | None = None) -> float:
    r"""Return the two-sided p value of a paired t test.

    NaN for one difference, or where all differences are equal but not 0; 1 where all are 0; both
    within rounding.

    .. math:: t = \bar d \, \sqrt n / s_d, \quad n - 1 \text{ degrees of freedom}

    Parameters
    ----------
    differences
        One for each seed, shape (n_seeds,).
    size
        Magnitude of the numbers that were subtracted, which determines the rounding error; by
        default that of the differences.

    Examples
    --------
    Differences of mean 2 and standard deviation 1 have t = 2 / (1 / sqrt(3)) = 3.46 with 2 degrees
    of freedom:

    >>> import numpy as np
    >>> from scipy import stats
    >>> from apical.sweeps.statistics import t_test
    >>> round(t_test([1.0, 2.0, 3.0]), 6), round(float(2 * stats.t.sf(2 * np.sqrt(3), df=2)), 6)
    (0.07418, 0.07418)
    >>> t_test([0.0, 0.0, 0.0]), t_test([0.1])
    (1.0, nan)
    """
    array, size = _sized(differences, size)
    if is_nothing(array, size).all():
        return 1.0 if len(array) > 1 else math.nan
    if len(array) < 2 or is_flat(array, size=size):
        return math.nan
    return float(_scipy("stats").ttest_1samp(array, 0.0).pvalue)


@checked()
def permutation_test(differences: Values, size: NonNegative | None = None) -> float:
    """Return the two-sided p value of a paired (sign-flip) permutation test (Fisher 1935).

    It assumes no normal distribution, but for n differences p is at least 2 / 2**n: 0.0625 for five
    seeds. It is exact up to 13 differences, and uses 9,999 random permutations beyond
    (`scipy.stats.permutation_test`). Means that are equal within rounding are ties. NaN for one
    difference.

    Parameters
    ----------
    differences, size
        As in `t_test`.

    Examples
    --------
    Of the 2**4 signs that four differences can have, two are as extreme as all positive ones:

    >>> from apical.sweeps.statistics import permutation_test
    >>> permutation_test([1.0, 2.0, 3.0, 4.0]), 2 / 2**4
    (0.125, 0.125)
    """
    array, size = _sized(differences, size)
    if len(array) < 2:
        return math.nan
    grid = ROUNDING * (size or 1.0)
    found = _scipy("stats").permutation_test(
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
    r"""Correct p values for multiple comparisons by Holm's method (family-wise error rate).

    Step-down method of Holm (1979, Scandinavian Journal of Statistics 6, 65-70), valid under any
    dependence (`statsmodels`). NaN is kept and not counted.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min\left( (n - j + 1)\, p_{(j)}, 1 \right)

    Parameters
    ----------
    p
        One p value for each comparison, shape (n,).

    Examples
    --------
    >>> from apical.sweeps.statistics import holm
    >>> holm([0.01, 0.04, 0.03]).round(4)
    array([0.03, 0.06, 0.06])

    The smallest is taken times 3, the next times 2, the last times 1, but never below one before.
    """
    array = np.asarray(p, float)
    corrected, known = np.full(array.shape, np.nan), ~np.isnan(array)
    if known.any():
        multiple = library("statsmodels.stats.multitest", "sweep")
        corrected[known] = multiple.multipletests(array[known], method="holm")[1]
    return corrected


@checked()
def effect_size(differences: Values, size: NonNegative | None = None) -> float:
    r"""Return the effect size of paired differences: Cohen's d_z with Hedges' correction.

    d_z = mean / standard deviation (Cohen 1988, p. 48; Lakens 2013, doi:10.3389/fpsyg.2013.00863,
    eq. 6), times J = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)), m = n - 1, which removes the bias
    of small samples (Hedges 1981, doi:10.3102/10769986006002107, eq. 6e). [dimensionless] NaN for
    fewer than three differences, or if all are equal; 0 where all are 0; both within rounding.

    .. math::

        d_z J = \frac{\bar d}{s_d}\, \frac{\Gamma(m/2)}{\sqrt{m/2}\; \Gamma((m - 1)/2)},
            \quad m = n - 1

    Parameters
    ----------
    differences, size
        As in `t_test`.

    Examples
    --------
    d_z = 2 / 1, times J = Gamma(1) / (sqrt(1) Gamma(1/2)) = 1 / sqrt(pi) for three differences:

    >>> import math
    >>> from apical.sweeps.statistics import effect_size
    >>> round(effect_size([1.0, 2.0, 3.0]), 6), round(2 / math.sqrt(math.pi), 6)
    (1.128379, 1.128379)
    """
    array, size = _sized(differences, size)
    m = len(array) - 1
    if m >= 1 and is_nothing(array, size).all():
        return 0.0
    if m < 2 or is_flat(array, size=size):
        return math.nan
    gammaln = _scipy("special").gammaln
    correction = math.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / math.sqrt(m / 2)
    return float(correction * array.mean() / array.std(ddof=1))


def _sized(values: ArrayLike, size: float | None) -> tuple[NDArray[np.float64], float]:
    """Return values as an array, and the magnitude of the numbers they were computed from."""
    array = np.asarray(values, float)
    return array, size_of(array) if size is None else size


def _groups(
    results: pd.DataFrame, factors: Names, metric: str
) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return conditions in the order of the table, and their finished runs."""
    missing = [name for name in ("status", "seed", *factors) if name not in results.columns]
    if missing or not factors:
        columns = ", ".join(map(str, results.columns)) or "none"
        raise DesignError(
            f"factors must name one column or more of the results, which also need status and "
            f"seed; got {listed(factors) or 'none'} of the columns {columns}."
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
        raise DesignError(f"metric must be one of {', '.join(known)}; got {shown(metric)}.")
    done = done[done[metric].notna()]
    grouped = done.groupby(list(factors), sort=False, dropna=False)
    return [(dict(zip(factors, levels, strict=True)), group) for levels, group in grouped]


def _scipy(part: str) -> Any:
    """Return a part of SciPy, imported here: workers of a sweep work nothing out."""
    with undisturbed():
        return importlib.import_module(f"scipy.{part}")
