"""Real runs in processes of their own: killed, interrupted, out of disk, without a compiler.

A run that was cut off and resumed must end with the bits of a run that was not.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import finish
from processes import started as start

from apical import simulate
from apical._base import owners
from apical.data.datasets import load
from apical.devices import Block
from apical.errors import ApicalError
from apical.scripts.models import load as load_model

APICAL = Path(sys.executable).with_name("apical")
MODEL = Path(__file__).parents[2] / "models" / "spiking_dfa.py"
POISSON = '''
"""A network whose stimuli are random: the simulator draws numbers of its own."""

from apical import LIF, Error, Network, Normal, Stimulus, feedback, rules
from apical.encoding import Poisson


def build(data, seed, *, hidden: int = 20):
    net = Network(seed=seed, trial=40.0)
    x = net.add(Stimulus("stimulus", data.n_inputs, Poisson(rate=200.0)))
    h = net.add(LIF("hidden", hidden, leak=False))
    y = net.add(LIF("output", data.n_classes, leak=False, gain="1", bias=1.0))
    e = net.add(Error("error", 2 * data.n_classes))
    net.connect(x, h, weights=Normal(0.1), rule=rules.three_factor(1e-4, "trial"))
    net.connect(h, y, weights=Normal(0.1), rule=rules.three_factor(1e-3, "trial"))
    net.teach(feedback.direct(e, net.forward))
    return net
'''
SIZE = (
    "--hidden",
    20,
    "--train-trials",
    300,
    "--test-trials",
    40,
    "--epochs",
    2,
    "--block",
    10,
    "--quiet",
    "--no-figures",
)
RESUME = (APICAL, "run", "--resume", "run", "--quiet", "--no-figures")
MEASURED = ("train_seconds", "ms_per_trial", "compile_seconds", "peak_memory_mb")

pytestmark = pytest.mark.slow


def command(form: str, folder: Path, *more: Any) -> tuple[Any, ...]:
    """Return the command of a run of one form in ``folder/run``."""
    if form == "poisson":
        (folder / "poisson.py").write_text(POISSON)
        return (APICAL, "run", folder / "poisson.py", *SIZE, "--out", "run", *more)
    return (APICAL, "run", MODEL, *SIZE, "--update", form, "--out", "run", *more)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose scratch files go away with the test."""
    (tmp_path / "scratch").mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path / "scratch"), "COLUMNS": "200"}


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the process, and nothing that it started."""
    process.kill()
    process.communicate()


def refused(done: tuple[str, str], *words: str) -> None:
    lines = done[1].splitlines()
    assert len(lines) == 1, done[1]
    assert lines[0].startswith("apical: ")
    for word in words:
        assert word in lines[0]


def arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def differences(out: Path, whole: Path) -> list[str]:
    """Return in what the results of two runs differ."""
    found = []
    if (out / "metrics.csv").read_bytes() != (whole / "metrics.csv").read_bytes():
        found.append("metrics.csv")
    weights, expected = arrays(out / "weights.npz"), arrays(whole / "weights.npz")
    assert weights.keys() == expected.keys()
    found += [name for name in expected if not np.array_equal(weights[name], expected[name])]
    return found


def assert_same_results(out: Path, whole: Path) -> None:
    assert not differences(out, whole)
    assert {entry.name for entry in out.iterdir()} == {entry.name for entry in whole.iterdir()}
    one, other = (json.loads((folder / "summary.json").read_text()) for folder in (out, whole))
    for name in MEASURED:
        del one[name], other[name]
    assert one == other


def changed(file: Path) -> Callable[[], bool]:
    """Return whether a file was replaced since this was called."""

    def age() -> int:
        return file.stat().st_mtime_ns if file.exists() else 0

    before = age()
    return lambda: age() != before


def wait(process: subprocess.Popen[str], until: Callable[[], bool]) -> None:
    while process.poll() is None and not until():
        time.sleep(0.001)
    assert process.poll() is None, process.communicate()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives the directory of a run that nothing interrupted, for each form."""
    known: dict[str, Path] = {}

    def get(form: str) -> Path:
        if form not in known:
            folder = tmp_path_factory.mktemp(f"whole-{form}")
            finish(start(command(form, folder), folder, dict(os.environ)))
            known[form] = folder / "run"
        return known[form]

    return get


@pytest.mark.parametrize(
    ("form", "rounds"),
    [
        ("trial", 1),
        ("online", 1),
        pytest.param("poisson", 1, marks=pytest.mark.thorough),
        pytest.param("trial", 3, marks=pytest.mark.thorough),
    ],
)
def test_run_killed_at_random_moments_ends_with_the_same_bits(
    form: str,
    rounds: int,
    tmp_path: Path,
    environment: dict[str, str],
    whole: Callable[[str], Path],
) -> None:
    expected, out = whole(form), tmp_path / "run"
    rng, startup = random.Random(form), 0.0
    again: tuple[Any, ...] = command(form, tmp_path)
    for when in ["at work", "at start", "writing", "at work"] * rounds:
        process, begun = start(again, tmp_path, environment), time.monotonic()
        if when == "at start":
            time.sleep(rng.uniform(0, startup))
        else:
            wait(process, changed(out / "checkpoint.npz"))
            startup, begun = time.monotonic() - begun, time.monotonic()
        if when == "at work":  # anywhere in the block after the next
            wait(process, changed(out / "checkpoint.npz"))
            time.sleep(rng.uniform(0, time.monotonic() - begun))
        if when == "writing":
            wait(process, (out / ".checkpoint.npz.part").exists)
        assert process.poll() is None, f"the run was over before it was killed {when}"
        kill(process)
        again = RESUME
    finish(start(RESUME, tmp_path, environment))
    assert_same_results(out, expected)
    assert not list((tmp_path / "scratch").iterdir()), "what the killed ones left is there"


def test_run_killed_while_compiling_ends_with_the_same_bits(
    tmp_path: Path, environment: dict[str, str], whole: Callable[[str], Path]
) -> None:
    expected, cold = whole("trial"), {**environment, "APICAL_CACHE_DIR": str(tmp_path / "cold")}
    rng, programs = random.Random(0), tmp_path / "cold" / "programs"
    first = command("trial", tmp_path)
    for _ in range(3):
        process = start(
            RESUME if (tmp_path / "run" / "config.json").exists() else first, tmp_path, cold
        )

        def compiling(pid: int = process.pid) -> bool:
            return bool(list(programs.glob(f".new-p{pid}-*/all_code.cc")))

        wait(process, compiling)
        time.sleep(rng.uniform(0, 1.5))
        kill(process)
        assert len(list(programs.glob(".new-*"))) == 1, "those before are removed"
    finish(start(RESUME, tmp_path, cold))
    assert_same_results(tmp_path / "run", expected)
    assert [path for path in programs.iterdir() if path.name.startswith(".")] == []
    assert not list((tmp_path / "scratch").iterdir())


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
"""What stops a run: a terminal, a batch system, the end of a session."""
STOPS = [
    pytest.param("process", signal.SIGINT, marks=pytest.mark.thorough),
    ("group", signal.SIGINT),
    ("every", signal.SIGTERM),
    ("process", signal.SIGHUP),
]


def started_by(process: subprocess.Popen[str]) -> list[int]:
    """Return the numbers of programs that a process started, and that run."""
    found, mark = [], f"{owners.STARTED_BY}=-p{process.pid}-".encode()
    for other in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (other / "environ").read_bytes():  # that of a dead one is empty
                found.append(int(other.name))
    return found


def stop_by(whom: str, number: int, process: subprocess.Popen[str]) -> None:
    """Send a signal to a process, its group, or, as SLURM does, also to what it started."""
    if whom == "every":
        for pid in started_by(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    (os.kill if whom == "process" else os.killpg)(process.pid, number)


@pytest.mark.parametrize(("whom", "number"), STOPS)
def test_signals_stop_behind_a_checkpoint(
    whom: str,
    number: int,
    tmp_path: Path,
    environment: dict[str, str],
    whole: Callable[[str], Path],
) -> None:
    expected, out = whole("trial"), tmp_path / "run"
    again: tuple[Any, ...] = command("trial", tmp_path)
    for _ in range(2):
        process = start(again, tmp_path, environment)
        wait(process, changed(out / "checkpoint.npz"))
        stop_by(whom, number, process)
        text, _ = finish(process, 128 + number)
        assert "apical run --resume run" in text
        about = json.loads(str(arrays(out / "checkpoint.npz")["about"]))
        assert about["metrics_bytes"] == (out / "metrics.csv").stat().st_size
        assert not list(out.glob(".*.part"))
        assert not list((tmp_path / "scratch").glob("apical-*"))
        again = RESUME
    finish(start(again, tmp_path, environment))
    assert_same_results(out, expected)


@pytest.mark.parametrize(("whom", "number"), STOPS)
def test_signals_while_compiling_stop_with_the_resume_command(
    whom: str,
    number: int,
    tmp_path: Path,
    environment: dict[str, str],
    whole: Callable[[str], Path],
) -> None:
    cold = {**environment, "APICAL_CACHE_DIR": str(tmp_path / "cold")}
    process = start(command("trial", tmp_path), tmp_path, cold)
    wait(process, lambda: bool(list((tmp_path / "cold").glob("programs/.new-*/all_code.cc"))))
    time.sleep(0.5)
    stop_by(whom, number, process)
    text, _ = finish(process, 128 + number)
    assert "apical run --resume run" in text
    finish(start(RESUME, tmp_path, environment))
    assert_same_results(tmp_path / "run", whole("trial"))


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_stops_at_once_and_loses_nothing(
    number: int, tmp_path: Path, environment: dict[str, str], whole: Callable[[str], Path]
) -> None:
    process = start(command("trial", tmp_path), tmp_path, environment)
    wait(process, changed(tmp_path / "run" / "checkpoint.npz"))
    for _ in range(2):
        os.killpg(process.pid, number)
        time.sleep(0.02)
    finish(process, 128 + number)
    assert not list((tmp_path / "scratch").iterdir())
    finish(start(RESUME, tmp_path, environment))
    assert_same_results(tmp_path / "run", whole("trial"))


def test_same_seed_same_bits_and_another_seed_others(
    tmp_path: Path, environment: dict[str, str], whole: Callable[[str], Path]
) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        run = command("trial", tmp_path, "--seed", seed)
        finish(start(run, tmp_path / name, environment))
    assert_same_results(tmp_path / "same" / "run", whole("trial"))
    found = differences(tmp_path / "other" / "run", whole("trial"))
    # what joins output and error is given, not drawn
    assert {"metrics.csv", "stimulus_to_hidden", "hidden_to_output", "error_to_hidden"} <= set(
        found
    )


def test_runtime_device_runs_stops_and_goes_on(tmp_path: Path, environment: dict[str, str]) -> None:
    tiny = (
        "--hidden",
        5,
        "--train-trials",
        12,
        "--test-trials",
        3,
        "--block",
        4,
        "--epochs",
        1,
        "--device",
        "runtime",
    )
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        process = start(command("trial", tmp_path, *tiny), tmp_path / name, environment)
        if name == "killed":
            checkpoint = tmp_path / "killed" / "run" / "checkpoint.npz"
            wait(process, checkpoint.exists)
            wait(process, changed(checkpoint))
            kill(process)
            process = start(RESUME, tmp_path / name, environment)
        _, err = finish(process)
        assert not err
    assert_same_results(tmp_path / "killed" / "run", tmp_path / "whole" / "run")


def test_directory_in_use_by_a_live_run(
    tmp_path: Path, environment: dict[str, str], whole: Callable[[str], Path]
) -> None:
    run = command("trial", tmp_path)
    process = start(run, tmp_path, environment)
    wait(process, (tmp_path / "run" / "config.json").exists)
    os.kill(process.pid, signal.SIGSTOP)  # alive, and not over before the others have begun
    for second in (run, RESUME):
        refused(finish(start(second, tmp_path, environment), 2), "in use by a live run")
    os.kill(process.pid, signal.SIGCONT)
    finish(process)
    assert_same_results(tmp_path / "run", whole("trial"))


def test_a_killed_run_leaves_nothing_behind_the_next_start_of_any_device(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Nor does what it had started go on; what a living run has is not touched."""
    first = start(command("trial", tmp_path, "--block", 300), tmp_path, environment)
    scratch = tmp_path / "scratch"
    wait(first, lambda: bool(list(scratch.glob("apical-*/in.*")) and started_by(first)))
    for pid in (*started_by(first), first.pid):  # none of them is over too early
        os.kill(pid, signal.SIGSTOP)
    (tmp_path / "other").mkdir()
    other = start(command("trial", tmp_path), tmp_path / "other", environment)
    wait(other, changed(tmp_path / "other" / "run" / "checkpoint.npz"))
    os.kill(other.pid, signal.SIGSTOP)
    (living,) = scratch.glob(f"apical-p{other.pid}-*")
    kill(first)
    assert list(scratch.glob(f"apical-p{first.pid}-*")) and started_by(first)
    code = "import apical, rate_networks; apical.simulate(rate_networks.rates(), 'array')"
    tests = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    finish(start((sys.executable, "-c", code), tmp_path, {**environment, "PYTHONPATH": tests}))
    assert list(scratch.iterdir()) == [living]
    assert not started_by(first)
    os.kill(other.pid, signal.SIGCONT)
    finish(other)
    assert not list(scratch.iterdir())


def test_a_damaged_program_is_compiled_again(
    tmp_path: Path, environment: dict[str, str], whole: Callable[[str], Path]
) -> None:
    expected, cold = whole("trial"), {**environment, "APICAL_CACHE_DIR": str(tmp_path / "cold")}
    process = start(command("trial", tmp_path), tmp_path, cold)
    wait(process, changed(tmp_path / "run" / "checkpoint.npz"))
    (program,) = (tmp_path / "cold" / "programs").glob("*/main")
    size = program.stat().st_size
    program.unlink()  # it is run at the moment
    program.write_bytes(b"damaged")
    program.chmod(0o755)
    refused(finish(process, 2), "cannot be started", "compiled again")
    finish(start(RESUME, tmp_path, cold))
    assert program.stat().st_size == size
    assert_same_results(tmp_path / "run", expected)


def test_no_scratch_file_is_left(tmp_path: Path, environment: dict[str, str]) -> None:
    finish(start(command("trial", tmp_path), tmp_path, environment))
    assert not list((tmp_path / "scratch").iterdir())


def test_no_compiler(tmp_path: Path, environment: dict[str, str]) -> None:
    environment |= {"PATH": str(tmp_path), "APICAL_CACHE_DIR": str(tmp_path / "cold")}
    environment.pop("CXX", None)
    refused(
        finish(start(command("trial", tmp_path), tmp_path, environment), 2),
        "C++ compiler",
        "apt install g++",
        "device='runtime'",
    )


def test_compiler_that_fails(tmp_path: Path, environment: dict[str, str]) -> None:
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\necho 'error: out of luck' >&2\nexit 1\n")
    broken.chmod(0o755)
    environment |= {"CXX": str(broken), "APICAL_CACHE_DIR": str(tmp_path / "cold")}
    done = finish(start(command("trial", tmp_path), tmp_path, environment), 2)
    refused(done, "Compiling the network failed", "out of luck")


def test_folder_for_programs_that_cannot_be_written(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "file").write_text("")
    environment["APICAL_CACHE_DIR"] = str(tmp_path / "file")
    refused(finish(start(command("trial", tmp_path), tmp_path, environment), 2), str(tmp_path))


def test_diverging_weights_are_named_and_the_checkpoint_is_good(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    run = command("trial", tmp_path, "--eta-hidden", 10)
    done = finish(start(run, tmp_path, environment), 2)
    refused(done, "'stimulus_to_hidden' diverged in block 0 of epoch 0", "learning rate")
    state = arrays(tmp_path / "run" / "checkpoint.npz")
    assert json.loads(str(state.pop("about")))["trial"] == 0
    assert np.isfinite(state["stimulus_to_hidden.w"]).all()


def test_learning_rate_that_is_no_number(tmp_path: Path, environment: dict[str, str]) -> None:
    run = command("trial", tmp_path, "--eta-hidden", "nan")
    refused(finish(start(run, tmp_path, environment), 2), "nan")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a maker of small file systems [kB]; only root can make them."""
    mounted = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / f"disk{kilobytes}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("only root may mount a small file system")
        mounted.append(folder)
        return folder

    if not shutil.which("mount"):
        pytest.skip("mount is missing")
    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("room", [8, 40, 48])
def test_disk_full_while_a_checkpoint_is_written(
    room: int,
    tmp_path: Path,
    environment: dict[str, str],
    whole: Callable[[str], Path],
    small_disk: Callable[[int], Path],
) -> None:
    """What does not fit is the first checkpoint, the second beside it, or all the metrics."""
    disk = small_disk(room)
    first = command("trial", tmp_path, "--out", disk / "run")
    refused(finish(start(first, tmp_path, environment), 2), "No space left on device")
    assert not list((disk / "run").glob(".*.part"))
    if (disk / "run" / "checkpoint.npz").exists():
        assert np.isfinite(arrays(disk / "run" / "checkpoint.npz")["stimulus_to_hidden.w"]).all()
    subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
    begun = (disk / "run" / "config.json").exists()
    again = (*RESUME[:3], disk / "run", *RESUME[4:]) if begun else first
    finish(start(again, tmp_path, environment))
    assert_same_results(disk / "run", whole("trial"))


@pytest.mark.parametrize("room", [4, 64, 300])
def test_disk_full_in_the_scratch_folder_is_one_error(
    room: int,
    tmp_path: Path,
    environment: dict[str, str],
    whole: Callable[[str], Path],
    small_disk: Callable[[int], Path],
) -> None:
    small = {**environment, "TMPDIR": str(small_disk(room))}
    process = start(command("trial", tmp_path), tmp_path, small)
    out, err = process.communicate(timeout=300)
    assert process.returncode in (0, 2), err
    if process.returncode == 0:
        pytest.skip(f"{room} kB are enough")
    refused((out, err))
    finish(start(RESUME, tmp_path, environment))
    assert_same_results(tmp_path / "run", whole("trial"))


def test_results_of_the_program_cut_short_anywhere_are_one_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever file of the compiled program is cut short, the state before is kept."""
    data = load("digits").subset(10, 10)
    simulator = simulate(load_model(str(MODEL)).build(data, 0, hidden=20))
    block = Block(*data.train.block(slice(None)), 1.0)
    reference = simulator.run(block)
    written: list[Path] = []
    fromfile = np.fromfile

    def spy(file: Any, *rest: Any, **options: Any) -> np.ndarray:
        written.append(Path(file))
        return fromfile(file, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(np, "fromfile", spy)
        simulator.run(block)
    assert len(written) > 5
    for victim in dict.fromkeys(written):
        size = victim.stat().st_size
        for kept in (0, size // 2, size - 4):

            def cut(
                file: Any, *rest: Any, victim: Path = victim, kept: int = kept, **options: Any
            ) -> np.ndarray:
                if Path(file) == victim:
                    os.truncate(file, kept)
                return fromfile(file, *rest, **options)

            before = simulator.state
            with monkeypatch.context() as patch:
                patch.setattr(np, "fromfile", cut)
                with pytest.raises(ApicalError):
                    simulator.run(block)
            for name, values in before.items():
                np.testing.assert_array_equal(simulator.state[name], values, err_msg=str(victim))
    counts = simulator.run(Block(block.values)).counts
    assert counts.keys() == reference.counts.keys()
