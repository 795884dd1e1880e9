"""What saturates and what dies: measures, dynamics and weights, on cases with known answers."""

import numpy as np
import pytest
from rate_networks import rates, trials
from scipy.special import expit
from test_rate_devices import FEW_STEPS, assert_parity
from test_rate_devices import rates as in_brian

from apical import (
    Block,
    FewInputs,
    LearningRule,
    Network,
    Normal,
    Rate,
    RateError,
    Stimulus,
    dynamics,
    feedback,
    rules,
    simulate,
)
from apical.errors import DataError, ParameterError
from apical.measures import saturation
from apical.neurons.encoding import Graded
from apical.plasticity.optimizers import UpdateDynamics
from apical.projections.weights import Given


def unit(activation: str, weights: list[float]) -> Network:
    """Describe units that each hear one input, by a weight of their own."""
    net = Network()
    stimulus = net.add(Stimulus("stimulus", 1, Graded()))
    units = net.add(Rate("units", len(weights), activation))
    net.connect(stimulus, units, weights=Given(np.array([weights])))
    return net


def slopes(activation: str, weights: list[float], stimuli: list[float]) -> np.ndarray:
    simulator = simulate(
        unit(activation, weights), "array", dtype="float64", record=["units"], traces=["gain"]
    )
    return saturation.slopes(simulator, np.array(stimuli)[:, np.newaxis])["units"]


def test_slopes_are_those_of_the_drives() -> None:
    found = slopes("tanh", [1.0, -3.0], [0.0, 0.5, 1.0])
    drive = np.outer([0.0, 0.5, 1.0], [1.0, -3.0])
    np.testing.assert_allclose(found, 1 / np.cosh(drive) ** 2, rtol=1e-12)


def test_slopes_of_activities_are_those_by_hand() -> None:
    z = np.array([-2.5, -1.0, -0.25, 0.25, 0.5, 1.0, 2.5])
    by_hand = {
        "linear": (z, np.ones(7)),
        "logistic": (expit(z), expit(z) * expit(-z)),
        "softmax": (expit(z), expit(z) * expit(-z)),  # of two units, by its own drive
        "tanh": (np.tanh(z), 1 / np.cosh(z) ** 2),
        "relu": (np.maximum(z, 0), [0, 0, 0, 1, 1, 1, 1]),
        "leaky_relu": (np.maximum(z, 0.01 * z), [0.01, 0.01, 0.01, 1, 1, 1, 1]),
        "softplus": (np.logaddexp(0, z), expit(z)),
    }
    assert by_hand.keys() == saturation.SLOPES.keys()
    for name, (activity, slope) in by_hand.items():
        np.testing.assert_allclose(saturation.SLOPES[name](activity), slope, rtol=1e-12)


EDGE = float(np.arctanh(np.sqrt(0.9)))


@pytest.mark.parametrize(("activation", "edge"), [("tanh", EDGE), ("logistic", 2 * EDGE)])
def test_saturated_is_a_slope_below_a_tenth_of_the_steepest(activation: str, edge: float) -> None:
    """The slope of tanh is 1 - x*x, a tenth where x is the root of 0.9; logistic is tanh."""
    weights = [0.0, 0.99 * edge, 1.01 * edge, -1.01 * edge]
    found = saturation.saturated(slopes(activation, weights, [1.0, 0.5]), activation)
    assert found.values.tolist() == [0, 0, 0.5, 0.5] and found.row()["value"] == 0.25


def test_dead_units_are_those_that_no_stimulus_moves() -> None:
    weights = [1.0, -1.0, -4.0]
    dead = {
        activation: saturation.dead(slopes(activation, weights, [0.3, 1.0])).values.tolist()
        for activation in ("relu", "leaky_relu", "gelu")
    }
    assert dead == {"relu": [0, 1, 1], "leaky_relu": [0, 0, 0], "gelu": [0, 0, 0]}
    assert saturation.dead(slopes("gelu", weights, [1.0])).values.tolist() == [0, 0, 1]


def test_measures_leave_the_network_as_it_is() -> None:
    simulator = simulate(rates(), "array", record=["hidden_1"], traces=["gain"])
    before = simulator.state
    saturation.slopes(simulator, trials(4).values)
    assert all(np.array_equal(before[name], after) for name, after in simulator.state.items())


def test_what_cannot_be_judged_is_named() -> None:
    simulator = simulate(rates(), "array", record=["hidden_1"])
    with pytest.raises(DataError, match="traces=\\['gain'\\]"):
        saturation.slopes(simulator, trials(4).values)
    with pytest.raises(ParameterError, match="'relu'"):
        saturation.saturated(np.ones((2, 2)), "relu")
    with pytest.raises(DataError, match="1 trial or more"):
        saturation.dead(np.ones((0, 2)))


def linear(weights: np.ndarray, rule: LearningRule) -> Network:
    """Describe a linear neuron, whose rule need not read the error that it hears."""
    net = Network()
    stimulus = net.add(Stimulus("stimulus", len(weights), Graded()))
    unit = net.add(Rate("unit", 1, "linear"))
    net.connect(stimulus, unit, weights=Given(weights), rule=rule)
    net.teach(feedback.direct(net.add(RateError("error", 1)), net.forward))
    return net


def stepped(kind: UpdateDynamics, updates: list[np.ndarray]) -> np.ndarray:
    """Return weights after updates of a network that each ask for another change."""
    rule = LearningRule("told", "x_pre*told", {"told": 1.0}, dynamics=kind)
    simulator = simulate(linear(np.zeros((3, 1)), rule), "array", dtype="float64")
    for update in updates:
        simulator.run(Block(update[np.newaxis], np.zeros(1, int), np.ones(())))
    return simulator.weights("stimulus_to_unit")[:, 0]


UPDATES = list(np.random.default_rng(0).normal(size=(7, 3)))


def share(k: int, rising: float, mu: float) -> float:
    """Return Sutskever et al. 2013, eq. 5, as it is printed there."""
    return min(1 - 2 ** (-1 - np.log2(k // rising + 1)), mu)


@pytest.mark.parametrize(("mu", "rising"), [(0.9, 0.0), (0.8, 2.0)])
def test_momentum_is_that_of_the_paper(mu: float, rising: float) -> None:
    """The velocities of Sutskever et al. 2013, eqs. 1 to 4, written down as they stand there."""
    kept = [share(k, rising, mu) if rising else mu for k in range(len(UPDATES) + 1)]
    theta, v = np.zeros(3), np.zeros(3)
    for k, update in enumerate(UPDATES):
        v = kept[k] * v + update
        theta = theta + v
    np.testing.assert_allclose(stepped(dynamics.momentum(mu, rising), UPDATES), theta, rtol=1e-12)
    ahead = theta + kept[len(UPDATES)] * v  # the same updates, asked for at the look-ahead
    np.testing.assert_allclose(stepped(dynamics.nesterov(mu, rising), UPDATES), ahead, rtol=1e-12)


def test_nesterov_asks_for_updates_where_it_looks_ahead() -> None:
    """On a quadratic: theta follows the scheme that takes its gradient at theta + mu*v."""
    mu, eta = 0.9, 0.1
    rule = LearningRule("down", "-eta*w*x_pre", {"eta": eta}, dynamics=dynamics.nesterov(mu))
    simulator = simulate(linear(np.ones((1, 1)), rule), "array", dtype="float64")
    simulator.run(Block(np.ones((9, 1)), np.zeros(9, int), np.ones(())))
    theta, v = 1.0, 0.0
    for _ in range(9):
        v = mu * v - eta * (theta + mu * v)
        theta += v
    assert simulator.weights("stimulus_to_unit").item() == pytest.approx(theta + mu * v)


def test_clipped_updates_are_no_larger_than_the_limit() -> None:
    clipped = [np.clip(update, -0.3, 0.3) for update in UPDATES]
    np.testing.assert_allclose(stepped(dynamics.clipped(0.3), UPDATES), np.sum(clipped, axis=0))
    for after in (dynamics.momentum(), dynamics.adam()):
        np.testing.assert_allclose(
            stepped(dynamics.clipped(0.3, after), UPDATES), stepped(after, clipped), rtol=1e-12
        )


def test_clips_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ParameterError, match="limit must be one finite number .dimensionless. > 0"):
        dynamics.clipped(0.0)
    with pytest.raises(ParameterError, match="clip once"):
        dynamics.clipped(0.1, dynamics.clipped(0.1))


@pytest.mark.parametrize(
    "kind",
    [dynamics.nesterov(0.9, 2.0), dynamics.clipped(2e-3, dynamics.momentum())],
    ids=lambda kind: kind.name,
)
def test_devices_agree(kind: UpdateDynamics) -> None:
    rule = rules.three_factor(0.05, dynamics=kind)
    assert_parity(
        in_brian(of_layers=(rule,) * 3, trial=FEW_STEPS["trial"]), "runtime", FEW_STEPS["dt"]
    )


def test_few_inputs_reach_every_neuron() -> None:
    drawn = FewInputs(Normal(2.0), 15).draw(400, 300, np.random.default_rng(0))
    assert ((drawn != 0).sum(axis=0) == 15).all()
    assert drawn[drawn != 0].std() == pytest.approx(2, rel=0.05)
    assert (FewInputs(Normal(), 15).draw(4, 3, np.random.default_rng(0)) != 0).all()
