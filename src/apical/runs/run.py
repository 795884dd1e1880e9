"""Run and resume experiments: training with checkpoints, evaluation, results."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from apical._base.memory import peak_memory_mb
from apical._base.metric_names import tested
from apical._base.private_paths import bare
from apical._base.progress import TrainingProgress
from apical.devices import Simulator
from apical.errors import DeviceError, RunError
from apical.network.held_weights import held_weights
from apical.network.targets import check_targets
from apical.plausibility import JudgedScorecard, judge
from apical.runs import ranks
from apical.runs.callbacks import Measuring, chosen
from apical.runs.directory import FINISHED, SUMMARY, Checkpoint, RunDirectory, read_json
from apical.runs.experiment import (
    Experiment,
    Prepared,
    fingerprint,
    prepare,
    prepare_recorded,
    public,
    read_experiment,
    versions,
)
from apical.runs.stored_network import as_data
from apical.runs.threads import blas_threads, same_threads
from apical.training.loop import Evaluation, Plan, evaluated, steps


class Stopped(Exception):
    """The run was asked to stop, and did so after a checkpoint.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=128, test_trials=50, epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run(plan, Path(folder) / "run", progress=False, stop=lambda: True)
    Traceback (most recent call last):
        ...
    apical.runs.run.Stopped
    """


def run(
    experiment: Experiment,
    out: Path,
    *,
    progress: bool = True,
    draw: bool = True,
    stop: Callable[[], bool] = lambda: False,
    building: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run an experiment in a new directory, and return its summary.

    Parameters
    ----------
    experiment
        The configuration.
    out
        Directory of the run, new or empty.
    progress
        Whether to show a progress bar.
    draw
        Whether to draw figures.
    stop
        Called after every block; True stops the run after a checkpoint.
    building
        Machine-specific options of `simulate`: ``capability``, ``programs`` and ``prebuilt`` for
        compiled programs, ``library`` for arrays.

    Raises
    ------
    ApicalError
        If something is missing, invalid, or fails; the last checkpoint remains intact.
    Stopped
        If `stop` asked for it.

    See Also
    --------
    resume : Goes on after an interruption.
    apical.runs.open.open_run : Reads what was written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=500, test_trials=100, epochs=1, batch=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     names = sorted(path.name for path in (Path(folder) / "run").glob("[a-z]*"))
    >>> summary["n_train"], summary["is_local"], summary["test_accuracy"] > 0.3
    (500, True, True)
    >>> names  # doctest: +NORMALIZE_WHITESPACE
    ['checkpoint.npz', 'config.json', 'manifest.json', 'metrics.csv', 'network.json',
    'scorecard.json', 'summary.json', 'weights.npz']
    """
    prepared = prepare(experiment, building)
    library = {k: v for k, v in prepared.building.items() if k == "library"}
    settings, local = public(prepared.experiment)
    config = {
        "name": out.resolve().name,
        **settings,
        "model_sha256": prepared.model.sha256,
        "data_sha256": fingerprint(prepared.data),
        "scorecard": prepared.scorecard.as_dict()["findings"],
        "versions": versions(**library),
        "blas_threads": blas_threads(),
        **library,
    }
    network = as_data(prepared.network, prepared.model)
    check_targets(prepared.network, prepared.data.train.targets)
    with prepared.simulator() as simulator:  # before a directory is made: it may be refused
        measuring = _measuring(prepared)
        with RunDirectory.create(out, config, network, local) as directory:
            return _carry_on(directory, prepared, simulator, measuring, progress, draw, stop)


def resume(
    out: Path,
    *,
    epochs: int | None = None,
    device: str | None = None,
    trust: Path | None = None,
    progress: bool = True,
    draw: bool = True,
    stop: Callable[[], bool] = lambda: False,
    building: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Resume an interrupted run from its last checkpoint; other parameters and errors as in `run`.

    It uses the array library that it began with, unless `building` names another, and as many
    threads of BLAS, which decide in which order numbers are added. What changes is recorded in its
    configuration (``changed``).

    Parameters
    ----------
    out
        Directory of the run.
    epochs
        More epochs than the run had, finished or not; None for those that it has.
    device
        Another device; None for that of the run.
    trust
        A script to import if data cannot hold the network, as in `apical.runs.open.open_run`.

    Returns
    -------
    dict
        The summary, as of `run`.

    Examples
    --------
    Stopped after its first block of 64 trials, the run continues with the next one, and ends as if
    it had not been interrupted:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.run import Stopped, resume, run
    >>> plan = Experiment("rate_dfa", train_trials=128, test_trials=50, epochs=2, block=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = Path(folder) / "run"
    ...     try:
    ...         run(plan, out, progress=False, draw=False, stop=lambda: True)
    ...     except Stopped:
    ...         before = (out / "metrics.csv").read_text().splitlines()
    ...     summary = resume(out, progress=False, draw=False)
    ...     after = (out / "metrics.csv").read_text().splitlines()
    >>> len(before) < len(after), after[: len(before)] == before, summary["epochs"]
    (True, True, 2)
    """
    with RunDirectory.reopen(out) as directory:
        experiment, config = read_experiment(out), directory.config
        wanted = {"epochs": epochs, "device": device, "library": (building or {}).get("library")}
        changes = {k: v for k, v in wanted.items() if v not in (None, config.get(k))}
        if epochs is not None and epochs < experiment.epochs:
            raise RunError(
                f"Run {out} has {experiment.epochs} epochs, which may only become more, got "
                f"{epochs}.",
                object=f"Run {out}",
                parameter="epochs",
            )
        if (out / SUMMARY).exists() and not changes:
            directory.check(*FINISHED)
            return read_json(out / SUMMARY)
        library = {"library": str(config["library"])} if "library" in config else {}
        experiment = replace(
            experiment,
            epochs=experiment.epochs if epochs is None else epochs,
            device=device or experiment.device,
        )
        prepared = prepare_recorded(out, experiment, library | dict(building or {}), trust=trust)
        threads = same_threads(config.get("blas_threads"), out)
        with threads, prepared.simulator() as simulator:
            measuring = _measuring(prepared)
            if changes:
                _try(directory, simulator)
                directory.reconfigure(changes)
            return _carry_on(directory, prepared, simulator, measuring, progress, draw, stop)


def _try(directory: RunDirectory, simulator: Simulator) -> None:
    """Raise if a checkpoint does not fit a simulator, before a run is changed for good."""
    saved = directory.checkpoint()
    if saved:
        untrained = simulator.state
        simulator.state = saved.state
        simulator.state = untrained


def build(experiment: Experiment, building: Mapping[str, Any] | None = None) -> list[Path]:
    """Compile the programs of an experiment without running them.

    Parameters
    ----------
    experiment
        The experiment.
    building
        As in `run`.

    Returns
    -------
    list
        Their folders.

    Raises
    ------
    DeviceError
        If the device compiles nothing before it runs.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.run import build
    >>> build(Experiment("rate_dfa", device="array"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: Device 'array' compiles nothing before it runs; build ...
    """
    prepared = prepare(experiment, building)
    measuring = _measuring(prepared)
    simulators: list[Any] = [prepared.simulator(), *(measuring.simulators if measuring else ())]
    if not all(hasattr(simulator, "build") for simulator in simulators):
        raise DeviceError(
            f"Device {prepared.experiment.device!r} compiles nothing before it runs; build for "
            "'cpp_standalone' or 'cuda_standalone'.",
            object=f"Device {prepared.experiment.device!r}",
        )
    return [simulator.build() for simulator in simulators]


def _measuring(prepared: Prepared) -> Measuring | None:
    e = prepared.experiment
    names = chosen(e.measure, prepared.network, closely=e.closely)
    return Measuring(prepared, names) if names else None


def _carry_on(
    directory: RunDirectory,
    prepared: Prepared,
    simulator: Simulator,
    measuring: Measuring | None,
    progress: bool,
    draw: bool,
    stop: Callable[[], bool],
) -> dict[str, Any]:
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
        every = experiment.measure_every
        for step in steps(simulator, data, plan, position, measure=measuring, every=every):
            directory.append(step)
            compiling = simulator.compile_seconds + (measuring.compile_seconds if measuring else 0)
            seconds = before + time.perf_counter() - started - compiling
            changed = (*(saved.changed if saved else ()), *step.changed)
            at = step.position, simulator.state, directory.metrics_bytes
            saved = Checkpoint(*at, seconds, changed)
            directory.save(saved)
            bar.update(step.position.trial, tested(step.metrics))
            if stop() and step.position.epoch < plan.epochs:
                raise Stopped
        bar.describe("evaluating")
        final = evaluated(simulator, data.test, plan.epochs)
    ranks.write(directory, simulator, draw=draw)
    weights = held_weights(simulator)
    if draw:
        from apical.runs import figures  # matplotlib, which nothing else here needs

        figures.draw(directory, prepared.network, data, untrained, simulator.state, final)
    card = _judged(prepared, simulator, saved)
    summary = _summary(prepared, simulator, final, card, saved.seconds if saved else 0.0)
    directory.finish(weights, card.as_dict(), summary)
    return summary


def _judged(prepared: Prepared, simulator: Simulator, saved: Checkpoint | None) -> JudgedScorecard:
    """Return the scorecard as it is after the run."""
    return judge(
        simulator,
        trials=saved.position.trial if saved else 0,
        final_rate=prepared.experiment.final_rate,
        changed=saved.changed if saved else (),
    )


def _summary(
    prepared: Prepared,
    simulator: Simulator,
    final: Evaluation,
    card: JudgedScorecard,
    seconds: float,
) -> dict[str, Any]:
    experiment, data = prepared.experiment, prepared.data
    learned = experiment.epochs * len(data.train)
    return {
        "model": prepared.model.name,
        "options": dict(experiment.options),
        "dataset": bare(data.name),
        "device": experiment.device,
        **({"library": prepared.building["library"]} if "library" in prepared.building else {}),
        "dtype": experiment.dtype,
        "batch": experiment.batch,
        "seed": experiment.seed,
        "epochs": experiment.epochs,
        "n_train": len(data.train),
        "n_test": len(data.test),
        **{f"test_{name}": score for name, score in final.scores.items()},
        "train_seconds": round(seconds, 3),
        "compile_seconds": round(simulator.compile_seconds, 3),
        "ms_per_trial": round(1e3 * seconds / learned, 4) if learned else None,
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "is_local": card.is_local,
        "faults": [f"{f.aspect}: {f.subject}: {f.reason}" for f in card.faults],
        "versions": versions(str(prepared.building.get("library", ""))),
    }
