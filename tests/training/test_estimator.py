"""`ApicalClassifier` is an estimator of scikit-learn: by its own checks, and in its own tools."""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import apical as ap
from apical import ApicalClassifier
from apical.errors import ApicalError
from apical.testing.references import spiking

EXPECTED: dict[str, str] = {}
"""Checks that are expected to fail, and why: none."""


def small(**options: Any) -> ApicalClassifier:
    return ApicalClassifier(**{"hidden": (20,), "eta": 0.2, "epochs": 8, **options})


@parametrize_with_checks([small()], expected_failed_checks=lambda _: EXPECTED)
def test_the_checks_of_scikit_learn(estimator: ApicalClassifier, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_iris(return_X_y=True)
    return x, np.array(["setosa", "versicolor", "virginica"])[y]


def test_it_is_the_network_that_fit_trains(iris: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = iris
    classifier = small(epochs=3).fit(x, y)
    scaled = ((x - x.min(0)) / np.ptp(x, 0)).astype(np.float32)
    labels = np.unique(y, return_inverse=True)[1]
    data = ap.Dataset.from_arrays("iris", scaled, labels, scaled, labels, scale=1)
    with ap.simulate(classifier.network_, "array", batch=4, dtype="float64") as simulator:
        ap.fit(simulator, data, 3, schedule="linear", progress=False)
        wanted = simulator.weights("stimulus_to_hidden_1")
    assert np.array_equal(classifier.simulator_.weights("stimulus_to_hidden_1"), wanted)


def test_pipelines_searches_and_copies(iris: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = iris
    pipeline = make_pipeline(StandardScaler(), small(epochs=5))
    search = GridSearchCV(pipeline, {"apicalclassifier__wiring": ["bp", "fa", "dfa"]}, cv=2)
    best = search.fit(x, y).best_estimator_[-1]
    assert set(best.predict(x[:9])) <= set(y)
    again = pickle.loads(pickle.dumps(best))
    assert np.array_equal(again.decision_function(x), best.decision_function(x))
    assert not hasattr(clone(best), "simulator_")


def test_early_stopping_and_seeds(iris: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = iris
    stopped = small(epochs=200, validation=0.2, early_stopping=3).fit(x, y)
    assert stopped.n_iter_ < 200
    assert {"validation_accuracy", "train_accuracy"} <= {*stopped.history_}
    one, other = (small(epochs=1, random_state=seed).fit(x, y) for seed in (0, 1))
    assert not np.array_equal(one.predict_proba(x), other.predict_proba(x))
    drawn = small(epochs=1, random_state=np.random.RandomState(0)).fit(x, y)
    assert drawn.network_.seed > 1


def test_other_networks_are_built_by_a_function(iris: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = iris
    build = ap.models.load("rate_dfa").build
    found = small(epochs=10, build=build).fit(x, y)
    assert found.network_.output.curve.name == "logistic"
    assert found.score(x, y) > 0.6  # chance is a third
    spikes = ApicalClassifier(epochs=0, device="runtime", build=lambda data, seed: spiking())
    few = np.tile(x[:3], 2)[:, :6]
    assert spikes.fit(few, y[[0, 60, 140]]).predict(few - 1).shape == (3,)


@pytest.mark.parametrize("wrong", [{"wiring": "dfs"}, {"epochs": -1}, {"hidden": (0,)}])
def test_parameters_are_checked_by_fit(
    wrong: dict[str, Any], iris: tuple[np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(ApicalError):
        small(**wrong).fit(*iris)
