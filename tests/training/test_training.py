"""Training: blocks, the learning factor, evaluation with learning off, divergence."""

from collections.abc import Mapping
from typing import Any

import networks
import numpy as np
import pytest

from apical._base import seeds
from apical.data.datasets import Dataset, blobs
from apical.devices import Block, BlockResult, Closing
from apical.errors import ParameterError, RunError
from apical.network.description import Network
from apical.projections.projection import Projection
from apical.training.loop import (
    LARGEST_WEIGHT,
    Evaluation,
    Plan,
    Position,
    Step,
    evaluate,
    steps,
    train,
)


class FakeSimulator(Closing):
    """A simulator without neurons: every block moves its state by what the block holds.

    Whatever a run must hand over from one process to the next changes the result: the state, the
    labels, the learning factor of each trial, and random numbers chosen by the block's index.
    """

    brian: Mapping[str, Any] = {}
    compile_seconds = 0.0
    batch = 1

    def __init__(self, network: Network) -> None:
        self.network = network
        self.blocks: list[Block] = []
        self._state = {f"{p.name}.w": network.initial_weights(p) for p in network.projections}
        self._state["stimulus.phase"] = np.zeros(network.stimulus.size)

    @property
    def state(self) -> dict[str, np.ndarray]:
        return dict(self._state)

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        self._state.update(state)

    def run(self, block: Block) -> BlockResult:
        self.blocks.append(block)
        drawn = seeds.simulator_seed(self.network.seed, block.index, block.first)
        rng = np.random.default_rng(drawn)
        phase = self._state["stimulus.phase"] + block.values.sum(axis=0)
        self._state["stimulus.phase"] = phase % 1
        if block.labels is not None:
            moved = float(block.learning @ (block.labels + rng.random(len(block))))
            for p in self.network.plastic:
                name = f"{p.name}.w"
                self._state[name] = 0.9 * self._state[name] + 1e-3 * moved + 1e-3 * phase.sum()
        drive = self._state[f"{self.network.forward[-1].name}.w"].sum()
        counts = {
            p.post.name: rng.poisson(5 + abs(np.sin(drive)), (len(block), p.post.size))
            for p in self.network.forward
        }
        return BlockResult(counts)

    def weights(self, projection: Projection | str) -> np.ndarray:
        name = projection if isinstance(projection, str) else projection.name
        return self._state[f"{name}.w"]

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        self.state = {f"{name}.w": w for name, w in weights.items()}


@pytest.fixture
def data() -> Dataset:
    """23 samples: blocks of 5 leave a last block of 3."""
    rng = np.random.default_rng(1)
    return blobs(23, 11, networks.N_INPUTS, networks.N_CLASSES, rng=rng)


@pytest.fixture
def simulator() -> FakeSimulator:
    return FakeSimulator(networks.small(seed=3))


def learned(simulator: FakeSimulator) -> list[Block]:
    return [block for block in simulator.blocks if block.labels is not None]


def epochs(simulator: FakeSimulator, data: Dataset, block: int) -> list[np.ndarray]:
    """Return the training samples of each epoch, in the order they were shown."""
    shown, n = learned(simulator), -(-len(data.train) // block)
    return [
        np.concatenate([b.values for b in shown[start : start + n]])
        for start in range(0, len(shown), n)
    ]


def rows(array: np.ndarray) -> list[bytes]:
    return sorted(row.tobytes() for row in array)


@pytest.mark.parametrize("block", [1, 5, 23, 100])
def test_every_epoch_shows_every_training_sample_once(
    simulator: FakeSimulator, data: Dataset, block: int
) -> None:
    list(steps(simulator, data, Plan(epochs=2, block=block)))
    every, _ = data.train.block(slice(None))
    for shown in epochs(simulator, data, block):
        assert rows(shown) == rows(every)


def test_samples_keep_their_labels(simulator: FakeSimulator, data: Dataset) -> None:
    list(steps(simulator, data, Plan(epochs=1, block=5)))
    values, labels = data.train.block(slice(None))
    label_of = dict(zip((v.tobytes() for v in values), labels, strict=True))
    for block in learned(simulator):
        assert block.labels is not None
        assert [label_of[v.tobytes()] for v in block.values] == list(block.labels)


def test_order_of_samples_differs_by_epoch_and_seed_and_is_reproducible(data: Dataset) -> None:
    orders = []
    for seed in (3, 3, 4):
        simulator = FakeSimulator(networks.small(seed=seed))
        list(steps(simulator, data, Plan(epochs=2, block=5)))
        orders.append(epochs(simulator, data, 5))
    first, again, other = orders
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])
    assert np.array_equal(first, again)


def test_order_of_samples_does_not_depend_on_the_size_of_blocks(data: Dataset) -> None:
    orders = []
    for block in (1, 7, 100):
        simulator = FakeSimulator(networks.small(seed=3))
        list(steps(simulator, data, Plan(epochs=2, block=block)))
        orders.append(epochs(simulator, data, block))
    assert np.array_equal(orders[0], orders[1])
    assert np.array_equal(orders[0], orders[2])


@pytest.mark.parametrize("final_rate", [0.0, 0.05, 1.0])
def test_learning_factor_falls_linearly(
    simulator: FakeSimulator, data: Dataset, final_rate: float
) -> None:
    list(steps(simulator, data, Plan(epochs=3, block=5, final_rate=final_rate)))
    factor = np.concatenate([block.learning for block in learned(simulator)])
    n = 3 * len(data.train)
    # the step that would follow the last trial is the final rate
    assert factor == pytest.approx(np.linspace(1, final_rate, n + 1)[:-1])


def test_every_block_has_a_place_of_its_own(simulator: FakeSimulator, data: Dataset) -> None:
    list(steps(simulator, data, Plan(epochs=3, block=5)))
    places = [(b.index, b.first + k) for b in simulator.blocks for k in range(len(b))]
    assert len(set(places)) == len(places)
    learnt = [(b.index, b.first) for b in learned(simulator)]
    assert learnt == [(epoch, first) for epoch in range(3) for first in range(0, 23, 5)]


def test_steps_say_how_far_the_training_is(simulator: FakeSimulator, data: Dataset) -> None:
    taken = list(steps(simulator, data, Plan(epochs=2, block=10)))
    assert [step.position for step in taken] == [
        Position(0, 0, 0),
        Position(0, 1, 10),
        Position(0, 2, 20),
        Position(1, 0, 23),
        Position(1, 1, 33),
        Position(1, 2, 43),
        Position(2, 0, 46),
    ]
    judged = [step.position.epoch for step in taken if "test_accuracy" in step.metrics]
    assert judged == [0, 1, 2]
    for step in taken[1:]:
        assert {("rate", "hidden_0"), ("rate", "output")} <= set(step.metrics)


@pytest.mark.parametrize(
    ("every", "trials"), [("epoch", [0, 23, 46]), ("block", [0, 10, 20, 23, 33, 43, 46])]
)
def test_more_is_measured_when_it_is_asked_for(
    simulator: FakeSimulator, data: Dataset, every: Any, trials: list[int]
) -> None:
    seen = []

    def measure(
        known: Any, position: Position, before: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        now = {p.name: known.weights(p).copy() for p in known.network.plastic}
        seen.append((position.trial, before, now))
        return {"more": position.trial}

    taken = list(steps(simulator, data, Plan(epochs=2, block=10), measure=measure, every=every))
    measured = [step.metrics["more"] for step in taken if "more" in step.metrics]
    assert measured == [trial for trial, _, _ in seen] == trials
    for k, (trial, before, now) in enumerate(seen):
        for name, values in now.items():
            assert np.array_equal(before[name], values) == (trial == 0)
            if every == "block" and k:  # what a block begins with is what the one before left
                np.testing.assert_array_equal(before[name], seen[k - 1][2][name])


def test_no_epoch_is_an_evaluation_only(simulator: FakeSimulator, data: Dataset) -> None:
    taken = list(steps(simulator, data, Plan(epochs=0)))
    assert [step.position for step in taken] == [Position()]
    assert not learned(simulator)


@pytest.mark.parametrize("cut", range(1, 7))
def test_training_goes_on_from_state_and_position_with_the_same_bits(
    data: Dataset, cut: int
) -> None:
    plan = Plan(epochs=2, block=10)
    whole = FakeSimulator(networks.small(seed=3))
    taken = list(steps(whole, data, plan))
    before = FakeSimulator(networks.small(seed=3))
    training = steps(before, data, plan)
    first = [next(training) for _ in range(cut)]
    after = FakeSimulator(networks.small(seed=3))
    after.state = before.state
    rest = list(steps(after, data, plan, first[-1].position))
    assert first + rest == taken
    for name, values in whole.state.items():
        np.testing.assert_array_equal(after.state[name], values)


def test_evaluation_has_learning_off_no_labels_and_leaves_the_state(
    simulator: FakeSimulator, data: Dataset
) -> None:
    before = simulator.state
    evaluation = evaluate(simulator, data.test, index=-1)
    for block in simulator.blocks:
        assert block.labels is None
        assert not block.learning.any()
    assert rows(np.concatenate([b.values for b in simulator.blocks])) == rows(
        data.test.block(slice(None))[0]
    )
    for name, values in before.items():
        np.testing.assert_array_equal(simulator.state[name], values)
    assert evaluation.decided.shape == evaluation.labels.shape == (11,)


def test_evaluations_within_a_training_have_learning_off(
    simulator: FakeSimulator, data: Dataset
) -> None:
    list(steps(simulator, data, Plan(epochs=2, block=10)))
    evaluations = [block for block in simulator.blocks if block.labels is None]
    assert len(evaluations) == 3
    assert not any(block.learning.any() for block in evaluations)
    shown, _ = data.test.block(slice(None))
    assert all(np.array_equal(block.values, shown) for block in evaluations)


def test_training_does_not_depend_on_how_often_it_is_judged(data: Dataset) -> None:
    often, never = (FakeSimulator(networks.small(seed=3)) for _ in range(2))
    for _ in steps(often, data, Plan(epochs=2, block=10)):
        evaluate(often, data.test, index=-99)
    list(steps(never, data, Plan(epochs=2, block=10)))
    for name, values in never.state.items():
        np.testing.assert_array_equal(often.state[name], values)


def test_evaluation_that_fails_leaves_the_state(
    simulator: FakeSimulator, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = simulator.state
    run = simulator.run

    def fail(block: Block) -> BlockResult:
        run(block)
        raise RunError("no more")

    monkeypatch.setattr(simulator, "run", fail)
    with pytest.raises(RunError, match="no more"):
        evaluate(simulator, data.test)
    for name, values in before.items():
        np.testing.assert_array_equal(simulator.state[name], values)


def test_large_test_sets_are_shown_in_parts_with_places_of_their_own(
    simulator: FakeSimulator, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apical.training.presentation._SHOWN_AT_ONCE", 4)
    evaluation = evaluate(simulator, data.test, index=-2)
    assert [len(block) for block in simulator.blocks] == [4, 4, 3]
    assert [(b.index, b.first) for b in simulator.blocks] == [(-2, 0), (-2, 4), (-2, 8)]
    assert all(block.index < 0 for block in simulator.blocks), "a block of training has its numbers"
    assert len(evaluation.decided) == 11


def test_accuracy_is_the_share_of_right_decisions() -> None:
    assert Evaluation(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0])).accuracy == 0.75


def test_rates_count_the_time_after_settling(data: Dataset) -> None:
    class OneSpike(FakeSimulator):
        def run(self, block: Block) -> BlockResult:
            return BlockResult({"output": np.ones((len(block), networks.N_CLASSES))})

    simulator = OneSpike(networks.small("feedback"))  # trials of 40 ms, of which 30 ms count
    np.testing.assert_allclose(evaluate(simulator, data.test).rates["output"], 1 / 0.03)
    last = list(steps(simulator, data, Plan(epochs=1, block=10)))[-1]
    assert last.metrics["rate", "output"] == pytest.approx(1 / 0.03)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf, 1.01 * LARGEST_WEIGHT])
@pytest.mark.parametrize("which", [0, 1])
def test_diverging_weights_stop_the_training_and_are_named(
    simulator: FakeSimulator,
    data: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    weight: float,
    which: int,
) -> None:
    run, projection = simulator.run, simulator.network.plastic[which]

    def diverge(block: Block) -> BlockResult:
        result = run(block)
        if (block.index, block.first) == (1, 10):
            weights = simulator.weights(projection).copy()
            weights[1, 1] = weight
            simulator.load({projection.name: weights})
        return result

    monkeypatch.setattr(simulator, "run", diverge)
    taken: list[Step] = []
    with pytest.raises(RunError, match=f"'{projection.name}' diverged in block 1 of epoch 1"):
        taken.extend(iter(steps(simulator, data, Plan(epochs=2, block=10))))


def test_train_returns_all_steps(simulator: FakeSimulator, data: Dataset) -> None:
    taken = train(simulator, data, epochs=2, block=10, final_rate=0.5, progress=False)
    again = steps(FakeSimulator(networks.small(seed=3)), data, Plan(2, 10, 0.5))
    assert taken == list(again)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"block": 0},
        {"block": -5},
        {"final_rate": -0.1},
        {"final_rate": 1.1},
        {"final_rate": float("nan")},
    ],
)
def test_plan_refuses_what_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"{next(iter(wrong))} must be"):
        Plan(**wrong)


@pytest.mark.parametrize("right", [{"epochs": 0}, {"final_rate": 0}, {"final_rate": 1}])
def test_plan_takes_its_limits(right: dict[str, Any]) -> None:
    Plan(**right)
