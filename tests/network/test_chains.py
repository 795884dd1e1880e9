"""Chains of populations: what is added, joined, and refused."""

import numpy as np
import pytest

import apical as ap
from apical.errors import WiringError

RULE = ap.rules.three_factor(0.1)


def parts() -> tuple[ap.Stimulus, ap.Rate, ap.Rate]:
    x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    return x, ap.Rate("hidden", 3, "tanh"), ap.Rate("output", 2, "logistic")


def test_chain_is_what_connect_makes() -> None:
    chained, joined, (x, h, y) = ap.Network(seed=1), ap.Network(seed=1), parts()
    ap.chain(chained, x, h, y, weights=[ap.FanIn(), ap.Zero()], bias=ap.Normal(), rule=RULE)
    bias = joined.add(ap.Bias("bias"))
    for population in (x, h, y):
        joined.add(population)
    joined.connect(x, h, weights=ap.FanIn(), rule=RULE)
    joined.connect(h, y, weights=ap.Zero(), rule=RULE)
    for population in (h, y):
        joined.connect(bias, population, weights=ap.Normal(), rule=RULE)
    for projection in joined.projections:
        other = chained.projection(projection.name)
        for what in ("weights", "rule", "carries", "bounds", "release"):
            assert getattr(other, what) == getattr(projection, what)
        first = joined.initial_weights(projection)
        assert np.array_equal(first, chained.initial_weights(other))


def test_rules_of_biases_follow_those_of_weights_or_are_their_own() -> None:
    other = ap.rules.three_factor(0.5)
    for bias_rule, found in ((None, [None, RULE]), (other, [other, other])):
        net = ap.Network()
        ap.chain(
            net,
            *parts(),
            weights=ap.FanIn(),
            bias=ap.Zero(),
            rule=[None, RULE],
            bias_rule=bias_rule,
        )
        assert [net.projection(f"bias_to_{n}").rule for n in ("hidden", "output")] == found


def test_bias_and_populations_that_are_there_are_used_again() -> None:
    net, (x, h, y) = ap.Network(), parts()
    net.add(h)
    ap.chain(net, x, h, weights=ap.FanIn(), bias=ap.Zero())
    ap.chain(net, h, y, weights=ap.FanIn(), bias=ap.Zero())
    assert [p.name for p in net.populations] == ["hidden", "stimulus", "bias", "output"]
    assert not [p for p in ap.chain(ap.Network(), *parts(), weights=ap.FanIn()) if p.rule]


def test_chains_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WiringError, match="two populations or more, got 1"):
        ap.chain(ap.Network(), parts()[0], weights=ap.FanIn())
    with pytest.raises(WiringError, match="3 populations has 2 projections, but rule has 1 items"):
        ap.chain(ap.Network(), *parts(), weights=ap.FanIn(), rule=[RULE])
