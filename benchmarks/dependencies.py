"""What each dependency costs: its size, the time to install it, and the time to import it.

    python3.11 -m venv fresh
    fresh/bin/pip install . networkx scikit-learn xarray
    fresh/bin/pip download --dest wheels . networkx scikit-learn xarray
    fresh/bin/python benchmarks/dependencies.py --wheels wheels

Sizes are those of all files of a distribution, byte code included. *With it* are the distributions
that nothing else in the environment needs: what leaving it out would save. Times are ratios to
those of NumPy, measured in turn (best of 3): to install *with it* from wheels on the disk, without
the network, and to import it in a new process, less what Python itself takes. Prints a Markdown
table, and writes ``results/dependencies.json``.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ASKED = {
    "numpy": "numpy",
    "brian2": "brian2",
    "scipy": "scipy.linalg",
    "matplotlib": "matplotlib.figure",
    "pandas": "pandas",
    "cython": "Cython.Build",
    "pydantic": "pydantic",
    "rich": "rich.console",
    "pooch": "pooch",
    "filelock": "filelock",
    "platformdirs": "platformdirs",
    "jinja2": "jinja2",
    "click": "click",
    "threadpoolctl": "threadpoolctl",
    "scikit-learn": "sklearn.model_selection",
    "xarray": "xarray",
    "networkx": "networkx",
}
"""What `apical` asks for, or asked for, and the module of each that is imported."""

REPEATS = 3


def canonical(name: str) -> str:
    """Return the name of a distribution as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needs(name: str) -> set[str]:
    """Return what a distribution needs here, itself included."""
    found, waiting = set[str](), [canonical(name)]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        for line in metadata.requires(one) or []:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting.append(canonical(wanted.name))
    return found


def megabytes(name: str) -> float:
    """Return the size of all files of a distribution [MB]."""
    paths = [path.locate() for path in metadata.files(name) or []]
    return sum(Path(str(path)).stat().st_size for path in paths if Path(str(path)).exists()) / 1e6


def seconds(command: list[str]) -> float:
    """Return how long a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def install_seconds(names: set[str], wheels: Path) -> float:
    """Return how long distributions take to be installed from wheels."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--no-index", "--find-links", str(wheels)]
        pip = [sys.executable, "-m", "pip", "install", *options, "--target", folder]
        return seconds([*pip, *sorted(names)])


def import_seconds(modules: dict[str, str]) -> dict[str, float]:
    """Return how long the import of each module takes, less what Python itself takes."""
    best = dict.fromkeys(["", *modules], float("inf"))
    for _ in range(REPEATS):
        for name in best:
            code = f"import {modules[name]}" if name else "pass"
            best[name] = min(best[name], seconds([sys.executable, "-c", code]))
    return {name: best[name] - best[""] for name in modules}


def table(rows: dict[str, Any]) -> str:
    """Return the measured numbers as a table in Markdown."""
    lines = ["| package | version | MB | with it | MB in all | install | import |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    lines += [
        f"| {name} | {row['version']} | {row['megabytes']} | {', '.join(row['with_it']) or '-'} | "
        f"{row['megabytes_with_it']} | {row['install']} | {row['import']} |"
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheels", type=Path, required=True, help="Folder of wheels.")
    wheels = parser.parse_args().wheels
    all_of = {name: needs(name) for name in ASKED}
    imports = import_seconds(ASKED)
    alone = {
        name: all_of[name] - set().union(*(all_of[other] for other in ASKED if other != name))
        | {name}
        for name in ASKED
    }
    installs = dict.fromkeys(ASKED, float("inf"))
    for _ in range(REPEATS):
        for name in ASKED:
            installs[name] = min(installs[name], install_seconds(alone[name], wheels))
    rows: dict[str, Any] = {
        name: {
            "version": metadata.version(name),
            "megabytes": round(megabytes(name), 1),
            "with_it": sorted(alone[name] - {name}),
            "megabytes_with_it": round(sum(megabytes(one) for one in alone[name]), 1),
            "install": round(installs[name] / installs["numpy"], 2),
            "import": round(imports[name] / imports["numpy"], 2),
        }
        for name in ASKED
    }
    print(table(rows))
    every = set().union(*all_of.values())
    about = {"python": platform.python_version(), "machine": platform.machine()}
    total = round(sum(megabytes(one) for one in every), 1)
    result = {**about, "date": time.strftime("%Y-%m-%d"), "megabytes": total, "packages": rows}
    print(f"\nPython {about['python']}, {about['machine']}: {len(every)} packages, {total} MB")
    path = Path(__file__).parent / "results" / "dependencies.json"
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
