"""The directory of a sweep: its design, a directory for each run, a table of results.

``sweep.json`` holds the design; ``runs/<id>`` are ordinary run directories; ``results.parquet`` has
one row for each finished or failed run, and can be rebuilt from the others, except for failures.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from filelock import FileLock, Timeout

from apical._base.extras import library
from apical._base.metric_names import one_name
from apical._base.parameters import Checksum, Kind
from apical._base.whole_files import write_whole
from apical.errors import InUseError, RunError
from apical.runs.directory import METRICS, SUMMARY, checked_files, read_json, read_metrics
from apical.runs.experiment import check_settings, versions
from apical.sweeps.design import COLUMNS, Design, Run

SWEEP, RESULTS, RUNS = "sweep.json", "results.parquet", "runs"
_LOCK, _SESSION = ".lock", ".session"
_ABOUT = b"apical.sweep"
_OF_SUMMARY = ("train_seconds", "compile_seconds", "ms_per_trial")


class SweepDirectory:
    """One sweep on disk. Use `open`, which locks the directory while it is in use.

    Parameters
    ----------
    path
        The directory.
    design
        Its factorial design.
    """

    def __init__(self, path: Path, design: Design) -> None:
        self.path, self.design = path, design
        self._rows: dict[str, dict[str, Any]] = {}

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, design: Design, sums: Mapping[str, str]
    ) -> Iterator["SweepDirectory"]:
        """Begin a sweep in a new or empty directory, or resume one, possibly extended.

        Parameters
        ----------
        path
            The directory.
        design
            The factorial design. Levels and seeds may have been added since it began.
        sums
            Checksums of models and data, as `design.check` returns.

        Raises
        ------
        RunError
            If the directory holds another sweep or anything else, is in use, or cannot be
            written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"Sweep directory {path} cannot be made: {error.strerror}.",
                object=f"Sweep directory {path}",
            ) from None
        lock = FileLock(path / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InUseError(
                f"Sweep directory {path} is in use by a live sweep; wait for it, or give another "
                "--out.",
                object=f"Sweep directory {path}",
            ) from None
        except OSError as error:
            raise RunError(
                f"Sweep directory {path} cannot be written: {error.strerror}.",
                object=f"Sweep directory {path}",
            ) from None
        try:
            directory = cls(path, design)
            directory._begin(sums)
            yield directory
        finally:
            lock.release()

    def _begin(self, sums: Mapping[str, str]) -> None:
        about = {**_about(self.design), "sums": dict(sums)}
        if (self.path / SWEEP).exists():
            known = read_json(self.path / SWEEP, _Known)
            _check_same(self.path, known, about)
        else:
            others = {entry.name for entry in self.path.iterdir()} - {_LOCK, f".{SWEEP}.part"}
            if others:
                raise RunError(
                    f"Sweep directory {self.path} is not empty (it has {min(others)!r}) and holds "
                    "no sweep; give another --out.",
                    object=f"Sweep directory {self.path}",
                )
            known = {}
        failed = self._failed()
        if {name: known.get(name) for name in about} != about:
            text = json.dumps({**about, "versions": versions()}, indent=2) + "\n"
            self.write(SWEEP, text.encode())
        (self.path / RUNS).mkdir(exist_ok=True)
        for run in self.design.runs:
            if (self.folder(run) / SUMMARY).exists():
                check_settings(self.folder(run), run.experiment)
                self.record(run, "done", save=False)
            elif run.id in failed:
                self.record(run, "failed", failed[run.id], save=False)
        self.save()

    def _failed(self) -> dict[str, str]:
        """Return the runs that failed before, and why; raise if the table is another sweep's."""
        path = self.path / RESULTS
        if not path.exists():
            return {}
        parquet, arrow = library("pyarrow.parquet", "sweep"), library("pyarrow", "sweep")
        try:
            table = parquet.read_table(path)
            found = (table.schema.metadata or {}).get(_ABOUT, b"").decode()
        except (OSError, arrow.ArrowInvalid) as error:
            raise RunError(f"{path} is damaged ({error}); remove it, and start again.") from None
        if found != identity(self.design):
            raise RunError(
                f"{path} holds results of another experiment; move it away, or give another --out."
            )
        rows = table.select(["run", "status", "error"]).to_pylist()
        return {row["run"]: row["error"] for row in rows if row["status"] == "failed"}

    def folder(self, run: Run) -> Path:
        """Return the directory of a run."""
        return self.path / RUNS / run.id

    @property
    def waiting(self) -> list[Run]:
        """Runs that are not finished; failed ones are tried again."""
        status = {name: row["status"] for name, row in self._rows.items()}
        return [run for run in self.design.runs if status.get(run.id) != "done"]

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each run that is finished or failed, in the order of the design.

        Columns: run, status ("done" or "failed"), error, seed, the factors, and the final metrics:
        test_accuracy [fraction] or scores of targets (test_r2, ...), train_seconds and
        compile_seconds (0 where a program compiled before was used) [s], ms_per_trial [ms], and
        every metric of ``metrics.csv``, as in ``rate_hidden`` if it is of a population or a
        projection.
        """
        rows = [self._rows[run.id] for run in self.design.runs if run.id in self._rows]
        frame = pd.DataFrame(rows, columns=None if rows else [*COLUMNS, "seed"])
        first = [name for name in (*COLUMNS, "seed", *self.design.factors) if name in frame]
        return frame[[*first, *(name for name in frame if name not in first)]]

    def record(self, run: Run, status: str, error: str = "", *, save: bool = True) -> None:
        """Record the outcome of a run.

        Parameters
        ----------
        run
            The run.
        status, error
            "done" or "failed", and why.
        save
            Whether to write the table.

        Raises
        ------
        RunError
            If a run that is done has left no results here, or the table cannot be written.
        """
        row = {"run": run.id, "status": status, "error": error, "seed": run.experiment.seed}
        row |= run.levels
        if status == "done":
            for name, value in measured(self.folder(run)).items():
                row[name if name not in row else f"final_{name}"] = value
        self._rows[run.id] = row
        if save:
            self.save()

    def save(self) -> None:
        """Replace the table of results."""
        arrow, parquet = library("pyarrow", "sweep"), library("pyarrow.parquet", "sweep")
        table = arrow.Table.from_pandas(self.frame, preserve_index=False)
        about = {**(table.schema.metadata or {}), _ABOUT: identity(self.design).encode()}
        sink = arrow.BufferOutputStream()
        parquet.write_table(table.replace_schema_metadata(about), sink)
        self.write(RESULTS, sink.getvalue().to_pybytes())

    def write(self, name: str, content: bytes) -> Path:
        """Write a file atomically."""
        try:
            return write_whole(self.path / name, content)
        except OSError as error:
            raise RunError(
                f"{self.path / name} could not be written: {error.strerror}. Finished runs are "
                "intact; make room or give it back, and start the sweep again."
            ) from None

    @contextmanager
    def session(self) -> Iterator[tuple[Path, str]]:
        """Yield the session file and its token, valid until the end: see `working.work`."""
        token = uuid.uuid4().hex
        path = self.write(_SESSION, token.encode())
        try:
            yield path, token
        finally:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Known:
    """What ``sweep.json`` holds.

    Parameters
    ----------
    sums
        Checksums of models and data, by description.
    factors
        Levels of each factor.
    seeds
        All seeds.
    experiment
        The fields of the experiment that are no factors.
    """

    sums: Mapping[str, Checksum]
    factors: Mapping[str, Sequence[Any]]
    seeds: Annotated[Sequence[int], Kind(list)]
    experiment: Mapping[str, Any]


def measured(folder: Path) -> dict[str, float]:
    """Return the final metrics of a finished run, by name; raise RunError if some are missing.

    Parameters
    ----------
    folder
        Directory of the run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.run import run
    >>> from apical.sweeps.results import measured
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     found = measured(Path(folder) / "run")
    >>> sorted(found), found["test_accuracy"] == summary["test_accuracy"]
    (['compile_seconds', 'ms_per_trial', 'test_accuracy', 'train_seconds'], True)
    """
    checked_files(folder, SUMMARY, METRICS)
    summary, found = read_json(folder / SUMMARY), {}
    try:
        found = {k: float(v) for k, v in summary.items() if k.startswith("test_") and v is not None}
        found |= {name: float(summary[name] or 0) for name in _OF_SUMMARY}
        rows = [row for row in read_metrics(folder / METRICS) if row["block"] == "0"]
        last = max((int(row["epoch"]) for row in rows), default=0)
        ends = {
            one_name(row["metric"], row["subject"]): float(row["value"])
            for row in rows
            if int(row["epoch"]) == last
        }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"The results of {folder} are damaged: {error}.") from None
    return {**ends, **found}


def identity(design: Design) -> str:
    """Return a checksum of what must not change when a sweep is extended.

    Parameters
    ----------
    design
        The design.

    Examples
    --------
    Levels and seeds may be added, the experiment must stay:

    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps import Design
    >>> from apical.sweeps.results import identity
    >>> few = Design(Experiment("rate_dfa"), {"hidden": [10]}, seeds=1)
    >>> many = Design(Experiment("rate_dfa"), {"hidden": [10, 20]}, seeds=5)
    >>> other = Design(Experiment("rate_dfa", epochs=1), {"hidden": [10]}, seeds=1)
    >>> identity(few) == identity(many), identity(few) == identity(other)
    (True, False)
    """
    about = _about(design)
    fixed = json.dumps([about["experiment"], sorted(about["factors"])])
    return sha256(fixed.encode()).hexdigest()[:32]


def _about(design: Design) -> dict[str, Any]:
    experiment = {
        name: value
        for name, value in asdict(design.experiment).items()
        if name not in ("seed", *design.factors)
    }
    about = {
        "experiment": experiment,
        "factors": dict(design.factors),
        "seeds": list(design.seed_list),
        "baseline": dict(design.baseline),
    }
    found: dict[str, Any] = json.loads(json.dumps(about))  # as it is read from a file
    return found


def _check_same(path: Path, known: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Raise unless a sweep is the same as before, or an extension of it."""
    try:
        for name, value in known["sums"].items():
            if about["sums"].get(name, value) != value:
                raise RunError(
                    f"Sweep {path} cannot be resumed: {name} changed since it began. Restore it, "
                    "or give another --out.",
                    object=f"Sweep {path}",
                )
        gone = [
            f"{name} = {level}"
            for name, levels in known["factors"].items()
            for level in levels
            if level not in about["factors"].get(name, [])
        ]
        gone += [f"seed {seed}" for seed in known["seeds"] if seed not in about["seeds"]]
        other = [
            name
            for name, value in known["experiment"].items()
            if about["experiment"].get(name) != value
        ]
        other += [name for name in about["factors"] if name not in known["factors"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path / SWEEP} is damaged: {error!r}.") from None
    if gone or other:
        why = f"it has {gone[0]}, which is gone" if gone else f"{other[0]!r} differs"
        raise RunError(
            f"Sweep directory {path} holds another sweep ({why}); levels and seeds may only be "
            "added: give another --out.",
            object=f"Sweep directory {path}",
        )
