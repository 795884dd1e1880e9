"""Dead units: large steps kill ReLU units, deep narrow stacks are born dead; leaky slopes help.

A ReLU unit that no stimulus drives above 0 has no slope, so nothing teaches it any more (Maas,
Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models, ICML workshop,
section 2, who give it a slope of 0.01 there; Hendrycks & Gimpel 2016, arXiv:1606.08415, GELU). Lu,
Shin, Su & Karniadakis 2020, doi:10.4208/cicp.OA-2020-0165: from symmetric weights and no biases a
stack of L layers of N units is dead for a stimulus with probability 1 - (1 - 2^-N)^L, before it
learns anything. Maas et al. found leaky units no better than ReLU in the end, which is so here too,
at learning rates that kill none.

Here 784-100-100-100-10 on MNIST, weights of He et al. 2015, plain gradient descent with batch size
10 at a constant learning rate, 10,000 training images held out. Dead: slope at most 0.001 in size
on each of 1,000 training images (`apical.measures.saturation.dead`).
Reached, one epoch, seeds 0, 1, 2, some 15 minutes on a busy core. Under BP, at learning rates of
0.03, 0.1, 0.2, 0.3, 0.4, 0.5, of ReLU 0.3, 0.8, 3.8, 9.4, 25, 74 % of hidden units are dead, and
the error is 5.2, 5.1, 6.0, 8.3, 12.5, 80.6 %; no leaky unit is dead, and 0.7 % of GELU at most. But
that saves no network: at 0.4 their errors are 24.6 and 22.5 %, and at 0.5 one seed diverges. Under
DFA 3 to 5 % of ReLU and none of the others are dead at 0.003 to 0.05, with similar errors (9.7, 9.6
and 9.8 % at 0.03), and at 0.1 all but GELU diverge. Of 500 stacks of 2, 5, 10, 20 layers of 3 ReLU
26.6, 47.2, 73.4, 92.2 % are born dead, in theory 23.4, 48.7, 73.7, 93.1 %.

    python models/Maas_2013_dead_units.py
"""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

import apical as ap
from apical import plotting
from apical.errors import RunError
from apical.measures import saturation
from apical.scripts import gallery, learning, options, studies, study, sweep, tables

ACTIVATIONS = ("relu", "leaky_relu", "gelu")
ETAS = {"bp": (0.03, 0.1, 0.2, 0.3, 0.4, 0.5), "dfa": (0.003, 0.01, 0.02, 0.03, 0.05, 0.1)}
"""Learning rates by wiring; DFA diverges at most of those that BP tolerates."""


def network(sizes: list[int], seed: int, wiring: str, activation: str, eta: float) -> ap.Network:
    """Describe a network with a softmax output, from the weights of He et al. 2015."""
    net, rule = ap.Network(seed=seed), ap.rules.three_factor(eta)
    x = ap.Stimulus("stimulus", sizes[0], ap.encoding.Graded())
    h = [ap.Rate(f"hidden_{k + 1}", size, activation) for k, size in enumerate(sizes[1:-1])]
    y = ap.Rate("output", sizes[-1], "softmax", gain="one")  # cross-entropy
    he = ap.FanIn(2**0.5, uniform=False)  # normal, of variance 2/n_in
    ap.chain(net, x, *h, y, weights=he, bias=ap.Zero(), rule=rule)
    error = net.add(ap.RateError("error", sizes[-1]))
    net.teach(ap.feedback.WIRINGS[wiring](error, net.forward))
    return net


def learn(
    data: ap.Dataset, seed: int, wiring: str, activation: str, eta: float, size: int, epochs: int
) -> tables.Row:
    """Train, and return the share of dead hidden units and the error [%]; NaN after divergence."""
    sizes = [data.n_inputs, size, size, size, data.n_classes]
    net = network(sizes, seed, wiring, activation, eta)
    learner = ap.simulate(net, "array", batch=10)
    try:
        ap.train(learner, data, epochs, final_rate=1.0, progress=False)
    except RunError:
        return {"dead": np.nan, "error": np.nan}
    hidden = [p.post.name for p in net.forward[:-1]]
    looker = ap.simulate(net, "array", record=hidden, traces=["gain"])
    looker.state = learner.state
    slopes = saturation.slopes(looker, data.train.block(slice(1000))[0])
    dead = np.mean([saturation.dead(gain).values for gain in slopes.values()])
    return {"dead": float(dead), "error": learning.test_error(learner, data)}


def born_dead(size: int, layers: int, networks: int) -> float:
    """Return the fraction of untrained ReLU stacks in which a stimulus activates no top unit."""
    found = []
    for seed in range(networks):
        net = network([4, *[size] * layers, 2], seed, "bp", "relu", 1.0)
        looker = ap.simulate(net, "array", record=[f"hidden_{layers}"], traces=["gain"])
        (top,) = saturation.slopes(looker, np.ones((1, 4))).values()
        found.append(saturation.dead(top).values.all())
    return float(np.mean(found))


def draw(rows: list[tables.Row], path: Path) -> None:
    """Draw dead units and errors over the learning rate; what diverged is left out."""
    axes = plotting.panels(2 * len(ETAS), width=3.6)
    shown = {"dead": "share of hidden units dead", "error": "validation error [%]"}
    for ax, (wiring, what) in zip(axes, product(ETAS, shown), strict=True):
        found = tables.series(rows, "eta", what, "activation", wiring=wiring)
        kept = {name: np.isfinite(y).all(axis=0) for name, (_, y) in found.items()}
        found = {k: (x[kept[k]], y[:, kept[k]]) for k, (x, y) in found.items() if kept[k].any()}
        options = {"title": wiring.upper(), "log_y": what == "error", "ax": ax}
        plotting.curves(found, "step", shown[what], **options)
        if what == "dead":
            ax.set_ylim(-0.05, 1.05)
    plotting.save(axes, path)


def quick(out: Path) -> gallery.Finding:
    """Train 3x50 units on digits at a low and a high learning rate, and count stacks born dead."""
    data = studies.validated(ap.datasets.load("digits"), 287)
    kills = {
        activation: [
            np.mean([learn(data, seed, "bp", activation, eta, 50, 8)["dead"] for seed in seeds])
            for eta, seeds in ((0.03, (0,)), (0.45, (0, 1)))
        ]
        for activation in ACTIVATIONS
    }
    born, expected = born_dead(2, 6, 150), 1 - (1 - 2**-2) ** 6
    said = ", ".join(f"{name} {100 * a:.0f}, {100 * b:.0f} %" for name, (a, b) in kills.items())
    text = (
        f"hidden units dead after small and large steps: {said}; stacks of 6x2 ReLU born dead "
        f"{100 * born:.0f} % (theory {100 * expected:.0f} %)"
    )
    small, large = kills.pop("relu")
    holds = small < 0.1 and large > 0.2 and max(b for _, b in kills.values()) < 0.1
    return gallery.Finding(text, bool(holds and abs(born - expected) < 0.1))


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
    data, rows = studies.validated(ap.datasets.load(dataset)), []
    for wiring, activation in product(ETAS, ACTIVATIONS):
        levels = {"wiring": [wiring], "activation": [activation], "eta": ETAS[wiring]}
        own = sweep(partial(learn, data, size=size, epochs=epochs), **levels, seed=seeds)
        dead, error = (tables.runs(own, k).mean(axis=0).round(3) for k in ("dead", "error"))
        print(f"{wiring}, {activation}: steps {ETAS[wiring]}, dead {dead}, error {error} %")
        rows += own
    studies.write_table(out / "units.csv", rows)
    draw(rows, out / "units.png")
    for layers in (2, 5, 10, 20):
        share, expected = born_dead(3, layers, 500), 1 - (1 - 2**-3) ** layers
        print(f"{layers} layers of 3 ReLU: {share:.1%} born dead, expected {expected:.1%}")


if __name__ == "__main__":
    studies.run(main)
