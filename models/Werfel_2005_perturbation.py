"""Learning without any gradient: node and weight perturbation, a genetic algorithm, and their cost.

Werfel, Xie & Seung 2005 (doi:10.1162/089976605774320539): a linear perceptron of M inputs and N
outputs learns a teacher of the same kind from normal inputs, one trial at a time. At the best
learning rate of each, node perturbation is slower than gradient descent by a factor of N, and
weight perturbation by another of M (abstract). The expected squared distance from the teacher
shrinks in each trial by ``1 - 2 eta + eta**2 (M + 2) K``, with K of 1, N + 2 and M N + 2 (fourth
moments of normal numbers), so the best rate is ``1/((M + 2) K)``, and it falls e-fold in ``(M + 2)
K`` trials. Both rules read what each synapse knows and one number that reaches all, by how much a
trial went better for the noise, shown twice (Williams 1992, doi:10.1007/BF00992696; Fiete & Seung
2006, doi:10.1103/PhysRevLett.97.048104). With ``--cost`` they learn to classify with 784-30-10
neurons, as does a genetic algorithm (Such et al. 2017, arXiv:1712.06567). All numbers:
docs/results/training.md.

    python models/Werfel_2005_perturbation.py --cost 1000000 --seeds 1
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

import apical as ap
from apical.scripts import figures, gallery, learning, options, studies, study, sweep, tables
from apical.training.evolution import evolve

M, N = 10, 5
PREDICTED = {"descent": M + 2, "node": (M + 2) * (N + 2), "weight": (M + 2) * (M * N + 2)}
"""Trials to shrink e-fold at the best learning rate, for small rates."""
PERTURBS = {"node": ap.rules.node_perturbation, "weight": ap.rules.weight_perturbation}
RATES = {"bp": 1.0, "dfa": 1.0, "node": 0.1, "weight": 0.01, "genes": 1.0}
"""Learning rates of classifiers, chosen on validation samples; genes need none."""
NAMES = {"bp": "BP", "dfa": "DFA", "node": "node perturbation", "weight": "weight perturbation"}


def network(
    kind: str, eta: float, noise: dict, seed: int, sizes: tuple, kinds: tuple = ("linear",), **joins
) -> ap.Network:
    """Describe a network that learns by a reward for its `noise` [std], or by its squared error."""
    net, rule = ap.Network(seed=seed), PERTURBS.get(kind, ap.rules.three_factor)(eta)
    node, weight = (noise[k] if k == kind else 0.0 for k in PERTURBS)
    x, names = ap.Stimulus("stimulus", sizes[0], ap.encoding.Graded()), ("hidden", "output")
    shape = zip(names[-len(kinds) :], sizes[1:], kinds, strict=True)
    layers = [ap.Rate(*layer, explores=node) for layer in shape]
    ap.chain(net, x, *layers, rule=rule, explores=weight, **joins)
    error = net.add(ap.RateError("error", sizes[-1], keeps="square"))
    if kind in PERTURBS:
        net.teach(ap.feedback.broadcast(net.add(ap.Reward("reward")), net.forward))
    else:
        net.teach(ap.feedback.WIRINGS["dfa" if kind == "dfa" else "bp"](error, net.forward))
    return net


def distances(kind: str, seed: int, efolds: float = 3.0) -> list[tables.Row]:
    """Return squared distances from the teacher at 21 times, over that at the start."""
    teacher = ap.stream(seed, "teacher").normal(size=(M, N))
    noise, each = {"node": 1e-4, "weight": 1e-4}, max(1, round(efolds * PREDICTED[kind] / 20))
    net = network(kind, 1 / PREDICTED[kind], noise, seed, (M, N), weights=ap.Normal())
    simulator, found = ap.simulate(net, "array", dtype="float64"), []
    for index in range(21):
        found.append(np.sum((simulator.weights("stimulus_to_output") - teacher) ** 2))
        values = ap.stream(seed, "trials", index=index).normal(size=(each, M))
        simulator.run(ap.Block(values, None, np.ones(()), index, values @ teacher))
    step = each / PREDICTED[kind]
    return [{"efolds": k * step, "distance": d / found[0]} for k, d in enumerate(found)]


def times(rows: list[tables.Row]) -> tuple[dict[str, float], str]:
    """Return the trials in which the mean distance shrinks e-fold, by its slope, and a text."""
    means = tables.series(rows, "efolds", "distance", "kind")
    slopes = {k: np.polyfit(x, np.log(y.mean(axis=0)), 1)[0] for k, (x, y) in means.items()}
    found = {kind: float(-PREDICTED[kind] / slope) for kind, slope in slopes.items()}
    said = ", ".join(f"{kind} {time:.0f} ({PREDICTED[kind]})" for kind, time in found.items())
    return found, f"trials to shrink e-fold, predicted in brackets: {said}"


def learned(net: ap.Network, data: ap.Dataset, kind: str, budget: int) -> Iterator[tuple]:
    """Train a classifier, and yield how many trials were shown so far, and the simulator."""
    simulator, seed, n = ap.simulate(net, "array", batch=32), net.seed, len(data.train)
    if kind == "genes":
        drawn = (ap.stream(seed, "generation", index=k) for k in range(budget // 20_000))
        blocks = (ap.Block(*data.train.block(rng.integers(n, size=200))) for rng in drawn)
        for generation in evolve(simulator, blocks, size=100, parents=20, sigma=0.05):
            yield generation.trials, simulator
        return
    shown = 2048 if kind in PERTURBS else 1024  # with noise and without it
    for index in range(budget // shown):
        chosen = ap.stream(seed, "order", index=index).integers(n, size=1024)
        simulator.run(ap.Block(*data.train.block(chosen), np.ones(()), index))
        yield shown * (index + 1), simulator


def costs(kind: str, seed: int, data: ap.Dataset, hidden: int, budget: int) -> list[tables.Row]:
    """Return the test error [%] at some twenty numbers of trials shown, evenly apart as logs."""
    noise, sizes = {"node": 1e-2, "weight": 1e-3}, (data.n_inputs, hidden, data.n_classes)
    given = {"kinds": ("tanh", "logistic"), "weights": ap.FanIn(), "bias": ap.Zero()}
    net = network(kind, RATES[kind], noise, seed, sizes, **given)
    rows, due = [], list(np.geomspace(1024, 0.98 * budget, 20))
    for shown, simulator in learned(net, data, kind, budget):
        if due and shown >= due[0]:
            due = [later for later in due if later > shown]
            rows.append({"shown": shown, "test_error": learning.test_error(simulator, data)})
    return rows


def quick(out: Path) -> gallery.Finding:
    """Teach six perceptrons for two e-folds each."""
    found, said = times(sweep(partial(distances, efolds=2.0), kind=PREDICTED, seed=range(6)))
    return gallery.Finding(said, all(abs(found[k] / PREDICTED[k] - 1) < 0.35 for k in PREDICTED))


EXHIBIT = gallery.Exhibit(
    claim="Learning without a gradient: node perturbation is slower than descent by the number of "
    "outputs, weight perturbation by that of inputs too",
    published=f"times N and times M N; for M = {M}, N = {N} by fourth moments "
    f"{', '.join(map(str, PREDICTED.values()))} trials",
    reached="11, 88, 623 (20 seeds); MNIST, test error after 10^6 trials shown: BP 4.6, "
    "DFA 5.2, node 8.4, weight perturbation 22.9, genetic algorithm 69.3 %",
    quick=quick,
)


@study(EXHIBIT, files="tables and figures")
@options.dataset(help="Data set of the classifiers.")
@options.option("--cost", 0, "Trials to show each classifier; 0 for perceptrons instead.", least=0)
@options.option("--hidden", 30)
@options.option("--seeds", 20)
def main(dataset: str, cost: int, hidden: int, seeds: int, out: Path) -> None:
    if not cost:
        rows = sweep(distances, kind=PREDICTED, seed=range(seeds))
        print(times(rows)[1])
        studies.write_table(out / "distances.csv", rows)
        rows += [{"kind": "predicted", "efolds": k, "distance": np.exp(-k)} for k in range(4)]
        y = {"distance": "squared distance / that at the start"}
        title = f"predicted: {', '.join(f'{k} {time} trials' for k, time in PREDICTED.items())}"
        shown = {"label": "trials / predicted time", "title": title, "log_y": True}
        figures.draw(out / "speeds.png", rows, "efolds", y, "kind", **shown)
        return
    measured = partial(costs, data=ap.datasets.load(dataset), hidden=hidden, budget=cost)
    said = "{kind}: test error {test_error:.2f} %, {shown:.0f} trials shown"
    rows = sweep(measured, said, kind=RATES, seed=range(seeds))
    studies.write_table(out / "cost.csv", rows)
    names, y = NAMES | {"genes": "genetic algorithm"}, {"test_error": "test error [%]"}
    shown = {"label": "trials shown", "log_x": True, "log_y": True}
    figures.draw(out / "cost.png", rows, "shown", y, "kind", names, **shown)


if __name__ == "__main__":
    studies.run(main)
