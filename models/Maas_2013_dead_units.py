"""Dead units: large steps kill ReLU units, deep narrow stacks are born dead; slopes that stay help.

A ReLU unit that no stimulus drives above 0 has no slope, so nothing teaches it any more (Maas,
Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models, ICML workshop,
section 2, who give it a slope of 0.01 there; Hendrycks & Gimpel 2016, arXiv:1606.08415, GELU). Lu,
Shin, Su & Karniadakis 2020, doi:10.4208/cicp.OA-2020-0165: from symmetric weights and no biases a
stack of L layers of N units is dead for a stimulus with probability 1 - (1 - 2^-N)^L, before it
learns anything. Maas et al. found leaky units no better than ReLU in the end, which is so here too,
at steps that kill none.

Here 784-100-100-100-10 on MNIST, weights of He et al. 2015, plain descent in batches of 10 at a
constant step, on 10,000 training images held out. Dead: slope at most 0.001 in size on each of
1,000 training images (`apical.measures.saturation.dead`).

Reached, one epoch, seeds 0, 1, 2, some 15 minutes on a busy core. Under BP, at steps of 0.03, 0.1,
0.2, 0.3, 0.4, 0.5, of ReLU 0.3, 0.8, 3.8, 9.4, 25, 74 % of hidden units are dead, and the error is
5.2, 5.1, 6.0, 8.3, 12.5, 80.6 %; no leaky unit is, and 0.7 % of GELU at most. But that saves no
network: at 0.4 their errors are 24.6 and 22.5 %, and at 0.5 a seed diverges. Under DFA 3 to 5 % of
ReLU and 0 of the others are dead at steps from 0.003 to 0.05, with alike errors (ReLU 9.7, leaky
9.6, GELU 9.8 % at 0.03), and at 0.1 all but GELU diverge. Stacks of 2, 5, 10, 20 layers of 3 ReLU,
born dead 26.6, 47.2, 73.4, 92.2 %, in theory 23.4, 48.7, 73.7, 93.1 % (500 networks each).

    python models/Maas_2013_dead_units.py
"""

from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
from apical.encoding import Graded

from apical import (
    Bias,
    Dataset,
    FanIn,
    Network,
    Rate,
    RateError,
    Stimulus,
    Zero,
    cli_study,
    datasets,
    evaluate,
    feedback,
    gallery,
    plotting,
    rules,
    simulate,
    studies,
    train,
)
from apical.errors import RunError
from apical.measures import saturation

ACTIVATIONS = ("relu", "leaky_relu", "gelu")
ETAS = {"bp": (0.03, 0.1, 0.2, 0.3, 0.4, 0.5), "dfa": (0.003, 0.01, 0.02, 0.03, 0.05, 0.1)}
"""Steps by wiring; DFA diverges at most of those that BP stands."""


def network(sizes: list[int], seed: int, wiring: str, activation: str, eta: float) -> Network:
    """Describe a network with a softmax output, from the weights of He et al. 2015."""
    net, rule = Network(seed=seed), rules.three_factor(eta)
    pre, bias = net.add(Stimulus("stimulus", sizes[0], Graded())), net.add(Bias("bias"))
    chain = [Rate(f"hidden_{k + 1}", size, activation) for k, size in enumerate(sizes[1:-1])]
    for post in [*chain, Rate("output", sizes[-1], "softmax", gain="one")]:
        he = FanIn(2**0.5, uniform=False)  # normal, of variance 2/n_in
        net.connect(pre, net.add(post), weights=he, rule=rule)
        net.connect(bias, post, weights=Zero(), rule=rule)
        pre = post
    error = net.add(RateError("error", sizes[-1]))
    net.teach(feedback.WIRINGS[wiring](error, net.forward))
    return net


def learn(
    data: Dataset, seed: int, wiring: str, activation: str, eta: float, size: int, epochs: int
) -> dict[str, Any]:
    """Train, and return the share of dead hidden units and the validation error [%].

    Of a network that diverged both are NaN.
    """
    sizes = [data.n_inputs, size, size, size, data.n_classes]
    net = network(sizes, seed, wiring, activation, eta)
    about: dict[str, Any] = {"wiring": wiring, "activation": activation, "eta": eta, "seed": seed}
    learner = simulate(net, "array", batch=10)
    try:
        train(learner, data, epochs, final_rate=1.0, progress=False)
    except RunError:
        return about | {"dead": float("nan"), "error": float("nan")}
    hidden = [p.post.name for p in net.forward[:-1]]
    looker = simulate(net, "array", record=hidden, traces=["gain"])
    looker.state = learner.state
    slopes = saturation.slopes(looker, data.train.block(slice(1000))[0])
    dead = np.mean([saturation.dead(gain).values for gain in slopes.values()])
    return about | {"dead": float(dead), "error": 100 * (1 - evaluate(learner, data.test).accuracy)}


def born_dead(size: int, layers: int, networks: int) -> float:
    """Return the share of untrained ReLU stacks in which a stimulus reaches no unit at the top."""
    found = []
    for seed in range(networks):
        net = network([4, *[size] * layers, 2], seed, "bp", "relu", 1.0)
        looker = simulate(net, "array", record=[f"hidden_{layers}"], traces=["gain"])
        (top,) = saturation.slopes(looker, np.ones((1, 4))).values()
        found.append(saturation.dead(top).values.all())
    return float(np.mean(found))


def means(rows: list[dict[str, Any]], what: str, **chosen: Any) -> np.ndarray:
    """Return the mean over seeds at each step; NaN where any of them diverged."""
    own = [r for r in rows if all(r[key] == value for key, value in chosen.items())]
    return np.array(
        [
            np.mean([r[what] for r in own if r["eta"] == eta])
            for eta in dict.fromkeys(r["eta"] for r in own)
        ]
    )


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw dead units and errors over the size of the step; what diverged is left out."""
    axes = plotting.panels(2 * len(ETAS), width=3.6)
    shown = {"dead": "share of hidden units dead", "error": "validation error [%]"}
    for ax, (wiring, what) in zip(axes, product(ETAS, shown), strict=True):
        series = {}
        for activation in ACTIVATIONS:
            own = [r for r in rows if (r["wiring"], r["activation"]) == (wiring, activation)]
            etas = np.array(list(dict.fromkeys(r["eta"] for r in own)))
            runs = np.reshape([r[what] for r in own], (len(etas), -1))
            kept = np.isfinite(runs).all(axis=1)
            if kept.any():
                series[activation] = etas[kept], runs[kept].T
        plotting.curves(
            series, "step", shown[what], title=wiring.upper(), log_y=what == "error", ax=ax
        )
        if what == "dead":
            ax.set_ylim(-0.05, 1.05)
    plotting.save(axes, path)


def quick(out: Path) -> gallery.Finding:
    """Train 3x50 units on digits with a small and a large step, and count stacks born dead."""
    data = datasets.load("digits").split(287, np.random.default_rng(0))
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


@cli_study.study(EXHIBIT, files="units.csv and units.png", on="digits")
@click.option("--dataset", default="mnist", show_default=True)
@click.option(
    "--size",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Neurons in each hidden population.",
)
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--seed", "numbers", default="0,1,2", show_default=True, help="Seeds, as 0,1,2.")
def main(dataset: str, size: int, epochs: int, numbers: str, out: Path) -> None:
    data, seeds, out = datasets.load(dataset), studies.numbers(numbers), studies.folder(out)
    data, rows = data.split(len(data.train) // 6, np.random.default_rng(0)), []
    for wiring, activation in product(ETAS, ACTIVATIONS):
        for eta, seed in product(ETAS[wiring], seeds):
            rows.append(learn(data, seed, wiring, activation, eta, size, epochs))
        about = {"wiring": wiring, "activation": activation}
        dead, error = (means(rows, what, **about).round(3) for what in ("dead", "error"))
        click.echo(f"{wiring}, {activation}: steps {ETAS[wiring]}, dead {dead}, error {error} %")
    studies.write_table(out / "units.csv", rows)
    draw(rows, out / "units.png")
    for layers in (2, 5, 10, 20):
        share = born_dead(3, layers, 500)
        expected = 1 - (1 - 2**-3) ** layers
        click.echo(f"{layers} layers of 3 ReLU: {share:.1%} born dead, expected {expected:.1%}")
    click.echo(f"Figure and table: {out}")


if __name__ == "__main__":
    studies.run(main)
