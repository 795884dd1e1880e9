"""Predictions, confusion matrices and scores, compared with scikit-learn on the same decisions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import apical as ap
from apical.data.datasets import Dataset
from apical.devices import Simulator
from apical.errors import ApicalError, DataError, ParameterError
from apical.testing.references import rates, spiking
from apical.training.scoring import margins, scored, shares


@pytest.fixture(scope="module")
def data() -> Dataset:
    return ap.datasets.blobs(60, 30, 6, 3, rng=ap.stream(0, "data"))


@pytest.fixture(scope="module")
def simulator(data: Dataset) -> Iterator[Simulator]:
    history = ap.fit(rates(), data, 1, batch=1, progress=False)
    with history.simulator as simulator:
        yield simulator


def test_decisions_are_those_that_are_evaluated(data: Dataset, simulator: Simulator) -> None:
    decided, before = ap.predict(simulator, data.test), simulator.state
    assert np.array_equal(decided, ap.evaluate(simulator, data.test).decided)
    values, _ = data.test.block(slice(None))
    assert np.array_equal(ap.predict(simulator, values), decided)
    assert np.array_equal(ap.predict(simulator, values.reshape(30, 2, 3).tolist()), decided)
    for name, array in simulator.state.items():
        assert np.array_equal(array, before[name])


def test_spiking_networks_predict(data: Dataset) -> None:
    few = data.subset(4, 3)
    with ap.simulate(spiking(), "runtime") as simulator:
        decided = ap.evaluate(simulator, few.test).decided
        assert np.array_equal(ap.predict(simulator, few.test), decided)


@pytest.mark.parametrize(
    "wrong", [np.zeros(6), np.zeros((2, 5)), np.zeros((0, 6)), "text", [[1, "a"]]]
)
def test_stimuli_that_do_not_fit_are_one_line(simulator: Simulator, wrong: Any) -> None:
    with pytest.raises(ApicalError) as caught:
        ap.predict(simulator, wrong)
    assert "\n" not in caught.value.message


def test_the_confusion_matrix_is_that_of_scikit_learn(data: Dataset, simulator: Simulator) -> None:
    found = ap.evaluate(simulator, data.test)
    wanted = metrics.confusion_matrix(found.labels, found.decided, labels=range(3))
    assert np.array_equal(found.confusion.to_numpy(), wanted)
    assert (found.confusion.index.name, found.confusion.columns.name) == ("label", "decided")
    assert np.trace(found.confusion.to_numpy()) / 30 == found.accuracy


def test_scores_are_those_of_scikit_learn(data: Dataset, simulator: Simulator) -> None:
    def first(estimator: Any, x: np.ndarray, y: np.ndarray) -> float:
        return float((estimator.predict(x) == 0).mean())

    names = ["balanced_accuracy", "f1_macro", "matthews_corrcoef", "roc_auc_ovr", "neg_log_loss"]
    found = ap.evaluate(simulator, data.test, scoring=[*names, first])
    y, decided, outputs = found.labels, found.decided, found.outputs
    assert outputs is not None
    assert found.scores == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, decided),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, decided),
            "f1_macro": metrics.f1_score(y, decided, average="macro"),
            "matthews_corrcoef": metrics.matthews_corrcoef(y, decided),
            "roc_auc_ovr": metrics.roc_auc_score(y, shares(outputs), multi_class="ovr"),
            "neg_log_loss": -metrics.log_loss(y, shares(outputs)),
            "first": (decided == 0).mean(),
        }
    )
    top_2 = metrics.make_scorer(metrics.top_k_accuracy_score, response_method="decision_function")
    named = ap.evaluate(simulator, data.test, scoring={"top 2": top_2}).scores
    assert named["top 2"] == metrics.top_k_accuracy_score(y, margins(outputs), k=2)
    assert "top 2" in repr(ap.evaluate(simulator, data.test, scoring={"top 2": top_2}))


@pytest.mark.parametrize("wrong", ["f1_makro", "roc_auc", "r2x"])
def test_scorers_that_do_not_apply_are_one_line(wrong: str) -> None:
    outputs, labels = np.eye(3)[[0, 1, 2, 1]], np.array([0, 1, 2, 2])
    with pytest.raises(ParameterError) as caught:
        scored(labels, outputs, wrong)
    assert wrong in caught.value.message
    assert "\n" not in caught.value.message


def test_without_scikit_learn_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.base", None)
    with pytest.raises(DataError, match=r"apical\[analysis\]"):
        scored(np.array([0, 1]), np.eye(2), "accuracy")
