"""Published event data sets, from small files written byte for byte in their formats."""

import re
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

import apical as ap
from apical.errors import DataError

# ---- SHD and SSC -----------------------------------------------------------------------------

SPOKEN = [([0.0005, 0.0125, 0.5], [3, 699, 0]), ([0.25], [12]), ([], [])]


def heidelberg(file: Path, trains=SPOKEN, labels=(0, 1, 1)):
    """As the publishers do: times in [s] in half precision, units in 16 bits, of any length."""
    with h5py.File(file, "w") as content:
        for name, dtype, k in (("times", np.float16, 0), ("units", np.uint16, 1)):
            made = content.create_dataset(
                f"spikes/{name}", (len(trains),), dtype=h5py.vlen_dtype(dtype)
            )
            for at, train in enumerate(trains):
                made[at] = np.array(train[k], dtype)
        content["labels"] = np.array(labels, np.uint16)
        content["extra/speaker"] = np.zeros(len(labels), np.uint16)


@pytest.mark.parametrize("name", ["shd", "ssc"])
def test_heidelberg_digits_and_commands(tmp_path, name):
    heidelberg(tmp_path / f"{name}_train.h5")
    heidelberg(tmp_path / f"{name}_test.h5", SPOKEN[:2], (1, 0))
    for path in (tmp_path, tmp_path / f"{name}_train.h5"):
        data = ap.datasets.load(path)
        assert (data.shape, data.n_classes) == ((700,), 2)
        assert (len(data.train), len(data.test)) == (3, 2)
        assert data.test.labels.tolist() == [1, 0]
        times, channels = data.train.pairs()[0]
        kept = np.rint(np.array([0.0005, 0.0125, 0.5], np.float16).astype(float) * 1e6) / 1e3
        assert times.tolist() == kept.tolist()
        assert channels.tolist() == [3, 699, 0]
        assert data.train.durations.tolist() == [501_000, 251_000, 1000]


def test_damaged_hdf5_is_one_line(tmp_path):
    heidelberg(tmp_path / "shd_train.h5")
    with pytest.raises(DataError, match="shd_test.h5: no such file"):
        ap.datasets.load(tmp_path)
    (tmp_path / "shd_test.h5").write_bytes(b"nothing")
    with pytest.raises(DataError, match="shd_test.h5 is damaged"):
        ap.datasets.load(tmp_path)
    with h5py.File(tmp_path / "shd_test.h5", "w") as content:
        content["labels"] = [0]
    with pytest.raises(DataError, match="it has no spikes/times"):
        ap.datasets.load(tmp_path)
    heidelberg(tmp_path / "shd_test.h5", [([0.1], [700]), ([0.1], [1])], (0, 1))
    with pytest.raises(DataError, match="test, sample 0: channel 700 is not among 0 to 699"):
        ap.datasets.load(tmp_path)
    heidelberg(tmp_path / "shd_test.h5", [([0.1, 0.2], [7]), ([0.1], [1])], (0, 1))
    with pytest.raises(DataError, match="2 times and 1 units"):
        ap.datasets.load(tmp_path)
    heidelberg(tmp_path / "shd_test.h5", SPOKEN[:2], (0, 1, 1))
    with pytest.raises(DataError, match="2 trains, 2 of units, 3 labels"):
        ap.datasets.load(tmp_path)
    heidelberg(tmp_path / "shd_test.h5", SPOKEN[:2], (0, 1))
    with pytest.raises(DataError, match="events have no scale"):
        ap.datasets.load(tmp_path, scale=255.0)


# ---- N-MNIST ---------------------------------------------------------------------------------


def nmnist(file: Path, events):
    """Column, row, polarity and 23 bits of time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(
        b"".join(
            bytes([x, y, polarity << 7 | time >> 16, time >> 8 & 255, time & 255])
            for x, y, polarity, time in events
        )
    )


def test_nmnist(tmp_path):
    nmnist(
        tmp_path / "Train/0/00002.bin", [(10, 30, 1, 937), (33, 20, 0, 70_000), (0, 0, 1, 99_999)]
    )
    nmnist(tmp_path / "Train/1/00004.bin", [(5, 1, 0, 100), (9, 240, 0, 0), (6, 1, 0, 200)])
    nmnist(tmp_path / "Test/1/00003.bin", [(1, 2, 1, 8_388_607)])
    data = ap.datasets.load(tmp_path)
    assert (data.shape, data.n_inputs, data.n_classes) == ((2, 34, 34), 2312, 2)
    (times, channels), (later, others) = data.train.pairs()
    assert times.tolist() == [0.937, 70.0, 99.999]
    assert channels.tolist() == [1156 + 30 * 34 + 10, 20 * 34 + 33, 1156]
    # an overflow of the clock adds 2**13 us to what follows, and is no event
    assert later.tolist() == [0.1, 8.392]
    assert others.tolist() == [39, 40]
    assert data.test.times.tolist() == [8388.607]
    assert data.train.labels.tolist() == [0, 1]


def test_damaged_nmnist_is_one_line(tmp_path):
    nmnist(tmp_path / "Train/0/00002.bin", [(10, 30, 1, 937)])
    nmnist(tmp_path / "Train/1/00002.bin", [(10, 30, 1, 937)])
    (tmp_path / "Test").mkdir()
    with pytest.raises(DataError, match="Test: has no samples"):
        ap.datasets.load(tmp_path)
    (tmp_path / "Test/0").mkdir()
    (tmp_path / "Test/0/1.bin").write_bytes(b"123456")
    with pytest.raises(DataError, match="6 bytes are no whole number of events"):
        ap.datasets.load(tmp_path)
    nmnist(tmp_path / "Test/0/1.bin", [(34, 3, 1, 937)])
    with pytest.raises(DataError, match="an event is not on 34 x 34 pixels"):
        ap.datasets.load(tmp_path)


# ---- DVS128 Gesture --------------------------------------------------------------------------

HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def packet(events, kind=1, overflow=0):
    """Return 28 bytes about a packet, and 8 of each event: valid, polarity, row, column; time."""
    n = len(events)
    body = b"".join(
        struct.pack("<II", x << 17 | y << 2 | polarity << 1 | valid, time)
        for x, y, polarity, time, valid in events
    )
    return struct.pack("<hhiiiiii", kind, 1, 8, 4, overflow, n, n, n) + body


def gestures(folder: Path, name: str, content: bytes, labels: str):
    (folder / f"{name}.aedat").write_bytes(content)
    head = "class,startTime_usec,endTime_usec\n"
    (folder / f"{name}_labels.csv").write_text(head + labels)


@pytest.fixture
def recorded(tmp_path):
    first = packet([(5, 100, 1, 900, 1), (6, 101, 0, 1500, 1), (7, 7, 1, 1600, 0)])
    special = packet([(1, 1, 1, 1700, 1)], kind=0)
    second = packet([(127, 0, 1, 2499, 1), (0, 127, 0, 2500, 1), (3, 4, 1, 4000, 1)])
    gestures(
        tmp_path, "user01_led", HEADER + first + special + second, "1,1000,2500\n2,2500,6000\n"
    )
    later = packet([(1, 2, 1, 10, 1)], overflow=1)
    gestures(tmp_path, "user24_led", HEADER + later, f"2,{2**31},{2**31 + 1000}\n")
    (tmp_path / "trials_to_train.txt").write_text("user01_led.aedat\n")
    (tmp_path / "trials_to_test.txt").write_text("user24_led.aedat\n")
    return tmp_path


def test_gestures(recorded):
    data = ap.datasets.load(recorded)
    assert (data.shape, data.n_classes) == ((2, 128, 128), 2)
    assert data.train.labels.tolist() == [0, 1]
    (times, channels), (later, others) = data.train.pairs()
    assert times.tolist() == [0.5, 1.499]
    assert channels.tolist() == [101 * 128 + 6, 128**2 + 127]
    assert later.tolist() == [0.0, 1.5]
    assert others.tolist() == [127 * 128, 128**2 + 4 * 128 + 3]
    assert data.train.durations.tolist() == [1500, 3500]
    assert data.test.times.tolist() == [0.01]
    assert data.duration == 3.5


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"#!AER-DAT2.0\r\n", "it does not begin as AEDAT 3.1 does"),
        (HEADER[:-18], "its header has no end"),
        (HEADER + packet([(1, 1, 1, 1, 1)])[:20], "cut short within the header of a packet"),
        (HEADER + packet([(1, 1, 1, 1, 1)])[:-1], "cut short within a packet"),
        (HEADER + packet([(128, 1, 1, 1, 1)]), "an event is not on 128 x 128 pixels"),
    ],
)
def test_damaged_gestures_are_one_line(recorded, content, told):
    (recorded / "user01_led.aedat").write_bytes(content)
    with pytest.raises(DataError, match=re.escape(told)) as raised:
        ap.datasets.load(recorded)
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ("12,1000,2500\n", "a gesture 12"),
        ("1,2500,2500\n", "of 2500 to 2500"),
        ("1,x,2500\n", "startTime_usec is"),
        ("1,1000\n", "cut short or too long"),
    ],
)
def test_damaged_labels_of_gestures_are_one_line(recorded, labels, told):
    head = "class,startTime_usec,endTime_usec\n"
    (recorded / "user01_led_labels.csv").write_text(head + labels)
    with pytest.raises(DataError, match=re.escape(told)):
        ap.datasets.load(recorded)


def test_an_unknown_folder_is_one_line(tmp_path):
    with pytest.raises(DataError, match="unknown data set"):
        ap.datasets.load(tmp_path)
