"""What each dependency costs: its size, the time to install it, and the time to import it.

    python3.11 -m venv fresh
    fresh/bin/pip install . networkx scikit-learn xarray
    fresh/bin/pip download --dest wheels . networkx scikit-learn xarray
    fresh/bin/python benchmarks/dependencies.py --wheels wheels

Sizes are those of all files of a distribution, byte code included. *With it* are the distributions
that nothing else in the environment needs: what leaving it out would save. Times are ratios to
those of NumPy, measured in turn (best of 3): to install *with it* from wheels on the disk, without
the network, and to import it in a new process, less what Python itself takes. Writes
``results/tables/dependencies.csv``.
"""

import argparse
import csv
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

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

MOVED = ("scikit-learn", "xarray", "networkx")
"""Those that extras bring."""

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


def total(names: set[str]) -> float:
    """Return the size of all files of several distributions [MB]."""
    return sum(megabytes(name) for name in names)


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
    everything = set().union(*all_of.values())
    kept = set().union(*(all_of[name] for name in ASKED if name not in MOVED))
    rows = [
        {
            "package": name,
            "version": metadata.version(name),
            "MB": f"{megabytes(name):.1f}",
            "with it": ", ".join(sorted(alone[name] - {name})),
            "MB with it": f"{total(alone[name]):.1f}",
            "install": f"{installs[name] / installs['numpy']:.2f}",
            "import": f"{imports[name] / imports['numpy']:.2f}",
        }
        for name in ASKED
    ]
    rows.append({"package": "all of these", "MB with it": f"{total(everything):.1f}"})
    rows.append({"package": "without extras", "MB with it": f"{total(kept):.1f}"})
    path = Path(__file__).parent / "results" / "tables" / "dependencies.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"Python {platform.python_version()}, {platform.machine()}: see {path}")


if __name__ == "__main__":
    main()
