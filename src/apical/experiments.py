"""From a configuration to a finished run directory, in one go or in several."""

import hashlib
import importlib.metadata
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from apical import datasets, figures, models, seeds
from apical.datasets import Dataset
from apical.devices import Simulator, simulate
from apical.errors import RunError
from apical.network import Network
from apical.plausibility import audit
from apical.progress import TrainingProgress
from apical.runs import CONFIG, SUMMARY, Checkpoint, RunDirectory, read_json
from apical.training import Evaluation, Plan, evaluate, steps

PACKAGES = ("apical", "brian2", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Experiment:
    """Everything that is needed to repeat a run.

    Parameters
    ----------
    model
        Name or path of the model script.
    options
        Options of the model.
    dataset
        Name of the data set, or path of an npz file.
    data_dir
        Where its files are; None for the usual places.
    train_trials, test_trials
        Number of samples to use; None for all.
    validation
        Number of training samples to hold out and evaluate on instead of the test samples.
    epochs, block, final_rate
        As in `Plan`.
    seed
        Seed of the run.
    device, dtype, dt, batch
        As in `simulate`; `dt` in [ms]. By default networks that spike run on ``cpp_standalone``
        and networks of rates on ``array``, there with 64 trials in a batch.
    closely
        As in `apical.training.steps`.
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = "digits"
    data_dir: str | None = None
    train_trials: int | None = None
    test_trials: int | None = None
    validation: int = 0
    epochs: int = 10
    block: int = 5000
    final_rate: float = 0.05
    seed: int = 0
    device: str | None = None
    dtype: Literal["float32", "float64"] = "float32"
    dt: float = 1.0
    batch: int | None = None
    closely: bool = False


class Stopped(Exception):
    """The run was asked to stop, and did so after a checkpoint."""


def run(
    experiment: Experiment, out: Path, *, progress: bool = True, draw: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:  # fmt: skip
    """Run an experiment in a new directory, and return its summary.

    Parameters
    ----------
    experiment
        What to run.
    out
        Directory of the run, new or empty.
    progress
        Whether to show a progress bar.
    draw
        Whether to draw figures.
    stop
        Asked after every block; True stops the run behind a checkpoint.

    Raises
    ------
    ApicalError
        If something is missing, does not fit, or goes wrong; the last checkpoint is good.
    Stopped
        If `stop` asked for it.
    """
    prepared = _prepare(experiment)
    config = {
        "name": out.resolve().name,
        **asdict(prepared.experiment),
        "model_sha256": prepared.model.sha256,
        "data_sha256": fingerprint(prepared.data),
        "scorecard": [asdict(finding) for finding in audit(prepared.network).findings],
        "versions": versions(),
    }
    simulator = prepared.simulator()  # what cannot be simulated leaves no directory behind
    with RunDirectory.create(out, config) as directory:
        return _carry_on(directory, prepared, simulator, progress, draw, stop)


def resume(
    out: Path, *, progress: bool = True, draw: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:  # fmt: skip
    """Go on with a run that was cut off; parameters and errors as in `run`."""
    with RunDirectory.reopen(out) as directory:
        if (out / SUMMARY).exists():
            return read_json(out / SUMMARY)
        experiment = _experiment(directory.path / CONFIG, directory.config)
        prepared = _prepare(experiment)
        _check_same(directory, prepared)
        return _carry_on(directory, prepared, prepared.simulator(), progress, draw, stop)


@dataclass(frozen=True)
class _Prepared:
    experiment: Experiment
    model: models.Model
    data: Dataset
    network: Network

    def simulator(self) -> Simulator:
        """Return a new simulator, at its initial state."""
        e = self.experiment
        return simulate(self.network, str(e.device), dt=e.dt, dtype=e.dtype, batch=e.batch or 1)


def _prepare(experiment: Experiment) -> _Prepared:
    model = models.load(experiment.model)
    data = datasets.load(experiment.dataset, experiment.data_dir)
    if experiment.validation:
        rng = seeds.stream(0, "validation")  # the same samples for every seed
        data = data.split(experiment.validation, rng)
    data = data.subset(experiment.train_trials, experiment.test_trials)
    network = model.describe(data, experiment.seed, experiment.options)
    return _Prepared(_settled(experiment, network), model, data, network)


def _settled(experiment: Experiment, network: Network) -> Experiment:
    """Return the experiment with the device and the batch that suit the network."""
    device = experiment.device or ("cpp_standalone" if network.is_spiking else "array")
    batch = experiment.batch or (64 if device == "array" else 1)
    return replace(experiment, device=device, batch=batch)


def read_experiment(out: Path) -> Experiment:
    """Return what the run of a directory is a run of.

    Raises
    ------
    RunError
        If the configuration is damaged.
    """
    return _experiment(out / CONFIG, read_json(out / CONFIG))


def _experiment(path: Path, config: Mapping[str, Any]) -> Experiment:
    found = {}
    for name, kinds in _FIELDS.items():
        if name not in config:
            raise RunError(f"{path} is damaged: it lacks {name!r}.")
        wrong_bool = isinstance(config[name], bool) and kinds is not bool
        if not isinstance(config[name], kinds) or wrong_bool:
            raise RunError(f"{path} is damaged: {name!r} is {config[name]!r}.")
        found[name] = config[name]
    return Experiment(**{name: found[name] for name in Experiment.__dataclass_fields__})


_FIELDS: dict[str, Any] = {
    "name": str,
    "model": str,
    "options": dict,
    "dataset": str,
    "data_dir": str | None,
    "train_trials": int | None,
    "test_trials": int | None,
    "validation": int,
    "epochs": int,
    "block": int,
    "final_rate": int | float,
    "seed": int,
    "device": str,
    "dtype": str,
    "dt": int | float,
    "batch": int,
    "closely": bool,
    "model_sha256": str,
    "data_sha256": str,
}
"""What a configuration must hold, and of which type."""


def _check_same(directory: RunDirectory, prepared: _Prepared) -> None:
    for name, now, thing in (
        ("model_sha256", prepared.model.sha256, f"the model {prepared.model.path}"),
        ("data_sha256", fingerprint(prepared.data), f"the data set {prepared.data.name}"),
    ):
        if directory.config[name] != now:
            raise RunError(
                f"Run {directory.path} cannot go on: {thing} changed since it began. Restore it, "
                "or start a new run."
            )


def _carry_on(
    directory: RunDirectory, prepared: _Prepared, simulator: Simulator, progress: bool,
    draw: bool, stop: Callable[[], bool],
) -> dict[str, Any]:  # fmt: skip
    experiment, data = prepared.experiment, prepared.data
    untrained = simulator.state
    saved = checkpoint = directory.checkpoint()
    if checkpoint:
        simulator.state = checkpoint.state
    plan = Plan(experiment.epochs, experiment.block, experiment.final_rate)
    before = checkpoint.seconds if checkpoint else 0.0
    started = time.perf_counter()
    position = checkpoint.position if checkpoint else None
    done = position.trial if position else 0
    with TrainingProgress(plan.epochs * len(data.train), shown=progress, done=done) as bar:
        for step in steps(simulator, data, plan, position, closely=experiment.closely):
            directory.append(step)
            seconds = before + time.perf_counter() - started - simulator.compile_seconds
            saved = Checkpoint(step.position, simulator.state, directory.metrics_bytes, seconds)
            directory.save(saved)
            bar.update(step.position.trial, step.metrics.get("test_accuracy"))
            if stop() and step.position.epoch < plan.epochs:
                raise Stopped
        bar.describe("evaluating")
        final = evaluate(simulator, data.test, index=-(1 + plan.epochs))
    weights = {p.name: simulator.weights(p) for p in prepared.network.projections}
    if draw:
        figures.draw(directory, prepared.network, data, untrained, simulator.state, final)
    summary = _summary(prepared, simulator, final, saved.seconds if saved else 0.0)
    directory.finish(weights, summary)
    return summary


def _summary(
    prepared: _Prepared, simulator: Simulator, final: Evaluation, seconds: float
) -> dict[str, Any]:
    experiment, data = prepared.experiment, prepared.data
    learned = experiment.epochs * len(data.train)
    return {
        "model": prepared.model.name,
        "options": dict(experiment.options),
        "dataset": data.name,
        "device": experiment.device,
        "dtype": experiment.dtype,
        "batch": experiment.batch,
        "seed": experiment.seed,
        "epochs": experiment.epochs,
        "n_train": len(data.train),
        "n_test": len(data.test),
        "test_accuracy": final.accuracy,
        "train_seconds": round(seconds, 3),
        "compile_seconds": round(simulator.compile_seconds, 3),
        "ms_per_trial": round(1e3 * seconds / learned, 4) if learned else None,
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of what results depend on."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "system": platform.platform(), **found}


def peak_memory_mb() -> float:
    """Return the largest memory of this process plus that of its largest child so far [MB]."""
    kilobyte = 1 if sys.platform == "darwin" else 1024
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(who).ru_maxrss for who in users) * kilobyte / 1e6


def fingerprint(data: Dataset) -> str:
    """Return a check sum of all samples and labels."""
    digest = hashlib.sha256()
    for samples in (data.train, data.test):
        for array in (samples.values, samples.labels):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
