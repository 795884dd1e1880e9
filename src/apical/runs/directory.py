"""The directory of a run: configuration, metrics, checkpoints, results.

Files are JSON, CSV and npz without pickle. Checkpoints are replaced atomically, so a run that is
killed at any moment resumes from the last one. A manifest binds them to each other
(`apical.runs.manifest`): whatever is read is checked before.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from apical._base import reading
from apical._base.checking import shown
from apical._base.metric_names import former, one_name, parts
from apical._base.reading import UnreadableError, read_rows, real
from apical._base.whole_files import whole, write_whole
from apical.errors import InUseError, RunError
from apical.runs import schemas
from apical.runs.manifest import CONFIG, MANIFEST, Entry, Manifest, digest
from apical.training.loop import Position, Step

METRICS, SUMMARY = "metrics.csv", "summary.json"
NETWORK, ARRAYS = "network.json", "network.npz"
LOCAL = "local.json"
"""Paths of this machine that a run needs to go on; no other file has them, nor an export. It may be
left out of what is passed on, so the manifest does not bind it."""
CHECKPOINT, WEIGHTS, FIGURES = "checkpoint.npz", "weights.npz", "figures"
SCORECARD = "scorecard.json"
FINISHED = (SUMMARY, WEIGHTS, METRICS, SCORECARD)
"""Files of a finished run that belong together: what it learned, and what is said of it."""
COLUMNS = ("run", "seed", "epoch", "block", "trial", "metric", "subject", "value")
FORMAT = 2
"""Format of run directories, in `config.json`: 2 has a manifest and the network as data."""
_HEADER = (",".join(COLUMNS) + "\n").encode()
_FORMER_HEADER = _HEADER.replace(b"subject,", b"")
"""Header of runs before 0.2, whose names of metrics end in the subject; they keep it when resumed.
"""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: everything that is needed to resume a run.

    Parameters
    ----------
    position
        Progress of training.
    state
        State of the simulator, by name.
    metrics_bytes
        Length of ``metrics.csv`` when the checkpoint was made [bytes].
    seconds
        Time spent training so far [s].
    changed
        Projections whose weights were changed between blocks so far (`Step.changed`).

    Examples
    --------
    >>> from apical.runs import Checkpoint
    >>> from apical.training import Position
    >>> Checkpoint(Position(epoch=1), state={}, metrics_bytes=0, seconds=2.5).changed
    ()
    """

    position: Position
    state: Mapping[str, np.ndarray]
    metrics_bytes: int
    seconds: float
    changed: tuple[str, ...] = ()


def check_new(path: Path) -> None:
    """Raise if a directory holds a run.

    Parameters
    ----------
    path
        Where a run is to begin.

    Raises
    ------
    RunError
        If it does; it says how to continue that run.

    Examples
    --------
    >>> from pathlib import Path
    >>> from apical.runs.directory import check_new
    >>> check_new(Path("runs/that_nobody_began"))
    """
    if (path / CONFIG).exists():
        raise RunError(
            f"Run directory {path} already holds a run. Continue it with "
            f"'apical run --resume {path}', or give another --out.",
            object=f"Run directory {path}",
        )


class RunDirectory:
    """One run on disk. Use `create` or `reopen`; both lock the directory while it is in use.

    Parameters
    ----------
    path
        Its folder.
    config
        What its ``config.json`` holds.
    manifest
        What binds its files together; None for a run of before 0.2, and for any other folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs import RunDirectory
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with RunDirectory.reopen(Path(folder)):
    ...         pass  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: ... holds no run: it has no config.json. ...
    """

    def __init__(
        self, path: Path, config: Mapping[str, Any], manifest: Manifest | None = None
    ) -> None:
        self.path, self.config, self.manifest = path, dict(config), manifest
        self._metrics: Any = None  # SHA-256 of metrics.csv, as far as it was read or written

    @classmethod
    @contextmanager
    def create(
        cls,
        path: Path,
        config: Mapping[str, Any],
        network: tuple[Mapping[str, Any], Mapping[str, np.ndarray]] | None = None,
        local: Mapping[str, str] | None = None,
    ) -> Iterator["RunDirectory"]:
        """Start a run in a new or empty directory.

        Parameters
        ----------
        path
            Its folder.
        config
            What its ``config.json`` holds.
        network
            What its ``network.json`` holds, and the arrays that go with it.
        local
            What its ``local.json`` holds: paths of this machine, by setting; None for none.

        Raises
        ------
        RunError
            If the directory holds another run, is in use, or cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"Run directory {path} cannot be made: {error}.", object=f"Run directory {path}"
            ) from None
        with _locked(path):
            check_new(path)
            # left by a run that was killed while it was being created; nothing of value
            made = (METRICS, CONFIG, NETWORK, ARRAYS, MANIFEST, LOCAL)
            leftovers = {_LOCK, *made, *(f".{name}.part" for name in made)}
            others = [entry.name for entry in path.iterdir() if entry.name not in leftovers]
            if others:
                raise RunError(
                    f"Run directory {path} is not empty (it has {shown(others[0])}); "
                    "give another --out.",
                    object=f"Run directory {path}",
                )
            (path / MANIFEST).unlink(missing_ok=True)
            run = cls(path, {**config, "format": FORMAT}, Manifest(path))
            content, arrays = network or ({}, {})
            if local:
                run.write_local(local)
            if arrays:
                run.write_arrays(ARRAYS, arrays)
            if content:
                run.write_json(NETWORK, content)
            run.write(METRICS, lambda file: file.write(_HEADER))
            run.configure(run.config)  # last: it marks the directory as a run
            yield run

    @classmethod
    @contextmanager
    def reopen(cls, path: Path) -> Iterator["RunDirectory"]:
        """Open the directory of a run that was started before.

        Raises
        ------
        RunError
            If there is no run, it is damaged, or in use.
        """
        if not (path / CONFIG).exists():
            raise RunError(f"{path} holds no run: it has no {CONFIG}. Give the --out of a run.")
        with _locked(path):
            config, manifest = bound(path)
            if manifest is not None:  # what was to change when a process was killed did not
                manifest.configured(config)
            yield cls(path, config, manifest)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the configuration, and bind the run to it."""
        self.config = dict(config)
        if self.manifest is not None:
            self.manifest.configured(self.config)
        self.write_json(CONFIG, self.config)

    def reconfigure(self, changes: Mapping[str, Any]) -> None:
        """Change settings of a run that goes on, and say so in its configuration.

        A finished run is an unfinished one from then on.

        Parameters
        ----------
        changes
            Name of a setting -> its new value.
        """
        saved = self.checkpoint()
        trial = saved.position.trial if saved else 0
        known = self.config.get("changed", [])
        told = [
            {"setting": name, "before": self.config.get(name), "now": now, "trial": trial}
            for name, now in changes.items()
        ]
        try:
            (self.path / SUMMARY).unlink(missing_ok=True)
        except OSError as error:
            raise self._full(SUMMARY, error) from None
        if self.manifest is not None:
            for name in (SUMMARY, SCORECARD, WEIGHTS):
                self.manifest.files.pop(name, None)
        self.configure({**self.config, **changes, "changed": [*known, *told]})

    def check(self, *names: str) -> None:
        """Raise unless files are those that the run wrote."""
        if self.manifest is not None:
            self.manifest.check(*names)

    @property
    def metrics_bytes(self) -> int:
        """Length of ``metrics.csv`` [bytes]."""
        return (self.path / METRICS).stat().st_size

    def append(self, step: Step) -> None:
        """Append the metrics of a step to ``metrics.csv``."""
        buffer = io.StringIO()
        writer, where = csv.writer(buffer, lineterminator="\n"), step.position
        about = [self.config["name"], self.config["seed"], where.epoch, where.block, where.trial]
        is_former = self._header == _FORMER_HEADER
        for metric, value in step.metrics.items():
            names = [one_name(*parts(metric))] if is_former else parts(metric)
            writer.writerow([*about, *names, repr(float(value))])
        rows = buffer.getvalue().encode()
        if self.manifest is not None:
            self._summed().update(rows)
        try:
            with (self.path / METRICS).open("ab") as file:
                file.write(rows)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._full(METRICS, error) from None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint atomically."""
        about = {
            "epoch": checkpoint.position.epoch,
            "block": checkpoint.position.block,
            "trial": checkpoint.position.trial,
            "metrics_bytes": checkpoint.metrics_bytes,
            "seconds": checkpoint.seconds,
            "arrays": sorted(checkpoint.state),
            "changed": list(checkpoint.changed),
        }
        arrays = {"about": np.array(json.dumps(about)), **checkpoint.state}
        self.write_arrays(CHECKPOINT, arrays, with_metrics=True)

    def checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint, truncating ``metrics.csv`` to it; None before the first."""
        path = self.path / CHECKPOINT
        self.check(CHECKPOINT)
        if not path.exists():
            self._check_metrics(METRICS)
            self._cut_metrics(len(self._header))
            return None
        self._check_metrics(CHECKPOINT)
        arrays = read_arrays(path)
        with _as_run_error():
            about = _progress(arrays.pop("about", None), path, self.config.get("epochs"))
            if sorted(arrays) != sorted(about["arrays"]):
                raise UnreadableError(path, "arrays of the state are missing, or there are others")
        position = Position(about["epoch"], about["block"], about["trial"])
        changed = tuple(about.get("changed", ()))  # earlier versions did not look
        checkpoint = Checkpoint(position, arrays, about["metrics_bytes"], about["seconds"], changed)
        self._cut_metrics(checkpoint.metrics_bytes)
        return checkpoint

    def finish(
        self,
        weights: Mapping[str, np.ndarray],
        scorecard: Mapping[str, Any],
        summary: Mapping[str, Any],
    ) -> None:
        """Write the final weights, the scorecard judged after the run, and the summary."""
        self.write_arrays(WEIGHTS, weights)
        self.write_json(SCORECARD, scorecard)
        if self.manifest is not None:
            self.manifest.files[METRICS] = self._metrics_entry()
            self.manifest.settle()
        self.write_json(SUMMARY, summary)

    def write_arrays(
        self, name: str, arrays: Mapping[str, np.ndarray], *, with_metrics: bool = False
    ) -> None:
        """Write arrays as an npz file, atomically.

        Parameters
        ----------
        name
            Name of the file.
        arrays
            Arrays by name.
        with_metrics
            Whether the file belongs to ``metrics.csv`` as it is now.
        """
        content: dict[str, Any] = dict(arrays)
        more = {"metrics": self._metrics_entry()} if with_metrics and self.manifest else {}
        self.write(name, lambda file: np.savez(file, **content), more)

    def write(
        self, name: str, writer: Callable[[BinaryIO], Any], more: Mapping[str, Any] | None = None
    ) -> None:
        """Write a file atomically, and bind it to the run: it exists whole or not at all.

        Parameters
        ----------
        name
            Name of the file.
        writer
            Writes the content into an open file.
        more
            What else belongs to the file, for the manifest.
        """
        try:
            if self.manifest is None:
                write_whole(self.path / name, writer)
                return
            with whole(self.path / name) as part:
                with part.open("wb") as file:
                    writer(file)
                self.manifest.expect(name, {**digest(part), **(more or {})})
                # before the file is in its place, so that either of the two is right; of a run that
                # begins all files are bound at once, by the last of them
                if name == CONFIG or (self.path / CONFIG).exists():
                    self.manifest.write()
        except OSError as error:
            raise self._full(name, error) from None

    def write_local(self, paths: Mapping[str, str]) -> None:
        """Write the paths of this machine, by setting, atomically."""
        text = json.dumps(dict(paths), indent=2) + "\n"
        try:
            write_whole(self.path / LOCAL, lambda file: file.write(text.encode()))
        except OSError as error:
            raise self._full(LOCAL, error) from None

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Give a folder of the run to write into."""
        folder = self.path / name
        try:
            folder.mkdir(exist_ok=True)
            yield folder
            if self.manifest is not None:
                found = {f"{name}/{file.name}": digest(file) for file in sorted(folder.iterdir())}
                self.manifest.files.update(found)
        except OSError as error:
            raise self._full(name, error) from None

    @property
    def _header(self) -> bytes:
        """Header of ``metrics.csv``, that of the file if it exists."""
        path = self.path / METRICS
        if not path.exists():
            return _HEADER
        with path.open("rb") as file:
            return _FORMER_HEADER if file.readline() == _FORMER_HEADER else _HEADER

    def write_json(self, name: str, content: Any, indent: int | None = 2) -> None:
        """Write a JSON file, atomically."""
        text = json.dumps(content, indent=indent) + "\n"
        self.write(name, lambda file: file.write(text.encode()))

    def _summed(self) -> Any:
        """Return the running SHA-256 of ``metrics.csv``, from its start."""
        if self._metrics is None:
            self._metrics = hashlib.sha256((self.path / METRICS).read_bytes())
        return self._metrics

    def _metrics_entry(self) -> Entry:
        return {"bytes": self.metrics_bytes, "sha256": self._summed().hexdigest()}

    def _check_metrics(self, name: str) -> None:
        """Raise unless ``metrics.csv`` begins as it was when a file was written."""
        entry = self.manifest.files.get(name) if self.manifest is not None else None
        if entry is not None and self.manifest is not None:
            self.manifest.check_first(METRICS, entry.get("metrics", entry))

    def _cut_metrics(self, length: int) -> None:
        path = self.path / METRICS
        if not path.exists() or path.stat().st_size < length:
            raise RunError(
                f"{path} is shorter than its checkpoint says ({length} bytes); the run directory "
                "is damaged. Start the run again elsewhere."
            )
        os.truncate(path, length)
        self._metrics = None

    def _full(self, name: str, error: OSError) -> RunError:
        saved = (
            "The last good checkpoint is intact"
            if (self.path / CHECKPOINT).exists()
            else "No checkpoint had been made"
        )
        return RunError(
            f"{self.path / name} could not be written: {error.strerror}. {saved}; free some space, "
            f"then 'apical run --resume {self.path}'."
        )


def _progress(about: np.ndarray | None, path: Path, epochs: Any) -> dict[str, Any]:
    """Return what a checkpoint says of itself, if it is possible in a run of so many epochs."""
    if about is None or about.dtype.kind != "U" or about.ndim:
        raise UnreadableError(path, "it does not say where in the run it was made")
    with reading.reading(path):
        found = reading.json_object(str(about), path, schemas.Progress)
    epoch, block = found["epoch"], found["block"]
    if isinstance(epochs, int) and (epoch > epochs or (epoch == epochs and block)):
        raise UnreadableError(
            path, f"it is of epoch {epoch}, block {block}, and the run has {epochs} epochs"
        )
    return found


_LOCK = ".lock"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = FileLock(path / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InUseError(
            f"Run directory {path} is in use by a live run; wait for it, or give another --out.",
            object=f"Run directory {path}",
        ) from None
    except OSError as error:
        raise RunError(
            f"Run directory {path} cannot be written: {error.strerror}.",
            object=f"Run directory {path}",
        ) from None
    try:
        yield
    finally:
        lock.release()


def bound(path: Path) -> tuple[dict[str, Any], Manifest | None]:
    """Return the configuration of a run and its manifest, which agree; None for a run before 0.2.

    Raises
    ------
    RunError
        If there is no run, its configuration was changed, or its manifest is missing.
    """
    if not (path / CONFIG).exists():
        raise RunError(f"{path} holds no run: it has no {CONFIG}. Give the --out of a run.")
    manifest = Manifest.read(path)
    if manifest is not None:
        manifest.check_config(_entries(path / CONFIG))
    config = read_json(path / CONFIG)
    if manifest is None and "format" in config:
        raise RunError(
            f"{path / MANIFEST} is missing: nothing says which files are of this run. Restore it, "
            "or start the run again elsewhere."
        )
    return config, manifest


def _entries(file: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds, possible or not, to tell what differs; None if it has none."""
    try:
        return reading.read_json(file)
    except UnreadableError:
        return None


def checked_files(path: Path, *names: str) -> None:
    """Raise unless files of a run are those that it wrote, its configuration included.

    Parameters
    ----------
    path
        Directory of the run.
    *names
        Files that are to be read.

    Raises
    ------
    RunError
        If one is missing, damaged, or of another run.
    """
    _, manifest = bound(path)
    if manifest is not None:
        manifest.check(*names)


def read_metrics(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a ``metrics.csv``, by `COLUMNS`, whichever version wrote it.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ValueError
        If a row is not whole, or holds something else than numbers.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.directory import COLUMNS, read_metrics
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "metrics.csv"
    ...     _ = path.write_text(",".join(COLUMNS) + "\\na,0,1,0,200,rate,hidden,7.5\\n")
    ...     (row,) = read_metrics(path)
    >>> row["metric"], row["subject"], row["value"]
    ('rate', 'hidden', '7.5')
    """
    former_columns = tuple(name for name in COLUMNS if name != "subject")
    for row in read_rows(path, (COLUMNS, former_columns)):
        for column in ("epoch", "block", "trial"):
            reading.whole(row[column], path, column)
        real(row["value"], path, "value")
        if "subject" not in row:
            row["metric"], row["subject"] = former(row["metric"])
        yield {name: row[name] for name in COLUMNS}


SCHEMAS: Mapping[str, type] = {
    CONFIG: schemas.Config,
    SUMMARY: schemas.Summary,
    LOCAL: schemas.Local,
}
"""Files of a run that have a schema, and which."""


def read_json(path: Path, schema: type | None = None) -> dict[str, Any]:
    """Read a JSON object; raise if the file is damaged.

    Parameters
    ----------
    path
        The file.
    schema
        What it must hold, as in `apical._base.reading.conform`; by default that of its name in
        `SCHEMAS`.

    Raises
    ------
    RunError
        If it cannot be read, or does not conform.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs import read_json
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "notes.json"
    ...     _ = path.write_text('{"a": 1}')
    ...     print(read_json(path))
    {'a': 1}
    """
    with _as_run_error():
        return reading.read_json(path, schema or SCHEMAS.get(path.name))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an npz file; raise if it is damaged.

    Those of ``weights.npz``, and those of a checkpoint that are weights, must be finite numbers.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    RunError
        If it cannot be read, or holds more than free memory does.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from apical.runs import read_arrays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "arrays.npz"
    ...     np.savez(path, w=np.eye(2))
    ...     found = read_arrays(path)
    >>> found["w"]
    array([[1., 0.],
           [0., 1.]])
    """
    with _as_run_error():
        arrays = reading.read_arrays(path)
        for name, values in arrays.items():
            if path.name == WEIGHTS or (path.name == CHECKPOINT and name.endswith(".w")):
                wrong = schemas.wrong_weights(values)
                if wrong:
                    raise UnreadableError(path, f"weights {shown(name)} {wrong}")
        return arrays


@contextmanager
def _as_run_error() -> Iterator[None]:
    try:
        yield
    except UnreadableError as error:
        raise RunError(
            f"{error.message.rstrip('.')}; restore it from a copy, or start the run again."
        ) from None
