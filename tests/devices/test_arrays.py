"""Device array: settled rate networks, a batch at a time."""

import re
from typing import Any

import numpy as np
import pytest
from rate_networks import rates, trials

from apical import (
    LIF,
    Block,
    Given,
    Network,
    NeuronModel,
    Neurons,
    Rate,
    RateError,
    Stimulus,
    Zero,
    datasets,
    dynamics,
    evaluate,
    feedback,
    rules,
    simulate,
    train,
)
from apical.devices import Simulator
from apical.errors import (
    ApicalError,
    DataError,
    DeviceError,
    LocalityError,
    ParameterError,
    WiringError,
)
from apical.language.activations import ACTIVATIONS, Activation
from apical.neurons.encoding import Graded
from apical.plasticity.rules import LearningRule

READOUTS = {
    "logistic": ("logistic", "one"),
    "softmax": ("softmax", "one"),
    "squared": ("tanh", "slope"),
}


def array(net: Network, dtype: Any = "float64", **options: Any) -> Simulator:
    return simulate(net, "array", dtype=dtype, **options)


def loss(readout: str, y: np.ndarray, labels: np.ndarray) -> float:
    target = np.eye(y.shape[1])[labels]
    if readout == "logistic":
        return float(-(target * np.log(y) + (1 - target) * np.log(1 - y)).sum())
    if readout == "softmax":
        return float(-(target * np.log(y)).sum())
    return float(0.5 * ((target - y) ** 2).sum())


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_transposed_feedback_is_the_gradient(activation: str, readout: str) -> None:
    output, gain = READOUTS[readout]
    net = rates(
        feedback.transposed,
        activation=activation,
        output=output,
        gain=gain,
        rule=rules.three_factor(1.0),
    )
    simulator, block = array(net), trials()
    rng = np.random.default_rng(1)
    biases = [p for p in net.plastic if p.pre.name == "bias"]  # off the kink of relu
    simulator.load({p.name: rng.normal(size=p.shape) for p in biases})
    updates = simulator.updates(block)
    for name, update in updates.items():
        w = simulator.weights(name)
        for index in [tuple(rng.integers(0, n) for n in w.shape) for _ in range(4)]:
            losses = []
            for step in (1e-5, -1e-5):
                moved = w.copy()
                moved[index] += step
                simulator.load({name: moved})
                y = simulator.run(Block(block.values)).counts["output"]
                losses.append(loss(readout, y, block.labels))
            simulator.load({name: w})
            slope = (losses[0] - losses[1]) / 2e-5 / len(block)
            assert abs(update[index] + slope) < 1e-6


def by_hand() -> tuple[np.ndarray, ...]:
    """Return a trial and weights of 2 -> 2 -> 2 -> 2 linear neurons."""
    x = np.array([[1.0, 2.0]])
    w1 = np.array([[0.5, -1.0], [0.25, 1.0]])
    w2 = np.array([[1.0, 2.0], [-1.0, 1.0]])
    w3 = np.array([[2.0, 0.0], [1.0, -1.0]])
    b = np.array([[1.0, -1.0], [3.0, 2.0]])
    return x, w1, w2, w3, b


def two_hidden(wiring: Any, **options: Any) -> tuple[Simulator, Block]:
    x, w1, w2, w3, b = by_hand()
    net = Network()
    names = ("stimulus", "one", "two", "output")
    chain = [net.add(Stimulus("stimulus", 2, Graded()))]
    chain += [net.add(Rate(name, 2, "linear")) for name in names[1:]]
    for pre, post, w in zip(chain, chain[1:], (w1, w2, w3), strict=False):
        net.connect(pre, post, weights=Given(w), rule=rules.three_factor(0.1))
    error = net.add(RateError("error", 2))
    net.teach(wiring(error, net.forward, weights=Given(b), **options))
    return array(net), Block(x, np.array([1]), np.ones(()))


def test_first_step_of_direct_feedback_by_hand() -> None:
    # x = (1, 2); x1 = (1, 1); x2 = (0, 3); y = (3, -3); e = target - y = (-3, 4)
    simulator, block = two_hidden(feedback.direct)
    _, w1, w2, w3, _ = by_hand()
    simulator.run(block)
    heard = np.array([9.0, 11.0])  # e @ b = (-3 + 12, 3 + 8)
    changes = [np.outer([1, 2], heard), np.outer([1, 1], heard), np.outer([0, 3], [-3, 4])]
    names = ("stimulus_to_one", "one_to_two", "two_to_output")
    for name, w, change in zip(names, (w1, w2, w3), changes, strict=True):
        np.testing.assert_allclose(simulator.weights(name), w + 0.1 * change)


@pytest.mark.parametrize("relay", ["forward", "random"])
def test_first_step_of_indirect_feedback_by_hand(relay: str) -> None:
    simulator, block = two_hidden(feedback.indirect, relay=relay)
    _, w1, w2, _, b = by_hand()
    simulator.run(block)
    first = np.array([9.0, 11.0])
    # along w2: (9 - 11, 18 + 11); through b again: (9 + 33, -9 + 22)
    second = np.array([-2.0, 29.0]) if relay == "forward" else np.array([42.0, 13.0])
    np.testing.assert_allclose(first @ (w2 if relay == "forward" else b), second)
    np.testing.assert_allclose(
        simulator.weights("stimulus_to_one"), w1 + 0.1 * np.outer([1, 2], first)
    )
    np.testing.assert_allclose(simulator.weights("one_to_two"), w2 + 0.1 * np.outer([1, 1], second))


def test_neurons_that_hear_nothing_directly_hear_those_that_do() -> None:
    x, w1, *_, b = by_hand()
    net = Network()
    pre = net.add(Stimulus("stimulus", 2, Graded()))
    hidden, output = net.add(Rate("hidden", 2, "linear")), net.add(Rate("output", 2, "linear"))
    net.connect(pre, hidden, weights=Given(w1), rule=rules.three_factor(0.1))
    net.connect(hidden, output, weights=Zero(), rule=rules.three_factor(0.1))
    error = net.add(RateError("error", 2))
    net.teach(feedback.indirect(error, net.forward, weights=Given(b), hears={hidden: 0.5}))
    simulator = array(net)
    simulator.run(Block(x, np.array([1]), np.ones(())))
    # e = (0, 1); neuron 0 hears b[1, 0] = 3; neuron 1 hears neuron 0 through b[0, 1] = -1
    heard = np.array([3.0, -3.0])
    np.testing.assert_allclose(
        simulator.weights("stimulus_to_hidden"), w1 + 0.1 * np.outer([1, 2], heard)
    )


def test_layerwise_feedback_is_backpropagation_where_it_reads_weights_backwards() -> None:
    back = rates(feedback.transposed)
    there = array(back).updates(trials())
    net = rates(feedback.layerwise)
    for projection in net.feedback.projections[1:]:
        twin = back.projection(projection.name)
        assert twin.carries == projection.carries == {"teach": "delta"}
    simulator = array(net)
    simulator.load(
        {
            p.name: simulator.weights(forward.name).T
            for p, forward in zip(net.feedback.projections[1:], net.forward[1:], strict=True)
        }
    )
    for name, update in simulator.updates(trials()).items():
        np.testing.assert_allclose(update, there[name], atol=1e-12)


@pytest.mark.parametrize("wiring", feedback.WIRINGS.values())
def test_a_batch_learns_the_mean_of_its_trials(wiring: Any) -> None:
    net, block = rates(wiring), trials(4)
    together = array(net, batch=4)
    before = together.state
    together.run(Block(block.values, block.labels, np.ones(())))
    total = {name: 0.0 for name in before}
    for k in range(4):
        alone = array(net)
        alone.run(Block(block.values[k : k + 1], block.labels[k : k + 1], np.ones(())))
        total = {n: total[n] + alone.state[n] - before[n] for n in before}
    for name, change in total.items():
        np.testing.assert_allclose(together.state[name] - before[name], change / 4, atol=1e-13)


def test_without_learning_nothing_changes_and_no_label_is_seen() -> None:
    simulator, block = array(rates()), trials()
    before = simulator.state
    plain = simulator.run(Block(block.values)).counts["output"]
    shown = simulator.run(Block(block.values, block.labels)).counts["output"]
    np.testing.assert_array_equal(plain, shown)
    for name, values in simulator.state.items():
        np.testing.assert_array_equal(values, before[name])


def test_same_seed_same_bits() -> None:
    runs = []
    for _ in range(2):
        simulator = array(rates(unreliable=0.3), "float32", batch=3)
        simulator.run(trials(20, learning=np.ones(()), index=4))
        runs.append(simulator.state)
    for name in runs[0]:
        assert runs[0][name].tobytes() == runs[1][name].tobytes()


def test_a_run_goes_on_from_its_state() -> None:
    rule = rules.three_factor(dynamics=dynamics.adam(0.01))
    whole = array(rates(rule=rule), batch=2)
    first, second = trials(8, learning=np.ones(())), trials(8, seed=1, learning=np.ones(()))
    whole.run(first)
    saved = whole.state
    whole.run(second)
    again = array(rates(rule=rule), batch=2)
    again.state = saved
    again.run(second)
    for name, values in whole.state.items():
        np.testing.assert_array_equal(values, again.state[name])


def reference(kind: str, g: np.ndarray, n: int) -> np.ndarray:
    """Return the change of a weight after `n` updates `g`, as the papers write it."""
    w = m = v = np.zeros_like(g)
    for t in range(1, n + 1):
        if kind == "momentum":
            m = 0.9 * m + g
            w = w + m
        elif kind == "rmsprop":
            v = 0.99 * v + 0.01 * g**2
            w = w + 1e-3 * g / (np.sqrt(v) + 1e-8)
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            w = w + 1e-3 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


@pytest.mark.parametrize("kind", ["momentum", "rmsprop", "adam"])
def test_dynamics_are_what_their_papers_write(kind: str) -> None:
    # of a linear neuron without forward drive the update is the same every time
    net = Network()
    pre = net.add(Stimulus("stimulus", 300, Graded()))
    post = net.add(Rate("output", 200, Activation("none", "0*drive", "1")))
    rule = rules.three_factor(dynamics=getattr(dynamics, kind)())
    net.connect(pre, post, weights=Zero(), rule=rule)
    net.teach(feedback.direct(net.add(RateError("error", 200)), net.forward))
    simulator, rng = array(net), np.random.default_rng(0)
    x, target = rng.normal(size=(1, 300)), rng.normal(size=(1, 200))
    for _ in range(5):
        simulator.run(Block(x, targets=target, learning=np.ones(())))
    expected = reference(kind, x.T @ target, 5)
    np.testing.assert_allclose(simulator.weights("stimulus_to_output"), expected, rtol=1e-9)


def test_weights_decay() -> None:
    net = rates(rule=rules.three_factor(0.5, decay=0.1))
    plain, block = array(rates(rule=rules.three_factor(0.5))), trials(1, learning=np.ones(()))
    simulator = array(net)
    before = simulator.state
    simulator.run(block)
    plain.run(block)
    for name in (f"{projection.name}.w" for projection in net.plastic):
        expected = plain.state[name] - 0.5 * 0.1 * before[name]
        np.testing.assert_allclose(simulator.state[name], expected, atol=1e-12)


def test_weights_stay_within_bounds() -> None:
    simulator = array(rates(bounds=(-0.2, 0.2), rule=rules.three_factor(5.0)))
    simulator.run(trials(50, learning=np.ones(())))
    w = simulator.weights("stimulus_to_hidden_1")
    assert w.min() >= -0.2 and w.max() <= 0.2 and np.abs(w).max() == 0.2


def test_unreliable_neurons_are_silent_only_while_learning() -> None:
    net = rates(unreliable=0.5, activation=Activation("one", "1 + 0*drive", "1"))
    simulator = array(net, batch=400, record=["hidden_1"])
    silent = simulator.run(trials(400, learning=np.ones(()))).counts["hidden_1"]
    assert abs(np.mean(silent == 0) - 0.5) < 0.05
    assert set(np.unique(silent)) == {0.0, 2.0}
    assert set(np.unique(simulator.run(trials(400)).counts["hidden_1"])) == {1.0}


@pytest.mark.parametrize("wiring", feedback.WIRINGS)
def test_digits_are_learned(wiring: str) -> None:
    data = datasets.load("digits")
    rule = rules.three_factor(dynamics=dynamics.rmsprop(3e-3))
    net = rates(feedback.WIRINGS[wiring], (64, 60, 40, 10), rule=rule)
    simulator = array(net, "float32", batch=32)
    train(simulator, data, epochs=12, progress=False)
    least = 0.9 if wiring == "drtp" else 0.93  # which tells hidden neurons less than the error
    assert evaluate(simulator, data.test).accuracy > least


# ---- bad input ----------------------------------------------------------------------------------
def refuse(kind: type[ApicalError], *words: str) -> Any:
    return pytest.raises(kind, match=".*".join(re.escape(word) for word in words))


def test_spiking_populations_are_refused_by_name() -> None:
    net = Network()
    pre = net.add(Stimulus("stimulus", 3, Graded()))
    net.connect(pre, net.add(LIF("hidden", 2)))
    with refuse(DeviceError, "'hidden' spikes (LIF)", "cpp_standalone"):
        simulate(net, "array")


def test_equations_of_ones_own_are_refused_by_name() -> None:
    net = Network()
    pre = net.add(Stimulus("stimulus", 3, Graded()))
    own = Neurons("own", 2, NeuronModel("x = drive : 1", summed=("drive",)), {"drive": "drive"})
    net.connect(pre, net.add(own))
    with refuse(DeviceError, "'own' has equations of its own (Neurons)", "runtime"):
        simulate(net, "array")


def test_errors_can_be_recorded() -> None:
    simulator, block = array(rates(), record=["error"]), trials()
    plain = simulator.run(Block(block.values)).counts
    np.testing.assert_allclose(plain["error"], -plain["output"])
    shown = simulator.run(Block(block.values, block.labels, np.full(7, 1e-9))).counts
    np.testing.assert_allclose(shown["error"], np.eye(3)[block.labels] - shown["output"])


def test_encoders_that_spike_are_refused_by_name() -> None:
    net = Network()
    pre = net.add(Stimulus("stimulus", 3))
    net.connect(pre, net.add(Rate("hidden", 2)))
    with refuse(DeviceError, "'stimulus' spikes (Stimulus)", "Graded()"):
        simulate(net, "array")


@pytest.mark.parametrize("device", ["runtime", "cpp_standalone"])
def test_backpropagation_is_refused_by_name_in_brian2(device: str) -> None:
    with refuse(LocalityError, "'hidden_2_to_output' transposed (weight transport)"):
        simulate(rates(feedback.transposed), device)


def test_a_slope_that_is_not_there_is_missed_by_name() -> None:
    with refuse(WiringError, "'three_factor'", "'gain_post'", "'hidden_1' offers x, teach, drive"):
        rates(activation=Activation("step", "int(drive > 0)"))


def test_an_activation_knows_its_own_neuron_only() -> None:
    with refuse(LocalityError, "'odd': response reads 'v'", "drive"):
        Activation("odd", "drive + v")


def test_unknown_activation() -> None:
    with refuse(ParameterError, "'h': activation must be", "tanh", "'selu'"):
        Rate("h", 3, "selu")


def test_softmax_has_no_slope_of_one_neuron() -> None:
    with refuse(ParameterError, "'h'", "gain='one'"):
        Rate("h", 3, "softmax")


def test_rules_that_need_time_are_refused_by_name() -> None:
    net = rates(rule=rules.three_factor(0.1, "feedback"))
    with refuse(DeviceError, "stimulus_to_hidden_1", "'feedback'", "cpp_standalone"):
        simulate(net, "array")


def test_mixed_updates_are_refused_by_name() -> None:
    rule = LearningRule("odd", "eta*tanh(x_pre*teach_post)", {"eta": 1.0})
    with refuse(DeviceError, "tanh(x_pre * teach_post)", "Brian2"):
        simulate(rates(rule=rule), "array")


@pytest.mark.parametrize(
    ("device", "option", "value"),
    [
        ("runtime", "batch", 2),
        ("cpp_standalone", "library", "torch"),
        ("array", "profile", True),
        ("array", "dt", 0.5),
        ("array", "codegen", "cython"),
        ("runtime", "dense", False),
    ],
)
def test_options_that_a_device_does_not_have(device: str, option: str, value: Any) -> None:
    with refuse(DeviceError, f"{device!r} has no option {option!r}, got {value!r}", "Leave it out"):
        simulate(rates(), device, **{option: value})


def test_a_batch_of_nothing() -> None:
    with refuse(ParameterError, "batch must be one whole number >= 1", "got 0"):
        simulate(rates(), "array", batch=0)


def test_a_batch_larger_than_the_data() -> None:
    data = datasets.load("digits").subset(20, 20)
    simulator = array(rates(sizes=(64, 5, 10)), batch=64)
    with refuse(ParameterError, "64 trials", "20 training samples"):
        train(simulator, data, epochs=1, progress=False)


def test_a_block_of_another_shape() -> None:
    with refuse(DataError, "'stimulus' has 6 neurons", "have 5 values"):
        array(rates()).run(Block(np.ones((2, 5))))


def test_targets_of_another_shape() -> None:
    with refuse(DataError, "'output' has 3 neurons", "there are 2 targets"):
        array(rates()).run(Block(np.ones((2, 6)), targets=np.ones((2, 2))))


def test_weights_that_diverge_are_named() -> None:
    data = datasets.load("digits").subset(100, 20)
    rule = rules.three_factor(1e4)
    simulator = array(rates(sizes=(64, 5, 10), rule=rule, activation="linear"), "float32", batch=10)
    with pytest.raises(ApicalError, match="The weights of projection .* diverged in block 0"):
        train(simulator, data, epochs=3, progress=False)


def test_there_are_no_brian2_objects() -> None:
    with refuse(DeviceError, "'array' has no Brian2 objects", "'runtime'"):
        _ = array(rates()).brian
