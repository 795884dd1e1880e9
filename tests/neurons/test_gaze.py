"""An eye that moves: what it sees, and that it moves in training alone."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from rate_networks import rates

from apical import Stimulus, simulate
from apical.data.datasets import Dataset
from apical.devices.simulator import BlockResult
from apical.errors import ParameterError, WiringError
from apical.network.description import Network
from apical.neurons.eye_movements import Gaze
from apical.scripts import models
from apical.training import unsupervised
from apical.training.loop import Plan, evaluate, steps

SHAPE = (3, 4)


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    values = rng.random((20, *SHAPE)).astype(np.float32)
    return Dataset.from_arrays("made up", values, np.arange(20) % 3, values[:6], np.arange(6) % 3)


def watching(gaze: Gaze | None) -> Network:
    return rates(sizes=(12, 5, 3)).altered(
        population=lambda p: replace(p, gaze=gaze) if isinstance(p, Stimulus) else p
    )


def shown(network: Network, data: Dataset, block: int, epochs: int = 1) -> Iterator[np.ndarray]:
    """Yield what is shown while learning, block by block."""
    simulator = simulate(network, "array")
    run, blocks = simulator.run, []

    def noticed(given):  # type: ignore[no-untyped-def]
        if np.any(given.learning):
            blocks.append(given.values)
        return run(given)

    simulator.run = noticed  # type: ignore[method-assign]
    for _ in steps(simulator, data, Plan(epochs, block)):
        pass
    yield from blocks


def test_an_image_falls_where_the_eye_has_moved_it() -> None:
    images = np.arange(1, 25, dtype=np.float32).reshape(2, *SHAPE)
    seen = Gaze(SHAPE).seen(images.reshape(2, -1), np.array([[1, -1], [0, 1]]))
    down_and_left = [[0, 0, 0, 0], [2, 3, 4, 0], [6, 7, 8, 0]]
    right = [[0, 13, 14, 15], [0, 17, 18, 19], [0, 21, 22, 23]]
    np.testing.assert_array_equal(seen.reshape(2, *SHAPE), [down_and_left, right])


def test_every_shift_within_reach_is_as_likely() -> None:
    shifts = Gaze((9, 9), reach=2).shifts(np.random.default_rng(0), 25_000)
    found, times = np.unique(shifts, axis=0, return_counts=True)
    assert len(found) == 25 and np.abs(found).max() == 2
    assert np.abs(times - 1000).max() < 150  # five standard deviations


@pytest.mark.parametrize("reach", [0, 1])
def test_what_is_learned_is_shifted_samples(data: Dataset, reach: int) -> None:
    plain = np.concatenate(list(shown(watching(None), data, 20, epochs=2)))
    moved = np.concatenate(list(shown(watching(Gaze(SHAPE, reach)), data, 20, epochs=2)))
    assert np.array_equal(plain, moved) == (reach == 0)
    all_shifts = [(r, c) for r in range(-reach, reach + 1) for c in range(-reach, reach + 1)]
    views = np.stack([Gaze(SHAPE, reach).seen(plain, np.tile(s, (40, 1))) for s in all_shifts])
    assert (views == moved).all(axis=2).any(axis=0).all()
    assert reach == 0 or not np.array_equal(np.sort(moved[:20], 0), np.sort(moved[20:], 0))


def test_blocks_of_any_size_see_the_same(data: Dataset) -> None:
    whole, parts = (np.concatenate(list(shown(watching(Gaze(SHAPE)), data, n))) for n in (20, 7))
    np.testing.assert_array_equal(whole, parts)


def test_the_eye_is_still_where_nothing_is_learned(data: Dataset) -> None:
    moving, still = (simulate(watching(gaze), "array") for gaze in (Gaze(SHAPE), None))
    judged = evaluate(moving, data.test), evaluate(still, data.test)
    np.testing.assert_array_equal(judged[0].decided, judged[1].decided)


def test_a_gaze_fits_the_stimulus() -> None:
    with pytest.raises(WiringError, match=r"12 neurons.*9 pixels"):
        watching(Gaze((3, 3)))
    for shape, reach in (((12,), 1), (SHAPE, 3), (SHAPE, -1)):
        with pytest.raises(ParameterError, match="reach"):
            Gaze(shape, reach)


def test_the_deep_model_looks_around_where_it_is_told(data: Dataset) -> None:
    build = models.load("spiking_deep").build
    assert build(data, seed=0, hidden="8-8").stimulus.gaze is None
    assert build(data, seed=0, hidden="8-8", reach=1).stimulus.gaze == Gaze(SHAPE, 1)


def test_the_eye_moves_where_nobody_teaches_too(data: Dataset) -> None:
    simulator, blocks = simulate(watching(Gaze(SHAPE)), "array"), []

    def noticed(given):  # type: ignore[no-untyped-def]
        blocks.append(given.values)
        return BlockResult({})

    simulator.run = noticed  # type: ignore[method-assign]
    unsupervised.learn(simulator, data.train, block=7, progress=False)
    taught = np.concatenate(list(shown(watching(Gaze(SHAPE)), data, 20)))
    np.testing.assert_array_equal(np.concatenate(blocks), taught)
