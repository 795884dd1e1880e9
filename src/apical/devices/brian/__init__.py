"""Brian2 devices: the only modules that import brian2."""

import sys

# Brian2 puts in a hook that asks to report every uncaught error as a bug of Brian2.
_hook = sys.excepthook
import brian2  # noqa: E402, F401

sys.excepthook = _hook
