"""The directory of a run: configuration, metrics, checkpoints, results.

Files are JSON, CSV and npz without pickle. Checkpoints are replaced atomically, so a run that is
killed at any moment resumes from the last one.
"""

import csv
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from apical._base.checking import shown
from apical._base.metric_names import former, one_name, parts
from apical._base.whole_files import write_whole
from apical.errors import InUseError, RunError
from apical.training.loop import Position, Step

CONFIG, METRICS, SUMMARY = "config.json", "metrics.csv", "summary.json"
CHECKPOINT, WEIGHTS, FIGURES = "checkpoint.npz", "weights.npz", "figures"
SCORECARD = "scorecard.json"
COLUMNS = ("run", "seed", "epoch", "block", "trial", "metric", "subject", "value")
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
    """

    position: Position
    state: Mapping[str, np.ndarray]
    metrics_bytes: int
    seconds: float
    changed: tuple[str, ...] = ()


class RunDirectory:
    """One run on disk. Use `create` or `reopen`; both lock the directory while it is in use."""

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path, self.config = path, dict(config)

    @classmethod
    @contextmanager
    def create(cls, path: Path, config: Mapping[str, Any]) -> Iterator["RunDirectory"]:
        """Start a run in a new or empty directory.

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
            if (path / CONFIG).exists():
                raise RunError(
                    f"Run directory {path} already holds a run. Continue it with "
                    f"'apical run --resume {path}', or give another --out.",
                    object=f"Run directory {path}",
                )
            # left by a run that was killed while it was being created; nothing of value
            leftovers = {_LOCK, METRICS, f".{METRICS}.part", f".{CONFIG}.part"}
            others = [entry.name for entry in path.iterdir() if entry.name not in leftovers]
            if others:
                raise RunError(
                    f"Run directory {path} is not empty (it has {shown(others[0])}); "
                    "give another --out.",
                    object=f"Run directory {path}",
                )
            run = cls(path, config)
            run.write(METRICS, lambda file: file.write(_HEADER))
            run._write_json(CONFIG, run.config)  # last: it marks the directory as a run
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
            yield cls(path, read_json(path / CONFIG))

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
        try:
            with (self.path / METRICS).open("ab") as file:
                file.write(buffer.getvalue().encode())
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
        self.write_arrays(CHECKPOINT, {"about": np.array(json.dumps(about)), **checkpoint.state})

    def checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint, truncating ``metrics.csv`` to it; None before the first."""
        path = self.path / CHECKPOINT
        if not path.exists():
            self._cut_metrics(len(self._header))
            return None
        arrays = read_arrays(path)
        try:
            about = json.loads(str(arrays.pop("about")))
            position = Position(about["epoch"], about["block"], about["trial"])
            if sorted(arrays) != about["arrays"]:
                raise ValueError("arrays are missing")
            changed = tuple(map(str, about.get("changed", ())))  # earlier versions did not look
            checkpoint = Checkpoint(
                position, arrays, about["metrics_bytes"], about["seconds"], changed
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is damaged ({error}); start the run again elsewhere.") from None
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
        self._write_json(SCORECARD, scorecard)
        self._write_json(SUMMARY, summary)

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays as an npz file, atomically."""
        content: dict[str, Any] = dict(arrays)
        self.write(name, lambda file: np.savez(file, **content))

    def write(self, name: str, writer: Callable[[BinaryIO], Any]) -> None:
        """Write a file atomically: it exists whole or not at all."""
        try:
            write_whole(self.path / name, writer)
        except OSError as error:
            raise self._full(name, error) from None

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Give a folder of the run to write into."""
        folder = self.path / name
        try:
            folder.mkdir(exist_ok=True)
            yield folder
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

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2) + "\n"
        self.write(name, lambda file: file.write(text.encode()))

    def _cut_metrics(self, length: int) -> None:
        path = self.path / METRICS
        if not path.exists() or path.stat().st_size < length:
            raise RunError(
                f"{path} is shorter than its checkpoint says ({length} bytes); the run directory "
                "is damaged. Start the run again elsewhere."
            )
        os.truncate(path, length)

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


def read_metrics(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a ``metrics.csv``, by `COLUMNS`, whichever version wrote it.

    Raises
    ------
    ValueError
        If a row is not whole.
    """
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if None in row or None in row.values():
                raise ValueError(f"line {shown(','.join(map(str, row.values())))} is cut short")
            if "subject" not in row:
                row["metric"], row["subject"] = former(row["metric"])
            yield {name: row[name] for name in COLUMNS}


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raise if the file is damaged."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}.") from None
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged: it must hold one JSON object.")
    return content


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an npz file; raise if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise RunError(f"{path} is damaged: {error}.") from None
