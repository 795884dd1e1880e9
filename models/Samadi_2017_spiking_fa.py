"""Spiking neurons that scale a broadcast error by their own slope (Samadi, Lillicrap & Tweed 2017).

doi:10.1162/NECO_a_00929: a network of spiking neurons learns from an error that is broadcast by
fixed random synapses, and learns much better if each neuron multiplies it by the slope of its own
nonlinearity, which learning rules may approximate piecewise. Published: useful learning nine
populations upstream; for MNIST there is the reproduction of ngc-learn, 784-1000-10, 30 epochs,
96.28 % of test samples in 1,124 s on a GPU.

Here the slope is the crudest one: 1 for a neuron that fires in a trial, 0 for one that is silent,
since a perfect integrator with a threshold is a rectifier. With slope 1 for all, the change of
hidden weights is linear in the stimulus; exclusive or, whose errors and stimuli are uncorrelated,
then teaches hidden neurons nothing on average. That is the quick check: in seeds 0, 1, 2 the right
neuron is ahead by 3, 5, 7 spikes with the own slope, by -1, -4, -8 with slope 1, and by 0 with
hidden synapses fixed.

Reached, 784-1000-10 on MNIST, 4 epochs, seed 0, test accuracy: own slope 97.9, slope 1 94.9, hidden
synapses fixed 93.5 %, in some 4 minutes each on a busy machine. Different from the paper: error
neurons spike; weights change when a trial ends, not in each time step; regular input trains, each
stimulus scaled to one sum; one hidden population. The online form with leaky neurons
(spiking_dfa, 10,000 trials, 3 x 200 neurons) showed no such difference: 85.4 with the own slope,
85.7 % with slope 1 (one seed, rates not compared).

Twice the rate was better on held-out samples (10,000 trials, 2 epochs: 94.3 instead of 92.9 %, with
slope 1 92.1 instead of 90.9 %), but fails on all of them (own slope, 60.6 % of test samples).

    python models/Samadi_2017_spiking_fa.py
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
from apical.encoding import Regular

from apical import (
    LIF,
    Block,
    Dataset,
    Error,
    Network,
    Normal,
    Stimulus,
    Zero,
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

SLOPES = {"own": "int(x > 0)", "one": "1", "fixed": "1"}
"""What hidden neurons multiply the error by: their own slope (a neuron that fires answers to its
input, one that is silent does not), 1, or nothing: hidden synapses do not learn."""


def network(
    n_inputs: int,
    hidden: int,
    n_classes: int,
    seed: int,
    slope: str,
    *,
    trial: float = 100.0,
    rate: float = 100.0,
    total: float = 100.0,
    spread: float = 0.06,
    target: float = 100.0,
    eta: float = 1e-5,
    eta_output: float = 6e-4,
) -> Network:
    """Describe stimulus -> hidden -> output; error neurons reach both populations directly."""
    net, neuron = Network(seed=seed, trial=trial), {"leak": False, "v_start": 0.5}
    x = net.add(Stimulus("stimulus", n_inputs, Regular(rate, total)))
    h = net.add(LIF("hidden", hidden, gain=SLOPES[slope], **neuron))
    y = net.add(LIF("output", n_classes, bias=1.2, gain="1", **neuron))
    learns = None if slope == "fixed" else rules.three_factor(eta)
    net.connect(x, h, weights=Normal(spread), rule=learns)
    net.connect(h, y, weights=Zero(), rule=rules.three_factor(eta_output))
    net.teach(feedback.direct(net.add(Error("error", 2 * n_classes, target=target)), net.forward))
    return net


def xor(n: int, seed: int) -> Block:
    """Return trials of exclusive or: four stimuli, of two bits and their opposites, in turn."""
    rng = np.random.default_rng(seed)
    a, b = np.divmod(np.concatenate([rng.permutation(4) for _ in range(n // 4)]), 2)
    return Block(np.stack([a, 1 - a, b, 1 - b], axis=1).astype(np.float32), a ^ b, np.ones(()))


def margin(slope: str, seed: int) -> float:
    """Learn exclusive or in 60 trials; return by how many spikes the right neuron is ahead."""
    net = network(
        4,
        20,
        2,
        seed,
        slope,
        trial=40.0,
        rate=200.0,
        total=0.0,
        spread=1.0,
        target=200.0,
        eta=1e-2,
        eta_output=5e-3,
    )
    simulator = simulate(net, "runtime", dt=2.0)
    simulator.run(xor(60, seed))
    shown = xor(4, seed)
    counts = simulator.run(Block(shown.values)).counts["output"]
    right = np.take_along_axis(counts, np.asarray(shown.labels)[:, np.newaxis], axis=1)
    return float(np.min(2 * right[:, 0] - counts.sum(axis=1)))


def learn(
    data: Dataset, hidden: int, seed: int, slope: str, epochs: int, eta: float
) -> list[dict[str, Any]]:
    """Train a network, and return its test accuracy before and after each epoch [%]."""
    net = network(data.n_inputs, hidden, data.n_classes, seed, slope, eta=eta)
    steps = train(simulate(net), data, epochs)
    key = "test_accuracy"
    found = [100 * step.metrics[key] for step in steps if key in step.metrics]
    return [{"slope": slope, "seed": seed, "epoch": k, "accuracy": a} for k, a in enumerate(found)]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw test accuracy over epochs."""
    names = {"own": "own slope", "one": "slope 1", "fixed": "hidden synapses fixed"}
    series = {}
    for slope in SLOPES:
        own = [row for row in rows if row["slope"] == slope and row["epoch"]]
        epochs = sorted({row["epoch"] for row in own})
        series[names[slope]] = epochs, np.reshape([r["accuracy"] for r in own], (-1, len(epochs)))
    plotting.save(plotting.curves(series, "epoch", "test accuracy [%]"), path)


def quick(out: Path) -> gallery.Finding:
    """Learn exclusive or, which no output can read from the stimulus, in 60 trials."""
    found = {slope: margin(slope, 0) for slope in SLOPES}
    said = ", ".join(f"{slope} {spikes:g}" for slope, spikes in found.items())
    text = f"exclusive or, spikes that the right neuron is ahead at least, by slope: {said}"
    return gallery.Finding(text, found["own"] > 0 and max(found["one"], found["fixed"]) <= 0)


EXHIBIT = gallery.Exhibit(
    claim="Spiking neurons learn better from a broadcast error if each scales it by its own slope",
    published="MNIST, reproduction by ngc-learn, 784-1000-10, 30 epochs: test accuracy 96.28 %",
    reached="own slope 97.9 %; slope 1 94.9, hidden synapses fixed 93.5 % (4 epochs, seed 0)",
    quick=quick,
)


@cli_study.study(EXHIBIT, files="accuracies.csv and accuracies.png")
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--hidden", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=4, show_default=True)
@click.option("--eta", type=float, default=1e-5, show_default=True, help="Rate of hidden synapses.")
@click.option("--seed", "numbers", default="0", show_default=True, help="Seeds, as 0,1,2.")
def main(dataset: str, hidden: int, epochs: int, eta: float, numbers: str, out: Path) -> None:
    data, out, rows = datasets.load(dataset), studies.folder(out), list[dict[str, Any]]()
    for slope in SLOPES:
        for seed in studies.numbers(numbers):
            rows += learn(data, hidden, seed, slope, epochs, eta)
            click.echo(f"slope {slope}, seed {seed}: accuracy {rows[-1]['accuracy']:.2f} %")
    studies.write_table(out / "accuracies.csv", rows)
    draw(rows, out / "accuracies.png")
    click.echo(f"Figure and table: {out}")


if __name__ == "__main__":
    studies.run(main)
