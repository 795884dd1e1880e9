"""What a sparse projection takes: memory and time against its number of synapses.

    python benchmarks/sparse_synapses.py            # some minutes; --quick: seconds

Each case is a process of its own: a stimulus and a population of as many neurons, joined at random,
with fixed or with plastic synapses, on device `array` (rates) or `runtime` (spikes of LIF neurons).
Memory is the most that the process held, libraries included; *as a matrix* is what the weights of
all pairs would take in single precision. Time is processor time of one more trial, beside that of
the first row of its device. Writes ``results/tables/sparse_synapses.csv``.
"""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

import apical as ap
from apical._base.memory import peak_memory_mb

HERE = Path(__file__).parent
TABLE = HERE / "results" / "tables" / "sparse_synapses.csv"
CASES = (
    *(("array", n, p, True) for n, p in ((1000, 0.01), (10_000, 0.001), (10_000, 0.01))),
    ("array", 100_000, 0.001, True),
    *(("runtime", n, p, False) for n, p in ((1000, 0.01), (10_000, 0.001), (10_000, 0.01))),
    ("runtime", 100_000, 0.001, False),
)
"""Device, neurons on each side, probability of a synapse, and whether it learns."""
COLUMNS = ("device", "neurons", "connected", "synapses", "MB", "as a matrix, MB", "time")


def network(device: str, n: int, p: float, plastic: bool) -> ap.Network:
    """Return a stimulus that reaches as many neurons at random."""
    some = ap.connectivity.Probability(p)
    if device == "array":
        net = ap.Network(output="hidden")
        x = net.add(ap.Stimulus("stimulus", n, ap.encoding.Graded()))
        h = net.add(ap.Rate("hidden", n))
    else:
        net = ap.Network(output="hidden", trial=10.0)
        x = net.add(ap.Stimulus("stimulus", n, ap.encoding.Regular(200.0)))
        h = net.add(ap.LIF("hidden", n))
    oja = ap.LearningRule("Oja", "eta*x_post*(x_pre - x_post*w)", {"eta": 1e-4})
    rule = oja if plastic else None
    net.connect(x, h, weights=ap.FanIn(), rule=rule, connectivity=some)
    return net


def one(device: str, n: int, p: float, plastic: bool) -> dict[str, float]:
    """Return synapses, peak memory [MB] and time of a trial [s], in this process."""
    net = network(device, n, p, plastic)
    more = 10 if p * n * n < 3e6 else 2
    stimuli = np.random.default_rng(0).random((1 + more, n))
    with ap.simulate(net, device) as simulator:
        took = []
        for trials in (1, 1 + more, 1, 1 + more):
            started = time.process_time()
            simulator.run(ap.Block(stimuli[:trials], learning=np.full(trials, float(plastic))))
            took.append(time.process_time() - started)
        synapses = len(simulator.synapses("stimulus_to_hidden")[2])
    return {"synapses": synapses, "MB": peak_memory_mb(), "seconds": (took[3] - took[2]) / more}


def measured(device: str, n: int, p: float, plastic: bool) -> dict[str, float]:
    """Return what `one` returns, from a process of its own."""
    asked = json.dumps([device, n, p, plastic])
    command = [sys.executable, __file__, "--one", asked]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(said.splitlines()[-1])


@click.command()
@click.option("--quick", is_flag=True, help="Small networks only, and write nothing.")
@click.option("--one", "case", help="A case as JSON, measured in this process.")
def main(quick: bool, case: str | None) -> None:
    """Measure every case in a process of its own."""
    if case:
        click.echo(json.dumps(one(*json.loads(case))))
        return
    rows, first = [], dict[str, float]()
    for device, n, p, plastic in CASES:
        if quick and n > 1000:
            continue
        found = measured(device, n, p, plastic)
        ratio = found["seconds"] / first.setdefault(device, found["seconds"])
        number, matrix = f"{found['synapses']:,}", f"{4 * n * n / 1e6:,.0f}"
        rows.append(
            [device, f"{n:,}", f"{p:.1%}", number, f"{found['MB']:.0f}", matrix, f"{ratio:.3g}"]
        )
        click.echo("  ".join(map(str, rows[-1])))
    if not quick:
        with TABLE.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
