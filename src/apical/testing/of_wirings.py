"""Contracts of wirings."""

import numpy as np

from apical.feedback.pathways import FeedbackPathway
from apical.feedback.wirings import WIRINGS, Wiring
from apical.network.description import Network
from apical.plausibility import audit
from apical.testing.contracts import claiming, contract, expect
from apical.testing.references import apart, learned, made, rates, spiking, trials


def _networks(wiring: Wiring) -> list[Network]:
    return [rates(wiring), *([spiking(wiring)] if wiring.spikes else [])]


@contract("wiring")
def says_what_it_is(wiring: Wiring) -> None:
    """It has a name, a label and a description of how it carries the third factor."""
    expect(wiring.name and wiring.label and wiring.about, f"{wiring!r} lacks name, label or about.")


@contract("wiring")
def reaches_every_population_that_learns(wiring: Wiring) -> None:
    """Its pathway, or a relay of it, targets every population with plastic synapses."""
    for network in _networks(wiring):
        pathway = network.feedback
        expect(isinstance(pathway, FeedbackPathway), f"{wiring.name!r} returns no pathway.")
        if pathway is None:
            continue
        reached = {p.post.name for p in (*pathway.projections, *pathway.relays)}
        missed = {p.post.name for p in network.forward if p.rule} - reached
        expect(not missed, f"Wiring {wiring.name!r} does not reach {', '.join(sorted(missed))}.")


@contract("wiring")
def the_scorecard_agrees(wiring: Wiring) -> None:
    """The scorecard finds it local if and only if it says so."""
    local = audit(rates(wiring)).is_local
    expect(local == wiring.local, f"Wiring {wiring.name!r} is wrong: local={wiring.local}.")


@contract("wiring")
def learns_alike_on_every_device_that_claims_it(wiring: Wiring) -> None:
    """All weights change, and the changes agree on all devices that claim it, within 5 %."""
    for network in _networks(wiring):
        devices = claiming(network)
        expect(devices, f"No device runs wiring {wiring.name!r}; one has to claim it.")
        first, _ = learned(network, devices[0].name)
        for device in devices[1:]:
            there, _ = learned(network, device.name)
            for name, change in first.items():
                expect(
                    apart(change, there[name]) < 0.05,
                    f"Wiring {wiring.name!r}: {devices[0].name} and {device.name} change {name!r} "
                    "differently.",
                )
        still = [name for name, change in first.items() if not np.abs(change).max() > 0]
        few = not network.is_spiking  # with few spikes, nothing may be learned
        expect(not (still and few), f"Wiring {wiring.name!r} does not teach {', '.join(still)}.")


@contract("wiring")
def rewiring_goes_there_and_back(wiring: Wiring) -> None:
    """Rewiring a network to it and back to DFA does not change what is learned."""
    plain = rates(WIRINGS["dfa"])
    back = plain.rewired(wiring).rewired(WIRINGS["dfa"])
    device = claiming(plain)[0].name
    one, other = made(plain, device), made(back, device)
    one.run(trials(1.0))
    other.run(trials(1.0))
    for projection in plain.plastic:
        same = np.array_equal(one.weights(projection.name), other.weights(projection.name))
        expect(same, f"Rewiring to {wiring.name!r} and back changes {projection.name!r}.")


@contract("wiring")
def follows_the_seed(wiring: Wiring) -> None:
    """The same seed gives the same feedback weights."""
    one, other = rates(wiring, seed=1), rates(wiring, seed=1)
    for projection in one.projections:
        here = one.initial_weights(projection)
        there = other.initial_weights(other.projection(projection.name))
        expect(np.array_equal(here, there), f"{projection.name!r} does not follow the seed.")
