"""How long exports take, and how much memory: ten million spikes in each format.

    python benchmarks/export.py            # some ten minutes, most of them NIX; --quick: seconds
    python benchmarks/export.py --cpu      # NWB beside Parquet; --before FOLDER: and an earlier one

Records are made up: 784-500-10, 1,000 trials of 100 ms, spikes at random. Each format is written by
a process of its own, which makes the records, notes its memory, writes, and says how much memory it
took at most, libraries and the records themselves included. Writes ``results/export.json``.

With ``--cpu``, two million spikes in 10,000 trials are written as NWB and Parquet in turn, and so
is NWB by an earlier version, whose ``src`` lies in a folder; the time is that of the processor, so
that other work on the machine matters less. Writes ``results/export_cpu.json``.
"""

import json
import os
import resource
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from contestants import called, last_json
from report import console, machine
from rich.table import Table

from apical.export import EXPORTERS, export
from apical.records.arrays import Records, Spikes, Units

SIZES = {"stimulus": 784, "hidden": 500, "output": 10}
SHARES = {"stimulus": 0.6, "hidden": 0.39, "output": 0.01}
ROUNDS = 3
LIMIT = 1000.0
"""What a process may take [MB]."""


def made_up(n_spikes: int, n_trials: int) -> Records:
    """Return records of a network that spikes at random, without large arrays in between."""
    rng = np.random.default_rng(0)
    spikes = {}
    for name, share in SHARES.items():
        n = int(n_spikes * share)
        trial = (np.arange(n, dtype=np.uint64) * n_trials // n).astype(np.int32)
        step, unit = np.empty(n, np.uint8), np.empty(n, np.int32)
        ends = np.searchsorted(trial, np.arange(n_trials + 1))
        for start, stop in pairwise(ends):
            step[start:stop] = np.sort(rng.integers(0, 100, stop - start))
            unit[start:stop] = rng.integers(0, SIZES[name], stop - start)
        spikes[name] = Spikes(trial, step.astype(np.float64), unit)
    kinds = {"stimulus": "Stimulus", "hidden": "LIF", "output": "LIF"}
    return Records(
        100.0,
        1.0,
        {name: Units(kinds[name], np.zeros(n, np.int8)) for name, n in SIZES.items()},
        samples=np.arange(n_trials),
        values=rng.random((n_trials, 784), np.float32),
        labels=rng.integers(0, 10, n_trials),
        decisions=rng.integers(0, 10, n_trials),
        spikes=spikes,
        about={"model": "made up", "shape": [28, 28]},
    )


def peak() -> float:
    """Return the largest memory of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def one(form: str, n_spikes: int, n_trials: int) -> dict[str, Any]:
    """Write one format in this process, and return what it took."""
    records = made_up(n_spikes, n_trials)
    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"records.{form}"
        started, cpu = time.perf_counter(), time.process_time()
        export(records, form, path)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        files = [path] if path.is_file() else list(path.rglob("*"))
        size = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    return {
        "format": form,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "records_mb": before,
        "peak_mb": peak(),
        "file_mb": size,
    }


def side_by_side(before: str | None, spikes: int = 2_000_000, trials: int = 10_000) -> None:
    """Write NWB and Parquet in turn, and keep the time of the processor of each round."""
    contestants = {"parquet": ("parquet", None), "nwb": ("nwb", None)}
    contestants |= {"nwb_before": ("nwb", before)} if before else {}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    sizes = {}
    for _ in range(ROUNDS):
        for name, (form, source) in contestants.items():
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
            environment |= {"PYTHONPATH": source} if source else {}
            options = ["--only", form, "--spikes", spikes, "--trials", trials]
            row = last_json(called([sys.executable, __file__, *options], env=environment))
            seconds[name].append(row["cpu_seconds"])
            sizes[name] = row["file_mb"]
            console.print(f"{name}: {row['cpu_seconds']:.2f} s of the processor")
    result = {"machine": machine(), "spikes": spikes, "trials": trials}
    result |= {"cpu_seconds": seconds, "file_mb": sizes}
    out = Path(__file__).parent / "results" / "export_cpu.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    console.print(f"Results: {out}")


@click.command()
@click.option("--spikes", default=10_000_000, show_default=True, help="Spikes in all.")
@click.option("--trials", default=1000, show_default=True, help="Trials.")
@click.option("--quick", is_flag=True, help="100,000 spikes in 20 trials; keeps no results.")
@click.option("--cpu", is_flag=True, help="NWB beside Parquet, by the time of the processor.")
@click.option("--before", type=click.Path(exists=True), help="With --cpu: src of a former version.")
@click.option("--only", hidden=True, help="Write this format in this process.")
def main(
    spikes: int, trials: int, quick: bool, cpu: bool, before: str | None, only: str | None
) -> None:
    """Write made-up spikes in every format."""
    if cpu:
        side_by_side(before)
        return
    if quick:
        spikes, trials = 100_000, 20
    if only:
        print(json.dumps(one(only, spikes, trials)))
        return
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    table = Table(title=f"{spikes:,} spikes of 1,294 units in {trials:,} trials")
    columns = ("format", "seconds", "peak MB", "of them before", "size MB", f"< {LIMIT:g} MB")
    for column in columns:
        table.add_column(column, justify="right")
    rows = []
    for form in EXPORTERS:
        command = [sys.executable, __file__, "--only", form, "--spikes", spikes, "--trials", trials]
        row = last_json(called(command, env=environment))
        rows.append(row)
        console.print(f"{form}: {row['seconds']:.1f} s, {row['peak_mb']:.0f} MB")
        table.add_row(
            form,
            f"{row['seconds']:.1f}",
            f"{row['peak_mb']:.0f}",
            f"{row['records_mb']:.0f}",
            f"{row['file_mb']:.0f}",
            "yes" if row["peak_mb"] < LIMIT else "no",
        )
    console.print(table)
    if not quick:
        result = {"machine": machine(), "spikes": spikes, "trials": trials, "formats": rows}
        out = Path(__file__).parent / "results" / "export.json"
        out.write_text(json.dumps(result, indent=1) + "\n")
        console.print(f"Results: {out}")


if __name__ == "__main__":
    main()
