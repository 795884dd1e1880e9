"""Statistics of single neurons and of pairs against Elephant, SciPy and closed forms."""

import elephant.statistics
import neo
import numpy as np
import pytest
import quantities as pq
from made_records import in_order, poisson, tuned

from apical.measures import by_neuron, shared_variability, spike_statistics
from apical.measures.eigenspectra import cross_validated_spectrum, exponent
from apical.measures.matching import Activity
from apical.measures.representation import participation_ratio
from apical.measures.resampling import Resamples, resampled
from apical.records.arrays import Spikes

ONES = np.ones((1, 60))


def made(seed: int = 0) -> tuple[Spikes, np.ndarray, np.ndarray]:
    """Return spikes of 8 neurons in 60 trials of 300 ms, counts and labels."""
    labels, rates = tuned(60, 8, 4, 40.0, seed)
    spikes = poisson(rates, 300.0, seed)
    counts = np.zeros((60, 8))
    np.add.at(counts, (spikes.trial, spikes.unit), 1)
    return spikes, counts, labels


def repeated(spikes: Spikes, drawn: np.ndarray) -> Spikes:
    """Return the spikes of trials that are repeated as often as they are drawn."""
    trials = np.repeat(np.arange(len(drawn)), drawn.astype(int))
    parts = [np.flatnonzero(spikes.trial == trial) for trial in trials]
    at = np.concatenate(parts)
    new = np.repeat(np.arange(len(trials)), [len(part) for part in parts])
    return in_order(new, spikes.time[at], spikes.unit[at])


def test_irregularity_equals_that_of_elephant_for_resamples_too() -> None:
    spikes, _, labels = made()
    drawn = resampled(labels, 8, np.random.default_rng(0), 2).trials
    sums = by_neuron.interval_sums(spike_statistics.intervals(spikes), 60, 8)
    cvs, lvs = by_neuron.cvs(sums, drawn), by_neuron.lvs(sums, drawn)
    lengths = by_neuron.mean_intervals(sums, drawn)
    for k, times in enumerate(drawn):
        gaps = spike_statistics.intervals(repeated(spikes, times))
        assert np.allclose(cvs[k], spike_statistics.cv(gaps, 8).values, equal_nan=True)
        assert np.allclose(lvs[k], spike_statistics.lv(gaps, 8).values, equal_nan=True)
        for unit in np.flatnonzero(np.isfinite(cvs[k])):
            mine = gaps.length[gaps.unit == unit]
            assert np.isclose(cvs[k, unit], elephant.statistics.cv(mine))
            assert np.isclose(lengths[k, unit], mine.mean())
    train = np.sort(np.random.default_rng(3).uniform(0, 300, 30))
    one = in_order(np.zeros(30, int), train, np.zeros(30, int))
    sums = by_neuron.interval_sums(spike_statistics.intervals(one), 1, 1)
    assert np.isclose(
        by_neuron.lvs(sums, np.ones((1, 1)))[0, 0], elephant.statistics.lv(np.diff(train))
    )


def test_rates_and_fano_factors_equal_those_of_elephant() -> None:
    spikes, counts, labels = made()
    rates = by_neuron.rates(counts, 300.0, ONES)[0]
    trains = [
        neo.SpikeTrain(np.sort(spikes.time[(spikes.trial == t) & (spikes.unit == 0)]), 300.0, "ms")
        for t in range(60)
    ]
    mean = np.mean([float(elephant.statistics.mean_firing_rate(t).rescale(pq.Hz)) for t in trains])
    assert np.isclose(rates[0], mean)
    factors = [
        elephant.statistics.fanofactor([trains[t] for t in np.flatnonzero(labels == kind)])
        for kind in range(4)
    ]
    unbiased = np.mean(factors) * 15 / 14
    assert np.isclose(by_neuron.fanos(counts, labels, ONES)[0, 0], unbiased)
    for drawn in resampled(labels, 8, np.random.default_rng(0), 2).trials:
        again = np.repeat(np.arange(60), drawn.astype(int))
        wanted = spike_statistics.fano(counts[again], labels[again]).values
        assert np.allclose(by_neuron.fanos(counts, labels, drawn[None])[0], wanted, equal_nan=True)


@pytest.mark.parametrize("duration", [100.0, 1000.0])
def test_poisson_neurons_have_their_closed_forms(duration: float) -> None:
    rates = np.full((2000, 5), 40.0)
    spikes = poisson(rates, duration, 1)
    counts = np.zeros((2000, 5))
    np.add.at(counts, (spikes.trial, spikes.unit), 1)
    one, labels = np.ones((1, 2000)), np.zeros(2000, int)
    assert np.allclose(by_neuron.rates(counts, duration, one), 40, rtol=0.05)
    assert np.allclose(by_neuron.fanos(counts, labels, one), 1, atol=0.12)
    sums = by_neuron.interval_sums(spike_statistics.intervals(spikes), 2000, 5)
    assert np.allclose(by_neuron.lvs(sums, one), 1, atol=0.05)  # two intervals that fit are alike
    if duration == 1000:  # 40 intervals fit into a trial
        assert np.allclose(by_neuron.cvs(sums, one), 1, atol=0.05)
    noise = shared_variability.mean_noise_correlation(
        counts, labels, resampled(labels, 5, np.random.default_rng(0), 1)
    )
    assert abs(noise[0]) < 0.02


def test_selectivity_and_sparseness_equal_those_of_single_networks() -> None:
    _, counts, labels = made()
    means = by_neuron.mean_responses(counts, labels, ONES)
    assert np.allclose(means[0], [counts[labels == kind].mean(axis=0) for kind in range(4)])
    from apical.measures.tuning import _selectivity

    assert np.allclose(by_neuron.selectivities(means)[0], _selectivity(means[0], 1.0).values)
    wanted = spike_statistics.lifetime_sparseness(counts, labels).values
    assert np.allclose(by_neuron.sparsenesses(means)[0], wanted)


def test_latency_is_where_the_psth_is_half_way_up() -> None:
    draw = np.random.default_rng(0)
    early, late = draw.normal(40, 5, 3000), draw.normal(70, 5, 3000)
    even = draw.uniform(0, 100, 3000)
    time = np.concatenate([early, late, even]) % 100
    spikes = in_order(draw.integers(0, 100, 9000), time, np.repeat([0, 1, 2], 3000))
    activity = Activity(np.ones((100, 3)), 100.0, None, spikes)
    binned = by_neuron.binned_counts(activity, 50)
    assert binned.sum() == 9000
    assert np.array_equal(binned.sum(axis=(0, 2)), [3000] * 3)
    found = by_neuron.latencies(binned, 2.0, np.ones((1, 100)))[0]
    half = 5 * np.sqrt(2 * np.log(2))  # of a Gaussian
    assert np.allclose(found[:2], [40 - half, 70 - half], atol=1.5) and np.isnan(found[2])


def test_correlations_equal_those_of_pairs_one_by_one() -> None:
    draw, labels = np.random.default_rng(0), np.arange(90) % 3
    data = (
        draw.normal(size=(90, 6))
        + 0.7 * draw.normal(size=(90, 1))
        + 3 * draw.normal(size=(3, 6))[labels]
    )
    some = resampled(labels, 6, draw, 3)
    found = shared_variability.mean_noise_correlation(data, labels, some)
    scores = np.concatenate(
        [(p - p.mean(0)) / p.std(0) for p in (data[labels == k] for k in range(3))]
    )
    pairs = np.triu_indices(6, 1)
    assert np.isclose(found[0], np.corrcoef(scores.T)[pairs].mean())
    means = by_neuron.mean_responses(data, labels, some.trials)
    signal = shared_variability.mean_signal_correlation(means, some)
    for k in range(4):
        values = [
            np.corrcoef(means[k][:, i], means[k][:, j])[0, 1]
            for a, i in enumerate(some.neurons[k])
            for j in some.neurons[k][a + 1 :]
            if i != j
        ]
        assert np.isclose(signal[k], np.mean(values))
    silent = np.zeros((90, 4))
    assert np.isnan(
        shared_variability.mean_noise_correlation(silent, labels, resampled(labels, 4, draw, 1))
    ).all()


def test_dimensionality_is_the_participation_ratio_of_what_is_drawn() -> None:
    draw = np.random.default_rng(0)
    data = draw.normal(size=(40, 9)) * np.arange(1, 10)
    some = resampled(np.zeros(40, int), 9, draw, 3)
    found = shared_variability.dimensionalities(data, some)
    for k in range(4):
        rows = np.repeat(np.arange(40), some.trials[k].astype(int))
        assert np.isclose(found[k], participation_ratio(data[rows][:, some.neurons[k]]), rtol=1e-4)
    flat = Resamples(np.ones((1, 40)), np.arange(9)[None])
    assert np.isnan(shared_variability.dimensionalities(np.ones((40, 9)), flat)[0])


def test_cross_validated_spectra_equal_loops_and_leave_noise_out() -> None:
    draw = np.random.default_rng(0)
    stimuli, n, alpha = 400, 500, 1.2
    left = draw.normal(size=(stimuli, 399))
    left = np.linalg.qr(left - left.mean(axis=0))[0] * np.sqrt(stimuli)
    right = np.linalg.qr(draw.normal(size=(n, 399)))[0]
    signal = (left * np.arange(1, 400) ** (-alpha / 2)) @ right.T
    one, other = (signal + 0.01 * draw.normal(size=signal.shape) for _ in range(2))
    found = cross_validated_spectrum(one, other)
    x, y = one - one.mean(0), other - other.mean(0)
    _, _, axes = np.linalg.svd(x, full_matrices=False)
    wanted = [np.dot(x @ u, y @ u) / stimuli for u in axes[:20]]
    assert np.allclose(found[:20], wanted)
    assert abs(exponent(found) - alpha) < 0.1
    noise = [draw.normal(size=(60, 40)) for _ in range(2)]
    assert abs(cross_validated_spectrum(*noise).mean()) < 0.1  # plain PCA gives 1 on average
    assert np.isnan(exponent(np.full(30, -1.0))) and np.isnan(exponent(np.ones(6)))
    with pytest.raises(Exception, match="two repetitions of the same stimuli"):
        cross_validated_spectrum(one, other[:10])
