"""Files of a run with bad numbers, of bad form, or made to do harm: refused in one line each.

The manifest of a run notices any change of them first. So these runs have none, as before 0.2, and
what reads them has to notice.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzzing
import numpy as np
import pytest
from unbound import unbound

from apical.errors import ApicalError, RunError
from apical.report import page
from apical.runs.directory import CHECKPOINT, CONFIG, METRICS, SUMMARY, WEIGHTS
from apical.runs.experiment import Experiment, read_experiment
from apical.runs.open import open_run, read_records, write_records
from apical.runs.run import Stopped, resume, run

SCRIPT = """
from apical import FanIn, Network, Rate, RateError, Stimulus, feedback, rules
from apical.neurons.encoding import Graded

def build(data, seed, *, hidden: int = 4):
    net = Network(seed=seed, trial=100.0)
    stimulus = net.add(Stimulus("stimulus", data.train.values.shape[1], Graded()))
    middle, output = net.add(Rate("hidden", hidden)), net.add(Rate("output", data.n_classes))
    net.connect(stimulus, middle, weights=FanIn(), rule=rules.three_factor(0.1))
    net.connect(middle, output, weights=FanIn(), rule=rules.three_factor(0.1))
    net.teach(feedback.direct(net.add(RateError("error", data.n_classes)), net.forward))
    return net
"""
"""A model without a docstring."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, with records."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "model.py").write_text(SCRIPT)
    rng = np.random.default_rng(0)
    x, y = rng.random((12, 2, 2)), np.arange(12) % 3
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x[:6], y_test=y[:6])
    experiment = Experiment(
        str(folder / "model.py"),
        dataset=str(folder / "data.npz"),
        epochs=2,
        block=6,
        scale=1.0,
        batch=3,
    )
    run(experiment, folder / "run", progress=False, draw=False)
    write_records(folder / "run", open_run(folder / "run").record(4))
    return folder / "run"


def copied(good: Path, out: Path) -> Path:
    """Return a copy of a run that nothing binds to its files."""
    return unbound(shutil.copytree(good, out))


def refused(read: Callable[[], Any], match: str) -> None:
    with pytest.raises(ApicalError, match=match) as caught:
        read()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


def with_weights(good: Path, out: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    copied(good, out)
    weights = dict(np.load(good / WEIGHTS))
    np.savez(out / WEIGHTS, **{**weights, "hidden_to_output": change(weights["hidden_to_output"])})
    return out


def spoilt(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(weights: np.ndarray) -> np.ndarray:
        weights = weights.copy()
        weights[1, 1] = value
        return weights

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (spoilt(np.nan), "'hidden_to_output' must be finite, and are not"),
        (spoilt(-np.inf), "'hidden_to_output' must be finite, and are not"),
        (spoilt(1e30), r"must be at most 1e\+06, and go up to 1e\+30"),
        (lambda w: w.astype(np.int64), "must be of float32 or float64, and are of int64"),
        (lambda w: w.astype(np.complex64), "no plain numbers"),
        (lambda w: w.astype("U9"), "must be of float32 or float64"),
        (lambda w: w.ravel(), r"must have shape \(4, 3\), got \(12,\)"),
        (lambda w: w.T, "must have shape"),
        (lambda w: w[:0], "must have shape"),
    ],
    ids=range(9),
)
def test_weights_that_are_none(
    good: Path, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], match: str
) -> None:
    out = with_weights(good, tmp_path / "run", change)
    refused(
        lambda: open_run(out, trust=good.parent / "model.py"), f"{WEIGHTS} is damaged: .*{match}"
    )


@pytest.mark.parametrize("change", [spoilt(np.nan), spoilt(1e30), lambda w: w.astype(np.int64)])
def test_checkpoints_with_such_weights(
    good: Path, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    out = unfinished(good, tmp_path / "run")
    state = dict(np.load(out / CHECKPOINT))
    state["hidden_to_output.w"] = change(state["hidden_to_output.w"])
    np.savez(out / CHECKPOINT, **state)
    refused(lambda: again(good, out), f"{CHECKPOINT} is damaged: weights 'hidden_to")


def unfinished(good: Path, out: Path) -> Path:
    """Return a run that was stopped after its first checkpoint, and that nothing binds."""
    made = read_experiment(good)
    experiment = Experiment(made.model, dataset=made.dataset, epochs=2, block=6, scale=1.0, batch=3)
    with pytest.raises(Stopped):
        run(experiment, out, progress=False, draw=False, stop=lambda: True)
    return unbound(out)


def again(good: Path, out: Path) -> dict[str, Any]:
    """Resume a run."""
    return resume(out, trust=good.parent / "model.py", progress=False)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"epoch": 99}, "it is of epoch 99, block 0, and the run has 2 epochs"),
        ({"epoch": -1}, "epoch must be one whole number >= 0"),
        ({"epoch": 2, "block": 1}, "it is of epoch 2, block 1, and the run has 2 epochs"),
        ({"trial": -5}, "trial must be"),
        ({"block": 10**30}, "block must be"),
        ({"seconds": float("nan")}, "seconds must be"),
        ({"metrics_bytes": -1}, "metrics_bytes must be"),
        ({"arrays": ["hidden_to_output.w"]}, "arrays of the state are missing"),
        ({"arrays": None}, "arrays must be"),
        ({"changed": 3}, "changed must be"),
    ],
    ids=str,
)
def test_checkpoints_of_impossible_positions(
    good: Path, tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    out = unfinished(good, tmp_path / "run")
    state = dict(np.load(out / CHECKPOINT))
    about = json.loads(str(state["about"])) | change
    np.savez(out / CHECKPOINT, **{**state, "about": np.array(json.dumps(about))})
    refused(lambda: again(good, out), f"{CHECKPOINT} is damaged: .*{match}")


@pytest.mark.parametrize(
    ("epoch", "block", "trial"), [(2, 0, 0), (1, 0, 11), (0, 5, 30), (0, 1, 0), (0, 0, 12)]
)
def test_positions_that_no_training_comes_by(
    good: Path, tmp_path: Path, epoch: int, block: int, trial: int
) -> None:
    out = unfinished(good, tmp_path / "run")
    state = dict(np.load(out / CHECKPOINT))
    about = json.loads(str(state["about"])) | {"epoch": epoch, "block": block, "trial": trial}
    np.savez(out / CHECKPOINT, **{**state, "about": np.array(json.dumps(about))})
    match = (
        f"cannot go on from epoch {epoch}, block {block}, trial {trial}: no training of 2 epochs"
    )
    refused(lambda: again(good, out), match)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        (SUMMARY, "{}", "it lacks 'model'"),
        (SUMMARY, {"test_accuracy": "high"}, "test_accuracy must be"),
        (SUMMARY, {"test_accuracy": 1.5}, "test_accuracy must be"),
        (SUMMARY, {"test_accuracy": 10**39}, "test_accuracy must be"),
        (SUMMARY, {"n_train": None}, "n_train must be"),
        (SUMMARY, "[" * 100_000, "nested deeper than 64 levels"),
        (SUMMARY, '{"a": ' + "9" * 5000 + "}", "a whole number of 5000 digits"),
        (CONFIG, {"scorecard": None}, "scorecard must be a list of objects with subject, level"),
        (CONFIG, {"scorecard": [{}]}, "scorecard must be"),
        (CONFIG, {"scorecard": [{"subject": "a", "level": 3, "reason": ""}]}, "scorecard must be"),
        (CONFIG, {"versions": []}, "versions must be"),
        (CONFIG, {"versions": {"python": 3}}, "versions.* must be"),
        (CONFIG, {"model_sha256": "0"}, "model_sha256 must be"),
        (CONFIG, {"model": "\0"}, "the character"),
        (CONFIG, {"seed": 10**50}, "a whole number of 51 digits"),
        (CONFIG, {"epochs": 10**30}, "epochs must be"),
        (CONFIG, {"changed": 3}, "changed must be a list of objects with setting, trial"),
    ],
    ids=range(17),
)
def test_text_files_that_hold_something_else(
    good: Path, tmp_path: Path, name: str, content: Any, match: str
) -> None:
    out = copied(good, tmp_path / "run")
    if not isinstance(content, str):
        content = json.dumps({**json.loads((out / name).read_text()), **content})
    (out / name).write_text(content)
    refused(lambda: open_run(out, trust=good.parent / "model.py"), f"{name} is damaged: .*{match}")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        (SUMMARY, {"test_accuracy": 1.5}, f"{SUMMARY} is not the file that this run wrote"),
        (CONFIG, {"epochs": 10**30}, "began with: 'epochs' differs"),
        (CONFIG, {"seed": 10**50}, f"{CONFIG} is not the file that this run wrote"),
        (CONFIG, {"model_sha256": "0"}, "began with: 'model_sha256' differs"),
    ],
)
def test_the_manifest_notices_first(
    good: Path, tmp_path: Path, name: str, content: dict[str, Any], match: str
) -> None:
    out = shutil.copytree(good, tmp_path / "run")
    (out / name).write_text(json.dumps({**json.loads((out / name).read_text()), **content}))
    refused(lambda: open_run(out), match)


def test_metrics_that_are_no_numbers(good: Path, tmp_path: Path) -> None:
    out = copied(good, tmp_path / "run")
    opened = open_run(out, trust=good.parent / "model.py")
    for row in ("run,0,x,0,0,a,,0.5", "run,0,1,0,0,a,,half", "run,0,-1,0,0,a,,1", "\xff"):
        (out / METRICS).write_bytes((good / METRICS).read_bytes() + row.encode("latin1") + b"\n")
        refused(lambda: opened.metrics, f"{METRICS} is damaged")


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("values", np.full((4, 4), np.nan), "'values' holds NaN or infinite"),
        ("records", np.array("[" * 1000), "nested deeper"),
        ("records", np.array("{}"), "lacks 'version'"),
        ("records", np.zeros(3), "'records', which says what it holds, is missing"),
        ("labels", np.zeros(3, int), "must be one for each of 3 labels|one for each"),
    ],
)
def test_records_that_are_none(
    good: Path, tmp_path: Path, name: str, values: np.ndarray, match: str
) -> None:
    arrays = dict(np.load(good / "records.npz"))
    np.savez(tmp_path / "some.npz", **{**arrays, name: values})
    refused(lambda: read_records(tmp_path / "some.npz"), f"some.npz: .*{match}")


def test_a_model_without_a_docstring_is_reported(good: Path) -> None:
    assert "Network" in page([open_run(good)], trials=4)


def test_every_reader_and_parser_takes_anything(tmp_path: Path) -> None:
    said: list[str] = []
    found = fuzzing.fuzz(1500, 7, tmp_path, said.append)
    assert not said and found["read"] > 50 and found["refused"] > 500


@pytest.mark.thorough
@pytest.mark.slow
def test_every_reader_and_parser_takes_very_much(tmp_path: Path) -> None:
    said: list[str] = []
    fuzzing.fuzz(20_000, int(np.random.default_rng().integers(2**31)), tmp_path, said.append)
    assert not said


def test_run_errors_are_run_errors(good: Path, tmp_path: Path) -> None:
    out = copied(good, tmp_path / "run")
    (out / SUMMARY).write_text("{}")
    with pytest.raises(RunError, match="restore it from a copy, or start the run again"):
        open_run(out, trust=good.parent / "model.py")
