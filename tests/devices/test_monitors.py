"""Monitors of a user's own: time runs on, every sample knows its trial, nothing is lost."""

from typing import Any

import brian2 as b2
import numpy as np
import pytest
from networks import N_CLASSES, N_INPUTS, small, trials
from test_live_objects import every_device, made

from apical import Block, datasets, evaluate, train
from apical.errors import DeviceError

pytestmark = pytest.mark.slow

TRIAL, STEPS = 40.0, 40


def watched(device: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    """Return a simulator, and one monitor of each kind."""
    s = made(device, small(reset=False), **options)
    hidden = s.brian["hidden_0"]
    monitors = {
        "states": b2.StateMonitor(hidden, ["v", "x"], record=[0, 3], name="states"),
        "seldom": b2.StateMonitor(hidden, "v", record=0, dt=20 * b2.ms, name="seldom"),
        "spikes": b2.SpikeMonitor(hidden, ["v"], name="spikes"),
        "counts": b2.SpikeMonitor(hidden, record=False, name="counts"),
        "events": b2.EventMonitor(s.brian["output"], "spike", name="events"),
        "rates": b2.PopulationRateMonitor(hidden, name="rates"),
        "weights": b2.StateMonitor(
            s.brian["stimulus_to_hidden_0"], "w", record=[5], dt=TRIAL * b2.ms, name="weights"
        ),
    }
    s.add(*monitors.values())
    return s, monitors


BLOCKS = (
    trials(2, learning=1.0),
    Block(trials(5, seed=3).values, None, epoch=2, index=1),
    Block(trials(1, seed=4).values, trials(1).labels, np.ones(()), phase="record", index=2),
)
PARTS = ((0, "train", -1), (1, "evaluate", 2), (2, "record", -1))
SHOWN = 2 + 5 + 1


@every_device
@pytest.mark.parametrize("capacity", [5000, 2])
def test_time_runs_on_over_blocks_and_their_parts(device: str, capacity: int) -> None:
    s, m = watched(device, capacity=capacity)
    empty = s.moments(m["states"])
    assert len(m["states"].t) == len(m["spikes"].i) == len(empty) == 0
    counts = np.concatenate([s.run(block).counts["hidden_0"] for block in BLOCKS])
    every = np.arange(SHOWN * STEPS)
    np.testing.assert_allclose(m["states"].t / b2.ms, every, atol=1e-9)
    np.testing.assert_allclose(m["rates"].t / b2.ms, every, atol=1e-9)
    np.testing.assert_allclose(m["seldom"].t / b2.ms, 20 * np.arange(SHOWN * 2), atol=1e-9)
    assert m["states"].v.shape == m["states"].x.shape == (2, SHOWN * STEPS)
    assert m["states"][3].v.shape == (SHOWN * STEPS,)
    # each is checked by another: spikes by counts of the simulator, rates and events by spikes
    found = np.zeros_like(counts)
    moments = s.moments(m["spikes"])
    counted = (moments["time"] % TRIAL >= s.network.settle - 1e-6).to_numpy()
    where = moments["trial"].to_numpy()[counted], np.array(m["spikes"].i)[counted]
    np.add.at(found, where, 1)
    np.testing.assert_array_equal(found, counts)
    for name in ("spikes", "counts"):
        spikes = np.bincount(m["spikes"].i[:], minlength=8)
        np.testing.assert_array_equal(m[name].count[:], spikes)
        assert m[name].num_spikes == spikes.sum() > counts.sum()
    in_step = np.bincount(np.rint(m["spikes"].t / b2.ms).astype(int), minlength=len(every))
    np.testing.assert_allclose(m["rates"].rate / b2.Hz, in_step / 8 * 1e3)
    assert len(m["events"].t) and {*m["spikes"].spike_trains()} == {*range(8)}
    assert np.all(np.diff(m["spikes"].t_) >= 0) and np.all(m["spikes"].v[:] > 1)


@every_device
def test_every_device_records_the_same(device: str) -> None:
    (s, m), (r, reference) = watched(device, capacity=2), watched("runtime")
    for block in BLOCKS:
        s.run(block)
        r.run(block)
    for name in ("states", "seldom", "weights"):
        for variable in m[name].record_variables:
            values, expected = (getattr(x[name], f"{variable}_") for x in (m, reference))
            np.testing.assert_allclose(values, expected, atol=1e-9, err_msg=f"{name} {variable}")
    for name in ("spikes", "events"):
        np.testing.assert_array_equal(m[name].i[:], reference[name].i[:])
        np.testing.assert_allclose(m[name].t_[:], reference[name].t_[:], atol=1e-12)
    w = s.weights("stimulus_to_hidden_0").ravel()[5]
    assert m["weights"].w[0, 0] != m["weights"].w[0, -1]
    assert np.ptp(m["weights"].w[0, 2:8]) < 1e-12, "nothing learns in evaluation"
    assert w != m["weights"].w[0, -1], "the last trial learned when it was over"


@every_device
def test_every_sample_knows_its_trial_block_epoch_and_phase(device: str) -> None:
    s, m = watched(device, capacity=2)
    for block in BLOCKS:
        s.run(block)
    moments = s.moments(m["states"])
    assert list(moments.columns) == ["time", "trial", "block", "epoch", "phase"]
    np.testing.assert_array_equal(moments["trial"], np.repeat(np.arange(SHOWN), STEPS))
    np.testing.assert_allclose(moments["time"], np.arange(SHOWN * STEPS))
    expected = [part for part, block in zip(PARTS, BLOCKS, strict=True) for _ in range(len(block))]
    for column, values in zip(
        ("block", "phase", "epoch"), zip(*expected, strict=True), strict=True
    ):
        assert list(moments[column]) == list(np.repeat(values, STEPS)), column
    late = moments["time"] % TRIAL >= 20
    v = m["states"].v[:, (moments["phase"] == "record") & late]
    assert v.shape == (2, 20)
    assert s.moments(m["counts"]).empty, "which holds no times"


@every_device
def test_evaluation_is_told_from_training(device: str) -> None:
    s, m = watched(device)
    data = datasets.blobs(6, 3, N_INPUTS, N_CLASSES, rng=np.random.default_rng(0))
    train(s, data, 2, progress=False)
    evaluate(s, data.test)
    phases = s.moments(m["states"]).groupby("trial")["phase"].first()
    kinds = ["evaluate"] * 3 + (["train"] * 6 + ["evaluate"] * 3) * 2 + ["evaluate"] * 3
    assert list(phases) == kinds
    epochs = s.moments(m["states"]).query("phase == 'train'").groupby("trial")["epoch"].first()
    assert list(epochs) == [0] * 6 + [1] * 6


@every_device
def test_what_monitors_hold_can_be_dropped(device: str) -> None:
    s, m = watched(device)
    s.run(BLOCKS[0])
    for monitor in m.values():
        s.forget(monitor)
    assert len(m["states"].t) == len(m["spikes"].t) == m["counts"].num_spikes == 0
    assert m["states"].v.shape == (2, 0) and not m["spikes"].count[:].any()
    s.run(BLOCKS[1])
    np.testing.assert_allclose(m["states"].t / b2.ms, np.arange(2 * STEPS, 7 * STEPS), atol=1e-9)
    np.testing.assert_array_equal(m["counts"].count[:], np.bincount(m["spikes"].i[:], minlength=8))
    assert set(s.moments(m["spikes"])["block"]) == {1}
    stranger = b2.StateMonitor(s.brian["hidden_0"], "v", record=True)
    for call in (s.forget, s.moments):
        with pytest.raises(DeviceError, match="is no monitor of this simulator; add it"):
            call(stranger)


@every_device
def test_a_block_that_fails_leaves_no_samples(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s, m = watched(device)
    s.run(BLOCKS[0])

    def fail(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    place: Any = (b2.Network, "after_run") if device == "runtime" else (type(s), "_result")
    with monkeypatch.context() as patch:
        patch.setattr(*place, fail)
        with pytest.raises(KeyboardInterrupt):
            s.run(BLOCKS[1])
    assert len(m["states"].t) == 2 * STEPS and s.moments(m["spikes"])["trial"].max() == 1
    s.run(BLOCKS[2])
    np.testing.assert_allclose(m["states"].t / b2.ms, np.arange(3 * STEPS), atol=1e-9)
    assert m["counts"].num_spikes == len(m["spikes"].t)


@every_device
def test_names_that_are_taken_are_refused(device: str) -> None:
    s = made(device)
    with pytest.raises(DeviceError, match="'output' cannot be added: .* give it another name"):
        s.add(b2.SpikeMonitor(s.brian["hidden_0"], name="output"))
    other = made(device)
    with pytest.raises(DeviceError, match="it looks at 'hidden_0', which is not one"):
        s.add(b2.SpikeMonitor(other.brian["hidden_0"]))
