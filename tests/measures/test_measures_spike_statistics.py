"""Spike statistics: known cases, and the same numbers by another way."""

from dataclasses import replace
from itertools import pairwise

import elephant.statistics
import numpy as np
import pytest
from made_records import in_order, poisson, records, regular, tuned

from apical.errors import DataError, ParameterError
from apical.measures import spike_statistics as statistics
from apical.records.arrays import Spikes, Units

LOCAL = ("cv", "cv2", "lv")


def trains(spikes: Spikes, unit: int, n_trials: int) -> list[np.ndarray]:
    """Return the times of a neuron's spikes in each trial, by a loop."""
    return [
        np.array([t for t, u in zip(part.time, part.unit, strict=True) if u == unit])
        for part in map(spikes.of_trial, range(n_trials))
    ]


def test_poisson_trains_are_as_irregular_as_can_be() -> None:
    spikes = poisson(np.full((40, 20), 50.0), 4000.0)
    found = statistics.spike_statistics(records({"h": (spikes, 20)}, np.zeros(40, int), 4000), "h")
    for name in ("cv", "cv2", "lv", "fano", "fano_within_class"):
        assert found[name].undefined == 0
        assert found[name].defined.mean() == pytest.approx(1, abs=0.1), name
    assert found["rate"].defined.mean() == pytest.approx(50, rel=0.02)
    assert abs(found["correlation"].defined.mean()) < 0.05
    assert "excitation_inhibition" not in found


def test_regular_trains_do_not_vary() -> None:
    spikes = regular(5, 3, 1000.0, 20.0)
    found = statistics.spike_statistics(records({"h": (spikes, 3)}, np.zeros(5, int), 1000), "h")
    for name in ("cv", "cv2", "lv", "fano"):
        np.testing.assert_allclose(found[name].values, 0, atol=1e-12)
    np.testing.assert_allclose(found["rate"].values, 50)
    np.testing.assert_allclose(found["population_sparseness"].values, 0, atol=1e-12)
    assert found["correlation"].undefined == 3 and "never changes" in found["correlation"].why


def test_intervals_stay_within_trials() -> None:
    spikes = in_order(np.array([0, 0, 1, 1, 1]), np.array([1, 9, 0, 3, 4.0]), np.zeros(5, int))
    gaps = statistics.intervals(spikes)
    assert gaps.length.tolist() == [8, 3, 1] and gaps.trial.tolist() == [0, 1, 1]


def test_irregularity_is_that_of_elephant() -> None:
    spikes = poisson(np.full((30, 4), 60.0), 200.0, seed=3)
    gaps = statistics.intervals(spikes)
    for unit in range(4):
        parts = [np.diff(train) for train in trains(spikes, unit, 30)]
        everything = np.concatenate(parts)
        assert statistics.cv(gaps, 4).values[unit] == pytest.approx(
            everything.std() / everything.mean()
        )
        pairs = [(a, b) for part in parts for a, b in pairwise(part)]
        first, second = np.array(pairs).T
        contrast = (first - second) / (first + second)
        assert statistics.cv2(gaps, 4).values[unit] == pytest.approx(2 * np.abs(contrast).mean())
        assert statistics.lv(gaps, 4).values[unit] == pytest.approx(3 * (contrast**2).mean())


def test_irregularity_needs_ten_intervals_or_pairs_of_them() -> None:
    """k + 1 spikes of one trial are k intervals and k - 1 pairs of neighbours; 9 are too few."""
    trains = {0: 10, 1: 11, 2: 12}  # spikes: 9, 10, 11 intervals and 8, 9, 10 pairs
    unit = np.repeat(list(trains), list(trains.values()))
    time = np.concatenate([np.arange(n) * 10.0 for n in trains.values()])
    gaps = statistics.intervals(in_order(np.zeros(len(unit), int), time, unit))
    assert np.bincount(gaps.unit).tolist() == [9, 10, 11]
    defined = {name: np.isfinite(getattr(statistics, name)(gaps, 3).values) for name in LOCAL}
    assert defined["cv"].tolist() == [False, True, True]
    assert defined["cv2"].tolist() == defined["lv"].tolist() == [False, False, True]
    for name in LOCAL:
        assert "fewer than 10 " in getattr(statistics, name)(gaps, 3).why


def test_intervals_of_all_trials_count_together_but_pairs_do_not_cross_them() -> None:
    """Two trials of 6 spikes are 2 * 5 = 10 intervals, but only 2 * 4 = 8 pairs."""
    gaps = statistics.intervals(regular(2, 1, 60.0, 10.0))
    assert len(gaps.length) == 10
    assert statistics.cv(gaps, 1).values[0] == pytest.approx(0)
    assert not np.isfinite(statistics.lv(gaps, 1).values[0])
    longer = statistics.intervals(regular(2, 1, 70.0, 10.0))  # 7 spikes: 5 pairs a trial
    assert statistics.lv(longer, 1).values[0] == pytest.approx(0)


def test_fano_is_that_of_elephant_but_for_the_unbiased_variance() -> None:
    spikes = poisson(np.full((12, 3), 30.0), 500.0, seed=1)
    made = records({"h": (spikes, 3)}, np.arange(12) % 2, 500.0)
    overall = statistics.fano(made.counts("h"))
    within = statistics.fano(made.counts("h"), made.labels)
    for unit in range(3):
        of = trains(spikes, unit, 12)
        assert overall.values[unit] == pytest.approx(elephant.statistics.fanofactor(of) * 12 / 11)
        halves = [elephant.statistics.fanofactor(of[k::2]) * 6 / 5 for k in (0, 1)]
        assert within.values[unit] == pytest.approx(np.mean(halves))


def test_fano_of_few_poisson_trials_is_not_biased() -> None:
    counts = np.random.default_rng(0).poisson(3.0, (2, 20000))
    assert statistics.fano(counts).defined.mean() == pytest.approx(1, abs=0.03)


def test_classes_explain_what_trials_share() -> None:
    """Neurons that only follow the class are correlated, but not within a class."""
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 3
    counts = rng.poisson(np.array([2.0, 8.0, 20.0])[labels, None], (600, 6))
    assert statistics.correlation(counts).defined.min() > 0.5
    assert abs(statistics.correlation(counts, labels).defined.mean()) < 0.03
    assert statistics.fano(counts).defined.min() > 3
    assert statistics.fano(counts, labels).defined.mean() == pytest.approx(1, abs=0.1)


def test_correlations_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    shared = rng.poisson(4.0, (50, 1))
    counts = shared + rng.poisson(4.0, (50, 5))
    counts[:, 3] = 0
    labels = np.repeat([0, 1], [20, 30])
    counts[labels == 0, 4] = 7  # changes in one class only
    upper = np.triu_indices(5, 1)
    with np.errstate(all="ignore"):
        everywhere = np.corrcoef(counts.T)
        parts = [np.corrcoef(counts[labels == k].T) for k in (0, 1)]
    found = statistics.correlation(counts)
    np.testing.assert_allclose(found.values, everywhere[upper])
    assert found.undefined == 4 and not np.isfinite(found.values[2])
    within = statistics.correlation(counts, labels).values
    both = (20 * parts[0] + 30 * parts[1])[upper] / 50
    expected = np.where(np.isfinite(both), both, parts[1][upper])
    np.testing.assert_allclose(within, expected)


def test_of_a_large_population_some_pairs_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "LARGEST", 10)
    counts = np.random.default_rng(0).poisson(3.0, (20, 30))
    found = statistics.correlation(counts)
    assert len(found.values) == 45 and "10 neurons drawn from 30" in found.note
    np.testing.assert_array_equal(found.values, statistics.correlation(counts).values)


def test_the_pairs_of_2000_neurons_are_all_there_and_no_more() -> None:
    counts = np.random.default_rng(0).poisson(3.0, (3, 2001))
    whole, drawn = statistics.correlation(counts[:, :2000]), statistics.correlation(counts)
    assert len(whole.values) == len(drawn.values) == 2000 * 1999 // 2
    assert whole.note == "" and drawn.note == "pairs of 2000 neurons drawn from 2001"


def test_sparseness_is_1_of_one_and_0_of_all() -> None:
    one_hot, even = np.eye(5), np.full((5, 5), 3.0)
    for values, expected in ((one_hot, 1), (even, 0)):
        found = statistics.population_sparseness(values).values
        np.testing.assert_allclose(found, expected, atol=1e-12)
        lifetime = statistics.lifetime_sparseness(values, np.arange(5)).values
        np.testing.assert_allclose(lifetime, expected, atol=1e-12)
    two = np.array([[1.0, 0.0], [2.0, 2.0], [1.0, 3.0]])  # a = 1/2, 1, 4/5
    np.testing.assert_allclose(
        statistics.population_sparseness(two).values, [1, 0, (1 - 4 / 5) / (1 / 2)], atol=1e-12
    )
    half = np.array([[1.0, 1, 0, 0]])  # a = (1/2)**2 / (1/2) = 1/2
    assert statistics.population_sparseness(half).values[0] == pytest.approx((1 / 2) / (3 / 4))


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_sparseness_has_no_unit(unit: float) -> None:
    responses = unit * np.array([[1.0, 1, 0, 0]])
    assert statistics.population_sparseness(responses).values[0] == pytest.approx(2 / 3)


def test_intervals_are_of_neurons_that_there_are() -> None:
    gaps = statistics.Intervals(np.array([0, 3]), np.array([0, 0]), np.array([1.0, 2.0]))
    for measure in (statistics.cv, statistics.cv2, statistics.lv):
        assert measure(gaps, 4).values.shape == (4,)
        with pytest.raises(ParameterError, match="above 3, the last neuron"):
            measure(gaps, 3)


def test_fano_needs_two_trials_that_are_alike() -> None:
    counts = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert statistics.fano(counts[:1]).why == "there are no two trials"
    apart = statistics.fano(counts, np.array([0, 1]))
    assert apart.why == "there are no two trials of one class" and apart.undefined == 2


def test_correlations_within_classes_leave_out_those_in_which_a_neuron_is_constant() -> None:
    counts = np.array([[5, 5, 1], [5, 5, 2], [5, 5, 4], [1, 2, 1], [2, 1, 3], [4, 8, 3.0]])
    found = statistics.correlation(counts, np.repeat([0, 1], 3)).values
    one, both = np.corrcoef(counts[3:].T), np.triu_indices(3, 1)
    np.testing.assert_allclose(found, one[both])


def test_trials_of_one_sample_are_one_stimulus() -> None:
    responses = np.array([[2.0], [0.0], [0.0], [0.0]])
    same = statistics.lifetime_sparseness(responses, np.array([7, 7, 9, 9]))
    assert same.values[0] == pytest.approx(1)
    spread = statistics.lifetime_sparseness(responses[[0, 1, 0, 1]], np.array([7, 7, 9, 9]))
    assert spread.values[0] == pytest.approx(0)
    often = statistics.lifetime_sparseness(np.ones((3, 1)), np.array([7, 7, 9]))
    assert often.values[0] == pytest.approx(0)  # shown twice is not responded to twice


def test_sparseness_of_negative_activity_is_refused() -> None:
    with pytest.raises(DataError, match="Sparseness needs responses from 0 on"):
        statistics.population_sparseness(np.array([[1.0, -1.0]]))


def test_what_is_silent_is_counted_and_named() -> None:
    labels, rates = tuned(20, 4, 2, 40.0)
    rates[:, 1] = 0
    made = records({"h": (poisson(rates, 500.0), 4)}, labels, 500.0)
    found = statistics.spike_statistics(made, "h")
    assert found["rate"].values[1] == 0 and found["rate"].undefined == 0
    for name in ("cv", "cv2", "lv", "fano", "fano_within_class", "lifetime_sparseness"):
        assert not np.isfinite(found[name].values[1]), name
        row = found[name].row()
        assert row["undefined"] >= 1 and row["why"] and np.isfinite(row["value"]), name
        assert row["n"] + row["undefined"] == 4
    assert found["correlation"].undefined == 3


def test_excitation_by_inhibition() -> None:
    counts = np.array([[4, 2, 1, 9], [4, 2, 1, 9]])
    signs = np.array([1, 1, -1, 0])
    assert statistics.excitation_inhibition(counts, signs).values[0] == pytest.approx(3)
    counts[:, 2] = 0
    silent = statistics.excitation_inhibition(counts, signs)
    assert silent.undefined == 1 and "no inhibitory neuron spikes" in silent.why
    one_sided = statistics.excitation_inhibition(counts, np.array([1, 1, 1, 1]))
    assert "both signs" in one_sided.why


def test_excitation_by_inhibition_of_the_input() -> None:
    spikes = regular(2, 3, 1000.0, 100.0)  # 10 Hz each
    made = records({"h": (spikes, 3)}, np.zeros(2, int), 1000.0)
    weights = np.array([[1.0, 0.5], [2.0, 1.0], [-1.5, 0.0]])
    found = statistics.input_balance(made, {"h": weights})
    assert found.values[0] == pytest.approx(2) and found.undefined == 1
    graded = replace(
        made, units={**made.units, "g": made.units["h"]}, signals={"g.x": np.full((2, 1, 3), -10.0)}
    )
    both = statistics.input_balance(graded, {"h": weights, "g": weights})
    np.testing.assert_allclose(both.values, [(30 + 15) / (15 + 30), 15 / 15])
    with pytest.raises(DataError, match=r"'h' need the shape \(3, n_post\), .* got \(2, 3\)"):
        statistics.input_balance(made, {"h": weights.T})
    with pytest.raises(DataError, match="the same n_post for all"):
        statistics.input_balance(graded, {"h": weights, "g": weights[:, :1]})


def test_signs_of_a_population_are_used_but_not_those_of_error_neurons() -> None:
    spikes = regular(2, 2, 1000.0, 100.0)
    signs = np.array([1, -1])
    made = records({"h": (spikes, 2)}, np.zeros(2, int), 1000.0, signs={"h": signs})
    found = statistics.spike_statistics(made, "h")
    assert found["excitation_inhibition"].values[0] == pytest.approx(1)
    for units in (Units("Error", signs), Units("LIF", np.array([0, -1])), Units("LIF", signs**2)):
        other = replace(made, units={"h": units})
        assert "excitation_inhibition" not in statistics.spike_statistics(other, "h")


@pytest.mark.parametrize(("n_trials", "n"), [(0, 3), (1, 3), (2, 0), (3, 1)])
def test_next_to_nothing_is_undefined_not_an_error(n_trials: int, n: int) -> None:
    spikes = poisson(np.full((n_trials, n), 30.0), 100.0)
    made = records({"h": (spikes, n)}, np.zeros(n_trials, int), 100.0)
    for name, found in statistics.spike_statistics(made, "h").items():
        assert not found.undefined or found.why, name
        assert found.row()["n"] == len(found.defined)


def test_spikes_that_were_not_recorded_are_named() -> None:
    made = records({"h": (regular(1, 1, 10.0, 5.0), 1)}, np.zeros(1, int), 10.0)
    with pytest.raises(DataError, match="no spikes of 'other'"):
        statistics.spike_statistics(made, "other")
