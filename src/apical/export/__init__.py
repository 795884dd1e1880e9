"""Export of recorded activity to standard formats: NWB, NIX, SONATA, and long tables.

Imports `records` and below, and each format's library when it is written. To add a format, write a
module with a function that takes records, a path and a table of metrics, and an `Exporter`, and
name it in `EXPORTERS` (`exporter.py`); another package names its `Exporter` as an entry point of
group ``apical.exporters``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from apical._base.checking import checked, fitting
from apical._base.reading import UnreadableError, read_json
from apical._base.whole_files import whole
from apical.errors import DataError, ParameterError, RunError, brief
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
        tables), or a format of another package (`EXPORTERS`).
    path
        The file, with the extension of the format (``.nwb``, ``.nix``), or the folder.
    metrics
        Metrics of training, as in ``metrics.csv`` of a run: columns run, seed, epoch, block,
        trial, metric, subject, value. Without ``subject``, names of metrics end in it, as in runs
        before 0.2.
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

    See Also
    --------
    apical.recordings.load_recording : Reads NWB and NIX files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.export import export
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export(records(), "csv", Path(folder) / "tables")
    ...     names = sorted(file.name for file in path.iterdir())
    ...     spikes = (path / "spikes.csv").read_text().splitlines()
    >>> names
    ['about.json', 'signals.csv', 'spikes.csv', 'stimuli.csv', 'trials.csv', 'units.csv']
    >>> spikes[0]
    'spike_time_ms,unit,population,trial'

    Nothing is overwritten unasked:

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export(records(), "csv", Path(folder) / "tables")
    ...     export(records(), "csv", path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: ...tables exists already; give another path, ...
    >>> export(records(), "nwb", "activity.txt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: A file of format nwb ends in '.nwb', but got ...
    """
    exporter, target = EXPORTERS[format], Path(path)
    if exporter.suffix and target.suffix != exporter.suffix:
        raise ParameterError(
            f"A file of format {format} ends in {exporter.suffix!r}, but got {brief(target)!r}.",
            object="export",
            parameter="target",
        )
    session.check(records)
    metrics = _checked_metrics(metrics)
    is_folder = not exporter.suffix
    try:
        _check_target(target, overwrite, folder=is_folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole(target, folder=is_folder, shared=True) as part:
            exporter.write(records, part, metrics)
            if is_folder and not (part / ABOUT).exists():
                text = about.as_text(about.provenance(records, format))
                (part / ABOUT).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{brief(target)} cannot be written: {error.strerror or error}.") from None
    return target


def _checked_metrics(metrics: "pandas.DataFrame | None") -> "pandas.DataFrame | None":
    """Return a table of metrics with a column for the subject of each."""
    import pandas

    fitting(metrics, pandas.DataFrame | None, "export.export", "metrics")
    if metrics is None:
        return None
    missing = [name for name in METRICS if name not in metrics and name != "subject"]
    if missing:
        raise DataError(
            f"The table of metrics has no column {missing[0]!r}; it needs "
            f"{', '.join(METRICS)}, as in metrics.csv of a run."
        )
    from apical.export.tables import with_subjects

    return with_subjects(metrics)


def _check_target(target: Path, overwrite: bool, folder: bool) -> None:
    if not target.name:
        raise ParameterError(
            f"{brief(target)!r} names no file or folder to write.",
            object="export",
            parameter="target",
        )
    if not (target.exists() or target.is_symlink()):
        return
    if not overwrite:
        raise RunError(
            f"{brief(target)} exists already; give another path, or ask to overwrite it."
        )
    if target.is_symlink() or target.is_dir() != folder or (folder and not _is_ours(target)):
        raise RunError(
            f"{brief(target)} is not an export of this form, so it is not overwritten; remove it, "
            "or "
            "give another path."
        )


def _is_ours(folder: Path) -> bool:
    """Say whether a folder is empty or was written by `export`: nothing else is ever removed."""
    try:
        if not (folder / ABOUT).exists():
            return not any(folder.iterdir())
        found = read_json(folder / ABOUT)
        return found["simulated"] is True and "apical" in found["exported_with"]
    except (UnreadableError, KeyError, TypeError, OSError):
        return False
