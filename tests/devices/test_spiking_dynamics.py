"""Momentum, RMSprop and Adam live in the synapses of spiking networks too."""

from dataclasses import replace

import networks
import numpy as np
import pytest

from apical import Block, Network, dynamics, rules, simulate
from apical.plasticity.optimizers import UpdateDynamics


def learning_by(kind: UpdateDynamics | None) -> Network:
    rule = rules.three_factor(0.01, dynamics=kind)
    return networks.small().altered(
        projection=lambda p: replace(p, rule=rule) if p.rule is not None else p
    )


def after(kind: str, updates: list[np.ndarray]) -> np.ndarray:
    """Return the last change of the weights, by the equations of the papers."""
    m, v = np.zeros_like(updates[0]), np.zeros_like(updates[0])
    for n, update in enumerate(updates, 1):
        if kind == "momentum":
            m = 0.9 * m + update
            change = m
        elif kind == "rmsprop":
            v = 0.99 * v + 0.01 * update**2
            change = 1e-2 * update / (np.sqrt(v) + 1e-8)
        else:
            m, v = 0.9 * m + 0.1 * update, 0.999 * v + 0.001 * update**2
            change = 1e-2 * m / (1 - 0.9**n) / (np.sqrt(v / (1 - 0.999**n)) + 1e-8)
    return change


@pytest.mark.parametrize(
    "kind",
    ["adam", *(pytest.param(kind, marks=pytest.mark.thorough) for kind in ("momentum", "rmsprop"))],
)
def test_dynamics_go_by_what_the_rule_asks_of_a_spiking_synapse(kind: str) -> None:
    chosen = getattr(dynamics, kind)(*(() if kind == "momentum" else (1e-2,)))
    dynamic, plain = (simulate(learning_by(k), "runtime", dtype="float64") for k in (chosen, None))
    trials = networks.trials(4, learning=1.0)
    asked: dict[str, list[np.ndarray]] = {p.name: [] for p in dynamic.network.plastic}
    for k in range(len(trials)):
        block: Block = trials.part(slice(k, k + 1))
        before = {name: dynamic.weights(name) for name in asked}
        plain.load(before)
        plain.run(block)
        dynamic.run(block)
        for name, updates in asked.items():
            updates.append(plain.weights(name) - before[name])
            change = dynamic.weights(name) - before[name]
            np.testing.assert_allclose(change, after(kind, updates), atol=1e-9)
    assert all(np.any(updates) for updates in asked.values())
