"""Generated CUDA programs in tests: read as text, or compiled for the CPU and run."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from apical import Network, simulate
from apical.devices import lacks
from apical.devices.brian import cuda_compiling
from apical.devices.brian.compiling import Found, as_one, kept

LACKS = [lack.what for lack in lacks.lacks_of_brian2cuda()]
needs_brian2cuda = pytest.mark.skipif(bool(LACKS), reason="; ".join(LACKS))

STAND_IN = Path(__file__).with_name("cuda_on_cpu")
"""Headers that stand in for those of CUDA, cuRAND and Thrust."""

FLAGS = ("-std=c++20", "-O0", "-g0", "-w", "-fsanitize=address", "-ffp-contract=off")


HEAD = """#include "cuda_on_cpu.h"
#include <chrono>
#include <set>
using std::ifstream; using std::ofstream; using std::ios;
using std::string; using std::endl; using std::streampos;
"""
"""What nvcc's own headers bring in."""


def for_cpu(project: Path, programs: Path, capability: str, *_: Any) -> Found:
    """Compile a generated CUDA program for the CPU; in place of `cuda_compiling.compile_cuda`."""
    home = programs / f"{cuda_compiling.known_by(project)}-sm_{capability.replace('.', '')}"

    def compile_it() -> None:
        objects, frame = sorted(project.glob("code_objects/*.cu")), sorted(project.glob("*.cu"))
        code = as_one(objects, "#undef _rand\n#undef _randn\n")
        code += "".join(f'#include "{file.name}"\n' for file in frame)
        (project / "all.cpp").write_text(HEAD + code)
        for file in [*project.rglob("*.cu"), *project.rglob("*.h"), project / "all.cpp"]:
            text = re.sub(r"(\w+)<<<(.+?)>>>\(", r"Launch(\2).of(\1)(", file.read_text())
            file.write_text(text.replace("extern __device__ ", "extern "))
        command = ["g++", *FLAGS, "-I.", f"-I{STAND_IN}", "all.cpp", "-o", "main"]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr[:6000]
        cuda_compiling.sign(project, capability, "none")

    return kept(project, home, compile_it)


def written(simulator: Any, to: Path) -> Path:
    """Let a simulator write its program to a folder, without compiling it."""

    def keep(project: Path) -> Found:
        shutil.copytree(project, to)
        shutil.rmtree(project)
        return Found(to, True)

    simulator._make = keep
    return Path(simulator.build())


def generate(network: Network, folder: Path, **options: Any) -> Path:
    """Return the folder of the program of a network, which no toolkit has compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda_compiling, "check_toolkit", lambda capability: None)
        simulator = simulate(network, "cuda_standalone", capability="9.0", **options)
        return written(simulator, folder / "program")


def code_objects(program: Path) -> dict[str, str]:
    """Return the source of each code object, by its name without what Brian2 adds."""
    return {
        file.name.replace("_codeobject.cu", ""): file.read_text()
        for file in (program / "code_objects").glob("*_codeobject.cu")
    }


def kernel(source: str) -> str:
    """Return the statements that run on the device."""
    return source[source.index("_run_kernel_") : source.index("\nvoid _run_")]


def acting(program: Path) -> dict[str, str]:
    """Return the source of each code object that acts in every time step, by its name."""
    main = (program / "main.cu").read_text()
    names = set(re.findall(r"network\.add\(&step_clock, _run_(\w+)_codeobject\)", main))
    return {name: source for name, source in code_objects(program).items() if name in names}


def assert_lean(program: Path) -> None:
    """One launch for each object and step, nothing copied to the host, atomics where spikes add."""
    for name, source in acting(program).items():
        statements, host = kernel(source), source[source.index("\nvoid _run_") :]
        if not name.endswith("_spikes"):  # a monitor, which Brian2CUDA writes
            assert host.count("<<<") == 1, name
            assert "cudaMemcpy" not in host and "cudaDeviceSynchronize" not in host, name
            assert host.count("cudaMemset") == ("_thresholder" in name), name
        if name.endswith(("_delivery", "_relay_up", "_relay_down")):
            assert statements.count("_brian_atomicAdd(&") == 1, name
        elif "_thresholder" not in name and not name.endswith("_spikes"):
            assert "atomic" not in statements.lower(), name


def assert_single(program: Path) -> None:
    """What a kernel works out it works out in single precision; times are double everywhere."""
    literal = re.compile(r"(?<![\w.])\d+\.\d*(?:e[-+]?\d+)?f?")
    time = re.compile(r"_clock_d?t\b|lastspike|_(spikes|counter|source)_t\b| t =")
    every_step = acting(program)
    for name, source in code_objects(program).items():
        if "create_generator" in name:
            continue
        statements = kernel(source)
        doubles = {line.strip() for line in statements.splitlines() if "double" in line}
        if name not in every_step:
            doubles -= {f"const double {unit} = 1.0f;" for unit in ("Hz", "hertz", "second")}
        assert all(time.search(line) for line in doubles), (name, doubles)
        assert all(number.endswith("f") for number in literal.findall(statements)), name
