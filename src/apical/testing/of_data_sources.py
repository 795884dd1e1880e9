"""Contracts of data sources. They are looked up by name, so they have to be registered.

Nothing is downloaded: what is about samples is checked where they are on this machine already.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path

import numpy as np

from apical._base.folders import CACHE
from apical.data.datasets import Dataset, load
from apical.data.registry import DATA_DIR, SOURCES, STEMS, Source, cached, path
from apical.errors import ApicalError, DataError, ParameterError
from apical.testing.contracts import contract, expect


@cache
def _loaded(name: str) -> Dataset | None:
    """Return a data set; None for one that is downloaded, or much work, and not on this machine."""
    base = SOURCES[name].made_of
    if base and SOURCES[base].sha256:  # much work; what is made of shipped samples shows as much
        return None
    elsewhere = SOURCES[name].sha256 or SOURCES[name].generate
    return None if elsewhere and path(name) is None else load(name)


def _of_samples(check: Callable[[Source, Dataset], None]) -> Callable[[Source], None]:
    """Hold to a contract only those sources whose samples can be loaded here."""

    @wraps(check)
    def held(source: Source) -> None:
        data = _loaded(source.name)
        if data is not None:
            check(source, data)

    return held


def _same(one: Dataset, other: Dataset) -> bool:
    return all(
        all(map(np.array_equal, here.arrays, there.arrays))
        for here, there in ((one.train, other.train), (one.test, other.test))
    )


def _drawn() -> str:
    """Return NumPy's global random state, which nothing may draw from."""
    return repr(np.random.get_state(legacy=False))  # noqa: NPY002


@contextmanager
def _nothing_there() -> Iterator[Path]:
    """Within it, folders of data and the cache are empty, and the same folder is yielded."""
    before = {name: os.environ.get(name) for name in (DATA_DIR, CACHE)}
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        os.environ.update(dict.fromkeys(before, folder))
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


@contract("data source")
def says_what_it_is(source: Source) -> None:
    """It has its registered name, a licence and an address, and loads or downloads."""
    expect(source.name in SOURCES, f"Data source {source.name!r} is registered by another name.")
    expect(source.licence and source.where, f"Data source {source.name!r} lacks licence or where.")
    expect(source.url, f"Data source {source.name!r} lacks the address of what it publishes.")
    ways = bool(source.sha256), source.load is not None, source.make is not None
    expect(sum(ways) == 1, f"Data source {source.name!r} needs one of sha256, load and make.")
    known = source.make is None or source.made_of in SOURCES
    expect(known, f"Data source {source.name!r} is made of {source.made_of!r}, which is unknown.")
    expect(
        source.n_train >= 1 and source.n_test >= 1 and source.n_classes >= 2,
        f"Data source {source.name!r}: numbers of samples and classes make no sense.",
    )


@contract("data source")
def downloads_are_checked(source: Source) -> None:
    """What it downloads has a SHA-256 for each file, which files in the cache have."""
    if not source.sha256:
        return
    sums = {one for one in source.sha256 if re.fullmatch("[0-9a-f]{64}", one)}
    expect(
        len(sums) == len(STEMS),
        f"Data source {source.name!r} needs {len(STEMS)} different SHA-256 of 64 hexadecimal "
        "digits.",
    )
    expect(source.url.endswith("/"), f"The address of {source.name!r} must end with a slash.")
    for stem, sha256 in zip(STEMS, source.sha256, strict=True):
        file = cached(source.name) / f"{stem}.gz"
        if file.is_file():
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            expect(found == sha256, f"{file}: not what {source.name!r} publishes, by its SHA-256.")


@contract("data source")
@_of_samples
def shapes_and_types_fit(source: Source, data: Dataset) -> None:
    """Values are uint8 or float32, (n, n_inputs), and n_inputs is the size of a sample's shape."""
    expect(data.name == source.name, f"The data of {source.name!r} are called {data.name!r}.")
    expect(data.licence == source.licence, f"The data of {source.name!r} have another licence.")
    for part in (data.train, data.test):
        if part.are_events:
            fits = part.rows(slice(None)).shape == (len(part), data.n_inputs)
            expect(fits, f"{source.name!r}: samples of {data.shape} have no {data.n_inputs}.")
            continue
        expect(
            part.values.dtype in (np.uint8, np.float32) and part.labels.dtype == np.int64,
            f"{source.name!r}: needs values of uint8 or float32 and labels of int64; see "
            "Dataset.from_arrays.",
        )
        fits = part.values.shape == (len(part), data.n_inputs)
        expect(fits, f"{source.name!r}: samples of shape {data.shape} have no {data.n_inputs}.")
    told = (source.n_train, source.n_test, source.n_classes)
    found = (len(data.train), len(data.test), data.n_classes)
    files = bool(source.sha256)  # of one's own, which may hold others
    expect(
        files or told == found, f"{source.name!r} tells {told} samples and classes, has {found}."
    )


@contract("data source")
@_of_samples
def stimuli_are_in_range(source: Source, data: Dataset) -> None:
    """Training stimuli lie in [0, 1] and differ; test stimuli are finite and not negative.

    Of events there are some; their times and channels are checked where they are made.
    """
    if data.train.are_events:
        counted = np.asarray(data.train.rows(slice(100)))  # of each channel
        expect((counted > 0).any(), f"{source.name!r}: its first samples have no events.")
        return
    values, _ = data.train.block(slice(None))
    least, most = float(values.min()), float(values.max())
    inside = 0 <= least < most <= 1
    expect(inside, f"{source.name!r}: training stimuli from {least:g} to {most:g}; see scale.")
    tested, _ = data.test.block(slice(None))
    positive = np.isfinite(tested).all() and tested.min() >= 0
    expect(positive, f"{source.name!r}: test stimuli must be finite and not negative.")


@contract("data source")
@_of_samples
def every_class_is_labelled(source: Source, data: Dataset) -> None:
    """Labels run from 0 to n_classes - 1; every class has training samples."""
    found = np.unique(data.train.labels)
    every = np.array_equal(found, np.arange(data.n_classes))
    expect(every, f"{source.name!r}: classes {found.tolist()} are not 0 to {data.n_classes - 1}.")
    known = np.isin(data.test.labels, found).all()
    expect(known, f"{source.name!r}: test labels are of classes that were not learned.")


@contract("data source")
@_of_samples
def the_same_is_loaded_again(source: Source, data: Dataset) -> None:
    """Loading is deterministic, and does not use NumPy's global random state."""
    drawn = _drawn()
    again = load(source.name)
    expect(_same(data, again), f"{source.name!r}: other samples when it is loaded again.")
    expect(_drawn() == drawn, f"{source.name!r} draws from NumPy's global random state.")


@contract("data source")
@_of_samples
def a_split_follows_its_seed(source: Source, data: Dataset) -> None:
    """The same seed holds out the same samples, another seed others; nothing is lost."""
    n = max(1, len(data.train) // 4)
    one, same, other = (data.split(n, np.random.default_rng(seed)) for seed in (0, 0, 1))
    expect(_same(one, same), f"{source.name!r}: the same seed splits it differently.")
    expect(not _same(one, other), f"{source.name!r}: all seeds split it alike.")
    expect(len(one.test) == n and len(one.train) == len(data.train) - n, "Samples were lost.")
    labels = np.sort(np.concatenate([one.train.labels, one.test.labels]))
    kept = np.array_equal(labels, np.sort(data.train.labels))
    expect(kept, f"{source.name!r}: a split changes labels.")


@contract("data source")
@_of_samples
def a_scale_is_taken(source: Source, data: Dataset) -> None:
    """A given scale is that of both parts, stored values are unchanged; a bad one is refused.

    Events have no scale, so that any but 1 is refused.
    """
    if data.train.are_events:
        expect(load(source.name, scale=1.0).train.scale == 1, f"{source.name!r} has a scale.")
        try:
            load(source.name, scale=2.0)
        except DataError:
            return
        raise AssertionError(f"Data source {source.name!r} takes a scale, and holds events.")
    scale = 2 * data.train.scale
    other = load(source.name, scale=scale)
    taken = other.train.scale == other.test.scale == scale
    expect(taken, f"{source.name!r} ignores the scale {scale:g}.")
    expect(_same(data, other), f"{source.name!r}: stored values change with the scale.")
    try:
        load(source.name, scale=-1.0)
    except ParameterError:
        return
    raise AssertionError(f"Data source {source.name!r} takes a scale of -1.")


@contract("data source")
def missing_files_are_named(source: Source) -> None:
    """Without its files it loads what it ships, or raises a DataError of one line that names it.

    What would be made then, by much work, is left out.
    """
    if source.generate is not None:
        return
    with _nothing_there() as folder:
        try:
            load(source.name, folder if source.sha256 or source.made_of else None)
        except DataError as error:
            told = source.name in error.message and "\n" not in error.message
            expect(told, f"Data source {source.name!r}: {error.message}")
        except (ApicalError, OSError) as error:
            raise AssertionError(f"{source.name!r}: needs a DataError, got {error!r}.") from error
        else:
            base = SOURCES[source.made_of] if source.made_of else source
            expect(not base.sha256, f"Data source {source.name!r} loads files that are missing.")
