"""Lesions and stimulation: who is affected when, the same bits after a resume, the scorecard."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import apical as ap
from apical.devices import Block
from apical.errors import ParameterError, WiringError
from apical.language.activations import ACTIVATIONS
from apical.measures.alignment import angles_to_backpropagation
from apical.network.lesions import cut, silenced, stimulated
from apical.neurons import Population
from apical.plausibility import judge
from apical.runs.stored_network import as_data, from_data
from apical.scripts.models import ModelAbout
from apical.testing.references import rates, spiking
from apical.training.loop import Plan, steps
from apical.training.presentation import learned, presented


@pytest.fixture(scope="module")
def data() -> ap.Dataset:
    return ap.datasets.blobs(40, 20, 6, 3, rng=ap.stream(0, "data"))


def relu() -> ap.Network:
    kind = ap.Rate("hidden_1", 5, "relu")
    return rates().altered(population=lambda p: kind if p.name == "hidden_1" else p)


@pytest.mark.parametrize(("device", "batch"), [("array", 1), ("array", 4), ("runtime", 1)], ids=str)
def test_a_drive_is_added_to_the_chosen_neurons_in_its_trials(
    device: str, batch: int, data: ap.Dataset
) -> None:
    """Without learning, the activity is tanh of the drive of before, and 1.5 more where chosen."""
    still = rates(rule=ap.rules.three_factor(0.0))
    net = stimulated(still, "hidden_1", share=0.4, strength=1.5, after=4, until=8)
    options = {"batch": batch} if batch > 1 else {}
    found = []
    for network in (still, net):
        with ap.simulate(network, device, dtype="float64", record=["hidden_1"], **options) as s:
            found.append(learned(s, presented(s, data.train, 1, 0, slice(0, 12)), 0)["hidden_1"])
    plain, driven = (np.arctanh(activity) for activity in found)
    added = driven - plain
    assert np.allclose(added[[*range(4), *range(8, 12)]], 0, atol=1e-5)
    chosen = added[4] > 0.1
    assert chosen.sum() == 2  # 40 % of 5
    assert np.allclose(added[4:8], 1.5 * chosen, atol=1e-4)


def test_silent_neurons_neither_spike_nor_learn_and_come_back(data: ap.Dataset) -> None:
    net = silenced(spiking(), "hidden", share=0.6, after=2, until=4)
    with ap.simulate(net, "runtime", record=["hidden"]) as simulator:
        block = presented(simulator, data.train, 1, 0, slice(0, 6))
        before = simulator.weights("hidden_to_output")
        counts = learned(simulator, block.part(slice(0, 2)), 0)["hidden"]
        chosen = np.flatnonzero(net.interventions[0].acted(*_electrode(net), 0, 2)[0])
        assert len(chosen) == 3
        middle = simulator.weights("hidden_to_output")
        silent = learned(simulator, block.part(slice(2, 4)), 2)["hidden"]
        assert not silent[:, chosen].any()
        after = simulator.weights("hidden_to_output")
        assert np.array_equal(after[chosen], middle[chosen])
        again = learned(simulator, block.part(slice(4, 6)), 4)["hidden"]
        assert again[:, chosen].any() == counts[:, chosen].any()
        assert counts.any() and not np.array_equal(before, after)


@pytest.mark.slow
def test_a_compiled_program_silences_as_brian_in_process_does(data: ap.Dataset) -> None:
    net = silenced(spiking(), "hidden", share=0.6, after=2, until=4)
    found = []
    for device in ("runtime", "cpp_standalone"):
        with ap.simulate(net, device, dtype="float64", record=["hidden"]) as simulator:
            block = presented(simulator, data.train, 1, 0, slice(0, 6))
            parts = [
                learned(simulator, block.part(slice(k, k + 2)), k)["hidden"] for k in (0, 2, 4)
            ]
            found.append((parts, simulator.weights("hidden_to_output")))
    (parts, weights), (others, same) = found
    assert any(part.any() for part in parts)
    for one, other in zip(parts, others, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(weights, same, atol=1e-12)


def _electrode(net: ap.Network) -> tuple[ap.Projection, np.ndarray]:
    name = next(p.name for p in net.projections if p.pre.name.startswith("electrode"))
    return net.projection(name), net.initial_weights(name)


def softmax() -> ap.Network:
    kind = ap.Rate("output", 3, "softmax", gain="one")
    return rates().altered(population=lambda p: kind if p.name == "output" else p)


@pytest.mark.parametrize(
    ("device", "activation"), [*(("array", a) for a in ACTIVATIONS), ("runtime", "linear")]
)
def test_silent_rates_are_zero_whatever_drives_them(
    device: str, activation: str, data: ap.Dataset
) -> None:
    """A drive of 1,000 in every neuron; the silent ones are exactly 0, and do not learn."""
    kind = ap.Rate("hidden_1", 5, activation)
    net = rates().altered(population=lambda p: kind if p.name == "hidden_1" else p)
    strong = net.connect(net.add(ap.Bias("strong")), kind, weights=ap.Given(np.full((1, 5), 1e3)))
    net = silenced(net, "hidden_1", share=0.4, after=2, until=4)
    options = {"batch": 1} if device == "array" else {}
    electrode = net.projection("electrode_hidden_1_to_hidden_1")
    silent = net.interventions[0].acted(electrode, np.zeros((1, 5)), 0, 2)[0] > 0
    assert silent.sum() == 2 and strong.name == "strong_to_hidden_1"
    with ap.simulate(net, device, dtype="float64", record=["hidden_1"], **options) as simulator:
        block = presented(simulator, data.train, 1, 0, slice(0, 6))
        for start in (0, 2, 4):
            before = {n: simulator.weights(n) for n in AROUND}
            x = learned(simulator, block.part(slice(start, start + 2)), start)["hidden_1"]
            changed = {n: simulator.weights(n) != w for n, w in before.items()}
            if start == 2:
                assert (x[:, silent] == 0).all() and x[:, ~silent].all()
                assert not changed[AROUND[0]][:, silent].any()
                assert not changed[AROUND[1]][silent].any()
            else:
                assert x.all()


AROUND = ("stimulus_to_hidden_1", "hidden_1_to_hidden_2")


OWN = ap.NeuronModel(
    "dv/dt = -v/tau : 1", "v > 1", "v = 0", parameters={"tau": (20.0, "ms")}, method="exact"
)


@pytest.mark.parametrize(
    "kind",
    [
        ap.LIF("hidden", 5, bias=1e4),
        ap.LIF("hidden", 5, bias=1e4, leak=False, tau_s=0.0, refractory=2.0),
        ap.ALIF("hidden", 5, bias=1e4),
        ap.ConductanceLIF("hidden", 5),
        ap.Neurons("hidden", 5, OWN, takes={"drive": "v"}, offers=("v",)),
    ],
    ids=lambda kind: type(kind).__name__,
)
def test_silent_neurons_do_not_spike_whatever_drives_them(kind: Population) -> None:
    """Every spike of the stimulus has a weight of 1,000; those that are silent never spike."""
    net = ap.Network(trial=50.0)
    x = net.add(ap.Stimulus("stimulus", 6, ap.encoding.Regular(200.0)))
    net.connect(x, net.add(kind), weights=ap.Given(np.full((6, 5), 1e3)))
    net = silenced(net, "hidden", share=0.6, after=0, until=1)
    electrode = net.projection("electrode_hidden_to_hidden")
    silent = net.interventions[0].acted(electrode, np.zeros((1, 5)), 0, 0)[0] > 0
    samples = ap.datasets.blobs(5, 5, 6, 5, rng=ap.stream(0, "data")).train
    with ap.simulate(net, "runtime", record=["hidden"]) as simulator:
        block = presented(simulator, samples, 1, 0, slice(0, 2))
        counts = learned(simulator, block, 0)["hidden"]
    assert not counts[0][silent].any() and counts[0][~silent].all() and counts[1].all()


def test_electrodes_are_no_bias_of_the_network() -> None:
    alone = ap.Network()
    x, h, y = ap.Stimulus("x", 3, ap.encoding.Graded()), ap.Rate("h", 3), ap.Rate("y", 2)
    ap.chain(alone, x, h, weights=ap.FanIn())
    alone = stimulated(alone, "h", strength=1.0)
    ap.chain(alone, alone.populations[1], y, weights=ap.FanIn(), bias=ap.Zero())
    assert [p.pre.name for p in alone.projections if p.pre.role == "bias"] == [
        "electrode_h",
        "bias",
    ]


def test_silent_rates_are_zero(data: ap.Dataset) -> None:
    net = silenced(relu(), "hidden_1", after=0)
    with ap.simulate(net, "array", batch=1, record=["hidden_1"]) as simulator:
        counts = learned(simulator, presented(simulator, data.train, 1, 0, slice(0, 3)), 0)
        assert not counts["hidden_1"].any()
        values, _ = data.test.block(slice(2))  # an evaluation meets the network as it is now
        assert not simulator.run(Block.of_stimuli(values)).counts["hidden_1"].any()


def test_synapses_are_cut_and_come_back(data: ap.Dataset) -> None:
    net = cut(rates(), "error_to_hidden_1", share=0.6, after=10, until=20)
    first, found = net.initial_weights("error_to_hidden_1"), {}
    with ap.simulate(net, "array", batch=1, dtype="float64") as simulator:
        for step in steps(simulator, data, Plan(1, block=1)):
            found[step.position.trial] = simulator.weights("error_to_hidden_1")
    lost = found[11] == 0
    assert lost.sum() == round(0.6 * first.size)
    for trial, weights in found.items():
        wanted = np.where(lost, 0, first) if 10 < trial < 20 else first
        assert np.array_equal(weights, wanted), trial


@pytest.mark.parametrize("until", [20, 40])
def test_what_ends_with_an_epoch_is_over_when_it_is_evaluated(until: int, data: ap.Dataset) -> None:
    """Two epochs of 40 trials in batches of 4: at trial 40, and after the last one, all is over."""
    net = cut(silenced(rates(), "hidden_1", until=until), "error_to_hidden_1", until=until)
    first = net.initial_weights("error_to_hidden_1")
    x = "electrode_hidden_1_to_hidden_1"
    for epochs in (1, 2):
        with ap.simulate(net, "array", batch=4, dtype="float64") as simulator:
            for step in steps(simulator, data, Plan(epochs, block=20)):
                lesioned = 0 < step.position.trial < until
                assert simulator.weights("error_to_hidden_1").any() != lesioned
                assert simulator.weights(x).any() == lesioned
            assert np.array_equal(simulator.weights("error_to_hidden_1"), first)


def test_a_lesion_for_good_composes_and_other_draws_stay(data: ap.Dataset) -> None:
    net = cut(stimulated(rates(), "hidden_1", strength=1.0), "error_to_hidden_1", share=0.5)
    for projection in rates().projections:
        other = net.projection(projection.name)
        assert np.array_equal(net.initial_weights(other), rates().initial_weights(projection))
    with ap.simulate(net, "array", batch=1) as simulator:
        list(steps(simulator, data, Plan(1)))
        assert (simulator.weights("error_to_hidden_1") == 0).mean() == pytest.approx(0.5, abs=0.05)
        assert (simulator.weights(_electrode(net)[0]) == 1).all()


def test_training_goes_on_with_the_same_bits(data: ap.Dataset) -> None:
    net = stimulated(rates(), "hidden_1", share=0.4, strength=1.5, after=5, until=25)
    net = cut(net, "error_to_hidden_2", share=0.5, after=15, until=30)
    with ap.simulate(net, "array", batch=1) as simulator:
        kept = [(s.position, simulator.state) for s in steps(simulator, data, Plan(1, block=10))]
        end = simulator.state
    for position, state in kept[:-1]:
        with ap.simulate(net, "array", batch=1) as simulator:
            simulator.state = state
            start = position if position.trial else None
            list(steps(simulator, data, Plan(1, block=7 if not position.trial else 10), start))
            for name, values in simulator.state.items():
                assert np.array_equal(values, end[name]), name


def test_the_scorecard_names_them_and_accounts_for_them(data: ap.Dataset) -> None:
    net = stimulated(rates(), "hidden_1", share=0.4, strength=1.5, after=5, until=25)
    net = cut(net, "error_to_hidden_2", share=0.5, after=15)
    said = {f.subject: f for f in ap.check(net).findings if "intervention" in f.reason}
    electrode = "electrode_hidden_1_to_hidden_1"
    assert said.keys() == {electrode, "error_to_hidden_2"}
    assert "40% driven by 1.5 in trials 5 to 25" in said[electrode].reason
    assert "50% of its synapses cut after 15 trials" in said["error_to_hidden_2"].reason
    with ap.simulate(net, "array", batch=1) as simulator:
        list(steps(simulator, data, Plan(1)))
        assert judge(simulator, trials=40).is_local  # nothing changed that they do not explain
        simulator.load({electrode: np.full((1, 5), 7.0)})
        assert not judge(simulator, trials=40).is_local


def test_a_network_with_lesions_is_stored_as_data() -> None:
    net = cut(stimulated(spiking(), "hidden", strength=1.0), "error_to_hidden", after=3, until=9)
    content, arrays = as_data(net, ModelAbout(Path("m.py"), "", "", {}))
    again = from_data(content, arrays, Path("network.json")).network
    assert again is not None
    assert again.interventions == net.interventions


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: stimulated(rates(), "hidden", strength=1.0), "no population 'hidden'; it has"),
        (lambda: stimulated(rates(), "stimulus", strength=1.0), "has no input 'drive'"),
        (lambda: stimulated(rates(), "error", strength=1.0), "its drive is the output"),
        (lambda: stimulated(spiking(), "error", strength=1.0), "use hypotheses.lost_error"),
        (lambda: silenced(rates(), "stimulus"), "cannot be silenced.*use stimulated"),
        (lambda: silenced(softmax(), "output"), "cannot be silenced"),
        (lambda: silenced(rates(), "error"), "cannot be silenced.*lost_error_neurons"),
        (lambda: silenced(silenced(relu(), "hidden_1"), "hidden_1"), "has an electrode already"),
        (lambda: cut(rates(), "hidden_1_to_hidden_2"), "learns, so it would learn again"),
        (lambda: cut(rates(), "nothing"), "no projection 'nothing'"),
        (
            lambda: cut(rates(ap.feedback.WIRINGS["bp"]), "feedback_output_to_hidden_2"),
            "has no synapses of its own for Cut",
        ),
        (
            lambda: cut(ap.hypotheses.redrawn_feedback(rates()), "error_to_hidden_1"),
            "would undergo Redraw and Cut",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(make: Any, said: str) -> None:
    with pytest.raises(WiringError, match=said) as caught:
        make()
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "wrong", [{"share": 1.5}, {"after": -1}, {"after": 5, "until": 5}, {"until": 0}]
)
def test_times_and_shares_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        stimulated(rates(), "hidden_1", strength=1.0, **wrong)
    with pytest.raises(ParameterError):
        cut(rates(), "error_to_hidden_1", **wrong)


@pytest.mark.parametrize(
    "undergoes",
    [
        lambda net: ap.hypotheses.redrawn_feedback(net, every=32),
        lambda net: ap.hypotheses.lost_error_neurons(net, share=0.5, after=10),
        lambda net: cut(net, "error_to_hidden_1", share=0.5, after=10),
        lambda net: silenced(net, "hidden_1", share=0.5, after=10),
    ],
    ids=["redrawn", "lost", "cut", "silenced"],
)
def test_angles_to_backpropagation_are_those_of_the_weights(undergoes) -> None:
    """What will be done to feedback does not matter to the gradient at the present weights."""
    block = Block(np.random.default_rng(0).random((12, 6)), np.arange(12) % 3)
    found = []
    for net in (rates(), undergoes(rates())):
        with ap.simulate(net, "array", batch=12) as simulator:
            found.append(angles_to_backpropagation(simulator, block))
    assert found[1] == pytest.approx(found[0], abs=1e-9)
    assert min(found[0].values()) > 1
