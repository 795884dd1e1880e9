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
from apical.measures import agreement
from apical.measures.representation import Dissimilarities
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
    return Recording(Path("none.nwb"), found, names, durations, LABELS.astype(str))


def whole(shape: tuple[int, ...]) -> Callable[[int, Shake], np.ndarray]:
    def make(seed: int, shake: Shake) -> np.ndarray:
        x = np.random.default_rng(seed).integers(0, 4, shape)
        x[..., 0] = 2
        x[..., -1] = 0
        return shake(0.3 * x)

    return make


GIVEN: Mapping[str, Callable[[int, Shake], Any]] = {
    **dict.fromkeys(("counts", "responses", "patterns", "gain"), whole((24, 6))),
    "x": whole((24, 6)),
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
}
OTHERS = {
    ("similarity", "a"): made,
    ("similarity", "b"): made,
    ("similarities", "a"): made,
    ("similarities", "b"): lambda seed, shake: made(seed + 1, shake),
    ("explosive_width", "weight"): lambda seed, shake: float(shake(np.array([7.0]))[0]),
    ("angle", "a"): whole((24, 6)),
    ("angle", "b"): lambda seed, shake: whole((24, 6))(seed + 1, shake),
    ("analyze", "recording"): lambda *_: None,  # that of a file
    ("check_same_stimuli", "a"): made,
    ("check_same_stimuli", "b"): made,
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
        yield


def called(name: str, seed: int, shake: Shake) -> Any:
    function = FUNCTIONS[name]
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        make = OTHERS.get((function.__name__, parameter.name), GIVEN.get(parameter.name))
        if make is not None:
            arguments[parameter.name] = make(seed, shake)
        else:  # a new parameter that has no default belongs into the table above
            assert parameter.default is not parameter.empty, f"{name}: {parameter.name}"
    return function(**arguments)


def numbers(found: Any) -> Iterator[Any]:
    """Yield every number and text in what a measure returns."""
    if is_dataclass(found):
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


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_rounding_changes_no_measure(name: str, seed: int) -> None:
    same(called(name, seed, shaking(seed + 1)), called(name, seed, still), name)


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
