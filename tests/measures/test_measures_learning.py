"""Measures of learning: angles to backpropagation, feedback and forward weights, weights, units."""

from typing import Any

import networks
import numpy as np
import pytest
import rate_networks

from apical import Block, Network, Simulator, datasets, feedback, simulate
from apical._base import seeds
from apical.data.datasets import blobs
from apical.errors import DataError, DeviceError, WiringError
from apical.measures import saturation
from apical.measures.alignment import angle, angles_to_backpropagation
from apical.measures.learning import (
    feedback_measures,
    sign_measures,
    update_angles,
    weight_measures,
)
from apical.measures.saturation import unit_measures
from apical.measures.updates import update, update_signals
from apical.neurons.encoding import Escape
from apical.plasticity.rules import LearningRule
from apical.projections.weights import Masked
from apical.records.arrays import Records, Spikes, Units
from apical.records.recording import record
from apical.scripts import models
from apical.training.loop import Plan, steps

SAMPLES = blobs(40, 20, networks.N_INPUTS, networks.N_CLASSES, rng=np.random.default_rng(0)).test


def looking(network: Network, device: str = "runtime", **options: Any) -> Simulator:
    every = [p.name for p in network.populations if p.name != "bias"]
    traces = update_signals(network)
    return simulate(network, device, dtype="float64", record=every, traces=traces, **options)


def weights_of(simulator: Simulator) -> dict[str, np.ndarray]:
    return {p.name: simulator.weights(p) for p in simulator.network.projections}


def angles(simulator: Simulator, n: int = 10) -> dict[str, float]:
    records = record(simulator, SAMPLES, np.arange(n))
    return update_angles(simulator.network, weights_of(simulator), records)


# What rules ask for ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "options", "tolerance"),
    [
        ("trial", {"hidden": (8, 6)}, 1e-6),
        ("feedback", {}, 1e-6),
        ("feedback", {"neuron": {"gain": "1 + 0.1*v"}, "onset": 10.0}, 0.2),  # gain after a spike
        ("spike", {"encoder": Escape(), "neuron": {"gain": "1"}}, 1e-6),
        ("spike", {"onset": 10.0}, 0.05),  # gain after a spike
    ],
)
@pytest.mark.slow
def test_what_a_rule_asks_for_is_what_the_simulator_does(
    when: Any, options: dict[str, Any], tolerance: float
) -> None:
    """Trials that learn so little that the weights stay, against the recorded signals."""
    network, n, rate = networks.small(when, **options), 6, 1e-7
    simulator = looking(network)
    records = record(simulator, SAMPLES, np.arange(n))
    before = weights_of(simulator)
    values, labels = SAMPLES.block(np.arange(n))
    simulator.run(Block(values, labels, np.full(n, rate), index=seeds.presentation("recording", 0)))
    for p in network.plastic:
        done = (simulator.weights(p) - before[p.name]) / rate / n
        asked = update(p, before[p.name], records)
        size = np.linalg.norm(done)
        assert size > 0
        assert np.linalg.norm(asked - done) < tolerance * size


@pytest.mark.slow
def test_terms_of_the_weight_alone_count_too() -> None:
    network = networks.small()
    eager = LearningRule("decays", "x_pre * gain_post * teach_post - 0.5 * w")
    object.__setattr__(network.plastic[0], "rule", eager)
    simulator = looking(network)
    w = simulator.weights(network.plastic[0])
    records = record(simulator, SAMPLES, [0, 1])
    values, labels = SAMPLES.block(np.arange(2))
    simulator.run(Block(values, labels, np.full(2, 1e-7), index=-1))
    done = (simulator.weights(network.plastic[0]) - w) / 2e-7
    np.testing.assert_allclose(update(network.plastic[0], w, records), done, atol=1e-6)


# Angles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wiring", [feedback.direct, feedback.layerwise, feedback.indirect])
def test_angles_from_signals_are_those_of_the_gradient(wiring: Any) -> None:
    """Of networks of rates there is another way, which runs backpropagation."""
    sizes = (networks.N_INPUTS, 7, 6, 3)
    network = rate_networks.rates(wiring, sizes, output="tanh", gain="slope")
    simulator = looking(network, "array")
    values, labels = SAMPLES.block(np.arange(10))
    expected = angles_to_backpropagation(simulator, Block(values, labels))
    assert len(expected) == 4
    found = angles(simulator)
    assert found == pytest.approx(expected, abs=0.01)
    assert all(5 < found[name] < 175 for name in found)


def carry_back(simulator: Simulator, sign: float = 1) -> None:
    """Give every hidden population the transposed forward weights above it as its feedback."""
    w = weights_of(simulator)
    below = np.eye(networks.N_CLASSES)
    for p in reversed(simulator.network.forward[1:]):
        below = w[p.name] @ below
        back = sign * below.T
        simulator.load({f"error_to_{p.pre.name}": np.concatenate([-back, back])})


@pytest.mark.parametrize(
    ("when", "hidden"), [("trial", (8, 6)), ("feedback", (8,)), ("spike", (8,))]
)
@pytest.mark.slow
def test_feedback_through_the_forward_weights_is_backpropagation(when: Any, hidden: Any) -> None:
    """With a gain that is always 1, so that the product of the weights above is all there is."""
    network = networks.small(when, hidden=hidden, neuron={"gain": "1"})
    simulator = looking(network)
    before = angles(simulator)
    assert len(before) == len(hidden) and min(before.values()) > 20
    carry_back(simulator)
    assert max(angles(simulator).values()) < 0.1
    found = feedback_measures(network, weights_of(simulator))
    np.testing.assert_allclose(found["angle"], 0, atol=1e-4)
    np.testing.assert_allclose(found["ratio"], 1)
    carry_back(simulator, -2.0)
    assert min(angles(simulator).values()) > 179.9
    found = feedback_measures(network, weights_of(simulator))
    np.testing.assert_allclose(found["angle"], 180, atol=1e-4)
    np.testing.assert_allclose(found["ratio"], 2)


def test_random_feedback_is_at_right_angles_to_random_weights() -> None:
    # 400 x 3 random products: a standard deviation of some 60 / sqrt(1200) degrees
    found = angles(looking(networks.small(hidden=(400,))), 5)
    assert abs(found["stimulus_to_hidden_0"] - 90) < 7


def test_weights_of_0_have_no_angle() -> None:
    simulator = looking(networks.small())
    simulator.load({"hidden_0_to_output": np.zeros((8, 3))})
    assert np.isnan(angles(simulator)["stimulus_to_hidden_0"])
    assert feedback_measures(simulator.network, weights_of(simulator)).isna().any(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["trial", "online"])
def test_learning_turns_a_spiking_network_toward_its_feedback(form: str) -> None:
    data = datasets.load("digits")
    network = models.load("spiking_dfa").build(data, 0, hidden=50, update=form)
    every = [p.name for p in network.populations]
    simulator = simulate(network, record=every, traces=update_signals(network))

    def measured() -> tuple[float, float]:
        records, weights = record(simulator, data.test, np.arange(100)), weights_of(simulator)
        lies = feedback_measures(network, weights).set_index("projection")["angle"]
        return (
            update_angles(network, weights, records)["stimulus_to_hidden"],
            float(lies["error_to_hidden"]),
        )

    rng, shape = np.random.default_rng(0), (50, data.n_classes)
    simulator.load({"hidden_to_output": rng.normal(0, 0.01, shape)})
    start = measured()
    for _ in steps(simulator, data, Plan(epochs=2)):
        pass
    end = measured()
    assert 75 < start[0] < 105 and 80 < start[1] < 100
    assert end[0] < 70 and end[1] < 70


def test_networks_without_angles_are_named() -> None:
    network = networks.small()
    network.feedback = None
    with pytest.raises(WiringError, match="need a feedback pathway"):
        update_angles(network, {}, records_of())
    simulator = simulate(networks.small(), "runtime", record=["hidden_0", "output"])
    records = record(simulator, SAMPLES, [0])
    with pytest.raises(DataError, match="lack the signal '.*'.*record it"):
        update_angles(simulator.network, weights_of(simulator), records)


def test_rules_that_are_no_product_are_named() -> None:
    network = networks.small()
    strange = LearningRule("strange", "abs(x_pre - x_post) * teach_post")
    object.__setattr__(network.plastic[0], "rule", strange)
    simulator = looking(network)
    with pytest.raises(DeviceError, match="no matrix product"):
        angles(simulator)


# Feedback and forward weights --------------------------------------------------------------------


def test_relayed_feedback_is_held_against_the_next_projection() -> None:
    network = rate_networks.rates(feedback.layerwise, (6, 5, 4, 3))
    simulator = simulate(network, "array", dtype="float64")
    w = weights_of(simulator)
    simulator.load(
        {
            "feedback_output_to_hidden_2": 3 * w["hidden_2_to_output"].T,
            "feedback_hidden_2_to_hidden_1": -0.5 * w["hidden_1_to_hidden_2"].T,
        }
    )
    found = feedback_measures(network, weights_of(simulator)).set_index("population")
    np.testing.assert_allclose(
        found.loc["hidden_2", ["angle", "ratio"]].tolist(), [0, 3], atol=1e-5
    )
    np.testing.assert_allclose(
        found.loc["hidden_1", ["angle", "ratio"]].tolist(), [180, 0.5], atol=1e-5
    )


def test_feedback_without_a_counterpart_is_left_out() -> None:
    """Indirect feedback relays from below, and within a population; neither has one."""
    network = rate_networks.rates(feedback.indirect, relay="random")
    assert feedback_measures(network, network_weights(network))["population"].tolist() == [
        "hidden_1"
    ]
    first = next(p for p in network.populations if p.name == "hidden_1")
    partly = rate_networks.rates(feedback.direct).rewired(feedback.indirect, hears={first: 0.5})
    assert any(isinstance(p.weights, Masked) for p in partly.feedback.projections)
    assert feedback_measures(partly, network_weights(partly))["projection"].tolist() == [
        "error_to_hidden_1"
    ]


def network_weights(network: Network) -> dict[str, np.ndarray]:
    return {p.name: network.initial_weights(p) for p in network.projections}


# Weights -----------------------------------------------------------------------------------------


def test_weights_by_hand() -> None:
    network = networks.small(bounds=(-1.0, 1.0))
    weights = network_weights(network)
    weights["hidden_0_to_output"] = np.zeros((8, 3))
    weights["hidden_0_to_output"][0] = [1.0, -1.0, 0.5]
    before = {**weights, "hidden_0_to_output": np.zeros((8, 3))}
    before["hidden_0_to_output"][1, 1] = 2.0
    before["stimulus_to_hidden_0"] = 0.5 * weights["stimulus_to_hidden_0"]
    table = weight_measures(network, weights, before).set_index("projection")
    row = table.loc["hidden_0_to_output"]
    assert row["norm"] == pytest.approx(1.5)
    assert row["zeros"] == pytest.approx(21 / 24)
    assert row["at_bounds"] == pytest.approx(2 / 24)
    assert row["mean"] == pytest.approx(0.5 / 24)
    assert row["speed"] == pytest.approx(np.sqrt(1 + 1 + 0.25 + 4) / 2)
    assert table.loc["stimulus_to_hidden_0", "speed"] == pytest.approx(1)
    first = weights["stimulus_to_hidden_0"]
    assert table.loc["stimulus_to_hidden_0", "q25"] == pytest.approx(np.quantile(first, 0.25))
    assert "speed" not in weight_measures(network, weights)
    assert np.isnan(weight_measures(networks.small(), weights)["at_bounds"]).all()
    still = weight_measures(network, weights, {**weights, "hidden_0_to_output": np.zeros((8, 3))})
    assert np.isnan(still["speed"]).tolist() == [False, True]


def test_dales_law_by_hand() -> None:
    network = networks.small()
    weights = network_weights(network)
    weights["stimulus_to_hidden_0"] = np.abs(weights["stimulus_to_hidden_0"])
    weights["hidden_0_to_output"] = np.array([[1.0, 0, 0], [1, -3, 0], [-1, 0, -1], [0, 0, 0]] * 2)
    table = sign_measures(network, weights).set_index("population")
    assert table.loc["stimulus", ["mixed", "minority"]].tolist() == [0, 0]
    assert table.loc["hidden_0", ["mixed", "minority"]].tolist() == [2 / 8, 2 / 14]


# Units -------------------------------------------------------------------------------------------


def records_of(
    spikes: dict[str, np.ndarray] | None = None,
    signals: dict[str, np.ndarray] | None = None,
    duration: float = 40.0,
) -> Records:
    """Return records of rasters, shape (n_trials, n_steps, n), and signals."""
    found, kinds = {}, {}
    for name, raster in (spikes or {}).items():
        trial, step, unit = np.nonzero(raster)
        found[name] = Spikes(trial, step * 1.0, unit)
        kinds[name] = Units("LIF", np.zeros(raster.shape[2]))
    for name, values in (signals or {}).items():
        kinds[name.partition(".")[0]] = Units("Rate", np.zeros(values.shape[2]))
    n = len(next(iter({**(spikes or {}), **(signals or {})}.values()), [0]))
    nothing = np.zeros(n, int)
    return Records(
        duration, 1.0, kinds, nothing, np.zeros((n, 1)), nothing, nothing, found, signals or {}
    )


def test_spiking_units_by_hand() -> None:
    raster = np.zeros((200, 40, 8), bool)
    raster[5, 3, 1] = True  # once in all trials
    raster[:, :, 2] = True  # in every step
    raster[:, ::2, 3] = True  # in every other
    raster[:197, :, 4] = True  # in 98.5 % of trials
    row = unit_measures(networks.small(), records_of({"hidden_0": raster})).iloc[0]
    assert (row["population"], row["dead"]) == ("hidden_0", 4 / 8)
    assert row["saturated"] == pytest.approx((1 + 197 / 200) / 8)
    assert row["criterion"] == "over 97.4% of 40 spikes, one every 1 ms"
    slow = networks.small(neuron={"refractory": 2.0})
    row = unit_measures(slow, records_of({"hidden_0": raster})).iloc[0]
    assert row["saturated"] == pytest.approx((2 + 197 / 200) / 8)
    assert "one every 2 ms" in row["criterion"]
    escape = networks.small(encoder=Escape(refractory=4.0))
    row = unit_measures(escape, records_of({"stimulus": np.zeros((2, 40, 12), bool)})).iloc[0]
    assert row["dead"] == 1 and "10 spikes, one every 4 ms" in row["criterion"]


def test_a_spiking_ceiling_is_one() -> None:
    """A neuron that is driven as hard as can be reaches it, and none fires above it."""
    network = networks.small(neuron={"refractory": 3.0, "tau_s": 1.0})
    simulator = simulate(network, "runtime", record=["hidden_0"])
    simulator.load({"stimulus_to_hidden_0": np.full((networks.N_INPUTS, 8), 1e4)})
    records = record(simulator, SAMPLES, np.arange(3))
    assert unit_measures(network, records).iloc[0]["saturated"] == 1
    assert records.counts("hidden_0").max() <= 14


def test_rates_by_hand() -> None:
    network = rate_networks.rates(sizes=(6, 5, 4, 3), output="logistic")
    tanh = np.zeros((200, 1, 5))
    tanh[:, 0, 1], tanh[:, 0, 2], tanh[:, 0, 3] = 0.95, -0.95, 0.94  # slopes 0.0975, 0.1164
    tanh[:50, 0, 2] = 0.1
    tanh[:, 0, 4] = 0.9996  # slope 0.0008
    logistic = np.full((200, 1, 3), 0.97)  # slope 0.0291 of 0.25
    logistic[:, 0, 1], logistic[:, 0, 2] = 0.02, 0.9995  # 0.0196, 0.0005
    records = records_of(signals={"hidden_1.x": tanh, "output.x": logistic})
    table = unit_measures(network, records).set_index("population")
    assert table.loc["hidden_1", ["dead", "saturated"]].tolist() == [1 / 5, (1 + 0.75 + 1) / 5]
    assert table.loc["output", ["dead", "saturated"]].tolist() == pytest.approx([1 / 3, 2 / 3])


def test_rates_that_do_not_level_off() -> None:
    x = np.zeros((3, 1, 5))
    x[:, 0, 1], x[1, 0, 2] = -0.5, 0.2
    dead = {"linear": 0.0, "relu": 4 / 5, "leaky_relu": 0.0, "softplus": 4 / 5, "gelu": np.nan}
    for activation, share in dead.items():
        given = np.abs(x) * (x > 0) if activation in ("relu", "softplus") else x
        network = rate_networks.rates(activation=activation, sizes=(6, 5, 3))
        row = unit_measures(network, records_of(signals={"hidden_1.x": given})).iloc[0]
        np.testing.assert_equal(row["dead"], share)
        assert np.isnan(row["saturated"]) and row["criterion"] == ""


def test_slopes_that_were_recorded_are_used() -> None:
    """Those of GELU do not follow from its activity; where learning has no slope, they do."""
    gelu = rate_networks.rates(activation="gelu", sizes=(6, 2, 3))
    gain = np.array([[[0.0, 2e-3]], [[-1e-3, 0.0]]])
    records = records_of(signals={"hidden_1.x": np.zeros((2, 1, 2)), "hidden_1.gain": gain})
    assert unit_measures(gelu, records).iloc[0]["dead"] == 1 / 2
    ones = records_of(
        signals={"output.x": np.full((2, 1, 3), 0.9999), "output.gain": np.ones((2, 1, 3))}
    )
    row = unit_measures(rate_networks.rates(sizes=(6, 2, 3), gain="one"), ones).iloc[0]
    assert (row["dead"], row["saturated"]) == (1, 1)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "leaky_relu", "softplus"])
def test_slopes_follow_from_activities(activation: str) -> None:
    """What recorded activities say is what the network's own slopes say, and `saturated`."""
    network = rate_networks.rates(activation=activation, sizes=(6, 40, 3))
    simulator = simulate(network, "array", record=["hidden_1"], traces=["x", "gain"])
    simulator.load({"stimulus_to_hidden_1": np.random.default_rng(0).normal(0, 4, (6, 40))})
    values = np.random.default_rng(1).normal(0, 1, (30, 6))
    signals = simulator.run(Block(values)).traces
    x, gain = (signals[f"hidden_1.{name}"] for name in ("x", "gain"))
    by_x, by_gain = (
        unit_measures(network, records_of(signals=given)).iloc[0]
        for given in ({"hidden_1.x": x}, {"hidden_1.x": x, "hidden_1.gain": gain})
    )
    both = [row[["dead", "saturated"]].tolist() for row in (by_x, by_gain)]
    np.testing.assert_equal(*both)
    assert by_x["dead"] == saturation.dead(gain[:, -1]).values.mean()
    if activation in saturation.STEEPEST:
        judged = saturation.saturated(gain[:, -1], activation).values.mean()
        assert 0.2 < by_x["saturated"] < 1
        assert by_x["saturated"] == pytest.approx(judged)


def test_the_end_of_a_range_is_where_its_slope_is_a_tenth() -> None:
    assert pytest.approx(saturation.SHARE * 0.25) == saturation.END * (1 - saturation.END)


def test_angle_of_vectors_is_right() -> None:
    assert angle(np.array([1.0, 0]), np.array([1.0, 1])) == pytest.approx(45)
