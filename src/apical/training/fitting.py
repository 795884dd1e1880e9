"""Training in one call: validation, schedules, early stopping and callbacks around `steps`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from apical._base import seeds
from apical._base.checking import checked, shown
from apical._base.metric_names import Metric, tested
from apical._base.parameters import Count, CountOrZero, Seed
from apical._base.progress import TrainingProgress
from apical.data.datasets import Dataset, Samples
from apical.devices import DEVICES, Simulator, simulate, usual, usual_options
from apical.errors import ParameterError, WiringError
from apical.measures.losses import losses_of
from apical.network.description import Network
from apical.training.callbacks import Callback, CSVLogger, EarlyStopping
from apical.training.history import Fit
from apical.training.loop import Judge, Plan, Position, Step, evaluate, steps
from apical.training.schedules import SCHEDULES, Plateau, Schedule

MEASURED = 1000
"""Training samples on which accuracy and loss are measured after every epoch."""

Called = Callable[[Fit], Any]
"""A function that is called after every evaluation; what it returns ends training if it is true."""


@checked()
def fit(
    network: Network | Simulator,
    data: Dataset,
    epochs: CountOrZero = 10,
    *,
    validation: Samples | float | None = None,
    schedule: Schedule | str = "constant",
    early_stopping: EarlyStopping | Count | None = None,
    callbacks: Sequence[Callback | Called] = (),
    csv: Path | str | None = None,
    class_weights: Mapping[int, float] | Literal["balanced"] | None = None,
    measured: CountOrZero = MEASURED,
    block: Count = 5000,
    seed: Seed | None = None,
    device: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Fit:
    """Train a network: with validation, a schedule, early stopping and callbacks, in one call.

    It is the training loop of `train` and of ``apical run``. Accuracies and losses are measured
    with learning off, before training and after every epoch.

    Parameters
    ----------
    network
        A network, for which a simulator is made, or a simulator, which continues from its state.
    data
        Training samples, and test samples.
    epochs
        Number of passes through the training samples.
    validation
        Validation set: samples, or how many training samples are held out (1 or more), or which
        fraction of them (below 1), at random and the same for every seed. The test samples are
        then not looked at. None evaluates on the test samples.
    schedule
        Learning-rate schedule, or its name in `apical.training.schedules.SCHEDULES`.
    early_stopping
        Early stopping, or its patience [epochs]: training ends when the accuracy on the validation
        set has not improved, and the best state is restored. It needs `validation`.
    callbacks
        Callbacks, or functions of the `Fit` that are called after every evaluation; training ends
        where one returns something true.
    csv
        File to write the history to, by `CSVLogger`; None for none.
    class_weights
        Factor on the learning rates of the trials of each class, 1 for those not named, or
        ``"balanced"``: inversely proportional to the number of samples of the class, 1 on average.
        The batch size must be 1. It is a factor on the whole update of a trial.
    measured
        Number of training samples on which training accuracy and loss are measured, evenly spaced;
        0 for none.
    block
        Trials between two progress reports; the weights do not depend on it.
    seed
        Seed of the network in place of its own; not for a simulator.
    device, **options
        As in `simulate`; by default rate networks run on ``array`` in batches of at most 64, and
        spiking networks on ``cpp_standalone``. Not for a simulator.
    progress
        Whether to show a progress bar, in a terminal or a notebook.

    Returns
    -------
    Fit
        The history, with ``table``, ``plot()`` and ``simulator``.

    Raises
    ------
    ParameterError
        If arguments do not fit each other, or the schedule does not fit the rules.
    RunError
        If weights diverge.

    See Also
    --------
    predict, evaluate : Use the trained network.
    train, apical.training.steps : The loop, without all this.
    apical.runs.run.run : The same into a run directory, with checkpoints.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits").subset(600, 100)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=30)
    >>> history = ap.fit(
    ...     net, data, epochs=3, validation=100, schedule="cosine", batch=1, progress=False
    ... )
    >>> list(history.table)[2:]
    ['validation_accuracy', 'validation_loss', 'train_accuracy', 'train_loss']
    >>> bool(history.table["validation_accuracy"].iloc[-1] > 0.8)
    True
    >>> ap.evaluate(history.simulator, data.test).accuracy > 0.7
    True
    """
    data, judged = _split(data, validation)
    simulator = _simulator(network, len(data.train), seed, device, options)
    judge = _judging(data, judged, simulator.network, measured)
    plan = Plan(epochs, block, schedule=_schedule(schedule, validation))
    stop = early_stopping if isinstance(early_stopping, EarlyStopping | None) else None
    if early_stopping is not None and stop is None:
        stop = EarlyStopping(patience=cast(int, early_stopping))
    calls = [_as_callback(given) for given in callbacks]
    calls = [*([stop] if stop else []), *calls, *([CSVLogger(csv)] if csv is not None else [])]
    found = Fit(simulator, data, plan)
    with _attended(found, calls), TrainingProgress(epochs * len(data.train), shown=progress) as bar:
        weights = _class_weights(class_weights, data)
        for step in steps(simulator, data, plan, judge=judge, class_weights=weights):
            found.append(step)
            evaluated = tested(step.metrics)
            bar.update(step.position.trial, evaluated)
            for call in calls:
                call.after_block(found, step)
                if evaluated:
                    call.after_epoch(found, step)
            if found.stopped:
                break
    return found


class _Function(Callback):
    """A function as a callback."""

    def __init__(self, function: Called) -> None:
        self._function = function

    def after_epoch(self, fit: Fit, step: Step) -> None:
        if self._function(fit):
            fit.stop(f"{getattr(self._function, '__name__', 'a callback')} said so")


def _as_callback(given: Callback | Called) -> Callback:
    if isinstance(given, Callback):
        return given
    if callable(given) and not isinstance(given, type):
        return _Function(given)
    raise ParameterError(
        f"fit: callbacks must be Callback objects or functions of the Fit, got {shown(given)}.",
        object="fit",
        parameter="callbacks",
    )


@contextmanager
def _attended(fit: Fit, calls: Sequence[Callback]) -> Iterator[None]:
    """Let callbacks begin, and end whatever happens; only those end that began."""
    begun = list[Callback]()
    try:
        for call in calls:
            begun.append(call)
            call.begin(fit)
        yield
    finally:
        for call in begun:
            call.end(fit)


def _simulator(
    network: Network | Simulator,
    n_train: int,
    seed: int | None,
    device: str | None,
    options: dict[str, Any],
) -> Simulator:
    if not isinstance(network, Network):
        given = {"seed": seed, "device": device, **options}
        wrong = [name for name, value in given.items() if value is not None]
        if wrong:
            raise ParameterError(
                f"fit: {', '.join(wrong)} cannot be given with a simulator, which has its own; "
                "give the network instead.",
                object="fit",
                parameter=wrong[0],
            )
        return network
    described = network if seed is None else network.altered(seed=seed)
    name = device or usual(described)
    usually = (
        {"batch": min(64, n_train)} if name in DEVICES and DEVICES[name].takes("batch") else {}
    )
    if name in DEVICES:
        usually |= usual_options(described, name)
    return simulate(described, name, **{**usually, **options})


def _split(data: Dataset, validation: Samples | float | None) -> tuple[Dataset, str]:
    """Return what is learned and evaluated on, and the name of the latter."""
    if validation is None:
        return data, "test"
    if isinstance(validation, Samples):
        return replace(data, test=validation, name=f"{data.name}:validation"), "validation"
    if validation <= 0:
        raise ParameterError(
            f"fit: validation must be samples, a number of them or a fraction, above 0, got "
            f"{validation:g}.",
            object="fit",
            parameter="validation",
        )
    n = round(validation * len(data.train)) if validation < 1 else round(validation)
    return data.split(n, seeds.stream(0, "validation")), "validation"


def _class_weights(
    given: Mapping[int, float] | Literal["balanced"] | None, data: Dataset
) -> np.ndarray | None:
    """Return the weight of each class; balanced ones are 1 in the mean over trials."""
    if given is None:
        return None
    if data.train.targets is not None:
        raise ParameterError(
            "fit: class_weights are for classes, and these samples have targets; leave them out.",
            object="fit",
            parameter="class_weights",
        )
    if isinstance(given, str):
        counts = np.bincount(data.train.labels, minlength=data.n_classes)
        return len(data.train) / (data.n_classes * np.maximum(counts, 1))
    strangers = [k for k in given if not 0 <= k < data.n_classes]
    if strangers:
        raise ParameterError(
            f"fit: class_weights names class {shown(strangers[0])}; there are classes 0 to "
            f"{data.n_classes - 1}.",
            object="fit",
            parameter="class_weights",
        )
    return np.array([given.get(k, 1.0) for k in range(data.n_classes)])


def _schedule(given: Schedule | str, validation: Samples | float | None) -> Schedule:
    schedule = SCHEDULES[given]() if isinstance(given, str) else given
    if isinstance(schedule, Plateau) and validation is None:
        raise ParameterError(
            "fit: a schedule that waits for a plateau follows the validation set, so that the test "
            "samples stay unseen; give validation.",
            object="fit",
            parameter="schedule",
        )
    return schedule


def _judging(data: Dataset, judged: str, network: Network, measured: int) -> Judge:
    """Return what evaluates a network: accuracy, and loss where its read-out has one."""
    n = min(measured, len(data.train))
    part = data.train.part(np.arange(n) * len(data.train) // max(n, 1)) if n else None

    def scored(
        simulator: Simulator, samples: Samples, what: str, index: int
    ) -> dict[Metric, float]:
        found = evaluate(simulator, samples, index)
        metrics: dict[Metric, float] = {f"{what}_{k}": v for k, v in found.scores.items()}
        if found.outputs is not None and found.outputs.ndim == 2 and network.output.curve:
            classes = np.eye(network.output.size)
            target = classes[samples.labels] if found.targets is None else found.targets
            try:
                loss = losses_of(network, found.outputs, target).mean()
            except WiringError:  # a read-out that is no gradient of a loss
                return metrics
            metrics[f"{what}_loss"] = float(loss)
        return metrics

    def judge(simulator: Simulator, position: Position) -> dict[Metric, float]:
        index = seeds.presentation("evaluation", position.epoch)
        metrics = scored(simulator, data.test, judged, index)
        if part is not None:
            index = seeds.presentation("training samples", position.trial)
            metrics |= scored(simulator, part, "train", index)
        return metrics

    return judge
