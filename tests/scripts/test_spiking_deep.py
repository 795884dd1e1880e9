"""The model of several hidden populations: its wirings, and that they learn."""

from typing import Any

import numpy as np
import pytest

from apical import datasets, simulate, train
from apical.devices import transports, usual
from apical.plausibility import check
from apical.scripts import models

WIRINGS: dict[str, dict[str, Any]] = {
    "dfa": {"wiring": "dfa"},
    "fa": {"wiring": "fa"},
    "ifa": {"wiring": "ifa"},
    "ifa-random": {"wiring": "ifa", "relay": "random"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("fa", "ifa") else pytest.mark.thorough)
        for name in WIRINGS
    ],
)
def test_every_wiring_learns_digits(name: str) -> None:
    data = datasets.load("digits")
    build = models.load("spiking_deep").build
    network = build(data, seed=0, hidden="60-60", **WIRINGS[name])
    check(network)
    history = train(simulate(network), data, epochs=4, progress=False)
    assert history[-1].metrics["test_accuracy"] > 0.8


@pytest.mark.parametrize("name", WIRINGS)
def test_what_differs_is_the_feedback(name: str) -> None:
    data = datasets.load("digits")
    build = models.load("spiking_deep").build
    network = build(data, seed=0, hidden="20-16-12", **WIRINGS[name])
    relays = {"dfa": [], "fa": ["hidden_2", "hidden_3", "output"], "ifa": []}
    relays["ifa-random"] = ["hidden_1", "hidden_2"]
    found = [p.name for p in network.populations if p.name.startswith("relay_")]
    assert sorted(found) == [f"relay_{n}" for n in relays[name]]
    assert [p.name for p in network.plastic] == [p.name for p in network.forward]


def test_the_first_population_may_be_frozen() -> None:
    data = datasets.load("digits")
    network = models.load("spiking_deep").build(data, seed=0, hidden="20-16", frozen=True)
    assert [p.name for p in network.plastic] == ["hidden_1_to_hidden_2", "hidden_2_to_output"]


@pytest.mark.parametrize(("hidden", "copies"), [("20-20", True), ("20-16", False)])
def test_populations_of_equal_size_start_as_copies(hidden: str, copies: bool) -> None:
    data = datasets.load("digits")
    network = models.load("spiking_deep").build(data, seed=0, hidden=hidden)
    weights = network.initial_weights(network.projection("hidden_1_to_hidden_2"))
    assert np.array_equal(weights, 4 * np.eye(*weights.shape)) == copies
    assert np.count_nonzero(weights.any(axis=0)) == weights.shape[1]  # nobody is left without input


def test_backpropagation_is_the_reference_of_the_same_network() -> None:
    data = datasets.load("digits")
    build = models.load("spiking_deep").build
    networks = [build(data, seed=0, hidden="20-16", wiring=wiring) for wiring in ("bp", "dfa")]
    assert [transports(network) for network in networks] == [True, False]
    assert [usual(network) for network in networks] == ["lockstep", "cpp_standalone"]
    bp, dfa = ([(p.name, p.weights) for p in network.forward] for network in networks)
    assert bp == dfa
    faster = build(data, seed=0, hidden="20-16", faster=2.0)
    for one, other in zip(networks[1].plastic, faster.plastic, strict=True):
        assert one.rule and other.rule
        assert other.rule.parameters["eta"] == 2 * one.rule.parameters["eta"]
