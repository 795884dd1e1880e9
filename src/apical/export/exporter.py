"""The protocol of exporters, and the registry of all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apical._base.registry import Registry
from apical.records.arrays import Records


@dataclass(frozen=True)
class Exporter:
    """A format that records are written in.

    Parameters
    ----------
    name
        What `apical.export.export` and commands know it by.
    about
        What it is, and which tools read it, in one line.
    write
        Writes records, and a table of what was measured during learning or None, to a path. The
        path is that of a file to be written, or of an empty folder.
    suffix
        What the name of its file ends in, for instance ``".nwb"``; empty for a folder. Into a
        folder that has no ``about.json``, `apical.export.export` writes one, which says where
        everything comes from.
    read
        Reads records back from what `write` wrote, for formats that lose nothing; None for others.
    """

    name: str
    about: str
    write: Callable[[Records, Path, Any], None]
    suffix: str = ""
    read: Callable[[Path], Records] | None = None


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
