"""Unsupervised pretraining helps where labels are few, not where they are many.

LeCun, Bengio & Hinton 2015, doi:10.1038/nature14539: "for smaller data sets, unsupervised
pre-training helps to prevent overfitting, leading to significantly better generalization when the
number of labelled examples is small". They give no numbers.

784-400-400-400-10, Adam. Each hidden population learns to reconstruct the one below, of which a
quarter is masked, in 5 epochs of 50,000 images without labels; then all of the network learns from
labelled ones (40,000 trials, or 8 epochs). Under FA and DFA, which then are the rules of the
autoencoders too, this saves no labels. All numbers: docs/results/training.md.

    python models/LeCun_2015_pretraining.py --seed 0,1,2
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

import apical as ap
from apical.data.datasets import stratified
from apical.scripts import figures, gallery, learning, options, studies, study, sweep, tables
from apical.scripts.layers import feedforward
from apical.training import pretraining


def network(
    sizes: list[int], seed: int, wiring: str, output: str, start: list, eta: float = 1e-3
) -> ap.Network:
    """Describe logistic populations; the first ones begin with the weights of pretrained levels."""
    first, rest = [level.weights for level in start], len(sizes) - 1 - len(start)
    joins = {
        "weights": [ap.Given(w["stimulus_to_hidden_1"]) for w in first] + [ap.Glorot()] * rest,
        "bias": [ap.Given(w["bias_to_hidden_1"]) for w in first] + [ap.Zero()] * rest,
        "rule": ap.rules.three_factor(dynamics=ap.optimizers.adam(eta)),
    }
    return feedforward(sizes, "logistic", output, wiring=wiring, seed=seed, **joins)


def pretrained(
    values: np.ndarray, sizes: list[int], seed: int, wiring: str, plan: pretraining.Plan
) -> list[pretraining.Level]:
    """Return hidden populations of which each has learned to rebuild the one below."""

    def autoencoder(k: int, n: int) -> ap.Network:
        return network([n, sizes[k + 1], n], seed + 1000 * k, wiring, "logistic", [])

    return pretraining.pretrained(values, len(sizes) - 2, autoencoder, plan)


def error(data: ap.Dataset, labels: int, trials: int, net: ap.Network) -> float:
    """Return the test error [%] after so many trials with some labels, or 8 epochs."""
    labelled = stratified(data.train, labels, ap.stream(net.seed, "labelled"))
    n, data = len(labelled), replace(data, train=labelled)
    simulator = ap.simulate(net, "array", batch=min(64, n // 5))
    few = data.subset(test=1)  # judged once, at the end
    ap.train(simulator, few, max(trials // n, 8), progress=False)
    return learning.test_error(simulator, data)


def quick(out: Path) -> gallery.Finding:
    """Pretrain on 8 x 8 digits; 30 of them have labels (three choices of them), then all."""
    data, sizes = ap.datasets.load("digits"), [64, 200, 200, 200, 10]
    values, many = data.train.block(slice(None))[0], len(data.train)
    start, gains = pretrained(values, sizes, 0, "bp", pretraining.Plan(60, 16, 0.3)), []
    for n, trials, seeds in ((30, 3_000, (0, 1, 2)), (many, 30_000, (0, 1))):
        nets = [
            [network(sizes, s, "bp", "softmax", given, 1e-2) for s in seeds]
            for given in ([], start)
        ]
        random, begun = ([error(data, n, trials, net) for net in of] for of in nets)
        gains.append(np.mean(np.subtract(random, begun)))
    text = f"pretraining spares {gains[0]:.1f} points of error with 30 labels, {gains[1]:.1f} with "
    return gallery.Finding(f"{text}{many}", bool(gains[0] > 3 and gains[1] < gains[0] / 2))


EXHIBIT = gallery.Exhibit(
    claim="Unsupervised pretraining under BP helps where labels are few, not where they are many",
    published="in words: significantly better with few labels",
    reached="MNIST, test error from random weights and pretrained, 100, 1,000, 50,000 labels: "
    "BP 24.5, 22.1; 11.0, 8.8; 1.72, 1.73 %; FA and DFA gain next to nothing (3 seeds)",
    quick=quick,
)


@study(EXHIBIT, files="errors.csv and errors.png", on="digits")
@options.dataset()
@options.layers("400-400-400", "Hidden populations.")
@options.names("--wirings", "bp,fa,dfa")
@options.numbers("--labels", "100,1000,50000", "Numbers of labels.")
@options.epochs(5, "Epochs of pretraining for each hidden population.")
@options.option("--rate", 3e-3, "Learning rate under supervision.")
@options.option("--hidden-share", 0.25, "Fraction of pixels masked.")
@options.flag("--validation", "Validate on the last 10,000 training samples.")
@options.seeds("0")
def main(dataset: str, hidden: list, wirings: list, labels: list, out: Path, **of) -> None:
    data = ap.datasets.load(dataset)
    known, held = data.train.part(slice(50_000)), data.train.part(slice(50_000, None))
    data = replace(data, train=known, test=held if of["validation"] else data.test)
    sizes, values = [data.n_inputs, *hidden, data.n_classes], known.block(slice(None))[0]
    plan = pretraining.Plan(of["epochs"], hidden_share=of["hidden_share"])
    begun = cache(lambda seed, wiring: pretrained(values, sizes, seed, wiring, plan))

    def measured(seed: int, wiring: str, labels: int, start: str) -> tables.Row:
        given = begun(seed, wiring) if start == "pretrained" else []
        net = network(sizes, seed, wiring, "softmax", given, of["rate"])
        return {"test_error": error(data, labels, 40_000, net)}

    said = "seed {seed}, {wiring}, {labels} labels, {start}: {test_error:.2f} % wrong"
    levels = {"wiring": wirings, "labels": labels, "start": ("random", "pretrained")}
    rows = sweep(measured, said, progress=False, seed=of["seeds"], **levels)
    studies.write_table(out / "errors.csv", rows)
    rows = [row | {"case": f"{row['wiring'].upper()}, {row['start']}"} for row in rows]
    y, shown = {"test_error": "test error [%]"}, {"label": "labelled samples", "log_x": True}
    figures.draw(out / "errors.png", rows, "labels", y, "case", log_y=True, **shown)


if __name__ == "__main__":
    studies.run(main)
