"""Networks with a connectivity are run by the dynamic check: synapses that exist are perturbed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical.errors import LocalityError, ParameterError
from apical.feedback import WIRINGS
from apical.locality_check.budget import chosen_synapses
from apical.locality_check.matrices import in_matrices
from apical.locality_check.synapses import disturb
from apical.plausibility import Scorecard

RNG = np.random.default_rng(3)
VALUES, LABELS = RNG.random((4, 9)), np.array([0, 1, 2, 1])
SOME = ap.connectivity.ReceptiveFields(2)


def rates(wiring: str, *, shared: bool = False) -> ap.Network:
    net, rule = ap.Network(seed=5), ap.rules.three_factor(0.1)
    x = net.add(ap.Stimulus("stimulus", encoder=ap.encoding.Graded(), shape=(3, 3)))
    h, y = (
        net.add(ap.Rate("hidden", activation="tanh", shape=(2, 2))),
        net.add(ap.Rate("output", 3)),
    )
    net.connect(x, h, weights=ap.FanIn(), rule=rule, connectivity=SOME, shared=shared)
    some = ap.connectivity.FixedInDegree(2)
    net.connect(h, y, weights=ap.FanIn(), rule=rule, connectivity=some)
    net.teach(WIRINGS[wiring](net.add(ap.RateError("error", 3)), net.forward))
    return net


def spiking() -> ap.Network:
    net, rule = ap.Network(seed=5, trial=50.0), ap.rules.three_factor(1e-2)
    x = net.add(ap.Stimulus("stimulus", shape=(3, 3)))
    h, y = net.add(ap.LIF("hidden", shape=(2, 2))), net.add(ap.LIF("output", 3))
    net.connect(x, h, weights=ap.Normal(1.0), rule=rule, connectivity=SOME)
    net.connect(
        h, y, weights=ap.Normal(1.0), rule=rule, connectivity=ap.connectivity.FixedInDegree(2)
    )
    net.teach(ap.feedback.direct(net.add(ap.Error("error", 6)), net.forward))
    return net


def checked(net: ap.Network, device: str, **options: Any) -> Scorecard:
    return disturb(
        net, VALUES, LABELS, devices=[device], each=1 if device == "runtime" else 4, **options
    )


@pytest.mark.slow
@pytest.mark.parametrize("device", ["array", "runtime"])
def test_what_is_local_is_found_local(device: str) -> None:
    card = checked(rates("dfa"), device)
    assert card.is_local, card.faults


@pytest.mark.slow
def test_backpropagation_is_caught() -> None:
    card = checked(rates("bp"), "array")
    assert not card.is_local
    assert card.faults[0].subject == "feedback_output_to_hidden"


@pytest.mark.slow
def test_spiking_networks_are_run_in_steps() -> None:
    card = checked(spiking(), "runtime")
    assert card.is_local, card.faults


def test_only_synapses_that_exist_are_chosen() -> None:
    net = rates("dfa")
    with ap.simulate(net, "array") as simulator:
        state = in_matrices(simulator, net).state
    found = [*chosen_synapses(net, state, {}, 1000, np.random.default_rng(0))]
    for name in ("stimulus_to_hidden", "hidden_to_output"):
        edges = net.edges(name)
        assert edges is not None
        pairs = {(i, j) for p, i, j in found if p == name}
        assert pairs == {*zip(edges.pre.tolist(), edges.post.tolist(), strict=True)}


def test_another_connectivity_than_described_is_named() -> None:
    def make(network: ap.Network, *args: Any, **options: Any) -> Any:
        other = network.altered(
            projection=lambda p: (
                replace(p, connectivity=ap.connectivity.FixedInDegree(4))
                if p.name == "stimulus_to_hidden"
                else p
            )
        )
        return ap.simulate(other, *args, **options)

    with pytest.raises(LocalityError, match="synapses of projection 'stimulus_to_hidden'"):
        checked(rates("dfa"), "array", make=make)


def test_shared_weights_are_refused_with_the_reason() -> None:
    with pytest.raises(ParameterError, match="share weights, so that none can be changed alone"):
        checked(rates("dfa", shared=True), "array")
