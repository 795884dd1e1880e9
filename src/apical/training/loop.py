"""The training loop: blocks of trials with learning on, evaluation with learning off.

Scores are always measured with learning off, on samples that were not trained on. Within a
training trial the weights already move toward the label, so the decision of that trial is biased.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from apical._base import seeds
from apical._base.checking import check_fields, checked, require
from apical._base.checking import shown as shown_value
from apical._base.html_tables import Cell, card, table
from apical._base.metric_names import Metric as Metric
from apical._base.metric_names import headline, scored, tested, told
from apical._base.parameters import Count, CountOrZero, Kind, Measured, Share, Vector
from apical._base.progress import TrainingProgress
from apical.data import converting
from apical.data.datasets import Dataset, Samples
from apical.devices.outputs import outputs as predictions_of
from apical.devices.simulator import Block, Simulator
from apical.errors import DataError, DescriptionWarning, ParameterError, RunError
from apical.errors.source_location import outside
from apical.measures import predictions
from apical.network.description import Network
from apical.network.stimuli import check_inputs
from apical.network.targets import check_targets
from apical.neurons.encoding import decisions
from apical.projections.projection import ReadBackwards
from apical.training.presentation import block_size, learned, presented, shown
from apical.training.schedules import Course, Linear, Schedule, check_schedule
from apical.training.scoring import (
    Scoring,
    check_trains,
    scored_trains,
    trains_of_spikes,
    trains_of_targets,
)
from apical.training.scoring import scored as scores_of

if TYPE_CHECKING:
    import pandas as pd

Simulated = Annotated[Simulator, Kind(Simulator, "apical.simulate(network)")]
"""A network on a device."""
Shown = Annotated[Samples, Kind(Samples, "data.test")]
"""Samples of a data set."""
Learned = Annotated[Dataset, Kind(Dataset, "apical.datasets.load('digits')")]
"""A data set, with both its parts."""

LARGEST_WEIGHT = 1e3
"""Weights above this many thresholds have diverged: one spike would have the effect of 1,000."""


@dataclass(frozen=True)
class Plan:
    r"""Hyperparameters of training: number of epochs and learning-rate schedule.

    Without a schedule of its own trial k of K is learned with the rate, of final factor f:

    .. math:: \eta_k = \eta \left[ 1 - (1 - f)\, k / K \right]

    Parameters
    ----------
    epochs
        Number of passes through the training samples.
    block
        Trials between two checkpoints; the weights do not depend on it.
    final_rate
        Linear learning-rate schedule: factor on all learning rates at the end of training
        [dimensionless], reached linearly from 1 over all trials. It is a factor on whole updates,
        weight decay included.
    schedule
        Another learning-rate schedule, in place of `final_rate`.

    See Also
    --------
    apical.training.schedules : Learning-rate schedules.
    apical.fit : Training with validation and early stopping.

    Examples
    --------
    >>> from apical.training import Plan
    >>> Plan(epochs=3, final_rate=1.0)
    Plan(epochs=3, block=5000, final_rate=1.0, schedule=None)
    >>> Plan(final_rate=2.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Plan: final_rate must be one finite number ...
    """

    epochs: CountOrZero = 10
    block: Count = 5000
    final_rate: Share = 0.05
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def scheduled(self) -> Schedule:
        """The learning-rate schedule.

        Examples
        --------
        >>> from apical.training import Plan
        >>> Plan(final_rate=0.5).scheduled
        Linear(scales='everything', final=0.5)
        """
        return self.schedule or Linear(self.final_rate, scales="everything")


@dataclass(frozen=True)
class Position:
    """Progress of training, in epochs, blocks and trials.

    Parameters
    ----------
    epoch
        Epochs completed.
    block
        Blocks completed in the current epoch.
    trial
        Training trials completed in total.

    Examples
    --------
    >>> from apical.training import Position
    >>> Position(epoch=2)
    Position(epoch=2, block=0, trial=0)
    """

    epoch: CountOrZero = 0
    block: CountOrZero = 0
    trial: CountOrZero = 0

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Step:
    """Metrics of training since the previous step.

    Parameters
    ----------
    position
        Progress of training.
    metrics
        Values by metric: a name, or a pair of a name and a population or projection. Accuracies are
        fractions; ``("rate", population)`` is in [Hz].
    changed
        Projections whose weights were changed between the previous block and this one, by neither
        learning nor an intervention: by a measure, for instance, or by the script.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array") as simulator:
    ...     last = ap.train(simulator, data, epochs=1, progress=False)[-1]
    >>> last.position
    Position(epoch=1, block=0, trial=200)
    >>> list(last.metrics), last.changed
    (['test_accuracy'], ())
    """

    position: Position
    metrics: Mapping[Metric, Measured]
    changed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Evaluation:
    """Decisions, or predictions, of a network with learning off.

    Parameters
    ----------
    labels, decided
        Class label of each sample, and the network's decision, shape (n_samples,); -1 where samples
        have targets.
    rates
        Mean firing rate of each neuron over all samples [Hz], by population that spikes.
    targets
        Target of each sample, shape (n_samples, n_targets) or (n_samples, n_frames, n_targets);
        None where samples have classes.
    outputs
        Spike counts or activities of the output, shape (n_samples, n_classes), on which decisions
        are based; of samples with targets the network's output in the same units and shape.
    asked
        Scores that were asked for besides, by name.
    multilabel
        Whether targets are labels, 0 or 1 each, in the whole data set; None decides from these.

    See Also
    --------
    apical.measures.predictions : What the scores of targets are.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training import Evaluation
    >>> found = Evaluation(labels=np.array([0, 1, 2, 1]), decided=np.array([0, 1, 1, 1]))
    >>> found.accuracy
    0.75
    >>> found.confusion.to_numpy().tolist()
    [[1, 0, 0], [0, 2, 0], [0, 1, 0]]

    Two labels, of which a sample has any number:

    >>> targets, none = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([-1, -1])
    >>> found = Evaluation(none, none, targets=targets, outputs=np.array([[0.9, 0.1], [0.8, 0.4]]))
    >>> {name: round(value, 3) for name, value in found.scores.items()}
    {'subset_accuracy': 0.5, 'label_accuracy': 0.75, 'r2': 0.13, 'mse': 0.105}
    """

    labels: Vector
    decided: Vector
    rates: Mapping[str, np.ndarray] = field(default_factory=dict)
    targets: np.ndarray | None = None
    outputs: np.ndarray | None = None
    asked: Mapping[str, float] = field(default_factory=dict)
    multilabel: bool | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        n, found = len(self.labels), len(self.decided)
        require(found == n, "Evaluation", "decided", f"one for each of {n} samples", f"{found}")
        told, shown_ = (None if x is None else x.shape for x in (self.targets, self.outputs))
        fits = told is None or told == shown_
        require(fits, "Evaluation", "outputs", f"of the shape of the targets, {told}", f"{shown_}")

    @property
    def accuracy(self) -> float:
        """Accuracy: fraction of samples whose decision is their label.

        Raises
        ------
        DataError
            If samples have targets.

        Examples
        --------
        >>> import numpy as np
        >>> from apical.training import Evaluation
        >>> Evaluation(labels=np.array([3, 5]), decided=np.array([3, 3])).accuracy
        0.5
        """
        if self.targets is not None:
            raise DataError(
                "These samples have targets, not classes, so there is no accuracy; use "
                f"scores, which holds {', '.join(self.scores)}.",
                object="Evaluation",
            )
        return float(np.mean(self.labels == self.decided))

    @property
    def scores(self) -> dict[str, float]:
        """How well the network did, by name; the first is the one to report.

        ``accuracy`` for classes; ``r2`` and ``mse`` for targets, after ``subset_accuracy`` and
        ``label_accuracy`` where all targets of the data set are 0 or 1. Scores that were asked for
        follow.

        Examples
        --------
        >>> import numpy as np
        >>> from apical.training import Evaluation
        >>> Evaluation(labels=np.array([3, 5]), decided=np.array([3, 3])).scores
        {'accuracy': 0.5}
        """
        if self.targets is None or self.outputs is None:
            return {"accuracy": self.accuracy, **self.asked}
        found = predictions.scores(self.targets, self.outputs, self.multilabel)
        return {**found, **self.asked}

    @property
    def confusion(self) -> "pd.DataFrame":
        """Confusion matrix: number of samples of each class (rows) by decision (columns).

        Raises
        ------
        ParameterError
            If samples have targets in place of classes.
        """
        if self.targets is not None:
            raise ParameterError(
                "Evaluation: samples have targets, not classes, and no confusion matrix; see "
                "scores.",
                object="Evaluation",
                parameter="targets",
            )
        import pandas as pd  # slow to import, and training needs none of it

        n = max(self.labels.max(), self.decided.max()) + 1
        if self.outputs is not None:
            n = max(n, self.outputs.shape[1])
        counts = np.zeros((n, n), dtype=int)
        np.add.at(counts, (self.labels, self.decided), 1)
        classes = [pd.RangeIndex(n, name=name) for name in ("label", "decided")]
        return pd.DataFrame(counts, *classes)

    def __repr__(self) -> str:
        known = {k: scored(k, v) for k, v in self.scores.items() if k not in self.asked}
        asked = {k: f"{v:.4g}" for k, v in self.asked.items()}
        said = ", ".join(f"{told(k)} {v}" for k, v in known.items())
        return f"Evaluation({len(self.labels):,} samples, {said}" + (
            "".join(f", {name} {value}" for name, value in asked.items()) + ")"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: scores, each class or target, and firing rates."""
        facts: dict[str, Cell] = {
            told(name): scored(name, value) for name, value in self.scores.items()
        }
        rates: list[list[Cell]] = [
            [name, len(rates), float(np.mean(rates)), float(np.max(rates)), int(np.sum(rates == 0))]
            for name, rates in self.rates.items()
        ]
        return card(
            "Evaluation, learning off",
            {**facts, "samples": len(self.labels)},
            self._of_classes() if self.targets is None else self._of_targets(),
            table(["population", "neurons", "mean rate [Hz]", "highest [Hz]", "silent"], rates),
        )

    def _of_classes(self) -> str:
        """Return the accuracy of each class as a table."""
        classes: list[list[Cell]] = [
            [
                str(label),
                int(np.sum(self.labels == label)),
                int(np.sum(self.decided == label)),
                f"{np.mean(self.decided[self.labels == label] == label):.2%}",
            ]
            for label in np.unique(self.labels)
        ]
        return table(["class", "samples", "decided", "correct"], classes)

    def _of_targets(self) -> str:
        """Return R2 and the mean squared error of each target as a table."""
        assert self.targets is not None and self.outputs is not None
        rows: list[list[Cell]] = []
        for k in range(self.targets.shape[-1]):
            both = self.targets[..., k : k + 1], self.outputs[..., k : k + 1]
            rows.append(
                [str(k), predictions.r_squared(*both), predictions.mean_squared_error(*both)]
            )
        return table(["target", "R2", "mean squared error"], rows)


class History(list[Step]):
    """History of training: a list of steps, which a notebook shows as a table of epochs.

    Examples
    --------
    >>> from apical.training.loop import History, Position, Step
    >>> history = History([Step(Position(1, 0, 60), {"test_accuracy": 0.5})])
    >>> history
    History(1 steps, 60 trials, test accuracy 50.00%)
    >>> history.table.to_dict("list")
    {'epoch': [1], 'trials': [60], 'test_accuracy': [0.5]}
    """

    def __repr__(self) -> str:
        scores = [tested(step.metrics) for step in self if headline(step.metrics)]
        trials = self[-1].position.trial if self else 0
        return f"History({', '.join([f'{len(self)} steps', f'{trials:,} trials', *scores[-1:]])})"

    @property
    def evaluations(self) -> list[Step]:
        """Those of the steps in which the network was evaluated.

        Examples
        --------
        >>> from apical.training.loop import History, Position, Step
        >>> steps = [Step(Position(0, 1, 30), {}), Step(Position(1, 0, 60), {"test_accuracy": 0.5})]
        >>> len(History(steps).evaluations)
        1
        """
        return [step for step in self if headline(step.metrics)]

    @property
    def table(self) -> "pd.DataFrame":
        """One row for each evaluation: epoch, trials, and every metric, NaN where there is none."""
        import pandas as pd  # slow to import, and training needs none of it

        return pd.DataFrame([dict(zip(self._head(), row, strict=True)) for row in self._rows()])

    def _names(self) -> list[Metric]:
        return list(dict.fromkeys(name for step in self.evaluations for name in step.metrics))

    def _head(self) -> list[str]:
        told = [n if isinstance(n, str) else f"{n[0]} of {n[1]}" for n in self._names()]
        return ["epoch", "trials", *told]

    def _rows(self) -> list[list[Cell]]:
        return [
            [
                step.position.epoch,
                step.position.trial,
                *(float(step.metrics.get(name, np.nan)) for name in self._names()),
            ]
            for step in self.evaluations
        ]

    def _repr_html_(self) -> str:
        """Return what a notebook shows: one row for each evaluation."""
        rows = self._rows()
        facts: dict[str, Cell] = {"steps": len(self), "evaluations": len(rows)}
        return card("History of training", facts, table(self._head(), rows))


@checked()
def evaluate(
    simulator: Simulated, samples: Shown, index: int = -1, *, scoring: Scoring = ()
) -> Evaluation:
    """Evaluate a network on samples, with learning off and labels withheld; its state is restored.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        Samples to evaluate on.
    index
        Stream of the simulator's random numbers, as in `Block`; `apical._base.seeds.presentation`.
    scoring
        Further scores: names of scorers of scikit-learn (``"f1_macro"``), scorers (functions of an
        estimator, X and y), several of either, or name -> scorer. The estimator offers the
        decisions, the outputs as ``decision_function``, and their shares as ``predict_proba``. Of
        target spike trains: ``"van_rossum"``, the squared van Rossum distance, or functions of the
        target and the output train [ms]; means over trials and output neurons.

    Returns
    -------
    Evaluation
        Labels and decisions, or targets; outputs, rates and scores.

    Raises
    ------
    DataError
        If targets do not fit the output of the network, or scores are asked for and scikit-learn is
        not installed (extra ``analysis``).
    ParameterError
        If targets have frames, and the simulator does not record the output over time; if a scorer
        is unknown, or does not apply: those of spike trains need an output that spikes, and targets
        with frames.
    RunError
        If the output is NaN or infinite.

    See Also
    --------
    predict : Decisions alone, also on samples without labels.
    train : Trains it, and evaluates after every epoch.
    apical.records.recording.record : Keeps spikes and signals of single trials.

    Examples
    --------
    A network that starts with an output of zeros decides the first class for all:

    >>> import apical as ap
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array") as simulator:
    ...     found = ap.evaluate(simulator, data.test)
    >>> found.decided.shape, set(found.decided.tolist())
    ((50,), {0})
    >>> bool(found.accuracy == (data.test.labels == 0).mean())
    True
    >>> with ap.simulate(net, "array") as simulator:
    ...     ap.evaluate(simulator, data.test, scoring="balanced_accuracy")
    Evaluation(50 samples, accuracy 8.00%, balanced_accuracy 0.1)
    """
    network = simulator.network
    check_targets(network, samples.targets)
    found, totals, name_of = [], dict[str, np.ndarray](), network.output.name
    of_classes, trains = samples.targets is None, list[list[np.ndarray]]()
    if samples.targets is not None and scoring:
        check_trains(network, samples.targets, scoring)
    for result in shown(simulator, samples, index):
        predicted = predictions_of(simulator, result, framed=not of_classes)
        found.append(result.counts[name_of] if of_classes else predicted)
        if scoring and not of_classes:
            shape = len(predicted), network.output.size
            trains += trains_of_spikes(result.spikes[name_of], shape, network.trial)
        for name, counts in result.counts.items() if network.is_spiking else ():
            totals[name] = totals.get(name, 0) + counts.sum(axis=0, dtype=np.float64)
    rates = {
        name: total / (len(samples) * network.counted_seconds) for name, total in totals.items()
    }
    judged = np.concatenate(found)
    if samples.targets is None:
        asked = scores_of(samples.labels, judged, scoring) if scoring else {}
        decided = decisions(judged)
        return Evaluation(samples.labels, decided, rates, outputs=judged, asked=asked)
    told = trains_of_targets(samples.targets, network.trial) if scoring else []
    return Evaluation(
        *(samples.labels, samples.labels, rates, samples.targets, judged),
        asked=scored_trains(told, trains, scoring) if scoring else {},
        multilabel=samples.multilabel,
    )


@checked()
def predict(
    simulator: Simulated,
    samples: Samples | npt.ArrayLike | Mapping[str, npt.ArrayLike],
    index: int = -1,
) -> np.ndarray:
    """Return the class that a network decides for each sample, shape (n_samples,).

    Of samples with targets, return the outputs in the units and the shape of the targets.

    Learning is off, and the state of the simulator is restored.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        Samples, whose labels are not looked at, or stimuli as the network sees them, for spiking
        networks in [0, 1], shape (n_samples, ...), or those of several stimuli by their names.
    index
        As in `evaluate`.

    Raises
    ------
    DataError
        If stimuli do not fit the network.

    See Also
    --------
    evaluate : Compares decisions with labels.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits").subset(500, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=30)
    >>> history = ap.fit(net, data, epochs=3, batch=1, progress=False)
    >>> decided = ap.predict(history.simulator, data.test)
    >>> bool((decided == data.test.labels).mean() == history.table["test_accuracy"].iloc[-1])
    True
    >>> values, _ = data.test.block(slice(5))
    >>> ap.predict(history.simulator, values.reshape(5, 8, 8)).tolist() == decided[:5].tolist()
    True
    """
    if not isinstance(samples, Samples):
        if isinstance(samples, Mapping):
            block = Block.of_stimuli(samples)
            check_inputs(simulator.network, block.inputs)
            samples = np.asarray(block.values)
        values = converting.numbers(samples, "samples to predict")
        if values.ndim < 2 or not len(values):
            raise DataError(
                "predict needs Samples, or stimuli of shape (n_samples, n_inputs), got an array of "
                f"shape {values.shape}.",
                object="predict",
                parameter="samples",
            )
        samples = values.reshape(len(values), -1)
    elif samples.targets is not None:
        return np.asarray(evaluate(simulator, samples, index).outputs)
    return decisions(outputs(simulator, samples, index))


@checked()
def outputs(simulator: Simulated, samples: Samples | np.ndarray, index: int = -1) -> np.ndarray:
    """Return what a network decides by: spike counts or activities, shape (n_samples, n_classes).

    Learning is off, and the state of the simulator is restored.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        Samples, or stimuli of shape (n_samples, n_inputs).
    index
        As in `evaluate`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical import simulate
    >>> from apical.testing.references import rates
    >>> from apical.training.loop import outputs
    >>> with simulate(rates(), "array") as simulator:
    ...     outputs(simulator, np.ones((2, 6))).shape
    (2, 3)
    """
    if not len(samples):
        raise DataError("outputs needs at least one sample, got none.", object="outputs")
    name = simulator.network.output.name
    return np.concatenate([r.counts[name] for r in shown(simulator, samples, index)])


@checked()
def evaluated(simulator: Simulated, samples: Shown, epochs: CountOrZero) -> Evaluation:
    """Evaluate on samples after a number of training epochs, as `evaluate` does.

    Parameters
    ----------
    simulator, samples
        As in `evaluate`.
    epochs
        Number of epochs, which selects the random numbers of the presentation.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training import evaluated
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array") as simulator:
    ...     later, now = evaluated(simulator, data.test, 3), ap.evaluate(simulator, data.test)

    Networks of rates without noise do not depend on random numbers:

    >>> later.accuracy == now.accuracy
    True
    """
    return evaluate(simulator, samples, seeds.presentation("evaluation", epochs))


Every = Literal["epoch", "block"]
Measure = Callable[[Simulator, Position, Mapping[str, np.ndarray]], Mapping[Any, float]]
"""Callback that measures a network without changing its state: given the progress of training, and
the plastic weights before the last block, by name of projection. Returns values by `Metric`."""
Judge = Callable[[Simulator, Position], Mapping[Any, float]]
"""Callback that evaluates a network without changing its state, before training and after every
epoch. Returns values by `Metric`; schedules that follow the accuracy read the one to report
(`apical._base.metric_names.headline`)."""


@checked()
def steps(
    simulator: Simulated,
    data: Learned,
    plan: Plan,
    start: Position | None = None,
    *,
    measure: Measure | None = None,
    every: Every = "epoch",
    judge: Judge | None = None,
    accuracies: Sequence[float] = (),
    class_weights: npt.ArrayLike | None = None,
) -> Iterator[Step]:
    """Train a network, yielding metrics before the first and after every block.

    Between two steps all later blocks depend only on ``simulator.state`` and the position: training
    resumed from both yields the same bits.

    Parameters
    ----------
    simulator
        A network on a device; its seed determines the trial order.
    data
        Training samples, and test samples to evaluate on after every epoch.
    plan
        Hyperparameters of training.
    start
        Where to resume; from the beginning by default.
    measure
        Callback for further metrics, which are added to those of a step.
    every
        When to call it: before the first block, and after every epoch or after every block.
    judge
        What to evaluate before training and after every epoch; by default the accuracy on the test
        part of `data`.
    accuracies
        Accuracies until `start`, for a schedule that follows them.
    class_weights
        Factor on the learning rates of the trials of each class [dimensionless], shape
        (n_classes,), for data in which classes are not equally frequent; the batch size is then 1.

    Yields
    ------
    Step
        The metrics and the position.

    Raises
    ------
    RunError
        If weights diverge. The state before that block can be saved and used. If no training of
        this plan comes by `start`.
    ParameterError
        If there are fewer training samples than one batch, or the schedule does not fit the rules
        of the network.

    See Also
    --------
    apical.fit : All of it in one call, with validation, early stopping and callbacks.

    Examples
    --------
    To stop early is to leave the loop:

    >>> import apical as ap
    >>> from apical.training import Plan, steps
    >>> data = ap.datasets.load("digits").subset(300, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array") as simulator:
    ...     for step in steps(simulator, data, Plan(epochs=20, block=100)):
    ...         if step.metrics.get("test_accuracy", 0) > 0.6:
    ...             break
    >>> step.position.epoch < 20, step.metrics["test_accuracy"] > 0.6
    (True, True)
    """
    position, n = start or Position(), len(data.train)
    size, judge = block_size(simulator, plan.block, n), judge or _tester(data)
    _check_position(position, plan, n, size)
    _check_learning(simulator.network, data, plan)
    weighed = _class_weights(class_weights, simulator)
    left, known = _own(simulator), list(accuracies)
    if start is None:
        metrics = _judged(judge, simulator, position, known)
        if measure:
            metrics |= measure(simulator, position, _plastic(simulator))
        yield Step(position, metrics)
    while position.epoch < plan.epochs:
        part = slice(position.block * size, (position.block + 1) * size)
        block = presented(simulator, data.train, plan.epochs, position.epoch, part)
        changed = _changed(simulator, left)
        done = position.trial + np.arange(len(block))
        factor = plan.scheduled.factors(done, Course(plan.epochs * n, n, tuple(known)))
        if weighed is not None and block.labels is not None:
            factor = factor * weighed[block.labels]
        ends = position.block + 1 == -(-n // size)
        before = _plastic(simulator) if measure and (ends or every == "block") else None
        counts, left = _learned(simulator, replace(block, learning=factor), position)
        metrics = _rates(simulator, counts)
        position = Position(position.epoch, position.block + 1, position.trial + len(block))
        if ends:
            position = Position(position.epoch + 1, 0, position.trial)
            metrics |= _judged(judge, simulator, position, known)
        if measure and before is not None:
            metrics |= measure(simulator, position, before)
            changed, left = (*changed, *_changed(simulator, left)), _own(simulator)
        yield Step(position, metrics, changed)


@checked()
def train(
    simulator: Simulated,
    data: Learned,
    epochs: CountOrZero = 10,
    *,
    block: Count = 5000,
    final_rate: Share = 0.05,
    progress: bool = True,
) -> History:
    """Train a network and return the history of metrics, step by step.

    Parameters
    ----------
    simulator
        A network on a device.
    data
        Training and test samples.
    epochs, block, final_rate
        As in `Plan`.
    progress
        Whether to show a progress bar, in a terminal or a notebook.

    Returns
    -------
    list
        The steps: one before training, and one for each block.

    Raises
    ------
    RunError
        If weights diverge.
    ParameterError
        If there are fewer training samples than one batch.

    See Also
    --------
    steps : The same, one by one.

    Examples
    --------
    >>> import apical as ap
    >>> data = ap.datasets.load("digits").subset(500, 100)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=30)
    >>> with ap.simulate(net, "array") as simulator:
    ...     history = ap.train(simulator, data, epochs=3, progress=False)
    >>> [step.position.epoch for step in history]
    [0, 1, 2, 3]
    >>> first, *_, last = (step.metrics["test_accuracy"] for step in history)
    >>> first < 0.2, last > 0.8
    (True, True)
    """
    taken = History()
    with TrainingProgress(epochs * len(data.train), shown=progress) as bar:
        for step in steps(simulator, data, Plan(epochs, block, final_rate)):
            bar.update(step.position.trial, tested(step.metrics))
            taken.append(step)
    return taken


def _learned(
    simulator: Simulator, block: Block, position: Position
) -> tuple[Mapping[str, np.ndarray], dict[str, np.ndarray]]:
    """Learn a block; return spike counts, and weights: if these diverged, the block is named."""
    try:
        counts = learned(simulator, block, position.trial)
    except RunError:
        _check_weights(simulator, _own(simulator), position)
        raise
    left = _own(simulator)
    _check_weights(simulator, left, position)
    return counts, left


def _class_weights(given: npt.ArrayLike | None, simulator: Simulator) -> np.ndarray | None:
    """Return the weights of classes, which every trial of a class learns by."""
    if given is None:
        return None
    found = np.asarray(converting.numbers(given, "class_weights"), np.float64)
    n = simulator.network.output.size
    if found.shape != (n,) or found.min() < 0:
        raise ParameterError(
            f"class_weights must be {n} numbers from 0 on, one for each class, got "
            f"{shown_value(given)}.",
            parameter="class_weights",
        )
    if simulator.batch > 1:
        raise ParameterError(
            f"class_weights weigh single trials, but {simulator.batch} trials learn together, by "
            "their mean; give batch=1.",
            parameter="class_weights",
        )
    return found


def _check_learning(network: Network, data: Dataset, plan: Plan) -> None:
    """Raise if targets or the schedule do not fit a network; warn if nothing of it learns."""
    check_targets(network, data.train.targets)
    check_schedule(plan.scheduled, network)
    if not network.plastic:
        warnings.warn(
            "No projection of the network has a learning rule, so training changes nothing; give "
            "rule= to those that are to learn.",
            DescriptionWarning,
            stacklevel=outside(),
        )


def _check_position(position: Position, plan: Plan, n: int, size: int) -> None:
    """Raise unless training on `n` samples, in blocks of `size`, comes by a position."""
    epoch, block, last = position.epoch, position.block, position.epoch == plan.epochs
    is_known = epoch <= plan.epochs and block * size < (1 if last else n)
    if not is_known or position.trial != epoch * n + block * size:
        raise RunError(
            f"Training cannot go on from epoch {epoch}, block {block}, trial {position.trial}: no "
            f"training of {plan.epochs} epochs of {n} trials in blocks of {size} comes by there. "
            "The checkpoint is damaged; restore it from a copy, or start the run again."
        )


def _tester(data: Dataset) -> Judge:
    def judge(simulator: Simulator, position: Position) -> dict[Metric, float]:
        scores = evaluated(simulator, data.test, position.epoch).scores
        return {f"test_{name}": value for name, value in scores.items()}

    return judge


def _judged(
    judge: Judge, simulator: Simulator, position: Position, known: list[float]
) -> dict[Metric, float]:
    """Evaluate a network, and keep the score to report among those that are known."""
    found = dict(judge(simulator, position))
    name = headline(found)
    known += [found[name]] if name else []
    return found


def _plastic(simulator: Simulator) -> dict[str, np.ndarray]:
    return {p.name: simulator.weights(p) for p in simulator.network.plastic}


def _rates(simulator: Simulator, counts: Mapping[str, np.ndarray]) -> dict[Metric, float]:
    network = simulator.network
    spiking = {p.name for p in network.populations if p.is_spiking}
    return {
        ("rate", name): float(np.mean(c, dtype=np.float64)) / network.counted_seconds
        for name, c in counts.items()
        if name in spiking
    }


def _own(simulator: Simulator) -> dict[str, np.ndarray]:
    """Return the weights of all projections that have some of their own."""
    return {
        p.name: simulator.weights(p)
        for p in simulator.network.projections
        if not isinstance(p.weights, ReadBackwards)
    }


def _changed(simulator: Simulator, left: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Return the projections whose weights are not those that were left."""
    now = _own(simulator)
    return tuple(name for name, weights in left.items() if not np.array_equal(weights, now[name]))


def _check_weights(simulator: Simulator, now: Mapping[str, np.ndarray], position: Position) -> None:
    for projection in simulator.network.plastic:
        weights = now[projection.name]
        if not np.isfinite(weights).all() or np.abs(weights).max() > LARGEST_WEIGHT:
            raise RunError(
                f"The weights of projection {projection.name!r} diverged in block "
                f"{position.block} of epoch {position.epoch} (largest allowed: "
                f"{LARGEST_WEIGHT:g}). Lower the learning rate; the last checkpoint is good.",
                object=f"Projection {projection.name!r}",
            )
