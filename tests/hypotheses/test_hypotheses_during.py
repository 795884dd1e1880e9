"""Hypotheses about what happens while a network learns, and hypotheses by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import small
from rate_networks import rates

from apical import Network, feedback, hypotheses, simulate
from apical.cli import app as cli
from apical.data.datasets import Dataset
from apical.errors import ParameterError, WiringError
from apical.hypotheses import HYPOTHESES
from apical.hypotheses.naming import applied
from apical.plausibility import audit
from apical.runs.experiment import Experiment
from apical.runs.run import Stopped, resume, run
from apical.training.loop import Plan, Position, steps
from apical.training.presentation import order

SIZES = (6, 5, 3)


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2], 20)
    values = 0.2 * rng.random((60, 6)) + 0.8 * np.eye(3)[labels].repeat(2, axis=1)
    return Dataset.from_arrays("made up", values[:45], labels[:45], values[45:], labels[45:])


def trained(
    network: Network, data: Dataset, *, epochs: int = 2, block: int = 20, **options: Any
) -> dict[str, np.ndarray]:
    """Return the state of a network after it was trained."""
    simulator = simulate(network, **{"device": "array", "dtype": "float64", **options})
    for _ in steps(simulator, data, Plan(epochs, block)):
        pass
    return simulator.state


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    return [name for name, values in one.items() if np.array_equal(values, other[name])]


NEUTRAL: dict[str, Callable[[Network], Network]] = {
    "redrawn": lambda n: hypotheses.redrawn_feedback(n, every=0),
    "lost": lambda n: hypotheses.lost_error_neurons(n, share=0),
    "one task": lambda n: hypotheses.class_incremental(n, tasks=1),
}


@pytest.mark.parametrize("change", NEUTRAL.values(), ids=NEUTRAL)
def test_a_neutral_hypothesis_changes_no_bit(change: Callable[..., Network], data: Dataset) -> None:
    network = rates(sizes=SIZES, unreliable=0.2)
    plain = trained(network, data)
    assert same(plain, trained(change(network), data)) == list(plain)


def test_feedback_is_redrawn_so_often_and_the_output_still_hears_its_class(data: Dataset) -> None:
    network = hypotheses.redrawn_feedback(rates(sizes=SIZES), every=15)
    simulator = simulate(network, "array")
    seen = []
    for _ in steps(simulator, data, Plan(1, 15)):
        seen.append(simulator.weights("error_to_hidden_1"))
        np.testing.assert_array_equal(simulator.weights("error_to_output"), np.eye(3))
    # before training; then after 15, 30 and 45 trials, each block with weights of its own
    np.testing.assert_array_equal(seen[0], seen[1])
    assert len(np.unique([w[0, 0] for w in seen])) == 3
    assert all(np.abs(w).max() <= 5**-0.5 for w in seen)


@pytest.mark.parametrize("device", ["array", pytest.param("runtime", marks=pytest.mark.thorough)])
def test_blocks_of_any_size_are_interrupted_at_the_same_trials(device: str, data: Dataset) -> None:
    network = rates(sizes=SIZES) if device == "array" else small(hidden=(5,))
    if device == "runtime":
        values = np.tile(data.train.values, 2)
        data = Dataset.from_arrays(
            "made up", values, data.train.labels, values[:5], data.train.labels[:5]
        )
    changed = applied(network, "redrawn_feedback(every=7) + lost_error_neurons(share=0.5, after=9)")
    states = [
        trained(changed, data, epochs=1, block=block, device=device) for block in (45, 15, 14)
    ]
    for state in states[1:]:
        for name, values in states[0].items():
            np.testing.assert_allclose(state[name], values, atol=1e-12, err_msg=name)


def test_what_is_lost_does_not_come_back_with_new_feedback(data: Dataset) -> None:
    redrawn, lost = "redrawn_feedback(every=5)", "lost_error_neurons(share=0.34, after=11)"
    state = trained(applied(rates(sizes=SIZES), f"{redrawn} + {lost}"), data)
    for name in ("error_to_hidden_1.w", "error_to_output.w"):
        assert (state[name] == 0).all(axis=1).sum() == 1
    other = trained(applied(rates(sizes=SIZES), f"{lost} + {redrawn}"), data)
    assert same(state, other) == list(state)


def test_only_whole_batches_learn(data: Dataset) -> None:
    network = hypotheses.lost_error_neurons(rates(sizes=SIZES), share=0.34, after=11)
    simulator = simulate(network, "array", batch=8)
    for _ in steps(simulator, data, Plan(1, 16)):
        pass
    later = hypotheses.lost_error_neurons(rates(sizes=SIZES), share=0.34, after=8)
    other = simulate(later, "array", batch=8)
    for _ in steps(other, data, Plan(1, 16)):
        pass
    assert same(simulator.state, other.state) == list(other.state)


def test_redrawn_feedback_does_not_align() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 600)
    values = np.clip(0.5 * np.eye(3)[labels].repeat(2, axis=1) + 0.5 * rng.random((600, 6)), 0, 1)
    data = Dataset.from_arrays("made up", values, labels, values[:30], labels[:30])
    network = rates(sizes=(6, 20, 3))
    angles = []
    for changed in (network, hypotheses.redrawn_feedback(network, every=10)):
        simulator = simulate(changed, "array", batch=10)
        for _ in steps(simulator, data, Plan(5, 200, 1)):
            pass
        forward, back = (
            simulator.weights("hidden_1_to_output"),
            simulator.weights("error_to_hidden_1"),
        )
        angles.append(np.corrcoef(forward.T.ravel(), back.ravel())[0, 1])
    assert angles[0] > 0.4 > abs(angles[1])


def test_classes_come_one_group_after_the_other(data: Dataset) -> None:
    network = hypotheses.class_incremental(rates(sizes=SIZES), tasks=3)
    simulator = simulate(network, "array")
    accuracy = [
        step.metrics["test_accuracy"]
        for step in steps(simulator, data, Plan(3, 15, 1.0))
        if "test_accuracy" in step.metrics
    ]
    plain = [
        step.metrics["test_accuracy"]
        for step in steps(simulate(rates(sizes=SIZES), "array"), data, Plan(3, 15, 1.0))
        if "test_accuracy" in step.metrics
    ]
    assert accuracy[1] == pytest.approx(1 / 3)  # only the first class is known
    assert accuracy[-1] < plain[-1]  # and at the end the first is forgotten


def test_each_sample_is_learned_once_an_epoch_whatever_the_tasks(data: Dataset) -> None:
    network = hypotheses.class_incremental(rates(sizes=SIZES), tasks=2)
    whole = np.concatenate([order(network, data.train, 3, epoch) for epoch in range(3)])
    assert (np.bincount(whole) == 3).all()
    labels = data.train.labels[whole]
    first = np.isin(labels, [0, 1])
    assert first[:90].all() and not first[90:].any()


def test_the_scorecard_says_what_is_done_to_feedback() -> None:
    network = applied(small(), "redrawn_feedback(every=30) + lost_error_neurons")
    found = {(f.subject, f.level, f.reason) for f in audit(network).about("feedback")}
    reason = (
        "drawn at the start, and redrawn every 30 trials, by no mechanism within the network "
        "(intervention), and 10% of 'error' fall silent for good after 0 trials (intervention)"
    )
    assert ("error_to_hidden_0", "broadcast", reason) in found
    said = [f[2] for f in found if f[0] == "error_to_output"]
    assert len(said) == 1 and "fall silent" in said[0] and "redrawn" not in said[0]
    acted_on = ("error_to_hidden_0", "error_to_output")
    assert not any("at their initial weights" in f[2] for f in found if f[0] in acted_on)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("telepathy", "no hypothesis 'telepathy'; known are sign_concordant"),
        ("sparse_feedback(threads=1)", "no option 'threads'; it has wires"),
        ("sparse_feedback(1)", "must read as 'one"),
        ("sparse_feedback(wires=__import__('os'))", "must read as 'one"),
        ("sparse_feedback +", "must read as 'one"),
        ("sparse_feedback * redrawn_feedback", "must read as 'one"),
        ("sparse_feedback(wires='two')", "wires must be one whole number >= 1"),
        ("sparse_feedback(wires=9)", "wires from 1 to 3"),
        ("redrawn_feedback(every=-1)", "every must be one whole number >= 0"),
        ("redrawn_feedback + redrawn_feedback", "once"),
        (
            "lost_error_neurons(share=2)",
            "share must be one finite number [dimensionless] >= 0",
        ),
        ("lost_error_neurons + lost_error_neurons", "once"),
        ("class_incremental(tasks=4)", "tasks from 1 to 3"),
    ],
)
def test_what_cannot_be_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises((WiringError, ParameterError)) as error:
        applied(small(), text)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_feedback_that_follows_forward_weights_cannot_be_redrawn() -> None:
    with pytest.raises(WiringError, match="reads forward weights"):
        hypotheses.redrawn_feedback(rates(feedback.transposed))


def test_hypotheses_are_applied_from_the_left_to_the_right() -> None:
    network = small(hidden=(8, 6))
    by_name = applied(network, "sparse_feedback(wires=2) + redrawn_feedback(every=3)")
    by_hand = hypotheses.redrawn_feedback(hypotheses.sparse_feedback(network, wires=2), every=3)
    assert by_name.interventions == by_hand.interventions
    for projection in by_hand.projections:
        np.testing.assert_array_equal(
            by_name.initial_weights(by_name.projection(projection.name)),
            by_hand.initial_weights(projection),
        )
    assert applied(network, " ") is network


def test_every_hypothesis_says_what_it_does_and_where_it_comes_from() -> None:
    assert {"sparse_feedback", "redrawn_feedback", "class_incremental"} <= set(HYPOTHESES)
    for name, known in HYPOTHESES.items():
        assert known.name == name and known.about.endswith(".") and known.source
        assert getattr(hypotheses, name) is known.apply


def test_a_hypothesis_of_ones_own_is_known_by_its_name() -> None:
    def silent(network: Network, *, share: float = 0.5) -> Network:
        """Do nothing.

        References
        ----------
        Nobody 1900,
        page 1.
        """
        return network

    try:
        for _ in range(2):  # its module may be imported anew
            hypotheses.hypothesis(silent)
        assert HYPOTHESES["silent"].source == "Nobody 1900, page 1."
        with pytest.raises(ParameterError, match="Hypothesis 'silent': share must be one"):
            applied(small(), "silent(share='x')")
    finally:
        del HYPOTHESES["silent"]
    silent.__doc__ = "Do nothing."
    with pytest.raises(ParameterError, match="needs a docstring .* 'References'"):
        hypotheses.hypothesis(silent)
    with pytest.raises(ParameterError, match="no hypothesis 'dal'; known .* mean 'dale'"):
        applied(small(), "dal")


def test_a_run_keeps_its_hypotheses_and_goes_on_under_them(tmp_path: Path) -> None:
    text = "redrawn_feedback(every=40) + class_incremental(tasks=2)"
    experiment = Experiment(
        "rate_dfa", hypothesis=text, epochs=2, block=64, train_trials=256, test_trials=50
    )
    whole = run(experiment, tmp_path / "whole", progress=False)
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        run(experiment, tmp_path / "parts", progress=False, stop=lambda: next(asked))
    assert json.loads((tmp_path / "parts" / "config.json").read_text())["hypothesis"] == text
    assert resume(tmp_path / "parts", progress=False)["test_accuracy"] == whole["test_accuracy"]
    with (
        np.load(tmp_path / "whole" / "weights.npz") as one,
        np.load(tmp_path / "parts" / "weights.npz") as other,
    ):
        assert same(dict(one), dict(other)) == one.files


def test_the_commands_take_hypotheses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["apical", *arguments])
        with pytest.raises(SystemExit):
            cli.main()
        found = capsys.readouterr()
        return found.out + found.err

    assert "sparse_feedback" in call("hypotheses") and "wires=1" in call("hypotheses")
    assert "redrawn every 9 trials" in " ".join(
        call("check", "rate_dfa", "--hypothesis", "redrawn_feedback(every=9)")
        .replace("│", "")
        .split()
    )
    assert call("check", "rate_dfa", "--hypothesis", "nonsense").startswith(
        "apical: There is no hypothesis 'nonsense'"
    )


def test_position_is_what_decides(data: Dataset) -> None:
    """A training that goes on from the middle does what one that was not cut off does."""
    network = applied(rates(sizes=SIZES), "redrawn_feedback(every=4)+lost_error_neurons(after=30)")
    whole = trained(network, data)
    simulator = simulate(network, "array", dtype="float64")
    position = Position()
    for step in steps(simulator, data, Plan(2, 20)):
        position = step.position
        if position.trial >= 20:
            break
    other = simulate(network, "array", dtype="float64")
    other.state = simulator.state
    for _ in steps(other, data, Plan(2, 20), position):
        pass
    assert same(whole, other.state) == list(whole)
