"""Data sets: what is read is what was written, and what is wrong is named. No network is used."""

import functools
import gzip
import hashlib
import http.server
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pooch
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from apical.data import registry as sources
from apical.data.datasets import Dataset, Samples, available, bars, blobs, fetch, load, path
from apical.data.idx import read_idx
from apical.errors import DataError, ParameterError

STEMS = sources.STEMS
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, size=(12, 4, 5), dtype=np.uint8)
LABELS = np.arange(12, dtype=np.uint8) % 3


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array of bytes in IDX form: magic number, big-endian sizes, values."""
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_idx(folder: Path, arrays: list[np.ndarray] | None = None, *, gz: bool = True) -> Path:
    """Write four IDX files into `folder`, by default small ones of 12 and 6 samples."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, array in zip(STEMS, arrays or [IMAGES, LABELS, IMAGES[:6], LABELS[:6]], strict=True):
        raw = idx_bytes(array)
        (folder / (f"{stem}.gz" if gz else stem)).write_bytes(gzip.compress(raw) if gz else raw)
    return folder


def write_npz(file: Path, **changes: Any) -> Path:
    """Write a good .npz file with some arrays changed; None leaves one out."""
    arrays: dict[str, Any] = {
        "x_train": IMAGES,
        "y_train": LABELS,
        "x_test": IMAGES[:6],
        "y_test": LABELS[:6],
    } | changes
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return file


@pytest.fixture(autouse=True)
def _closed_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No folders of the user's own, an empty cache, and no host but this one."""
    monkeypatch.delenv("APICAL_DATA_DIR", raising=False)
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("mnist", "fashion_mnist", "kmnist"):
        source = sources.SOURCES[name]
        refused = replace(source, url="http://127.0.0.1:9/")
        monkeypatch.setitem(sources.SOURCES, name, refused)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and counts what it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Publish small MNIST files on this host; yields the folder that is served."""
    folder = write_idx(tmp_path / "served")
    Quiet.asked = []
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        sums = tuple(
            hashlib.sha256((folder / f"{stem}.gz").read_bytes()).hexdigest() for stem in STEMS
        )
        url = f"http://127.0.0.1:{httpd.server_port}/"
        source = replace(sources.SOURCES["mnist"], url=url, sha256=sums)
        monkeypatch.setitem(sources.SOURCES, "mnist", source)
        yield folder
        httpd.shutdown()
        thread.join()


# Samples and data sets ------------------------------------------------------------------------


def test_blocks_are_float32_in_unit_range_whatever_the_index() -> None:
    samples = Samples(IMAGES.reshape(12, 20), LABELS.astype(np.int64), 255.0)
    flat = IMAGES.reshape(12, 20) / np.float32(255)
    for index in (slice(2, 7), [3, 1], np.array([5, 5]), np.arange(12) % 2 == 0, slice(None)):
        values, labels = samples.block(index)
        assert values.dtype == np.float32 and labels.dtype == np.int64
        np.testing.assert_array_equal(values, flat[index])
        np.testing.assert_array_equal(labels, LABELS[index])
    assert samples.block(4)[0].shape == (1, 20)
    assert samples.block([])[0].shape == (0, 20)
    assert len(samples) == 12


def test_the_largest_byte_is_exactly_one() -> None:
    samples = Samples(np.array([[0, 255]], np.uint8), np.zeros(1, np.int64), 255.0)
    assert samples.block(0)[0].tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.zeros((3, 2), np.float32), np.zeros(2, np.int64)),
        (np.zeros(3, np.float32), np.zeros(3, np.int64)),
        (np.zeros((3, 2)), np.zeros(3, np.int64)),
        (np.zeros((3, 2), np.uint8), np.zeros(3, np.uint8)),
    ],
)
def test_samples_refuse_arrays_that_do_not_fit(values: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"need values \(n, n_inputs\).*from_arrays"):
        Samples(values, labels)


def test_subset_takes_the_first_samples_without_copying() -> None:
    data = blobs(rng=np.random.default_rng(1))
    small = data.subset(10, 5)
    assert (len(small.train), len(small.test)) == (10, 5)
    assert np.shares_memory(small.train.values, data.train.values)
    assert small.n_classes == data.n_classes
    assert data.subset(None, 3).train is data.train
    np.testing.assert_array_equal(small.test.block(slice(None))[0], data.test.block(range(5))[0])


@pytest.mark.parametrize("asked", [(201, None), (None, 101), (0, None), (None, -1)])
def test_subset_refuses_what_is_not_there(asked: tuple[int | None, int | None]) -> None:
    with pytest.raises(
        ParameterError, match="blobs: (train|test) samples asked for: .*; there are"
    ):
        blobs(rng=np.random.default_rng(1)).subset(*asked)


def test_split_holds_out_training_samples_only() -> None:
    data = blobs(rng=np.random.default_rng(1))
    held = data.split(50, np.random.default_rng(2))
    assert (len(held.train), len(held.test)) == (150, 50)
    assert held.name == "blobs:validation"
    rows = np.concatenate([held.train.values, held.test.values])
    assert {row.tobytes() for row in rows} == {row.tobytes() for row in data.train.values}
    again = data.split(50, np.random.default_rng(2))
    np.testing.assert_array_equal(again.test.values, held.test.values)
    other = data.split(50, np.random.default_rng(3))
    assert not np.array_equal(other.test.values, held.test.values)


def test_the_last_training_samples_are_held_out() -> None:
    data = blobs(rng=np.random.default_rng(1))
    held = data.held_out(50)
    assert held.name == "blobs:validation"
    np.testing.assert_array_equal(held.train.values, data.train.values[:150])
    np.testing.assert_array_equal(held.test.labels, data.train.labels[150:])


@pytest.mark.parametrize("validation", [0, 200, 1000, -5])
def test_split_leaves_something_on_both_sides(validation: int) -> None:
    data = blobs(rng=np.random.default_rng(1))
    told = "blobs: validation .* 200 training samples; ask for 1 to"
    with pytest.raises(ParameterError, match=told):
        data.split(validation, np.random.default_rng(2))
    with pytest.raises(ParameterError, match=told):
        data.held_out(validation)


def test_blobs_are_linearly_separable_balanced_and_reproducible() -> None:
    data = blobs(120, 60, 15, 3, rng=np.random.default_rng(4))
    values, labels = data.test.block(slice(None))
    assert values.min() >= 0 and values.max() <= 1 and data.n_inputs == 15
    shares = np.stack([values[:, c::3].mean(axis=1) for c in range(3)], axis=1)
    np.testing.assert_array_equal(shares.argmax(axis=1), labels)
    assert np.bincount(data.train.labels).tolist() == [40, 40, 40]
    again = blobs(120, 60, 15, 3, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(again.train.values, data.train.values)


@pytest.mark.parametrize(
    "wrong", [{"n_classes": 1}, {"n_classes": 21}, {"n_train": 3}, {"n_test": 0}]
)
def test_blobs_refuse_what_cannot_be_made(wrong: dict[str, int]) -> None:
    with pytest.raises(ParameterError, match="blobs: needs 2 <= n_classes|n_test must be"):
        blobs(**wrong, rng=np.random.default_rng(0))


# Digits ---------------------------------------------------------------------------------------


def test_digits_are_split_once_and_for_all() -> None:
    data = load("digits")
    assert (len(data.train), len(data.test), data.n_classes) == (1437, 360, 10)
    assert data.shape == (8, 8) and data.n_inputs == 64
    assert data.train.values.dtype == np.uint8
    values = data.train.block(slice(None))[0]
    assert values.min() == 0 and values.max() == 1
    assert np.abs(np.bincount(data.test.labels) - 36).max() <= 1  # stratified
    np.testing.assert_array_equal(data.train.values, load("digits").train.values)
    shipped = path("digits")
    assert shipped is not None and shipped.is_file() and fetch("digits") == shipped


def test_digits_are_those_of_scikit_learn() -> None:
    found, data = load_digits(), load("digits")
    expected = train_test_split(
        found.images, found.target, test_size=0.2, stratify=found.target, random_state=0
    )
    given = (data.train.values, data.test.values, data.train.labels, data.test.labels)
    for ours, theirs in zip(given, expected, strict=True):
        np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)


# IDX files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("gz", [True, False])
@pytest.mark.parametrize("inside", ["mnist", "."])
def test_idx_files_are_found_and_read(tmp_path: Path, gz: bool, inside: str) -> None:
    write_idx(tmp_path / "own" / inside, gz=gz)
    data = load("mnist", tmp_path / "own")
    assert (data.name, data.n_classes, data.shape, data.n_inputs) == ("mnist", 3, (4, 5), 20)
    np.testing.assert_array_equal(data.train.values, IMAGES.reshape(12, 20))
    np.testing.assert_array_equal(data.test.labels, LABELS[:6])
    np.testing.assert_array_equal(
        data.test.block(slice(None))[0], IMAGES[:6].reshape(6, 20) / np.float32(255)
    )
    assert path("mnist", tmp_path / "own") == fetch("mnist", str(tmp_path / "own"))


def test_files_unpacked_on_the_way_keep_their_name_and_are_read(tmp_path: Path) -> None:
    write_idx(tmp_path)
    file = tmp_path / f"{STEMS[0]}.gz"
    file.write_bytes(gzip.decompress(file.read_bytes()))
    np.testing.assert_array_equal(load("mnist", tmp_path).train.values, IMAGES.reshape(12, 20))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=6)),
    gz=st.booleans(),
)
def test_idx_round_trip(tmp_path_factory: pytest.TempPathFactory, array: Any, gz: bool) -> None:
    file = tmp_path_factory.getbasetemp() / "round-trip"
    raw = idx_bytes(array)
    file.write_bytes(gzip.compress(raw, 1) if gz else raw)
    np.testing.assert_array_equal(read_idx(file, array.ndim), array)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=st.binary(max_size=40), magic=st.booleans(), gz=st.booleans())
def test_arbitrary_bytes_are_refused_or_read_never_crash(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, magic: bool, gz: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "arbitrary"
    raw = (b"\0\0\x08\x01" if magic else b"") + raw
    file.write_bytes(b"\x1f\x8b" + raw if gz else raw)
    n_values = int.from_bytes(raw[4:8], "big")
    if not gz and raw[:4] == b"\0\0\x08\x01" and n_values and len(raw) == 8 + n_values:
        assert read_idx(file, 1).size == n_values
    else:
        with pytest.raises(DataError) as caught:
            read_idx(file, 1)
        assert "\n" not in str(caught.value)


def damage(raw: bytes, how: str) -> bytes:
    """Return IDX bytes with something wrong."""
    match how:
        case "short":
            return raw[:-3]
        case "header":
            return raw[:7]
        case "long":
            return raw + b"\0"
        case "huge":
            return raw[:4] + b"\xff" * 12 + raw[16:]
        case "magic":
            return b"\0\0\x0d" + raw[3:]
        case "page":
            return b"<!doctype html><title>404</title>"
        case "cut gzip":
            return gzip.compress(raw)[:-20]
        case "bad gzip":
            packed = bytearray(gzip.compress(raw))
            packed[-6] ^= 255
            return bytes(packed)
        case _:
            return b""


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ("short", r"needs 256 bytes for shape \(12, 4, 5\), got 253; it is cut short or damaged"),
        ("header", "cut short or damaged"),
        ("long", "needs 256 bytes for shape .* got 257"),
        ("huge", "cut short or damaged"),
        ("magic", "starts with 0x00000803, this one with 0x00000d03; put the right file"),
        ("page", "starts with 0x00000803, this one with 0x3c21646f"),
        ("cut gzip", "cannot be read .* cut short or damaged, so fetch it again"),
        ("bad gzip", "cannot be read .*CRC.* fetch it again"),
        ("nothing", "starts with 0x00000803, this one with 0x;"),
    ],
)
def test_damaged_idx_files_are_named(tmp_path: Path, how: str, match: str) -> None:
    write_idx(tmp_path)
    (tmp_path / f"{STEMS[0]}.gz").write_bytes(damage(idx_bytes(IMAGES), how))
    with pytest.raises(DataError, match=f"{STEMS[0]}.gz: .*{match}") as caught:
        load("mnist", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ([IMAGES, LABELS[:11], IMAGES, LABELS], r"y_train: needs one label for each of 12 .*\(11,"),
        ([IMAGES, LABELS, IMAGES, LABELS[:1]], r"y_test: needs one label for each of 12 .*\(1,\)"),
        (
            [IMAGES, LABELS, IMAGES[:, 1:], LABELS],
            r"x_train .* \(4, 5\), x_test .* \(3, 5\); store",
        ),
        ([IMAGES, LABELS * 0, IMAGES, LABELS], "all training labels are 0; needs two classes"),
        ([IMAGES, LABELS * 2, IMAGES, LABELS], "class 1 has no training sample; number"),
        ([IMAGES, LABELS, IMAGES, LABELS + 1], "labels run to 3 but class 3 has no training"),
        ([IMAGES[:0], LABELS[:0], IMAGES, LABELS], r"train-images.*: is empty, shape \(0, 4, 5\)"),
        ([LABELS, LABELS, IMAGES, LABELS], "train-images.* with 3 dimensions starts with .*0801"),
        ([IMAGES, IMAGES, IMAGES, LABELS], "train-labels.* with 1 dimensions starts with .*0803"),
    ],
)
def test_idx_files_that_do_not_fit_together(
    tmp_path: Path, arrays: list[np.ndarray], match: str
) -> None:
    with pytest.raises(DataError, match=match):
        load("mnist", write_idx(tmp_path, arrays))


# Where files are ------------------------------------------------------------------------------


def test_data_dir_goes_before_variable_goes_before_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def distinct(folder: Path, n: int) -> Path:
        return write_idx(folder, [IMAGES[:n], LABELS[:n], IMAGES, LABELS])

    cache = distinct(tmp_path / "cache" / "data" / "mnist", 9)
    assert path("mnist") == cache
    distinct(tmp_path / "variable" / "mnist", 10)
    monkeypatch.setenv("APICAL_DATA_DIR", str(tmp_path / "variable"))
    assert len(load("mnist").train) == 10
    assert fetch("mnist") == path("mnist") == tmp_path / "variable" / "mnist"
    distinct(tmp_path / "argument", 11)
    assert len(load("mnist", tmp_path / "argument").train) == 11
    distinct(tmp_path / "argument" / "mnist", 12)  # its own folder before the files beside it
    assert len(load("mnist", tmp_path / "argument").train) == 12


def test_variable_without_the_files_leaves_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Path
) -> None:
    (tmp_path / "variable").mkdir()
    monkeypatch.setenv("APICAL_DATA_DIR", str(tmp_path / "variable"))
    assert path("mnist") is None
    assert len(load("mnist").train) == 12
    assert path("mnist") == tmp_path / "cache" / "data" / "mnist"
    monkeypatch.setenv("APICAL_DATA_DIR", "")
    assert path("mnist") == tmp_path / "cache" / "data" / "mnist"


def test_a_folder_that_was_named_is_meant(tmp_path: Path, server: Path) -> None:
    with pytest.raises(DataError, match=r"mnist: .* lacks train-images-.*put them there, or run"):
        load("mnist", tmp_path)
    with pytest.raises(DataError, match="mnist: data_dir is .*nowhere, which is no folder"):
        load("mnist", tmp_path / "nowhere")
    assert path("mnist", tmp_path) is None
    assert Quiet.asked == []


def test_a_folder_that_was_begun_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Path
) -> None:
    (write_idx(tmp_path / "own") / f"{STEMS[3]}.gz").unlink()
    monkeypatch.setenv("APICAL_DATA_DIR", str(tmp_path / "own"))
    with pytest.raises(DataError, match=r"own lacks t10k-labels-idx1-ubyte \(.gz or not\)"):
        load("mnist")
    monkeypatch.setenv("APICAL_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="APICAL_DATA_DIR is .*nowhere, which is no folder; make"):
        load("mnist")
    assert Quiet.asked == []


def test_one_data_set_never_passes_for_another(tmp_path: Path, server: Path) -> None:
    write_idx(tmp_path / "mnist")
    assert path("mnist", tmp_path / "mnist") == tmp_path / "mnist"
    with pytest.raises(DataError, match="kmnist: .* lacks"):
        load("kmnist", tmp_path / "mnist")
    # `server` publishes these very files as MNIST: their sums tell, whatever the folder is called.
    write_idx(tmp_path / "own")
    assert path("kmnist", tmp_path / "own") is None
    assert path("mnist", tmp_path / "own") == tmp_path / "own"


def test_available_says_where_everything_is(tmp_path: Path, monkeypatch: Any) -> None:
    write_idx(tmp_path / "cache" / "data" / "kmnist")
    write_idx(tmp_path / "own" / "fashion_mnist")
    monkeypatch.setenv("APICAL_DATA_DIR", str(tmp_path / "own"))
    listed = {source.name: source for source in available()}
    assert {name: source.where for name, source in listed.items()} == {
        "digits": "shipped with apical",
        "mnist": "to be downloaded",
        "fashion_mnist": "in APICAL_DATA_DIR",
        "kmnist": "cached",
        "saccadic_digits": "made of digits",
        "saccadic_mnist": "made of mnist",
        "spoken_digits": "to be made, by apical[speech]",
    }
    assert all(source.licence and source.url for source in listed.values())
    assert {source.where for source in available(tmp_path / "own")} >= {"in data_dir"}


def test_published_sums_are_well_formed_and_all_different() -> None:
    sums = [s for source in sources.SOURCES.values() for s in source.sha256]
    assert len(set(sums)) == 12 and all(len(s) == 64 and int(s, 16) for s in sums)


def test_default_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APICAL_CACHE_DIR")
    assert sources.cached("mnist").parts[-2:] == ("data", "mnist")
    assert "apical" in sources.cached("mnist").parts


# Downloads ------------------------------------------------------------------------------------


def test_download_fills_the_cache_once_and_quietly(
    tmp_path: Path,
    server: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pooch.get_logger(), "handlers", [caplog.handler])
    folder = tmp_path / "cache" / "data" / "mnist"
    assert path("mnist") is None
    assert fetch("mnist") == folder == path("mnist")
    assert not caplog.records and capfd.readouterr().err == ""
    assert sorted(Quiet.asked) == sorted(f"/{stem}.gz" for stem in STEMS)
    assert len(load("mnist").train) == 12
    assert len(Quiet.asked) == 4


def test_damaged_cache_is_mended(tmp_path: Path, server: Path) -> None:
    file = fetch("mnist") / f"{STEMS[1]}.gz"
    file.write_bytes(b"half")
    assert len(load("mnist").train) == 12
    assert Quiet.asked[4:] == [f"/{STEMS[1]}.gz"]


def test_fetch_into_a_folder_completes_it_and_overwrites_nothing(
    tmp_path: Path, server: Path
) -> None:
    assert fetch("mnist", tmp_path / "new") == tmp_path / "new" / "mnist"
    (tmp_path / "new" / "mnist" / f"{STEMS[2]}.gz").unlink()
    mine = tmp_path / "new" / "mnist" / f"{STEMS[0]}.gz"
    mine.write_bytes(gzip.compress(idx_bytes(IMAGES[::-1])))
    fetch("mnist", tmp_path / "new")
    assert Quiet.asked[4:] == [f"/{STEMS[2]}.gz"]
    np.testing.assert_array_equal(
        load("mnist", tmp_path / "new").train.values, IMAGES[::-1].reshape(12, 20)
    )


def test_wrong_sum_is_refused_and_nothing_kept(tmp_path: Path, server: Path) -> None:
    (server / f"{STEMS[0]}.gz").write_bytes(b"something else")
    with pytest.raises(DataError, match=f"{STEMS[0]}.gz: SHA-256 of what http.*nothing was kept"):
        load("mnist")
    assert list((tmp_path / "cache" / "data" / "mnist").iterdir()) == []


@pytest.mark.parametrize("cause", ["gone", "refused"])
def test_failed_download_says_which_file_and_how_to_do_without(
    server: Path, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    if cause == "gone":
        (server / f"{STEMS[2]}.gz").unlink()
    else:
        source = replace(sources.SOURCES["mnist"], url="http://127.0.0.1:9/")
        monkeypatch.setitem(sources.SOURCES, "mnist", source)
    match = r"ubyte.gz: cannot be downloaded from http://127.* --data-dir or APICAL_DATA_DIR"
    with pytest.raises(DataError, match=match) as caught:
        load("mnist")
    assert "\n" not in str(caught.value)


def test_folder_that_cannot_be_made(tmp_path: Path, server: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file.*cannot be made .*; name another folder"):
        fetch("mnist", tmp_path / "file")


# Archives and arrays --------------------------------------------------------------------------


def test_npz_round_trip(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "mine.npz")
    for name in (file, str(file)):
        data = load(name)
        np.testing.assert_array_equal(data.train.values, IMAGES.reshape(12, 20))
        assert data.train.scale == 255 and data.shape == (4, 5) and data.source == str(file)
    assert path(file) == fetch(file) == file


@pytest.mark.parametrize(
    ("factor", "dtype", "scale"),
    [(1.0, np.float64, 1.0), (0.25, np.float16, 1.0), (8.0, np.float32, 8.0), (16, np.int64, 16.0)],
)
def test_scale_of_what_is_not_bytes(tmp_path: Path, factor: Any, dtype: Any, scale: float) -> None:
    unit = np.linspace(0, 1, 12 * 6).reshape(12, 6)
    x = (unit * factor).astype(dtype)
    data = load(write_npz(tmp_path / "f.npz", x_train=x, x_test=x[:6]))
    assert data.train.scale == data.test.scale == scale and data.shape == (6,)
    assert data.train.values.dtype == (np.uint8 if dtype is np.int64 else np.float32)
    expected = x.astype(np.float32) / np.float32(scale)
    np.testing.assert_array_equal(data.train.block(slice(None))[0], expected)


def test_labels_stored_as_whole_floats_are_labels(tmp_path: Path) -> None:
    data = load(write_npz(tmp_path / "f.npz", y_train=LABELS.astype(np.float64)))
    assert data.train.labels.dtype == np.int64


FLOATS = IMAGES.astype(np.float64) / 255


def spoilt(value: float) -> np.ndarray:
    """Return float values in [0, 1] with one of them replaced."""
    wrong = FLOATS.copy()
    wrong[3, 2, 1] = value
    return wrong


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x_train": spoilt(np.nan), "x_test": FLOATS[:6]}, "x_train: holds NaN or infinite"),
        ({"x_train": FLOATS, "x_test": spoilt(-np.inf)[:6]}, "x_test: holds NaN or infinite"),
        ({"x_train": spoilt(1e300), "x_test": FLOATS[:6]}, "x_train: holds NaN or infinite"),
        ({"x_train": spoilt(-0.5), "x_test": FLOATS[:6]}, "x_train: values start at -0.5; .*>= 0"),
        (
            {"x_train": FLOATS, "x_test": FLOATS[:6] * 9},
            "above the scale 1; scale both parts alike",
        ),
        ({"x_train": IMAGES + 1j}, "x_train: needs real numbers, got complex128"),
        ({"x_train": np.array(["a"] * 12)}, "x_train: needs real numbers, got <U1"),
        ({"x_train": np.zeros(12)}, r"x_train: needs a non-empty array \(n, ...\), got .*\(12,\)"),
        ({"x_test": IMAGES[:0]}, r"x_test: needs a non-empty array .*\(0, 4, 5\)"),
        ({"y_train": LABELS[1:]}, r"y_train: needs one label for each of 12 .* got \(11,\)"),
        ({"y_train": np.eye(3)[LABELS] / 2}, r"y_train: .* of shape \(12, 3\); .*argmax"),
        ({"y_train": LABELS + 0.5}, "y_train: labels must be whole numbers .* float64"),
        ({"y_train": np.where(LABELS == 1, np.nan, 0)}, "y_train: labels must be whole numbers"),
        ({"y_train": np.where(LABELS == 1, np.inf, 0)}, "y_train: labels must be whole numbers"),
        ({"y_train": np.array(list("abcabcabcabc"))}, "y_train: labels must be whole .* <U1"),
        ({"y_test": LABELS[:6].astype(int) - 1}, "y_test: labels must be 0 to n_.* got -1 to 1"),
        ({"y_train": LABELS.astype(np.uint64) * 2**62}, "y_train: labels must be 0 to n_classes"),
        ({"y_train": LABELS * 0}, "all training labels are 0; needs two classes or more"),
        ({"y_train": LABELS + 1}, "class 0 has no training sample; number the classes from 0"),
        ({"y_train": None, "y_test": None, "z": LABELS}, "lacks y_train, y_test, holds x_train"),
        ({"x_train": np.array([{}, None])}, "cannot be read .*allow_pickle.*plain arrays"),
    ],
)
def test_unusable_arrays_are_named(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(DataError, match=f"bad.npz: .*{match}") as caught:
        load(write_npz(tmp_path / "bad.npz", **changes))
    assert "\n" not in str(caught.value)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(flag),)

    with pytest.raises(DataError, match="cannot be read"):
        load(write_npz(tmp_path / "bad.npz", x_train=np.array([Bomb()], dtype=object)))
    assert not flag.exists()


def test_files_that_are_no_archive(tmp_path: Path) -> None:
    file = tmp_path / "bad.npz"
    for raw in (b"", b"text", write_npz(tmp_path / "good.npz").read_bytes()[:300]):
        file.write_bytes(raw)
        with pytest.raises(DataError, match=r"bad.npz: not an .npz file \(or cut short\); write"):
            load(file)
    np.save(tmp_path / "one.npy", IMAGES)
    with pytest.raises(DataError, match="one.npy: not an .npz file"):
        load(tmp_path / "one.npy")


def test_damaged_archives(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "bad.npz")
    raw = bytearray(file.read_bytes())
    raw[raw.index(IMAGES.tobytes()) + 5] ^= 255
    file.write_bytes(raw)
    with pytest.raises(DataError, match="bad.npz: cannot be read .*CRC"):
        load(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    with pytest.raises(DataError, match="lacks x_train, .*, holds readme.txt; needs"):
        load(file)


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    match = "unknown data set 'minst'; choose digits, mnist, fashion_mnist, kmnist, .* or the path"
    for ask in (load, fetch, path):
        with pytest.raises(DataError, match=match):
            ask("minst")
    with pytest.raises(DataError, match="gone.npz: no such file"):
        load(tmp_path / "gone.npz")
    with pytest.raises(DataError, match="unknown data set"):
        load(tmp_path)


def test_from_arrays_takes_lists_and_a_scale() -> None:
    data = Dataset.from_arrays("mine", [[0, 4], [2, 0]], [0, 1], [[1, 1]], [1], scale=4)
    np.testing.assert_array_equal(data.train.block(slice(None))[0], [[0, 1], [0.5, 0]])
    assert (data.licence, data.source, data.shape) == ("unknown", "arrays", (2,))
    with pytest.raises(DataError, match="mine: values reach 4 in x_train .* above the scale 3"):
        Dataset.from_arrays("mine", [[0, 4], [2, 0]], [0, 1], [[1, 1]], [1], scale=3)


# The real thing -------------------------------------------------------------------------------

_REAL = Path(os.environ.get("APICAL_DATA_DIR", ""))


@pytest.mark.skipif(
    not any((_REAL / "mnist" / name).is_file() for name in (STEMS[0], f"{STEMS[0]}.gz")),
    reason="no MNIST files in APICAL_DATA_DIR",
)
def test_real_mnist_is_read_fast_and_kept_as_bytes() -> None:
    start = time.process_time()
    data = load("mnist", _REAL)
    assert time.process_time() - start < 1.5
    assert (len(data.train), len(data.test), data.n_classes) == (60_000, 10_000, 10)
    assert data.shape == (28, 28) and data.train.values.dtype == np.uint8
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.train.block(slice(0, 100))[0].max() == 1
    # As published, whatever program compressed the files.
    raw = bytes((0, 0, 8, 3)) + np.array([60_000, 28, 28], ">u4").tobytes()
    assert hashlib.sha256(raw + data.train.values.tobytes()).hexdigest() == (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    )


def test_bars_are_bright_rows() -> None:
    samples = bars(10, 3, rng=np.random.default_rng(0))
    images, labels = samples.block(slice(None))
    assert labels.tolist() == [0, 1, 2] * 3 + [0] and images.shape == (10, 9)
    bright = images.reshape(10, 3, 3) >= 0.9
    assert (bright.all(axis=2) == (labels[:, np.newaxis] == np.arange(3))).all()
    assert (images[~bright.reshape(10, 9)] <= 0.1).all()
