"""Placement: the rank that simulates each population, and holds the synapses onto it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil

from apical._base.checking import listed
from apical.errors import DeviceError, ParameterError
from apical.network.description import Network
from apical.network.order import forward_groups
from apical.neurons.base import Population
from apical.projections.projection import Projection, ReadBackwards


@dataclass(frozen=True)
class Placement:
    """The rank of every population.

    Parameters
    ----------
    ranks
        Name of a population -> its rank. A bias has none: it is wherever it is needed.
    n_ranks
        Number of ranks.
    line
        The ranks in the order of the forward pass.
    is_line
        Whether activity passes each rank once: whatever is on a rank comes in one piece.
    """

    ranks: Mapping[str, int]
    n_ranks: int
    line: tuple[int, ...]
    is_line: bool

    def of(self, population: Population) -> int:
        """Return the rank of a population."""
        return self.ranks.get(population.name, 0)

    def site(self, projection: Projection) -> int:
        """Return the rank that holds the weights of a projection, and so multiplies by them.

        It is that of the postsynaptic population; weights that are read backwards, as in
        backpropagation, stay where they act forwards.
        """
        source = projection.weights
        held = source.projection if isinstance(source, ReadBackwards) else projection
        return self.of(held.post)

    def in_flight(self, rank: int, most: int) -> int:
        """Return the number of batches that a rank may have in flight.

        The first rank of the line has `most`, the last one 1, since the error comes up there; those
        between them have numbers in between, so that all of them wait equally little.
        """
        steps = max(len(self.line) - 1, 1)
        return ceil(most - self.line.index(rank) * (most - 1) / steps)


def placed(network: Network, n_ranks: int, given: Mapping[str, int]) -> Placement:
    """Place the populations of a network on ranks.

    Neurons are placed contiguously in the order of the forward pass, such that the largest number
    of synapses on a rank is as small as possible; recurrent loops stay together. Stimuli are with
    the first neurons, and whatever compares or rewards with the output.

    Parameters
    ----------
    network
        The network.
    n_ranks
        Number of ranks.
    given
        Ranks of populations that are not to be placed automatically, all neurons or none.

    Raises
    ------
    DeviceError
        If there are more ranks than groups of neurons.
    ParameterError
        If `given` names unknown populations or ranks, leaves some out, or divides a loop.
    """
    groups = [[p for p in group if p.role == "neurons"] for group in forward_groups(network)]
    groups = [group for group in groups if group]
    if n_ranks > len(groups):
        raise DeviceError(
            f"Device 'mpi' places populations on ranks, and there are {n_ranks} ranks for "
            f"{len(groups)} populations of neurons; start it with mpiexec -n {len(groups)} or "
            "less.",
            object="Device 'mpi'",
        )
    if given:
        ranks = _given(groups, n_ranks, given)
    else:
        bounds = _cuts([sum(_cost(network, p) for p in group) for group in groups], n_ranks)
        ranks = {
            p.name: rank
            for rank, part in enumerate(bounds)
            for group in groups[part]
            for p in group
        }
    passed = [ranks[p.name] for group in groups for p in group]
    line, is_line = tuple(dict.fromkeys(passed)), _once(passed)
    last = ranks[network.output.name]
    for population in network.populations:
        if population.role == "stimulus":
            ranks[population.name] = passed[0]
        elif population.role not in ("neurons", "bias"):
            ranks[population.name] = last
    return Placement(ranks, n_ranks, line, is_line and line[-1] == last)


def _cost(network: Network, population: Population) -> int:
    """Return the number of synapses onto a population, and one for each neuron."""
    incoming = (p for p in network.projections if p.post is population)
    return population.size + sum(network.n_synapses(p.name) for p in incoming)


def _cuts(costs: Sequence[int], n_parts: int) -> list[slice]:
    """Cut a sequence into consecutive parts of which the most costly costs least."""

    @cache
    def best(start: int, parts: int) -> tuple[int, tuple[int, ...]]:
        if parts == 1:
            return sum(costs[start:]), ()
        found = []
        for stop in range(start + 1, len(costs) - parts + 2):
            rest, cuts = best(stop, parts - 1)
            found.append((max(sum(costs[start:stop]), rest), (stop, *cuts)))
        return min(found)

    cuts = (0, *best(0, n_parts)[1], len(costs))
    return [slice(a, b) for a, b in pairwise(cuts)]


def _once(passed: Sequence[int]) -> bool:
    """Say whether equal numbers stand together."""
    changes = [a for a, b in pairwise(passed) if a != b]
    return len({*passed}) == len(changes) + 1


def _given(
    groups: Sequence[Sequence[Population]], n_ranks: int, given: Mapping[str, int]
) -> dict[str, int]:
    """Return the ranks that were given, checked."""
    names, about = [p.name for group in groups for p in group], {"parameter": "place"}
    unknown = sorted({*given} - {*names})
    missing = [name for name in names if name not in given]
    if unknown or missing:
        what = f"there is no {unknown[0]!r}" if unknown else f"{missing[0]!r} has no rank"
        raise ParameterError(
            f"place gives a rank to each population of neurons ({listed(names)}), but {what}.",
            **about,
        )
    wrong = [name for name, rank in given.items() if not 0 <= rank < n_ranks]
    if wrong:
        raise ParameterError(
            f"place: {wrong[0]!r} is to be on rank {given[wrong[0]]}, but ranks go from 0 to "
            f"{n_ranks - 1}.",
            **about,
        )
    idle = sorted({*range(n_ranks)} - {*given.values()})
    if idle:
        raise ParameterError(
            f"place leaves rank {idle[0]} without populations; start fewer ranks.", **about
        )
    for group in groups:
        if len({given[p.name] for p in group}) > 1:
            raise ParameterError(
                f"place divides the recurrent loop of {listed([p.name for p in group])}, which is "
                "computed together; give all of it the same rank.",
                **about,
            )
    return dict(given)
