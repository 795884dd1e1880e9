"""Device lockstep: trial for trial that of device runtime, and batches learn the mean update."""

from dataclasses import replace
from typing import Any

import every_kind
import numpy as np
import pytest
from brian2 import ms

import apical as ap
from apical import Block, Network, connectivity, rules, simulate
from apical._base import memory
from apical.data.events import from_pairs
from apical.devices.brian import plastic
from apical.devices.brian.batched.capture import read
from apical.devices.brian.batched.program import Program
from apical.devices.simulator import BlockResult, Simulator
from apical.errors import ApicalError, DeviceError, ParameterError
from apical.neurons.base import NeuronModel
from apical.testing.references import rates, spiking

N_TRIALS = 3

RANDOM = ("poisson", "escape", "unreliable")
"""Encoders that draw random numbers, which are not those of runtime."""


def block(net: Network, n: int = N_TRIALS, learning: float = 1.0, seed: int = 1) -> Block:
    """Return trials for a network, of values or of events."""
    rng = np.random.default_rng(seed)
    size, labels = net.stimulus.size, rng.integers(0, net.output.size, n)
    values: Any = rng.random((n, size * net.stimulus.frames))
    if net.stimulus.encoder.takes_events:
        pairs = [
            (np.sort(rng.uniform(0, net.trial - 1, 30)), rng.integers(0, size, 30))
            for _ in range(n)
        ]
        values = from_pairs(pairs, labels, net.trial, size, "events").rows(slice(None))
    return Block.of_labels(values, labels, learning=learning)


def made(net: Network, device: str, **options: Any) -> Simulator:
    signals = tuple({name for p in net.populations for name in p.signals})
    recorded = {"record": tuple(p.name for p in net.populations), "traces": signals}
    return simulate(net, device, **{"dtype": "float64", **recorded, **options})


def assert_equal(found: BlockResult, expected: BlockResult, rtol: float = 1e-9) -> None:
    for name, counts in expected.counts.items():
        np.testing.assert_allclose(found.counts[name], counts, rtol, rtol, err_msg=name)
    for name, (t, i) in expected.spikes.items():
        np.testing.assert_array_equal(found.spikes[name][1], i, err_msg=name)
        np.testing.assert_allclose(found.spikes[name][0], t, rtol, rtol, err_msg=name)
    for name, trace in expected.traces.items():
        np.testing.assert_allclose(found.traces[name], trace, rtol, rtol, err_msg=name)


def assert_same_state(found: Simulator, expected: Simulator, rtol: float = 1e-9) -> None:
    state = expected.state
    assert found.state.keys() == state.keys()
    for name, values in state.items():
        np.testing.assert_allclose(found.state[name], values, rtol, rtol, err_msg=name)


def assert_is_runtime(net: Network) -> None:
    """Two blocks, the second from the state that the first left."""
    with made(net, "runtime") as expected, made(net, "lockstep") as found:
        for seed in (1, 2):
            shown = block(net, seed=seed)
            assert_equal(found.run(shown), expected.run(shown))
        assert_same_state(found, expected)


def some(cases: list[Any], factors: int) -> list[Any]:
    """Return cases as parameters; those that do not cover the factors are thorough."""
    sure = [case for case in cases if not {*case} & {*RANDOM}]
    always = every_kind.covering(sure, factors)
    return [
        pytest.param(case, marks=() if case in always else pytest.mark.thorough, id="-".join(case))
        for case in sorted(sure, key=lambda case: case not in always)
    ]


@pytest.mark.parametrize("case", some(every_kind.SPIKING, 1))
def test_spiking_networks_are_those_of_runtime(case: every_kind.Case) -> None:
    assert_is_runtime(every_kind.spiking(*case))


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [c for c in every_kind.covering(every_kind.SPIKING, 2) if not {*c} & {*RANDOM}]
)
def test_every_two_kinds_meet_as_in_runtime(case: every_kind.Case) -> None:
    assert_is_runtime(every_kind.spiking(*case))


@pytest.mark.slow
@pytest.mark.parametrize("case", some(every_kind.RATES, 1))
def test_rates_in_time_are_those_of_runtime(case: every_kind.Case) -> None:
    net = every_kind.rates(*case)
    if any(map(plastic.draws, net.projections)) or any(p.unreliable for p in net.populations):
        pytest.skip("it draws random numbers")
    assert_is_runtime(net)


@pytest.mark.parametrize("name", [k for k in every_kind.OPTIONS if k not in ("noise",)])
def test_whatever_neurons_and_synapses_may_be_is_that_of_runtime(name: str) -> None:
    net = every_kind.OPTIONS[name]()
    if any(map(plastic.draws, net.projections)):
        pytest.skip("it draws random numbers")
    assert_is_runtime(net)


def sparse(rule: Any) -> Network:
    """Describe a network with receptive fields and random gaps, 12-8-3."""
    net = Network(seed=3, trial=40.0)
    x = net.add(ap.Stimulus("stimulus", 12, ap.encoding.Regular(200.0), shape=(1, 3, 4)))
    h = net.add(ap.LIF("hidden", 8, v_start=0.5, refractory=2.0))
    y = net.add(ap.LIF("output", 3, v_start=0.5, gain="1", bias=1.2))
    for pre, post, some in (
        (x, h, connectivity.Probability(0.4)),
        (h, y, connectivity.FixedInDegree(4)),
    ):
        net.connect(pre, post, weights=ap.Normal(2.0), rule=rule, connectivity=some, delay=2.0)
    net.teach(ap.feedback.direct(net.add(ap.Error("error", 6)), net.forward))
    return net


@pytest.mark.parametrize("when", ["trial", "feedback"])
def test_sparse_delayed_synapses_are_those_of_runtime(when: Any) -> None:
    assert_is_runtime(sparse(rules.three_factor(0.05, when)))


def test_trials_of_a_batch_are_those_of_runtime_where_nothing_learns() -> None:
    net = spiking()
    shown = block(net, n=7, learning=0.0)
    with made(net, "runtime") as expected, made(net, "lockstep", batch=3) as found:
        assert_equal(found.run(shown), expected.run(shown))


def test_a_batch_learns_the_mean_update_of_its_trials() -> None:
    net = spiking()
    shown, after = block(net, n=4), []
    with made(net, "runtime") as alone, made(net, "lockstep", batch=4) as found:
        start = alone.state
        for trial in range(4):
            alone.state = start
            alone.run(shown.part(slice(trial, trial + 1)))
            after.append({p.name: alone.weights(p) for p in net.plastic})
        found.run(shown)
        for projection in net.plastic:
            mean = np.mean([weights[projection.name] for weights in after], axis=0)
            np.testing.assert_allclose(found.weights(projection), mean, 1e-9, 1e-12)
            assert (mean != start[f"{projection.name}.w"]).any()


def test_learning_is_that_of_an_optimiser_for_the_mean_update() -> None:
    net = Network(seed=0, trial=50.0)
    x = net.add(ap.Stimulus("stimulus", 6, ap.encoding.Regular(200.0, free_running=False)))
    y = net.add(ap.LIF("output", 3, bias=1.5, gain="1"))
    rule = rules.three_factor(dynamics=ap.optimizers.adam(0.01))
    projection = net.connect(x, y, weights=ap.Normal(0.5), rule=rule)
    net.teach(ap.feedback.direct(net.add(ap.Error("error", 6)), net.forward))
    with made(net, "lockstep", batch=4) as found:
        before = found.weights(projection)
        result = found.run(block(net, n=4))
        state = found.state
        teach = result.traces["output.teach"][:, -1]
        mean = np.einsum("bi,bj->ij", result.traces["stimulus.x"][:, -1], teach) / 4
        m = state[f"{projection.name}.m"]
        np.testing.assert_allclose(m, 0.1 * mean, 1e-9, 1e-12)
        step = found.weights(projection) - before
        moved = mean != 0
        assert moved.any()
        np.testing.assert_allclose(step[moved], 0.01 * np.sign(mean[moved]), 1e-3)


def test_chance_follows_from_the_seed_and_the_place_of_a_trial() -> None:
    net = every_kind.spiking("dfa", "LIF", "poisson", "trial")
    shown, results = block(net, n=6), []
    for capacity in (6, 2):
        with made(net, "lockstep", batch=2, capacity=capacity) as simulator:
            results.append(simulator.run(shown))
    assert_equal(results[0], results[1], 1e-12)
    assert results[0].counts["output"].shape == (6, 3)


def released(release: float) -> Network:
    net = Network(seed=0, trial=200.0)
    x = net.add(ap.Stimulus("stimulus", 40, ap.encoding.Regular(200.0)))
    h = net.add(ap.LIF("output", 30, leak=False, v_start=-1e4, tau_m=10.0))
    net.connect(x, h, weights=ap.Given(np.ones((40, 30))), release=release)
    return net


def test_synapses_that_fail_transmit_as_often_as_they_should() -> None:
    drive = []
    for release in (0.3, 1.0):
        recorded: Any = {"record": ("output",), "traces": ("v",), "batch": 4}
        with simulate(released(release), "lockstep", **recorded) as simulator:
            result = simulator.run(Block.of_stimuli(np.ones((4, 40))))
        drive.append(result.traces["output.v"][:, -1].mean() + 1e4)
    assert drive[0] / drive[1] == pytest.approx(0.3, rel=0.03)


@pytest.mark.parametrize("batch", [1, 4])
def test_torch_agrees_with_numpy(batch: int) -> None:
    pytest.importorskip("torch")
    for case in (("dfa", "LIF", "regular", "trial"), ("fa", "ALIF", "regular", "e_prop")):
        net = every_kind.spiking(*case)
        shown = block(net, n=4)
        with (
            made(net, "lockstep", batch=batch) as expected,
            made(net, "lockstep", batch=batch, library="torch") as found,
        ):
            assert_equal(found.run(shown), expected.run(shown), 1e-12)
            assert_same_state(found, expected, 1e-12)


def test_what_it_cannot_do_is_refused_by_name() -> None:
    net = spiking()
    with simulate(net, "lockstep") as simulator:
        monitor = object()
        with pytest.raises(DeviceError, match="see one trial at a time"):
            simulator.add(monitor)
    with pytest.raises(DeviceError, match="no array library 'cupy'"):
        simulate(net, "lockstep", library="cupy")
    lasting = Network(seed=0, trial=50.0, reset=False)
    x = lasting.add(ap.Stimulus("stimulus", 6, ap.encoding.Regular(200.0)))
    lasting.connect(x, lasting.add(ap.LIF("output", 3)), weights=ap.Normal(0.5))
    with pytest.raises(DeviceError, match="use batch=1, or reset=True"):
        simulate(lasting, "lockstep", batch=2)


def test_what_is_shown_at_another_time_is_refused() -> None:
    simulator: Any = simulate(spiking(), "lockstep")
    with simulator:
        group = simulator.brian["error"]
        with simulator._place():
            captured = read(group, "shown = label(t - 5*ms, i % half)")
        with pytest.raises(DeviceError, match="'error' reads label.* at another time than now"):
            Program(captured, simulator.library, lambda variable, index: lambda x: x, {})


def in_words() -> Network:
    """Describe neurons with local values, negations, and whole numbers among others."""
    net = Network(seed=0, trial=20.0)
    x = net.add(ap.Stimulus("stimulus", 2, ap.encoding.Regular(200.0)))
    model = ap.NeuronModel(
        "v : 1\nx : 1\nawake : boolean\ny : 1",
        threshold="v > 0.55 and not (y > 5)",
        reset="v = 0\nx += 1\nawake = not awake",
        at_step="local = v\nlocal += 1\ny = y + int(local > 0)*0.3 + i/N + 0.1**i\nv += 0.1",
    )
    y = net.add(ap.Neurons("output", 3, model, takes={"drive": "v"}, offers=("x", "v", "y")))
    net.connect(x, y, weights=ap.Given(np.zeros((2, 3))))
    return net


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_texts_of_models_mean_what_they_say(library: str) -> None:
    pytest.importorskip(library)
    with made(in_words(), "lockstep", library=library) as simulator:
        result = simulator.run(Block.of_stimuli(np.zeros((1, 2))))
    i, steps = np.arange(3), np.arange(1, 21)[:, None]
    y = steps * (0.3 + i / 3 + 0.1**i)
    np.testing.assert_allclose(result.traces["output.y"][0], y, 1e-12)
    v, counts = np.zeros(3), np.zeros(3)
    for now in y:  # a local value that is changed leaves alone what it was read of
        v = v + 0.1
        spiked = (v > 0.55) & ~(now > 5)
        v, counts = np.where(spiked, 0.0, v), counts + spiked
    np.testing.assert_array_equal(result.counts["output"][0], counts)
    assert counts.any()
    np.testing.assert_allclose(result.traces["output.v"][0, -1], v, 1e-12)


def test_numbers_set_between_blocks_act() -> None:
    with made(released(0.3), "lockstep") as found, made(released(1.0), "lockstep") as expected:
        found.brian["stimulus_to_output"].release = 1.0
        shown = Block.of_stimuli(np.ones((2, 40)))
        assert_equal(found.run(shown), expected.run(shown))


def test_what_is_changed_in_objects_is_refused_before_anything_runs() -> None:
    with simulate(spiking(), "lockstep") as simulator:
        simulator.brian["hidden"].run_regularly("v = 0")
        with pytest.raises(DeviceError, match="'lockstep' cannot take over"):
            simulator.run(block(spiking()))
    with simulate(spiking(), "lockstep") as simulator:
        simulator.brian["hidden_to_output"].pre.delay = 2 * ms
        with pytest.raises(DeviceError, match="'hidden_to_output' was given a delay"):
            simulator.run(block(spiking()))


def test_a_batch_larger_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with simulate(spiking(), "lockstep", batch=64) as simulator:
        monkeypatch.setattr(memory, "UNCHECKED", 0.0)
        monkeypatch.setattr(memory, "free_memory", lambda: 5e3)
        simulator.run(block(spiking(), n=2))
        with pytest.raises(ParameterError, match="A batch of 64 trials .* lower batch=64"):
            simulator.run(block(spiking(), n=100))


class Noisy(ap.LIF):
    """Neurons whose equations draw a number wherever they are read."""

    @property
    def model(self) -> NeuronModel:
        own = super().model
        return replace(own, equations=f"{own.equations}\nchance = poisson(3) : 1")


class Linked(ap.LIF):
    """Neurons that share a variable of others."""

    @property
    def model(self) -> NeuronModel:
        own = super().model
        return replace(own, equations=f"{own.equations}\nother : 1 (linked)")


class Bessel(ap.LIF):
    """Neurons whose equations call a function that nobody knows."""

    @property
    def model(self) -> NeuronModel:
        own = super().model
        return replace(own, equations=f"{own.equations}\nz = besselj(v, 2) : 1")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Noisy, "'output': Brian2 cannot read its equations .* stateful function"),
        (Linked, "output: other is a variable of other neurons"),
        (Bessel, r"output: its z calls besselj\(\)"),
    ],
)
def test_equations_that_it_cannot_run_are_refused_before_anything_runs(
    kind: Any, said: str
) -> None:
    net = Network(seed=0, trial=50.0)
    x = net.add(ap.Stimulus("stimulus", 6, ap.encoding.Regular(200.0)))
    net.connect(x, net.add(kind("output", 3)), weights=ap.Normal(0.5))
    with pytest.raises(ApicalError, match=said):
        simulate(net, "lockstep")


def test_a_card_that_is_not_there_is_one_line() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    for device, net in (("lockstep", spiking()), ("array", rates())):
        with pytest.raises(DeviceError, match="'cuda'") as refused:
            simulate(net, device, library="torch:cuda")
        assert "\n" not in refused.value.message


def test_surrogates_without_gradients_are_refused() -> None:
    with pytest.raises(DeviceError, match="steepness=3.0, but this network does not learn by"):
        simulate(spiking(), "lockstep", steepness=3.0)
