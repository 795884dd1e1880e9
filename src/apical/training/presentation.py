"""In which order samples are learned, how they are seen, and what is done between them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np

from apical._base import seeds
from apical.data.datasets import Rows, Samples
from apical.devices.simulator import Block, BlockResult, Simulator, left_as_it_was
from apical.errors import ParameterError
from apical.network.description import Network


def order(network: Network, samples: Samples, epochs: int, epoch: int) -> np.ndarray:
    """Return which samples are learned in an epoch, and in which order, shape (n_samples,).

    Parameters
    ----------
    network
        Its seed draws the order. Where classes come in several tasks, each task takes as many
        trials as it has samples in all epochs, and is over when the next begins.
    samples
        What is learned.
    epochs, epoch
        Number of epochs in all, and which one.
    """
    if network.tasks == 1:
        return seeds.stream(network.seed, "order", index=epoch).permutation(len(samples))
    drawn = []
    for task, classes in enumerate(np.array_split(np.arange(network.output.size), network.tasks)):
        own = np.flatnonzero(np.isin(samples.labels, classes))
        for k in range(epochs):
            drawn.append(seeds.stream(network.seed, "order", f"task {task}", k).permutation(own))
    return np.concatenate(drawn)[epoch * len(samples) : (epoch + 1) * len(samples)]


def seen(
    network: Network, values: np.ndarray | Rows, n_samples: int, epoch: int, done: int
) -> np.ndarray | Rows:
    """Return stimuli as an eye that moves sees them, shape (n_trials, n_inputs).

    Parameters
    ----------
    network
        Its seed draws the movements, and its stimulus has a `Gaze`, or values stay as they are.
    values
        Stimuli in the order in which they are learned, shape (n_trials, n_inputs).
    n_samples
        Trials of an epoch.
    epoch, done
        Number of the epoch, and trials of it that were learned before.
    """
    gaze = network.stimulus.gaze
    if gaze is None:
        return values
    drawn = gaze.shifts(seeds.stream(network.seed, "gaze", index=epoch), n_samples)
    return gaze.seen(np.asarray(values), drawn[done : done + len(values)])


def shown(simulator: Simulator, samples: Samples, index: int) -> Iterator[BlockResult]:
    """Show samples with learning off and without their labels, a part at a time.

    When all are shown the simulator is as it was before.

    Parameters
    ----------
    simulator
        A network on a device.
    samples
        What to show.
    index
        Stream of the simulator's random numbers, as in `Block`; `apical._base.seeds.presentation`.
    """
    with left_as_it_was(simulator):
        for start in range(0, len(samples), _SHOWN_AT_ONCE):
            values = stimuli(simulator, samples, slice(start, start + _SHOWN_AT_ONCE))
            part = Block.of_stimuli(values, index=index, first=start, phase="evaluate")
            yield simulator.run(part)


_SHOWN_AT_ONCE = 5000


def stimuli(simulator: Simulator, samples: Samples, index: slice | np.ndarray) -> np.ndarray | Rows:
    """Return some samples as stimuli: an array, or to a simulator that ``takes_rows``, which."""
    if getattr(simulator, "takes_rows", False):
        return samples.rows(index)
    return samples.block(index)[0]


def block_size(simulator: Simulator, wanted: int, n_train: int) -> int:
    """Return the trials of a block: whole batches, so that only an epoch's last can be smaller.

    Parameters
    ----------
    simulator
        A network on a device.
    wanted
        Trials of a block, as asked for.
    n_train
        Trials of an epoch.

    Raises
    ------
    ParameterError
        If there are fewer of them than learn together.
    """
    batch = simulator.batch
    if batch > n_train:
        raise ParameterError(
            f"{batch} trials are to learn together, but there are {n_train} training samples; "
            "lower batch.",
            parameter="batch",
        )
    return max(batch, wanted - wanted % batch)


def presented(
    simulator: Simulator, samples: Samples, epochs: int, epoch: int, part: slice
) -> Block:
    """Return a part of an epoch as trials with labels and learning rates as they are.

    What they draw at random follows from the epoch and their places in it.

    Parameters
    ----------
    simulator
        A network on a device; its seed draws the order.
    samples, epochs, epoch
        As in `order`.
    part
        Which trials of the epoch, from the first of them on.
    """
    network = simulator.network
    drawn = order(network, samples, epochs, epoch)
    values = stimuli(simulator, samples, drawn[part])
    values = seen(network, values, len(drawn), epoch, part.start)
    labels, start = samples.labels[drawn[part]], part.start
    return Block.of_labels(
        values, labels, 1.0, index=epoch, first=start, phase="train", epoch=epoch
    )


def learned(simulator: Simulator, block: Block, trial: int) -> Mapping[str, np.ndarray]:
    """Let a network learn from a block; interventions and noise phases come between two trials.

    Parameters
    ----------
    simulator
        A network on a device.
    block
        What to learn from.
    trial
        Trials that were learned before.

    Returns
    -------
    Mapping
        As `BlockResult.counts`.
    """
    network, stop, batch = simulator.network, trial + len(block), simulator.batch

    def moments(times: Iterable[int]) -> dict[int, int]:
        """Return the trials by where in the block they are: only whole batches learn."""
        return {(t - trial) // batch * batch: t for t in sorted(times)}

    acts = moments({t for a in network.interventions for t in a.times(trial, stop)})
    noises = moments(network.noise.times(trial, stop) if network.noise else ())
    counts = []
    for start, end in pairwise(sorted({0, *acts, *noises, len(block)})):
        part = block.part(slice(start, end))
        if start in acts:
            _act(simulator, acts[start])
        if start in noises:
            _fire(simulator, noises[start], part.learning[0], part.epoch)
        counts.append(simulator.run(part).counts)
    if len(counts) == 1:
        return counts[0]
    return {name: np.concatenate([part[name] for part in counts]) for name in counts[0]}


def _act(simulator: Simulator, trial: int) -> None:
    """Do to feedback what is done when so many trials were learned.

    All act again, in order: what one restores another may have to take away once more.
    """
    network = simulator.network
    taught = network.feedback.projections if network.feedback else ()
    changed = {}
    for projection in taught:
        acting = [a for a in network.interventions if a.concerns(projection, network.output)]
        if acting:
            weights = simulator.weights(projection)
            for intervention in acting:
                weights = intervention.acted(projection, weights, network.seed, trial)
            changed[projection.name] = weights
    simulator.load(changed)


def _fire(simulator: Simulator, trial: int, learning: np.ndarray, epoch: int) -> None:
    """Run the noise phase that comes when so many trials were learned, at that learning factor."""
    network = simulator.network
    assert network.noise
    shape = network.noise.trials, network.stimulus.size
    index = seeds.presentation("noise phase", trial)
    for population in network.noisy:
        simulator.run(Block.noise(population.name, *shape, learning, index=index, epoch=epoch))
