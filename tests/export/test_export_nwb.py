"""NWB files: read back with pynwb, inspected, and opened in pynapple and Neo."""

import dataclasses
import json
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import neo
import numpy as np
import nwbinspector
import pynapple
import pynwb
import pytest
from export_cases import ABOUT, random_records, rate_records, small_records, some_metrics, spikes_of
from hypothesis import given, settings

from apical.export import export
from apical.records.arrays import Records

HONEST = {"check_experimenter_exists", "check_institution", "check_keywords", "check_single_row"}
"""Suggestions that are not followed: nobody recorded this; Neo opens no file with keywords."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        yield io.read()


def silent() -> Records:
    return dataclasses.replace(random_records(4), spikes={"hidden": spikes_of([], [], [])})


def assert_same(path: Path, records: Records) -> None:
    """Hold everything in the file to the records it was made of."""
    with opened(path) as file:
        n = len(records)
        trials = file.trials.to_dataframe()
        for name in ("samples", "labels", "decisions"):
            assert trials[name.rstrip("s")].tolist() == getattr(records, name).tolist()
        assert trials["correct"].tolist() == records.correct.tolist()
        starts = np.arange(n) * records.duration / 1e3
        np.testing.assert_allclose(trials["start_time"], starts, rtol=1e-12)
        np.testing.assert_allclose(trials["stop_time"], starts + records.duration / 1e3)
        _assert_same_units(file, records)
        _assert_same_stimuli(file, records)
        for name, values in records.signals.items():
            flat = values.reshape(-1, values.shape[2])
            parts = {k: v for k, v in file.acquisition.items() if f"{k}.".startswith(f"{name}.")}
            ordered = sorted(parts, key=lambda k: int(re.findall(r"(\d+)-|$", k)[0] or 0))
            found = np.concatenate([parts[k].data[:] for k in ordered], axis=1)
            np.testing.assert_array_equal(found, flat)
            times = (starts[:, None] + records.times(values.shape[1]) / 1e3).ravel()
            for series in parts.values():
                np.testing.assert_allclose(series.get_timestamps(), times, rtol=1e-9)
                assert series.unit == "dimensionless" and "imulated" in series.description


def _assert_same_units(file: Any, records: Records) -> None:
    some = any(len(spikes) for spikes in records.spikes.values())
    assert (file.units is not None) == some
    names = [name for name in records.units if some and name in records.spikes]
    others = [name for name in records.units if name not in names]
    for table, held in ((file.units, names), (_others(file), others)):
        assert (table is None) == (not held)
        if table is None:
            continue
        rows = [
            (name, k, sign)
            for name in held
            for k, sign in enumerate(records.units[name].signs.tolist())
        ]
        columns = [list(table[key][:]) for key in ("population", "unit", "sign")]
        assert list(zip(*columns, strict=True)) == rows
    units = [(name, k) for name in names for k in range(len(records.units[name]))]
    for row, (name, unit) in enumerate(units):
        spikes = records.spikes[name]
        own = spikes.unit == unit
        times = (spikes.trial[own] * records.duration + spikes.time[own]) / 1e3
        np.testing.assert_allclose(file.units["spike_times"][row], times, rtol=1e-12)


def _others(file: Any) -> Any:
    module = file.processing.get("misc")
    return module["other_units"] if module and "other_units" in module.data_interfaces else None


def _assert_same_stimuli(file: Any, records: Records) -> None:
    shown = file.stimulus["presentations"].data[:]
    table = file.processing["misc"]["stimuli"]
    first = {sample: k for k, sample in reversed(list(enumerate(records.samples.tolist())))}
    assert shown.tolist() == records.samples.tolist() and len(table) == len(first)
    assert file.stimulus["presentations"].starting_time == 0.0
    assert file.stimulus["presentations"].rate == pytest.approx(1e3 / records.duration)
    rows = table["sample"].data[:].tolist()
    for sample, k in first.items():
        image = table["image"].data[rows.index(sample)]
        np.testing.assert_array_equal(image.ravel(), records.values[k].astype(np.float32))
        assert image.shape == tuple(records.about.get("shape", (1, image.size)))
    of_trials = file.trials["stimulus"].data[:]
    assert [rows[row] for row in of_trials] == records.samples.tolist()


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ([2, 3], (2, 3)),
        ([2, 3, 1], (2, 3)),  # grey, as images with a channel come
        ([1, 2, 3], (1, 2, 3)),  # in colours
        ([2, 1, 3], (2, 1, 3)),
        ([3, 1, 2], (1, 6)),  # two channels are no image
        ([1, 2, 3, 1], (1, 6)),
        ([2, 4], (1, 6)),
        ([6], (1, 6)),
        (None, (1, 6)),
    ],
)
def test_stimuli_are_images_where_their_shape_is_one(
    shape: list[int] | None, image: tuple[int, ...], tmp_path: Path
) -> None:
    values = np.random.default_rng(0).random((2, 6))
    records = dataclasses.replace(rate_records(2), values=values, about={"shape": shape})
    with opened(export(records, "nwb", tmp_path / "it.nwb")) as file:
        found = file.processing["misc"]["stimuli"]["image"].data[0]
    assert found.shape == image
    np.testing.assert_array_equal(found.ravel(), values[0].astype(np.float32))


@pytest.mark.parametrize(
    "records",
    [random_records(), random_records(1), rate_records(), silent()],
    ids=["spiking", "one trial", "rates", "silent"],
)
def test_there_and_back_inspected_and_opened(records: Records, tmp_path: Path) -> None:
    path = export(records, "nwb", tmp_path / "it.nwb", metrics=some_metrics())
    assert_same(path, records)
    found = [
        (message.importance.name, message.check_function_name, message.message)
        for message in nwbinspector.inspect_nwbfile(nwbfile_path=str(path))
    ]
    beyond = [message for message in found if message[1] not in HONEST]
    assert not beyond
    assert {name for name, *_ in found} <= {"BEST_PRACTICE_SUGGESTION"}
    assert not pynwb.validate(path=str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynapple tells of trials that follow without a pause
        _assert_pynapple(path, records)
        _assert_neo(path, records)


def _assert_pynapple(path: Path, records: Records) -> None:
    data = pynapple.load_file(str(path))
    assert data["trials"]["label"].tolist() == records.labels.tolist()
    for name in data.keys():  # noqa: SIM118 (no dictionary)
        assert type(data[name]).__module__.startswith("pynapple"), name
    if any(len(spikes) for spikes in records.spikes.values()):
        counts = [
            n
            for name in records.units
            if name in records.spikes
            for n in records.counts(name).sum(axis=0).tolist()
        ]
        assert [len(data["units"][k]) for k in data["units"]] == counts
        assert list(data["units"]["population"])[:5] == ["hidden"] * 5


def _assert_neo(path: Path, records: Records) -> None:
    (block,) = neo.NWBIO(str(path), "r").read_all_blocks()
    (segment,) = block.segments
    spiking = [name for name in records.units if name in records.spikes]
    if not any(len(records.spikes[name]) for name in spiking):
        assert not segment.spiketrains
        return
    units = [(name, k) for name in spiking for k in range(len(records.units[name]))]
    assert [train.name for train in segment.spiketrains] == [f"{n}.{k}" for n, k in units]
    for train, (name, k) in zip(segment.spiketrains, units, strict=True):
        assert len(train) == int(np.sum(records.spikes[name].unit == k))
        assert float(train.t_stop) == pytest.approx(len(records) * records.duration / 1e3)


@settings(max_examples=10, deadline=None)
@given(records=small_records())
def test_any_records_there_and_back(records: Records) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_same(export(records, "nwb", Path(folder) / "it.nwb"), records)


def test_spikes_are_streamed_in_portions(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 300_000  # more than one chunk of 1 MB
    spikes = spikes_of(rng.integers(0, 30, n), rng.integers(0, 10, n) * 0.5, rng.integers(0, 5, n))
    records = dataclasses.replace(random_records(), spikes={"hidden": spikes})
    assert_same(export(records, "nwb", tmp_path / "it.nwb"), records)


def test_it_says_that_it_is_simulated_and_where_it_comes_from(tmp_path: Path) -> None:
    path = export(random_records(), "nwb", tmp_path / "it.nwb", metrics=some_metrics())
    with opened(path) as file:
        assert file.session_description.startswith("Simulated data")
        assert "starts at k * 0.005 s" in file.session_description
        assert file.session_start_time.isoformat() == ABOUT["created"]
        assert file.session_id == "digits-s0"
        assert json.loads(file.notes)["about"] == ABOUT
        assert list(file.related_publications) == ["doi:10.48550/arXiv.1609.01596"]
        assert [list(row) for row in file.was_generated_by[:]] == [
            ["apical", "0.1.0"],
            ["brian2", "2.10.1"],
        ]
        assert "CC-BY-4.0" in file.experiment_description
        assert not file.devices and not file.electrode_groups and file.electrodes is None
        assert "There is no subject" in file.subject.description
        assert file.units.resolution == 0.0005
        table = file.processing["misc"]["learning_curves"].to_dataframe()
        for name in some_metrics():
            assert table[name].tolist() == some_metrics()[name].tolist()


def test_a_settled_signal_of_one_trial_is_a_series_for_each_unit(tmp_path: Path) -> None:
    with opened(export(rate_records(1), "nwb", tmp_path / "it.nwb")) as file:
        assert {name: series.data.shape for name, series in file.acquisition.items()} == {
            f"hidden.x.{unit}-{unit}": (1, 1) for unit in range(7)
        }
        assert all("once a trial, at its end" in s.description for s in file.acquisition.values())


def test_what_is_streamed_is_compressed(tmp_path: Path) -> None:
    path = export(random_records(), "nwb", tmp_path / "it.nwb")
    with h5py.File(path) as file:
        for name in ("units/spike_times", "acquisition/hidden.v/data"):
            data = file[name]
            assert (data.compression, data.compression_opts, data.shuffle) == ("gzip", 4, True)
        assert "every 0.5 ms" in file["acquisition/hidden.v"].attrs["description"]


def test_time_is_that_of_the_export_where_none_is_known(tmp_path: Path) -> None:
    path = export(rate_records(), "nwb", tmp_path / "it.nwb")
    with opened(path) as file:
        assert "the time of this export" in file.session_description
        assert abs((file.session_start_time - file.file_create_date[0]).total_seconds()) < 60
