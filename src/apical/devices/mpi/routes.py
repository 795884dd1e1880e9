"""Routes: the signals that cross from rank to rank, which follow from network and placement."""

from collections.abc import Iterator
from dataclasses import dataclass

from apical.devices.mpi.placement import Placement
from apical.errors import DeviceError
from apical.language.expressions import names_in, parse
from apical.network.description import Network
from apical.projections.projection import Projection, ReadBackwards

ACTING = ("drive", "scale", "shift", "silence")
"""Inputs that a population needs for its activity; all others teach it."""


@dataclass(frozen=True)
class Route:
    """What one rank sends to another in every batch.

    Parameters
    ----------
    what
        Name of a signal, ``<population>.<signal>``, or of a sum at an input of a population.
    source, target
        The ranks.
    size
        Number of neurons.
    forward
        Whether it is needed for activity; otherwise for learning.
    """

    what: str
    source: int
    target: int
    size: int
    forward: bool


def total(projection: Projection, entry: str, *, begun: bool) -> str:
    """Return the name of a sum at an input: as `begun`, or with what a projection adds to it."""
    return f"{projection.post.name}.{entry} {'before' if begun else 'by'} {projection.name}"


def routes(network: Network, placement: Placement) -> list[Route]:
    """Return all routes, the same list on every rank: the place of each is its tag.

    Raises
    ------
    DeviceError
        If weights that are read backwards drive another rank.
    """
    found = dict[tuple[str, int], Route]()
    for route in (*_of_signals(network, placement), *_of_sums(network, placement)):
        key = route.what, route.target
        if key not in found or route.forward:  # what activity needs comes in time for learning
            found[key] = route
    return [found[key] for key in sorted(found)]


def _of_signals(network: Network, placement: Placement) -> Iterator[Route]:
    for projection in network.projections:
        pre = projection.pre
        if pre.role == "bias":
            continue
        crossing = [
            (signal, placement.site(projection), entry in ACTING)
            for entry, signal in projection.carries.items()
        ]
        crossing += [(s, placement.of(projection.post), False) for s in read_by_rule(projection)]
        for signal, target, forward in crossing:
            if target != placement.of(pre):
                what = f"{pre.name}.{signal}"
                yield Route(what, placement.of(pre), target, pre.size, forward)


def read_by_rule(projection: Projection) -> list[str]:
    """Return the presynaptic signals that the rule of a projection reads."""
    rule = projection.rule
    texts = [rule.update, *(text for _, text in rule.steps)] if rule else []
    names = {name for text in texts for name in names_in(parse(text))}
    return sorted(name.removesuffix("_pre") for name in names if name.endswith("_pre"))


def _of_sums(network: Network, placement: Placement) -> Iterator[Route]:
    """Yield the sums that travel to weights that are read backwards, and back."""
    for projection in network.projections:
        here, there = placement.of(projection.post), placement.site(projection)
        if not isinstance(projection.weights, ReadBackwards) or here == there:
            continue
        for entry in projection.carries:
            if entry in ACTING:
                raise DeviceError(
                    f"Projection {projection.name!r} drives {projection.post.name!r} with the "
                    f"weights of {projection.weights.projection.name!r}, which are on another "
                    "rank; place both populations on one.",
                    object=f"Projection {projection.name!r}",
                )
            size = projection.post.size
            yield Route(total(projection, entry, begun=False), there, here, size, False)
            yield Route(total(projection, entry, begun=True), here, there, size, False)
