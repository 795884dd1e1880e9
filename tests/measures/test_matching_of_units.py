"""Networks and recordings are compared on equal data: windows, trials of each class, neurons."""

from pathlib import Path

import numpy as np
import pytest
from compared_pairs import ALONE, network_of, recording_of
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st
from made_records import in_order, poisson, records
from scipy.stats import ks_2samp

from apical.errors import ApicalError, DataError
from apical.measures import spike_statistics
from apical.measures.comparison import compare
from apical.measures.matching import (
    Activity,
    common_window,
    matched,
    observed_throughout,
    of_network,
    of_recording,
    shuffled,
)
from apical.recordings import Recording
from apical.records.arrays import Spikes

LABELS = np.arange(40) % 4


def forty_hertz(duration: float, trials: int, seed: int) -> Spikes:
    """Return spikes of 30 Poisson neurons of 40 Hz."""
    return poisson(np.full((trials, 30), 40.0), duration, seed)


def test_equal_neurons_do_not_differ_because_windows_do() -> None:
    short, long = forty_hertz(100.0, 40, 1), forty_hertz(8000.0, 40, 2)
    ours, theirs = (
        spike_statistics.cv(spike_statistics.intervals(s), 30).defined for s in (short, long)
    )
    assert ks_2samp(ours, theirs).pvalue < 1e-9  # of the whole windows
    network, recording = (
        network_of(short, LABELS, 30, 100.0),
        recording_of(long, LABELS, 30, 8000.0),
    )
    table = compare(network, recording, ALONE, resamples=50, permutations=999).table
    tested = table[(table["system"] == "network") & table["p"].notna()]
    assert {"rate", "cv", "lv", "isi", "isi_distance"} <= set(tested["measure"])
    assert (tested["p_holm"] > 0.05).all()
    cvs = table[table["measure"] == "cv"].set_index("system")["value"]
    assert abs(cvs["network"] - cvs["recording"]) < 0.05
    assert cvs.max() < 0.95 < theirs.mean()  # both are too low by as much


def test_a_window_cuts_both_sides() -> None:
    trial, time, unit = np.array([0, 0, 1]), np.array([10.0, 90.0, 50.0]), np.array([0, 1, 1])
    spikes = Spikes(trial, time, unit)
    network, recording = (
        make(spikes, np.array([0, 1]), 2, 100.0) for make in (network_of, recording_of)
    )
    assert common_window(network, recording) == (0.0, 100.0)
    for cut in (
        of_network(network, "hidden", 20.0, 80.0),
        of_recording(recording, "V1", 20.0, 80.0),
    ):
        assert cut.responses.tolist() == [[0, 0], [0, 1]] and cut.duration == 60
        assert cut.spikes is not None and cut.spikes.time.tolist() == [30.0]
    for start, stop in ((0.0, 200.0), (50.0, 40.0)):
        with pytest.raises(DataError, match="do not hold the window"):
            of_network(network, "hidden", start, stop)
        with pytest.raises(DataError, match="do not hold the window"):
            of_recording(recording, "V1", start, stop)


def test_trials_and_neurons_are_drawn_in_equal_numbers() -> None:
    ours = Activity(np.arange(40.0).reshape(10, 4), 50.0, np.array(list("aaaaabbbbc")))
    theirs = Activity(np.arange(18.0).reshape(6, 3), 50.0, np.array(list("abbbdd")))
    found = matched({"ours": ours, "theirs": theirs}, seed=3)
    assert [a.responses.shape for a in found.values()] == [(4, 3), (4, 3)]
    assert all(a.labels is not None and a.labels.tolist() == list("abbb") for a in found.values())
    again = matched({"ours": ours, "theirs": theirs}, seed=3)
    assert np.array_equal(found["ours"].responses, again["ours"].responses)
    other = matched({"ours": ours, "theirs": theirs}, seed=4)
    assert not np.array_equal(found["ours"].responses, other["ours"].responses)
    whole = matched({"ours": ours, "theirs": theirs}, equal_neurons=False)
    assert [a.neurons for a in whole.values()] == [4, 3]


def test_the_same_trials_are_drawn_of_networks_with_the_same_samples() -> None:
    trained, before = (Activity(k + np.arange(20.0)[:, None], 50.0, LABELS[:20]) for k in (0, 100))
    few = Activity(np.zeros((8, 1)), 50.0, LABELS[:8])
    found = matched({"trained": trained, "untrained": before, "recording": few})
    assert np.array_equal(found["trained"].responses + 100, found["untrained"].responses)


def test_unequal_windows_and_unknown_classes_are_refused() -> None:
    one, other = Activity(np.ones((4, 2)), 50.0), Activity(np.ones((4, 2)), 80.0)
    with pytest.raises(DataError, match="Only windows of equal length"):
        matched({"network": one, "recording": other})
    here, there = (
        Activity(np.ones((2, 2)), 50.0, np.array(names)) for names in (["a"] * 2, ["b"] * 2)
    )
    with pytest.raises(DataError, match="No class is in all"):
        matched({"network": here, "recording": there})
    assert len(matched({"network": here, "recording": one})["network"]) == 2  # labels are ignored
    with pytest.raises(ApicalError, match="one for each of 4 trials"):
        Activity(np.ones((4, 2)), 50.0, np.array(["a"]))


def test_shuffled_trials_keep_rates_and_intervals_of_each_neuron() -> None:
    labels = np.repeat([0, 1], 20)
    rates = np.where(labels, 80.0, 10.0)[:, None] * np.ones(6)
    made = records({"hidden": (poisson(rates, 100.0), 6)}, labels)
    whole = of_network(made, "hidden")
    mixed = shuffled(whole)
    assert whole.spikes is not None and mixed.spikes is not None
    assert np.array_equal(np.sort(whole.responses, axis=0), np.sort(mixed.responses, axis=0))
    counts = np.zeros(mixed.responses.shape)
    np.add.at(counts, (mixed.spikes.trial, mixed.spikes.unit), 1)
    assert np.array_equal(counts, mixed.responses)
    gaps = [
        spike_statistics.cv(spike_statistics.intervals(a.spikes), 6).values for a in (whole, mixed)
    ]
    assert np.allclose(*gaps, equal_nan=True)
    before, after = (
        np.corrcoef(a.responses.T)[np.triu_indices(6, 1)].mean() for a in (whole, mixed)
    )
    assert before > 0.5 and abs(after) < 0.15


@settings(max_examples=60, deadline=None)
@given_(
    st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9), st.sampled_from((0.5, 0.9, 1))
)
def test_what_is_kept_was_observed_throughout(seed: int, n: int, m: int, share: float) -> None:
    seen = np.random.default_rng(seed).random((n, m)) < share
    trials, neurons = observed_throughout(seen)
    kept = seen[np.ix_(trials, neurons)]
    assert kept.all()
    # no less than what either leaving out alone would keep
    alone = seen[seen.any(axis=1)].all(axis=0).sum() * seen.any(axis=1).sum()
    assert kept.size >= alone
    if seen.all():
        assert kept.size == seen.size


def seen_in(spikes: Spikes, seen: np.ndarray) -> Recording:
    """Return a recording of 2 neurons in 20 trials of 100 ms."""
    return Recording(
        Path("a.nwb"), spikes, np.full(2, "V1"), np.full(20, 100.0), None, observed=seen
    )


def test_trials_in_which_a_neuron_was_not_observed_are_no_silence() -> None:
    """Two neurons with one spike a trial of 100 ms; the second is seen in 5 of 20 trials."""
    trial = np.concatenate([np.arange(20), np.arange(5)])
    unit = np.repeat([0, 1], [20, 5])
    seen = np.ones((20, 2), dtype=bool)
    seen[5:, 1] = False
    spikes = in_order(trial, np.full(25, 50.0), unit)
    given = Recording(
        Path("a.nwb"), spikes, np.full(2, "V1"), np.full(20, 100.0), None, observed=seen
    )
    found = of_recording(given, "V1")
    assert found.responses.shape == (20, 1)  # one neuron in 20 trials is more than two in 5
    assert (found.responses == 1).all()
    seen[:15] = True
    spikes = in_order(np.repeat(np.arange(15), 2), np.full(30, 50.0), np.tile([0, 1], 15))
    given = Recording(
        Path("a.nwb"), spikes, np.full(2, "V1"), np.full(20, 100.0), None, observed=seen
    )
    assert of_recording(given, "V1").responses.tolist() == [[1, 1]] * 15
    given = Recording(
        Path("a.nwb"), spikes, np.full(2, "V1"), np.full(20, 100.0), None, observed=~seen
    )
    assert len(of_recording(given, "V1")) == 5
    none = Recording(
        Path("a.nwb"),
        spikes,
        np.full(2, "V1"),
        np.full(20, 100.0),
        None,
        observed=np.zeros_like(seen),
    )
    with pytest.raises(DataError, match="No neuron of V1 .* was observed in a trial"):
        of_recording(none, "V1")
