"""GO-UP: learning by a gradient that is drowned in noise, with gradients of BP, DFA and IFA.

Ryeongwoo Jang's GO-UP note (its author asks to be contacted before academic publication) makes of
descent an Ornstein-Uhlenbeck process, ``theta <- (1 - alpha) theta + alpha (theta - g + s xi)``
with xi standard normal and s the standard deviation of theta - g over the tensor. That is a number
of all synapses, and the scorecard says so: `apical.dynamics.go_up_global` runs on device ``array``
alone, as backpropagation does. With a number fixed for each projection in place of s the update is
local (`apical.dynamics.go_up`). Nothing was published to compare with.

What follows from the equation: the pull to 0 and the theta that is added cancel, and where there
is no gradient each update widens the weights by ``sqrt(1 + alpha**2)``, so that n updates need
``alpha**2 n/2`` to be small. The noise is as large as the weights are, so ``alpha theta - alpha
g`` becomes normal whatever it was: its Kolmogorov-Smirnov distance D from a fitted normal
distribution falls from the 0.057 of the uniform weights it starts from.

Reached, 784-100-100-10, tanh, softmax, batches of 100, 2 epochs of MNIST (1,200 updates), seed 0,
test error in % of plain descent, with noise of a fixed size for each projection (the standard
deviation of its first weights), and as written down: alpha 0.03: BP 9.1, 9.1, 9.1; DFA 11.2, 11.3,
12.0; IFA 11.0, 11.1, 11.9. Alpha 0.1, where alpha**2 n/2 is 6: BP 6.5, 6.5, 88.3; DFA 8.6, 10.4,
89.5; IFA 8.6, 10.6, 89.3. D of the first two projections under BP, alpha 0.03: 0.029, 0.044
without noise, 0.006, 0.012 with noise of a fixed size, 0.004, 0.006 as written down; normal
numbers stay below 0.003, 0.009 in 95 of 100 cases.

One size of noise for all, alpha of 0.1, batches of 32, 5 epochs, seed 0, test error in % at sigma
0, 0.01, 0.03 and 0.1: BP 3.2, 3.3, 5.9, 16.0; DFA 4.8, 5.5, 11.0, 28.6; IFA 4.8, 5.7, 10.6, 28.4.
That never helps here, and DFA and IFA stand less of it than BP.

    python models/Jang_go_up.py --alphas 0.03,0.1 --epochs 2
    python models/Jang_go_up.py
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from apical.dynamics import UpdateDynamics
from apical.encoding import Graded

from apical import (
    Bias,
    Block,
    Dataset,
    FanIn,
    Network,
    Rate,
    RateError,
    Simulator,
    Stimulus,
    Zero,
    cli_study,
    datasets,
    dynamics,
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
from apical.measures.normality import normal_fit
from apical.training import Metric, Plan, Position, steps

WIRINGS = ("bp", "dfa", "ifa")
NOISES = ("none", "fixed", "global")
"""No noise: plain descent. Of a size fixed for each projection, the standard deviation of its first
weights. As written down."""
ALPHA, BATCH, LARGER_BATCH = 0.1, 32, 100


def network(
    data: Dataset, seed: int, wiring: str, of: Mapping[str, UpdateDynamics], hidden: int
) -> Network:
    """Describe a network of two hidden populations, given the dynamics of each population's inputs.

    Biases have those of ``"bias"``.
    """
    net, learns = Network(seed=seed), {k: rules.three_factor(dynamics=d) for k, d in of.items()}
    pre, bias = net.add(Stimulus("stimulus", data.n_inputs, Graded())), net.add(Bias("bias"))
    chain = [Rate(f"hidden_{k}", hidden, "tanh") for k in (1, 2)]
    for post in [*chain, Rate("output", data.n_classes, "softmax", gain="one")]:
        net.connect(pre, net.add(post), weights=FanIn(), rule=learns[post.name])
        net.connect(bias, post, weights=Zero(), rule=learns["bias"])
        pre = post
    error = net.add(RateError("error", data.n_classes))
    net.teach(feedback.WIRINGS[wiring](error, net.forward))
    return net


def learn(
    data: Dataset, seed: int, wiring: str, sigma: float, hidden: int, epochs: int
) -> dict[str, Any]:
    """Train at a constant alpha, and return the test error [%] and how large the noise was."""
    of = dict.fromkeys(("hidden_1", "hidden_2", "output", "bias"), dynamics.go_up(ALPHA, sigma))
    simulator = simulate(network(data, seed, wiring, of, hidden), "array", batch=BATCH)
    train(simulator, data, epochs, final_rate=1.0, progress=False)
    error = 100 * (1 - evaluate(simulator, data.test).accuracy)
    return {"wiring": wiring, "sigma": sigma, "seed": seed, "test_error": error}


def noise_of(data: Dataset, noise: str, alpha: float, hidden: int) -> dict[str, UpdateDynamics]:
    """Return the dynamics of each population's inputs under one of `NOISES`."""
    inputs = {"hidden_1": data.n_inputs, "hidden_2": hidden, "output": hidden}
    if noise == "global":
        return dict.fromkeys([*inputs, "bias"], dynamics.go_up_global(alpha))
    share = float(noise == "fixed") / 3**0.5  # standard deviation of uniform numbers up to 1
    sigmas = {name: share / n**0.5 for name, n in inputs.items()}
    return {k: dynamics.go_up(alpha, sigma) for k, sigma in (sigmas | {"bias": 0.0}).items()}


def scaled(simulator: Simulator, block: Block, alpha: float) -> dict[str, np.ndarray]:
    """Return ``alpha theta - alpha g`` of every forward projection, by its name."""
    updates = simulator.updates(block)  # type: ignore[attr-defined]  # device array has it
    return {
        p.name: alpha * (simulator.weights(p) + updates[p.name]) for p in simulator.network.forward
    }


def followed(
    data: Dataset, seed: int, wiring: str, noise: str, alpha: float, hidden: int, epochs: int
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Train, and return what there is after every block, and ``alpha theta - alpha g`` at the end.

    A row holds how far each projection's is from normal, and how wide; and the test error [%], NaN
    where it was not measured.
    """
    net = network(data, seed, wiring, noise_of(data, noise, alpha, hidden), hidden)
    simulator = simulate(net, "array", batch=LARGER_BATCH)
    block = Block(*data.train.block(slice(LARGER_BATCH)))

    def measure(
        simulator: Simulator, _: Position, __: Mapping[str, np.ndarray]
    ) -> dict[Metric, float]:
        found = dict[Metric, float]()
        for name, values in scaled(simulator, block, alpha).items():
            fit = normal_fit(values)
            found |= {("D", name): fit.distance, ("std", name): fit.std}
        return found

    rows = list[dict[str, Any]]()
    about = {"wiring": wiring, "noise": noise, "alpha": alpha, "seed": seed}
    plan = Plan(epochs, max(LARGER_BATCH, len(data.train) // 10), 1.0)
    try:
        for step in steps(simulator, data, plan, measure=measure, every="block"):
            error = 100 * (1 - step.metrics.get("test_accuracy", np.nan))
            shown = {" ".join(k): v for k, v in step.metrics.items() if isinstance(k, tuple)}
            rows.append(about | {"trial": step.position.trial, "test_error": error} | shown)
    except RunError:  # weights that grow without an end
        rows.append(rows[-1] | {"test_error": np.inf})
    return rows, scaled(simulator, block, alpha)


def draw(rows: list[dict[str, Any]], sigmas: list[float], path: Path) -> None:
    """Draw test error over the size of the noise; without noise as levels."""
    noisy = [sigma for sigma in sigmas if sigma]
    series, levels = {}, {}
    for wiring in WIRINGS:
        own = [row for row in rows if row["wiring"] == wiring]
        errors = [row["test_error"] for row in own if row["sigma"]]
        series[wiring.upper()] = noisy, np.reshape(errors, (len(noisy), -1)).T
        plain = [row["test_error"] for row in own if not row["sigma"]]
        levels |= {f"{wiring.upper()}, no noise": float(np.mean(plain))} if plain else {}
    ax = plotting.curves(
        series, "noise: sigma", "test error [%]", levels=levels, log_x=True, log_y=True
    )
    plotting.save(ax, path)


def draw_followed(rows: list[dict[str, Any]], wiring: str, path: Path) -> None:
    """Draw test error and distance from normal over training, for the noises of one wiring."""
    tested, distance = plotting.panels(2, width=4.6)
    errors, far = {}, {}
    for row in rows:
        if row["wiring"] == wiring and np.isfinite(row["std hidden_1_to_hidden_2"]):
            name = f"{row['noise']}, alpha {row['alpha']:g}"
            far.setdefault(name, []).append((row["trial"] / 1000, row["D hidden_1_to_hidden_2"]))
            if np.isfinite(row["test_error"]):
                errors.setdefault(name, []).append((row["trial"] / 1000, row["test_error"]))
    for series, label, ax in (
        (errors, "test error [%]", tested),
        (far, "D of hidden_1 to hidden_2", distance),
    ):
        curves = {name: tuple(np.transpose(points)) for name, points in series.items()}
        plotting.curves(curves, "trials [thousands]", label, log_y=True, ax=ax)
    distance.get_legend().remove()  # that of the other panel
    plotting.save([tested, distance], path)


def compare(
    data: Dataset, alphas: list[float], seeds: list[int], hidden: int, epochs: int, out: Path
) -> None:
    """Hold GO-UP and its local form against plain descent of the same alpha."""
    rows = list[dict[str, Any]]()
    for wiring in WIRINGS:
        for alpha in alphas:
            for noise in NOISES:
                errors = []
                for seed in seeds:
                    more, values = followed(data, seed, wiring, noise, alpha, hidden, epochs)
                    rows += more
                    errors.append(more[-1]["test_error"])
                far = ", ".join(f"{normal_fit(v).distance:.4f}" for v in values.values())
                click.echo(
                    f"{wiring}, alpha {alpha:g}, noise {noise}: {np.mean(errors):.2f} %, D {far}"
                )
                samples = {name.replace("_to_", " to "): v for name, v in values.items()}
                path = out / f"normality_{wiring}_{noise}_{alpha:g}.png"
                plotting.save(plotting.normality(samples, unit="alpha (theta - g)"), path)
        draw_followed(rows, wiring, out / f"followed_{wiring}.png")
    studies.write_table(out / "followed.csv", rows)


def quick(out: Path) -> gallery.Finding:
    """Train on digits with noise of three fixed sizes, and of that of the weights (alpha 0.03)."""
    data, found, kept = datasets.load("digits"), {}, []
    for wiring in WIRINGS:
        rows = (learn(data, 0, wiring, sigma, 50, 6) for sigma in (0.0, 0.03, 0.5))
        found[wiring] = [row["test_error"] for row in rows]
        for noise in ("none", "global"):
            rows_, _ = followed(data, 0, wiring, noise, 0.05, 50, 10)
            found[wiring].append(rows_[-1]["test_error"])
        kept.append([rows_[k]["D hidden_1_to_hidden_2"] for k in (0, -1)])
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
    claim="BP, DFA and IFA learn through noise in every update (GO-UP), up to a size",
    published="none (an unpublished note)",
    reached="MNIST, alpha 0.03, test error without noise and with: BP 9.1, 9.1, DFA 11.2, 12.0, "
    "IFA 11.0, 11.9 %; alpha 0.1: BP 6.5, 88.3, DFA 8.6, 89.5, IFA 8.6, 89.3 % (seed 0)",
    quick=quick,
)


@cli_study.study(EXHIBIT, files="errors.csv and errors.png", on="digits")
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--sigmas", default="0,0.01,0.03,0.1", show_default=True, help="Sizes of the noise.")
@click.option("--alphas", default="", help="Compare GO-UP as written down at these alphas instead.")
@click.option(
    "--hidden",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Neurons in each hidden population.",
)
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--seed", "numbers", default="0", show_default=True, help="Seeds, as 0,1,2.")
def main(
    dataset: str,
    sigmas: str,
    alphas: str,
    hidden: int,
    epochs: int,
    numbers: str,
    out: Path,
) -> None:
    data, seeds, out = datasets.load(dataset), studies.numbers(numbers), studies.folder(out)
    if alphas:
        compare(data, studies.sizes(alphas), seeds, hidden, epochs, out)
        click.echo(f"Figures and table: {out}")
        return
    sizes, rows = studies.sizes(sigmas), []
    if not any(sizes):
        raise click.UsageError("--sigmas needs a size above 0 to draw a curve.")
    for wiring in WIRINGS:
        for sigma in sizes:
            runs = [learn(data, seed, wiring, sigma, hidden, epochs) for seed in seeds]
            mean = np.mean([row["test_error"] for row in runs])
            click.echo(f"{wiring}, sigma {sigma:g}: test error {mean:.2f} %, mean of {len(runs)}")
            rows += runs
    studies.write_table(out / "errors.csv", rows)
    draw(rows, sizes, out / "errors.png")
    click.echo(f"Figure and table: {out}")


if __name__ == "__main__":
    studies.run(main)
