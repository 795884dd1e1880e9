"""Records as files that neuroscientists read: NWB, NIX, SONATA, and long tables.

Imports `records` and below, and each format's library when it is written. To add a format, write a
module with a function that takes records, a path and a table of metrics, and an `Exporter`, and
name it in `EXPORTERS` (`exporter.py`); another package names its `Exporter` as an entry point of
group ``apical.exporters``.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apical._base.checking import checked, fitting
from apical.errors import DataError, ParameterError, RunError
from apical.export import about, session
from apical.export.exporter import EXPORTERS as EXPORTERS
from apical.export.exporter import Exporter as Exporter
from apical.export.names import ABOUT, METRICS
from apical.records.arrays import Records

if TYPE_CHECKING:
    import pandas


@checked()
def export(
    records: Records,
    format: str,
    path: str | Path,
    *,
    metrics: "pandas.DataFrame | None" = None,
    overwrite: bool = False,
) -> Path:
    """Write what a network did on trials, for the tools that recordings are read with.

    Every format holds spikes, units, trials and signals over time, says that they were simulated,
    and carries `Records.about`: versions, configuration, seed, licence of the data, and the
    citation of each rule. What is at the path is whole, or not there.

    Parameters
    ----------
    records
        What to write.
    format
        ``"nwb"`` (one file: NWB 2), ``"nix"`` (one file: NIX, as Neo lays it out), ``"sonata"``
        (a folder: SONATA nodes, spikes and reports), ``"parquet"`` or ``"csv"`` (a folder of long
        tables), or one that another package brings (`EXPORTERS`).
    path
        The file, which must end as the format has it (``.nwb``, ``.nix``), or the folder.
    metrics
        What was measured while the network learned, as in ``metrics.csv`` of a run: columns
        run, seed, epoch, block, trial, metric, value.
    overwrite
        Whether to replace what is at the path.

    Returns
    -------
    Path
        The file or the folder.

    Raises
    ------
    DataError
        If the format is not known, the path does not suit it, a library that it needs is not
        installed, or the records or metrics are not whole.
    RunError
        If there is something at the path already, or it cannot be written.
    """
    exporter, target = EXPORTERS[format], Path(path)
    if exporter.suffix and target.suffix != exporter.suffix:
        raise ParameterError(
            f"A file of format {format} ends in {exporter.suffix!r}, but got {str(target)!r}.",
            object="export",
            parameter="target",
        )
    session.check(records)
    _check_metrics(metrics)
    with _whole(target, overwrite, folder=not exporter.suffix) as part:
        exporter.write(records, part, metrics)
        if part.is_dir() and not (part / ABOUT).exists():
            text = about.as_text(about.provenance(records, format))
            (part / ABOUT).write_text(text, encoding="utf-8")
    return target


def _check_metrics(metrics: "pandas.DataFrame | None") -> None:
    import pandas

    fitting(metrics, pandas.DataFrame | None, "export.export", "metrics")
    missing = [name for name in METRICS if metrics is not None and name not in metrics]
    if missing:
        raise DataError(
            f"The table of metrics has no column {missing[0]!r}; it needs "
            f"{', '.join(METRICS)}, as in metrics.csv of a run."
        )


@contextmanager
def _whole(target: Path, overwrite: bool, folder: bool) -> Iterator[Path]:
    """Yield a path beside the target, and move what is written there to it if all went well."""
    _check_target(target, overwrite, folder)
    part = target.with_name(f".{os.getpid()}.part.{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            part.mkdir()
        yield part
        _put(part, target)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        _remove(part)


def _put(part: Path, target: Path) -> None:
    if not part.is_dir():
        os.replace(part, target)
        return
    old = part.with_name(f"{part.name}.old")  # what holds something cannot be replaced at once
    if target.exists():
        os.replace(target, old)
    try:
        os.replace(part, target)
    except OSError:
        if old.exists():
            os.replace(old, target)
        raise
    _remove(old)


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
        found: Any = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return found["simulated"] is True and "apical" in found["exported_with"]
    except FileNotFoundError:
        return not any(folder.iterdir())
    except (ValueError, KeyError, TypeError, OSError):
        return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
