"""Initial weights and momentum: a deep autoencoder needs both to learn.

Sutskever, Martens, Dahl & Hinton 2013, On the importance of initialization and momentum in deep
learning, ICML. Published, squared error of an image after 750,000 updates, logistic autoencoder of
Hinton & Salakhutdinov (784-1000-500-250-30 and back on MNIST), from memory: plain gradient descent
2.1, momentum 0.9 1.0, 0.99 0.77, Nesterov momentum 0.9 1.0, 0.99 0.73 (table 1); on Curves initial
weights scaled by 0.25, 0.5, 1, 2, 4: 16, 16, 0.074, 0.083, 0.35 (table 3).

Initial weights are those of Martens 2010: each neuron hears 15 others, N(0, 1); biases are 0. The
momentum schedule at update k is min(1 - 1/(2*floor(k/250) + 2), mu) (eq. 5). Under Nesterov
momentum the neurons see the weights that are looked ahead to. Each cell shows the best of some
learning rates, by training error, as in the paper, which asks how well it can be made to learn.

Here 784-100-50-25-10 and back, the first 5,000 training images, batch size 100, 5,000 updates.
Reached, seed 0, 19 minutes on a busy core (4 of processor time); the mean image has an error of
52.6: plain descent 24.2, momentum 0.9 16.1, 0.99 17.6, Nesterov 0.9 17.5, 0.99 15.5; with that,
initial weights scaled by 0.25, 0.5, 1, 2, 4: 24.0, 22.1, 15.5, 21.0, 37.7. Both are needed, as
published. The differences are smaller: this is 1/150 of the updates, momentum rises no higher than
0.976, and no error has converged.

    python models/Sutskever_2013_momentum.py
"""

from pathlib import Path

import numpy as np

import apical as ap
from apical import plotting
from apical.scripts import gallery, learning, options, studies, study, tables

KINDS = {"momentum": ap.optimizers.momentum, "Nesterov": ap.optimizers.nesterov}
RATES = {0.0: [0.3, 0.1], 0.9: [0.1, 0.03, 0.01], 0.99: [0.03, 0.01, 0.003]}
"""Learning rates to choose from, by momentum, which makes steps 1/(1 - mu) times as large."""
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
SIZES = (100, 50, 25, 10, 25, 50, 100)
BATCH = 100


def network(
    n: int, seed: int, sizes: tuple[int, ...], scale: float, rule: ap.LearningRule
) -> ap.Network:
    """Describe a logistic autoencoder with cross-entropy of each pixel."""
    net, x = ap.Network(seed=seed), ap.Stimulus("stimulus", n, ap.encoding.Graded())
    h = [ap.Rate(f"hidden_{k}", size, "logistic") for k, size in enumerate(sizes, start=1)]
    y = ap.Rate("output", n, "logistic", gain="one")
    few = ap.FewInputs(ap.Normal(scale), 15)
    ap.chain(net, x, *h, y, weights=few, bias=ap.Zero(), rule=rule)
    net.teach(ap.feedback.transposed(net.add(ap.RateError("error", n)), net.forward))
    return net


def learn(values: np.ndarray, net: ap.Network, epochs: int) -> list[float]:
    """Train, and return the squared error of an image by epoch; infinite once it has diverged."""
    simulator, errors = ap.simulate(net, "array", batch=BATCH), []
    for _ in learning.reconstruct(simulator, values, epochs):
        squared = learning.squared_errors(simulator, values)
        error = float(np.sum(squared, dtype=np.float64) / len(values))
        errors.append(error if np.isfinite(error) else np.inf)
    return errors


def cell(values: np.ndarray, seed: int, scale: float, kind: str, mu: float, **of) -> tables.Row:
    """Return the errors at the best of some learning `rates` of a network of these `sizes`."""
    momentum, found = KINDS[kind](mu, of.get("rising", 250.0)) if mu else None, {}
    for rate in of["rates"]:
        rule = ap.rules.three_factor(rate, dynamics=momentum)
        net = network(values.shape[1], seed, of["sizes"], scale, rule)
        found[rate] = learn(values, net, of["epochs"])
    rate = min(found, key=lambda rate: found[rate][-1])
    about = {"seed": seed, "scale": scale, "kind": kind if mu else "none", "mu": mu}
    return about | {"rate": rate, "error": found[rate][-1], "errors": found[rate]}


def draw(momenta: list[tables.Row], scales: list[tables.Row], path: Path) -> None:
    """Draw errors over epochs for kinds of momentum, and at the end for scales of the weights."""
    during, end = axes = plotting.panels(2, width=4.2)
    names = [f"{row['kind']} {row['mu']:g}" if row["mu"] else "no momentum" for row in momenta]
    curves = [(np.arange(len(row["errors"])), row["errors"]) for row in momenta]
    series, title = dict(zip(names, curves, strict=True)), "initial weights of Martens 2010"
    error = "squared error of an image"
    plotting.curves(series, "epochs", error, log_y=True, title=title, ax=during)
    over = tables.column(scales, "scale"), tables.column(scales, "error")
    shown = {"levels": {"no momentum, scale 1": momenta[0]["error"]}, "log_x": True, "log_y": True}
    plotting.curves({names[-1]: over}, "scale of initial weights", error, **shown, ax=end)
    end.set_xticks(list(SCALES), [f"{scale:g}" for scale in SCALES])
    end.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    plotting.save(axes, path)


def quick(out: Path) -> gallery.Finding:
    """Squeeze 8 x 8 digits through 40-20-10-20-40 neurons for 40 epochs."""
    values = ap.datasets.load("digits").train.block(slice(1400))[0]
    blind = float(np.sum(values.var(axis=0)))
    small_one = {"sizes": (40, 20, 10, 20, 40), "epochs": 40, "rising": 50.0}
    without, both, small, large = (
        cell(values, 0, scale, "Nesterov", mu, rates=[rate], **small_one)["error"]
        for scale, mu, rate in ((1.0, 0.0, 0.3), (1.0, 0.9, 0.3), (0.25, 0.9, 0.3), (4.0, 0.9, 0.1))
    )
    text = (
        f"squared error of an image: both {both:.2f}, no momentum {without:.2f}, weights a quarter "
        f"{small:.2f}, four times {large:.2f}; the mean image {blind:.2f}"
    )
    holds = both < 0.7 * without and both < 0.4 * min(small, large) and small > 0.6 * blind
    return gallery.Finding(text, holds)


EXHIBIT = gallery.Exhibit(
    claim="A deep autoencoder needs initial weights of the right size, and momentum",
    published="MNIST: none 2.1, 0.9 1.0, Nesterov 0.99 0.73; Curves, weights times 0.25, 1, 4: 16, "
    "0.074, 0.35 (from memory)",
    reached="MNIST, small: none 24.2, 0.9 16.1, Nesterov 0.99 15.5; weights times 0.25, 1, 4: "
    "24.0, 15.5, 37.7 (seed 0)",
    quick=quick,
)


@study(EXHIBIT, files="errors.csv and errors.png", on="digits")
@options.dataset()
@options.option("--trials", 5000, "Training samples.", least=BATCH)
@options.epochs(100)
@options.option("--seed", 0, least=0)
def main(dataset: str, trials: int, epochs: int, seed: int, out: Path) -> None:
    values = ap.datasets.load(dataset).train.block(slice(trials))[0]

    def row(scale: float, kind: str, mu: float) -> tables.Row:
        best = cell(values, seed, scale, kind, mu, rates=RATES[mu], sizes=SIZES, epochs=epochs)
        told = {key: best[key] for key in ("kind", "mu", "scale", "rate")}
        print(f"{told}: squared error {best['error']:.3f}")
        return best

    kinds = [("Nesterov", 0.0), *((kind, mu) for mu in (0.9, 0.99) for kind in KINDS)]
    momenta = [row(1.0, *how) for how in kinds]
    scales = [momenta[-1] if scale == 1 else row(scale, "Nesterov", 0.99) for scale in SCALES]
    print(f"the mean image: {np.sum(values.var(axis=0)):.2f}")
    rows = [*momenta, *(found for found in scales if found["scale"] != 1)]
    rows = [{k: v for k, v in found.items() if k != "errors"} for found in rows]
    studies.write_table(out / "errors.csv", rows)
    draw(momenta, scales, out / "errors.png")


if __name__ == "__main__":
    studies.run(main)
