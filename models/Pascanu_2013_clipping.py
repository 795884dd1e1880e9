"""Exploding gradients: updates grow from layer to layer under BP, not under DFA; clipping helps.

Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063: gradients through time explode where weights are
large, and clipping their norm (algorithm 1) lets recurrent networks learn. Here depth takes the
place of time: tanh layers of 50 neurons with weights N(0, 2.5^2/n_in), plain gradient descent with
batch size 10 on MNIST (10,000 training images, 2,000 held out). All synapses share the norm of a
gradient; here each clips its own update at 0.003. All errors: docs/results/training.md.

    python models/Pascanu_2013_clipping.py
"""

from functools import partial
from pathlib import Path

import numpy as np

import apical as ap
from apical.scripts import Row, figures, gallery, learning, options, studies, study, sweep
from apical.scripts.layers import feedforward

STEPS = (0.003, 0.01, 0.03, 0.1, 0.3)
CASES = {"BP": "bp", "BP, clipped": "bp", "DFA": "dfa"}


def network(data: ap.Dataset, seed: int, case: str, layers: int, eta: float) -> ap.Network:
    """Describe tanh layers whose weights are large."""
    clip = ap.optimizers.clipped(3e-3) if "clipped" in case else None
    sizes = [data.n_inputs, *[50] * layers, data.n_classes]
    weights = [ap.FanIn(scale, uniform=False) for scale in (*[2.5] * layers, 1.0)]
    joins = {"weights": weights, "bias": ap.Zero(), "seed": seed}
    rule = ap.rules.three_factor(eta, dynamics=clip)
    return feedforward(sizes, "tanh", "softmax", wiring=CASES[case], rule=rule, **joins)


def norms(data: ap.Dataset, case: str, seed: int, layers: int = 30) -> list[Row]:
    """Return the norm of the update of each hidden layer before learning, and of the first."""
    net = network(data, seed, case, layers, 1.0)
    asked = ap.simulate(net, "array").updates(ap.Block(*data.train.block(slice(500))))
    found = [float(np.linalg.norm(asked[p.name])) for p in net.forward[:-1]]
    return [{"layer": k, "update_norm": n, "first": found[0]} for k, n in enumerate(found, start=1)]


def learn(data: ap.Dataset, layers: int, epochs: int, case: str, eta: float, seed: int):
    """Train, and return the validation error [%]; chance level after divergence."""
    net, guess = network(data, seed, case, layers, eta), 100 * (1 - 1 / data.n_classes)
    return {"error": learning.last_error(net, data, epochs, batch=10, diverged=guess)}


def quick(out: Path) -> gallery.Finding:
    """Look at 30 layers before learning, and train 15 on digits at a high learning rate."""
    data = ap.datasets.load("digits").split(287, np.random.default_rng(0))
    ends = [norms(data, case, 0)[-1] for case in ("BP", "DFA")]
    bp, dfa = (end["first"] / end["update_norm"] for end in ends)
    plain, clipped, direct = (learn(data, 15, 8, case, 0.1, 0)["error"] for case in CASES)
    said = f"BP {plain:.0f}, clipped {clipped:.0f}, DFA {direct:.0f} %"
    text = f"update of the first of 30 layers over that of the last: BP {bp:.0f}, DFA {dfa:.1f}"
    holds = bp > 50 > 5 > dfa and plain > 70 and max(clipped, direct) < 40
    return gallery.Finding(f"{text}; validation error with 15 at a large step: {said}", holds)


EXHIBIT = gallery.Exhibit(
    claim="Updates explode in the backward pass under BP, which clipping by value cures, and not "
    "under DFA",
    published="clipped norms let recurrent networks learn (curves)",
    reached="norm of the update of the first of 30 layers over the last: BP 1,760, DFA 4.7; error "
    "with 15 at a step of 0.1: BP 86.0, clipped 14.1, DFA 12.4 %",
    quick=quick,
)


@study(EXHIBIT, files="errors.csv, errors.png and norms.png", on="digits")
@options.training(epochs=5, seed="0,1,2")
@options.train_trials(12_000, "First N training samples; a sixth is held out.", least=60)
@options.option("--layers", 15)
def main(dataset: str, train_trials: int, layers: int, epochs: int, seeds: list, out: Path) -> None:
    data = studies.validated(ap.datasets.load(dataset).subset(train_trials))
    said = "{case}: norm of the update of layer 1 {first:.3g}, of layer 30 {update_norm:.3g}"
    before = sweep(partial(norms, data), said, case=("BP", "DFA"), seed=seeds)
    said = "{case}, learning rate {eta}: validation error {error:.1f} %, mean of {n}"
    rows = sweep(partial(learn, data, layers, epochs), said, case=CASES, eta=STEPS, seed=seeds)
    studies.write_table(out / "errors.csv", rows)
    figures.draw(out / "norms.png", before, "layer", "update_norm", "case", log_y=True)
    y, shown = {"error": "validation error [%]"}, {"log_x": True, "log_y": True}
    figures.draw(out / "errors.png", rows, "eta", y, "case", label="learning rate", **shown)


if __name__ == "__main__":
    studies.run(main)
