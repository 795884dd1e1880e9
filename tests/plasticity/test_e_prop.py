"""Learning in time: recurrent spiking networks, traces of synapses, stimuli of several frames."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rate_networks
from networks import rule as three_factor
from networks import small, trials

from apical import (
    ALIF,
    LIF,
    Block,
    Error,
    LearningRule,
    Network,
    Normal,
    Stimulus,
    Trace,
    check,
    evaluate,
    feedback,
    hypotheses,
    rules,
    simulate,
    tasks,
)
from apical.errors import DataError, DeviceError, LocalityError, ParameterError, WiringError
from apical.locality_check.synapses import disturb
from apical.measures.updates import rule_of
from apical.neurons.encoding import Poisson, Regular
from apical.plasticity.rules import e_prop

ETA = 1e-9
"""Small enough for the network to stay as it is; what a synapse learns is divided by it."""
N_IN, N_HIDDEN, FRAMES = 6, 8, 3


def network(seed: int = 0, adaptation: float = 0.3, trial: float = 60.0, **options: Any) -> Network:
    """Describe stimulus 6 -> ALIF hidden 8, half of them adapting, onto itself -> LIF output 2."""
    net = Network(seed=seed, trial=trial, settle=trial - 20)
    x = net.add(Stimulus("stimulus", N_IN, Poisson(200.0), tau_x=20.0, frames=FRAMES))
    neuron = {"tau_s": 0.0, "tau_x": 20.0, "tau_teach": 0.0}
    h = net.add(ALIF("hidden", N_HIDDEN, adaptation=adaptation, tau_a=50.0, adapting=0.5, **neuron))
    y = net.add(LIF("output", 2, bias=1.5, gain="1", **neuron))
    rule = e_prop(ETA, tau=30.0, tau_a=50.0, **options)
    net.connect(x, h, weights=Normal(1.0), rule=rule)
    net.connect(h, h, weights=Normal(0.3), rule=rule)
    net.connect(h, y, weights=Normal(0.3), rule=rules.three_factor(ETA, "feedback"))
    e = net.add(Error("error", 4, target=200.0, tau=50.0, wait=20.0))
    net.teach(feedback.direct(e, net.forward))
    return net


def stimuli(n: int = 1, learning: float = 1.0) -> Block:
    rng = np.random.default_rng(1)
    return Block(rng.random((n, FRAMES * N_IN)), rng.integers(0, 2, n), learning)


class Recurrent:
    """The same network by hand, driven by recorded spikes of its stimulus."""

    def __init__(self, w_in: np.ndarray, w_rec: np.ndarray, s: np.ndarray, adaptation: float):
        self.alpha, self.rho = np.exp(-1 / 20), np.exp(-1 / 50)
        self.beta = adaptation * (np.arange(N_HIDDEN) >= N_HIDDEN // 2)
        steps = len(s)
        self.z = np.zeros((steps, N_HIDDEN))
        self.slope = np.zeros((steps, N_HIDDEN))
        v, a = np.zeros(N_HIDDEN), np.zeros(N_HIDDEN)
        for t in range(steps):
            v, a = self.alpha * v, self.rho * a
            theta = 1 + self.beta * a
            self.slope[t] = 0.3 * np.maximum(0, 1 - np.abs(v - theta))
            self.z[t] = v > theta
            v = v + s[t] @ w_in + self.z[t] @ w_rec - self.z[t]
            a = a + self.z[t]

    def eligibility(self, sent: np.ndarray) -> np.ndarray:
        """Return the published definition: derivatives of (v, a) carried on by their Jacobian."""
        steps, n_pre = sent.shape
        state = np.zeros((n_pre, N_HIDDEN, 2))
        found = np.zeros((steps, n_pre, N_HIDDEN))
        for t in range(steps):
            read = np.stack([self.slope[t], -self.beta * self.slope[t]], axis=-1)
            found[t] = (state * read).sum(-1)
            jacobian = np.zeros((N_HIDDEN, 2, 2))
            jacobian[:, 0, 0] = self.alpha
            jacobian[:, 1, 0] = self.rho * self.slope[t]
            jacobian[:, 1, 1] = self.rho * (1 - self.beta * self.slope[t])
            state = np.einsum("jkl,ijl->ijk", jacobian, state)
            state[:, :, 0] += self.alpha * sent[t][:, np.newaxis]
        return found

    def backward(self, sent: np.ndarray, teach: np.ndarray, kappa: float) -> np.ndarray:
        """Return the gradient of ``sum_t teach . lowpass(z)`` by going back through time.

        Spikes have the slope that learning gives them; what they do to other neurons, and to the
        membrane by its reset, is left out, as e-prop does.
        """
        d_low, d_v, d_a = np.zeros(N_HIDDEN), np.zeros(N_HIDDEN), np.zeros(N_HIDDEN)
        total = np.zeros((sent.shape[1], N_HIDDEN))
        for t in reversed(range(len(sent))):
            total += np.outer(sent[t], self.alpha * d_v)  # d_v, d_a are those of the step after
            d_low = kappa * d_low + teach[t]
            d_z = d_low + self.rho * d_a
            d_a = self.rho * d_a - self.beta * self.slope[t] * d_z
            d_v = self.alpha * d_v + self.slope[t] * d_z
        return total


def recorded(net: Network, block: Block) -> tuple[Any, dict[str, np.ndarray], np.ndarray]:
    """Return a simulator after a block, spikes (n_steps, size), and what hidden dendrites heard."""
    simulator = simulate(
        net, "runtime", dtype="float64", record=["stimulus", "hidden"], traces=["teach"]
    )
    result = simulator.run(block)
    spikes = {}
    for name, (times, neurons) in result.spikes.items():
        spikes[name] = np.zeros((round(net.trial), N_IN if name == "stimulus" else N_HIDDEN))
        np.add.at(spikes[name], (np.rint(times).astype(int), neurons), 1)
    return simulator, spikes, result.traces["hidden.teach"][0]


def test_eligibility_is_that_of_the_published_definition() -> None:
    net = network()
    w_in, w_rec, _ = (net.initial_weights(p) for p in net.driving)
    simulator, spikes, _ = recorded(net, stimuli(learning=0.0))
    by_hand = Recurrent(w_in, w_rec, spikes["stimulus"], 0.3)
    np.testing.assert_array_equal(by_hand.z, spikes["hidden"])
    assert 10 < by_hand.z.sum() < 300
    for name, sent in (("stimulus_to_hidden", spikes["stimulus"]), ("hidden_to_hidden", by_hand.z)):
        e = by_hand.eligibility(sent)
        for trace, tau in (("e_trace", 30.0), ("slow", 50.0)):
            lowpass = np.zeros_like(e[0])
            for step in e:
                lowpass = np.exp(-1 / tau) * lowpass + step
            assert np.abs(lowpass).max() > 0.1
            found = simulator.state[f"{name}.{trace}"]
            np.testing.assert_allclose(found, lowpass, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("adaptation", [0.0, 0.3])
def test_what_synapses_learn_is_a_gradient_through_time(adaptation: float) -> None:
    """Forwards through time by each synapse for itself; here backwards through time, by hand."""
    net = network(adaptation=adaptation)
    before = {p.name: net.initial_weights(p) for p in net.driving}
    simulator, spikes, teach = recorded(net, stimuli())
    assert np.abs(teach).max() > 0
    w_in, w_rec = before["stimulus_to_hidden"], before["hidden_to_hidden"]
    by_hand = Recurrent(w_in, w_rec, spikes["stimulus"], adaptation)
    for name, sent in (("stimulus_to_hidden", spikes["stimulus"]), ("hidden_to_hidden", by_hand.z)):
        learned = (simulator.weights(name) - before[name]) / ETA
        gradient = by_hand.backward(sent, teach, np.exp(-1 / 30))
        assert np.abs(gradient).max() > 1
        np.testing.assert_allclose(learned, gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_neuron_that_spikes_too_much_is_held_back() -> None:
    changes = {}
    for usual in (0.0, 100.0):
        net = network(homeostasis=10.0, usual=usual)
        simulator = simulate(net, "runtime", dtype="float64")
        before = simulator.weights("stimulus_to_hidden")
        simulator.run(stimuli())
        changes[usual] = simulator.weights("stimulus_to_hidden") - before
    plain = changes[0.0][:, : N_HIDDEN // 2], changes[100.0][:, : N_HIDDEN // 2]
    assert plain[0].mean() < 0 < plain[1].mean()  # eligibility is positive where nothing adapts


@pytest.mark.slow
def test_same_seed_same_bits_and_evaluation_leaves_no_trace() -> None:
    data = tasks.store_recall(
        20, 10, length=FRAMES - 1, each=1, noise=0.5, rng=np.random.default_rng(0)
    )
    net = network(trial=30.0)
    net = net.altered(population=lambda p: replace(p, size=5) if p.name == "stimulus" else p)
    states = []
    for _ in range(2):
        simulator = simulate(net, "runtime")
        simulator.run(Block(*data.train.block(slice(2)), np.ones(())))
        before = simulator.state
        evaluate(simulator, data.test.__class__(data.test.values[:3], data.test.labels[:3]))
        for name, values in before.items():
            np.testing.assert_array_equal(values, simulator.state[name])
        states.append(before)
    for name, values in states[0].items():
        np.testing.assert_array_equal(values, states[1][name])
    assert np.abs(states[0]["hidden_to_hidden.slow"]).max() > 0


def test_feedback_reaches_a_recurrent_population_once() -> None:
    net = network()
    heard = [(p.pre.name, p.post.name) for p in net.feedback.projections]
    assert heard == [("error", "output"), ("error", "hidden")]
    card = check(net)
    line = next(f for f in card.about("locality") if f.subject == "hidden_to_hidden")
    for said in ("the synapse keeps slow", "low-pass of 30 ms", "beta_post, gain_post in hidden"):
        assert said in line.reason
    for wiring in (feedback.layerwise, feedback.indirect):
        posts = [p.post.name for p in net.rewired(wiring).feedback.projections]
        assert sorted(posts) == ["hidden", "output"]


def test_relay_runs_along_the_projection_from_another_population() -> None:
    net = Network(seed=0)
    layers = [
        net.add(Stimulus("stimulus", 4)),
        *(net.add(LIF(f"hidden_{k}", 4)) for k in (1, 2)),
        net.add(LIF("output", 2)),
    ]
    for pre, post in ((0, 1), (1, 1), (2, 2), (1, 2), (2, 3)):
        net.connect(layers[pre], layers[post], rule=three_factor("trial"))
    net.teach(feedback.indirect(net.add(Error("error", 4)), net.forward))
    assert [p.name for p in net.feedback.relays] == ["hidden_1_to_hidden_2"]


@pytest.mark.thorough
def test_disturbances_reach_only_what_they_touch() -> None:
    block = stimuli(2)
    assert block.labels is not None
    net = network()
    strong = net.altered(
        projection=lambda p: (
            replace(p, rule=replace(p.rule, parameters={**p.rule.parameters, "eta": 1e-2}))
            if p.rule
            else p
        )
    )
    card = disturb(strong, block.values, block.labels, each=1)
    assert card.is_local, str(card)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"traces": {"seen": Trace("gain_post*x")}}, "reads 'x', which a synapse cannot know"),
        ({"traces": {"w": Trace("x_pre")}}, "'w' cannot name a trace"),
        ({"traces": {"eta": Trace("x_pre")}}, "its traces both use 'eta'"),
        (
            {"traces": {"seen": Trace("x_pre")}, "parameters": {"eta": 1.0, "kept_seen": 1.0}},
            "its traces both use 'kept_seen'",
        ),
        ({}, "reads 'seen', which a synapse cannot know"),
    ],
)
def test_traces_are_local_and_have_names_of_their_own(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises((LocalityError, ParameterError), match=said):
        LearningRule("any", "eta*seen*teach_post", **{"parameters": {"eta": 1.0}, **wrong})


def test_a_trace_forgets_in_some_time() -> None:
    for tau in (0.0, -1.0, float("nan")):
        with pytest.raises(ParameterError, match="must be one number .ms. > 0"):
            Trace("x_pre", tau)


@pytest.mark.slow
def test_a_trace_without_time_constant_sums_up_a_trial() -> None:
    """Where a rule acts when the trial ends: also where neurons are not reset between trials."""
    found = {}
    for reset in (True, False):
        net = small(reset=reset, neuron={"tau_x": 20.0})
        summed = LearningRule("sums", "eta*total", {"eta": ETA}, traces={"total": Trace("x_pre")})
        net = net.altered(projection=lambda p, r=summed: replace(p, rule=r) if p.rule else p)
        simulator = simulate(net, "runtime", dtype="float64", record=["stimulus"], traces=["x"])
        result = simulator.run(trials(2))
        found[reset] = simulator.state["stimulus_to_hidden_0.total"][:, 0]
        x = result.traces["stimulus.x"][1]
        times, neurons = result.spikes["stimulus"]
        late = np.zeros_like(x)  # a trace reads neurons as they are before the spikes of a step
        late_steps = np.rint(times).astype(int) - 40
        np.add.at(late, (late_steps[late_steps >= 0], neurons[late_steps >= 0]), 1)
        np.testing.assert_allclose(found[reset], (x - late).sum(0), rtol=1e-9)
    assert found[True].max() > 0


def test_what_knows_no_time_refuses_traces_and_frames() -> None:
    net = rate_networks.rates(feedback.direct)
    traced = LearningRule("any", "seen*teach_post", traces={"seen": Trace("x_pre", 10.0)})
    with pytest.raises(DeviceError, match="'array' knows the end of a trial only.*traces"):
        simulate(
            net.altered(projection=lambda p: replace(p, rule=traced) if p.rule else p), "array"
        )
    shown = net.altered(population=lambda p: replace(p, frames=2) if isinstance(p, Stimulus) else p)
    with pytest.raises(DeviceError, match="no time within a trial, but 'stimulus' shows 2 frames"):
        simulate(shown, "array")
    with pytest.raises(WiringError, match="e_trace, slow, which synapses keep"):
        rule_of(network().forward[0])
    ended = network().altered(
        projection=lambda p: replace(p, rule=replace(p.rule, when="trial")) if p.rule else p
    )
    with pytest.raises(WiringError, match="'online': rule 'e_prop'.*when a trial ends"):
        hypotheses.online(ended)


def test_a_stimulus_shows_its_frames_one_after_the_other() -> None:
    net = Network(seed=0, trial=40.0)
    x = net.add(Stimulus("stimulus", 2, Regular(500.0), frames=4))
    net.connect(x, net.add(LIF("output", 2)), weights=Normal(0.1))
    simulator = simulate(net, "runtime", dtype="float64", record=["stimulus"])
    frames = np.array([[1, 0], [0, 1], [0.5, 0], [0, 0]])
    times, neurons = simulator.run(Block(np.stack([frames, frames[::-1]]).reshape(2, 8))).spikes[
        "stimulus"
    ]
    counts = np.zeros((8, 2))
    np.add.at(counts, (np.rint(times).astype(int) // 10, neurons), 1)
    shown = np.concatenate([frames, frames[::-1]])
    assert np.abs(counts - 5 * shown).max() <= 1
    assert (counts[shown == 0] == 0).all()
    with pytest.raises(DataError, match="2 neurons and 4 frames, but the block's trials have 2"):
        simulator.run(Block(frames))
    with pytest.raises(ParameterError, match="A frame of the stimulus must be a multiple"):
        simulate(net.altered(population=lambda p: replace(p, frames=3) if p is x else p), "runtime")
    with pytest.raises(ParameterError, match="frames must be one whole number >= 1"):
        Stimulus("stimulus", 2, frames=0)


def test_adaptive_neurons_spike_ever_more_slowly() -> None:
    net = Network(seed=0, trial=200.0)
    x = net.add(Stimulus("stimulus", 1))
    neuron = {"bias": 3.0, "tau_s": 0.0, "adaptation": 0.2, "adapting": 0.5}
    net.connect(x, net.add(ALIF("output", 2, **neuron)), weights=Normal(0.0))
    times, neurons = (
        simulate(net, "runtime", dtype="float64", record=["output"])
        .run(Block(np.zeros((1, 1))))
        .spikes["output"]
    )
    steady, slower = (np.diff(times[neurons == k]) for k in (0, 1))
    assert np.ptp(steady[2:]) < 1.5 and steady[-1] < slower[-1] and slower[0] < slower[-1]
    for wrong in ({"adaptation": -1.0}, {"adapting": 2.0}):
        with pytest.raises(ParameterError, match="(adaptation|adapting) must be one"):
            ALIF("output", 2, **wrong)


def test_evidence_is_the_side_with_more_cues() -> None:
    data = tasks.evidence_accumulation(300, 10, rng=np.random.default_rng(0))
    assert data.shape == (45, 40) and data.n_classes == 2
    values, labels = data.train.block(slice(None))
    groups = values.reshape(300, 45, 4, 10)
    assert (groups == groups[..., :1]).all()
    shown = groups[..., 0]
    cues = shown[:, 0:21:3, :2]
    assert (cues.sum(2) == 1).all() and (shown[:, 2:21:3, :2] == 0).all()
    np.testing.assert_array_equal(cues[:, :, 1].sum(1) > 3.5, labels)
    assert (shown[:, 21:, :2] == 0).all() and (shown[:, :42, 2] == 0).all()
    assert (shown[:, 42:, 2] == 1).all() and (shown[:, :, 3] == 0.25).all()
    minority = np.minimum(cues[:, :, 0].sum(1), cues[:, :, 1].sum(1))
    assert 1.5 < minority.mean() < 2.1  # 7 * 0.3, and less where most went the other way
    with pytest.raises(ParameterError, match="odd number of cues|must be one"):
        tasks.evidence_accumulation(cues=4, rng=np.random.default_rng(0))


def test_what_was_stored_is_asked_for() -> None:
    data = tasks.store_recall(200, 10, classes=3, length=5, each=2, rng=np.random.default_rng(0))
    assert data.shape == (6, 12) and data.n_classes == 3
    values, labels = data.train.block(slice(None))
    shown = values.reshape(200, 6, 6, 2)[..., 0]
    store = shown[:, :, 3].argmax(1)
    assert (shown[:, :, 3].sum(1) == 1).all() and set(store) == {0, 1}
    np.testing.assert_array_equal(shown[np.arange(200), store, :3].argmax(1), labels)
    assert (shown[:, 5, :3] == 0).all() and (shown[:, :5, 4] == 0).all()
    assert (shown[:, 5, 4] == 1).all()
    with pytest.raises(ParameterError, match="store_recall: .* must be one"):
        tasks.store_recall(classes=1, rng=np.random.default_rng(0))


@pytest.mark.thorough
def test_devices_agree_on_recurrent_learning() -> None:
    states, options = list[dict[str, np.ndarray]](), {"dtype": "float64", "capacity": 3}
    values = stimuli(3).values.reshape(3, FRAMES, N_IN)
    values[0, :, 0] = values[1, :2, 1] = values[1, 1:, 2] = values[2, :, 3:] = 0.0  # silent inputs
    block = Block(values.reshape(3, -1), np.array([0, 1, 1]), 1.0)
    rule = e_prop(1e-3, tau=30.0, tau_a=50.0, homeostasis=0.1, usual=1.0)
    net = network().altered(
        projection=lambda p: replace(p, rule=rule) if p.rule and p.rule.traces else p,
        population=lambda p: replace(p, encoder=Regular(200.0)) if isinstance(p, Stimulus) else p,
    )
    for device, own in (
        ("runtime", {}),
        ("cpp_standalone", {}),
        ("cpp_standalone", {"dense": False}),
    ):
        simulator = simulate(net, device, **options, **own)
        simulator.run(block)
        states.append(simulator.state)
    for name, values in states[0].items():
        for other in states[1:]:
            np.testing.assert_allclose(values, other[name], rtol=1e-9, atol=1e-12, err_msg=name)
        np.testing.assert_array_equal(states[1][name], states[2][name], err_msg=name)
    traces = states[0]["stimulus_to_hidden.e_trace"].reshape(N_IN, N_HIDDEN)
    assert (traces[3:] == 0).all() and np.abs(traces[:3]).max() > 0


@pytest.mark.parametrize(
    ("source", "wakes"),
    [
        ("gain_post * x_pre", ["x"]),
        ("gain_post * (x_pre - beta_post * seen)", ["x"]),
        ("x_post * x_pre + x_pre * w", ["x"]),
        ("x_post - x_pre", []),
        ("x_pre + w", []),
        ("gain_post", []),
    ],
)
def test_traces_of_silent_inputs_rest_where_they_would_stay_zero(
    source: str, wakes: list[str]
) -> None:
    rule = LearningRule("any", "seen*teach_post", traces={"seen": Trace(source, 10.0)})
    net = network().altered(
        projection=lambda p: replace(p, rule=rule) if p.name == "stimulus_to_hidden" else p
    )
    with simulate(net, "cpp_standalone", dtype="float64") as simulator:  # is not compiled
        following = {o.name: o for o in simulator._built.brian_network.objects}  # type: ignore[attr-defined]
        known = following["stimulus_to_hidden_traces"].template_kwds
    assert [variable.name for variable in known["wakes"]] == wakes
    assert [variable.name for variable in known["rests"]] == (["seen"] if wakes else [])
