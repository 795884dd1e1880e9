"""Analysis: all tables of any records, and nothing missing without a word."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from made_records import poisson, records, regular, tuned

from apical.errors import DataError
from apical.measures import tables as analysis
from apical.measures.tables import Analysis, analyze
from apical.records.arrays import Records, Spikes, Units

NOTHING = Spikes(*(np.zeros(0, int) for _ in range(3)))


def network(n_trials: int = 60, duration: float = 400.0) -> Records:
    """Return a stimulus, a layer that spikes with a silent neuron, and an output of rates."""
    labels, slow = tuned(n_trials, 12, 4, 20.0, 1)
    _, fast = tuned(n_trials, 10, 4, 40.0, 2)
    fast[:, 3] = 0
    output = np.eye(4)[labels] + np.random.default_rng(0).uniform(0, 0.5, (n_trials, 4))
    return records(
        {"x": (poisson(slow, duration, 1), 12), "h": (poisson(fast, duration, 2), 10)},
        labels,
        duration,
        signals={"y": output},
    )


def measure(found: Analysis, population: str, name: str) -> pandas.Series:
    rows = found.measures
    chosen = rows[(rows.population == population) & (rows.measure == name)]
    assert len(chosen) == 1, (population, name)
    return chosen.iloc[0]


def nothing_is_missing_without_a_word(found: Analysis) -> None:
    """Check that every number that is not there is counted, and has a reason."""
    rows = found.measures
    assert not rows.drop(columns=["value", "sd"]).isna().to_numpy().any()
    assert (rows[rows.value.isna()].n == 0).all()
    assert (rows[rows.n == 0].value.isna()).all()
    assert (rows[rows.undefined > 0].why != "").all() and (
        rows[rows.undefined == 0].why == ""
    ).all()
    assert (rows.source != "").all()
    per_neuron = rows[rows.each == "neuron"]
    for row in per_neuron.itertuples():
        values = found.neurons[found.neurons.population == row.population][row.measure]
        assert values.isna().sum() == row.undefined
        if row.n:
            assert values.mean() == pytest.approx(row.value)
    similar = found.similarity
    likeness = ["rsa", "rsa_rho_a", "cka", "cka_debiased"]
    assert (similar[similar[likeness].isna().any(axis=1)].why != "").all()


def test_every_population_is_measured() -> None:
    made = network()
    found = analyze(made)
    nothing_is_missing_without_a_word(found)
    assert found.populations == ("x", "h", "y")
    assert measure(found, "h", "rate").value == pytest.approx(made.rates("h").mean())
    assert measure(found, "h", "rate").unit == "Hz"
    assert measure(found, "h", "fano").undefined == 1
    assert measure(found, "y", "activity").value == pytest.approx(made.rates("y").mean())
    assert measure(found, "y", "readout_accuracy").value == 1
    assert "rate" not in set(found.measures[found.measures.population == "y"].measure)
    assert any(note.startswith("y: has activities, not spikes") for note in found.notes)
    assert found.neurons.index.tolist() == list(range(26))


def test_arrays_of_figures_are_there() -> None:
    found = analyze(network())
    assert set(found.rates) == set(found.cvs) == {"x", "h"}
    assert found.rates["h"].shape == (10,) and np.isfinite(found.cvs["h"]).all()
    assert set(found.rdms) == {"x", "h", "y"} and found.rdms["h"].matrix.shape == (4, 4)
    assert set(found.likeness) == {"rsa", "rsa_rho_a", "cka", "cka_debiased"}
    for matrix in found.likeness.values():
        np.testing.assert_allclose(np.diag(matrix), 1)
        np.testing.assert_allclose(matrix, matrix.T)
    pair = found.similarity.iloc[0]
    assert (pair.population_a, pair.population_b) == ("x", "h")
    assert pair.cka == found.cka[0, 1] and pair.rsa == found.rsa[0, 1]
    assert all(pair[name] == matrix[0, 1] for name, matrix in found.likeness.items())
    assert pair.cka_debiased < pair.cka
    assert 0 < pair.cka_by_chance < pair.cka


def test_tables_are_written_and_read_back(tmp_path: Path) -> None:
    found = analyze(network())
    files = found.write(tmp_path / "new" / "folder")
    assert [file.name for file in files] == [
        "measures.csv",
        "neurons.csv",
        "similarity.csv",
        "notes.csv",
        "rdm_x.csv",
        "rdm_h.csv",
        "rdm_y.csv",
    ]
    back = pandas.read_csv(files[0], keep_default_na=False)
    assert back.shape == found.measures.shape
    rdm = pandas.read_csv(files[5], index_col="class")
    np.testing.assert_allclose(rdm.to_numpy(), found.rdms["h"].matrix, atol=1e-12)
    assert found.notes[0] in files[3].read_text()


def test_short_trials_are_said() -> None:
    assert any("mean intervals between spikes" in note for note in analyze(network(60, 50.0)).notes)
    assert not any(note.startswith("h: a trial") for note in analyze(network(8, 2000.0)).notes)


@pytest.mark.parametrize(("spikes", "said"), [(4, True), (5, False), (6, False)])
def test_five_mean_intervals_in_a_trial_are_enough(spikes: int, said: bool) -> None:
    """`spikes` in 100 ms are as many mean intervals, each 100 / `spikes` ms long."""
    made = records({"h": (regular(3, 2, 100.0, 100.0 / spikes), 2)}, np.arange(3))
    assert made.rates("h").mean() == pytest.approx(10 * spikes)
    note = f"h: a trial holds {spikes} mean intervals between spikes; below 5"
    assert any(n.startswith(note) for n in analyze(made).notes) == said


@pytest.mark.parametrize("n_trials", [1, 2, 3])
def test_few_trials_work(n_trials: int) -> None:
    found = analyze(network(n_trials))
    nothing_is_missing_without_a_word(found)
    assert np.isfinite(measure(found, "h", "rate").value)
    if n_trials == 1:
        assert measure(found, "h", "fano").why == "there are no two trials"
        assert np.isnan(found.cka).all()


def test_a_single_class_works() -> None:
    made = network()
    found = analyze(replace(made, labels=np.zeros(60, int)))
    nothing_is_missing_without_a_word(found)
    assert measure(found, "h", "readout_accuracy").n == 0
    assert measure(found, "h", "selectivity").why == "fewer than 2 classes"
    assert "Classes in the records: 1; RSA needs 3, and is left out." in found.notes
    assert np.isnan(found.rsa).all() and np.isfinite(found.cka).all()


def test_silence_is_said() -> None:
    made = network()
    found = analyze(replace(made, spikes={**made.spikes, "h": NOTHING}))
    nothing_is_missing_without_a_word(found)
    assert "h: is silent in all trials." in found.notes
    assert any(n.startswith("h: the mean response to 4 of 4 classes (0, 1") for n in found.notes)
    assert measure(found, "h", "rate").value == 0
    assert measure(found, "h", "dimensionality").undefined == 1
    assert measure(found, "h", "readout_accuracy").value <= 0.3


def test_rates_below_0_have_no_sparseness() -> None:
    made = network()
    signals = {"y.x": made.signals["y.x"] - 0.3}
    found = analyze(replace(made, signals=signals))
    nothing_is_missing_without_a_word(found)
    names = set(found.measures[found.measures.population == "y"].measure)
    assert "population_sparseness" not in names and "activity" in names
    assert any("as is sparseness: some are below 0" in note for note in found.notes)


def test_a_network_of_rates_works() -> None:
    made = network()
    found = analyze(replace(made, units={"y": made.units["y"]}, spikes={}))
    nothing_is_missing_without_a_word(found)
    assert found.populations == ("y",) and not found.rates and not found.cvs
    assert len(found.similarity) == 0 and found.cka.shape == (1, 1)


def test_what_cannot_be_analysed_is_left_out_and_said() -> None:
    made = network()
    units = {"none": Units("LIF", np.zeros(0, int)), "dumb": made.units["y"], **made.units}
    broken = made.signals["y.x"].copy()
    broken[2] = np.inf
    found = analyze(replace(made, units=units, signals={"y.x": broken}))
    assert found.populations == ("x", "h")
    assert found.notes[0] == "none: has no neurons, and is left out."
    assert found.notes[1].startswith("dumb: neither spikes nor activities were recorded")
    assert found.notes[2].startswith("y: is left out. The activity of 'y' is not finite in 1 of 60")


def test_nothing_to_analyse_is_one_line() -> None:
    made = network()
    with pytest.raises(DataError, match="nothing to analyse. x: neither spikes nor activities"):
        analyze(replace(made, spikes={}, signals={}))
    with pytest.raises(DataError, match="nothing to analyse. They hold no populations"):
        analyze(replace(made, units={}, spikes={}, signals={}))
    none = np.zeros(0, int)
    nothing = {"samples": none, "labels": none, "decisions": none, "values": np.zeros((0, 4))}
    with pytest.raises(DataError, match="hold no trial; record one or more"):
        analyze(replace(made, **nothing, spikes={"x": NOTHING}, signals={}))


def test_weights_tell_what_neurons_receive() -> None:
    made = network()
    joined = [
        {"name": "x_to_h", "pre": "x", "post": "h", "kind": "forward"},
        {"name": "y_to_h", "pre": "y", "post": "h", "kind": "feedback"},
    ]
    made = replace(made, about={"projections": joined})
    weights = np.random.default_rng(0).normal(size=(12, 10))
    found = analyze(made, weights={"x_to_h": weights, "y_to_h": np.ones((4, 10))})
    nothing_is_missing_without_a_word(found)
    sent = made.rates("x").mean(axis=0)[:, None] * weights
    expected = [-column[column > 0].sum() / column[column < 0].sum() for column in sent.T]
    got = found.neurons[found.neurons.population == "h"].input_excitation_inhibition
    np.testing.assert_allclose(got, expected)
    with pytest.raises(DataError, match="Weights onto 'h' are for 9 neurons, but it has 10"):
        analyze(made, weights={"x_to_h": weights[:, :9]})


def test_error_neurons_know_the_label() -> None:
    made = network()
    units = {**made.units, "y": Units("RateError", np.zeros(4, int))}
    notes = analyze(replace(made, units=units)).notes
    assert any(note.startswith("y: is shown the labels") for note in notes)
    assert not any(note.startswith("h: is shown the labels") for note in notes)


def test_many_classes_have_no_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "LARGEST_RDM", 3)
    found = analyze(network(20))
    assert not found.rdms and "4 classes: above 3, dissimilarities are left out." in found.notes
    nothing_is_missing_without_a_word(found)


@pytest.mark.slow
def test_a_thousand_trials_of_500_neurons_take_little() -> None:
    """784-500-10, 100 ms, 20 Hz, 40 spikes of the stimulus a trial: under 60 s and 2 GB."""
    ended = subprocess.run(
        [sys.executable, "-c", _LARGE],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    seconds, kilobytes = map(float, ended.stdout.split())
    assert seconds < 60 and kilobytes < 2e6


_LARGE = """
import resource, time
from made_records import poisson, records, tuned
layers = (("x", 784, 400 / 784), ("h", 500, 20.0), ("y", 10, 30.0))
made = [(name, n, tuned(1000, n, 10, mean, n)) for name, n, mean in layers]
spikes = {name: (poisson(rates, 100.0, n), n) for name, n, (_, rates) in made}
what = records(spikes, made[0][2][0], 100.0)
began = time.perf_counter()
from apical.analysis import analyze
assert len(analyze(what).measures) == 45
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
