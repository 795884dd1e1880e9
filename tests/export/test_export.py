"""Exports: one door for all formats, whole files or none, and where the data come from."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_cases import ABOUT, random_records, rate_records, some_metrics, spikes_of

from apical.errors import ApicalError, DataError, ParameterError, RunError
from apical.export import EXPORTERS, about, export, tables
from apical.records.arrays import Records

every_format = pytest.mark.parametrize("form", EXPORTERS)


def place(folder: Path, form: str) -> Path:
    return folder / (f"it.{form}" if form in ("nwb", "nix") else form)


def content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else (path / "about.json").read_bytes()


@every_format
def test_what_is_there_is_replaced_only_on_request(form: str, tmp_path: Path) -> None:
    path = place(tmp_path / "new", form)
    assert export(rate_records(), form, str(path)) == path
    before = content(path)
    with pytest.raises(RunError, match=r"exists already; .* overwrite it\."):
        export(rate_records(), form, path)
    assert content(path) == before
    export(rate_records(2), form, path, overwrite=True)
    assert content(path) != before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@every_format
def test_an_export_that_fails_leaves_what_was_there(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place(tmp_path, form)
    export(rate_records(), form, path)
    before = content(path)

    def fail(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("apical.export.tables.trials", fail)  # SONATA, Parquet, CSV: half-way
    monkeypatch.setattr("apical.export.nwb._trials", fail)
    monkeypatch.setattr("apical.export.nix._add_signals", fail)
    with pytest.raises(RunError, match=r"cannot be written: No space left on device\."):
        export(rate_records(2), form, path, overwrite=True)
    assert content(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_nothing_but_exports_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter.txt").write_text("the only copy")
    with pytest.raises(RunError, match="is not an export"):
        export(rate_records(), "csv", mine, overwrite=True)
    (mine / "about.json").write_text('{"simulated": true}')
    with pytest.raises(RunError, match="is not an export"):
        export(rate_records(), "csv", mine, overwrite=True)
    assert (mine / "chapter.txt").read_text() == "the only copy"
    (tmp_path / "folder.nwb").mkdir()
    with pytest.raises(RunError, match="is not an export"):
        export(rate_records(), "nwb", tmp_path / "folder.nwb", overwrite=True)
    (tmp_path / "empty").mkdir()
    export(rate_records(), "csv", tmp_path / "empty", overwrite=True)


def test_what_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        export(rate_records(), "csv", tmp_path / "file" / "below")
    with pytest.raises(ParameterError, match="names no file"):
        export(rate_records(), "csv", "/")


def test_folders_above_the_target_are_made(tmp_path: Path) -> None:
    export(rate_records(), "csv", tmp_path / "a" / "b" / "it")
    assert (tmp_path / "a" / "b" / "it" / "units.csv").exists()


@every_format
def test_what_a_killed_export_left_behind_is_in_nobody_s_way(form: str, tmp_path: Path) -> None:
    """Others may export to the same path at the same time: each has a part of its own."""
    path = place(tmp_path, form)
    left = path.with_name(f".{path.name}.part")
    left.mkdir()
    assert export(rate_records(), form, path).exists() and left.exists()


def test_formats_and_names_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no exporter 'mat'; known are nwb, nix, sonata"):
        export(rate_records(), "mat", tmp_path / "it.mat")
    for form in ("nwb", "nix"):
        with pytest.raises(ParameterError, match=rf"format {form} ends in '.{form}', but got"):
            export(rate_records(), form, tmp_path / "it.h5")
    with pytest.raises(DataError, match="has no column 'epoch'; it needs run, seed, epoch"):
        export(rate_records(), "csv", tmp_path / "it", metrics=some_metrics().drop(columns="epoch"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("form", "module"),
    [
        ("nwb", "pynwb"),
        ("nix", "nixio"),
        ("nix", "neo"),
        ("sonata", "h5py"),
        ("parquet", "pyarrow"),
    ],
)
def test_a_missing_library_is_one_line(
    form: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=rf"needs {module}, .*: pip install 'apical\[{form}\]'\."):
        export(rate_records(), form, place(tmp_path, form))
    assert not list(tmp_path.iterdir())


def test_csv_needs_no_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pynwb", "nixio", "neo", "h5py"):
        monkeypatch.setitem(sys.modules, module, None)
    export(random_records(2), "csv", tmp_path / "it")


def changed(**values: Any) -> Records:
    return dataclasses.replace(random_records(3), **values)


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (lambda: rate_records(0), "hold no trials"),
        (lambda: changed(samples=np.arange(2)), "samples must be one for each of 3 labels, got 2"),
        (
            lambda: changed(spikes={"nobody": spikes_of([0], [0], [0])}),
            "must be of the populations .* got 'nobody'",
        ),
        (
            lambda: changed(spikes={"hidden": spikes_of([3], [1], [0])}),
            "trial must be whole numbers from 0 to 2, got 3",
        ),
        (
            lambda: changed(spikes={"hidden": spikes_of([0], [1], [5])}),
            "unit must be whole numbers from 0 to 4, got 5",
        ),
        (lambda: changed(spikes={"hidden": spikes_of([0], [5.5], [0])}), "at 5.5 ms .* is outside"),
        (lambda: changed(spikes={"hidden": spikes_of([0], [np.nan], [0])}), "at nan ms .* outside"),
        (lambda: changed(signals={"hidden.v": np.zeros((3, 9, 5))}), r"needs .* \(3, 10 or 1, 5\)"),
        (
            lambda: changed(signals={"hidden.v": np.zeros((3, 10, 4))}),
            r"\(3, ..., 5\), got shape \(3, 10, 4\)",
        ),
        (
            lambda: changed(signals={"x": np.zeros((3, 1, 4))}),
            "must be of the populations .* got 'x'",
        ),
    ],
)
def test_records_that_are_not_whole_are_refused(records: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ApicalError, match=said):
        export(records(), "csv", tmp_path / "it")


def test_disorder_is_found_across_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apical.export.session.PORTION", 2)
    ordered = spikes_of([0, 0, 1, 1], [1, 2, 1, 2], [0, 0, 0, 0])
    export(changed(spikes={"hidden": ordered}), "csv", tmp_path / "a")
    late = dataclasses.replace(ordered, time=np.array([1.0, 2.0, 1.0, 0.5]))
    early = dataclasses.replace(ordered, trial=np.array([0, 1, 0, 1]))
    for spikes in (late, early):
        with pytest.raises(DataError, match="not in the order of trials and times"):
            export(changed(spikes={"hidden": spikes}), "csv", tmp_path / "b")


def test_where_data_come_from() -> None:
    data = about.provenance(random_records(3), "csv", ("pandas",))
    back = json.loads(about.as_text(data))
    assert back["about"] == ABOUT and back["simulated"] is True
    assert back["licence_of_the_stimuli"] == "CC-BY-4.0"
    assert back["citations"] == [
        "Learning rule three_factor: Nokland 2016, doi:10.48550/arXiv.1609.01596, eq. 4",
        "Learning rule delta: Nobody",
        "Feedback direct: Nokland (https://doi.org/10.48550/arXiv.1609.01596)",
    ]
    assert about.dois(ABOUT) == ["doi:10.48550/arXiv.1609.01596"]
    preprint = {"feedback": {"name": "direct", "source": "Nokland 2016 (arXiv:1609.01596)."}}
    assert about.dois(preprint) == ["doi:10.48550/arXiv.1609.01596"]
    assert about.created(ABOUT).isoformat() == ABOUT["created"]  # type: ignore[union-attr]
    assert back["populations"]["graded"] == {"units": 6, "kind": "Rate", "spikes_recorded": False}


@pytest.mark.parametrize("origin", [{}, {"rules": None, "feedback": None, "created": "once"}])
def test_what_is_not_known_is_said(origin: dict[str, Any]) -> None:
    records = dataclasses.replace(rate_records(), about=origin)
    assert about.created(origin) is None and about.citations(origin) == []
    assert "licence of the data: NOASSERTION" in about.story(records)
    numbers = dataclasses.replace(records, about={"seed": np.int64(3), "sizes": np.arange(2)})
    assert json.loads(about.as_text(about.provenance(numbers, "csv")))["about"]["sizes"] == [0, 1]


def test_stories_tell_model_and_data() -> None:
    told = about.story(random_records(3))
    assert 'Model: spiking_dfa (A network, with a "quoted" word and a second line). S' in told
    assert "Stimuli: 3 samples of the data set digits, shown for 5 ms each" in told
    plain = dataclasses.replace(random_records(3), about={"model": "mine"})
    assert " Model: mine. Stimuli: " in about.story(plain)
    titles = [{"run": "a/s0", "model": "b"}, {"model": "b"}, {}]
    assert [about.title(known) for known in titles] == ["a/s0", "b", "records"]


def test_metrics_know_their_rule_and_population() -> None:
    table = tables.measured(some_metrics(), ABOUT)
    assert table["value"].tolist() == [0.1, 12.5, 0.9, 81.25]
    assert table["population"].tolist() == ["", "hidden", "", "hidden"]
    assert table["rule"].tolist() == [*["three_factor; delta"] * 3, "three_factor"]
    assert tables.measured(some_metrics(), {})["rule"].tolist() == [""] * 4


@pytest.mark.thorough
def test_the_benchmark_measures_every_format() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "export.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for form in EXPORTERS:
        assert f"{form}: " in done.stdout
    assert "no" not in done.stdout.split("< 1000 MB")[-1].split()
