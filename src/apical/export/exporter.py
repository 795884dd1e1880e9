"""Exporters: their description, and their registry."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apical._base.names import check_name
from apical._base.registry import Registry
from apical.records.arrays import Records


@dataclass(frozen=True)
class Exporter:
    """Exporter: a file format for records.

    Parameters
    ----------
    name
        Name in `apical.export.export` and in commands.
    about
        Description, and tools that read it, in one line.
    write
        Writes records, and a table of training metrics or None, to a path: that of a new file, or
        of an empty folder.
    suffix
        Extension of its file, for instance ``".nwb"``; empty for a folder. `apical.export.export`
        adds a file ``about.json`` with the provenance to a folder without one.
    read
        Reads records back, for lossless formats; None for others.

    Examples
    --------
    >>> from apical.export import EXPORTERS
    >>> {name: exporter.suffix for name, exporter in EXPORTERS.items()}
    {'nwb': '.nwb', 'nix': '.nix', 'sonata': '', 'parquet': '', 'csv': ''}
    """

    name: str
    about: str
    write: Callable[[Records, Path, Any], None]
    suffix: str = ""
    read: Callable[[Path], Records] | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "word", "Exporter", "an exporter")


EXPORTERS: Registry[Exporter] = Registry(
    "exporter",
    {
        "nwb": "apical.export.nwb:EXPORTER",
        "nix": "apical.export.nix:EXPORTER",
        "sonata": "apical.export.sonata:EXPORTER",
        "parquet": "apical.export.tables:PARQUET",
        "csv": "apical.export.tables:CSV",
    },
    fits=lambda value: isinstance(value, Exporter),
)
"""Every format that records are written in, by name."""
