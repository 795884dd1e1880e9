"""GO-UP: learning with strong noise on the gradient, with gradients of BP, DFA and IFA.

Ryeongwoo Jang's GO-UP note (its author asks to be contacted before academic publication) makes
gradient descent an Ornstein-Uhlenbeck process, ``theta <- (1 - alpha) theta + alpha (theta - g + s
xi)`` with xi standard normal and s the standard deviation of theta - g over the tensor, a number of
all synapses (`apical.optimizers.go_up_global`). With a number fixed for each projection in place of
s the update is local (`apical.optimizers.go_up`).

The pull to 0 and the theta that is added cancel, and without a gradient each update widens the
weights by ``sqrt(1 + alpha**2)``, so that n updates need ``alpha**2 n/2`` to be small. The noise is
as large as the weights, so ``alpha theta - alpha g`` becomes normal whatever it was: its
Kolmogorov-Smirnov distance D from a fitted normal distribution falls. Noise never helps here, and
DFA and IFA tolerate less of it than BP. All numbers: docs/results/training.md.

    python models/Jang_go_up.py --alphas 0.03,0.1 --epochs 2
"""

from functools import partial
from pathlib import Path

import click
import numpy as np

import apical as ap
from apical import plotting
from apical.measures.normality import normal_fit
from apical.scripts import gallery, layers, learning, options, panels, studies, study, sweep, tables

WIRINGS = {"bp": "BP", "dfa": "DFA", "ifa": "IFA"}
NOISES = ("none", "fixed", "global")
"""Plain descent; noise as large as the first weights of each projection; as written down."""
PROJECTIONS = ("stimulus_to_hidden_1", "hidden_1_to_hidden_2", "hidden_2_to_output")


def network(data: ap.Dataset, seed: int, wiring: str, updates: list, hidden: int) -> ap.Network:
    """Describe a network, given the optimisers of its three projections and of its biases."""
    *learns, bias_rule = (ap.rules.three_factor(dynamics=update) for update in updates)
    sizes, start = [data.n_inputs, hidden, hidden, data.n_classes], {"bias": ap.Zero()}
    joins = {"weights": ap.FanIn(), "rule": learns, "bias_rule": bias_rule} | start
    return layers.feedforward(sizes, "tanh", "softmax", wiring=wiring, seed=seed, **joins)


def error(data: ap.Dataset, wiring: str, sigma: float, seed: int, **size: int) -> tables.Row:
    """Train with noise of one size at a constant alpha of 0.1, and return the test error [%]."""
    net = network(data, seed, wiring, [ap.optimizers.go_up(0.1, sigma)] * 4, size["hidden"])
    return {"test_error": learning.last_error(net, data, size["epochs"], batch=32)}


def scaled(simulator: ap.Simulator, block: ap.Block, alpha: float) -> dict[str, np.ndarray]:
    """Return ``alpha theta - alpha g`` of each projection."""
    updates, forward = simulator.updates(block), simulator.network.forward
    return {p.name: alpha * (simulator.weights(p) + updates[p.name]) for p in forward}


def followed(
    data: ap.Dataset, wiring: str, alpha: float, noise: str, seed: int, out: Path, **size: int
) -> list[tables.Row]:
    """Train, and return test error, distance from normal and width after every block; draw it."""
    hidden, block = size["hidden"], ap.Block(*data.train.block(slice(100)))
    share = float(noise == "fixed") / 3**0.5  # standard deviation of uniform numbers up to 1
    sigmas = [*(share / n**0.5 for n in (data.n_inputs, hidden, hidden)), 0.0]
    updates = [ap.optimizers.go_up(alpha, sigma) for sigma in sigmas]
    if noise == "global":
        updates = [ap.optimizers.go_up_global(alpha)] * 4
    simulator = ap.simulate(network(data, seed, wiring, updates, hidden), "array", batch=100)

    def measure(simulator: ap.Simulator) -> dict[str, float]:
        fits = {name: normal_fit(v) for name, v in scaled(simulator, block, alpha).items()}
        pairs = ({f"D {p}": fit.distance, f"std {p}": fit.std} for p, fit in fits.items())
        return {name: value for pair in pairs for name, value in pair.items()}

    plan = ap.training.Plan(size["epochs"], max(100, len(data.train) // 10), 1.0)
    rows, values = learning.track(simulator, data, plan, measure), scaled(simulator, block, alpha)
    samples = {name.replace("_to_", " to "): v for name, v in values.items()}
    drawn = plotting.normality(samples, unit="alpha (theta - g)")
    plotting.save(drawn, out / f"normality_{wiring}_{noise}_{alpha:g}.png")
    return rows


def compare(rows: list[tables.Row], path: Path) -> None:
    """Draw test error and distance from normal over training, for the noises of one wiring."""
    rows = [row | {"case": f"{row['noise']}, alpha {row['alpha']:g}"} for row in rows]
    labels = {"test_error": "test error [%]", "D hidden_1_to_hidden_2": "D of hidden_1 to hidden_2"}
    shown = {name: panels.points(rows, "trial", what, "case") for what, name in labels.items()}
    drawn = [panels.Panel(shown[name], "trials", name, {"log_y": True}) for name in shown]
    panels.draw(path, *drawn, width=4.6)


def quick(out: Path) -> gallery.Finding:
    """Train on digits with noise of three fixed sizes, and of that of the weights (alpha 0.05)."""
    data, found, kept = ap.datasets.load("digits"), {}, []
    for wiring in WIRINGS:
        fixed = [error(data, wiring, s, 0, hidden=50, epochs=6) for s in (0.0, 0.03, 0.5)]
        go_up = partial(followed, data, wiring, 0.05, seed=0, out=out, hidden=50, epochs=10)
        plain, rows = go_up(noise="none"), go_up(noise="global")
        found[wiring] = [row["test_error"] for row in (*fixed, plain[-1], rows[-1])]
        kept.append([rows[k]["D hidden_1_to_hidden_2"] for k in (0, -1)])
    texts = [
        f"{w.upper()} {a:.1f}, {b:.1f}, {c:.1f} (GO-UP {e:.1f}, without noise {d:.1f})"
        for w, (a, b, c, d, e) in found.items()
    ]
    before, after = np.mean(kept, axis=0)
    holds = all(b < a + 3 and c > 3 * b and e < d + 6 for a, b, c, d, e in found.values())
    return gallery.Finding(
        f"test error [%] at sigma 0, 0.03, 0.5: {'; '.join(texts)}; D {before:.3f} to {after:.3f}",
        holds and after < 0.6 * before,
    )


EXHIBIT = gallery.Exhibit(
    claim="BP, DFA and IFA tolerate noise in every update (GO-UP), up to a certain size",
    published="none (an unpublished note)",
    reached="MNIST, alpha 0.03, test error without noise and with: BP 9.1, 9.1, DFA 11.2, 12.0, "
    "IFA 11.0, 11.9 %; alpha 0.1: BP 6.5, 88.3, DFA 8.6, 89.5, IFA 8.6, 89.3 % (seed 0)",
    quick=quick,
)


@study(EXHIBIT, files="errors.csv and errors.png", on="digits")
@options.training(hidden=100, epochs=5)
@options.sizes("--sigmas", "0,0.01,0.03,0.1", "Sizes of the noise.")
@options.option("--alphas", "", "Compare the original GO-UP at these alphas instead.")
def main(dataset: str, sigmas: list, alphas: str, seeds: list, out: Path, **size: int) -> None:
    levels = {"data": ap.datasets.load(dataset), **size}
    if alphas:
        said = "{wiring}, alpha {alpha:g}, noise {noise}: {test_error:.2f} %, D "
        said += ", ".join(f"{{D {name}:.4f}}" for name in PROJECTIONS)
        given = {"wiring": WIRINGS, "alpha": studies.sizes(alphas), "noise": NOISES, "seed": seeds}
        rows = sweep(partial(followed, out=out, **levels), said, **given)
        for wiring in WIRINGS:
            compare(tables.where(rows, wiring=wiring), out / f"followed_{wiring}.png")
        studies.write_table(out / "followed.csv", rows)
        return
    if not any(sigmas):
        raise click.UsageError("--sigmas needs a size above 0 to draw a curve.")
    said = "{wiring}, sigma {sigma:g}: test error {test_error:.2f} %, mean of {n}"
    rows = sweep(partial(error, **levels), said, wiring=WIRINGS, sigma=sigmas, seed=seeds)
    studies.write_table(out / "errors.csv", rows)
    plain, noisy = tables.where(rows, sigma=0.0), [row for row in rows if row["sigma"]]
    means = {w: tables.mean(plain, "test_error", wiring=w) for w in WIRINGS if plain}
    levels = {f"{WIRINGS[w]}, no noise": mean for w, mean in means.items()}
    series = tables.series(noisy, "sigma", "test_error", "wiring", WIRINGS)
    shown = {"levels": levels, "log_x": True, "log_y": True}
    drawn = panels.Panel(series, "noise: sigma", "test error [%]", shown)
    panels.draw(out / "errors.png", drawn, width=5.2)


if __name__ == "__main__":
    studies.run(main)
