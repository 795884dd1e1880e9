"""Generated CUDA programs in tests: read as text, or compiled for the CPU and run."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apical.devices.brian import cuda_compiling
from apical.devices.brian.compiling import kept

STAND_IN = Path(__file__).with_name("cuda_on_cpu")
"""Headers that stand in for those of CUDA, cuRAND and Thrust."""

FLAGS = ("-std=c++20", "-O0", "-g0", "-w", "-fsanitize=address", "-ffp-contract=off")


def for_cpu(project: Path, programs: Path, *_: Any) -> tuple[Path, bool]:
    """Compile a generated CUDA program for the CPU; in place of `cuda_compiling.compile_cuda`."""
    home = programs / f"{cuda_compiling.known_by(project)}-cpu"

    def compile_it() -> None:
        for file in [*project.rglob("*.cu"), *project.rglob("*.h")]:
            text = re.sub(r"(\w+)<<<(.+?)>>>\(", r"Launch(\2).of(\1)(", file.read_text())
            text = re.sub(r"extern __device__ ", "extern ", text)
            (file.with_suffix(".cpp") if file.suffix == ".cu" else file).write_text(text)
        flags = [*FLAGS, "-I.", f"-I{STAND_IN}"]
        made = "all.h"
        (project / made).write_text(
            '#include "cuda_on_cpu.h"\n#include <chrono>\n#include <set>\n'
            "using std::ifstream; using std::ofstream; using std::ios;\n"
            "using std::string; using std::endl; using std::streampos;\n"
            '#include "objects.h"\n#include "brianlib/cuda_utils.h"\n'
        )
        _call(["g++", *flags, "-x", "c++-header", made, "-o", f"{made}.gch"], project)
        objects = [str(f.relative_to(project).with_suffix(".o")) for f in project.rglob("*.cpp")]
        (project / "makefile").write_text(
            f"main: {' '.join(objects)}\n"
            f"\tg++ {' '.join(FLAGS)} $^ -o main\n"
            f"%.o: %.cpp\n\tg++ {' '.join(flags)} -include {made} -c $< -o $@\n"
        )
        _call(["make", f"-j{os.cpu_count()}"], project)

    return kept(project, home, compile_it)


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[:6000]


def written(simulator: Any, to: Path) -> Path:
    """Let a simulator write its program to a folder, without compiling it."""

    def keep(project: Path) -> tuple[Path, bool]:
        shutil.copytree(project, to)
        shutil.rmtree(project)
        return to, True

    simulator._make = keep
    return Path(simulator.build())


Generated = Callable[[Path], dict[str, str]]


def code_objects(program: Path) -> dict[str, str]:
    """Return the source of each code object, by its name without what Brian2 adds."""
    return {
        file.name.replace("_codeobject.cu", ""): file.read_text()
        for file in (program / "code_objects").glob("*_codeobject.cu")
    }


def kernel(source: str) -> str:
    """Return the statements that run on the device."""
    return source[source.index("_run_kernel_") : source.index("\nvoid _run_")]
