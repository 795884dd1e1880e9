"""Dead units: large steps kill ReLU units, deep narrow stacks are born dead; leaky slopes help.

A ReLU unit that no stimulus drives above 0 has no slope and learns no more (Maas, Hannun & Ng 2013,
Rectifier nonlinearities improve neural network acoustic models, ICML workshop, section 2; GELU:
arXiv:1606.08415). An untrained stack of L layers of N units is dead for a stimulus with probability
1 - (1 - 2^-N)^L (Lu et al. 2020, doi:10.4208/cicp.OA-2020-0165). Results: docs/results/training.md.

    python models/Maas_2013_dead_units.py
"""

from functools import partial
from pathlib import Path

import numpy as np

import apical as ap
from apical.measures.dead_units import dead_units
from apical.scripts import gallery, layers, learning, options, panels, studies, study, sweep, tables

ETAS = {"bp": (0.03, 0.1, 0.2, 0.3, 0.4, 0.5), "dfa": (0.003, 0.01, 0.02, 0.03, 0.05, 0.1)}
"""Learning rates by wiring; DFA diverges at most of those that BP tolerates."""
KINDS = ("relu", "leaky_relu", "gelu")
SHOWN = {"dead": "share of hidden units dead", "error": "validation error [%]"}


def network(sizes: list[int], seed: int, wiring: str, activation: str, eta: float) -> ap.Network:
    """Describe a network with a softmax output, from the weights of He et al. 2015."""
    he = ap.FanIn(2**0.5, uniform=False)  # normal, of variance 2/n_in
    joins = {"weights": he, "bias": ap.Zero(), "rule": ap.rules.three_factor(eta)}
    return layers.feedforward(sizes, activation, "softmax", wiring=wiring, seed=seed, **joins)


def learn(data: ap.Dataset, size: int, epochs: int, eta: float, **how) -> tables.Row:
    """Train, and return the share of dead hidden units and the error [%]; NaN after divergence."""
    net = network([data.n_inputs, size, size, size, data.n_classes], eta=eta, **how)
    learner = learning.trained(net, data, epochs, batch=10)
    if learner is None:
        return dict.fromkeys(SHOWN, np.nan)
    dead = [*dead_units(learner, data.train.block(slice(1000))[0]).values()]
    return {"dead": float(np.mean(dead)), "error": learning.test_error(learner, data)}


def born_dead(size: int, depth: int, networks: int) -> tuple[float, float]:
    """Return the share of untrained ReLU stacks without an active top unit, and the theory's."""
    nets = (network([4, *[size] * depth, 2], k, "bp", "relu", 1.0) for k in range(networks))
    found = [dead_units(ap.simulate(net, "array"), np.ones((1, 4))) for net in nets]
    return np.mean([u[f"hidden_{depth}"].all() for u in found]), 1 - (1 - 2**-size) ** depth


def quick(out: Path) -> gallery.Finding:
    """Train 3x50 units on digits at a low and a high learning rate, and count stacks born dead."""
    data, (born, expected) = ap.datasets.load("digits"), born_dead(2, 6, 150)
    trained = partial(learn, studies.validated(data, 287), 50, 8, wiring="bp")
    runs = {k: [trained(0.45, activation=k, seed=seed)["dead"] for seed in (0, 1)] for k in KINDS}
    dead = {k: (trained(0.03, activation=k, seed=0)["dead"], np.mean(runs[k])) for k in KINDS}
    said = ", ".join(f"{k} {100 * low:.0f}, {100 * high:.0f} %" for k, (low, high) in dead.items())
    text = f"hidden units dead after small and large steps: {said}; stacks of 6x2 ReLU born dead "
    text += f"{100 * born:.0f} % (theory {100 * expected:.0f} %)"
    (low, high), *others = dead.values()
    kills = low < 0.1 and high > 0.2 and max(high for _, high in others) < 0.1
    return gallery.Finding(text, bool(kills and abs(born - expected) < 0.1))


EXHIBIT = gallery.Exhibit(
    claim="Large steps kill ReLU units, and not leaky ReLU or GELU; deep narrow stacks are born "
    "dead",
    published="dead for a stimulus with probability 1 - (1 - 2^-N)^L; no counts of killed units",
    reached="BP, step 0.4: ReLU 25, leaky ReLU 0, GELU 0.7 % of units dead; DFA, step 0.05: 5, 0, "
    "0 %; 10 layers of 3 born dead 73.4 % (theory 73.7 %)",
    quick=quick,
)


@study(EXHIBIT, files="units.csv and units.png", on="digits")
@options.training("--size", hidden=100, epochs=1, seed="0,1,2")
def main(dataset: str, size: int, epochs: int, seeds: list[int], out: Path) -> None:
    measured = partial(learn, studies.validated(ap.datasets.load(dataset)), size, epochs)
    said, rows = "{wiring}, {activation}, {eta:g}: dead {dead:.3f}, error {error:.3f} %", []
    for wiring, etas in ETAS.items():
        rows += sweep(measured, said, wiring=[wiring], activation=KINDS, eta=etas, seed=seeds)
    studies.write_table(out / "units.csv", rows)
    panels.draw(out / "units.png", *panels.grid(rows, "eta", SHOWN, "activation", "wiring"))
    for depth in (2, 5, 10, 20):
        print("{} layers born dead: {:.1%}, theory {:.1%}".format(depth, *born_dead(3, depth, 500)))


if __name__ == "__main__":
    studies.run(main)
