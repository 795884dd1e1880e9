"""Damaged and exchanged files of runs: nothing that changes a result is accepted, or executed.

Cases are every file of a finished and of an interrupted run, times every kind of damage, times
every command that reads runs, found in the command line's own registry: a new file or command is
covered by itself. The model of the runs writes a marker when it is imported.
"""

import contextlib
import io
import json
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from unbound import unbound

from apical.cli import app as cli
from apical.data.datasets import blobs
from apical.errors import ApicalError, ApicalWarning, RunError
from apical.runs.directory import (
    ARRAYS,
    CHECKPOINT,
    LOCAL,
    METRICS,
    NETWORK,
    SUMMARY,
    WEIGHTS,
    bound,
    read_json,
)
from apical.runs.experiment import Experiment
from apical.runs.manifest import CONFIG, MANIFEST, Manifest
from apical.runs.open import RECORDS, open_run, read_records, write_records
from apical.runs.run import Stopped, resume, run
from apical.sweeps.results import measured

SHIPPED = Path(__file__).parents[2] / "models" / "rate_dfa.py"
UNREAD = ("figures/", ".lock")
TIMES = ("train_seconds", "ms_per_trial", "compile_seconds", "peak_memory_mb", "versions")


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


def call(*arguments: Any) -> Ran:
    """Run a command in this process, as its script does."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["apical", *map(str, arguments)])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as ended:
                code = ended.code
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())


# Runs --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Runs:
    """A finished and an interrupted run, the same of another seed, and what imports leave."""

    folder: Path
    marker: Path
    script: Path

    def of(self, state: str, seed: int = 0) -> Path:
        """Return the directory of one."""
        return self.folder / str(seed) / state / "run"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("bound")
    data = blobs(12, 6, 6, 2, rng=np.random.default_rng(0))
    train, test = data.train, data.test
    arrays = dict(x_train=train.values, y_train=train.labels, x_test=test.values)
    np.savez(folder / "blobs.npz", **arrays, y_test=test.labels)
    found = Runs(folder, folder / "executed", folder / "mine.py")
    touch = f"__import__('pathlib').Path({str(found.marker)!r}).touch()\n"
    found.script.write_text(SHIPPED.read_text() + touch)
    options, data_set = {"hidden": 4, "wiring": "ifa"}, str(folder / "blobs.npz")
    for seed in (0, 1):
        e = Experiment(str(found.script), options, dataset=data_set, epochs=2, block=6, batch=3)
        e = Experiment(**{**vars(e), "seed": seed})
        run(e, found.of("finished", seed), progress=False, draw=seed == 0)
        write_records(found.of("finished", seed), open_run(found.of("finished", seed)).record(4))
        stop = iter([False, False, True]).__next__
        with pytest.raises(Stopped):
            run(e, found.of("interrupted", seed), progress=False, draw=False, stop=stop)
    assert found.marker.exists()
    found.marker.unlink()
    return found


# Damage ------------------------------------------------------------------------------------------

Damage = Callable[[Path, Path], bool]
"""Given a file and that of another run, damage the first; say whether there was anything to do."""


def _swap(file: Path, other: Path) -> bool:
    if not other.exists():
        return False
    shutil.copyfile(other, file)
    return True


def _swap_with_manifest(file: Path, other: Path) -> bool:
    shutil.copyfile(other.with_name(MANIFEST), file.with_name(MANIFEST))
    return _swap(file, other)


def _flip(seed: int) -> Damage:
    def damage(file: Path, other: Path) -> bool:
        content, rng = bytearray(file.read_bytes()), random.Random(f"{seed} {file.name}")
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
        return True

    return damage


def _cut(file: Path, other: Path) -> bool:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return True


def _delete(file: Path, other: Path) -> bool:
    file.unlink()
    return True


def _twice(file: Path, other: Path) -> bool:
    if file.suffix != ".json":
        return False
    name, value = next(iter(json.loads(file.read_text()).items()))
    text = file.read_text().rstrip().removesuffix("}").rstrip()
    file.write_text(f"{text},\n  {json.dumps(name)}: {json.dumps(value)}\n}}\n")
    return True


def _edit(name: str) -> Damage:
    """Return what changes an entry of a configuration to another value of the same type."""

    def damage(file: Path, other: Path) -> bool:
        config = json.loads(file.read_text())
        config[name] = _another(config[name])
        file.write_text(json.dumps(config, indent=2) + "\n")
        return True

    return damage


def _another(value: Any) -> Any:
    if isinstance(value, dict):
        first = next(iter(value), None)
        return {"x": 1} if first is None else {**value, first: _another(value[first])}
    if isinstance(value, list):
        return value[1:] or ["x"]
    kinds = {bool: lambda: not value, str: lambda: f"{value}x", type(None): lambda: 3}
    return kinds.get(type(value), lambda: value + 1)()


KINDS: Mapping[str, Damage] = {
    "swap": _swap,
    "swap with manifest": _swap_with_manifest,
    "cut": _cut,
    "delete": _delete,
    "duplicate key": _twice,
    **{f"flip {seed}": _flip(seed) for seed in range(2)},
}


def cases(folder: Path, flips: int = 0) -> Iterator[tuple[str, str, Damage]]:
    """Yield a file of a run, the kind of its damage, and what damages it."""
    kinds = dict(KINDS) | {f"flip {seed}": _flip(seed) for seed in range(2, flips)}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(UNREAD):
            yield from ((name, kind, damage) for kind, damage in kinds.items())
    for name in json.loads((folder / CONFIG).read_text()):
        yield CONFIG, f"edit {name}", _edit(name)


# Commands ----------------------------------------------------------------------------------------

REQUIRED: Mapping[str, Callable[[Path], Any]] = {"kind": lambda _: "csv", "out": lambda out: out}
"""What commands are given for options that they must have."""

LONG = ("analyze", "report")
"""Commands that draw, which takes seconds where they are not refused."""


def commands() -> list[str]:
    """Return every command that reads runs: those with an argument RUN or RUNS, and `run`."""
    context = click.Context(cli.commands)
    found = {
        name: cli.commands.get_command(context, name)
        for name in cli.commands.list_commands(context)
    }
    reads = [name for name, one in found.items() if one and _argument(one)]
    return [*reads, "run", "sweep"]


def _argument(command: click.Command) -> str:
    named = [p.name for p in command.params if isinstance(p, click.Argument)]
    return next((name for name in named if name in ("run", "runs")), "")


def read(command: str, folder: Path, out: Path) -> Ran:
    """Let a command read a run."""
    if command == "sweep":  # which reads many runs, by this function
        try:
            return Ran(0, str({k: v for k, v in measured(folder).items() if k not in TIMES}), "")
        except ApicalError as error:
            return Ran(2, "", f"apical: {error.message}\n")
    if command == "run":
        return call("run", "--resume", folder, "--quiet", "--no-figures")
    found = cli.commands.get_command(click.Context(cli.commands), command)
    assert found is not None
    options = [p for p in found.params if isinstance(p, click.Option)]
    needed = [p for p in options if p.required or p.name == "out"]
    given = [(p.opts[0], REQUIRED[str(p.name)](out)) for p in needed]
    return call(command, folder, *(word for pair in given for word in pair))


def result(command: str, folder: Path, out: Path, ran: Ran) -> Any:
    """Return what a command found, without what differs from one time to the next."""
    if command == "run":
        summary = read_json(folder / SUMMARY)
        kept = {k: v for k, v in summary.items() if k not in TIMES}
        return kept, (folder / METRICS).read_bytes(), _numbers(folder / WEIGHTS)
    if command == "sweep":
        return ran.out
    if command == "record":
        return {k: v for k, v in _numbers(out).items() if k != "records"}
    tables = sorted(out.rglob("*.csv")) if out.is_dir() else []
    return {
        table.name: pd.read_csv(table).to_csv() for table in tables if table.name != "about.csv"
    }


def _numbers(file: Path) -> dict[str, bytes]:
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[name].tobytes() for name in archive.files}


def faults(
    runs: Runs, state: str, command: str, tmp: Path, flips: int = 0
) -> tuple[list[str], int]:
    """Return what was wrong in any of the cases of a command, and how many there were."""
    tried = 0
    whole = shutil.copytree(runs.of(state), tmp / "whole" / "run")
    intact = read(command, whole, tmp / "whole" / "out")
    expected = result(command, whole, tmp / "whole" / "out", intact) if not intact.code else None
    said = ["an intact run was executed"] if runs.marker.exists() else list[str]()
    for name, kind, damage in cases(runs.of(state), flips):
        tried += 1
        folder = shutil.copytree(runs.of(state), tmp / str(tried) / "run")
        if not damage(folder / name, runs.of(state, 1) / name):
            continue
        out = tmp / str(tried) / "out"
        ran = read(command, folder, out)
        where = f"{command} of a {state} run, {kind}: {name}"
        if runs.marker.exists():
            said.append(f"{where}: executed")
            runs.marker.unlink()
        if ran.code == 0:
            if result(command, folder, out, ran) != expected:
                said.append(f"{where}: another result was accepted")
        elif ran.code != 2 or not ran.err.startswith("apical: ") or ran.err.count("\n") != 1:
            said.append(f"{where}: exit {ran.code}, {ran.err[-300:]!r}")
        elif kind.startswith("edit") and repr(kind.removeprefix("edit ")) not in ran.err:
            said.append(f"{where}: does not name what differs: {ran.err}")
        shutil.rmtree(tmp / str(tried))
    return said, tried


@pytest.mark.parametrize("state", ["finished", "interrupted"])
@pytest.mark.parametrize("command", [name for name in commands() if name not in LONG])
def test_damage_is_told_in_one_line_and_changes_no_result(
    runs: Runs, tmp_path: Path, command: str, state: str
) -> None:
    wrong, tried = faults(runs, state, command, tmp_path)
    assert not wrong, "\n".join(wrong)
    assert tried > 60


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("state", ["finished", "interrupted"])
@pytest.mark.parametrize("command", commands())
def test_more_damage_is_told_in_one_line(
    runs: Runs, tmp_path: Path, command: str, state: str
) -> None:
    wrong, _ = faults(runs, state, command, tmp_path, flips=4 if command in LONG else 20)
    assert not wrong, "\n".join(wrong)


def test_commands_that_read_runs_are_found() -> None:
    assert {"record", "export", "analyze", "report", "run"} <= set(commands())


# What is executed --------------------------------------------------------------------------------


def copied(runs: Runs, tmp_path: Path, state: str = "finished") -> Path:
    return shutil.copytree(runs.of(state), tmp_path / "run")


@pytest.mark.parametrize("state", ["finished", "interrupted"])
def test_no_intact_run_executes_anything(runs: Runs, tmp_path: Path, state: str) -> None:
    folder = copied(runs, tmp_path, state)
    for command in (name for name in commands() if name not in LONG):
        read(command, folder, tmp_path / command)
        assert not runs.marker.exists(), command


def former(runs: Runs, tmp_path: Path) -> Path:
    """Return a run as before 0.2, which only its model can rebuild."""
    return unbound(copied(runs, tmp_path))


def test_a_run_that_data_cannot_rebuild_executes_nothing_by_itself(
    runs: Runs, tmp_path: Path
) -> None:
    folder = former(runs, tmp_path)
    (folder / RECORDS).unlink()
    for command in ("record", "export", "analyze", "report"):
        ran = read(command, folder, tmp_path / command)
        assert ran.code == 2 and f"--trust {runs.script}" in ran.err and ran.err.count("\n") == 1
        assert not runs.marker.exists()


def test_only_the_very_script_is_imported_and_only_by_name(runs: Runs, tmp_path: Path) -> None:
    folder, inside = former(runs, tmp_path), tmp_path / "run" / "mine.py"
    shutil.copyfile(runs.script, inside)
    other = tmp_path / "mine.py"
    other.write_text(runs.script.read_text() + "# another\n")
    for script, said in (
        (inside, "lies in the run's directory"),
        (other, "is not the script that the run began with"),
        (tmp_path / "none.py", "does not exist"),
    ):
        with pytest.raises(RunError, match=said):
            open_run(folder, trust=script)
        assert not runs.marker.exists()
    config = json.loads((folder / CONFIG).read_text())  # as a stranger may write it
    config["model"] = str(inside)
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(RunError, match="If you trust it, name it"):
        open_run(folder)
    assert not runs.marker.exists()


def test_what_is_imported_is_told_before(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = former(runs, tmp_path)
    (folder / RECORDS).unlink()
    opened = open_run(folder, trust=runs.script)
    assert f"apical: importing {runs.script} (SHA-256 " in capsys.readouterr().err
    assert runs.marker.exists()
    runs.marker.unlink()
    ran = call("record", folder, "--trust", runs.script, "--trials", 4)
    assert ran.code == 0 and runs.marker.exists()
    runs.marker.unlink()
    expected = read_records(runs.of("finished")).signals["output.x"]
    np.testing.assert_array_equal(opened.record(4).signals["output.x"], expected)


# What may change ---------------------------------------------------------------------------------


def test_more_epochs_are_learned_and_told(runs: Runs, tmp_path: Path) -> None:
    folder = copied(runs, tmp_path)
    assert call("run", "--resume", folder, "--epochs", 3, "--quiet", "--no-figures").code == 0
    config, manifest = bound(folder)
    assert manifest is not None and config["epochs"] == 3
    assert config["changed"] == [{"setting": "epochs", "before": 2, "now": 3, "trial": 24}]
    assert read_json(folder / SUMMARY)["epochs"] == 3
    assert set(open_run(folder).metrics["epoch"]) == {0, 1, 2, 3}
    with pytest.raises(RunError, match="not records of run .* as it is now: .*'epochs'"):
        read_records(folder)
    again = call("run", "--resume", folder, "--epochs", 1, "--quiet", "--no-figures")
    assert again.code == 2 and "3 epochs, which may only become more, got 1" in again.err


def test_a_device_may_change_and_is_told(runs: Runs, tmp_path: Path) -> None:
    folder = copied(runs, tmp_path, "interrupted")
    refused = call("run", "--resume", folder, "--device", "runtime", "--quiet", "--no-figures")
    assert refused.code == 2 and refused.err.count("\n") == 1, refused.err  # it takes no batches
    assert bound(folder)[0] == bound(runs.of("interrupted"))[0]
    resume(folder, device="array", progress=False, draw=False)
    assert "changed" not in bound(folder)[0]


def test_other_settings_may_not_change(runs: Runs, tmp_path: Path) -> None:
    ran = call("run", "--resume", copied(runs, tmp_path, "interrupted"), "--seed", 3)
    assert ran.code == 2 and "leave out 'seeds'" in ran.err


def test_a_run_goes_on_with_the_threads_that_it_began_with(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apical.runs import threads

    with threads.same_threads(2, tmp_path):
        assert threads.blas_threads() == 2
    assert type(bound(runs.of("finished"))[0]["blas_threads"]) is int
    monkeypatch.setattr(threads, "blas_threads", lambda: 1)
    with pytest.warns(ApicalWarning, match="began with 64 threads of BLAS and continues with 1"):  # noqa: SIM117
        with threads.same_threads(64, tmp_path):
            pass


def test_records_of_another_run_are_refused_wherever_they_are(runs: Runs, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    shutil.copyfile(runs.of("finished", 1) / RECORDS, other)
    ran = call("analyze", copied(runs, tmp_path), "--records", other, "--out", tmp_path / "out")
    assert ran.code == 2 and "not records of run" in ran.err and "'seed'" in ran.err


def test_the_manifest_lists_every_file(runs: Runs) -> None:
    for state in ("finished", "interrupted"):
        folder, manifest = runs.of(state), Manifest.read(runs.of(state))
        assert manifest is not None
        files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert set(manifest.files) == files - {MANIFEST, ".lock", LOCAL}  # of one machine
        assert {CHECKPOINT, NETWORK, ARRAYS} <= set(manifest.files)
