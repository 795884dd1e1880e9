"""Readers of formats: other writers, other layouts, other libraries, and files that are damaged."""

import datetime
import os
import random
import warnings
from pathlib import Path
from typing import Any

import h5py
import layouts
import neo
import numpy as np
import pynapple
import pynwb
import pytest
import quantities as pq
from layouts import COUNTS, START, STOP, TRAINS, Nwb, intervals, plain, region, units

from apical.errors import ApicalError, DataError
from apical.recordings import FORMATS, Selection, inspect, load_recording
from apical.recordings.formats import opened


# ---- NWB ----------------------------------------------------------------------------------------
def written_by_pynwb(path: Path) -> Path:
    """Write a session with everything that pynwb has for units and intervals."""
    file = pynwb.NWBFile("a session", "id", datetime.datetime.now(datetime.UTC))
    device = file.create_device("probe")
    group = file.create_electrode_group("shank0", "a shank", "VISp", device)
    for k in range(4):
        file.add_electrode(location=f"area{k}", group=group, x=float(k), y=0.0, z=0.0)
    file.add_unit_column("quality", "as sorted")
    file.add_unit_column("channels", "a ragged column", index=True)
    for k, train in enumerate(TRAINS):
        file.add_unit(
            spike_times=train,
            obs_intervals=[[0.0, 1.9], [1.9, 4.0]],
            electrodes=[k, k + 1],
            electrode_group=group,
            waveform_mean=np.zeros((5, 2)),
            quality=["good", "mua", "good"][k],
            channels=[1, 2][: k + 1],
        )
    file.add_trial_column("condition", "what was shown")
    file.add_trial_column("outline", "a matrix in each row")
    for start, stop, shown in zip(START, STOP, "abab", strict=True):
        file.add_trial(start, stop, condition=shown, outline=np.zeros((2, 2)))
    file.add_epoch(0.0, 2.0, ["rest", "first"])
    file.add_invalid_time_interval(20.0, 21.0)
    with pynwb.NWBHDF5IO(str(path), "w") as io, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        io.write(file)
    return path


def test_what_pynwb_writes_is_read_as_pynapple_reads_it(tmp_path: Path) -> None:
    path = written_by_pynwb(tmp_path / "a.nwb")
    found = load_recording(path)
    data = pynapple.load_file(str(path))
    trials, trains = data["trials"], data["units"]
    theirs = [[len(trains[k].restrict(trials[[i]])) for k in range(3)] for i in range(4)]
    assert found.counts.tolist() == theirs == COUNTS
    assert found.classes is not None and found.classes.tolist() == list("abab")
    assert found.populations.tolist() == ["area0", "area1", "area2"]  # the first of two that tie
    shown = inspect(path)
    assert shown.units is not None
    names = [c.name for c in shown.units.columns]
    assert {"quality", "channels", "electrodes.x", "electrode_group.location"} <= {*names}
    values = {c.name: c.values for c in shown.units.columns}
    assert values["channels"] == ("1", "1, 2")
    assert shown.table("epochs").columns[0].values == ("rest, first",)
    assert shown.units.observed[0] == {
        "units": 3.0,
        "intervals": 2.0,
        "start": 0.0,
        "stop": 4.0,
        "seconds": 4.0,
    }


def test_what_matnwb_writes_is_read(tmp_path: Path) -> None:
    """Spike times as a matrix of one row, intervals transposed, one name of a column as text."""
    with Nwb(tmp_path / "a.nwb") as file:
        table = units(file, TRAINS)
        flat = table["spike_times"][:]
        del table["spike_times"]
        table["spike_times"] = flat[None, :]
        table.attrs["colnames"] = "spike_times"
        layouts.put(table, "obs_intervals", [[0.0, 20.0] * 3, [9.0, 29.0] * 3])
        layouts.put(table, "obs_intervals_index", [2, 4, 6])
        trials = intervals(file, "trials", START, STOP)
        trials["condition"] = np.array([[b"a"], [b"b"], [b"a"], [b"b"]])
        trials["start_time"].attrs["neurodata_type"] = np.array([b"VectorData"])
    found = load_recording(tmp_path / "a.nwb")
    assert found.counts.tolist() == COUNTS
    assert found.labels is not None and found.labels.tolist() == list("abab")


def test_tables_within_tables_and_enumerations_are_columns(tmp_path: Path) -> None:
    """An aligned table with a category, a column of an enumeration, rows of another table."""
    with Nwb(tmp_path / "a.nwb") as file:
        units(file, TRAINS)
        table = intervals(file, "trials", START, STOP)
        inner = layouts.group(table, "shown", "DynamicTable", ["contrast"])
        layouts.put(inner, "contrast", [0.1, 0.2, 0.1, 0.2])
        names = layouts.put(table, "side_elements", ["left", "right"])
        layouts.put(table, "side", np.array([0, 1, 1, 0], np.uint8))
        table["side"].attrs["elements"] = names.ref
        images = layouts.group(file, "processing/stimuli/images", "DynamicTable", ["file"])
        layouts.put(images, "file", ["cat.png", "dog.png"])
        region(table, "image", [1, 0, 1, 0], images)
    for column, labels in (
        ("shown.contrast", ["0.1", "0.2", "0.1", "0.2"]),
        ("side", ["left", "right", "right", "left"]),
        ("image.file", ["dog.png", "cat.png", "dog.png", "cat.png"]),
    ):
        found = load_recording(tmp_path / "a.nwb", column)
        assert found.labels is not None and found.labels.tolist() == labels


def test_units_elsewhere_and_other_extensions_are_found(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        file.move("units", "processing/ecephys/sorted")
    os.rename(path, tmp_path / "a.h5")
    assert load_recording(tmp_path / "a.h5").counts.tolist() == COUNTS


def test_tables_of_one_name_have_their_path(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb", "shown")
    with h5py.File(path, "a") as file:
        intervals(file, "processing/b/shown", START, STOP)
    assert [table.name for table in inspect(path).tables] == ["shown", "processing/b/shown"]


def test_a_damaged_column_leaves_the_others(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb", more={"condition": list("abab"), "short": [1, 2]})
    with h5py.File(path, "a") as file:
        table = file["intervals/trials"]
        layouts.put(table, "odd", np.zeros(4, [("x", "i4"), ("y", "i4")]))
        layouts.put(table, "number", np.zeros(4, complex))
        ragged = layouts.put(table, "words", ["a", "b"])
        layouts.put(table, "words_index", [9, 1, 2, 2])
        assert ragged.shape == (2,)
    found = load_recording(path)
    assert found.counts.tolist() == COUNTS and found.stimulus == "condition"
    kinds = {c.name: c.kind for c in inspect(path).table("trials").columns}
    assert kinds == {"condition": "text", "words": "unreadable"}
    with pytest.raises(DataError, match="its index does not rise from 0 to 2"):
        load_recording(path, "words")


def test_loops_and_links_end(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        file["intervals/again"] = file["intervals"]  # a group within itself
        file["processing/lost"] = h5py.ExternalLink("nowhere.h5", "/x")
        file["processing/soft"] = h5py.SoftLink("/nowhere")
    assert [table.name for table in inspect(path).tables] == ["trials"]
    assert load_recording(path).counts.tolist() == COUNTS


def test_a_file_of_many_gigabytes_is_looked_into_without_reading_it(tmp_path: Path) -> None:
    """200 million spikes that were never written, and a signal of 10 GB: a sparse file."""
    path = plain(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        signal = layouts.group(file, "acquisition/lfp", "ElectricalSeries")
        signal.create_dataset("data", (1_250_000_000, 4), "i2", chunks=(100_000, 4))
        table = file["units"]
        for name in ("spike_times", "spike_times_index", "id"):
            del table[name]
        table.create_dataset("spike_times", (200_000_000,), "f8", chunks=(100_000,))
        table["spike_times_index"] = np.arange(1, 2001) * 100_000
    found = inspect(path)
    assert found.units is not None and found.units.spikes == 200_000_000
    assert not found.units.is_exact and path.stat().st_size < 20_000_000


def test_a_table_of_units_without_spike_times_is_no_table_of_units(tmp_path: Path) -> None:
    with Nwb(tmp_path / "a.nwb") as file:
        table = layouts.group(file, "units", "Units", ["quality"])
        layouts.put(table, "quality", ["good"])
        intervals(file, "trials", START, STOP)
    with pytest.raises(DataError, match="no units with spike times"):
        load_recording(tmp_path / "a.nwb")
    assert inspect(tmp_path / "a.nwb").why == (
        "There are no units with spike times, so nothing can be compared.",
    )


def test_older_and_other_files_are_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "one.nwb", "w") as file:
        file["nwb_version"] = "NWB-1.0.6"
    (tmp_path / "zarr.nwb").mkdir()
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0")
    (tmp_path / "a.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with h5py.File(tmp_path / "index.nwb", "w") as file:
        file["units/spike_times"] = [1.0, 2.0]
    for name, said in (
        ("one.nwb", "NWB 1"),
        ("zarr.nwb", "Zarr"),
        ("a.mat", "must be a file of NWB"),
        ("a.pkl", "must be a file of NWB"),
        ("index.nwb", "no index"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            load_recording(tmp_path / name)
        assert "\n" not in str(caught.value)


# ---- NIX ----------------------------------------------------------------------------------------
def train(times: list[float], stop: float, **about: Any) -> neo.SpikeTrain:
    return neo.SpikeTrain(np.array(times) * pq.s, t_stop=stop * pq.s, **about)


def nix(path: Path, *segments: neo.Segment) -> Path:
    block = neo.Block()
    block.segments.extend(segments)
    with neo.NixIO(str(path), mode="ow") as io:
        io.write_block(block)
    return path


def test_events_of_nix_ask_for_a_window(tmp_path: Path) -> None:
    segment = neo.Segment()
    segment.spiketrains.extend([train(list(t), 4.0) for t in TRAINS])
    labels = np.array(list("abab"))
    segment.events.append(neo.Event(np.array(START) * pq.s, labels=labels, name="onsets"))
    path = nix(tmp_path / "a.nix", segment)
    with pytest.raises(DataError, match="rows of table onsets are events .* --window 0 1 "):
        load_recording(path)
    found = load_recording(path, selection=Selection(window=(0, 0.5)))
    assert found.counts.tolist() == COUNTS
    assert found.labels is not None and found.labels.tolist() == list("abab")
    assert "--window 0 1" in inspect(path).command


def test_nix_in_milliseconds_is_in_seconds(tmp_path: Path) -> None:
    segment = neo.Segment()
    for times in TRAINS:
        one = neo.SpikeTrain(np.array(times) * 1000 * pq.ms, t_stop=4000 * pq.ms)
        segment.spiketrains.append(one)
    lengths = np.full(4, 500.0) * pq.ms
    contrast = {"contrast": np.array([0.5, 1.0, 0.5, 1.0])}
    segment.epochs.append(
        neo.Epoch(np.array(START) * pq.s, lengths, np.array(list("abab")), name="shown")
    )
    segment.epochs[0].array_annotate(**contrast)
    path = nix(tmp_path / "a.nix", segment)
    assert load_recording(path).counts.tolist() == COUNTS
    other = load_recording(path, "contrast").labels
    assert other is not None and other.tolist() == ["0.5", "1", "0.5", "1"]


def test_a_unit_without_a_train_in_a_segment_was_not_observed(tmp_path: Path) -> None:
    first, second = neo.Segment(label="a"), neo.Segment(label="b")
    first.spiketrains.extend([train([0.1], 1.0, name="u"), train([0.2, 0.3], 1.0, name="v")])
    second.spiketrains.append(train([0.4], 1.0, name="v"))
    found = load_recording(nix(tmp_path / "a.nix", first, second))
    assert found.counts.tolist() == [[1, 2], [0, 1]]
    assert found.seen.tolist() == [[True, True], [False, True]]
    np.testing.assert_allclose(found.mean_rates, [1.0, 1.5])


def test_more_than_ten_segments_stay_in_order(tmp_path: Path) -> None:
    segments = []
    for k in range(12):
        segment = neo.Segment(label=k)
        segment.spiketrains.append(train([0.01 * (j + 1) for j in range(k)], 1.0, name="u"))
        segments.append(segment)
    found = load_recording(nix(tmp_path / "a.nix", *segments))
    assert found.counts.ravel().tolist() == list(range(12))
    assert found.labels is not None and found.labels.tolist() == [str(k) for k in range(12)]


def test_epochs_of_several_segments_are_one_table(tmp_path: Path) -> None:
    segments = []
    for k in range(2):
        segment = neo.Segment()
        segment.spiketrains.append(train([0.1 + 0.1 * j for j in range(3 + k)], 2.0, name="u"))
        times, long = np.array([0.0, 1.0]) * pq.s, np.full(2, 0.35) * pq.s
        segment.epochs.append(neo.Epoch(times, long, np.array(["a", "b"]), name="shown"))
        segments.append(segment)
    path = nix(tmp_path / "a.nix", *segments)
    with pytest.raises(DataError, match="2 tables that may hold trials"):
        load_recording(path)
    found = load_recording(path, selection=Selection(table="shown"))
    assert found.counts.ravel().tolist() == [3, 0, 3, 0]


def test_units_of_time_are_looked_up_and_never_evaluated(tmp_path: Path) -> None:
    segment, other = neo.Segment(), neo.Segment()
    segment.spiketrains.append(train([0.1], 1.0))
    other.spiketrains.append(train([0.2], 1.0))
    path = nix(tmp_path / "a.nix", segment, other)
    done = tmp_path / "done"
    with h5py.File(path, "a") as file:
        (block,) = file["data"].values()
        for array in block["data_arrays"].values():
            array.attrs["unit"] = f"open({str(done)!r}, 'w')"
    with pytest.raises(DataError, match="its times are in") as caught:
        load_recording(path)
    assert "\n" not in str(caught.value) and not done.exists()


# ---- formats of Neo -----------------------------------------------------------------------------
def test_formats_of_neo_are_read_by_its_raw_readers(tmp_path: Path) -> None:
    """Neo's own example: made-up spikes, events and epochs, the same for any file."""
    path = tmp_path / "a.fake"
    path.touch()
    raw = neo.rawio.ExampleRawIO(str(path))
    raw.parse_header()
    found = inspect(path)
    assert found.units is not None and found.form == "Example (by Neo)"
    segments = [(b, s) for b in range(raw.block_count()) for s in range(raw.segment_count(b))]
    assert found.units.units == len(raw.header["spike_channels"])
    assert found.units.spikes == sum(
        raw.spike_count(b, s, u) for b, s in segments for u in range(found.units.units)
    )
    assert set(found.usable) >= {"segments", "Some events", "Some epochs"}
    part = load_recording(path, selection=Selection(table="segments"))
    want = [[raw.spike_count(b, s, u) for u in range(part.counts.shape[1])] for b, s in segments]
    # a spike at the very end of a segment is after it
    assert np.abs(part.counts - np.array(want)).max() <= 1
    epochs = load_recording(path, selection=Selection(table="Some epochs"))
    times, lengths, labels = raw.get_event_timestamps(0, 0, 1)
    start = raw.rescale_event_timestamp(times, "float64", 1)
    stop = start + raw.rescale_epoch_duration(lengths, "float64", 1)
    spikes = raw.rescale_spike_timestamp(raw.get_spike_timestamps(0, 0, 0), "float64")
    by_hand = [int(((spikes >= a) & (spikes < b)).sum()) for a, b in zip(start, stop, strict=True)]
    assert epochs.labels is not None and epochs.labels[0] == str(labels[0])
    assert epochs.counts[: len(by_hand), 0].tolist() == by_hand


def test_formats_are_known_by_name() -> None:
    assert {*FORMATS} >= {"nwb", "nix", "neo"}
    assert all(form.about for form in FORMATS.values())


# ---- damaged files ------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["nwb", "nix"])
def test_damaged_files_are_one_line_or_read(kind: str, tmp_path: Path) -> None:
    """Bytes changed at random, and files cut short: an error of this package, or a recording."""
    if kind == "nwb":
        whole = plain(tmp_path / "a.nwb", more={"condition": list("abab")}).read_bytes()
    else:
        segment, other = neo.Segment(), neo.Segment()
        segment.spiketrains.append(train([0.1], 1.0))
        other.spiketrains.append(train([0.2], 1.0))
        whole = nix(tmp_path / "a.nix", segment, other).read_bytes()
    draw = random.Random(0)
    path = tmp_path / f"b.{kind}"
    for _ in range(40):
        content = bytearray(whole)
        if draw.random() < 0.2:
            content = content[: draw.randrange(len(content))]
        for _ in range(draw.choice([1, 3, 30])):
            if content:
                content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        for what in (load_recording, inspect):
            said = ""
            try:
                what(path)
            except ApicalError as error:
                said = str(error)
            assert "\n" not in said


# ---- real recordings ----------------------------------------------------------------------------
CASES = Path(os.environ.get("APICAL_DATA_DIR", "data")) / ".." / "cases" / "recordings"


@pytest.mark.skipif(not (CASES / "human_mtl.nwb").exists(), reason="no recording is here")
def test_a_real_recording_of_film_clips() -> None:
    path = CASES / "human_mtl.nwb"
    with pytest.raises(DataError, match="has 3 tables .* --table encoding_table"):
        load_recording(path)
    chosen = Selection(table="encoding_table", stimulus="stimCategory", window=(0, 4))
    found = load_recording(path, selection=chosen)
    with h5py.File(path) as file:
        ends = file["units/spike_times_index"][:].astype(int)
        trains = np.split(file["units/spike_times"][:], ends[:-1])
        start = file["intervals/encoding_table/start_time"][:]
        where = file["general/extracellular_ephys/electrodes/location"].asstr()[:]
        areas = where[file["units/electrodes"][:]]
    want = [[int(((t >= s) & (t < s + 4)).sum()) for t in trains] for s in start]
    assert found.counts.tolist() == want and found.populations.tolist() == areas.tolist()


@pytest.mark.skipif(not (CASES / "head_direction.nwb").exists(), reason="no recording is here")
def test_a_real_recording_without_stimuli() -> None:
    with pytest.raises(DataError, match=r"Tables in it: epochs \(1 row\)"):
        load_recording(CASES / "head_direction.nwb")
    with opened(CASES / "head_direction.nwb") as content:
        assert content.units is not None and len(content.units) == 3


def test_what_is_recorded_for_each_spike_is_no_column(tmp_path: Path) -> None:
    """Amplitudes of all spikes, references to time series, and matrices are not looked into."""
    path = plain(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        table = file["units"]
        table.create_dataset("spike_amplitudes", (10**12,), "f8", chunks=(1000,))
        layouts.put(table, "spike_amplitudes_index", [1, 2, 10**12], "VectorIndex")
        table.create_dataset("waveform_mean", (3, 10**6, 40), "f4", chunks=(1, 100, 40))
        trials = file["intervals/trials"]
        of = np.dtype([("idx_start", "i4"), ("count", "i4"), ("timeseries", h5py.ref_dtype)])
        trials.create_dataset("timeseries", (4,), of)
        layouts.put(trials, "timeseries_index", [1, 2, 3, 4], "VectorIndex")
    found = inspect(path)
    assert found.units is not None and not found.units.columns
    assert not found.table("trials").columns
    assert load_recording(path).counts.tolist() == COUNTS


def test_texts_of_files_send_nothing_to_terminals(tmp_path: Path) -> None:
    bad = "a\x1b[2Jb\x07"
    path = plain(tmp_path / "a.nwb", f"t{bad}", {"condition": [bad, "x", bad, "x"], bad: [1] * 4})
    found = inspect(path)
    for text in (found.command, *(c.name + "".join(c.values) for c in found.tables[0].columns)):
        assert "\x1b" not in text and "\x07" not in text and text.encode()


def test_single_precision_and_text_are_mapped_as_they_are_written(tmp_path: Path) -> None:
    for values in (np.array([0.1, -2, 0.1, -2], "f4"), np.array(["0.10", "-2.0"] * 2, object)):
        path = plain(tmp_path / "a.nwb", more={"contrast": values})
        chosen = Selection(classes={"0.1": "4", "-2.00": "7"})
        found = load_recording(path, selection=chosen)
        assert found.classes is not None and found.classes.tolist() == ["4", "7"] * 2
        path.unlink()
