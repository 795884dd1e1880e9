"""Several seeds at the same time: the bits of one after the other, and one way to stop them all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from apical.cli.app import commands
from apical.errors import RunError
from apical.runs.experiment import Experiment
from apical.runs.run import Stopped, run
from apical.scripts import gallery
from apical.sweeps import in_parallel
from apical.sweeps.parallel import check_claim, checks_in_parallel
from apical.sweeps.wirings import compare

SMALL = {"train_trials": 200, "test_trials": 50, "epochs": 2}
SAME = ("weights.npz", "metrics.csv", "network.json", "scorecard.json", "config.json")


def plans(folder: Path, **options: object) -> list[tuple[Experiment, Path]]:
    given = {**SMALL, **options}
    return [(Experiment("rate_dfa", seed=k, **given), folder / f"seed{k}") for k in range(2)]


def assert_same(one: Path, other: Path) -> None:
    for name in SAME:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.slow
def test_runs_have_the_bits_of_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    together = in_parallel(plans(tmp_path / "a"), 2, progress=False, draw=False)
    code = (
        "from pathlib import Path; import test_parallel as t\n"
        "for e, out in t.plans(Path('b')): t.run(e, out, progress=False, draw=False)"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    for k in range(2):
        assert_same(tmp_path / "a" / f"seed{k}", tmp_path / "b" / f"seed{k}")
    assert [summary["seed"] for summary in together] == [0, 1]


@pytest.mark.slow
def test_a_stop_reaches_all_and_the_same_call_goes_on(tmp_path: Path) -> None:
    long = plans(tmp_path / "stopped", epochs=1000, block=100)

    def begun() -> bool:
        return all((out / "checkpoint.npz").exists() for _, out in long)

    with pytest.raises(Stopped):
        in_parallel(long, 2, progress=False, draw=False, stop=begun)
    assert not any((out / "summary.json").exists() for _, out in long)
    short = plans(tmp_path / "short")
    in_parallel(short, 2, progress=False, draw=False)
    before = [(out / "weights.npz").stat().st_mtime_ns for _, out in short]
    in_parallel(short, 2, progress=False, draw=False)  # finished ones are used as they are
    assert [(out / "weights.npz").stat().st_mtime_ns for _, out in short] == before


@pytest.mark.slow
def test_a_failure_is_one_line_and_the_others_are_finished(tmp_path: Path) -> None:
    fine, wrong = plans(tmp_path)
    diverging = Experiment("rate_dfa", options={"eta": 1e9}, seed=1, batch=1, **SMALL)
    with pytest.raises(RunError, match=r"seed1 failed: The weights of .* diverged") as caught:
        in_parallel([fine, (diverging, wrong[1])], 2, progress=False, draw=False)
    assert "\n" not in caught.value.message
    assert (fine[1] / "summary.json").exists()


@pytest.mark.slow
def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    code = "from apical.cli import main\nif __name__ == '__main__': main()"
    (tmp_path / "command.py").write_text(code)
    asked = ["run", "rate_dfa", "--seed", "0,1", "--jobs", "2", "--epochs", "5000", "--out", "runs"]
    process = subprocess.Popen(
        [sys.executable, "command.py", *asked, "--quiet"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    folders = [tmp_path / "runs" / f"seed{k}" for k in range(2)]
    until = time.monotonic() + 90
    while not all((f / "checkpoint.npz").exists() for f in folders) and time.monotonic() < until:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 130
    assert said.count("apical run --resume runs/seed") == 2
    assert is_empty(process.pid)


def is_empty(group: int) -> bool:
    """Say whether a process group is empty, within some seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.2)
    return False


@pytest.mark.slow
def test_wirings_are_compared_at_the_same_time(tmp_path: Path) -> None:
    plan = Experiment("rate_dfa", **SMALL)
    together, alone = (
        compare(plan, ["bp", "dfa"], [0], tmp_path / name, jobs=jobs, progress=False)
        for name, jobs in (("together", 2), ("alone", 1))
    )
    for one, other in zip(together, alone, strict=True):
        assert one.test_error == pytest.approx(other.test_error, abs=1e-12)
        assert one.curves.keys() == other.curves.keys()


@pytest.mark.slow
def test_checks_of_the_gallery_come_in_their_order(tmp_path: Path) -> None:
    names = ["Maas_2013_dead_units", "Lillicrap_2016_linear"]
    lines = checks_in_parallel(names, tmp_path, 2, progress=False)
    assert [line.name for line in lines] == names
    assert all(line.finding is not None and line.finding.holds for line in lines)


def test_a_check_that_fails_says_why(tmp_path: Path) -> None:
    found = check_claim("no_such_script", str(tmp_path))
    assert found["status"] == "failed"
    assert "The gallery has no script 'no_such_script'" in found["error"]
    line = gallery.judged(gallery.entry("Maas_2013_dead_units"), None, 2.0)
    assert (line.finding, line.seconds) == (None, 2.0)


def test_directories_that_hold_runs_are_refused_before_anything_starts(tmp_path: Path) -> None:
    run(*plans(tmp_path)[0], progress=False, draw=False)
    asked = ["run", "rate_dfa", "--seed", "0,1", "--jobs", "2", "--out", str(tmp_path)]
    found = CliRunner().invoke(commands, asked)
    assert isinstance(found.exception, RunError)
    assert "already holds a run" in found.exception.message
    assert not (tmp_path / "seed1").exists()
