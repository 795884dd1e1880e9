"""Learning curves of studies: errors of classifiers and of autoencoders."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from apical._base import seeds
from apical.data.datasets import Dataset, needs_classes
from apical.devices import simulate
from apical.devices.simulator import Block, BlockResult, Simulator
from apical.errors import RunError
from apical.measures.alignment import angle
from apical.network.description import Network
from apical.scripts.sweeping import sweep
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
        A rate network, which device ``array`` runs.
    data
        Training and test samples.
    epochs
        Number of epochs.
    batch
        Batch size.
    name
        Name of the column of the error.
    **options
        Further options of `apical.train`; by default the learning rate is constant and no progress
        is shown.

    Returns
    -------
    list
        Rows: ``epoch``, and the test error with learning off [%].

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> data, rule = ap.datasets.load("digits").subset(500, 100), ap.rules.three_factor(0.1)
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> rows = learning.errors(net, data, epochs=3)
    >>> [row["epoch"] for row in rows], rows[-1]["error"] < rows[0]["error"]
    ([0, 1, 2, 3], True)
    """
    simulator = simulate(net, "array", batch=batch)
    taken = train(simulator, data, epochs, **{"final_rate": 1.0, "progress": False, **options})
    key = "test_accuracy"
    found = [step.metrics[key] for step in taken if key in step.metrics]
    return [{"epoch": k, name: 100 * (1 - accuracy)} for k, accuracy in enumerate(found)]


def compare(
    network: Callable[..., Network],
    data: Dataset,
    epochs: int,
    batch: int = 1,
    said: str | None = None,
    name: str = "error",
    **factors: Any,
) -> list[Row]:
    """Train a classifier for every combination of factor levels, for instance wirings and seeds.

    Parameters
    ----------
    network
        Called with a level of each factor by name, returns the network to train.
    data, epochs, batch, name
        As in `errors`.
    said
        Text to print after each condition, as in `apical.scripts.sweep`.
    **factors
        Name -> levels, as in `apical.scripts.sweep`.

    Returns
    -------
    list
        Rows: the levels, and those of `errors`.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> data, rule = ap.datasets.load("digits").subset(200, 50), ap.rules.three_factor(0.1)
    >>> def network(wiring, seed):
    ...     options = {"wiring": wiring, "seed": seed, "weights": ap.FanIn(), "rule": rule}
    ...     return feedforward([64, 10, 10], "tanh", **options)
    >>> rows = learning.compare(network, data, 1, wiring=["bp", "dfa"], seed=[0, 1])
    >>> len(rows), list(rows[0])
    (8, ['wiring', 'seed', 'epoch', 'error'])
    """

    def measured(**levels: Any) -> list[Row]:
        return errors(network(**levels), data, epochs, batch, name)

    return sweep(measured, said, **factors)


def last_error(
    net: Network,
    data: Dataset,
    epochs: int,
    batch: int = 1,
    *,
    diverged: float = np.nan,
    **options: Any,
) -> float:
    """Train a classifier, and return its final test error [%], with learning off.

    Parameters
    ----------
    net, data, epochs, batch, **options
        As in `errors`.
    diverged
        Value to return if the weights diverge [%].

    Returns
    -------
    float
        The error [%].

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> data, rule = ap.datasets.load("digits").subset(500, 100), ap.rules.three_factor(0.1)
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> 0 <= learning.last_error(net, data, epochs=3) < 40
    True
    """
    simulator = trained(net, data, epochs, batch, **options)
    return test_error(simulator, data) if simulator else diverged


def trained(
    net: Network, data: Dataset, epochs: int, batch: int = 1, **options: Any
) -> Simulator | None:
    """Train a classifier, and return its simulator; None if the weights diverge.

    Parameters
    ----------
    net, data, epochs, batch, **options
        As in `errors`.

    Returns
    -------
    Simulator or None
        The network after training.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> data, rule = ap.datasets.load("digits").subset(500, 100), ap.rules.three_factor(0.1)
    >>> net = feedforward([64, 30, 10], "tanh", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> simulator = learning.trained(net, data, epochs=1)
    >>> simulator.weights("hidden_1_to_output").shape
    (30, 10)

    At a learning rate that is far too large the weights diverge:

    >>> rule = ap.rules.three_factor(1e6)
    >>> net = feedforward([64, 30, 10], "relu", wiring="dfa", weights=ap.FanIn(), rule=rule)
    >>> learning.trained(net, data, epochs=1) is None
    True
    """
    simulator = simulate(net, "array", batch=batch)
    try:
        train(simulator, data, epochs, **{"final_rate": 1.0, "progress": False, **options})
    except RunError:
        return None
    return simulator


def test_error(simulator: Simulator, data: Dataset) -> float:
    """Return the test error with learning off [%].

    Parameters
    ----------
    simulator, data
        The network on a device, and the test samples.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=10)
    >>> with ap.simulate(net, "array") as simulator:
    ...     error = learning.test_error(simulator, data)
    ...     accuracy = ap.evaluate(simulator, data.test).accuracy
    >>> round(error, 6) == round(100 * (1 - accuracy), 6)
    True
    """
    return 100 * (1 - evaluate(simulator, data.test).accuracy)


def follow(
    simulator: Simulator, data: Dataset, plan: Plan, done: Position | None = None
) -> Iterator[tuple[int, float]]:
    """Train a classifier; yield the number of each completed epoch, and its test accuracy.

    Parameters
    ----------
    simulator, data, plan, done
        As in `apical.training.steps`; with nothing done, epoch 0 is that before training.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.training import Plan
    >>> data = ap.datasets.load("digits").subset(300, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array") as simulator:
    ...     [epoch for epoch, accuracy in learning.follow(simulator, data, Plan(epochs=2))]
    [0, 1, 2]
    """
    for step in steps(simulator, data, plan, done):
        if "test_accuracy" in step.metrics:
            yield step.position.epoch, step.metrics["test_accuracy"]


def between(
    simulator: Simulator, data: Dataset, first: int, last: int
) -> Iterator[tuple[int, float]]:
    """Train a classifier from one epoch to another; yield epochs and test errors [%].

    Parameters
    ----------
    simulator
        A network on a device, in the state after the first epoch.
    data
        Training and test samples.
    first, last
        Numbers of epochs before and after; from 0, the error before training is yielded too.

    Examples
    --------
    A parameter can be changed in the middle; here weights are silenced after the second epoch:

    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> data = ap.datasets.load("digits").subset(300, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array") as simulator:
    ...     first = list(learning.between(simulator, data, 0, 2))
    ...     simulator.load({"hidden_to_output": 0 * simulator.weights("hidden_to_output")})
    ...     then = list(learning.between(simulator, data, 2, 3))
    >>> [epoch for epoch, _ in first + then]
    [0, 1, 2, 3]
    """
    done = Position(first, 0, first * len(data.train)) if first else None
    for epoch, accuracy in follow(simulator, data, Plan(last, final_rate=1.0), done):
        yield epoch, 100 * (1 - accuracy)


def feedback_angles(simulator: Simulator) -> dict[str, float]:
    """Return the angles between feedback weights and transposed forward weights [degrees].

    Parameters
    ----------
    simulator
        A network with layerwise feedback from every population to the one below.

    Returns
    -------
    dict
        ``angle_1`` is that of the feedback onto the first hidden population, and so on.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> options = {"weights": ap.FanIn(), "rule": ap.rules.three_factor(0.1)}
    >>> net = feedforward([8, 5, 4, 3], "tanh", wiring="fa", **options)
    >>> with ap.simulate(net, "array") as simulator:
    ...     aligned = 3 * simulator.weights("hidden_2_to_output").T
    ...     simulator.load({"feedback_output_to_hidden_2": aligned})
    ...     found = learning.feedback_angles(simulator)
    >>> list(found), round(found["angle_2"], 4)
    (['angle_1', 'angle_2'], 0.0)
    """
    found = {}
    for k, forward in enumerate(simulator.network.forward[1:], start=1):
        back = simulator.weights(f"feedback_{forward.post.name}_to_{forward.pre.name}")
        found[f"angle_{k}"] = angle(back, simulator.weights(forward).T)
    return found


def reconstruct(simulator: Simulator, values: np.ndarray, epochs: int) -> Iterator[int]:
    """Train an autoencoder; yield the number of each epoch, from 0, before it begins.

    The stimuli are shuffled in every epoch, by the random stream ``"order"`` of the network's seed.
    The number that is yielded is that of the epochs completed.

    Parameters
    ----------
    simulator
        A network with as many outputs as inputs.
    values
        Stimuli, shape (n, n_inputs).
    epochs
        Number of epochs.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> values, labels = ap.datasets.load("digits").train.block(slice(100))
    >>> net = feedforward(
    ...     [64, 10, 64], "tanh", "linear", wiring="bp", loss="squared", weights=ap.FanIn(),
    ...     rule=ap.rules.three_factor(0.01),
    ... )
    >>> with ap.simulate(net, "array") as simulator:
    ...     errors = [
    ...         float(learning.squared_errors(simulator, values).mean())
    ...         for epoch in learning.reconstruct(simulator, values, 4)
    ...     ]
    >>> errors == sorted(errors, reverse=True)
    True
    """
    for epoch in range(epochs + 1):
        yield epoch
        if epoch < epochs:
            order = seeds.stream(simulator.network.seed, "order", index=epoch)
            chosen = values[order.permutation(len(values))]
            simulator.run(Block(chosen, targets=chosen, learning=np.ones(()), index=epoch))


def squared_errors(simulator: Simulator, values: np.ndarray) -> np.ndarray:
    """Return the squared reconstruction error of an autoencoder at each value, learning off.

    Parameters
    ----------
    simulator
        A network with as many outputs as inputs.
    values
        Stimuli, shape (n, n_inputs).

    Examples
    --------
    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> net = feedforward([2, 3, 2], "tanh", "linear", wiring=None, weights=ap.Zero())
    >>> with ap.simulate(net, "array") as simulator:
    ...     learning.squared_errors(simulator, np.array([[1.0, 2.0]]))
    array([[1., 4.]])
    """
    rebuilt = simulator.run(Block(values)).counts[simulator.network.output.name]
    return (values - rebuilt) ** 2


def losses(simulator: Simulator, parts: Mapping[str, np.ndarray], epochs: int) -> Iterator[Row]:
    """Train an autoencoder; yield its losses before training and after every epoch.

    Parameters
    ----------
    simulator
        A network with as many outputs as inputs.
    parts
        Name of the column -> stimuli, shape (n, n_inputs); the first are those to learn.
    epochs
        Number of epochs.

    Yields
    ------
    row
        ``epoch``, and for each part the mean squared error of an output, with learning off.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> values, labels = ap.datasets.load("digits").train.block(slice(100))
    >>> net = feedforward(
    ...     [64, 10, 64], "tanh", "linear", wiring="bp", loss="squared", weights=ap.FanIn(),
    ...     rule=ap.rules.three_factor(0.01),
    ... )
    >>> parts = {"train": values[:80], "test": values[80:]}
    >>> with ap.simulate(net, "array") as simulator:
    ...     rows = list(learning.losses(simulator, parts, epochs=2))
    >>> list(rows[0]), rows[-1]["test"] < rows[0]["test"]
    (['epoch', 'train', 'test'], True)
    """
    for epoch in reconstruct(simulator, next(iter(parts.values())), epochs):
        errors = {name: squared_errors(simulator, values) for name, values in parts.items()}
        means = {name: float(np.mean(found, dtype=np.float64)) for name, found in errors.items()}
        yield {"epoch": epoch} | means


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
    """Train a classifier, and record a signal before and regularly during training.

    Parameters
    ----------
    net, data, epochs, batch
        As in `errors`.
    every
        Interval between recordings [epochs].
    record, trace
        Populations, and the signal of them to record.
    samples
        Number of test samples to record, with learning off.

    Yields
    ------
    row
        ``epoch``, and ``error``, the error on these samples [%].
    looker
        A recording simulator of the same network in the same state.
    seen
        Its result on these samples.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> data = ap.datasets.load("digits").subset(100, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> watched = learning.watch(
    ...     net, data, 1, batch=10, every=0.5, record=["hidden"], trace="x", samples=20
    ... )
    >>> [(row["epoch"], seen.traces["hidden.x"].shape) for row, looker, seen in watched]
    [(0.0, (20, 1, 5)), (0.5, (20, 1, 5)), (1.0, (20, 1, 5))]
    """
    needs_classes(data.test, "learning.watch")
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


def track(
    simulator: Simulator,
    data: Dataset,
    plan: Plan,
    measure: Callable[[Simulator], Mapping[str, float]],
) -> list[Row]:
    """Train a classifier, and measure before the first and after every block of trials.

    Parameters
    ----------
    simulator
        A network on a device.
    data
        Training and test samples.
    plan
        Hyperparameters of training; its block is the interval between measurements.
    measure
        Called with the simulator, returns further columns and their values.

    Returns
    -------
    list
        Rows: ``trial``, the trials learned so far; ``test_error`` with learning off [%], NaN within
        an epoch; and what `measure` returns. If the weights diverge, the last row is repeated with
        an infinite error.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.training import Plan
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> def largest(simulator):
    ...     return {"largest": float(abs(simulator.weights("hidden_to_output")).max())}
    >>> with ap.simulate(net, "array") as simulator:
    ...     rows = learning.track(simulator, data, Plan(epochs=1, block=100), largest)
    >>> [row["trial"] for row in rows], rows[0]["largest"], rows[-1]["largest"] > 0
    ([0, 100, 200], 0.0, True)
    """
    rows = list[Row]()
    try:
        for step in steps(simulator, data, plan):
            right = step.metrics.get("test_accuracy", np.nan)
            row: Row = {"trial": step.position.trial, "test_error": 100 * (1 - right)}
            rows.append(row | dict(measure(simulator)))
    except RunError:
        rows.append(rows[-1] | {"test_error": np.inf})
    return rows


def at_updates(simulator: Simulator, data: Dataset, at: Sequence[int], batch: int) -> Iterator[int]:
    """Train on mini-batches of random training samples; yield given numbers of updates.

    Samples are drawn with replacement, by the random stream ``"order"`` of the network's seed.

    Parameters
    ----------
    simulator
        A network on a device, with this batch size.
    data
        Training samples.
    at
        Numbers of updates, increasing, at which to stop and yield.
    batch
        Batch size.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array", batch=10) as simulator:
    ...     list(learning.at_updates(simulator, data, [0, 1, 10], batch=10))
    [0, 1, 10]
    """
    order, done = seeds.stream(simulator.network.seed, "order"), 0
    for updates in map(int, at):
        chosen = order.integers(len(data.train), size=batch * (updates - done))
        for part in np.array_split(chosen, -(-len(chosen) // 5000)) if len(chosen) else ():
            simulator.run(Block.of_samples(data.train, part, 1.0))
        done = updates
        yield updates


def log_spaced(last: int, n: int) -> list[int]:
    """Return 0 and some `n` whole numbers up to `last`, evenly spaced on a logarithmic axis.

    Parameters
    ----------
    last
        The largest.
    n
        About how many besides 0.

    Examples
    --------
    >>> from apical.scripts import learning
    >>> learning.log_spaced(1000, 4)
    [0, 1, 10, 100, 1000]
    """
    return [int(k) for k in np.unique([0, *np.round(np.geomspace(1, last, n))])]


def reconstruction_errors(
    net: Network, values: np.ndarray, epochs: int, batch: int = 1
) -> list[float]:
    """Train an autoencoder, and return the squared error of a stimulus, summed over its values.

    Parameters
    ----------
    net
        A rate network with as many outputs as inputs, which device ``array`` runs.
    values
        Stimuli to learn, shape (n, n_inputs).
    epochs
        Number of epochs.
    batch
        Batch size.

    Returns
    -------
    list
        Mean over the stimuli, with learning off, before training and after every epoch; infinite
        once it has diverged.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import learning
    >>> from apical.scripts.layers import feedforward
    >>> values, labels = ap.datasets.load("digits").train.block(slice(100))
    >>> net = feedforward(
    ...     [64, 10, 64], "tanh", "linear", wiring="bp", loss="squared", weights=ap.FanIn(),
    ...     rule=ap.rules.three_factor(0.01),
    ... )
    >>> found = learning.reconstruction_errors(net, values, epochs=3)
    >>> len(found), found[-1] < found[0]
    (4, True)
    """
    simulator, errors = simulate(net, "array", batch=batch), list[float]()
    with suppress(RunError):  # learning diverged
        for _ in reconstruct(simulator, values, epochs):
            squared = squared_errors(simulator, values)
            error = float(np.sum(squared, dtype=np.float64) / len(values))
            errors.append(error if np.isfinite(error) else np.inf)
    return errors + [np.inf] * (epochs + 1 - len(errors))
