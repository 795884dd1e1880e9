"""Sparse synapses on devices: stored one by one or in a masked matrix, results are the same."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import connectivity as c
from apical.devices import of_brian, runtime
from apical.devices.arrays import storage
from apical.feedback import WIRINGS
from apical.plasticity.constraints import Levels

KINDS = (c.Probability(0.3), c.ReceptiveFields(2), c.ReceptiveFields(4, padding=1))
RATES = ("bp", "fa", "dfa", "ifa_forward", "ifa_random", "drtp", "two_phases")
BLOCK = ap.Block.of_labels(
    np.random.default_rng(0).random((10, 16)), np.arange(10) % 3, learning=1.0
)


def rates(kind: c.Connectivity, wiring: str = "dfa", **options: Any) -> ap.Network:
    net, how = ap.Network(trial=200.0), WIRINGS[wiring]
    x = net.add(ap.Stimulus("x", 16, ap.encoding.Graded(), shape=(4, 4)))
    h = net.add(ap.Rate("h", 18, "tanh", shape=(2, 3, 3), **how.hidden))
    y = net.add(ap.Rate("y", 3, **how.output))
    options = {"rule": ap.rules.three_factor(0.1, decay=0.01), "weights": ap.FanIn()} | options
    net.connect(x, h, connectivity=kind, **options)
    net.connect(h, y, connectivity=c.Probability(0.5), **options)
    net.teach(how(net.add(ap.RateError("e", 3)), net.forward))
    return net


def spiking(kind: c.Connectivity, wiring: str = "dfa", when: str = "feedback") -> ap.Network:
    net = ap.Network(trial=20.0)
    x = net.add(ap.Stimulus("x", 16, ap.encoding.Regular(400.0), tau_x=20.0, shape=(4, 4)))
    h = net.add(ap.LIF("h", 18, bias=1.2, shape=(2, 3, 3), gain="1"))
    y = net.add(ap.LIF("y", 3, bias=1.5, gain="1"))
    rule = ap.rules.three_factor(1e-3)
    if when in ("spike", "post"):
        rule = ap.LearningRule("decays", "eta*(0.1*x_pre - w)", {"eta": 1e-2}, when=when)  # type: ignore[arg-type]
    elif when == "trial":
        rule = ap.rules.three_factor(1e-3, when="trial")
    net.connect(x, h, weights=ap.Normal(0.5), rule=rule, connectivity=kind)
    net.connect(h, y, weights=ap.Normal(0.5), rule=rule, connectivity=c.Probability(0.5))
    near = c.Distance(c.gaussian(0.5), torus=True, autapses=False)
    net.connect(h, h, weights=ap.Normal(0.1), connectivity=near)
    net.teach(WIRINGS[wiring](net.add(ap.Error("e", 6)), net.forward))
    return net


def outcomes(net: ap.Network, device: str, **options: Any) -> tuple[dict[str, Any], Any]:
    """Return the state after learning and the result; no synapse may have appeared."""
    with ap.simulate(net, device, dtype="float64", **options) as simulator:
        result = simulator.run(BLOCK)
        for p in net.projections:
            exists = net.existing(p)
            if exists is not None:
                assert not simulator.weights(p)[~exists].any(), p
        i, j, w = simulator.synapses("x_to_h")
        assert np.array_equal(simulator.weights("x_to_h")[i, j], w)
        assert (w != net.initial_state("x_to_h")).any()
        state = simulator.state
        simulator.state = state
        assert all(np.array_equal(v, state[k]) for k, v in simulator.state.items())
    return state, result


def apart(net: ap.Network, forms: Iterator[None], device: str, **options: Any) -> float:
    (state, result), (other, again) = (outcomes(net, device, **options) for _ in forms)
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in other.items()}
    assert all(np.allclose(v, again.counts[k], atol=1e-12) for k, v in result.counts.items())
    finite = {k for k, v in state.items() if np.isfinite(v).all()}
    return max(float(np.abs(state[k] - other[k]).max(initial=0)) for k in finite)


def on_arrays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Store synapses in a masked matrix, then one by one, or by window."""
    for below in (0.0, 1.1):
        monkeypatch.setattr(storage, "SPARSE_BELOW", below)
        monkeypatch.setattr(storage, "BLOCKS_BELOW", below)
        yield


@pytest.mark.parametrize("wiring", RATES)
@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_arrays_compute_the_same_sparsely_and_with_a_mask(
    wiring: str, kind: c.Connectivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = rates(kind, wiring)
    assert apart(net, on_arrays(monkeypatch), "array", batch=4) < 1e-12


@pytest.mark.parametrize(
    "options",
    [
        {"rule": ap.rules.three_factor(dynamics=ap.optimizers.adam(0.01))},
        {"rule": ap.LearningRule("oja", "0.1*x_pre*x_post - 0.1*x_post**2*w", source="Oja 1982")},
        {"inhibitory": 0.3, "missing": 0.2},
        {"levels": Levels(8, 2.0)},
        {"bounds": (0.05, 1.0)},
    ],
    ids=["adam", "oja", "dale", "levels", "bounds"],
)
def test_rules_optimisers_and_constraints_act_on_existing_synapses_alone(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = rates(c.ReceptiveFields(2), **options)
    assert apart(net, on_arrays(monkeypatch), "array", batch=4) < 1e-12


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_torch_computes_the_same(kind: c.Connectivity, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    net = rates(kind, "bp", rule=ap.rules.three_factor(dynamics=ap.optimizers.adam(0.01)))
    known, _ = outcomes(net, "array", batch=4)
    for _ in on_arrays(monkeypatch):
        found, _ = outcomes(net, "array", batch=4, library="torch:cpu")
        assert all(np.abs(known[name] - found[name]).max() < 1e-12 for name in known)


def test_perturbed_weights_stay_within_the_connectivity(monkeypatch: pytest.MonkeyPatch) -> None:
    net, rule = ap.Network(), ap.rules.weight_perturbation(0.1)
    x = net.add(ap.Stimulus("x", 16, ap.encoding.Graded()))
    h, y = net.add(ap.Rate("h", 18)), net.add(ap.Rate("y", 3))
    for pre, post in ((x, h), (h, y)):
        options = {"rule": rule, "explores": 0.1, "connectivity": c.Probability(0.3)}
        net.connect(pre, post, weights=ap.FanIn(), **options)
    net.add(ap.RateError("e", 3, keeps="square"))
    net.teach(ap.feedback.broadcast(net.add(ap.Reward("r")), net.forward))
    assert apart(net, on_arrays(monkeypatch), "array", batch=2) < 1e-12


def test_a_mask_of_everything_is_the_full_network() -> None:
    full, masked = (rates(kind) for kind in (c.AllToAll(), c.Mask(np.ones((16, 18)))))
    weights = {p.name: full.initial_weights(p) for p in full.plastic if p.post.name == "h"}
    found = []
    for net in (full, masked):
        with ap.simulate(net, "array", batch=4, dtype="float64") as simulator:
            simulator.load(weights)
            simulator.run(BLOCK)
            found.append(simulator.weights("x_to_h"))
    assert np.abs(found[0] - found[1]).max() < 1e-12


def in_brian(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make all synapses with a mask, then only those that exist."""
    for sparse in (False, True):

        def building(options: Any, *, made: bool = sparse, **given: Any) -> Any:
            return of_brian.building(options, **{**given, "sparse": made})

        monkeypatch.setattr(runtime, "building", building)
        yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wiring", "when"), [("dfa", "feedback"), ("dfa", "spike"), ("dfa", "trial"), ("fa", "post")]
)
def test_brian_spikes_the_same_with_fewer_synapses(
    wiring: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = spiking(c.ReceptiveFields(2), wiring, when)
    assert apart(net, in_brian(monkeypatch), "runtime") == 0


@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["fa", "dfa", "ifa_forward", "ifa_random"])
@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_brian_learns_the_same_under_every_wiring(
    wiring: str, kind: c.Connectivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert apart(spiking(kind, wiring), in_brian(monkeypatch), "runtime") == 0


@pytest.mark.slow
def test_rates_in_brian_have_fewer_synapses(monkeypatch: pytest.MonkeyPatch) -> None:
    net = rates(c.ReceptiveFields(2), rule=ap.rules.three_factor(0.1))
    assert apart(net, in_brian(monkeypatch), "runtime", dt=2.0) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("dense", [True, False])
def test_compiled_programs_have_the_same_synapses(dense: bool) -> None:
    net = spiking(c.ReceptiveFields(2))
    state, result = outcomes(net, "runtime")
    other, again = outcomes(net, "cpp_standalone", dense=dense)
    assert all(np.array_equal(v, again.counts[k]) for k, v in result.counts.items())
    assert all(
        np.abs(v - other[k]).max(initial=0) < 1e-12 for k, v in state.items() if k.endswith(".w")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("device", "plastic"), [("array", True), ("runtime", False)])
def test_ten_million_of_ten_billion_synapses_fit_into_a_gigabyte(
    device: str, plastic: bool
) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "sparse_synapses.py"
    case = json.dumps([device, 100_000, 0.001, plastic])
    command = [sys.executable, str(script), "--one", case]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(said.splitlines()[-1])
    assert found["synapses"] == pytest.approx(1e7, rel=1e-3)
    assert found["MB"] < 1000
