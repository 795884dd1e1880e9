"""`apical cache`: what it shows, and what it removes."""

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apical._base import cache
from apical.cli.cache import cache_command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache with three programs, a loop and a data set; the older, the smaller."""
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv(cache.LIMIT, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for k, path in enumerate(("programs/a", "programs/b", "programs/c", "loops/d")):
        program = tmp_path / "cache" / path
        program.mkdir(parents=True)
        (program / "main").write_bytes(os.urandom(100_000 * (k + 1)))
        (program / ".used").touch()
        then = time.time() - 86_400 * (40 - 10 * k) + 60
        os.utime(program / ".used", (then, then))
    (tmp_path / "cache" / "data" / "mnist").mkdir(parents=True)
    return tmp_path / "cache"


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(cache_command, arguments)
    assert result.exit_code == 0 or result.exception is not None
    return result


def names(folder: Path) -> list[str]:
    return sorted(path.name for kind in cache.KINDS for path in (folder / kind).iterdir())


def test_it_shows_size_age_and_entries(folder: Path) -> None:
    out = call().output
    (row,) = (line for line in out.splitlines() if "compiled networks" in line)
    assert "3" in row and "kB" in row and "19 days ago" in row and "39 days ago" in row
    assert str(folder) in out and "of 5 GB" in out and "data sets (kept)" in out
    assert names(folder) == ["a", "b", "c", "d"]


def test_an_empty_cache_is_shown_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "nowhere"))
    assert "take 0 B" in call().output
    assert "Nothing to remove." in call("--all").output


def test_all_removes_what_is_not_in_use(folder: Path) -> None:
    held = cache.hold(folder / "programs" / "b")
    out = call("--all").output
    assert "Removed 3 programs" in out and "1 program in use, and kept." in out
    assert names(folder) == ["b"]
    assert (folder / "data" / "mnist").exists()
    assert held is not None
    held.release()


def test_older_than_removes_what_was_not_used_for_so_long(folder: Path) -> None:
    assert "Removed 2 programs" in call("--older-than", "25d").output
    assert names(folder) == ["c", "d"]
    assert "Nothing to remove." in call("--older-than", "4w").output
    for text in ("25", "d", "soon", "-3d"):
        assert "such as 30d" in call("--older-than", text).output


def test_a_limit_is_kept_from_now_on(folder: Path) -> None:
    out = call("--limit", "850kB").output
    assert names(folder) == ["c", "d"] and "of 850 kB" in out
    assert cache.limit() == 850e3
    assert "no limit" in call("--limit", "none").output
    assert "leave out --older-than" in call("--all", "--older-than", "1d").output


def test_leftovers_are_told(folder: Path) -> None:
    left = folder / "programs" / ".new-abc"
    left.mkdir()
    os.utime(left, (0, 0))
    assert "Removed 1 leftover of processes that were killed." in call().output
    assert not left.exists()


def test_help_has_examples() -> None:
    out = call("--help").output
    assert "apical cache --older-than 30d" in out and "--all" in out and "APICAL_CACHE_LIMIT" in out
