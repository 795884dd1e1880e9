"""The ranks that mpiexec started: who they are, commands of rank 0, and how all of them end.

Rank 0 runs the script or command; the others serve it, from the moment when they would make a
simulator until rank 0 ends. So nothing but a simulator knows that there are several.
"""

import atexit
import os
import pickle
import platform
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import metadata
from itertools import zip_longest
from multiprocessing import parent_process
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, NoReturn

from apical._base.extras import library
from apical.devices.mpi.wires import FailedElsewhere, TimedOut
from apical.errors import ApicalError, DataError, DeviceError, RunError, brief, exceptions

COMMAND, REPLY, NOTICE, END = 1, 2, 3, 4
"""Tags: what rank 0 asks, what others answer, a signal that one of them had, and the end."""
TOGETHER = 60.0
"""How long ranks may take to start [s]."""
BRIEFLY = 2e-4
"""How long rank 0 sleeps at a time when it has nothing else to do [s]."""
GRACE = 2.0
"""How long rank 0 listens to the others once something failed [s]."""
SAME_SIGNAL = 5.0
"""Signals that ranks have within this time are one, as of Ctrl-C in their terminal [s]."""
SAME_AS_TOLD = 1.0
"""How long after another rank told of a signal this rank has it too [s]."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STARTED_BY = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE", "SLURM_NTASKS")
"""Variables in which a starter of processes says how many it started."""
SAID_BY = "Device 'mpi'"


class World:
    """All ranks, as one of them sees them.

    Parameters
    ----------
    mpi
        The module ``mpi4py.MPI``.
    """

    def __init__(self, mpi: Any) -> None:
        self.mpi, self.comm = mpi, mpi.COMM_WORLD.Dup()
        self.rank, self.size = self.comm.rank, self.comm.size
        self.others = [r for r in range(self.size) if r != 0]
        self.offset = 0.0
        """What to add to this rank's clock for that of rank 0 [s]."""
        self.in_block = False
        self._broken: ApicalError | None = None
        self._answers = dict[int, tuple[str, Any]]()
        self._signalled, self._when = 0, float("-inf")
        self._told, self._is_told = float("-inf"), False
        self._former, self._noting = dict[int, Any](), 0
        self._sending: list[Any] = []

    # ---- messages --------------------------------------------------------------------------------
    def tell(self, rank: int, what: Any, tag: int) -> None:
        """Send something to a rank without waiting."""
        self._sending = [r for r in self._sending if not r.Test()]
        self._sending.append(self.comm.isend(what, dest=rank, tag=tag))

    def heard(self, rank: int, tag: int) -> bool:
        """Say whether there is a message."""
        return bool(self.comm.Iprobe(source=rank, tag=tag))

    def listen(self, rank: int, tag: int, patience: float) -> Any:
        """Wait for a message, and return what it says."""
        start, nap = time.perf_counter(), 1e-5
        while not self.heard(rank, tag):
            time.sleep(nap)
            nap = min(1.5 * nap, 5e-3)
            self.attend()
            if time.perf_counter() - start > patience:
                raise TimedOut(f"rank {self.rank} waits for rank {rank}")
        return self.comm.recv(source=rank, tag=tag)

    def attend(self) -> None:
        """See to whatever else came: the end, a failure elsewhere, a signal that another had."""
        if self.rank:
            if self._signalled:
                self.tell(0, (self._signalled, self._when), NOTICE)
                self._signalled = 0
            if self.heard(0, END):
                self._leave()
            return
        self._hear_of_signals()
        for rank in self.others:
            if self.in_block and self.heard(rank, REPLY):
                self._look_at(rank)

    def _hear_of_signals(self) -> None:
        """Take a signal of another rank for one of this one, unless it has it too."""
        for rank in self.others:
            if self.heard(rank, NOTICE):
                signum, when = self.comm.recv(source=rank, tag=NOTICE)
                if when - self._when > SAME_SIGNAL:
                    self._is_told = True
                    signal.raise_signal(signum)

    def _look_at(self, rank: int) -> None:
        """Take the answer of a rank that was done before this one, or failed."""
        self._answers[rank] = self.comm.recv(source=rank, tag=REPLY)
        if self._answers[rank][0] != "done":
            raise FailedElsewhere

    # ---- rank 0 ----------------------------------------------------------------------------------
    def all(
        self,
        name: str,
        arguments: Callable[[int], Any],
        own: Callable[[Any], Any],
        patience: float = TOGETHER,
    ) -> list[Any]:
        """Let every rank do something, and return what each of them answers.

        Parameters
        ----------
        name
            Name of the command.
        arguments
            Rank -> what it is told.
        own
            What rank 0 does.
        patience
            How long to wait for an answer once rank 0 is done [s].

        Raises
        ------
        ApicalError
            What one of the ranks raised. If not all of them answer then, none can be asked again.
        """
        if self._broken is not None:
            raise self._broken
        self._answers = dict[int, tuple[str, Any]]()
        self.in_block = True
        for rank in self.others:
            self.tell(rank, (name, arguments(rank)), COMMAND)
        try:
            self._answers[0] = "done", own(arguments(0))
        except ApicalError as error:
            self._answers[0] = "error", (type(error).__name__, error.message)
        except TimedOut as late:
            self._answers[0] = "waits", str(late)
        except FailedElsewhere:
            self._answers[0] = "left", ""
        self._gather(patience)
        self._raise_failures()
        self.in_block = False
        return [self._answers[rank][1] for rank in range(self.size)]

    def _gather(self, patience: float) -> None:
        """Wait for all answers, not for long once one of them is a failure."""
        start = time.perf_counter()
        while len(self._answers) < self.size:
            failed = any(status != "done" for status, _ in self._answers.values())
            if time.perf_counter() - start > (GRACE if failed else patience):
                return
            for rank in self.others:
                if rank not in self._answers and self.heard(rank, REPLY):
                    self._answers[rank] = self.comm.recv(source=rank, tag=REPLY)
                    start = time.perf_counter() if not failed else start
            self._hear_of_signals()
            time.sleep(BRIEFLY)

    def _raise_failures(self) -> None:
        """Raise what went wrong on any rank."""
        said = [self._answers.get(rank, ("silent", "")) for rank in range(self.size)]
        statuses = {status for status, _ in said}
        if statuses == {"done"}:
            return
        errors = [answer for status, answer in said if status == "error"]
        if errors:
            kind, message = errors[0]
            error = getattr(exceptions, kind, RunError)(message)
        else:
            error = RunError(_of_waiting(said), object=SAID_BY)
        if statuses <= {"done", "error"}:  # all came to the end of what they were told
            self.in_block = False
        else:
            self._broken = error
        raise error

    def note_signals(self) -> None:
        """Take note of signals that this rank has itself, so that it is not told of them again."""
        self._noting += 1
        if self._noting > 1 or current_thread() is not main_thread():  # which alone hears signals
            return
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._former[number] = signal.signal(number, self._noted)

    def forget_signals(self) -> None:
        """Leave signals to others again, once as often as `note_signals` was called."""
        self._noting -= 1
        while not self._noting and self._former:
            number, handler = self._former.popitem()
            if signal.getsignal(number) == self._noted:
                signal.signal(number, handler)

    def _noted(self, signum: int, frame: FrameType | None) -> None:
        self._signalled, self._when = signum, time.perf_counter()
        if self._is_told:
            self._is_told, self._told = False, self._when
        elif self._when - self._told < SAME_AS_TOLD:  # the others had it first
            return
        before = self._former[signum]
        if callable(before):
            before(signum, frame)
        else:
            signal.signal(signum, before)
            signal.raise_signal(signum)

    def finish(self) -> None:
        """End all ranks: at the end of rank 0's process."""
        if self._broken is not None or self.in_block:
            self.abort()
        for rank in self.others:
            self.tell(rank, None, END)
        for request in self._sending:
            request.wait()

    def abort(self) -> NoReturn:
        """End all ranks at once; what there is to say was said, so MPI itself says nothing."""
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        self.comm.Abort(128 + self._signalled if self._signalled else 2)
        raise AssertionError

    # ---- the others ------------------------------------------------------------------------------
    def serve(self, does: Mapping[str, Callable[[Any], Any]]) -> NoReturn:
        """Do what rank 0 says, until it ends; then end this process too.

        Parameters
        ----------
        does
            Commands by name.
        """
        for number in SIGNALS:
            signal.signal(number, self._note)
        while True:
            name, argument = self.listen(0, COMMAND, float("inf"))
            try:
                self.tell(0, ("done", does[name](argument)), REPLY)
            except TimedOut as late:
                self.tell(0, ("waits", str(late)), REPLY)
                self._wait_for_the_end()
            except ApicalError as error:
                said = type(error).__name__, error.message
                self.tell(0, ("error", said), REPLY)
            except Exception as error:
                about = f"Rank {self.rank} failed: {type(error).__name__}: {error}"
                self.tell(0, ("error", ("DeviceError", about)), REPLY)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._signalled, self._when = signum, time.perf_counter() + self.offset

    def _wait_for_the_end(self) -> None:
        """Wait for rank 0 to end all, and end all if it does not: then it is rank 0 that died."""
        start = time.perf_counter()
        while time.perf_counter() - start < 2 * GRACE:
            self.attend()
            time.sleep(1e-2)
        print(
            f"apical: rank {self.rank} waits for rank 0 in vain; it ends the run.", file=sys.stderr
        )
        self.abort()

    def _leave(self) -> NoReturn:
        """End this process, which has nothing to say."""
        self.comm.recv(source=0, tag=END)
        sys.exit(0)

    # ---- the beginning ---------------------------------------------------------------------------
    def meet(self) -> None:
        """Raise unless all ranks were started alike; set their clocks."""
        mine = {"versions": _versions(), "command": sys.argv[1:]}
        if self.rank:
            self.tell(0, mine, REPLY)
            verdict = self._listen_at_start(0)
            if verdict is not None:
                sys.exit(2)
            asked = time.perf_counter()
            self.tell(0, None, REPLY)
            there = self._listen_at_start(0)
            self.offset = there - (asked + time.perf_counter()) / 2
            return
        verdict = None
        for rank in self.others:
            verdict = verdict or _unlike(rank, mine, self._listen_at_start(rank))
        for rank in self.others:
            self.tell(rank, verdict, COMMAND)
        if verdict is not None:
            self._ended_early()
            raise DeviceError(verdict, object=SAID_BY)
        for rank in self.others:
            self._listen_at_start(rank)
            self.tell(rank, time.perf_counter(), COMMAND)
        atexit.register(self.finish)

    def _listen_at_start(self, rank: int) -> Any:
        try:
            return self.listen(rank, COMMAND if self.rank else REPLY, TOGETHER)
        except TimedOut:
            self.in_block = True
            atexit.register(self.finish)
            raise DeviceError(
                f"{SAID_BY}: rank {self.rank} heard nothing of rank {rank} for {TOGETHER:g} s; let "
                "all ranks of mpiexec run the same command.",
                object=SAID_BY,
            ) from None

    def _ended_early(self) -> None:
        for request in self._sending:
            request.wait()


def _of_waiting(said: Sequence[tuple[str, Any]]) -> str:
    """Say which ranks wait, and of which nothing is heard."""
    waiting = "; ".join(str(answer) for status, answer in said if status == "waits")
    silent = [str(rank) for rank, (status, _) in enumerate(said) if status == "silent"]
    more = f"nothing is heard of rank {', '.join(silent)}" if silent else ""
    return (
        f"Ranks of device 'mpi' wait in vain: {'; '.join(filter(None, (waiting, more)))}. A rank "
        "died, hangs, or takes longer than patience; the last checkpoint is good."
    )


def _versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    found = {name: metadata.version(name) for name in ("apical", "numpy", "scipy")}
    return {"Python": platform.python_version(), **found}


def _unlike(rank: int, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """Say in what another rank differs from rank 0; None if in nothing."""
    for name, version in mine["versions"].items():
        other = theirs["versions"].get(name)
        if other != version:
            return (
                f"Device 'mpi' needs the same versions on all ranks, but rank 0 has {name} "
                f"{version} and rank {rank} has {other}; install the same."
            )
    pairs = zip_longest(mine["command"], theirs["command"], fillvalue="")
    unlike = [(a, b) for a, b in pairs if a != b]
    if unlike:
        here, there = (
            " ".join(word for word in words if word) for words in zip(*unlike, strict=True)
        )
        return (
            f"Device 'mpi' needs the same command on all ranks, but rank {rank} was started with "
            f"{brief(repr(there), 60)} where rank 0 has {brief(repr(here), 60)}; start all by one "
            "mpiexec -n."
        )
    return None


@cache
def world() -> World:
    """Return the ranks of this run; the first call meets the others.

    Raises
    ------
    DeviceError
        If MPI is missing, there is one rank only, or ranks are unlike.
    """
    try:
        mpi = library("mpi4py.MPI", "mpi")
    except DataError as error:
        raise DeviceError(f"{SAID_BY}: {error.message}", object=SAID_BY) from None
    except (ImportError, RuntimeError) as error:
        raise DeviceError(
            f"{SAID_BY}: mpi4py finds no MPI library ({str(error).splitlines()[0]}); "
            "pip install 'apical[mpi]' brings one, or load that of your cluster.",
            object=SAID_BY,
        ) from None
    if parent_process() is not None:
        raise DeviceError(
            f"{SAID_BY} runs on the processes that mpiexec starts, and this one was started by "
            "another; do not run it in several processes at a time (--jobs, apical sweep).",
            object=SAID_BY,
        )
    found = mpi.COMM_WORLD.size
    if found == 1:
        raise DeviceError(_alone(), object=SAID_BY)
    here = World(mpi)
    here.meet()
    return here


def _alone() -> str:
    """Say why there is one rank only."""
    started = next((os.environ[k] for k in STARTED_BY if os.environ.get(k, "1") != "1"), None)
    if started:
        return (
            f"Device 'mpi': {started} processes were started, but none of them knows of another: "
            "mpiexec and mpi4py are of different kinds of MPI; use the mpiexec that came with the "
            "library of mpi4py."
        )
    return (
        "Device 'mpi' places populations on the processes that mpiexec starts, and this is one "
        "process; start it with mpiexec -n 2 apical run ..., or use device='array'."
    )


def portable(network: Any) -> bytes:
    """Return a network in a form in which it goes to other ranks."""
    try:
        return pickle.dumps(network)
    except Exception as error:
        raise DeviceError(
            f"{SAID_BY}: the network cannot be sent to other ranks ({type(error).__name__}); "
            "define its classes and functions at the top level of a module.",
            object=SAID_BY,
        ) from None
