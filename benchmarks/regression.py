"""Regression by BP, FA and DFA: R2 of Friedman's function on test samples, for five seeds.

    python benchmarks/regression.py

writes ``results/tables/regression.csv``. Learning rates are chosen for each wiring by the same
search, with Adam, on 400 of the 2,000 training samples that are held out, with three seeds of their
own.
"""

import csv
from pathlib import Path

import numpy as np

import apical as ap
from apical.sweeps import repeated
from apical.sweeps.statistics import summary

TABLE = Path(__file__).parent / "results" / "tables" / "regression.csv"
WIRINGS = {"bp": "BP", "fa": "FA", "dfa": "DFA"}
RATES = (3e-3, 1e-2, 3e-2, 1e-1)
EPOCHS, BATCH, HIDDEN = 50, 10, 100


def network(data: ap.Dataset, seed: int, wiring: str, rate: float) -> ap.Network:
    """Describe inputs -> tanh hidden -> linear output, with the squared error and Adam."""
    net, rule = ap.Network(seed=seed), ap.rules.three_factor(dynamics=ap.optimizers.adam(rate))
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    h, y = ap.Rate("hidden", HIDDEN, "tanh"), ap.Rate("output", data.n_targets, "linear")
    ap.chain(net, x, h, y, weights=[ap.FanIn(), ap.Zero()], bias=ap.Zero(), rule=rule)
    error = net.add(ap.RateError("error", data.n_targets))
    net.teach(ap.feedback.WIRINGS[wiring](error, net.forward))
    return net


def r2(data: ap.Dataset, seed: int, wiring: str, rate: float) -> float:
    """Return R2 on the test samples after training."""
    net = network(data, seed, wiring, rate)
    with ap.simulate(net, "array", batch=BATCH) as simulator:
        history = ap.train(simulator, data, EPOCHS, progress=False)
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
            rate: np.mean([r2(search, seed, wiring, rate) for seed in range(10, 13)])
            for rate in RATES
        }
        best = max(tried, key=lambda rate: tried[rate])
        found = repeated(
            lambda w, seed, best=best: r2(data, seed, w, best),
            [wiring],
            factor="wiring",
            metric="r2",
        )
        (row,) = summary(found, ["wiring"], "r2").to_dict("records")
        numbers = [f"{row[key]:.4f}" for key in ("mean", "low", "high")]
        rows.append([name, *numbers, f"{best:g}"])
        print(*rows[-1], tried)
    rows.append(["least squares", f"{least_squares(data):.4f}", "-", "-", "-"])
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["learned by", "R2", "low", "high", "learning rate"], *rows])


if __name__ == "__main__":
    main()
