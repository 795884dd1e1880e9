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
from apical.errors import ApicalWarning, ParameterError, RunError
from apical.runs.experiment import Experiment
from apical.runs.run import Stopped, run
from apical.scripts import gallery, models
from apical.sweeps import in_parallel, room
from apical.sweeps.parallel import check_claim, checks_in_parallel
from apical.sweeps.room import PROCESS
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


@pytest.mark.slow
def test_a_killed_job_is_named_and_goes_on_while_the_others_are_finished(tmp_path: Path) -> None:
    """Kill the worker of one run, whoever it is, whenever it has begun: as short memory does."""
    script = tmp_path / "deadly.py"
    build = Path(models.__file__).parents[3] / "models" / "rate_dfa.py"
    script.write_text(
        build.read_text()
        + "\n\n_plain = build\n\n\ndef build(data: ap.Dataset, seed: int) -> ap.Network:\n"
        "    import multiprocessing, os, signal\n"
        "    if seed == 1 and multiprocessing.parent_process() is not None:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return _plain(data, seed)\n"
    )
    several = [(Experiment(str(script), seed=k, **SMALL), tmp_path / f"seed{k}") for k in range(3)]
    with pytest.raises(RunError, match="seed1 failed: its worker died again and again") as caught:
        in_parallel(several, 2, progress=False, draw=False)
    assert "Runs that are finished: 2 of 3." in caught.value.message
    assert all((tmp_path / f"seed{k}" / "summary.json").exists() for k in (0, 2))
    script.write_text(build.read_text())
    again = in_parallel(several, 2, progress=False, draw=False)
    assert [summary["seed"] for summary in again] == [0, 1, 2]


@pytest.mark.parametrize(("free", "fitting"), [(1e15, 3), (2.5 * PROCESS, 2), (1e6, 1)])
def test_no_more_runs_at_a_time_than_fit_into_memory(
    free: float, fitting: int, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: free)
    several = [Experiment("rate_dfa", seed=seed, **SMALL) for seed in range(3)]
    assert room.that_fit(8, several) == fitting
    said = [str(warning.message) for warning in recwarn if "at the same time" in str(warning)]
    assert bool(said) == (fitting < 3)
    if said:
        assert f"are free; {fitting} at a time." in said[0]


def test_the_largest_run_decides_how_many_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [Experiment("rate_dfa", options={"hidden": n}, **SMALL) for n in (10, 50_000)]
    small, large = map(room.run_bytes, sizes)
    assert large > small + 8 * 64 * 50_000
    monkeypatch.setattr(room, "free_memory", lambda: large + small)
    with pytest.warns(ApicalWarning, match="2 runs at the same time would take"):
        assert room.that_fit(2, sizes) == 1


@pytest.mark.parametrize("jobs", ["0", "-1", "1.5", "all"])
@pytest.mark.parametrize(
    "command", [["run", "rate_dfa"], ["compare", "rate_dfa"], ["gallery"], ["sweep", "none.toml"]]
)
def test_no_jobs_at_all_are_refused_in_one_line(command: list[str], jobs: str) -> None:
    option = "--workers" if command[0] == "sweep" else "--jobs"
    found = CliRunner().invoke(commands, [*command, option, jobs])
    assert found.exit_code == 2
    assert f"Invalid value for '{option}': " in found.output.splitlines()[-1]


def test_in_python_no_jobs_at_all_are_a_parameter_error() -> None:
    with pytest.raises(ParameterError, match=r"in_parallel: jobs must be one whole number .*got 0"):
        in_parallel([], 0)


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
