"""Files and folders are there whole or not at all, and nothing is left beside them."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from apical._base.whole_files import whole, write_whole


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def torn(file: BinaryIO) -> None:
    """Write a part, and fail as a full disk does."""
    file.write(b"tw")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(file: BinaryIO) -> None:
    """Write a part, and be interrupted."""
    file.write(b"tw")
    raise KeyboardInterrupt


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("writer", "raised"), [(torn, OSError), (interrupted, KeyboardInterrupt)])
def test_what_fails_leaves_what_was_there(
    writer: Callable[[BinaryIO], None], raised: type[BaseException], shared: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(raised):
        write_whole(path, writer, shared=shared)
    assert names(tmp_path) == []
    assert write_whole(path, b"one", shared=shared) == path
    with pytest.raises(raised):
        write_whole(path, writer, shared=shared)
    assert path.read_bytes() == b"one" and names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize("folder", [False, True])
def test_failures_at_the_end_leave_what_was_there(
    moment: str, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a"
    for content in ("one", "two"):
        if content == "two":

            def fail(*_: Any) -> None:
                monkeypatch.undo()  # putting back what was there is possible
                raise KeyboardInterrupt

            monkeypatch.setattr(os, moment, fail)
        try:
            with whole(target, folder=folder) as part:
                (part / "file" if folder else part).write_text(content)
        except KeyboardInterrupt:
            assert content == "two"
    assert (target / "file" if folder else target).read_text() == "one"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_cannot_take_its_place_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with whole(tmp_path / "a", folder=True) as part:
        (part / "file").write_text("one")
    replace, calls = os.replace, []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(OSError, match="Input/output"), whole(tmp_path / "a", folder=True) as part:
        (part / "file").write_text("two")
    assert len(calls) == 3
    assert (tmp_path / "a" / "file").read_text() == "one" and names(tmp_path) == ["a"]


def test_it_is_stored_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, replace, order = os.fsync, os.replace, []

    def noted(descriptor: int) -> None:
        order.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    def moved(source: Path, target: Path) -> None:
        order.append(-1)
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", moved)
    write_whole(tmp_path / "a", b"three")
    assert order == [5, -1]
    with whole(tmp_path / "b", folder=True) as part:
        (part / "inner").mkdir()
        (part / "inner" / "file").write_bytes(b"four")
    assert order[2:] == [4, -1]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_are_those_of_the_umask(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        path = write_whole(tmp_path / "a", b"one")
        plain = tmp_path / "plain"
        plain.write_bytes(b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert path.stat().st_mode == plain.stat().st_mode


def test_one_name_beside_it_and_one_each_where_it_is_shared(tmp_path: Path) -> None:
    with whole(tmp_path / "a.nwb") as part:
        assert part.name == ".a.nwb.part"
        part.touch()
    with whole(tmp_path / "a.nwb", shared=True) as one, whole(tmp_path / "a.nwb", shared=True) as b:
        assert one != b and one.suffix == b.suffix == ".nwb"
        one.write_text("one")
        b.write_text("other")
    assert (tmp_path / "a.nwb").read_text() == "one" and names(tmp_path) == ["a.nwb"]


def test_what_stands_in_the_way_is_not_removed(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a", b"one")
    (tmp_path / ".a.part").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one" and names(tmp_path) == [".a.part", "a"]
