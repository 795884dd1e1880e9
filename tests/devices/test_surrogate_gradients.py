"""Gradients through time: finite differences, and snnTorch on neurons that both can express."""

from typing import Any

import numpy as np
import pytest

import apical as ap
from apical import Block, Network, simulate
from apical.devices.brian.batched.actions import distance
from apical.devices.surrogates import Surrogate
from apical.errors import DataError, DeviceError, ParameterError
from apical.testing.references import spiking


@pytest.mark.parametrize(
    ("condition", "above", "besides"),
    [
        ("v > 1", "(v) - (1)", "True"),
        ("theta <= v", "(v) - (theta)", "True"),
        ("v > 1 and awake", "(v) - (1)", "(awake)"),
        ("rand() < p*dt", "(p * dt) - (rand())", "True"),
        ("v > 1 or w > 1", None, "True"),
        ("0 < v < 1", None, "True"),
    ],
)
def test_the_distance_from_threshold_is_read_in_its_text(
    condition: str, above: str | None, besides: str
) -> None:
    assert distance(condition) == (above, besides)


def test_what_has_no_gradient_is_refused() -> None:
    shown = Block.of_labels(np.ones((2, 6)), [0, 1])
    simulator: Any
    with (
        simulate(spiking(), "lockstep") as simulator,
        pytest.raises(DeviceError, match="use library='torch'"),
    ):
        simulator.gradients(shown, Surrogate("arctan"))
    with pytest.raises(ParameterError, match="name must be .*fast_sigmoid"):
        Surrogate("step")  # type: ignore[arg-type]


def of_torch(net: Network, **options: Any) -> Any:
    pytest.importorskip("torch")
    return simulate(net, "lockstep", dtype="float64", library="torch", **options)


def test_trials_without_classes_and_delays_are_refused() -> None:
    with of_torch(spiking()) as simulator:
        with pytest.raises(DataError, match="need the classes"):
            simulator.gradients(Block.of_stimuli(np.ones((2, 6))), Surrogate("arctan"))
        simulator.gradients(Block.of_labels(np.ones((2, 6)), [0, 1]), Surrogate("gain"))
    net = spiking().altered(projection=lambda p: _late(p))
    with of_torch(net) as simulator, pytest.raises(DeviceError, match="has a delay"):
        simulator.gradients(Block.of_labels(np.ones((2, 6)), [0, 1]), Surrogate("arctan"))


def _late(projection: Any) -> Any:
    from dataclasses import replace

    return replace(projection, delay=2.0) if projection.name == "hidden_to_output" else projection


def loss(simulator: Any, block: Block, surrogate: Surrogate) -> float:
    """Return the cross-entropy of counts, which are those of graded spikes."""
    import torch

    simulator._making.surrogate = surrogate
    with torch.no_grad():
        cells = simulator._with_rows(simulator._cells(), len(block))
        simulator._show(cells, block, 0, None, opening=True)
        counts = simulator._counted["output"](cells).numpy()
    simulator._making.surrogate = None
    shifted = counts - counts.max(1, keepdims=True)
    chances = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float(-chances[np.arange(len(block)), block.labels].mean())


def test_gradients_of_graded_spikes_are_finite_differences() -> None:
    rng = np.random.default_rng(0)
    block = Block.of_labels(rng.random((4, 6)), [0, 1, 2, 0])
    surrogate, size = Surrogate("sigmoid", 5.0, through_reset=True), 1e-6
    with of_torch(spiking(), batch=4) as simulator:
        found = simulator.gradients(block, surrogate)
        assert not any(found[name].any() for name in ("error_to_hidden", "output_to_error"))
        for name in ("stimulus_to_hidden", "hidden_to_output"):
            w = simulator.weights(name)
            for place in ((0, 0), (1, 2), (4, 1)):
                losses = []
                for change in (size, -size):
                    there = w.copy()
                    there[place] += change
                    simulator.load({name: there})
                    losses.append(loss(simulator, block, surrogate))
                simulator.load({name: w})
                slope = (losses[0] - losses[1]) / (2 * size)
                assert found[name][place] == pytest.approx(slope, rel=1e-6, abs=1e-8)
            assert found[name].any()


BETA = 0.9


def leaky(name: str, n: int) -> ap.Neurons:
    """Describe snnTorch's Leaky, whose input takes one time step: v = 0.9 v + I - (spiked)."""
    model = ap.NeuronModel(
        "v : 1\nI : 1\nx : 1\nspiked : 1",
        threshold="v > 1",
        reset="spiked = 1\nx = x + 1",
        at_step=f"v = {BETA}*v + I - spiked\nI = 0\nspiked = 0",
    )
    return ap.Neurons(name, n, model, takes={"drive": "I"}, offers=("x", "v"))


def test_gradients_are_those_of_snntorch() -> None:
    torch = pytest.importorskip("torch")
    snn = pytest.importorskip("snntorch")
    net = Network(seed=0, trial=30.0)
    x = net.add(ap.Stimulus("stimulus", 6, ap.encoding.Regular(400.0, free_running=False)))
    h, y = net.add(leaky("hidden", 5)), net.add(leaky("output", 3))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=ap.Uniform(0.8, positive=True))
    rng = np.random.default_rng(0)
    block = Block.of_labels(rng.random((4, 6)), [0, 1, 2, 0])
    recorded: Any = {"record": ("stimulus", "hidden", "output"), "batch": 4}
    with of_torch(net, **recorded) as simulator:
        found = simulator.gradients(block, Surrogate("fast_sigmoid", 25.0))
        weights = {
            name: torch.tensor(simulator.weights(name), requires_grad=True)
            for name in ("stimulus_to_hidden", "hidden_to_output")
        }
        result = simulator.run(block)
    sent = torch.zeros((4, 30, 6), dtype=torch.float64)
    times, neurons = result.spikes["stimulus"]
    steps = np.rint(times).astype(int)
    sent[steps // 30, steps % 30, neurons] = 1
    layers = [
        snn.Leaky(
            beta=BETA, spike_grad=snn.surrogate.fast_sigmoid(25), reset_mechanism="subtract"
        ).double()
        for _ in range(2)
    ]
    v = [torch.zeros((4, n), dtype=torch.float64) for n in (5, 3)]
    spikes = [torch.zeros((4, n), dtype=torch.float64) for n in (5, 3)]
    counts = torch.zeros((4, 3), dtype=torch.float64)
    for step in range(30):
        before = sent[:, step - 1] if step else torch.zeros((4, 6), dtype=torch.float64)
        drive = [before @ weights["stimulus_to_hidden"], spikes[0] @ weights["hidden_to_output"]]
        for k in range(2):
            spiked, v[k] = layers[k](drive[k], v[k])
            spikes[k] = spiked.double()  # which snnTorch makes single
        counts = counts + spikes[1]
    np.testing.assert_array_equal(result.counts["output"], counts.detach().numpy())
    assert counts.sum() > 0
    torch.nn.functional.cross_entropy(counts, torch.tensor([0, 1, 2, 0])).backward()
    for name, w in weights.items():
        assert w.grad.abs().max() > 1e-3
        np.testing.assert_allclose(found[name], w.grad.numpy(), 1e-5, 1e-7)


def of_bptt(rule: Any = None) -> Network:
    """Describe a spiking network that learns by backpropagation."""
    net = Network(seed=0, trial=50.0)
    x = net.add(ap.Stimulus("stimulus", 6, ap.encoding.Regular(200.0, free_running=False)))
    h = net.add(ap.LIF("hidden", 5, bias=1.2))
    y = net.add(ap.LIF("output", 3, bias=1.5, gain="1"))
    for pre, post in ((x, h), (h, y)):
        net.connect(pre, post, weights=ap.Normal(0.5), rule=rule or ap.rules.three_factor(0.1))
    net.teach(ap.feedback.transposed(net.add(ap.Error("error", 6)), net.forward))
    return net


def test_backpropagation_in_spikes_descends_the_gradient() -> None:
    rng = np.random.default_rng(0)
    block = Block.of_labels(rng.random((4, 6)), [0, 1, 2, 0], learning=0.5)
    chosen: Any = {"batch": 4, "surrogate": "arctan", "steepness": 3.0}
    with of_torch(of_bptt(), **chosen) as simulator:
        before = {p.name: simulator.weights(p) for p in of_bptt().plastic}
        slopes = simulator.gradients(block, Surrogate("arctan", 3.0))
        counts = simulator.run(block).counts["output"]
        for name, w in before.items():
            assert slopes[name].any()
            np.testing.assert_allclose(simulator.weights(name), w - 0.05 * slopes[name], 1e-12)
        # feedback is the forward weights, whatever these are now
        back = simulator.weights("feedback_output_to_hidden")
        np.testing.assert_array_equal(back, simulator.weights("hidden_to_output").T)
        assert simulator.weights("error_to_output").shape == (6, 3)
        simulator.load(before)
        again = simulator.run(Block.of_stimuli(block.values)).counts["output"]
        np.testing.assert_array_equal(again, counts)
    dfa = of_bptt().rewired(ap.feedback.direct)
    with simulate(dfa, "runtime", dtype="float64") as expected:
        told = expected.run(Block.of_stimuli(block.values)).counts["output"]
    np.testing.assert_array_equal(told, counts)  # the same network forward


def test_backpropagation_in_spikes_lowers_the_loss() -> None:
    rng = np.random.default_rng(1)
    block = Block.of_labels(rng.random((12, 6)), rng.integers(0, 3, 12), learning=1.0)
    rule = ap.rules.three_factor(dynamics=ap.optimizers.adam(0.05))
    with of_torch(of_bptt(rule), batch=12, surrogate="arctan", steepness=3.0) as simulator:
        first = loss(simulator, block, Surrogate("arctan", 3.0))
        for _ in range(60):
            simulator.run(block)
        assert loss(simulator, block, Surrogate("arctan", 3.0)) < 0.7 * first


def test_backpropagation_in_spikes_is_refused_where_it_cannot_be() -> None:
    for device, said in (
        ("runtime", "weight transport"),
        ("cpp_standalone", "weight transport"),
        ("lockstep", "backpropagates through time by PyTorch; use library='torch'"),
    ):
        with pytest.raises(ap.errors.ApicalError, match=said):
            simulate(of_bptt(), device)
    with pytest.raises(DeviceError, match="'error' cannot be recorded"):
        simulate(of_bptt(), "lockstep", library="torch", record=("error",))
    late = of_bptt().altered(projection=lambda p: _late(p))
    with pytest.raises(DeviceError, match="through no delays, but 'hidden_to_output' has one"):
        simulate(late, "lockstep", library="torch")
    assert not ap.check(of_bptt(), transport=True).is_local
    pytest.importorskip("torch")
    with pytest.raises(DeviceError, match="learns by 'e_prop', in whose place"):
        simulate(of_bptt(ap.rules.e_prop(0.1)), "lockstep", library="torch")


TINY = 1e-30
"""A factor on learning rates at which gradients are computed, and no weight changes."""


def integrators(threshold: str, rule: Any = None, **synapses: Any) -> Network:
    """Describe hidden neurons with some threshold, whose membrane takes whole steps."""
    net = Network(seed=0, trial=30.0)
    x = net.add(ap.Stimulus("stimulus", 6, ap.encoding.Regular(200.0, free_running=False)))
    model = ap.NeuronModel(
        "v : 1\nx : 1\nteach : 1\ngain = 1 : 1",
        threshold=threshold,
        reset="v -= 1\nx += 1",
    )
    takes = {"drive": "v", "teach": "teach"}
    h = net.add(ap.Neurons("hidden", 5, model, takes=takes, offers=("x", "v", "gain", "teach")))
    y = net.add(ap.LIF("output", 3, bias=1.5, gain="1"))
    learns = rule or ap.rules.three_factor(0.1)
    net.connect(x, h, weights=ap.Given(np.full((6, 5), 0.5)), rule=learns, **synapses)
    net.connect(h, y, weights=ap.Normal(0.5), rule=learns)
    net.teach(ap.feedback.transposed(net.add(ap.Error("error", 6)), net.forward))
    return net


def seen(simulator: Any, learning: Any) -> np.ndarray:
    rng = np.random.default_rng(0)
    values, labels = rng.random((4, 6)), [0, 1, 2, 0]
    return np.asarray(
        simulator.run(Block.of_labels(values, labels, learning)).counts["output"],
    )


@pytest.mark.parametrize("threshold", ["v >= 1", "v > 0.9", "rand() < 0.2*v"])
@pytest.mark.parametrize("learning", [TINY, [TINY, TINY, TINY, 0.0], [0.0, TINY, 0.0, 0.0]])
def test_the_network_forward_is_the_same_with_gradients(threshold: str, learning: Any) -> None:
    net, counts = integrators(threshold), []
    for factor in (learning, 0.0 * np.asarray(learning)):
        with of_torch(net, batch=1 if threshold.startswith("rand") else 2) as simulator:
            counts.append(seen(simulator, factor))
    np.testing.assert_array_equal(*counts)
    assert counts[0].any()


def test_rules_that_are_no_descent_are_refused() -> None:
    pytest.importorskip("torch")
    rule = ap.LearningRule("hebb", "eta*x_pre*x_post", {"eta": 0.1})
    with pytest.raises(DeviceError, match="learns by 'hebb', in whose place"):
        of_torch(integrators("v > 1", rule))


def test_learning_rates_set_between_blocks_act() -> None:
    with of_torch(of_bptt(), batch=4) as simulator:
        before = simulator.weights("stimulus_to_hidden"), simulator.weights("hidden_to_output")
        simulator.brian["stimulus_to_hidden"].eta = 0.0
        seen(simulator, 1.0)
        np.testing.assert_array_equal(simulator.weights("stimulus_to_hidden"), before[0])
        assert (simulator.weights("hidden_to_output") != before[1]).any()


def test_gradients_are_those_of_scaled_weights() -> None:
    net, w = integrators("v > 1", total=4.0), "stimulus_to_hidden"
    block = Block.of_labels(np.random.default_rng(0).random((4, 6)), [0, 1, 2, 0])
    with of_torch(net, batch=4) as simulator:
        scaled = simulator.weights(w) * (4.0 / simulator.weights(w).sum(0))
        seen(simulator, 1.0)
        after = simulator.weights(w)
        start = net.initial_weights(net.projection("hidden_to_output"))
        simulator.load({w: scaled, "hidden_to_output": start})
        slope = simulator.gradients(block, Surrogate("fast_sigmoid"))[w]
        np.testing.assert_allclose(after, scaled - 0.1 * slope, 1e-12)
        assert slope.any()


def test_gradients_of_networks_that_learn_at_feedback() -> None:
    net = spiking().altered(projection=lambda p: _at_feedback(p))
    with of_torch(net) as simulator:
        block = Block.of_labels(np.ones((2, 6)), [0, 1])
        assert simulator.gradients(block, Surrogate("arctan"))["hidden_to_output"].any()


def _at_feedback(projection: Any) -> Any:
    from dataclasses import replace

    rule = ap.rules.three_factor(0.1, "feedback") if projection.rule else None
    return replace(projection, rule=rule)


@pytest.mark.parametrize("checkpoint", [1, 7, 25, 50, 60])
@pytest.mark.parametrize("surrogate", [Surrogate("arctan", 3.0), Surrogate("sigmoid", 5.0, True)])
def test_gradients_are_the_same_with_checkpoints(checkpoint: int, surrogate: Surrogate) -> None:
    block = Block.of_labels(np.random.default_rng(0).random((4, 6)), [0, 1, 2, 0])
    with of_torch(of_bptt(), batch=4) as simulator:
        expected = simulator.gradients(block, surrogate)
        found = simulator.gradients(block, surrogate, checkpoint=checkpoint)
    for name, gradient in expected.items():
        assert gradient.any()
        np.testing.assert_allclose(found[name], gradient, 1e-12, 1e-15)


@pytest.mark.parametrize("threshold", ["v > 0.9", "rand() < 0.2*v"])
def test_learning_is_the_same_with_checkpoints(threshold: str) -> None:
    weights, counts = [], []
    for checkpoint in (0, 8):
        with of_torch(integrators(threshold), batch=2, checkpoint=checkpoint) as simulator:
            counts.append(seen(simulator, 1.0))
            weights.append({p.name: simulator.weights(p) for p in simulator.network.plastic})
    np.testing.assert_array_equal(*counts)
    for name, w in weights[0].items():
        np.testing.assert_allclose(weights[1][name], w, 1e-12, 1e-15)


def test_checkpoints_keep_fewer_steps() -> None:
    kept = []
    for checkpoint in (0, 1, 7, 50):
        with of_torch(of_bptt(), batch=4, checkpoint=checkpoint) as simulator:
            kept.append(simulator._kept())
    assert kept == [50, 50, 15, 50]


def test_checkpoints_without_gradients_are_refused() -> None:
    with pytest.raises(DeviceError, match="given checkpoint=5, but this network does not learn"):
        simulate(spiking(), "lockstep", checkpoint=5)
