"""Everything this package raises on purpose.

A message says which object, what it needs, what it got and what to do, on one line.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apical.errors.source_location import caller


class ApicalError(Exception):
    """Base class: catch it to catch every error that `apical` raises on purpose.

    Parameters
    ----------
    message
        Which object, what it needs, what it got, what to do.
    object
        What it is about, for instance ``"LIF 'hidden'"``; empty where it is about nothing with a
        name.
    parameter
        Which of its parameters, for instance ``"tau_m"``.
    place
        ``file:line`` in the user's code; by default that of the innermost call from there. The
        text of the error ends in it; `message` is the text without.
    """

    def __init__(
        self,
        message: str = "",
        *,
        object: str = "",
        parameter: str = "",
        place: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.object, self.parameter = object, parameter
        self.place = caller() if place is None else place

    def __str__(self) -> str:
        return f"{self.message} ({self.place})" if self.message and self.place else self.message


class ParameterError(ApicalError, ValueError):
    """A parameter has a value, a type or a unit that it cannot have."""


class LocalityError(ApicalError, ValueError):
    """A rule reads, or a pathway uses, something that its synapse cannot know."""


class WiringError(ApicalError, ValueError):
    """A population, projection or feedback pathway does not fit the network."""


class ScriptError(ApicalError, ValueError):
    """A model script is missing, cannot be imported, or does not build a network."""


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


class ApicalWarning(UserWarning):
    """Base class of everything that this package warns of on purpose."""


class ScaleWarning(ApicalWarning):
    """Stored values were divided by a number that was made out from them alone."""


@contextmanager
def _warning_in_one_line() -> Iterator[None]:
    """Let what this package warns of be one line, without where in it that is."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        if issubclass(category, ApicalWarning):
            print(f"apical: {message}", file=sys.stderr)
        else:
            usual(message, category, *where, **options)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


@contextmanager
def concerning(object: str, parameter: str = "") -> Iterator[None]:
    """Say of errors from inside what they are about, where they do not say it themselves.

    Parameters
    ----------
    object, parameter
        As in `ApicalError`.
    """
    try:
        yield
    except ApicalError as error:
        if not error.object:
            error.object, error.parameter = object, error.parameter or parameter
        raise


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Let a command end with exit code 2 and one line, where an error is ours or the system's."""
    try:
        with _warning_in_one_line():
            yield
    except ApicalError as error:
        print(f"apical: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"apical: {where}{error.strerror or error}.", file=sys.stderr)
        sys.exit(2)
