"""`apical doctor`: every device gets a line, whatever is missing, old, broken or hanging."""

import json
import os
import re
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apical import rules
from apical.cli.app import commands
from apical.devices import diagnosis, lacks, needs, surroundings, trying
from apical.devices.diagnosis import Diagnosis, examine
from apical.devices.surroundings import ask, gpus, installed, toolkit
from apical.errors import DeviceError

ALL = [
    ("array", "numpy"),
    ("array", "torch"),
    ("array", "torch:cuda"),
    ("mpi", ""),
    ("runtime", "numpy"),
    ("runtime", "cython"),
    ("lockstep", "numpy"),
    ("lockstep", "torch"),
    ("lockstep", "torch:cuda"),
    ("cpp_standalone", ""),
    ("cuda_standalone", ""),
    ("genn", ""),
]
H100 = "NVIDIA H100 80GB HBM3, 9.0, 81559, 580.65.06"
NVCC_13 = 'echo "Cuda compilation tools, release 13.0, V13.0.88"'
HERE = {"brian2": "2.9.0", "numpy": "2.3.5", "cython": "3.1.0", "setuptools": "65.5.0"}


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the whole PATH of a machine without CUDA and GeNN."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    for name in ("CUDA_PATH", "GENN_PATH", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(surroundings, "TOOLKITS", ())
    monkeypatch.setattr(surroundings, "SYSTEM", ())
    monkeypatch.setattr(surroundings, "PATIENCE", 3.0)
    monkeypatch.setattr(surroundings.sysconfig, "get_path", lambda _: f"{tmp_path}")
    tool(folder, "g++", 'echo "g++ 12.2.0"')
    tool(folder, "make", 'echo "GNU Make 4.3"')
    return folder


def tool(folder: Path, name: str, script: str) -> Path:
    """Write a program that does what a script of the shell says."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)
    return path


def has(
    monkeypatch: pytest.MonkeyPatch, packages: Mapping[str, str], python: str = "3.11.7"
) -> None:
    """Let these packages be all that is installed."""
    for module in (diagnosis, lacks, needs):
        monkeypatch.setattr(module, "installed", lambda name: packages.get(name.lower()))
    monkeypatch.setattr(lacks.platform, "python_version", lambda: python)


def found(device: str, form: str = "", *, quick: bool = True) -> Diagnosis:
    """Return what is found out about a device."""
    (one,) = [d for d in examine(quick=quick).devices if (d.device, d.form) == (device, form)]
    return one


def doctor(*words: str) -> Result:
    return CliRunner().invoke(
        commands, ["doctor", *words], standalone_mode=False, env={"COLUMNS": "200"}
    )


# ---- programs that may be missing, fail or hang -------------------------------------------------
@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo said; exit 0", ""),
        ("echo said; echo 'no driver' >&2; exit 9", "tool ended with exit code 9: no driver"),
        ("exit 1", "tool ended with exit code 1: without output"),
        ("kill -11 $$", "tool died of SIGSEGV"),
        ("printf '\\377\\376'", ""),
    ],
)
def test_what_a_program_says_is_a_value(tools: Path, script: str, problem: str) -> None:
    assert ask([str(tool(tools, "tool", script))]).problem == problem


def test_a_program_that_cannot_be_started(tools: Path) -> None:
    assert ask([str(tools / "none")]).problem == "none cannot be started: No such file or directory"
    path = tool(tools, "text", "")
    path.write_text("this is no program")
    assert ask([str(path)]).problem == "text cannot be started: Exec format error"


def test_a_program_that_hangs_is_ended_with_all_it_started(tools: Path, tmp_path: Path) -> None:
    number = tmp_path / "number"
    path = tool(tools, "nvidia-smi", f"sleep 60 & echo $! > {number}; wait")  # it keeps the pipe
    started = time.monotonic()
    assert ask([str(path)], 0.5).problem == "nvidia-smi did not answer within 0.5 s"
    assert time.monotonic() - started < 5
    for _ in range(100):
        state = Path(f"/proc/{int(number.read_text())}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("what the program had started still runs")


# ---- graphics cards -----------------------------------------------------------------------------
def test_graphics_cards(tools: Path) -> None:
    assert gpus() == ((), "nvidia-smi, which comes with NVIDIA's driver, is not on the PATH")
    tool(tools, "nvidia-smi", f'echo "{H100}"; echo "GRID, [N/A], [N/A], 470.1"')
    (first, second), problem = gpus()
    assert (first.name, first.capability, first.memory) == ("NVIDIA H100 80GB HBM3", "9.0", 81559)
    assert (second.name, second.capability, second.memory) == ("GRID", "", None)
    assert not problem
    tool(tools, "nvidia-smi", "exit 0")
    assert gpus() == ((), "nvidia-smi lists no graphics card")
    tool(tools, "nvidia-smi", 'echo "NVIDIA-SMI has failed: no driver"; exit 9')
    assert gpus() == ((), "nvidia-smi ended with exit code 9: NVIDIA-SMI has failed: no driver")


def test_a_driver_that_does_not_know_compute_capability(tools: Path) -> None:
    refusal = "echo 'compute_cap is not a valid field to query.'; exit 2"
    script = f'case "$*" in *compute_cap*) {refusal};; esac; echo "Tesla K80, 11441, 450.51"'
    tool(tools, "nvidia-smi", script)
    (card,), problem = gpus()
    assert (card.name, card.capability, card.memory, problem) == ("Tesla K80", "", 11441, "")


def test_a_hanging_nvidia_smi_costs_its_time_limit_once(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "PATIENCE", 0.5)
    tool(tools, "nvidia-smi", "sleep 60")
    started = time.monotonic()
    assert "nvidia-smi did not answer within 0.5 s" in found("cuda_standalone").reason
    assert time.monotonic() - started < 2.5


# ---- the CUDA toolkit ---------------------------------------------------------------------------
def make_toolkit(folder: Path, library: str = "libcurand.so") -> Path:
    tool(folder / "bin", "nvcc", NVCC_13)
    for file in (folder / "include" / "curand.h", folder / "lib64" / library):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    return folder


def test_a_toolkit_is_found_with_its_curand(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert toolkit() is None
    folder = make_toolkit(tmp_path / "cuda")
    monkeypatch.setattr(surroundings, "TOOLKITS", (str(folder),))
    kit = toolkit()
    assert kit and (kit.version, kit.problem) == ("13.0", "")
    assert (kit.header, kit.library) == (
        folder / "include" / "curand.h",
        folder / "lib64" / "libcurand.so",
    )
    # nvcc on the PATH may be a script; the toolkit is where it says
    tool(tools, "nvcc", f'[ "$1" = --dryrun ] && exec echo "#$ TOP={folder}/bin/.." >&2; {NVCC_13}')
    kit = toolkit()
    assert kit and (kit.nvcc, kit.header) == (tools / "nvcc", folder / "include" / "curand.h")
    other = make_toolkit(tmp_path / "other", "libcurand.so.10")
    monkeypatch.setenv("CUDA_PATH", str(other))
    kit = toolkit()
    assert kit and (kit.nvcc, kit.library) == (
        other / "bin" / "nvcc",
        other / "lib64" / "libcurand.so.10",
    )
    assert "libcurand" not in found("cuda_standalone").reason, "it is linked by its file"
    assert surroundings.curand_library() == other / "lib64" / "libcurand.so.10"


def test_a_wheel_may_bring_what_the_toolkit_lacks(tools: Path, tmp_path: Path) -> None:
    tool(tools, "nvcc", NVCC_13)
    lacks = {x.what: x.remedy for x in found("cuda_standalone").lacks}
    missing = "CUDA 13.0 came without curand.h and libcurand.so"
    assert lacks[missing] == "pip install nvidia-curand==10.4.0.35"
    wheel = tmp_path / "nvidia" / "curand"
    for file in (wheel / "include" / "curand.h", wheel / "lib" / "libcurand.so"):
        file.parent.mkdir(parents=True)
        file.touch()
    assert missing not in found("cuda_standalone").reason


def test_without_a_card_programs_may_be_built_for_another_machine(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, HERE | {"brian2": "2.10.1", "brian2cuda": "1.0b1"}, "3.12.1")
    monkeypatch.setenv("CUDA_PATH", str(make_toolkit(tmp_path / "cuda")))
    one, command = found("cuda_standalone"), "--device cuda_standalone --no-run --capability 9.0"
    assert not one.usable and one.all_the_same.endswith(f"elsewhere: apical run ... {command}")
    assert f"but programs can be built here for a card elsewhere: apical run ... {command}" in (
        " ".join(doctor("--quick").output.replace("│", " ").split())
    )
    tool(tools, "g++", "exit 1")
    assert not found("cuda_standalone").all_the_same, "nvcc needs a compiler of the host"
    tool(tools, "g++", 'echo "g++ 12.2.0"')
    tool(tools, "nvidia-smi", f'echo "{H100}"')
    assert found("cuda_standalone").usable and not found("cuda_standalone").all_the_same
    (tools / "nvidia-smi").unlink()
    (tmp_path / "cuda" / "include" / "curand.h").unlink()
    assert not found("cuda_standalone").all_the_same, "a toolkit without cuRAND"
    has(monkeypatch, HERE)
    assert not found("cuda_standalone").all_the_same and not found("cpp_standalone").all_the_same


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo broken >&2; exit 1", "is broken: nvcc ended with exit code 1: broken"),
        ("echo hello", "is broken: nvcc does not say which release it is"),
    ],
)
def test_a_broken_nvcc(tools: Path, script: str, said: str) -> None:
    tool(tools, "nvcc", script)
    assert said in found("cuda_standalone").reason


def test_a_cuda_path_that_leads_nowhere(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_PATH", "/nowhere")
    reason = found("cuda_standalone").reason
    assert "CUDA_PATH leads to /nowhere, where there is no bin/nvcc" in reason
    assert "no CUDA toolkit" in reason


@pytest.mark.parametrize(("capability", "refused"), [("7.0", True), ("7.5", False), ("", False)])
def test_a_card_that_the_toolkit_has_left_behind(
    tools: Path, capability: str, refused: bool
) -> None:
    tool(tools, "nvcc", NVCC_13)
    tool(tools, "nvidia-smi", f'echo "Card, {capability or "[N/A]"}, 16384, 580.1"')
    one = found("cuda_standalone")
    said = "CUDA 13.0 compiles for compute capability 7.5 and higher, Card has 7.0"
    assert (said in one.reason) == refused
    assert f"Card, compute capability {capability or 'unknown'}" in one.found


# ---- conflicts between versions -----------------------------------------------------------------
CUDA_2_10 = "Brian2CUDA 1.0b1 wants Brian2 2.10.1"


@pytest.mark.parametrize(
    ("packages", "python", "said", "unsaid"),
    [
        (
            {},
            "3.11.7",
            [
                f"{CUDA_2_10}, which wants Python 3.12 or newer, got Python 3.11.7",
                "Brian2CUDA is not installed",
            ],
            "pip install brian2cuda==1.0b1",
        ),
        ({"brian2": "2.11.0"}, "3.13.0", [f"{CUDA_2_10}, got 2.11.0"], "wants Python"),
        ({"brian2": "2.10.1"}, "3.12.1", ["Brian2CUDA is not installed"], CUDA_2_10),
        (
            {"brian2": "2.10.1", "brian2cuda": "1.0a7"},
            "3.12.1",
            ["Brian2CUDA 1.0b1 is wanted, got 1.0a7"],
            CUDA_2_10,
        ),
        ({"brian2": "2.10.1", "brian2cuda": "1.0b1"}, "3.12.1", [], "Brian2CUDA"),
    ],
)
def test_versions_for_brian2cuda(
    tools: Path,
    monkeypatch: pytest.MonkeyPatch,
    packages: dict[str, str],
    python: str,
    said: list[str],
    unsaid: str,
) -> None:
    has(monkeypatch, HERE | packages, python)
    one = found("cuda_standalone")
    assert all(words in one.reason for words in said)
    assert unsaid not in f"{one.reason} {[lack.remedy for lack in one.lacks if not said]}"


GENN = {"brian2": "2.5.4", "numpy": "1.26.4", "setuptools": "65.5.0", "brian2genn": "1.7.0"}


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ({"brian2": "2.9.0"}, "Brian2 2.5.4 (got 2.9.0)"),
        ({"numpy": "2.3.5"}, "numpy before 2 (got 2.3.5)"),
        ({"setuptools": "84.2.1"}, "setuptools before 81 (got 84.2.1)"),
    ],
)
def test_versions_for_brian2genn(
    tools: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], said: str
) -> None:
    has(monkeypatch, GENN)
    assert "Brian2GeNN" not in found("genn").reason
    has(monkeypatch, GENN | packages)
    assert f"Brian2GeNN 1.7.0 wants {said}" in found("genn").reason
    has(monkeypatch, {name: v for name, v in GENN.items() if name != "brian2genn"})
    assert found("genn").lacks[0].remedy == "pip install brian2genn==1.7.0"


@pytest.mark.parametrize(
    ("version", "said"),
    [("4.9.0\n", ""), ("5.4.0", "wants GeNN 4, "), (None, "is not the source of GeNN")],
)
def test_the_source_of_genn(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, said: str
) -> None:
    assert "GENN_PATH is not set" in found("genn").reason
    monkeypatch.setenv("GENN_PATH", str(tmp_path))
    if version:
        (tmp_path / "version.txt").write_text(version)
    one = found("genn")
    assert (said in one.reason) if said else one.found == (f"GeNN 4.9.0, {tmp_path}",)


@pytest.mark.parametrize(
    ("packages", "said", "remedy"),
    [
        ({"brian2": "2.12.0"}, "apical wants Brian2 2.5.4 to 2.11, got 2.12.0", "brian2>=2.9,<2."),
        ({"brian2": "2.5.1"}, "apical wants Brian2 2.5.4 to 2.11, got 2.5.1", "brian2>=2.9,<2.12"),
        ({"numpy": "2.4.6"}, "Brian2 2.9.0 wants numpy before 2.4, got 2.4.6", "'numpy<2.4'"),
        ({"numpy": "2.4.6", "brian2": "2.10.1"}, "", ""),
    ],
)
def test_versions_for_brian2(
    tools: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], said: str, remedy: str
) -> None:
    has(monkeypatch, HERE | packages)
    for device, form in (("runtime", "numpy"), ("runtime", "cython"), ("cpp_standalone", "")):
        one = found(device, form)
        assert one.reason == said
        assert all(remedy in lack.remedy for lack in one.lacks)


def test_programs_run_again_from_brian2_2_6_on(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, HERE | GENN)
    assert found("runtime", "numpy").usable
    assert "Brian2 2.6 was the first to run a program again, got 2.5.4" in (
        found("cpp_standalone").reason
    )
    has(monkeypatch, HERE | GENN | {"numpy": "2.3.5"})
    assert "Brian2 2.5.4 wants numpy before 2, got 2.3.5" in found("runtime", "numpy").reason


def test_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (wanted,) = [d for d in project["project"]["dependencies"] if d.startswith("brian2")]
    oldest, beyond = (".".join(map(str, v)) for v in (lacks.OLDEST, lacks.BEYOND))
    assert wanted == f"brian2>={oldest},<{beyond}"
    assert installed("no-such-package-as-this") is None
    assert re.match(r"2\.\d+", installed("Brian2") or "")


def test_torch(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, HERE)
    lack = found("array", "torch").lacks[0]
    assert (lack.what, lack.remedy) == ("PyTorch is not installed", "pip install 'apical[torch]'")
    has(monkeypatch, HERE | {"torch": "2.5.1+cpu"})
    assert found("array", "torch").usable
    assert (
        "PyTorch 2.5.1+cpu was built without CUDA; no NVIDIA" in found("array", "torch:cuda").reason
    )
    has(monkeypatch, HERE | {"torch": "2.5.1"})
    tool(tools, "nvidia-smi", f'echo "{H100}"')
    assert found("array", "torch:cuda").usable


# ---- compilers ----------------------------------------------------------------------------------
def test_compilers(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, HERE)
    assert found("cpp_standalone").usable
    (tools / "make").unlink()
    assert "make is not on the PATH" in found("genn").reason
    assert "make" not in found("cuda_standalone").reason, "nvcc is called without"
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tools / "g++" / "cache"))
    remedies = [lack.remedy for lack in found("cpp_standalone").lacks]
    assert remedies == ["export APICAL_CACHE_DIR=FOLDER"]
    tool(tools, "g++", "echo 'cannot execute cc1plus' >&2; exit 1")
    for device, form in (("cpp_standalone", ""), ("runtime", "cython"), ("cuda_standalone", "")):
        said = found(device, form).reason
        assert "g++ ended with exit code 1: cannot execute cc1plus" in said
    monkeypatch.setenv("CXX", "clang-none")
    lack = found("runtime", "cython").lacks[0]
    assert lack.what == "the C++ compiler 'clang-none' is not on the PATH"
    assert lack.remedy == "unset CXX"


def test_a_compiler_that_only_has_a_version(tools: Path) -> None:
    tool(tools, "g++", "[ $1 = --version ] && exit 0; echo 'fatal: no headers' >&2; exit 1")
    assert needs.compile_cpp().problem == "g++ ended with exit code 1: fatal: no headers"
    tool(
        tools,
        "g++",
        'while [ "$1" != -o ]; do shift; done; printf "#!/bin/sh\\necho 3" > $2; chmod +x $2',
    )
    assert needs.compile_cpp().problem == "the program printed '3' instead of '2'"


# ---- trying -------------------------------------------------------------------------------------
def test_a_library_that_is_broken_is_told_apart_from_one_that_is_missing(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libtorch.so: undefined symbol')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    trial = needs.learning("array", library="torch:cuda")()
    assert "undefined symbol" in trial.problem
    looked = Diagnosis("array", "torch:cuda", (), ())
    assert not looked.tried and looked.usable
    after = diagnosis._after(looked, trial)
    assert after.tried and not after.usable
    assert "it was tried, and failed: " in after.reason
    assert "\n" not in after.reason


def test_a_device_that_learns_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    trying.learn("array")
    net = trying.network()
    monkeypatch.setattr(rules, "three_factor", lambda eta, make=rules.three_factor: make(1.1 * eta))
    other = trying.network()
    monkeypatch.setattr(trying, "network", lambda: other)
    with pytest.raises(DeviceError, match="Device 'array' ran, but learned"):
        trying.learn("array")
    monkeypatch.setattr(trying, "network", lambda: net)
    trying.learn("array")


@pytest.mark.slow
def test_what_is_here_is_tried() -> None:
    told: list[str] = []
    seen = examine(doing=told.append).devices
    assert [(d.device, d.form) for d in seen] == ALL
    by_name = {(d.device, d.form): d for d in seen}
    for name in (("array", "numpy"), ("runtime", "numpy"), ("cpp_standalone", "")):
        assert by_name[name].tried and by_name[name].usable, by_name[name].reason
    assert "trying cpp_standalone" in told
    assert all(d.tried == (not d.lacks) for d in seen if d.device == "genn")
    assert not any(d.tried for d in seen if d.device == "cuda_standalone"), "it takes minutes"


# ---- the command --------------------------------------------------------------------------------
def test_the_table(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, HERE)
    said = doctor("--quick")
    assert said.return_value == 0
    for words in (
        "cpp_standalone",
        "seems so",
        "array torch:cuda",
        "GENN_PATH is not set",
        "no CUDA toolkit",
        "pip install",
    ):
        assert words in said.output
    assert said.output.count("pip install 'apical[torch]'") == 1, "once for both that lack it"
    assert f"\n    {lacks.GENN_SOURCE}\n" in said.output, "in one piece"
    assert "all of the above but" in said.output


def test_the_machine_readable_form_and_the_exit_code(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tools, "nvidia-smi", f'echo "{H100}"')
    tool(tools, "nvcc", "exit 1")
    (tools / "g++").unlink()
    result = doctor("--quick", "--json")
    assert result.return_value == 1
    said = json.loads(result.stdout)
    assert [(d["device"], d["form"]) for d in said["devices"]] == ALL
    assert said["gpus"][0]["capability"] == "9.0"
    assert said["cuda"]["problem"]
    assert set(said["packages"]) == set(diagnosis.PACKAGES)
    assert said["extras"]["graph"]["packages"].keys() == {"networkx"}
    for d in said["devices"]:
        assert d["usable"] == (not d["lacks"]) == (not d["reason"])
        assert "\n" not in d["reason"]


def test_everything_that_is_known_is_listed() -> None:
    said = doctor("--list").output
    for name in ("LIF", "latency", "ifa_forward or ifa", "cuda_standalone", "dale", "cost", "nwb"):
        assert f" {name} " in said, name
    assert "(entry points: apical.data_sources)" in said
