"""`apical.fit`: one loop with validation, early stopping, callbacks, and a history to read."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical.data.datasets import Dataset
from apical.errors import ParameterError, RunError
from apical.measures.losses import losses
from apical.testing.references import rates, spiking
from apical.training import Callback, CSVLogger, EarlyStopping, Fit, Step
from apical.training.loop import train
from apical.training.schedules import Constant, Linear


@pytest.fixture
def data() -> Dataset:
    return ap.datasets.blobs(40, 20, 6, 3, rng=ap.stream(0, "data"))


def fitted(data: Dataset, epochs: int = 3, **options: Any) -> Fit:
    return ap.fit(rates(), data, epochs, **{"batch": 1, "progress": False, **options})


def test_it_is_the_loop_of_train(data: Dataset) -> None:
    found = fitted(data, schedule=Linear(0.05))
    with ap.simulate(rates(), "array", batch=1) as simulator:
        history = train(simulator, data, 3, progress=False)
        for name, weights in found.weights.items():
            assert np.array_equal(weights, simulator.weights(name))
    accuracies = [step.metrics["test_accuracy"] for step in history]
    assert found.table["test_accuracy"].tolist() == accuracies


def test_a_simulator_goes_on_from_its_state(data: Dataset) -> None:
    whole = fitted(data, 1)
    with ap.simulate(rates(), "array", batch=1) as simulator:
        simulator.state = whole.simulator.state
        later = ap.fit(simulator, data, 1, progress=False)
        assert later.simulator is simulator
        assert later.table["test_accuracy"].iloc[0] == whole.table["test_accuracy"].iloc[-1]


@pytest.mark.parametrize("given", [8, 0.2])
def test_validation_samples_are_held_out(data: Dataset, given: float) -> None:
    found = fitted(data, validation=given)
    assert (len(found.data.train), len(found.data.test)) == (32, 8)
    held = {row.tobytes() for row in found.data.test.values}
    assert held <= {row.tobytes() for row in data.train.values}
    assert not held & {row.tobytes() for row in found.data.train.values}
    assert "test_accuracy" not in found.table
    with ap.simulate(rates(seed=1), "array", batch=1) as other:  # the same for every seed
        again = ap.fit(other, data, 0, validation=given, progress=False)
    assert np.array_equal(again.data.test.values, found.data.test.values)


def test_validation_samples_may_be_given(data: Dataset) -> None:
    found = fitted(data, validation=data.test)
    plain = fitted(data)
    assert found.table["validation_accuracy"].tolist() == plain.table["test_accuracy"].tolist()


def test_losses_and_accuracies_are_measured_with_learning_off(data: Dataset) -> None:
    found = fitted(data)
    simulator, last = found.simulator, found.table.iloc[-1]
    test, train_ = (
        ap.Block.of_labels(*part.block(slice(None))) for part in (data.test, data.train)
    )
    assert last["test_loss"] == pytest.approx(losses(simulator, test).mean(), rel=1e-12)
    assert last["train_loss"] == pytest.approx(losses(simulator, train_).mean(), rel=1e-12)
    assert last["train_accuracy"] == ap.evaluate(simulator, data.train).accuracy
    off = fitted(data, measured=0)
    assert list(off.table)[2:] == ["test_accuracy", "test_loss"]
    for name, weights in off.weights.items():  # measuring changes nothing
        assert np.array_equal(weights, found.weights[name])


def test_early_stopping_restores_the_best_epoch(data: Dataset) -> None:
    states: list[dict[str, np.ndarray]] = []
    found = fitted(
        data,
        50,
        validation=10,
        early_stopping=3,
        callbacks=[lambda fit: states.append(fit.weights)],
    )
    accuracies = found.table["validation_accuracy"].to_numpy()
    best = int(accuracies.argmax())  # the first of the highest
    assert (found.best, found.epochs) == (best, best + 3)
    assert found.stopped == "validation_accuracy has not improved for 3 epochs"
    for name, weights in found.weights.items():
        assert np.array_equal(weights, states[best][name])
    kept = fitted(data, 50, validation=10, early_stopping=EarlyStopping(3, restore=False))
    for name, weights in kept.weights.items():
        assert np.array_equal(weights, states[-1][name])


def test_a_falling_loss_is_an_improvement(data: Dataset) -> None:
    stop = EarlyStopping(2, monitor="validation_loss")
    found = fitted(data, 8, validation=10, early_stopping=stop)
    losses = found.table["validation_loss"].to_numpy()
    assert found.best == int(losses.argmin()) > 0


def test_early_stopping_does_not_choose_by_test_samples(data: Dataset) -> None:
    with pytest.raises(ParameterError, match="Give fit validation samples"):
        fitted(data, early_stopping=3)


def test_restores_after_divergence(data: Dataset) -> None:
    wild = rates(rule=ap.rules.three_factor(1e6))
    with ap.simulate(wild, "array", batch=1) as simulator:
        before = simulator.weights("hidden_2_to_output")
        with pytest.raises(RunError, match="diverged"):
            ap.fit(simulator, data, 3, validation=5, early_stopping=1, progress=False)
        assert np.array_equal(simulator.weights("hidden_2_to_output"), before)


def test_callbacks_are_called_in_order_and_always_end(data: Dataset) -> None:
    calls: list[str] = []

    class Noting(Callback):
        def begin(self, fit: Fit) -> None:
            calls.append("begin")

        def after_block(self, fit: Fit, step: Step) -> None:
            calls.append(f"block {step.position.trial}")

        def after_epoch(self, fit: Fit, step: Step) -> None:
            calls.append(f"epoch {step.position.epoch}")
            if step.position.epoch == 2:
                raise ValueError("stop here")

        def end(self, fit: Fit) -> None:
            calls.append("end")

    with pytest.raises(ValueError, match="stop here"):
        fitted(data, block=20, callbacks=[Noting()])
    assert calls[:3] == ["begin", "block 0", "epoch 0"]
    assert calls[3:] == [
        "block 20",
        "block 40",
        "epoch 1",
        "block 60",
        "block 80",
        "epoch 2",
        "end",
    ]


def test_a_function_ends_training(data: Dataset) -> None:
    def enough(fit: Fit) -> bool:
        return fit.epochs == 2

    found = fitted(data, 10, callbacks=[enough])
    assert (found.epochs, found.stopped) == (2, "enough said so")


def test_the_history_is_written_as_csv(data: Dataset, tmp_path: Path) -> None:
    found = fitted(data, csv=tmp_path / "history.csv")
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = found.table
    assert list(rows[0]) == list(table)
    for name in table:
        assert [float(row[name]) for row in rows] == table[name].tolist()
    again = (tmp_path / "history.csv").read_bytes()
    fitted(data, csv=tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_bytes() == again
    with pytest.raises(RunError, match="cannot write"):
        fitted(data, callbacks=[CSVLogger(tmp_path / "no folder" / "history.csv")])


def test_spiking_networks_have_no_loss(data: Dataset) -> None:
    found = ap.fit(spiking(), data.subset(4, 3), 1, device="runtime", progress=False)
    assert [name for name in found.table if " of " not in name][2:] == [
        "test_accuracy",
        "train_accuracy",
    ]


def test_seed_and_device_belong_to_networks(data: Dataset) -> None:
    other = fitted(data, 0, seed=5)
    assert other.simulator.network.seed == 5
    assert not np.array_equal(
        other.weights["stimulus_to_hidden_1"], fitted(data, 0).weights["stimulus_to_hidden_1"]
    )
    with ap.simulate(rates(), "array") as simulator:
        for wrong in ({"seed": 1}, {"device": "array"}, {"batch": 2}):
            with pytest.raises(ParameterError, match="cannot be given with a simulator"):
                ap.fit(simulator, data, 1, progress=False, **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schedule": "cosin"}, "There is no schedule 'cosin'"),
        ({"schedule": 3}, "schedule must be"),
        ({"validation": 40}, "ask for 1 to 39"),
        ({"validation": 0.001}, "ask for 1 to 39"),
        ({"early_stopping": 0, "validation": 5}, "early_stopping must be"),
        ({"callbacks": [3]}, "callbacks must be"),
        ({"epochs": -1}, "epochs must be"),
    ],
)
def test_what_does_not_fit_is_one_line(data: Dataset, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said) as caught:
        fitted(data, **wrong)
    assert "\n" not in caught.value.message


def test_a_history_is_read_in_a_terminal_and_in_a_notebook(data: Dataset) -> None:
    found = fitted(data, 2, schedule=Constant())
    lines = repr(found).splitlines()
    assert lines[0] == "Fit(2 of 2 epochs of blobs)"
    assert lines[1].split() == [
        "epoch",
        "trials",
        "test",
        "accuracy",
        "test",
        "loss",
        "train",
        "accuracy",
        "train",
        "loss",
    ]
    assert [line.split()[:2] for line in lines[2:]] == [["0", "0"], ["1", "40"], ["2", "80"]]
    assert found._repr_html_().count("<tr") == 4
    assert len(found.plot().lines) >= 2


def test_class_weights_are_factors_on_the_trials_of_a_class(data: Dataset) -> None:
    """With weight 0 for all classes but one, only trials of that class change the network."""
    with ap.simulate(rates(), "array", batch=1) as simulator:
        order = ap.stream(0, "order").permutation(40)
        for place in order[data.train.labels[order] == 1]:
            values, labels = data.train.block(slice(int(place), int(place) + 1))
            simulator.run(ap.Block.of_labels(values, labels, 2.0))
        wanted = simulator.weights("hidden_2_to_output")
    found = fitted(data, 1, class_weights={0: 0.0, 1: 2.0, 2: 0.0})
    assert np.array_equal(found.weights["hidden_2_to_output"], wanted)


def test_balanced_weights_undo_frequencies(data: Dataset) -> None:
    labels = data.train.labels
    few = np.concatenate([np.flatnonzero(labels == 0)[:2], np.flatnonzero(labels != 0)])
    from dataclasses import replace

    rare = replace(data, train=data.train.part(few))
    counts = np.bincount(rare.train.labels)
    given = {k: len(few) / (3 * n) for k, n in enumerate(counts)}
    assert sum(given[k] * n for k, n in enumerate(counts)) == pytest.approx(len(few))
    one, other = (fitted(rare, 1, class_weights=w) for w in ("balanced", given))
    for name, weights in one.weights.items():
        assert np.array_equal(weights, other.weights[name])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"class_weights": {3: 1.0}}, "there are classes 0 to 2"),
        ({"class_weights": {0: -1.0}}, "must be 3 numbers from 0 on"),
        ({"class_weights": "balanced", "batch": 4}, "give batch=1"),
        ({"class_weights": "even"}, "class_weights must be"),
    ],
)
def test_class_weights_are_checked(data: Dataset, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        fitted(data, **wrong)
