"""Contracts of learning rules between rate neurons."""

import numpy as np

from apical.plasticity.rules import LearningRule
from apical.plausibility import audit
from apical.testing.contracts import claiming, contract, expect
from apical.testing.references import apart, learned, made, rates, trials


@contract("rule")
def says_where_it_comes_from(rule: LearningRule) -> None:
    """It has a name and a reference."""
    expect(rule.name and rule.source, f"Rule {rule.name!r} needs a source.")


@contract("rule")
def the_scorecard_finds_it_local(rule: LearningRule) -> None:
    """The scorecard of a network that learns by it finds nothing that is not local."""
    expect(audit(rates(rule=rule)).is_local, f"Rule {rule.name!r} is not local.")


@contract("rule")
def changes_nothing_where_nothing_learns(rule: LearningRule) -> None:
    """With learning off, weights do not change."""
    for device in claiming(rates(rule=rule)):
        simulator = made(rates(rule=rule), device.name)
        before = {p.name: simulator.weights(p) for p in simulator.network.plastic}
        simulator.run(trials())
        for name, weights in before.items():
            same = np.array_equal(simulator.weights(name), weights)
            expect(same, f"Rule {rule.name!r} on {device.name} changes {name!r} with learning off.")


@contract("rule")
def learns_alike_on_every_device_that_claims_it(rule: LearningRule) -> None:
    """Weight changes agree on all devices that claim it, within 5 % of the largest."""
    devices = claiming(rates(rule=rule))
    expect(devices, f"No device runs rule {rule.name!r}; one has to claim it.")
    changes = [learned(rates(rule=rule), device.name)[0] for device in devices]
    for device, there in zip(devices[1:], changes[1:], strict=True):
        for name, change in changes[0].items():
            expect(
                apart(change, there[name]) < 0.05,
                f"Rule {rule.name!r}: {devices[0].name} and {device.name} change {name!r} "
                "differently.",
            )
