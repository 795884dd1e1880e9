"""Planes through weight space, with the trajectories of training on them."""

from pathlib import Path

import numpy as np

import apical as ap
from apical.measures import landscapes
from apical.scripts import planes
from apical.scripts.layers import feedforward

DATA = ap.datasets.load("digits").subset(200, 50)


def network() -> ap.Network:
    joins = {"weights": ap.FanIn(), "rule": ap.rules.three_factor(0.1)}
    return feedforward([64, 5, 10], "tanh", wiring="bp", **joins)


def test_trajectory_is_the_weights_of_training(tmp_path: Path) -> None:
    net, simulator = network(), ap.simulate(network(), "array", batch=20)
    path = planes.trajectory(net, DATA, 2, batch=20, points=5)
    first = {p.name: simulator.weights(p) for p in net.plastic}
    ap.train(simulator, DATA, 2, final_rate=1.0, progress=False)
    assert len(path) == 1 + 2 * 5
    for k, expected in ((0, first), (-1, {p.name: simulator.weights(p) for p in net.plastic})):
        assert all(np.array_equal(path[k][name], w) for name, w in expected.items())
    plane = landscapes.random_plane(path[-1], np.random.default_rng(0))
    views = [planes.View(plane, "direction", 1.0), planes.View(plane, "direction")]
    block = ap.Block(*DATA.train.block(slice(20)))
    planes.draw(tmp_path / "f.png", net, block, views, {"BP": path}, 4)
    assert (tmp_path / "f.png").stat().st_size > 10_000
