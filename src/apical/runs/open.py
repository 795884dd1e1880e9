"""Access to trained networks: finished runs, read back from their directories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from apical.data.datasets import Dataset
from apical.devices import Simulator
from apical.errors import DataError, ParameterError, RunError
from apical.network.description import Network
from apical.records.arrays import Records
from apical.records.recording import record
from apical.runs.directory import (
    COLUMNS,
    CONFIG,
    METRICS,
    SUMMARY,
    WEIGHTS,
    RunDirectory,
    read_arrays,
    read_json,
    read_metrics,
)
from apical.runs.experiment import Prepared, check_same, prepare, read_experiment

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
        Final weights, by name of projection, shape (n_pre, n_post).
    """

    path: Path
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    prepared: Prepared
    weights: Mapping[str, np.ndarray]

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
    def metrics(self) -> pd.DataFrame:
        """The long table of ``metrics.csv``.

        Columns: run, seed, epoch, block, trial, metric, subject, value. The subject is the
        population or projection of a metric, "" for the whole network.
        """
        try:
            table = pd.DataFrame(read_metrics(self.path / METRICS), columns=COLUMNS)
            return table.astype(dict.fromkeys(_NUMBERS, int) | {"value": float})
        except (OSError, KeyError, ValueError) as error:
            raise RunError(f"{self.path / METRICS} is damaged: {error}.") from None

    def simulator(
        self, record: Sequence[str] = (), traces: Sequence[str] = (), *, untrained: bool = False
    ) -> Simulator:
        """Return the network on the device of its run, as `simulate` does, trained or not yet."""
        simulator = self.prepared.looking(record, traces)
        if untrained:
            return simulator
        own = simulator.state  # transposed weights are those of another projection
        simulator.load({name: w for name, w in self.weights.items() if f"{name}.w" in own})
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

        Raises
        ------
        DataError
            If there are fewer test samples.
        WiringError
            If the network has no such populations or signals.
        """
        if not 1 <= trials <= len(self.data.test):
            raise ParameterError(
                f"Run {self.path} has {len(self.data.test)} test samples, so 1 to "
                f"{len(self.data.test)} trials can be recorded, got {trials}.",
                object=f"Run {self.path}",
                parameter="trials",
            )
        every = [p.name for p in self.network.populations if p.role != "bias"]
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
            "dataset": self.data.name,
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
                {"name": p.name, "pre": p.pre.name, "post": p.post.name, "kind": _kind(network, p)}
                for p in network.projections
            ],
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _kind(network: Network, projection: Any) -> str:
    if network.feedback and projection.name in {p.name for p in network.feedback.projections}:
        return "feedback"
    if projection.name in {p.name for p in network.lateral}:
        return "lateral"
    return "forward" if projection.is_forward else "error"


def open_run(path: Path) -> TrainedRun:
    """Read a finished run.

    Raises
    ------
    RunError
        If there is no run, it is not finished or damaged, or its model or data changed since.
    """
    if not (path / CONFIG).exists():
        raise RunError(f"{path} holds no run: it has no {CONFIG}. Give the --out of a run.")
    config = read_json(path / CONFIG)
    if not (path / SUMMARY).exists() or not (path / WEIGHTS).exists():
        missing = WEIGHTS if not (path / WEIGHTS).exists() else SUMMARY
        raise RunError(
            f"Run {path} has no {missing}: it is not finished. 'apical run --resume {path}' first.",
            object=f"Run {path}",
        )
    prepared = prepare(read_experiment(path))
    check_same(path, config, prepared)
    weights, network = read_arrays(path / WEIGHTS), prepared.network
    shapes = {p.name: p.shape for p in network.projections}
    for name, shape in shapes.items():
        if name not in weights or weights[name].shape != shape:
            got = weights[name].shape if name in weights else "none"
            raise RunError(
                f"{path / WEIGHTS} is damaged: weights of {name!r} must have shape {shape}, got "
                f"{got}."
            )
    return TrainedRun(path, config, read_json(path / SUMMARY), prepared, weights)


def write_records(path: Path, records: Records) -> Path:
    """Write records into a run directory or a file, atomically, and return the path.

    Raises
    ------
    RunError
        If they cannot be written.
    """
    target = path / RECORDS if path.is_dir() else path
    folder = RunDirectory(target.parent, {})
    folder.write_arrays(target.name, records.to_arrays())
    return target


def read_records(path: Path) -> Records:
    """Read what `write_records` wrote: a file, or the one of a run directory.

    Raises
    ------
    RunError, DataError
        If there is none, or it is damaged.
    """
    source = path / RECORDS if path.is_dir() else path
    if not source.exists():
        raise RunError(f"{source} does not exist; 'apical record RUN' makes it.")
    try:
        return Records.from_arrays(read_arrays(source))
    except DataError as error:
        raise DataError(f"{source}: {error.message}", object=str(source)) from None
