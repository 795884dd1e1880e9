"""Networks as NIR: written, graded, read back with the same spikes, refused by name."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import nir as exchange
from apical._base.reading import UnreadableError
from apical.errors import DataError, ParameterError, RunError, WiringError
from apical.nir.conversion import Steps, to_nir
from apical.records.arrays import Records
from apical.records.recording import record

nir = pytest.importorskip("nir")
DIGITS = ap.datasets.load("digits")

KINDS: dict[str, dict[str, Any]] = {
    "CubaLIF": {},
    "CubaLIF with a bias": {"bias": 0.3, "tau_m": 12.0},
    "LIF": {"tau_s": 0.0},
    "LIF with a bias": {"tau_s": 0.0, "bias": 0.3},
    "LI and IF": {"leak": False},
    "LI, Affine and IF": {"leak": False, "bias": 0.2, "v_start": 0.5},
    "IF": {"leak": False, "tau_s": 0.0},
    "Affine and IF": {"leak": False, "tau_s": 0.0, "bias": 0.2},
}
CASES = [(kind, "continuous") for kind in KINDS]
CASES += [(kind, "euler") for kind in ("CubaLIF with a bias", "LIF", "LI, Affine and IF")]


def network(reset: str = "rest", delay: float = 0.0, **neuron: Any) -> ap.Network:
    net = ap.Network(seed=1)
    x = net.add(ap.Stimulus("stimulus", 64, ap.encoding.Regular(100.0, 30.0)))
    h = net.add(ap.LIF("hidden", 12, reset=reset, **neuron))
    y = net.add(ap.LIF("output", 10, reset=reset, **neuron))
    rule = ap.rules.three_factor(1e-3)
    net.connect(x, h, weights=ap.Normal(0.6), rule=rule)
    net.connect(h, y, weights=ap.Normal(2.0), delay=delay)
    net.connect(h, h, weights=ap.Normal(0.1), name="recurrent")
    net.teach(ap.feedback.direct(net.add(ap.Error("error", 20)), net.forward))
    return net


def replayed(net: ap.Network, n: int = 3) -> Records:
    with ap.simulate(net, "runtime", record=["stimulus", "hidden", "output"]) as simulator:
        return record(simulator, DIGITS.test, np.arange(n), synapses=False)


def assert_same_spikes(one: Records, other: Records, least: int = 20) -> None:
    for name, spikes in one.spikes.items():
        assert len(spikes) >= least
        for part in ("trial", "time", "unit"):
            np.testing.assert_array_equal(getattr(other.spikes[name], part), getattr(spikes, part))


@pytest.mark.parametrize(("kind", "constants"), CASES)
def test_there_and_back_with_the_same_spikes(kind: str, constants: str, tmp_path: Path) -> None:
    net, path = network(delay=3.0, **KINDS[kind]), tmp_path / "it.nir"
    exchange.write(net, path, constants=constants)  # type: ignore[arg-type]
    found = exchange.read(path)
    assert found.dt == 1.0 and found.network.trial == net.trial
    for name in ("hidden", "output"):
        was, now = (next(p for p in n.populations if p.name == name) for n in (net, found.network))
        ours = ("tau_m", "tau_s", "leak", "bias", "v_start")
        expected = {key: getattr(was, key) for key in ours}
        if not expected["leak"] and not expected["tau_s"]:  # its bias over tau_m is what matters
            assert now.bias / now.tau_m == pytest.approx(was.bias / was.tau_m)
            continue
        assert {key: getattr(now, key) for key in ours} == pytest.approx(expected)
    assert found.network.projection("hidden_to_output").delay == 3.0
    assert_same_spikes(replayed(net), replayed(found.network))
    written = {type(node).__name__ for node in nir.read(path).nodes.values()}
    assert {*kind.replace(",", "").replace(" with a bias", "").split()} - {"and"} <= written


def test_constants_are_those_of_a_hand_calculation() -> None:
    neuron = ap.LIF("hidden", 1, tau_m=20.0, tau_s=5.0, bias=0.5).integrator
    ((kind, found),) = to_nir(neuron, Steps(1.0)).nodes
    # R = 0.020 s / 0.001 s; w_in = 5 ms / 20 ms; a spike adds 0.25 * 1/5 = 0.05 to I, times R is 1
    assert kind == "CubaLIF" and found == pytest.approx(
        {
            "tau_mem": 0.02,
            "tau_syn": 0.005,
            "r": 20.0,
            "w_in": 0.25,
            "v_leak": 0.5,
            "v_threshold": 1.0,
            "v_reset": 0.0,
        }
    )
    assert found["w_in"] * 1e-3 / found["tau_syn"] * found["r"] == pytest.approx(1.0)
    plain = to_nir(ap.LIF("hidden", 1, tau_m=20.0, tau_s=0.0).integrator, Steps(1.0))
    assert plain.nodes[0][1]["tau"] == 0.02 and plain.nodes[0][1]["r"] == 1.0
    assert plain.scale * 1e-3 / 0.02 == pytest.approx(1.0)  # a weight of 1 adds 1
    current, adds, fires = to_nir(
        ap.LIF("hidden", 1, tau_m=20.0, tau_s=5.0, leak=False, bias=0.5).integrator, Steps(0.5)
    ).nodes
    assert current == ("LI", {"tau": 0.005, "r": 10.0, "v_leak": 0.0})
    assert adds == ("Affine", {"bias": 0.5}) and fires[1]["r"] == pytest.approx(50.0)
    ((_, counter),) = to_nir(
        ap.LIF("hidden", 1, tau_s=0.0, leak=False).integrator, Steps(0.5)
    ).nodes
    assert counter["r"] == pytest.approx(2000.0)  # 1 / 0.0005 s


@pytest.mark.parametrize(("tau_m", "tau_s"), [(20.0, 5.0), (5.0, 20.0), (7.0, 7.0)])
def test_euler_with_its_constants_is_exact(tau_m: float, tau_s: float) -> None:
    """One spike of weight 1: the closed solution, and Euler's method as others go by it."""
    ((_, node),) = to_nir(
        ap.LIF("hidden", 1, tau_m=tau_m, tau_s=tau_s).integrator, Steps(1.0, euler=True)
    ).nodes
    v = current = 0.0
    for step in range(30):
        current += 1e-3 / node["tau_syn"] * (node["w_in"] * (step == 0) - current)
        v += 1e-3 / node["tau_mem"] * (node["r"] * current - v)
        t = step + 1.0
        if tau_m == tau_s:
            exact = t / tau_m * math.exp(-t / tau_m)
        else:
            exact = tau_s / (tau_m - tau_s) * (math.exp(-t / tau_m) - math.exp(-t / tau_s))
        assert v == pytest.approx(exact, rel=1e-9)


def euler(graph: Any, stimulus: np.ndarray, dt: float) -> dict[str, np.ndarray]:
    """Go through a graph of CubaLIF, LI and IF by the equations of NIR, without this package.

    Spikes arrive a step after they were fired, as they do here; shape (n_steps, n).
    """
    nodes, state = graph.nodes, {}
    spikes = {k: [] for k, node in nodes.items() if type(node).__name__.endswith("IF")}
    last = {k: np.zeros(node.v_threshold.shape) for k, node in nodes.items() if k in spikes}
    for given in stimulus:

        def out(name: str, given: Any = given, last: Any = last) -> Any:
            node = nodes[name]
            kind = type(node).__name__
            if kind == "Input":
                return given
            if name in last:
                return last[name]
            value = sum(out(a) for a, b in graph.edges if b == name)
            if kind == "LI":
                v = state.setdefault(name, np.zeros(node.tau.shape))
                state[name] = v + dt / node.tau * (node.v_leak - v + node.r * value)
                return state[name]
            return node.weight @ value + getattr(node, "bias", 0.0)

        now = {}
        for name in spikes:
            node, value = nodes[name], sum(out(a) for a, b in graph.edges if b == name)
            current, v = state.get(name, (0.0, 0.0))
            if hasattr(node, "tau_syn"):
                current = current + dt / node.tau_syn * (node.w_in * value - current)
                v = v + dt / node.tau_mem * (node.v_leak - v + node.r * current)
            else:
                v = v + dt * node.r * value
            now[name] = (v > node.v_threshold).astype(float)
            state[name] = current, np.where(now[name] > 0, node.v_reset, v)
            spikes[name].append(now[name])
        last = now
    return {name: np.array(found) for name, found in spikes.items()}


@pytest.mark.parametrize("kind", ["CubaLIF", "CubaLIF with a bias", "LI and IF"])
def test_its_equations_give_the_same_spikes(kind: str, tmp_path: Path) -> None:
    net = network(**KINDS[kind])
    exchange.write(net, tmp_path / "it.nir", constants="euler")
    records = replayed(net, 1)
    trains = {}
    for name, spikes in records.spikes.items():
        trains[name] = np.zeros((100, len(records.units[name])))
        trains[name][np.rint(spikes.time).astype(int), spikes.unit] = 1
    found = euler(nir.read(tmp_path / "it.nir"), trains["stimulus"], 1e-3)
    for name in ("hidden", "output"):  # what arrives in a step acts in the next one here
        np.testing.assert_array_equal(found[name][:-1], trains[name][1:])
        assert trains[name].sum() > 2


def test_what_is_graded_and_refused_by_name() -> None:
    soft = network(reset="subtract", leak=False, v_start=0.5)
    levels = {grade.name: grade for grade in exchange.grades(soft)}
    assert levels["hidden"].level == "refused" and "give 'hard'" in levels["hidden"].reason
    assert levels["error"].level == levels["error_to_hidden"].level == "metadata"
    assert levels["stimulus_to_hidden"].level == "faithful"
    hard = {grade.name: grade for grade in exchange.grades(soft, reset="hard")}
    assert hard["hidden"].level == "approximate"
    assert "begin at 0.5" in hard["hidden"].reason and "resets to 0" in hard["hidden"].reason
    assert {g.name: g.level for g in exchange.grades(network())}["hidden"] == "faithful"
    no_current = {g.name: g for g in exchange.grades(network(tau_s=0.0))}["hidden"]
    assert no_current.level == "approximate" and "what arrives" in no_current.reason


def test_what_cannot_be_held_is_not_written(tmp_path: Path) -> None:
    net = ap.Network()
    x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    adapts, waits = ap.ALIF("adapts", 3), ap.LIF("waits", 2, refractory=2.0, noise_rate=5.0)
    ap.chain(net, x, adapts, waits, weights=ap.Normal(0.2))
    with pytest.raises(WiringError, match=r"'adapts': .*ALIF\. 'waits': .*refractory.* noise"):
        exchange.write(net, tmp_path / "it.nir", reset="hard")
    assert not list(tmp_path.iterdir())


def test_a_soft_reset_comes_back_hard(tmp_path: Path) -> None:
    net = network(reset="subtract")
    with pytest.raises(WiringError, match="'hidden': NIR resets to a value"):
        exchange.write(net, tmp_path / "it.nir")
    exchange.write(net, tmp_path / "it.nir", reset="hard")
    found = exchange.read(tmp_path / "it.nir").network
    assert all(p.reset == "rest" for p in found.populations if p.name in ("hidden", "output"))
    assert_same_spikes(replayed(network()), replayed(found))


def test_learning_is_told(tmp_path: Path) -> None:
    about = {"config": {"model": "/home/jane/it.py"}}
    exchange.write(network(), tmp_path / "it.nir", about=about)
    told = exchange.read(tmp_path / "it.nir").told
    (rule,) = told["learning"]["rules"]
    assert rule["projection"] == "stimulus_to_hidden" and rule["update"] and rule["source"]
    assert told["learning"]["feedback"]["name"] == "DFA"
    assert {"name": "error_to_hidden", "pre": "error", "post": "hidden"} in told["learning"][
        "feedback"
    ]["projections"]
    assert told["about"]["config"]["model"] == "it.py"
    assert json.dumps(told)


def test_weights_are_those_given(tmp_path: Path) -> None:
    net, w = network(), np.arange(64.0 * 12).reshape(64, 12)
    exchange.write(net, tmp_path / "it.nir", weights={"stimulus_to_hidden": w})
    found = exchange.read(tmp_path / "it.nir").network
    back = found.initial_weights(found.projection("stimulus_to_hidden"))
    np.testing.assert_allclose(back, w, rtol=1e-12)
    with pytest.raises(ParameterError, match=r"must have shape \(64, 12\)"):
        exchange.write(net, tmp_path / "b.nir", weights={"stimulus_to_hidden": w.T})
    with pytest.raises(RunError, match="exists already"):
        exchange.write(net, tmp_path / "it.nir")


def foreign(path: Path, nodes: Mapping[str, Any], edges: list[tuple[str, str]]) -> Path:
    nir.write(path, nir.NIRGraph(dict(nodes), edges, type_check=False))
    return path


def one(value: float, n: int = 2) -> np.ndarray:
    return np.full(n, value)


def test_a_graph_of_others_is_a_network_to_start_from(tmp_path: Path) -> None:
    """Worked by hand: D = 2, so that w = (R/D)(dt/tau) w_NIR = (4/2)(1/10) * 5 = 1."""
    lif = nir.LIF(one(0.01), one(4.0), one(1.0), one(3.0), one(1.0))  # tau, r, leak, thr, reset
    nodes = {
        "input": nir.Input(np.array([3])),
        "0": nir.Affine(np.full((2, 3), 5.0), one(0.25)),
        "1": lif,
        "output": nir.Output(np.array([2])),
    }
    path = foreign(tmp_path / "it.nir", nodes, [("input", "0"), ("0", "1"), ("1", "output")])
    with pytest.raises(ParameterError, match="give dt"):
        exchange.read(path)
    found = exchange.read(path, dt=1.0, trial=50.0, seed=3, encoder=ap.encoding.Poisson(50.0))
    net = found.network
    (neurons,) = [p for p in net.populations if p.role == "neurons"]
    assert (neurons.size, neurons.tau_m, neurons.tau_s) == (2, 10.0, 0.0)
    assert neurons.bias == pytest.approx(4.0 / 2 * 0.25)  # R/D times the constant; v_leak = v_reset
    assert net.output is neurons and net.trial == 50.0 and net.seed == 3
    (projection,) = net.projections
    np.testing.assert_allclose(net.initial_weights(projection), np.ones((3, 2)))
    assert projection.rule is None and found.told == {}
    assert isinstance(net.stimulus.encoder, ap.encoding.Poisson)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"1": nir.Threshold(one(1.0))}, "Node '1' of this NIR graph is a Threshold"),
        ({"1": nir.IF(one(1.0), np.array([1.0, 2.0]), one(0.0))}, None),
        ({"1": nir.LIF(np.array([0.01, 0.02]), one(1.0), one(0.0), one(1.0))}, "tau that differs"),
        ({"1": nir.LIF(one(0.01), one(1.0), np.array([0.0, 0.5]), one(1.0))}, "bias that differs"),
        ({"1": nir.I(one(1.0))}, "Node '1' of this NIR graph is a I"),
        ({"1": nir.LI(one(0.01), one(1.0), one(0.0))}, "output of this NIR graph must be one node"),
    ],
)
def test_nodes_that_cannot_be_read_are_named(
    changes: dict[str, Any], said: str | None, tmp_path: Path
) -> None:
    nodes = {
        "input": nir.Input(np.array([3])),
        "0": nir.Linear(np.ones((2, 3))),
        "1": None,
        "output": nir.Output(np.array([2])),
    } | changes
    path = foreign(tmp_path / "it.nir", nodes, [("input", "0"), ("0", "1"), ("1", "output")])
    if said is None:  # thresholds that differ are weights that differ
        net = exchange.read(path, dt=1.0).network
        w = net.initial_weights(net.projections[0])
        np.testing.assert_allclose(w, np.array([[1e-3, 5e-4]] * 3))
        return
    with pytest.raises(DataError, match=said):
        exchange.read(path, dt=1.0)


def test_what_several_paths_bring_is_added_once(tmp_path: Path) -> None:
    nodes = {
        "input": nir.Input(np.array([2])),
        "a": nir.Linear(np.eye(2)),
        "b": nir.Scale(one(2.0)),
        "sum": nir.Affine(np.eye(2), one(0.5)),
        "lif": nir.LIF(one(0.01), one(1.0), one(0.0), one(1.0)),
        "output": nir.Output(np.array([2])),
    }
    edges = [("input", "a"), ("input", "b"), ("a", "sum"), ("b", "sum"), ("sum", "lif")]
    path = foreign(tmp_path / "it.nir", nodes, [*edges, ("lif", "output")])
    net = exchange.read(path, dt=1.0).network
    assert len(net.projections) == 2 and net.output.bias == pytest.approx(0.5)
    total = sum(net.initial_weights(p) for p in net.projections)
    np.testing.assert_allclose(total, 0.1 * 3 * np.eye(2))


def test_what_is_no_graph_is_said(tmp_path: Path) -> None:
    (tmp_path / "it.nir").write_bytes(b"nothing")
    with pytest.raises(UnreadableError):
        exchange.read(tmp_path / "it.nir")
    with pytest.raises(UnreadableError):
        exchange.read(tmp_path / "none.nir")


def test_what_is_damaged_or_unpacks_to_too_much_is_said(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    exchange.write(network(), tmp_path / "it.nir")
    with h5py.File(tmp_path / "it.nir", "r+") as file:
        del file["node/nodes/hidden/tau_mem"]
    with pytest.raises(UnreadableError):
        exchange.read(tmp_path / "it.nir")
    with h5py.File(tmp_path / "big.nir", "w") as file:
        file.create_dataset("node/weight", (1 << 20, 1 << 12), compression="gzip")
    with pytest.raises(UnreadableError, match="unpacks to"):
        exchange.read(tmp_path / "big.nir")
