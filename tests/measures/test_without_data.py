"""Of no trials, neurons, classes or folds, measures are undefined, or say what they need."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from apical.errors import DataError, ParameterError
from apical.measures import (
    by_neuron,
    eigenspectra,
    encoding_scores,
    geometry,
    resampling,
    sessions,
    shared_variability,
)
from apical.measures.matching import Activity, of_recording
from apical.measures.resampling import Resamples
from apical.measures.spike_statistics import intervals
from apical.recordings import Recording
from apical.records.arrays import Spikes

NO_SPIKES = Spikes(np.zeros(0, int), np.zeros(0), np.zeros(0, int))
NO_TRIALS, NO_LABELS, NO_DRAWS = np.zeros((0, 3)), np.zeros(0, int), np.zeros((2, 0))
NOTHING = Resamples(NO_DRAWS, np.tile(np.arange(3), (2, 1)))
RNG = np.random.default_rng(0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("found", "shape"),
    [
        (lambda: by_neuron.rates(NO_TRIALS, 10.0, NO_DRAWS), (2, 3)),
        (lambda: by_neuron.rates(np.ones((4, 3)), 10.0, np.zeros((2, 4))), (2, 3)),
        (lambda: by_neuron.fanos(NO_TRIALS, NO_LABELS, NO_DRAWS), (2, 3)),
        (lambda: by_neuron.fanos(np.ones((4, 3)), np.zeros(4, int), np.eye(4)), (4, 3)),
        (lambda: by_neuron.mean_responses(NO_TRIALS, NO_LABELS, NO_DRAWS), (2, 0, 3)),
        (lambda: by_neuron.selectivities(np.zeros((2, 0, 3))), (2, 3)),
        (lambda: by_neuron.sparsenesses(np.zeros((2, 0, 3))), (2, 3)),
        (lambda: by_neuron.latencies(np.zeros((0, 3, 5)), 2.0, NO_DRAWS), (2, 3)),
        (lambda: eigenspectra.cross_validated_spectrum(NO_TRIALS, NO_TRIALS), (0,)),
        (lambda: encoding_scores.scores(NO_TRIALS, NO_TRIALS), (3,)),
        (lambda: encoding_scores.reliabilities(*np.zeros((2, 4, 0, 3))), (3,)),
        (lambda: encoding_scores.reliabilities(*np.zeros((2, 0, 5, 3))), (3,)),
        (lambda: geometry.resampled_matrix(np.ones((2, 3)), np.ones(3), "rsa"), (2, 2)),
        (lambda: sessions.class_variance(NO_TRIALS, NO_LABELS).values, (3,)),
        (lambda: sessions.drift(NO_TRIALS, NO_TRIALS), ()),
        (lambda: shared_variability.mean_noise_correlation(NO_TRIALS, NO_LABELS, NOTHING), (2,)),
        (lambda: shared_variability.mean_signal_correlation(np.zeros((2, 0, 3)), NOTHING), (2,)),
        (lambda: shared_variability.dimensionalities(NO_TRIALS, NOTHING), (2,)),
        (lambda: resampling.distribution_test(np.ones(3), np.ones(3), RNG, 0)[1], ()),
    ],
)
def test_what_nothing_is_there_of_is_undefined(
    found: Callable[[], np.ndarray], shape: tuple[int, ...]
) -> None:
    values = np.asarray(found())
    assert values.shape == shape and np.isnan(values).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("measure", geometry.FEWEST)
def test_few_classes_have_no_geometry(measure: geometry.Geometry) -> None:
    for n in range(geometry.FEWEST[measure]):
        halves, orders = np.ones((4, 2, n, 5)), resampling.orders(n, 9, RNG)
        found = geometry.likeness(np.ones((n, 3)), halves, orders, measure)
        assert np.isnan([found.value, found.floor, found.ceiling]).all()


def test_nothing_has_one_order() -> None:
    assert resampling.orders(0, 9, RNG).shape == (0, 0)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: encoding_scores.Ridge(np.ones((4, 3)), *np.zeros((2, 4), int)), "folds"),
        (
            lambda: encoding_scores.partial_least_squares(*np.ones((2, 4, 3)), np.zeros(4, int)),
            "folds",
        ),
        (
            lambda: geometry.likeness(
                np.ones((5, 3)), np.ones((0, 2, 5, 3)), np.zeros((0, 5), int), "rsa"
            ),
            "halves",
        ),
        (lambda: by_neuron.binned_counts(Activity(NO_TRIALS, 10.0), 0), "bins"),
        (lambda: by_neuron.interval_sums(intervals(_twice()), 0, 1), "trials"),
        (lambda: by_neuron.interval_sums(intervals(_twice()), 1, 0), "neurons"),
    ],
)
def test_what_is_missing_is_named(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        call()


def _twice() -> Spikes:
    return Spikes(np.zeros(2, int), np.array([1.0, 3.0]), np.zeros(2, int))


def test_a_recording_without_trials_has_no_activity() -> None:
    recording = Recording(Path("a.nwb"), NO_SPIKES, np.full(3, "V1"), np.zeros(0), None)
    with pytest.raises(DataError, match="has no trials"):
        of_recording(recording, "V1")
