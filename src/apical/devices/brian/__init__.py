"""Brian2 devices: the only modules that import brian2."""

import logging
import signal
import sys
import threading

# At import Brian2 puts in a hook that asks to report every uncaught error as a bug of Brian2, a
# handler that lets Ctrl-C cut a run short without a word, and a log file of everything it does,
# which prints tracebacks by the thousand once the disk is full. All three are taken out.
_hook, _handler = sys.excepthook, signal.getsignal(signal.SIGINT)
_loud = logging.raiseExceptions
_set = signal.signal
if threading.current_thread() is not threading.main_thread():
    signal.signal = lambda signum, handler: None  # type: ignore # only the main thread may set one
logging.raiseExceptions = False
import brian2  # noqa: E402, F401
from brian2.utils.logger import BrianLogger  # noqa: E402

logging.raiseExceptions, signal.signal = _loud, _set
sys.excepthook = _hook
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, _handler)
if BrianLogger.file_handler is not None:
    logging.getLogger("brian2").removeHandler(BrianLogger.file_handler)
# Brian2 warns of objects that were never run; a simulator may well be made and not run.
BrianLogger.suppress_name("unused_brian_object")
