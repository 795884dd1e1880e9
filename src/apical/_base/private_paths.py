"""Removal of the folders of a machine from plain data that is passed on: `bare`."""

import re
from collections.abc import Mapping
from typing import Any

_ABSOLUTE = re.compile(r"(?:/|~|[A-Za-z]:[\\/]|\\\\)[^\n]*")
"""A text that is a path from the root of a file system, or of a home folder, and nothing else."""


def bare(value: Any) -> Any:
    """Return plain data in which each absolute path is its last part.

    Parameters
    ----------
    value
        Text, numbers, and mappings and lists of them. A path is a text that is one from its first
        character to its last; a line number at its end stays.

    Examples
    --------
    >>> from apical._base.private_paths import bare
    >>> bare({"model": "/home/jane/models/rate_dfa.py", "place": "/home/jane/it.py:31", "n": 3})
    {'model': 'rate_dfa.py', 'place': 'it.py:31', 'n': 3}
    >>> bare(["models/rate_dfa.py", r"C:\\data\\own.npz", "1 / dt"])
    ['models/rate_dfa.py', 'own.npz', '1 / dt']
    """
    if isinstance(value, str) and _ABSOLUTE.fullmatch(value):
        return re.split(r"[\\/]", value.rstrip("\\/"))[-1] or value
    if isinstance(value, Mapping):
        return {key: bare(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bare(item) for item in value]
    return value
