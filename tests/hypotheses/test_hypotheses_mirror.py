"""Weight mirrors: feedback that learns forward weights from noise."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import small
from rate_networks import rates, trials

from apical import Block, FanIn, Network, check, datasets, feedback, rules, simulate
from apical.data.datasets import Dataset
from apical.errors import ApicalError, DeviceError, ParameterError, WiringError
from apical.hypotheses import (
    class_incremental,
    dale,
    kolen_pollack,
    lost_error_neurons,
    missing_synapses,
    noisy_feedback,
    redrawn_feedback,
    sign_only,
    sparse_feedback,
    weight_mirror,
    weights_of_bits,
)
from apical.hypotheses.naming import applied
from apical.measures.alignment import angle, angles_to_backpropagation
from apical.plausibility import audit
from apical.runs.experiment import Experiment
from apical.runs.run import Stopped, resume, run
from apical.training.loop import Plan, Position, steps

SIZES = (8, 10, 9, 3)
BACK = {
    "feedback_hidden_2_to_hidden_1": "hidden_1_to_hidden_2",
    "feedback_output_to_hidden_2": "hidden_2_to_output",
}
mirror = partial(weight_mirror, rate=0.05, every=7, trials=5)


def layerwise(**options: Any) -> Network:
    return rates(feedback.layerwise, SIZES, **options)


@pytest.fixture
def data() -> Dataset:
    block = trials(45, (8, 3))
    assert block.labels is not None
    return Dataset.from_arrays(
        "made up", block.values, block.labels, *((block.values[:9], block.labels[:9]))
    )


def noise(fires: str, n: int = 20, index: int = 0, learning: float = 1.0) -> Block:
    return Block(np.zeros((n, SIZES[0])), None, np.array(learning), index, fires=fires)


def trained(network: Network, data: Dataset, block: int = 20, **options: Any) -> dict[str, Any]:
    """Return the state of a network after two epochs."""
    simulator = simulate(network, "array", **{"dtype": "float64", **options})
    for _ in steps(simulator, data, Plan(2, block)):
        pass
    return simulator.state


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert [name for name, w in one.items() if not np.array_equal(w, other[name])] == []


def angles(simulator: Any) -> list[float]:
    """Return the angles between feedback and the forward weights beside it [degrees]."""
    return [angle(simulator.weights(b), simulator.weights(f).T) for b, f in BACK.items()]


# Noise alone -------------------------------------------------------------------------------------


def test_noise_alone_turns_feedback_to_the_forward_weights() -> None:
    """Before anything is learned, and to the size that rate and decay stand for."""
    network = rates(feedback.layerwise, (8, 40, 30, 10), output="linear", activation="linear")
    simulator = simulate(weight_mirror(network, decay=0.005), "array", batch=50)
    assert min(angles(simulator)) > 75
    for index in range(12):
        for fires in ("hidden_1", "hidden_2"):
            simulator.run(noise(fires, 5000, index))
    assert max(angles(simulator)) < 6
    for back, forward in BACK.items():
        ratio = np.linalg.norm(simulator.weights(back)) / np.linalg.norm(simulator.weights(forward))
        assert ratio == pytest.approx(0.01 / 0.005, rel=0.05)


def test_the_angle_in_the_end_is_what_the_docstring_says() -> None:
    network = rates(feedback.layerwise, (8, 100, 60, 10), output="linear", activation="linear")
    simulator = simulate(weight_mirror(network, rate=0.1, noise=0.5), "array", batch=10)
    found = []
    for index in range(40):
        simulator.run(noise("hidden_1", 500, index))
        found.append(angles(simulator)[0])
    expected = np.degrees(np.arctan(np.sqrt(0.1 * 0.5**2 * 100 / (2 * 10))))
    assert np.mean(found[20:]) == pytest.approx(expected, rel=0.05)


# While a network learns -------------------------------------------------------------------------


def test_what_synapses_read_of_the_drive_has_the_size_of_the_forward_weights() -> None:
    """Behind saturating responses activities give less, drives give the weights themselves."""
    network = rates(feedback.layerwise, (8, 40, 30, 10), weights=FanIn(3.0))
    ratios = {}
    for reads in ("x", "drive"):
        simulator = simulate(weight_mirror(network, reads=reads), "array", batch=50)
        for index in range(6):
            for fires in ("hidden_1", "hidden_2"):
                simulator.run(noise(fires, 5000, index))
        assert max(angles(simulator)) < 15
        ratios[reads] = [
            np.linalg.norm(simulator.weights(b)) / np.linalg.norm(simulator.weights(f))
            for b, f in BACK.items()
        ]
    assert ratios["drive"] == pytest.approx([1, 1], rel=0.05)
    assert 0.1 < ratios["x"][1] < 0.25 < ratios["x"][0] < 0.7  # logistic, tanh


def test_mirrors_bring_feedback_alignment_near_backpropagation() -> None:
    """On digits: angles far below those of FA, updates that point where BP's do."""
    data = datasets.load("digits")
    plain = rates(feedback.layerwise, (64, 40, 30, 10), rule=rules.three_factor(0.3))
    phases = {"rate": 0.02, "every": 200, "trials": 400, "reads": "drive"}
    nets = {
        "fa": plain,
        "bp": plain.rewired(feedback.transposed),
        "mirror": weight_mirror(plain, **phases),
    }
    found, turned = {}, {}
    for name, network in nets.items():
        simulator = simulate(network, "array", batch=20)
        for step in steps(simulator, data, Plan(6, 1420)):
            found[name] = step.metrics.get("test_accuracy", 0)
        if name != "bp":
            block = Block(*data.test.block(slice(50)))
            updates = angles_to_backpropagation(simulator, block)
            turned[name] = max(angles(simulator)), max(updates.values())
    assert turned["fa"][0] > 50 and turned["fa"][1] > 30
    assert turned["mirror"][0] < 25 and turned["mirror"][1] < 20
    assert found["mirror"] > found["fa"] + 0.05 and found["mirror"] > found["bp"] - 0.03


@pytest.mark.parametrize(
    "neutral", ["weight_mirror(rate=0)", "weight_mirror(trials=0)", "weight_mirror(rate=0.0)"]
)
def test_a_neutral_value_changes_no_bit(neutral: str, data: Dataset) -> None:
    network = layerwise(unreliable=0.2)
    changed = applied(network, neutral)
    assert_same(trained(network, data), trained(changed, data))
    assert str(audit(changed)) == str(audit(network))


@pytest.mark.parametrize("batch", [1, 5])
def test_blocks_of_any_size_are_interrupted_at_the_same_trials(batch: int, data: Dataset) -> None:
    states = [trained(mirror(layerwise()), data, size, batch=batch) for size in (45, 20, 10)]
    for state in states[1:]:
        for name, values in states[0].items():
            np.testing.assert_allclose(state[name], values, atol=1e-12, err_msg=name)


def test_a_training_that_was_cut_off_goes_on_with_the_same_bits(data: Dataset) -> None:
    network = weights_of_bits(mirror(layerwise(unreliable=0.2)), bits=8, largest=2.0)
    whole = trained(network, data, batch=5)
    first = simulate(network, "array", dtype="float64", batch=5)
    position = Position()
    for step in steps(first, data, Plan(2, 20)):
        position = step.position
        if position.trial == 65:
            break
    other = simulate(network, "array", dtype="float64", batch=5)
    other.state = first.state
    for _ in steps(other, data, Plan(2, 20), position):
        pass
    assert_same(whole, other.state)


def test_a_run_is_mirrored_by_name_and_resumed(tmp_path: Path) -> None:
    experiment = Experiment(
        "Nokland_2016_mnist",
        dataset="digits",
        hypothesis="weight_mirror(every=40, trials=30)",
        options={"wiring": "fa", "hidden": 12},
        epochs=2,
        block=64,
        train_trials=256,
        test_trials=50,
        batch=8,
    )
    whole = run(experiment, tmp_path / "whole", progress=False, draw=False)
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        run(experiment, tmp_path / "parts", progress=False, stop=lambda: next(asked))
    resumed = resume(tmp_path / "parts", progress=False, draw=False)
    assert resumed["test_accuracy"] == whole["test_accuracy"]
    with (
        np.load(tmp_path / "whole" / "weights.npz") as one,
        np.load(tmp_path / "parts" / "weights.npz") as other,
    ):
        assert_same(dict(one), dict(other))
    card = json.loads((tmp_path / "whole" / "config.json").read_text())["scorecard"]
    assert any("fires noise of its own" in f["reason"] for f in card)


WITH: dict[str, Callable[[Network], Network]] = {
    "dale": dale,
    "missing": partial(missing_synapses, share=0.3),
    "bits": partial(weights_of_bits, bits=6, largest=2.0),
    "noisy": partial(noisy_feedback, std=0.2),
    "lost": partial(lost_error_neurons, share=0.34, after=20),
    "tasks": partial(class_incremental, tasks=3),
}


@pytest.mark.parametrize("other", WITH.values(), ids=WITH)
def test_it_goes_with_other_hypotheses_in_any_order(
    other: Callable[[Network], Network], data: Dataset
) -> None:
    network = layerwise()
    expected = trained(mirror(other(network)), data, batch=5)
    assert_same(expected, trained(other(mirror(network)), data, batch=5))
    alone = trained(other(network), data, batch=5)
    assert not np.array_equal(*(s["feedback_hidden_2_to_hidden_1.w"] for s in (expected, alone)))


# The scorecard ----------------------------------------------------------------------------------


def said(network: Network, aspect: Any) -> dict[str, tuple[str, str]]:
    return {f.subject: (f.level, f.reason) for f in audit(network).about(aspect)}


def test_the_scorecard_sees_a_phase_of_its_own_and_a_local_rule() -> None:
    network = mirror(layerwise())
    card = check(network)
    assert card.is_local
    for name, (pre, post) in {
        "feedback_hidden_2_to_hidden_1": ("hidden_2", "hidden_1"),
        "feedback_output_to_hidden_2": ("output", "hidden_2"),
    }.items():
        assert (
            "plastic by a local rule of its own, 'weight_mirror'"
            in said(network, "feedback")[name][1]
        )
        level, reason = said(network, "locality")[name]
        assert level == "local" and f"x_pre in {pre}; x_post in {post}" in reason
        assert "in which the latter fires noise" in reason
        assert said(network, "weight transport")[name][0] == "local"
        level, reason = said(network, "phases")[post]
        assert level == "broadcast" and "5 trials after every 7 of learning" in reason
    assert "stimulus" not in said(network, "phases") and "output" not in said(network, "phases")


# What does not fit ------------------------------------------------------------------------------


KINDS = (WiringError, DeviceError, ParameterError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: weight_mirror(rates(feedback.direct)), "'weight_mirror' needs feedback between"),
        (lambda: weight_mirror(rates(feedback.indirect)), "'weight_mirror' needs feedback between"),
        (lambda: weight_mirror(small(wiring=feedback.layerwise)), "of graded neurons"),
        (lambda: weight_mirror(rates(feedback.transposed)), "is transposed already"),
        (lambda: weight_mirror(Network()), "of which the network has none"),
        (lambda: mirror(mirror(layerwise())), "learns already"),
        (lambda: mirror(kolen_pollack(layerwise())), "learns already"),
        (lambda: kolen_pollack(mirror(layerwise())), "learns already"),
        (lambda: mirror(sign_only(layerwise())), "is transposed already"),
        (lambda: mirror(sparse_feedback(layerwise(), wires=1)), "is sparse already"),
        (lambda: sparse_feedback(mirror(layerwise()), wires=1), "learns or reads"),
        (lambda: mirror(redrawn_feedback(layerwise())), "would not stay as it is redrawn"),
        (lambda: redrawn_feedback(mirror(layerwise())), "learns"),
        (lambda: mirror(layerwise(), rate=-1), "rate must be one finite number"),
        (lambda: weight_mirror(layerwise(), decay=1.0), "decay must be one finite number"),
        (lambda: weight_mirror(layerwise(), rate=0.5, noise=2.0), "rate=0.5 and noise=2.0"),
        (lambda: weight_mirror(layerwise(), noise=0), "noise must be one finite .*> 0"),
        (lambda: weight_mirror(layerwise(), reads="teach"), "one of 'x', 'drive', got 'teach'"),
        (lambda: weight_mirror(layerwise(), every=0), "every must be one whole number >= 1"),
        (lambda: weight_mirror(layerwise(), trials=-1), "trials must be one whole number >= 0"),
        (lambda: applied(layerwise(), "weight_mirror(speed=1)"), "it has rate, decay, noise"),
        (lambda: simulate(mirror(layerwise()), "runtime"), "'runtime' has no noise phases"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(make: Callable[[], object], message: str) -> None:
    with pytest.raises(KINDS, match=message) as error:
        make()
    assert isinstance(error.value, ApicalError) and "\n" not in str(error.value)
