"""Trial order, stimulus augmentation and interventions between trials."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from apical._base import seeds
from apical.data.datasets import Rows, Samples, needs_classes
from apical.devices.simulator import Block, BlockResult, Placed, Simulator, left_as_it_was
from apical.errors import ParameterError
from apical.network.description import Network
from apical.network.interventions import Intervention
from apical.network.stimuli import check_inputs, columns, n_values


def order(network: Network, samples: Samples, epochs: int, epoch: int) -> np.ndarray:
    """Return the trial order of an epoch: a random permutation of samples, shape (n_samples,).

    Parameters
    ----------
    network
        Its seed determines the order. With several tasks (continual learning) each task has as many
        trials as it has samples in all epochs, and ends before the next begins.
    samples
        Training samples.
    epochs, epoch
        Total number of epochs, and the current one.

    Examples
    --------
    Every sample comes once in an epoch, and the order follows the seed of the network:

    >>> import apical as ap
    >>> from apical.training.presentation import order
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> first, second = order(net, data.train, 2, 0), order(net, data.train, 2, 1)
    >>> sorted(first.tolist()) == list(range(200)), (first == second).all().item()
    (True, False)
    >>> (order(net, data.train, 2, 0) == first).all().item()
    True
    """
    if network.tasks == 1:
        return seeds.stream(network.seed, "order", index=epoch).permutation(len(samples))
    needs_classes(samples, f"A network with tasks={network.tasks}")
    drawn = []
    for task, classes in enumerate(np.array_split(np.arange(network.output.size), network.tasks)):
        own = np.flatnonzero(np.isin(samples.labels, classes))
        for k in range(epochs):
            drawn.append(seeds.stream(network.seed, "order", f"task {task}", k).permutation(own))
    return np.concatenate(drawn)[epoch * len(samples) : (epoch + 1) * len(samples)]


def seen(
    network: Network, values: np.ndarray | Rows, n_samples: int, epoch: int, done: int
) -> np.ndarray | Rows:
    """Apply data augmentation by simulated eye movements (`Gaze`), shape (n_trials, n_inputs).

    Parameters
    ----------
    network
        Its seed determines the movements; without a `Gaze` of a stimulus values are unchanged. Each
        of several stimuli moves for itself.
    values
        Stimuli in trial order, shape (n_trials, n_inputs).
    n_samples
        Trials of an epoch.
    epoch, done
        Number of the epoch, and number of its trials completed before.

    Examples
    --------
    Without a `Gaze` nothing moves:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.training.presentation import seen
    >>> data = ap.datasets.load("digits")
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> values = np.ones((3, 64))
    >>> seen(net, values, n_samples=3, epoch=0, done=0) is values
    True
    """
    several, places = len(network.stimuli) > 1, columns(network)
    moved = values
    for stimulus in network.stimuli:
        gaze, place = stimulus.gaze, places[stimulus.name]
        if gaze is None:
            continue
        if moved is values and several:  # stored values stay as they are
            moved = np.array(values)
        shown = np.asarray(moved)
        own = seeds.stream(network.seed, "gaze", stimulus.name if several else "", index=epoch)
        drawn = gaze.shifts(own, n_samples)
        images = gaze.seen(shown[:, place], drawn[done : done + len(values)])
        if several:
            shown[:, place] = images
        moved = shown if several else images
    return moved


def shown(simulator: Simulator, samples: Samples | np.ndarray, index: int) -> Iterator[BlockResult]:
    """Present samples with learning off and labels withheld, a part at a time.

    After the last part the state of the simulator is restored.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        Samples to present, or stimuli of shape (n_samples, n_inputs).
    index
        Stream of the simulator's random numbers, as in `Block`; `apical._base.seeds.presentation`.

    Yields
    ------
    BlockResult
        What the network did with each part.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.presentation import shown
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> with ap.simulate(net, "array") as simulator:
    ...     [result.counts["output"].shape for result in shown(simulator, data.test, 0)]
    [(50, 10)]
    """
    with left_as_it_was(simulator):
        for start in range(0, len(samples), _SHOWN_AT_ONCE):
            chosen = slice(start, start + _SHOWN_AT_ONCE)
            if isinstance(samples, np.ndarray):
                values: np.ndarray | Rows = samples[chosen]
            else:
                values = stimuli(simulator, samples, chosen)
            part = Block.of_stimuli(values, index=index, first=start, phase="evaluate")
            yield simulator.run(part)


_SHOWN_AT_ONCE = 5000


def stimuli(simulator: Simulator, samples: Samples, index: slice | np.ndarray) -> np.ndarray | Rows:
    """Return samples as stimuli: an array, or indices for a simulator that ``takes_rows``.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        Samples to present.
    index
        Which of them.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.presentation import stimuli
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> with ap.simulate(net, "array") as simulator:
    ...     stimuli(simulator, data.train, slice(0, 4)).shape
    (4, 64)
    """
    check_inputs(simulator.network, samples.inputs)
    if getattr(simulator, "takes_rows", False):
        return samples.rows(index)
    return samples.block(index)[0]


def block_size(simulator: Simulator, wanted: int, n_train: int) -> int:
    """Return the number of trials of a block, a multiple of the batch size.

    Parameters
    ----------
    simulator
        A network on a device.
    wanted
        Requested number of trials of a block.
    n_train
        Trials of an epoch.

    Raises
    ------
    ParameterError
        If an epoch has fewer trials than one batch.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.presentation import block_size
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> with ap.simulate(net, "array", batch=30) as simulator:
    ...     block_size(simulator, 100, n_train=200)
    90
    >>> with ap.simulate(net, "array", batch=30) as simulator:
    ...     block_size(simulator, 100, n_train=20)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: The batch size is 30 trials, but there are only 20 ...
    """
    batch = simulator.batch
    if batch > n_train:
        raise ParameterError(
            f"The batch size is {batch} trials, but there are only {n_train} training samples; "
            "lower batch.",
            parameter="batch",
        )
    return max(batch, wanted - wanted % batch)


def presented(
    simulator: Simulator, samples: Samples, epochs: int, epoch: int, part: slice
) -> Block:
    """Return a part of an epoch as training trials: stimuli and what they teach, all at full rates.

    Their random numbers follow from the epoch and their place in it.

    Parameters
    ----------
    simulator
        A network on a device; its seed determines the order.
    samples, epochs, epoch
        As in `order`.
    part
        The trials of the epoch, as a slice.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.presentation import order, presented
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> with ap.simulate(net, "array") as simulator:
    ...     block = presented(simulator, data.train, epochs=2, epoch=1, part=slice(10, 14))
    >>> block.labels.tolist() == data.train.labels[order(net, data.train, 2, 1)[10:14]].tolist()
    True
    >>> block.phase, block.epoch, block.first, block.learning
    ('train', 1, 10, array([1., 1., 1., 1.]))
    """
    network = simulator.network
    drawn = order(network, samples, epochs, epoch)
    values = stimuli(simulator, samples, drawn[part])
    values = seen(network, values, len(drawn), epoch, part.start)
    placed: Placed = {"index": epoch, "first": part.start, "phase": "train", "epoch": epoch}
    return Block.of_samples(samples, drawn[part], 1.0, values=values, **placed)


def learned(simulator: Simulator, block: Block, trial: int) -> Mapping[str, np.ndarray]:
    """Train a network on a block, with interventions and noise phases between trials.

    Parameters
    ----------
    simulator
        A network on a device.
    block
        The training trials.
    trial
        Training trials completed before.

    Returns
    -------
    Mapping
        As `BlockResult.counts`.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.presentation import learned, presented
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> with ap.simulate(net, "array") as simulator:
    ...     before = simulator.weights("hidden_to_output")
    ...     block = presented(simulator, data.train, epochs=1, epoch=0, part=slice(0, 8))
    ...     counts = learned(simulator, block, trial=0)
    ...     changed = (simulator.weights("hidden_to_output") != before).any()
    >>> counts["output"].shape, bool(changed)
    ((8, 10), True)
    """
    network, stop, batch = simulator.network, trial + len(block), simulator.batch

    def moments(times: Iterable[int]) -> dict[int, int]:
        """Map positions in the block, rounded to whole batches, to trial numbers."""
        return {(t - trial) // batch * batch: t for t in sorted(times)}

    acts = moments({t for a in network.interventions for t in a.times(trial, stop)})
    noises = moments(network.noise.times(trial, stop) if network.noise else ())
    counts = []
    for start, end in pairwise(sorted({0, *acts, *noises, len(block)})):
        part = block.part(slice(start, end))
        if start in acts:
            _act(simulator, acts[start], network.interventions)
        if start in noises:
            _fire(simulator, noises[start], part.learning[0], part.epoch)
        counts.append(simulator.run(part).counts)
    over = [one for one in network.interventions if one.ends_at(stop)]
    if over:
        _act(simulator, stop, over)
    if len(counts) == 1:
        return counts[0]
    return {name: np.concatenate([part[name] for part in counts]) for name in counts[0]}


def _act(simulator: Simulator, trial: int, due: Sequence[Intervention]) -> None:
    """Apply interventions that are due after a number of training trials.

    All of them are applied again, in order, since one may undo the effect of another.
    """
    network = simulator.network
    taught = {p.name for p in network.feedback.projections} if network.feedback else set()
    changed = {}
    for projection in network.projections:
        acting = [
            one
            for one in due
            if (projection.name in taught or not one.on_feedback)
            and one.concerns(projection, network.output)
        ]
        if acting:
            weights = simulator.weights(projection)
            for intervention in acting:
                weights = intervention.acted(projection, weights, network.seed, trial)
            changed[projection.name] = weights
    simulator.load(changed)


def _fire(simulator: Simulator, trial: int, learning: np.ndarray, epoch: int) -> None:
    """Run the noise phase due after a number of training trials, with their learning factor."""
    network = simulator.network
    assert network.noise
    shape = network.noise.trials, n_values(network)
    index = seeds.presentation("noise phase", trial)
    for population in network.noisy:
        simulator.run(Block.noise(population.name, *shape, learning, index=index, epoch=epoch))
