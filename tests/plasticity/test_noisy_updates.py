"""Updates with noise of their own (GO-UP), on arrays and in Brian2."""

import numpy as np
import pytest
from scipy import stats
from test_rate_devices import FEW_STEPS, assert_parity, build
from test_rate_devices import rates as in_brian
from test_rate_devices import trials as for_brian

from apical import Block, Network, dynamics, rules
from apical.errors import LocalityError, ParameterError
from apical.plasticity.optimizers import UpdateDynamics

ALPHA, SIGMA = 0.1, 0.3
SIZES = 60, 50, 40, 3
DT = {"dt": FEW_STEPS["dt"]}


def network(sigma: float = SIGMA, **options: float) -> Network:
    rule = rules.three_factor(dynamics=dynamics.go_up(ALPHA, sigma))
    return in_brian(of_layers=(rule,) * 3, sizes=SIZES, trial=FEW_STEPS["trial"], **options)


def dark(n: int = 1, learning: float = 1.0, index: int = 0) -> Block:
    """Return trials in which no input is active, so that the first synapses are taught nothing."""
    return Block(np.zeros((n, SIZES[0])), np.zeros(n, int), np.asarray(learning), index)


def walked(device: str, block: Block) -> np.ndarray:
    """Return how far the weights of the first projection went."""
    net = network()
    options = {} if device == "array" else DT
    simulator = build(net, device, **options)
    simulator.run(block)
    first = net.forward[0]
    return simulator.weights(first) - net.initial_weights(first)


DEVICES = ["array", "runtime", pytest.param("cpp_standalone", marks=pytest.mark.slow)]


@pytest.mark.parametrize("device", DEVICES)
def test_noise_is_normal_and_of_the_size_asked_for(device: str) -> None:
    step = walked(device, dark(learning=0.5)) / (0.5 * ALPHA * SIGMA)
    assert stats.kstest(step.ravel(), "norm").pvalue > 1e-3
    assert step.std() == pytest.approx(1, rel=0.05)
    assert abs(np.corrcoef(step[:, 0], step[:, 1])[0, 1]) < 0.45


@pytest.mark.parametrize("device", DEVICES)
def test_every_update_draws_anew(device: str) -> None:
    """Four independent steps go twice as far as one, not four times."""
    far = walked(device, dark(4)) / (ALPHA * SIGMA)
    assert far.std() == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("device", ["array", "runtime"])
@pytest.mark.slow
def test_draws_follow_from_seed_and_block(device: str) -> None:
    same = [walked(device, dark(index=3)) for _ in range(2)]
    assert np.array_equal(*same)
    assert not np.array_equal(same[0], walked(device, dark(index=4)))


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_nothing_moves_with_learning_off(device: str) -> None:
    assert not walked(device, dark(3, learning=0.0)).any()


@pytest.mark.parametrize(
    "device", ["runtime", pytest.param("cpp_standalone", marks=pytest.mark.thorough)]
)
@pytest.mark.slow
def test_without_noise_the_devices_agree(device: str) -> None:
    rule = rules.three_factor(dynamics=dynamics.go_up(0.2, 0.0))
    assert_parity(in_brian(of_layers=(rule,) * 3, trial=FEW_STEPS["trial"]), device, **DT)


def test_without_noise_it_is_plain_descent() -> None:
    weights = []
    for rule in (
        rules.three_factor(dynamics=dynamics.go_up(ALPHA, 0.0)),
        rules.three_factor(ALPHA),
    ):
        net = in_brian(of_layers=(rule,) * 3)
        simulator = build(net, "array", batch=5)
        simulator.run(for_brian())
        weights.append([simulator.weights(p) for p in net.plastic])
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.slow
def test_one_number_is_drawn_for_an_update_wherever_it_is_read() -> None:
    twice = UpdateDynamics("twice", {"m": 0.0}, (("m", "xi"),), "m - xi")
    for device in ("array", "runtime"):
        net = in_brian(of_layers=(rules.three_factor(dynamics=twice),) * 3, trial=400.0)
        simulator = build(net, device, **({} if device == "array" else DT))
        simulator.run(for_brian())
        first = net.forward[0]
        assert simulator.state[f"{first.name}.m"].std() > 0.5
        assert np.array_equal(simulator.weights(first), net.initial_weights(first))


def test_what_a_synapse_cannot_know_is_refused() -> None:
    with pytest.raises(LocalityError, match="'std'"):
        UpdateDynamics("go_up", {}, (), "alpha*(update + std*xi)", {"alpha": 0.1})
    with pytest.raises(ParameterError, match="'xi' cannot name a parameter"):
        rules.LearningRule("r", "xi*x_pre", {"xi": 1.0})
    with pytest.raises(LocalityError, match="'xi', which a synapse cannot know"):
        rules.LearningRule("r", "xi*x_pre")
    with pytest.raises(ParameterError, match="'xi' cannot name a state variable"):
        rules.three_factor(dynamics=UpdateDynamics("d", {"xi": 0.0}, (), "update"))
