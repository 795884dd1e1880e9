"""What a trial draws at random follows from its place in its stream, however trials are cut."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import brian2 as b2
import networks
import numpy as np
import pytest
import rate_networks

from apical import Block, Network, Rate, Stimulus, dynamics, feedback, rules, simulate
from apical._base import seeds
from apical.data.datasets import Samples, blobs
from apical.devices import Simulator
from apical.network.noise_phase import NoisePhase
from apical.neurons.encoding import Escape, Graded, Poisson, Regular
from apical.plasticity.constraints import Levels
from apical.plasticity.rules import LearningRule
from apical.records.recording import record
from apical.training import unsupervised
from apical.training.loop import Plan, evaluate, steps

pytestmark = pytest.mark.slow

DATA = blobs(40, 20, networks.N_INPUTS, networks.N_CLASSES, rng=np.random.default_rng(0))
NOISY: dict[str, Any] = {"neuron": {"noise_rate": 100.0, "noise_kick": 0.3}, "release": 0.6}
BACK = ("feedback_output_to_hidden_1",)


def dicing(wiring: Any = feedback.direct) -> Network:
    """Return rates in which all that can draw does: inputs, neurons, updates, levels."""
    drawn = rules.three_factor(0.5, dynamics=dynamics.go_up(0.1, 0.5))
    net = rate_networks.rates(wiring, (12, 6, 3), unreliable=0.3, rule=drawn)
    unsure, coarse = Graded(unreliable=0.4), {"bounds": (-1, 1), "levels": Levels(8, 1.0)}
    return net.altered(
        population=lambda p: replace(p, encoder=unsure) if p.name == "stimulus" else p,
        projection=lambda p: replace(p, **coarse) if p.name == "hidden_1_to_output" else p,
    )


def with_phases() -> Network:
    """Return the same with feedback that learns from noise, and whose levels are drawn too."""
    hebb = LearningRule("hebb", "0.1 * x_pre * x_post", when="noise")
    coarse: dict[str, Any] = {"rule": hebb, "bounds": (-1, 1), "levels": Levels(8, 1.0)}
    return dicing(feedback.layerwise).altered(
        population=lambda p: replace(p, noise=0.7) if p.name == "hidden_1" else p,
        projection=lambda p: replace(p, **coarse) if p.name in BACK else p,
        noise=NoisePhase(every=12, trials=7),
    )


NETWORKS: dict[str, Callable[[], Network]] = {
    "trial": lambda: networks.small("trial", Poisson(200.0), **NOISY),
    "spike": lambda: networks.small("spike", Escape(200.0), **NOISY),
    "goes on": lambda: networks.small("feedback", Poisson(200.0), reset=False, **NOISY),
    "rates": dicing,
    "phases": with_phases,
    "regular": lambda: networks.small("trial", Regular(200.0, unreliable=0.5), release=0.5),
}
CPP, PARTS, GENERIC = "cpp_standalone", {"capacity": 3}, {"dense": False}
CASES = [
    *product(("trial", "spike", "goes on", "rates"), ("runtime", CPP), ({},)),
    ("regular", "runtime", {}),
    ("goes on", "runtime", PARTS),
    ("goes on", CPP, PARTS),
    ("rates", CPP, GENERIC),
]


def outcome(simulator: Simulator, blocks: Sequence[Block]) -> dict[str, np.ndarray]:
    """Return what populations did and what weights became; the simulator stays as it was."""
    before = simulator.state
    counts = [simulator.run(block).counts for block in blocks]
    found = {name: np.concatenate([c[name] for c in counts]) for name in counts[0]}
    found |= {f"{p.name}.w": simulator.weights(p) for p in simulator.network.projections}
    simulator.state = before
    return found


def assert_same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not np.array_equal(one[name], other[name])] == []


def cut(block: Block, *sizes: int) -> list[Block]:
    ends = np.cumsum([0, *sizes])
    return [block.part(slice(*ends[k : k + 2].tolist())) for k in range(len(sizes))]


@pytest.mark.parametrize(("kind", "device", "options"), CASES)
def test_trials_draw_the_same_wherever_blocks_are_cut(
    kind: str, device: str, options: dict[str, Any]
) -> None:
    simulator = simulate(NETWORKS[kind](), device, **options)
    block = networks.trials(11, learning=np.arange(11.0) % 3)
    whole = outcome(simulator, [block])
    for sizes in ((4, 7), (1,) * 11):
        assert_same(whole, outcome(simulator, cut(block, *sizes)))
    assert_same(whole, outcome(simulate(simulator.network, device), [block]))
    other = outcome(simulator, [replace(block, index=1)])
    output = simulator.network.output.name
    assert not np.array_equal(whole[output], other[output]), "another stream, other numbers"


@pytest.mark.parametrize("device", ["runtime", CPP])
def test_equal_trials_of_a_block_draw_other_numbers(device: str) -> None:
    simulator = simulate(NETWORKS["trial"](), device, capacity=5)
    counts = simulator.run(Block(np.full((40, networks.N_INPUTS), 0.5))).counts
    together = np.concatenate(list(counts.values()), axis=1)
    assert len(np.unique(together, axis=0)) == 40


@pytest.mark.parametrize("kind", ["trial", "goes on"])
def test_a_program_draws_the_numbers_that_brian_draws_in_process(kind: str) -> None:
    """The seed of a trial in C++ is that of Python: both have the same generator."""
    block = networks.trials(6, learning=1.0, index=-(2**60))
    pair = [simulate(NETWORKS[kind](), device, dtype="float64") for device in ("runtime", CPP)]
    ours, theirs = (outcome(simulator, [block.part(slice(2, 6))]) for simulator in pair)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-9)


def test_objects_of_ones_own_draw_by_the_place_of_a_trial_too() -> None:
    found = []
    for sizes in ((6,), (2, 4)):
        simulator, kept = simulate(networks.small(), "runtime"), []
        source = b2.PoissonGroup(20, 100 * b2.Hz, name="own", dt=1 * b2.ms)
        times = b2.SpikeMonitor(source, name="own_spikes")
        simulator.add(source, times)  # type: ignore[attr-defined]
        for block in cut(networks.trials(6), *sizes):
            seen = times.num_spikes
            simulator.run(block)
            kept.append(np.array(times.i[seen:]))
        found.append(np.concatenate(kept))
    np.testing.assert_array_equal(*found)


@pytest.mark.slow
def test_an_object_of_ones_own_draws_by_the_place_of_a_trial_in_a_program_too() -> None:
    found = []
    for sizes in ((6,), (2, 4)):
        simulator, kept = simulate(networks.small(), CPP), []
        source = b2.PoissonGroup(
            20, 100 * b2.Hz, name="own", clock=simulator.brian["hidden_0"].clock
        )
        times = b2.SpikeMonitor(source, name="own_spikes")
        simulator.add(source, times)  # type: ignore[attr-defined]
        for block in cut(networks.trials(6), *sizes):
            seen = times.num_spikes if kept else 0
            simulator.run(block)
            kept.append(np.array(times.i[seen:]))
        found.append(np.concatenate(kept))
    assert len(found[0])
    np.testing.assert_array_equal(*found)


def test_a_network_that_draws_nothing_has_a_program_without_a_trace_of_it() -> None:
    silent = simulate(networks.small(), CPP).build()  # type: ignore[attr-defined]
    drawing = simulate(NETWORKS["trial"](), CPP).build()  # type: ignore[attr-defined]
    said = [(folder / "main.cpp").read_text() for folder in (silent, drawing)]
    assert ["place" in text for text in said] == [False, True]
    assert [text.count("_random_generators[0].seed(") for text in said] == [1, 4]


TRAINED = [
    ("trial", "runtime", {}),
    ("goes on", CPP, {}),
    ("rates", "array", {"batch": 4}),
    ("phases", "array", {"batch": 4}),
    ("rates", "runtime", {}),
]


@pytest.mark.parametrize(("kind", "device", "options"), TRAINED)
def test_no_bit_of_a_training_hangs_on_the_size_of_blocks(
    kind: str, device: str, options: dict[str, Any]
) -> None:
    found, tested = [], []
    for block in (8, 100):
        simulator = simulate(NETWORKS[kind](), device, **options)
        done = list(steps(simulator, DATA, Plan(epochs=2, block=block)))
        found.append({p.name: simulator.weights(p) for p in simulator.network.projections})
        tested.append([s.metrics["test_accuracy"] for s in done if "test_accuracy" in s.metrics])
    assert_same(*found)
    assert tested[0] == tested[1]


@pytest.mark.parametrize(("device", "options"), [("runtime", {}), ("array", {"batch": 8})])
def test_learning_without_labels_is_the_same_for_every_size_of_blocks(
    device: str, options: dict[str, Any]
) -> None:
    hebb = LearningRule("hebb", "eta * x_pre * x_post", {"eta": 0.01})
    net, found = Network(seed=0, trial=40.0), []
    x = net.add(Stimulus("stimulus", networks.N_INPUTS, Graded(unreliable=0.4)))
    net.connect(x, net.add(Rate("output", 5, "tanh", tau=1.0, unreliable=0.3)), rule=hebb)
    for block in (13, 5000):
        simulator = simulate(net, device, **options)
        unsupervised.learn(simulator, DATA.train, 2, block=block, progress=False)
        found.append({p.name: simulator.weights(p) for p in net.projections})
    assert_same(*found)


@pytest.mark.parametrize("kind", ["trial", "goes on"])
def test_evaluation_is_the_same_however_many_are_shown_at_once(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for at_once in (3, 5000):
        monkeypatch.setattr("apical.training.presentation._SHOWN_AT_ONCE", at_once)
        found.append(evaluate(simulate(NETWORKS[kind](), "runtime"), DATA.test))
    np.testing.assert_array_equal(found[0].decided, found[1].decided)
    assert_same(found[0].rates, found[1].rates)


RECORDED = [
    ("trial", "runtime"),
    ("spike", "runtime"),
    ("goes on", "runtime"),
    ("regular", "runtime"),
    ("trial", CPP),
    ("goes on", CPP),
    ("rates", "array"),
]


@pytest.mark.parametrize(("kind", "device"), RECORDED)
def test_a_recording_is_the_same_however_many_are_shown_at_once(
    kind: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = NETWORKS[kind]()
    signals = ["x"] if device == "array" else ["v"]
    hidden = net.forward[0].post.name
    simulator = simulate(net, device, record=[hidden, "output"], traces=signals)
    shown, found = [4, 1, 1, 0, 7, 1, 2, 2, 9], []
    for at_once in (250, 4, 1):
        monkeypatch.setattr("apical.records.recording.AT_ONCE", at_once)
        found.append(record(simulator, DATA.test, shown))
    for records in found[1:]:
        np.testing.assert_array_equal(records.decisions, found[0].decisions)
        assert_same(records.signals, found[0].signals)
        for name, spikes in records.spikes.items():
            for what in ("trial", "time", "unit"):
                ours, theirs = getattr(spikes, what), getattr(found[0].spikes[name], what)
                np.testing.assert_array_equal(ours, theirs)


def test_every_show_of_a_sample_has_noise_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 stimuli, 30 times each, in parts that begin with the same sample: 300 noisy trials."""
    monkeypatch.setattr("apical.records.recording.AT_ONCE", 60)
    simulator = simulate(NETWORKS["trial"](), "runtime", record=["stimulus", "hidden_0"])
    records = record(simulator, DATA.test, np.tile(np.arange(10), 30))
    counts = np.concatenate([records.counts(name) for name in ("stimulus", "hidden_0")], axis=1)
    assert len(np.unique(counts, axis=0)) == 300
    again = record(simulator, DATA.test, np.tile(np.arange(10), 30))
    np.testing.assert_array_equal(again.counts("stimulus"), records.counts("stimulus"))
    other = record(simulator, DATA.test, np.tile(np.arange(10), 30), stream=1)
    assert (other.counts("stimulus") != records.counts("stimulus")).any(axis=1).mean() > 0.95


def test_another_population_moves_no_draw_on_arrays() -> None:
    """What a layer is silent in follows from its name, not from who is silent beside it."""
    alone = rate_networks.rates(sizes=(12, 6, 5, 3))
    found = []
    for unsure in (("hidden_1",), ("hidden_1", "hidden_2")):
        net = alone.altered(
            population=lambda p, names=unsure: replace(p, unreliable=0.5) if p.name in names else p
        )
        simulator = simulate(net, "array", batch=10, record=["hidden_1"])
        counts = simulator.run(networks.trials(10, learning=1.0)).counts
        found.append(counts["hidden_1"] == 0)
    np.testing.assert_array_equal(*found)
    assert 0.2 < found[0].mean() < 0.8


def test_no_two_kinds_of_presentation_share_a_stream() -> None:
    numbers = (0, 1, 2, 10**6, 10**12)
    found = [seeds.presentation(what, n) for what in seeds.PRESENTATIONS for n in numbers]
    assert len({*found}) == len(found)
    assert max(found) < 0, "from 0 on are the epochs of training"


def test_places_of_a_stream_have_seeds_of_their_own() -> None:
    for key in (1, 2**31 - 1):
        assert len({seeds.trial_seed(key, n) for n in range(200_000)}) == 200_000
    pair = ([seeds.trial_seed(key, n) for n in range(100_000)] for key in (3, 4))
    assert len(set.intersection(*map(set, pair))) < 20


class Listening:
    """A simulator that keeps which stream, and which places in it, every block had."""

    brian: Mapping[str, Any] = {}
    compile_seconds = 0.0

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.heard: list[tuple[int, str, range, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulator, name)

    @property
    def state(self) -> dict[str, np.ndarray]:
        return self._simulator.state

    @state.setter
    def state(self, state: Mapping[str, np.ndarray]) -> None:
        self._simulator.state = state

    def run(self, block: Block) -> Any:
        places = range(block.first, block.first + len(block))
        self.heard.append((block.index, block.fires, places, block.phase))
        return self._simulator.run(block)


def test_no_two_presentations_of_a_run_have_a_place_in_common() -> None:
    """Training, tests, noise phases, recordings and responses, each with places of their own."""
    listening = Listening(
        simulate(with_phases(), "array", batch=4, record=["hidden_1", "output"], traces=["x"])
    )
    for _ in steps(listening, DATA, Plan(epochs=2, block=12)):  # type: ignore[arg-type]
        pass
    record(listening, DATA.test, [0, 1, 2], stream=3)
    unsupervised.responses(listening, DATA.test)
    met = [
        (index, fires, place)
        for index, fires, places, phase in listening.heard
        for place in places
        if phase != "record"
    ]
    assert len({*met}) == len(met)
    recorded = {index for index, _, _, phase in listening.heard if phase == "record"}
    assert recorded == {seeds.presentation("recording", 3)}
    assert not recorded & {index for index, _, _ in met}
    assert {phase for _, _, _, phase in listening.heard} == {"train", "evaluate", "noise", "record"}


def test_an_epoch_is_one_stream_and_says_what_it_is_for() -> None:
    blocks: list[Block] = []
    simulator = simulate(networks.small(), "runtime")
    run = simulator.run
    simulator.run = lambda block: (blocks.append(block), run(block))[1]  # type: ignore[method-assign]
    list(steps(simulator, DATA, Plan(epochs=2, block=15)))
    learned = [(b.index, b.first, b.epoch, b.phase) for b in blocks if b.learning.any()]
    assert learned == [(e, first, e, "train") for e in range(2) for first in (0, 15, 30)]


def test_samples_may_be_recorded_more_often_than_there_are() -> None:
    one = Samples(np.ones((1, networks.N_INPUTS), np.float32), np.zeros(1, np.int64))
    simulator = simulate(networks.small(), "runtime", record=["output"])
    assert len(record(simulator, one, np.zeros(5, int)).decisions) == 5
