"""The size of a population follows from its shape where it is not given."""

from dataclasses import replace
from typing import Any

import pytest

import apical as ap
from apical.errors import ParameterError
from apical.neurons.base import POPULATIONS, Population

WITHOUT = ("Bias", "Reward", "Relay", "Error", "RateError", "RateTarget")


@pytest.mark.parametrize("kind", sorted(set(POPULATIONS) - set(WITHOUT)))
def test_every_kind_takes_its_size_from_its_shape(kind: str) -> None:
    made: Any = POPULATIONS[kind]
    one: Population = made("one", shape=(3, 28, 28))
    assert one.size == 3 * 28 * 28 and type(one.size) is int
    assert one == made("one", 3 * 28 * 28, shape=(3, 28, 28))
    assert one.coordinates is not None and len(one.coordinates) == one.size
    assert replace(one, name="other").size == one.size


def test_other_parameters_follow_by_name() -> None:
    x = ap.Stimulus("s", encoder=ap.encoding.Poisson(), shape=(28, 28))
    assert (x.size, x.encoder) == (784, ap.encoding.Poisson())
    assert ap.Rate("h", activation="tanh", shape=(5,)).size == 5


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ParameterError, match="LIF 'hidden': size must be .*unless a shape is give"):
        ap.LIF("hidden")
    with pytest.raises(ParameterError, match="shape must be .* whose product is the size, 783"):
        ap.LIF("hidden", 783, shape=(28, 28))
    with pytest.raises(ParameterError, match="shape must be"):
        ap.LIF("hidden", shape=(28, 0))
    with pytest.raises(ParameterError, match="size must be .* and <= 2147483647"):
        ap.LIF("hidden", shape=(2**16, 2**16))
    with pytest.raises(ParameterError, match="shape must be of 1 to 3 numbers"):
        ap.LIF("hidden", shape=(2, 2, 2, 2))
    with pytest.raises(ParameterError, match="whose product is the size"):
        replace(ap.LIF("hidden", shape=(2, 2)), shape=(3, 3))
