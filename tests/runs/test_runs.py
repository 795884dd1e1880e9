"""Run directories: their files, and what a run keeps when it dies or a disk is full.

Simulators are faked here (`test_reliability.py` kills real ones), so that a run can die at every
single operation on a file.
"""

import csv
import errno
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_training import FakeSimulator
from unbound import unbound

from apical.data.datasets import blobs
from apical.errors import ApicalError, RunError
from apical.plausibility import ASPECTS
from apical.runs import experiment as configuration
from apical.runs import run as experiments
from apical.runs.directory import (
    ARRAYS,
    CHECKPOINT,
    COLUMNS,
    CONFIG,
    LOCAL,
    MANIFEST,
    METRICS,
    NETWORK,
    SCORECARD,
    SUMMARY,
    WEIGHTS,
    RunDirectory,
)
from apical.runs.experiment import Experiment, prepare, read_experiment
from apical.runs.run import Stopped
from apical.scripts import models

MODEL = Path(__file__).parents[2] / "models" / "spiking_dfa.py"


@pytest.fixture(autouse=True)
def _fake_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        configuration, "simulate", lambda network, device, **_: FakeSimulator(network)
    )


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Two epochs of three blocks."""
    data = blobs(24, 8, 6, 2, rng=np.random.default_rng(0))
    file = tmp_path / "blobs.npz"
    train, test = data.train, data.test
    np.savez(
        file, x_train=train.values, y_train=train.labels, x_test=test.values, y_test=test.labels
    )
    return Experiment(str(MODEL), {"hidden": 4}, dataset=str(file), epochs=2, block=10, seed=7)


def begin(experiment: Experiment, out: Path, **options: Any) -> dict[str, Any]:
    return experiments.run(experiment, out, progress=False, draw=False, **options)


def go_on(experiment: Experiment, out: Path) -> dict[str, Any]:
    """Do what a user does after a run died: resume it, or start it where it had not begun."""
    if (out / CONFIG).exists():
        return experiments.resume(out, progress=False, draw=False)
    return begin(experiment, out)


def stopping_after(n: int) -> Callable[[], bool]:
    """Return a wish to stop after `n` steps."""
    asked = iter([False] * (n - 1) + [True] * 100)
    return lambda: next(asked)


def arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def contents(out: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in out.iterdir()}


def assert_same_results(out: Path, whole: Path) -> None:
    assert (out / METRICS).read_bytes() == (whole / METRICS).read_bytes()
    got, expected = arrays(out / WEIGHTS), arrays(whole / WEIGHTS)
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(got[name], values)
    assert {entry.name for entry in out.iterdir()} == {entry.name for entry in whole.iterdir()}
    assert (out / SCORECARD).read_bytes() == (whole / SCORECARD).read_bytes()
    measured = ("train_seconds", "ms_per_trial", "peak_memory_mb")
    summaries = [json.loads((folder / SUMMARY).read_text()) for folder in (out, whole)]
    for summary in summaries:
        for name in measured:
            del summary[name]
    assert summaries[0] == summaries[1]


@pytest.fixture
def whole(experiment: Experiment, tmp_path: Path) -> Path:
    """Directory of a run that nothing interrupted."""
    begin(experiment, tmp_path / "whole" / "run")
    return tmp_path / "whole" / "run"


class Killed(BaseException):
    """The process ended here: nothing handles it."""


@contextmanager
def accident(at: int, raised: Callable[[], BaseException]) -> Iterator[list[str]]:
    """Raise at the `at`-th moment of writing files, and list the moments that came.

    Moments are: a file is written in part, is written in whole, is about to take its place, has
    taken its place.
    """
    moments: list[str] = []
    fsync, replace = os.fsync, os.replace

    def moment(name: str) -> bool:
        moments.append(name)
        return len(moments) == at + 1

    def torn(descriptor: int) -> None:
        if moment("in part"):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - 5)
            raise raised()
        fsync(descriptor)
        if moment("in whole"):
            raise raised()

    def cut(source: Path, target: Path) -> None:
        if moment(f"before {Path(target).name}"):
            raise raised()
        replace(source, target)
        if moment(f"after {Path(target).name}"):
            raise raised()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", torn)
        patch.setattr(os, "replace", cut)
        yield moments


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def moments_of(experiment: Experiment, out: Path) -> list[str]:
    with accident(-1, Killed) as moments:
        begin(experiment, out)
    return moments


@pytest.mark.slow
def test_run_killed_at_any_moment_goes_on_with_the_same_bits(
    experiment: Experiment, tmp_path: Path, whole: Path
) -> None:
    moments = moments_of(experiment, tmp_path / "counted")
    assert moments.count(f"after {CHECKPOINT}") == 7
    for at, name in enumerate(moments):
        out = tmp_path / str(at) / "run"
        with accident(at, Killed), pytest.raises(Killed):
            begin(experiment, out)
        go_on(experiment, out)
        try:
            assert_same_results(out, whole)
        except AssertionError as error:
            raise AssertionError(f"killed at moment {at} ({name})") from error


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(k, marks=pytest.mark.slow) for k in range(4, 10))]
)
def test_run_killed_again_and_again_goes_on_with_the_same_bits(
    experiment: Experiment, tmp_path: Path, whole: Path, seed: int
) -> None:
    rng, out, kills = random.Random(seed), tmp_path / "again" / "run", 0
    while not (out / SUMMARY).exists():
        try:
            with accident(rng.randrange(25), Killed):
                go_on(experiment, out)
        except Killed:
            kills += 1
    go_on(experiment, out)
    assert kills
    assert_same_results(out, whole)


@pytest.mark.slow
def test_full_disk_at_any_moment_is_one_error_and_the_run_goes_on(
    experiment: Experiment, tmp_path: Path, whole: Path
) -> None:
    for at, name in enumerate(moments_of(experiment, tmp_path / "counted")):
        out = tmp_path / str(at) / "run"
        with accident(at, full), pytest.raises(RunError, match="No space left on device"):
            begin(experiment, out)
        assert not list(out.glob(".*.part")), f"moment {at} ({name})"
        go_on(experiment, out)
        try:
            assert_same_results(out, whole)
        except AssertionError as error:
            raise AssertionError(f"disk full at moment {at} ({name})") from error


@pytest.mark.slow
def test_a_run_killed_while_its_epochs_change_goes_on_with_the_same_bits(
    experiment: Experiment, tmp_path: Path, whole: Path
) -> None:
    def more(out: Path) -> None:
        experiments.resume(out, epochs=3, progress=False, draw=False)

    expected = shutil.copytree(whole, tmp_path / "expected" / "run")
    with accident(-1, Killed) as moments:
        more(expected)
    for at, name in enumerate(moments):
        out = shutil.copytree(whole, tmp_path / str(at) / "run")
        with accident(at, Killed), pytest.raises(Killed):
            more(out)
        more(out)
        try:
            assert_same_results(out, expected)
        except AssertionError as error:
            raise AssertionError(f"killed at moment {at} ({name})") from error


def test_full_disk_keeps_the_checkpoint_before(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        begin(experiment, out, stop=stopping_after(3))
    before = (out / CHECKPOINT).read_bytes()

    def fill(*_: Any, **__: Any) -> None:
        raise full()

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", fill)
        with pytest.raises(RunError, match=f"checkpoint is intact.*--resume {out}"):
            go_on(experiment, out)
    assert (out / CHECKPOINT).read_bytes() == before


def test_files_of_a_finished_run(experiment: Experiment, whole: Path) -> None:
    files = {entry.name for entry in whole.iterdir()} - {".lock"}
    bound = {MANIFEST, NETWORK, ARRAYS, LOCAL}
    assert files == {CONFIG, METRICS, CHECKPOINT, WEIGHTS, SCORECARD, SUMMARY} | bound


def test_config_holds_everything_to_repeat_the_run(
    experiment: Experiment, tmp_path: Path, whole: Path
) -> None:
    config = json.loads((whole / CONFIG).read_text())
    fields = {name: config[name] for name in Experiment.__dataclass_fields__}
    paths = json.loads((whole / LOCAL).read_text())  # of this machine, which nobody else is told
    assert paths.keys() == {"model", "dataset"}
    assert all(Path(path).name == config[name] for name, path in paths.items())
    again = Experiment(**fields | paths)
    assert again == replace(experiment, device="cpp_standalone", batch=1, scale=1.0)
    assert config["name"] == "run"
    assert config["model_sha256"] == models.load(str(MODEL)).sha256
    assert len(config["data_sha256"]) == 64
    assert {"python", "system", "apical", "brian2", "numpy"} <= set(config["versions"])
    assert {finding["subject"] for finding in config["scorecard"]} >= {"stimulus_to_hidden"}
    assert {finding["aspect"] for finding in config["scorecard"]} == set(ASPECTS)
    assert all(MODEL.name in finding["place"] for finding in config["scorecard"])
    begin(again, tmp_path / "again" / "run")
    assert_same_results(tmp_path / "again" / "run", whole)


def test_metrics_are_a_long_table(whole: Path) -> None:
    with (whole / METRICS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = ("run", "seed", "epoch", "block", "trial", "metric", "subject", "value")
    assert tuple(rows[0]) == COLUMNS == known
    assert {(row["run"], row["seed"]) for row in rows} == {("run", "7")}
    names = {(row["metric"], row["subject"]) for row in rows}
    assert names == {("test_accuracy", ""), ("rate", "hidden"), ("rate", "output")}
    accuracy = [(r["epoch"], r["trial"]) for r in rows if r["metric"] == "test_accuracy"]
    assert accuracy == [("0", "0"), ("1", "24"), ("2", "48")]
    values = [row["value"] for row in rows]
    assert values == [repr(float(value)) for value in values]
    keys = [(row["trial"], row["metric"], row["subject"]) for row in rows]
    assert len(set(keys)) == len(keys)


def test_summary(experiment: Experiment, whole: Path) -> None:
    summary = json.loads((whole / SUMMARY).read_text())
    assert {
        "model",
        "dataset",
        "device",
        "seed",
        "epochs",
        "n_train",
        "n_test",
        "test_accuracy",
        "train_seconds",
        "compile_seconds",
        "ms_per_trial",
        "peak_memory_mb",
        "versions",
    } <= set(summary)
    expected = {"model": "spiking_dfa", "seed": 7, "epochs": 2, "n_train": 24, "n_test": 8}
    assert {name: summary[name] for name in expected} == expected
    with (whole / METRICS).open(newline="") as file:
        last = [row for row in csv.DictReader(file) if row["metric"] == "test_accuracy"][-1]
    assert summary["test_accuracy"] == float(last["value"])
    assert summary["train_seconds"] >= 0
    assert summary["peak_memory_mb"] > 10


def test_weights_are_plain_arrays_of_every_projection(whole: Path) -> None:
    shapes = {name: values.shape for name, values in arrays(whole / WEIGHTS).items()}
    assert shapes["stimulus_to_hidden"] == (6, 4)
    assert shapes["hidden_to_output"] == (4, 2)
    assert set(shapes) == {
        "stimulus_to_hidden",
        "hidden_to_output",
        "output_to_error",
        "error_to_error",
        "error_to_output",
        "error_to_hidden",
    }
    assert {values.dtype.kind for values in arrays(whole / WEIGHTS).values()} == {"f"}


def test_finished_run_resumed_again_changes_nothing(experiment: Experiment, whole: Path) -> None:
    before = contents(whole)
    summary = go_on(experiment, whole)
    assert contents(whole) == before
    assert summary == json.loads((whole / SUMMARY).read_text())


@pytest.mark.parametrize("epochs", [0, 2])
def test_run_killed_after_its_last_checkpoint_is_finished_by_resume(
    experiment: Experiment, tmp_path: Path, epochs: int
) -> None:
    experiment = Experiment(**{**vars(experiment), "epochs": epochs})
    out = tmp_path / "run"
    begin(experiment, out)
    before = contents(out)
    for name in (SUMMARY, WEIGHTS):
        (out / name).unlink()
    go_on(experiment, out)
    after = contents(out)
    assert after[WEIGHTS] == before[WEIGHTS]
    assert after[METRICS] == before[METRICS]
    assert (
        json.loads(after[SUMMARY])["test_accuracy"] == json.loads(before[SUMMARY])["test_accuracy"]
    )


@pytest.mark.parametrize("n", range(1, 7))
def test_run_stopped_after_any_block_goes_on_with_the_same_bits(
    experiment: Experiment, tmp_path: Path, whole: Path, n: int
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        begin(experiment, out, stop=stopping_after(n))
    go_on(experiment, out)
    assert_same_results(out, whole)


def test_seconds_of_training_add_up_over_resumes(experiment: Experiment, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        begin(experiment, out, stop=stopping_after(4))
    about = json.loads(str(arrays(out / CHECKPOINT)["about"]))
    assert go_on(experiment, out)["train_seconds"] >= round(about["seconds"], 3) > 0


def test_run_directory_that_was_moved_goes_on_under_its_name(
    experiment: Experiment, tmp_path: Path, whole: Path
) -> None:
    with pytest.raises(Stopped):
        begin(experiment, tmp_path / "run", stop=stopping_after(2))
    (tmp_path / "run").rename(tmp_path / "moved")
    go_on(experiment, tmp_path / "moved")
    assert_same_results(tmp_path / "moved", whole)


def test_leftovers_of_a_run_that_died_at_birth_are_no_obstacle(
    experiment: Experiment, tmp_path: Path, whole: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name in (".lock", METRICS, f".{METRICS}.part", f".{CONFIG}.part"):
        (out / name).write_text("x")
    begin(experiment, out)
    assert_same_results(out, whole)


def stopped(experiment: Experiment, out: Path) -> Path:
    with pytest.raises(Stopped):
        begin(experiment, out, stop=stopping_after(3))
    return out


def test_directory_of_another_run_is_left_alone(experiment: Experiment, tmp_path: Path) -> None:
    out = stopped(experiment, tmp_path / "run")
    before = contents(out)
    with pytest.raises(RunError, match=f"already holds a run.*apical run --resume {out}"):
        begin(experiment, out)
    assert contents(out) == before


def test_directory_with_other_files_is_left_alone(experiment: Experiment, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="not empty.*'thesis.tex'"):
        begin(experiment, out)
    assert (out / "thesis.tex").read_text() == "precious"
    assert {entry.name for entry in out.iterdir()} <= {"thesis.tex", ".lock"}


def test_directory_in_use_is_left_alone(experiment: Experiment, tmp_path: Path) -> None:
    out = stopped(experiment, tmp_path / "run")
    before = contents(out)
    for again in (begin, go_on):
        with RunDirectory.reopen(out), pytest.raises(RunError, match="in use by a live run"):
            again(experiment, out)
    assert contents(out) == before


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/run"])
def test_directory_that_cannot_be_made(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=f"{out} cannot be made"):
        begin(experiment, Path(out))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_that_cannot_be_written(experiment: Experiment, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir(mode=0o500)
    with pytest.raises(RunError, match="cannot be written: Permission denied"):
        begin(experiment, out)


@pytest.mark.parametrize("missing", ["nothing", "folder"])
def test_resume_of_a_directory_without_run(tmp_path: Path, missing: str) -> None:
    if missing == "folder":
        (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match=f"holds no run: it has no {CONFIG}"):
        experiments.resume(tmp_path / "run")


def refused(experiment: Experiment, out: Path, match: str) -> None:
    """Check that a run is not resumed, and that nothing of it is touched."""
    before = contents(out)
    with pytest.raises(ApicalError, match=match) as caught:
        go_on(experiment, out)
    assert "\n" not in str(caught.value)
    assert contents(out) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-10],
        lambda text: b"",
        lambda text: b"no json",
        lambda text: b"\xff\xfe\x00",
        lambda text: b"[1, 2]",
        lambda text: b"null",
    ],
    ids=["truncated", "empty", "text", "bytes", "list", "null"],
)
def test_damaged_config_is_named(
    experiment: Experiment, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    (out / CONFIG).write_bytes(damage((out / CONFIG).read_bytes()))
    refused(experiment, out, f"{CONFIG} is damaged")


def rewrite(file: Path, changes: Mapping[str, Any], without: str | None = None) -> None:
    config = json.loads(file.read_text())
    config.update(changes)
    config.pop(without, None)
    file.write_text(json.dumps(config))


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "model_sha256",
        "data_sha256",
        *(f.name for f in fields(Experiment) if f.metadata != configuration.LATER),
    ],
)
def test_config_that_lacks_a_key_is_named(experiment: Experiment, tmp_path: Path, key: str) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    rewrite(out / CONFIG, {}, without=key)
    refused(experiment, out, f"{CONFIG} is damaged: it lacks '{key}'")


def test_what_earlier_versions_do_not_say_is_as_by_default(
    experiment: Experiment, tmp_path: Path
) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    said = read_experiment(out)
    later = {f.name: f.default for f in fields(Experiment) if f.metadata == configuration.LATER}
    gradients = {"surrogate": "fast_sigmoid", "steepness": 25.0, "through_reset": False}
    assert later == {
        "hypothesis": "",
        "scale": None,
        "measure": (),
        "measure_every": "epoch",
        "in_flight": 1,
        **gradients,
    }
    for name in later:
        rewrite(out / CONFIG, {}, without=name)
    assert read_experiment(out) == replace(said, **later)


def test_every_field_is_kept_and_checked(experiment: Experiment, tmp_path: Path) -> None:
    """A new option is one field: it is written, read, and refused where its type is another."""
    out = unbound(stopped(experiment, tmp_path / "run"))
    assert read_experiment(out) == prepare(experiment).experiment
    before = (out / CONFIG).read_text()
    for field in fields(Experiment):
        rewrite(out / CONFIG, {field.name: {"no": ["such", {}]}})
        if field.name != "options":  # whose names are those of the model
            with pytest.raises(RunError, match=f"{CONFIG} is damaged: .*{field.name}"):
                read_experiment(out)
        (out / CONFIG).write_text(before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": "ten"},
        {"epochs": True},
        {"seed": 1.5},
        {"name": 3},
        {"block": None},
        {"options": 3},
        {"options": {"hiden": 3}},
        {"model": 1},
        {"dataset": None},
        {"train_trials": "many"},
        {"final_rate": []},
        {"measure": "angles"},
        {"measure": [["angles"]]},
        {"measure": ["wings"]},
        {"measure_every": "day"},
    ],
    ids=str,
)
def test_config_with_a_wrong_value_is_refused(
    experiment: Experiment, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    rewrite(out / CONFIG, wrong)
    refused(experiment, out, "")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: b"garbage" * 100,
        lambda content: os.urandom(1000),
        lambda content: b"PK\x03\x04" + content[4:100],
    ],
    ids=["half", "less-a-byte", "empty", "garbage", "random", "head"],
)
def test_damaged_checkpoint_is_named(
    experiment: Experiment, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    (out / CHECKPOINT).write_bytes(damage((out / CHECKPOINT).read_bytes()))
    refused(experiment, out, f"{CHECKPOINT} is damaged")


@pytest.mark.parametrize("seed", range(4))
def test_no_flipped_bit_of_a_checkpoint_goes_unnoticed(
    experiment: Experiment, tmp_path: Path, seed: int
) -> None:
    out, rng = unbound(stopped(experiment, tmp_path / "run")), random.Random(seed)
    good = (out / CHECKPOINT).read_bytes()
    with RunDirectory.reopen(out) as directory:
        expected = directory.checkpoint()
        assert expected is not None
        for _ in range(250):
            content = bytearray(good)
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            (out / CHECKPOINT).write_bytes(content)
            try:
                got = directory.checkpoint()
            except RunError:
                continue
            assert got is not None
            # a bit of a file's time or the like: what is read is right
            assert (got.position, got.metrics_bytes) == (expected.position, expected.metrics_bytes)
            assert got.state.keys() == expected.state.keys()
            for name, values in expected.state.items():
                np.testing.assert_array_equal(got.state[name], values)


@pytest.mark.parametrize("about", [b"", b"{}", b"[]", b"3", b'{"epoch": 1}'], ids=repr)
def test_checkpoint_that_does_not_say_where_it_is(
    experiment: Experiment, tmp_path: Path, about: bytes
) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    state = arrays(out / CHECKPOINT)
    np.savez(out / CHECKPOINT, **{**state, "about": np.array(about.decode())})
    refused(experiment, out, f"{CHECKPOINT} is damaged")


def test_checkpoint_without_a_state_is_refused(experiment: Experiment, tmp_path: Path) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    np.savez(out / CHECKPOINT, about=arrays(out / CHECKPOINT)["about"])
    refused(experiment, out, f"{CHECKPOINT}|state")


@pytest.mark.parametrize("length", [0, 10, -1], ids=["empty", "head", "less-a-byte"])
def test_metrics_shorter_than_the_checkpoint_says(
    experiment: Experiment, tmp_path: Path, length: int
) -> None:
    out = unbound(stopped(experiment, tmp_path / "run"))
    (out / METRICS).write_bytes((out / METRICS).read_bytes()[:length])
    refused(experiment, out, f"{METRICS} is shorter than its checkpoint says")


def test_metrics_that_are_gone(experiment: Experiment, tmp_path: Path) -> None:
    out = stopped(experiment, tmp_path / "run")
    (out / METRICS).unlink()
    refused(experiment, out, METRICS)


@pytest.mark.parametrize("now", ["changed", "gone"])
def test_a_run_needs_its_model_no_more(experiment: Experiment, tmp_path: Path, now: str) -> None:
    """Its network is stored as data. A run of before 0.2 needs the script, and its user's word."""
    script = tmp_path / "model.py"
    script.write_text(MODEL.read_text())
    of_script = replace(experiment, model=str(script))
    out = stopped(of_script, tmp_path / "run")
    former = unbound(stopped(of_script, tmp_path / "former" / "run"))
    script.write_text(MODEL.read_text() + "# changed\n")
    if now == "gone":
        script.unlink()
    refused(experiment, former, "needs the script that it began with .*--trust .*model.py")
    with pytest.raises(RunError, match="is not the script|does not exist"):
        experiments.resume(former, trust=script, progress=False, draw=False)
    go_on(experiment, out)
    script.write_text(MODEL.read_text())
    experiments.resume(former, trust=script, progress=False, draw=False)
    assert (former / METRICS).read_bytes() == (out / METRICS).read_bytes()
    for name, weights in arrays(out / WEIGHTS).items():
        np.testing.assert_array_equal(arrays(former / WEIGHTS)[name], weights)


def test_data_that_changed_since_the_run_began(experiment: Experiment, tmp_path: Path) -> None:
    out, file = stopped(experiment, tmp_path / "run"), Path(experiment.dataset)
    good, data = file.read_bytes(), arrays(file)
    data["x_test"][0, 0] += 1e-3
    np.savez(file, **data)
    refused(experiment, out, "data set .*blobs.npz changed since it began")
    file.write_bytes(good)
    go_on(experiment, out)


def test_diverging_run_keeps_its_last_good_checkpoint(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = FakeSimulator.run, stopped(experiment, tmp_path / "run")
    before = (out / CHECKPOINT).read_bytes()

    def diverge(simulator: FakeSimulator, block: Any) -> Any:
        result = run(simulator, block)
        if block.labels is not None:
            simulator.load({"hidden_to_output": np.full((4, 2), np.nan)})
        return result

    monkeypatch.setattr(FakeSimulator, "run", diverge)
    with pytest.raises(RunError, match="'hidden_to_output' diverged in block 2 of epoch 0"):
        go_on(experiment, out)
    assert (out / CHECKPOINT).read_bytes() == before
    assert all(np.isfinite(a).all() for n, a in arrays(out / CHECKPOINT).items() if n != "about")
