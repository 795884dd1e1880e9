"""Device `genn`: what is refused by name, and that GeNN gives what Brian2 gives.

What runs needs Brian2GeNN, in an environment of its own, and the source of GeNN (`make test-genn`).
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pytest
import rate_networks
from networks import N_CLASSES, N_INPUTS, small, trials
from test_devices import assert_same, steps_and_neurons
from test_doctor import has, tools

from apical import (
    ALIF,
    LIF,
    Block,
    Error,
    LearningRule,
    Network,
    NeuronModel,
    Neurons,
    Normal,
    Stimulus,
    dynamics,
    feedback,
    rules,
    simulate,
)
from apical.devices import check_simulation, lacks
from apical.errors import DeviceError, RunError
from apical.neurons.encoding import Escape, Latency, Poisson, Regular, Replayed

LACKS = [lack.what for lack in lacks.lacks_of_brian2genn()]
LACKS += list(filter(None, [lacks.source_of_genn()[2]]))
needs_genn = pytest.mark.skipif(bool(LACKS), reason="; ".join(LACKS))

assert tools  # a fixture
GENN = {"brian2": "2.5.4", "numpy": "1.26.4", "setuptools": "65.5.0", "brian2genn": "1.7.0"}


# ---- what is refused ----------------------------------------------------------------------------
def with_rule(**changes: Any) -> Network:
    changes = {"weights": Normal(0.5)} | changes
    return small().altered(
        projection=lambda p: replace(p, **changes) if p.name == "stimulus_to_hidden_0" else p
    )


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (small("feedback"), "acts at 'feedback', and GeNN lets weights change at the end of"),
        (small("spike"), "acts at 'spike'"),
        (rate_networks.rates(), "'stimulus' is graded, .* use device='array' for rate networks"),
        (small(hidden=(8, 6), wiring=feedback.indirect), "carries x, delta, .* relay='random'"),
        (small(neuron={"tau_s": 0.0, "reset": "rest"}), "spike of 'hidden_0' sets 'v', to which"),
        (with_rule(delay=2.0), "'stimulus_to_hidden_0' has a delay, and GeNN gives no access"),
        (with_rule(rule=rules.three_factor(1e-3), total=3.0), "normalises its weights, which"),
        (with_rule(rule=rules.e_prop(1e-3)), "rule 'e_prop' on .* keeps traces"),
    ],
)
def test_what_genn_cannot_do_is_refused_by_name(network: Network, said: str) -> None:
    with pytest.raises(DeviceError, match=f"Device 'genn' cannot run this network: .*{said}") as e:
        check_simulation(network, "genn")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ({"brian2": "2.9.0"}, r"Brian2 2.5.4 \(got 2.9.0\) and setuptools before 81"),
        (GENN | {"numpy": "2.3.5"}, r"numpy before 2 \(got 2.3.5\)"),
        ({k: v for k, v in GENN.items() if k != "brian2genn"}, "Brian2GeNN is not installed"),
        (GENN | {"brian2genn": "1.6"}, "Brian2GeNN 1.7.0 is wanted, got 1.6"),
    ],
)
def test_versions_that_do_not_fit_are_named_before_anything_is_imported(
    monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], said: str
) -> None:
    has(monkeypatch, {"numpy": "1.26.4"} | packages)
    with pytest.raises(DeviceError, match=f"environment of its own: .*{said}.*pip install"):
        simulate(small(), "genn")


def test_the_source_of_genn_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tools: Path, tmp_path: Path
) -> None:
    has(monkeypatch, GENN)
    with pytest.raises(DeviceError, match="cannot compile: the source of GeNN 4 .* not set.*clone"):
        simulate(small(), "genn")
    monkeypatch.setenv("GENN_PATH", str(tmp_path))
    (tmp_path / "version.txt").write_text("5.4.0")
    with pytest.raises(DeviceError, match=f"wants GeNN 4, {re.escape(str(tmp_path))} is GeNN 5"):
        simulate(small(), "genn")


# ---- the contract -------------------------------------------------------------------------------
def lif_with(encoder: Any, neuron: Any, frames: int = 1) -> Network:
    """Return a network whose hidden population is of a kind of its own."""
    net = Network(trial=40.0, reset=False, settle=10.0)
    x = net.add(Stimulus("stimulus", N_INPUTS // frames, encoder, frames=frames))
    h, y = net.add(neuron), net.add(LIF("output", N_CLASSES, bias=1.5, gain="1"))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=Normal(0.5), rule=rules.three_factor(2e-3))
    net.teach(feedback.direct(net.add(Error("error", 2 * N_CLASSES, tau=50.0)), net.forward))
    return net


def restrained() -> Network:
    """Return a network whose plastic synapses have signs, gaps, bounds and a memory of updates."""
    net = Network(trial=40.0)
    x = net.add(Stimulus("stimulus", N_INPUTS, Regular(200.0)))
    h, y = net.add(LIF("hidden", 8, bias=0.8)), net.add(LIF("output", N_CLASSES, bias=1.5))
    adapting = rules.three_factor(2e-3, dynamics=dynamics.rmsprop())
    net.connect(x, h, weights=Normal(0.5), rule=adapting, bounds=(-0.9, 0.9), inhibitory=0.3)
    net.connect(h, y, weights=Normal(0.5), rule=adapting, missing=0.3)
    net.teach(feedback.direct(net.add(Error("error", 2 * N_CLASSES)), net.forward))
    return net


ESCAPING = LIF("hidden", 8, bias=0.8, refractory=3.0, noise_rate=50.0, noise_kick=0.2)
DETERMINISTIC = {
    "regular": lambda: small(),
    "latency": lambda: small(
        encoder=Latency(20.0), neuron={"leak": True, "reset": "rest"}, reset=False
    ),
    "refractory": lambda: small(
        neuron={"leak": True, "refractory": 3.0, "tau_teach": 0.0}, bounds=(-0.6, 0.6)
    ),
    "deep": lambda: small(hidden=(8, 6), error={"label_spikes": True, "tau": 30.0}),
    "layerwise": lambda: small(hidden=(8, 6), wiring=feedback.layerwise),
    "indirect": lambda: small(
        hidden=(8, 6),
        wiring=lambda e, forward: feedback.indirect(e, forward, relay="random"),
        neuron={"tau_teach": 10.0},
    ),
    "adaptive": lambda: lif_with(Regular(200.0), ALIF("hidden", 8, bias=0.8)),
    "frames": lambda: lif_with(Regular(200.0), LIF("hidden", 8, bias=0.95), frames=2),
    "replayed": lambda: lif_with(Replayed(), LIF("hidden", 8, bias=0.8, tau_s=0.0), frames=4),
    "restrained": restrained,
}
RANDOM = {
    "poisson": lambda: small(encoder=Poisson(200.0)),
    "escape": lambda: lif_with(Escape(100.0, gain=2.0, threshold=0.5), ESCAPING),
    "unreliable": lambda: small(encoder=Regular(200.0, unreliable=0.3), release=0.7),
}


def run(network: Network, device: str, **options: Any) -> Any:
    record = [population.name for population in network.populations]
    options = {"dtype": "float64", "record": record, "capacity": 12, **options}
    return simulate(network, device, **options)


@needs_genn
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_genn_gives_what_brian2_gives(name: str) -> None:
    """Spikes, weights and all state, over blocks that are run in parts."""
    network, traced = DETERMINISTIC[name](), {"traces": ("v",), "record": ("output",)}
    genn, brian = run(network, "genn", **traced), run(DETERMINISTIC[name](), "runtime", **traced)
    for index in range(2):
        block = trials(20, learning=np.arange(20) % 3 / 2, seed=index, index=index)
        one, other = genn.run(block), brian.run(block)
        assert all(counts.any() for counts in other.counts.values()), "a population is silent"
        assert_same(steps_and_neurons(other), steps_and_neurons(one))
        assert_same(other.counts, one.counts)
        assert_same(other.traces, one.traces, 1e-9)
        assert_same(brian.state, genn.state, 1e-9)


@needs_genn
@pytest.mark.parametrize("name", RANDOM)
def test_random_numbers_have_the_right_means_and_repeat(name: str) -> None:
    block = trials(600, seed=1)
    genn, brian = (run(RANDOM[name](), device, capacity=600) for device in ("genn", "runtime"))
    start = genn.state
    one, other = genn.run(block), brian.run(block)
    for population, counts in other.counts.items():
        error = np.sqrt(2 * counts.var() / len(counts) / counts.shape[1])
        assert abs(one.counts[population].mean() - counts.mean()) < 5 * error + 1e-9, population
    genn.state = start
    assert_same(one.counts, genn.run(block).counts)
    genn.state = start
    changed = genn.run(Block(block.values, block.labels, block.learning, index=1))
    assert any(not np.array_equal(changed.counts[k], v) for k, v in one.counts.items())


@needs_genn
def test_single_precision_and_other_numbers_compile_nothing() -> None:
    first = run(small(eta=1e-3), "genn", dtype="float32")
    first.run(trials(5))
    assert first.compile_seconds > 0 and first.weights("hidden_0_to_output").dtype == np.float32
    second = run(small(eta=5e-3, seed=3), "genn", dtype="float32")
    result = second.run(trials(20, learning=1.0))
    assert second.compile_seconds == 0
    brian = run(small(eta=5e-3, seed=3), "runtime", dtype="float32")
    expected = brian.run(trials(20, learning=1.0))
    assert_same(steps_and_neurons(expected), steps_and_neurons(result))
    assert_same(brian.state, second.state, 1e-4)


@needs_genn
def test_what_brian2genn_itself_refuses_is_one_line() -> None:
    model = NeuronModel("v : 1\nw_sum = v*2 : 1", threshold="v > 1", reset="v -= 1")
    net = Network(trial=40.0)
    x = net.add(Stimulus("stimulus", N_INPUTS, Regular(200.0)))
    y = net.add(Neurons("output", N_CLASSES, model, takes={"drive": "v"}, offers=("v",)))
    net.connect(x, y, weights=Normal(0.5), rule=LearningRule("own", "eta * v_post", {"eta": 1e-3}))
    assert run(net, "genn").run(trials(3)).counts["output"].shape == (3, N_CLASSES)


@needs_genn
def test_brian_objects_can_be_added() -> None:
    simulators, probes = [], []
    for device in ("genn", "runtime"):
        simulator = run(small(), device)
        simulators.append(simulator)
        hidden = simulator.brian["hidden_0"]
        probe = b2.StateMonitor(hidden, ["v"], record=[0, 3]), b2.PopulationRateMonitor(hidden)
        simulator.add(*probe)
        probes.append(probe)
    for index in range(2):
        for simulator in simulators:
            simulator.run(trials(10, seed=index, index=index))
        (one, rate), (other, expected) = probes
    for monitor in (one, other):
        np.testing.assert_allclose(monitor.t / b2.ms, np.arange(2 * 400), atol=1e-6)
    np.testing.assert_allclose(one.v[:], other.v[:], atol=1e-9)
    np.testing.assert_allclose(rate.rate_[:], expected.rate_[:])


@needs_genn
def test_a_run_that_is_cut_off_goes_on_from_its_last_block(monkeypatch: pytest.MonkeyPatch) -> None:
    genn = run(small(), "genn")
    genn.run(trials(10, learning=1.0))
    before = genn.state
    (genn._scratch / "in.hidden_0.v").unlink()
    monkeypatch.setattr("apical.devices.brian.genn.write_over", lambda file, values: file)
    with pytest.raises(RunError, match="exit code 3: in.hidden_0.v does not hold 8 values"):
        genn.run(trials(10, learning=1.0, index=1))
    assert_same(before, genn.state)
    monkeypatch.undo()
    other = run(small(), "genn")
    other.state = before
    for simulator in (genn, other):
        simulator.run(trials(10, learning=1.0, index=1))
    assert_same(genn.state, other.state)


@needs_genn
def test_folders_with_blanks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "with blanks"))
    with pytest.raises(DeviceError, match="name has blanks; set APICAL_CACHE_DIR to another"):
        run(small(), "genn").build()
