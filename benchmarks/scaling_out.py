"""Layers on several ranks: what delayed errors cost, and what several ranks save.

    mpiexec -n 3 python benchmarks/scaling_out.py delay --out benchmarks/results/tables/delay.csv
    python benchmarks/scaling_out.py speed --out benchmarks/results/tables/scaling_out.csv

``delay``: validation accuracy of 784-400-400-10 on MNIST, each population on a rank of its own,
RMSprop, two epochs of 20,000 samples, batches of 64, for several numbers of batches in flight and
learning rates, under DFA and under BP with activities as late as its errors.

``speed``: samples a second of 784-800-800-800-800-10 on two ranks beside one process, contestants
in turn, each pinned to one core a process, one thread of BLAS. The best of several rounds counts,
and the processor time of the busiest rank, which does not depend on what else the machine does.
"""

import argparse
import csv
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import apical as ap
from apical._base import seeds

DELAYS = (0, 1, 4, 16)
RATES = (1e-3, 3e-4, 1e-4)
BATCH = 64


def delay(out: Path, n_seeds: int, n_train: int, epochs: int) -> None:
    """Write validation accuracy by wiring, delay and learning rate."""
    data = ap.datasets.load("mnist").split(10_000, seeds.stream(0, "validation"))
    data, model = data.subset(n_train, None), ap.models.load("Nokland_2016_mnist")
    rows: list[dict[str, Any]] = []
    grid = itertools.product(("dfa", "bp"), DELAYS, RATES, range(n_seeds))
    for wiring, late, rate, seed in grid:
        net = model.build(data, seed, layers=2, hidden=400, wiring=wiring, rate=rate)
        with ap.simulate(net, "mpi", batch=BATCH, in_flight=late + 1) as simulator:
            history = ap.train(simulator, data, epochs, final_rate=1.0, progress=False)
            stale = [round(trace.mean_staleness, 2) for trace in simulator.traced()]
        accuracy = 100 * history[-1].metrics["test_accuracy"]
        row = {"wiring": wiring, "delay": late, "rate": rate, "seed": seed, "stale": stale}
        rows.append({**row, "accuracy": round(accuracy, 2)})
        print(rows[-1], flush=True)
    cells = []
    for wiring, late in itertools.product(("dfa", "bp"), DELAYS):
        means = {
            rate: statistics.fmean(
                r["accuracy"]
                for r in rows
                if (r["wiring"], r["delay"], r["rate"]) == (wiring, late, rate)
            )
            for rate in RATES
        }
        name = {"dfa": "DFA", "bp": "BP, stale"}[wiring]
        cells.append(
            [name, f"{late}", *(f"{means[r]:.1f}" for r in RATES), f"{max(means, key=means.get):g}"]
        )
    head = ["wiring", "delay in batches", *(f"rate {r:g}" for r in RATES), "best rate"]
    _write(out, head, cells)


CONTESTANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "one process": ("array", "dfa", {}),
    "DFA, exact": ("mpi", "dfa", {"in_flight": 1}),
    "DFA, 4 in flight": ("mpi", "dfa", {"in_flight": 4}),
    "BP, exact": ("mpi", "bp", {"in_flight": 1}),
    "BP, 1F1B in 4 parts": ("mpi", "bp", {"micro_batches": 4}),
    "BP, 4 in flight": ("mpi", "bp", {"in_flight": 4}),
}


def speed(out: Path, rounds: int) -> None:
    """Write samples a second, idle shares and bytes of every contestant."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        for name in CONTESTANTS:
            found[name].append(_measured(name))
            print(name, found[name][-1], flush=True)
    cells, one = [], found["one process"]
    best = max(r["samples_per_second"] for r in one)
    least = min(r["cpu_per_sample"] for r in one)
    for name, results in found.items():
        top = max(results, key=lambda r: r["samples_per_second"])
        cpu = min(r["cpu_per_sample"] for r in results)
        cells.append(
            [
                name,
                f"{top['samples_per_second'] / best:.2f}",
                f"{least / cpu:.2f}",
                *(f"{top[key]:.0f}" for key in ("idle", "forward", "backward")),
            ]
        )
    head = ["contestant", "speed", "speed by processor time", "idle", "bytes on", "bytes back"]
    _write(out, head, cells)
    print("load average:", os.getloadavg())


def _measured(name: str) -> dict[str, Any]:
    """Measure a contestant in processes of its own."""
    device, _, _ = CONTESTANTS[name]
    python = [sys.executable, __file__, "contestant", name]
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else str(shutil.which("mpiexec"))
    given = python if device == "array" else [mpiexec, "-bind-to", "core", "-n", "2", *python]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(given, capture_output=True, text=True, env=environment, check=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def contestant(name: str) -> None:
    """Print what one contestant does in some seconds."""
    device, wiring, options = CONTESTANTS[name]
    if device == "array" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rng, n = np.random.default_rng(0), 30 * BATCH
    values, labels = rng.random((n, 784)).astype(np.float32), rng.integers(0, 10, n)
    data = ap.Dataset.from_arrays("noise", values, labels, values[:64], labels[:64])
    net = ap.models.load("Nokland_2016_mnist").build(data, 0, layers=4, hidden=800, wiring=wiring)
    block = ap.Block.of_labels(values, labels, learning=1.0)
    with ap.simulate(net, device, batch=BATCH, **options) as simulator:
        simulator.run(block)
        rates, times = [], []
        for _ in range(8):
            start, used = time.perf_counter(), time.process_time()
            simulator.run(block)
            rates.append(n / (time.perf_counter() - start))
            times.append((time.process_time() - used) / n)
        traces = simulator.traced() if device == "mpi" else []
    # rank 0 counts for all: ranks have equally many synapses
    found = {"samples_per_second": max(rates), "cpu_per_sample": min(times)}
    found["idle"] = 100 * max((t.waiting / t.seconds for t in traces), default=0.0)
    for way in ("forward", "backward"):
        found[way] = sum(t.sent[way] / t.samples for t in traces)
    print(json.dumps(found))


def _write(out: Path, head: list[str], rows: list[list[str]]) -> None:
    with out.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    print(out.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["delay", "speed", "contestant"])
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--out", type=Path, default=Path("scaling_out.csv"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.what == "delay":
        delay(given.out, given.seeds, given.trials, given.epochs)
    elif given.what == "speed":
        speed(given.out, given.rounds)
    else:
        contestant(given.name)


if __name__ == "__main__":
    main()
