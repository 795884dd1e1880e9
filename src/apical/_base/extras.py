"""Import of libraries without side effects, and of optional dependencies."""

import importlib
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apical.errors import DataError


@contextmanager
def undisturbed() -> Iterator[None]:
    """Shield the process from side effects of libraries, above all of importing them.

    Some switch warnings on or off globally, set environment variables, or draw from the global
    random number generator.
    """
    numbers, environment = random.getstate(), dict(os.environ)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        random.setstate(numbers)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)


def quietly_import(*modules: str) -> None:
    """Import modules without side effects; importing them again then changes nothing."""
    with undisturbed():
        for module in modules:
            importlib.import_module(module)


def library(module: str, extra: str) -> Any:
    """Import a module of an optional library and return it.

    Parameters
    ----------
    module
        Its full name, for instance ``"elephant.statistics"``.
    extra
        The extra of this package that brings the library, for instance ``"analysis"``.

    Raises
    ------
    DataError
        If the library, or one that it needs, is not installed.
    """
    try:
        with undisturbed():
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        raise DataError(
            f"This needs {missing.partition('.')[0]}, which is not installed: "
            f"pip install 'apical[{extra}]'."
        ) from None
