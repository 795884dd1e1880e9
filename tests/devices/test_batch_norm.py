"""Batch normalisation: gradients, running statistics, resume, and who refuses it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rate_networks import trials

from apical import (
    BatchNorm,
    Bias,
    Block,
    FanIn,
    FeedbackPathway,
    Given,
    Network,
    Rate,
    RateError,
    Reward,
    Simulator,
    Stimulus,
    Zero,
    check,
    dynamics,
    feedback,
    rules,
    simulate,
)
from apical.errors import ApicalError, DeviceError, LocalityError, ParameterError, WiringError
from apical.neurons.encoding import Graded
from apical.plasticity.rules import LearningRule
from apical.plausibility.scorecard import audit

SIZES = (6, 5, 4, 3)
NORM = BatchNorm(share=0.25)


def normed(
    wiring: Callable[..., FeedbackPathway] = feedback.transposed,
    norm: BatchNorm | None = NORM,
    *,
    activation: str = "tanh",
    eta: float = 1.0,
    rule: LearningRule | None = None,
    **options: Any,
) -> Network:
    """Describe 6-5-4-3 neurons, hidden drives normalised, linear outputs with squared error."""
    net, rule = Network(seed=3), rule or rules.three_factor(eta)
    pre, bias = net.add(Stimulus("stimulus", SIZES[0], Graded())), net.add(Bias("bias"))
    rng = np.random.default_rng(0)
    for k, size in enumerate(SIZES[1:-1], start=1):
        post = net.add(Rate(f"hidden_{k}", size, activation, norm=norm, **options))
        net.connect(pre, post, weights=FanIn(2.0), rule=rule)
        for target, of in (("scale", rules.norm_scale), ("shift", rules.norm_shift)):
            if norm:
                drawn = Given(rng.uniform(0.5, 1.5, (1, size)) - (target == "shift"))
                net.connect(
                    bias,
                    post,
                    weights=drawn,
                    rule=of(eta),
                    carries={target: "x"},
                    name=f"{target}_{k}",
                )
        pre = post
    output = net.add(Rate("output", SIZES[-1], "linear"))
    net.connect(pre, output, weights=FanIn(), rule=rule)
    net.connect(bias, output, weights=Zero(), rule=rule)
    net.teach(wiring(net.add(RateError("error", SIZES[-1])), net.forward))
    return net


def array(net: Network, **options: Any) -> Simulator:
    return simulate(net, "array", dtype="float64", **options)


def loss(w: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray) -> float:
    """Return half the squared error, the mean over trials, after Ioffe & Szegedy's algorithm 1."""
    for k, name in ((1, "stimulus_to_hidden_1"), (2, "hidden_1_to_hidden_2")):
        drive = x @ w[name]
        normal = (drive - drive.mean(axis=0)) / np.sqrt(drive.var(axis=0) + NORM.eps)
        x = np.tanh(w[f"scale_{k}"] * normal + w[f"shift_{k}"])
    y = x @ w["hidden_2_to_output"] + w["bias_to_output"]
    return float(0.5 * np.sum((np.eye(3)[labels] - y) ** 2) / len(x))


def test_backpropagation_is_the_numerical_gradient() -> None:
    net, block = normed(), trials(7)
    assert block.labels is not None
    simulator = array(net)
    w = {p.name: simulator.weights(p) for p in net.plastic}
    asked = simulator.updates(block)
    assert set(asked) == set(w) and len(w) == 8
    for name, weights in w.items():
        numerical = np.empty_like(weights)
        for place in np.ndindex(weights.shape):
            step = np.zeros_like(weights)
            step[place] = 1e-5
            up, down = (
                loss({**w, name: weights + s * step}, block.values, block.labels) for s in (1, -1)
            )
            numerical[place] = (down - up) / 2e-5
        np.testing.assert_allclose(asked[name], numerical, rtol=1e-6, atol=1e-9)
        assert np.abs(numerical).max() > 1e-4


def test_learning_asks_for_what_updates_say_and_is_written_with_delta_too() -> None:
    rule = LearningRule("by delta", "eta*x_pre*delta_post", {"eta": 0.5})
    for net in (normed(eta=0.5), normed(eta=0.5, rule=rule)):
        simulator, block = array(net, batch=7), trials(7, learning=np.ones(7))
        before, asked = simulator.state, simulator.updates(block)
        simulator.run(block)
        for name, update in asked.items():
            np.testing.assert_allclose(simulator.weights(name), before[f"{name}.w"] + update)


def test_feedback_alignment_passes_the_same_statistics() -> None:
    """Under DFA what the first population is taught is its own feedback, normalised by hand."""
    net, block = normed(feedback.direct), trials(7)
    simulator = array(net, record=["error"])
    drive = block.values @ simulator.weights("stimulus_to_hidden_1")
    deviation = np.sqrt(drive.var(axis=0) + NORM.eps)
    normal, x = (drive - drive.mean(axis=0)) / deviation, block.values
    w = {p.name: simulator.weights(p) for p in net.projections}
    for k in (1, 2):
        z = x @ w["stimulus_to_hidden_1" if k == 1 else "hidden_1_to_hidden_2"]
        z = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + NORM.eps)
        x = np.tanh(w[f"scale_{k}"] * z + w[f"shift_{k}"])
    error = np.eye(3)[block.labels] - x @ w["hidden_2_to_output"] - w["bias_to_output"]
    first = np.tanh(w["scale_1"] * normal + w["shift_1"])
    upper = w["scale_1"] * (1 - first**2) * (error @ w["error_to_hidden_1"])
    delta = (upper - upper.mean(axis=0) - normal * (upper * normal).mean(axis=0)) / deviation
    asked = simulator.updates(block)["stimulus_to_hidden_1"]
    np.testing.assert_allclose(asked, block.values.T @ delta / 7, rtol=1e-9, atol=1e-12)


def test_at_rest_running_statistics_are_used_and_stay() -> None:
    net, block = normed(eta=0.0), trials(8, learning=np.ones(8))
    simulator = array(net, batch=4, record=["hidden_1"], traces=["normal", "drive", "gain"])
    simulator.run(block)
    drive = block.values @ simulator.weights("stimulus_to_hidden_1")
    mean, variance = np.zeros(5), np.ones(5)
    for part in (drive[:4], drive[4:]):
        mean = 0.75 * mean + 0.25 * part.mean(axis=0)
        variance = 0.75 * variance + 0.25 * part.var(axis=0, ddof=1)
    state = simulator.state
    np.testing.assert_allclose(state["hidden_1.mean"][0], mean, rtol=1e-12)
    np.testing.assert_allclose(state["hidden_1.variance"][0], variance, rtol=1e-12)
    seen = simulator.run(trials(3, seed=1))
    assert all(np.array_equal(state[name], after) for name, after in simulator.state.items())
    deviation = np.sqrt(variance + NORM.eps)
    normal = (
        trials(3, seed=1).values @ simulator.weights("stimulus_to_hidden_1") - mean
    ) / deviation
    np.testing.assert_allclose(seen.traces["hidden_1.normal"][:, 0], normal, rtol=1e-9)
    scale, shift = simulator.weights("scale_1"), simulator.weights("shift_1")
    x = np.tanh(scale * normal + shift)
    np.testing.assert_allclose(seen.counts["hidden_1"], x, rtol=1e-9)
    gain = (1 - x**2) * scale / deviation
    np.testing.assert_allclose(seen.traces["hidden_1.gain"][:, 0], gain, rtol=1e-9)


def test_trials_shown_alone_are_decided_as_together() -> None:
    simulator = array(normed(), batch=4)
    simulator.run(trials(8, learning=np.ones(8)))
    block = trials(5, seed=2)
    together = simulator.run(block).counts["output"]
    alone = [simulator.run(part).counts["output"][0] for part in block.parts(1)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_a_training_that_goes_on_gives_the_same_bits() -> None:
    rule = rules.three_factor(1.0, dynamics=dynamics.adam(0.01))
    first, second = (trials(9, learning=np.ones(9), seed=k, index=k) for k in (0, 1))
    whole, cut, other = (
        simulate(normed(feedback.direct, rule=rule), "array", batch=4) for _ in range(3)
    )
    whole.run(first)
    whole.run(second)
    cut.run(first)
    other.state = cut.state
    other.run(second)
    for name, expected in whole.state.items():
        assert np.array_equal(expected, other.state[name]), name
    assert {"hidden_1.mean", "hidden_2.variance"} <= set(whole.state)


def test_a_last_batch_of_one_trial_takes_running_statistics() -> None:
    simulator = array(normed(), batch=4)
    simulator.run(trials(4, learning=np.ones(4)))
    before = simulator.state
    simulator.run(trials(1, learning=np.ones(1), seed=5))
    after = simulator.state
    assert np.array_equal(before["hidden_1.mean"], after["hidden_1.mean"])
    assert not np.array_equal(before["stimulus_to_hidden_1.w"], after["stimulus_to_hidden_1.w"])
    assert np.isfinite(after["stimulus_to_hidden_1.w"]).all()


def test_torch_normalises_alike() -> None:
    pytest.importorskip("torch")
    found = []
    for library in ("numpy", "torch"):
        simulator = array(normed(), batch=4, library=library)
        simulator.run(trials(9, learning=np.ones(9)))
        found.append(simulator.state)
    for name, values in found[0].items():
        np.testing.assert_allclose(values, found[1][name], rtol=1e-9, atol=1e-12)


def test_it_is_named_on_the_scorecard_and_refused_where_it_cannot_run() -> None:
    net = normed(feedback.direct)
    (found, other) = (f for f in audit(net).about("batch statistics"))
    assert found.level == "not local" and found.subject == "hidden_1" and "batch" in found.reason
    assert other.subject == "hidden_2"
    with pytest.raises(LocalityError, match="hidden_1: drives are centred"):
        check(net)
    check(net, transport=True)
    with pytest.raises(LocalityError, match="batch normalisation"):
        simulate(net, "runtime")
    with pytest.raises(
        DeviceError, match="'hidden_1' has batch normalisation.*only device 'array'"
    ):
        _ = net.populations[2].model


def gained() -> None:
    rule = LearningRule("gained", "x_pre*gain_post*teach_post*teach_post")
    array(normed(rule=rule), batch=2).run(trials(4, learning=np.ones(4)))


def misled() -> None:
    net = Network()
    stimulus = net.add(Stimulus("stimulus", 2, Graded()))
    net.connect(stimulus, net.add(Rate("units", 2, norm=NORM)), carries={"scale": "x"})


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        (lambda: BatchNorm(share=0.0), ParameterError, "share must be .* > 0 and <= 1"),
        (lambda: BatchNorm(eps=0.0), ParameterError, "eps must be .* > 0"),
        (lambda: array(normed()).run(trials(4, learning=np.ones(4))), DeviceError, "raise batch"),
        (gained, DeviceError, "reads gain_post of 'hidden_1'"),
        (misled, WiringError, "only a Bias may"),
        (
            lambda: array(normed(norm=None), record=["hidden_1"], traces=["normal"]),
            ParameterError,
            "names 'normal', which no recorded",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    wrong: Callable[[], object], kind: type[ApicalError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        wrong()


@pytest.mark.parametrize("wiring", [w for w in feedback.WIRINGS.values() if not w.output])
def test_every_wiring_learns_with_it(wiring: Callable[..., FeedbackPathway]) -> None:
    simulator = array(normed(wiring, eta=0.1, unreliable=0.1, teach_noise=0.01), batch=7)
    block = trials(70)
    assert block.labels is not None

    def wrong() -> float:
        y = simulator.run(Block(block.values)).counts["output"]
        return float(np.mean((np.eye(3)[block.labels] - y) ** 2))

    before = wrong()
    for index in range(15):
        simulator.run(Block(block.values, block.labels, np.ones(70), index))
    assert wrong() < 0.8 * before


def test_a_reward_does_not_teach_what_is_normalised() -> None:
    net = Network()
    stimulus = net.add(Stimulus("stimulus", 2, Graded()))
    units = net.add(Rate("units", 2, norm=NORM, explores=0.1))
    net.connect(stimulus, units, rule=rules.node_perturbation())
    net.add(RateError("error", 2, keeps="square"))
    net.teach(feedback.broadcast(net.add(Reward("reward")), net.forward))
    with pytest.raises(DeviceError, match="'units' have batch normalisation"):
        array(net, batch=2)
