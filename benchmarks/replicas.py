"""Replicas: eight seeds of a rate network side by side, against the same eight one after another.

    python benchmarks/replicas.py        # one thread of BLAS: OPENBLAS_NUM_THREADS=1

writes ``results/tables/replicas.csv``: for each number of hidden neurons and batch size the ratio
of throughputs, as processor time of training alone (13 epochs less 1, so that what is done once
does not count), median of interleaved repetitions. 64-n-10, digits, DFA, `apical.Replicas`.
"""

import csv
import statistics
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import click
import numpy as np

import apical as ap

TABLE = Path(__file__).parent / "results" / "tables" / "replicas.csv"
N, EPOCHS = 8, 12


def network(data: ap.Dataset, seed: int, hidden: int) -> ap.Network:
    """Describe inputs -> tanh hidden -> softmax output, under direct feedback alignment."""
    net, rule = ap.Network(seed=seed), ap.rules.three_factor(0.1 + 0.05 * seed)
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    h = ap.Rate("hidden", hidden, "tanh")
    y = ap.Rate("output", data.n_classes, "softmax", gain="one")
    ap.chain(net, x, h, y, weights=[ap.FanIn(), ap.FanIn()], rule=rule)
    net.teach(ap.feedback.direct(net.add(ap.RateError("error", data.n_classes)), net.forward))
    return net


def learned(
    data: ap.Dataset, hidden: int, epochs: int, options: dict[str, object], replica: ap.Replica
) -> np.ndarray:
    """Return the weights of one network after some epochs."""
    net = network(data, replica.number, hidden)
    with ap.simulate(net, "array", **options) as simulator:
        ap.train(simulator, data, epochs, progress=False)
        return simulator.weights(net.plastic[0])


def seconds(train: Callable[[int], list[np.ndarray]]) -> tuple[float, list[np.ndarray]]:
    """Return the processor time of `EPOCHS` epochs of all networks [s], and their weights."""
    begun = time.process_time()
    train(1)
    between = time.process_time()
    weights = train(1 + EPOCHS)
    return time.process_time() - between - (between - begun), weights


def compared(data: ap.Dataset, hidden: int, batch: int, library: str, repeats: int) -> list[object]:
    """Return a row of the table."""
    options = {"batch": batch, "library": library}
    together, seats = ap.Replicas(N), ap.Replicas(N).seats
    ratios, alone_ms = [], []

    def one(epochs: int, replica: ap.Replica, *, beside: bool) -> np.ndarray:
        own = {**options, "replica": replica} if beside else options
        return learned(data, hidden, epochs, own, replica)

    for _ in range(repeats):
        alone, first = seconds(lambda e: [one(e, seat, beside=False) for seat in seats])
        beside, second = seconds(lambda e: together.each(lambda r: one(e, r, beside=True)))
        ratios.append(alone / beside)
        alone_ms.append(1e3 * alone / (N * EPOCHS * len(data.train)))
    same = all(map(np.array_equal, first, second))
    speeds = f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    row = [
        f"64-{hidden}-10, batches of {batch}",
        library,
        *speeds,
        f"{1e3 * statistics.median(alone_ms):.1f}",
    ]
    return [*row, "same bits" if same else "up to rounding"]


@click.command()
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--library", multiple=True, default=("numpy",), show_default=True)
@click.option("--hidden", type=int, multiple=True, default=(10, 100), show_default=True)
def main(repeats: int, library: tuple[str, ...], hidden: tuple[int, ...]) -> None:
    """Measure, and write the table."""
    data, rows = ap.datasets.load("digits"), list[list[object]]()
    head = ["network", "library", "ratio", "least", "most", "alone, a trial", "weights"]
    for name, n, size in product(library, hidden, (1, 8, 32, 128)):
        rows.append(compared(data, n, size, name, repeats))
        print(*rows[-1], flush=True)
        with TABLE.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *rows])


if __name__ == "__main__":
    main()
