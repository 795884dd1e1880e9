"""The graph of a network: who decides, what is on the way there, and one order for all of it.

Everything here follows from populations and projections alone, whatever the order in which they
were described.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import is_
from typing import Protocol, overload

from apical.errors import ParameterError, WiringError
from apical.neurons.base import Population
from apical.neurons.facts import Role
from apical.projections.projection import Projection

TEACHING = frozenset({"teach", "before"})
"""Inputs of dendrites, which move no activity."""

FAR = 10**9

_LATE: Mapping[Role, int] = {"error": 1, "reward": 2, "target": 3, "relay": 4}
"""What comes after all that answers the stimulus."""


class Graph:
    """Who drives whom.

    Parameters
    ----------
    populations, projections
        Those of a network, in any order.
    named
        Name of the population that decides; None leaves it to the error, or to the graph.
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
        self._moving = [p for p in self._joined if _moves(p)]
        after: dict[str, list[str]] = {p.name: [] for p in self._all}
        for p in self._moving:
            after[p.pre.name].append(p.post.name)
        before = _turned(after)
        self._circle = _circles(after, before)
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

    # ---- who decides -----------------------------------------------------------------------------
    @property
    def output(self) -> Population:
        """The population that decides.

        Raises
        ------
        WiringError
            If there is none, or several may be meant.
        """
        return self._found() if self._output is None else self._output

    def _found(self) -> Population:
        """Return who decides: named, or judged, or at the end of all that is driven."""
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
        """Yield the populations that may decide where none is named and none is judged.

        They are the last that hear the stimulus. Of a circle of several, those come first that
        learn what drives them: who hears others by fixed synapses alone and answers them is an
        interneuron. Of these, those come last that pass on nothing by synapses that learn or, where
        all do, that are farthest from the stimulus.
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
        """Return what does not lead back, and who is then on the way to the output.

        What leads back is found by how far along populations of a circle are: `place` grows along
        all others of its projections, so that what is returned runs in no circle.
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
        """Driving projections on the way to the output, each after those that drive its source.

        Raises
        ------
        WiringError
            If several populations may be that output.
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
        """What moves activity and is not on that way."""
        forward, moving = set(self.forward), set(self._moving)
        return tuple(p for p in self.projections if p in moving and p not in forward)

    # ---- one order -------------------------------------------------------------------------------
    @cached_property
    def populations(self) -> tuple[Population, ...]:
        """All populations, each after those that drive it; then by name."""
        depth = self._depths()

        def place(p: Population) -> tuple[int, int, bool, bool, str]:
            first = p.role != "stimulus", p.role != "bias"
            return _LATE.get(p.role, 0), depth[(p.relays or p).name], *first, p.name

        return tuple(sorted(self._all, key=place))

    def _depths(self) -> dict[str, int]:
        """Return the length of the longest way to each population."""
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
        """All projections, by where they end and where they begin; those that teach come last.

        Of these the ones onto the output come first, as error neurons are first told of.
        """
        place = {p.name: k for k, p in enumerate(self.populations)}
        end = None if self._output is None else self._output.name

        def key(p: Projection) -> tuple[bool, bool, int, bool, bool, int, str]:
            teaches = set(p.carries) <= TEACHING
            elsewhere = teaches and p.post.name != end
            own, bias = p.pre is p.post, p.pre.role == "bias"
            return teaches, elsewhere, place[p.post.name], own, bias, place[p.pre.name], p.name

        return tuple(sorted(self._joined, key=key))


class HasGraph(Protocol):
    """What an `Output` belongs to: a network."""

    named: str | None

    @property
    def graph(self) -> Graph:
        """Who drives whom."""


class Output:
    """What a network calls its output: given by name, or not at all, and read as a population."""

    @overload
    def __get__(self, network: None, owner: type | None = None) -> None: ...
    @overload
    def __get__(self, network: HasGraph, owner: type | None = None) -> Population: ...
    def __get__(self, network: HasGraph | None, owner: type | None = None) -> Population | None:
        """Return the population that decides; as a default for `dataclass`, None."""
        return None if network is None else network.graph.output

    def __set__(self, network: HasGraph, given: str | Population | None) -> None:
        name = given.name if isinstance(given, Population) else given
        if not (name is None or isinstance(name, str)):
            raise ParameterError(
                "Network needs output, the name of the population that decides, or None, got "
                f"{given!r}.",
                object="Network",
                parameter="output",
            )
        network.named = name


def _moves(projection: Projection) -> bool:
    """Say whether a projection brings activity from one neuron that answers to another."""
    return not (
        set(projection.carries) <= TEACHING
        or projection.pre.role not in ("stimulus", "neurons")
        or projection.post.role not in ("stimulus", "neurons", "bias")
    )


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
    """Return a graph with all arrows turned round."""
    before: dict[str, list[str]] = {name: [] for name in after}
    for pre, posts in after.items():
        for post in posts:
            before[post].append(pre)
    return before


def _distances(after: Mapping[str, Sequence[str]], start: Iterable[str]) -> dict[str, int]:
    """Return how many steps it takes to whatever can be reached."""
    found = dict.fromkeys(start, 0)
    open_ones = list(found)
    for name in open_ones:
        for post in after[name]:
            if post not in found:
                found[post] = found[name] + 1
                open_ones.append(post)
    return found


def _circles(
    after: Mapping[str, Sequence[str]], before: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return for each population the first name among those it runs in a circle with."""
    found: dict[str, str] = {}
    for name in sorted(after):
        if name not in found:
            there, back = _distances(after, [name]), _distances(before, [name])
            found |= dict.fromkeys(set(there) & set(back), name)
    return found
