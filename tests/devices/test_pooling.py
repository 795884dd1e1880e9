"""Pooling, and feedback along the windows: by closed form, and gradients of the loss."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import connectivity as c
from apical.errors import ParameterError, WiringError
from apical.feedback import WIRINGS
from apical.hypotheses import shared_weights

IMAGES = np.random.default_rng(0).random((5, 3, 7, 6))
BLOCK = ap.Block.of_labels(IMAGES.reshape(5, -1), np.arange(5) % 3, learning=1.0)
RULE = ap.rules.three_factor(0.1)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 1), ((2, 3), 2), ((7, 6), 1)])
@pytest.mark.parametrize("library", ["numpy", "torch:cpu"])
def test_it_averages_windows_of_each_map(size: Any, stride: int | None, library: str) -> None:
    if library != "numpy":
        pytest.importorskip("torch")
    pooling = c.Pooling(size, stride)
    shape = (3, *pooling.windows((3, 7, 6)))
    net = ap.Network()
    x = net.add(ap.Stimulus("x", 126, ap.encoding.Graded(), shape=(3, 7, 6)))
    y = net.add(ap.Rate("y", int(np.prod(shape)), "linear", shape=shape))
    net.connect(x, y, weights=ap.Mean(), connectivity=pooling)
    with ap.simulate(net, "array", dtype="float64", library=library) as simulator:
        found = simulator.run(ap.Block.of_labels(BLOCK.values, BLOCK.labels)).counts["y"]
    extent = size if isinstance(size, tuple) else (size, size)
    step = extent[0] if stride is None else stride
    windows = np.lib.stride_tricks.sliding_window_view(IMAGES, extent, axis=(2, 3))
    known = windows[:, :, ::step, ::step].mean(axis=(4, 5))
    np.testing.assert_allclose(found, known.reshape(5, -1), rtol=1e-13)


def pooled(wiring: str) -> ap.Network:
    """Return 3 maps of 7 x 6, convolved to 2 of 6 x 5, pooled to 2 of 3 x 2, and 3 classes."""
    net = ap.Network()
    x = net.add(ap.Stimulus("x", 126, ap.encoding.Graded(), shape=(3, 7, 6)))
    h = net.add(ap.Rate("h", 60, "tanh", shape=(2, 6, 5)))
    p = net.add(ap.Rate("p", 12, "linear", shape=(2, 3, 2)))
    y = net.add(ap.Rate("y", 3, "linear"))
    net.connect(x, h, weights=ap.FanIn(), rule=RULE, connectivity=c.ReceptiveFields(2))
    net.connect(h, p, weights=ap.Mean(), connectivity=c.Pooling(2))
    net.connect(p, y, weights=ap.FanIn(), rule=RULE)
    options = {"connectivity": "forward"} if wiring == "fa" else {}
    net.teach(WIRINGS[wiring](net.add(ap.RateError("e", 3)), net.forward, **options))
    return shared_weights(net)


def test_backpropagation_goes_through_it() -> None:
    net, targets = pooled("bp"), np.eye(3)[BLOCK.labels]
    with ap.simulate(net, "array", dtype="float64") as simulator:
        update, w = simulator.updates(BLOCK)["x_to_h"], simulator.state["x_to_h.w"]

        def loss(values: np.ndarray) -> float:
            simulator.load({"x_to_h": values})
            y = simulator.run(ap.Block.of_labels(BLOCK.values, BLOCK.labels)).counts["y"]
            return float(0.5 * ((y - targets) ** 2).sum() / len(y))

        slopes = [(loss(w + s) - loss(w - s)) / 2e-5 for s in 1e-5 * np.eye(len(w))]
    found = net.edges("x_to_h").of(update)
    np.testing.assert_allclose(found, -0.1 * np.array(slopes), atol=1e-9)


@pytest.mark.parametrize("wiring", ["fa", "dfa", "ifa_forward"])
def test_networks_with_it_learn(wiring: str) -> None:
    net = pooled(wiring)
    with ap.simulate(net, "array", batch=5) as simulator:
        before = simulator.state["x_to_h.w"]
        simulator.run(BLOCK)
        after = simulator.state
    assert (after["x_to_h.w"] != before).any()
    assert np.array_equal(after["h_to_p.w"], np.full(48, 0.25, np.float32))


def test_feedback_alignment_goes_back_along_the_windows() -> None:
    net = pooled("fa")
    forward, back = net.edges("h_to_p"), net.edges("feedback_p_to_h")
    assert np.array_equal(back.mask, forward.mask.T)
    assert net.edges("feedback_y_to_p") is None
    w = net.initial_state("feedback_p_to_h")
    assert len(np.unique(w)) == len(w) and np.abs(w).max() <= 0.5  # to 4 neurons each


TOUCH = np.random.default_rng(1).random((5, 4))
BOTH = ap.Block.of_labels(
    {"vision": BLOCK.values, "touch": TOUCH}, BLOCK.labels, learning=np.ones(5)
)


def vision_and_touch(wiring: str) -> ap.Network:
    """Return images, convolved and pooled, that converge with touch on a hidden population."""
    net = ap.Network(seed=2)
    v = net.add(ap.Stimulus("vision", 126, ap.encoding.Graded(), shape=(3, 7, 6)))
    t = net.add(ap.Stimulus("touch", 4, ap.encoding.Graded()))
    maps = net.add(ap.Rate("maps", 60, "tanh", shape=(2, 6, 5)))
    p = net.add(ap.Rate("p", 12, "linear", shape=(2, 3, 2)))
    h, y = net.add(ap.Rate("h", 5, "tanh")), net.add(ap.Rate("y", 3, "linear"))
    fields = c.ReceptiveFields(2)
    net.connect(v, maps, weights=ap.FanIn(), rule=RULE, connectivity=fields, shared=True)
    bias = net.add(ap.Bias("bias"))
    net.connect(bias, maps, weights=ap.Normal(0.1), rule=RULE, shared=True)
    net.connect(maps, p, weights=ap.Mean(), connectivity=c.Pooling(2))
    for pre, post in ((p, h), (t, h), (h, y)):
        net.connect(pre, post, weights=ap.FanIn(), rule=RULE)
    options = {"connectivity": "forward"} if wiring == "fa" else {}
    net.teach(WIRINGS[wiring](net.add(ap.RateError("e", 3)), net.forward, **options))
    return net


def test_backpropagation_from_two_stimuli_is_the_gradient() -> None:
    net, targets = vision_and_touch("bp"), np.eye(3)[BLOCK.labels]
    with ap.simulate(net, "array", dtype="float64") as simulator:
        updates = simulator.updates(BOTH)
        for projection in net.plastic:
            name, edges = projection.name, net.edges(projection)
            w = simulator.state[f"{name}.w"]

            def loss(values: np.ndarray, name: str = name) -> float:
                simulator.load({name: values})
                y = simulator.run(replace(BOTH, learning=np.zeros(5))).counts["y"]
                return float(0.5 * ((y - targets) ** 2).sum() / len(y))

            steps = 1e-5 * np.eye(w.size).reshape(w.size, *w.shape)
            slopes = [(loss(w + step) - loss(w - step)) / 2e-5 for step in steps]
            simulator.load({name: w})
            update = updates[name] if edges is None else edges.of(updates[name])
            known = -0.1 * np.array(slopes)
            np.testing.assert_allclose(update.ravel(), known, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("wiring", ["fa", "dfa", "ifa_forward"])
def test_two_stimuli_with_shared_fields_are_saved_and_go_on(wiring: str, tmp_path: Path) -> None:
    net = vision_and_touch(wiring)
    again = ap.Network.load(net.save(tmp_path / "network"))
    assert again.summary() == net.summary()
    with ap.simulate(net, "array") as one, ap.simulate(again, "array") as other:
        first = one.state
        one.run(BOTH)
        learned = one.state
        assert all((learned[f"{p.name}.w"] != first[f"{p.name}.w"]).any() for p in net.plastic)
        assert learned["vision_to_maps.w"].shape == (24,)
        other.load(one.save(tmp_path / "simulator"))
        for name, values in learned.items():
            np.testing.assert_array_equal(other.state[name], values)
        here, there = (simulator.run(BOTH).counts["y"] for simulator in (one, other))
        np.testing.assert_array_equal(here, there)


def test_what_does_not_fit_is_refused() -> None:
    x = ap.Rate("x", 42, shape=(7, 6))
    for post, said in (
        (ap.Rate("y", 9), "needs rows and columns"),
        (ap.Rate("y", 9, shape=(1, 3, 3)), "needs shape"),
        (ap.Rate("y", 12, shape=(3, 4)), "needs shape"),
    ):
        with pytest.raises(WiringError, match=said):
            ap.Projection(x, post, connectivity=c.Pooling(2))
    with pytest.raises(WiringError, match="is larger than"):
        ap.Projection(x, ap.Rate("y", 1, shape=(1, 1)), connectivity=c.Pooling(8))
    with pytest.raises(ParameterError, match="stride must be given"):
        c.Pooling((2, 3))
