"""Regression by BP, FA and DFA: R2 of Friedman's function on test samples, for five seeds.

    python benchmarks/regression.py

writes ``results/tables/regression.csv``. Learning rates are chosen for each wiring by the same
search, on 400 of the 2,000 training samples that are held out, with five seeds of their own.
"""

import csv
from pathlib import Path

import numpy as np

import apical as ap
from apical.sweeps import repeated
from apical.sweeps.statistics import summary

TABLE = Path(__file__).parent / "results" / "tables" / "regression.csv"
TEMPLATE = Path(__file__).parents[1] / "models" / "templates" / "regression.py"
WIRINGS = {"bp": "BP", "fa": "FA", "dfa": "DFA"}
RATES = (0.05, 0.1, 0.15, 0.2)
EPOCHS, BATCH = 200, 10


def r2(data: ap.Dataset, seed: int, wiring: str, eta: float) -> float:
    """Return R2 on the test samples after training; that of no prediction if it diverges."""
    net = ap.models.load(str(TEMPLATE)).build(data, seed, wiring=wiring, eta=eta)
    with ap.simulate(net, "array", batch=BATCH) as simulator:
        try:
            history = ap.train(simulator, data, EPOCHS, progress=False)
        except ap.errors.RunError:
            return 0.0
    return float(history[-1].metrics["test_r2"])


def least_squares(data: ap.Dataset) -> float:
    """Return R2 of the best linear function of the inputs, in closed form."""
    (x, _), (tested, _) = (part.block(slice(None)) for part in (data.train, data.test))
    ones = (np.c_[values.astype(float), np.ones(len(values))] for values in (x, tested))
    seen, shown = ones
    best = np.linalg.lstsq(seen, data.train.targets, rcond=None)[0]
    return ap.measures.predictions.r_squared(data.test.targets, shown @ best)


def main() -> None:
    """Search for rates, train with five seeds each, and write the table."""
    data = ap.tasks.friedman(rng=ap.stream(0, "friedman"))
    search, rows = data.held_out(400), []
    for wiring, name in WIRINGS.items():
        tried = {
            eta: np.mean([r2(search, seed, wiring, eta) for seed in range(10, 15)]) for eta in RATES
        }
        eta = max(tried, key=lambda rate: tried[rate])
        found = repeated(
            lambda w, seed, eta=eta: r2(data, seed, w, eta), [wiring], factor="wiring", metric="r2"
        )
        (row,) = summary(found, ["wiring"], "r2").to_dict("records")
        numbers = [f"{row[key]:.4f}" for key in ("mean", "low", "high")]
        rows.append([name, *numbers, f"{eta:g}"])
        print(*rows[-1], tried)
    rows.append(["least squares", f"{least_squares(data):.4f}", "-", "-", "-"])
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["learned by", "R2", "low", "high", "learning rate"], *rows])


if __name__ == "__main__":
    main()
