"""NIX files: as Neo writes and reads them, and as Elephant uses them."""

import json
import tempfile
from pathlib import Path
from typing import Any

import elephant.conversion
import elephant.spike_train_correlation
import elephant.statistics
import h5py
import neo
import numpy as np
import pytest
import quantities as pq
from export_cases import ABOUT, random_records, rate_records, small_records, some_metrics
from hypothesis import given, settings

from apical.export import export
from apical.records.arrays import Records


def read(path: Path) -> Any:
    io = neo.NixIO(str(path), "ro")
    try:
        return io.read_block()
    finally:
        io.close()


def assert_same(path: Path, records: Records) -> None:
    """Hold everything in the file to the records it was made of."""
    block = read(path)
    assert len(block.segments) == len(records)
    units = [
        (name, k, int(sign))
        for name, group in records.units.items()
        if name in records.spikes
        for k, sign in enumerate(group.signs)
    ]
    for trial, segment in enumerate(block.segments):
        told = segment.annotations
        assert (told["trial"], told["label"], told["decision"], told["sample"]) == (
            trial,
            records.labels[trial],
            records.decisions[trial],
            records.samples[trial],
        )
        assert told["correct"] == ("yes" if records.correct[trial] else "no")
        assert float(told["onset"]) == trial * records.duration
        np.testing.assert_array_equal(told["stimulus"], records.values[trial])
        trains = segment.spiketrains
        assert [
            tuple(train.annotations[key] for key in ("population", "unit", "sign"))
            for train in trains
        ] == units
        for train, (name, k, _) in zip(trains, units, strict=True):
            spikes = records.spikes[name].of_trial(trial)
            np.testing.assert_array_equal(train.magnitude, spikes.time[spikes.unit == k])
            assert train.units == pq.ms and train.name == f"{name}.{k}"
            assert (train.t_start, train.t_stop) == (0 * pq.ms, records.duration * pq.ms)
        assert [signal.name for signal in segment.analogsignals] == list(records.signals)
        for signal, values in zip(segment.analogsignals, records.signals.values(), strict=True):
            np.testing.assert_array_equal(signal.magnitude, values[trial])
            times = records.times(values.shape[1])
            np.testing.assert_allclose(signal.times.rescale("ms").magnitude, times)
            assert signal.array_annotations["unit"].tolist() == list(range(values.shape[2]))


def test_there_and_back(tmp_path: Path) -> None:
    records = random_records(6)
    path = export(records, "nix", tmp_path / "it.nix", metrics=some_metrics())
    assert_same(path, records)
    block = read(path)
    assert block.name == "digits/s0" and block.description.startswith("Simulated data")
    assert json.loads(block.annotations["about"])["about"] == ABOUT
    assert block.annotations["licence_of_the_stimuli"] == "CC-BY-4.0"
    assert len(block.annotations["citations"]) == 3
    assert "test_accuracy,,0.1\n" in block.annotations["metrics"]


def test_a_network_of_rates(tmp_path: Path) -> None:
    assert_same(export(rate_records(), "nix", tmp_path / "it.nix"), rate_records())


@settings(max_examples=4, deadline=None)
@given(records=small_records())
def test_any_records_there_and_back(records: Records) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_same(export(records, "nix", Path(folder) / "it.nix"), records)


def written_by_neo(records: Records, path: Path) -> Path:
    """Write trains and signals of records by Neo's own writer."""
    block = neo.Block(name="digits/s0")
    end = records.duration * pq.ms
    for trial in range(len(records)):
        segment = neo.Segment(name=f"trial {trial}", trial=trial)
        for name, spikes in records.spikes.items():
            own = spikes.of_trial(trial)
            for k, sign in enumerate(records.units[name].signs):
                segment.spiketrains.append(
                    neo.SpikeTrain(
                        own.time[own.unit == k],
                        units="ms",
                        t_start=0 * pq.ms,
                        t_stop=end,
                        name=f"{name}.{k}",
                        population=name,
                        unit=k,
                        sign=int(sign),
                        kind=records.units[name].kind,
                    )
                )
        for name, values in records.signals.items():
            start, period = (0, records.dt) if values.shape[1] > 1 else (records.duration,) * 2
            population, variable = name.split(".")
            segment.analogsignals.append(
                neo.AnalogSignal(
                    values[trial],
                    units="dimensionless",
                    t_start=start * pq.ms,
                    name=name,
                    sampling_period=period * pq.ms,
                    population=population,
                    variable=variable,
                    array_annotations={"unit": np.arange(values.shape[2])},
                )
            )
        block.segments.append(segment)
    io = neo.NixIO(str(path), "ow")
    io.write_block(block)
    io.close()
    return path


def described(thing: Any) -> dict[str, Any]:
    """Return all that Neo knows of a train or a signal, but for the name it has in the file."""
    found = {
        key: getattr(thing, key, None)
        for key in ("name", "description", "units", "t_start", "t_stop", "sampling_rate", "dtype")
    }
    kept = {key: value for key, value in thing.annotations.items() if key != "nix_name"}
    arrays = {key: value.tolist() for key, value in thing.array_annotations.items()}
    return {**found, "values": thing.magnitude.tolist(), "annotations": kept, "arrays": arrays}


def test_neo_reads_it_as_what_neo_writes(tmp_path: Path) -> None:
    records = random_records(3)
    ours = read(export(records, "nix", tmp_path / "ours.nix"))
    theirs = read(written_by_neo(records, tmp_path / "theirs.nix"))
    assert ours.name == theirs.name and len(ours.segments) == len(theirs.segments)
    for one, other in zip(ours.segments, theirs.segments, strict=True):
        assert one.name == other.name
        for kind in ("spiketrains", "analogsignals"):
            pairs = zip(getattr(one, kind), getattr(other, kind), strict=True)
            for mine, yours in pairs:
                assert described(mine) == described(yours)


def test_elephant_takes_it_as_it_stands(tmp_path: Path) -> None:
    records = random_records(5)
    block = read(export(records, "nix", tmp_path / "it.nix"))
    rates = records.counts("hidden") / records.duration
    for trial, segment in enumerate(block.segments):
        hidden = [
            train for train in segment.spiketrains if train.annotations["population"] == "hidden"
        ]
        found = [elephant.statistics.mean_firing_rate(train) for train in hidden]
        np.testing.assert_allclose([float(rate) for rate in found], rates[trial])
        binned = elephant.conversion.BinnedSpikeTrain(hidden, bin_size=0.5 * pq.ms)
        assert binned.to_array().sum(axis=1).tolist() == records.counts("hidden")[trial].tolist()
        assert elephant.statistics.time_histogram(hidden, 1 * pq.ms).magnitude.sum() == (
            records.counts("hidden")[trial].sum()
        )
    trains = [train for segment in block.segments for train in segment.spiketrains if len(train)]
    correlation = elephant.spike_train_correlation.correlation_coefficient(
        elephant.conversion.BinnedSpikeTrain(trains, bin_size=1 * pq.ms)
    )
    assert correlation.shape == (len(trains), len(trains))


def test_trains_have_arrays_of_their_own_since_neo_takes_all_of_one(tmp_path: Path) -> None:
    """Why there are no fewer: a tag is a train, and has every time of the array it refers to."""
    path = export(random_records(6), "nix", tmp_path / "it.nix")
    with h5py.File(path, "r+") as file:
        (block,) = file["data"].values()
        tags = [tag for tag in block["multi_tags"].values() if len(tag["positions/data"])]
        one, other = tags[:2]
        times, others = (tag["positions/data"][:].tolist() for tag in (one, other))
        del other["positions"]
        other["positions"] = one["positions"]
    trains = [t.magnitude.tolist() for s in read(path).segments for t in s.spiketrains]
    assert trains.count(times) == 2 and others not in trains


def test_times_on_the_clock_of_a_session_would_not_be_those_of_trials() -> None:
    onset, time = np.arange(1000)[:, None] * 100.0, np.arange(1000) * 0.1
    assert np.mean((onset + time) - onset == time) == pytest.approx(0.2, abs=0.01)
