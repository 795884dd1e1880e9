"""Exceptions and warnings of this package.

A message says which object, what it needs, what it got and what to do, on one line.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apical.errors.source_location import caller


def brief(text: object, most: int = 180) -> str:
    """Return a text for a message, such as a path: on one line, without its middle if it is long.

    Parameters
    ----------
    text
        The text, or what is written so.
    most
        Most characters of it.
    """
    line, half = " ".join(str(text).split()), (most - 3) // 2
    return line if len(line) <= most else f"{line[:half]}...{line[-half:]}"


class ApicalError(Exception):
    """Base class: catch it to catch every error that `apical` raises on purpose.

    Parameters
    ----------
    message
        Which object, what it needs, what it got, what to do.
    object
        The object at fault, for instance ``"LIF 'hidden'"``; empty where none has a name.
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
    """A parameter has an invalid value, type or unit."""


class LocalityError(ApicalError, ValueError):
    """A rule or pathway is not local: it uses something that is not available at its synapse."""


class WiringError(ApicalError, ValueError):
    """A population, projection or feedback pathway does not fit the network."""


class ScriptError(ApicalError, ValueError):
    """A model script is missing, cannot be imported, or does not build a network."""


class DataError(ApicalError, ValueError):
    """A data set is missing, damaged, or not in the required form."""


class DeviceError(ApicalError, RuntimeError):
    """A device is missing, or does not support a feature of the network."""


class RunError(ApicalError, RuntimeError):
    """A run cannot continue, or its directory is unusable; earlier checkpoints are intact."""


class InUseError(RunError):
    """A directory is in use by another process."""


class DesignError(ApicalError, ValueError):
    """The design of a sweep is invalid: unknown factors or values that do not fit."""


class ClaimError(ApicalError, AssertionError):
    """A study does not reproduce its claim."""


class ApicalWarning(UserWarning):
    """Base class of all warnings of this package."""


class ScaleWarning(ApicalWarning):
    """The scale that normalises a data set was inferred from its values alone."""


@contextmanager
def _warning_in_one_line() -> Iterator[None]:
    """Show warnings of this package on one line, without their location in its source."""
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
    """Add the object and parameter to errors raised inside that do not name them.

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
    """End a command with one line and exit code 2 on errors of this package or the system."""
    try:
        with _warning_in_one_line():
            yield
    except ApicalError as error:
        print(f"apical: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"{brief(error.filename)}: " if error.filename else ""
        print(f"apical: {where}{brief(error.strerror or error)}.", file=sys.stderr)
        sys.exit(2)
