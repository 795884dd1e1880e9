"""`apical bench`: what is measured, what is left out, and whether devices agree."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from apical import Block, datasets, simulate
from apical._base.memory import peak_memory_mb
from apical.bench import benchmarks as bench
from apical.bench import worker as bench_worker
from apical.bench.benchmarks import NAMES, Row, apart, cases, chosen, measure_all, no_gpu
from apical.bench.worker import SHARED, Case, measure
from apical.cli import bench as cli_bench
from apical.cli.app import commands
from apical.devices import DEVICES
from apical.devices.diagnosis import Diagnosis, Examination, examine
from apical.devices.lacks import Lack
from apical.devices.surroundings import Answer, Gpu, card_memory
from apical.errors import DataError, DeviceError, ParameterError, RunError
from apical.scripts import models

SMALL = Case("rate", "array:numpy", "array", hidden=5, batch=2, trials=40, dataset="digits")
GPU = Gpu("Card", "9.0", 81559, "580")


def machine(lacks: Mapping[str, str] = {}, gpus: tuple[Gpu, ...] = ()) -> Examination:
    """Return a machine on which these devices cannot be used, as they are called here."""
    devices = []
    for name in NAMES:
        device, _, form = name.partition(":")
        lack = (Lack(lacks[name]),) if name in lacks else ()
        devices.append(Diagnosis(device, form, (), lack))
    return Examination({}, None, gpus, "" if gpus else "no driver", tuple(devices))


BARE = {
    "array:torch": "PyTorch is not installed",
    "array:torch:cuda": "no GPU",
    "lockstep:torch": "PyTorch is not installed",
    "lockstep:torch:cuda": "no GPU",
    "cuda_standalone": "no Brian2CUDA",
    "genn": "no Brian2GeNN",
}


# ---- what is measured ---------------------------------------------------------------------------
def test_what_can_be_used_is_measured_and_the_rest_is_said() -> None:
    names, left_out = chosen(machine(BARE))
    assert names == ["array:numpy", "runtime:numpy", "lockstep:numpy", "cpp_standalone"]
    assert left_out == BARE | bench.ASKED_FOR
    names, left_out = chosen(machine(BARE | {"runtime:cython": "no compiler", "mpi": "no MPI"}))
    assert left_out == BARE, "what is not asked for and not usable needs no line"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (["array"], ["array:numpy", "array:torch", "array:torch:cuda"]),
        (["array:torch"], ["array:torch", "array:torch:cuda"]),
        (["array:torch:cuda", "cpp_standalone"], ["array:torch:cuda", "cpp_standalone"]),
        (["runtime"], ["runtime:numpy"]),
        (["runtime:cython", "runtime"], ["runtime:numpy", "runtime:cython"]),
    ],
)
def test_devices_by_name(asked: list[str], names: list[str]) -> None:
    assert chosen(machine(), asked) == (names, {})


def test_devices_that_cannot_be_measured() -> None:
    with pytest.raises(
        ParameterError, match=r"no device 'warp' to measure; there are array:numpy, "
    ):
        chosen(machine(), ["warp"])
    with pytest.raises(DeviceError, match="can be used here: cuda_standalone: no Brian2CUDA"):
        chosen(machine(BARE), ["cuda_standalone"])


def test_the_names_are_those_of_the_devices_of_a_machine() -> None:
    found = examine(quick=True).devices
    assert {f"{d.device}:{d.form}".rstrip(":") for d in found} >= set(NAMES)
    assert {device for device, _ in NAMES.values()} == set(DEVICES), "a new one is measured too"


def test_cases() -> None:
    two = "array:numpy", "runtime:numpy"
    found, refused = cases(two, (200, 2000), (1, 32), 500, "digits")
    assert list(refused) == ["array:numpy, spiking network"]
    assert "runs rate networks" in refused["array:numpy, spiking network"]
    assert {(c.network, c.name, c.hidden, c.batch) for c in found} == {
        ("spiking", "runtime:numpy", 200, 1),
        ("spiking", "runtime:numpy", 2000, 1),
        ("rate", "runtime:numpy", 200, 1),
        ("rate", "runtime:numpy", 2000, 1),
        ("rate", "array:numpy", 200, 1),
        ("rate", "array:numpy", 200, 32),
        ("rate", "array:numpy", 2000, 1),
        ("rate", "array:numpy", 2000, 32),
    }
    assert {(c.trials, c.dataset) for c in found} == {(500, "digits")}
    beside = [(c.name, c.batch) for c in found if (c.network, c.hidden) == ("rate", 200)]
    assert beside == [("array:numpy", 1), ("runtime:numpy", 1), ("array:numpy", 32)]
    only, _ = cases(two, (5,), (32,), 500, "digits")
    assert [(c.network, c.batch) for c in only] == [("spiking", 1), ("rate", 1), ("rate", 32)]


@pytest.mark.parametrize(
    ("gpus", "names", "said"),
    [
        ((), ["array:numpy"], "Nothing was measured on a graphics card: no driver."),
        ((GPU,), ["array:numpy"], "no device that uses it was measured"),
        ((GPU,), ["array:torch:cuda"], "Spiking networks were not .*: no Brian2CUDA"),
        ((GPU,), ["array:torch:cuda", "cuda_standalone"], "^$"),
    ],
)
def test_what_is_said_of_graphics_cards(gpus: tuple[Gpu, ...], names: list[str], said: str) -> None:
    text = no_gpu(machine({"cuda_standalone": "no Brian2CUDA"}, gpus=gpus), names)
    assert re.search(said, text)


# ---- one measurement ----------------------------------------------------------------------------
def test_the_weights_kept_are_those_that_the_device_learns(tmp_path: Path) -> None:
    found = measure(SMALL, tmp_path / "w.npz")
    data = datasets.load("digits")
    simulator = simulate(models.load("rate_dfa").build(data, 0, hidden=5), "array", batch=2)
    before = simulator.weights("stimulus_to_hidden")
    values, labels = data.train.block(slice(0, 2 * SHARED))
    simulator.run(Block(values, labels, np.ones(())))
    with np.load(tmp_path / "w.npz") as kept:
        np.testing.assert_array_equal(kept["stimulus_to_hidden.before"], before)
        after = simulator.weights("stimulus_to_hidden")
        np.testing.assert_array_equal(kept["stimulus_to_hidden.after"], after)
        assert not any("feedback" in name for name in kept.files)
    assert (found.trials, len(found.trials_per_second)) == (40, 3)
    assert all(100 < speed < 1e7 for speed in found.trials_per_second)
    assert 20 < found.memory_mb < 20_000
    assert (found.card_mb, found.compile_seconds) == (None, 0)
    assert measure(replace(SMALL, trials=1), tmp_path / "w.npz").trials == 2, "one batch at least"


def test_slow_devices_are_timed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_worker, "SECONDS", 1e-9)
    found = measure(SMALL, tmp_path / "w.npz")
    assert (found.trials, len(found.trials_per_second)) == (2 * SHARED, 1)


def nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> Path:
    """Put an nvidia-smi on the PATH, and return the file that holds what it says."""
    said, program = folder / "said", folder / "nvidia-smi"
    said.write_text(says)
    program.write_text(f"#!/bin/sh\nexec /bin/cat {said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}")
    return said


def test_the_memory_of_a_card_is_what_more_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = nvidia_smi(tmp_path, monkeypatch, "1000\n20\n")

    def run() -> None:
        said.write_text("1700\n20\n")
        time.sleep(0.2)
        said.write_text("1000\n20\n")

    of_program = replace(SMALL, name="cuda_standalone", device="cuda_standalone")
    assert bench_worker._card_mb(of_program, run) == pytest.approx(700 * 2**20 / 1e6)
    assert bench_worker._card_mb(SMALL, run) is None


@pytest.mark.parametrize("says", ["[N/A]", "", "No devices were found"])
def test_a_driver_that_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    nvidia_smi(tmp_path, monkeypatch, says)
    assert card_memory() is None
    assert bench_worker._most_more(lambda: None) is None
    monkeypatch.setenv("PATH", "")
    assert card_memory() is None


def test_peak_memory_is_that_of_the_largest_process() -> None:
    before = peak_memory_mb()
    size = int((before + 100) * 1e6)
    subprocess.run([sys.executable, "-S", "-c", f"bytearray({size}).count(1)"], check=True)
    assert before + 100 < peak_memory_mb() < before + 200


# ---- all of them --------------------------------------------------------------------------------
def weights(path: Path, before: Any, after: Any) -> Path:
    np.savez(path, **{"w.before": np.array(before), "w.after": np.array(after)})
    return path


def test_how_far_weights_are_apart(tmp_path: Path) -> None:
    first = weights(tmp_path / "a.npz", [0.0, 1.0], [0.5, 1.0])
    assert apart(first, first) == 0
    assert apart(first, weights(tmp_path / "b.npz", [0, 0], [0.5, 1.1])) == pytest.approx(0.2)
    idle = weights(tmp_path / "c.npz", [1.0], [1.0])
    with pytest.raises(RunError, match="learned nothing"):
        apart(idle, idle)


@pytest.mark.slow
def test_measurements_are_compared_and_a_failure_is_one_line() -> None:
    told: list[Any] = []
    wrong = replace(SMALL, dataset="nothing")
    other = replace(SMALL, name="array:other")
    rows = list(measure_all([wrong, SMALL, other], lambda *said: told.append(said)))
    assert rows[0].measured is None
    assert "nothing" in rows[0].problem and "\n" not in rows[0].problem
    assert rows[1].measured and rows[1].difference is None
    assert (rows[2].reference, rows[2].difference) == ("array:numpy", 0.0)
    assert told[1] == (1, "rate 5, array:numpy in batches of 2") and told[-1] == (3, "")


def test_what_was_compiled_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's memory is not that of the program."""
    said = {"trials_per_second": [1.0], "trials": 10, "card_mb": None}
    answers = [
        said | {"memory_mb": 900.0, "compile_seconds": 8.0},
        said | {"memory_mb": 100.0, "compile_seconds": 0.0},
    ]
    monkeypatch.setattr(bench, "ask", lambda *_: Answer(f"noise\n{json.dumps(answers.pop(0))}"))
    (row,) = measure_all([SMALL])
    assert row.measured and not answers
    assert (row.measured.memory_mb, row.measured.compile_seconds) == (100.0, 8.0)


def test_a_measurement_that_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ask", lambda *_: Answer("", "python died of SIGKILL"))
    assert list(measure_all([SMALL])) == [Row(SMALL, None, "python died of SIGKILL")]


# ---- the command --------------------------------------------------------------------------------
def run(*words: str) -> Result:
    line = ["bench", "--quiet", *words]
    return CliRunner().invoke(commands, line, standalone_mode=False, env={"COLUMNS": "200"})


@pytest.mark.slow
def test_the_command_writes_a_table_a_file_and_a_figure(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    few = "--device", "array:numpy", "--hidden", "4", "--batch", "5", "--trials", "50"
    said = run(*few, "--out", str(out))
    assert said.return_value == 0, said.output
    for words in ("array:numpy", "trials/s", " MB", "on a graphics card", str(out / "bench.png")):
        assert words in said.output
    kept = json.loads((out / "bench.json").read_text())
    assert [row["case"]["hidden"] for row in kept["rows"]] == [4]
    assert all(len(row["measured"]["trials_per_second"]) == 3 for row in kept["rows"])
    assert kept["processors"] >= 1
    assert (out / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_failed_measurement_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ask", lambda *_: Answer("", "python died of SIGKILL"))
    said = run("--device", "array:numpy", "--hidden", "4", "--out", str(tmp_path))
    assert said.return_value == 1
    assert "failed" in said.output and "SIGKILL" in said.output
    assert not (tmp_path / "bench.png").exists()
    assert json.loads((tmp_path / "bench.json").read_text())["rows"][0]["measured"] is None


def answers(**changes: Any) -> Answer:
    said = {"trials_per_second": [9.0, 8.0], "trials": 10, "memory_mb": 100.0, "card_mb": None}
    return Answer(json.dumps(said | {"compile_seconds": 0.0} | changes))


def saved(path: Path, value: float) -> None:
    weights(path, [0.0], [value])


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(command: list[str], _: float) -> Answer:
        asked.append(command)
        if len(asked) == 2:
            raise KeyboardInterrupt
        saved(Path(command[-1]), 1.0)
        return answers()

    monkeypatch.setattr(bench, "ask", ask)
    said = run("--device", "array:numpy", "--hidden", "4,5", "--batch", "2", "--out", f"{tmp_path}")
    assert said.return_value == 130
    assert "Interrupted: 1 of 2 measurements were made." in said.output
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert [row["case"]["hidden"] for row in kept["rows"]] == [4]
    assert kept["left_out"]["array:numpy, 1 measurements"] == "stopped"
    assert (tmp_path / "bench.png").exists()


def test_a_table_with_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_bench, "examine", lambda quick: machine(gpus=(GPU,)))

    def ask(command: list[str], _: float) -> Answer:
        case = json.loads(command[-2])
        if case["batch"] == 256:
            return Answer("", "python ended with exit code 2: apical: Device 'array' has no memory")
        saved(Path(command[-1]), 1.0 if case["name"] == "array:numpy" else 1.5)
        return answers(card_mb=1234.0 if "cuda" in case["name"] else None)

    monkeypatch.setattr(bench, "ask", ask)
    named = ("array:numpy", "array:torch:cuda", "cuda_standalone")
    words = [word for name in named for word in ("--device", name)]
    said = run(*words, "--hidden", "4", "--batch", "1,256", "--out", f"{tmp_path}")
    assert said.return_value == 1
    rows = [line.split() for line in said.output.splitlines()]
    assert ["array:numpy", "4", "1", "8.5", "100"] in rows
    assert ["array:torch:cuda", "4", "1", "8.5", "100", "1,234", "5.0e-01"] in rows
    assert sum(row[:1] == ["cuda_standalone"] for row in rows) == 2, "spiking too"
    assert any(row[:4] == ["array:numpy", "4", "256", "failed"] and "memory" in row for row in rows)


@pytest.mark.parametrize("wrong", ["0", "x", "", "10,-1", "1.5"])
def test_bad_numbers_are_refused(wrong: str) -> None:
    assert "joined by commas" in str(run("--hidden", wrong).exception)


def test_what_cannot_be_had_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "ask", lambda *_: pytest.fail("it was measured"))
    (tmp_path / "file").touch()
    assert isinstance(run("--out", str(tmp_path / "file" / "b")).exception, OSError)
    assert isinstance(run("--device", "warp").exception, ParameterError)
    assert isinstance(run("--dataset", "nothing").exception, DataError)
