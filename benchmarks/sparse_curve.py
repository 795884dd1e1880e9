"""Memory and time of a sparse projection, from a thousand to 100 million synapses: a figure.

    python benchmarks/sparse_curve.py    # some ten minutes, and up to 8 GB

Plastic synapses (Oja's rule) between 100,000 neurons on each side, whose matrix would take 40 GB at
any number of synapses; each case is a process of its own (`sparse_synapses.py`). What synapses take
is what is above the smallest case, which has a hundredth of a synapse for each neuron. Writes
``results/sparse_synapses.json`` and ``figures/sparse_synapses.png``.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import matplotlib
import numpy as np
import report
from matplotlib.figure import Figure
from sparse_synapses import measured

from apical.plotting import PALETTE, STYLE

HERE = Path(__file__).parent
FILE = HERE / "results" / "sparse_synapses.json"
FIGURE = HERE / "figures" / "sparse_synapses.png"
NEURONS, LEAST = 100_000, 1000
"""Neurons on each side, and synapses of the smallest case."""
CURVES = {"array": 8, "runtime": 8}
"""Device -> largest number of synapses, as a power of ten."""
FITTED = 10**6
"""Synapses from which on a slope is fitted: below, they take less than neurons and libraries do."""


def curves(largest: dict[str, int]) -> list[dict[str, Any]]:
    """Measure every size on every device."""
    rows = []
    for device, most in largest.items():
        for power in range(round(np.log10(LEAST)), most + 1):
            found = measured(device, NEURONS, 10**power / NEURONS**2, True)
            rows.append({"device": device, **found})
            click.echo(json.dumps(rows[-1]))
    return rows


def slopes(rows: Sequence[dict[str, Any]], key: str) -> dict[str, float]:
    """Return the slope of each device: the exponent of the number of synapses, above the floor."""
    found = {}
    for device in dict.fromkeys(row["device"] for row in rows):
        own = [row for row in rows if row["device"] == device]
        fitted = [row for row in own if row["synapses"] >= 0.9 * FITTED]
        above = [row[key] - own[0][key] for row in fitted]
        many = [row["synapses"] for row in fitted]
        found[device] = float(np.polyfit(np.log10(many), np.log10(above), 1)[0])
    return found


def draw(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw memory and time against the number of synapses, and what is proportional to these."""
    labels = {"MB": "memory of the process [MB]", "seconds": "time of a trial [of the least]"}
    grid = np.geomspace(LEAST, max(row["synapses"] for row in rows), 100)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        for ax, letter, key in zip(figure.subplots(1, 2), "ab", labels, strict=True):
            unit = 1.0 if key == "MB" else rows[0]["seconds"]
            for device, colour, marker in zip(CURVES, PALETTE, "os", strict=False):
                own = [row for row in rows if row["device"] == device]
                many = np.array([row["synapses"] for row in own])
                took = np.array([row[key] for row in own]) / unit
                line = took[0] + (took[-1] - took[0]) / many[-1] * grid[grid <= 1.01 * many[-1]]
                ax.plot(many, took, marker, color=colour, label=device)
                ax.plot(grid[: len(line)], line, "-", color=colour, linewidth=1, alpha=0.6)
            ax.set(xscale="log", yscale="log", xlabel="synapses", ylabel=labels[key])
            ax.set_title(letter, loc="left")
        figure.axes[0].legend(title="lines: least + so much a synapse", fontsize=8)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=200)


@click.command()
@click.option("--again", is_flag=True, help="Fit and draw what was measured before.")
def main(again: bool) -> None:
    """Measure, fit and draw curves."""
    found = json.loads(FILE.read_text()) if again else {"machine": report.machine()}
    found |= {"neurons": NEURONS, "fitted_from": FITTED}
    rows = found["rows"] = found["rows"] if again else curves(CURVES)
    found["slope_memory"], found["slope_time"] = slopes(rows, "MB"), slopes(rows, "seconds")
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    draw(rows, FIGURE)
    click.echo(json.dumps({k: v for k, v in found.items() if k.startswith("slope")}))


if __name__ == "__main__":
    main()
