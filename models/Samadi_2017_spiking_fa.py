"""Spiking neurons that scale a broadcast error by their own slope (Samadi, Lillicrap & Tweed 2017).

doi:10.1162/NECO_a_00929: a network of spiking neurons learns from an error that is broadcast by
fixed random synapses, and learns much better if each neuron multiplies it by the slope of its own
nonlinearity. For MNIST there is the reproduction of ngc-learn, 784-1000-10, 30 epochs, test
accuracy 96.28 % in 1,124 s on a GPU.

Here the slope is the crudest surrogate gradient: 1 for a neuron that fires in a trial, 0 for a
silent one, since a perfect integrator with a threshold is a rectifier. With slope 1 for all, the
change of hidden weights is linear in the stimulus; exclusive or, whose errors and stimuli are
uncorrelated, then teaches hidden neurons nothing on average. That is the quick check: in seeds 0,
1, 2 the right neuron is ahead by 3, 5, 7 spikes with the own slope, by -1, -4, -8 with slope 1, and
by 0 with hidden synapses fixed.

Reached, 784-1000-10 on MNIST, 4 epochs, seed 0, test accuracy: own slope 97.9, slope 1 94.9, hidden
synapses fixed 93.5 %, in some 4 minutes each on a busy machine. Different from the paper: error
neurons spike; weights change at the end of a trial; regular input trains, each stimulus scaled to
one sum; one hidden population. The online form with leaky neurons (spiking_dfa, 10,000 trials,
3 x 200 neurons) showed no such difference: 85.4 and 85.7 % (one seed, rates not compared). Twice
the learning rate was better on held-out samples (10,000 trials, 2 epochs: 94.3 instead of 92.9 %,
with slope 1 92.1 instead of 90.9 %), but fails on all of MNIST (own slope, test accuracy 60.6 %).

    python models/Samadi_2017_spiking_fa.py
"""

from pathlib import Path

import numpy as np

import apical as ap
from apical.scripts import figures, gallery, options, studies, study, sweep, tables

SLOPES = {"own": "int(x > 0)", "one": "1", "fixed": "1"}
"""What hidden neurons multiply the error by: their own slope, 1, or nothing: they do not learn."""
NAMES = {"own": "own slope", "one": "slope 1", "fixed": "hidden synapses fixed"}


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
) -> ap.Network:
    """Describe stimulus -> hidden -> output; error neurons reach both populations directly."""
    net, neuron = ap.Network(seed=seed, trial=trial), {"leak": False, "v_start": 0.5}
    x = ap.Stimulus("stimulus", n_inputs, ap.encoding.Regular(rate, total))
    h = ap.LIF("hidden", hidden, gain=SLOPES[slope], **neuron)
    y = ap.LIF("output", n_classes, bias=1.2, gain="1", **neuron)
    first, last = ap.rules.three_factor(eta), ap.rules.three_factor(eta_output)
    learns = [None if slope == "fixed" else first, last]
    ap.chain(net, x, h, y, weights=[ap.Normal(spread), ap.Zero()], rule=learns)
    error = net.add(ap.Error("error", 2 * n_classes, target=target))
    net.teach(ap.feedback.direct(error, net.forward))
    return net


def xor(n: int, seed: int) -> ap.Block:
    """Return trials of exclusive or: four stimuli, of two bits and their opposites, in turn."""
    rng = np.random.default_rng(seed)
    a, b = np.divmod(np.concatenate([rng.permutation(4) for _ in range(n // 4)]), 2)
    values = np.stack([a, 1 - a, b, 1 - b], axis=1).astype(np.float32)
    return ap.Block(values, a ^ b, np.ones(()))


def margin(slope: str, seed: int) -> float:
    """Learn exclusive or in 60 trials; return by how many spikes the right neuron is ahead."""
    drive = {"trial": 40.0, "rate": 200.0, "total": 0.0, "spread": 1.0, "target": 200.0}
    net = network(4, 20, 2, seed, slope, **drive, eta=1e-2, eta_output=5e-3)
    simulator = ap.simulate(net, "runtime", dt=2.0)
    simulator.run(xor(60, seed))
    shown = xor(4, seed)
    counts = simulator.run(ap.Block(shown.values)).counts["output"]
    right = np.take_along_axis(counts, np.asarray(shown.labels)[:, np.newaxis], axis=1)
    return float(np.min(2 * right[:, 0] - counts.sum(axis=1)))


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


@study(EXHIBIT, files="accuracies.csv and accuracies.png")
@options.training(hidden=1000, epochs=4)
@options.option("--eta", 1e-5, "Learning rate of hidden synapses.")
def main(dataset: str, hidden: int, epochs: int, eta: float, seeds: list, out: Path) -> None:
    data = ap.datasets.load(dataset)

    def learn(slope: str, seed: int) -> list[tables.Row]:
        net = network(data.n_inputs, hidden, data.n_classes, seed, slope, eta=eta)
        found = [
            step.metrics.get("test_accuracy") for step in ap.train(ap.simulate(net), data, epochs)
        ]
        found = [100 * accuracy for accuracy in found if accuracy is not None]
        print(f"slope {slope}, seed {seed}: accuracy {found[-1]:.2f} %")
        return [{"epoch": k, "accuracy": accuracy} for k, accuracy in enumerate(found)]

    rows = sweep(learn, progress=False, slope=SLOPES, seed=seeds)
    studies.write_table(out / "accuracies.csv", rows)
    y, rows = {"accuracy": "test accuracy [%]"}, [row for row in rows if row["epoch"]]
    figures.draw(out / "accuracies.png", rows, "epoch", y, "slope", NAMES)


if __name__ == "__main__":
    studies.run(main)
