"""Weight sharing: convolutions by closed form and against SciPy, and gradients of the loss."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate

import apical as ap
from apical import connectivity as c
from apical.errors import DeviceError, LocalityError, ParameterError, WiringError
from apical.feedback import WIRINGS
from apical.hypotheses import shared_weights
from apical.network.initialization import redrawn
from apical.plasticity.constraints import Levels
from apical.plausibility import audit

WIRED = ("bp", "fa", "dfa", "ifa_forward", "ifa_random", "drtp", "two_phases")
KINDS = (c.ReceptiveFields(3), c.ReceptiveFields((3, 2), 2), c.ReceptiveFields(3, 1, padding=1))
VALUES = np.random.default_rng(0).random((7, 2 * 6 * 5))
LABELS = np.arange(7) % 3
BLOCK = ap.Block.of_labels(VALUES, LABELS, learning=1.0)
SHOWN = ap.Block.of_labels(VALUES, LABELS)


def locally(
    kind: c.ReceptiveFields = KINDS[0], wiring: str = "dfa", bias: bool = True, **options: Any
) -> ap.Network:
    """Return images of 2 x 6 x 5, then 4 maps, then 2 maps of 2 x 2 windows, then 3 classes."""
    net, how = ap.Network(), WIRINGS[wiring]
    x = net.add(ap.Stimulus("x", 60, ap.encoding.Graded(), shape=(2, 6, 5)))
    rows, columns = kind.windows((2, 6, 5))
    shape = (4, rows, columns)
    h = net.add(ap.Rate("h", 4 * rows * columns, "tanh", shape=shape, **how.hidden))
    last = c.ReceptiveFields(2)
    rows, columns = last.windows(shape)
    k = net.add(ap.Rate("k", 2 * rows * columns, "tanh", shape=(2, rows, columns), **how.hidden))
    y = net.add(ap.Rate("y", 3, "linear", **how.output))
    options = {"rule": ap.rules.three_factor(0.1), "weights": ap.FanIn()} | options
    net.connect(x, h, connectivity=kind, **options)
    net.connect(h, k, connectivity=last, **options)
    net.connect(k, y, **options)
    if bias:
        b = net.add(ap.Bias("b"))
        for post in (h, k, y):
            net.connect(b, post, weights=ap.Uniform(0.1), rule=options["rule"])
    net.teach(how(net.add(ap.RateError("e", 3)), net.forward))
    return net


def made(net: ap.Network, **options: Any) -> Any:
    return ap.simulate(net, "array", dtype="float64", **options)


def unshared(net: ap.Network, simulator: Any) -> dict[str, np.ndarray]:
    """Return the weights of all projections as matrices, for a network without sharing."""
    own = {p.name for p in net.projections if not isinstance(p.weights, ap.projections.TransposeOf)}
    return {name: simulator.weights(name) for name in own}


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_the_response_is_a_correlation(kind: c.ReceptiveFields) -> None:
    net = shared_weights(locally(kind))
    with made(net, record={"h"}) as simulator:
        found = simulator.run(SHOWN).counts["h"]
        w, b = simulator.state["x_to_h.w"], simulator.state["b_to_h.w"]
    assert w.shape == (2 * np.prod(kind.extent) * 4,) and b.shape == (4,)
    kernels, edge = w.reshape(2, *kind.extent, 4), 2 * [(kind.padding, kind.padding)]
    images = np.pad(VALUES.reshape(7, 2, 6, 5), [(0, 0), (0, 0), *edge])
    known = [
        [correlate(image, kernels[..., m], "valid")[0] + b[m] for m in range(4)] for image in images
    ]
    steps = slice(None, None, kind.stride)
    np.testing.assert_allclose(
        found, np.tanh(np.array(known)[:, :, steps, steps]).reshape(7, -1), atol=1e-13
    )


CASES = [(w, KINDS[k], "numpy") for w in WIRED for k in ((0, 1, 2) if w == "bp" else (2,))]
CASES += [("bp", kind, "torch:cpu") for kind in KINDS]


@pytest.mark.parametrize(("wiring", "kind", "library"), CASES, ids=str)
def test_updates_are_sums_over_windows(wiring: str, kind: c.ReceptiveFields, library: str) -> None:
    """Against a network of the same weights in which each synapse has its own."""
    if library != "numpy":
        pytest.importorskip("torch")
    own = locally(kind, wiring)
    net = shared_weights(own)
    with made(net, library=library) as simulator, made(own) as other:
        other.load(unshared(net, simulator))
        here, there = (one.run(SHOWN).counts["y"] for one in (simulator, other))
        np.testing.assert_allclose(here, there, atol=1e-13)
        found, alone = simulator.updates(BLOCK), other.updates(BLOCK)
    for p in net.plastic:
        edges = net.edges(p)
        known = alone[p.name]
        if edges is not None and edges.shares is not None:
            sums = np.bincount(edges.shares, known[edges.pre, edges.post])
            known = edges.dense(sums)
        np.testing.assert_allclose(found[p.name], known, atol=1e-13, err_msg=p.name)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_backpropagation_is_the_gradient_of_the_loss(kind: c.ReceptiveFields) -> None:
    net = shared_weights(locally(kind, "bp"))
    targets = np.eye(3)[LABELS]

    def loss(simulator: Any, name: str, values: np.ndarray) -> float:
        simulator.load({name: values})
        y = simulator.run(SHOWN).counts["y"]
        return float(0.5 * ((y - targets) ** 2).sum() / len(y))

    with made(net, batch=7) as simulator:
        updates = simulator.updates(BLOCK)
        for name in ("x_to_h", "b_to_h", "h_to_k", "b_to_k"):
            edges, w = net.edges(name), simulator.state[f"{name}.w"]
            slopes = []
            for step in 1e-5 * np.eye(len(w)):
                more, less = (loss(simulator, name, w + sign * step) for sign in (1, -1))
                slopes.append((more - less) / 2e-5)
            simulator.load({name: w})
            np.testing.assert_allclose(
                edges.of(updates[name]), -0.1 * np.array(slopes), atol=1e-9, err_msg=name
            )


def test_signs_of_shared_weights_come_back_with_shared_magnitudes() -> None:
    net = ap.hypotheses.sign_concordant(shared_weights(locally(wiring="fa")))
    with made(net, record={"h", "k", "y"}, traces={"teach", "delta"}) as simulator:
        traces = simulator.run(SHOWN).traces
        back = simulator.weights("feedback_k_to_h")
    known = traces["k.delta"][:, 0] @ back
    np.testing.assert_allclose(traces["h.teach"][:, 0], known, atol=1e-12)


OPTIONS: dict[str, dict[str, Any]] = {
    "adam": {"rule": ap.rules.three_factor(dynamics=ap.optimizers.adam(0.01))},
    "oja": {"rule": ap.LearningRule("oja", "0.1*x_pre*x_post - 0.1*x_post**2*w", source="Oja")},
    "decay": {"rule": ap.rules.three_factor(0.1, decay=0.01)},
    "levels": {"levels": Levels(8, 2.0)},
    "bounds": {"bounds": (-0.05, 0.05)},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_optimisers_and_constraints_keep_weights_shared(options: dict[str, Any]) -> None:
    net = shared_weights(locally(**options))
    with made(net, batch=3) as simulator:
        before = simulator.state
        simulator.run(BLOCK)
        after = simulator.state
        for name in ("x_to_h", "h_to_k"):
            i, j, w = simulator.synapses(name)
            edges = net.edges(name)
            assert len(w) == len(edges) and np.unique(w).size <= edges.n_weights
            assert np.array_equal(simulator.weights(name)[i, j], w)
            assert after[f"{name}.w"].shape == (edges.n_weights,)
            assert (after[f"{name}.w"] != before[f"{name}.w"]).any()
            if "bounds" in options:
                assert np.abs(w).max() <= 0.05
            if "levels" in options:
                assert not (w % net.projection(name).levels.step).any()
        simulator.state = before
        simulator.run(BLOCK)
        assert all(np.array_equal(v, after[k]) for k, v in simulator.state.items())


def test_a_decay_counts_once() -> None:
    """The part of the update that depends on the weight alone is not summed over windows."""
    rule = ap.LearningRule("decays", "eta*x_pre*teach_post - 0.25*w", {"eta": 0.0})
    net = shared_weights(locally(rule=rule))
    with made(net) as simulator:
        before = simulator.state["x_to_h.w"]
        simulator.run(ap.Block.of_labels(VALUES[:1], [0], learning=1.0))
        np.testing.assert_allclose(simulator.state["x_to_h.w"], 0.75 * before, rtol=1e-12)


def test_torch_learns_the_same() -> None:
    pytest.importorskip("torch")
    net, found = shared_weights(locally(KINDS[2], "bp")), []
    for library in ("numpy", "torch:cpu"):
        with made(net, batch=3, library=library) as simulator:
            simulator.run(BLOCK)
            found.append(simulator.state)
    assert all(np.abs(v - found[1][k]).max() < 1e-12 for k, v in found[0].items())


def test_weights_follow_the_fan_in_of_a_window() -> None:
    net = shared_weights(locally())
    w = net.initial_state("x_to_h")
    assert 0.95 / 18**0.5 < np.abs(w).max() <= 1 / 18**0.5
    own = locally()
    first = own.edges("x_to_h")
    edges = net.edges("x_to_h")
    assert np.array_equal(w, own.initial_state("x_to_h")[edges.first])
    assert (len(first), edges.n_weights) == (len(edges), 2 * 9 * 4)


def test_weights_that_no_window_has_do_not_exist() -> None:
    """Of a window of 3 x 3 over 1 x 1 pixels, only the middle is there."""
    net = ap.Network()
    x = net.add(ap.Stimulus("x", 1, ap.encoding.Graded(), shape=(1, 1)))
    y = net.add(ap.Rate("y", 2, shape=(2, 1, 1)))
    only = c.ReceptiveFields(3, padding=1)
    net.connect(x, y, weights=ap.Normal(1.0), connectivity=only, shared=True)
    with made(net) as simulator:
        w = simulator.state["x_to_y.w"]
        y = simulator.run(ap.Block.of_labels(np.array([[2.0]]), [0])).counts["y"]
    assert w.shape == (2,)
    np.testing.assert_allclose(y[0], np.tanh(2 * w), rtol=1e-12)


def test_matrices_are_loaded_where_windows_agree() -> None:
    net = shared_weights(locally())
    p = net.projection("x_to_h")
    with made(net) as simulator:
        matrix = simulator.weights(p)
        simulator.load({p.name: 2 * matrix})
        assert np.array_equal(simulator.weights(p), 2 * matrix)
        edges = net.edges(p)
        matrix[edges.pre[-1], edges.post[-1]] += 1
        with pytest.raises(ParameterError, match="shares weights among its windows"):
            simulator.load({p.name: matrix})
        simulator.load({p.name: net.held(p, matrix)})
        windows = np.bincount(edges.shares)[edges.shares[-1]]
        known = matrix[edges.pre[-1], edges.post[-1]] - 1 + 1 / windows
        assert simulator.weights(p)[edges.pre[-1], edges.post[-1]] == pytest.approx(known)


def test_given_weights_must_agree() -> None:
    x, h = (locally().populations[k] for k in (0, 1))
    alike, unlike = np.ones((60, h.size)), np.arange(60.0)[:, np.newaxis] * np.ones(h.size)
    net, options = ap.Network(), {"connectivity": KINDS[0], "shared": True}
    net.add(x), net.add(h)
    p = net.connect(x, h, weights=ap.Given(alike), **options)
    assert np.array_equal(net.initial_state(p), np.ones(72))
    p = net.connect(x, h, weights=ap.Given(unlike), name="unlike", **options)
    with pytest.raises(WiringError, match="the same in all windows"):
        net.initial_state(p)


WRONG: dict[str, tuple[Callable[[ap.Network], Any], str]] = {
    "twice": (lambda n: shared_weights(shared_weights(n)), "shares weights already"),
    "signs": (lambda n: shared_weights(ap.hypotheses.dale(n)), "neurons of either sign"),
    "missing": (
        lambda n: shared_weights(ap.hypotheses.missing_synapses(n, share=0.5)),
        "leave missing out",
    ),
    "full": (
        lambda n: n.connect(n.projection("x_to_h").pre, n.output, shared=True),
        "the same windows at all positions",
    ),
}


@pytest.mark.parametrize(("make", "said"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(make: Callable[[ap.Network], Any], said: str) -> None:
    with pytest.raises(WiringError, match=said):
        make(locally())


def test_brian2_refuses_by_name() -> None:
    net = shared_weights(locally())
    with pytest.raises(LocalityError, match="x_to_h: .*share 72 weights"):
        ap.simulate(net, "runtime")
    fixed = ap.Network()
    for p in net.populations[:2]:
        fixed.add(p)
    fixed.connect(*fixed.populations, connectivity=KINDS[0], shared=True)
    with pytest.raises(DeviceError, match="'x_to_h' share weights"):
        ap.simulate(fixed, "runtime")


def test_the_scorecard_finds_it() -> None:
    own, net = locally(), shared_weights(locally())
    assert ap.check(own).is_local
    found = audit(net).about("weight sharing")
    said = {f.subject: (f.level, f.reason) for f in found}
    assert {name for name, (level, _) in said.items() if level == "not local"} == {
        "x_to_h",
        "h_to_k",
        "b_to_h",
        "b_to_k",
    }
    assert said["x_to_h"][1].startswith("864 synapses share 72 weights")
    assert not ap.check(net, transport=True).is_local
    assert net.altered().projection("x_to_h").shared


def test_a_network_is_saved_with_it(tmp_path: Any) -> None:
    net = shared_weights(locally())
    net.save(tmp_path / "net.npz")
    again = ap.Network.load(tmp_path / "net.npz")
    assert [p.shared for p in again.projections] == [p.shared for p in net.projections]
    assert np.array_equal(again.initial_state("x_to_h"), net.initial_state("x_to_h"))


def test_shared_weights_are_redrawn_as_they_are_drawn() -> None:
    net = shared_weights(locally())
    for name in ("x_to_h", "b_to_h"):
        projection, edges = net.projection(name), net.edges(name)
        found = redrawn(projection, net.seed, ap.stream(net.seed, "weights", name))
        np.testing.assert_array_equal(found, edges.dense(net.initial_state(projection)))
