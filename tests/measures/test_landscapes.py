"""Losses, planes through weights, surfaces on them, and evolution, against cases that are known."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rate_networks import rates, trials
from scipy.special import expit, logsumexp
from test_rate_models import script

from apical import Block, feedback, plotting, rules, simulate
from apical.errors import DataError, ParameterError, WiringError
from apical.measures import landscapes
from apical.measures.losses import loss, losses
from apical.training.evolution import evolve

DIGITS = ["--dataset", "digits"]


def drives(net, block):  # type: ignore[no-untyped-def]
    x = block.values
    for p in net.forward:
        bias = net.initial_weights(net.projection(f"bias_to_{p.post.name}"))
        z = x @ net.initial_weights(p) + bias
        x = np.tanh(z)
    return z


@pytest.mark.parametrize(
    ("output", "gain"),
    [("linear", "slope"), ("logistic", "slope"), ("logistic", "one"), ("softmax", "one")],
)
def test_losses_are_those_by_hand(output: str, gain: str) -> None:
    net, block = rates(output=output, gain=gain), trials()
    simulator = simulate(net, "array", dtype="float64")
    z, t = drives(net, block), np.eye(3)[block.labels]
    by_hand = {
        "linear slope": ((t - z) ** 2).sum(1) / 2,
        "logistic slope": ((t - expit(z)) ** 2).sum(1) / 2,
        "logistic one": (np.logaddexp(0, z) - t * z).sum(1),
        "softmax one": logsumexp(z, axis=1) - (t * z).sum(1),
    }[f"{output} {gain}"]
    before = simulator.state
    assert losses(simulator, block) == pytest.approx(by_hand, rel=1e-9)
    assert loss(simulator, block) == pytest.approx(by_hand.mean())
    assert all(np.array_equal(before[name], now) for name, now in simulator.state.items())


@pytest.mark.parametrize(("dtype", "digits"), [("float32", 24), ("float64", 53)])
def test_answers_that_round_to_0_or_1_cost_what_is_left_of_the_precision(
    dtype: str, digits: int
) -> None:
    """Wrong with certainty: the surprise is -log of what 1 lacks to be 1, or of what is above 0."""
    simulator = simulate(rates(sizes=(1, 2), output="logistic", gain="one"), "array", dtype=dtype)
    simulator.load({"stimulus_to_output": np.array([[1e4, -1e4]])})
    found = losses(simulator, Block(np.ones((2, 1)), np.array([1, 0])))
    one, zero = digits * np.log(2), -np.log(np.finfo(dtype).tiny)
    np.testing.assert_allclose(found[0], one + zero, rtol=1e-6)
    assert 0 <= found[1] < 1e-6


@pytest.mark.parametrize("output", ["linear", "logistic", "softmax"])
def test_backpropagation_goes_down_that_loss(output: str) -> None:
    """By differences along a random direction."""
    net = rates(
        feedback.transposed,
        output=output,
        gain="slope" if output == "linear" else "one",
        rule=rules.three_factor(),
    )
    simulator, block = simulate(net, "array", dtype="float64"), trials()
    rng, h = np.random.default_rng(0), 1e-5
    start = {p.name: simulator.weights(p) for p in net.plastic}
    way = {name: rng.normal(size=w.shape) for name, w in start.items()}
    found = []
    for side in (h, -h):
        simulator.load({name: w + side * way[name] for name, w in start.items()})
        found.append(loss(simulator, block))
    simulator.load(start)
    slope = -sum((update * way[name]).sum() for name, update in simulator.updates(block).items())
    assert (found[0] - found[1]) / (2 * h) == pytest.approx(slope, rel=1e-5)


def test_what_has_no_loss_is_said() -> None:
    simulator = simulate(rates(output="tanh", gain="one"), "array")
    with pytest.raises(WiringError, match="'output' has gain='one'.*got 'tanh'"):
        loss(simulator, trials())
    with pytest.raises(DataError, match="labels or targets"):
        loss(simulate(rates(), "array"), Block(trials().values))


CENTRE = {"w": np.arange(1.0, 13).reshape(4, 3), "bias": np.ones((1, 3))}


def test_random_directions_are_as_long_as_filters() -> None:
    plane = landscapes.random_plane(CENTRE, np.random.default_rng(0))
    for direction in (plane.first, plane.second):
        lengths = np.linalg.norm(direction["w"], axis=0)
        assert lengths == pytest.approx(np.linalg.norm(CENTRE["w"], axis=0))
        assert not direction["bias"].any()
    assert not np.allclose(plane.first["w"], plane.second["w"])


def test_coordinates_of_points_of_the_plane_are_found_again() -> None:
    plane = landscapes.random_plane(CENTRE, np.random.default_rng(0))
    at = np.array([[0.3, -0.2], [1.0, 2.0], [0.0, 0.0]])
    points = [plane.at(*where) for where in at]
    assert plane.coordinates(points) == pytest.approx(at)
    assert plane.explained(points[:2]) == pytest.approx(1)
    beside = {"w": CENTRE["w"], "bias": CENTRE["bias"] + 1}  # biases have no place in it
    assert plane.explained([beside]) == pytest.approx(0)
    assert plane.coordinates([beside]) == pytest.approx(np.zeros((1, 2)), abs=1e-12)


def test_principal_plane_holds_a_path_that_is_plane_and_most_of_one_that_is_not() -> None:
    rng = np.random.default_rng(1)
    first, second, third = np.linalg.qr(rng.normal(size=(15, 3)))[0].T
    flat = np.concatenate([np.ravel(w) for w in CENTRE.values()])

    def point(*steps: float) -> dict[str, np.ndarray]:
        vector = flat + steps[0] * first + steps[1] * second + steps[2] * third
        return {"w": vector[:12].reshape(4, 3), "bias": vector[12:].reshape(1, 3)}

    plain = [point(1, 1, 0), point(-1, 2, 0), point(3, 0, 0)]
    assert landscapes.principal_plane(CENTRE, plain).explained(plain) == pytest.approx(1)
    bent = [point(3, 0, 0), point(0, 2, 0), point(0, 0, 1)]
    plane = landscapes.principal_plane(CENTRE, bent)
    assert plane.explained(bent) == pytest.approx(13 / 14)
    assert np.abs(plane.coordinates(bent)) == pytest.approx(np.array([[3, 0], [0, 2], [0, 0]]))
    with pytest.raises(ParameterError, match="two points or more"):
        landscapes.principal_plane(CENTRE, bent[:1])
    with pytest.raises(ParameterError, match="needs points that have these weights"):
        plane.explained([{"w": CENTRE["w"]}])


def test_principal_planes_of_many_weights_take_little_memory() -> None:
    """As much as the points do, not the square of the number of weights, 128 MB."""
    rng = np.random.default_rng(0)
    centre, *points = ({"w": rng.normal(size=(40, 100))} for _ in range(4))
    tracemalloc.start()
    try:
        landscapes.principal_plane(centre, points)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def test_surface_of_a_linear_network_is_the_paraboloid_that_it_is() -> None:
    net = rates(sizes=(4, 3), output="linear", gain="slope")
    simulator, block = simulate(net, "array", dtype="float64"), trials(9, (4, 3))
    centre = {p.name: net.initial_weights(p) for p in net.plastic}
    plane = landscapes.random_plane(centre, np.random.default_rng(0))
    a, b = np.linspace(-1, 1, 4), np.linspace(-0.5, 0.5, 3)
    before = simulator.state
    found = landscapes.surface(simulator, block, plane, a, b)
    assert found.shape == (3, 4)
    x = np.hstack([block.values, np.ones((9, 1))])
    for row, y in enumerate(b):
        for column, z in enumerate(a):
            w = np.vstack(list(plane.at(z, y).values()))
            left = np.eye(3)[block.labels] - x @ w
            assert found[row, column] == pytest.approx((left**2).sum(1).mean() / 2)
    assert all(np.array_equal(before[name], now) for name, now in simulator.state.items())


def test_evolution_keeps_the_best_and_counts_what_it_shows() -> None:
    net = rates(output="linear", gain="slope")
    simulator, block = simulate(net, "array"), trials(20)
    found = list(evolve(simulator, [block] * 15, size=30, parents=5, sigma=0.05))
    least = [g.losses[0] for g in found]
    assert all(later <= now for now, later in pairwise(least))
    assert least[-1] < 0.8 * least[0]
    assert [g.trials for g in found] == [30 * 20 * (k + 1) for k in range(15)]
    assert loss(simulator, block) == pytest.approx(least[-1])
    assert all(np.all(np.diff(g.losses) >= 0) for g in found)
    again = list(evolve(simulate(net, "array"), [block] * 15, size=30, parents=5, sigma=0.05))
    assert [g.losses[-1] for g in again] == [g.losses[-1] for g in found]


def test_evolution_without_selection_learns_nothing() -> None:
    """Were parents drawn from all, and the best not kept, nothing would get better."""
    net = rates(output="linear", gain="slope")
    block = trials(20)
    best = [
        [
            g.losses[0]
            for g in evolve(
                simulate(net, "array"), [block] * 15, size=30, parents=parents, sigma=0.3
            )
        ][-1]
        for parents in (3, 29)
    ]
    assert best[0] <= best[1]


def test_evolution_that_cannot_be_is_refused() -> None:
    with pytest.raises(ParameterError, match="1 <= parents < size"):
        next(evolve(simulate(rates(), "array"), [trials()], size=10, parents=10))


def test_landscape_is_drawn_with_its_paths(tmp_path: Path) -> None:
    a = np.linspace(-2, 2, 9)
    loss = 0.1 + a**2 + a[:, np.newaxis] ** 2
    path = np.stack([np.linspace(1, 0, 5), np.linspace(-1, 0, 5)], axis=1)
    ax = plotting.landscape(a, a, loss, {"BP": path}, title="a bowl")
    assert plotting.save(ax, tmp_path / "bowl.png").stat().st_size > 10_000
    line = next(line for line in ax.lines if line.get_label() == "BP")
    assert np.array_equal(line.get_xydata(), path)
    for wrong, said in (
        ({"loss": loss[1:]}, "loss: needs shape"),
        ({"loss": loss - 1}, "above 0"),
        ({"paths": {"BP": path[:, :1]}}, "needs points"),
    ):
        with pytest.raises(DataError, match=said):
            plotting.landscape(**({"a": a, "b": a, "loss": loss} | wrong))  # type: ignore


def test_block_of_labels_is_judged_like_one_of_targets() -> None:
    simulator, block = simulate(rates(), "array"), trials()
    targets = replace(block, labels=None, targets=np.eye(3)[block.labels])
    assert np.array_equal(losses(simulator, block), losses(simulator, targets))


STUDIES = {
    "Bartlett_2006_surrogates": ["--distances", "2,100", "--seed", "0"],
    "Jang_go_up": ["--alphas", "1", "--epochs", "1", "--hidden", "10", *DIGITS],
    "Li_2018_landscape": ["--epochs", "1", "--hidden", "5", "--grid", "5", *DIGITS],
    "Polyak_1964_minima": ["--steps", "20", "--neurons", "12"],
    "Werfel_2005_perturbation": ["--cost", "60000", "--seeds", "1", "--hidden", "5", *DIGITS],
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", STUDIES)
def test_studies_of_landscapes_write_what_they_say(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        script(name).main, [*STUDIES[name], "--out", str(tmp_path)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    assert all(path.stat().st_size > 10_000 for path in tmp_path.glob("*.png"))
    assert list(tmp_path.glob("*.png")) and list(tmp_path.glob("*.csv"))
