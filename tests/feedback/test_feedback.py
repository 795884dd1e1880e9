"""Feedback pathways: fixed, random, and drawn without a look at the forward weights."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import N_CLASSES, small
from rate_networks import rates

from apical import (
    LIF,
    Error,
    FanIn,
    Given,
    Normal,
    Opposed,
    Projection,
    Stimulus,
    Uniform,
    feedback,
)
from apical.errors import ParameterError, WiringError
from apical.feedback.pathways import FeedbackPathway
from apical.projections.weights import WeightSource, ZeroSum

TEACH = {"teach": "x"}


def test_direct_feedback_reaches_every_population() -> None:
    net = small(hidden=(8, 5))
    pathway = net.feedback
    assert pathway.name == "DFA" and "1609.01596" in pathway.source
    assert {p.post.name for p in pathway.projections} == {"hidden_0", "hidden_1", "output"}
    assert all(p.pre.name == "error" and p.rule is None for p in pathway.projections)
    assert all(p.carries == TEACH for p in pathway.projections)
    assert not any(p in net.plastic or p in net.forward for p in pathway.projections)


def test_the_output_hears_its_own_error() -> None:
    net = small()
    weights = net.initial_weights(net.projection("error_to_output"))
    eye = np.eye(N_CLASSES)
    assert np.array_equal(weights, np.concatenate([-eye, eye]))


@given(st.integers(0, 1000))
def test_feedback_weights_are_random_and_opposed(seed: int) -> None:
    net = small(seed=seed)
    projection = net.projection("error_to_hidden_0")
    weights = net.initial_weights(projection)
    assert np.array_equal(weights[:N_CLASSES], -weights[N_CLASSES:])
    assert len(np.unique(weights)) == weights.size  # no two synapses alike
    assert np.array_equal(weights, net.initial_weights(projection))
    assert not np.array_equal(weights, small(seed=seed + 1).initial_weights(projection))


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_feedback_weights_do_not_depend_on_the_forward_ones(seed: int, size: int) -> None:
    one, other = small(seed=seed, hidden=(8,)), small(seed=seed, hidden=(8, size))
    drawn = [net.initial_weights(net.projection("error_to_hidden_0")) for net in (one, other)]
    assert np.array_equal(*drawn)
    forward = one.initial_weights(one.projection("hidden_0_to_output"))
    correlation = np.corrcoef(drawn[0][N_CLASSES:].ravel(), forward.T.ravel())[0, 1]
    assert abs(correlation) < 0.9


def test_feedback_is_uncorrelated_with_forward_weights() -> None:
    n = 400
    net = small(hidden=(n,))
    back = net.initial_weights(net.projection("error_to_hidden_0"))[N_CLASSES:]
    forward = net.initial_weights(net.projection("hidden_0_to_output"))
    assert abs(np.corrcoef(back.ravel(), forward.T.ravel())[0, 1]) < 5 / np.sqrt(back.size)


def test_feedback_weights_may_be_chosen() -> None:
    net = small(wiring=lambda error, forward: feedback.direct(error, forward, Uniform(0.1)))
    assert np.abs(net.initial_weights(net.projection("error_to_hidden_0"))).max() < 0.1


@pytest.mark.parametrize(("n", "first"), [(1, Normal(1.0)), (2, ZeroSum(Normal(1.0)))])
def test_layerwise_feedback_of_spikes_has_no_common_part(n: int, first: WeightSource) -> None:
    """But where there is a single class, whose only weight would be 0."""
    stimulus, output = Stimulus("stimulus", 3), LIF("output", n)
    hidden = [LIF("hidden_0", 5), LIF("hidden_1", 4)]
    forward = [
        Projection(pre, post, Uniform(1.0)) for pre, post in pairwise([stimulus, *hidden, output])
    ]
    pathway = feedback.layerwise(Error("error", 2 * n), forward)
    weights = {p.post.name: p.weights for p in pathway.projections}
    assert weights["hidden_1"] == Opposed(first)
    assert weights["hidden_0"] == Opposed(FanIn(uniform=False))


def test_a_pathway_that_drives_is_refused() -> None:
    y, e = LIF("y", 2), Error("e", 4)
    drives = Projection(e, y, weights=Normal())
    with pytest.raises(WiringError, match="must end on 'teach' inputs, but 'e_to_y' reaches drive"):
        FeedbackPathway("mine", (drives,))


def test_direct_feedback_needs_something_to_teach() -> None:
    with pytest.raises(ParameterError, match="forward projections that it teaches, got none"):
        feedback.direct(Error("e", 4), [])


def test_direct_feedback_needs_an_error_for_each_class() -> None:
    forward = [Projection(Stimulus("x", 4), LIF("y", 3))]
    with pytest.raises(WiringError, match="'e' has 2 classes, but the last population 'y' has 3"):
        feedback.direct(Error("e", 4), forward)


def test_given_feedback_must_fit() -> None:
    source = Given(np.zeros((2, 2)))
    net = small(wiring=lambda error, forward: feedback.direct(error, forward, source))
    with pytest.raises(WiringError, match=r"must have shape \(3, 8\), got \(2, 2\)"):
        net.initial_weights(net.projection("error_to_hidden_0"))


@pytest.mark.parametrize("wiring", feedback.WIRINGS.values(), ids=feedback.WIRINGS)
def test_without_hidden_populations_the_output_alone_is_taught(
    wiring: feedback.Wiring,
) -> None:
    spiking = [small(hidden=(), wiring=wiring)] if wiring.spikes else []
    for net in (*spiking, rates(wiring, (6, 3))):
        assert net.feedback
        assert [p.name for p in net.feedback.projections] == ["error_to_output"]
