"""Callbacks of `apical.fit`: early stopping, and where the history is written.

To add one, subclass `Callback` and override what it needs; a function that is called after every
evaluation does, too.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.checking import check_fields
from apical._base.extras import library
from apical._base.metric_names import VALIDATED, Metric, one_name, parts
from apical._base.parameters import Count, NonNegative
from apical.errors import ParameterError, RunError, brief
from apical.training.history import Fit
from apical.training.loop import Position, Step


class Callback:
    """Base of callbacks: what is done while a network is trained by `apical.fit`.

    A callback may read everything and must leave the state of the simulator as it is; to end
    training it calls ``fit.stop(reason)``.

    See Also
    --------
    EarlyStopping, CSVLogger, TensorBoard, WeightsAndBiases : Callbacks.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.callbacks import Callback
    >>> class Largest(Callback):
    ...     def __init__(self):
    ...         self.found = []
    ...     def after_epoch(self, fit, step):
    ...         self.found.append(float(abs(fit.simulator.weights("hidden_to_output")).max()))
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=10)
    >>> largest = Largest()
    >>> history = ap.fit(net, data, epochs=2, callbacks=[largest], progress=False)
    >>> len(largest.found), largest.found[0]  # before training, and after each epoch
    (3, 0.0)
    """

    def begin(self, fit: Fit) -> None:
        """Act before anything is presented."""

    def after_block(self, fit: Fit, step: Step) -> None:
        """Act after every block, before anything is evaluated."""

    def after_epoch(self, fit: Fit, step: Step) -> None:
        """Act after every evaluation: before training, and after every epoch."""

    def end(self, fit: Fit) -> None:
        """Act at the end, also after an error."""


@dataclass
class EarlyStopping(Callback):
    """Early stopping: ends training when a metric no longer improves.

    Parameters
    ----------
    patience
        Epochs without improvement after which training ends.
    least
        Smallest improvement that counts, in units of the metric.
    monitor
        Name of the metric; by default the one to report on the validation set. Losses and mean
        squared errors are to fall, all others to rise.
    restore
        Whether the network ends with the state of its best epoch, or else of its last.

    Raises
    ------
    ParameterError
        If the metric is not measured.

    See Also
    --------
    apical.training.schedules.Plateau : Lowers learning rates instead.

    References
    ----------
    Prechelt 1998, doi:10.1007/3-540-49430-8_3.

    Examples
    --------
    A network whose learning rate is 0 does not improve:

    >>> import apical as ap
    >>> from apical.training.callbacks import EarlyStopping
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=10, eta=0.0)
    >>> stop = EarlyStopping(patience=2)
    >>> history = ap.fit(net, data, 20, validation=50, early_stopping=stop, progress=False)
    >>> history.epochs, history.best, history.stopped
    (2, 0, 'validation_accuracy has not improved for 2 epochs')
    """

    patience: Count = 5
    least: NonNegative = 0.0
    monitor: str = ""
    restore: bool = True
    _best: tuple[float, Position] | None = field(default=None, init=False, repr=False)
    _state: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _waited: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)

    def begin(self, fit: Fit) -> None:
        """Begin anew."""
        self._best, self._state, self._waited = None, {}, 0

    def after_epoch(self, fit: Fit, step: Step) -> None:
        """Compare the metric with its best value so far."""
        monitor = self.monitor or next((n for n in VALIDATED if n in step.metrics), VALIDATED[0])
        if monitor not in step.metrics:
            known = ", ".join(one_name(*parts(name)) for name in step.metrics)
            raise ParameterError(
                f"EarlyStopping watches {monitor!r}, which is not measured; measured are "
                f"{known}. Give fit validation samples, so that the test samples stay unseen.",
                object="EarlyStopping",
                parameter="monitor",
            )
        value = step.metrics[monitor] * (-1 if monitor.endswith(("loss", "mse")) else 1)
        if self._best is None or value > self._best[0] + self.least:
            self._best, self._waited, fit.best = (value, step.position), 0, step.position.epoch
            self._state = fit.simulator.state if self.restore else {}
        else:
            self._waited += 1
        if self._waited == self.patience:
            epochs = "1 epoch" if self.patience == 1 else f"{self.patience} epochs"
            fit.stop(f"{monitor} has not improved for {epochs}")

    def end(self, fit: Fit) -> None:
        """Restore the best state."""
        if self._state:
            fit.simulator.state = self._state
            self._state = {}


class CSVLogger(Callback):
    """Writes the history into a CSV file, one row for each evaluation, as soon as it is measured.

    Columns are ``epoch``, ``trials``, and the metrics of the first evaluation. Numbers are written
    with all digits, without times, so that the same training writes the same bytes.

    Parameters
    ----------
    path
        The file; one that exists is replaced.

    Raises
    ------
    RunError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import apical as ap
    >>> from apical.training.callbacks import CSVLogger
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     logger = CSVLogger(Path(folder) / "history.csv")
    ...     history = ap.fit(net, data, epochs=1, callbacks=[logger], progress=False)
    ...     lines = logger.path.read_text().splitlines()
    >>> lines[0]
    'epoch,trials,test_accuracy,test_loss,train_accuracy,train_loss'
    >>> [line.split(",")[:2] for line in lines[1:]]
    [['0', '0'], ['1', '200']]
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._columns: list[Metric] = []

    def begin(self, fit: Fit) -> None:
        """Empty the file: one that cannot be written is known before anything is learned."""
        self._columns = []
        self._write("w", [])

    def after_epoch(self, fit: Fit, step: Step) -> None:
        """Write a row, and before the first of them the names of the columns."""
        rows: list[list[Any]] = []
        if not self._columns:
            self._columns = list(step.metrics)
            rows.append(["epoch", "trials", *(one_name(*parts(name)) for name in self._columns)])
        values = (repr(float(step.metrics.get(name, np.nan))) for name in self._columns)
        rows.append([step.position.epoch, step.position.trial, *values])
        self._write("a", rows)

    def _write(self, mode: str, rows: list[list[Any]]) -> None:
        try:
            with self.path.open(mode, newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise RunError(f"CSVLogger cannot write {brief(str(self.path))}: {said}.") from None


class TensorBoard(Callback):
    """Writes the history as scalars for TensorBoard, against trials (extra ``tensorboard``).

    Parameters
    ----------
    folder
        Folder of the event file; ``tensorboard --logdir FOLDER`` shows it.

    Raises
    ------
    DataError
        If tensorboardX is not installed.

    See Also
    --------
    CSVLogger : Needs nothing else.

    Examples
    --------
    >>> from apical.training.callbacks import TensorBoard
    >>> TensorBoard("runs/first").folder.name
    'first'
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._writer: Any = None

    def begin(self, fit: Fit) -> None:
        """Open the event file."""
        writer = library("tensorboardX", "tensorboard").SummaryWriter
        self._writer = writer(str(self.folder))

    def after_block(self, fit: Fit, step: Step) -> None:
        """Write what was measured."""
        for name, value in step.metrics.items():
            metric, subject = parts(name)
            tag = f"{metric}/{subject}" if subject else metric
            self._writer.add_scalar(tag, value, global_step=step.position.trial)

    def end(self, fit: Fit) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases(Callback):
    """Sends the history to Weights & Biases, against trials (extra ``wandb``).

    The configuration of the run holds the seed, epochs, schedule and device.

    Parameters
    ----------
    **options
        Options of ``wandb.init``, for instance ``project`` and ``mode="offline"``.

    Raises
    ------
    DataError
        If wandb is not installed.

    See Also
    --------
    CSVLogger : Needs nothing else, and sends nothing.

    Examples
    --------
    >>> from apical.training.callbacks import WeightsAndBiases
    >>> WeightsAndBiases(project="alignment", mode="offline").options
    {'project': 'alignment', 'mode': 'offline'}
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._run: Any = None

    def begin(self, fit: Fit) -> None:
        """Begin a run."""
        config = {"seed": fit.simulator.network.seed, "dataset": fit.data.name}
        config |= {"epochs": fit.plan.epochs, "schedule": repr(fit.plan.scheduled)}
        given = {**self.options, "config": {**config, **self.options.get("config", {})}}
        self._run = library("wandb", "wandb").init(**given)

    def after_block(self, fit: Fit, step: Step) -> None:
        """Send what was measured."""
        found = {one_name(*parts(name)): float(value) for name, value in step.metrics.items()}
        self._run.log({"epoch": step.position.epoch, **found}, step=step.position.trial)

    def end(self, fit: Fit) -> None:
        """End the run."""
        if self._run is not None:
            self._run.finish()
