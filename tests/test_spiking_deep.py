"""The model of several hidden populations: its wirings, and that they learn."""

from typing import Any

import pytest

from apical import datasets, models, simulate, train
from apical.plausibility import check

WIRINGS: dict[str, dict[str, Any]] = {
    "dfa": {"wiring": "dfa"},
    "fa": {"wiring": "fa"},
    "ifa": {"wiring": "ifa"},
    "ifa-random": {"wiring": "ifa", "relay": "random"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WIRINGS)
def test_every_wiring_learns_digits(name: str) -> None:
    data = datasets.load("digits")
    build = models.load("spiking_deep").build
    network = build(data, seed=0, hidden="100-100", **WIRINGS[name])
    check(network)
    history = train(simulate(network), data, epochs=10, progress=False)
    assert history[-1].metrics["test_accuracy"] > 0.85


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
