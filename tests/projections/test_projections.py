"""Projections: weights from presynaptic i to postsynaptic j, and what may join what."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apical import LIF, Error, Stimulus, rules
from apical.errors import ParameterError, WiringError
from apical.plasticity.rules import LearningRule
from apical.projections.projection import Projection
from apical.projections.weights import (
    Given,
    Identity,
    Normal,
    Opposed,
    Uniform,
    WeightSource,
    Zero,
    ZeroSum,
)

X, H, Y, E = Stimulus("x", 4), LIF("h", 3), LIF("y", 2), Error("e", 4)
SIZES = st.integers(1, 9)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("source", [Normal(0.5), Uniform(0.5), Zero(), Identity(2.0), ZeroSum()])
@given(n_pre=SIZES, n_post=SIZES)
def test_weights_go_from_rows_to_columns(source: WeightSource, n_pre: int, n_post: int) -> None:
    weights = source.draw(n_pre, n_post, rng())
    assert weights.shape == (n_pre, n_post)
    assert np.array_equal(weights, source.draw(n_pre, n_post, rng()))


def test_random_weights_have_the_spread_asked_for() -> None:
    n = 200
    normal, uniform = Normal(0.5).draw(n, n, rng()), Uniform(0.5).draw(n, n, rng())
    assert abs(normal.mean()) < 5 * 0.5 / n
    assert abs(normal.std() / 0.5 - 1) < 5 / n
    assert -0.5 <= uniform.min() < -0.49 and 0.49 < uniform.max() < 0.5
    assert not np.array_equal(normal, Normal(0.5).draw(n, n, rng(1)))


def test_simple_weights() -> None:
    assert not Zero().draw(2, 3, rng()).any()
    assert Identity(2.0).draw(2, 3, rng()).tolist() == [[2, 0, 0], [0, 2, 0]]


def test_given_weights_are_copied_and_must_fit() -> None:
    mine = np.arange(6.0).reshape(2, 3)
    drawn = Given(mine).draw(2, 3, rng())
    assert np.array_equal(drawn, mine)
    drawn[:] = 0
    assert mine.any()
    with pytest.raises(WiringError, match=r"must have shape \(3, 2\), got \(2, 3\); rows are pre"):
        Given(mine).draw(3, 2, rng())


@given(n=SIZES, n_post=SIZES, seed=st.integers(0, 100))
def test_opposed_halves_are_mirrored(n: int, n_post: int, seed: int) -> None:
    weights = Opposed(Normal()).draw(2 * n, n_post, rng(seed))
    assert weights.shape == (2 * n, n_post)
    assert np.array_equal(weights[:n], -weights[n:])
    assert np.array_equal(weights[n:], Normal().draw(n, n_post, rng(seed)))


@given(n_pre=SIZES, n_post=SIZES)
def test_zero_sum_weights_are_shifted_ones(n_pre: int, n_post: int) -> None:
    weights = ZeroSum(Uniform()).draw(n_pre, n_post, rng())
    assert weights.sum(axis=0) == pytest.approx(np.zeros(n_post))
    shift = Uniform().draw(n_pre, n_post, rng()) - weights
    assert np.allclose(shift, shift[0])


def test_opposed_needs_two_halves() -> None:
    with pytest.raises(WiringError, match="even"):
        Opposed(Normal()).draw(5, 3, rng())


def test_a_projection_names_itself() -> None:
    projection = Projection(X, H)
    assert (projection.name, projection.shape) == ("x_to_h", (4, 3))
    assert repr(projection) == "Projection('x' -> 'h')"
    assert Projection(X, H, name="mine").name == "mine"


def test_forward_is_what_drives_on_the_way_to_the_output() -> None:
    assert Projection(X, H).is_forward
    assert not Projection(Y, E).is_forward
    assert not Projection(E, H, carries={"teach": "x"}).is_forward


@pytest.mark.parametrize(
    ("pre", "post", "options", "message"),
    [
        (X, H, {"carries": {"drive": "v"}}, "carries 'v' to 'drive', but 'x' offers x and 'h'"),
        (X, H, {"carries": {"soma": "x"}}, "'h' takes drive, teach"),
        (X, E, {"carries": {"teach": "x"}}, "'e' takes drive"),
        (H, X, {}, "'x' takes no input"),
        (X, H, {"bounds": (1.0, -1.0)}, r"bounds must be \(smallest, largest\), got \(1.0, -1.0\)"),
        (X, H, {"bounds": (1.0, 1.0)}, "bounds must be"),
        (X, H, {"bounds": (float("nan"), 1.0)}, "bounds must be"),
        (X, H, {"release": 0.0}, "release must be .* <= 1, got 0.0"),
        (X, H, {"release": 1.5}, "release must be .* <= 1, got 1.5"),
        (Y, E, {"rule": rules.three_factor(1.0)}, "reads 'gain_post', but 'e' offers x, v"),
        (
            X,
            H,
            {"rule": LearningRule("own", "v_pre")},
            "'own' on projection 'x_to_h' reads 'v_pre'",
        ),
        (X, H, {"rule": LearningRule("own", "w_post")}, "reads 'w_post', but 'h' offers x, gain"),
    ],
)
def test_what_does_not_fit_is_refused(pre: Any, post: Any, options: Any, message: str) -> None:
    with pytest.raises((ParameterError, WiringError), match=message):
        Projection(pre, post, **options)


@pytest.mark.parametrize("update", ["x_pre * v_post", "delta_post * x_pre", "I_post - teach_post"])
def test_rules_read_the_signals_offered(update: str) -> None:
    rule = LearningRule("own", update)
    assert Projection(X, H, rule=rule).rule is rule


def test_a_rule_that_waits_for_feedback_needs_a_target_that_hears_it() -> None:
    rule = LearningRule("own", "x_pre * x_post", when="feedback")
    with pytest.raises(WiringError, match="teach"):
        Projection(Y, E, rule=rule)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"weights": 0.2}, r"a WeightSource \(such as Normal\(0.2\) or Given\(array\)\), got 0.2"),
        (
            {"rule": "stdp"},
            r"a LearningRule \(such as rules.three_factor\(1e-4\)\) or None, got 'stdp'",
        ),
    ],
)
def test_what_is_no_weights_or_rule_is_told_what_is(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Projection(X, H, **wrong)
