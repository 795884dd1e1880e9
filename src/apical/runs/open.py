"""Access to trained networks: finished runs, read back from their directories."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from apical._base.checking import checked
from apical._base.private_paths import bare
from apical.data.datasets import Dataset
from apical.devices import Simulator, recordable
from apical.errors import DataError, ParameterError, RunError
from apical.network.description import Network
from apical.records.arrays import Records
from apical.records.recording import record, role_of
from apical.runs.directory import (
    COLUMNS,
    FINISHED,
    METRICS,
    SCORECARD,
    SUMMARY,
    WEIGHTS,
    RunDirectory,
    bound,
    checked_files,
    read_arrays,
    read_json,
    read_metrics,
)
from apical.runs.experiment import Prepared, prepare_recorded, read_experiment
from apical.runs.final_weights import FinalWeights, checked_weights
from apical.runs.manifest import CONFIG

RECORDS = "records.npz"
_NUMBERS = ("seed", "epoch", "block", "trial")


@dataclass(frozen=True)
class TrainedRun:
    """A finished run; made by `open_run`.

    Parameters
    ----------
    path
        Its directory.
    config, summary
        Contents of its files of these names.
    prepared
        Its experiment, model, data and network.
    weights
        Final weights, by name of projection, shape (n_pre, n_post). A matrix of a sparse
        projection is made when it is asked for; ``weights.held`` has a value for each weight.

    See Also
    --------
    open_run : Makes it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "first", progress=False, draw=False)
    ...     found = open_run(Path(folder) / "first")
    ...     metrics, is_judged = found.metrics, found.is_judged
    >>> found.name, is_judged, found.data.name
    ('first', True, 'digits')
    >>> metrics[["epoch", "trial", "metric"]].to_dict("list")
    {'epoch': [0, 1], 'trial': [0, 100], 'metric': ['test_accuracy', 'test_accuracy']}
    """

    path: Path
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    prepared: Prepared
    weights: FinalWeights

    @property
    def name(self) -> str:
        """Name of the run."""
        return str(self.config["name"])

    @property
    def network(self) -> Network:
        """The network model, with initial weights."""
        return self.prepared.network

    @property
    def data(self) -> Dataset:
        """The data set it was trained and tested on."""
        return self.prepared.data

    @cached_property
    def scorecard(self) -> list[dict[str, Any]]:
        """The findings of the scorecard as plain data, judged after the run (`judge`).

        Runs of earlier versions have that of their description alone.
        """
        path = self.path / SCORECARD
        if not path.exists():
            return list(self.config["scorecard"])
        found = read_json(path).get("findings")
        if not isinstance(found, list):
            raise RunError(f"{path} is damaged: it has no list of findings.")
        return found

    @property
    def is_judged(self) -> bool:
        """Whether `scorecard` was judged after the run."""
        return (self.path / SCORECARD).exists()

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The long table of ``metrics.csv``.

        Columns: run, seed, epoch, block, trial, metric, subject, value. The subject is the
        population or projection of a metric, "" for the whole network.
        """
        return _table(self.path / METRICS)

    def simulator(
        self, record: Sequence[str] = (), traces: Sequence[str] = (), *, untrained: bool = False
    ) -> Simulator:
        """Return the network on the device of its run, as `simulate` does, trained or not yet.

        Parameters
        ----------
        record, traces
            As in `simulate`.
        untrained
            Whether it has the initial weights.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from apical.runs.experiment import Experiment
        >>> from apical.runs.open import open_run
        >>> from apical.runs.run import run
        >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
        ...     found = open_run(Path(folder) / "run")
        >>> with found.simulator() as trained, found.simulator(untrained=True) as naive:
        ...     [bool(s.weights("hidden_to_output").any()) for s in (trained, naive)]
        [True, False]
        """
        simulator = self.prepared.looking(record, traces)
        if untrained:
            return simulator
        simulator.load(self.weights.loadable(simulator))
        return simulator

    def record(
        self,
        trials: int = 200,
        populations: Sequence[str] | None = None,
        signals: Sequence[str] | None = None,
        *,
        untrained: bool = False,
    ) -> Records:
        """Record the response to the first test samples, with learning off.

        Parameters
        ----------
        trials
            Number of samples.
        populations
            Names of those to record; all by default.
        signals
            Signals to keep at every time step; by default none where neurons spike, and activity
            ``x`` where they do not.
        untrained
            Whether to use the initial weights.

        Returns
        -------
        Records
            What was recorded.

        Raises
        ------
        DataError
            If there are fewer test samples.
        WiringError
            If the network has no such populations or signals.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from apical.runs.experiment import Experiment
        >>> from apical.runs.open import open_run
        >>> from apical.runs.run import run
        >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
        ...     records = open_run(Path(folder) / "run").record(trials=20, populations=["hidden"])
        >>> len(records), list(records.signals), records.about["model"]
        (20, ['hidden.x'], 'rate_dfa')
        """
        if not 1 <= trials <= len(self.data.test):
            raise ParameterError(
                f"Run {self.path} has {len(self.data.test)} test samples, so 1 to "
                f"{len(self.data.test)} trials can be recorded, got {trials}.",
                object=f"Run {self.path}",
                parameter="trials",
            )
        seen = recordable(self.network)
        every = [p.name for p in self.network.populations if p.role != "bias" and p.name in seen]
        if signals is None:
            signals = () if self.network.is_spiking else ("x",)
        chosen = populations if populations is not None else every
        simulator = self.simulator(chosen, signals, untrained=untrained)
        return record(
            simulator,
            self.data.test,
            np.arange(trials),
            dt=self.prepared.experiment.dt,
            about={**self.about(), "untrained": untrained},
        )

    def about(self) -> dict[str, Any]:
        """Return the provenance of results of this run, as plain data."""
        network, model = self.network, self.prepared.model
        feedback = network.feedback
        return {
            "run": self.name,
            "model": model.name,
            "model_doc": model.doc,
            "options": dict(self.prepared.experiment.options),
            "dataset": bare(self.data.name),
            "licence": self.data.licence,
            "shape": list(self.data.shape),
            "device": self.config["device"],
            "dtype": self.config["dtype"],
            "seed": self.config["seed"],
            "versions": self.config["versions"],
            "config": dict(self.config),
            "rules": [
                {
                    "projection": p.name,
                    "name": p.rule.name,
                    "update": p.rule.update,
                    "source": p.rule.source,
                }
                for p in network.plastic
                if p.rule
            ],
            "feedback": {"name": feedback.name, "source": feedback.source} if feedback else {},
            "projections": [
                {
                    "name": p.name,
                    "pre": p.pre.name,
                    "post": p.post.name,
                    "kind": role_of(network, p),
                }
                for p in network.projections
            ],
            "scorecard": self.scorecard,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


@checked()
def open_run(path: Path | str, *, trust: Path | str | None = None) -> TrainedRun:
    """Read a finished run; nothing of its directory is executed.

    Parameters
    ----------
    path
        Its directory.
    trust
        A script to import if data cannot hold the network, and only if it is the very file that the
        run began with, outside its directory: see the page "What you may open".

    Raises
    ------
    RunError
        If there is no run, it is not finished, a file is damaged or of another run, or its network
        cannot be rebuilt.

    See Also
    --------
    TrainedRun : What it returns.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     found = open_run(Path(folder) / "run")
    >>> found.weights["stimulus_to_hidden"].shape, found.config["epochs"]
    ((64, 100), 1)
    >>> open_run(Path("no_such_run"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: no_such_run holds no run: it has no config.json. Give ...
    """
    path = Path(path)
    trust = None if trust is None else Path(trust)
    config, manifest = bound(path)
    if not (path / SUMMARY).exists() or not (path / WEIGHTS).exists():
        missing = WEIGHTS if not (path / WEIGHTS).exists() else SUMMARY
        raise RunError(
            f"Run {path} has no {missing}: it is not finished. 'apical run --resume {path}' first.",
            object=f"Run {path}",
        )
    if manifest is not None:
        manifest.check(*FINISHED)
    prepared = prepare_recorded(path, read_experiment(path), trust=trust)
    weights = checked_weights(prepared.network, read_arrays(path / WEIGHTS), path / WEIGHTS)
    return TrainedRun(path, config, read_json(path / SUMMARY), prepared, weights)


def metrics_of(path: Path) -> pd.DataFrame:
    """Read the long table of ``metrics.csv`` of a run, as `TrainedRun.metrics`; it is checked.

    Parameters
    ----------
    path
        Directory of the run.

    Raises
    ------
    RunError
        If it is damaged, or of another run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import metrics_of
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     table = metrics_of(Path(folder) / "run")
    >>> table.columns.tolist()
    ['run', 'seed', 'epoch', 'block', 'trial', 'metric', 'subject', 'value']
    >>> bool(table["value"].iloc[-1] == summary["test_accuracy"])
    True
    """
    checked_files(path, METRICS)
    return _table(path / METRICS)


def _table(path: Path) -> pd.DataFrame:
    try:
        table = pd.DataFrame(read_metrics(path), columns=COLUMNS)
        return table.astype(dict.fromkeys(_NUMBERS, int) | {"value": float})
    except (OSError, KeyError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}.") from None


def write_records(path: Path, records: Records) -> Path:
    """Write records into a run directory or a file, atomically, and return the path.

    In the directory of a run they are bound to it.

    Parameters
    ----------
    path
        A run directory, or a file to write.
    records
        The records.

    Raises
    ------
    RunError
        If they cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.open import read_records, write_records
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_records(Path(folder) / "records.npz", records())
    ...     found = read_records(path)
    >>> found.spikes["hidden"].time
    array([ 3. , 12.5,  7. ])
    """
    target = path / RECORDS if path.is_dir() else path
    if target.name == RECORDS and (target.parent / CONFIG).exists():
        with RunDirectory.reopen(target.parent) as run:
            run.write_arrays(RECORDS, records.to_arrays())
            if run.manifest is not None:  # from now on they may not be missing
                run.manifest.settle(RECORDS)
                run.manifest.write()
        return target
    RunDirectory(target.parent, {}).write_arrays(target.name, records.to_arrays())
    return target


def has_records(path: Path) -> bool:
    """Whether a run has records.

    Parameters
    ----------
    path
        Directory of the run.

    Raises
    ------
    RunError
        If it had some, which are missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import has_records, open_run, write_records
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = Path(folder) / "run"
    ...     summary = run(plan, out, progress=False, draw=False)
    ...     before = has_records(out)
    ...     path = write_records(out, open_run(out).record(10))
    ...     before, has_records(out), path.name
    (False, True, 'records.npz')
    """
    _, manifest = bound(path)
    if manifest is not None and (path / RECORDS).exists() is not (RECORDS in manifest.files):
        manifest.check(RECORDS)
    return (path / RECORDS).exists()


def read_records(path: Path, *, of: Path | None = None) -> Records:
    """Read what `write_records` wrote: a file, or the one of a run directory.

    Parameters
    ----------
    path
        The file or the directory.
    of
        The run of which the records must be; that of the directory by default.

    Returns
    -------
    Records
        As `apical.records.Records`.

    Raises
    ------
    RunError, DataError
        If there is none, it is damaged, or of another run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.open import read_records, write_records
    >>> from apical.testing.references import records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = read_records(write_records(Path(folder) / "records.npz", records()))
    >>> len(found), found.about["model"]
    (2, 'reference')
    >>> read_records(Path("no_such_file.npz"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: no_such_file.npz does not exist; 'apical record RUN' ...
    """
    source = path / RECORDS if path.is_dir() else path
    if not source.exists():
        raise RunError(f"{source} does not exist; 'apical record RUN' makes it.")
    if path.is_dir():
        checked_files(path, RECORDS)
        of = of or path
    try:
        records = Records.from_arrays(read_arrays(source))
    except DataError as error:
        raise DataError(f"{source}: {error.message}", object=str(source)) from None
    if of is not None:
        _check_records(source, records, of)
    return records


def completed(records: Records, run: Path) -> Records:
    """Return records of a run with its scorecard, which earlier versions did not keep in them.

    Raises
    ------
    RunError
        If the scorecard is damaged, or of another run.
    """
    if "scorecard" in records.about or not (run / SCORECARD).exists():
        return records
    checked_files(run, SCORECARD)
    found = read_json(run / SCORECARD).get("findings")
    return replace(records, about={**records.about, "scorecard": found})


def _check_records(source: Path, records: Records, run: Path) -> None:
    """Raise unless records say that they are of a run, as it is configured now."""
    config, _ = bound(run)
    found = records.about.get("config")
    found = found if isinstance(found, Mapping) else {}
    differ = [k for k in {**config, **found} if _plain(found, k) != _plain(config, k)]
    if differ:
        names = ", ".join(map(repr, differ))[:100]
        what = f"{names} differ{'s' if len(differ) == 1 else ''}" if found else "they name no run"
        raise RunError(
            f"{source} are not records of run {run} as it is now: {what}. Record it anew with "
            f"'apical record {run}'."
        )


def _plain(config: Mapping[str, Any], name: str) -> Any:
    """Return an entry of a configuration as it is read from a file."""
    return json.loads(json.dumps(config.get(name), default=str))
