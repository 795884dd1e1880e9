"""Rounding learns nothing: updates that cancel have no angle, equal accuracies no difference."""

from dataclasses import replace
from itertools import product
from typing import Any

import networks
import numpy as np
import pandas as pd
import pytest
import rate_networks
from matplotlib import pyplot
from test_measures_learning import network_weights, records_of, weights_of

from apical import Network, plotting, simulate
from apical.errors import DataError
from apical.measures.alignment import angle, angles_to_backpropagation
from apical.measures.learning import sign_measures, weight_measures
from apical.measures.normality import normal_fit
from apical.measures.saturation import unit_measures
from apical.measures.spike_distance import van_rossum
from apical.measures.updates import Moments, update
from apical.plausibility.matching import compare
from apical.sweeps import statistics
from apical.training.unsupervised import Assignment, assigned


def test_the_angle_of_parallel_vectors_is_0_to_the_last_digits() -> None:
    rng = np.random.default_rng(0)
    for size in (1e-200, 1e-12, 1.0, 1e12, 1e200):
        x = rng.normal(size=(7, 5))
        assert angle(x, size * x) < 1e-9
        assert angle(x, -size * x) == pytest.approx(180, abs=1e-9)
        turned = np.array([1.0, 1e-9])
        assert angle(np.array([size, 0]), turned) == pytest.approx(np.degrees(1e-9), rel=1e-6)
    assert np.isnan(angle(np.zeros(3), np.ones(3)))


def test_updates_that_cancel_ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three trials of one stimulus, whose errors are 0.1, 0.2 and -0.3, which is no sum of 0."""
    plastic = networks.small().plastic[0]
    errors = np.array([0.1, 0.2, -0.3])

    def signal(_: Moments, population: Any, name: str) -> np.ndarray:
        if name == "teach":
            return errors[:, None] * np.linspace(1, 2, population.size)
        return np.full((3, population.size), 0.7)

    monkeypatch.setattr(Moments, "signal", signal)
    records = records_of(signals={"hidden_0.x": np.zeros((3, 1, plastic.post.size))})
    w = np.zeros(plastic.shape)
    assert not update(plastic, w, records).any()
    errors[2] = -0.2
    assert update(plastic, w, records).all()
    errors *= 1e-30
    assert update(plastic, w, records).all()


def test_updates_of_rates_that_cancel_have_no_angle() -> None:
    """Stimuli come with their targets turned over, so that the biases have nothing to learn."""
    network = rate_networks.rates(sizes=(6, 5, 3), activation="linear", output="linear")
    simulator = simulate(network, "array", dtype="float64")
    weights = weights_of(simulator)
    simulator.load({name: np.zeros_like(w) for name, w in weights.items() if "bias" in name})
    rng = np.random.default_rng(0)
    values = rng.uniform(size=(20, 6))
    block = rate_networks.Block(
        np.concatenate([values, 1 - values]), targets=None, labels=np.zeros(40, int)
    )
    there = angles_to_backpropagation(simulator, block)
    assert all(np.isfinite(there[name]) for name in there)
    # outputs are odd about the middle of the stimuli: with these targets all errors cancel
    w = weights_of(simulator)
    middle = np.full((1, 6), 0.5)
    for p in network.forward:
        if "bias" not in p.name:
            middle = middle @ w[p.name]
    targets = np.broadcast_to(middle, (40, 3)).copy()
    block = replace(block, labels=None, targets=targets)
    found = angles_to_backpropagation(simulator, block)
    assert [np.isnan(found[name]) for name in found if "bias" in name] == [True]
    assert all(np.isfinite(found[name]) for name in found if "bias" not in name)


def small(bounds: tuple[float, float] | None = None) -> tuple[Network, dict[str, np.ndarray]]:
    network = networks.small(bounds=bounds)
    return network, network_weights(network)


def test_weights_beside_which_others_are_nothing() -> None:
    network, weights = small((-0.1, 0.1))
    w = np.full((8, 3), 0.05, np.float32)
    w[:2] = 0.1  # as single precision has it
    w[2] = 1e-17
    weights["hidden_0_to_output"] = w
    row = weight_measures(network, weights).set_index("projection").loc["hidden_0_to_output"]
    assert row["zeros"] == pytest.approx(3 / 24)
    assert row["at_bounds"] == pytest.approx(6 / 24)
    weights["hidden_0_to_output"] = np.abs(w) - 1e-18
    mixed = sign_measures(network, weights).set_index("population").loc["hidden_0"]
    assert mixed["mixed"] == 0
    weights["hidden_0_to_output"] = np.where(w < 1e-3, -1e-18, w).astype(float)
    mixed = sign_measures(network, weights).set_index("population").loc["hidden_0"]
    assert mixed["mixed"] == 0


def test_units_beside_which_others_are_dead() -> None:
    network = rate_networks.rates(sizes=(6, 5, 4, 3), activation="relu", output="logistic")
    relu = np.full((200, 1, 5), 0.5)
    relu[:, 0, 1] = 1e-17
    records = records_of(signals={"hidden_1.x": relu, "output.x": np.full((200, 1, 3), 0.5)})
    table = unit_measures(network, records).set_index("population")
    assert table.loc["hidden_1", "dead"] == pytest.approx(1 / 5)


def test_numbers_that_are_all_alike_are_not_normal() -> None:
    with pytest.raises(DataError, match="not all alike"):
        normal_fit(0.1 + 1e-16 * np.arange(20))
    assert normal_fit(1e-12 * np.arange(20)).std > 0


def test_a_train_is_no_distance_from_itself() -> None:
    times = np.random.default_rng(0).uniform(0, 100, 200)
    assert van_rossum(times, times[::-1] * (1 + 1e-15)) == 0
    assert van_rossum(times, times + 0.1) > 0


def test_accuracies_equal_within_rounding_do_not_differ() -> None:
    """0.1 + 0.2 and 0.3 are one accuracy, whose difference from itself has no p and no size."""
    one = np.array([0.1 + 0.2, 0.3, 0.7 + 0.1, 0.8, 0.6])
    other = np.array([0.3, 0.1 + 0.2, 0.8, 0.7 + 0.1, 0.6])
    assert (one != other).any()
    frame = pd.DataFrame(
        {
            "run": range(10),
            "status": "done",
            "error": "",
            "seed": [*range(5)] * 2,
            "a": ["x"] * 5 + ["y"] * 5,
            "test_accuracy": [*one, *other],
        }
    )
    (row,) = statistics.comparisons(frame, ["a"], {"a": "x"}).to_dict("records")
    assert row["difference"] == row["low"] == row["high"] == row["effect"] == 0
    assert row["p_t"] == row["p_permutation"] == 1
    # the same difference everywhere has no spread
    frame.loc[5:, "test_accuracy"] = one + 0.05
    (row,) = statistics.comparisons(frame, ["a"], {"a": "x"}).to_dict("records")
    assert np.isnan(row["p_t"]) and np.isnan(row["effect"])


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_signs_that_give_the_same_mean_are_a_tie(size: float) -> None:
    """0.1 + 0.2 - 0.3 + 0.4 is as much as -0.1 - 0.2 + 0.3 + 0.4, whatever their last bits."""
    signs = np.array([*product((-1, 1), repeat=4)])
    rng = np.random.default_rng(0)
    for tenths in ([1, 2, -3, 4], [1, 2, 3, 4], [-1, -2, 3, 4], [1, 1, -2, 4]):
        means = signs @ tenths  # whole numbers: ties are exact
        less, more = np.mean(means <= np.sum(tenths)), np.mean(means >= np.sum(tenths))
        given = size * np.array(tenths) / 10 * (1 + 1e-13 * rng.uniform(-1, 1, 4))
        expected = min(1.0, 2 * min(less, more))
        assert statistics.permutation_test(given) == pytest.approx(expected)


def test_constant_weights_correlate_with_nothing() -> None:
    rng = np.random.default_rng(0)
    constant = np.full((5, 7), 0.1)
    shaken = constant * (1 + 1e-15 * rng.normal(size=(5, 7)))
    for other in (rng.normal(size=(5, 7)), shaken):
        match = compare(constant, other)
        assert "correlation" not in {test.name for test in match.tests} and not match.copies


def test_classes_that_are_equal_within_rounding_are_decided_by_their_order() -> None:
    assignment = Assignment(np.array([0, 1, 2]), 4)
    counts = np.array([[0.3, 0.1 + 0.2, 0.1], [0.1, 0.1 + 0.2, 0.3], [0, 0, 0]])
    assert assignment.decisions(counts).tolist() == [0, 1, 0]
    assert assignment.decisions(1e-12 * counts).tolist() == [0, 1, 0]
    found = assigned(np.array([[0.3, 1e-17], [0.1 + 0.2, 0]]), np.array([0, 1]), 2)
    assert found.classes.tolist() == [0, -1]


def test_figures_do_not_magnify_rounding() -> None:
    flat = 0.3 * (1 + 1e-15 * np.random.default_rng(0).normal(size=(5, 5)))
    (image,) = plotting.dissimilarity((flat + flat.T) / 2).images
    assert np.ptp(image.get_clim()) == pytest.approx(1)
    left, right = plotting.distributions({"a": flat}, "value [1]", kind="histogram").get_xlim()
    assert right - left > 0.1
    ax = plotting.firing_rates({"a": np.array([1e-15, 2.0, 3.0])})
    assert "1 of 3 silent" in ax.get_legend().get_texts()[0].get_text()
    model, recorded = np.array([0.1 + 0.2, 0.5]), np.array([0.3, 0.5])
    (panel,) = plotting.recording_comparison({"CV": model}, {"CV": recorded})
    assert "0.00" in panel.get_legend().get_title().get_text()
    pyplot.close("all")
