"""Programs for GPUs that stop: one line that says what to do, and nothing lost."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from cuda_programs import needs_brian2cuda
from networks import small, trials
from test_doctor import H100, tool, tools

from apical import simulate
from apical.devices.brian import cuda_compiling
from apical.devices.brian.compiling import Found
from apical.devices.brian.cuda_failures import Needs, failure, needs
from apical.errors import DeviceError, RunError

assert tools  # a fixture

THRUST = (
    "ERROR: THRUST_CHECK_ERROR() caught an exception from dev_dynamic_array_x_to_y_w.resize(9) at "
    "objects.cu:12\nterminate called after throwing an instance of "
    "'thrust::THRUST_300001_SM_900_NS::system::detail::bad_alloc'\n"
    "  what():  std::bad_alloc: cudaErrorMemoryAllocation: out of memory"
)
"""What a program says whose synapses do not fit."""
MALLOC = "ERROR: cudaMalloc((void**)&dev_v, 9) failed at objects.cu:89 : out of memory"
CURAND = (
    "ERROR: curandCreateGenerator(&g, CURAND_RNG_PSEUDO_DEFAULT) failed at main.cu:3 : "
    "CURAND_STATUS_ALLOCATION_FAILED"
)
NEEDS = Needs(3 * 2**30, 2**30, 5000)


def ended(code: int, err: str = "", out: str = "") -> CompletedProcess[str]:
    return CompletedProcess(["./main"], code, out, err)


@pytest.mark.parametrize(
    ("code", "said", "meant"),
    [
        (
            255,
            "ERROR: cudaSetDevice(0) failed at main.cu:89 : CUDA driver version is insufficient "
            "for CUDA runtime version",
            "found no NVIDIA GPU that it can use: CUDA driver version is",
        ),
        (
            127,
            "./main: error while loading shared libraries: libcurand.so.10: no",
            "cannot be started: .*libcurand.so.10.* Install cuRAND",
        ),
        (
            255,
            "ERROR: CUDA_CHECK_ERROR() failed at x.cu:3 : no kernel image is available for "
            "execution on the device",
            "built for a newer card .* Build it with --capability",
        ),
    ],
)
def test_what_a_program_lacks_is_one_line(code: int, said: str, meant: str) -> None:
    error = failure(ended(code, said), NEEDS)
    assert isinstance(error, DeviceError) and "\n" not in str(error)
    with pytest.raises(DeviceError, match=meant):
        raise error


@pytest.mark.parametrize("said", [THRUST, MALLOC, CURAND])
def test_a_card_that_is_full(tools: Path, said: str) -> None:
    tool(tools, "nvidia-smi", f'echo "{H100}"')
    error = failure(ended(255, said), NEEDS)
    assert isinstance(error, RunError) and "\n" not in str(error)
    assert "about 3.0 GiB for synapses and neurons and 1.0 GiB for blocks of 5000" in str(error)
    assert "H100 80GB HBM3 has 79.6 GiB. Take fewer neurons (--hidden)" in str(error)
    (tools / "nvidia-smi").unlink()
    error = failure(ended(-6, said), Needs(1, 2**30, 5000))
    assert "take. Take a smaller capacity in simulate()" in str(error)


def test_other_complaints_are_told_as_they_are() -> None:
    assert failure(ended(3, "ERROR: bad", "INFO starting"), NEEDS) == "exit code 3: ERROR: bad"
    assert failure(ended(-9), NEEDS) == "signal SIGKILL: no message"
    unwritten = ended(0, out="INFO\nError writing output file for w.")
    assert failure(unwritten, NEEDS) == "Error writing output file for w."
    assert failure(ended(0, out="INFO: all is well, no Error"), NEEDS) == ""


def test_what_is_needed_is_the_size_of_all_arrays() -> None:
    options: Any = {"record": ["output"], "traces": ["v"], "capacity": 100}
    of = simulate(small(), "cpp_standalone", **options)
    found = needs(of._built, of._shapes, of._tables, of.options, of.dtype)
    synapses = sum(p.shape[0] * p.shape[1] for p in of.network.projections)
    state = sum(values.size for values in of.state.values())
    assert synapses == 12 * 8 + 8 * 3 + 3 * 6 + 6 * 6 + 6 * 3 + 6 * 8
    assert found.network == 8 * synapses + 4 * state
    counts, traces = 101 * (8 + 3), 100 * 40 * 3
    shown = 100 * 12 + 100 * 3 + 100 + 101
    assert found.trials == 4 * (counts + traces + shown) and found.capacity == 100


@needs_brian2cuda
@pytest.mark.parametrize(
    ("script", "meant"),
    [
        (f"echo '{MALLOC}' >&2; exit 255", "The memory of the GPU is full: .* and resume. Nothing"),
        ("kill -9 $$", "stopped with signal SIGKILL: no message. Nothing of this block was kept."),
        ("exit 0", "did not write all of"),
    ],
)
def test_a_block_that_fails_leaves_everything_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, meant: str
) -> None:
    """So that a run goes on from what was saved."""

    def compile_cuda(project: Path, *_: Any) -> Found:
        home = tmp_path / "home"  # a program is moved out of the folder in which it is made
        shutil.copytree(project, home, dirs_exist_ok=True)
        tool(home, "main", script)
        return Found(home, True)

    monkeypatch.setattr(cuda_compiling, "check_toolkit", lambda capability: None)
    monkeypatch.setattr(cuda_compiling, "compile_cuda", compile_cuda)
    of: Any = simulate(small(), "cuda_standalone", capability="9.0", programs=tmp_path)
    before = of.state
    with pytest.raises(RunError, match=meant) as error:
        of.run(trials(3))
    assert "\n" not in str(error.value)
    for name, values in of.state.items():
        np.testing.assert_array_equal(values, before[name])
