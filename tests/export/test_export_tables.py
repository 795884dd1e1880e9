"""Long tables, Parquet and CSV, read back with pandas and pyarrow."""

import json
import tempfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from export_cases import ABOUT, random_records, rate_records, small_records, some_metrics
from hypothesis import given, settings

from apical.errors import RunError
from apical.export import export
from apical.records.arrays import Records

both = pytest.mark.parametrize("form", ["parquet", "csv"])


def read(folder: Path) -> dict[str, pd.DataFrame]:
    found = {file.stem: pd.read_parquet(file) for file in folder.glob("*.parquet")}
    for file in folder.glob("*.csv"):
        found[file.stem] = pd.read_csv(file, engine="python", keep_default_na=False)
    return found


def assert_same(folder: Path, records: Records) -> None:
    """Hold everything in a folder of tables to the records it was made of."""
    found = read(folder)
    trials = found["trials"]
    for name in ("samples", "labels", "decisions"):
        assert trials[name.rstrip("s")].tolist() == getattr(records, name).tolist()
    assert trials["correct"].tolist() == records.correct.tolist()
    stimuli = found["stimuli"].pivot(index="trial", columns="input", values="value")
    np.testing.assert_array_equal(stimuli.to_numpy(), records.values)
    units = found["units"].groupby("population", sort=False)
    assert {name: rows["sign"].tolist() for name, rows in units} == {
        name: units.signs.tolist() for name, units in records.units.items()
    }
    assert ("spikes" in found) == bool(records.spikes)
    for name, spikes in records.spikes.items():
        rows = found["spikes"][found["spikes"]["population"] == name]
        for column, values in (
            ("spike_time_ms", spikes.time),
            ("unit", spikes.unit),
            ("trial", spikes.trial),
        ):
            np.testing.assert_array_equal(rows[column], values)
    assert ("signals" in found) == bool(records.signals)
    for name, values in records.signals.items():
        population, signal = name.split(".")
        rows = found["signals"]
        rows = rows[(rows["population"] == population) & (rows["signal"] == signal)]
        array = rows.set_index(["trial", "time_ms", "unit"])["value"].to_xarray()
        np.testing.assert_array_equal(array.values.astype(values.dtype), values)
        np.testing.assert_array_equal(array.time_ms, records.times(values.shape[1]))


@both
def test_there_and_back(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apical.export.session.PORTION", 70)  # several portions of each table
    records = random_records()
    folder = export(records, form, tmp_path / "it", metrics=some_metrics())
    assert_same(folder, records)
    metrics = read(folder)["metrics"]
    for name in some_metrics():
        assert metrics[name].tolist() == some_metrics()[name].tolist()
    assert json.loads((folder / "about.json").read_text())["about"] == ABOUT


@both
@settings(max_examples=15, deadline=None)
@given(records=small_records())
def test_any_records_there_and_back(form: str, records: Records) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_same(export(records, form, Path(folder) / "it"), records)


@both
def test_a_network_of_rates(form: str, tmp_path: Path) -> None:
    folder = export(rate_records(), form, tmp_path / "it")
    assert_same(folder, rate_records())
    assert sorted(read(folder)) == ["signals", "stimuli", "trials", "units"]


@pytest.mark.parametrize("fails", [False, True])
def test_parquet_files_are_closed(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Held(pyarrow.parquet.ParquetWriter):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            made.append(self)

        def write_table(self, *arguments: object) -> None:
            if fails:
                raise OSError(28, "No space left on device")
            super().write_table(*arguments)

    monkeypatch.setattr(pyarrow.parquet, "ParquetWriter", Held)
    with pytest.raises(RunError) if fails else nullcontext():
        export(rate_records(), "parquet", tmp_path / "it")
    assert len(made) == (1 if fails else 4) and not any(writer.is_open for writer in made)


def test_parquet_files_say_where_they_come_from(tmp_path: Path) -> None:
    folder = export(random_records(2), "parquet", tmp_path / "it", metrics=some_metrics())
    files = sorted(folder.glob("*.parquet"))
    assert [file.stem for file in files] == [
        "metrics",
        "signals",
        "spikes",
        "stimuli",
        "trials",
        "units",
    ]
    for file in files:
        text = pyarrow.parquet.read_schema(file).metadata[b"apical"]
        assert json.loads(text)["about"] == ABOUT
    schema = pyarrow.parquet.read_schema(folder / "spikes.parquet")
    assert [str(schema.field(name).type) for name in ("spike_time_ms", "unit", "trial")] == [
        "double",
        "int32",
        "int32",
    ]
