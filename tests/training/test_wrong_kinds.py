"""Arguments of another kind: one line that says of which object, what it needs and what it got."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical.errors import ApicalError, ParameterError
from apical.runs.open import open_run
from apical.testing.references import rates
from apical.training.callbacks import CSVLogger, TensorBoard
from apical.training.loop import evaluated, outputs

BAD: tuple[Any, ...] = (
    *(None, 2.5, -1, True, "x", b"b", [], {}, object(), float("nan"), np.array([1.5, 2.0])),
    *(lambda: 0, [None], {"a": 1}, ("x",), [[1], [1, 2]], 10**30),
)
"""Something of every kind; where one of them fits, it fits."""

X, Y = np.random.default_rng(0).random((12, 6)), np.arange(12) % 3
TRAINS = [([0.2, 7.0], [0, 1]), ([3.0], [1])]
DATA = ap.datasets.blobs(24, 8, 6, 3, rng=ap.stream(0, "data"))
EVENTS = ap.Dataset.from_events(TRAINS, [0, 1], n_channels=2, duration=10.0)
NET, PARTS = rates(), ("train", "test")


def of_events(**changed: Any) -> Any:
    both = {f"{what}_{part}": x for what, x in (("x", TRAINS), ("y", [0, 1])) for part in PARTS}
    return ap.Dataset.from_events(**{**both, "n_channels": 2, "duration": 10.0, **changed})


def of_targets(**changed: Any) -> Any:
    given = {"x_train": X, "t_train": X, "x_test": X, "t_test": X, "scale": 1.0, **changed}
    return ap.Dataset.from_targets(**given)


def of_samples(**changed: Any) -> Any:
    given = {"name": "n", "train": DATA.train, "test": DATA.test, "shape": (6,), **changed}
    return ap.Dataset.of_samples(**given)


def split(**changed: Any) -> Any:
    return DATA.split(**{"validation": 4, "rng": ap.stream(0, "validation"), **changed})


CALLS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "from_events": (
        of_events,
        ("x_train", "y_train", "x_test", "y_test", "n_channels", "duration", "test_duration"),
    ),
    "from_targets": (of_targets, ("x_train", "t_train", "x_test", "t_test", "scale", "copy")),
    "of_samples": (of_samples, ("name", "train", "test", "shape")),
    "until": (EVENTS.until, ("duration",)),
    "subset": (DATA.subset, ("train", "test")),
    "split": (split, ("validation", "rng")),
    "held_out": (DATA.held_out, ("validation",)),
    "part": (DATA.train.part, ("index",)),
    "block": (DATA.train.block, ("index",)),
    "rows": (DATA.train.rows, ("index",)),
    "rows of events": (EVENTS.train.rows, ("index",)),
    "altered": (NET.altered, ("population", "projection")),
    "rewired": (NET.rewired, ("wiring",)),
    "projection": (NET.projection, ("name",)),
    "Network.save": (NET.save, ("path",)),
    "Network.load": (ap.Network.load, ("path",)),
    "open_run": (open_run, ("path",)),
    "CSVLogger": (CSVLogger, ("path",)),
    "TensorBoard": (TensorBoard, ("folder",)),
}


@pytest.mark.parametrize("call", CALLS)
def test_another_kind_is_refused_in_one_line(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function, parameters = CALLS[call]
    for parameter in parameters:
        refused = list[str]()
        for value in BAD:
            if call in ("altered", "rewired") and value is BAD[11]:
                continue  # a function, as it must be, though of other arguments
            try:
                function(**{parameter: value})
            except ApicalError as error:
                refused.append(error.message)
        assert len(refused) > 4, parameter
        assert not any("\n" in said for said in refused), parameter


@pytest.mark.parametrize("value", [5, 2.5, None, "ab", (0,), (2.5,), {}, [[3]], ("x",)])
def test_hidden_sizes_of_a_classifier(value: Any) -> None:
    pytest.importorskip("sklearn")
    with pytest.raises(ParameterError, match=r"ApicalClassifier: hidden must be .*\(100, 50\)"):
        ap.ApicalClassifier(hidden=value).fit(X, Y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("batch", v) for v in ("x", None, 0, 2.5)),
        *(("epochs", v) for v in ("x", None, -1)),
        *(("wiring", v) for v in (None, [], "dfb")),
        *(("eta", v) for v in (None, "x", float("nan"))),
        *(("activation", v) for v in (None, 3)),
        *(("device", v) for v in (3, [])),
        *(("build", v) for v in (3, lambda data, seed: None)),
        *(("random_state", v) for v in ("x", 2.5, -1)),
    ],
)
def test_parameters_of_a_classifier(name: str, value: Any) -> None:
    pytest.importorskip("sklearn")
    options = {"epochs": 0, name: value}
    with pytest.raises(ParameterError) as caught:
        ap.ApicalClassifier(**options).fit(X, Y)
    assert "\n" not in caught.value.message


def test_a_classifier_takes_sizes_in_any_sequence() -> None:
    pytest.importorskip("sklearn")
    for hidden in ((), [4], np.array([4, 3])):
        assert ap.ApicalClassifier(hidden=hidden, epochs=0).fit(X, Y).classes_.tolist() == [0, 1, 2]


def test_what_is_given_in_the_wrong_order_is_said() -> None:
    net, data = rates(), DATA
    wanted = r"simulator must be a Simulator \(such as apical.simulate\(network\)\), got"
    for call in (ap.train, ap.evaluate, ap.predict, outputs):
        with pytest.raises(ParameterError, match=wanted):
            call(net, data)
        with pytest.raises(ParameterError, match=wanted):
            call(data, net)
    with ap.simulate(net, "array") as simulator:
        for call in (ap.evaluate, lambda *given: evaluated(*given, 1)):
            with pytest.raises(ParameterError, match=r"samples must be .*such as data\.test"):
                call(simulator, data)
        with pytest.raises(ParameterError, match=r"data must be a Dataset \(such as apical\.data"):
            ap.train(simulator, data.train)
