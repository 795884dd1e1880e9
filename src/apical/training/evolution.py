"""Neuroevolution: a genetic algorithm over the weights of a network, without gradients or reward.

It is not a learning mechanism of one brain: individuals are whole networks, and selection compares
all of them. It is a baseline for learning rules.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from apical._base import seeds
from apical.devices.simulator import Block, Simulator
from apical.errors import ParameterError
from apical.measures.losses import loss
from apical.network.description import Network


@dataclass(frozen=True)
class Generation:
    """The result of one generation.

    Parameters
    ----------
    number
        Number of the generation, from 0.
    losses
        Loss of each individual, the best first, shape (size,).
    best
        Weights of the best individual, by name of projection.
    trials
        Trials presented so far, to all individuals together.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.evolution import evolve
    >>> data = ap.datasets.load("digits")
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> block = ap.Block.of_labels(*data.train.block(slice(20)))
    >>> with ap.simulate(net, "array", batch=20) as simulator:
    ...     (generation,) = evolve(simulator, [block], size=4, parents=2)
    >>> generation.number, generation.losses.shape, generation.trials
    (0, (4,), 80)
    >>> generation.best["hidden_to_output"].shape
    (5, 10)
    """

    number: int
    losses: np.ndarray
    best: Mapping[str, np.ndarray]
    trials: int


def evolve(
    simulator: Simulator,
    blocks: Iterable[Block],
    *,
    size: int = 100,
    parents: int = 20,
    sigma: float = 0.02,
) -> Iterator[Generation]:
    r"""Evolve the plastic weights of a network by a genetic algorithm, yielding each generation.

    The first individuals are networks of other seeds. The best individuals of each generation are
    parents: each individual of the next is a mutated copy of one of them, drawn at random, with
    Gaussian noise on every weight, and the best survives unchanged (truncation selection with
    elitism, without crossover). At every yield the simulator holds the best.

    .. math:: w' = w + \sigma \xi, \quad \xi \sim \mathcal N(0, 1)

    Parameters
    ----------
    simulator
        A rate network; its seed determines all random draws.
    blocks
        Trials with labels or targets on which each generation is evaluated; one for each
        generation.
    size
        Individuals in a generation.
    parents
        Number of individuals that have offspring.
    sigma
        Mutation strength: standard deviation of the noise [dimensionless].

    References
    ----------
    Such et al. 2017, arXiv:1712.06567, section 3.1 and algorithm 1.

    Examples
    --------
    The best survives, so on the same trials the least loss never rises:

    >>> import numpy as np
    >>> import apical as ap
    >>> from apical.training.evolution import evolve
    >>> data = ap.datasets.load("digits")
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=5)
    >>> block = ap.Block.of_labels(*data.train.block(slice(50)))
    >>> with ap.simulate(net, "array", batch=50) as simulator:
    ...     best = [float(g.losses[0]) for g in evolve(simulator, [block] * 5, size=10, parents=3)]
    >>> bool((np.diff(best) <= 0).all()), best[-1] < best[0]
    (True, True)
    """
    if not (1 <= parents < size and sigma > 0):
        raise ParameterError(
            f"Evolution needs 1 <= parents < size and sigma > 0, got parents={parents!r}, "
            f"size={size!r}, sigma={sigma!r}.",
            object="evolution",
            parameter="parents",
        )
    network = simulator.network
    rng, trials = seeds.stream(network.seed, "evolution"), 0
    kinds = (network.altered(seed=int(rng.integers(2**31))) for _ in range(size))
    people = [{p.name: kind.initial_weights(p) for p in kind.plastic} for kind in kinds]
    for number, block in enumerate(blocks):
        judged = [_judged(simulator, one, block) for one in people]
        trials += size * len(block)
        order = np.argsort(judged, kind="stable")
        chosen = [people[k] for k in order[:parents]]
        simulator.load(chosen[0])
        yield Generation(number, np.array(judged)[order], chosen[0], trials)
        mothers = rng.integers(parents, size=size - 1)
        people = [chosen[0], *(_mutated(network, chosen[k], sigma, rng) for k in mothers)]


def _judged(simulator: Simulator, weights: Mapping[str, np.ndarray], block: Block) -> float:
    simulator.load(weights)
    return loss(simulator, block)


def _mutated(
    network: Network, weights: Mapping[str, np.ndarray], sigma: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return weights with Gaussian noise, projected onto their constraints."""
    noisy = {
        name: w + np.float32(sigma) * rng.standard_normal(w.shape, np.float32)
        for name, w in weights.items()
    }
    return {name: network.held(network.projection(name), w) for name, w in noisy.items()}
