"""Device `cuda_standalone`: what is refused, what is generated, and that it is right.

No GPU is needed. Generated programs are read as text, and the same sources are compiled for the
CPU, with headers that stand in for CUDA's, and run: weights and spikes must be those of Brian2 in
this process.
"""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rate_networks
from click.testing import CliRunner
from cuda_programs import (
    acting,
    assert_lean,
    assert_single,
    code_objects,
    for_cpu,
    generate,
    kernel,
    needs_brian2cuda,
)
from every_kind import OPTIONS, spiking
from networks import small
from test_devices import NETWORKS
from test_doctor import H100, NVCC_13, has, make_toolkit, tool, tools

from apical import LIF, Block, LearningRule, Network, Stimulus, feedback, simulate
from apical.cli.app import commands
from apical.devices import surroundings
from apical.devices.brian import cuda_compiling
from apical.devices.brian.cuda import CudaSimulator, in_order
from apical.devices.brian.cuda_compiling import MANIFEST, Target
from apical.errors import ApicalError, DeviceError, ParameterError
from apical.neurons.base import INFINITE
from apical.neurons.encoding import Regular

NVCC = f"case $1 in --list-gpu-code) echo sm_75; echo sm_90;; *) {NVCC_13};; esac"

assert tools  # a fixture


# ---- what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("packages", "python", "said"),
    [
        ({"brian2": "2.9.0"}, "3.11.7", "wants Brian2 2.10.1, which wants Python 3.12"),
        ({"brian2": "2.11.0", "brian2cuda": "1.0b1"}, "3.13.0", "Brian2 2.10.1, got 2.11.0"),
        ({"brian2": "2.10.1"}, "3.12.1", "Brian2CUDA is not installed"),
    ],
)
def test_versions_that_do_not_fit_are_named_before_anything_is_imported(
    monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], python: str, said: str
) -> None:
    has(monkeypatch, packages, python)
    with pytest.raises(DeviceError, match=f"an environment of its own: .*{re.escape(said)}") as e:
        simulate(small(), "cuda_standalone", capability="9.0")
    assert "pip install" in str(e.value) and "\n" not in str(e.value)


def test_without_a_card_a_capability_must_be_named(tools: Path) -> None:
    with pytest.raises(DeviceError, match="found no NVIDIA GPU: nvidia-smi.*--capability 9.0"):
        cuda_compiling.capability_for(Target())
    tool(tools, "nvidia-smi", f'echo "{H100}"')
    assert cuda_compiling.capability_for(Target()) == "9.0"
    assert cuda_compiling.capability_for(Target("8.6")) == "8.6", "another machine"
    tool(tools, "nvidia-smi", 'echo "Card, [N/A], 16384, 580.1"')
    with pytest.raises(DeviceError, match="does not tell the compute capability of Card"):
        cuda_compiling.capability_for(Target())
    for wrong in ("9", "sm_90", "9.0a", ""):
        with pytest.raises(ParameterError, match=f"as in 8.6 or 9.0 .*, got '{wrong}'"):
            cuda_compiling.capability_for(Target(wrong))


def test_what_a_toolkit_lacks_is_one_line(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot compile: no CUDA toolkit: nvcc is neither"):
        cuda_compiling.check_toolkit("9.0")
    tool(tools, "nvcc", NVCC)
    with pytest.raises(DeviceError, match="came without curand.h and libcurand.so. pip install nv"):
        cuda_compiling.check_toolkit("9.0")
    folder = make_toolkit(tmp_path / "nvidia" / "curand", "libcurand.so.10")
    kit = cuda_compiling.check_toolkit("9.0")
    assert kit.library == folder / "lib64" / "libcurand.so.10", "a wheel brings no link"
    with pytest.raises(DeviceError, match=r"CUDA 13.0 does not compile for .* 5.0, but for 7.5, 9"):
        cuda_compiling.check_toolkit("5.0")
    assert cuda_compiling.environment()["LD_LIBRARY_PATH"].endswith(str(folder / "lib64"))


def program(folder: Path, name: str = "cuda-a", capability: str = "9.0", **versions: str) -> Path:
    """Make what passes for a program that was built."""
    home = folder / f"{name}-sm_{capability.replace('.', '')}"
    home.mkdir(parents=True)
    (home / "main").touch()
    said = {name: surroundings.installed(name) for name in cuda_compiling.VERSIONS} | versions
    manifest = {"capability": capability, "cuda": "13.0", "versions": said}
    (home / MANIFEST).write_text(json.dumps(manifest))
    return home


def test_a_program_that_was_built_before_is_found_or_refused(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="holds no programs .* Build some: apical run MODEL"):
        cuda_compiling.find_prebuilt(tmp_path / "nowhere", "cuda-a")
    new = program(tmp_path)
    assert cuda_compiling.find_prebuilt(tmp_path, "cuda-a") == new, "the program asks for the card"
    old = program(tmp_path, capability="8.0")
    tool(tools, "nvidia-smi", 'echo "A40, 8.6, 49140, 580.1"')
    assert cuda_compiling.find_prebuilt(tmp_path, "cuda-a") == old
    tool(tools, "nvidia-smi", 'echo "T4, 7.5, 16384, 580.1"')
    with pytest.raises(DeviceError, match=r"built for compute capability 9.0, T4 has 7.5. Build"):
        cuda_compiling.find_prebuilt(tmp_path, "cuda-a")
    with pytest.raises(DeviceError, match="no program of this network, but of 2 others"):
        cuda_compiling.find_prebuilt(tmp_path, "cuda-b")
    program(tmp_path / "other", brian2="2.12.0")
    with pytest.raises(
        DeviceError, match=r"were built with .*brian2 2\.12\.0.*; here are .*brian2"
    ):
        cuda_compiling.find_prebuilt(tmp_path / "other", "cuda-b")
    (new / MANIFEST).write_text("{")
    with pytest.raises(DeviceError, match="program.json is damaged; build the program again"):
        cuda_compiling.find_prebuilt(tmp_path, "cuda-a")


def test_names_that_are_taken_for_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_compiling, "check_brian2cuda", lambda: None)
    net = Network(seed=0, trial=40.0)
    x = net.add(Stimulus("x12e3", 2, Regular(200.0)))
    net.connect(x, net.add(LIF("y_1", 2)))
    with pytest.raises(DeviceError, match="'x12e3' has in it what Brian2CUDA takes for a number"):
        CudaSimulator._require(made_of(net))


def made_of(network: Network) -> CudaSimulator:
    """Return a simulator of which only the network is there."""
    simulator = object.__new__(CudaSimulator)
    simulator.network, simulator._target = network, Target(prebuilt=True)
    return simulator


@pytest.mark.parametrize("option", [{"capability": "9.0"}, {"prebuilt": True}, {"programs": "x"}])
def test_other_devices_have_no_such_options(option: Mapping[str, Any]) -> None:
    with pytest.raises(DeviceError, match=f"'runtime' has no option '{next(iter(option))}'"):
        simulate(small(), "runtime", **option)


def test_bp_is_refused() -> None:
    net = rate_networks.rates(feedback.transposed)
    with pytest.raises(ApicalError, match="weight transport|transpose"):
        simulate(net, "cuda_standalone", capability="9.0")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--no-run --prebuilt built", "--no-run compiles and --prebuilt does not"),
        ("--prebuilt built --capability 9.0", "--prebuilt compiles nothing"),
        ("--device runtime --no-run", "Device 'runtime' compiles nothing before it runs"),
        ("--device cpp_standalone --capability 9.0", "'cpp_standalone' has no option 'capability'"),
    ],
)
def test_what_the_command_refuses(arguments: str, said: str) -> None:
    result = CliRunner().invoke(commands, ["run", "spiking_dfa", *arguments.split()])
    assert result.exit_code and said in f"{result.output} {result.exception}"


def test_spikes_of_a_time_step_are_in_order() -> None:
    times, neurons = in_order(np.array([1.0, 1.0, 0.5, 1.0]), np.array([7, 2, 9, 5]))
    assert times.tolist() == [0.5, 1.0, 1.0, 1.0] and neurons.tolist() == [9, 2, 5, 7]


# ---- what is generated --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a program in single precision, of a network that has most of it all."""
    neuron = {"refractory": 2.0, "tau_x": INFINITE}
    net = small("spike", onset=5.0, release=0.7, neuron=neuron, bounds=(-0.6, 0.6))
    return generate(net, tmp_path_factory.mktemp("cuda"), record=["output"])


@needs_brian2cuda
def test_spikes_are_delivered_by_atomics_and_weights_written_by_one_thread(generated: Path) -> None:
    sources = code_objects(generated)
    deliveries = [kernel(s) for name, s in sources.items() if name.endswith("_delivery")]
    assert len(deliveries) == 6
    for statements in deliveries:
        assert statements.count("_brian_atomicAdd(&") == 1
        assert "blockIdx.y; _event < _num_events; _event += gridDim.y" in statements
    learning = kernel(sources["stimulus_to_hidden_0_learning"])
    assert "atomic" not in learning.lower() and "_brian_clip(w +" in learning
    threshold = kernel(sources["hidden_0_spike_thresholder"])
    assert "atomicAdd(&_ptr_array_hidden_0__spikespace[_N], 1)" in threshold


@needs_brian2cuda
def test_one_launch_for_each_object_and_step_and_nothing_copied_to_the_host(
    generated: Path,
) -> None:
    assert len(acting(generated)) == 4 * 3 + 6 + 2 + 1, "groups, deliveries, rules, a monitor"
    assert_lean(generated)


@needs_brian2cuda
def test_arithmetic_is_in_single_precision(generated: Path) -> None:
    assert_single(generated)
    look_up = code_objects(generated)["stimulus_to_hidden_0_learning"]
    assert "static inline float learning_table(const double t)" in look_up
    assert "ldexp((double)5764607523034235ll, -57)" in look_up, "0.04 s, to the last digit"
    objects = (generated / "objects.cu").read_text()
    assert "float * brian::stimulus_table_values;" in objects
    assert "typedef float randomNumber_t;" in (generated / "objects.h").read_text()


@needs_brian2cuda
def test_what_brian2cuda_gets_wrong_is_mended(generated: Path) -> None:
    assert "tolower" not in (generated / "objects.cu").read_text(), "names of files keep their case"
    assert "#define Clock_epsilon 1e-07" in (generated / "network.cu").read_text()
    main = (generated / "main.cu").read_text()
    assert "network.run(_array_control_duration[0], NULL, 10.0);" in main
    seed = "random_number_buffer.set_seed((unsigned long long)_array_control_seed[0]);"
    assert (
        main.index("set_from_command_line(args);") < main.index(seed) < main.index("network.run(")
    )
    assert "_clock_t[0] = " not in main and "_clock_timestep[0] = " not in main.partition(seed)[2]
    reset = code_objects(generated)["hidden_0_spike_resetter"]
    assert "_brian_mod(t_in_timesteps, 40)" in reset, "dt is too coarse in single precision"
    files = {file.stem for file in (generated / "code_objects").glob("*.cu")}
    called = set(re.findall(r"(?<!\w)_run_(\w+_codeobject\w*)", main))
    assert files == called, "nothing is compiled that does not run"
    for file in [*generated.rglob("*.cu"), *generated.rglob("*.h")]:
        assert "/tmp/" not in file.read_text() and str(Path.home()) not in file.read_text(), file


def test_the_flags_of_nvcc() -> None:
    assert "-std=c++17" in cuda_compiling.FLAGS
    assert not any("march=native" in flag or "fast_math" in flag for flag in cuda_compiling.FLAGS)


@needs_brian2cuda
def test_the_same_network_gives_the_same_program_whatever_its_numbers(
    generated: Path, tmp_path: Path
) -> None:
    options: Any = {"release": 0.7, "bounds": (-0.5, 0.6)}
    neuron = {"refractory": 3.0, "tau_x": INFINITE}
    net = small("spike", Regular(100.0), 3, onset=5.0, eta=1.0, **options, neuron=neuron)
    again = generate(net, tmp_path, record=["output"])
    assert cuda_compiling.known_by(again) == cuda_compiling.known_by(generated)


ALL: dict[str, Any] = {name: lambda o=o: small(**o) for name, o in NETWORKS.items()} | {
    f"rates-{wiring.__name__}": lambda w=wiring: rate_networks.rates(w)
    for wiring in (feedback.direct, feedback.layerwise, feedback.indirect)
}
"""Encoders, timings and wirings, as in the contract of all devices."""

MORE: dict[str, Any] = {
    "stdp": lambda: spiking("none", "LIF", "regular", "stdp"),
    "e-prop": lambda: spiking("dfa", "ALIF", "regular", "e_prop"),
    "superspike": lambda: spiking("ifa_forward", "LIF", "replayed", "superspike"),
    **{name: OPTIONS[name] for name in ("a sum", "long delays", "labels that spike")},
}
"""What else has templates, or objects in a time step, of its own."""


def shown(net: Network, n: int, k: int) -> Block:
    """Return trials with learning that suit a network, and its labels if it takes any."""
    rng = np.random.default_rng(k)
    values = rng.random((n, net.stimulus.n_values))
    labels = rng.integers(0, 3, n)
    return Block(values, labels if net.feedback else None, np.ones(n), k)


@needs_brian2cuda
@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_everything_that_cpp_runs_is_generated(name: str, dtype: Any, tmp_path: Path) -> None:
    assert (generate(ALL[name](), tmp_path, dtype=dtype) / "main.cu").exists()


@needs_brian2cuda
@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    [
        "regular-trial",
        "regular-feedback",
        "indirect-trial",
        "latency-spike",
        "rates-direct",
        "rates-indirect",
        *MORE,
    ],
)
def test_the_generated_program_computes_what_brian2_does(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The sources of the GPU's program, run on the CPU, over two blocks, with state in and out."""
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # memory that lives as long as a program
    monkeypatch.setattr(cuda_compiling, "check_toolkit", lambda capability: None)
    monkeypatch.setattr(cuda_compiling, "compile_cuda", for_cpu)
    net = (ALL | MORE)[name]()
    spikes = [p.name for p in net.populations if p.is_spiking]
    options: Any = {"dtype": "float64", "record": spikes, "capacity": 5}
    gpu = simulate(net, "cuda_standalone", capability="9.0", programs=tmp_path, **options)
    reference = simulate(net, "runtime", **options)
    for k in range(2):
        block = shown(net, 12 if spikes else 7, k)
        ours, theirs = gpu.run(block), reference.run(block)
        for population, counts in theirs.counts.items():
            np.testing.assert_allclose(ours.counts[population], counts, rtol=1e-9)
        for population, trains in theirs.spikes.items():
            np.testing.assert_array_equal(ours.spikes[population], in_order(*trains))
    assert any(map(np.any, theirs.counts.values())) or any(
        len(t) for t, _ in theirs.spikes.values()
    )
    for variable, values in reference.state.items():
        np.testing.assert_allclose(gpu.state[variable], values, rtol=1e-9, atol=1e-12)
    gpu.load({net.plastic[0].name: np.zeros(net.plastic[0].shape)})
    gpu.run(block)
    assert gpu.compile_seconds > 0 and len([*tmp_path.glob("*/main")]) == 1, "compiled once"


@needs_brian2cuda
@pytest.mark.thorough
def test_a_run_with_programs_that_were_built_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Built with --no-run, run with --prebuilt: the same run directory, and nothing is compiled.

    A run whose program is killed goes on from the last block, to the same bits.
    """
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    monkeypatch.setattr(cuda_compiling, "check_toolkit", lambda capability: None)
    monkeypatch.setattr(cuda_compiling, "compile_cuda", for_cpu)
    options = "spiking_dfa --hidden 20 --train-trials 20 --test-trials 10 --epochs 2 --no-figures"
    built, out = tmp_path / "built", tmp_path / "run"
    command = ["run", *options.split(), "--device", "cuda_standalone"]
    ours = [*command, "--no-run", "--capability", "9.0", "--out", str(built)]
    said = CliRunner().invoke(commands, ours, catch_exceptions=False)
    assert f"--prebuilt {built}" in said.output and not out.exists()
    monkeypatch.setattr(cuda_compiling, "compile_cuda", None)
    monkeypatch.setattr(cuda_compiling, "check_toolkit", None)
    there = [*command, "--prebuilt", str(built), "--out", str(out), "--quiet"]
    CliRunner().invoke(commands, there, catch_exceptions=False)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["device"] == "cuda_standalone" and summary["compile_seconds"] == 0
    for program in built.glob("cuda-*/main"):
        program.rename(program.with_name("real"))
        third = 'echo >> calls; [ $(wc -l < calls) = 3 ] && kill -9 $$; exec ./real "$@"'
        tool(program.parent, "main", third)
    again = tmp_path / "again"
    died = CliRunner().invoke(commands, [*there[:-2], str(again), "--quiet"])
    assert "signal SIGKILL" in str(died.exception) and not (again / "weights.npz").exists()
    goes_on = ["run", "--resume", str(again), "--prebuilt", str(built), "--no-figures", "--quiet"]
    CliRunner().invoke(commands, goes_on, catch_exceptions=False)
    resumed = np.load(again / "weights.npz")
    for name, weights in np.load(out / "weights.npz").items():
        np.testing.assert_array_equal(weights, resumed[name])
    other = [*there[:-3], "--out", str(tmp_path / "other"), "--dt", "0.5"]
    refused = CliRunner().invoke(commands, other)
    assert isinstance(refused.exception, DeviceError) and not (tmp_path / "other").exists()
    assert "holds no program of this network" in str(refused.exception)


@needs_brian2cuda
@pytest.mark.slow
@pytest.mark.thorough
def test_the_smallest_network_compiles_and_stops_at_the_missing_driver(tmp_path: Path) -> None:
    try:
        cuda_compiling.check_toolkit("9.0")
    except DeviceError as error:
        pytest.skip(str(error))
    net = Network(seed=0, trial=20.0)
    x = net.add(Stimulus("x", 2, Regular(200.0)))
    hebb = LearningRule("hebb", "1e-3 * x_pre * x_post")
    net.connect(x, net.add(LIF("y", 2)), rule=hebb)
    simulator: Any = simulate(net, "cuda_standalone", capability="9.0", programs=tmp_path)
    home = simulator.build()
    assert subprocess.run(["file", home / "main"], capture_output=True, check=False).returncode == 0
    assert json.loads((home / MANIFEST).read_text())["capability"] == "9.0"
    found: Any = simulate(net, "cuda_standalone", programs=tmp_path, prebuilt=True)
    assert found.build() == home
    if not surroundings.gpus()[0]:
        with pytest.raises(DeviceError, match="found no NVIDIA GPU that it can use"):
            found.run(Block(np.ones((2, 2))))
