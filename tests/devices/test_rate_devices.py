"""Rate networks in Brian2: what settles there is what device ``array`` works out."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from math import exp, factorial
from typing import Any

import numpy as np
import pytest

from apical import (
    LIF,
    Bias,
    Block,
    Error,
    FanIn,
    FanOut,
    FeedbackPathway,
    Given,
    Identity,
    LearningRule,
    Network,
    NeuronModel,
    Neurons,
    Rate,
    RateError,
    Simulator,
    Stimulus,
    check,
    dynamics,
    feedback,
    rules,
    simulate,
)
from apical.devices.brian.build import Builder, Options
from apical.errors import DeviceError, LocalityError, ParameterError, WiringError
from apical.language.activations import ACTIVATIONS
from apical.network.settling_time import slowest_chain, unsettled, unsettled_in_steps
from apical.neurons.base import Population
from apical.neurons.encoding import Graded
from apical.projections.projection import Projection

SIZES = 5, 4, 4, 3
TAU = 5.0
FEW_STEPS = {"trial": 400.0, "dt": 40.0}
"""Ten steps of eight time constants: exponential Euler settles in them, and is soon done."""
FORTY_CONSTANTS = {"trial": 200.0, "dt": 1.0}

ETA = 0.2
RULES: dict[str, LearningRule] = {
    "three_factor": rules.three_factor(ETA),
    "decay": rules.three_factor(ETA, decay=0.05),
    "own": LearningRule("own", "eta*x_pre*delta_post - eta*0.01*w", {"eta": ETA}),
}
DYNAMICS = {
    "momentum": dynamics.momentum(0.7),
    "rmsprop": dynamics.rmsprop(1e-2),
    "adam": dynamics.adam(1e-2),
}


def graph(error: RateError, forward: Sequence[Projection]) -> FeedbackPathway:
    """Return an acyclic graph of one's own: the first hidden population hears from everyone."""
    first, second, output = (projection.post for projection in forward)

    def teach(pre: Population, post: Population, signal: str) -> Projection:
        name = f"feedback_{pre.name}_to_{post.name}"
        return Projection(pre, post, FanOut(), carries={"teach": signal}, name=name)

    return FeedbackPathway(
        "graph",
        (
            Projection(error, output, Identity(), carries={"teach": "x"}),
            teach(error, first, "x"),
            teach(output, first, "delta"),
            teach(output, second, "teach"),
            teach(second, first, "delta"),
        ),
    )


def partial(error: RateError, forward: Sequence[Projection]) -> FeedbackPathway:
    """Return indirect feedback in which half of each hidden population hears the other half."""
    first, second = (projection.post for projection in forward[:-1])
    mask = np.array([True, False, False, True])
    return feedback.indirect(error, forward, hears={first: 0.5, second: mask})


WIRINGS: dict[str, Callable[..., FeedbackPathway]] = {
    "direct": feedback.direct,
    "layerwise": feedback.layerwise,
    "forward": feedback.indirect,
    "random": lambda error, forward: feedback.indirect(error, forward, relay="random"),
    "partial": partial,
    "graph": graph,
}


def rates(
    wiring: str = "direct",
    activations: Sequence[str] = ("tanh", "tanh", "logistic"),
    of_layers: Sequence[LearningRule] = (RULES["three_factor"],) * 3,
    *,
    trial: float = 200.0,
    reset: bool = True,
    unreliable: float = 0.0,
    sizes: Sequence[int] = SIZES,
) -> Network:
    """Describe a network of three layers; each has an activation and a rule of its own."""
    net = Network(seed=1, trial=trial, reset=reset)
    bias = net.add(Bias("bias"))
    pre: Population = net.add(Stimulus("stimulus", sizes[0], Graded(TAU, unreliable)))
    names = ["first", "second", "output"]
    for name, size, kind, rule in zip(names, sizes[1:], activations, of_layers, strict=True):
        silent = unreliable if name == "second" else 0.0
        post = net.add(Rate(name, size, kind, tau=TAU, unreliable=silent))
        net.connect(pre, post, weights=FanIn(), rule=rule)
        net.connect(bias, post, weights=FanIn(0.3), rule=rule)
        pre = post
    net.teach(WIRINGS[wiring](net.add(RateError("error", sizes[-1], TAU)), net.forward))
    return net


def trials(n: int = 20, learning: Any = None, seed: int = 0, sizes: Sequence[int] = SIZES) -> Block:
    """Return random trials, some of whose stimuli are 0."""
    rng = np.random.default_rng(seed)
    values = rng.random((n, sizes[0])) * (rng.random((n, sizes[0])) < 0.7)
    factor = np.linspace(1.0, 0.5, n) if learning is None else learning
    return Block(values, rng.integers(0, sizes[-1], n), factor, seed)


def build(network: Network, device: str = "runtime", **options: Any) -> Simulator:
    parts = {} if device == "array" else {"capacity": 12}  # a run is of two parts
    return simulate(network, device, **{"dtype": "float64", **parts, **options})


def assert_parity(network: Network, device: str, dt: float) -> None:
    """Compare weights after 20 trials, in two parts, with those of device array.

    They agree to 1e-9 of the largest change of a weight of their projection.
    """
    arrays, brian = build(network, "array"), build(network, device, dt=dt)
    results = [simulator.run(trials()) for simulator in (arrays, brian)]
    for projection in network.plastic:
        expected = arrays.weights(projection)
        change = np.abs(expected - network.initial_weights(projection)).max()
        apart = np.abs(expected - brian.weights(projection)).max()
        assert change > 1e-3, projection
        assert apart <= 1e-9 * change, (projection, apart, change)
    assert_same(results[0].counts, results[1].counts, 1e-9)


def assert_same(
    one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], tolerance: float = 0.0
) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(
            other[name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )


# Parity ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wiring", "shift"),
    [
        # always each wiring with two sets of activations; all of them for `make test-all`
        pytest.param(w, s, marks=() if (s - k) % 7 in (0, 3) else pytest.mark.thorough)
        for k, w in enumerate(WIRINGS)
        for s in range(len(ACTIVATIONS))
    ],
)
@pytest.mark.slow
def test_brian_learns_what_arrays_learn(wiring: str, shift: int) -> None:
    """Over all shifts, every activation meets every rule under every wiring."""
    kinds, ways = list(ACTIVATIONS), list(RULES.values())
    first = list(WIRINGS).index(wiring)
    network = rates(
        wiring,
        [kinds[(shift + 2 * layer) % len(kinds)] for layer in range(3)],
        [ways[(first + layer) % len(ways)] for layer in range(3)],
        trial=FEW_STEPS["trial"],
    )
    assert_parity(network, "runtime", FEW_STEPS["dt"])


@pytest.mark.parametrize("name", DYNAMICS)
@pytest.mark.slow
def test_dynamics_of_the_update_agree(name: str) -> None:
    rule = rules.three_factor(1.0 if name != "momentum" else ETA, dynamics=DYNAMICS[name])
    network = rates("forward", of_layers=[rule] * 3, trial=FEW_STEPS["trial"])
    assert_parity(network, "runtime", FEW_STEPS["dt"])


COMPILED: dict[str, dict[str, Any]] = {
    "direct": {"activations": ("relu", "gelu", "logistic")},
    "partial": {"of_layers": [rules.three_factor(1.0, dynamics=DYNAMICS["adam"])] * 3},
    "graph": {"of_layers": list(RULES.values()), "activations": ("softplus", "tanh", "linear")},
}
"""Networks that are compiled, by wiring."""


@pytest.mark.slow
@pytest.mark.parametrize("wiring", COMPILED)
def test_compiled_networks_learn_what_arrays_learn(wiring: str) -> None:
    network = rates(wiring, **COMPILED[wiring], trial=FORTY_CONSTANTS["trial"])
    assert_parity(network, "cpp_standalone", FORTY_CONSTANTS["dt"])


@pytest.mark.slow
@pytest.mark.parametrize(("wiring", "dtype"), [("partial", "float64"), ("graph", "float32")])
def test_templates_of_our_own_give_the_same_bits(wiring: str, dtype: str) -> None:
    network = rates(wiring, **COMPILED[wiring], trial=FORTY_CONSTANTS["trial"])
    both = [build(network, "cpp_standalone", dtype=dtype, dense=dense) for dense in (True, False)]
    counts = [simulator.run(trials()).counts for simulator in both]
    assert_same(*counts)
    assert_same(*(simulator.state for simulator in both))


@pytest.mark.slow
def test_a_network_that_is_not_reset_settles_too() -> None:
    network = rates("forward", trial=FEW_STEPS["trial"], reset=False)
    assert_parity(network, "runtime", FEW_STEPS["dt"])


# What goes in and out ----------------------------------------------------------------------------


def adaptive(**options: Any) -> Network:
    rule = rules.three_factor(1.0, dynamics=DYNAMICS["adam"])
    return rates(of_layers=[rule] * 3, trial=FEW_STEPS["trial"], **options)


def runtime(network: Network, **options: Any) -> Simulator:
    return build(network, "runtime", dt=FEW_STEPS["dt"], **options)


def test_the_state_holds_the_dynamics_of_synapses() -> None:
    state = runtime(adaptive()).state
    for name, value in DYNAMICS["adam"].state.items():
        assert np.array_equal(state[f"first_to_second.{name}"], np.full((4, 4), value))
    assert not [name for name in state if name.endswith(("_drive", "_teach"))]


@pytest.mark.slow
def test_a_state_carries_over() -> None:
    """Two blocks, or the second in a new simulator from the state between them: the same bits."""
    first, second = trials(4, seed=1), trials(3, seed=2)
    at_once = runtime(adaptive())
    at_once.run(first)
    resumed = runtime(adaptive())
    resumed.state = at_once.state
    assert_same(at_once.run(second).counts, resumed.run(second).counts)
    assert_same(at_once.state, resumed.state)


@pytest.mark.slow
def test_without_learning_no_synapse_changes() -> None:
    """Not even the counters of Adam, whose change has no value at its start."""
    simulator = runtime(adaptive())
    before = simulator.state
    simulator.run(trials(3, learning=0.0))
    simulator.run(Block(np.ones((2, SIZES[0]))))
    for name, values in simulator.state.items():
        if "_to_" in name:
            assert np.array_equal(values, before[name]), name


def test_graded_populations_are_recorded_when_a_trial_ends() -> None:
    network = rates(trial=FEW_STEPS["trial"])
    names = ["stimulus", "first", "second"]
    block = trials(3, learning=0.0)
    brian = runtime(network, record=names).run(block)
    assert set(brian.counts) == {*names, "output"}
    assert not brian.spikes
    assert_same(build(network, "array", record=names).run(block).counts, brian.counts, 1e-9)
    np.testing.assert_allclose(brian.counts["stimulus"], block.values, atol=1e-12)


def test_unreliable_neurons_are_silent_where_they_learn() -> None:
    sizes = 200, 4, 200, 3
    network = rates(unreliable=0.25, trial=FEW_STEPS["trial"], sizes=sizes)
    simulator = runtime(network, record=["stimulus", "second"])
    block = Block(np.ones((6, sizes[0])), np.zeros(6, int), np.repeat([0.0, 1e-9], 3))
    counts = simulator.run(block).counts
    assert np.allclose(counts["stimulus"][:3], 1)
    second = counts["second"][0]
    for name, full in (("stimulus", np.ones(200)), ("second", second)):
        assert np.allclose(counts[name][:3], full)
        kept = ~np.isclose(counts[name][3:], 0)
        assert 0.65 < kept.mean() < 0.85
        assert not np.array_equal(kept[0], kept[1])
    assert np.allclose(counts["stimulus"][3:][counts["stimulus"][3:] > 0], 1 / 0.75)


def test_graded_signals_reach_neurons_of_ones_own() -> None:
    """Also such as spike: they take a sum, and give spikes."""
    net = Network(trial=40.0)
    cell = NeuronModel(
        "dv/dt = (here - there)/(10*ms) : 1\nx : 1",
        "v >= 1",
        "v -= 1\nx += 1",
        at_reset="v = 0",
        summed=("here", "there"),
        method="euler",
    )
    pre = net.add(Stimulus("stimulus", 3, Graded(tau=0.01)))
    post = net.add(Neurons("cell", 2, cell, takes={"drive": "here", "less": "there"}))
    net.connect(pre, post, weights=Given(np.array([[1.0, 2.0], [0.5, 0.0], [7.0, 7.0]])))
    result = build(net, record=["cell"]).run(Block(np.array([[1.0, 1.0, 0.0]])))
    # over 39 steps in which the stimulus is there: 1.5 and 2 times 39/10
    assert result.counts["cell"].tolist() == [[5, 7]]
    assert np.bincount(result.spikes["cell"][1]).tolist() == [5, 7]


# Settling ----------------------------------------------------------------------------------------


def chain_of_ones(trial: float) -> Network:
    """Return 1 -> 1 -> 1 linear neurons with weights of 1."""
    net = Network(trial=trial)
    pre: Population = net.add(Stimulus("stimulus", 1, Graded(TAU)))
    for name in ("first", "output"):
        post = net.add(Rate(name, 1, "linear", tau=TAU))
        net.connect(pre, post, weights=Given(np.ones((1, 1))))
        pre = post
    return net


@pytest.mark.parametrize(("constants", "trial"), [(1, 3.0), (3, 40.0), (6, 250.0)])
def test_what_is_unsettled_is_the_tail_of_a_poisson_distribution(
    constants: int, trial: float
) -> None:
    times = trial / TAU
    expected = exp(-times) * sum(times**k / factorial(k) for k in range(constants))
    chain = [TAU] * constants
    assert unsettled(chain, trial) == pytest.approx(expected, rel=1e-9)
    small_steps = unsettled_in_steps(chain, trial / 2**16)
    assert next(islice(small_steps, 2**16 - 1, None)) == pytest.approx(expected, rel=5e-3)


def test_what_is_unsettled_is_what_is_missing() -> None:
    """Behind three low-passes of weights 1, a step has come as far as is said."""
    network = chain_of_ones(60.0)
    reached = build(network, "runtime", dt=1.0).run(Block(np.ones((1, 1)))).counts["output"]
    missing = next(islice(unsettled_in_steps([TAU] * 3, 1.0), 59, None))
    assert slowest_chain(network) == [TAU] * 3
    assert 1 - reached.item() == pytest.approx(missing, rel=1e-9)
    assert 1e-4 < missing < 1e-2


def test_the_slowest_way_counts() -> None:
    net = rates()
    output, late = net.output, net.add(Rate("late", 2, tau=17.0))
    net.connect(net.stimulus, late)
    net.connect(late, output)
    assert slowest_chain(net) == [TAU, 17.0, TAU, TAU]


@pytest.mark.parametrize("device", ["runtime", "cpp_standalone"])
def test_a_trial_too_short_to_settle_is_refused_with_the_one_that_would_do(device: str) -> None:
    with pytest.raises(ParameterError) as refused:
        build(rates(trial=50.0), device)
    message = (
        r"A trial of 50 ms is too short .* steady state: 0.043 of the response to a stimulus .* "
        r"filters of 5 x 5 ms in a row\. Let it last (\d+) ms or longer, or use device='array'"
    )
    found = re.search(message, str(refused.value))
    assert found, refused.value
    enough = float(found[1])
    build(rates(trial=enough), "runtime")
    with pytest.raises(ParameterError, match=f"last {enough:g} ms or longer"):
        build(rates(trial=enough - 1), "runtime")
    build(rates(trial=50.0), "array")


def test_the_scorecard_says_what_is_unsettled() -> None:
    def said(trial: float) -> list[str]:
        findings = check(rates(trial=trial)).findings
        return [f.reason for f in findings if f.aspect == "settling time"]

    assert said(200.0)[0].endswith(
        "5e-13 of the response to a stimulus is missing when a trial of 200 ms ends"
    )
    assert said(100.0) == [
        "updates read the steady state, behind 5 x 5 ms in a row: 1.7e-05 of the response to a "
        "stimulus is missing when a trial of 100 ms ends"
    ]
    assert "Brian2 devices refuse this" in said(50.0)[0]


# What is refused ---------------------------------------------------------------------------------


def joined(pre: Population, post: Population, **options: Any) -> Network:
    """Return a network of any two populations between a stimulus and an output of rates."""
    net = Network()
    x, y = net.add(Stimulus("x", 2, Graded())), net.add(Rate("y", 2))
    net.connect(x, y)
    for population in (pre, post):
        if population not in net.populations:
            net.add(population)
    net.connect(pre, post, **options)
    return net


SPIKES, OTHERS, RATES, MORE = LIF("a", 2), LIF("b", 2), Rate("c", 2), Rate("d", 2)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            joined(SPIKES, RATES),
            "'a_to_c': 'a' sends spikes, but input 'drive' of 'c' takes graded",
        ),
        (
            joined(RATES, SPIKES),
            "'c_to_a': 'c' sends graded signals, but .* 'a' takes spikes; join",
        ),
        (
            joined(SPIKES, OTHERS, carries={"teach": "delta"}),
            "'a_to_b' carries 'delta' of 'a', but only the spikes .* cross a synapse.*; carry 'x'",
        ),
        (
            joined(RATES, MORE, release=0.5),
            "'c_to_d' has release=0.5, but 'c' sends no spikes that could fail; use release=1",
        ),
        (
            joined(RATES, MORE, rule=rules.three_factor(0.1, "feedback")),
            "'c_to_d' acts at 'feedback', but 'c' is graded .* choose when='trial'",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(network: Network, message: str) -> None:
    with pytest.raises(WiringError, match=message):
        Builder(network, Options(1.0, 1))


def test_error_neurons_must_be_of_the_kind_of_the_output() -> None:
    net = joined(RATES, MORE)
    net.output = MORE
    error = net.add(Error("error", 4))
    net.teach(feedback.direct(error, net.forward))
    with pytest.raises(
        WiringError, match="'d_to_error': 'd' sends graded .* Rate to Rate and Rate"
    ):
        build(net)


@pytest.mark.parametrize("device", ["runtime", "cpp_standalone"])
def test_backpropagation_and_softmax_are_for_arrays(device: str) -> None:
    with pytest.raises(LocalityError, match="'second_to_output' transposed"):
        build(rates().rewired(feedback.transposed), device)
    build(rates(), device)  # it is not the device that is missing
    net = Network()
    pre = net.add(Stimulus("x", 2, Graded()))
    net.connect(pre, net.add(Rate("y", 2, "softmax", gain="one")))
    with pytest.raises(DeviceError, match="'y' has a softmax.*only device 'array'.*'logistic'"):
        build(net, device)


def test_feedback_must_not_run_in_a_circle() -> None:
    net = rates()
    first, second = net.populations[2:4]
    for pre, post in ((first, second), (second, first)):
        net.connect(pre, post, carries={"teach": "delta"}, name=f"from_{pre.name}")
    with pytest.raises(WiringError, match="feedback pathway runs in a cycle: .*first"):
        build(net)
