"""SONATA files, read back with libsonata."""

import json
import tempfile
from pathlib import Path
from typing import Any

import h5py
import libsonata
import numpy as np
import pandas as pd
import pytest
from export_cases import ABOUT, random_records, rate_records, small_records, some_metrics
from hypothesis import given, settings

from apical.export import export, sonata
from apical.records.arrays import Records


def assert_same(folder: Path, records: Records) -> None:
    """Hold everything in the files to the records they were made of."""
    nodes = libsonata.NodeStorage(str(folder / "nodes.h5"))
    assert nodes.population_names == set(records.units)
    for name, units in records.units.items():
        population = nodes.open_population(name)
        signs = population.get_attribute("sign", population.select_all())
        assert signs.tolist() == units.signs.tolist()
    if records.spikes:
        reader = libsonata.SpikeReader(str(folder / "spikes.h5"))
        assert set(reader.get_population_names()) == set(records.spikes)
        for name, spikes in records.spikes.items():
            found = reader[name].get_dict()
            assert reader[name].sorting == "by_time" and reader[name].time_units == "ms"
            times = spikes.time + spikes.trial * records.duration
            np.testing.assert_allclose(found["timestamps"], times, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(found["node_ids"], spikes.unit)
            assert np.all(np.diff(found["timestamps"]) >= 0)
    else:
        assert not (folder / "spikes.h5").exists()
    for name, values in records.signals.items():
        population, signal = name.split(".")
        settled = "_settled" if values.shape[1] == 1 else ""
        report = libsonata.SomaReportReader(str(folder / f"{signal}{settled}_report.h5"))
        found = report[population].get()
        n_trials, n_times, n_units = values.shape
        np.testing.assert_array_equal(found.data, values.reshape(-1, n_units).astype(np.float32))
        assert list(found.ids) == list(range(n_units)) and report[population].sorted
        onset = np.arange(n_trials)[:, None] * records.duration
        np.testing.assert_allclose(found.times, (onset + records.times(n_times)).ravel(), rtol=1e-9)
    trials = pd.read_csv(folder / "trials.csv", sep=r"\s+")
    for name in ("samples", "labels", "decisions"):
        assert trials[name.rstrip("s")].tolist() == getattr(records, name).tolist()
    with h5py.File(folder / "stimuli.h5") as file:
        np.testing.assert_array_equal(file["values"][:], records.values)


def test_there_and_back(tmp_path: Path) -> None:
    records = random_records()
    folder = export(records, "sonata", tmp_path / "it", metrics=some_metrics())
    assert_same(folder, records)
    types = pd.read_csv(folder / "node_types.csv", sep=r"\s+", keep_default_na=False)
    assert types["population"].tolist() == list(records.units)
    assert types["model_type"].tolist() == ["point_neuron"] * 4
    assert types["model_template"].tolist()[0] == "apical:LIF"
    metrics = pd.read_csv(folder / "metrics.csv", sep=r"\s+", keep_default_na=False)
    assert metrics["value"].tolist() == some_metrics()["value"].tolist()
    assert metrics["population"].tolist() == ["NULL", "hidden", "NULL", "hidden"]


def test_a_network_of_rates(tmp_path: Path) -> None:
    assert_same(export(rate_records(), "sonata", tmp_path / "it"), rate_records())


@settings(max_examples=10, deadline=None)
@given(records=small_records())
def test_any_records_there_and_back(records: Records) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_same(export(records, "sonata", Path(folder) / "it"), records)


def test_files_are_what_the_format_asks_for(tmp_path: Path) -> None:
    folder = export(random_records(3), "sonata", tmp_path / "it")
    files = sorted(folder.glob("*.h5"))
    assert len(files) == 5
    for path in files:
        with h5py.File(path) as file:
            assert file.attrs["magic"] == 0x0A7A and file.attrs["magic"].dtype == np.uint32
            assert file.attrs["version"].tolist() == [0, 1]
            assert file.attrs["version"].dtype == np.uint32
            assert json.loads(file["about"].asstr()[()])["about"] == ABOUT
    with h5py.File(folder / "spikes.h5") as file:
        group = file["spikes/hidden"]
        kind = group.attrs.get_id("sorting").dtype
        assert h5py.check_enum_dtype(kind) == {"none": 0, "by_id": 1, "by_time": 2}
        assert group["timestamps"].dtype == "<f8" and group["node_ids"].dtype == "<u8"
        assert group["timestamps"].attrs["units"] == "ms"
    with h5py.File(folder / "v_report.h5") as file:
        group = file["report/hidden"]
        assert group["data"].dtype == "<f4" and group["data"].attrs["units"] == "1"
        assert group["mapping/node_ids"][:].tolist() == [0, 1, 2, 3, 4]
        assert group["mapping/node_ids"].attrs["sorted"] == 1
        assert group["mapping/index_pointers"][:].tolist() == [0, 1, 2, 3, 4, 5]
        assert group["mapping/element_ids"][:].tolist() == [0] * 5
        assert group["mapping/element_ids"].dtype == "<u4"
        assert group["mapping/time"][:].tolist() == [0.0, 3 * 5.0, 0.5]
        assert group["mapping/time"].attrs["units"] == "ms"


def test_configurations_lead_to_the_files(tmp_path: Path) -> None:
    records = random_records(3)
    folder = export(records, "sonata", tmp_path / "it")
    circuit = libsonata.CircuitConfig.from_file(str(folder / "circuit_config.json"))
    assert circuit.node_populations == set(records.units)
    assert circuit.node_population("hidden").size == 5
    simulation = libsonata.SimulationConfig.from_file(str(folder / "simulation_config.json"))
    assert simulation.run.tstop == 3 * records.duration and simulation.run.dt == records.dt
    assert simulation.run.random_seed == 3
    assert Path(simulation.output.spikes_file).name == "spikes.h5"
    for name in simulation.list_report_names:
        assert (folder / Path(simulation.report(name).file_name).name).exists()
    rates = export(rate_records(), "sonata", tmp_path / "rates")
    assert "spikes" not in (rates / "simulation_config.json").read_text()


@pytest.mark.parametrize(
    ("shape", "chunk"),
    [
        ((1 << 20, 256), (256, 256)),  # 256 * 256 values of 4 bytes are 256 kB
        ((65536, 1), None),
        ((65537, 1), (65536, 1)),
        ((3, 100_000), (1, 100_000)),  # at least one time
        ((3, 0), None),
    ],
)
def test_reports_are_in_chunks_of_256_kb(shape: tuple[int, int], chunk: Any) -> None:
    assert sonata._chunk(shape) == chunk
