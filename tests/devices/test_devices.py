"""Devices: the contract that all of them keep, numbers worked by hand, and what is refused."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager
from networks import N_CLASSES, N_INPUTS, rule, small, trials

import apical.devices as registry
from apical import (
    LIF,
    Block,
    Error,
    Given,
    LearningRule,
    Network,
    Simulator,
    Stimulus,
    feedback,
    simulate,
)
from apical.devices.simulator import BlockResult
from apical.errors import (
    ApicalError,
    DataError,
    DeviceError,
    LocalityError,
    ParameterError,
    WiringError,
)
from apical.neurons.encoding import Escape, Latency, Poisson, Regular

VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "runtime": {"runtime": {"codegen": "numpy"}},
    "cpp_standalone": {"dense": {}, "generic": {"dense": False}},
}
"""Options that change how a device computes, by the name of the variant; none for others."""

ELSEWHERE = {"cuda_standalone": "test_cuda.py", "genn": "test_genn.py"}
"""Devices that need an environment of their own, and their tests."""


def every_variant() -> dict[str, dict[str, Any]]:
    """Return the options of every registered device of spiking networks, in all its variants.

    The first is the reference.
    """
    return {
        variant: {"device": name, **options}
        for name, device in registry.DEVICES.items()
        if device.spikes and name not in ELSEWHERE
        for variant, options in VARIANTS.get(name, {name: {}}).items()
    }


def firsts() -> list[str]:
    """Return the first variant of every device."""
    names = {options["device"]: variant for variant, options in reversed(every_variant().items())}
    return [variant for variant in every_variant() if variant in names.values()]


DEVICES = every_variant()
OWN_CHANCE = NO_OBJECTS = ("lockstep",)
"""Devices with random numbers of their own, and those that run no further objects of Brian2."""
FOR_SHORT = {"dtype": "float64", "capacity": 12}
"""Options of the simulators of this module; blocks of 20 trials are then run in two parts."""

# Encoders x timing of learning, each pair once; the other options are spread over them.
NETWORKS: dict[str, dict[str, Any]] = {
    "regular-trial": {"encoder": Regular(200.0), "when": "trial"},
    "regular-feedback": {
        "encoder": Regular(200.0, total=6.0),
        "when": "feedback",
        "neuron": {"refractory": 2.0, "reset": "rest"},
        "bounds": (-0.6, 0.6),
    },
    "regular-spike": {
        "encoder": Regular(200.0),
        "when": "spike",
        # the current that a rule reads must not depend on the order in which spikes are delivered
        "neuron": {"leak": False, "gain": "int(I < 1.5)"},
    },
    "poisson-trial": {
        "encoder": Poisson(200.0),
        "when": "trial",
        "neuron": {"leak": True, "refractory": 3.0},
        "bounds": (-0.6, 0.6),
    },
    "poisson-feedback": {
        "encoder": Poisson(200.0),
        "when": "feedback",
        "neuron": {"leak": False},
        "hidden": (8, 6),
    },
    "poisson-spike": {
        "encoder": Poisson(200.0),
        "when": "spike",
        "neuron": {"refractory": 2.0},
        "reset": True,
    },
    "escape-spike": {
        "encoder": Escape(100.0, gain=2.0, threshold=0.5),
        "when": "spike",
        "neuron": {"refractory": 4.0, "reset": "rest", "x_floor": 0.05},
        "error": {"label_spikes": True, "rectified": True},
        "onset": 5.0,
        "release": 0.7,
    },
    "latency-trial": {
        "encoder": Latency(20.0),
        "when": "trial",
        "neuron": {"leak": True, "reset": "rest"},
        "reset": False,
    },
    "latency-feedback": {"encoder": Latency(20.0), "when": "feedback"},
    "layerwise-trial": {"hidden": (8, 6), "wiring": feedback.layerwise},
    "layerwise-feedback": {"hidden": (8, 6), "when": "feedback", "wiring": feedback.layerwise},
    "indirect-trial": {"hidden": (8, 6), "wiring": feedback.indirect},
    "indirect-feedback": {
        "hidden": (8, 6),
        "when": "feedback",
        "wiring": feedback.indirect,
        "neuron": {"tau_teach": 10.0, "x_floor": 0.05},
    },
    "latency-spike": {
        "encoder": Latency(20.0),
        "when": "spike",
        "neuron": {"refractory": 2.0, "reset": "rest"},
        "bounds": (-0.6, 0.6),
    },
}

GENERIC = (
    "regular-trial",
    "regular-feedback",
    "regular-spike",
    "poisson-trial",
    "poisson-feedback",
    "escape-spike",
    "latency-spike",
    "layerwise-trial",
    "indirect-trial",
)
"""Networks that also run without our templates: each timing, with and without bounds."""

ALWAYS = (
    ("regular-trial", "dense"),
    ("regular-trial", "generic"),
    ("poisson-trial", "dense"),
    ("escape-spike", "dense"),
    ("latency-feedback", "dense"),
    ("indirect-feedback", "dense"),
)
"""Each encoder, timing and variant; the other programs are for `make test-all`."""


def some(names: Collection[str], always: Collection[str]) -> list[Any]:
    """Return parameters of which some are only for `make test-all`."""
    return [
        pytest.param(name, marks=() if name in always else pytest.mark.thorough) for name in names
    ]


def compared() -> list[Any]:
    """Return networks and the variants of devices that are compared with the reference."""
    _, *others = every_variant()
    new = set(others) - {device for _, device in ALWAYS}
    always = {*ALWAYS, *(("regular-trial", device) for device in new)}
    return [
        pytest.param(
            name,
            device,
            marks=() if (name, device) in always else pytest.mark.thorough,
            id=f"{name}-{device}",
        )
        for name in NETWORKS
        for device in others
        if device != "generic" or name in GENERIC
    ]


every_device = pytest.mark.parametrize("device", firsts())


def build(network: Network, device: str, **options: Any) -> Any:
    """Return a simulator that returns the spikes of every population."""
    known = registry.DEVICES[DEVICES[device]["device"]]
    short = {name: value for name, value in FOR_SHORT.items() if known.takes(name)}
    record = [population.name for population in network.populations]
    return simulate(network, **{**DEVICES[device], **short, "record": record, **options})


def plain(device: str) -> Any:
    """Return a simulator of the network that most tests share: one program for all of them."""
    return build(small(), device)


def learning() -> Block:
    return trials(20, learning=np.linspace(1.0, 0.5, 20))


def steps_and_neurons(result: BlockResult) -> dict[str, np.ndarray]:
    """Return the spikes of each population as rows (time step, neuron)."""
    return {
        name: np.column_stack([np.rint(times), neurons]).astype(int)
        for name, (times, neurons) in result.spikes.items()
    }


def assert_same(
    one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], tolerance: float = 0.0
) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(
            np.asarray(other[name], dtype=np.float64),
            np.asarray(values, dtype=np.float64),
            rtol=tolerance,
            atol=tolerance,
            err_msg=name,
        )


# The contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "device"), compared())
def test_devices_agree(name: str, device: str) -> None:
    """All devices give the same spikes and weights, whether or not a block is run in parts.

    With templates of our own or without, the bits are the same.
    """
    network, block = small(**NETWORKS[name]), learning()
    reference = next(iter(DEVICES))
    random = isinstance(
        network.stimulus.encoder, Escape | Poisson
    )  # each part has random numbers anew
    if random and device in OWN_CHANCE:
        pytest.skip("its random numbers are others")
    whole = build(network, reference, **({} if random else {"capacity": len(block)}))
    before, expected = whole.state, whole.run(block)
    assert all(len(times) for times, _ in expected.spikes.values()), "a population is silent"
    for projection in network.plastic:
        assert not np.allclose(before[f"{projection.name}.w"], whole.weights(projection))
    states = []
    for variant in ("dense", "generic") if device == "generic" else (device,):
        simulator = build(small(**NETWORKS[name]), variant)
        result = simulator.run(block)
        assert_same(steps_and_neurons(expected), steps_and_neurons(result))
        assert_same(expected.counts, result.counts)
        assert_same(whole.state, simulator.state, 1e-9)
        states.append(simulator.state)
    for state in states[1:]:
        assert_same(states[0], state)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.slow
def test_bounds_hold_after_every_update(device: str) -> None:
    """Also for weights that were loaded from outside, and at synapses that saw no spike."""
    network = small(**{**NETWORKS["poisson-trial"], "eta": 0.1})
    block = trials(4, learning=1.0)
    block.values[:, 0] = 0.0
    simulator = build(network, device)
    simulator.load({"stimulus_to_hidden_0": np.full((N_INPUTS, 8), 0.7)})
    simulator.run(block)
    for projection in network.plastic:
        assert np.abs(simulator.weights(projection)).max() == 0.6


@every_device
@pytest.mark.slow
def test_without_learning_no_weight_changes(device: str) -> None:
    simulator = plain(device)
    names = [projection.name for projection in simulator.network.projections]
    before = {name: simulator.weights(name).copy() for name in names}
    simulator.run(trials())
    assert_same(before, {name: simulator.weights(name) for name in names})


@every_device
@pytest.mark.slow
def test_only_trials_with_learning_change_weights(device: str) -> None:
    """The factor belongs to its trial: learning in trial 0 alone is that of a block of one."""
    factor = np.zeros(5)
    factor[0] = 0.5
    long, short = plain(device), plain(device)
    long.run(trials(5, learning=factor))
    block = trials(5)
    short.run(Block(block.values[:1], block.labels[:1], 0.5))
    for projection in long.network.plastic:
        assert np.array_equal(long.weights(projection), short.weights(projection))


@every_device
def test_feedback_never_changes(device: str) -> None:
    simulator = plain(device)
    fixed = [p for p in simulator.network.projections if p.rule is None]
    assert len(fixed) == 4  # two to judge, two to teach
    before = [simulator.weights(p) for p in fixed]
    simulator.run(learning())
    for projection, weights in zip(fixed, before, strict=True):
        assert np.array_equal(simulator.weights(projection), weights)
        assert np.array_equal(weights, simulator.network.initial_weights(projection))


@every_device
@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(device: str) -> None:
    def outcome(seed: int, index: int = 0) -> dict[str, np.ndarray]:
        simulator = build(small(**NETWORKS["poisson-trial"], seed=seed), device)
        block = learning()
        counts = simulator.run(Block(block.values, block.labels, block.learning, index)).counts
        return {**simulator.state, **counts}

    first = outcome(0)
    assert_same(first, outcome(0))
    for other in (outcome(1), outcome(0, index=1)):
        assert not np.array_equal(first["hidden_0"], other["hidden_0"])
        assert not np.array_equal(first["stimulus_to_hidden_0.w"], other["stimulus_to_hidden_0.w"])


@pytest.mark.parametrize(
    "name", some(["poisson-feedback", "regular-trial", "latency-spike"], ["poisson-feedback"])
)
@every_device
@pytest.mark.slow
def test_a_state_carries_over(device: str, name: str) -> None:
    """A block after a block, or in a new simulator from the state between them: the same bits."""
    first, second = trials(8, learning=1.0), trials(6, learning=0.5, seed=1, index=1)
    at_once = build(small(**NETWORKS[name]), device)
    at_once.run(first)
    between = {name: values.copy() for name, values in at_once.state.items()}
    expected = at_once.run(second)
    resumed = build(small(**NETWORKS[name]), device)
    resumed.state = between
    result = resumed.run(second)
    assert_same(expected.counts, result.counts)
    assert_same(at_once.state, resumed.state)


@every_device
def test_what_is_handed_out_is_a_copy(device: str) -> None:
    simulator = plain(device)
    expected = simulator.weights("stimulus_to_hidden_0").copy()
    simulator.weights("stimulus_to_hidden_0")[:] = 7.0
    simulator.state["stimulus_to_hidden_0.w"][:] = 7.0
    mine = np.array(expected)
    simulator.load({"stimulus_to_hidden_0": mine})
    mine[:] = 7.0
    assert np.array_equal(simulator.weights("stimulus_to_hidden_0"), expected)


@every_device
def test_weights_can_be_loaded(device: str) -> None:
    simulator = plain(device)
    simulator.load({"stimulus_to_hidden_0": np.zeros((N_INPUTS, 8))})
    assert not simulator.weights("stimulus_to_hidden_0").any()
    silent = simulator.run(trials(2)).counts["hidden_0"]
    assert np.unique(silent).size == 1  # all are driven by the bias alone


@every_device
@pytest.mark.slow
def test_labels_can_be_left_out(device: str) -> None:
    """Without learning, what the network decides does not depend on what it would be told."""
    block = trials(5)
    told, untold = (plain(device).run(Block(block.values, y)) for y in (block.labels, None))
    assert_same(told.counts, untold.counts)


@every_device
@pytest.mark.slow
def test_single_precision_is_the_default(device: str) -> None:
    double = plain(device)
    profile = {"profile": True} if device == "dense" else {}
    single = simulate(small(), **DEVICES[device], capacity=12, **profile)
    for simulator, dtype in ((single, np.float32), (double, np.float64)):
        assert {values.dtype for values in simulator.state.values()} == {np.dtype(dtype)}
    counts = [simulator.run(trials(5)).counts["hidden_0"] for simulator in (single, double)]
    assert np.mean(counts[0] != counts[1]) < 0.1
    if device == "dense":  # which has been profiled as well
        assert any("hidden_0" in name for name in single.profile_seconds)
        assert all(seconds >= 0 for seconds in single.profile_seconds.values())


def test_what_counts_is_what_spikes_after_settling() -> None:
    network = small("feedback")
    simulator = build(network, "runtime")
    result = simulator.run(trials(6))
    for name, counts in result.counts.items():
        times, neurons = result.spikes[name]
        late = np.rint(times) % network.trial >= network.settle
        trial = (np.rint(times)[late] // network.trial).astype(int)
        expected = np.zeros_like(counts)
        np.add.at(expected, (trial, neurons[late]), 1)
        assert np.array_equal(counts, expected)
        assert 0 < expected.sum() < len(times)


def test_other_numbers_compile_nothing() -> None:
    known = NETWORKS["poisson-trial"]
    build(small(**known), "dense").run(trials(1))
    neuron = {**known["neuron"], "tau_m": 15.0, "tau_s": 3.0, "refractory": 1.0}
    others = {"neuron": neuron, "bounds": (-0.5, 0.7), "eta": 0.1, "seed": 5}
    simulator = build(small(**{**known, **others}), "dense")
    before = simulator.weights("stimulus_to_hidden_0")
    simulator.run(learning())
    assert simulator.compile_seconds == 0
    assert not np.array_equal(before, simulator.weights("stimulus_to_hidden_0"))
    assert simulator.weights("hidden_0_to_output").max() <= 0.7


@every_device
@pytest.mark.slow
def test_brian_objects_can_be_added(device: str) -> None:
    simulator = plain(device)
    if device in NO_OBJECTS:
        with pytest.raises(DeviceError, match="see one trial at a time"):
            simulator.add(b2.StateMonitor(simulator.brian["hidden_0"], "v", record=True))
        return
    assert set(simulator.brian) >= {"stimulus", "hidden_0", "stimulus_to_hidden_0"}
    monitor = b2.StateMonitor(simulator.brian["hidden_0"], ["v", "x"], record=True, name="probe")
    simulator.add(monitor)
    counts = simulator.run(trials(3)).counts["hidden_0"]
    assert monitor.v.shape == (8, 120)
    assert np.ptp(monitor.v) > 0.5 and monitor.v.max() < 3
    assert np.all(monitor.x[:, 1] == 0)
    assert np.all(np.abs(monitor.x[:, 39] - counts[0]) <= 1)  # of the last step of trial 0


@pytest.mark.slow
def test_cython_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Compiled anew, and not optimised: that takes half as long.
    monkeypatch.setitem(b2.prefs, "codegen.runtime.cython.cache_dir", str(tmp_path))
    monkeypatch.setitem(b2.prefs, "codegen.cpp.extra_compile_args_gcc", ["-w", "-O0"])
    simulators = [build(tiny("trial"), "runtime", codegen=target) for target in ("numpy", "cython")]
    counts = [simulator.run(one_trial()).counts for simulator in simulators]
    assert_same(*counts)
    assert_same(*(simulator.state for simulator in simulators), 1e-9)


# Numbers worked by hand --------------------------------------------------------------------------

RATE, PHASES, VALUES, LABEL = 210.0, np.array([0.31, 0.77]), np.array([0.9, 0.57]), 1
W_HIDDEN = np.array([[0.83, -0.41], [0.37, 1.13]])
W_OUTPUT = np.array([[0.71, 0.29], [-0.23, 0.97]])
W_TEACH = np.array([[0.61, -0.47], [-0.53, 0.89]])
ETA, BIAS, TARGET, TAU_M, TAU_S = 0.013, 1.37, 93.7, 17.0, 4.3
TAU_X, TAU_TEACH, TAU_ERROR, TAU_LABEL = 19.0, 23.0, 47.0, 9.1
STEPS = 40


def tiny(when: str, output_rule: LearningRule | None = None) -> Network:
    """Return 2 -> 2 -> 2 neurons with the weights above."""
    net = Network(trial=float(STEPS), reset=True)
    trace = {} if when == "trial" else {"tau_x": TAU_X}
    dendrite = {"trial": {}, "feedback": {"tau_teach": 0.0}, "spike": {"tau_teach": TAU_TEACH}}
    neuron = {"bias": BIAS, "tau_m": TAU_M, "tau_s": TAU_S, "leak": when != "trial"}
    neuron |= {**trace, **dendrite[when], "gain": "int(x > 0.1)"}
    x = net.add(Stimulus("stimulus", 2, Regular(RATE), **trace))
    h, y = (net.add(LIF(name, 2, **neuron)) for name in ("hidden", "output"))
    judge = {"tau": TAU_ERROR, "tau_label": TAU_LABEL} if when == "feedback" else {}
    error = net.add(Error("error", 4, target=TARGET, **judge))
    net.connect(x, h, weights=Given(W_HIDDEN), rule=rule(when, ETA))
    net.connect(h, y, weights=Given(W_OUTPUT), rule=output_rule or rule(when, ETA))
    net.teach(feedback.direct(error, net.forward, Given(W_TEACH)))
    return net


def one_trial() -> Block:
    return Block(VALUES[None], np.array([LABEL]), 1.0)


class ByHand:
    """One trial of the tiny network, step by step in plain numpy."""

    def __init__(self, when: str) -> None:
        self.when = when
        self.w_hidden, self.w_output = W_HIDDEN.copy(), W_OUTPUT.copy()
        self.phase, self.x_in = PHASES.copy(), np.zeros(2)
        self.v, self.i, self.x, self.teach = np.zeros((4, 2, 2))  # rows: hidden, output
        self.error, self.shown, self.halfway = np.zeros((3, 4))
        self.n_spikes = np.zeros(4, dtype=int)
        for _ in range(STEPS):
            self.step()
        if when == "trial":
            self.learn(self.x_in, self.x[0], np.array([True, True]))

    def step(self) -> None:
        if self.when == "feedback":
            self.teach[:] = 0
        self.integrate()
        fired_in, fired_error = self.phase >= 1, self.error > 1
        fired = self.v > 1
        self.deliver(fired_in, fired, fired_error)
        if self.when == "feedback":
            self.learn(self.x_in, self.x[0], self.teach != 0)
        if self.when == "spike":
            self.learn(fired_in, fired[0], np.array([True, True]))
        self.phase -= fired_in
        self.x_in += fired_in
        self.v -= fired
        self.x += fired
        self.error -= fired_error
        self.n_spikes += [s.sum() for s in (fired_in, fired[0], fired[1], fired_error)]

    def integrate(self) -> None:
        dt = 1.0
        self.phase += dt * RATE * VALUES / 1000
        drive = TARGET / 1000 * np.array([1.0, 1.0, -1.0, -1.0])
        label = np.tile(np.arange(2) == LABEL, 2).astype(float)
        if self.when == "trial":
            self.v += (self.i * TAU_S * (1 - np.exp(-dt / TAU_S)) + BIAS * dt) / TAU_M
        else:
            late = TAU_S / (TAU_S - TAU_M) * self.i  # what the current adds as it decays
            self.v = (
                BIAS + (self.v - BIAS - late) * np.exp(-dt / TAU_M) + late * np.exp(-dt / TAU_S)
            )
            self.x_in *= np.exp(-dt / TAU_X)
            self.x *= np.exp(-dt / TAU_X)
        self.i *= np.exp(-dt / TAU_S)
        if self.when == "spike":
            self.teach *= np.exp(-dt / TAU_TEACH)
        if self.when == "feedback":
            # label, shown and error are two low-passes and a leaky integral in a row
            a, c = 1 / TAU_LABEL, 1 / TAU_ERROR
            kept, left, k = np.exp(-a * dt), np.exp(-c * dt), c - a
            first, second = self.halfway - label, self.shown - label
            ramp = left * (dt * np.exp(k * dt) / k - (np.exp(k * dt) - 1) / k**2)
            integral = label * (1 - left) / c + second * (kept - left) / k + a * first * ramp
            self.error = self.error * left - drive * integral
            self.shown = label + (second + a * dt * first) * kept
            self.halfway = label + first * kept
        else:
            self.error -= dt * drive * label

    def deliver(self, fired_in: np.ndarray, fired: np.ndarray, fired_error: np.ndarray) -> None:
        self.i[0] += fired_in @ self.w_hidden
        self.i[1] += fired[0] @ self.w_output
        self.error += np.concatenate([fired[1], -1.0 * fired[1]])
        self.error += np.roll(fired_error, 2)
        missing = fired_error[2:].astype(float) - fired_error[:2]
        self.teach += [missing @ W_TEACH, missing]

    def learn(self, pre_in: np.ndarray, pre_hidden: np.ndarray, taught: np.ndarray) -> None:
        delta = ETA * (self.x > 0.1) * self.teach * taught
        self.w_hidden += np.outer(pre_in, delta[0])
        self.w_output += np.outer(pre_hidden, delta[1])


@every_device
@pytest.mark.slow
def test_rules_may_read_every_signal_of_the_presynaptic_neuron(device: str) -> None:
    """Also one that is an expression and not a variable, and without which nothing changes."""
    simulator = build(tiny("trial", LearningRule("own", "0.1 * gain_pre * x_post")), device)
    counts = simulator.run(one_trial()).counts
    change = 0.1 * np.outer(counts["hidden"][0] > 0, counts["output"][0])
    assert change.any()
    np.testing.assert_allclose(simulator.weights("hidden_to_output"), W_OUTPUT + change)


@pytest.mark.parametrize("when", ["trial", "feedback", "spike"])
@pytest.mark.slow
def test_weights_are_those_worked_by_hand(when: str) -> None:
    simulator = build(tiny(when), "runtime")
    simulator.state = {"stimulus.phase": PHASES}
    spikes = simulator.run(one_trial()).spikes
    expected = ByHand(when)
    assert [len(times) for times, _ in spikes.values()] == expected.n_spikes.tolist()
    assert np.all(expected.n_spikes > 0)
    for name, weights, before in (
        ("stimulus_to_hidden", expected.w_hidden, W_HIDDEN),
        ("hidden_to_output", expected.w_output, W_OUTPUT),
    ):
        assert not np.allclose(weights, before)
        np.testing.assert_allclose(simulator.weights(name), weights, rtol=1e-9)


def test_the_change_after_a_trial_is_a_product_of_spike_counts() -> None:
    """Nokland 2016, eq. 3: presynaptic activity x slope x what the error's spikes brought."""
    simulator = build(tiny("trial"), "runtime")
    spikes = simulator.run(one_trial()).spikes
    counts = {name: np.bincount(neurons, minlength=4) for name, (_, neurons) in spikes.items()}
    missing = counts["error"][2:] - counts["error"][:2]
    gain = counts["hidden"][:2] > 0
    change = ETA * np.outer(counts["stimulus"][:2], gain * (missing @ W_TEACH))
    np.testing.assert_allclose(simulator.weights("stimulus_to_hidden"), W_HIDDEN + change)


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "tpu"}, ParameterError, "There is no device 'tpu'; known are array, .*doctor"),
        (
            {"dtype": "float16"},
            ParameterError,
            "dtype must be one of 'float32', 'float64', got 'float16'",
        ),
        ({"capacity": 0}, ParameterError, "capacity must be one whole number >= 1 .*, got 0"),
        ({"dt": 0.3}, ParameterError, "A trial must be a multiple of the time step dt=0.3 ms"),
        ({"dt": 0.0}, ParameterError, "dt must be one finite number .ms. > 0, got 0.0"),
        ({"dt": -1.0}, ParameterError, "dt must be one finite number .ms. > 0, got -1.0"),
        (
            {"record": ["soma"]},
            ParameterError,
            "record names 'soma', but the network has stimulus, ",
        ),
    ],
)
def test_options_are_checked(options: Any, error: type[ApicalError], message: str) -> None:
    with pytest.raises(error, match=message):
        simulate(small(), **options)


def test_what_is_not_plausible_is_not_simulated() -> None:
    forward = small()
    copied = forward.initial_weights(forward.projection("hidden_0_to_output")).T
    network = small(wiring=lambda error, f: feedback.direct(error, f, Given(copied)))
    with pytest.raises(LocalityError, match="weight transport"):
        simulate(network, "runtime")


@pytest.mark.parametrize("variable", ["PATH", "CXX"])
def test_a_missing_compiler_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(variable, "no-such-thing")
    with pytest.raises(DeviceError, match="needs a C\\+\\+ compiler, .*install g\\+\\+"):
        simulate(small())


def test_numpy_code_is_all_that_codegen_numpy_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the network is built: nothing is compiled, so no compiler is needed."""

    def compiled(*_: object, **__: object) -> None:
        pytest.fail("Cython code was made")

    monkeypatch.setattr(cython_extension_manager, "create_extension", compiled)
    assert plain("runtime").run(trials(1)).counts["hidden_0"].shape == (1, 8)


def test_a_compiler_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    simulator = plain("dense")
    with pytest.raises(DeviceError, match="Compiling the network failed .*false exited with 1"):
        simulator.run(trials(1))


@pytest.mark.parametrize(
    ("values", "labels", "match"),
    [
        (np.zeros(3), np.zeros(3, dtype=int), "A block needs values of shape"),
        (np.zeros((3, 2)), np.zeros(2, dtype=int), "labels of a block: needs one label for each"),
        (np.zeros((3, 2)), np.zeros((2, 1), dtype=int), "one label for each of 3 .* got .2, 1"),
        (np.zeros((0, 2)), np.zeros(0, dtype=int), "A block needs values of shape"),
    ],
)
def test_blocks_have_one_shape(values: np.ndarray, labels: np.ndarray, match: str) -> None:
    with pytest.raises(DataError, match=match):
        Block(values, labels)


def test_learning_has_a_factor_for_each_trial() -> None:
    with pytest.raises(DataError, match="learning"):
        trials(5, learning=np.ones(4))


def test_blocks_by_what_they_are_for() -> None:
    """Each named constructor is the plain one with what belongs together."""
    x, y, place = np.ones((3, 4)), np.array([0, 1, 0]), {"index": 5, "first": 7, "epoch": 2}
    same = {
        "stimuli": (Block.of_stimuli(x, **place), Block(x, **place)),
        "labels": (Block.of_labels(x, y, 1.0, **place), Block(x, y, np.ones(()), **place)),
        "off": (Block.of_labels(x, y), Block(x, y)),
        "targets": (
            Block.of_targets(x, x[:, :2], 0.5, phase="train"),
            Block(x, None, np.full(3, 0.5), targets=x[:, :2], phase="train"),
        ),
        "noise": (
            Block.noise("h", 3, 4, **place),
            Block(0 * x, None, np.ones(()), fires="h", **place),
        ),
    }
    for name, (one, other) in same.items():
        for field in fields(Block):
            np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name), name)
    phases = {name: one.phase for name, (one, _) in same.items()}
    assert phases == {
        "stimuli": "evaluate",
        "labels": "train",
        "off": "evaluate",
        "targets": "train",
        "noise": "noise",
    }
    with pytest.raises(DataError, match="needs one learning factor, or one for each trial"):
        Block.of_labels(x, y, np.ones(2))


def test_blocks_are_cut_in_order() -> None:
    block = trials(7, learning=np.arange(7.0), index=3)
    parts = block.parts(3)
    assert [len(part) for part in parts] == [3, 3, 1]
    assert all(part.index == 3 for part in parts)
    for name in ("values", "labels", "learning"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(joined, getattr(block, name))


@every_device
def test_blocks_must_fit_the_network(device: str) -> None:
    simulator = plain(device)
    with pytest.raises(DataError, match="'stimulus' has 12 neurons, but .* have 5 values"):
        simulator.run(Block(np.zeros((2, 5)), np.zeros(2, dtype=int)))
    for label in (-1, N_CLASSES):
        with pytest.raises(DataError, match="'output' has 3 neurons, but the block's labels go"):
            simulator.run(Block(np.zeros((1, N_INPUTS)), np.array([label])))
    with pytest.raises(DataError, match="learning on but no labels"):
        simulator.run(Block(np.zeros((1, N_INPUTS)), learning=1.0))


@every_device
def test_states_must_fit_the_network(device: str) -> None:
    simulator: Simulator = plain(device)
    with pytest.raises(DataError, match=r"'hidden_0.v' must have shape \(8,\), got \(7,\)"):
        simulator.state = {"hidden_0.v": np.zeros(7)}
    with pytest.raises(DataError, match="no state 'hidden_1.v'; the saved state is of another"):
        simulator.state = {"hidden_1.v": np.zeros(8)}
    with pytest.raises(DataError, match=r"'stimulus_to_hidden_0.w' must have shape \(12, 8\)"):
        simulator.load({"stimulus_to_hidden_0": np.zeros((8, 12))})
    with pytest.raises(WiringError, match="no projection 'a_to_b'"):
        simulator.load({"a_to_b": np.zeros((8, 12))})
    with pytest.raises(WiringError, match="no projection 'a_to_b'"):
        simulator.weights("a_to_b")


def test_objects_are_added_before_the_first_run_to_their_own_network() -> None:
    simulator = plain("dense")
    early = b2.StateMonitor(simulator.brian["hidden_0"], "v", record=True, name="early")
    plain("dense")
    foreign = b2.StateMonitor(plain("runtime").brian["hidden_0"], "v", record=True)
    with pytest.raises(DeviceError, match="cannot be added: make Brian2 objects after simulate"):
        simulator.add(foreign)
    simulator.run(trials(1))
    with pytest.raises(DeviceError, match="before the first run"):
        simulator.add(early)
