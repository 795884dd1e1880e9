"""No measure sees rounding: found by their signatures, so that a new one is asked too."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_records import in_order, records

from apical import measures
from apical.measures import agreement, compared, geometry, power, resampling
from apical.measures.by_neuron import interval_sums
from apical.measures.compared import Settings
from apical.measures.comparison import Controls
from apical.measures.matching import Activity, of_network, of_recording
from apical.measures.representation import Dissimilarities
from apical.measures.resampling import orders, resampled
from apical.measures.spike_statistics import intervals
from apical.measures.tables import analyze
from apical.recordings import Recording
from apical.records.arrays import Records, Spikes

NOISE = 1e-13
Shake = Callable[[np.ndarray], np.ndarray]
LABELS = np.arange(24) % 4
LOOKED_AT_ELSEWHERE = {"network", "simulator", "projection", "path", "records_of", "centre"}
"""Parameters of measures of networks and files; `test_measures_learning` has those."""


def shaking(seed: int) -> Shake:
    """Return what adds rounding to numbers, relative to the largest."""
    rng = np.random.default_rng(seed)
    return lambda x: x + NOISE * np.abs(x).max() * rng.uniform(-1, 1, x.shape)


def still(x: np.ndarray) -> np.ndarray:
    return x


def made(seed: int, shake: Shake) -> Records:
    """Return records of activities that are whole numbers, of which many are the same."""
    rng = np.random.default_rng(seed)
    tuned = rng.integers(0, 6, (4, 7))[LABELS] + rng.integers(0, 2, (24, 7))
    tuned[:, 0] = 3  # never changes
    tuned[LABELS == 1] = 5  # is the same in all neurons
    few = rng.integers(0, 3, (24, 5))
    few[:, 1] = 0
    return records({}, LABELS, signals={"h": shake(0.7 * tuned), "k": shake(0.1 * few)})


def spikes(seed: int, shake: Shake) -> Spikes:
    rng = np.random.default_rng(seed)
    n = 900
    times = shake(rng.integers(1, 100, n) / 10.0)
    return in_order(rng.integers(0, 24, n), times, rng.integers(0, 6, n))


def unlike(seed: int, shake: Shake) -> Dissimilarities:
    vector = shake(np.random.default_rng(seed).integers(1, 5, 28) / 7)
    matrix = np.zeros((8, 8))
    matrix[np.triu_indices(8, 1)] = vector
    return Dissimilarities(matrix + matrix.T, np.arange(8), "correlation")


def recording(seed: int, shake: Shake) -> Recording:
    found, names = spikes(seed, shake), np.full(6, "V1")
    durations = shake(np.full(24, 10.0))
    labels = LABELS.astype(str)
    return Recording(Path("none.nwb"), found, names, durations, labels, labels)


def network(seed: int, shake: Shake) -> Records:
    """Return records of a population that spikes in the classes of `recording`."""
    return records({"h": (spikes(seed + 1, shake), 6)}, LABELS, duration=10.0)


def recorded(seed: int, shake: Shake) -> Activity:
    return of_recording(recording(seed, shake), "V1")


def likely(seed: int, shake: Shake) -> np.ndarray:
    """Return numbers from 0 to 1 such as p values and correlations, many of them the same."""
    return shake(np.random.default_rng(seed).integers(0, 10, 30) / 9)


def one_of(*values: float) -> Callable[[int, Shake], float]:
    """Return what makes one number of several, with the rounding of numbers up to 1."""
    return lambda seed, shake: float(shake(np.array([1.0, values[seed % len(values)]]))[1])


def peaked(seed: int, shake: Shake) -> np.ndarray:
    """Return spike counts of neurons that respond in the third or fourth of six bins."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2, (24, 6, 6))
    counts[:, np.arange(6), rng.integers(2, 4, 6)] += 4
    return shake(counts)


def drawing(seed: int, shake: Shake) -> Callable[[int], np.ndarray]:
    rng = np.random.default_rng(seed)
    return lambda times: shake(rng.integers(0, 10, times) / 9)


def whole(shape: tuple[int, ...]) -> Callable[[int, Shake], np.ndarray]:
    def make(seed: int, shake: Shake) -> np.ndarray:
        x = np.random.default_rng(seed).integers(0, 4, shape)
        x[..., 0] = 2
        x[..., -1] = 0
        return shake(0.3 * x)

    return make


def repeated(repetition: int) -> Callable[[int, Shake], np.ndarray]:
    """Return what makes responses of a repetition to more stimuli than neurons, or fewer."""
    return lambda seed, shake: whole(((24, 6), (6, 9))[seed % 2])(seed + repetition, shake)


GIVEN: Mapping[str, Callable[[int, Shake], Any]] = {
    **dict.fromkeys(("counts", "responses", "patterns", "gain"), whole((24, 6))),
    "teach": whole((24, 6)),
    "moments": lambda *_: np.arange(24.0),
    "accuracy": lambda seed, _: np.random.default_rng(seed).integers(0, 100, 24) / 100,
    "level": lambda *_: 0.5,
    **dict.fromkeys(("x", "features", "means", "first", "before"), whole((24, 6))),
    **dict.fromkeys(
        ("second", "after", "predicted"), lambda seed, shake: whole((24, 6))(seed + 1, shake)
    ),
    "y": lambda seed, shake: whole((24, 3))(seed + 1, shake),
    "values": lambda seed, shake: shake(np.random.default_rng(seed).integers(0, 9, 50) / 7),
    "vector": lambda seed, shake: shake(np.random.default_rng(seed).integers(1, 5, 28) / 7),
    "one": lambda seed, shake: shake(np.random.default_rng(seed).integers(0, 90, 30) / 10),
    "other": lambda seed, shake: shake(np.random.default_rng(seed).integers(0, 90, 30) / 10),
    "a": unlike,
    "b": lambda seed, shake: unlike(seed + 1, shake),
    "records": made,
    "recording": recording,
    "spikes": spikes,
    "gaps": lambda seed, shake: intervals(spikes(seed, shake)),
    "weights": lambda seed, shake: {
        "h": shake(np.random.default_rng(seed).integers(-2, 3, (7, 3)) / 10)
    },
    "labels": lambda *_: LABELS,
    "targets": whole((24, 6)),
    "outputs": lambda seed, shake: whole((24, 6))(seed + 1, shake),
    "durations": lambda seed, shake: shake(np.random.default_rng(seed).integers(8, 12, 24) * 1.0),
    "stop": lambda *_: 10.0,
    "seen": lambda seed, _: np.random.default_rng(seed).random((24, 6)) < 0.9,
    "samples": lambda *_: LABELS,
    "signs": lambda *_: np.array([1, 1, -1, 1, -1, -1]),
    "names": lambda *_: np.arange(24),
    "population": lambda *_: "h",
    "population_a": lambda *_: "h",
    "population_b": lambda *_: "k",
    "activation": lambda *_: "tanh",
    "duration": lambda *_: 10.0,
    "rounding": lambda *_: 0.0,
    "n": lambda *_: 6,
    "binned": peaked,
    "model": whole((8, 6)),
    "halves": lambda seed, shake: whole((3, 2, 8, 5))(seed + 1, shake),
    "spectrum": lambda seed, shake: shake(
        np.sort(np.random.default_rng(seed).integers(-6, 9, 24).clip(0))[::-1] / 7
    ),
    **dict.fromkeys(("ours", "theirs", "p", "r", "found", "by_chance"), likely),
    **dict.fromkeys(("score", "ceiling", "value"), one_of(0.0, 2 / 9, 1.0, 4 / 9)),
    "draw_some": drawing,
    "activity": recorded,
    "activities": lambda seed, shake: {
        "recording": recorded(seed, shake),
        "network": of_network(network(seed, shake), "h"),
    },
    "sums": lambda seed, shake: interval_sums(intervals(spikes(seed, shake)), 24, 6),
    "controls": lambda seed, shake: Controls(None, network(seed + 1, shake)),
    "drawn": lambda seed, _: resampled(LABELS, 6, np.random.default_rng(seed), 3).trials,
    "resamples": lambda seed, _: resampled(LABELS, 6, np.random.default_rng(seed), 3),
    "orders": lambda seed, _: orders(8, 20, np.random.default_rng(seed)),
    "draw": lambda seed, _: np.random.default_rng(seed),
    "settings": lambda seed, _: Settings(5, resamples=3, permutations=19, seed=seed),
    "groups": lambda *_: LABELS,
    "folds": lambda *_: np.arange(24) % 3,
    "area": lambda *_: "V1",
    "name": lambda *_: "rate",
    "why": lambda *_: "nothing is there",
    "width": lambda *_: 2.0,
    **dict.fromkeys(("trials", "total", "at_most"), lambda *_: 24),
    **dict.fromkeys(("neurons", "bins", "times"), lambda *_: 6),
}
SCALED = ("quick_distances", "resampled_matrix", "resampled_matrices")
"""Functions of weighted neurons."""
OTHERS = {
    ("similarity", "a"): made,
    ("similarity", "b"): made,
    ("similarities", "a"): made,
    ("similarities", "b"): lambda seed, shake: made(seed + 1, shake),
    ("explosive_width", "weight"): lambda seed, shake: float(shake(np.array([7.0]))[0]),
    ("angle", "a"): whole((24, 6)),
    ("angle", "b"): lambda seed, shake: whole((24, 6))(seed + 1, shake),
    **{  # of each target its own rounding
        (function, name): lambda seed, shake, later=later: np.column_stack(
            [shake(x) for x in whole((24, 6))(seed + later, still).T]
        )
        for function in ("r_squared", "scores")
        for later, name in enumerate(("targets", "outputs"))
    },
    **{  # labels are 0 or 1, and nothing near them
        (function, "targets"): lambda seed, _: np.random.default_rng(seed).integers(0, 2, (24, 6))
        for function in ("label_accuracy", "subset_accuracy", "are_labels")
    },
    ("check_same_stimuli", "a"): made,
    ("check_same_stimuli", "b"): made,
    **dict.fromkeys(
        (
            (function, "means")
            for function in ("selectivities", "sparsenesses", "mean_signal_correlation")
        ),
        whole((4, 5, 6)),
    ),
    **dict.fromkeys(
        ((function, "weights") for function in SCALED),
        lambda seed, _: np.random.default_rng(seed).multinomial(12, np.full(12, 1 / 12)),
    ),
    **dict.fromkeys(
        ((function, "means") for function in SCALED),
        whole((8, 12)),
    ),
    ("shift_of", "one"): whole((24, 6)),
    ("shift_of", "other"): lambda seed, shake: whole((24, 6))(seed + 1, shake),
    ("shift_of", "freedom"): lambda *_: (20, 20),
    ("in_common", "mean"): whole((24, 6)),
    ("in_common", "own"): lambda *_: 1.0,
    ("in_common", "n"): lambda *_: 6,
    ("cross_validated_spectrum", "one"): repeated(0),
    ("cross_validated_spectrum", "other"): repeated(1),
    ("reliabilities", "one"): whole((3, 24, 6)),
    ("reliabilities", "other"): lambda seed, shake: whole((3, 24, 6))(seed + 1, shake),
    ("permuted_products", "one"): whole((8, 8)),
    ("permuted_products", "other"): lambda seed, shake: whole((8, 8))(seed + 1, shake),
    **dict.fromkeys(
        ((function, "measure") for function in ("pair_matrix", "resampled_matrix", "likeness")),
        lambda seed, _: ("rsa", "rsa_rho_a", "cka_debiased")[seed % 3],
    ),
    ("of_network", "records"): network,
    ("common_window", "records"): network,
    **dict.fromkeys(
        ((function, "start") for function in ("of_network", "of_recording")), lambda *_: 2.0
    ),
    **dict.fromkeys(
        ((function, "stop") for function in ("of_network", "of_recording")), lambda *_: 8.0
    ),
    ("comparison.compare", "records"): network,
    ("comparison.compare", "bin"): lambda *_: 2.0,
    ("comparison.compare", "resamples"): lambda *_: 2,
    ("comparison.compare", "permutations"): lambda *_: 9,
}


ELSEWHERE = ("single", "spike_statistics", "ceiling", "event_controls")
"""Functions that other tests look at."""


def of_arrays() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public function of the measures that needs neither a network nor a file."""
    for module in pkgutil.iter_modules(measures.__path__, "apical.measures."):
        loaded = importlib.import_module(module.name)
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            if name.startswith("_") or function.__module__ != module.name:
                continue
            needs = set(inspect.signature(function).parameters)
            if needs & LOOKED_AT_ELSEWHERE or name in ELSEWHERE:
                continue
            yield f"{module.name.rpartition('.')[2]}.{name}", function


FUNCTIONS = dict(of_arrays())


@pytest.fixture(autouse=True, scope="module")
def few_shuffles() -> Iterator[None]:
    """Compare with recordings in tenths of seconds: of what is drawn, few are as good as many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "SPLITS", 2)
        patch.setattr(agreement, "SHUFFLES", 4)
        patch.setattr(compared, "SPLITS", 2)
        patch.setattr(compared, "FIRST_REFITS", 4)
        patch.setattr(power, "EXPERIMENTS", 20)
        for module in (geometry, resampling):
            patch.setattr(module, "FIRST", 4)
        yield


def called(name: str, seed: int, shake: Shake) -> Any:
    function = FUNCTIONS[name]
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        known = [OTHERS.get((of, parameter.name)) for of in (name, function.__name__)]
        make = known[0] or known[1] or GIVEN.get(parameter.name)
        if make is not None:
            arguments[parameter.name] = make(seed, shake)
        else:  # a new parameter that has no default belongs into the table above
            assert parameter.default is not parameter.empty, f"{name}: {parameter.name}"
    return function(**arguments)


def numbers(found: Any) -> Iterator[Any]:
    """Yield every number and text in what a measure returns."""
    if isinstance(found, Spikes):  # those at the same time have no order
        order = np.lexsort((found.time, found.unit, found.trial))
        yield from (found.trial[order], found.time[order], found.unit[order])
    elif is_dataclass(found):
        for field in fields(found):
            yield from numbers(getattr(found, field.name))
    elif isinstance(found, Mapping):
        for value in found.values():
            yield from numbers(value)
    elif isinstance(found, pandas.DataFrame):
        yield from numbers(found.to_dict("list"))
    elif isinstance(found, list | tuple):
        for value in found:
            yield from numbers(value)
    else:
        yield found


def same(found: Any, expected: Any, what: str, tolerance: float = 1e-9) -> None:
    pairs = zip(numbers(found), numbers(expected), strict=True)
    for k, (one, other) in enumerate(pairs):
        if np.asarray(one).dtype.kind in "biuf":
            message = f"{what}, number {k}"
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=message)
        else:
            assert np.array_equal(one, other), what


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "comparison.compare"])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_rounding_changes_no_measure(name: str, seed: int) -> None:
    same(called(name, seed, shaking(seed + 1)), called(name, seed, still), name)


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 1000))
def test_rounding_changes_no_comparison(seed: int) -> None:
    """A comparison takes as long as a hundred of its measures."""
    shaken, calm = (called("comparison.compare", seed, shake) for shake in (shaking(seed), still))
    same(shaken, calm, "comparison")


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000))
def test_rounding_changes_no_analysis(seed: int) -> None:
    shaken, calm = (analyze(made(seed, shake)) for shake in (shaking(seed), still))
    assert shaken.notes == calm.notes
    for table in ("measures", "neurons", "similarity"):
        same(getattr(shaken, table), getattr(calm, table), table)


@pytest.mark.parametrize(("size", "shift"), [(1e-12, 0.0), (1e12, 0.0), (1e-150, 0.0), (1, 1e4)])
def test_measures_without_a_scale_have_none(size: float, shift: float) -> None:
    """Activities in another unit have the same geometry, dimension, tuning; so have shifted ones.

    Sparseness and selectivity have a zero, and correlation distances one for each pattern.
    """
    for seed in range(2):
        calm, other = analyze(made(seed, still)), analyze(made(seed, lambda x: size * x + shift))
        same(other.similarity, calm.similarity, "similarity", 1e-7)
        rows = zip(other.measures.itertuples(), calm.measures.itertuples(), strict=True)
        for row, before in rows:
            has_zero = "sparseness" in row.measure or row.measure == "selectivity"
            if not row.measure.startswith("activity") and not (has_zero and shift):
                same(
                    [row.value, row.sd, row.undefined],
                    [before.value, before.sd, before.undefined],
                    row.measure,
                    1e-7,
                )
