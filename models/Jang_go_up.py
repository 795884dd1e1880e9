"""GO-UP: learning by a gradient that is drowned in noise, with gradients of BP, DFA and IFA.

Ryeongwoo Jang's GO-UP note (its author asks to be contacted before academic publication) makes of
descent an Ornstein-Uhlenbeck process, ``theta <- (1 - alpha) theta + alpha (theta - g + s xi)``
with xi standard normal. There s is the standard deviation of theta - g over a tensor, which no
synapse knows; here it is a fixed number, `sigma`, so that the update stays local
(`apical.dynamics.go_up`).

784-100-100-10, tanh, softmax, constant alpha of 0.1, batches of 32, 5 epochs of MNIST. Nothing was
published to compare with. Reached, seed 0, test error in % at sigma 0 (plain descent with the same
alpha), 0.01, 0.03 and 0.1: BP 3.2, 3.3, 5.9, 16.0; DFA 4.8, 5.5, 11.0, 28.6; IFA 4.8, 5.7, 10.6,
28.4. Noise never helps here, and DFA and IFA stand less of it than BP.

    python models/Jang_go_up.py
"""

from pathlib import Path
from typing import Any

import click
import numpy as np

from apical import (
    Bias,
    Dataset,
    FanIn,
    Network,
    Rate,
    RateError,
    Stimulus,
    Zero,
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
from apical.encoding import Graded

WIRINGS = ("bp", "dfa", "ifa")
ALPHA, BATCH = 0.1, 32


def network(data: Dataset, seed: int, wiring: str, sigma: float, hidden: int) -> Network:
    """Describe a network of two hidden populations."""
    net, rule = Network(seed=seed), rules.three_factor(dynamics=dynamics.go_up(ALPHA, sigma))
    pre, bias = net.add(Stimulus("stimulus", data.n_inputs, Graded())), net.add(Bias("bias"))
    chain = [Rate(f"hidden_{k}", hidden, "tanh") for k in (1, 2)]
    for post in [*chain, Rate("output", data.n_classes, "softmax", gain="one")]:
        net.connect(pre, net.add(post), weights=FanIn(), rule=rule)
        net.connect(bias, post, weights=Zero(), rule=rule)
        pre = post
    error = net.add(RateError("error", data.n_classes))
    net.teach(feedback.WIRINGS[wiring](error, net.forward))
    return net


def learn(
    data: Dataset, seed: int, wiring: str, sigma: float, hidden: int, epochs: int
) -> dict[str, Any]:
    """Train at a constant alpha, and return the test error [%] and how large the noise was."""
    net = network(data, seed, wiring, sigma, hidden)
    simulator = simulate(net, "array", batch=BATCH)
    train(simulator, data, epochs, final_rate=1.0, progress=False)
    error = 100 * (1 - evaluate(simulator, data.test).accuracy)
    return {"wiring": wiring, "sigma": sigma, "seed": seed, "test_error": error}


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


def quick(out: Path) -> gallery.Finding:
    """Train 2x50 neurons on digits for twelve epochs, without noise, with little and with much."""
    data, found = datasets.load("digits"), {}
    for wiring in WIRINGS:
        rows = (learn(data, 0, wiring, sigma, 50, 12) for sigma in (0.0, 0.03, 0.5))
        found[wiring] = [row["test_error"] for row in rows]
    texts = [f"{w.upper()} {a:.1f}, {b:.1f}, {c:.1f}" for w, (a, b, c) in found.items()]
    holds = all(b < a + 2.5 and c > 3 * b for a, b, c in found.values())
    return gallery.Finding(f"test error [%] at sigma 0, 0.03, 0.5: {'; '.join(texts)}", holds)


EXHIBIT = gallery.Exhibit(
    claim="BP, DFA and IFA learn through noise in every update (GO-UP made local), up to a size",
    published="none (an unpublished note)",
    reached="MNIST, test error at sigma 0, 0.01, 0.1: BP 3.2, 3.3, 16.0, DFA 4.8, 5.5, 28.6, "
    "IFA 4.8, 5.7, 28.4 % (seed 0)",
    quick=quick,
)


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--sigmas", default="0,0.01,0.03,0.1", show_default=True, help="Sizes of the noise.")
@click.option("--hidden", type=click.IntRange(1), default=100, show_default=True,
              help="Neurons in each hidden population.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True)
@click.option("--seed", "numbers", default="0", show_default=True, help="Seeds, as 0,1,2.")
@click.option("--quick", "quickly", is_flag=True, help="Check the claim in seconds, on digits.")
@click.option("--out", type=click.Path(path_type=Path), default="runs/Jang_go_up",
              show_default=True, help="Folder for errors.csv and errors.png.")  # fmt: skip
def main(
    dataset: str, sigmas: str, hidden: int, epochs: int, numbers: str, quickly: bool, out: Path
) -> None:
    if quickly:
        click.echo(gallery.checked(EXHIBIT, out))
        return
    data, seeds, out = datasets.load(dataset), studies.numbers(numbers), studies.folder(out)
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
