"""Noise phases: no stimulus, neurons that fire of their own, and synapses that learn from it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rate_networks import rates, trials

from apical import Block, LearningRule, Network, Rate, check, feedback, simulate
from apical._base import seeds
from apical.devices import check_simulation
from apical.errors import ApicalError, DeviceError, LocalityError, ParameterError, WiringError
from apical.locality_check.synapses import disturb
from apical.network.noise_phase import NoisePhase

SIZES = (8, 10, 9, 3)
BACK = ("feedback_hidden_2_to_hidden_1", "feedback_output_to_hidden_2")


def layerwise() -> Network:
    return rates(feedback.layerwise, SIZES)


def noisy(rate: float = 0.05, decay: float = 0.02, noise: float = 0.7, reads: str = "x") -> Network:
    """Return a network whose feedback learns from noise."""
    rule = LearningRule(
        "hebb",
        f"eta * {reads}_pre * x_post - decay * w",
        {"eta": rate, "decay": decay},
        when="noise",
    )
    return layerwise().altered(
        population=lambda p: replace(p, noise=noise) if p.name.startswith("hidden") else p,
        projection=lambda p: replace(p, rule=rule) if p.name in BACK else p,
        noise=NoisePhase(every=7, trials=5),
    )


def noise(fires: str, n: int = 20, index: int = 0, learning: float = 1.0) -> Block:
    return Block(np.zeros((n, SIZES[0])), None, np.array(learning), index, fires=fires)


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert [name for name, w in one.items() if not np.array_equal(w, other[name])] == []


@pytest.mark.parametrize("reads", ["x", "drive"])
def test_a_noise_phase_is_what_the_equations_say(reads: str) -> None:
    """Noise, one product for the next population, one for the synapses back, by hand."""
    network = noisy(rate=0.05, decay=0.02, noise=0.7, reads=reads)
    simulator = simulate(network, "array", batch=8, dtype="float64", record=["hidden_1"])
    simulator.run(trials(20, (8, 3), learning=np.ones(())))  # so that biases are not 0
    before = simulator.state
    result = simulator.run(noise("hidden_1", 20, index=3, learning=0.5))
    b = before["feedback_hidden_2_to_hidden_1.w"].copy()
    w, bias = before["hidden_1_to_hidden_2.w"], before["bias_to_hidden_2.w"]
    fired = []
    for first, n in ((0, 8), (8, 8), (16, 4)):
        rng = seeds.stream(network.seed, "noise", "hidden_1", 3, first)
        fired.append((0.7 * rng.standard_normal((n, 10), np.float32)).astype(float))
        drive = fired[-1] @ w + bias
        heard = np.tanh(drive) if reads == "x" else drive
        b += 0.5 * (0.05 * heard.T @ fired[-1] / n - 0.02 * b)
    np.testing.assert_allclose(simulator.weights("feedback_hidden_2_to_hidden_1"), b, atol=1e-13)
    np.testing.assert_allclose(result.counts["hidden_1"], np.concatenate(fired), atol=1e-7)
    assert_same(
        {name: w for name, w in before.items() if name != "feedback_hidden_2_to_hidden_1.w"},
        {n: w for n, w in simulator.state.items() if n != "feedback_hidden_2_to_hidden_1.w"},
    )


def test_the_output_answers_noise_of_the_population_below_it_alone() -> None:
    simulator = simulate(noisy(), "array", batch=4)
    before = simulator.state
    result = simulator.run(noise("hidden_2"))
    assert result.counts["output"].shape == (20, 3)
    changed = [n for n, w in simulator.state.items() if not np.array_equal(w, before[n])]
    assert changed == ["feedback_output_to_hidden_2.w"]


def test_without_learning_noise_changes_nothing_and_trials_do_not_mirror() -> None:
    simulator = simulate(noisy(), "array")
    before = simulator.state
    simulator.run(noise("hidden_1", learning=0.0))
    assert_same(before, simulator.state)
    simulator.run(trials(9, (8, 3), learning=np.ones(())))
    for name in BACK:
        np.testing.assert_array_equal(simulator.weights(name), before[f"{name}.w"])
    assert not np.array_equal(
        simulator.weights("hidden_1_to_hidden_2"), before["hidden_1_to_hidden_2.w"]
    )


def test_noise_phases_come_so_often_and_last_so_long() -> None:
    phase = NoisePhase(every=10, trials=3)
    assert list(phase.times(0, 25)) == [0, 10, 20]
    assert list(phase.times(10, 20)) == [10] and list(phase.times(11, 20)) == []


def test_the_dynamic_check_finds_that_trials_do_not_touch_feedback() -> None:
    block = trials(3, (8, 3))
    assert block.labels is not None
    card = disturb(noisy(), block.values, block.labels, each=2, devices=["array"])
    assert card.is_local
    (line,) = [f for f in card.findings if f.subject == "feedback_hidden_2_to_hidden_1"]
    assert line.level == "local" and "90 of 90 updates were different from 0" in line.reason


def test_a_network_is_told_when_to_fire_and_the_scorecard_says_so() -> None:
    found = {f.subject: (f.level, f.reason) for f in check(noisy()).about("phases")}
    for name in ("hidden_1", "hidden_2"):
        level, reason = found[name]
        assert level == "broadcast" and "5 trials after every 7 of learning" in reason
    assert "output" not in found and "stimulus" not in found
    unheard = rates(feedback.layerwise, SIZES).altered(
        population=lambda p: replace(p, noise=1.0) if isinstance(p, Rate) else p
    )
    assert {f.subject for f in check(unheard).about("phases")} == {"network"}


KINDS = (WiringError, DeviceError, LocalityError, ParameterError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoisePhase(every=0, trials=1), "every must be one whole number >= 1"),
        (lambda: NoisePhase(every=1, trials=0), "trials must be one whole number >= 1"),
        (lambda: Rate("a", 3, noise=-1.0), "noise must be one finite number"),
        (lambda: Rate("a", 3, noise=float("nan")), "noise must be one finite number"),
        (lambda: simulate(noisy(), "runtime"), "'runtime' has no noise phases, but 'hidden_1'"),
        (lambda: check_simulation(noisy(), "cpp_standalone"), "use device='array'"),
        (lambda: simulate(layerwise(), "array").run(noise("hidden_1")), "that can are none"),
        (lambda: simulate(noisy(), "array").run(noise("output")), "can are hidden_1, hidden_2"),
        (
            lambda: simulate(noisy(), "array").run(replace(trials(3, (8, 3)), fires="hidden_1")),
            "leave labels and targets out",
        ),
        (lambda: LearningRule("r", "x_pre * teach_post", when="noise"), "got 'teach_post'"),
        (lambda: LearningRule("r", "x_pre * eligibility", when="noise"), "got 'eligibility'"),
        (lambda: LearningRule("r", "x_pre", when="noise", onset=1.0), "needs onset=0, got 1.0"),
        (
            lambda: rates(rule=LearningRule("r", "x_pre * x_post", when="noise")),
            "'hidden_1' fires noise of its own, which it never does",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_line(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(KINDS, match=message) as error:
        make()
    assert isinstance(error.value, ApicalError) and "\n" not in str(error.value)


def test_torch_fires_and_learns_as_numpy_does() -> None:
    pytest.importorskip("torch")
    found = []
    for library in ("numpy", "torch"):
        simulator = simulate(noisy(), "array", batch=8, library=library, dtype="float64")
        simulator.run(noise("hidden_1"))
        found.append(simulator.weights("feedback_hidden_2_to_hidden_1"))
    np.testing.assert_allclose(*found, atol=1e-12)
