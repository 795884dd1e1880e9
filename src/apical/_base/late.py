"""Modules above their caller, for what an object offers to do with itself: draw, save.

A description imports neither matplotlib nor files of runs. ``net.draw()`` names the module that
does it, as a registry names what it has, and it is imported when it is asked for.
"""

import importlib
from typing import Any


def above(module: str) -> Any:
    """Import a module that stands on a higher floor than its caller, and return it.

    Parameters
    ----------
    module
        Its name below ``apical``.

    Examples
    --------
    >>> from apical._base.late import above
    >>> above("plotting.graphs").__name__
    'apical.plotting.graphs'
    """
    return importlib.import_module(f"apical.{module}")
