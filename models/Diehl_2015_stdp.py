"""Neurons that compete learn digits without a teacher, by STDP (Diehl & Cook 2015).

doi:10.3389/fncom.2015.00099: Poisson stimuli (0 to 63.75 Hz) excite 100 or 400 neurons, each of
which excites one inhibitory neuron, which inhibits all the others. At each spike of an excitatory
neuron ``w += eta*(x_pre - target)*(1 - w)``; thresholds rise with every spike. Labels are shown to
nobody: afterwards every neuron is given the class that it answers to most, learning off, and the
class whose neurons fire most is the decision. Published test accuracies on MNIST: 100 neurons 82.9,
400 neurons 87.0, 6,400 neurons 95.0 % (the first two from memory).

As published (and as in github.com/peter-u-diehl/stdp-mnist): neurons, conductances, reversal
potentials, refractory times, inhibition, time step (0.5 ms), 350 ms a stimulus, weights that sum to
78.4 onto each neuron; for that sum each synapse would have to know all others, as the scorecard
says. Different: one pass over the 60,000 images instead of three and more; the rest of 150 ms
between stimuli is a reset; stimuli that make fewer than 5 spikes are not shown again brighter,
instead thresholds fall 4 times as fast (by 2e-4 a trial, which keeps some 13 spikes a stimulus); no
delays; classes are given by 10,000 images. Of six settings compared on the last 10,000 training
images after 10,000 trials (76 to 81 %), ``eta = 0.01`` and ``target = 0.2`` did best.

Reached in one pass, test images: 100 neurons 81.5, 82.4, 80.9 % (seeds 0, 1, 2), 400 neurons 89.4 %
(seed 0), in one and three minutes of one core.

    python models/Diehl_2015_stdp.py --neurons 400
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
from apical.datasets import Samples
from apical.encoding import Poisson

from apical import (
    ConductanceLIF,
    Given,
    Identity,
    Network,
    Simulator,
    Stimulus,
    Uniform,
    cli_study,
    datasets,
    gallery,
    plotting,
    rules,
    simulate,
    studies,
    unsupervised,
)


def network(
    n_inputs: int,
    neurons: int,
    seed: int,
    *,
    trial: float = 350.0,
    rate: float = 63.75,
    total: float = 78.4,
    eta: float = 0.01,
    target: float = 0.2,
    fades: float = 2e-4,
    rise: float = 0.05 / 13,
    inhibition: float = 17.0,
    tau_m: float = 100.0,
    step: float = 0.5,
) -> Network:
    """Describe excitatory neurons that learn, each with one neuron that inhibits all others.

    Weights are those of the published code, which holds a conductance over a time step of `step`
    [ms] before it decays; they are scaled so that as much charge arrives where it decays within it.
    """
    net = Network(seed=seed, trial=trial, output="excitatory")
    x = net.add(Stimulus("stimulus", n_inputs, Poisson(rate), tau_x=20.0))
    e = net.add(ConductanceLIF("excitatory", neurons, tau_m=tau_m, rise=rise, fades=fades))
    i = net.add(
        ConductanceLIF(
            "inhibitory",
            neurons,
            tau_m=10.0,
            e_excite=3.0,
            e_inhibit=-1.25,
            v_reset=0.75,
            refractory=2.0,
        )
    )
    excites, inhibits = (step / tau / -np.expm1(-step / tau) for tau in (1.0, 2.0))
    others = Given(inhibits * inhibition * (1 - np.eye(neurons)))
    net.connect(e, i, weights=Identity(excites * 10.4))
    net.connect(i, e, weights=others, carries={"inhibit": "x"})
    net.connect(
        x,
        e,
        weights=Uniform(0.3, positive=True),
        rule=rules.stdp(eta, target=target),
        bounds=(0.0, 1.0),
        total=excites * total,
    )
    return net


def bars(n: int, seed: int, side: int = 4) -> Samples:
    """Return noisy images of one horizontal bar each; the class is its row."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(side), -(-n // side))[:n]
    image = np.zeros((n, side, side), np.float32)
    image[np.arange(n), labels] = 1
    noisy = np.clip(0.9 * image + 0.1 * rng.random(image.shape), 0, 1).astype(np.float32)
    return Samples(noisy.reshape(n, -1), labels.astype(np.int64))


def compete(inhibition: float) -> tuple[float, int, np.ndarray]:
    """Show bars to eight neurons; return accuracy, how many bars have a neuron, and weights."""
    net = network(
        16,
        8,
        0,
        trial=40.0,
        rate=300.0,
        total=4.0,
        eta=0.1,
        target=1.0,
        fades=2e-3,
        rise=0.1,
        inhibition=inhibition,
        tau_m=20.0,
    )
    simulator = simulate(net, "runtime", dt=0.5)
    unsupervised.learn(simulator, bars(60, 0), progress=False)
    _, accuracy = judged(simulator, bars(16, 1), bars(16, 2), 4)
    weights = simulator.weights("stimulus_to_excitatory")
    taken = weights.reshape(4, 4, -1).mean(axis=1).argmax(axis=0)
    return accuracy, len(np.unique(taken)), weights


def judged(
    simulator: Simulator, known: Samples, new: Samples, n_classes: int
) -> tuple[unsupervised.Assignment, float]:
    """Give each neuron a class by samples whose labels are known, and return accuracy on others."""
    counts = unsupervised.responses(simulator, known, index=-1)
    found = unsupervised.assigned(counts, known.labels, n_classes)
    counts = unsupervised.responses(simulator, new, index=-(10**6))
    return found, found.accuracy(counts, new.labels)


def quick(out: Path) -> gallery.Finding:
    """Let eight neurons learn four bars in 60 trials, with inhibition and without."""
    (accuracy, taken, weights), (chance, alone, _) = compete(17.0), compete(0.0)
    ax = plotting.receptive_fields(weights, (4, 4), unit="leak")
    plotting.save(ax, studies.folder(out) / "fields.png")
    text = (
        f"{taken} of 4 bars have neurons of their own, accuracy {100 * accuracy:.0f} %; without "
        f"inhibition {alone} and {100 * chance:.0f} %"
    )
    return gallery.Finding(text, taken == 4 and accuracy > 0.7 and alone < 4 and chance < 0.5)


EXHIBIT = gallery.Exhibit(
    claim="Neurons that inhibit each other come to stand for classes by STDP, without a teacher",
    published="MNIST, test accuracy: 100 neurons 82.9, 400 neurons 87.0 % (from memory)",
    reached="one pass: 100 neurons 81.6 (mean of 3 seeds), 400 neurons 89.4 % (seed 0)",
    quick=quick,
)


@cli_study.study(EXHIBIT, files="accuracy.csv and fields.png", on="bars")
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--neurons", type=click.IntRange(2), default=100, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--seed", "numbers", default="0", show_default=True, help="Seeds, as 0,1,2.")
@click.option("--held-out", is_flag=True, help="Judge on the last 10,000 training samples instead.")
def main(dataset: str, neurons: int, epochs: int, numbers: str, held_out: bool, out: Path) -> None:
    data, out, rows = datasets.load(dataset), studies.folder(out), list[dict[str, Any]]()
    data = data.held_out(10_000) if held_out else data
    for seed in studies.numbers(numbers):
        simulator = simulate(network(data.n_inputs, neurons, seed), dt=0.5)
        unsupervised.learn(simulator, data.train, epochs)
        known = data.train.part(slice(10_000))
        _, accuracy = judged(simulator, known, data.test, data.n_classes)
        rows.append({"seed": seed, "neurons": neurons, "epochs": epochs, "accuracy": accuracy})
        click.echo(f"{neurons} neurons, seed {seed}: accuracy {100 * accuracy:.2f} %")
    weights, rng = simulator.weights("stimulus_to_excitatory"), np.random.default_rng(0)
    fields = plotting.receptive_fields(weights, data.shape, min(neurons, 100), rng, unit="leak")
    plotting.save(fields, out / "fields.png")
    studies.write_table(out / "accuracy.csv", rows)
    click.echo(f"Figure and table: {out}")


if __name__ == "__main__":
    studies.run(main)
