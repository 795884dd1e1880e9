"""What a sweep costs beside its runs, and how much sooner two workers finish than one.

    python benchmarks/sweep.py            # some five minutes; --quick: seconds

Runs of a network of rates on digits, of some 10 s each, are done one after the other in one process
by `apical.runs.run.run`, then by `apical sweep` with one worker and with two. BLAS has one
thread throughout.

- overhead: what one worker takes longer, from the first run to the last, than one process.
- between runs: the part of it that other users of the machine do not blur.
- efficiency of 2: half of how much sooner two workers are through the runs than one.
- busy: share of the time of two workers that is spent in runs; two workers need two processors that
  nobody else uses (see the load), and where they have less, this is what a sweep can answer for.
- once: what beginning and ending a sweep takes, report included.

Then a sweep of a spiking network over 2 sizes x 2 learning rates x 2 seeds counts the programs that
it compiles. Writes ``results/sweep.json``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import pandas as pd
from report import console, machine
from rich.table import Table

from apical.runs.run import run
from apical.sweeps import read_design

HERE = Path(__file__).parent
RATES = """
seeds = {seeds}
[experiment]
model = "Nokland_2016_mnist"
dataset = "digits"
epochs = {epochs}
block = 1437
[experiment.options]
layers = 2
hidden = 400
rate = 1e-3
[factors]
wiring = ["bp", "dfa"]
"""
SPIKES = """
seeds = 2
[experiment]
model = "spiking_dfa"
dataset = "digits"
train_trials = 200
test_trials = 50
epochs = 1
[factors]
hidden = [20, 30]
eta_hidden = [1e-4, 2e-4]
"""


def one_by_one(design: Path, out: Path) -> list[float]:
    """Run a sweep's runs in this process, one after the other, and return their times [s]."""
    seconds = []
    for item in read_design(design).runs:
        started = time.perf_counter()
        run(item.experiment, out / item.id, progress=False, draw=False)
        seconds.append(time.perf_counter() - started)
    return seconds


def called(environment: dict[str, str], *arguments: Any) -> float:
    """Run this Python in a process of its own, and return how long that took [s]."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *map(str, arguments)], check=True, env=environment)
    return time.perf_counter() - started


def swept(environment: dict[str, str], design: Path, out: Path, workers: int) -> float:
    """Run the command ``apical sweep``, and return how long it took [s]."""
    command = "from apical.cli import main; main()"
    return called(
        environment, "-c", command, "sweep", design, "--workers", workers, "--out", out, "--quiet"
    )


def spans(runs: Path) -> tuple[float, float]:
    """Return the time from the first run's beginning to the last one's end, and in runs [s]."""
    begun = [path.stat().st_mtime for path in runs.glob("*/config.json")]
    ended = [path.stat().st_mtime for path in runs.glob("*/summary.json")]
    return max(ended) - min(begun), sum(ended) - sum(begun)


def measured(folder: Path, seeds: int, epochs: int, rounds: int) -> dict[str, Any]:
    """Return the times of all ways, round after round."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    design = folder / "rates.toml"
    design.write_text(RATES.format(seeds=seeds, epochs=epochs))
    times: list[dict[str, Any]] = []
    for k in range(rounds):
        load, out = os.getloadavg()[0], folder / f"alone{k}"
        whole = called(environment, __file__, "--only", design, out)
        span, busy = spans(out)
        found = {"load": load, "alone": [whole, span, busy]}
        for workers in (1, 2):
            out = folder / f"sweep{k}-{workers}"
            whole = swept(environment, design, out, workers)
            found[f"workers{workers}"] = [whole, *spans(out / "runs")]
        times.append(found)
    runs = json.loads((folder / "alone0" / "seconds.json").read_text())
    cold = environment | {"APICAL_CACHE_DIR": str(folder / "cache")}
    (folder / "spikes.toml").write_text(SPIKES)
    swept(cold, folder / "spikes.toml", folder / "spikes", 2)
    table = pd.read_parquet(folder / "spikes" / "results.parquet")
    return {
        "runs": len(runs),
        "run_seconds": sum(runs) / len(runs),
        "rounds": times,
        "seconds_are": "whole command, from the first run to the last, in runs",
        "spiking_runs": len(table),
        "compiled": int((table["compile_seconds"] > 0).sum()),
        "programs": len(list((folder / "cache" / "programs").glob("*/main"))),
    }


def shares(found: dict[str, Any]) -> list[float]:
    """Return overhead, between runs, efficiency, busy [fractions], and once [s]."""
    alone, one, two = found["alone"], found["workers1"], found["workers2"]
    overhead, between = one[1] / alone[1] - 1, one[1] / one[2] - 1
    efficiency, busy = one[1] / (2 * two[1]), two[2] / (2 * two[1])
    return [overhead, between, efficiency, busy, one[0] - one[1]]


@click.command()
@click.option("--quick", is_flag=True, help="Short runs; keeps no results.")
@click.option("--rounds", default=1, show_default=True, help="How often to measure.")
@click.option(
    "--only",
    nargs=2,
    type=click.Path(path_type=Path),
    hidden=True,
    help="Run a design one by one in this process.",
)
def main(quick: bool, rounds: int, only: tuple[Path, Path] | None) -> None:
    """Measure sweeps beside their runs."""
    if only:
        seconds = one_by_one(*only)
        (only[1] / "seconds.json").write_text(json.dumps(seconds))
        return
    with tempfile.TemporaryDirectory() as folder:
        about = machine()
        found = measured(
            Path(folder), 1 if quick else 4, 2 if quick else EPOCHS, 1 if quick else rounds
        )
    table = Table(title=f"{found['runs']} runs of {found['run_seconds']:.1f} s")
    for column in (
        "load",
        "one by one",
        "1 worker",
        "2 workers",
        "overhead",
        "between runs",
        "efficiency of 2",
        "busy",
        "once",
    ):
        table.add_column(column, justify="right")
    for r in found["rounds"]:
        *parts, once = shares(r)
        times = [f"{r[way][1]:.1f} s" for way in ("alone", "workers1", "workers2")]
        percent = [f"{part:.1%}" for part in parts]
        table.add_row(f"{r['load']:.1f}", *times, *percent, f"{once:.1f} s")
    console.print(table)
    console.print(
        f"{found['spiking_runs']} spiking runs: {found['compiled']} compiled, "
        f"{found['programs']} programs"
    )
    if not quick:
        out = HERE / "results" / "sweep.json"
        out.write_text(json.dumps({"machine": about, **found}, indent=1) + "\n")
        console.print(f"Results: {out}")


EPOCHS = 110
"""Epochs of a run of some 10 s."""

if __name__ == "__main__":
    main()
