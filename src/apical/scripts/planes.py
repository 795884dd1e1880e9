"""Loss landscapes of studies: planes through weight space, with training trajectories on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apical import plotting
from apical.data.datasets import Dataset
from apical.devices import simulate
from apical.devices.simulator import Block
from apical.measures import landscapes
from apical.network.description import Network
from apical.training.loop import Plan, steps

Paths = Mapping[str, list[landscapes.Weights]]
"""Name of a training trajectory -> the weights along it."""


def trajectory(
    net: Network, data: Dataset, epochs: int, *, batch: int, points: int = 20
) -> list[landscapes.Weights]:
    """Return the weights along training, the first and the last included.

    Parameters
    ----------
    net
        A network, trained at a constant learning rate on device ``array``.
    data
        Training samples.
    epochs
        Number of epochs.
    batch
        Batch size.
    points
        Number of points in each epoch.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import planes
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> path = planes.trajectory(net, data, 1, batch=10, points=4)
    >>> len(path), path[-1]["hidden_to_output"].shape
    (5, (5, 10))
    """
    simulator = simulate(net, "array", batch=batch)
    plan = Plan(epochs, max(batch, len(data.train) // points), 1.0)
    return [
        {p.name: simulator.weights(p) for p in net.plastic} for _ in steps(simulator, data, plan)
    ]


@dataclass(frozen=True)
class View:
    """A part of a plane, around the trajectories on it.

    Parameters
    ----------
    plane
        The plane.
    label
        What its two directions are, for the axes.
    least
        Smallest margin around the trajectories, in units of the directions.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.measures.landscapes import random_plane
    >>> from apical.scripts.planes import View
    >>> plane = random_plane({"p": np.ones((2, 2))}, np.random.default_rng(0))
    >>> View(plane, "random direction").least
    0.0
    """

    plane: landscapes.Plane
    label: str
    least: float = 0.0


def draw(
    path: Path, net: Network, block: Block, views: Sequence[View], paths: Paths, grid: int
) -> None:
    """Draw the loss on parts of planes, and on each the trajectories where it is nearest to them.

    Parameters
    ----------
    path
        The PNG file.
    net, block
        The network, and the trials over which its loss is averaged.
    views
        What to show in each panel.
    paths
        Trajectories.
    grid
        Points along each side of a panel.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.measures.landscapes import principal_plane
    >>> from apical.scripts import planes
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> path = planes.trajectory(net, data, 1, batch=10, points=4)
    >>> block = ap.Block.of_labels(*data.test.block(slice(50)))
    >>> view = planes.View(principal_plane(path[-1], path[:-1]), "principal component")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     planes.draw(Path(folder) / "loss.png", net, block, [view], {"DFA": path}, grid=4)
    ...     [file.name for file in Path(folder).iterdir()]
    ['loss.png']
    """
    simulator, axes = simulate(net, "array"), plotting.panels(len(views), width=4.6, height=3.9)
    for ax, view in zip(axes, views, strict=True):
        seen = {name: view.plane.coordinates(points) for name, points in paths.items()}
        low, high = (f(np.concatenate(list(seen.values())), axis=0) for f in (np.min, np.max))
        room = np.maximum(0.3 * (high - low), view.least)
        a, b = (np.linspace(*ends, grid) for ends in zip(low - room, high + room, strict=True))
        loss = landscapes.surface(simulator, block, view.plane, list(a), list(b))
        labels = {"xlabel": f"first {view.label}", "ylabel": f"second {view.label}"}
        plotting.landscape(a, b, loss, seen, **labels, ax=ax)
    plotting.save(axes, path)
