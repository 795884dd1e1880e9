"""Align, then memorise: DFA's update first turns to that of BP, then the samples are fitted.

Refinetti, d'Ascoli, Ohana & Goldt 2021, arXiv:2011.12428: under direct feedback alignment the
forward weights at first align with the feedback, layer by layer from the input on; then the samples
are fitted, at the cost of some alignment. Here: 784-100-100-100-10 and the first 2,000 training
samples of MNIST, so that they can be memorised; angles to BP's update at the same weights are over
1,000 of them. The second phase shows; its cost in alignment shows weakly, in the first population.

    python models/Refinetti_2021_align.py
"""

from pathlib import Path

import numpy as np

import apical as ap
from apical.measures.alignment import angles_to_backpropagation
from apical.scripts import gallery, learning, options, panels, studies, study, sweep, tables
from apical.scripts.layers import feedforward


def network(data: ap.Dataset, seed: int, hidden: int, layers: int, eta: float) -> ap.Network:
    sizes = [data.n_inputs, *[hidden] * layers, data.n_classes]
    joins = {"weights": ap.FanIn(0.5), "bias": ap.Zero(), "rule": ap.rules.three_factor(eta)}
    return feedforward(sizes, "tanh", "softmax", wiring="dfa", seed=seed, **joins)


def learn(data: ap.Dataset, net: ap.Network, at: list[int]) -> list[tables.Row]:
    """Train, and return angles [degrees] and accuracies after some updates of 32 trials."""
    simulator, rows = ap.simulate(net, "array", batch=32), []
    probe, hidden = ap.Block(*data.train.block(slice(1000))), net.forward[:-1]
    for step in learning.at_updates(simulator, data, at, 32):
        angles = angles_to_backpropagation(simulator, probe)
        row = {"step": step} | {p.post.name: angles[p.name] for p in hidden}
        row["training_accuracy"] = ap.evaluate(simulator, data.train).accuracy
        row["test_accuracy"] = ap.evaluate(simulator, data.test).accuracy
        rows.append(row | {"angle": np.mean([angles[p.name] for p in hidden])})
    return rows


def found(rows: list[tables.Row], near: float) -> gallery.Finding:
    """Return whether the update came `near` that of BP before all samples were fitted."""
    angles, right = (tables.column(rows, k) for k in ("angle", "training_accuracy"))
    k = int(np.argmax(angles < near)) or -1
    said = f"{angles[0]:.0f} degrees at the start, {angles[k]:.0f} when {100 * right[k]:.0f} % of "
    said += f"the samples are right, {angles[-1]:.0f} at {100 * right[-1]:.0f} %"
    return gallery.Finding(said, bool(angles[0] > 75 and k > 0 and right[k] < right[-1]))


def quick(out: Path) -> gallery.Finding:
    """Train three populations of 40 on 300 digits."""
    data = ap.datasets.load("digits").subset(300)
    return found(learn(data, network(data, 0, 40, 3, 0.1), learning.log_spaced(1500, 16)), 60)


EXHIBIT = gallery.Exhibit(
    claim="DFA's update first turns to that of BP, then the samples are memorised",
    published="align, then memorise (curves)",
    reached="89 degrees at the start, 43 at 90 % of training samples right, 27 at all (3 seeds)",
    quick=quick,
)


@study(EXHIBIT, files="align.csv and align.png", on="digits")
@options.dataset()
@options.train_trials(2000, "")
@options.hidden(100)
@options.option("--layers", 3, "Hidden populations.")
@options.option("--eta", 0.1, "Learning rate.")
@options.option("--steps", 10_000)
@options.seeds("0,1,2")
def main(dataset: str, train_trials: int, steps: int, seeds: list, out: Path, **of: float) -> None:
    data, at = ap.datasets.load(dataset), learning.log_spaced(steps, 28)
    data = data.subset(min(train_trials, len(data.train)))
    rows = sweep(lambda seed: learn(data, network(data, seed, **of), at), seed=seeds)
    studies.write_table(out / "align.csv", rows)
    print(*(f"seed {k}: {found(tables.where(rows, seed=k), 45).text}" for k in seeds), sep="\n")
    seen = [row for row in rows if row["step"]]  # 0 has no place on a logarithmic axis
    names = {f"hidden_{k}": f"hidden population {k}" for k in range(1, of["layers"] + 1)}
    parts = {f"{part}_accuracy": f"{part} samples" for part in ("training", "test")}
    angles, right = panels.columns(seen, "step", names), panels.columns(seen, "step", parts, 100)
    left = panels.Panel(angles, "updates", "angle to BP's update [degrees]", {"log_x": True})
    right = panels.Panel(right, "updates", "accuracy [%]", {"log_x": True, "first_color": 3})
    panels.draw(out / "align.png", left, right)


if __name__ == "__main__":
    studies.run(main)
