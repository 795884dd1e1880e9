"""Brian2 devices: the only modules that import brian2."""

import signal
import sys
import threading

# At import Brian2 puts in a hook that asks to report every uncaught error as a bug of Brian2, and
# a handler that lets Ctrl-C cut a run short without a word. Both are put back.
_hook, _handler = sys.excepthook, signal.getsignal(signal.SIGINT)
import brian2  # noqa: E402, F401

sys.excepthook = _hook
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, _handler)
