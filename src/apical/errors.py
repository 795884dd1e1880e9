"""Everything this package raises on purpose.

A message says which object, what it needs, what it got and what to do, on one line.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class ApicalError(Exception):
    """Base class: catch it to catch every error that `apical` raises on purpose."""


class LocalityError(ApicalError, ValueError):
    """A rule reads, or a pathway uses, something that its synapse cannot know."""


class WiringError(ApicalError, ValueError):
    """A population, projection or feedback pathway does not fit the network."""


class DataError(ApicalError, ValueError):
    """A data set is missing, damaged, or not of the form that is needed."""


class DeviceError(ApicalError, RuntimeError):
    """A device is missing, or cannot honour what the description asks for."""


class RunError(ApicalError, RuntimeError):
    """A run, or its directory, cannot go on; what was saved before is intact."""


class InUseError(RunError):
    """A directory is in use by another process."""


class DesignError(ApicalError, ValueError):
    """A sweep names what does not exist, or values that do not fit."""


class ClaimError(ApicalError, AssertionError):
    """A study does not find what it claims."""


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Let a command end with exit code 2 and one line, where an error is ours or the system's."""
    try:
        yield
    except ApicalError as error:
        print(f"apical: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"apical: {where}{error.strerror or error}.", file=sys.stderr)
        sys.exit(2)
