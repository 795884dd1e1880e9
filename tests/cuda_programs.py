"""Generated CUDA programs in tests: read as text, or compiled for the CPU and run."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from apical.devices.brian import cuda_compiling
from apical.devices.brian.compiling import as_one, kept

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


def for_cpu(project: Path, programs: Path, capability: str, *_: Any) -> tuple[Path, bool]:
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

    def keep(project: Path) -> tuple[Path, bool]:
        shutil.copytree(project, to)
        shutil.rmtree(project)
        return to, True

    simulator._make = keep
    return Path(simulator.build())


def code_objects(program: Path) -> dict[str, str]:
    """Return the source of each code object, by its name without what Brian2 adds."""
    return {
        file.name.replace("_codeobject.cu", ""): file.read_text()
        for file in (program / "code_objects").glob("*_codeobject.cu")
    }


def kernel(source: str) -> str:
    """Return the statements that run on the device."""
    return source[source.index("_run_kernel_") : source.index("\nvoid _run_")]
