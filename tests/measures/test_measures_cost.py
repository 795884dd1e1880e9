"""Cost: memory, sparsity and operations, against counts by hand and by other ways."""

from typing import Any

import made_records
import networks
import numpy as np
import pytest
import rate_networks
from test_measures_learning import SAMPLES, looking, network_weights, records_of, weights_of

from apical import LIF, Block, Error, Network, Rate, Simulator, Stimulus, feedback, rules, simulate
from apical.errors import DataError
from apical.measures.cost import (
    _is_binary,
    activation_sparsity,
    connection_sparsity,
    cost,
    footprint,
    synaptic_operations,
    weight_updates,
)
from apical.records.arrays import Records
from apical.records.recording import record


def tiny() -> Network:
    """2 -> 3 -> 2 neurons, 4 error neurons."""
    net, rule = Network(trial=4.0), rules.three_factor(1.0)
    x, h = net.add(Stimulus("stimulus", 2)), net.add(LIF("hidden", 3))
    y, e = net.add(LIF("output", 2)), net.add(Error("error", 4))
    net.connect(x, h, rule=rule)
    net.connect(h, y, rule=rule)
    net.teach(feedback.direct(e, net.forward))
    return net


def raster(n: int, *spikes: tuple[int, int, int]) -> np.ndarray:
    """Return two trials of four steps with spikes at (trial, step, unit)."""
    found = np.zeros((2, 4, n), bool)
    for place in spikes:
        found[place] = True
    return found


def signals(**changes: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return signals of `tiny`, 0 but for the end of a trial: name -> {unit: values by trial}."""
    found = {}
    for name, size in (("stimulus", 2), ("hidden", 3), ("output", 2)):
        for signal in ("x", "gain", "teach"):
            found[f"{name}.{signal}"] = np.zeros((2, 4, size))
    for name, units in changes.items():
        for unit, values in units.items():
            found[name.replace("_", ".")][:, -1, int(unit)] = values
    return found


def test_by_hand() -> None:
    net, w = tiny(), network_weights(tiny())
    w["stimulus_to_hidden"] = np.array([[1.0, 0, 2], [3, 4, 5]])
    w["hidden_to_output"] = np.array([[1.0, 0], [0, 0], [1, 1]])
    records = records_of(
        {
            "stimulus": raster(2, (0, 0, 0), (0, 1, 0), (0, 3, 1), (1, 0, 0)),
            "hidden": raster(3, (0, 2, 0), (0, 3, 2), (1, 1, 1)),
            "output": raster(2, (0, 3, 0)),
            "error": raster(4, (0, 3, 2), (1, 3, 0)),
        },
        signals(
            stimulus_x={"0": [2, 1], "1": [1, 0]},
            hidden_x={"0": [1, 0], "1": [0, 1]},
            hidden_gain={"0": [1, 1], "1": [1, 0], "2": [1, 1]},
            hidden_teach={"0": [0.5, 0.0], "1": [1, 1], "2": [0, 0.5]},
            output_gain={"0": [1, 1], "1": [1, 1]},
            output_teach={"0": [1, 0], "1": [0, 0]},
        ),
        duration=4.0,
    )
    table = synaptic_operations(net, w, records).set_index("projection")
    # spikes times weights that are not 0: 3 of neuron 0 with 2, 1 of neuron 1 with 3; by 2 trials
    assert table.loc["stimulus_to_hidden", "effective"] == (3 * 2 + 1 * 3) / 2
    assert table.loc["stimulus_to_hidden", "events"] == 4 * 3 / 2
    assert table.loc["stimulus_to_hidden", "dense"] == 4 * 6
    assert table.loc["hidden_to_output", "effective"] == (1 + 0 + 2) / 2
    assert table.loc["output_to_error", "effective"] == table.loc["output_to_error", "events"] == 1
    assert table.loc["error_to_hidden", "effective"] == 2 * 3 / 2
    assert set(table["kind"]) == {"AC"}
    assert table.index[table["phase"] == "inference"].tolist() == [
        "stimulus_to_hidden",
        "hidden_to_output",
    ]
    sparse = activation_sparsity(net, records)
    assert sparse["ActivationSparsity"] == 1 - 4 / (2 * 4 * 5)
    assert sparse["ActivationSparsity", "hidden"] == 1 - 3 / (2 * 4 * 3)
    assert connection_sparsity(net, w) == (1 + 3) / 12
    first, second = weight_updates(net, records)
    # trial 0: 2 active inputs, 2 neurons taught; trial 1: 1 input, 1 neuron (1 is shut, 0 unheard)
    assert (first.effective, first.dense) == ((2 * 2 + 1 * 1) / 2, 6)
    assert (second.effective, second.dense) == (1 * 1 / 2, 6)
    total = cost(net, w, records, {"hidden.v": np.zeros(3, np.float32)})
    assert total["Effective_ACs"] == 6 and total["Effective_MACs"] == 0
    assert total["Dense"] == 4 * 12
    assert total["events"] == (4 * 3 + 3 * 2) / 2
    assert total["learning_Effective_ACs"] == 1 + 0.5 * 2 + 1 * 1 + 3
    assert total["spikes"] == 8 / 2 and total["learning_spikes"] == 1
    assert total["weight_updates"] == 3 and total["weight_updates_dense"] == 12


@pytest.mark.slow
def test_a_silent_network_costs_nothing() -> None:
    net = networks.small()
    simulator = looking(net)
    silent = {p.name: np.zeros(p.shape) for p in net.projections}
    silent["hidden_0_to_output"] -= 100
    silent["stimulus_to_hidden_0"] -= 100
    records = record(simulator, SAMPLES, [0, 1])
    nothing = records_of(
        {name: np.zeros((2, 40, len(units)), bool) for name, units in records.units.items()},
        {name: np.zeros_like(values) for name, values in records.signals.items()},
    )
    found = cost(net, silent, nothing, simulator.state)
    assert found["ActivationSparsity"] == 1 and found["ConnectionSparsity"] == 0
    for name in ("Effective_ACs", "events", "spikes", "weight_updates", "learning_events"):
        assert found[name] == 0
    assert found["Dense"] == 40 * (12 * 8 + 8 * 3)
    assert found["weight_updates_dense"] == 12 * 8 + 8 * 3
    assert found["learning_Effective_ACs"] == 0


def neurobench(net: Network, weights: dict[str, np.ndarray], records: Records) -> dict[str, float]:
    """Count as NeuroBench's harness does: the layer, made binary, on the inputs of every step."""
    found = {"Effective_MACs": 0.0, "Effective_ACs": 0.0, "Dense": 0.0}
    zero = total = 0
    for p in net.forward:
        inputs = inputs_of(records, p.pre)
        binary = np.isin(inputs, (-1, 0, 1)).all()
        done = (inputs != 0).astype(float) @ (weights[p.name] != 0)
        found["Effective_ACs" if binary else "Effective_MACs"] += done.sum() / len(records)
        found["Dense"] += (np.ones_like(inputs) @ np.ones(p.shape)).sum() / len(records)
        outputs = inputs_of(records, p.post)
        zero, total = zero + np.count_nonzero(outputs == 0), total + outputs.size
    return {**found, "ActivationSparsity": zero / total}


def inputs_of(records: Records, population: Any) -> np.ndarray:
    """Return what neurons send in every step of every trial, shape (n_trials, n_steps, n)."""
    if not population.is_spiking:
        return records.signals[f"{population.name}.x"]
    sent = np.zeros((len(records), round(records.duration), population.size))
    spikes = records.spikes[population.name]
    for trial, time, unit in zip(spikes.trial, spikes.time, spikes.unit, strict=True):
        sent[trial, round(time), unit] += 1
    return sent


def simulators() -> list[tuple[str, Simulator]]:
    rates = rate_networks.rates(sizes=(networks.N_INPUTS, 7, 6, 3), activation="relu")
    return [
        ("trial", looking(networks.small())),
        ("spike", looking(networks.small("spike"))),
        ("array", looking(rates, "array")),
        ("graded", looking(rates)),
    ]


@pytest.mark.parametrize("which", range(4), ids=[0, 1, 2, 3])
@pytest.mark.slow
def test_against_another_count(which: int) -> None:
    name, simulator = simulators()[which]
    net, w = simulator.network, weights_of(simulator)
    for p in net.forward:  # some weights are 0
        w[p.name] = w[p.name] * (np.abs(w[p.name]) > 0.2)
    simulator.load({p.name: w[p.name] for p in net.forward})
    records = record(simulator, SAMPLES, np.arange(4))
    found = cost(net, w, records, simulator.state)
    expected = neurobench(net, w, records)
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    spiking = name in ("trial", "spike")
    assert (found["Effective_MACs"] == 0) == spiking and found["Dense"] > found["Effective_ACs"]
    assert 0 < found["ActivationSparsity"] < 1 and 0 < found["ConnectionSparsity"] < 1


@pytest.mark.parametrize(
    "when", ["trial", *(pytest.param(w, marks=pytest.mark.thorough) for w in ("feedback", "spike"))]
)
@pytest.mark.slow
def test_updates_are_the_weights_that_change(when: Any) -> None:
    """One trial that learns very little: as many weights move as have an update, or fewer."""
    net = networks.small(when, neuron={"gain": "int(x > 0.1)"})
    simulator = looking(net)
    for number in range(3):
        records, before = record(simulator, SAMPLES, [number]), simulator.state
        values, labels = SAMPLES.block([number])
        simulator.run(Block(values, labels, np.full(1, 1e-6), index=-1 - number))
        for p, found in zip(net.plastic, weight_updates(net, records), strict=True):
            moved = np.count_nonzero(simulator.weights(p) != before[f"{p.name}.w"])
            if when == "trial":
                assert found.effective == moved and found.dense == p.pre.size * p.post.size
            assert moved <= found.effective <= found.dense
            assert (moved > 0) == (found.effective > 0)
        simulator.state = before


def test_binary_stimuli_of_rates_are_accumulated() -> None:
    net = rate_networks.rates(sizes=(4, 3, 2), activation="tanh")
    x = np.zeros((3, 1, 4))
    x[:, 0, 1] = 1
    hidden, delta = np.full((3, 1, 3), 0.5), np.zeros((3, 1, 3))
    sent = {
        "stimulus.x": x,
        "hidden_1.x": hidden,
        "output.x": np.ones((3, 1, 2)),
        "error.x": np.full((3, 1, 2), 0.1),
        "hidden_1.delta": delta,
    }
    table = synaptic_operations(net, network_weights(net), records_of(signals=sent))
    table = table.set_index("projection")
    assert table.loc["stimulus_to_hidden_1", ["kind", "effective"]].tolist() == ["AC", 3]
    assert table.loc["hidden_1_to_output", ["kind", "effective"]].tolist() == ["MAC", 6]
    assert not [name for name in table.index if name.startswith("bias")]


def test_forward_relays_serve_both() -> None:
    """Indirect feedback along forward synapses: the same weights carry activity and error."""
    net = rate_networks.rates(feedback.indirect, (networks.N_INPUTS, 5, 4, 3))
    simulator = looking(net, "array")
    records = record(simulator, SAMPLES, [0, 1])
    table = synaptic_operations(net, weights_of(simulator), records)
    relay = table[table["projection"] == "hidden_1_to_hidden_2"].set_index("signal")
    assert relay["phase"].to_dict() == {"x": "inference", "delta": "learning"}
    assert relay["dense"].tolist() == [20, 20]


def test_memory_by_hand() -> None:
    net = networks.small()
    simulator = simulate(net, "runtime")
    found, state = footprint(net, simulator.state), simulator.state
    assert sum(found.values()) == sum(values.nbytes for values in state.values())
    weights = 4 * (12 * 8 + 8 * 3)
    inference = {"stimulus": 2 * 12, "hidden_0": 3 * 8, "output": 3 * 3}
    # phase and rate; v, I and the count that decides
    assert found["Footprint"] == weights + 4 * sum(inference.values())
    held = {"hidden_0.teach": np.zeros(8), "stimulus_to_hidden_0.m": np.zeros(2)}
    assert footprint(net, held) == {"Footprint": 0, "learning_Footprint": 80}


@pytest.mark.slow
def test_what_was_not_recorded_is_named() -> None:
    net = networks.small()
    simulator = simulate(net, "runtime", record=["hidden_0"])
    records = record(simulator, SAMPLES, [0])
    with pytest.raises(DataError, match="no spikes of 'stimulus'"):
        synaptic_operations(net, network_weights(net), records)
    rates = rate_networks.rates(sizes=(networks.N_INPUTS, 5, 4, 3))
    some = simulate(rates, "array", record=["hidden_1"], traces=["x"])
    with pytest.raises(DataError, match=r"lack the signal 'stimulus.x'.*--signals x"):
        synaptic_operations(rates, network_weights(rates), record(some, SAMPLES, [0]))


@pytest.mark.parametrize(
    ("values", "binary"),
    [([0, 1, 1], True), ([-1, 0, 1], True), ([0, 2, 1], False), ([0, 0.5, 1], False)],
)
def test_signals_of_one_bit_and_a_sign_need_no_multiplication(
    values: list[float], binary: bool
) -> None:
    signal = np.array(values, float).reshape(1, 1, 3)
    made = made_records.records({}, np.zeros(1, int), signals={"y": signal[0]})
    assert _is_binary(made, Rate("y", 3), "x") is binary
    assert _is_binary(made, LIF("y", 3), "x") is True
