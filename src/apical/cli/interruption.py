"""Stopping: Ctrl-C, SIGTERM (batch systems) and SIGHUP (the end of a session) all do the same.

A run stops after its next checkpoint; asked once more, or in a command without checkpoints, it ends
at once, and cleans up behind itself. The exit code is 128 and the number of the signal, as in a
shell: 130, 143, 129.
"""

import errno
import os
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS: dict[int, str] = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "SIGHUP",
}
"""What asks to stop, and how users know it."""


class Ended(KeyboardInterrupt):
    """The process was asked to end at once.

    Parameters
    ----------
    signum
        By which signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Stop:
    """Whether a run was asked to stop: called, it says so."""

    def __init__(self) -> None:
        self._signum: int | None = None

    def __call__(self) -> bool:
        """Say whether to stop after the next checkpoint."""
        return self._signum is not None

    @property
    def code(self) -> int:
        """The exit code of a command that stopped."""
        return 128 + (self._signum or signal.SIGINT)

    def ask(self, signum: int, frame: FrameType | None) -> None:
        """Take note of a signal; the second one ends the process at once."""
        if self():
            raise Ended(signum)
        self._signum = signum
        _leave_dead_terminal()
        print(f"\nStopping after this block ({SIGNALS[signum]} again: at once).", file=sys.stderr)


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Let the first signal request a stop after the current block, and the second end at once."""
    stop = Stop()
    with _handled(stop.ask):
        yield stop


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Let what would end the process without a word end it as Ctrl-C does: cleaned up."""

    def end(signum: int, frame: FrameType | None) -> None:
        _leave_dead_terminal()
        raise Ended(signum)

    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield
        return
    with _handled(end, but=signal.SIGINT):
        yield


@contextmanager
def _handled(handler: Any, but: int | None = None) -> Iterator[None]:
    """Handle the signals, but those that whoever started this wants ignored (``nohup``)."""
    before = {
        number: signal.getsignal(number)
        for number in SIGNALS
        if number != but
        and (number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN)
    }
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _leave_dead_terminal() -> None:
    """Print into the void where the terminal is gone: a run must not fail because of that."""
    for output in (1, 2):
        try:
            termios.tcgetattr(output)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, output)
                os.close(nowhere)


def code_of(error: BaseException) -> int:
    """Return the exit code of a command that was interrupted."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, Ended):
        found = found.__cause__
    return 128 + (found.signum if found else signal.SIGINT)


def be_deaf() -> None:
    """Ignore what asks to stop; at the end it would only replace the exit code by death."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
