"""Hypotheses as transformations of a network: what they change, and what they leave alone."""

import numpy as np
import pytest
from networks import small
from rate_networks import rates

from apical import Network, feedback, hypotheses
from apical.errors import ParameterError, WiringError
from apical.plausibility import audit


def initial(network: Network) -> dict[str, np.ndarray]:
    return {p.name: network.initial_weights(p) for p in network.projections}


def assert_same_weights(one: Network, other: Network) -> None:
    expected = initial(one)
    found = initial(other)
    assert expected.keys() == found.keys()
    for name, weights in expected.items():
        np.testing.assert_array_equal(found[name], weights, err_msg=name)


@pytest.mark.parametrize(
    "network",
    [
        small(hidden=(8, 6)),
        small(hidden=(8, 6), wiring=feedback.layerwise),
        small(hidden=(8, 6), wiring=feedback.indirect),
        rates(feedback.transposed),
        rates(feedback.indirect, relay="forward"),
    ],
    ids=["direct", "relays", "forward relay", "transposed", "rates forward relay"],
)
def test_altering_nothing_gives_the_same_network(network: Network) -> None:
    other = network.altered()
    assert other.populations == network.populations
    assert_same_weights(network, other)
    assert str(audit(other)) == str(audit(network))
    assert other.feedback and network.feedback
    again = other.rewired(feedback.direct)
    assert [p.carries for p in again.forward] == [
        p.carries for p in network.rewired(feedback.direct).forward
    ]


@pytest.mark.parametrize("wires", [1, 2])
@pytest.mark.parametrize("spiking", [True, False])
def test_sparse_feedback_leaves_so_many_wires(wires: int, spiking: bool) -> None:
    network = small(hidden=(8, 6)) if spiking else rates(feedback.direct)
    sparse = hypotheses.sparse_feedback(network, wires=wires)
    before, after = initial(network), initial(sparse)
    for projection in network.feedback.projections:
        name = projection.name
        if projection.post is network.output:
            np.testing.assert_array_equal(after[name], before[name])
            continue
        classes = after[name][:3]
        assert ((classes != 0).sum(axis=0) == wires).all()
        kept = after[name] != 0
        np.testing.assert_array_equal(after[name][kept], before[name][kept])
        if spiking:
            np.testing.assert_array_equal(after[name][3:], -classes)
    assert_same_weights(network, hypotheses.sparse_feedback(network, wires=3))


def test_sparse_feedback_says_what_does_not_fit() -> None:
    with pytest.raises(ParameterError, match="wires from 1 to 3"):
        hypotheses.sparse_feedback(small(), wires=4)
    with pytest.raises(WiringError, match="none; give it"):
        hypotheses.sparse_feedback(Network().altered(), wires=1)
