"""Numbers of perturbations: all of a small network, a stated sample of a large one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from apical.network.description import Network
from apical.projections.projection import Projection


@dataclass(frozen=True)
class Budget:
    """Numbers of perturbations and blocks of one device.

    Parameters
    ----------
    neurons, synapses
        Largest numbers of neurons, and of synapses, that are perturbed one by one; shared among
        populations and projections so that small ones are perturbed as a whole.
    runs
        Largest number of neurons perturbed over a whole trial, and of synapses.
    moments
        Number of time steps in which updates happen, in each of which neurons and synapses are
        perturbed.
    blocks
        Number of training blocks in which weights are watched.
    """

    neurons: int
    synapses: int
    runs: int
    moments: int
    blocks: int


IN_STEPS = Budget(neurons=400, synapses=400, runs=60, moments=4, blocks=64)
"""On devices that run time steps, for a network of some tens of neurons."""
SETTLED = Budget(neurons=2000, synapses=2000, runs=2000, moments=1, blocks=128)
"""On devices that compute steady states."""

MORE = 10
"""By what the numbers are multiplied in a thorough check."""

_STEP, _STEP_PER_SYNAPSE = 0.5, 5e-5
"""Duration of a time step in this process, and what each synapse adds to it [ms]; a guess."""
_SETTLED, _SETTLED_PER_SYNAPSE = 1.0, 2e-4
_PATIENCE = 4500.0
"""How long each kind of test may take on a device [ms], by these guesses."""


def budget_of(
    network: Network, n_steps: int, *, thorough: bool, each: int | None, again: bool = False
) -> Budget:
    """Return the budget of a network.

    Parameters
    ----------
    network
        The network.
    n_steps
        Time steps of a trial; 0 for steady states.
    thorough
        Whether it may take ten times as long.
    each
        The numbers of neurons of each population and synapses of each projection to perturb
        instead.
    again
        Whether it is the second device, which may take a third of the time.
    """
    n_synapses = sum(p.pre.size * p.post.size for p in network.projections)
    most = IN_STEPS if n_steps else SETTLED
    step = _STEP + _STEP_PER_SYNAPSE * n_synapses
    run = n_steps * step if n_steps else _SETTLED + _SETTLED_PER_SYNAPSE * n_synapses
    more = MORE if thorough else 1
    patience = more * _PATIENCE / (3 if again else 1)
    runs = min(more * most.runs, max(4, int(patience / run / 4)))
    blocks = min(more * most.blocks, max(8, int(patience / run)))
    brief = 3 * step if n_steps else run
    numbers = (more * number for number in (most.neurons, most.synapses))
    neurons, synapses = (min(n, max(8, int(patience / brief / most.moments))) for n in numbers)
    if each is not None:
        neurons = each * len(network.populations)
        synapses = each * len(network.projections)
        runs, blocks = max(neurons, synapses), min(blocks, 16) if n_steps else blocks
    return Budget(neurons, synapses, runs, most.moments, blocks)


def shares(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """Share a number among parts, so that small parts are taken as a whole."""
    left, found = total, dict[str, int]()
    waiting = sorted(sizes, key=lambda name: sizes[name])
    for k, name in enumerate(waiting):
        found[name] = min(sizes[name], max(1, left // (len(waiting) - k)))
        left = max(0, left - found[name])
    return found


def chosen_neurons(
    network: Network, total: int, rng: np.random.Generator
) -> Iterator[tuple[str, int]]:
    """Yield neurons to perturb: the name of a population and the number of a neuron."""
    sizes = {p.name: p.size for p in network.populations}
    for name, n in shares(sizes, total).items():
        for k in np.sort(rng.permutation(sizes[name])[:n]):
            yield name, int(k)


def n_places(network: Network, projection: Projection) -> int:
    """Return the number of pairs of neurons at which a projection may have a synapse."""
    edges = network.edges(projection)
    return projection.pre.size * projection.post.size if edges is None else len(edges)


def chosen_synapses(
    network: Network,
    state: Mapping[str, np.ndarray],
    active: Mapping[str, np.ndarray],
    total: int,
    rng: np.random.Generator,
) -> Iterator[tuple[str, int, int]]:
    """Yield synapses to perturb: the name of a projection, and two neurons.

    Parameters
    ----------
    network, state
        The network, and its state, in which weights are found.
    active
        Which neurons of each population send anything, shape (size,): their synapses come first.
    total
        How many.
    rng
        Chooses.
    """
    known = [p for p in network.projections if f"{p.name}.w" in state]
    taken = shares({p.name: n_places(network, p) for p in known}, total)
    for p in known:
        weights = state[f"{p.name}.w"]
        sends = active.get(p.pre.name, np.ones(p.pre.size, bool))[:, np.newaxis]
        wanted, edges = rng.random(p.shape) + (weights != 0) + 2 * sends, network.edges(p)
        if edges is not None:
            wanted[~edges.mask] = -1  # last, and there are no more places than synapses
        for flat in np.argsort(-wanted, axis=None)[: taken[p.name]]:
            i, j = np.unravel_index(flat, p.shape)
            yield p.name, int(i), int(j)


@dataclass
class Tally:
    """What was perturbed on a device, and what was found to learn.

    Parameters
    ----------
    network, device
        The network, and the device.
    neurons, synapses
        Those that were perturbed one by one.
    runs
        Number of perturbations over a whole trial.
    moments
        Number of time steps in which something was perturbed.
    blocks
        Number of training blocks in which weights were watched.
    learned
        Synapses whose update was not 0 in a run without perturbation, by projection.
    left_out
        What could not be tested, in words.
    """

    network: Network
    device: str
    neurons: set[tuple[str, int]] = field(default_factory=set)
    synapses: set[tuple[str, int, int]] = field(default_factory=set)
    runs: int = 0
    moments: int = 0
    blocks: int = 0
    learned: dict[str, np.ndarray] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def learns(self, changes: Mapping[str, np.ndarray]) -> None:
        """Note weight changes of a run without perturbation."""
        for p in self.network.plastic:
            found = changes[p.name] != 0
            before = self.learned.get(p.name)
            self.learned[p.name] = found if before is None else before | found

    def leave_out(self, what: str) -> None:
        """Note that something could not be tested."""
        if what not in self.left_out:
            self.left_out.append(what)

    @property
    def said(self) -> str:
        """What was perturbed, in words."""
        sizes = sum(p.size for p in self.network.populations if p.role != "bias")
        pairs = sum(n_places(self.network, p) for p in self.network.projections)
        neurons = _of(len(self.neurons), sizes, "neurons")
        synapses = _of(len(self.synapses), pairs, "synapses")
        when = "over a whole trial"
        if self.moments:
            steps = "the time step" if self.moments == 1 else f"{self.moments} time steps"
            when = f"in {steps} with most updates, {self.runs:,} of them over a trial too"
        return f"device {self.device}: {neurons} and {synapses} perturbed one by one, {when}"


def _of(n: int, total: int, what: str) -> str:
    return f"all {total:,} {what}" if n >= total else f"{n:,} of {total:,} {what}"
