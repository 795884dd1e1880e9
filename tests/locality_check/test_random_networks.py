"""Networks drawn at random: honest ones pass, and each cheat is found in any of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rate_networks
from cheats import Following, Foreseeing, Long, Peeking, Rarely, Replayed, Scaled, Shared

from apical import FanIn, Network, Normal, dynamics, feedback, rules, simulate
from apical.locality_check.synapses import disturb
from apical.plausibility import Scorecard

WIRINGS = [feedback.layerwise, feedback.direct, feedback.indirect]
CHEATS = [Following, Foreseeing, Long, Peeking, Rarely, Replayed, Scaled, Shared]
OPTIMISERS = [
    lambda: None,
    lambda: dynamics.momentum(0.9),
    lambda: dynamics.rmsprop(1e-2),
    lambda: dynamics.adam(1e-2),
]


def drawn(seed: int, wiring: Any = None, n_hidden: int | None = None) -> Network:
    """Return a network of rates, most of whose choices are drawn."""
    rng = np.random.default_rng(seed)
    n_hidden = n_hidden or int(rng.integers(1, 4))
    sizes = [int(rng.integers(2, 9)) for _ in range(n_hidden + 2)]
    outputs = ["logistic", "softmax", "linear"]
    net = rate_networks.rates(
        wiring or WIRINGS[rng.integers(len(WIRINGS))],
        sizes,
        activation=["tanh", "relu", "logistic", "softplus"][rng.integers(4)],
        output=outputs[rng.integers(3)],
        rule=rules.three_factor(0.05, dynamics=OPTIMISERS[rng.integers(4)]()),
        weights=[FanIn(), Normal(0.5)][rng.integers(2)],
        unreliable=[0.0, 0.3][rng.integers(2)],
        seed=seed,
    )
    if rng.random() < 0.3:
        net = net.altered(projection=lambda p: replace(p, missing=0.3) if p.rule else p)
    return net


def card(net: Network, make: Any = simulate) -> Scorecard:
    rng = np.random.default_rng(net.seed)
    values, labels = rng.random((4, net.stimulus.size)), rng.integers(0, net.output.size, 4)
    return disturb(net, values, labels, make=make, each=3, devices=["array"])


@pytest.mark.parametrize(
    "seed", [k if k < 4 else pytest.param(k, marks=pytest.mark.thorough) for k in range(24)]
)
def test_honest_networks_pass(seed: int) -> None:
    found = card(drawn(seed))
    assert found.is_local, str(found)


@pytest.mark.parametrize(
    "seed", [k if k < 4 else pytest.param(k, marks=pytest.mark.thorough) for k in range(24)]
)
def test_cheats_are_found(seed: int) -> None:
    net = drawn(seed, feedback.direct, n_hidden=1)
    cheat = CHEATS[seed % len(CHEATS)]
    assert not card(net, cheat.make).is_local, cheat.__name__
