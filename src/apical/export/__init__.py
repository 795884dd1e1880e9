"""Export of recorded activity to standard formats: NWB, NIX, SONATA, and long tables."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas

from apical._base.checking import checked
from apical._base.whole_files import whole
from apical.errors import DataError, ParameterError, RunError
from apical.export import nix, nwb, session, sonata, tables
from apical.export.names import ABOUT, FORMATS
from apical.records.arrays import Records

__all__ = ["FORMATS", "export"]

_SUFFIXES = {"nwb": ".nwb", "nix": ".nix"}
"""Formats of one file; all others are folders."""


@checked()
def export(
    records: Records,
    format: str,
    path: str | Path,
    *,
    metrics: pandas.DataFrame | None = None,
    overwrite: bool = False,
) -> Path:
    """Export recorded activity to a standard format of neurophysiology.

    Every format holds spike trains, units, trials and signals over time, states that they were
    simulated, and carries the provenance `Records.about`: versions, configuration, seed, licence of
    the data, and the citation of each rule. Files are written atomically.

    Parameters
    ----------
    records
        Recorded activity.
    format
        ``"nwb"`` (one file: NWB 2), ``"nix"`` (one file: NIX in Neo's layout), ``"sonata"``
        (a folder: SONATA nodes, spikes and reports), ``"parquet"`` or ``"csv"`` (a folder of long
        tables).
    path
        The file, which must end in ``.nwb`` or ``.nix``, or the folder.
    metrics
        What was measured while the network learned, as in ``metrics.csv`` of a run: columns
        run, seed, epoch, block, trial, metric, subject, value. Without ``subject``, names of
        metrics end in it, as in runs before 0.2.
    overwrite
        Whether to replace an existing file or folder.

    Returns
    -------
    Path
        The file or the folder.

    Raises
    ------
    DataError
        If the format is unknown, the path does not suit it, a library that it needs is not
        installed, or the records or metrics are incomplete.
    RunError
        If the path exists already, or cannot be written.
    """
    if format not in FORMATS:
        raise ParameterError(
            f"There is no format {format!r}; choose one of {', '.join(FORMATS)}.",
            object="export",
            parameter="format",
        )
    target = Path(path)
    suffix = _SUFFIXES.get(format)
    if suffix and target.suffix != suffix:
        raise ParameterError(
            f"A file of format {format} ends in {suffix!r}, but got {str(target)!r}.",
            object="export",
            parameter="target",
        )
    session.check(records)
    if metrics is not None:
        _check_metrics(metrics)
        metrics = tables.with_subjects(metrics)
    _check_target(target, overwrite, folder=suffix is None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole(target, folder=suffix is None, shared=True) as part:
            _writer(format)(records, part, metrics)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}.") from None
    return target


def _writer(format: str) -> Callable[[Records, Path, pandas.DataFrame | None], None]:
    match format:
        case "nwb":
            return nwb.write
        case "nix":
            return nix.write
        case "sonata":
            return sonata.write
        case "parquet":
            return tables.write_parquet
        case _:
            return tables.write_csv


def _check_metrics(metrics: pandas.DataFrame) -> None:
    missing = [name for name in tables.METRICS if name not in metrics and name != "subject"]
    if missing:
        raise DataError(
            f"The table of metrics has no column {missing[0]!r}; it needs "
            f"{', '.join(tables.METRICS)}, as in metrics.csv of a run."
        )


def _check_target(target: Path, overwrite: bool, folder: bool) -> None:
    if not target.name:
        raise ParameterError(
            f"{str(target)!r} names no file or folder to write.",
            object="export",
            parameter="target",
        )
    if not (target.exists() or target.is_symlink()):
        return
    if not overwrite:
        raise RunError(f"{target} exists already; give another path, or ask to overwrite it.")
    if target.is_symlink() or target.is_dir() != folder or (folder and not _is_ours(target)):
        raise RunError(
            f"{target} is not an export of this form, so it is not overwritten; remove it, or "
            "give another path."
        )


def _is_ours(folder: Path) -> bool:
    """Say whether a folder is empty or was written by `export`: nothing else is ever removed."""
    try:
        about: Any = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return about["simulated"] is True and "apical" in about["exported_with"]
    except FileNotFoundError:
        return not any(folder.iterdir())
    except (ValueError, KeyError, TypeError, OSError):
        return False
