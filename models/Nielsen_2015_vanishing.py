"""Vanishing and exploding gradients, and under which feedback early hidden layers starve.

Nielsen 2015, Neural Networks and Deep Learning, chapter 5. The learning speed of a hidden layer is
the L2 norm of the mean gradient of its biases over the first 1,000 training images of MNIST, before
training: logistic 784-30-30-10 to 784-30-30-30-30-10, cross-entropy, weights N(0, 1)/sqrt(n_in),
biases N(0, 1). Published, without a seed: 2 hidden layers 0.07, 0.31; 3: 0.012, 0.060, 0.283;
4: 0.003, 0.017, 0.070, 0.285.

Reached, mean of seeds 0 to 19: 0.059, 0.301; 0.012, 0.059, 0.275; 0.003, 0.012, 0.057, 0.292. All
ratios of neighbouring layers are within 30 % of the published ones. With random feedback from the
distribution of the forward weights, FA starves the first layer as BP does (0.002, 0.011, 0.057,
0.287), DFA none (0.288, 0.275, 0.294, 0.283), and IFA, which relays upward, the last (0.288, 0.057,
0.011, 0.002).

Exploding: single neurons with weights of 100, and biases that keep them at their steepest, learn 25
times (weight x slope) as fast as the next. But abs(w slope(w a + b)) >= 1 takes abs(w) >= 4, and
holds over an interval of a no wider than 0.45 (at w = 6.9). An identity neuron (w = 0.1) is off by
1e-4 at most.

Over 500 epochs of full-batch descent on those 1,000 images (eta = 0.1, lambda = 5.0) all speeds
fall to a hundredth and less within 50 epochs, and the layers stay apart (the book: curves).

Accuracy on the last 10,000 training images with 1 to 4 hidden layers (30 epochs, batches of 10,
eta = 0.1, lambda = 5.0, the other 50,000 images): published 96.48, 96.90, 96.57, 96.53 %; reached,
mean of seeds 0, 1, 2: 96.41, 96.87, 96.65, 96.65 %. What starves shows: FA 95.51, 94.02, 91.21,
85.36, DFA 95.58, 95.16, 95.23, 95.13, IFA 95.58, 94.34, 92.76, 90.09 %.

    python models/Nielsen_2015_vanishing.py
    python models/Nielsen_2015_vanishing.py --epochs 30 --seeds 3
"""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
from apical.encoding import Graded

from apical import (
    Bias,
    Block,
    Dataset,
    FanIn,
    FanOut,
    Given,
    Network,
    Normal,
    Rate,
    RateError,
    Stimulus,
    cli_study,
    datasets,
    feedback,
    gallery,
    plotting,
    rules,
    simulate,
    studies,
    train,
)

WIRINGS = ("bp", "fa", "dfa", "ifa")
PUBLISHED = {2: [0.07, 0.31], 3: [0.012, 0.060, 0.283], 4: [0.003, 0.017, 0.070, 0.285]}
"""Learning speeds of hidden layers under BP: number of them -> first to last."""


def network(
    sizes: list[int],
    seed: int,
    wiring: str,
    eta: float = 1.0,
    decay: float = 0.0,
    weight: float | None = None,
) -> Network:
    """Describe a logistic network; given a weight, all have it, and drives are 0 at inputs of 1/2.

    Random feedback comes from the distribution of the forward weights.
    """
    net = Network(seed=seed)
    pre, bias = net.add(Stimulus("stimulus", sizes[0], Graded())), net.add(Bias("bias"))
    for k, size in enumerate(sizes[1:], start=1):
        last = k == len(sizes) - 1
        post = net.add(
            Rate("output", size, "logistic", gain="one")
            if last
            else Rate(f"hidden_{k}", size, "logistic")
        )
        w = FanIn(uniform=False) if weight is None else Given(np.full((pre.size, size), weight))
        half = None if weight is None else Given(np.full((1, size), -weight * pre.size / 2))
        net.connect(pre, post, weights=w, rule=rules.three_factor(eta, decay=decay))
        net.connect(bias, post, weights=half or Normal(1.0), rule=rules.three_factor(eta))
        pre = post
    options = {} if wiring == "bp" else {"weights": FanOut(uniform=False)}
    error = net.add(RateError("error", sizes[-1]))
    net.teach(feedback.WIRINGS[wiring](error, net.forward, **options))
    return net


def speeds(net: Network, block: Block) -> list[float]:
    """Return the norm of the change that the rule asks of the biases of each hidden layer."""
    asked = simulate(net, "array", dtype="float64").updates(block)
    return [float(np.linalg.norm(asked[f"bias_to_{p.post.name}"])) for p in net.forward[:-1]]


def exploding(weight: float = 100.0, layers: int = 4) -> list[float]:
    """Return how much faster each of some single neurons at their steepest learns than the next."""
    net = network([1] * (layers + 2), 0, "bp", weight=weight)
    found = np.array(speeds(net, Block(np.full((1, 1), 0.5), targets=np.ones((1, 1)))))
    return list(found[:-1] / found[1:])


def width(weight: float) -> float:
    """Return over how wide an interval of `a` a neuron has ``abs(weight*slope(weight*a)) >= 1``.

    The slope s(1 - s) of the logistic is at least 1/w where s lies within sqrt(1/4 - 1/w) of 1/2.
    """
    w = abs(weight)
    if w < 4:
        return 0.0
    s = 0.5 + np.sqrt(0.25 - 1 / w)
    return float(2 / w * np.log(s / (1 - s)))


def identity(weight: float) -> float:
    """Return how far a logistic neuron is from passing on an input of 0 to 1, at worst.

    Nielsen's identity neuron: with a small `weight` and the bias that puts an input of 1/2 at the
    steepest, what it says is nearly linear; the next synapse, of 4/weight, and the next neuron's
    bias bring that back to size.
    """
    net = Network()
    x, bias = net.add(Stimulus("stimulus", 1, Graded())), net.add(Bias("bias"))
    h, y = net.add(Rate("hidden", 1, "logistic")), net.add(Rate("output", 1, "linear"))
    given = (x, h, weight), (bias, h, -weight / 2), (h, y, 4 / weight), (bias, y, 0.5 - 2 / weight)
    for pre, post, value in given:
        net.connect(pre, post, weights=Given(np.array([[value]])))
    values = np.linspace(0, 1, 101, dtype=np.float32)[:, np.newaxis]
    said = simulate(net, "array", dtype="float64").run(Block(values)).counts["output"]
    return float(np.abs(said - values).max())


def descent(block: Block, classes: int, hidden: int, epochs: int = 500) -> np.ndarray:
    """Return learning speeds under full-batch descent, shape (epochs, hidden), as in the book."""
    n, inputs = block.values.shape
    net = network([inputs, *[30] * hidden, classes], 0, "bp", eta=0.1, decay=5.0 / n)
    simulator, found = simulate(net, "array", batch=n, dtype="float64"), []
    names = [f"bias_to_{p.post.name}" for p in net.forward[:-1]]
    for epoch in range(epochs):
        asked = simulator.updates(block)
        found.append([float(np.linalg.norm(asked[name])) / 0.1 for name in names])
        simulator.run(replace(block, learning=np.ones(()), index=epoch))
    return np.array(found)


def measure(block: Block, classes: int, seeds: list[int], most: int = 4) -> list[dict[str, Any]]:
    """Return the learning speed of every hidden layer of networks with two and more of them."""
    return [
        {"wiring": wiring, "hidden": hidden, "seed": seed, "layer": layer, "speed": speed}
        for wiring in WIRINGS
        for hidden in range(2, most + 1)
        for seed in seeds
        for sizes in [[block.values.shape[1], *[30] * hidden, classes]]
        for layer, speed in enumerate(speeds(network(sizes, seed, wiring), block), start=1)
    ]


def runs(rows: list[dict[str, Any]], wiring: str, hidden: int) -> np.ndarray:
    """Return the speeds of one wiring and depth, shape (n_seeds, hidden)."""
    own = [r["speed"] for r in rows if (r["wiring"], r["hidden"]) == (wiring, hidden)]
    return np.reshape(own, (-1, hidden))


def accuracy(data: Dataset, hidden: int, seed: int, wiring: str, epochs: int) -> float:
    """Train with Nielsen's settings, and return the accuracy on the test part after all epochs."""
    sizes = [data.n_inputs, *[30] * hidden, data.n_classes]
    net = network(sizes, seed, wiring, eta=0.1, decay=5.0 / len(data.train))
    steps = train(simulate(net, "array", batch=10), data, epochs, final_rate=1.0, progress=False)
    return steps[-1].metrics["test_accuracy"]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw speeds over layers: BP at all depths beside the published ones; all wirings at four."""
    depth, feedbacks = plotting.panels(2)
    series = {f"{h} hidden layers": (np.arange(1, h + 1), runs(rows, "bp", h)) for h in PUBLISHED}
    axes = "hidden layer", "learning speed before training"
    plotting.curves(series, *axes, log_y=True, title="backpropagation", ax=depth)
    for hidden, published in PUBLISHED.items():
        label = "published" if hidden == 4 else None
        depth.plot(range(1, hidden + 1), published, "k+", ms=8, zorder=4, label=label)
    depth.legend(fontsize=8, frameon=False)
    series = {w.upper(): (np.arange(1, 5), runs(rows, w, 4)) for w in WIRINGS}
    plotting.curves(series, *axes, log_y=True, title="four hidden layers", ax=feedbacks)
    plotting.save([depth, feedbacks], path)


def draw_descent(block: Block, classes: int, path: Path) -> np.ndarray:
    """Draw learning speeds over 500 epochs, and return those of four layers, last epoch."""
    axes = plotting.panels(len(PUBLISHED))
    for ax, hidden in zip(axes, PUBLISHED, strict=True):
        speed = descent(block, classes, hidden)
        series = {f"layer {k + 1}": (np.arange(len(speed)), speed[:, k]) for k in range(hidden)}
        title = f"{hidden} hidden layers, full-batch descent"
        plotting.curves(series, "epochs", "learning speed", log_y=True, title=title, ax=ax)
    plotting.save(axes, path)
    return speed[-1]


def quick(out: Path) -> gallery.Finding:
    """Measure on 8 x 8 digits with five seeds."""
    data = datasets.load("digits")
    rows = measure(Block(*data.train.block(slice(1000))), data.n_classes, [0, 1, 2, 3, 4])
    draw(rows, studies.folder(out) / "speeds.png")
    first_to_last = {w: float(np.divide(*runs(rows, w, 4).mean(axis=0)[[0, 3]])) for w in WIRINGS}
    said = ", ".join(f"{w.upper()} {ratio:.3g}" for w, ratio in first_to_last.items())
    starves = max(first_to_last["bp"], first_to_last["fa"]) < 1 / 20 < 20 < first_to_last["ifa"]
    holds = starves and 0.5 < first_to_last["dfa"] < 2 and np.allclose(exploding(), 25.0)
    return gallery.Finding(
        f"learning speed of the first of 4 hidden layers over that of the last: {said}", holds
    )


EXHIBIT = gallery.Exhibit(
    claim="Early layers starve under BP and FA, not under DFA; under IFA the late ones do",
    published="BP, four hidden layers: 0.003, 0.017, 0.070, 0.285",
    reached="0.003, 0.012, 0.057, 0.292 (mean of 20 seeds); DFA 0.288, 0.275, 0.294, 0.283",
    quick=quick,
)


@cli_study.study(EXHIBIT, files="the table and figures", on="digits")
@click.option("--dataset", default="mnist", show_default=True)
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Number of seeds: 0, 1, ...",
)
@click.option(
    "--epochs",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Also train for so many epochs, and tell accuracies; the book: 30.",
)
def main(dataset: str, n_seeds: int, epochs: int, out: Path) -> None:
    data, seeds = datasets.load(dataset), list(range(n_seeds))
    rows = measure(Block(*data.train.block(slice(1000))), data.n_classes, seeds)
    studies.write_table(studies.folder(out) / "speeds.csv", rows)
    draw(rows, out / "speeds.png")
    last = draw_descent(Block(*data.train.block(slice(1000))), data.n_classes, out / "descent.png")
    click.echo(f"after 500 epochs of full-batch descent, 4 hidden: speeds {last.round(4)}")
    click.echo(f"identity neuron, weight 0.1: off by {identity(0.1):.1e} at most")
    for wiring, hidden in product(WIRINGS, PUBLISHED):
        mean = runs(rows, wiring, hidden).mean(axis=0)
        click.echo(f"{wiring}, {hidden} hidden: speeds {mean.round(4)}, {n_seeds} seeds")
    click.echo(f"exploding, weights of 100: each layer {np.round(exploding(), 3)} times the next")
    click.echo(f"at weights of 6.9, explosive over an interval of {width(6.9):.3f}")
    for wiring, hidden, seed in product(WIRINGS, range(1, 5), seeds if epochs else ()):
        reached = accuracy(data.held_out(10_000), hidden, seed, wiring, epochs)
        click.echo(f"{wiring}, {hidden} hidden, seed {seed}: validation accuracy {reached:.2%}")
    click.echo(f"Figure and table: {out}")


if __name__ == "__main__":
    studies.run(main)
