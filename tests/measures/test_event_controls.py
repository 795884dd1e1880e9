"""Controls of event data, against tasks whose answers are known."""

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binomtest

import apical as ap
from apical.cli.app import commands
from apical.errors import DataError, ParameterError
from apical.measures.event_controls import event_controls


def order_task(n, rng):
    """Which of two channels fires first: nothing is in counts."""
    labels = np.arange(n) % 2
    trains = [([rng.uniform(0, 4), rng.uniform(6, 10)], [k, 1 - k]) for k in labels]
    return trains, labels


def count_task(n, rng):
    """Which of two channels fires more, at any times."""
    labels = np.arange(n) % 2
    trains = [
        (np.sort(rng.uniform(0, 10, 5)), rng.permutation([k, k, k, k, 1 - k])) for k in labels
    ]
    return trains, labels


def made(task):
    rng = ap.stream(0, "data")
    return ap.Dataset.from_events(*task(200, rng), *task(100, rng), n_channels=2, duration=10)


def accuracies(found):
    return dict(zip(found["name"], found["test_accuracy"], strict=True))


@pytest.mark.parametrize("readout", ["least squares", "logistic"])
def test_order_is_in_windows_alone(readout):
    if readout == "logistic":
        pytest.importorskip("sklearn")
    found = accuracies(event_controls(made(order_task), windows=2, readout=readout))
    assert found["input in 2 windows"] == 1.0
    assert found["counts alone"] == 0.5
    assert found["times shuffled, in 2 windows"] < 0.7


def test_counts_survive_the_shuffle():
    found = accuracies(event_controls(made(count_task), windows=2))
    assert min(found.values()) == 1.0


def test_the_shuffle_keeps_counts_and_times():
    data = made(count_task)
    other = ap.datasets.shuffled_times(data)
    assert (other.train.counts() == data.train.counts()).all()
    assert (other.train.times == data.train.times).all()
    assert (other.train.channels != data.train.channels).any()
    again, third = (ap.datasets.shuffled_times(data, seed=seed) for seed in (0, 1))
    assert (other.train.channels == again.train.channels).all()
    assert (other.train.channels != third.train.channels).any()


def test_times_of_dealt_events_are_uniform_over_events():
    """The one event of channel 1 among four is at each time in a quarter of the samples."""
    trains = [([1.0, 2.0, 3.0, 4.0], [1, 0, 0, 0])] * 4000
    data = ap.Dataset.from_events(trains, np.arange(4000) % 2, n_channels=2)
    other = ap.datasets.shuffled_times(data).train
    share = np.bincount(other.times[other.channels == 1].astype(int))[1:] / 4000
    assert np.abs(share - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 4000)


def test_networks_stand_in_the_same_table_with_intervals():
    found = event_controls(made(order_task), networks={"LIF": 0.83})
    last = found.iloc[-1]
    assert (last["name"], last["readout"], last["test_accuracy"]) == ("LIF", "network", 0.83)
    known = binomtest(83, 100).proportion_ci(method="wilson")
    assert np.allclose([last["low"], last["high"]], [known.low, known.high])


def test_what_does_not_fit_is_one_line():
    with pytest.raises(DataError, match="digits: is no data set of events"):
        event_controls(ap.datasets.load("digits"))
    with pytest.raises(DataError, match="digits: is no data set of events"):
        ap.datasets.shuffled_times(ap.datasets.load("digits"))
    with pytest.raises(ParameterError, match="accuracies as fractions, got 83.0 of 'LIF'"):
        event_controls(made(order_task), networks={"LIF": 83})


def test_the_command_shows_the_table(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    file = ap.datasets.save_events(made(order_task), tmp_path / "order.npz")
    asked = ["data", "controls", str(file), "--windows", "2", "--test-trials", "50"]
    found = CliRunner().invoke(commands, asked)
    assert found.exit_code == 0, found.output
    (line,) = (line for line in found.output.splitlines() if "counts alone" in line)
    low, high = binomtest(25, 50).proportion_ci(method="wilson")
    assert f"{100 * low:.2f} to {100 * high:.2f}" in line
    assert "50.00" in line
    refused = CliRunner().invoke(commands, ["data", "controls", "digits"])
    assert refused.exit_code != 0
