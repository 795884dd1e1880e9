"""Class information in neural responses: linear decoding of populations, tuning of neurons."""

import warnings
from typing import Annotated

import numpy as np

from apical._base.checking import checked
from apical._base.extras import library
from apical._base.parameters import Number
from apical._base.rounding import ROUNDING, exceeds, is_flat, is_nothing, on_grid, size_of
from apical.measures.representation import class_means, responses
from apical.measures.statistic import Statistic
from apical.records.arrays import Records

LegacySeed = Annotated[int, Number(whole=True, least=0, most=2**32 - 1)]
"""A seed in the range of scikit-learn."""
FOLDS = 5
"""Folds of the cross-validation of a decoder."""
NEIGHBOURS = 3
"""Number of nearest neighbours in the estimator of mutual information."""


@checked()
def readout_accuracy(records: Records, population: str, *, seed: LegacySeed = 0) -> Statistic:
    """Return the cross-validated accuracy of a linear decoder of the class [dimensionless].

    Multinomial logistic regression on standardised responses (scikit-learn, its defaults), each
    trial decoded by a decoder fitted without it: `FOLDS` folds, fewer where a class has fewer
    trials. Trials of one sample stay in one fold, unless a class has one sample only.

    Parameters
    ----------
    records
        Recorded activity.
    population
        The population to decode.
    seed
        Seed of the division into folds.

    Returns
    -------
    Statistic
        Whether the class of each trial was decoded, shape (n_trials,); NaN for trials whose class
        has no other trial. Its mean is the accuracy.

    Raises
    ------
    DataError
        As in `responses`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.tuning import readout_accuracy
    >>> from apical.records import Records, Units
    >>> labels = np.repeat([0, 1], 10)
    >>> activity = np.stack([labels, np.random.default_rng(0).random(20)], axis=1)
    >>> records = Records(
    ...     duration=1.0, dt=1.0, units={"h": Units("Rate", np.zeros(2, int))},
    ...     samples=np.arange(20), values=np.zeros((20, 1)), labels=labels, decisions=labels,
    ...     signals={"h.x": activity[:, None]},
    ... )
    >>> float(readout_accuracy(records, "h").values.mean())
    1.0
    """
    patterns, labels = responses(records, population), records.labels
    told, note = np.full(len(labels), np.nan), ""
    _, index, times = np.unique(labels, return_inverse=True, return_counts=True)
    used = times[index] > 1 if len(labels) else np.zeros(0, bool)
    if np.sum(times > 1) > 1 and patterns.shape[1]:
        grid = on_grid(patterns)[used]  # constant responses have no spread to be scaled up
        said, parts, mixed = _told(grid, labels[used], records.samples[used], seed)
        told[used] = said == labels[used]
        note = f"{parts} parts; share of the largest class: {times.max() / used.sum():.3g}" + mixed
    why = "fewer than 2 trials of the class, or fewer than 2 such classes"
    source = "scikit-learn LogisticRegression, held-out trials"
    return Statistic(told, "1", "trial", source, why, note)


def _told(
    patterns: np.ndarray, labels: np.ndarray, samples: np.ndarray, seed: int
) -> tuple[np.ndarray, int, str]:
    """Return the decoded class of each trial, the number of folds, and remarks on the folds."""
    library("sklearn.model_selection", "analysis")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    repeated = len(np.unique(samples)) < len(samples)
    groups = samples if repeated and _fewest(labels, samples) > 1 else None
    alone = samples if groups is not None else np.arange(len(labels))
    parts = min(FOLDS, _fewest(labels, alone))
    division = StratifiedKFold if groups is None else StratifiedGroupKFold
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        said = cross_val_predict(
            model,
            patterns,
            labels,
            groups=groups,
            cv=division(parts, shuffle=True, random_state=seed),
        )
    mixed = "; trials of one sample are in several parts, since a class has one sample only"
    return said, parts, mixed if repeated and groups is None else ""


def _fewest(labels: np.ndarray, groups: np.ndarray) -> int:
    """Return the number of groups of the class that has the fewest."""
    return min(len(np.unique(groups[labels == kind])) for kind in np.unique(labels))


@checked()
def tuning(records: Records, population: str) -> dict[str, Statistic]:
    r"""Return the class tuning of each neuron: selectivity, ANOVA, mutual information.

    .. math::

        s = \frac{r_{\max} - \bar r_{\text{others}}}{r_{\max} + \bar r_{\text{others}}}, \quad
            I = \sum_{r, c} p(r, c) \log_2 \frac{p(r, c)}{p(r)\, p(c)}

    Parameters
    ----------
    records
        Recorded activity.
    population
        The population to analyse.

    Returns
    -------
    dict
        ``selectivity``: (largest class mean - mean of the others) / their sum, from 0 to 1 (Morcos
        et al. 2018, arXiv:1803.06959), of non-negative responses. ``anova_f``: variance
        between classes over that within (scikit-learn `f_classif`); 1 on average by chance.
        ``mutual_information`` of response and class [bit];
        that of spike counts is biased upwards by about
        (values - 1) * (classes - 1) / (2 ln 2 n_trials) (Panzeri & Treves 1996,
        doi:10.1088/0954-898X_7_1_006); that of activities is estimated from nearest neighbours
        (Ross 2014, doi:10.1371/journal.pone.0087357), all of which count that are equally far
        within rounding, where scikit-learn breaks ties by random numbers. One value for each
        neuron.

    Raises
    ------
    DataError
        As in `responses`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.tuning import tuning
    >>> from apical.records import Records, Spikes, Units
    >>> labels = np.repeat([0, 1], 10)
    >>> records = Records(
    ...     duration=100.0, dt=1.0, units={"h": Units("LIF", np.zeros(1, int))},
    ...     samples=np.arange(20), values=np.zeros((20, 1)), labels=labels, decisions=labels,
    ...     spikes={"h": Spikes(np.arange(10), np.full(10, 5.0), np.zeros(10, int))},
    ... )
    >>> found = tuning(records, "h")

    One spike in every trial of class 0 and none in the others tells the class: 1 bit.

    >>> found["selectivity"].values, found["mutual_information"].values.round(6)
    (array([1.]), array([1.]))
    """
    patterns, labels = responses(records, population), records.labels
    classes, means = class_means(patterns, labels)
    n, enough, size = patterns.shape[1], len(classes) > 1, size_of(patterns)
    changes = ~is_flat(patterns, 0, size)
    anova, information = np.full(n, np.nan), np.full(n, np.nan)
    if enough and changes.any():
        spiking = population in records.spikes
        values = records.counts(population) if spiking else patterns
        if len(labels) > len(classes):  # otherwise nothing varies within a class
            within = patterns - means[np.searchsorted(classes, labels)]
            spread = changes & ~is_nothing(np.abs(within).max(axis=0), size)
            anova[spread] = _anova(patterns[:, spread], labels)
            if spiking:
                information[changes] = _of_counts(values[:, changes], labels)
            else:
                within = ROUNDING * size
                information[changes] = [
                    _of_neighbours(x, labels, within) for x in values.T[changes]
                ]
    why = "never changes, at least within a class" if enough else "fewer than 2 classes"
    return {
        "selectivity": _selectivity(means, size),
        "anova_f": Statistic(anova, "1", "neuron", "scikit-learn f_classif", why),
        "mutual_information": Statistic(
            information,
            "bit",
            "neuron",
            "mutual_info_classif of scikit-learn; of activities Ross 2014, "
            "doi:10.1371/journal.pone.0087357",
            why,
            "too high where trials are few",
        ),
    }


def _selectivity(means: np.ndarray, size: float) -> Statistic:
    """Return the class selectivity of each neuron from its class means, shape (n_classes, n).

    `size` is the magnitude of the responses that were averaged.
    """
    values = np.full(means.shape[1], np.nan)
    source = "Morcos et al. 2018, arXiv:1803.06959"
    if len(means) < 2:
        return Statistic(values, "1", "neuron", source, "fewer than 2 classes")
    best = means.max(axis=0)
    others = (means.sum(axis=0) - best) / (len(means) - 1)
    fits = ~exceeds(0, means.min(axis=0), size) & exceeds(best, 0, size)
    np.divide(best - others, best + others, out=values, where=fits)
    return Statistic(np.clip(values, 0, 1), "1", "neuron", source, "silent, or active below 0")


def _anova(patterns: np.ndarray, labels: np.ndarray) -> np.ndarray:
    library("sklearn.model_selection", "analysis")
    from sklearn.feature_selection import f_classif

    if not patterns.shape[1]:
        return np.zeros(0)
    patterns = patterns - patterns.mean(axis=0)  # differences of squares lose what a mean adds
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = f_classif(patterns, labels)[0]
    return np.where(np.isfinite(found), found, np.nan)


def _of_counts(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    library("sklearn.model_selection", "analysis")
    from sklearn.feature_selection import mutual_info_classif

    return mutual_info_classif(values, labels, discrete_features=True, random_state=0) / np.log(2)


def _of_neighbours(values: np.ndarray, labels: np.ndarray, within: float) -> float:
    """Return the mutual information of an activity and the class [bit], from nearest neighbours.

    Ross 2014, eq. 2, with as many neighbours of the class as lie within the distance of the
    `NEIGHBOURS`-th; without ties these are `NEIGHBOURS`. Classes of a single trial are left out.

    Parameters
    ----------
    values, labels
        Shape (n_trials,) each.
    within
        Distances that differ by no more are equal.
    """
    from scipy.special import digamma

    kinds, times = np.unique(labels, return_counts=True)
    parts = [np.sort(values[labels == kind]) for kind in kinds[times > 1]]
    if not parts:
        return 0.0
    everybody, total = np.sort(np.concatenate(parts)), 0.0
    for part in parts:
        n, k = len(part), min(NEIGHBOURS, len(part) - 1)
        wide = np.pad(part, k, constant_values=(-np.inf, np.inf))
        spans = [
            np.maximum(part - wide[a : a + n], wide[a + k : a + k + n] - part) for a in range(k + 1)
        ]
        edges = part + np.multiply.outer([-1, 1], np.min(spans, axis=0) + within)
        mine, near = (
            np.searchsorted(among, edges[1], "right") - np.searchsorted(among, edges[0]) - 1
            for among in (part, everybody)
        )
        total += np.sum(digamma(mine) - digamma(near)) - n * digamma(n)
    return max(float(digamma(len(everybody)) + total / len(everybody)), 0.0) / float(np.log(2))
