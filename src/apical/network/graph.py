"""The connectivity graph of a network: output, feedforward and lateral paths, canonical order.

Everything here follows from populations and projections alone, whatever the order in which they
were described.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import is_
from typing import Protocol, overload

from apical._base.checking import shown
from apical.errors import ParameterError, WiringError
from apical.network.signals import SignalGraph
from apical.neurons.base import Population
from apical.neurons.facts import Role
from apical.projections.projection import Projection

FAR = 10**9

_LATE: Mapping[Role, int] = {"error": 1, "reward": 2, "target": 3, "relay": 4}
"""Rank after all populations that respond to the stimulus."""


class Graph:
    """The directed connectivity graph of a network.

    Parameters
    ----------
    populations, projections
        Those of a network, in any order.
    named
        Name of the output (decision) population; None derives it from the error or the graph.

    See Also
    --------
    apical.network.signals.SignalGraph : Variables in place of populations.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> y, h = net.add(ap.LIF("output", 3)), net.add(ap.LIF("hidden", 6))
    >>> x = net.add(ap.Stimulus("stimulus", 4, ap.encoding.Regular()))
    >>> _ = net.connect(h, y), net.connect(x, h), net.connect(h, h)
    >>> net.graph.output.name
    'output'
    >>> [p.name for p in net.graph.forward], [p.name for p in net.graph.lateral]
    (['stimulus_to_hidden', 'hidden_to_output'], ['hidden_to_hidden'])
    """

    def __init__(
        self,
        populations: Iterable[Population],
        projections: Iterable[Projection],
        named: str | None = None,
    ) -> None:
        self._named = named
        self._all = tuple(populations)
        self._joined = tuple(projections)
        self._texts = SignalGraph(self._all, ())  # who decides is not known yet
        self._inputs = {p.name: self._texts.moving(p.name) for p in self._all}
        self._moving = [p for p in self._joined if self._moves(p)]
        after: dict[str, list[str]] = {p.name: [] for p in self._all}
        for p in self._moving:
            after[p.pre.name].append(p.post.name)
        before = _turned(after)
        self._circle = circles(after, before)
        shown = [p.name for p in self._all if p.role == "stimulus"]
        self._first = [name for name, heard in before.items() if not heard]
        self._from = _distances(after, shown or self._first)
        try:
            self._output: Population | None = self._found()
        except WiringError:
            self._output = None
        self._to = _distances(before, [self._output.name] if self._output else [])
        ways = [self._way(first) for first in (self._from_stimulus, self._to_output)]
        self._onward, self._on_the_way = max(ways, key=lambda way: len(way[1]))

    def is_of(
        self,
        populations: Sequence[Population],
        projections: Sequence[Projection],
        named: str | None,
    ) -> bool:
        """Say whether it is the graph of these very objects."""
        return named == self._named and all(
            len(here) == len(there) and all(map(is_, here, there))
            for here, there in ((self._all, populations), (self._joined, projections))
        )

    @cached_property
    def signals(self) -> SignalGraph:
        """The signal graph: dependencies of all variables, signals, weights and updates."""
        decision = self._output.name if self._output else None
        return self._texts.joined([p.name for p in self.populations], self.projections, decision)

    def _drives(self, projection: Projection) -> bool:
        """Say whether a projection affects the activity of its target."""
        return not self._inputs[projection.post.name].isdisjoint(projection.carries)

    def _moves(self, projection: Projection) -> bool:
        """Say whether a projection carries activity between neurons that respond to stimuli."""
        return (
            self._drives(projection)
            and projection.pre.role in ("stimulus", "neurons")
            and projection.post.role in ("stimulus", "neurons", "bias")
        )

    # ---- who decides -----------------------------------------------------------------------------
    @property
    def output(self) -> Population:
        """The output population, whose activity is the decision.

        Raises
        ------
        WiringError
            If there is none, or the choice is ambiguous.
        """
        return self._found() if self._output is None else self._output

    def _found(self) -> Population:
        """Return the output: the named one, the one the error reads, or the last one driven."""
        judged = {
            p.pre.name: p.pre
            for p in self._joined
            if p.post.role == "error"
            and "drive" in p.carries
            and not p.pre.is_told
            and p.pre.role not in ("reward", "bias")
        }
        if self._named is not None:
            return self._of_that_name(self._named, judged)
        if judged:
            return _only(judged, "error neurons judge")
        if not any(p.is_forward for p in self._moving):
            raise WiringError("The network has no forward projection, so nothing decides.")
        return _only({p.name: p for p in self._ends()}, "the forward projections end on")

    def _of_that_name(self, name: str, judged: Mapping[str, Population]) -> Population:
        found = next((p for p in self._all if p.name == name), None)
        if found is None or not _may_decide(found):
            known = ", ".join(repr(p.name) for p in self._all if _may_decide(p)) or "none"
            what = "is not there" if found is None else f"is of kind {type(found).__name__}"
            raise WiringError(
                f"Network has output={name!r}, but that {what}; the "
                f"populations that may decide are {known}.",
                object=f"population {name!r}",
                parameter="output",
            )
        others = sorted(set(judged) - {name})
        if others:
            raise WiringError(
                f"Network has output={name!r}, but error neurons judge "
                f"{', '.join(map(repr, others))}; name that one, or let them judge {name!r}.",
                object=f"population {name!r}",
                parameter="output",
            )
        return found

    def _ends(self) -> Iterator[Population]:
        """Yield candidates for the output where none is named and none has error neurons.

        They are the sinks of the graph that is driven by the stimulus. In a recurrent loop,
        populations with plastic inputs are preferred: one with fixed inputs that projects back to
        its sources is an interneuron. Among these, the output is a population without plastic
        projections to others or, if there is none, the one farthest from the stimulus.
        """
        left = {
            p.pre.name
            for p in self._moving
            if self._circle[p.pre.name] != self._circle[p.post.name]
        }
        leads_on = {self._circle[name] for name in left}
        last = [
            p
            for p in self._all
            if _may_decide(p) and p.name in self._from and self._circle[p.name] not in leads_on
        ]
        for circle in dict.fromkeys(self._circle[p.name] for p in last):
            members = [p for p in last if self._circle[p.name] == circle]
            learns = {p.post.name for p in self._moving if p.rule is not None}
            chosen = [p for p in members if p.name in learns]
            if len(members) == 1 or not chosen:
                yield from members
                continue
            inside = [
                p
                for p in self._moving
                if {p.pre.name, p.post.name} <= {one.name for one in chosen} and p.pre is not p.post
            ]
            learned = {p.pre.name for p in inside if p.rule is not None}
            farther = {
                p.pre.name for p in inside if self._from[p.post.name] > self._from[p.pre.name]
            }
            passed_on = learned if len(learned) < len(chosen) else farther
            yield from (p for p in chosen if p.name not in passed_on)

    # ---- what is on the way ----------------------------------------------------------------------
    def _way(self, place: Callable[[str], tuple[int, int]]) -> tuple[list[Projection], set[str]]:
        """Return the feedforward projections and the populations on the way to the output.

        In a recurrent loop populations are ranked by `place`; only projections along which it grows
        are feedforward, so what is returned is acyclic.
        """
        onward = [
            p
            for p in self._moving
            if self._circle[p.pre.name] != self._circle[p.post.name]
            or place(p.post.name) > place(p.pre.name)
        ]
        after: dict[str, list[str]] = {p.name: [] for p in self._all}
        for p in onward:
            after[p.pre.name].append(p.post.name)
        end = [self._output.name] if self._output else []
        return onward, {*_distances(after, self._first)} & {*_distances(_turned(after), end)}

    def _from_stimulus(self, name: str) -> tuple[int, int]:
        return self._from.get(name, FAR), -self._to.get(name, FAR)

    def _to_output(self, name: str) -> tuple[int, int]:
        return -self._to.get(name, FAR), self._from.get(name, FAR)

    @cached_property
    def forward(self) -> tuple[Projection, ...]:
        """Feedforward projections on the way to the output, in topological order.

        Raises
        ------
        WiringError
            If several populations could be that output.
        """
        if not any(p.is_forward for p in self._moving):
            return ()
        if self._output is None:
            self._found()  # says why
        onward = set(self._onward)
        return tuple(
            p
            for p in self.projections
            if p in onward and p.is_forward and {p.pre.name, p.post.name} <= self._on_the_way
        )

    @cached_property
    def lateral(self) -> tuple[Projection, ...]:
        """Lateral projections: those that drive activity but are not feedforward."""
        forward, moving = set(self.forward), set(self._moving)
        return tuple(p for p in self.projections if p in moving and p not in forward)

    # ---- one order -------------------------------------------------------------------------------
    @cached_property
    def populations(self) -> tuple[Population, ...]:
        """All populations in topological order; then by name."""
        depth = self._depths()

        def place(p: Population) -> tuple[int, int, bool, bool, str]:
            first = p.role != "stimulus", p.role != "bias"
            return _LATE.get(p.role, 0), depth[(p.relays or p).name], *first, p.name

        return tuple(sorted(self._all, key=place))

    def _depths(self) -> dict[str, int]:
        """Return the depth of each population: the length of the longest path to it."""
        after: dict[str, list[str]] = {p.name: [] for p in self._all}
        for p in self._joined:
            if p.pre.role == "bias":
                after[p.pre.name].append(p.post.name)
        for p in self._onward:
            after[p.pre.name].append(p.post.name)
        missing = {name: len(heard) for name, heard in _turned(after).items()}
        open_ones = [name for name, n in missing.items() if not n]
        depth = dict.fromkeys(missing, 0)
        while open_ones:
            name = open_ones.pop()
            for post in after[name]:
                depth[post] = max(depth[post], depth[name] + 1)
                missing[post] -= 1
                if not missing[post]:
                    open_ones.append(post)
        return depth

    @cached_property
    def projections(self) -> tuple[Projection, ...]:
        """All projections, ordered by target and source; feedback projections come last.

        Of these the ones onto the output come first.
        """
        place = {p.name: k for k, p in enumerate(self.populations)}
        end = None if self._output is None else self._output.name

        def key(p: Projection) -> tuple[bool, bool, int, bool, bool, int, str]:
            teaches = not self._drives(p)
            elsewhere = teaches and p.post.name != end
            own, bias = p.pre is p.post, p.pre.role == "bias"
            return teaches, elsewhere, place[p.post.name], own, bias, place[p.pre.name], p.name

        return tuple(sorted(self._joined, key=key))


class HasGraph(Protocol):
    """Protocol of the owner of an `Output`: a network."""

    named: str | None

    @property
    def graph(self) -> Graph:
        """The connectivity graph."""


class Output:
    """Descriptor of a network's output: set by name or None, read as a population."""

    @overload
    def __get__(self, network: None, owner: type | None = None) -> None: ...
    @overload
    def __get__(self, network: HasGraph, owner: type | None = None) -> Population: ...
    def __get__(self, network: HasGraph | None, owner: type | None = None) -> Population | None:
        """Return the output population; None as the default for `dataclass`."""
        return None if network is None else network.graph.output

    def __set__(self, network: HasGraph, given: str | Population | None) -> None:
        name = given.name if isinstance(given, Population) else given
        if not (name is None or isinstance(name, str)):
            raise ParameterError(
                "Network needs output, the name of the population that decides, or None, got "
                f"{shown(given)}.",
                object="Network",
                parameter="output",
            )
        network.named = name


def _may_decide(population: Population) -> bool:
    return population.role == "neurons"


def _only(found: Mapping[str, Population], who: str) -> Population:
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise WiringError("The network has no forward projection, so nothing decides.")
    names = sorted(found)
    raise WiringError(
        f"The network has several populations that may decide, {', '.join(map(repr, names))}: "
        f"{who} each of them; name one, as in Network(output={names[-1]!r}).",
        parameter="output",
    )


def _turned(after: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the graph with all edges reversed."""
    before: dict[str, list[str]] = {name: [] for name in after}
    for pre, posts in after.items():
        for post in posts:
            before[post].append(pre)
    return before


def _distances(after: Mapping[str, Sequence[str]], start: Iterable[str]) -> dict[str, int]:
    """Return the distance, in edges, of every node that can be reached."""
    found = dict.fromkeys(start, 0)
    open_ones = list(found)
    for name in open_ones:
        for post in after[name]:
            if post not in found:
                found[post] = found[name] + 1
                open_ones.append(post)
    return found


def circles(
    after: Mapping[str, Sequence[str]], before: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return for each population the first name in its strongly connected component."""
    found: dict[str, str] = {}
    for name in sorted(after):
        if name not in found:
            there, back = _distances(after, [name]), _distances(before, [name])
            found |= dict.fromkeys(set(there) & set(back), name)
    return found
