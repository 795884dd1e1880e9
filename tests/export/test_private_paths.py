"""Nothing that is passed on says in which folders of which machine it was made."""

import json
from pathlib import Path

import numpy as np
import pytest

from apical import datasets
from apical._base.private_paths import bare
from apical.export import EXPORTERS, export
from apical.records.arrays import Records
from apical.report import write_report
from apical.runs.directory import LOCAL
from apical.runs.experiment import Experiment, read_experiment
from apical.runs.open import metrics_of, open_run, read_records, write_records
from apical.runs.run import resume, run

SECRET = "of-jane-doe"
MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run of a model script and of data that both lie in it."""
    place = tmp_path_factory.mktemp("private") / SECRET
    place.mkdir()
    (place / "mine.py").write_text((MODELS / "rate_dfa.py").read_text())
    data = datasets.load("digits")
    arrays = {
        f"{kind}_{part}": getattr(getattr(data, part), name)[:40]
        for part in ("train", "test")
        for kind, name in (("x", "values"), ("y", "labels"))
    }
    np.savez(place / "own.npz", **arrays)
    what = Experiment(
        str(place / "mine.py"), dataset=str(place / "own.npz"), scale=16.0, epochs=1, batch=4
    )
    run(what, place / "run", progress=False)
    write_records(place / "run", open_run(place / "run").record(4))
    return place


def told(path: Path) -> bytes:
    """Return everything that is in the files of a place, compressed or not."""
    found = b""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file() or file.name == LOCAL:
            continue
        found += file.read_bytes()
        if file.suffix == ".npz":
            with np.load(file) as arrays:
                found += b"".join(
                    str(arrays[k]).encode() for k in arrays if arrays[k].dtype.kind == "U"
                )
    return found


def test_files_of_a_run_and_its_report(folder: Path) -> None:
    write_report([open_run(folder / "run")], folder / "report.html", trials=4)
    for path in (folder / "run", folder / "report.html"):
        assert SECRET.encode() not in told(path) and b"mine.py:" in told(path)
    assert SECRET in (folder / "run" / LOCAL).read_text()


@pytest.mark.parametrize("form", EXPORTERS)
def test_exports(form: str, folder: Path, tmp_path: Path) -> None:
    records, path = read_records(folder / "run"), tmp_path / f"it{EXPORTERS[form].suffix}"
    export(records, form, path, metrics=metrics_of(folder / "run"))
    content = told(path)
    assert SECRET.encode() not in content
    assert b"own.npz" in content and b"mine.py:" in content and b"test_accuracy" in content


def test_exports_of_records_that_have_such_paths(folder: Path, tmp_path: Path) -> None:
    records = read_records(folder / "run")
    where = str(folder / "mine.py")
    about = {**records.about, "dataset": where, "scorecard": [{"place": f"{where}:3"}]}
    old = Records.from_arrays(records.to_arrays() | _told(records, about))
    path = export(old, "csv", tmp_path / "csv")
    assert SECRET.encode() not in told(path) and b'"mine.py:3"' in told(path)


def _told(records: Records, about: dict[str, object]) -> dict[str, np.ndarray]:
    content = json.loads(str(records.to_arrays()["records"]))
    return {"records": np.array(json.dumps({**content, "about": about}))}


def test_a_run_goes_on_with_them_and_does_not_need_them(folder: Path) -> None:
    experiment = read_experiment(folder / "run")
    assert experiment.model == str(folder / "mine.py")
    assert experiment.dataset == str(folder / "own.npz")
    resume(folder / "run", epochs=2, progress=False, draw=False)
    assert SECRET.encode() not in told(folder / "run")
    (folder / "run" / LOCAL).unlink()
    assert read_experiment(folder / "run").model == "mine.py"


def test_paths_of_another_model_are_not_taken(folder: Path) -> None:
    (folder / "run" / LOCAL).write_text(json.dumps({"model": "/elsewhere/other.py"}))
    assert read_experiment(folder / "run").model == "mine.py"
    (folder / "run" / LOCAL).unlink()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/home/jane/it.py", "it.py"),
        ("~/it.py:31", "it.py:31"),
        (r"C:\Users\jane\it.py", "it.py"),
        ("C:/Users/jane/it.py", "it.py"),
        (r"\\server\jane\it.py", "it.py"),
        ("/home/jane/folder/", "folder"),
        ("models/it.py", "models/it.py"),
        ("https://doi.org/10", "https://doi.org/10"),
        ("dv/dt = -v/tau", "dv/dt = -v/tau"),
        ("/", "/"),
        ((1, "/a/b", None), [1, "b", None]),
    ],
)
def test_what_is_a_path(value: object, expected: object) -> None:
    assert bare(value) == expected
    assert bare({"k": [value]}) == {"k": [expected]}
