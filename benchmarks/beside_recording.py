"""Comparisons with recordings: how often p values are wrong, and what a large one costs.

    python benchmarks/beside_recording.py                 # 400 pairs for each gain, some minutes
    python benchmarks/beside_recording.py --large         # 500 units, 1,000 trials, 100 classes

A pair is a network and a recording in which there is nothing to be found: Poisson neurons of one
kind, with tuning and time courses of their own, in 48 and 66 trials of 6 classes, 24 and 36
neurons. With a gain, all neurons of one trial fire more or less, by a factor with that standard
deviation. Of every p value that the table prints it is counted how often it is 0.05 or less. Pair
k has seed k. Gains that were counted before, in as many pairs, are kept. Writes
``results/false_positives.json``.

With ``--large``, a network, two controls and a recording are compared by default options; time is
that of the processor, memory the most that the process took, libraries and records included. Writes
``results/large_comparison.json``.
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from report import console, machine
from rich.table import Table

from apical.measures.comparison import Controls, compare

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
GAINS = (0.0, 0.3, 0.6)
UNITS, TRIALS, CLASSES = 500, 1000, 100


def made_pairs() -> Any:
    """Return the module of the tests that makes pairs."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "measures")]
    return importlib.import_module("compared_pairs")


def wrong(pairs: int, gain: float) -> dict[str, dict[str, float]]:
    """Return how often each measure's p is 0.05 or less, and in how many pairs it has one."""
    made, found = made_pairs(), dict[str, list[float]]()
    for seed in range(pairs):
        rows = compare(*made.unrelated(seed, gain=gain), made.ALONE, resamples=2).rows
        for row in rows:
            if row.system == "network" and np.isfinite(row.p):
                found.setdefault(row.measure, []).append(row.p)
    return {
        measure: {"wrong": float(np.mean(np.array(p) <= 0.05)), "pairs": len(p)}
        for measure, p in found.items()
    }


def large() -> dict[str, Any]:
    """Return time and memory of a large comparison."""
    made, draw, labels = made_pairs(), np.random.default_rng(0), np.arange(TRIALS) % CLASSES

    def trains() -> Any:
        return made.tuned_trains(draw, labels, UNITS, 100.0, gain=0.2)

    model, untrained, other = (
        made.network_of(trains(), labels, UNITS, 100.0) for _ in ("model", "untrained", "other")
    )
    recording = made.recording_of(trains(), labels, UNITS, 100.0)
    compare(*made.unrelated(0), made.ALONE, resamples=2, permutations=19)  # imports libraries
    before, started = peak(), time.process_time()
    rows = compare(model, recording, Controls(untrained, other)).rows
    return {
        "units": UNITS,
        "trials": TRIALS,
        "classes": CLASSES,
        "values": sum(bool(np.isfinite(row.value)) for row in rows),
        "cpu_seconds": time.process_time() - started,
        "peak_mb": peak(),
        "before_mb": before,
    }


def peak() -> float:
    """Return the most memory that this process took [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def keep(name: str, found: dict[str, Any]) -> None:
    path = RESULTS / name
    path.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    console.print(f"Results: {path}")


@click.command()
@click.option("--pairs", default=400, show_default=True, help="Pairs for each gain.")
@click.option("--gain", "gains", multiple=True, type=float, default=GAINS, show_default=True)
@click.option("--large", "is_large", is_flag=True, help="Time and memory of a large comparison.")
@click.option("--quick", is_flag=True, help="4 pairs of one gain; keeps no results.")
def main(pairs: int, gains: tuple[float, ...], is_large: bool, quick: bool) -> None:
    """Count false positives, or measure a large comparison."""
    if is_large:
        found = large()
        console.print(f"{found['cpu_seconds']:.0f} s, {found['peak_mb']:,.0f} MB at most")
        keep("large_comparison.json", found)
        return
    if quick:
        pairs, gains = 4, gains[:1]
    rates = {f"{gain:g}": wrong(pairs, gain) for gain in gains}
    table = Table("measure", *(f"gain {gain}" for gain in rates), title=f"p <= 0.05, {pairs} pairs")
    for measure in dict.fromkeys(name for of in rates.values() for name in of):
        cells = (of.get(measure, {}).get("wrong", float("nan")) for of in rates.values())
        table.add_row(measure, *(f"{100 * share:.1f} %" for share in cells))
    console.print(table)
    if not quick:
        known = RESULTS / "false_positives.json"
        stored = json.loads(known.read_text()) if known.exists() else {}
        others = stored["gains"] if stored.get("pairs") == pairs else {}
        keep(known.name, {"pairs": pairs, "gains": dict(sorted((others | rates).items()))})


if __name__ == "__main__":
    main()
