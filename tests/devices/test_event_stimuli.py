"""Events as stimuli: input neurons spike in the time step of each event, and nowhere else."""

import re
import warnings

import numpy as np
import pytest

import apical as ap
from apical.data.events import from_pairs
from apical.devices.brian import tables
from apical.devices.simulator import check_block
from apical.errors import DataError, DeviceError, EventsWarning, WiringError
from apical.records.recording import record

CHANNELS, TRIAL = 7, 20.0


def made_of(seed=0, n=6):
    rng = np.random.default_rng(seed)
    trains = []
    for k in range(n):
        size, until = rng.integers(0, 40), 5 + 2.5 * k
        trains.append((np.sort(rng.random(size) * until), rng.integers(0, CHANNELS, size)))
    return ap.Dataset.from_events(trains, np.arange(n) % 2, n_channels=CHANNELS, duration=TRIAL)


def network(trial=TRIAL, encoder=None, size=CHANNELS, **options):
    net = ap.Network(seed=1, trial=trial, output="y", **options)
    encoder = encoder or ap.encoding.Events()
    x, y = net.add(ap.Stimulus("x", size, encoder, tau_x=10.0)), net.add(ap.LIF("y", 2))
    net.connect(x, y, weights=ap.Normal(0.3))
    return net


def expected(samples, index, dt):
    """(step of the block, channel) of every event, by hand."""
    found = set()
    for k, j in enumerate(index):
        times, channels = samples.pairs()[j]
        steps = np.floor(np.rint(times * 1e3) / np.rint(dt * 1e3)).astype(int)
        found |= {(k * round(TRIAL / dt) + s, c) for s, c in zip(steps, channels, strict=True)}
    return sorted((int(s), int(c)) for s, c in found)


def shown(simulator, samples, index):
    rows, labels = samples.block(index)
    times, channels = simulator.run(ap.Block.of_labels(rows, labels)).spikes["x"]
    steps = np.rint(times / simulator.dt).astype(int)
    return sorted(zip(steps.tolist(), channels.tolist(), strict=True))


@pytest.mark.filterwarnings("ignore::apical.errors.EventsWarning")
@pytest.mark.parametrize(
    "device",
    [
        "runtime",
        pytest.param("runtime:cython", marks=pytest.mark.slow),
        pytest.param("cpp_standalone", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_spikes_are_the_events_at_their_steps(device, dt):
    name, _, codegen = device.partition(":")
    options = {"codegen": codegen} if codegen else {}
    samples = made_of().train
    with ap.simulate(network(), name, record=["x"], dt=dt, **options) as simulator:
        for index in ([3, 0, 5, 1, 2, 4, 5, 5], [1], [0, 2], [4, 4, 4]):  # longer, shorter, again
            assert shown(simulator, samples, index) == expected(samples, index, dt)


@pytest.mark.filterwarnings("ignore::apical.errors.EventsWarning")
def test_blocks_in_parts_and_stepping_are_the_same():
    samples, index = made_of().train, [3, 0, 5, 1]
    with ap.simulate(network(), "runtime", record=["x"], capacity=2) as simulator:
        assert shown(simulator, samples, index) == expected(samples, index, 1.0)
    with ap.simulate(network(), "runtime", record=["x"]) as simulator, simulator.stepping(4):
        for some in (index, [2], [5, 4, 3, 2]):
            assert shown(simulator, samples, some) == expected(samples, some, 1.0)


def test_a_second_event_in_a_step_is_no_spike_and_is_told_once():
    trains = [([1.0, 1.5, 1.5, 2.0], [0, 0, 1, 0]), ([3.0], [1])]
    samples = from_pairs(trains, [0, 1], TRIAL, CHANNELS, "x")
    with ap.simulate(network(), "runtime", record=["x"]) as simulator:
        with pytest.warns(EventsWarning, match=r"^1 of 5 events of a block are in one time step"):
            assert shown(simulator, samples, [0, 1]) == [(1, 0), (1, 1), (2, 0), (23, 1)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shown(simulator, samples, [0, 1])
    with warnings.catch_warnings(), ap.simulate(network(), "runtime", dt=0.5) as simulator:
        warnings.simplefilter("error")
        simulator.run(ap.Block.of_stimuli(samples.rows(slice(None))))


def test_nothing_of_the_size_of_frames_is_made():
    trains = [([1.0, 500.0], [0, 199_999]), ([], [])]
    samples = from_pairs(trains, [0, 1], 1000.0, 200_000, "x")
    net = network(trial=1000.0, size=200_000)
    arrays = tables.empty(net, 5000)
    assert sum(array.nbytes for array in arrays.values()) < 1e6
    tables.fill(arrays, net, ap.Block.of_stimuli(samples.rows(np.zeros(5000, int))), 0.1)
    assert arrays["stimulus"].nbytes == 8 * (1 + 2 * 5000)


def test_after_a_shorter_sample_the_input_is_silent_and_traces_decay():
    samples = from_pairs([([2.0], [0]), ([], [])], [0, 1], [5.0, 1.0], CHANNELS, "x")
    with ap.simulate(network(), "runtime", record=["x"], traces=["x"]) as simulator:
        found = simulator.run(ap.Block.of_stimuli(samples.rows(slice(None)))).traces["x.x"]
    trace = found[0, :, 0]
    assert trace[:2].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(trace[2:], np.exp(-np.arange(18) / 10.0), rtol=1e-5)
    assert not found[0, :, 1:].any()
    assert not found[1].any()


def test_what_does_not_fit_is_one_line():
    samples = made_of().train
    whole = ap.Block.of_stimuli(samples.rows(slice(None)))
    told = "is shown events of 20 ms, but a trial of the network lasts 10 ms; give Network(trial=20"
    with ap.simulate(network(trial=10.0), "runtime", dt=0.001) as simulator:
        with pytest.raises(DataError, match=re.escape(told)):
            simulator.run(whole)
        with pytest.raises(DataError, match="has the encoder Events, but the block's trials are v"):
            simulator.run(ap.Block.of_stimuli(np.zeros((2, CHANNELS))))
    short = ap.Block.of_stimuli(samples.until(10.0).rows(slice(None)))
    check_block(network(trial=10.0), short)
    for net, told in (
        (network(encoder=ap.encoding.Poisson()), "give encoder=Events()"),
        (network(size=5), "have 7 values; they must match"),
    ):
        with pytest.raises(DataError, match=re.escape(told)):
            check_block(net, whole)


@pytest.mark.parametrize("device", ["array", "cuda_standalone", "genn"])
def test_other_devices_refuse_events_by_name(device):
    from apical.devices import DEVICES

    known = DEVICES[device]
    with pytest.raises(DeviceError, match=f"{device}.*(events|runs rate networks)"):
        known.check(network(), known.chosen({}))


def test_events_have_neither_gaze_nor_frames():
    with pytest.raises(WiringError, match="shows events, which have no frames"):
        ap.Stimulus("x", 4, ap.encoding.Events(), frames=2)
    gaze = ap.neurons.eye_movements.Gaze((2, 2))
    with pytest.raises(WiringError, match="shows events, which have no gaze"):
        ap.Stimulus("x", 4, ap.encoding.Events(), gaze=gaze)


@pytest.mark.filterwarnings("ignore::apical.errors.EventsWarning")
def test_records_hold_the_events_and_how_many_there_were():
    data = made_of()
    with ap.simulate(network(), "runtime", record=["x", "y"]) as simulator:
        records = record(simulator, data.test, [2, 0])
    assert records.values.tolist() == data.test.part([2, 0]).counts().tolist()
    spikes = records.spikes["x"]
    assert len(spikes) == len(expected(data.test, [2, 0], 1.0))


def test_the_dynamic_check_refuses_events():
    from apical.errors import ParameterError
    from apical.locality_check.subject import Shown

    data = made_of()
    with pytest.raises(ParameterError, match="'x' shows events; check without --dynamic"):
        Shown(network(), *data.train.block(slice(3)))
