"""Learning-rate schedules: their closed forms, and what they leave alone."""

import networks
import numpy as np
import pytest

import apical as ap
from apical.errors import ParameterError
from apical.testing.references import rates
from apical.training.loop import Plan, steps
from apical.training.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Course,
    Linear,
    Plateau,
    Schedule,
    Stepwise,
    acts_untaught,
    check_schedule,
)

COURSE = Course(trials=40, per_epoch=10)
TRIALS = np.arange(40)


def decaying(decay: float = 1e-3) -> ap.Network:
    return rates(rule=ap.rules.three_factor(0.1, decay=decay))


def test_closed_forms() -> None:
    k = TRIALS / 40
    assert np.array_equal(Constant().factors(TRIALS, COURSE), np.ones(40))
    assert np.allclose(Linear(0.2).factors(TRIALS, COURSE), 1 - 0.8 * k, rtol=1e-15)
    cosine = 0.1 + 0.9 * np.cos(np.pi * k / 2) ** 2  # the half-angle formula
    assert np.allclose(Cosine(0.1).factors(TRIALS, COURSE), cosine, rtol=1e-14)
    steps = np.repeat([1.0, 1.0, 0.3, 0.3], 10)
    assert np.allclose(Stepwise(every=2, factor=0.3).factors(TRIALS, COURSE), steps, rtol=1e-15)


@pytest.mark.parametrize(
    ("accuracies", "plateaus"),
    [
        ((), 0),
        ((0.1,), 0),
        ((0.1, 0.1), 0),
        ((0.1, 0.1, 0.1), 1),
        ((0.1, 0.05, 0.2, 0.2, 0.15), 1),
        ((0.1, 0.1, 0.1, 0.1, 0.1), 2),
        ((0.1, 0.11, 0.12), 1),  # improvements smaller than `least`
    ],
)
def test_plateaus_are_counted(accuracies: tuple[float, ...], plateaus: int) -> None:
    schedule = Plateau(patience=2, factor=0.5, least=0.05)
    found = schedule.factors(TRIALS[:3], Course(40, 10, accuracies))
    assert np.array_equal(found, np.full(3, 0.5**plateaus))


def test_a_plateau_does_not_fall_below_its_lowest() -> None:
    course = Course(40, 10, (0.5,) * 20)
    assert Plateau(patience=1, factor=0.1, lowest=0.02).factors(TRIALS, course)[0] == 0.02


@pytest.mark.parametrize("name", SCHEDULES)
def test_weights_do_not_depend_on_blocks(name: str) -> None:
    data = ap.datasets.blobs(24, 12, 6, 3, rng=ap.stream(0, "data"))
    found = []
    for block in (24, 5):
        with ap.simulate(rates(), "array", batch=1) as simulator:
            plan = Plan(3, block, schedule=SCHEDULES[name]())
            assert list(steps(simulator, data, plan))[-1].position.trial == 72
            found.append(simulator.weights("hidden_2_to_output"))
    assert np.array_equal(*found)


def test_the_schedule_of_before_has_the_same_bits() -> None:
    data = ap.datasets.blobs(24, 12, 6, 3, rng=ap.stream(0, "data"))
    found = []
    for plan in (Plan(2, final_rate=0.1), Plan(2, schedule=Linear(0.1))):
        with ap.simulate(rates(), "array", batch=1) as simulator:
            list(steps(simulator, data, plan))
            found.append(simulator.weights("hidden_2_to_output"))
    assert np.array_equal(*found)


def test_plateaus_follow_the_accuracy_of_training() -> None:
    """With learning rates of 0 nothing improves: the factor falls after `patience` epochs."""
    seen: list[tuple[float, ...]] = []

    class Watching(Plateau):
        def factors(self, trials: np.ndarray, course: Course) -> np.ndarray:
            seen.append(course.accuracies)
            return super().factors(trials, course)

    data = ap.datasets.blobs(24, 12, 6, 3, rng=ap.stream(0, "data"))
    still = rates(rule=ap.rules.three_factor(0.0))
    with ap.simulate(still, "array", batch=1) as simulator:
        list(steps(simulator, data, Plan(3, schedule=Watching())))
    assert [len(known) for known in seen] == [1, 2, 3]
    assert len({*seen[-1]}) == 1


def test_what_acts_without_feedback_is_found() -> None:
    assert acts_untaught(rates()) == []
    assert [p.name for p in acts_untaught(decaying())] == [p.name for p in decaying().plastic]
    hebbian = rates(rule=ap.LearningRule("oja", "0.1 * x_post * (x_pre - x_post * w)"))
    assert acts_untaught(hebbian) == []  # no third factor: all of it is learning
    assert acts_untaught(networks.small()) == []


@pytest.mark.parametrize("schedule", [Linear(), Cosine(), Stepwise(), Plateau()], ids=repr)
def test_decay_is_not_scaled_unless_asked(schedule: Schedule) -> None:
    with pytest.raises(ParameterError, match="also acts without feedback, by decay or homeost"):
        check_schedule(schedule, decaying())
    everything = type(schedule)(scales="everything")
    check_schedule(everything, decaying())
    check_schedule(Constant(), decaying())


def test_what_is_asked_scales_decay_too() -> None:
    """Without activity only decay acts: w shrinks by (1 - eta*decay*f_k) at trial k."""
    data = ap.datasets.blobs(8, 4, 6, 3, rng=ap.stream(0, "data"))
    rule = ap.LearningRule("decay", "0.1 * (0 * x_pre * teach_post - w)")
    with ap.simulate(rates(rule=rule), "array", batch=1, dtype="float64") as simulator:
        before = simulator.weights("hidden_1_to_hidden_2")
        list(steps(simulator, data, Plan(1, schedule=Linear(0.0, scales="everything"))))
        after = simulator.weights("hidden_1_to_hidden_2")
    factor = np.prod([1 - 0.1 * (1 - k / 8) for k in range(8)])
    assert np.allclose(after, before * factor, rtol=1e-12)
