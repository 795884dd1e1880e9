"""Sweeps: designs, statistics, and real ones on a scheduler and workers that are killed."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from processes import finish, started
from scipy import stats

from apical import plotting
from apical.cli import app as cli
from apical.errors import ApicalError, DataError, DesignError, RunError
from apical.runs.experiment import Experiment
from apical.sweeps import Design, read_design, report, scheduler, statistics, sweep
from apical.sweeps.design import check
from apical.sweeps.results import RESULTS, SWEEP, SweepDirectory
from apical.sweeps.working import work

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "Nokland_2016_mnist.py"
SPIKING = ROOT / "models" / "spiking_dfa.py"
TOML = f"""
seeds = 2
baseline = {{ wiring = "bp" }}
[experiment]
model = "{MODEL}"
train_trials = 200
test_trials = 50
epochs = 2
block = 100
[experiment.options]
layers = 1
rate = 3e-3
[factors]
wiring = ["bp", "dfa"]
hidden = [8, 12]
"""


def small(**changes: Any) -> Design:
    options = {"layers": 1, "rate": 3e-3}
    experiment = Experiment(
        str(MODEL), options, train_trials=200, test_trials=50, epochs=2, block=100
    )
    return Design(
        **{
            "experiment": experiment,
            "factors": {"wiring": ["bp", "dfa"], "hidden": [8, 12]},
            "seeds": 2,
            "baseline": {"wiring": "bp"},
        }
        | changes
    )


def written(folder: Path, text: str) -> Path:
    (folder / "experiment.toml").write_text(text)
    return folder / "experiment.toml"


# Designs


def test_a_file_is_a_design(tmp_path: Path) -> None:
    design = read_design(written(tmp_path, TOML))
    assert design == small() and len(design) == len(design.runs) == 8
    assert [run.experiment.seed for run in design.runs] == [0, 0, 0, 0, 1, 1, 1, 1]
    last = design.runs[-1]
    assert last.levels == {"wiring": "dfa", "hidden": 12}
    assert last.experiment.options == {"layers": 1, "rate": 3e-3, "wiring": "dfa", "hidden": 12}
    assert last.id == "wiring=dfa_hidden=12_seed=1"


def test_names_of_runs_do_not_depend_on_the_rest_and_never_meet() -> None:
    more = small(factors={"wiring": ["dfa", "bp", "fa"], "hidden": [12, 9, 8]}, seeds=[1, 7, 0])
    assert {run.id for run in small().runs} < {run.id for run in more.runs}
    paths = Design(Experiment(str(MODEL)), {"dataset": ["digits", "/a/x y.npz", "/b/x y.npz"]}, 1)
    ids = [run.id for run in paths.runs]
    assert len(set(ids)) == 3 and not any(c in "".join(ids) for c in "/ ,")


def test_whole_numbers_do_for_fractions_and_fields_can_be_factors() -> None:
    design = small(factors={"rate": [1, 0.1], "batch": [1, 64]}, baseline={"rate": 1})
    assert design.factors["rate"] == (1.0, 0.1) and design.baseline == {"rate": 1.0}
    assert design.runs[0].experiment.batch == 1


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("wiring = [", "wirings = [", "Factor 'wirings': needs to be one of model, .* options of"),
        ('"bp", "dfa"]', '"bp", "cp"]', "Factor 'wiring': needs one of bp, .* got 'cp'"),
        ("[8, 12]", '[8, "12"]', "Factor 'hidden': needs whole numbers, got '12'"),
        ("[8, 12]", "[8, 8.5]", "needs whole numbers, got 8.5"),
        ("[8, 12]", "[8, true]", "needs whole numbers, got True"),
        ("[8, 12]", "[]", "needs a list of one level or more"),
        ("[8, 12]", "[8, 8]", "needs every level once"),
        ("[8, 12]", "8", "needs a list of one level or more, got 8"),
        ("hidden =", "seed =", "Factor 'seed'.*give seeds beside the tables"),
        ("hidden =", "measure =", "Factor 'measure'"),
        ("3e-3", "nan", "Option 'rate': needs finite numbers, got nan"),
        ("rate =", "eta =", "Option 'eta': needs to be one of Nokland_2016_mnist"),
        ("epochs = 2", 'epochs = "2"', r"\[experiment\] epochs: needs whole numbers, got '2'"),
        ("epochs = 2", "epoch = 2", r"\[experiment\] epoch: needs to be one of"),
        ("epochs = 2", "seed = 2", "give seeds beside the tables"),
        ("seeds = 2", "seeds = 0", "seeds: needs a number of 1 or more"),
        ("seeds = 2", "seeds = [1, 1]", "different whole numbers, got"),
        ("seeds = 2", 'seeds = "2"', "seeds: needs"),
        ("seeds = 2", "seed = 2", "'seed': needs to be one of baseline, experiment"),
        ('{ wiring = "bp" }', '{ wiring = "fa" }', "baseline wiring: needs a level among bp, dfa"),
        ('{ wiring = "bp" }', "{ layers = 1 }", "baseline: needs factors among wiring, hidden"),
        ('{ wiring = "bp" }', '"bp"', "baseline: needs factor = level"),
        ("[factors]", "[facts]", "'facts': needs to be one of"),
        ("[factors]", "[factors", "is not TOML"),
        ("seeds = 2", "seeds = 1\nseeds = 2", "is not TOML"),
        ("model =", "models =", r"\[experiment\]: needs to be a table with a model"),
    ],
)
def test_designs_that_are_none(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in TOML
    path = written(tmp_path, TOML.replace(before, after))
    with pytest.raises(DesignError, match=message) as caught:
        read_design(path)
    assert "\n" not in str(caught.value) and "experiment.toml" in str(caught.value)


def test_files_and_models_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="cannot be read: No such file"):
        read_design(tmp_path / "nothing.toml")
    with pytest.raises(ApicalError, match="no model 'nothing'"):
        read_design(written(tmp_path, TOML.replace(str(MODEL), "nothing")))


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"epochs": [1, -1]}, "with epochs = -1 is impossible: Plan: epochs must be one"),
        ({"final_rate": [0.5, 2]}, "final_rate = 2.0 is impossible"),
        ({"batch": [8, 0]}, "batch = 0 is impossible: batch: needs 1 or more, got 0"),
        ({"dt": [0]}, "with dt = 0.0 is impossible: .*: dt must be one finite number"),
        (
            {"device": ["array", "gpu"]},
            "device = gpu is impossible: There is no device 'gpu'; known are array, ",
        ),
        ({"device": ["cpp_standalone"], "batch": [2]}, "has no option 'batch'"),
        (
            {"wiring": ["bp"], "device": ["cpp_standalone"]},
            "wiring = bp, device = cpp.* is impossible",
        ),
        ({"dataset": ["digits", "figures"]}, "dataset = figures is impossible"),
        ({"train_trials": [0]}, "train_trials = 0 is impossible"),
        ({"hidden": [8, -8]}, "hidden = -8 is impossible"),
        ({"layers": [0, 1], "hidden": [0]}, "hidden = 0 is impossible"),
    ],
)
def test_values_out_of_range_are_found_before_anything_runs(
    tmp_path: Path, factors: dict[str, Any], message: str
) -> None:
    with pytest.raises(DesignError, match=message) as caught:
        sweep(small(factors=factors, baseline={}), tmp_path / "out")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


# Directories


def opened(path: Path, design: Design) -> contextlib.AbstractContextManager[SweepDirectory]:
    return SweepDirectory.open(path, design, check(design))


def test_a_directory_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with (
        pytest.raises(RunError, match="is not empty .*note.txt.* holds no sweep"),
        opened(tmp_path, small()),
    ):
        pass
    assert {entry.name for entry in tmp_path.iterdir()} == {"note.txt", ".lock"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seeds": 1}, "seed 1, which is gone"),
        ({"factors": {"wiring": ["bp", "dfa"], "hidden": [8]}}, "hidden = 12, which is gone"),
        ({"factors": {"wiring": ["bp", "dfa"], "layers": [1, 2]}}, "hidden = 8, which is gone"),
        ({"experiment": Experiment(str(MODEL), {"layers": 1}, epochs=3)}, "'options' differs"),
    ],
)
def test_another_sweep_in_the_directory_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with opened(tmp_path, small()):
        pass
    before = {entry: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()}
    with (
        pytest.raises(RunError, match=f"holds another sweep.*{why}"),
        opened(tmp_path, small(**changes)),
    ):
        pass
    after = {entry: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()}
    assert after == before


def test_a_table_of_another_experiment_is_refused(tmp_path: Path) -> None:
    other = small(experiment=Experiment(str(MODEL), {"layers": 1}, epochs=1))
    for name, design in (("here", small()), ("there", other)):
        with opened(tmp_path / name, design):
            pass
    strange = (tmp_path / "there" / RESULTS).read_bytes()
    (tmp_path / "here" / RESULTS).write_bytes(strange)
    with (
        pytest.raises(RunError, match="holds results of another experiment; move it away"),
        opened(tmp_path / "here", small()),
    ):
        pass
    assert (tmp_path / "here" / RESULTS).read_bytes() == strange
    (tmp_path / "here" / RESULTS).write_bytes(strange[:50])
    with (
        pytest.raises(RunError, match="results.parquet is damaged"),
        opened(tmp_path / "here", small()),
    ):
        pass


def test_two_sweeps_into_one_directory(tmp_path: Path) -> None:
    with (
        opened(tmp_path, small()),
        pytest.raises(RunError, match="in use by a live sweep"),
        opened(tmp_path, small()),
    ):
        pass


def test_a_model_that_changed_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "model.py"
    copy.write_text(MODEL.read_text())
    design = small(experiment=Experiment(str(copy), {"layers": 1}))
    with opened(tmp_path / "out", design):
        pass
    copy.write_text(MODEL.read_text() + "\n")
    with (
        pytest.raises(RunError, match="model.py changed since it began"),
        opened(tmp_path / "out", design),
    ):
        pass


def test_a_damaged_description_is_one_line(tmp_path: Path) -> None:
    with opened(tmp_path, small()):
        pass
    (tmp_path / SWEEP).write_text('{"sums": {}}')
    with pytest.raises(RunError, match="sweep.json is damaged"), opened(tmp_path, small()):
        pass


def test_what_failed_is_kept_until_it_is_tried_again(tmp_path: Path) -> None:
    design = small()
    with opened(tmp_path, design) as directory:
        directory.record(design.runs[3], "failed", "out of luck")
    with opened(tmp_path, design) as directory:
        assert len(directory.waiting) == 8
        (row,) = directory.frame.to_dict("records")
    assert (row["run"], row["status"], row["error"]) == (design.runs[3].id, "failed", "out of luck")
    assert pd.read_parquet(tmp_path / RESULTS)["hidden"].tolist() == [12]


# One run


def session(folder: Path) -> tuple[str, str]:
    (folder / "session").write_text("token")
    return str(folder / "session"), "token"


def test_a_run_that_goes_wrong_is_a_result(tmp_path: Path) -> None:
    run = small(factors={"rate": [1e9]}, baseline={}).runs[0]
    result = work(run.experiment, str(tmp_path / "run"), *session(tmp_path))
    assert result["status"] == "failed" and "diverged" in result["error"]
    assert "\n" not in result["error"]


def test_a_run_nobody_wants_stops(tmp_path: Path) -> None:
    run = small().runs[0]
    result = work(run.experiment, str(tmp_path / "run"), str(tmp_path / "none"), "token")
    assert result["status"] == "stopped" and not (tmp_path / "run").exists()


def test_a_run_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    one, other = small().runs[:2]
    assert work(one.experiment, str(tmp_path / "run"), *session(tmp_path))["status"] == "done"
    result = work(other.experiment, str(tmp_path / "run"), *session(tmp_path))
    assert result["status"] == "failed" and "other settings" in result["error"]


# Statistics


def made_up(**columns: list[Any]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame({"run": range(n), "status": "done", "error": "", **columns})
    return frame


def test_mean_and_interval_against_numpy() -> None:
    values = [0.90, 0.92, 0.91, 0.95, 0.89, 0.93]
    frame = made_up(seed=list(range(6)), a=["x"] * 6, test_accuracy=values)
    frame.loc[6] = [6, "failed", "no", 6, "x", np.nan]
    (row,) = statistics.summary(frame, ["a"]).to_dict("records")
    assert row["n"] == 6 and row["mean"] == pytest.approx(np.mean(values))
    assert row["sd"] == pytest.approx(np.std(values, ddof=1))
    drawn = np.random.default_rng(1).choice(values, (200_000, 6)).mean(axis=1)
    np.testing.assert_allclose(
        (row["low"], row["high"]), np.quantile(drawn, (0.025, 0.975)), atol=4e-4
    )


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for values in rng.normal(size=(400, 5)):
        low, high = statistics.interval(values)
        covered.append(low <= 0 <= high)
    assert 0.76 < np.mean(covered) < 0.88


def test_t_test_and_permutations_against_scipy_and_by_hand() -> None:
    one, other = np.array([3.0, 5.1, 4.2, 6.5, 5.0]), np.array([2.5, 4.0, 4.4, 5.0, 4.1])
    assert statistics.t_test(one - other) == pytest.approx(stats.ttest_rel(one, other).pvalue)
    differences = one - other
    signs = np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1)
    means = np.abs(differences @ signs)
    by_hand = np.mean(means >= means.max() * 0 + abs(differences.sum()) - 1e-12)
    assert statistics.permutation_test(differences) == pytest.approx(by_hand)
    assert statistics.permutation_test([1, 1.1, 1.2, 0.9, 1.3]) == pytest.approx(2 / 2**5)


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, and never falling
    found = statistics.holm([0.04, 0.01, np.nan, 0.03, 0.02])
    np.testing.assert_allclose(found, [0.06, 0.04, np.nan, 0.06, 0.06])
    assert np.isnan(statistics.holm([np.nan])).all()


def test_effect_size_has_no_bias() -> None:
    rng, true = np.random.default_rng(0), 0.8
    found = [statistics.effect_size(true + rng.normal(size=5)) for _ in range(20_000)]
    assert np.mean(found) == pytest.approx(true, abs=0.02)
    # J for m = 4: Gamma(2) / (sqrt(2) Gamma(1.5)) = 0.79788
    d = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert statistics.effect_size(d) == pytest.approx(0.7978846 * 3 / np.sqrt(2.5))


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5]])
def test_what_cannot_be_said_is_not_said(values: list[float]) -> None:
    assert np.isnan(statistics.t_test(values)) and np.isnan(statistics.effect_size(values))


def test_nothing_differs() -> None:
    assert statistics.t_test([0, 0, 0]) == 1 and statistics.effect_size([0, 0, 0]) == 0


@pytest.fixture
def crossed() -> pd.DataFrame:
    rows = [
        (seed, a, b, 0.5 + 0.1 * (a == "y") + 0.2 * b + 0.01 * seed + 0.003 * (seed * b % 3))
        for seed in range(5)
        for a in "xyz"
        for b in (0, 1)
    ]
    seeds, a, b, accuracy = map(list, zip(*rows, strict=True))
    return made_up(seed=seeds, a=a, b=b, test_accuracy=accuracy)


def test_a_baseline_of_some_factors_is_met_within_the_others(crossed: pd.DataFrame) -> None:
    found = statistics.comparisons(crossed, ["a", "b"], {"a": "x"})
    assert found[["a", "b"]].to_numpy().tolist() == [["y", 0], ["y", 1], ["z", 0], ["z", 1]]
    np.testing.assert_allclose(found["difference"], [0.1, 0.1, 0, 0], atol=1e-9)
    whole = statistics.comparisons(crossed, ["a", "b"], {"a": "x", "b": 0})
    assert len(whole) == 5 and whole["n"].eq(5).all()
    assert (whole["p_holm"].dropna() >= whole["p_t"].dropna()).all()


def test_only_seeds_that_both_have_are_paired(crossed: pd.DataFrame) -> None:
    crossed.loc[(crossed["a"] == "y") & (crossed["seed"] == 2), "status"] = "failed"
    found = statistics.comparisons(crossed, ["a", "b"], {"a": "x"})
    assert found["n"].tolist() == [4, 4, 5, 5]


def test_metrics_that_are_none(crossed: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match="metric must be one of test_accuracy; got 'speed'"):
        report(crossed, ["a", "b"], {}, "speed")
    with pytest.raises(DesignError, match="no run of the sweep is finished"):
        report(crossed.assign(status="failed"), ["a", "b"])


def test_tables_and_figure(crossed: pd.DataFrame, tmp_path: Path) -> None:
    crossed["a"] = crossed["a"].replace("y", "y_1 & |")
    found = report(crossed, ["a", "b"], {"a": "x"})
    markdown = found.markdown().splitlines()
    assert markdown[0] == (
        "| a | b | seeds | test accuracy [%] | difference [%] | p (Holm) | effect d_z |"
    )
    assert len({line.replace(r"\|", "").count("|") for line in markdown[:8]}) == 1
    assert "difference from a = x, paired by seed" in found.caption
    latex = found.latex()
    assert r"y\_1 \& |" in latex and latex.count(r"\\") == 7 and "[\\%]" in latex
    names = [path.name for path in found.write(tmp_path)]
    assert names == ["seeds.png", "table.md", "table.tex"]
    axes = found.figure()
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(points) == 30  # every seed


def test_points_of_the_figure_are_the_values() -> None:
    axes = plotting.every_seed({"a": {0: 0.5, 1: 0.5, 2: 0.7}, "b": {0: 0.9}})
    points = sorted(line.get_xydata()[0].tolist() for line in axes.lines)
    assert [x for x, _ in points] == pytest.approx([50, 50, 70, 90])
    assert points[0][1] != points[1][1]  # neither hides the other
    with pytest.raises(DataError, match="needs one group or more"):
        plotting.every_seed({})


# Real sweeps


def results(folder: Path) -> dict[str, bytes]:
    """Return what two runs of the same must share, bit by bit."""
    return {name: (folder / name).read_bytes() for name in ("metrics.csv", "weights.npz")}


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-c", "from apical.cli import main; main()", *map(str, arguments)]


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "200"}
    return started(arguments, folder, environment)


def until(condition: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> None:
    """Wait, two minutes at most, while a process lives."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited too long"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.slow
def test_a_sweep_ends_with_the_bits_of_single_runs(tmp_path: Path) -> None:
    path = written(tmp_path, TOML)
    out, _ = finish(start(command("sweep", path, "--workers", 2, "--out", "out"), tmp_path))
    assert "8 runs, 0 programs compiled" in out and "difference" in out
    frame = pd.read_parquet(tmp_path / "out" / RESULTS)
    assert len(frame) == 8 and (frame["status"] == "done").all()
    for run in read_design(path).runs[::5]:
        options = [f"--{k}={v}" for k, v in run.experiment.options.items()]
        single = command(
            "run",
            MODEL,
            *options,
            "--train-trials",
            200,
            "--test-trials",
            50,
            "--epochs",
            2,
            "--block",
            100,
            "--seed",
            run.experiment.seed,
            "--quiet",
            "--no-figures",
            "--out",
            Path("single") / run.id,
        )
        finish(start(single, tmp_path))
        there = tmp_path / "out" / "runs" / run.id
        assert results(there) == results(tmp_path / "single" / run.id)
        accuracy = json.loads((there / "summary.json").read_text())["test_accuracy"]
        assert frame.set_index("run").loc[run.id, "test_accuracy"] == accuracy
    # again, with one more seed: nothing that is finished is done again
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "runs").glob("*/*")}
    written(tmp_path, TOML.replace("seeds = 2", "seeds = 3"))
    finish(start(command("sweep", path, "--workers", 2, "--out", "out", "--quiet"), tmp_path))
    assert times == {p: p.stat().st_mtime_ns for p in times}
    assert len(pd.read_parquet(tmp_path / "out" / RESULTS)) == 12


LONG = (
    TOML.replace("train_trials = 200", "train_trials = 1000").replace("epochs = 2", "epochs = 15")
).replace("block = 100", "block = 200")


class Dask(NamedTuple):
    """A scheduler over loopback, and what starts a worker."""

    address: str
    scheduler: subprocess.Popen[str]
    worker: Callable[[], subprocess.Popen[str]]


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    processes = []

    def begin(module: str, *arguments: Any) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", f"distributed.cli.{module}", *map(str, arguments)]
        with (tmp_path / f"{module}-{len(processes)}.log").open("w") as log:
            processes.append(
                subprocess.Popen(line, cwd=tmp_path, stdout=log, stderr=log, text=True)
            )
        return processes[-1]

    about = tmp_path / "scheduler.json"
    begin(
        "dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        0,
        "--no-dashboard",
        "--scheduler-file",
        about,
    )
    until(lambda: about.exists() and about.read_text().strip().endswith("}"))
    address = json.loads(about.read_text())["address"]
    options = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    yield Dask(address, processes[0], lambda: begin("dask_worker", address, *options))
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_client_and_worker_killed_and_nothing_lost_or_done_twice(
    tmp_path: Path, dask: Dask
) -> None:
    path, (address, _, worker) = written(tmp_path, LONG), dask
    runs, out = tmp_path / "out" / "runs", ("--out", "out", "--quiet")
    first, _ = worker(), worker()
    client = start(command("sweep", path, "--scheduler", address, *out), tmp_path)
    until(lambda: list(runs.glob("*/summary.json")), client)
    first.kill()  # -9, in the middle of a run
    done = len(list(runs.glob("*/summary.json")))
    until(lambda: len(list(runs.glob("*/summary.json"))) > done, client)
    client.kill()
    client.communicate()
    finished = {p: p.stat().st_mtime_ns for p in runs.glob("*/summary.json")}
    begun = {p: p.stat().st_mtime_ns for p in runs.glob("*/config.json")}
    assert 2 <= len(finished) < 8
    worker()
    finish(start(command("sweep", path, "--scheduler", address, *out), tmp_path))
    assert {p: p.stat().st_mtime_ns for p in finished} == finished
    assert {p: p.stat().st_mtime_ns for p in begun} == begun  # resumed, not begun again
    frame = pd.read_parquet(tmp_path / "out" / RESULTS)
    assert len(frame) == 8 and (frame["status"] == "done").all()
    for run in read_design(path).runs:
        alone = tmp_path / "alone" / run.id
        assert work(run.experiment, str(alone), *session(tmp_path))["status"] == "done"
        assert results(runs / run.id) == results(alone)


def family(of: int) -> set[int]:
    """Return a process and all that come from it."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = (process / "stat").read_text()
            parents[int(process.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {of}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening(processes: set[int]) -> set[str]:
    """Return the sockets of processes at which something may be connected."""
    waiting = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A":
                waiting.add(f"socket:[{columns[9]}]")
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[3], 16) & 0x10000:
            waiting.add(f"socket:[{columns[6]}]")
    held = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            with contextlib.suppress(OSError):
                held.add(os.readlink(handle))
    return waiting & held


def workers_of_sweep() -> set[int]:
    """Return worker processes that this process started."""
    found = set()
    for child in family(os.getpid()) - {os.getpid()}:
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(child)
    return found


IN_PROC = pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="looks into /proc")


@IN_PROC
def test_what_listens_is_found() -> None:
    before = listening({os.getpid()})
    with socket.create_server(("127.0.0.1", 0)):
        assert len(listening({os.getpid()}) - before) == 1


@pytest.mark.slow
@IN_PROC
def test_a_sweep_opens_no_port(tmp_path: Path) -> None:
    seen, before = [], listening(family(os.getpid()))

    def look() -> bool:  # asked all the time; stops nothing
        seen.append((len(workers_of_sweep()), listening(family(os.getpid())) - before))
        return False

    frame = sweep(small(), tmp_path / "out", workers=2, progress=False, stop=look)
    assert (frame["status"] == "done").all()
    assert max(number for number, _ in seen) == 2
    assert not any(ports for _, ports in seen)
    assert not workers_of_sweep()


@pytest.mark.slow
@IN_PROC
def test_workers_that_are_killed_are_replaced_and_their_runs_go_on(tmp_path: Path) -> None:
    design, out, killed = small(seeds=1), tmp_path / "out", set[int]()

    def kill() -> bool:
        if len(killed) < 3 and list((out / "runs").glob("*/config.json")):
            for worker in workers_of_sweep() - killed:
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
        return False

    frame = sweep(design, out, workers=2, progress=False, stop=kill)
    assert len(killed) >= 3 and (frame["status"] == "done").all()
    run = design.runs[0]
    alone = tmp_path / "alone" / run.id
    assert work(run.experiment, str(alone), *session(tmp_path))["status"] == "done"
    assert results(out / "runs" / run.id) == results(alone)


DEADLY = """

_built = build


@functools.wraps(_built)
def build(*arguments, **options):
    import multiprocessing
    import os

    if options.get("hidden") == 13 and multiprocessing.parent_process() is not None:
        os._exit(9)
    return _built(*arguments, **options)
"""


@pytest.mark.slow
def test_a_run_that_kills_its_workers_has_failed(tmp_path: Path) -> None:
    model = tmp_path / "deadly.py"
    model.write_text(MODEL.read_text().replace("\nfrom ", "\nimport functools\nfrom ", 1) + DEADLY)
    experiment = Experiment(
        str(model), {"layers": 1}, train_trials=200, test_trials=50, epochs=1, block=100
    )
    design = Design(experiment, {"hidden": [8, 13]}, 1)
    good, bad = sweep(design, tmp_path / "out", workers=1, progress=False).to_dict("records")
    assert good["status"] == "done"
    assert bad["status"] == "failed" and "its worker died again and again" in bad["error"]


@pytest.mark.slow
@IN_PROC
def test_workers_end_with_a_sweep_that_is_killed(tmp_path: Path) -> None:
    path, runs = written(tmp_path, LONG), tmp_path / "out" / "runs"
    arguments = command("sweep", path, "--workers", 2, "--out", "out", "--quiet")
    process = start(arguments, tmp_path)
    until(lambda: list(runs.glob("*/checkpoint.npz")), process)
    workers = family(process.pid) - {process.pid}
    assert workers
    process.kill()
    process.communicate()
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
def test_a_scheduler_with_certificates_knows_whom_it_serves(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -keyout {key}"
    subprocess.run([*request.split(), "-out", certificate], check=True, capture_output=True)
    parts = [
        f"tls_{who}_{what}" for who in ("client", "scheduler", "worker") for what in ("key", "cert")
    ]
    files = {part: str(key if part.endswith("key") else certificate) for part in parts}
    ours = distributed.Security(tls_ca_file=str(certificate), require_encryption=True, **files)
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(1, protocol="tls://", security=ours, **options) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        with scheduler.connected(address, ours) as workers:
            assert workers.are_ready()
        with (
            pytest.raises(RunError, match="No Dask scheduler answers at") as caught,
            scheduler.connected(address),
        ):
            pass
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_script_that_workers_cannot_import_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, TOML)
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from apical.errors import ending_in_one_line\n"
        "from apical.sweeps import read_design, sweep\n"
        "with ending_in_one_line():\n"
        f"    sweep(read_design(Path({str(path)!r})), 'out', workers=2, progress=False)\n"
    )
    _, err = finish(start([sys.executable, str(script)], tmp_path), 2)
    assert err.splitlines()[-1].startswith(
        "apical: Workers end before they begin, the last with exit code 2; a script that sweeps"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "what"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_signals_stop_behind_checkpoints_and_the_same_command_goes_on(
    number: int, what: str, tmp_path: Path
) -> None:
    path, runs = written(tmp_path, LONG), tmp_path / "out" / "runs"
    again = command("sweep", path, "--workers", 2, "--out", "out", "--quiet")
    process = start(again, tmp_path)
    until(lambda: list(runs.glob("*/checkpoint.npz")), process)
    os.killpg(process.pid, number)  # as terminals and batch systems do: workers too
    out, err = finish(process, 128 + number)
    assert "Resume with the same command" in out
    assert err == f"\nStopping after this block ({what} again: at once).\n"
    begun = {p: p.stat().st_mtime_ns for p in runs.glob("*/config.json")}
    assert begun and len(list(runs.glob("*/summary.json"))) < 8
    finish(start(again, tmp_path))
    assert {p: p.stat().st_mtime_ns for p in begun} == begun
    assert len(list(runs.glob("*/summary.json"))) == 8


@pytest.mark.slow
def test_failures_are_recorded_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    text = TOML.replace("rate = 3e-3", "").replace("hidden = [8, 12]", "rate = [3e-3, 1e9]")
    path = written(tmp_path, text)
    process = start(command("sweep", path, "--workers", 2, "--out", "out", "--quiet"), tmp_path)
    _, err = finish(process, 1)
    assert err.count("diverged") == 4 and len(err.splitlines()) == 4
    frame = pd.read_parquet(tmp_path / "out" / RESULTS)
    assert frame["status"].value_counts().to_dict() == {"done": 4, "failed": 4}
    assert frame.loc[frame["status"] == "failed", "error"].str.contains("diverged").all()


@pytest.mark.slow
def test_programs_are_compiled_once_for_seeds_and_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "cache"))
    small = Experiment(str(SPIKING), {}, train_trials=20, test_trials=10, epochs=1, block=20)
    design = Design(small, {"eta_hidden": [1e-4, 2e-4], "hidden": [5, 9]}, 2)
    frame = sweep(design, tmp_path / "out", workers=2, progress=False)
    assert (frame["status"] == "done").all(), frame["error"].tolist()
    programs = list((tmp_path / "cache" / "programs").glob("*/main"))
    assert len(programs) == (frame["compile_seconds"] > 0).sum() == 2  # one for each size


def kill_program(under: Path) -> bool:
    """Kill a compiled network that runs, and say whether there was one."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if under in (process / "exe").readlink().parents:
                os.kill(int(process.name), signal.SIGKILL)
                return True
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="finds programs in /proc")
def test_a_run_that_is_killed_is_recorded_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "cache"))
    spiking = Experiment(str(SPIKING), train_trials=1000, test_trials=10, epochs=20, block=250)
    design, out = Design(spiking, {"hidden": [20]}, 1), tmp_path / "out"
    (run,), killed = design.runs, []

    def kill() -> bool:  # asked all the time; stops nothing
        if not killed and (out / "runs" / run.id / "checkpoint.npz").exists():
            until(lambda: kill_program(tmp_path / "cache"))
            killed.append(True)
        return False

    (row,) = sweep(design, out, workers=1, progress=False, stop=kill).to_dict("records")
    assert killed and row["status"] == "failed" and "exit code -9" in row["error"]
    (row,) = sweep(design, out, workers=1, progress=False).to_dict("records")
    assert row["status"] == "done"
    alone = tmp_path / "alone" / run.id
    assert work(run.experiment, str(alone), *session(tmp_path))["status"] == "done"
    assert results(out / "runs" / run.id) == results(alone)


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_one_line(tmp_path: Path, dask: Dask) -> None:
    path, (address, _, worker) = written(tmp_path, LONG), dask
    worker()
    arguments = command("sweep", path, "--scheduler", address, "--out", "out", "--quiet")
    process = start(arguments, tmp_path)
    until(lambda: list((tmp_path / "out" / "runs").glob("*/summary.json")), process)
    dask.scheduler.kill()
    _, err = finish(process, 2)
    assert err.startswith("apical: The scheduler went away.") and len(err.splitlines()) == 1


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler, "PATIENCE", 0.5)
        for address in ("tcp://127.0.0.1:9", "nowhere://x"):
            with pytest.raises(RunError, match="No Dask scheduler answers at") as caught:
                sweep(small(), tmp_path / "out", scheduler=address)
            assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_a_missing_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DataError, match=r"needs distributed.*pip install 'apical\[sweep\]'"):
        sweep(small(), tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"needs pyarrow.*pip install 'apical\[sweep\]'"):
        sweep(small(), tmp_path / "out")


def test_the_command_refuses_what_does_not_go_together(tmp_path: Path) -> None:
    path = written(tmp_path, TOML)
    given = ["sweep", str(path), "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"]
    result = CliRunner().invoke(cli.commands, given)
    assert result.exit_code == 2 and "--scheduler has its own" in result.output
    assert CliRunner().invoke(cli.commands, ["sweep", "--help"]).exit_code == 0


def test_the_example_is_a_design() -> None:
    assert len(read_design(ROOT / "benchmarks" / "sweep.toml")) == 30
