"""Global error-vector broadcasting: updates, by hand, in vectorised nonnegative networks."""

from typing import Any

import numpy as np
import pytest

import apical as ap
from apical.connectivity import AllToAll, ByComponent, ReceptiveFields
from apical.devices import Block
from apical.errors import DeviceError, LocalityError, ParameterError, WiringError
from apical.plausibility import audit

K, N_IN, N_1, N_2, N_TRIALS = 3, 5, 6, 4, 8
RATE = 0.1


def vectorised(
    wiring: str = "gevb", *, seed: int = 1, n_1: int = N_1, n_2: int = N_2
) -> ap.Network:
    """Return a vectorised nonnegative network of two hidden populations, of 6 and 4 units."""
    net, by_class = ap.Network(seed=seed), ByComponent(K)
    rule = ap.rules.three_factor(RATE)
    x = net.add(ap.Stimulus("stimulus", N_IN, ap.encoding.Graded()))
    h = net.add(ap.Rate("first", K * n_1, "vector_relu", components=K))
    g = net.add(ap.Rate("second", K * n_2, "vector_relu", components=K))
    y, bias = (
        net.add(ap.Rate("output", K, "softmax", gain="one", components=K)),
        net.add(ap.Bias("bias")),
    )
    net.connect(x, h, weights=ap.OnOff(signed=True), rule=rule)
    for pre, post in ((h, g), (g, y)):
        plus: dict[str, Any] = {"bounds": (0, 1e6), "connectivity": by_class}
        net.connect(pre, post, weights=ap.OnOff(), rule=rule, **plus)
    for post in (h, g, y):
        net.connect(bias, post, weights=ap.Normal(0.1), rule=rule)
    way = ap.feedback.WIRINGS[wiring]
    net.teach(way(net.add(ap.RateError("error", K)), net.forward))
    return net


def trials(n: int = N_TRIALS, seed: int = 0, learning: float = 1.0) -> Block:
    """Return trials of random stimuli."""
    values = np.random.default_rng(seed).standard_normal((n, N_IN))
    return Block(values, np.arange(n) % K, np.full(n, learning))


def simulated(net: ap.Network, **options: Any) -> Any:
    """Return a simulator in double precision."""
    options = {"library": "numpy", "dtype": "float64", "batch": N_TRIALS, **options}
    return ap.simulate(net, device="array", **options)


class ByHand:
    """The network computed with arrays by unit and component: shapes (n_trials, n_units, K)."""

    def __init__(self, net: ap.Network, simulator: Any, block: Block, n: tuple[int, int]) -> None:
        first, second, last = (
            simulator.weights(name)
            for name in ("stimulus_to_first", "first_to_second", "second_to_output")
        )
        self.own = first.reshape(N_IN, K, n[0])  # [input, component, unit]
        self.w, self.v = second[: n[0], : n[1]], last[: n[1], :1]  # of component 0, as of all
        b = [
            simulator.weights(f"bias_to_{p}").reshape(K, -1) for p in ("first", "second", "output")
        ]
        t = [net.gating(p) for p in net.populations if p.has_gates]
        x = np.asarray(block.values)
        drive = np.einsum("si,iku->suk", x, self.own) + b[0].T
        self.gate_1 = np.einsum("suk,ku->su", drive, t[0]) >= 0
        self.x, self.h = x, drive * self.gate_1[..., None]
        drive = np.einsum("suk,uv->svk", self.h, self.w) + b[1].T
        self.gate_2 = np.einsum("suk,ku->su", drive, t[1]) >= 0
        self.g = drive * self.gate_2[..., None]
        drive = np.einsum("suk,uo->sk", self.g, self.v) + b[2].T
        y = np.exp(drive - drive.max(axis=1, keepdims=True))
        self.e = np.eye(K)[block.labels] - y / y.sum(axis=1, keepdims=True)

    def changes(self, of_first: np.ndarray, of_second: np.ndarray) -> dict[str, np.ndarray]:
        """Return the changes of each trial, given the factor of each unit: a gate, or the slope."""
        sent = [np.einsum("suk,sk->su", a, self.e) for a in (self.h, self.g)]
        return {
            "stimulus_to_first": np.einsum("si,sk,su->siku", self.x, self.e, of_first),
            "first_to_second": np.einsum("su,sv->suv", sent[0], of_second),
            "second_to_output": sent[1][..., None],
        }

    def broadcast(self) -> dict[str, np.ndarray]:
        """Return the changes of each trial under error-vector broadcasting."""
        return self.changes(self.gate_1, self.gate_2)

    def gradient(self) -> dict[str, np.ndarray]:
        """Return minus the gradient of each trial's cross-entropy."""
        back = self.gate_2 * self.v[:, 0]
        return self.changes(self.gate_1 * (back @ self.w.T), back)


def units(name: str, update: np.ndarray, n: tuple[int, int] = (N_1, N_2)) -> np.ndarray:
    """Return an update in the form of `ByHand`; shared ones must be the same for all components."""
    if name == "stimulus_to_first":
        return update.reshape(N_IN, K, n[0])
    n_pre, n_post = (n[0], n[1]) if name == "first_to_second" else (n[1], 1)
    blocks = update.reshape(K, n_pre, K, n_post)
    for k in range(K):
        assert (blocks[k, :, k] == blocks[0, :, 0]).all()
        assert not blocks[k, :, [other for other in range(K) if other != k]].any()
    return blocks[0, :, 0]


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(("wiring", "way"), [("gevb", "broadcast"), ("bp", "gradient")])
def test_updates_are_those_by_hand(wiring: str, way: str, library: str) -> None:
    if library == "torch":
        pytest.importorskip("torch")
    net, block = vectorised(wiring), trials()
    simulator = simulated(net, library=library)
    by_hand = ByHand(net, simulator, block, (N_1, N_2))
    found = simulator.updates(block)
    for name, change in getattr(by_hand, way)().items():
        expected = RATE * change.mean(axis=0)
        np.testing.assert_allclose(units(name, found[name]), expected, rtol=0, atol=1e-12)
    for name, gate in (("first", by_hand.gate_1), ("second", by_hand.gate_2)):
        if wiring == "gevb":  # biases are of each component
            expected = RATE * np.einsum("sk,su->ku", by_hand.e, gate).ravel() / N_TRIALS
            np.testing.assert_allclose(found[f"bias_to_{name}"][0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_learning_adds_the_updates_and_keeps_weights_nonnegative(library: str) -> None:
    if library == "torch":
        pytest.importorskip("torch")
    net, block = vectorised(), trials()
    simulator = simulated(net, library=library)
    before = {p.name: simulator.weights(p) for p in net.plastic}
    updates = simulator.updates(block)
    simulator.run(block)
    for p in net.plastic:
        expected = before[p.name] + updates[p.name]
        expected = np.maximum(expected, 0) if p.bounds else expected
        np.testing.assert_allclose(simulator.weights(p), expected, rtol=0, atol=1e-12)
    clipped = before["first_to_second"] + updates["first_to_second"] < 0
    assert clipped.any()


def test_no_weight_moves_against_the_gradient_of_a_trial() -> None:
    """Clark et al. 2021: each update has the sign of minus the gradient, or one of them is 0.

    The factor of a unit in the gradient is a sum over paths of products of gates and weights that
    are 0 or above, and is 0 where the gate is.
    """
    net = vectorised(seed=3)
    simulator = simulated(net)
    for seed in range(5):  # as initialised, and after learning
        by_hand = ByHand(net, simulator, trials(seed=seed), (N_1, N_2))
        broadcast, gradient = by_hand.broadcast(), by_hand.gradient()
        for name, change in broadcast.items():
            assert (change * gradient[name] >= 0).all(), name
            assert not (gradient[name] != 0)[change == 0].any(), name  # 0 only where both are
        np.testing.assert_array_equal(broadcast["second_to_output"], gradient["second_to_output"])
        simulator.run(trials(seed=seed))


def test_one_trial_through_the_simulators_has_the_signs_of_backpropagation() -> None:
    broadcast, exact = simulated(vectorised()), simulated(vectorised("bp"))
    for seed in range(10):
        block = trials(1, seed)
        one, other = broadcast.updates(block), exact.updates(block)
        for name in one:
            assert (one[name] * other[name] >= -1e-15).all(), name


def test_wide_networks_follow_the_gradient_at_initialisation() -> None:
    """Clark et al. 2021: proportional to the gradient in the limit of infinite width."""
    cosines = []
    for n_1, n_2 in ((8, 8), (800, 800)):
        net = vectorised(n_1=n_1, n_2=n_2)
        by_hand = ByHand(net, simulated(net), trials(), (n_1, n_2))
        a, b = (
            way()["first_to_second"].mean(axis=0) for way in (by_hand.broadcast, by_hand.gradient)
        )
        cosines.append(float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)))
    narrow, wide = cosines
    assert narrow < wide


def test_error_reaches_its_component_of_every_unit() -> None:
    net = vectorised()
    for p in net.feedback.projections[1:] if net.feedback else ():
        n = p.post.size // K
        expected = np.repeat(np.eye(K), n, axis=1)
        np.testing.assert_array_equal(net.initial_weights(p), expected)


def test_gating_vectors_are_fixed_random_and_opposite_in_pairs() -> None:
    net = vectorised()
    first = net.populations[1]
    vectors = net.gating(first)
    assert set(vectors.ravel()) == {-1.0, 1.0}
    np.testing.assert_array_equal(vectors[:, 0::2], -vectors[:, 1::2])
    np.testing.assert_array_equal(vectors, vectorised().gating(first))
    assert not np.array_equal(vectors, vectorised(seed=2).gating(first))
    maps = ap.Rate("maps", shape=(4, 2, 3), activation="vector_relu", components=2)
    shared = net.gating(maps).reshape(2, 2, 6)
    assert (shared == shared[..., :1]).all()
    np.testing.assert_array_equal(shared[:, 0], -shared[:, 1])


def test_gate_is_recorded_and_common_to_a_unit() -> None:
    net = vectorised()
    simulator = simulated(net, record=["first"], traces=["gate", "drive"])
    result = simulator.run(trials(learning=0.0))
    gate = result.traces["first.gate"].reshape(N_TRIALS, K, N_1)
    drive = result.traces["first.drive"].reshape(N_TRIALS, K, N_1)
    assert (gate == gate[:, :1]).all()
    expected = np.einsum("sku,ku->su", drive, net.gating(net.populations[1])) >= 0
    np.testing.assert_array_equal(gate[:, 0], expected)


def test_pairs_pass_on_what_a_signed_network_would() -> None:
    """With ON/OFF weights, the difference of a pair is the drive by the weights between pairs."""
    w = ap.OnOff().draw(6, 4, ap.stream(0, "weights"))
    assert (w >= 0).all()
    between = w[0::2, 0::2] - w[1::2, 0::2]
    x = np.random.default_rng(0).standard_normal((3, 6))
    on, off = (x @ w)[:, 0::2], (x @ w)[:, 1::2]
    np.testing.assert_allclose(on - off, (x[:, 0::2] - x[:, 1::2]) @ between)
    large = ap.OnOff().draw(400, 200, ap.stream(0, "weights"))
    assert np.std(large[0::2, 0::2] - large[1::2, 0::2]) == pytest.approx(2 / 20, rel=0.03)


def test_pairs_of_maps_are_as_far_apart_as_maps() -> None:
    fields = ReceptiveFields(2)
    pre, post = ap.Rate("pre", shape=(2, 3, 3)), ap.Rate("post", shape=(4, 2, 2))
    edges = ap.connectivity.edges_of(fields, pre, post, ap.stream(0, "any"))
    w = edges.dense(ap.OnOff(apart=(9, 4)).draw_for(edges, ap.stream(0, "weights")))
    by_map = w.reshape(2, 9, 4, 4)
    np.testing.assert_array_equal(by_map[0, :, 0::2], by_map[1, :, 1::2])
    np.testing.assert_array_equal(by_map[1, :, 0::2], by_map[0, :, 1::2])
    assert not (by_map[0] * by_map[1]).any()  # one of two is 0


@pytest.mark.parametrize("shared", [False, True], ids=["local", "convolutional"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_receptive_fields_by_component_are_those_of_a_dense_network(
    shared: bool, library: str
) -> None:
    """Updates of shared weights are the sums of those of the same network with own weights."""
    if library == "torch":
        pytest.importorskip("torch")
    n_trials, fields = 4, ByComponent(2, ReceptiveFields(2, padding=1))
    own, common = (_maps(fields, shared=shared), _maps(AllToAll()))
    one, other = (simulated(net, batch=n_trials, library=library) for net in (own, common))
    other.load({p.name: one.weights(p.name) for p in own.plastic})
    rng = np.random.default_rng(0)
    block = Block(
        rng.standard_normal((n_trials, 4 * 9)), np.arange(n_trials) % 2, np.ones(n_trials)
    )
    np.testing.assert_allclose(
        one.run(_at_rest(block)).counts["output"],
        other.run(_at_rest(block)).counts["output"],
        atol=1e-12,
    )
    edges = own.edges("maps_to_second")
    assert edges is not None and edges.shares is not None
    each = other.updates(block)["maps_to_second"][edges.pre, edges.post]
    expected = np.bincount(edges.shares, each)
    got = edges.of(one.updates(block)["maps_to_second"])
    np.testing.assert_allclose(got, expected, atol=1e-12)


def _at_rest(block: Block) -> Block:
    return Block(block.values, None, np.zeros(len(block)))


def _maps(connectivity: ap.connectivity.Connectivity, *, shared: bool = False) -> ap.Network:
    """Return a vectorised network of maps, 4 of 3 x 3 and 4 of 4 x 4, of two components."""
    net, rule = ap.Network(seed=2), ap.rules.three_factor(RATE)
    x = net.add(ap.Stimulus("stimulus", 36, ap.encoding.Graded(), shape=(4, 3, 3)))
    h = net.add(ap.Rate("maps", 36, "vector_relu", components=2, shape=(4, 3, 3)))
    g = net.add(ap.Rate("second", 64, "vector_relu", components=2, shape=(4, 4, 4)))
    y = net.add(ap.Rate("output", 2, "softmax", gain="one"))
    net.connect(x, h, weights=ap.FanIn(), rule=rule)
    net.connect(h, g, weights=ap.FanIn(), rule=rule, connectivity=connectivity, shared=shared)
    net.connect(g, y, weights=ap.FanIn(), rule=rule)
    net.teach(ap.feedback.error_vector(net.add(ap.RateError("error", 2)), net.forward))
    return net


def test_gates_and_channels_are_on_the_scorecard() -> None:
    card = audit(vectorised())
    assert card.is_local
    by_aspect = {f.aspect: f for f in card.findings if f.subject == "first_to_second"}
    assert by_aspect["weight sharing"].level == "idealised"
    assert "72 synapses share 24 weights" in by_aspect["weight sharing"].reason
    said = {(f.aspect, f.level): f.reason for f in card.findings if f.subject == "first"}
    assert "share a gate" in said["global quantities", "idealised"]
    assert "3 teaching signals apart" in said["feedback", "idealised"]
    for name in ("error_to_first", "error_to_second"):
        (transport,) = (
            f for f in card.findings if f.aspect == "weight transport" and f.subject == name
        )
        assert transport.level == "local"
        assert "one to a block" in transport.reason or "block" in transport.reason
    ap.check(vectorised())
    with pytest.raises(LocalityError, match="transposed"):
        ap.check(vectorised("bp"))


@pytest.mark.parametrize(("n_1", "n_2"), [(40, 20), (15, 14)])
def test_no_weights_are_transported_whatever_the_sizes(n_1: int, n_2: int) -> None:
    """Weights of 0 or above agree in sign with any others, which is no transport."""
    findings = audit(vectorised(n_1=n_1, n_2=n_2)).findings
    assert {f.level for f in findings if f.aspect == "weight transport"} == {"local"}


def test_sharing_among_neurons_that_are_no_units_is_not_local() -> None:
    net = ap.Network()
    x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Graded()))
    h, y = net.add(ap.Rate("hidden", 6)), net.add(ap.Rate("output", 2))
    rule = ap.rules.three_factor(RATE)
    net.connect(x, h, weights=ap.FanIn(), rule=rule)
    net.connect(h, y, weights=ap.FanIn(), rule=rule, connectivity=ByComponent(2))
    net.teach(ap.feedback.direct(net.add(ap.RateError("error", 2)), net.forward))
    assert [f.subject for f in audit(net).faults] == ["hidden_to_output"]
    units = _maps(ByComponent(2, ReceptiveFields(2, padding=1)), shared=True)
    assert [f.subject for f in audit(units).faults] == ["maps_to_second"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 7}, "multiple of 2, got 7"),
        ({"size": 6, "shape": (3, 2, 1)}, "multiple of 2, got 3"),
        ({"size": 6, "unreliable": 0.5}, "leave norm and unreliable out"),
        ({"size": 6, "norm": ap.BatchNorm()}, "leave norm and unreliable out"),
    ],
)
def test_units_that_do_not_fit_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        ap.Rate("hidden", activation="vector_relu", components=2, **change)


def test_networks_that_do_not_fit_are_refused() -> None:
    x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    y, error = ap.Rate("output", 3), ap.RateError("error", 3)
    for hidden, said in (
        (ap.Rate("hidden", 8, "vector_relu", components=2), "has 2 components for 3 classes"),
        (ap.Rate("hidden", 2), "OneToBlock needs a neuron of 'hidden' for each of the 3"),
    ):
        forward = [ap.Projection(x, hidden), ap.Projection(hidden, y)]
        with pytest.raises(WiringError, match=said):
            ap.feedback.error_vector(error, forward)
    spikes = ap.LIF("hidden", 6), ap.LIF("output", 2)
    with pytest.raises(WiringError, match="needs a RateError"):
        ap.feedback.error_vector(ap.Error("error", 4), [ap.Projection(*spikes)])
    with pytest.raises(WiringError, match=r"ByComponent\(3\) needs a multiple of 3 neurons"):
        ap.Projection(ap.Rate("one", 6), ap.Rate("other", 4), connectivity=ByComponent(3))


@pytest.mark.parametrize("device", ["runtime", "lockstep"])
def test_other_devices_refuse_units_and_their_weights(device: str) -> None:
    net = vectorised()
    with pytest.raises(DeviceError, match="share weights|components"):
        ap.simulate(net, device=device)
    with pytest.raises(DeviceError, match="3 components, whose common gate"):
        _ = net.populations[1].model


@pytest.mark.parametrize("wiring", ["gevb", "bp"])
def test_a_stored_network_learns_the_same(wiring: str, tmp_path: Any) -> None:
    net, block = vectorised(wiring), trials()
    net.save(tmp_path / "net.npz")
    again = ap.Network.load(tmp_path / "net.npz")
    one, other = simulated(net), simulated(again)
    one.run(block)
    other.run(block)
    for name, values in one.state.items():
        np.testing.assert_array_equal(values, other.state[name])


def test_states_are_one_value_for_each_shared_weight_and_go_back() -> None:
    net = vectorised()
    simulator, other = simulated(net), simulated(net)
    assert simulator.state["first_to_second.w"].shape == (N_1 * N_2,)
    simulator.run(trials())
    other.load({p.name: simulator.weights(p) for p in net.plastic})
    for p in net.plastic:
        np.testing.assert_array_equal(simulator.weights(p), other.weights(p))
    unlike = simulator.weights("first_to_second").copy()
    unlike[0, 0] += 1
    with pytest.raises(ParameterError, match="shares weights"):
        other.load({"first_to_second": unlike})


def test_adam_steps_shared_weights_once() -> None:
    """The optimiser sees the sum over components, as one weight's update."""
    net = vectorised()
    rule = ap.rules.three_factor(dynamics=ap.optimizers.adam(0.01))
    learning = ap.Network(seed=1)
    for p in net.populations:
        learning.add(p)
    for p in net.projections:
        if p.rule:
            options = {"weights": p.weights, "bounds": p.bounds, "connectivity": p.connectivity}
            learning.connect(p.pre, p.post, rule=rule, **options)
    error = learning.populations[-1]
    learning.teach(ap.feedback.error_vector(error, learning.forward))
    simulator = simulated(learning)
    before = simulator.weights("first_to_second")
    update = simulator.updates(trials())["first_to_second"]
    simulator.run(trials())
    expected = np.maximum(before + 0.01 * np.sign(update), 0)  # the first step of Adam
    moved = np.abs(update) > 1e-4
    np.testing.assert_allclose(
        simulator.weights("first_to_second")[moved], expected[moved], atol=1e-5
    )
