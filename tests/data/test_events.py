"""Data sets of events: what is stored, what is refused, files, subsets and splits."""

import re

import numpy as np
import pytest

import apical as ap
from apical.data.events import EVENT, EventSamples
from apical.errors import DataError, ParameterError
from apical.runs.experiment import fingerprint

TRAINS = [
    ([0.0, 1.25, 1.25, 9.0], [0, 2, 1, 0]),
    ([], []),
    ([4.0], [2]),
    ([2.0, 3.0], [1, 1]),
]
LABELS = [0, 1, 1, 0]


def made(**changed):
    given = {"n_channels": 3, "duration": 10.0} | changed
    return ap.Dataset.from_events(TRAINS, LABELS, TRAINS[2:], LABELS[2:], **given)


def test_what_is_stored_is_proportional_to_events():
    data = made()
    train = data.train
    assert isinstance(train, EventSamples)
    assert train.values.dtype == EVENT
    assert train.values.nbytes == 8 * 7
    assert train.offsets.tolist() == [0, 4, 4, 5, 7]
    assert data.shape == (3,)
    assert (data.n_inputs, data.n_classes, data.duration) == (3, 2, 10.0)
    assert [(t.tolist(), c.tolist()) for t, c in train.pairs()] == [tuple(p) for p in TRAINS]
    assert train.counts().tolist() == [[2, 1, 1], [0, 0, 0], [0, 0, 1], [0, 2, 0]]
    # beside as many channels and as long trials as one likes
    wide = made(n_channels=(2, 500, 500), duration=1e6)
    assert wide.train.values.nbytes == 8 * 7
    assert wide.shape == (2, 500, 500)


def test_durations():
    assert made(duration=None).train.durations.tolist() == [10_000, 1000, 5000, 4000]
    each = made(duration=[10, 1, 5, 3.5], test_duration=[5, 4])
    assert each.train.durations.tolist() == [10_000, 1000, 5000, 3500]
    assert each.test.durations.tolist() == [5000, 4000]
    assert each.test.longest == 5.0


def test_without_a_test_part_the_name_says_so():
    data = ap.Dataset.from_events(TRAINS, LABELS, n_channels=3, duration=10)
    assert data.name == "events:train"
    assert data.test is data.train


def test_times_are_kept_to_the_microsecond_for_any_type():
    for dtype in (np.float64, np.float32, np.int64, np.uint8):
        times = np.array([1, 2, 7], dtype)
        data = ap.Dataset.from_events([(times, [0, 0, 0]), ([], [])], [0, 1], n_channels=1)
        assert data.train.values["time"].tolist() == [1000, 2000, 7000]
    odd = ap.Dataset.from_events(
        [([0.3, 0.3004, 0.3006], [0, 0, 0]), ([], [])], [0, 1], n_channels=1
    )
    assert odd.train.values["time"].tolist() == [300, 300, 301]


@pytest.mark.parametrize(
    ("pairs", "options", "told"),
    [
        ([([2.0, 1.0], [0, 0]), ([], [])], {}, "sample 0: times are not sorted, 1 ms comes"),
        ([([], []), ([-1.0], [0])], {}, "sample 1: an event is at -1 ms; times start"),
        ([([], []), ([1.0], [3])], {}, "x_train, sample 1: channel 3 is not among 0 to 2"),
        ([([1.0], [-1]), ([], [])], {}, "x_train, sample 0: channel -1 is not among 0 to 2"),
        ([([1.0], [0.5]), ([], [])], {}, "x_train: channels must be whole numbers"),
        (
            [([], []), ([1.0, 7.0], [0, 1])],
            {"duration": 7.0},
            "lasts 7 ms, but its last event is at 7",
        ),
        ([([1.0], []), ([], [])], {}, "sample 0: times of shape (1,) and channels of shape (0,)"),
        ([([[1.0]], [[0]]), ([], [])], {}, "sample 0: times of shape (1, 1)"),
        ([[1.0, 2.0, 3.0], ([], [])], {}, "sample 0: needs a pair of the times [ms]"),
        ([([np.nan], [0]), ([], [])], {}, "sample 0: times: holds NaN or infinite values"),
        ([(["a"], [0]), ([], [])], {}, "sample 0: times: needs real numbers"),
        ([([5e6], [0]), ([], [])], {}, "times are in [ms], at most 2147484"),
        ([([1.0], [0]), ([], [])], {"duration": [5, 5, 5]}, "or one for each of 2 samples"),
        ([([1.0], [0]), ([], [])], {"duration": 0}, "durations must be above 0"),
        ([], {}, "x_train: has no samples"),
    ],
)
def test_bad_events_are_one_line(pairs, options, told):
    with pytest.raises(DataError, match=re.escape(told)) as raised:
        ap.Dataset.from_events(pairs, [0, 1], **({"n_channels": 3} | options))
    assert "\n" not in raised.value.message


def test_bad_labels_are_one_line():
    with pytest.raises(DataError, match="needs one label for each of 4 samples"):
        ap.Dataset.from_events(TRAINS, [0, 1], n_channels=3)
    with pytest.raises(DataError, match="labels must be 0 to n_classes - 1"):
        ap.Dataset.from_events(TRAINS, [0, -1, 0, 1], n_channels=3)
    with pytest.raises(DataError, match="a test part needs both"):
        ap.Dataset.from_events(TRAINS, LABELS, TRAINS, n_channels=3)


def test_parts_are_the_events_of_their_samples():
    train = made().train
    assert train.part([3, 0]).pairs()[0][0].tolist() == [2.0, 3.0]
    assert train.part(train.labels == 1).channels.tolist() == [2]
    rows, labels = train.block([2, 2, 1])
    assert np.asarray(rows).tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert labels.tolist() == [1, 1, 1]
    assert np.asarray(rows[1:]).tolist() == [[0, 0, 1], [0, 0, 0]]
    none, no_labels = train.block([])
    assert (none.shape, len(no_labels)) == ((0, 3), 0)


def test_a_data_set_of_events_is_cut_split_and_halved_as_any_other():
    rng = np.random.default_rng(0)
    pairs = [(np.sort(rng.uniform(0, 9, 5)), rng.integers(0, 3, 5)) for _ in range(12)]
    data = ap.Dataset.from_events(pairs, np.arange(12) % 4, n_channels=3, duration=10)
    assert len(data.subset(train=5).train.values) == 25
    tuned = data.split(4, np.random.default_rng(0))
    assert (len(tuned.train), len(tuned.test)) == (8, 4)
    assert len(data.held_out(3).test) == 3
    first, second = ap.datasets.halves(data)
    assert set(second.train.labels.tolist()) == {0, 1}
    assert len(first.train.values) == 30
    few = ap.datasets.stratified(data.train, 4, np.random.default_rng(0))
    assert sorted(few.labels.tolist()) == [0, 1, 2, 3]
    assert data.until(4.0).train.times.max() < 4.0
    with pytest.raises(DataError, match="can be kept until a time"):
        data.until(-1)
    with pytest.raises(DataError, match="is no data set of events"):
        ap.datasets.load("digits").until(5.0)


def test_steps_are_those_of_the_time_of_events():
    exact = [(np.arange(0, 100) * 0.1, np.zeros(100, int)), ([], [])]
    data = ap.Dataset.from_events(exact, [0, 1], n_channels=1, duration=10)
    for dt, per_step in ((0.1, 1), (0.2, 2), (1.0, 10)):
        found, lost = data.train.rows(slice(None)).steps(dt, round(10 / dt))
        assert found.tolist() == list(range(round(10 / dt)))
        assert lost == 100 - 100 // per_step


def test_files_hold_plain_arrays(tmp_path):
    data = made(duration=[10, 1, 5, 3.5], test_duration=[5, 4])
    file = ap.datasets.save_events(data, tmp_path / "mine.npz")
    with np.load(file, allow_pickle=False) as stored:
        assert stored["times_train"].tolist() == [0.0, 1.25, 1.25, 9.0, 4.0, 2.0, 3.0]
    again = ap.datasets.load(file)
    assert fingerprint(again) == fingerprint(data)
    assert fingerprint(made(duration=11)) != fingerprint(data)
    assert ap.datasets.load(file, scale=1.0).duration == 10
    with pytest.raises(DataError, match="events have no scale"):
        ap.datasets.load(file, scale=2.0)
    with pytest.raises(DataError, match="is no data set of events"):
        ap.datasets.save_events(ap.datasets.load("digits"), file)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"offsets_train": None}, "lacks offsets_train"),
        ({"offsets_train": np.array([0, 4, 3, 5, 7])}, "offsets must be whole numbers that rise"),
        ({"offsets_train": np.array([0, 7])}, "needs one label for each of 1 samples"),
        ({"channels_train": np.zeros(3)}, "7 times and 3 channels"),
        ({"shape": np.array(0)}, "shape must be the number of channels"),
        ({"shape": np.array([2])}, "channel 2 is not among 0 to 1"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, changed, told):
    file = ap.datasets.save_events(made(), tmp_path / "mine.npz")
    with np.load(file) as stored:
        arrays = {k: v for k, v in ({**stored} | changed).items() if v is not None}
    np.savez(file, **arrays)
    with pytest.raises(DataError, match=re.escape(told)) as raised:
        ap.datasets.load(file)
    assert "\n" not in raised.value.message


def test_samples_made_by_hand_are_checked():
    zeros = np.zeros(1, np.int64)
    with pytest.raises(DataError, match="that fit together"):
        EventSamples(np.zeros(2), zeros)
    stored, ends = np.array([(5, 3)], EVENT), np.array([0, 1])

    def by_hand(duration, n):
        lasts = np.array([duration], np.int32)
        return EventSamples(stored, zeros, offsets=ends, durations=lasts, n_channels=n)

    with pytest.raises(DataError, match="channel 3 is not among"):
        EventSamples(
            stored, zeros, offsets=np.array([0, 1]), durations=np.array([9], np.int32), n_channels=2
        )
    with pytest.raises((DataError, ParameterError)):
        EventSamples(
            stored, zeros, offsets=np.array([0, 1]), durations=np.array([5], np.int32), n_channels=4
        )
