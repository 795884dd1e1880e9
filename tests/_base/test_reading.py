"""Readers with limits: what they take, what they refuse, and that they never fail otherwise."""

import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apical._base import memory, reading
from apical._base.memory import check_memory, free_memory, sized
from apical._base.parameters import Checksum, CountOrZero, Line, Share
from apical._base.reading import UnreadableError, read_arrays, read_json, read_rows, read_toml
from apical.errors import ApicalError, ParameterError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@dataclass(frozen=True)
class Schema:
    """A schema of every kind of entry."""

    epoch: CountOrZero
    share: Share
    name: Line
    sha: Checksum = ""
    more: Share | None = None


GOOD = {"epoch": 1, "share": 0.5, "name": "a"}


def written(folder: Path, content: bytes | str) -> Path:
    file = folder / "file"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refused(reader: Any, file: Path, match: str) -> None:
    with pytest.raises(UnreadableError, match=match) as caught:
        reader(file)
    text = str(caught.value)
    assert text.startswith(f"{file}") and "\n" not in text and len(text) < 1000


def read_or_refused(reader: Callable[[], Any]) -> Any:
    """Return what is read; None if it is refused, in one line."""
    try:
        return reader()
    except UnreadableError as error:
        said = str(error)
    assert "\n" not in said
    return None


# JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a":' * 100_000, "nested deeper than 64 levels"),
        ('{"a": 1, "b": 2, "a": 3}', "it holds 'a' twice"),
        ('{"a": {"b": 1, "b": 1}}', "it holds 'b' twice"),
        ('{"a": ' + "9" * 5000 + "}", "a whole number of 5000 digits, and at most 40"),
        ('{"a": "\\ud800"}', "half of a character"),
        ('{"a": "\\u0000"}', r"the character \\u0000"),
        ("[1]", "must hold one JSON object"),
        ("3", "must hold one JSON object"),
        ("", "Expecting value"),
        (b"\xff\xfe{}", "invalid start byte"),
        (b'{"a": "\xed\xa0\x80"}', "invalid continuation byte"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: str | bytes, match: str) -> None:
    refused(read_json, written(tmp_path, text), match)


def test_brackets_inside_text_are_no_depth(tmp_path: Path) -> None:
    content = {"a": "[" * 1000 + '\\"[{', "b": "\u00fc"}
    for ascii_only in (True, False):
        file = written(tmp_path, json.dumps(content, ensure_ascii=ascii_only))
        assert read_json(file) == content
    assert read_json(written(tmp_path, '{"a": NaN, "b": [[1e999]]}'))["b"] == [[float("inf")]]


def test_files_that_are_none(tmp_path: Path) -> None:
    refused(read_json, tmp_path / "gone", "No such file")
    refused(read_json, tmp_path, "no ordinary file")
    os.mkfifo(tmp_path / "pipe")
    refused(read_json, tmp_path / "pipe", "no ordinary file")


def test_large_text_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "large"
    with file.open("wb") as content:
        content.truncate(8_000_000_000)  # takes no room on the disk
    refused(read_json, file, "it has 8 GB, and at most 64 MB are read")
    refused(read_toml, file, "it has 8 GB, and at most 64 MB are read")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"epoch": -1}, "epoch must be one whole number >= 0.*, got -1"),
        ({"epoch": 10**30}, "epoch must be one whole number .*got 1000"),
        ({"epoch": 1.5}, "epoch must be"),
        ({"epoch": True}, "epoch must be"),
        ({"share": float("nan")}, "share must be one finite number"),
        ({"share": 1.01}, "share must be"),
        ({"share": 10**39}, "share must be"),
        ({"share": None}, "share must be"),
        ({"share": "0.5"}, "share must be"),
        ({"name": "x" * 1001}, "name must be text of at most 1,000 characters"),
        ({"name": ["a"]}, "name must be text"),
        ({"sha": "0" * 63}, "sha must be text"),
        ({"more": []}, "more must be one finite number.*or None"),
        ({"share": ...}, "it lacks 'share'"),
    ],
    ids=str,
)
def test_what_does_not_conform_is_named(
    tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    content = {name: v for name, v in {**GOOD, **changes}.items() if v is not ...}
    file = written(tmp_path, json.dumps(content))
    refused(lambda path: read_json(path, Schema), file, match)
    assert read_json(written(tmp_path, json.dumps(GOOD)), Schema) == GOOD
    assert read_json(written(tmp_path, json.dumps({**GOOD, "else": [{}]})), Schema)["else"]


@settings(deadline=None, max_examples=300)
@given(raw=st.binary(max_size=60), content=VALUES, as_bytes=st.booleans())
def test_any_json_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, content: Any, as_bytes: bool
) -> None:
    text = raw if as_bytes else json.dumps(content).encode()
    file = written(tmp_path_factory.getbasetemp(), text)
    found = read_or_refused(lambda: read_json(file, Schema))
    if found is not None:
        assert 0 <= found["epoch"] < 2**31 and 0 <= found["share"] <= 1


@settings(deadline=None, max_examples=200)
@given(changes=st.dictionaries(st.sampled_from([*GOOD, "sha", "more", "x"]), VALUES, max_size=3))
def test_any_object_conforms_or_is_refused(changes: dict[str, Any]) -> None:
    conforms = read_or_refused(lambda: reading.conform(GOOD | changes, Schema, "file") or True)
    assert conforms or set(changes) & {*GOOD, "sha", "more"}


# CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"a,b\n1\n", "line '1' is cut short"),
        (b"a,b\n1,2,3\n", "line '1,2,3' is cut short or too long"),
        (b"b,a\n1,2\n", "its first line is 'b,a'"),
        (b"", "its first line is ''"),
        (b"a,b\n1,\0\n", "bytes of 0"),
        (b"a,b\n1,\xff\n", "invalid start byte"),
        (b"a,b\n" + b"1" * 70_000 + b",2\n", "more than 65,536 bytes"),
        (b'a,b\n"1,2\n', "unexpected end of data"),
    ],
)
def test_csv_that_is_refused(tmp_path: Path, content: bytes, match: str) -> None:
    file = written(tmp_path, content)
    refused(lambda path: list(read_rows(path, [("a", "b")])), file, match)


def test_numbers_of_cells() -> None:
    assert reading.whole("12", "f", "epoch") == 12
    assert reading.real("-1e3", "f", "value") == -1000
    assert np.isnan(reading.real("nan", "f", "value"))
    for text in ("-1", "1.0", "", "\u0661", "9" * 5000, "1_0", "+1", " 1"):
        with pytest.raises(UnreadableError, match="epoch is .* no whole number of 0 or more"):
            reading.whole(text, "f", "epoch")
    for text in ("", "a", "1_0", "\u0661", "9" * 5000):
        with pytest.raises(UnreadableError, match="value is .* no number"):
            reading.real(text, "f", "value")


@settings(deadline=None, max_examples=200)
@given(raw=st.binary(max_size=80))
def test_any_csv_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = written(tmp_path_factory.getbasetemp(), b"a,b\n" + raw)
    rows = read_or_refused(lambda: list(read_rows(file, [("a", "b")])))
    assert all(set(row) == {"a", "b"} for row in rows or ())


# npz ------------------------------------------------------------------------------------------

ARRAYS = {"w": np.arange(6.0).reshape(2, 3), "about": np.array("text")}


def archive(
    folder: Path,
    header: bytes | None = None,
    *,
    content: bytes = b"",
    name: str = "w.npy",
    **options: Any,
) -> Path:
    """Write an npz file with one array, of which header and content are given."""
    file = io.BytesIO()
    if header is None:
        np.save(file, ARRAYS["w"])
    else:
        header = header.ljust(118) + b"\n"
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content)
    path = folder / "some.npz"
    with zipfile.ZipFile(path, "w", **options) as packed:
        packed.writestr(name, file.getvalue())
    return path


def declared(shape: str, kind: str = "'<f8'") -> bytes:
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode()


def test_arrays_are_read(tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    for save in (np.savez, np.savez_compressed):
        save(file, **ARRAYS, empty=np.zeros((0, 3)), f=np.asfortranarray(ARRAYS["w"]))
        found = read_arrays(file)
        assert set(found) == {"w", "about", "empty", "f"}
        np.testing.assert_array_equal(found["w"], ARRAYS["w"])
        np.testing.assert_array_equal(found["f"], ARRAYS["w"])
        assert str(found["about"]) == "text" and found["empty"].shape == (0, 3)


@pytest.mark.parametrize(
    ("header", "match"),
    [
        (declared("(1000000000,)"), "'w' has shape .*, which is 8 GB, but 0 bytes are there"),
        (declared("(99999999999999999999,)"), "'w' has shape"),
        (declared("(-1,)"), "has the shape"),
        (declared("(1.5,)"), "shape is not valid"),
        (declared("(2, 3)", "'|O'"), "holds objects"),
        (declared("(2,)", "[('a', '<f4')]"), "no plain numbers"),
        (declared("(2,)", "'<c16'"), "no plain numbers"),
        (declared("(1,)", "'<U100000000'"), "has shape"),
        (declared("(1,)", "'<U1000000000'"), "not a valid dtype"),
        (declared("(1,)", "'nothing'"), "not a valid dtype"),
        (b"{" + b"[" * 110, "Cannot parse header|never closed|EOF|nested"),
        (b"no header", "Cannot parse header|invalid syntax"),
    ],
)
def test_headers_that_are_refused(tmp_path: Path, header: bytes, match: str) -> None:
    refused(read_arrays, archive(tmp_path, header), match)


def test_archives_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(read_arrays, written(tmp_path, b""), "no npz file, or cut short")
    refused(read_arrays, written(tmp_path, b"PK\x05\x06" + b"\xff" * 18), "declares 65,535 arrays")
    refused(read_arrays, archive(tmp_path, name="readme.txt"), "'readme.txt', which is no array")
    refused(read_arrays, archive(tmp_path, compression=zipfile.ZIP_LZMA), "packed in a way")
    with (
        zipfile.ZipFile(archive(tmp_path), "a") as packed,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        packed.writestr("w.npy", packed.read("w.npy"))
    refused(read_arrays, tmp_path / "some.npz", "holds 'w' twice")
    monkeypatch.setattr(reading, "MOST_ARRAYS", 3)
    np.savez(tmp_path / "some.npz", *(np.zeros(1) for _ in range(4)))
    refused(read_arrays, tmp_path / "some.npz", "declares 4 arrays, and at most 3 are read")


def test_an_archive_that_unpacks_to_a_thousand_times_its_size(tmp_path: Path) -> None:
    """8 MB that hold 8 GB of zeros are refused before anything is allocated."""
    path, chunk = tmp_path / "bomb.npz", bytes(1_000_000)
    count = 400
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("w.npy", "w") as f:
        header = declared(f"({count * len(chunk) // 8},)").ljust(118) + b"\n"
        f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        for _ in range(count):
            f.write(chunk)
    assert path.stat().st_size < count * len(chunk) / 900
    tracemalloc.start()
    refused(read_arrays, path, "'w' unpacks to 400 MB from 38. kB, more than 250 times as much")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_arrays_larger_than_free_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "some.npz", a=np.zeros(1000), b=np.zeros(1000))
    monkeypatch.setattr(reading, "free_memory", lambda: 15_999)
    refused(read_arrays, tmp_path / "some.npz", "declares arrays of 16 kB, and 16 kB of memory")


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_any_change_of_an_archive_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    np.savez(folder / "some.npz", **ARRAYS)
    raw = bytearray((folder / "some.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    file = written(folder, bytes(raw))
    found = read_or_refused(lambda: read_arrays(file))
    assert all(isinstance(values, np.ndarray) for values in (found or {}).values())


# Memory ---------------------------------------------------------------------------------------


def test_free_memory_is_the_least_of_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 1e6 < free_memory() < 1e15
    monkeypatch.setattr(memory, "_groups", lambda: [tmp_path])
    assert free_memory() > 1e6  # a group without limits
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert free_memory() == 1_500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > 1_500_000


def test_what_does_not_fit_is_said_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2e9)
    check_memory(2e9, "Weights", "hidden")
    match = "Weights would take 3 GB of memory, and 2 GB are free; lower hidden, or take a machine"
    with pytest.raises(ParameterError, match=match):
        check_memory(3e9, "Weights", "hidden")
    assert [sized(n) for n in (0, 999, 1e3, 2.5e6, 1.4e12, 7e20)] == [
        *("0 bytes", "999 bytes", "1 kB", "2.5 MB", "1.4 TB"),
        "7.0e+05 PB",
    ]


def test_errors_are_ours() -> None:
    assert issubclass(UnreadableError, ApicalError)
