"""Targets that are not classes: regression, several labels, time courses."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rate_networks import rates

import apical as ap
from apical import Block, Dataset, Network, Rate, RateError, Stimulus, feedback, rules, simulate
from apical.errors import (
    ApicalError,
    DataError,
    DeviceError,
    ParameterError,
    RunError,
    WiringError,
)
from apical.measures import predictions
from apical.measures.spike_distance import van_rossum
from apical.records.arrays import Records
from apical.records.recording import record


def refuse(kind: type[ApicalError], *words: str) -> Any:
    """Expect an error whose message has these words, in this order."""
    return pytest.raises(kind, match=".*".join(map(re.escape, words)))


def linear(n: int = 60, n_targets: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return stimuli and noisy linear targets of them."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 4))
    return x, x @ rng.normal(size=(4, n_targets)) + 0.3 + 0.1 * rng.normal(size=(n, n_targets))


def one_layer(n_inputs: int, n_targets: int, eta: float, output: str = "linear") -> Network:
    """Describe stimulus -> output with biases, taught by its own error."""
    net = Network(trial=100.0)
    x, y = Stimulus("stimulus", n_inputs, ap.encoding.Graded()), Rate("output", n_targets, output)
    y = Rate("output", n_targets, output, gain="one")
    ap.chain(net, x, y, weights=ap.Zero(), bias=ap.Zero(), rule=rules.three_factor(eta))
    net.teach(feedback.direct(net.add(RateError("error", n_targets)), net.forward))
    return net


def weights(simulator: ap.Simulator) -> np.ndarray:
    """Return all weights onto the output, those of the bias in the last row."""
    names = "stimulus_to_output", "bias_to_output"
    return np.concatenate([simulator.weights(name) for name in names])


# ---- what is learned ---------------------------------------------------------------------------
@pytest.mark.slow
def test_a_linear_network_learns_the_least_squares_solution() -> None:
    x, t = linear()
    data = Dataset.from_targets(x, t, x[:9], t[:9])
    with simulate(one_layer(4, 2, 0.8), "array", dtype="float64", batch=len(x)) as simulator:
        seen = np.hstack([data.train.block(slice(None))[0], np.ones((len(x), 1))])
        ap.train(simulator, data, 1500, final_rate=1.0, progress=False)
        best = np.linalg.lstsq(seen.astype(float), t, rcond=None)[0]
        np.testing.assert_allclose(weights(simulator), best, atol=1e-6)
        found = ap.evaluate(simulator, data.test)
    assert found.outputs is not None
    np.testing.assert_allclose(found.outputs, (seen @ best)[:9], atol=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_the_update_is_the_gradient_of_the_squared_error(activation: str) -> None:
    wiring = feedback.WIRINGS["bp"]
    sizes, rng = (6, 5, 4, 3), np.random.default_rng(1)
    net = rates(wiring, sizes, output=activation, gain="slope", rule=rules.three_factor(1.0))
    block = Block.of_targets(rng.random((7, 6)), rng.normal(size=(7, 3)))

    with simulate(net, "array", dtype="float64") as simulator:

        def loss() -> float:
            counts = simulator.run(Block.of_stimuli(block.values)).counts["output"]
            return 0.5 * float(np.sum((block.targets - counts) ** 2)) / len(block)

        rng = np.random.default_rng(2)
        simulator.load({p.name: 0.7 * rng.normal(size=p.shape) for p in net.plastic})
        updates = simulator.updates(block)
        for name in ("stimulus_to_hidden_1", "hidden_2_to_output", "bias_to_hidden_2"):
            w = simulator.weights(name)
            for at in list(np.ndindex(w.shape))[:6]:
                ends = []
                for side in (1, -1):
                    moved = w.copy()
                    moved[at] += side * 1e-6
                    simulator.load({name: moved})
                    ends.append(loss())
                simulator.load({name: w})
                slope = (ends[0] - ends[1]) / 2e-6
                assert updates[name][at] == pytest.approx(-slope, rel=1e-5, abs=1e-8)


def test_several_labels_learn_as_independent_logistic_regressions() -> None:
    x, t = linear(n_targets=3)
    labels = (t > np.median(t, axis=0)).astype(float)
    data = Dataset.from_targets(x, labels, x, labels)
    w = np.zeros((5, 3))
    seen = np.hstack([data.train.block(slice(None))[0].astype(float), np.ones((len(x), 1))])
    for _ in range(50):  # gradient descent on the cross-entropy of each label by itself
        for k in range(3):
            error = labels[:, k] - 1 / (1 + np.exp(-seen @ w[:, k]))
            w[:, k] += 0.5 * seen.T @ error / len(x)
    net = one_layer(4, 3, 0.5, "logistic")
    with simulate(net, "array", dtype="float64", batch=len(x)) as simulator:
        ap.train(simulator, data, 50, final_rate=1.0, progress=False)
        np.testing.assert_allclose(weights(simulator), w, rtol=1e-9)
        scores = ap.evaluate(simulator, data.test).scores
    right = (seen @ w > 0) == (labels > 0)
    assert scores["label_accuracy"] == right.mean()
    assert scores["subset_accuracy"] == right.all(axis=1).mean()


def test_both_engines_learn_the_same_from_targets() -> None:
    x, t = linear(5)
    data, found = Dataset.from_targets(x, t, x, t), []
    for device, options in (("array", {"batch": 1}), ("runtime", {})):
        with simulate(one_layer(4, 2, 0.1), device, dtype="float64", **options) as simulator:
            history = ap.train(simulator, data, 1, progress=False)
            found.append((weights(simulator), history[-1].metrics["test_r2"]))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-6)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-5)


@pytest.mark.slow
def test_spikes_learn_rates() -> None:
    x, t = np.ones((30, 2)), np.tile([0.4, 0.75], (30, 1))  # 40 and 75 Hz
    data = Dataset.from_targets(x, t, x[:2], t[:2], scale=1)
    net = Network(trial=200.0)
    pre = net.add(Stimulus("stimulus", 2, ap.encoding.Regular(100.0)))
    y = net.add(ap.LIF("output", 2, leak=False, v_start=0.5, gain="1"))
    net.connect(pre, y, weights=ap.Zero(), rule=rules.three_factor(5e-4))
    net.teach(feedback.direct(net.add(ap.Error("error", 4, target=100.0)), net.forward))
    with simulate(net, "runtime") as simulator:
        ap.train(simulator, data, 1, final_rate=1.0, progress=False)
        found = ap.evaluate(simulator, data.test)
    assert found.outputs is not None
    np.testing.assert_allclose(found.outputs, t[:2], atol=0.051)  # a spike in 200 ms is 5 Hz
    np.testing.assert_allclose(found.rates["output"], 100 * found.outputs[0])


# ---- scores ------------------------------------------------------------------------------------
def test_scores_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(30, 4))
    outputs = targets + 0.3 * rng.normal(size=(30, 4))
    targets[:, 3], outputs[:, 3] = 2.0, 2.0
    for other in (outputs, outputs + np.eye(30, 4)):  # a constant that is met, and not
        assert predictions.r_squared(targets, other) == pytest.approx(
            metrics.r2_score(targets, other)
        )
        assert predictions.mean_squared_error(targets, other) == pytest.approx(
            metrics.mean_squared_error(targets, other)
        )
    labels, decided = targets > 0, outputs > 0.5
    assert predictions.subset_accuracy(labels, outputs) == metrics.accuracy_score(labels, decided)
    assert predictions.label_accuracy(labels, outputs) == 1 - metrics.hamming_loss(labels, decided)


def test_frames_count_like_trials() -> None:
    rng = np.random.default_rng(0)
    targets, outputs = rng.normal(size=(2, 5, 7, 2))
    flat = targets.reshape(35, 2), outputs.reshape(35, 2)
    assert predictions.r_squared(targets, outputs) == predictions.r_squared(*flat)
    assert list(predictions.scores(targets > 0, outputs)) == ["r2", "mse"]


# ---- data --------------------------------------------------------------------------------------
X, T = linear(8)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (T[:5], "needs targets of shape (8, n_targets)"),
        (np.where(np.arange(16).reshape(8, 2) == 3, np.nan, T), "holds NaN or infinite values"),
        (np.where(np.arange(16).reshape(8, 2) == 3, -np.inf, T), "holds NaN or infinite values"),
        ([[1.0, 2.0]] * 7 + [[3.0]], "is no array of numbers"),
        (np.full(8, 1e39), "targets reach 1e+39, which single precision cannot hold"),
        (["a"] * 8, "needs real numbers, got <U1"),
        (T * 1j, "needs real numbers, got complex128"),
        (np.zeros((8, 0)), "got (8, 0)"),
        (np.zeros((8, 2, 2, 2)), "got (8, 2, 2, 2)"),
        (np.ma.masked_greater(T, 0.5), "values are masked"),
    ],
)
def test_unusable_targets_are_refused(targets: Any, words: str) -> None:
    with refuse(DataError, "targets: t_train: ", words):
        Dataset.from_targets(X, targets, X, T, scale=1)


def test_targets_of_both_parts_are_alike() -> None:
    with refuse(DataError, "t_train holds targets of shape (2,), t_test of shape (1,)"):
        Dataset.from_targets(X, T, X, T[:, 0], scale=1)


def test_one_number_a_sample_is_one_target() -> None:
    data = Dataset.from_targets(X, T[:, 0].tolist(), X, T[:, None, :1], scale=1)
    assert data.n_targets == data.n_classes == 1
    assert data.train.targets is not None and data.test.targets is not None
    np.testing.assert_array_equal(data.train.targets, data.test.targets)
    assert set(data.train.labels) == {-1}


def test_values_below_0_are_for_targets_only() -> None:
    x = X - 0.5
    data = Dataset.from_targets(x, T, x, T, scale=1)
    np.testing.assert_allclose(data.train.block(slice(None))[0], x, rtol=1e-6)
    assert Dataset.from_targets(np.array([[-3], [1]]), [0, 1], [[1]], [0], scale=3).shape == (1,)
    with refuse(DataError, "x_train: values start at -"):
        Dataset.from_arrays("classes", x, np.arange(8) % 2, x, np.arange(8) % 2)


def test_numbers_given_as_classes_are_told_of_targets() -> None:
    with refuse(DataError, "labels must be whole numbers", "Dataset.from_targets"):
        Dataset.from_arrays("numbers", X, T[:, 0], X, T[:, 0], scale=1)
    with refuse(DataError, "labels in rows must be 1 for one class", "Dataset.from_targets"):
        Dataset.from_arrays("labels", X, np.ones((8, 2)), X, np.ones((8, 2)), scale=1)


def test_parts_of_a_data_set_keep_their_targets() -> None:
    data = Dataset.from_targets(X, T, X, T, scale=1)
    for part, rows in ((data.subset(3).train, slice(3)), (data.held_out(2).test, slice(6, None))):
        assert part.targets is not None
        np.testing.assert_array_equal(part.targets, T[rows])
    for needs in (
        lambda: ap.datasets.halves(data),
        lambda: ap.datasets.stratified(data.train, 4, ap.stream(0, "few")),
    ):
        with refuse(DataError, "needs samples with classes, but these have targets"):
            needs()


def test_a_file_with_targets(tmp_path: Path) -> None:
    file = tmp_path / "numbers.npz"
    np.savez(file, x_train=X, t_train=T, x_test=X, t_test=T, scale=1)
    assert ap.datasets.load(file).n_targets == 2
    np.savez(file, x_train=X, t_train=T, x_test=X, scale=1)
    with refuse(DataError, "lacks t_test", "needs x_train, t_train, x_test, t_test"):
        ap.datasets.load(file)
    np.savez(file, x_train=X, t_train=T, x_test=X, t_test=T, y_test=np.zeros(8))
    with refuse(DataError, "holds both labels (y_train, y_test) and targets"):
        ap.datasets.load(file)
    np.savez(file, x_train=X, t_train=np.array([{}] * 8), x_test=X, t_test=T)  # a pickle
    with pytest.raises(DataError, match="cannot be read"):
        ap.datasets.load(file)


def test_the_score_to_report_does_not_depend_on_the_part() -> None:
    """Regression whose last test samples happen to be 0 and 1: R2, of any part of them."""
    t = np.linspace(-1, 1, 8)[:, np.newaxis]
    ends = np.array([[0.0], [1.0], [0.5], [1.0]])
    data = Dataset.from_targets(X, t, X[:4], ends, scale=1)
    whole = Dataset.from_targets(X, t, X[:2], ends[:2], scale=1)  # a test part of 0 and 1 alone
    labels = Dataset.from_targets(X, (t > 0).astype(float), X[:2], ends[:2], scale=1)
    parts = (data.test.part([0, 1]), data.subset(4, 2).test, whole.test, data.held_out(2).test)
    options: Any = {"record": ["output"], "traces": ["x"]}
    with simulate(one_layer(4, 1, 0.1), "array", **options) as simulator:
        for part in parts:
            assert next(iter(ap.evaluate(simulator, part).scores)) == "r2"
        assert next(iter(ap.evaluate(simulator, labels.test).scores)) == "subset_accuracy"
        found = record(simulator, data.test, [0, 1])
        assert predictions.reached(found).startswith("R2")


# ---- what does not fit -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("targets", "net", "words"),
    [
        (T, lambda: one_layer(4, 3, 0.1), "'output' has 3 neurons, but there are 2 targets"),
        (np.ones((8, 3, 2)), lambda: one_layer(4, 2, 0.1), "of 1 frames, but there are 3"),
        (T + 2, lambda: one_layer(4, 2, 0.1, "logistic"), "is logistic, under cross-entropy"),
    ],
)
def test_targets_that_do_not_fit_a_network(
    targets: np.ndarray, net: Callable[[], Network], words: str
) -> None:
    data = Dataset.from_targets(X, targets, X, targets, scale=1)
    with simulate(net(), "array") as simulator:
        with refuse(DataError, words):
            ap.evaluate(simulator, data.test)
        with refuse(DataError, words):
            ap.train(simulator, data, 1, progress=False)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("device", ["array", "runtime"])
def test_a_block_takes_finite_targets_only(wrong: float, device: str) -> None:
    with (
        simulate(one_layer(4, 2, 0.1), device) as simulator,
        pytest.raises(ApicalError, match="targets of a block"),
    ):
        simulator.run(Block.of_targets(X, np.full((8, 2), wrong), 1.0))


def test_spikes_take_no_targets_below_0() -> None:
    net = Network(trial=50.0)
    x, y = net.add(Stimulus("stimulus", 4)), net.add(ap.LIF("output", 2, gain="1"))
    net.connect(x, y, weights=ap.Zero(), rule=rules.three_factor(0.1))
    net.teach(feedback.direct(net.add(ap.Error("error", 4)), net.forward))
    with simulate(net, "runtime") as simulator:
        with refuse(DataError, "'output' spikes, so that targets are from 0", "from -1 to 0"):
            simulator.run(Block.of_targets(X, np.full((8, 2), -1.0)))
        with refuse(DataError, "Output 'output' spikes, so that targets are from 0"):
            ap.evaluate(simulator, Dataset.from_targets(X, -X[:, :2], X, -X[:, :2]).test)


@pytest.mark.parametrize("device", ["array", "runtime"])
def test_learning_that_diverges_is_said(device: str) -> None:
    with simulate(one_layer(4, 2, 1e30), device) as simulator:
        block = Block.of_targets(X, T, 1.0)
        with refuse(RunError, "The weights of projection", "diverged", "Lower the learning rate"):
            for _ in range(20):
                simulator.run(block)


def test_outputs_that_are_no_numbers_are_said() -> None:
    data = Dataset.from_targets(X, T, X, T, scale=1)
    with simulate(one_layer(4, 2, 0.1), "array") as simulator:
        simulator.load({"stimulus_to_output": np.full((4, 2), 3e38)})
        with refuse(RunError, "'output' is NaN or infinite", "Lower the learning rate"):
            ap.evaluate(simulator, data.test)


# ---- records -----------------------------------------------------------------------------------
def test_records_keep_targets_and_outputs() -> None:
    data = Dataset.from_targets(X, T, X, T, scale=1)
    with simulate(one_layer(4, 2, 0.1), "array", record=["output"], traces=["x"]) as simulator:
        ap.train(simulator, data, 3, progress=False)
        found = record(simulator, data.test, [2, 0])
        outputs = ap.evaluate(simulator, data.test).outputs
    assert outputs is not None and found.targets is not None and found.outputs is not None
    np.testing.assert_array_equal(found.targets, T[[2, 0]])
    np.testing.assert_allclose(found.outputs, outputs[[2, 0]])
    again = Records.from_arrays(found.to_arrays())
    assert again.targets is not None
    np.testing.assert_array_equal(again.targets, found.targets)
    assert found.said(0).startswith("output ") and "(target " in found.said(0)
    with refuse(DataError, "have targets, not classes"):
        _ = found.correct
    arrays = found.to_arrays()
    with refuse(DataError, "targets"):
        Records.from_arrays({**arrays, "targets": arrays["targets"][:1]})


# ---- time courses ------------------------------------------------------------------------------
FRAMES = 4


def in_time(eta: float, frames: int = FRAMES, shown: int = FRAMES, trial: float = 80.0) -> Network:
    """Describe a network whose targets, and perhaps stimuli, change within a trial."""
    net = Network(trial=trial)
    x = Stimulus("stimulus", 2, ap.encoding.Graded(), frames=shown)
    y = Rate("output", 1, "linear", tau=1.0)
    rule = rules.three_factor_in_time(eta, net.trial)
    ap.chain(net, x, y, weights=ap.Zero(), rule=rule)
    net.teach(feedback.direct(net.add(RateError("error", 1, tau=1.0, frames=frames)), net.forward))
    return net


def courses(n: int = 20) -> Dataset:
    """Return stimuli that change in every frame, and a target that is a linear function of them."""
    x = np.random.default_rng(0).random((n, FRAMES, 2))
    t = x @ np.array([[1.0], [-0.5]])
    return Dataset.from_targets(x, t, x[:4], t[:4], scale=1)


def test_the_update_in_time_is_the_mean_of_the_product() -> None:
    data, traces = courses(), ("x", "teach")
    with simulate(
        in_time(0.5), "runtime", dtype="float64", record=["stimulus", "output"], traces=traces
    ) as simulator:
        simulator.load({"stimulus_to_output": np.array([[0.3], [0.2]])})
        found = simulator.run(Block.of_samples(data.train, [3], 1.0)).traces
        after = simulator.weights("stimulus_to_output")
    x, teach = found["stimulus.x"][0], found["output.teach"][0]
    product = x.T @ teach / len(teach)
    np.testing.assert_allclose(after[:, 0], [0.3, 0.2] + 0.5 * product[:, 0], rtol=0.02)


@pytest.mark.slow
def test_a_time_course_is_learned_frame_by_frame() -> None:
    data = courses(10)  # frames of 60 ms, most of which signals are settled
    net = in_time(0.8, trial=240.0)
    with simulate(net, "runtime", record=["output"], traces=["x"]) as simulator:
        history = ap.train(simulator, data, 8, final_rate=0.2, progress=False)
        found = ap.evaluate(simulator, data.test)
        learned = simulator.weights("stimulus_to_output")[:, 0]
    assert found.outputs is not None and found.outputs.shape == (4, FRAMES, 1)
    # outputs lag behind their targets, which weights make up for
    np.testing.assert_allclose(learned, [1.0, -0.5], atol=0.15)
    assert history[-1].metrics["test_r2"] > 0.95 > history[0].metrics["test_r2"]
    assert list(found.scores) == ["r2", "mse"]


def test_targets_may_change_while_the_stimulus_does_not() -> None:
    net = in_time(0.5, frames=5, shown=1)
    told = np.arange(5.0).reshape(1, 5, 1)
    with simulate(net, "runtime", record=["error"], traces=["x"]) as simulator:
        traced = simulator.run(Block.of_targets(np.ones((1, 2)), told)).traces["error.x"]
    np.testing.assert_allclose(traced[0, 15::16, 0], np.arange(5.0), atol=0.01)


def test_what_time_courses_need() -> None:
    data = courses()
    with refuse(DeviceError, "no time within a trial, but targets have 4 frames", "'runtime'"):
        simulate(in_time(0.1, shown=1), "array")
    with refuse(WiringError, "told targets of 4 frames", "shows 3; give both the same number"):
        in_time(0.1, shown=3)
    with simulate(in_time(0.1), "runtime") as simulator:
        words = "simulate(..., record=['output'], traces=['x'])"
        with refuse(ParameterError, "does not record output 'output' over time", words):
            ap.evaluate(simulator, data.test)
        with refuse(DataError, "targets of 4 frames, but there are 1 in targets of shape (1, 2)"):
            simulator.run(Block.of_targets(np.ones((1, 8)), np.ones((1, 2))))
        flat = Dataset.from_targets(np.ones((2, 8)), [1, 0], np.ones((2, 8)), [1, 0])
        with refuse(DataError, "targets of 4 frames, but there are 1"):
            ap.evaluate(simulator, flat.test)


def follower() -> tuple[Network, np.ndarray]:
    """Return a neuron that spikes a step or two after its input, and inputs of two trials."""
    net = Network(trial=40.0)
    x = net.add(Stimulus("stimulus", 1, ap.encoding.Replayed(), frames=40))
    y = net.add(ap.LIF("output", 1, leak=False, tau_s=0, gain="1"))
    net.connect(x, y, weights=ap.Given(np.array([[1.5]])))
    net.teach(feedback.direct(net.add(ap.Error("error", 2, frames=40)), net.forward))
    shown = np.zeros((2, 40))
    shown[0, [3, 10]], shown[1, [20]] = 1, 1
    return net, shown


def test_spike_trains_are_counted_in_frames() -> None:
    net, shown = follower()
    targets = shown[..., None]
    data = Dataset.from_targets(shown, targets, shown, targets, scale=1)
    with simulate(net, "runtime", record=["output"]) as simulator:
        outputs = ap.evaluate(simulator, data.test).outputs
    assert outputs is not None
    late = np.argwhere(outputs[..., 0])[:, 1] - np.argwhere(shown)[:, 1]
    assert outputs.sum() == 3 and set(late) <= {1, 2}  # steps until a spike has its effect


def test_spike_trains_are_scored_by_their_distance() -> None:
    """Of equal trains 0; by hand where every train of one neuron is late by so many ms."""
    net, shown = follower()
    with simulate(net, "runtime", record=["output"]) as simulator:
        none = np.zeros((2, 40, 1))
        data = Dataset.from_targets(shown, none, shown, none, scale=1)
        found = ap.evaluate(simulator, data.test, scoring=["van_rossum"])
        assert found.outputs is not None
        at = np.argwhere(found.outputs[..., 0])
        trains = [[at[at[:, 0] == k, 1].astype(float)] for k in (0, 1)]
        of_nothing = [van_rossum(trains[k][0], []) for k in (0, 1)]
        assert found.scores["van_rossum"] == pytest.approx(np.mean(of_nothing))
        same = Dataset.from_targets(shown, found.outputs, shown, found.outputs, scale=1)
        assert ap.evaluate(simulator, same.test, scoring="van_rossum").scores["van_rossum"] == 0
        late = np.roll(found.outputs, 3, axis=1)
        shifted = Dataset.from_targets(shown, late, shown, late, scale=1).test
        sharp = partial(van_rossum, tau_rise=0.0, tau_decay=10.0)
        before = simulator.state
        score = ap.evaluate(simulator, shifted, scoring={"sharp": sharp}).scores["sharp"]
        by_hand = np.mean([sharp(t[0] + 3, t[0]) for t in trains])
        assert score == pytest.approx(by_hand) and by_hand > 0
        for name, values in simulator.state.items():
            np.testing.assert_array_equal(values, before[name])


def test_what_scores_of_spike_trains_need() -> None:
    net, shown = follower()
    data = Dataset.from_targets(shown, shown[..., None], shown, shown[..., None], scale=1)
    halves = Dataset.from_targets(shown, shown[..., None] / 2, shown, shown[..., None] / 2, scale=1)
    with simulate(net, "runtime", record=["output"]) as simulator:
        with refuse(ParameterError, "'f1' is no score of spike trains; give van_rossum, or"):
            ap.evaluate(simulator, data.test, scoring="f1")
        with refuse(DataError, "3 of 80 are no whole numbers"):
            ap.evaluate(simulator, halves.test, scoring="van_rossum")
    with (
        simulate(net, "runtime") as simulator,
        refuse(ParameterError, "does not record", "record=['output']"),
    ):
        ap.evaluate(simulator, data.test, scoring="van_rossum")
    course = courses()
    look = {"record": ["output"], "traces": ["x"]}
    with (
        simulate(in_time(0.1), "runtime", **look) as simulator,
        refuse(ParameterError, "need targets with frames and an output that spikes"),
    ):
        ap.evaluate(simulator, course.test, scoring="van_rossum")
