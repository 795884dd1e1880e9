"""Batches of spiking trials on device lockstep: processor time beside others', and memory.

    python benchmarks/batches.py --data-dir FOLDER     # some five minutes; needs torch and snntorch

784-200-10 of ``models/spiking_dfa.py``, learning on, one thread. Contestants take turns; times are
those of the processor, programs that a contestant starts included, and compiling is not. Memory is
the most that a process of its own held. Writes ``results/tables/batches.csv`` and
``batches_memory.csv``.
"""

import csv
import json
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import numpy as np
from contestants import Apical, Contestant, Lockstep, SnnTorch, Trials, called, load_images, network

from apical import Block, simulate

TABLES = Path(__file__).parent / "results" / "tables"
HIDDEN, BATCH = 200, 128


def busy(contestant: Contestant) -> float:
    """Return the processor time of a trial [ms]."""
    if isinstance(contestant, SnnTorch):  # without the import of its libraries
        return float(contestant.run()["cpu_ms_per_trial"])
    before = _processor_seconds()
    contestant.time()
    return 1e3 * (_processor_seconds() - before) / contestant.n


def _processor_seconds() -> float:
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def compared(trials: Trials, turns: int) -> list[list[str]]:
    """Time all contestants in turn, and return the rows of a table."""
    contestants: Mapping[str, Contestant] = {
        "apical, cpp_standalone, trial after trial": Apical(trials, HIDDEN),
        "apical, lockstep, batch 128": Lockstep(trials, HIDDEN, batch=BATCH),
        "apical, lockstep, batch 16": Lockstep(trials, HIDDEN, batch=16),
        "snnTorch, BPTT, batch 128": SnnTorch(trials, HIDDEN),
    }
    for contestant in contestants.values():
        contestant.prepare()
    found = [{name: busy(one) for name, one in contestants.items()} for _ in range(turns)]
    first, rows = next(iter(contestants)), []
    for name in contestants:
        times = [turn[name] for turn in found]
        ratios = [turn[name] / turn[first] for turn in found]
        rows.append([name, _median(times, ".3f"), _median(ratios, ".2f")])
    return rows


def _median(values: list[float], form: str) -> str:
    middle = np.median(values)
    return f"{middle:{form}} ({min(values):{form}} to {max(values):{form}})"


def held(data_dir: str, batch: int, dt: float) -> float:
    """Return the most memory of a process that runs one batch [MB]."""
    return json.loads(
        called([sys.executable, __file__, "--data-dir", data_dir, "--one", batch, dt])
    )


def one(data_dir: Path, batch: int, dt: float) -> None:
    """Run one batch, and print the most memory that this process held [MB]."""
    data = load_images(data_dir)
    values, labels = data.train.block(slice(batch))
    with simulate(network(data, HIDDEN, "trial"), "lockstep", batch=batch, dt=dt) as simulator:
        simulator.run(Block(values, labels, np.ones(()), 0))
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def write(name: str, head: list[str], rows: list[list[str]]) -> None:
    """Write a table, and show it."""
    with (TABLES / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    for row in (head, *rows):
        print(" | ".join(row))


def memory(data_dir: str, measure: Callable[[str, int, float], float]) -> list[list[str]]:
    """Return rows of the memory of batches, in trials of 100 and of 200 time steps."""
    return [
        [f"{batch:,}", *(f"{measure(data_dir, batch, dt):.0f} MB" for dt in (1.0, 0.5))]
        for batch in (1, 128, 1024, 4096)
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of MNIST's IDX files.")
@click.option("--trials", default=1280, show_default=True, help="Trials of one timed run.")
@click.option("--turns", default=5, show_default=True, help="Turns.")
@click.option("--one", "single", type=(int, float), help="Only run one batch, with a time step.")
def main(data_dir: Path | None, trials: int, turns: int, single: tuple[int, float] | None) -> None:
    """Time batches of spiking trials, and measure their memory."""
    if single:
        one(data_dir, *single)
        return
    data = load_images(data_dir)
    with tempfile.TemporaryDirectory(prefix="apical-benchmark-") as folder:
        shown = Trials(data, trials, Path(folder)).write()
        rows = compared(shown, turns)
    write("batches", ["form", "processor time [ms/trial]", "ratio"], rows)
    head = ["batch", "100 time steps", "200 time steps"]
    write("batches_memory", head, memory(str(data_dir), held))


if __name__ == "__main__":
    main()
