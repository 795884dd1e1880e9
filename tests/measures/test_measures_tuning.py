"""Read-out and tuning: what is told of the class, from nothing to all of it."""

import numpy as np
import pytest
from made_records import poisson, records, tuned
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import mutual_info_score

from apical.errors import ParameterError
from apical.measures.tuning import readout_accuracy, tuning
from apical.records.arrays import Records


def tuned_records(n_trials: int = 100, n: int = 30, mean: float = 40.0) -> Records:
    labels, rates = tuned(n_trials, n, 4, mean)
    return records({"h": (poisson(rates, 200.0), n)}, labels, 200.0)


def noise(labels: np.ndarray, n: int = 200, samples: np.ndarray | None = None) -> Records:
    """Return activities that say nothing of the class, more of them than trials."""
    values = np.random.default_rng(0).normal(size=(len(labels), n))
    return records({}, labels, signals={"h": values}, samples=samples)


def test_a_tuned_population_tells_the_class() -> None:
    found = readout_accuracy(tuned_records(), "h")
    assert len(found.values) == 100 and found.undefined == 0
    assert found.defined.mean() > 0.95
    assert found.note == "5 parts; share of the largest class: 0.25"


def test_noise_tells_nothing_of_trials_that_were_held_out() -> None:
    """200 neurons separate 100 trials perfectly; only trials held out show that it is noise."""
    found = readout_accuracy(noise(np.arange(100) % 4), "h")
    assert 0.1 < found.defined.mean() < 0.4


def test_trials_of_one_sample_are_held_out_together() -> None:
    """Each sample has noise of its own, the same in its 5 trials: nothing to learn of the class."""
    samples = np.repeat(np.arange(40), 5)
    labels = np.repeat(np.random.default_rng(1).permutation(np.arange(40) % 2), 5)
    values = np.random.default_rng(0).normal(size=(40, 100))[samples]
    made = records({}, labels, signals={"h": values}, samples=samples)
    assert readout_accuracy(made, "h").defined.mean() < 0.75
    as_trials = records({}, labels, signals={"h": values})
    assert readout_accuracy(as_trials, "h").defined.mean() == 1


def test_one_sample_a_class_is_said() -> None:
    labels = np.arange(20) % 2
    found = readout_accuracy(noise(labels, samples=labels), "h")
    assert found.undefined == 0 and "trials of one sample are in several parts" in found.note


def test_classes_of_a_single_trial_are_left_out() -> None:
    found = readout_accuracy(noise(np.array([0, 0, 0, 1, 1, 1, 2])), "h")
    assert found.undefined == 1 and "fewer than 2 trials" in found.why
    assert found.note.startswith("3 parts")
    for labels in ([0], [0, 0, 0], [0, 1, 2]):
        nothing = readout_accuracy(noise(np.array(labels)), "h")
        assert nothing.undefined == len(labels)


@pytest.mark.parametrize("seed", range(20))
def test_any_few_trials_can_be_read(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    samples = rng.integers(0, 6, n)
    labels = rng.integers(0, 3, 6)[samples]
    found = readout_accuracy(noise(labels, 3, samples), "h")
    assert len(found.values) == n


def test_selectivity_of_one_class_and_of_none() -> None:
    labels = np.arange(8) % 4
    values = np.stack([labels == 2, np.ones(8), np.zeros(8), labels], axis=1).astype(float)
    found = tuning(records({}, labels, signals={"h": values}), "h")["selectivity"]
    np.testing.assert_allclose(found.values[[0, 1]], [1, 0])
    assert found.values[3] == pytest.approx((3 - 1) / (3 + 1))  # the others: 0, 1 and 2
    assert found.undefined == 1 and found.why == "silent, or active below 0"


def test_anova_is_that_of_the_textbook() -> None:
    made = tuned_records(40, 5)
    x, labels = made.rates("h"), made.labels
    groups = [x[labels == k] for k in range(4)]
    between = sum(len(g) * (g.mean(axis=0) - x.mean(axis=0)) ** 2 for g in groups) / 3
    within = sum(((g - g.mean(axis=0)) ** 2).sum(axis=0) for g in groups) / 36
    np.testing.assert_allclose(tuning(made, "h")["anova_f"].values, between / within)


def test_information_is_that_of_the_contingency_table() -> None:
    made = tuned_records(200, 5)
    found = tuning(made, "h")["mutual_information"]
    expected = [mutual_info_score(made.labels, c) / np.log(2) for c in made.counts("h").T]
    np.testing.assert_allclose(found.values, expected)
    assert found.unit == "bit"


def information(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return tuning(records({}, labels, signals={"h": values}), "h")["mutual_information"].values


def test_neurons_that_do_the_same_tell_the_same() -> None:
    """Ties were broken by random numbers: one neuron, shown 6 times, told 0.058 to 0.1 bit."""
    rng, labels = np.random.default_rng(0), np.arange(40) % 4
    order = rng.permutation(40)
    rectified = np.maximum(rng.normal(size=(40, 4)) + 0.3 * labels[:, None], 0)
    for values in (rng.gamma(2, 1, (40, 4)), rectified, rng.integers(0, 5, (40, 4)) / 10):
        found = information(values, labels)
        for same in (
            information(np.repeat(values, 3, axis=1), labels)[::3],
            information(np.repeat(values, 3, axis=1), labels)[2::3],
            information(values[:, ::-1], labels)[::-1],
            information(values[order], labels[order]),
            information(7 - 1e3 * values, 3 - labels),
        ):
            np.testing.assert_allclose(same, found, rtol=1e-12)


def test_information_without_ties_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    labels = np.array([0] * 30 + [1] * 50 + [2] * 11 + [3])  # one trial of a class is left out
    values = rng.normal(size=(92, 12)) + np.arange(12) / 4 * labels[:, None]
    expected = mutual_info_classif(values, labels, random_state=0) / np.log(2)
    np.testing.assert_allclose(information(values, labels), expected, rtol=1e-10)


def test_information_of_two_activities_is_that_of_their_table() -> None:
    labels = np.arange(4000) % 4
    values = (np.random.default_rng(2).random((4000, 3)) < (1 + labels[:, None]) / 5) * 0.7
    expected = [mutual_info_score(labels, x > 0) / np.log(2) for x in values.T]
    np.testing.assert_allclose(information(values, labels), expected, atol=4e-3)


def test_all_of_the_class_is_two_bits_of_four() -> None:
    labels = np.arange(400) % 4
    rates = np.array([0.0, 200.0, 400.0, 900.0])[labels][:, None]
    made = records({"h": (poisson(rates, 1000.0), 1)}, labels, 1000.0)
    told = tuning(made, "h")["mutual_information"].values[0]
    assert told == pytest.approx(2, abs=0.01)
    graded = records(
        {}, labels, signals={"h": rates + np.random.default_rng(0).normal(size=(400, 1))}
    )
    assert tuning(graded, "h")["mutual_information"].values[0] == pytest.approx(2, abs=0.1)


def test_what_is_silent_or_has_one_class_is_named() -> None:
    labels, rates = tuned(20, 3, 2, 40.0)
    rates[:, 0] = 0
    made = records({"h": (poisson(rates, 200.0), 3)}, labels, 200.0)
    for name, found in tuning(made, "h").items():
        assert found.undefined == 1 and found.why, name
    one = records({"h": (poisson(rates, 200.0), 3)}, np.zeros(20, int), 200.0)
    for found in tuning(one, "h").values():
        assert found.undefined == 3 and "fewer than 2 classes" in found.why
    single = records({"h": (poisson(rates[:2], 200.0), 3)}, np.arange(2), 200.0)
    assert tuning(single, "h")["anova_f"].undefined == 3


def test_seeds_are_those_that_scikit_learn_takes() -> None:
    made = tuned_records(20, 5)
    assert readout_accuracy(made, "h", seed=2**32 - 1).values.shape == (20,)
    for wrong in (2**32, -1):
        with pytest.raises(ParameterError, match="seed"):
            readout_accuracy(made, "h", seed=wrong)
