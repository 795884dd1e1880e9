"""The cache: entries are whole, what is in use stays, what was not used for longest goes first."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from apical._base import cache, owners
from apical.devices.brian import compiling
from apical.errors import DeviceError, ParameterError

HOLDS = """
import sys, time
from pathlib import Path
from apical._base import cache
held = cache.hold(Path(sys.argv[1]))
print(held is not None, flush=True)
time.sleep(600)
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(cache.LIMIT, raising=False)
    return tmp_path / "cache" / "programs"


def compiled(programs: Path, name: str, kilobytes: int = 40, times: list[str] | None = None):
    """Compile a program that does nothing, or find it."""
    project = compiling.scratch(programs)
    (project / "static_arrays").mkdir()
    (project / "static_arrays" / "weights").write_bytes(b"weights")

    def compile_it() -> None:
        (project / "main").write_bytes(os.urandom(1000 * kilobytes))
        if times is not None:
            times.append(name)

    return compiling.kept(project, programs / name, compile_it)


def used(programs: Path) -> list[str]:
    return [entry.path.name for entry in cache.entries("programs")]


def long_ago(program: Path, days: float) -> None:
    then = time.time() - 86_400 * days
    os.utime(program / ".used", (then, then))


def test_a_program_is_compiled_once_and_nothing_else_is_left(programs: Path) -> None:
    times: list[str] = []
    first, second = (compiled(programs, "a", times=times) for _ in range(2))
    assert (first.fresh, second.fresh, times) == (True, False, ["a"])
    assert first.folder == second.folder == programs / "a"
    assert [path.name for path in programs.iterdir()] == ["a"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: (p / "main").write_bytes(b""),
        lambda p: (p / "main").write_bytes((p / "main").read_bytes()[:-1] + b"?"),
        lambda p: (p / "main").unlink(),
        lambda p: (p / "static_arrays" / "weights").unlink(),
        lambda p: (p / "static_arrays" / "weights").write_bytes(b"other"),
        lambda p: (p / ".sums").unlink(),
        lambda p: (p / ".sums").write_text("[]"),
        lambda p: (p / ".sums").write_text('{"main": '),
        lambda p: (p / ".sums").write_bytes(b"\xff\xfe"),
        lambda p: [file.unlink() for file in p.rglob("*") if file.is_file()],
    ],
)
def test_a_damaged_program_is_made_again(damage, programs: Path) -> None:
    first = compiled(programs, "a")
    damage(first.folder)
    again = compiled(programs, "a")
    assert again.fresh and cache.is_whole(again.folder)
    assert not compiled(programs, "a").fresh
    assert [path.name for path in programs.iterdir()] == ["a"]


def test_a_failed_compilation_leaves_its_log_only(programs: Path) -> None:
    project = compiling.scratch(programs)

    def fails() -> None:
        compiling.call(["sh", "-c", "echo 'error: out of luck' >&2; exit 1"], project)

    with pytest.raises(DeviceError, match="out of luck") as told:
        compiling.kept(project, programs / "a", fails)
    (log,) = programs.iterdir()
    assert str(log) in str(told.value) and "out of luck" in log.read_text()
    cache.clear_leftovers()
    assert log.exists()
    os.utime(log, (0, 0))
    assert cache.clear_leftovers() == [log]


def test_an_interrupted_compilation_ends_all_that_it_started(programs: Path) -> None:
    project = compiling.scratch(programs)
    command = ["sh", "-c", "sleep 600 & echo $! > pid; wait"]

    def press() -> None:
        while not (project / "pid").exists() or not (project / "pid").read_text().strip():
            time.sleep(0.01)
        press.pid = int((project / "pid").read_text())  # type: ignore[attr-defined]
        os.kill(os.getpid(), 2)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        compiling.kept(
            project,
            programs / "a",
            lambda: compiling.call_all(project, [command], ["true"], 2),
        )
    thread.join()
    for _ in range(100):
        if owners.started(press.pid) == 0 or owners._is_over(press.pid):  # type: ignore[attr-defined]
            break
        time.sleep(0.05)
    else:
        raise AssertionError("what the compiler started runs on")
    assert not list(programs.iterdir())


def test_what_was_not_used_for_longest_goes_first(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k, name in enumerate("abcd"):
        found = compiled(programs, name, 100)
        assert found.hold is not None
        found.hold.release()
        long_ago(found.folder, 10 - k)
    compiled(programs, "a", 100).hold.release()  # now the last one used
    assert used(programs) == ["b", "c", "d", "a"]
    monkeypatch.setenv(cache.LIMIT, "450 kB")
    last = compiled(programs, "e", 100)
    assert used(programs) == ["d", "a", "e"]
    assert last.folder.exists()


def test_what_is_in_use_stays(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = compiled(programs, "held")
    for name in ("elsewhere", "unused"):
        compiled(programs, name).hold.release()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, programs / "elsewhere"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline().strip() == "True"
        assert [entry.path.name for entry in cache.evict(0)] == ["unused"]
        assert not cache.drop(programs / "held")
    finally:
        process.kill()  # the system gives back what it held
        process.communicate()
    assert [entry.path.name for entry in cache.evict(0)] == ["elsewhere"]
    held.hold.release()
    assert cache.drop(programs / "held")
    assert not list(programs.iterdir())


def test_what_is_being_made_stays(programs: Path) -> None:
    compiled(programs, "a").hold.release()
    with cache.alone(programs / "a"):
        assert not cache.drop(programs / "a")
    assert cache.drop(programs / "a")


def test_a_folder_of_ones_own_is_no_cache(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.LIMIT, "0")
    compiled(tmp_path / "built", "a").hold.release()
    compiled(tmp_path / "built", "b").hold.release()
    assert sorted(path.name for path in (tmp_path / "built").iterdir()) == ["a", "b"]


def test_one_at_a_time_makes_or_removes(programs: Path) -> None:
    """Many threads make, use and remove the same program: nobody ever finds half of one."""
    wrong, made = [], []
    until = time.monotonic() + 1.0

    def work(k: int) -> None:
        while time.monotonic() < until:
            try:
                found = compiled(programs, "a", 4, made)
                if not cache.is_whole(found.folder):
                    wrong.append("half")
                found.hold.release()
                if k % 2:
                    cache.drop(programs / "a")
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(made) > 1
    assert not [path for path in programs.iterdir() if path.name != "a"]


def test_locks_of_the_dead_go_and_those_of_the_living_stay(programs: Path) -> None:
    programs.mkdir(parents=True)
    (programs / ".left.lock").touch()
    with cache.alone(programs / "a"):
        assert cache.clear_leftovers() == [programs / ".left.lock"]
        assert [path.name for path in programs.iterdir()] == [".a.lock"]
    assert not list(programs.iterdir())


def test_where_files_cannot_be_locked_programs_are_made_and_stay(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "fcntl", None)
    assert compiled(programs, "a").fresh
    assert not compiled(programs, "a").fresh
    assert cache.evict(0) == []
    assert used(programs) == ["a"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5 GB", 5e9),
        ("500MB", 5e8),
        ("1.5g", 1.5e9),
        ("2GiB", 2 * 1024**3),
        ("0", 0),
        ("12", 12),
        ("none", float("inf")),
    ],
)
def test_sizes(text: str, size: float) -> None:
    assert cache.parsed(text) == size


@pytest.mark.parametrize("text", ["", "much", "5 PB", "-1", "1e9", "5GB or so", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ParameterError, match="must be a size, such as 5GB"):
        cache.parsed(text)


def test_the_limit_is_the_variable_or_what_was_set_or_the_usual(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.limit() == cache.USUAL
    cache.set_limit("2GB")
    assert cache.limit() == 2e9
    monkeypatch.setenv(cache.LIMIT, "1GB")
    assert cache.limit() == 1e9
    monkeypatch.setenv(cache.LIMIT, "a lot")
    with pytest.raises(ParameterError, match="'a lot'"):
        cache.limit()
    monkeypatch.delenv(cache.LIMIT)
    (programs.parent / "limit").write_text("nonsense")
    assert cache.limit() == cache.USUAL


def test_a_cache_that_is_a_file_or_nowhere_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for path in ("file", "nowhere"):
        monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / path))
        assert cache.clear_leftovers() == []
        assert cache.entries() == []
        assert cache.evict(0) == []


def test_a_limit_that_is_none_is_told_before_anything_is_compiled(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.LIMIT, "a lot")
    times: list[str] = []
    with pytest.raises(ParameterError, match="'a lot'"):
        compiled(programs, "a", times=times)
    assert not times
