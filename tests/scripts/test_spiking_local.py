"""The spiking model of local receptive fields, and the model of events with converging fibres."""

import numpy as np
import pytest

from apical import Dataset, datasets, simulate, stream, train
from apical.errors import DataError
from apical.plausibility import check
from apical.scripts import models


def events(n_channels: int) -> Dataset:
    """Return four samples of two classes, which differ in the half of the channels that fires."""
    rng = stream(0, "events")
    labels = np.arange(4) % 2
    times = [np.sort(rng.uniform(0, 50, 20)) for _ in labels]
    channels = [rng.integers(0, n_channels // 2, 20) + k * n_channels // 2 for k in labels]
    trains = list(zip(times, channels, strict=True))
    return Dataset.from_events(trains, labels, trains, labels, n_channels=n_channels, duration=50.0)


def test_neurons_hear_their_window_alone() -> None:
    data = datasets.load("digits")
    network = models.load("spiking_local").build(data, 0, maps=3)
    check(network)
    weights = network.initial_weights("stimulus_to_hidden").reshape(8, 8, 3, 5, 5)
    heard = weights[:, :, 1, 2, 4] != 0
    assert heard[2:6, 4:8].all()
    assert heard.sum() == 16
    assert len(np.unique(weights[weights != 0])) == 3 * 25 * 16  # none is shared


def test_an_error_of_all_classes_alike_reaches_no_hidden_neuron() -> None:
    network = models.load("spiking_local").build(datasets.load("digits"), 0, maps=2)
    halves = network.initial_weights("error_to_hidden").reshape(2, 10, -1)
    np.testing.assert_allclose(halves.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_array_equal(halves[0], -halves[1])


def test_windows_need_images() -> None:
    with pytest.raises(DataError, match="Receptive fields need images"):
        models.load("spiking_local").build(events(4), 0)


@pytest.mark.slow
def test_it_learns_digits() -> None:
    data = datasets.load("digits")
    network = models.load("spiking_local").build(data, 0, maps=8)
    with simulate(network) as simulator:
        history = train(simulator, data, epochs=4, progress=False)
    assert history[-1].metrics["test_accuracy"] > 0.8


def test_neighbouring_channels_converge() -> None:
    network = models.load("eprop_events").build(events(12), 0, hidden=4, bundle=3, tau_out=100.0)
    check(network)
    assert {p.name: p.size for p in network.populations}["bundles"] == 4
    assert network.edges("stimulus_to_bundles").in_degrees.tolist() == [3] * 4
    assert [p.name for p in network.plastic] == [
        "bundles_to_hidden",
        "hidden_to_hidden",
        "hidden_to_output",
    ]
    taught = {p.post.name for p in network.feedback.projections}
    assert taught == {"hidden", "output"}
