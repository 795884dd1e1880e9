"""Named random streams: who draws what depends on names alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apical._base.seeds import simulator_seed, stream

KEYS = st.tuples(
    st.integers(0, 2**32),
    st.sampled_from(["weights", "initial", "order"]),
    st.sampled_from(["", "a", "a_to_b", "b"]),
    st.integers(0, 100),
)


@given(KEYS)
def test_a_stream_starts_anew_whenever_it_is_named(key: tuple) -> None:
    first = stream(*key).random(5)
    stream(*key).random(1000)
    assert np.array_equal(stream(*key).random(5), first)


@given(KEYS, KEYS)
def test_streams_of_different_names_differ(one: tuple, other: tuple) -> None:
    alike = np.array_equal(stream(*one).random(5), stream(*other).random(5))
    assert alike == (one == other)


@given(st.lists(KEYS, min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_creation_moves_no_draw(keys: list, shuffler: object) -> None:
    expected = {key: stream(*key).random() for key in keys}
    shuffler.shuffle(keys)
    assert {key: stream(*key).random() for key in keys} == expected


@pytest.mark.parametrize(
    "other", [(1, "weights", "a"), (0, "initial", "a"), (0, "weights", "b"), (0, "weights", "a", 1)]
)
def test_streams_are_uncorrelated(other: tuple) -> None:
    n = 10_000
    pair = stream(0, "weights", "a").normal(size=n), stream(*other).normal(size=n)
    assert abs(np.corrcoef(*pair)[0, 1]) < 5 / np.sqrt(n)


@given(st.integers(-(2**63), 2**63), st.integers(-1000, 2**40), st.integers(0, 2**20))
def test_simulator_seeds_fit_every_generator(seed: int, index: int, part: int) -> None:
    drawn = simulator_seed(seed, index, part)
    assert 1 <= drawn < 2**31
    assert drawn == simulator_seed(seed, index, part)


def test_blocks_and_parts_have_seeds_of_their_own() -> None:
    drawn = {simulator_seed(s, i, p) for s in range(10) for i in range(-10, 10) for p in range(10)}
    assert len(drawn) == 10 * 20 * 10
