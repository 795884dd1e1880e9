"""Landscapes of a small network, with the paths of BP, DFA and GO-UP drawn on them.

Li, Xu, Taylor, Studer & Goldstein 2018 (arXiv:1712.09913) draw the loss on a plane through the
weights along two random directions, each filter of which (here: all that one neuron receives from
a population) is made as long as that of the network, so that scales do not matter (section 4).
Paths hardly show on random directions, which are nearly orthogonal to them in so many dimensions;
the two first principal components of a path hold most of it: 40 to 90 % (section 7).

784-30-10, tanh, softmax, cross-entropy; batches of 100, alpha of 0.1 for BP and DFA and of 0.02
for GO-UP (whose noise grows with alpha), 3 epochs of MNIST; the loss is the mean over 2,000
training images. Planes go through what BP found.

Reached, seed 0: of the squared distances along the paths of BP, DFA and GO-UP, 0.02, 0.4 and 0.1 %
are in the random plane, and 80, 99 and 86 % in the one of the two principal components of all
three paths (published: of one path). On the random plane the loss is a bowl around what BP found,
and paths are where its floor is flat; on the principal one DFA goes to a minimum of its own. 14 s
of one core.

    python models/Li_2018_landscape.py
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
from apical.dynamics import UpdateDynamics
from apical.encoding import Graded
from apical.landscapes import Plane, Weights

from apical import (
    Bias,
    Block,
    Dataset,
    FanIn,
    Network,
    Rate,
    RateError,
    Stimulus,
    Zero,
    cli_study,
    datasets,
    dynamics,
    feedback,
    gallery,
    landscapes,
    plotting,
    rules,
    seeds,
    simulate,
    studies,
)
from apical.training import Plan, steps

BATCH = 100
PATHS: dict[str, tuple[str, UpdateDynamics]] = {
    "BP": ("bp", dynamics.go_up(0.1, 0.0)),
    "DFA": ("dfa", dynamics.go_up(0.1, 0.0)),
    "GO-UP (BP)": ("bp", dynamics.go_up_global(0.02)),
}
"""Name -> wiring and what synapses make of updates; without noise that is plain descent."""


def network(data: Dataset, seed: int, name: str, hidden: int) -> Network:
    """Describe the network that learns in one of `PATHS`."""
    wiring, made = PATHS[name]
    net, rule = Network(seed=seed), rules.three_factor(dynamics=made)
    pre, bias = net.add(Stimulus("stimulus", data.n_inputs, Graded())), net.add(Bias("bias"))
    h = Rate("hidden", hidden, "tanh")
    for post in (h, Rate("output", data.n_classes, "softmax", gain="one")):
        net.connect(pre, net.add(post), weights=FanIn(), rule=rule)
        net.connect(bias, post, weights=Zero(), rule=rule)
        pre = post
    error = net.add(RateError("error", data.n_classes))
    net.teach(feedback.WIRINGS[wiring](error, net.forward))
    return net


def path(data: Dataset, net: Network, epochs: int, points: int) -> list[Weights]:
    """Return the weights along training, some points an epoch, the first and the last included."""
    simulator, found = simulate(net, "array", batch=BATCH), []
    plan = Plan(epochs, max(BATCH, len(data.train) // points), 1.0)
    for _ in steps(simulator, data, plan):
        found.append({p.name: simulator.weights(p) for p in net.plastic})
    return found


def drawn(
    data: Dataset, seed: int, hidden: int, epochs: int, grid: int, n: int, out: Path | None
) -> dict[str, dict[str, float]]:
    """Return which share of each path is in each plane; draw the planes, if somewhere."""
    nets = {name: network(data, seed, name, hidden) for name in PATHS}
    paths = {name: path(data, net, epochs, 20) for name, net in nets.items()}
    centre = paths["BP"][-1]
    everywhere = [point for points in paths.values() for point in points]
    planes = {
        "random": landscapes.random_plane(centre, seeds.stream(seed, "directions")),
        "principal": landscapes.principal_plane(centre, everywhere),
    }
    if out is not None:
        figure(data, nets["BP"], planes, paths, grid, n, out)
    return {
        kind: {name: plane.explained(points[:-1]) for name, points in paths.items()}
        for kind, plane in planes.items()
    }


def figure(
    data: Dataset,
    net: Network,
    planes: dict[str, Plane],
    paths: dict[str, list[Weights]],
    grid: int,
    n: int,
    path: Path,
) -> None:
    """Draw the loss on each plane, with the paths where it is nearest to them."""
    simulator, block = simulate(net, "array"), Block(*data.train.block(slice(n)))
    axes = plotting.panels(3, width=4.6, height=3.9)
    # the random plane twice: as far as filters are long, and as far as paths go
    views = (
        ("random", "random direction", 1.0),
        ("random", "random direction", 0.0),
        ("principal", "component", 0.0),
    )
    for ax, (kind, what, least) in zip(axes, views, strict=True):
        on_plane = {name: planes[kind].coordinates(points) for name, points in paths.items()}
        low, high = (f(np.concatenate(list(on_plane.values())), axis=0) for f in (np.min, np.max))
        room = np.maximum(0.3 * (high - low), least)
        a, b = (np.linspace(*ends, grid) for ends in zip(low - room, high + room, strict=True))
        loss = landscapes.surface(simulator, block, planes[kind], list(a), list(b))
        names = f"first {what}", f"second {what}"
        plotting.landscape(a, b, loss, on_plane, xlabel=names[0], ylabel=names[1], ax=ax)
    plotting.save(axes, path)


def said(shares: dict[str, dict[str, float]]) -> str:
    """Say which share of each path is in each plane [%]."""
    return "; ".join(
        f"{kind}: " + ", ".join(f"{name} {100 * share:.3g}" for name, share in found.items())
        for kind, found in shares.items()
    )


def quick(out: Path) -> gallery.Finding:
    """Follow 10 hidden neurons that learn digits for six epochs."""
    shares = drawn(datasets.load("digits"), 0, 10, 6, 0, 0, None)
    random, principal = (list(shares[kind].values()) for kind in ("random", "principal"))
    return gallery.Finding(
        f"share of paths in a plane [%]: {said(shares)}",
        max(random) < 0.2 and min(principal) > 0.4,
    )


EXHIBIT = gallery.Exhibit(
    claim="Random directions show next to nothing of a path of learning, its principal ones most",
    published="two principal components hold 40 to 90 % of paths",
    reached="random plane: BP 0.02, DFA 0.4, GO-UP 0.1 %; components of all three together: "
    "80, 99, 86 % (seed 0)",
    quick=quick,
)


@cli_study.study(EXHIBIT, files="shares.csv and landscape_N.png", on="digits")
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--hidden", type=click.IntRange(1), default=30, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--grid",
    type=click.IntRange(2),
    default=31,
    show_default=True,
    help="Points along each side of a plane.",
)
@click.option("--seed", "numbers", default="0", show_default=True, help="Seeds, as 0,1,2.")
def main(dataset: str, hidden: int, epochs: int, grid: int, numbers: str, out: Path) -> None:
    data, out = datasets.load(dataset), studies.folder(out)
    rows = list[dict[str, Any]]()
    for seed in studies.numbers(numbers):
        path = out / f"landscape_{seed}.png"
        shares = drawn(data, seed, hidden, epochs, grid, min(2000, len(data.train)), path)
        click.echo(f"seed {seed}, share of paths in a plane [%]: {said(shares)}")
        rows += [
            {"seed": seed, "plane": kind, "path": name, "share": share}
            for kind, found in shares.items()
            for name, share in found.items()
        ]
    studies.write_table(out / "shares.csv", rows)
    click.echo(f"Figure and table: {out}")


if __name__ == "__main__":
    studies.run(main)
