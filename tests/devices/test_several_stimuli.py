"""Several stimuli in one network: two of 8 neurons are one of 16, and each has its own encoder."""

import os
import warnings

import numpy as np
import pytest

import apical as ap
from apical import Block, Given, Network, Stimulus, feedback, rules, simulate
from apical.devices.simulator import check_block
from apical.encoding import Events, Graded, Regular
from apical.errors import ApicalError, DataError, DeviceError, ParameterError, WiringError
from apical.network.stimuli import columns, drive_of
from apical.neurons.eye_movements import Gaze
from apical.plausibility import audit
from apical.training.presentation import seen

RNG = np.random.default_rng(3)
W, X = RNG.normal(0, 0.5, (16, 5)), RNG.random((6, 16))
PHASES = RNG.random(16)
LABELS = np.array([0, 1, 2, 0, 1, 2])
GIVEN = {"vision": X[:, 8:], "touch": X[:, :8]}
HALVES = {"touch": slice(0, 8), "vision": slice(8, 16)}


def network(*stimuli, spikes=False, w=W, lasts=40.0):
    """Describe stimuli -> hidden -> output, which learns; each takes its rows of the weights."""
    net, rule = Network(seed=1, trial=lasts), rules.three_factor(0.02 if spikes else 0.5)
    h = ap.LIF("hidden", 5, bias=0.9) if spikes else ap.Rate("hidden", 5, "tanh")
    y = ap.LIF("output", 3, bias=1.5, gain="1") if spikes else ap.Rate("output", 3, "logistic")
    net.add(h), net.add(y)
    for stimulus in stimuli:
        rows = HALVES.get(stimulus.name, slice(None))
        net.connect(net.add(stimulus), h, weights=Given(w[rows]), rule=rule)
    net.connect(h, y, weights=ap.FanIn(), rule=rule)
    error = ap.Error("error", 6) if spikes else ap.RateError("error", 3)
    net.teach(feedback.direct(net.add(error), net.forward))
    return net


def both(spikes, **options):
    """Describe the same network with one stimulus, and with two in another order than columns."""
    encoder = Regular(200.0) if spikes else Graded()
    two = Stimulus("vision", 8, encoder), Stimulus("touch", 8, encoder)
    one = network(Stimulus("stimulus", 16, encoder), spikes=spikes, **options)
    return one, network(*two, spikes=spikes, **options)


def learned(net, device, values, **options):
    """Return the result of a block that learns, and all weights then, those of stimuli stacked."""
    names = [p.name for p in net.populations]
    with simulate(net, device, dtype="float64", record=names, **options) as simulator:
        phases = {  # drawn by the name of the population, so the same ones are put in
            f"{s.name}.phase": PHASES[HALVES.get(s.name, slice(None))]
            for s in net.stimuli
            if s.is_spiking
        }
        simulator.state = {**simulator.state, **phases}
        result = simulator.run(Block.of_labels(values, LABELS, learning=1.0))
        first = [p for s in net.stimuli for p in net.projections if p.pre is s]
        stacked = np.concatenate([simulator.weights(p) for p in first])
        return result, stacked, simulator.weights("hidden_to_output")


@pytest.mark.parametrize("batch", [1, 4])
def test_two_stimuli_of_rates_are_one(batch):
    one, two = (
        learned(net, "array", values, batch=batch)
        for net, values in zip(both(spikes=False), (X, GIVEN), strict=True)
    )
    for found, wanted in zip(two[1:], one[1:], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert np.abs(one[1] - W).max() > 1e-3
    for name in ("hidden", "output"):
        np.testing.assert_allclose(two[0].counts[name], one[0].counts[name], rtol=0, atol=1e-12)


def same_spikes(device):
    one, two = (
        learned(net, device, values)
        for net, values in zip(both(spikes=True), (X, GIVEN), strict=True)
    )
    for name in ("hidden", "output", "error"):
        for found, wanted in zip(two[0].spikes[name], one[0].spikes[name], strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert len(one[0].spikes["hidden"][0]) > 5
    times, neurons = one[0].spikes["stimulus"]
    for name, half in HALVES.items():  # each stimulus has its own record
        own = (neurons >= half.start) & (neurons < half.stop)
        np.testing.assert_array_equal(two[0].spikes[name][0], times[own])
        np.testing.assert_array_equal(two[0].spikes[name][1], neurons[own] - half.start)
    for found, wanted in zip(two[1:], one[1:], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    assert np.abs(one[1] - W).max() > 1e-4


def test_two_stimuli_of_spikes_are_one():
    same_spikes("runtime")


@pytest.mark.slow
@pytest.mark.skipif("APICAL_TEST_COMPILED" not in os.environ, reason="compiles two programs")
def test_two_stimuli_of_spikes_are_one_in_a_compiled_program():
    same_spikes("cpp_standalone")


def test_each_stimulus_has_its_own_encoder():
    net = network(Stimulus("vision", 8, Regular(100.0)), Stimulus("touch", 8, Regular(50.0)))
    assert columns(net) == HALVES
    shown = drive_of(net)(X)
    np.testing.assert_array_equal(shown, np.hstack([50 * X[:, :8], 100 * X[:, 8:]]))


def test_the_order_of_a_description_plays_no_role():
    names = [s.name for s in both(spikes=False)[1].in_order().stimuli]
    assert names == [s.name for s in both(spikes=False)[1].stimuli] == ["touch", "vision"]
    turned = Block.of_stimuli(dict(reversed([*GIVEN.items()])))
    np.testing.assert_array_equal(turned.values, X)
    assert turned.part(slice(0, 2)).inputs == (("touch", 8), ("vision", 8))


def test_a_data_set_of_two_stimuli_is_learned():
    data = ap.Dataset.from_arrays("two", GIVEN, LABELS, GIVEN, LABELS)
    flat = ap.Dataset.from_arrays("one", X, LABELS, X, LABELS)
    np.testing.assert_array_equal(data.train.values, flat.train.values)
    assert data.train.part(slice(2)).inputs == data.test.inputs == (("touch", 8), ("vision", 8))
    found = []
    for net, samples in zip(both(spikes=False), (flat, data), strict=True):
        with simulate(net, "array") as simulator:
            ap.train(simulator, samples, 3, progress=False)
            found.append(simulator.weights("hidden_to_output"))
            assert ap.evaluate(simulator, samples.test) is not None
    np.testing.assert_allclose(*found, rtol=0, atol=1e-6)  # in single precision


def test_each_stimulus_has_its_own_scale():
    image = RNG.integers(0, 256, (6, 2, 4))
    given = {"vision": image, "touch": X[:, :8]}
    scales = {"vision": 255.0, "touch": 1.0}
    data = ap.Dataset.from_arrays("two", given, LABELS, given, LABELS, scale=scales)
    values, _ = data.train.block(slice(None))
    np.testing.assert_array_equal(values[:, 8:], (image / 255).astype(np.float32).reshape(6, 8))
    np.testing.assert_array_equal(values[:, :8], X[:, :8].astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the scale of each is inferred
        again = ap.Dataset.from_arrays("two", given, LABELS, given, LABELS)
    np.testing.assert_array_equal(again.train.values, data.train.values)


def test_only_the_stimulus_with_a_gaze_moves():
    gaze = Gaze((2, 4))
    net = network(Stimulus("vision", 8, Graded(), gaze=gaze), Stimulus("touch", 8, Graded()))
    moved = seen(net, X, n_samples=6, epoch=0, done=0)
    np.testing.assert_array_equal(moved[:, :8], X[:, :8])
    drawn = gaze.shifts(ap.stream(1, "gaze", "vision", 0), 6)
    np.testing.assert_array_equal(moved[:, 8:], gaze.seen(X[:, 8:], drawn))


def test_the_scorecard_and_the_graph_know_all_stimuli():
    net = both(spikes=False)[1]
    assert ap.check(net).is_local
    assert [p.name for p in net.forward][:2] == ["touch_to_hidden", "vision_to_hidden"]
    assert not [f for f in audit(net).findings if f.level == "doubtful"]


def test_a_network_of_two_stimuli_is_written_and_read(tmp_path):
    net = both(spikes=False)[1]
    assert ap.Network.load(net.save(tmp_path / "net")).stimuli == net.stimuli


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"vision": X[:, 8:]}, "stimuli are 'touch' .8., 'vision' .8., but .* 'vision' .8.;"),
        ({"vision": X[:, 8:], "sound": X[:, :8]}, "but the values given are for 'sound' .8."),
        ({"vision": X[:, 9:], "touch": X[:, :8]}, "are for 'touch' .8., 'vision' .7.;"),
        ({"vision": X[:5, 8:], "touch": X[:, :8]}, "equally many trials, got 'touch: 6', 'vis"),
        ({"vision": X[0, 8:], "touch": X[:, :8]}, "'vision' needs values of shape"),
        ({"vision": X * np.nan, "touch": X[:, :8]}, "'vision': holds NaN"),
        ({}, "needs values of each stimulus by its name"),
        (X[:, 1:], "'touch' .8., 'vision' .8. take 16 values together, but .* 15 values"),
    ],
)
def test_values_that_do_not_fit_are_said_in_one_line(given, said):
    with pytest.raises(DataError, match=said) as caught:
        check_block(both(spikes=False)[1], Block.of_stimuli(given))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("train", "test", "scale", "said"),
    [
        (GIVEN, {"touch": X[:, :8]}, None, "x_test needs the stimuli 'touch', 'vision', got 'tou"),
        (GIVEN, X, None, "x_test needs the stimuli 'touch', 'vision', got no names"),
        (GIVEN, GIVEN, {"touch": 1.0}, "scale needs the stimuli 'touch', 'vision', got 'touch'"),
        (X, X, {"touch": 1.0}, "scale is given by names of stimuli, but x_train is one array"),
    ],
)
def test_data_that_do_not_fit_are_said(train, test, scale, said):
    with pytest.raises((DataError, ParameterError), match=said):
        ap.Dataset.from_arrays("two", train, LABELS, test, LABELS, scale=scale)


def test_a_data_set_for_other_stimuli_is_refused():
    given = {"sight": X[:, 8:], "touch": X[:, :8]}
    data = ap.Dataset.from_arrays("two", given, LABELS, given, LABELS)
    with (
        simulate(both(spikes=False)[1], "array") as simulator,
        pytest.raises(DataError, match=r"but the values given are for 'sight' \(8\), 'touch'"),
    ):
        ap.train(simulator, data, 1, progress=False)


def test_a_spiking_stimulus_names_values_below_zero():
    net = network(Stimulus("vision", 8, Regular()), Stimulus("touch", 8, Graded()))
    check_block(net, Block.of_stimuli({"vision": X[:, 8:], "touch": -X[:, :8]}))
    with pytest.raises(DataError, match="Stimulus 'vision' spikes, so it takes values >= 0"):
        check_block(net, Block.of_stimuli({"vision": -X[:, 8:], "touch": X[:, :8]}))


@pytest.mark.parametrize("options", [{"frames": 2}, {"encoder": Events()}])
def test_frames_and_events_are_for_a_single_stimulus(options):
    net = Network()
    net.add(Stimulus("a", 2)), net.add(Stimulus("b", 2, **options))
    what = "2 frames" if "frames" in options else "events"
    with pytest.raises(WiringError, match=f"'b' shows {what}, which only the single stimulus"):
        _ = net.stimuli


def test_what_does_not_take_several_stimuli_says_so(tmp_path):
    net = both(spikes=True)[1]
    for device in ("genn", "cuda_standalone"):
        with pytest.raises(DeviceError) as caught:
            ap.devices.DEVICES[device].check(net, ap.devices.DEVICES[device].options())
        assert "shows one stimulus, but the network has 'touch', 'vision'" in str(caught.value)
    with pytest.raises(ApicalError, match="one of 2 stimuli; files written and read here have one"):
        ap.nir.write(net, tmp_path / "it.nir", reset="hard")


def test_they_are_predicted_by_name():
    net = network(Stimulus("vision", 8, Graded()), Stimulus("touch", 8, Graded()))
    with simulate(net, "array") as simulator:
        named = ap.predict(simulator, GIVEN)
        np.testing.assert_array_equal(named, ap.predict(simulator, X))
        with pytest.raises(DataError, match=r"stimuli are 'touch' \(8\), 'vision' \(8\)"):
            ap.predict(simulator, {"vision": X[:, :8], "smell": X[:, :8]})
