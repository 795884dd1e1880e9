"""Ctrl-C, SIGTERM and SIGHUP end every command, with the exit code that a shell gives them."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import click
import pytest

from apical.cli import app, interruption
from apical.cli.interruption import Ended, Stop, interruptible

NAMES = app.commands.list_commands(click.Context(app.commands))
SIGNALS = sorted(interruption.SIGNALS)


def exit_code(monkeypatch: pytest.MonkeyPatch, name: str, body: Any) -> Any:
    """Return the exit code of a command with another body."""
    command = click.Command(name, callback=body)
    monkeypatch.setattr(app.Commands, "get_command", lambda *_: command)
    monkeypatch.setattr(sys, "argv", ["apical", name])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return ended.value.code


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", NAMES)
def test_every_command_ends_and_cleans_up(
    name: str, number: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cleaned, before = [], [signal.getsignal(n) for n in SIGNALS]

    def body() -> None:
        try:
            os.kill(os.getpid(), number)
            raise AssertionError("it went on")
        finally:
            cleaned.append(name)

    assert exit_code(monkeypatch, name, body) == 128 + number
    assert cleaned == [name]
    assert [signal.getsignal(n) for n in SIGNALS] == before
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_second_ends(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reached = []

    def body() -> None:
        with interruptible() as stop:
            assert not stop()
            os.kill(os.getpid(), number)
            assert stop() and stop.code == 128 + number
            reached.append("after the first")
            os.kill(os.getpid(), number)
            reached.append("after the second")

    assert exit_code(monkeypatch, "run", body) == 128 + number
    assert reached == ["after the first"]
    assert f"({interruption.SIGNALS[number]} again: at once)" in capsys.readouterr().err


def test_what_nohup_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []

    def body() -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        with interruptible() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            reached.append(stop())

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert exit_code(monkeypatch, "run", body) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert reached == [False]


def test_a_run_that_stopped_itself_has_the_code_of_ctrl_c() -> None:
    assert Stop().code == 130
    assert interruption.code_of(KeyboardInterrupt()) == 130
    aborted = click.Abort()
    aborted.__cause__ = Ended(signal.SIGTERM)  # as click raises it
    assert interruption.code_of(aborted) == 143


def test_in_a_thread_commands_run_without_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[Any] = []
    thread = threading.Thread(
        target=lambda: codes.append(exit_code(monkeypatch, "models", lambda: None))
    )
    thread.start()
    thread.join()
    assert codes == [0]


def test_a_command_that_writes_to_a_terminal_that_is_gone_reaches_its_checkpoint() -> None:
    code = (
        "import os, sys, time\n"
        "from apical.cli.interruption import interruptible\n"
        "with interruptible() as stop:\n"
        "    print('ready', flush=True)\n"
        "    while not stop():\n"
        "        time.sleep(0.01)\n"
        "print('stopped after a checkpoint', flush=True)\n"
        "sys.exit(stop.code)\n"
    )
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, termios; fcntl.ioctl(1, termios.TIOCSCTTY)\n" + code],
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        assert b"ready" in os.read(ours, 100)
        os.close(ours)  # the window is closed
        assert process.wait(30) == 129
    finally:
        process.kill()
        process.wait()
