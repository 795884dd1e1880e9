"""Learning curves of studies: errors of classifiers and of autoencoders."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from apical._base import seeds
from apical.data.datasets import Dataset
from apical.devices import simulate
from apical.devices.simulator import Block, BlockResult, Simulator
from apical.errors import RunError
from apical.network.description import Network
from apical.scripts.tables import Row
from apical.training.loop import Plan, Position, evaluate, steps, train


def errors(
    net: Network,
    data: Dataset,
    epochs: int,
    batch: int = 1,
    name: str = "error",
    **options: Any,
) -> list[Row]:
    """Train a classifier, and return its test error before training and after every epoch.

    Parameters
    ----------
    net
        A network of rates, which device ``array`` runs.
    data
        Training and test samples.
    epochs
        How often every training sample is shown.
    batch
        Batch size.
    name
        What to call the column of the error.
    **options
        Further options of `apical.train`; rates are constant and no progress is shown by default.

    Returns
    -------
    list
        Rows: ``epoch``, and the error, the share of test samples that are decided wrongly with
        learning off [%].
    """
    simulator = simulate(net, "array", batch=batch)
    taken = train(simulator, data, epochs, **{"final_rate": 1.0, "progress": False, **options})
    key = "test_accuracy"
    found = [step.metrics[key] for step in taken if key in step.metrics]
    return [{"epoch": k, name: 100 * (1 - accuracy)} for k, accuracy in enumerate(found)]


def last_error(
    net: Network,
    data: Dataset,
    epochs: int,
    batch: int = 1,
    *,
    diverged: float = np.nan,
    **options: Any,
) -> float:
    """Train a classifier, and return its test error [%] in the end, with learning off.

    Parameters
    ----------
    net, data, epochs, batch, **options
        As in `errors`.
    diverged
        What to return if the weights diverge [%].
    """
    simulator = simulate(net, "array", batch=batch)
    try:
        train(simulator, data, epochs, **{"final_rate": 1.0, "progress": False, **options})
    except RunError:
        return diverged
    return test_error(simulator, data)


def test_error(simulator: Simulator, data: Dataset) -> float:
    """Return the share of test samples that are decided wrongly with learning off [%]."""
    return 100 * (1 - evaluate(simulator, data.test).accuracy)


def between(
    simulator: Simulator, data: Dataset, first: int, last: int
) -> Iterator[tuple[int, float]]:
    """Train a classifier from one epoch to another, and yield epochs and test errors [%].

    Parameters
    ----------
    simulator
        A network on a device, at the state of the first epoch.
    data
        Training and test samples.
    first, last
        Epochs that were learned before, and those learned in the end; from 0 the error before
        learning is yielded too.
    """
    done = Position(first, 0, first * len(data.train)) if first else None
    for step in steps(simulator, data, Plan(last, final_rate=1.0), done):
        if "test_accuracy" in step.metrics:
            yield step.position.epoch, 100 * (1 - step.metrics["test_accuracy"])


def reconstruct(simulator: Simulator, values: np.ndarray, epochs: int) -> Iterator[int]:
    """Train an autoencoder on its own stimuli, and yield every epoch, from 0, before it begins.

    The order of the stimuli is drawn anew in every epoch, from the stream ``"order"`` of the
    network's seed. What is measured between epochs is that of as many epochs as are yielded.

    Parameters
    ----------
    simulator
        A network with as many outputs as inputs.
    values
        Stimuli, shape (n, n_inputs).
    epochs
        How often every stimulus is shown.
    """
    for epoch in range(epochs + 1):
        yield epoch
        if epoch < epochs:
            order = seeds.stream(simulator.network.seed, "order", index=epoch)
            chosen = values[order.permutation(len(values))]
            simulator.run(Block(chosen, targets=chosen, learning=np.ones(()), index=epoch))


def squared_errors(simulator: Simulator, values: np.ndarray) -> np.ndarray:
    """Return the squared error of each value that an autoencoder rebuilds, with learning off."""
    rebuilt = simulator.run(Block(values)).counts[simulator.network.output.name]
    return (values - rebuilt) ** 2


def watch(
    net: Network,
    data: Dataset,
    epochs: int,
    batch: int,
    *,
    every: float,
    record: list[str],
    trace: str,
    samples: int,
) -> Iterator[tuple[Row, Simulator, BlockResult]]:
    """Train a classifier, and look at a signal within it before learning and as often as asked for.

    Parameters
    ----------
    net, data, epochs, batch
        As in `errors`.
    every
        How often to look [epochs].
    record, trace
        Populations, and which of their signals to record.
    samples
        How many of the test samples to show with learning off.

    Yields
    ------
    row
        ``epoch``, and ``error``, the share of these samples that are decided wrongly [%].
    looker
        A simulator of the same network at the same state that records.
    seen
        What it did when it was shown them.
    """
    learner = simulate(net, "array", batch=batch)
    looker = simulate(net, "array", record=record, traces=[trace])
    values, labels = data.test.block(slice(samples))
    plan = Plan(epochs, max(batch, round(every * len(data.train))), final_rate=1.0)
    for step in steps(learner, data, plan):
        looker.state = learner.state
        seen = looker.run(Block(values))
        wrong = np.mean(seen.counts[net.output.name].argmax(axis=1) != labels)
        row = {"epoch": step.position.trial / len(data.train), "error": 100 * float(wrong)}
        yield row, looker, seen
