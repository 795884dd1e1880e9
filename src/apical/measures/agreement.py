"""Agreement with a recording by single numbers, without controls: for series of many networks.

Windows, trials and neurons are taken as they are, so both sides must have equally many. Whether a
network is like a recording is for `apical.measures.comparison`, which makes them equal, has
controls, intervals and corrected p values, and is what `apical analyze --compare` shows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from apical._base.checking import check_fields, checked
from apical._base.extras import library, undisturbed
from apical._base.parameters import CountOrZero, Measured, Seed
from apical._base.rounding import exceeds, is_flat, size_of, tied
from apical.errors import DataError, brief
from apical.measures.kernels import cka, cka_debiased
from apical.measures.representation import (
    Correlation,
    class_means,
    rdm,
    rdm_similarity,
    responding,
    responses,
    scaled_ranks,
)
from apical.measures.spike_statistics import cv, intervals, rate
from apical.measures.statistic import Statistic
from apical.recordings.choosing import listed_classes
from apical.recordings.recording import Recording
from apical.records.arrays import Records

SPLITS = 20
"""Number of random splits of the trials of a recording into halves."""
SHUFFLES = 100
"""Number of permutations of the classes that estimate the chance level."""
FILES = 1e-5
"""Relative tolerance for equal rates or CVs, since file formats round times differently."""
_SOURCES = {
    "rsa": "rsatoolbox; Nili et al. 2014, doi:10.1371/journal.pcbi.1003553",
    "rsa_rho_a": "rsatoolbox; Schuett et al. 2023, doi:10.7554/eLife.82566",
    "cka": "Kornblith et al. 2019, arXiv:1905.00414",
    "cka_debiased": "Song et al. 2007, doi:10.1145/1273496.1273600; arXiv:2405.01012",
}
_CORRELATIONS: dict[str, Correlation] = {"rsa": "spearman", "rsa_rho_a": "rho-a"}
_ALIGNMENTS = {"cka": cka, "cka_debiased": cka_debiased}


@dataclass(frozen=True)
class Agreement:
    """One line of a comparison with a recording; NaN where a number is not defined.

    Parameters
    ----------
    population
        Population of the network.
    recorded
        Population of the recording, ``""`` if it names none.
    measure
        ``"rate_ks"``, ``"cv_ks"``: distance of the distributions over neurons, from 0 (the same) to
        1. ``"rsa"``, ``"rsa_rho_a"``, ``"cka"``, ``"cka_debiased"``: similarity of mean responses
        to classes, up to 1.
    value
        The number [dimensionless].
    p
        p value of the distance (KS test) or similarity (permutation test over classes).
    chance
        Chance level: mean similarity with shuffled classes.
    ceiling
        Noise ceiling of a similarity: lower and upper bound of what a perfect model can reach.
    n
        Neurons of the network and of the recording (KS), or classes (similarity, twice).
    why
        Why the value is undefined, if it is.
    source
        The library, paper or equation.

    See Also
    --------
    compare : Computes it.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from apical.measures.agreement import compare
    >>> from apical.recordings import Recording
    >>> from apical.testing.references import records
    >>> spikes = records().spikes["hidden"]
    >>> recording = Recording(Path("m1.nwb"), spikes, np.full(3, "M1"), np.full(2, 50.0), None)
    >>> first = compare(records(), recording)[0]
    >>> first.population, first.recorded, first.measure, first.value, first.n
    ('hidden', 'M1', 'rate_ks', 0.0, (3, 3))
    """

    population: str
    recorded: str
    measure: str
    value: Measured
    p: Measured
    chance: Measured
    ceiling: tuple[Measured, Measured]
    n: tuple[CountOrZero, CountOrZero]
    why: str
    source: str

    def __post_init__(self) -> None:
        check_fields(self)


@checked()
def compare(records: Records, recording: Recording, *, seed: Seed = 0) -> list[Agreement]:
    """Compare every population of a network with every population of a recording.

    Distributions over neurons of mean rates [Hz] and of the CV of intervals are compared by their
    Kolmogorov-Smirnov distance (`scipy.stats.ks_2samp`). The geometry of mean responses to the
    classes that both have is compared by RSA (correlation distance; Spearman, and rho_a, which
    breaks ties at random) and linear CKA, plain and debiased, with the halves of the recorded
    trials, averaged over `SPLITS` random divisions. The noise ceiling of each is that of Nili et
    al. 2014 (doi:10.1371/journal.pcbi.1003553) with halves as subjects: from one half with the
    other to each half with both. Mean responses of many neurons to few classes are similar by
    chance, especially in plain CKA: `Agreement.chance` is the chance level.

    Parameters
    ----------
    records
        Recorded activity of the network.
    recording
        From `apical.recordings.load_recording`. Neurons that were not observed in all trials take
        part in the comparison of rates and CVs only. Without `Recording.classes`, RSA and CKA are
        undefined.
    seed
        Seed of the splits and permutations.

    Raises
    ------
    DataError
        If recorded classes were mapped to classes that the network does not have; as in
        `responses`.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from apical.measures.agreement import compare
    >>> from apical.recordings import Recording
    >>> from apical.testing.references import records

    A recording whose neurons fire just as those of the network do, without labels of trials:

    >>> spikes = records().spikes["hidden"]
    >>> recording = Recording(Path("m1.nwb"), spikes, np.full(3, "M1"), np.full(2, 50.0), None)
    >>> for line in compare(records(), recording)[:3]:
    ...     print(line.measure, line.value, line.why)  # doctest: +NORMALIZE_WHITESPACE
    rate_ks 0.0
    cv_ks nan of the network, no neuron has one: fewer than 10 intervals between spikes of one trial
    rsa nan the recording has no labels of trials
    """
    _check_classes(records, recording)
    lines = []
    for name in responding(records):
        for area in np.unique(recording.populations).tolist():
            part = recording.part(area)
            lines += _of_firing(records, name, part)
            lines += _of_geometry(records, name, part, np.random.default_rng(seed))
    return lines


def _check_classes(records: Records, recording: Recording) -> None:
    """Raise if the classes that recorded ones were mapped to are not the network's."""
    if recording.classes is None or _unmapped(recording):
        return
    known, found = set(map(str, records.labels)), set(recording.classes.tolist())
    if not found & known:
        raise DataError(
            f"Recording {brief(recording.path)} has classes that are mapped to "
            f"{listed_classes(found)}, and the network has {listed_classes(known)}; correct the "
            "column 'network' of --map (in Python: Selection(classes={...})).",
            object=f"Recording {brief(recording.path)}",
        )


def _unmapped(recording: Recording) -> bool:
    """Say whether recorded classes are taken for the network's as they are."""
    same = recording.labels is not None and recording.classes is not None
    return same and np.array_equal(np.asarray(recording.labels), np.asarray(recording.classes))


def _unmatched(records: Records, part: Recording) -> str:
    """Return why the classes of a recording are not those of the network; empty if they are."""
    advice = "say which is which by --map CLASSES.csv (in Python: Selection(classes={...}))"
    if part.labels is None and part.classes is None:
        return "the recording has no labels of trials"
    if part.classes is None:
        return f"recorded classes are numbers, which need not mean the network's: {advice}"
    ours, theirs = records.about.get("dataset"), part.dataset
    if theirs and ours and ours != theirs:
        return f"recorded classes are those of {brief(theirs, 40)}, not {brief(ours, 40)}: {advice}"
    found = set(part.classes.tolist())
    if not found & set(map(str, records.labels)):
        return f"no recorded class ({listed_classes(found)}) is one of the network's: {advice}"
    return ""


def _of_firing(records: Records, name: str, part: Recording) -> list[Agreement]:
    """Compare the distributions over neurons of rates, and of CVs."""
    n = len(part.populations)
    theirs = {
        "rate_ks": rate(part.counts, part.durations, part.observed),
        "cv_ks": cv(intervals(part.spikes), n),
    }
    ours: dict[str, Statistic] = {}
    if name in records.spikes:
        gaps = intervals(records.spikes[name])
        ours["rate_ks"] = rate(records.counts(name), records.duration)
        ours["cv_ks"] = cv(gaps, len(records.units[name]))
    return [_distance(name, part, key, ours.get(key), theirs[key]) for key in theirs]


def _distance(
    name: str, part: Recording, measure: str, ours: Statistic | None, theirs: Statistic
) -> Agreement:
    with undisturbed():
        from scipy.stats import ks_2samp

    n = (0 if ours is None else len(ours.defined), len(theirs.defined))
    value, p, why = np.nan, np.nan, ""
    if ours is None:
        why = "the population does not spike"
    elif not all(n):
        why = f"of the {'recording' if n[0] else 'network'}, no neuron has one: "
        why += (theirs if n[0] else ours).why or "there is no neuron"
    else:
        both = np.concatenate([ours.defined, theirs.defined])
        both = tied(both, FILES * size_of(both))
        value, p = map(float, ks_2samp(both[: n[0]], both[n[0] :]))
    return Agreement(
        name,
        str(part.populations[0]),
        measure,
        value,
        p,
        np.nan,
        (np.nan, np.nan),
        n,
        why,
        "scipy.stats.ks_2samp",
    )


def _of_geometry(
    records: Records, name: str, part: Recording, rng: np.random.Generator
) -> list[Agreement]:
    """Compare the mean responses to the classes that both have."""
    if why := _unmatched(records, part):
        return _undefined(name, part, 0, why)
    if not part.seen.all(axis=0).any():
        return _undefined(name, part, 0, "no recorded neuron was observed in all trials")
    part = part.complete()
    classes = np.asarray(part.classes)
    kinds, times = np.unique(classes, return_counts=True)
    patterns = responses(records, name)
    ours, means = class_means(patterns, records.labels)
    where = {str(kind): k for k, kind in enumerate(ours)}
    kinds = np.array([k for k, n in zip(kinds, times, strict=True) if n > 1 and k in where])
    if len(kinds) < 3:
        why = "fewer than 3 classes are in both, with 2 recorded trials or more"
        return _undefined(name, part, len(kinds), why)
    model = means[[where[kind] for kind in kinds]]
    rates = part.rates
    halves = _halves(rates, classes, kinds, rng)
    orders = [rng.permutation(len(kinds)) for _ in range(SHUFFLES)]
    sizes = size_of(patterns), size_of(rates)
    return [
        *_rsa(name, part, model, halves, orders, sizes),
        *(_cka(name, part, model, halves, orders, measure) for measure in _ALIGNMENTS),
    ]


def _undefined(
    name: str, part: Recording, n: int, why: str, measures: Iterable[str] = _SOURCES
) -> list[Agreement]:
    nan = np.nan
    return [
        Agreement(
            name,
            str(part.populations[0]),
            key,
            nan,
            nan,
            nan,
            (nan, nan),
            (n, n),
            why,
            _SOURCES[key],
        )
        for key in measures
    ]


def _halves(
    rates: np.ndarray, labels: np.ndarray, kinds: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return class means of random halves, shape (SPLITS, 2, n_classes, n)."""
    found = np.zeros((SPLITS, 2, len(kinds), rates.shape[1]))
    for split in found:
        for k, kind in enumerate(kinds):
            trials = rng.permutation(np.flatnonzero(labels == kind))
            for half, part in zip(split, np.array_split(trials, 2), strict=True):
                half[k] = rates[part].mean(axis=0)
    return found


def _rsa(
    name: str,
    part: Recording,
    model: np.ndarray,
    halves: np.ndarray,
    orders: list[np.ndarray],
    sizes: tuple[float, float],
) -> list[Agreement]:
    """Compare dissimilarity matrices, of the classes for which all are defined.

    `sizes` are those of the responses that the means are of: the network's, and the recorded.
    """
    varied = ~is_flat(model, 1, sizes[0]) & ~is_flat(halves, 3, sizes[1]).any(axis=(0, 1))
    n = int(varied.sum())
    if n < 3:
        why = "fewer than 3 classes whose mean responses differ between neurons"
        return _undefined(name, part, n, why, _CORRELATIONS)
    names = np.arange(n)
    ours = rdm(model[varied], names, size=sizes[0])
    theirs = [[rdm(half[varied], names, size=sizes[1]) for half in split] for split in halves]
    upper, lines = np.triu_indices(n, 1), list[Agreement]()
    for measure, correlation in _CORRELATIONS.items():
        flat = [r for split in theirs for r in split]
        value = float(np.mean([rdm_similarity(ours, r, correlation) for r in flat]))
        if not np.isfinite(value):
            lines += _undefined(name, part, n, "dissimilarities are all alike", [measure])
            continue
        ranked = [
            np.stack([scaled_ranks(r.vector, r.rounding, correlation) for r in split])
            for split in theirs
        ]
        target = np.mean(ranked, axis=(0, 1))
        mine = np.zeros((n, n))
        mine[upper] = scaled_ranks(ours.vector, ours.rounding, correlation)
        mine += mine.T
        shuffled = (mine[np.ix_(order, order)][upper] for order in (o[o < n] for o in orders))
        by_chance = [float(np.mean(vector * target)) for vector in shuffled]
        ceiling = _ceiling(ranked, correlation)
        lines.append(_likeness(name, part, measure, value, by_chance, ceiling, n))
    return lines


def _ceiling(ranked: list[np.ndarray], correlation: Correlation) -> np.ndarray:
    """Return the ends of the noise ceiling from ranks of halves, shape (2, n_pairs) each."""
    toolbox = library("rsatoolbox", "analysis")
    found = [
        toolbox.inference.boot_noise_ceiling(toolbox.rdm.RDMs(split), method=correlation)
        for split in ranked
    ]
    return np.asarray(np.mean(found, axis=0))


def _cka(
    name: str,
    part: Recording,
    model: np.ndarray,
    halves: np.ndarray,
    orders: list[np.ndarray],
    measure: str,
) -> Agreement:
    """Compare by centred kernel alignment, with halves of the recording as noise ceiling."""
    align = _ALIGNMENTS[measure]
    flat = halves.reshape(-1, *halves.shape[2:])

    def with_halves(patterns: np.ndarray) -> float:
        return float(np.mean([align(patterns, half) for half in flat]))

    value = with_halves(model)
    if not np.isfinite(value):
        why = "the mean responses of one of the two do not differ between classes"
        if measure == "cka_debiased":
            why += ", or all by as much, or there are fewer than 4 classes"
        return _undefined(name, part, len(model), why, [measure])[0]
    low = np.mean([align(*split) for split in halves])
    high = np.mean([align(half, split.mean(axis=0)) for split in halves for half in split])
    by_chance = [with_halves(model[order]) for order in orders]
    return _likeness(name, part, measure, value, by_chance, np.array([low, high]), len(model))


def _likeness(
    name: str,
    part: Recording,
    measure: str,
    value: float,
    by_chance: list[float],
    ceiling: np.ndarray,
    n: int,
) -> Agreement:
    p = (1 + np.sum(~exceeds(value, by_chance, 1.0))) / (1 + len(by_chance))
    return Agreement(
        name,
        str(part.populations[0]),
        measure,
        value,
        float(p),
        float(np.mean(by_chance)),
        (float(ceiling[0]), float(ceiling[1])),
        (n, n),
        "",
        _SOURCES[measure],
    )
