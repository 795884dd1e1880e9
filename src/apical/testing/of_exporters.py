"""Contracts of exporters."""

import tempfile
from pathlib import Path

from apical.errors import RunError
from apical.export import export
from apical.export.exporter import Exporter
from apical.export.names import ABOUT
from apical.records.arrays import Records
from apical.testing.contracts import contract, expect
from apical.testing.references import records


def _written(exporter: Exporter, what: Records, folder: str) -> dict[str, bytes]:
    """Export records; return the content of all files, by name."""
    path = Path(folder, f"it{exporter.suffix}")
    export(what, exporter.name, path, overwrite=True)
    files = [path] if exporter.suffix else sorted(p for p in path.rglob("*") if p.is_file())
    return {file.name: file.read_bytes() for file in files}


@contract("exporter")
def says_what_it_is(exporter: Exporter) -> None:
    """It has a name, a description, and a suffix that begins with a dot, or none."""
    expect(exporter.name and exporter.about, f"{exporter!r} lacks a name or a description.")
    pointed = exporter.suffix[:1] in ("", ".")
    expect(pointed, f"The suffix {exporter.suffix!r} does not begin with a dot.")


@contract("exporter")
def writes_something_whole(exporter: Exporter) -> None:
    """It writes files that are not empty; a folder contains provenance."""
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        files = _written(exporter, records(), folder)
        expect(files and all(files.values()), f"Exporter {exporter.name!r} writes nothing.")
        told = bool(exporter.suffix) or ABOUT in files
        expect(told, f"Exporter {exporter.name!r} writes no provenance of its files.")
        left = [path.name for path in Path(folder).iterdir() if path.name.startswith(".")]
        expect(not left, f"Exporter {exporter.name!r} leaves {', '.join(left)} behind.")


@contract("exporter")
def overwrites_nothing_unasked(exporter: Exporter) -> None:
    """Existing files are not overwritten by default."""
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        _written(exporter, records(), folder)
        try:
            export(records(), exporter.name, Path(folder, f"it{exporter.suffix}"))
        except RunError:
            return
        raise AssertionError(f"Exporter {exporter.name!r} overwrites existing files.")


@contract("exporter")
def loses_neither_spikes_nor_signals(exporter: Exporter) -> None:
    """A different spike time, or value of a signal, gives different files."""
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        plain = _written(exporter, records(), folder)
        for what, changed in (("spikes", records(time=13.5)), ("signals", records(value=0.75))):
            other = _written(exporter, changed, folder)
            same = {name: data for name, data in plain.items() if name != ABOUT} == {
                name: data for name, data in other.items() if name != ABOUT
            }
            expect(not same, f"Exporter {exporter.name!r} loses {what}.")


@contract("exporter")
def comes_back_as_it_was(exporter: Exporter) -> None:
    """Reading back returns the spikes and signals that were written."""
    if exporter.read is None:
        return
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        path = Path(folder, f"it{exporter.suffix}")
        written = records()
        export(written, exporter.name, path)
        found = exporter.read(path)
        here, there = written.to_arrays(), found.to_arrays()
        for name, values in here.items():
            same = name in there and (values == there[name]).all()
            expect(same, f"Exporter {exporter.name!r} does not read back {name!r}.")
