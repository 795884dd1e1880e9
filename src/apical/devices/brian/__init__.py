"""Brian2 devices: the only modules that import brian2."""

import logging
import os
import signal
import sys
import threading
import warnings
from contextlib import suppress

from apical._base.extras import undisturbed


def _import_brian2() -> None:
    """Import Brian2 without its side effects on the process.

    On import Brian2 installs an exception hook that reports every uncaught error as a bug of
    Brian2, a handler that lets Ctrl-C stop a run silently, its own display of warnings, and a log
    file. If the user imported it before, they stay in place.
    """
    main_thread = threading.current_thread() is threading.main_thread()
    hook, handler, set_handler = sys.excepthook, signal.getsignal(signal.SIGINT), signal.signal
    loud, showwarning = logging.raiseExceptions, warnings.showwarning
    warned = logging.getLogger("py.warnings")
    handlers = warned.handlers[:]
    if not main_thread:  # only the main thread may set one
        signal.signal = lambda signum, handler: None  # type: ignore
    logging.raiseExceptions = False
    try:
        import brian2  # noqa: F401

        _forget_log_file()
    finally:
        logging.raiseExceptions, signal.signal = loud, set_handler
        sys.excepthook, warned.handlers[:] = hook, handlers
        if warnings.showwarning is not showwarning:
            logging.captureWarnings(False)
        if main_thread:
            signal.signal(signal.SIGINT, handler)


def _forget_log_file() -> None:
    """Remove Brian2's log file and its copy of the script, which a process that is killed leaves.

    Nothing is written to the file; what Brian2 says on the console it still says.
    """
    from brian2.utils.logger import BrianLogger

    if BrianLogger.file_handler is not None:
        logging.getLogger("brian2").removeHandler(BrianLogger.file_handler)
        BrianLogger.file_handler.close()
    for file in (BrianLogger.tmp_log, BrianLogger.tmp_script):
        if file is not None:
            with suppress(OSError):
                os.remove(file)
    BrianLogger.tmp_log = BrianLogger.tmp_script = None


if "brian2" not in sys.modules:
    with undisturbed():
        _import_brian2()
