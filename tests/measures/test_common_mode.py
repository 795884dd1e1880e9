"""What trials have in common: patterns whose cosines and shares are known in closed form."""

import numpy as np
import pytest

from apical.errors import DataError
from apical.measures.common_mode import (
    between_trials,
    common_mode,
    first_reaching,
    gate_participation,
    mean_cosine,
)
from apical.measures.representation import participation_ratio


def test_cosines_are_those_of_all_pairs() -> None:
    x = np.random.default_rng(0).normal(0.5, 1, (12, 7))
    pairs = [
        x[i] @ x[j] / np.linalg.norm(x[i]) / np.linalg.norm(x[j])
        for i in range(12)
        for j in range(12)
        if i != j
    ]
    assert mean_cosine(x) == pytest.approx(np.mean(pairs))
    lengths = np.linspace(1e-3, 1e3, 12)[:, None]
    assert mean_cosine(lengths * x) == pytest.approx(mean_cosine(x))
    silent = np.concatenate([x, np.zeros((3, 7))])
    assert mean_cosine(silent) == pytest.approx(mean_cosine(x))


@pytest.mark.parametrize(("n", "angle"), [(2, 0.3), (5, 0.3), (5, 1.2)])
def test_a_common_direction_and_own_ones(n: int, angle: float) -> None:
    """Trials share a direction, each has one of its own besides: cos**2 of the angle is common."""
    x = np.concatenate([np.full((n, 1), np.cos(angle)), np.sin(angle) * np.eye(n)], axis=1)
    assert mean_cosine(x) == pytest.approx(np.cos(angle) ** 2)
    common = np.cos(angle) ** 2 + np.sin(angle) ** 2 / n
    assert common_mode(x) == pytest.approx(common)
    assert common_mode(1e12 * x) == pytest.approx(common)


def test_extremes_and_what_is_not_defined() -> None:
    alike, opposed = np.tile([1.0, 2.0, 0.5], (4, 1)), np.array([[1.0, 2.0], [-1.0, -2.0]])
    assert (mean_cosine(alike), common_mode(alike)) == (1.0, pytest.approx(1.0))
    assert (mean_cosine(opposed), common_mode(opposed)) == (-1.0, 0.0)
    nothing = np.zeros((4, 3))
    for measure in (mean_cosine, common_mode, gate_participation):
        assert np.isnan(measure(nothing))
    assert np.isnan(mean_cosine(np.eye(3)[:1]))


def test_an_error_of_an_output_of_one_half_is_mostly_common() -> None:
    """Of K classes at 1/2: K/4 in all, of which the mean has K * (1/2 - 1/K)**2."""
    for k in (2, 4, 10):
        error = 0.5 - np.eye(k)
        assert common_mode(error) == pytest.approx(4 * (0.5 - 1 / k) ** 2)
        assert common_mode(1 / k - np.eye(k)) == pytest.approx(0, abs=1e-12)  # at the prior


def test_gates_count_the_neurons_that_can_learn() -> None:
    gain = np.zeros((6, 10))
    for k in (1, 4, 10):
        gain[:, :k] = 0.3
        assert gate_participation(gain) == pytest.approx(k / 10)
    u = (gain**2).mean(axis=0) * np.arange(1, 11)
    scaled = gain * np.sqrt(np.arange(1, 11))
    assert gate_participation(scaled) == pytest.approx(u.sum() ** 2 / (10 * (u**2).sum()))


def test_all_of_a_population() -> None:
    rng = np.random.default_rng(0)
    x, gain, teach = rng.normal(size=(3, 9, 4))
    found = between_trials(x, gain, teach)
    assert found == {
        "cosine": mean_cosine(x),
        "update cosine": mean_cosine(gain * teach),
        "gates": gate_participation(gain),
        "dimensions": participation_ratio(x),
    }
    with pytest.raises(DataError, match=r"the same trials and neurons, got \(9, 4\), \(9, 3\)"):
        between_trials(x, gain[:, :3], teach)


def test_the_first_moment_of_a_level() -> None:
    moments, accuracy = np.array([0, 10, 20, 30]), np.array([0.1, 0.8, 0.7, 0.95])
    assert [first_reaching(moments, accuracy, level) for level in (0.1, 0.8, 0.81, 0.95)] == [
        0.0,
        10.0,
        30.0,
        30.0,
    ]
    assert first_reaching(moments, accuracy, 0.96) == float("inf")
    for wrong in (moments[:3], moments[::-1]):
        with pytest.raises(DataError, match="for each of some ascending moments"):
            first_reaching(wrong, accuracy, 0.5)
