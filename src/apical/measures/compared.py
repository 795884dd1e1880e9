"""Measures that compare a network with a recording: statistics of each, and likeness of both.

To add a statistic of one side, write a function of `Side` and name it in `DESCRIPTIONS`; to add a
measure of both, write a function of two sides and name it in `RELATIONS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np

from apical._base.checking import check_fields
from apical._base.parameters import Count, CountOrZero, Kinds, Line, Measured, Seed, Vector
from apical._base.rounding import ROUNDING, size_of
from apical._base.seeds import stream
from apical.measures import by_neuron, eigenspectra, shared_variability
from apical.measures.encoding_scores import (
    Ridge,
    brain_score,
    centred,
    folds_of,
    main_axes,
    middle,
    partial_least_squares,
    reliabilities,
    scores,
)
from apical.measures.geometry import FEWEST, Geometry, likeness, resampled_matrices
from apical.measures.matching import Activity
from apical.measures.resampling import (
    AT_ONCE,
    CLEAR,
    PERMUTATIONS,
    RESAMPLES,
    Generator,
    Resamples,
    distribution_test,
    divided,
    membership,
    orders,
    p_value,
    resampled,
    staged,
    wasserstein,
)
from apical.measures.shared_noise import LeftOut, in_common, left_out, shift_of
from apical.measures.spike_statistics import LEAST_INTERVALS, Intervals, intervals

SPLITS = 20
"""Number of random divisions of trials into halves."""
REFITS = (4_999, 1_999)
"""Number of permutations for which an encoding model is fitted again; the second above `MANY`
classes, and of PSTHs."""
FIRST_REFITS = 199
"""Number of them after which a test ends if its p value is above `CLEAR`."""
MANY = 32
"""Number of classes from which on fewer permutations are drawn."""
LEAST_CLASSES = 4
"""Smallest number of classes for encoding scores."""
MOST_ROWS = 250
"""Largest number of bins of the PSTHs of all classes together that are predicted."""
GRID = 50
"""Points at which distributions of interspike intervals are compared."""


@dataclass(frozen=True)
class Settings:
    """How many resamples and permutations are drawn, from which streams, in which bins.

    Parameters
    ----------
    bins
        Number of bins of a PSTH.
    resamples, permutations
        Number of bootstrap resamples, and of permutations.
    seed
        Seed of all streams.
    name
        Which two groups are compared, for the streams.
    """

    bins: Count
    resamples: Count = RESAMPLES
    permutations: Count = PERMUTATIONS
    seed: Seed = 0
    name: Line = ""

    def __post_init__(self) -> None:
        check_fields(self)

    def draw(self, purpose: str) -> Generator:
        """Return the random number generator of a purpose."""
        return stream(self.seed, "comparison", f"{self.name} {purpose}")


@dataclass(frozen=True)
class Side:
    """One of the systems that are compared, with its bootstrap resamples.

    Parameters
    ----------
    activity
        Its activity: as many trials of each class as the others, in the order of classes.
    name
        ``"recording"``, ``"network"`` or the name of a control.
    settings
        Those of the comparison.
    whole
        The side of which this is what is left if some of its trials are left out at a time.
    """

    activity: Activity
    name: Line
    settings: Settings
    whole: "Side | None" = None

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def labels(self) -> Kinds:
        """Class of each trial; the same for all where classes are unknown."""
        found = self.activity.labels
        return np.full(len(self.activity), "") if found is None else found

    @cached_property
    def classes(self) -> int:
        """Number of classes; 0 where they are unknown."""
        return 0 if self.activity.labels is None else len(np.unique(self.labels))

    @cached_property
    def resamples(self) -> Resamples:
        """Bootstrap resamples of its trials and neurons, or what is left of its trials."""
        if self.whole is not None:
            trials = self.whole.left_out.trials
            return Resamples(trials, np.tile(np.arange(self.activity.neurons), (len(trials), 1)))
        draw = self.settings.draw(f"resamples {self.name}")
        return resampled(self.labels, self.activity.neurons, draw, self.settings.resamples)

    @cached_property
    def left_out(self) -> LeftOut:
        """Groups of its trials that are left out one at a time."""
        return left_out(self.labels)

    @property
    def without(self) -> "Side":
        """What is left of it if each of these groups is left out, in place of resamples.

        Made anew each time: what it keeps is large.
        """
        return replace(self, whole=self)

    @cached_property
    def means(self) -> np.ndarray:
        """Mean responses to classes, shape (n_resamples + 1, n_classes, n)."""
        responses = self.activity.responses
        return by_neuron.mean_responses(responses, self.labels, self.resamples.trials)

    @cached_property
    def gaps(self) -> Intervals:
        """Interspike intervals within the window."""
        assert self.activity.spikes is not None
        return intervals(self.activity.spikes)

    @cached_property
    def sums(self) -> by_neuron.IntervalSums:
        """Sums over interspike intervals."""
        if self.whole is not None:
            return self.whole.sums
        return by_neuron.interval_sums(self.gaps, len(self.activity), self.activity.neurons)

    @cached_property
    def divisions(self) -> np.ndarray:
        """Random halves of the trials of each class, the same for all, shape (SPLITS, n_trials)."""
        draw = self.settings.draw("halves")
        return np.stack([divided(self.labels, draw) for _ in range(SPLITS)])

    @cached_property
    def halves(self) -> np.ndarray:
        """Mean responses of halves, shape (SPLITS, 2, n_classes, n)."""
        drawn = np.stack([self.divisions, ~self.divisions], axis=1).reshape(-1, len(self.labels))
        found = by_neuron.mean_responses(self.activity.responses, self.labels, drawn.astype(float))
        return found.reshape(SPLITS, 2, *found.shape[1:])

    @property
    def resampled_halves(self) -> np.ndarray:
        """Means of the halves of the first division, shape (n_resamples + 1, 2, n_classes, n).

        A half of which no trial was drawn is taken whole. Computed anew each time: it is large.
        """
        shape = (len(self.resamples), 2, len(np.unique(self.labels)), self.activity.neurons)
        found = np.empty(shape)
        for k, half in enumerate((self.divisions[0], ~self.divisions[0])):
            drawn = self.resamples.trials * half
            for kind in np.unique(self.labels):
                where = self.labels == kind
                empty = drawn[:, where].sum(axis=1) == 0
                drawn[np.ix_(empty, where)] = half[where]
            found[:, k] = by_neuron.mean_responses(self.activity.responses, self.labels, drawn)
        return found

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What several measures need, by name."""
        return {}

    @cached_property
    def matrices(self) -> dict[Geometry, np.ndarray]:
        """Mean pair matrices of two halves for each resample, (n_resamples + 1, n, n) each."""
        found: dict[Geometry, list[np.ndarray]] = {}
        for split, weights in zip(self.resampled_halves, self.resamples.weights, strict=True):
            one, other = (resampled_matrices(half, weights) for half in split)
            for measure, matrix in one.items():
                found.setdefault(measure, []).append((matrix + other[measure]) / 2)
        return {measure: np.array(matrices) for measure, matrices in found.items()}

    @cached_property
    def psth(self) -> np.ndarray:
        """Mean spike counts of the trials and of halves of them, in bins of the window.

        Bins are wider where there would be more than `MOST_ROWS` for all classes together.
        Shape (2 SPLITS + 1, n_classes, n_bins, n); the first is of all trials.
        """
        most = max(3, MOST_ROWS // max(self.classes, 1))
        bins, n = min(self.settings.bins, most), self.activity.neurons
        binned = by_neuron.binned_counts(self.activity, bins).swapaxes(1, 2)
        flat = binned.reshape(len(self.activity), bins * n).astype(np.float32)
        drawn = np.stack([self.divisions, ~self.divisions], axis=1).reshape(-1, len(self.labels))
        drawn = np.concatenate([np.ones((1, len(self.labels)), bool), drawn]).astype(np.float32)
        found = by_neuron.mean_responses(flat, self.labels, drawn)
        return found.reshape(*found.shape[:2], bins, n)


@dataclass(frozen=True)
class Description:
    """A statistic of one side.

    Parameters
    ----------
    name, unit
        Its name, and its unit; ``"1"`` if dimensionless.
    of
        Function of a side: a value for each resample, and for each neuron, if there is one of it.
    source
        The library, paper or equation.
    why
        Why it may be undefined.
    spiking
        Whether neurons must spike.
    classes
        Smallest number of classes.
    per_neuron
        Whether each neuron has one, so that their distributions are compared.
    ordered
        Whether shuffled trials change it.
    correlation
        Whether it is one, from -1 to 1.
    """

    name: Line
    unit: Line
    of: Callable[[Side], np.ndarray]
    source: Line
    why: Line = ""
    spiking: bool = True
    classes: CountOrZero = 0
    per_neuron: bool = True
    ordered: bool = True
    correlation: bool = False

    def lacks(self, side: Side) -> str:
        """Return why a side has none; "" if it has one."""
        if self.spiking and side.activity.spikes is None:
            return "the population does not spike"
        if side.classes < self.classes:
            return _too_few(side, self.classes)
        return ""

    def distance(
        self, ours: np.ndarray, theirs: np.ndarray, sides: tuple[Side, Side]
    ) -> tuple[float, float]:
        """Return the distance of the values of neurons of two sides, and its p value."""
        parts = [np.isfinite(ours), np.isfinite(theirs)]
        one, other = ours[parts[0]], theirs[parts[1]]
        if min(len(one), len(other)) < 2:
            return wasserstein(one, other), np.nan
        apart, others = (
            _deviations(self, side)[:, part] for side, part in zip(sides, parts, strict=True)
        )
        shift = shift_of(apart, others, (sides[0].left_out.freedom, sides[1].left_out.freedom))
        settings, purpose = sides[0].settings, f"{self.name} {sides[0].name}"
        return distribution_test(one, other, settings.draw(purpose), settings.permutations, shift)


def _too_few(side: Side, least: int) -> str:
    """Return why a measure that needs classes is undefined."""
    if not side.classes:
        return "classes are not known, or ignored"
    return f"fewer than {least} classes with 2 trials or more are in all"


def _rates(side: Side) -> np.ndarray:
    activity = side.activity
    return by_neuron.rates(activity.responses, activity.duration, side.resamples.trials)


def _fanos(side: Side) -> np.ndarray:
    return by_neuron.fanos(side.activity.responses, side.labels, side.resamples.trials)


def _latencies(side: Side) -> np.ndarray:
    binned = by_neuron.binned_counts(side.activity, side.settings.bins)
    width = side.activity.duration / side.settings.bins
    return by_neuron.latencies(binned, width, side.resamples.trials)


def _noise(side: Side) -> np.ndarray:
    return shared_variability.mean_noise_correlation(
        side.activity.responses, side.labels, side.resamples
    )


def _exponents(side: Side) -> np.ndarray:
    """Return exponents of resamples; of the data itself, the mean over divisions into halves."""
    found = np.full(len(side.resamples), np.nan)
    weights = np.sqrt(side.resamples.weights)
    for k, ((one, other), weight) in enumerate(zip(side.resampled_halves, weights, strict=True)):
        spectrum = eigenspectra.cross_validated_spectrum(one * weight, other * weight)
        found[k] = eigenspectra.exponent(spectrum)
    spectra = [eigenspectra.cross_validated_spectrum(*split) for split in side.halves]
    found[0] = eigenspectra.exponent(np.mean(spectra, axis=0))
    return found


_SHORT = "fewer than 10 intervals between spikes of one trial"
_CONSTANT = "fewer than 2 neurons whose responses vary"

DESCRIPTIONS = (
    Description("rate", "Hz", _rates, "spikes by time", ordered=False),
    Description(
        "isi",
        "ms",
        lambda side: by_neuron.mean_intervals(side.sums, side.resamples.trials),
        "mean interspike interval within the window",
        _SHORT,
        ordered=False,
    ),
    Description(
        "cv",
        "1",
        lambda side: by_neuron.cvs(side.sums, side.resamples.trials),
        "CV of intervals, as elephant.statistics.cv",
        _SHORT,
        ordered=False,
    ),
    Description(
        "lv",
        "1",
        lambda side: by_neuron.lvs(side.sums, side.resamples.trials),
        "Shinomoto et al. 2003, doi:10.1162/089976603322518759",
        _SHORT,
        ordered=False,
    ),
    Description(
        "fano",
        "1",
        _fanos,
        "variance by mean of counts within classes",
        "silent",
    ),
    Description(
        "latency",
        "ms",
        _latencies,
        "half-way to the peak of the PSTH",
        "no peak above chance after the first bin",
        ordered=False,
    ),
    Description(
        "selectivity",
        "1",
        lambda side: by_neuron.selectivities(side.means),
        "Morcos et al. 2018, arXiv:1803.06959",
        "silent, or active below 0",
        spiking=False,
        classes=2,
    ),
    Description(
        "lifetime_sparseness",
        "1",
        lambda side: by_neuron.sparsenesses(side.means),
        "Treves & Rolls 1991, doi:10.1088/0954-898X_2_4_004",
        "silent, or active below 0",
        spiking=False,
        classes=2,
    ),
    Description(
        "noise_correlation",
        "1",
        _noise,
        "z scores within classes, Bair et al. 2001, doi:10.1523/JNEUROSCI.21-05-01676.2001",
        _CONSTANT + " within a class of 3 trials or more",
        spiking=False,
        per_neuron=False,
        correlation=True,
    ),
    Description(
        "signal_correlation",
        "1",
        lambda side: shared_variability.mean_signal_correlation(side.means, side.resamples),
        "Cohen & Kohn 2011, doi:10.1038/nn.2842",
        _CONSTANT,
        spiking=False,
        classes=3,
        per_neuron=False,
        correlation=True,
    ),
    Description(
        "dimensionality",
        "1",
        lambda side: shared_variability.dimensionalities(side.activity.responses, side.resamples),
        "participation ratio, Gao et al. 2017, doi:10.1101/214262",
        _CONSTANT,
        spiking=False,
        per_neuron=False,
    ),
    Description(
        "eigenspectrum_exponent",
        "1",
        _exponents,
        "cvPCA, Stringer et al. 2019, doi:10.1038/s41586-019-1346-5",
        "fewer than 5 ranks explain anything",
        spiking=False,
        classes=2 * eigenspectra.LEAST_RANKS + 1,
        per_neuron=False,
    ),
)
"""Statistics that each side has."""


@dataclass(frozen=True)
class Relation:
    """How like a recording a model is.

    Parameters
    ----------
    values
        The value, then that of each bootstrap resample, shape (n_resamples + 1,).
    by_chance
        The value for each permutation, shape (n_permutations,); empty where none is drawn.
    floor, ceiling
        What two halves of the recording, and a perfect model, reach; NaN if unknown.
    why
        Why the value is undefined.
    of
        What large values stand for. p is how often chance is as similar, or as different.
    correlation
        Whether values are correlations.
    planned
        Number of permutations if the test had not ended early; 0 for those of `by_chance`.
    """

    values: Vector
    by_chance: Vector
    floor: Measured = np.nan
    ceiling: Measured = np.nan
    why: Line = ""
    of: Literal["similarity", "differences"] = "similarity"
    correlation: bool = True
    planned: CountOrZero = 0

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def p(self) -> float:
        """One-sided p value by permutation."""
        if not np.isfinite(self.by_chance).all():
            return np.nan
        return p_value(float(self.values[0]), self.by_chance, 1e4 if self.of != "similarity" else 1)


def undefined(why: str) -> Relation:
    """Return a relation without a value."""
    return Relation(np.full(1, np.nan), np.zeros(0), why=why)


def _geometry(model: Side, recorded: Side, measure: Geometry) -> Relation:
    """Compare representational geometries of mean responses to classes."""
    n = model.classes
    if n < FEWEST[measure]:
        return undefined(_too_few(model, FEWEST[measure]))
    settings = model.settings
    permuted = orders(n, settings.permutations, settings.draw(f"{measure} {model.name}"))
    sizes = size_of(model.activity.responses), size_of(recorded.activity.responses)
    found = likeness(model.means[0], recorded.halves, permuted, measure, sizes)
    if not np.isfinite(found.value):
        return undefined("mean responses to a class are the same in all neurons, or to all classes")
    values = _likeness_of_resamples(model, recorded)[measure].copy()
    values[0] = found.value
    # a U-centred matrix of 4 classes has each value twice, so that 4 orders give the same
    planned = 5 if measure == "cka_debiased" and n == 4 else len(permuted)
    return Relation(values, found.by_chance, found.floor, found.ceiling, planned=planned)


def _likeness_of_resamples(model: Side, recorded: Side) -> dict[Geometry, np.ndarray]:
    """Return the likeness of all bootstrap resamples, by measure; worked out once for a model."""
    if "likeness" not in model.kept:
        theirs = recorded.matrices
        values = {measure: np.full(len(model.resamples), np.nan) for measure in theirs}
        for k, (means, weights) in enumerate(
            zip(model.means, model.resamples.weights, strict=True)
        ):
            for measure, mine in resampled_matrices(means, weights).items():
                values[measure][k] = np.sum(mine * theirs[measure][k])
        model.kept["likeness"] = values
    found: dict[Geometry, np.ndarray] = model.kept["likeness"]
    return found


def _orders(model: Side, purpose: str, most: int | None = None) -> np.ndarray:
    """Return permutations of the classes for models that are fitted again for each."""
    n, settings = model.classes, model.settings
    at_most = REFITS[n > MANY] if most is None else most
    draw = settings.draw(f"{purpose} {model.name}")
    return orders(n, min(at_most, settings.permutations), draw)


def _refitted(
    value: float, ridge: Ridge, responses: np.ndarray, permuted: np.ndarray, *, squared: bool
) -> np.ndarray:
    """Return median scores of models of permuted classes, or of the variance they explain.

    The first `FIRST_REFITS`, and the others if p is small. Responses have the shape
    (n_classes, n_rows of a class, n).
    """
    flat = centred(responses.reshape(-1, responses.shape[-1]))
    responses = flat.reshape(responses.shape)
    axes, step = main_axes(flat), max(1, AT_ONCE // 8 // max(flat.size, 1))

    def some(part: np.ndarray) -> list[float]:
        found: list[float] = []
        for k in range(0, len(part), step):
            moved = responses[part[k : k + step]].reshape(-1, *flat.shape)
            r = scores(*ridge.held_out_of_each(moved, axes))
            found += [middle(row) for row in (_explained(r) if squared else r)]
        return found

    first = some(permuted[:FIRST_REFITS])
    if p_value(value, np.array(first)) > CLEAR:
        return np.array(first)
    return np.array(first + some(permuted[FIRST_REFITS:]))


def _again(
    held_out: tuple[np.ndarray, np.ndarray],
    responses: np.ndarray,
    resampled: np.ndarray,
    chosen: np.ndarray,
) -> np.ndarray:
    """Return median scores of bootstrap resamples of held-out trials, for the model as fitted.

    `responses` are those that `held_out` is about the means of; `resampled` those of resamples,
    shape (n_resamples + 1, n_rows, n); `chosen` are the neurons of each.
    """
    predicted, found = held_out
    mean = responses - found
    return np.array(
        [
            middle(scores(predicted, part - mean)[which])
            for part, which in zip(resampled, chosen, strict=True)
        ]
    )


def _ridge(predicting: Side, target: Side, of: Side, purpose: str) -> Relation:
    """Predict mean responses to held-out classes by ridge regression.

    `of` is the model, whose classes are permuted and after which streams are named.
    """
    if of.classes < LEAST_CLASSES:
        return undefined(_too_few(of, LEAST_CLASSES))
    if "ridge" not in predicting.kept:
        kinds = np.arange(of.classes)
        folds = folds_of(kinds, of.settings.draw("folds"))
        predicting.kept["ridge"] = Ridge(predicting.means[0], kinds, folds)
    ridge = predicting.kept["ridge"]
    responses = target.means[0]
    held_out = ridge.held_out(responses)
    value = middle(scores(*held_out))
    if not np.isfinite(value):
        return undefined("mean responses of one of the two do not differ between classes")
    values = _again(held_out, responses, target.means, target.resamples.neurons)
    permuted = _orders(of, purpose)
    by_chance = _refitted(float(values[0]), ridge, responses[:, None], permuted, squared=False)
    reliable = reliabilities(*target.halves.swapaxes(0, 1))
    floor, ceiling = middle(reliable), middle(np.sqrt(reliable))
    return Relation(values, by_chance, floor, ceiling, planned=len(permuted))


def _pls(model: Side, recorded: Side, *, as_score: bool = False) -> Relation:
    """Predict mean responses to held-out classes by partial least squares, as Brain-Score does."""
    if model.classes < LEAST_CLASSES:
        return undefined(_too_few(model, LEAST_CLASSES))
    folds = folds_of(np.arange(model.classes), model.settings.draw("folds"))
    responses = recorded.means[0]
    if "pls" not in model.kept:
        model.kept["pls"] = partial_least_squares(model.means[0], responses, folds)
    held_out = model.kept["pls"]
    values = _again(held_out, responses, recorded.means, recorded.resamples.neurons)
    if not np.isfinite(values[0]):
        return undefined("mean responses of one of the two do not differ between classes")
    reliable = reliabilities(*recorded.halves.swapaxes(0, 1))
    floor, ceiling = middle(reliable), middle(np.sqrt(reliable))
    if not as_score:
        return Relation(values, np.zeros(0), floor, ceiling)
    values = np.array([brain_score(float(value), floor) for value in values])
    why = "" if np.isfinite(values[0]) else "halves of the recorded trials do not agree"
    return Relation(values, np.zeros(0), 1.0, brain_score(ceiling, floor), why, correlation=False)


def _explained(r: np.ndarray) -> np.ndarray:
    return np.asarray(r * np.abs(r))


def _psth(model: Side, recorded: Side) -> Relation:
    """Predict PSTHs to held-out classes, and return the variance that is explained."""
    if model.activity.spikes is None:
        return undefined("the population does not spike")
    if model.classes < LEAST_CLASSES:
        return undefined(_too_few(model, LEAST_CLASSES))
    features, target = model.psth[0], recorded.psth
    shape = target.shape[1:]
    groups = np.repeat(np.arange(shape[0]), shape[1])
    folds = folds_of(np.arange(shape[0]), model.settings.draw("folds"))[groups]
    ridge = Ridge(_reduced(features.reshape(len(groups), -1)), groups, folds)
    flat = target.reshape(len(target), len(groups), shape[2])
    held_out = ridge.held_out(flat[0])
    r = scores(*held_out)
    if not np.isfinite(middle(r)):
        return undefined("PSTHs of one of the two do not differ")
    permuted = _orders(model, "psth", REFITS[1])
    by_chance = _refitted(middle(_explained(r)), ridge, target[0], permuted, squared=True)
    chosen = recorded.resamples.neurons
    values = np.array([middle(_explained(r[which])) for which in chosen])
    reliable = reliabilities(*flat[1:].reshape(SPLITS, 2, *flat.shape[1:]).swapaxes(0, 1))
    floor, ceiling = _half(reliable), middle(reliable)
    return Relation(values, by_chance, floor, ceiling, planned=len(permuted))


def _half(reliable: np.ndarray) -> float:
    """Return the variance that a half explains of the whole, from reliabilities of the whole."""
    return middle(reliable / np.maximum(2 - reliable, 1e-12))


def _reduced(features: np.ndarray) -> np.ndarray:
    """Return features in the fewest coordinates that keep their distances."""
    if features.shape[1] <= len(features):
        return features
    left, strength, _ = np.linalg.svd(features, full_matrices=False)
    return np.asarray(left * strength)


def _interval_distributions(model: Side, recorded: Side) -> Relation:
    """Compare distributions of interspike intervals, averaged over neurons."""
    if model.activity.spikes is None or recorded.activity.spikes is None:
        return undefined("the population does not spike")
    gaps = [model.gaps, recorded.gaps]
    lengths = np.concatenate([part.length for part in gaps])
    if not len(lengths):
        return undefined(_SHORT)
    grid = np.quantile(lengths, np.linspace(0, 1, GRID + 2)[1:-1])
    parts = [
        _cumulative(part.unit, part.length, side.activity.neurons, grid)
        for part, side in zip(gaps, (model, recorded), strict=True)
    ]
    known = [part[np.isfinite(part[:, 0])] for part in parts]
    if min(map(len, known)) < 4:
        return undefined(f"in fewer than 4 neurons; {_SHORT}")
    settings = model.settings
    draw = settings.draw(f"isi {model.name}")
    values = [_apart(known[0].mean(axis=0), known[1].mean(axis=0))]
    for _ in range(settings.resamples):
        means = [part[draw.integers(0, len(part), len(part))].mean(axis=0) for part in known]
        values.append(_apart(*means))
    both, n = np.concatenate(known), len(known[0])
    sides = zip((model, recorded), parts, strict=True)
    shared = [_moved(side, np.isfinite(part[:, 0]), grid) for side, part in sides]

    def by_chance_of(times: int) -> np.ndarray:
        return _split_apart(both, n, draw, times, shared)

    by_chance = staged(values[0], by_chance_of, settings.permutations)
    within = _split_apart(known[1], len(known[1]) // 2, draw, SPLITS)
    return Relation(
        np.array(values),
        by_chance,
        float(np.mean(within)),
        of="differences",
        correlation=False,
        planned=settings.permutations,
    )


def _cumulative(unit: np.ndarray, length: np.ndarray, n: int, grid: np.ndarray) -> np.ndarray:
    """Return the cumulative distribution of the intervals of each neuron, shape (n, n_grid)."""
    at = np.searchsorted(grid + ROUNDING * size_of(grid), length)  # those at a point are below it
    counts = np.bincount(unit.astype(np.int64) * (len(grid) + 1) + at, minlength=n * (GRID + 1))
    counts = counts.reshape(n, GRID + 1)
    total = counts.sum(axis=1)
    shares = np.full((n, GRID), np.nan)
    enough = total >= LEAST_INTERVALS
    shares[enough] = counts[enough].cumsum(axis=1)[:, :-1] / total[enough, None]
    return shares


def _moved(side: Side, known: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return deviations that neurons share of their mean cumulative distribution.

    Of each group of trials that is left out, shape (n_groups, n_grid).
    """
    gaps, n, groups = side.gaps, side.activity.neurons, side.left_out
    of = groups.group[gaps.trial].astype(np.int64) * n + gaps.unit
    at = np.searchsorted(grid + ROUNDING * size_of(grid), gaps.length)
    counts = np.bincount(of * (GRID + 1) + at, minlength=len(groups) * n * (GRID + 1))
    counts = counts.reshape(len(groups), n, GRID + 1)[:, known]
    left = (counts.sum(axis=0) - counts).cumsum(axis=2)
    with np.errstate(invalid="ignore"):  # a neuron may have no interval in other trials
        apart = groups.deviations(left[..., :-1] / left[..., -1:])
    n = int(known.sum())
    return in_common(apart.mean(axis=1), float(np.sum(apart**2)) / n**2, n)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


def _split_apart(
    both: np.ndarray, n: int, draw: Generator, times: int, moved: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """Return the distance of the means of n random rows and of the others, several times.

    `moved` are deviations by which the means of both are moved at random (`_moved`).
    """
    total, both = both.sum(axis=0), both.astype(np.float32)
    part = membership(n, len(both), draw, times) @ both
    apart = part / n - (total - part) / (len(both) - n)
    for deviations in moved:
        weights = draw.standard_normal((times, len(deviations)), dtype=np.float32)
        apart += weights @ deviations.astype(np.float32)
    return np.asarray(np.abs(apart).max(axis=1), float)


RELATIONS: dict[str, tuple[Callable[[Side, Side], Relation], str]] = {
    "isi_distance": (
        _interval_distributions,
        "largest distance of mean cumulative distributions; permutation of neurons",
    ),
    "rsa": (
        partial(_geometry, measure="rsa"),
        "rsatoolbox; Nili et al. 2014, doi:10.1371/journal.pcbi.1003553",
    ),
    "rsa_rho_a": (
        partial(_geometry, measure="rsa_rho_a"),
        "rsatoolbox; Schuett et al. 2023, doi:10.7554/eLife.82566",
    ),
    "cka_debiased": (
        partial(_geometry, measure="cka_debiased"),
        "Song et al. 2007, doi:10.1145/1273496.1273600; arXiv:2405.01012",
    ),
    "encoding_ridge": (
        lambda model, recorded: _ridge(model, recorded, model, "ridge"),
        "median r of neurons predicted from units, held-out classes",
    ),
    "encoding_back_ridge": (
        lambda model, recorded: _ridge(recorded, model, model, "back"),
        "median r of units predicted from neurons, held-out classes",
    ),
    "encoding_pls": (_pls, "Yamins et al. 2014, doi:10.1073/pnas.1403112111"),
    "brain_score": (
        partial(_pls, as_score=True),
        "(median r / median reliability)^2, Schrimpf et al. 2018, doi:10.1101/407007",
    ),
    "psth_explained_variance": (
        _psth,
        "median r^2 of PSTHs predicted from units', held-out classes; "
        "Schoppe et al. 2016, doi:10.3389/fncom.2016.00010",
    ),
}
"""Measures of a model and a recording together, and their sources."""


def _deviations(description: Description, side: Side) -> np.ndarray:
    """Return how values of neurons deviate if trials are left out, shape (n_groups, n)."""
    name = f"deviations of {description.name}"
    if name not in side.kept:
        side.kept[name] = side.left_out.deviations(description.of(side.without))
    return np.asarray(side.kept[name])
