"""Loss landscapes of a small network, with the paths of BP, DFA and GO-UP drawn on them.

Li, Xu, Taylor, Studer & Goldstein 2018 (arXiv:1712.09913) draw the loss on a plane through the
weights along two random directions, each filter of which (here: all that one neuron receives from
a population) is made as long as that of the network, so that scales do not matter (section 4).
Training trajectories hardly show on random directions, which are nearly orthogonal to them in so
many dimensions; the first two principal components of one hold most of it: 40 to 90 % (section 7).

784-30-10, tanh, softmax, cross-entropy; batch size 100, learning rate 0.1 for BP and DFA and 0.02
for GO-UP (whose noise grows with it), 3 epochs of MNIST; the loss is the mean over 2,000 training
images. Planes go through what BP found. Reached, seed 0: of the squared distances along the paths
of BP, DFA and GO-UP, 0.02, 0.4 and 0.1 % are in the random plane, and 80, 99 and 86 % in that of
the first two principal components of all three paths (published: of one path). On the random plane
the loss is a bowl around what BP found, and paths are where its floor is flat; on the principal one
DFA goes to a minimum of its own. 14 s on one core.

    python models/Li_2018_landscape.py
"""

from pathlib import Path

import numpy as np

import apical as ap
from apical import plotting
from apical.measures import landscapes
from apical.scripts import gallery, options, studies, study, sweep, tables

BATCH = 100
PATHS = {
    "BP": ("bp", ap.optimizers.go_up(0.1, 0.0)),
    "DFA": ("dfa", ap.optimizers.go_up(0.1, 0.0)),
    "GO-UP (BP)": ("bp", ap.optimizers.go_up_global(0.02)),
}
"""Name -> wiring and optimiser; without noise GO-UP is plain gradient descent."""
Shares = dict[str, dict[str, float]]


def network(data: ap.Dataset, seed: int, name: str, hidden: int) -> ap.Network:
    """Describe the network that learns in one of `PATHS`."""
    wiring, optimizer = PATHS[name]
    net, rule = ap.Network(seed=seed), ap.rules.three_factor(dynamics=optimizer)
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    h = ap.Rate("hidden", hidden, "tanh")
    y = ap.Rate("output", data.n_classes, "softmax", gain="one")  # cross-entropy
    ap.chain(net, x, h, y, weights=ap.FanIn(), bias=ap.Zero(), rule=rule)
    error = net.add(ap.RateError("error", data.n_classes))
    net.teach(ap.feedback.WIRINGS[wiring](error, net.forward))
    return net


def path(data: ap.Dataset, net: ap.Network, epochs: int, points: int) -> list[landscapes.Weights]:
    """Return the weights along training, some points an epoch, the first and the last included."""
    simulator = ap.simulate(net, "array", batch=BATCH)
    plan = ap.training.Plan(epochs, max(BATCH, len(data.train) // points), 1.0)
    steps = ap.training.steps(simulator, data, plan)
    return [{p.name: simulator.weights(p) for p in net.plastic} for _ in steps]


def shares(
    data: ap.Dataset, seed: int, hidden: int, epochs: int, grid: int = 0, out: Path | None = None
) -> Shares:
    """Return which share of each path is in each plane; draw the planes, if somewhere."""
    nets = {name: network(data, seed, name, hidden) for name in PATHS}
    paths = {name: path(data, net, epochs, 20) for name, net in nets.items()}
    centre = paths["BP"][-1]
    everywhere = [point for points in paths.values() for point in points]
    planes = {
        "random": landscapes.random_plane(centre, ap.stream(seed, "directions")),
        "principal": landscapes.principal_plane(centre, everywhere),
    }
    if out is not None:
        draw(data, nets["BP"], planes, paths, grid, out)
    return {
        kind: {name: plane.explained(points[:-1]) for name, points in paths.items()}
        for kind, plane in planes.items()
    }


def draw(
    data: ap.Dataset, net: ap.Network, planes: dict, paths: dict, grid: int, path: Path
) -> None:
    """Draw the loss on each plane, with the paths where it is nearest to them."""
    simulator = ap.simulate(net, "array")
    block = ap.Block(*data.train.block(slice(min(2000, len(data.train)))))
    axes = plotting.panels(3, width=4.6, height=3.9)
    # the random plane twice: as far as filters are long, and as far as paths go
    views = [("random", "random direction", least) for least in (1.0, 0.0)]
    views.append(("principal", "component", 0.0))
    for ax, (kind, what, least) in zip(axes, views, strict=True):
        on_plane = {name: planes[kind].coordinates(points) for name, points in paths.items()}
        low, high = (f(np.concatenate(list(on_plane.values())), axis=0) for f in (np.min, np.max))
        room = np.maximum(0.3 * (high - low), least)
        a, b = (np.linspace(*ends, grid) for ends in zip(low - room, high + room, strict=True))
        loss = landscapes.surface(simulator, block, planes[kind], list(a), list(b))
        labels = {"xlabel": f"first {what}", "ylabel": f"second {what}"}
        plotting.landscape(a, b, loss, on_plane, **labels, ax=ax)
    plotting.save(axes, path)


def told(found: Shares) -> str:
    """Say which share of each path is in each plane [%]."""
    return "; ".join(
        f"{kind}: " + ", ".join(f"{name} {100 * share:.3g}" for name, share in of.items())
        for kind, of in found.items()
    )


def quick(out: Path) -> gallery.Finding:
    """Follow 10 hidden neurons that learn digits for six epochs."""
    found = shares(ap.datasets.load("digits"), 0, 10, 6)
    holds = max(found["random"].values()) < 0.2 and min(found["principal"].values()) > 0.4
    return gallery.Finding(f"share of paths in a plane [%]: {told(found)}", holds)


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
def main(dataset: str, hidden: int, epochs: int, seeds: list, grid: int, out: Path) -> None:
    data = ap.datasets.load(dataset)

    def measured(seed: int) -> list[tables.Row]:
        found = shares(data, seed, hidden, epochs, grid, out / f"landscape_{seed}.png")
        print(f"seed {seed}, share of paths in a plane [%]: {told(found)}")
        columns = ("plane", "path", "share")
        rows = [(kind, name, share) for kind, of in found.items() for name, share in of.items()]
        return [dict(zip(columns, row, strict=True)) for row in rows]

    studies.write_table(out / "shares.csv", sweep(measured, seed=seeds))


if __name__ == "__main__":
    studies.run(main)
