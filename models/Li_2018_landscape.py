"""Loss landscapes of a small network, with the paths of BP, DFA and GO-UP drawn on them.

Li, Xu, Taylor, Studer & Goldstein 2018 (arXiv:1712.09913) draw the loss on a plane through the
weights along two random directions, each filter of which (here: all that one neuron receives from
a population) is made as long as that of the network, so that scales do not matter (section 4).
Paths hardly show on them; the first two principal components of one hold 40 to 90 % of it (section
7). Here: 784-30-10, 3 epochs of MNIST, components of all three paths; planes go through what BP
found. On the random plane the loss is a bowl; on the principal one DFA has a minimum of its own.

    python models/Li_2018_landscape.py
"""

from functools import partial
from pathlib import Path

import apical as ap
from apical.measures import landscapes
from apical.scripts import gallery, layers, options, planes, studies, study, sweep, tables

PATHS = {
    "BP": ("bp", ap.optimizers.go_up(0.1, 0.0)),
    "DFA": ("dfa", ap.optimizers.go_up(0.1, 0.0)),
    "GO-UP (BP)": ("bp", ap.optimizers.go_up_global(0.02)),
}
"""Name -> wiring and optimiser; GO-UP without noise, which grows with its rate, is descent."""


def network(data: ap.Dataset, seed: int, name: str, hidden: int) -> ap.Network:
    """Describe the network that learns in one of `PATHS`."""
    wiring, optimizer = PATHS[name]
    sizes, rule = [data.n_inputs, hidden, data.n_classes], ap.rules.three_factor(dynamics=optimizer)
    joins = {"weights": ap.FanIn(), "bias": ap.Zero(), "rule": rule, "name": "hidden"}
    return layers.feedforward(sizes, "tanh", "softmax", wiring=wiring, seed=seed, **joins)


def shares(data: ap.Dataset, seed: int, hidden: int, epochs: int, grid: int, out: Path) -> list:
    """Return which share of each path is in each plane, and draw the planes."""
    nets = {name: network(data, seed, name, hidden) for name in PATHS}
    paths = {name: planes.trajectory(net, data, epochs, batch=100) for name, net in nets.items()}
    centre, everywhere = paths["BP"][-1], [point for path in paths.values() for point in path]
    random = landscapes.random_plane(centre, ap.stream(seed, "directions"))
    principal = landscapes.principal_plane(centre, everywhere)
    # the random plane twice: as far as filters are long, and as far as paths go
    views = [planes.View(random, "random direction", least) for least in (1.0, 0.0)]
    views.append(planes.View(principal, "component"))
    block = ap.Block(*data.train.block(slice(min(2000, len(data.train)))))
    planes.draw(out / f"landscape_{seed}.png", nets["BP"], block, views, paths, grid)
    return [
        {"plane": kind, "path": name, "share": plane.explained(points[:-1])}
        for kind, plane in (("random", random), ("principal", principal))
        for name, points in paths.items()
    ]


def told(rows: list[tables.Row]) -> str:
    """Say which share of each path is in each plane."""
    said = [f"{row['path']} {100 * row['share']:.3g}" for row in rows]
    random, principal = (", ".join(part) for part in (said[: len(PATHS)], said[len(PATHS) :]))
    return f"share of paths in a plane [%]: random: {random}; principal: {principal}"


def quick(out: Path) -> gallery.Finding:
    """Follow 10 hidden neurons that learn digits for six epochs."""
    rows = shares(ap.datasets.load("digits"), 0, 10, 6, 5, out)
    random, principal = (tables.column(rows, "share", plane=k) for k in ("random", "principal"))
    return gallery.Finding(told(rows), bool(max(random) < 0.2 and min(principal) > 0.4))


EXHIBIT = gallery.Exhibit(
    claim="Random directions show little of a training trajectory, its principal components most",
    published="two principal components hold 40 to 90 % of paths",
    reached="random plane: BP 0.02, DFA 0.4, GO-UP 0.1 %; components of all three together: "
    "80, 99, 86 % (seed 0)",
    quick=quick,
)


@study(EXHIBIT, files="shares.csv and landscape_N.png", on="digits")
@options.training(hidden=30, epochs=3)
@options.option("--grid", 31, "Points along each side of a plane.", least=2)
def main(dataset: str, seeds: list, out: Path, **of: int) -> None:
    rows = sweep(partial(shares, ap.datasets.load(dataset), out=out, **of), seed=seeds)
    print(*(f"seed {seed}, {told(tables.where(rows, seed=seed))}" for seed in seeds), sep="\n")
    studies.write_table(out / "shares.csv", rows)


if __name__ == "__main__":
    studies.run(main)
