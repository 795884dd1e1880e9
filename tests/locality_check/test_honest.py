"""Honest networks pass the dynamic check, and what it cannot test it calls not tested."""

from collections.abc import Callable
from typing import Any

import networks
import numpy as np
import pytest
import rate_networks

from apical import (
    ALIF,
    LIF,
    BatchNorm,
    Bias,
    Error,
    Network,
    Normal,
    Rate,
    RateError,
    Reward,
    Stimulus,
    Uniform,
    Zero,
    dynamics,
    feedback,
    rules,
    superspike,
    tasks,
)
from apical.locality_check.synapses import disturb
from apical.neurons.encoding import Graded, Poisson, Regular, Replayed
from apical.plasticity.rules import LearningRule
from apical.plasticity.traces import Trace


def rewarded() -> Network:
    net = Network(seed=0, trial=200.0)
    x = net.add(Stimulus("stimulus", 6, Graded()))
    h = net.add(Rate("hidden", 8, explores=0.1))
    y = net.add(Rate("output", 3, "logistic", explores=0.1))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, rule=rules.node_perturbation(0.1))
    net.add(RateError("error", 3, keeps="square"))
    net.teach(feedback.broadcast(net.add(Reward("reward")), net.forward))
    return net


def normalised() -> Network:
    net = Network(seed=0, trial=200.0)
    x, bias = net.add(Stimulus("stimulus", 6, Graded())), net.add(Bias("bias"))
    h = net.add(Rate("hidden", 8, "relu", norm=BatchNorm()))
    y = net.add(Rate("output", 3, "logistic", gain="one"))
    net.connect(x, h, rule=rules.three_factor(0.1))
    for target, rule in (("scale", rules.norm_scale(0.1)), ("shift", rules.norm_shift(0.1))):
        net.connect(
            bias, h, weights=Uniform(1.0), carries={target: "x"}, rule=rule, name=f"bias_{target}"
        )
    net.connect(h, y, rule=rules.three_factor(0.1))
    net.teach(feedback.direct(net.add(RateError("error", 3)), net.forward))
    return net


RATES: dict[str, Callable[[], Network]] = {
    "momentum": lambda: rate_networks.rates(
        rule=rules.three_factor(dynamics=dynamics.momentum(0.1, 0.9))
    ),
    "RMSprop": lambda: rate_networks.rates(
        rule=rules.three_factor(dynamics=dynamics.rmsprop(1e-2))
    ),
    "reward": rewarded,
    "batch normalisation": normalised,
    "dropout": lambda: rate_networks.rates(unreliable=0.3),
    "two phases": lambda: rate_networks.rates(feedback.WIRINGS["two_phases"]),
    "targets": lambda: rate_networks.rates(feedback.WIRINGS["drtp"]),
    "bounds": lambda: rate_networks.rates(bounds=(-0.5, 0.5)),
}


def adaptive() -> Network:
    """Return a recurrent network of adapting neurons that learns by eligibility traces."""
    net = Network(seed=0, trial=40.0, reset=False, settle=10.0)
    x = net.add(Stimulus("stimulus", 12, Regular(200.0), tau_x=20.0))
    h = net.add(ALIF("hidden", 8, bias=0.8, tau_x=20.0, tau_teach=0.0, gain="int(x > 0.1)"))
    y = net.add(LIF("output", 3, bias=1.5, gain="1", tau_x=20.0, tau_teach=0.0))
    rule = LearningRule(
        "eligible",
        "1e-3*kept*teach_post",
        when="feedback",
        traces={"kept": Trace("gain_post*x_pre", tau=20.0)},
    )
    for pre, post in ((x, h), (h, h), (h, y)):
        net.connect(pre, post, weights=Normal(0.5), rule=rule)
    net.teach(feedback.direct(net.add(Error("error", 6, tau=50.0, tau_label=10.0)), net.forward))
    return net


def delayed() -> Network:
    net = Network(seed=0, trial=40.0)
    x = net.add(Stimulus("stimulus", 12, Poisson(200.0)))
    h, y = net.add(LIF("hidden", 8, bias=0.8, leak=False)), net.add(LIF("output", 3, bias=1.5))
    rule = rules.three_factor(2e-3)
    net.connect(x, h, weights=Normal(0.5), rule=rule, delay=3.0)
    net.connect(h, y, weights=Normal(0.5), rule=rule, delay=2.0)
    net.teach(feedback.direct(net.add(Error("error", 6)), net.forward))
    return net


def unsupervised() -> Network:
    """Return a network that learns by the timing of spikes, without labels."""
    net = Network(seed=0, trial=40.0)
    x = net.add(Stimulus("stimulus", 12, Regular(200.0), tau_x=20.0))
    y = net.add(LIF("output", 6, bias=0.9, tau_x=20.0))
    net.connect(x, y, weights=Uniform(0.5, positive=True), rule=rules.stdp(1e-2), bounds=(0, 1))
    return net


def surrogate() -> Network:
    """Return a network that learns spike trains by SuperSpike."""
    net = Network(seed=3, trial=60.0)
    own: dict[str, Any] = {"tau_m": 10.0, "tau_s": 5.0, "tau_x": 5.0, "tau_teach": 5.0}
    own |= {"reset": "rest", "refractory": 4.0, "gain": superspike.slope()}
    x = net.add(Stimulus("stimulus", 20, Replayed(), tau_x=5.0, frames=60))
    h, y = net.add(LIF("hidden", 5, **own)), net.add(LIF("output", 2, **own))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=Normal(5.0), rule=superspike.rule())
    net.teach(feedback.direct(net.add(Error("error", 4, frames=60)), net.forward))
    return net


def relayed(relay: str) -> Network:
    def wiring(error: Any, forward: Any) -> Any:
        return feedback.indirect(error, forward, relay=relay)

    return networks.small("trial", hidden=(8, 6), wiring=wiring)


SPIKES: dict[str, Any] = {
    "traces and adaptation": adaptive,
    "delays and chance": delayed,
    "no labels": unsupervised,
    "relays": lambda: relayed("random"),
    "feedback along forward axons": lambda: relayed("forward"),
    "failing synapses": lambda: networks.small("spike", release=0.7),
    "layers": lambda: networks.small("trial", hidden=(8, 6), wiring=feedback.layerwise),
}
ALWAYS = ("traces and adaptation", "delays and chance", "relays")


def card(net: Network, device: str, n: int = 4) -> Any:
    rng = np.random.default_rng(0)
    values = rng.random((n, net.stimulus.n_values))
    return disturb(net, values, np.arange(n) % net.output.size, each=2, devices=[device])


@pytest.mark.parametrize("build", RATES.values(), ids=RATES.keys())
def test_rates_that_are_honest_pass(build: Callable[[], Network]) -> None:
    found = card(build(), "array")
    assert found.is_local and not found.about_level("doubtful"), str(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.thorough) for n in SPIKES]
)
def test_spiking_networks_that_are_honest_pass(name: str) -> None:
    found = card(SPIKES[name](), "runtime")
    assert found.is_local and not found.about_level("doubtful"), str(found)


@pytest.mark.slow
def test_target_trains_are_labels_too() -> None:
    rng = np.random.default_rng(5)
    trains = tasks.spike_pattern(20, 2, 60, rate=0.1, spikes=3, apart=5, rng=rng)
    values, targets = (np.tile(train.reshape(1, -1), (2, 1)) for train in trains)
    found = disturb(surrogate(), values, targets, each=2)
    assert found.is_local and not found.about_level("doubtful"), str(found)


@pytest.mark.slow
def test_a_rate_network_is_run_in_time_steps_too() -> None:
    net = rate_networks.rates(sizes=(4, 5, 3))
    found = disturb(net, np.random.default_rng(0).random((3, 4)), np.arange(3), each=1)
    assert found.is_local, str(found)
    said = " ".join(f.reason for f in found.findings)
    assert "device array: " in said and "device runtime: " in said and "array and runtime" in said


def test_what_never_learns_is_not_tested() -> None:
    net = rate_networks.rates(weights=Zero(), activation="relu", gain="slope", output="relu")
    found = card(net, "array")
    lines = {f.subject: f for f in found.about_level("doubtful")}
    assert "not tested: none of its 30 updates" in lines["stimulus_to_hidden_1"].reason
    assert found.is_local


def test_the_card_says_how_much_was_perturbed() -> None:
    net = rate_networks.rates(sizes=(6, 5, 3))
    found = disturb(net, np.random.default_rng(0).random((3, 6)), np.arange(3), devices=["array"])
    said = " ".join(f.reason for f in found.about("locality"))
    assert "all 17 neurons and all 86 synapses perturbed one by one" in said
    assert "30 of 30 updates were different from 0" in said
    few = card(net, "array")
    assert "of 86 synapses perturbed" in " ".join(f.reason for f in few.findings)
