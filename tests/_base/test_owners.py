"""Folders tell whose they are; what the dead left goes, what the living own stays."""

import contextlib
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apical._base import owners, scratch
from apical._base.owners import Owner, make_owned, owner, remove_abandoned

SLEEP = "import sys, time; from pathlib import Path; from apical._base import owners; "
OWNS = SLEEP + "print(owners.make_owned(Path(sys.argv[1]), 'apical'), flush=True); time.sleep(600)"


@contextlib.contextmanager
def other_process(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Start a process that owns a folder in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNS, folder], text=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate()


def named(folder: Path, whose: Owner) -> Path:
    """Make a folder of some owner, with a file in it."""
    path = folder / f"apical{whose.text}-01234567"
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").write_text("left")
    return path


@pytest.fixture
def me(tmp_path: Path) -> Owner:
    found = owner(make_owned(tmp_path / "..", "me").name)
    assert found is not None
    return found


def test_a_folder_tells_its_owner(tmp_path: Path) -> None:
    folder = make_owned(tmp_path, "apical")
    found = owner(folder.name)
    assert found is not None
    assert found.pid == os.getpid()
    assert found.is_here and not found.is_dead
    assert folder.stat().st_mode & 0o777 == 0o700
    assert make_owned(tmp_path, "apical") != folder


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_it_began_when_the_system_says(me: Owner) -> None:
    begun = me.started / os.sysconf("SC_CLK_TCK")
    boot = time.time() - float(Path("/proc/uptime").read_text().split()[0])
    assert 0 < time.time() - (boot + begun) < 86_400
    assert me.started == owners.started(os.getpid())


def test_ps_tells_when_a_process_began_where_there_is_no_proc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["ps", "--version"], capture_output=True, check=False)
        monkeypatch.setattr(sys, "platform", "darwin")
        assert owners.started(os.getpid()) > 0
        assert owners.started(os.getpid()) == owners.started(os.getpid())
        assert owners.started(2**22 - 1) == 0
        return
    pytest.skip("no ps")


def test_what_the_living_own_stays(tmp_path: Path) -> None:
    mine = make_owned(tmp_path, "apical")
    with other_process(tmp_path) as (_, theirs):
        assert remove_abandoned(tmp_path, "apical") == []
        assert mine.exists() and theirs.exists()


def test_what_the_dead_left_goes(tmp_path: Path) -> None:
    with other_process(tmp_path) as (process, theirs):
        process.kill()
        time.sleep(0.1)  # not waited for yet: a zombie
        assert remove_abandoned(tmp_path, "apical") == [theirs]
    assert not list(tmp_path.iterdir())


def test_a_number_that_is_used_again_is_not_its_owner(tmp_path: Path, me: Owner) -> None:
    before = named(tmp_path, replace(me, started=me.started - 1))
    assert remove_abandoned(tmp_path, "apical") == [before]


def test_where_nobody_knows_when_it_began_a_living_number_is_its_owner(
    tmp_path: Path, me: Owner
) -> None:
    named(tmp_path, replace(me, started=0))
    assert remove_abandoned(tmp_path, "apical") == []


def test_after_the_machine_was_started_again_all_are_dead(tmp_path: Path, me: Owner) -> None:
    before = named(tmp_path, replace(me, boot="00000000"))
    assert remove_abandoned(tmp_path, "apical") == [before]


def test_processes_of_other_machines_and_containers_are_let_be(tmp_path: Path, me: Owner) -> None:
    strange = named(tmp_path, replace(me, place="00000000", pid=2**22 - 1))
    assert remove_abandoned(tmp_path, "apical", shared=True) == []
    long_ago = time.time() - owners.ABANDONED - 10
    os.utime(strange, (long_ago, long_ago))
    assert remove_abandoned(tmp_path, "apical") == []
    assert remove_abandoned(tmp_path, "apical", shared=True) == [strange]


def test_what_another_user_owns_is_let_be(
    tmp_path: Path, me: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = named(tmp_path, replace(me, pid=2**22 - 1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 12345)
        assert remove_abandoned(tmp_path, "apical") == []
    assert remove_abandoned(tmp_path, "apical") == [dead]


def test_names_that_say_nothing_and_other_prefixes_are_let_be(tmp_path: Path, me: Owner) -> None:
    for name in ("apical-abc", "apical", "apical-p12-x", f"other{me.text}-01234567"):
        (tmp_path / name).mkdir()
    assert remove_abandoned(tmp_path, "apical") == []
    assert remove_abandoned(tmp_path / "nowhere", "apical") == []


def test_a_link_goes_and_what_it_leads_to_stays(tmp_path: Path, me: Owner) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("kept")
    link = tmp_path / f"apical{replace(me, pid=2**22 - 1).text}-01234567"
    link.symlink_to(tmp_path / "precious")
    assert remove_abandoned(tmp_path, "apical") == [link]
    assert (tmp_path / "precious" / "file").read_text() == "kept"
    assert not link.is_symlink()


def test_many_starts_at_once(tmp_path: Path, me: Owner) -> None:
    mine = [make_owned(tmp_path, "apical") for _ in range(5)]
    for k in range(60):
        named(tmp_path, replace(me, pid=2**22 - 1 - k))
    errors: list[BaseException] = []

    def start() -> None:
        try:
            remove_abandoned(tmp_path, "apical")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(tmp_path.iterdir()) == sorted(mine)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_programs_that_the_dead_started_end_and_no_others(tmp_path: Path, me: Owner) -> None:
    dead = replace(me, pid=2**22 - 1)
    marks = {owners.STARTED_BY: f"{dead.text}-01234567"}
    orphan = subprocess.Popen(["sleep", "600"], env={**os.environ, **marks})
    ours = subprocess.Popen(["sleep", "600"], env=owners.environment())
    bystander = subprocess.Popen(["sleep", "600"], cwd=named(tmp_path, dead))
    try:
        remove_abandoned(tmp_path, "apical")
        assert orphan.wait(10) == -9
        assert ours.poll() is None and bystander.poll() is None
    finally:
        for process in (orphan, ours, bystander):
            process.kill()
            process.wait()


def test_a_start_clears_memory_disk_and_cache(
    tmp_path: Path, me: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("memory", "disk", "cache/programs"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(scratch, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "disk"))
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path / "cache"))
    dead = replace(me, pid=2**22 - 1)
    left = [named(tmp_path / "memory", dead), named(tmp_path / "disk", dead)]
    for kind in (".new", ".old"):
        path = tmp_path / "cache" / "programs" / f"{kind}{dead.text}-01234567"
        path.mkdir()
        left.append(path)
    living = [make_owned(tmp_path / "memory", "apical"), scratch.new_scratch()]
    assert sorted(scratch.clear_leftovers()) == sorted(left)
    assert all(path.exists() for path in living)
    assert platform.node() not in living[0].name, "names of machines are nobody's business"
