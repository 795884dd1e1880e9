"""Initial weights and momentum: a deep autoencoder needs both to learn.

Sutskever, Martens, Dahl & Hinton 2013, On the importance of initialization and momentum in deep
learning, ICML. Initial weights are those of Martens 2010: each neuron hears 15 others, N(0, 1); the
momentum at update k is min(1 - 1/(2*floor(k/250) + 2), mu) (eq. 5); learning rates are the best by
training error. There the last 1,000 updates have a momentum of 0.9, without which the best error on
MNIST is 1.2 instead of 0.73 (table 2). Here 784-100-50-25-10 and back, 1/150 of the updates, and no
such end (tables: docs/results/training.md).

    python models/Sutskever_2013_momentum.py
"""

from pathlib import Path

import numpy as np

import apical as ap
from apical.scripts import gallery, layers, learning, options, panels, studies, study, sweep, tables

MOMENTA = {"no momentum": (None, [0.3, 0.1])}
for mu, rates in ((0.9, [0.1, 0.03, 0.01]), (0.99, [0.03, 0.01, 0.003])):
    MOMENTA[f"momentum {mu}"] = (ap.optimizers.momentum(mu, rising=250.0), rates)
    MOMENTA[f"Nesterov {mu}"] = (ap.optimizers.nesterov(mu, rising=250.0), rates)
"""Name -> momentum and learning rates to choose from, as it makes steps 1/(1 - mu) as large."""


def network(sizes: list[int], seed: int, scale: float, rule: ap.LearningRule) -> ap.Network:
    """Describe a logistic autoencoder with cross-entropy of each pixel."""
    joins = {"weights": ap.FewInputs(ap.Normal(scale), 15), "bias": ap.Zero(), "rule": rule}
    return layers.feedforward(sizes, "logistic", "logistic", wiring="bp", seed=seed, **joins)


def best(values: np.ndarray, seed: int, scale: float, momentum: tuple, epochs: int, inner: list):
    """Return the squared error of an image after each epoch, at the best of some learning rates."""
    found, (dynamics, rates), n = {}, momentum, values.shape[1]
    for rate in rates:
        net = network([n, *inner, n], seed, scale, ap.rules.three_factor(rate, dynamics=dynamics))
        found[rate] = learning.reconstruction_errors(net, values, epochs, batch=100)
    rate = min(found, key=lambda rate: found[rate][-1])
    return [{"epoch": k, "rate": rate, "error": error} for k, error in enumerate(found[rate])]


def quick(out: Path) -> gallery.Finding:
    """Squeeze 8 x 8 digits through 40-20-10-20-40 neurons for 40 epochs."""
    values, narrow = ap.datasets.load("digits").train.block(slice(1400))[0], [40, 20, 10, 20, 40]
    plain, nesterov = (None, [0.3]), (ap.optimizers.nesterov(0.9, rising=50.0), [0.3])
    cells = (1.0, plain), (1.0, nesterov), (0.25, nesterov), (4.0, (nesterov[0], [0.1]))
    without, both, small, large = (best(values, 0, *c, 40, narrow)[-1]["error"] for c in cells)
    blind = float(np.sum(values.var(axis=0)))
    text = f"squared error of an image: both {both:.2f}, no momentum {without:.2f}, weights a "
    text += f"quarter {small:.2f}, four times {large:.2f}; the mean image {blind:.2f}"
    holds = both < 0.7 * without and both < 0.4 * min(small, large) and small > 0.6 * blind
    return gallery.Finding(text, holds)


EXHIBIT = gallery.Exhibit(
    claim="A deep autoencoder needs initial weights of the right size, and momentum",
    published="MNIST: none 2.1, 0.9 1.0, Nesterov 0.99 0.73 (table 1); weights times 0.25, 1, 4: "
    "16, 0.074, 0.35 (table 3)",
    reached="MNIST, small: none 24.2, 0.9 16.1, Nesterov 0.99 15.5; weights times 0.25, 1, 4: "
    "24.0, 15.5, 37.7 (seed 0)",
    quick=quick,
)


@study(EXHIBIT, files="errors.csv and errors.png", on="digits")
@options.dataset()
@options.option("--trials", 5000, "Training samples.", least=100)
@options.epochs(100)
@options.option("--seed", 0, least=0)
def main(dataset: str, trials: int, epochs: int, seed: int, out: Path) -> None:
    values, half = ap.datasets.load(dataset).train.block(slice(trials))[0], [100, 50, 25]

    def measured(momentum: str, scale: float) -> list[tables.Row]:
        return best(values, seed, scale, MOMENTA[momentum], epochs, [*half, 10, *half[::-1]])

    said = "{momentum}, weights times {scale:g}: squared error {error:.3f}, learning rate {rate:g}"
    rows = sweep(measured, said, momentum=[*MOMENTA][:-1], scale=[1.0])
    rows += sweep(measured, said, momentum=[*MOMENTA][-1:], scale=[0.25, 0.5, 1.0, 2.0, 4.0])
    print(f"the mean image: {np.sum(values.var(axis=0)):.2f}")
    studies.write_table(out / "errors.csv", rows)
    during = tables.series(rows, "epoch", "error", "momentum", scale=1.0)
    end = tables.series(rows, "scale", "error", "momentum", momentum="Nesterov 0.99", epoch=epochs)
    left = panels.Panel(during, "epochs", "squared error of an image", {"log_y": True})
    right = panels.Panel(end, "scale of weights", "at the end", {"log_x": True, "log_y": True})
    panels.draw(out / "errors.png", left, right, width=4.2)


if __name__ == "__main__":
    studies.run(main)
