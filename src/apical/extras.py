"""Libraries that are not installed with this package, loaded where they are asked for."""

import importlib
import warnings
from typing import Any

from apical.errors import DataError


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
        with warnings.catch_warnings():  # some libraries switch warnings on, of all others too
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        raise DataError(
            f"This needs {missing.partition('.')[0]}, which is not installed: "
            f"pip install 'apical[{extra}]'."
        ) from None
