"""Batch normalisation: logistic layers learn faster, without tuned learning rates and weights.

Ioffe & Szegedy 2015, arXiv:1502.03167, section 4.1 and figure 1: 784-100-100-100-10 logistic on
MNIST, cross-entropy, small random normal weights, batch size 60. Published as curves: the network
with batch normalisation has the higher test accuracy at every step, and the inputs of a neuron
hardly drift while it learns. No neuron knows the statistics of a batch (`apical.check` refuses
them), so this is a comparison, as BP is. 10,000 training images are held out; learning rates are
the best after 2 epochs on seed 0. Samples that fill no batch are left out, as running means follow
the last one. Results: docs/results/training.md.

    python models/Ioffe_2015_batch_norm.py
"""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

import apical as ap
from apical.errors import RunError
from apical.scripts import gallery, layers, learning, options, panels, studies, study, sweep, tables

WIRINGS, STEPS, BATCH = ("bp", "fa", "dfa"), (0.1, 0.3, 1.0, 3.0), 60
NAMES = {True: "normalised", False: "plain"}


def network(data: ap.Dataset, seed: int, wiring: str, size: int, eta: float, normed: bool):
    """Describe three logistic hidden populations, their drives normalised or not."""
    norm = {"neurons": {"norm": ap.BatchNorm()}} if normed else {"bias": ap.Zero()}
    joins = {"weights": ap.Normal(0.1), "rule": ap.rules.three_factor(eta)} | norm
    sizes = [data.n_inputs, size, size, size, data.n_classes]
    net = layers.feedforward(sizes, "logistic", "softmax", wiring=wiring, seed=seed, **joins)
    return layers.scale_and_shift(net, eta) if normed else net


def learn(data: ap.Dataset, epochs: int, every: float = 1.0, **how) -> list[tables.Row]:
    """Train; return validation error [%] (chance level if diverged), and drives of a neuron."""
    found, looking = [], {"record": ["hidden_3"], "trace": "drive", "samples": 2000}
    net = network(data, **how)
    try:
        for row, _, seen in learning.watch(net, data, epochs, BATCH, every=every, **looking):
            drive = np.quantile(seen.traces["hidden_3.drive"][:, 0, 0], [0.15, 0.5, 0.85])
            found.append(row | dict(zip(("low", "middle", "high"), drive.tolist(), strict=True)))
    except RunError:
        found.append({**found[-1], "error": 100 * (1 - 1 / data.n_classes)})
    return found


def whole_batches(name: str) -> ap.Dataset:
    """Return training samples that fill batches, and a validation set of a sixth of all."""
    data = studies.validated(ap.datasets.load(name))
    return data.subset(len(data.train) // (2 * BATCH) * 2 * BATCH)


def draw(rows: list[tables.Row], path: Path) -> None:
    """Draw errors over epochs for each wiring, and the drives of one neuron under BP."""
    shown = {"names": NAMES, "log_y": ["error"]}
    error = panels.grid(rows, "epoch", {"error": "error [%]"}, "normed", "wiring", **shown)
    one = tables.where(rows, wiring="bp", seed=rows[0]["seed"])
    drive = {k: tables.series(one, "epoch", k, "normed", NAMES) for k in ("low", "middle", "high")}
    bands = {name: (drive["low"][name][1][0], drive["high"][name][1][0]) for name in drive["low"]}
    axes = "epochs", "drive of a neuron", {"title": "BP, one seed; shaded: 15 to 85 %"}
    panels.draw(path, *error, panels.Panel(drive["middle"], *axes, bands=bands), width=3.6)


def quick(out: Path) -> gallery.Finding:
    """Train 3x50 neurons on digits with batch size 60 under three wirings."""
    trained = partial(learn, whole_batches("digits"), 8, seed=0, size=50, eta=1.0)
    found = {k: trained(wiring=k[0], normed=k[1])[-1]["error"] for k in product(WIRINGS, NAMES)}
    said = ", ".join(f"{w.upper()} {found[w, True]:.0f} ({found[w, False]:.0f})" for w in WIRINGS)
    text = f"validation error after 8 epochs {said} %, in brackets without"
    return gallery.Finding(text, all(found[w, True] < 0.5 * found[w, False] for w in WIRINGS))


EXHIBIT = gallery.Exhibit(
    claim="Batch normalisation makes logistic layers learn faster, under BP, FA and DFA",
    published="test accuracy higher at every step (curves)",
    reached="validation error after 1 epoch: BP 6.3 (9.6), FA 11.5 (83.3), DFA 11.0 (12.7) %, in "
    "brackets without",
    quick=quick,
)


@study(EXHIBIT, files="errors.csv and errors.png", on="digits")
@options.training("--size", hidden=100, epochs=6, seed="0,1,2")
def main(dataset: str, size: int, epochs: int, seeds: list[int], out: Path) -> None:
    trained, rows = partial(learn, whole_batches(dataset), size=size), []
    for wiring, normed in product(WIRINGS, NAMES):
        how = {"wiring": wiring, "normed": normed}
        errors = {eta: trained(2, eta=eta, seed=0, **how)[-1]["error"] for eta in STEPS}
        eta = min(errors, key=errors.__getitem__)
        levels = {"wiring": [wiring], "normed": [normed], "eta": [eta], "seed": seeds}
        own = sweep(partial(trained, epochs, every=0.5), **levels)
        first, last = (tables.mean(own, "error", epoch=n) for n in (1, epochs))
        print(f"{wiring}, {NAMES[normed]}, step {eta:g}: error {first:.2f} %, then {last:.2f} %")
        rows += own
    studies.write_table(out / "errors.csv", rows)
    draw(rows, out / "errors.png")


if __name__ == "__main__":
    studies.run(main)
