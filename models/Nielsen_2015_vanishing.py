"""Vanishing and exploding gradients in early hidden layers, under several kinds of feedback.

Nielsen 2015, Neural Networks and Deep Learning, chapter 5. The learning speed of a hidden layer is
the L2 norm of the mean gradient of its biases over the first 1,000 training images of MNIST, before
training: logistic 784-30-30-10 to 784-30-30-30-30-10, cross-entropy. The first layer learns slowest
under BP and FA, the last under IFA, which relays upward, and none under DFA. Single neurons with
weights of 100, kept at their steepest by biases, learn 25 times (weight x slope) as fast as the
next. What starving costs is accuracy, here on the last 10,000 training images. All numbers,
published and reached, are in docs/results/training.md.

    python models/Nielsen_2015_vanishing.py --epochs 30 --seeds 3
"""

from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

import apical as ap
from apical.measures.learning_speeds import explosive_width, learning_speeds
from apical.scripts import gallery, layers, learning, options, panels, studies, study, sweep, tables
from apical.training.full_batch import full_batch

WIRINGS = {"bp": "BP", "fa": "FA", "dfa": "DFA", "ifa": "IFA"}
PUBLISHED = {2: [0.07, 0.31], 3: [0.012, 0.060, 0.283], 4: [0.003, 0.017, 0.070, 0.285]}
"""Learning speeds of hidden layers under BP: number of them -> first to last."""


def network(
    sizes: Sequence[int], seed: int, wiring: str, eta: float = 1.0, decay: float = 0.0, **given
) -> ap.Network:
    """Describe a logistic network; random feedback is distributed as the forward weights are."""
    plain, decays = ap.rules.three_factor(eta), ap.rules.three_factor(eta, decay=decay)
    joins = {"rule": decays, "bias_rule": plain, "feedback": ap.FanOut(uniform=False)}
    joins |= {"weights": ap.FanIn(uniform=False), "bias": ap.Normal(1.0)} | given
    return layers.feedforward(sizes, "logistic", "logistic", wiring=wiring, seed=seed, **joins)


def speeds(net: ap.Network, block: ap.Block) -> list[float]:
    """Return the learning speed of each hidden layer before training."""
    return [*learning_speeds(ap.simulate(net, "array", dtype="float64"), block).values()]


def measure(data: ap.Dataset, wiring: str, hidden: int, seed: int) -> list[tables.Row]:
    """Return the learning speed of every hidden layer before training."""
    block, sizes = ap.Block(*data.train.block(slice(1000))), [30] * hidden
    found = speeds(network([data.n_inputs, *sizes, data.n_classes], seed, wiring), block)
    return [{"layer": layer, "speed": speed} for layer, speed in enumerate(found, start=1)]


def exploding(weight: float = 100.0, layers: int = 4) -> list[float]:
    """Return how much faster each of some single neurons at their steepest learns than the next."""
    one = {"weights": ap.Given(np.array([[weight]])), "bias": ap.Given(np.array([[-weight / 2]]))}
    half = ap.Block(np.full((1, 1), 0.5), targets=np.ones((1, 1)))  # every drive is 0
    found = np.array(speeds(network([1] * (layers + 2), 0, "bp", **one), half))
    return list(found[:-1] / found[1:])


def identity(weight: float) -> float:
    """Return how far a logistic neuron is from passing on 0 to 1; the next restores the size."""
    given = {"weights": [weight, 4 / weight], "bias": [-weight / 2, 0.5 - 2 / weight]}
    joins = {name: [ap.Given(np.array([[v]])) for v in two] for name, two in given.items()}
    net = layers.feedforward([1, 1, 1], "logistic", "linear", wiring=None, **joins)
    values = np.linspace(0, 1, 101, dtype=np.float32)[:, np.newaxis]
    said = ap.simulate(net, "array", dtype="float64").run(ap.Block(values)).counts["output"]
    return float(np.abs(said - values).max())


def descent(data: ap.Dataset, hidden: int, epochs: int = 500) -> panels.Panel:
    """Return the learning speed of each hidden layer under full-batch descent, as in the book."""
    block = ap.Block(*data.train.block(slice(1000)))
    sizes, n = [data.n_inputs, *[30] * hidden, data.n_classes], len(block)
    net = network(sizes, 0, "bp", eta=0.1, decay=5.0 / n)
    simulator = ap.simulate(net, "array", batch=n, dtype="float64")
    rows = [learning_speeds(simulator, block) for _ in full_batch(simulator, block, epochs)]
    series = {name: (np.arange(epochs), [row[name] for row in rows]) for name in rows[0]}
    shown = {"log_y": True, "title": f"{hidden} hidden layers, full-batch descent"}
    return panels.Panel(series, "epochs", "learning speed", shown)


def accuracy(data: ap.Dataset, wiring: str, hidden: int, seed: int, epochs: int) -> tables.Row:
    """Train with Nielsen's settings, and return the accuracy on the test part [%]."""
    sizes = [data.n_inputs, *[30] * hidden, data.n_classes]
    net = network(sizes, seed, wiring, eta=0.1, decay=5.0 / len(data.train))
    return {"accuracy": 100 - learning.last_error(net, data, epochs, batch=10)}


def draw(rows: list[tables.Row], path: Path) -> None:
    """Draw speeds over layers: BP at all depths beside the published ones; all wirings at four."""
    axes, names = ("hidden layer", "learning speed before training"), "{} hidden layers".format
    depth = tables.series(rows, "layer", "speed", "hidden", names, wiring="bp")
    four = tables.series(rows, "layer", "speed", "wiring", WIRINGS, hidden=4)
    published = [point for found in PUBLISHED.values() for point in enumerate(found, start=1)]
    left, right = ({"log_y": True, "title": t} for t in ("backpropagation", "four hidden layers"))
    marked = panels.Panel(depth, *axes, left, {"published": np.transpose(published)})
    panels.draw(path, marked, panels.Panel(four, *axes, right))


def quick(out: Path) -> gallery.Finding:
    """Measure on 8 x 8 digits with five seeds."""
    measured = partial(measure, ap.datasets.load("digits"))
    rows = sweep(measured, wiring=WIRINGS, hidden=PUBLISHED, seed=range(5))
    draw(rows, out / "speeds.png")
    means = {w: tables.runs(rows, "speed", wiring=w, hidden=4).mean(axis=0) for w in WIRINGS}
    ratio = {w: float(mean[0] / mean[3]) for w, mean in means.items()}
    said = ", ".join(f"{name} {ratio[w]:.3g}" for w, name in WIRINGS.items())
    starves = max(ratio["bp"], ratio["fa"]) < 1 / 20 < 20 < ratio["ifa"]
    holds = starves and 0.5 < ratio["dfa"] < 2 and np.allclose(exploding(), 25.0)
    text = f"learning speed of the first of 4 hidden layers over that of the last: {said}"
    return gallery.Finding(text, holds)


EXHIBIT = gallery.Exhibit(
    claim="Updates vanish in early layers under BP and FA, in late ones under IFA, not under DFA",
    published="BP, four hidden layers: 0.003, 0.017, 0.070, 0.285",
    reached="0.003, 0.012, 0.057, 0.292 (mean of 20 seeds); DFA 0.288, 0.275, 0.294, 0.283",
    quick=quick,
)


@study(EXHIBIT, files="the table and figures", on="digits")
@options.dataset()
@options.option("--seeds", 20, "Number of seeds: 0, 1, ...")
@options.epochs(0, "Also train for this many epochs and report accuracies; the book: 30.", least=0)
def main(dataset: str, seeds: int, epochs: int, out: Path) -> None:
    data = ap.datasets.load(dataset)
    rows = sweep(partial(measure, data), wiring=WIRINGS, hidden=PUBLISHED, seed=range(seeds))
    studies.write_table(out / "speeds.csv", rows)
    draw(rows, out / "speeds.png")
    descents = [descent(data, hidden) for hidden in PUBLISHED]
    panels.draw(out / "descent.png", *descents)
    last = np.array([speeds[-1] for _, speeds in descents[-1].series.values()])
    print(f"after 500 epochs of full-batch descent, 4 hidden: speeds {last.round(4)}")
    print(f"identity neuron, weight 0.1: off by {identity(0.1):.1e} at most")
    for wiring, hidden in product(WIRINGS, PUBLISHED):
        mean = tables.runs(rows, "speed", wiring=wiring, hidden=hidden).mean(axis=0)
        print(f"{wiring}, {hidden} hidden: speeds {mean.round(4)}, {seeds} seeds")
    print(f"exploding, weights of 100: each layer {np.round(exploding(), 3)} times the next")
    print(f"at weights of 6.9, explosive over an interval of {explosive_width(6.9):.3f}")
    if epochs:
        learned = partial(accuracy, data.held_out(10_000), epochs=epochs)
        said = "{called} hidden: validation accuracy {accuracy:.2f} %, mean of {n}"
        found = sweep(learned, said, wiring=WIRINGS, hidden=range(1, 5), seed=range(seeds))
        studies.write_table(out / "accuracies.csv", found)


if __name__ == "__main__":
    studies.run(main)
